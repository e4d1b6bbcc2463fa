"""Datagram sockets: those that clients ask, and those on which the machine asks others."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from functools import partial
from mmap import mmap
from typing import Any, Final

from resolver.machine import (
    ID_OCTETS,
    AnswersDatagrams,
    Endpoint,
    Flow,
    MessageArrived,
    Transport,
    Unreachable,
)
from resolver.shells import mmsg
from resolver.shells.batches import Batch
from resolver.shells.limits import ANSWERS_PER_WAKE, DATAGRAM_OCTETS, DATAGRAMS_PER_WAKE
from resolver.shells.listening import listen, refusal
from resolver.shells.owner import Owner
from resolver.shells.shell import MachineFailed

_NOT_READY: Final = "the machine's ready answers failed"


@dataclass(frozen=True, slots=True)
class ReplyNotSent:
    """The host refused to send a datagram to a client; it is lost, as datagrams may be."""

    source: Endpoint
    destination: Endpoint
    reason: str


@dataclass(slots=True, eq=False)
class _Listener:
    """A socket that clients ask. A client's flow is (listener, the client's socket address): it
    costs nothing to keep, so nobody can fill our memory with flows. Where datagrams come by the
    batch, the address is what the kernel wrote."""

    socket: socket.socket
    endpoint: Endpoint
    batch: Batch | None = None
    unsent: list[tuple[bytes, Any]] = field(default_factory=list)
    """Replies that leave together, and to whom."""


@dataclass(slots=True, eq=False)
class _Conversation:
    """A socket that the machine opened to one far end."""

    flow: int
    socket: socket.socket
    here: Endpoint
    there: Endpoint
    peer: Any
    """The far end as the kernel writes it."""
    unsent: bool = False
    """Whether a question on it has still to leave."""


class Datagrams:
    """All datagram sockets of one shell.

    What the machine sends leaves when the loop has called back everybody who had something to read
    (or when there is a batch of it): so who gets several messages, on another processor, is woken
    for all of them at once, which costs more than a message.

    Where the machine has answers ready (`AnswersDatagrams`), questions are taken by the batch, or
    one by one where `batched` is false or the host knows no batches.
    """

    def __init__(self, owner: Owner, *, batched: bool = True) -> None:
        self._owner = owner
        self._batched = batched and mmsg.available()
        # Filled anew for each datagram: one made for each would take longer than looking into it.
        # A map, because its slices are octets, which are what tables are keyed by.
        self._place = mmap(-1, DATAGRAM_OCTETS)
        self._listeners: list[_Listener] = []
        self._conversations: dict[Flow, _Conversation] = {}
        self._questions: list[tuple[_Conversation, bytes]] = []
        """Those that have still to leave."""
        self._leaving = False

    def __contains__(self, flow: Flow) -> bool:
        return flow in self._conversations

    def listen(self, made: socket.socket, endpoint: Endpoint) -> None:
        """Take questions at the endpoint, on a new socket. Raises CannotStart."""
        listener = _Listener(made, endpoint)
        self._listeners.append(listener)  # before it may fail, so that it is closed then
        listen(made, endpoint, Transport.UDP)
        answers = self._owner.answers
        if answers is None:
            receive = partial(self._receive_messages, listener)
        elif self._batched:
            batch = listener.batch = Batch(made)
            receive = partial(self._receive_batch, listener, answers, batch)
        else:
            receive = partial(self._receive_questions, listener, answers)
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
        listener.unsent.append((payload, peer))
        if len(listener.unsent) >= DATAGRAMS_PER_WAKE:
            self._send_replies(listener)
        elif not self._leaving:
            self._leave_soon()

    def send(self, flow: Flow, payload: bytes) -> bool:
        """Send to the far end of an opened flow; False where there is no such flow here."""
        conversation = self._conversations.get(flow)
        if conversation is None:
            return False
        conversation.unsent = True
        self._questions.append((conversation, payload))
        if not self._leaving:
            self._leave_soon()
        return True

    def close(self, flow: Flow) -> None:
        """Close an opened flow."""
        conversation = self._conversations.pop(flow)
        if conversation.unsent:
            self._send_questions()
        self._shut(conversation.socket)

    def close_all(self) -> None:
        """Close every socket, behind what has still to leave."""
        self._send_all()
        for listener in self._listeners:
            self._shut(listener.socket)
        for conversation in self._conversations.values():
            self._shut(conversation.socket)
        self._listeners.clear()
        self._conversations.clear()

    def _leave_soon(self) -> None:
        self._leaving = True
        self._owner.loop.soon(self._send_all)

    def _send_all(self) -> None:
        self._leaving = False
        self._send_questions()
        for listener in self._listeners:
            self._send_replies(listener)

    def _send_questions(self) -> None:
        questions, self._questions = self._questions, []
        for conversation, payload in questions:
            conversation.unsent = False
            try:
                conversation.socket.send(payload)
            except BlockingIOError:
                pass  # the host's queue is full: lost, as datagrams may be
            except OSError as error:
                reason = refusal(error.errno, Transport.UDP)
                self._owner.owe(Unreachable(conversation.flow, reason))

    def _send_replies(self, listener: _Listener) -> None:
        unsent, batch = listener.unsent, listener.batch
        if not unsent:
            return
        listener.unsent = []
        if batch is not None:
            for name, errno in batch.send_replies(unsent):
                self._not_sent(listener, batch.source(name), errno)
            return
        for payload, peer in unsent:
            try:
                listener.socket.sendto(payload, peer)
            except OSError as error:
                self._not_sent(listener, peer, error.errno)

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
            self._hand_over(listener, payload, peer, peer)

    def _receive_questions(self, listener: _Listener, answers: AnswersDatagrams) -> None:
        """Answer what the machine has an answer ready for; hand it the rest."""
        answer = answers.answer_datagram
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
                self._hand_over(listener, place[:octets], peer, peer)
                if not self._listeners:
                    return
                now = self._owner.loop.now()  # the machine has met a later instant
                continue
            if listener.unsent:
                self._send_replies(listener)  # in the order of the questions
            try:
                send(place[:ID_OCTETS] + ready, peer)
            except OSError as error:
                self._not_sent(listener, peer, error.errno)

    def _receive_batch(self, listener: _Listener, answers: AnswersDatagrams, batch: Batch) -> None:
        """The same with two system calls for all that is there, as long as answers are ready. What
        is not goes to the machine in its turn, behind the answers to what came before it."""
        left = ANSWERS_PER_WAKE
        while left > 0:
            count = batch.receive()
            if not self._answer_batch(listener, answers, batch, count) or count < 2:
                return  # if there is more, the loop will say so
            # While several were answered, more have come: looking is cheaper than waiting.
            left -= count

    def _answer_batch(
        self, listener: _Listener, answers: AnswersDatagrams, batch: Batch, count: int
    ) -> bool:
        """Whether there was an answer ready for every datagram."""
        all_ready = True
        first = 0
        while first < count:
            try:
                missed = batch.answer_ready(answers, self._owner.loop.now(), first)
            except Exception as error:
                raise MachineFailed(_NOT_READY) from error
            if listener.unsent:
                self._send_replies(listener)  # in the order of the questions
            for number, errno in batch.send(first, missed):
                self._not_sent(listener, batch.sender(number), errno)
            if missed < count:
                all_ready = False
                payload, name = batch.received(missed)
                self._hand_over(listener, payload, name, batch.source(name))
                if not self._listeners:
                    break  # closed meanwhile
            first = missed + 1
        return all_ready

    def _hand_over(self, listener: _Listener, payload: bytes, peer: Any, source: Any) -> None:
        """`source` begins with the address and port of the peer."""
        flow, here = (listener, peer), listener.endpoint
        came_from = Endpoint(source[0], source[1])
        self._owner.tell(MessageArrived(flow, payload, Transport.UDP, came_from, here))

    def _not_sent(self, listener: _Listener, source: Any, error: int | None) -> None:
        reason = refusal(error, Transport.UDP)
        self._owner.note(ReplyNotSent(listener.endpoint, Endpoint(*source[:2]), reason))

    def _receive_replies(self, conversation: _Conversation) -> None:
        """Hand the machine one reply: mostly there is but one, and the loop comes back for more."""
        try:
            octets, peer = conversation.socket.recvfrom_into(self._place)
        except BlockingIOError:
            return
        except OSError as error:
            reason = refusal(error.errno, Transport.UDP)
            self._owner.tell(Unreachable(conversation.flow, reason))
            return
        # RFC 5452 9.1: between bind and connect anybody could have sent to the port.
        if peer == conversation.peer:
            there, here = conversation.there, conversation.here
            reply = self._place[:octets]
            self._owner.tell(MessageArrived(conversation.flow, reply, Transport.UDP, there, here))

    def _shut(self, open_socket: socket.socket) -> None:
        self._owner.loop.remove_reader(open_socket)
        open_socket.close()
