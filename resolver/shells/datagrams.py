"""Datagram sockets: those that clients ask, and those on which the machine asks others."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from functools import partial
from mmap import mmap
from typing import Any, Final

from resolver.machine import (
    ID_OCTETS,
    Endpoint,
    Flow,
    MessageArrived,
    Transport,
    Unreachable,
)
from resolver.shells import batches
from resolver.shells.batches import Batch
from resolver.shells.limits import BATCHES_PER_WAKE, DATAGRAM_OCTETS, DATAGRAMS_PER_WAKE
from resolver.shells.listening import listen, refusal
from resolver.shells.owner import Answerer, Owner
from resolver.shells.shell import MachineFailed

_NOT_READY: Final = "the machine's ready answers failed"


@dataclass(frozen=True, slots=True)
class ReplyNotSent:
    """The host refused to send a datagram to a client; it is lost, as datagrams may be."""

    source: Endpoint
    destination: Endpoint
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class _Listener:
    """A socket that clients ask. A client's flow is (listener, the client's socket address): it
    costs nothing to keep, so nobody can fill our memory with flows."""

    socket: socket.socket
    endpoint: Endpoint


@dataclass(slots=True, eq=False)
class _Conversation:
    """A socket that the machine opened to one far end."""

    flow: int
    socket: socket.socket
    here: Endpoint
    there: Endpoint
    peer: Any
    """The far end as the kernel writes it."""


class Datagrams:
    """All datagram sockets of one shell.

    Where the machine has answers ready (`AnswersDatagrams`), questions are taken by the batch, or
    one by one where `batched` is false or the host knows no batches.
    """

    def __init__(self, owner: Owner, *, batched: bool = True) -> None:
        self._owner = owner
        self._batched = batched and batches.available()
        # Filled anew for each datagram: one made for each would take longer than looking into it.
        # A map, because its slices are octets, which are what tables are keyed by.
        self._place = mmap(-1, DATAGRAM_OCTETS)
        self._listeners: list[_Listener] = []
        self._conversations: dict[Flow, _Conversation] = {}

    def __contains__(self, flow: Flow) -> bool:
        return flow in self._conversations

    def listen(self, made: socket.socket, endpoint: Endpoint) -> None:
        """Take questions at the endpoint, on a new socket. Raises CannotStart."""
        listener = _Listener(made, endpoint)
        self._listeners.append(listener)  # before it may fail, so that it is closed then
        listen(made, endpoint, Transport.UDP)
        answer = self._owner.answer_datagram
        if answer is None:
            receive = partial(self._receive_messages, listener)
        elif self._batched:
            receive = partial(self._receive_batch, listener, answer, Batch(made))
        else:
            receive = partial(self._receive_questions, listener, answer)
        self._owner.loop.add_reader(made, receive)

    def open(self, flow: int, made: socket.socket, remote: Endpoint) -> None:
        """Connect a new socket to its far end. Raises OSError."""
        made.connect((remote.address, remote.port))
        here = Endpoint(*made.getsockname()[:2])
        peer = (remote.address, remote.port)
        if made.family == socket.AF_INET6:
            peer = made.getpeername()  # with a scope, and in the kernel's spelling
        conversation = _Conversation(flow, made, here, remote, peer)
        self._conversations[flow] = conversation
        self._owner.loop.add_reader(made, partial(self._receive_replies, conversation))

    def reply(self, flow: tuple[Any, ...], payload: bytes) -> None:
        """Answer a client."""
        listener, peer = flow
        try:
            listener.socket.sendto(payload, peer)
        except OSError as error:
            self._not_sent(listener, peer, error.errno)

    def send(self, flow: Flow, payload: bytes) -> None:
        """Send to the far end of an opened flow."""
        try:
            self._conversations[flow].socket.send(payload)
        except BlockingIOError:
            pass  # the host's queue is full: lost, as datagrams may be
        except OSError as error:
            self._owner.owe(Unreachable(flow, refusal(error.errno, Transport.UDP)))

    def close(self, flow: Flow) -> None:
        """Close an opened flow."""
        self._shut(self._conversations.pop(flow).socket)

    def close_all(self) -> None:
        """Close every socket."""
        for listener in self._listeners:
            self._shut(listener.socket)
        for conversation in self._conversations.values():
            self._shut(conversation.socket)
        self._listeners.clear()
        self._conversations.clear()

    def _receive_messages(self, listener: _Listener) -> None:
        """Hand the machine what is there, one by one."""
        for _ in range(DATAGRAMS_PER_WAKE):
            if not self._listeners:
                return  # closed meanwhile
            try:
                payload, peer = listener.socket.recvfrom(DATAGRAM_OCTETS)
            except BlockingIOError:
                return
            except OSError:
                continue  # an error of an earlier datagram, reported late; reading clears it
            self._hand_over(listener, payload, peer)

    def _receive_questions(self, listener: _Listener, answer: Answerer) -> None:
        """Answer what the machine has an answer ready for; hand it the rest."""
        receive, send, place = listener.socket.recvfrom_into, listener.socket.sendto, self._place
        now = self._owner.loop.now()
        for _ in range(DATAGRAMS_PER_WAKE):
            try:
                octets, peer = receive(place)
            except BlockingIOError:
                return
            except OSError:
                continue  # as above
            try:
                ready = answer(place[ID_OCTETS:octets], peer[0], now)
            except Exception as error:
                raise MachineFailed(_NOT_READY) from error
            if ready is None:
                self._hand_over(listener, place[:octets], peer)
                if not self._listeners:
                    return
                now = self._owner.loop.now()  # the machine has met a later instant
                continue
            try:
                send(place[:ID_OCTETS] + ready, peer)
            except OSError as error:
                self._not_sent(listener, peer, error.errno)

    def _receive_batch(self, listener: _Listener, answer: Answerer, batch: Batch) -> None:
        """The same with two system calls for all that is there, as long as answers are ready. What
        is not goes to the machine in its turn, behind the answers to what came before it."""
        for _ in range(BATCHES_PER_WAKE):
            count = batch.receive()
            if not self._answer_batch(listener, answer, batch, count) or count < 2:
                return  # if there is more, the loop will say so
            # While several were answered, more have come: looking is cheaper than waiting.

    def _answer_batch(
        self, listener: _Listener, answer: Answerer, batch: Batch, count: int
    ) -> bool:
        """Whether there was an answer ready for every datagram."""
        all_ready = True
        first = 0
        while first < count:
            try:
                missed = batch.answer_ready(answer, self._owner.loop.now(), first, count)
            except Exception as error:
                raise MachineFailed(_NOT_READY) from error
            for lost in batch.send(first, missed):
                self._not_sent(listener, batch.peer(lost.number), lost.error)
            if missed < count:
                all_ready = False
                self._hand_over(listener, *batch.received(missed))
                if not self._listeners:
                    break  # closed meanwhile
            first = missed + 1
        return all_ready

    def _hand_over(self, listener: _Listener, payload: bytes, peer: Any) -> None:
        source = Endpoint(peer[0], peer[1])
        self._owner.tell(
            MessageArrived((listener, peer), payload, Transport.UDP, source, listener.endpoint)
        )

    def _not_sent(self, listener: _Listener, peer: Any, error: int | None) -> None:
        reason = refusal(error, Transport.UDP)
        self._owner.note(ReplyNotSent(listener.endpoint, Endpoint(*peer[:2]), reason))

    def _receive_replies(self, conversation: _Conversation) -> None:
        """Hand the machine one reply: mostly there is but one, and the loop comes back for more."""
        try:
            payload, peer = conversation.socket.recvfrom(DATAGRAM_OCTETS)
        except BlockingIOError:
            return
        except OSError as error:
            reason = refusal(error.errno, Transport.UDP)
            self._owner.tell(Unreachable(conversation.flow, reason))
            return
        # RFC 5452 9.1: between bind and connect anybody could have sent to the port.
        if peer == conversation.peer:
            there, here = conversation.there, conversation.here
            self._owner.tell(MessageArrived(conversation.flow, payload, Transport.UDP, there, here))

    def _shut(self, open_socket: socket.socket) -> None:
        self._owner.loop.remove_reader(open_socket)
        open_socket.close()
