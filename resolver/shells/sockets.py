"""Real sockets around a machine: datagrams and streams in, datagrams and streams out.

Failures met while effects are carried out are events too, but a machine is never told anything
while it is being carried out: they are owed to it, and told on the loop's next turn.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from resolver.machine import (
    Close,
    Effect,
    Endpoint,
    Event,
    Flow,
    Framing,
    Instant,
    Machine,
    MessageArrived,
    Open,
    PortTaken,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)
from resolver.shells.limits import (
    ACCEPT_PAUSE_NS,
    CONNECTIONS_PER_WAKE,
    DATAGRAM_OCTETS,
    DATAGRAMS_PER_WAKE,
    LINGER_NS,
    MAX_ACCEPTED_STREAMS,
    MAX_UNSENT_OCTETS,
    MESSAGES_PER_WAKE,
    PAUSE_READING_OCTETS,
)
from resolver.shells.listening import listen, new_socket
from resolver.shells.loop import Loop
from resolver.shells.shell import Journal, MachineFailed, Shell
from resolver.shells.streams import Stream

Listen = tuple[Endpoint, frozenset[Transport], Framing]
"""Where a machine waits for questions: an address, how, and how its streams are cut."""

_REASONS: Final = {
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "network unreachable",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
}
_OUT_OF_FILES_OR_MEMORY: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


@dataclass(frozen=True, slots=True)
class ReplyNotSent:
    """The host refused to send a datagram to a client; it is lost, as datagrams may be."""

    source: Endpoint
    destination: Endpoint
    reason: str


@dataclass(frozen=True, slots=True)
class AcceptingPaused:
    """The host, or our own bound, allows no more streams for the moment."""

    endpoint: Endpoint
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class _Listener:
    """One of our sockets that others talk to."""

    socket: socket.socket
    endpoint: Endpoint
    transport: Transport
    framing: Framing


@dataclass(frozen=True, slots=True, eq=False)
class _Conversation:
    """A datagram socket that the machine opened."""

    flow: int
    socket: socket.socket
    here: Endpoint
    there: Endpoint
    peer: Any
    """The far end as the kernel writes it."""


class SocketShell(Shell):
    """Runs one machine behind real sockets until closed.

    `enter` is entered around the creation of each socket; a world steps into a node's network
    namespace there. Raises CannotStart when an endpoint cannot be listened on.

    After `StreamClosed` or an `Unreachable` stream, the flow is gone. After an `Unreachable`
    datagram flow it stays until the machine closes it: the refusal may have been forged.
    """

    def __init__(
        self,
        loop: Loop,
        machine: Machine,
        listens: tuple[Listen, ...],
        *,
        enter: Callable[[], AbstractContextManager[None]] = nullcontext,
        journal: Journal,
    ) -> None:
        super().__init__(loop, machine, journal)
        self._enter = enter
        self._closed = False
        self._listeners: list[_Listener] = []
        self._conversations: dict[Flow, _Conversation] = {}
        self._streams: dict[Flow, Stream] = {}
        self._accepted = 0
        self._owed: dict[Flow, Event] = {}
        self._crowded: dict[Stream, None] = {}
        """Streams that may have more whole messages than one turn allows."""
        self._finishing: dict[Stream, Instant] = {}
        """Streams closed by the machine, oldest first, and when their patience ends."""
        self._accept_again: Instant | None = None
        try:
            for endpoint, transports, framing in listens:
                for transport in Transport:
                    if transport in transports:
                        self._listen(endpoint, transport, framing)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close every socket at once and tell the machine nothing more."""
        super().close()
        self._closed = True
        for listener in self._listeners:
            self._shut(listener.socket)
        for conversation in self._conversations.values():
            self._shut(conversation.socket)
        for stream in {*self._streams.values(), *self._finishing}:
            self._shut(stream.connection)
        for holder in (self._listeners, self._conversations, self._streams, self._owed):
            holder.clear()
        self._crowded.clear()
        self._finishing.clear()

    # --- time ----------------------------------------------------------------------------------

    def deadline(self) -> Instant | None:
        """The earliest of the machine's timers and our own."""
        if self._owed or self._crowded:
            return 0
        due = self._machine.deadline()
        if self._finishing:
            patience = next(iter(self._finishing.values()))
            due = patience if due is None else min(due, patience)
        if self._accept_again is not None:
            due = self._accept_again if due is None else min(due, self._accept_again)
        return due

    def expire(self, now: Instant) -> None:
        """Do what was put off, then fire the machine's timers that are due."""
        for flow in tuple(self._owed):
            if event := self._owed.pop(flow, None):  # one event may make another irrelevant
                self._tell(event)
        for stream in tuple(self._crowded):
            if stream in self._crowded:
                del self._crowded[stream]
                self._deliver(stream)
        while self._finishing and next(iter(self._finishing.values())) <= now:
            self._drop(next(iter(self._finishing)))
        if self._accept_again is not None and self._accept_again <= now:
            self._accept_again = None
            for listener in self._listeners:
                if listener.transport is Transport.TCP:
                    self._loop.add_reader(listener.socket, partial(self._accept, listener))
        due = self._machine.deadline()
        if due is not None and due <= now:
            super().expire(now)

    # --- effects -------------------------------------------------------------------------------

    def _do(self, effect: Effect, now: Instant) -> None:
        if isinstance(effect, Send):
            self._send(effect.flow, effect.payload, now)
        elif isinstance(effect, Open):
            self._open(effect)
        elif isinstance(effect, Close):
            self._close_flow(effect.flow, now)
        else:
            raise MachineFailed(f"{type(self._machine).__name__} asked sockets for {effect}")

    def _send(self, flow: Flow, payload: bytes, now: Instant) -> None:
        if isinstance(flow, tuple):
            listener, peer = flow
            self._reply(listener, peer, payload, now)
        elif stream := self._streams.get(flow):
            self._send_on_stream(stream, payload)
        elif conversation := self._conversations.get(flow):
            try:
                conversation.socket.send(payload)
            except BlockingIOError:
                pass  # the host's queue is full: lost, as datagrams may be
            except OSError as error:
                self._owed[flow] = Unreachable(flow, _reason(error.errno, Transport.UDP))

    def _reply(
        self, listener: _Listener, peer: tuple[Any, ...], payload: bytes, now: Instant
    ) -> None:
        try:
            listener.socket.sendto(payload, peer)
        except OSError as error:
            reason = _reason(error.errno, Transport.UDP)
            self._journal(ReplyNotSent(listener.endpoint, Endpoint(*peer[:2]), reason), now)

    def _send_on_stream(self, stream: Stream, payload: bytes) -> None:
        if not stream.connected:
            raise MachineFailed(f"{type(self._machine).__name__} sent before StreamOpened")
        try:
            stream.send(payload)
        except OverflowError as error:
            raise MachineFailed(f"{len(payload)} octets exceed the length prefix") from error
        except OSError as error:
            self._lose(stream, error.errno)
            return
        unsent = stream.unsent_octets
        if unsent > MAX_UNSENT_OCTETS:
            self._lose(stream, errno.ETIMEDOUT)
        elif unsent:
            self._loop.add_writer(stream.connection, partial(self._writable, stream))
            if unsent >= PAUSE_READING_OCTETS:
                self._loop.remove_reader(stream.connection)

    def _open(self, effect: Open) -> None:
        flow, remote, transport = effect.flow, effect.remote, effect.transport
        if flow in self._conversations or flow in self._streams:
            raise MachineFailed(f"{type(self._machine).__name__} opened flow {flow} twice")
        made: socket.socket | None = None
        try:
            with self._enter():
                made = new_socket(remote, transport)
            if effect.source_port is not None:
                made.bind(("", effect.source_port))
            if transport is Transport.UDP:
                self._converse(flow, made, remote)
            else:
                self._connect(flow, made, remote, effect.framing)
        except OSError as error:
            if made is not None:
                made.close()
            # EADDRNOTAVAIL: this very pair of endpoints is still in use by an older connection.
            taken = error.errno in {errno.EADDRINUSE, errno.EADDRNOTAVAIL}
            if taken and effect.source_port is not None:
                self._owed[flow] = PortTaken(flow)
            else:
                self._owed[flow] = Unreachable(flow, _reason(error.errno, transport))

    def _converse(self, flow: int, made: socket.socket, remote: Endpoint) -> None:
        made.connect((remote.address, remote.port))
        conversation = _Conversation(
            flow, made, Endpoint(*made.getsockname()[:2]), remote, made.getpeername()
        )
        self._conversations[flow] = conversation
        self._loop.add_reader(made, partial(self._receive_replies, conversation))

    def _connect(self, flow: int, made: socket.socket, remote: Endpoint, framing: Framing) -> None:
        with suppress(BlockingIOError):  # in progress
            made.connect((remote.address, remote.port))
        here = Endpoint(*made.getsockname()[:2])
        stream = Stream(made, framing, here=here, there=remote, flow=flow)
        self._streams[flow] = stream
        self._loop.add_writer(made, partial(self._writable, stream))

    def _close_flow(self, flow: Flow, now: Instant) -> None:
        self._owed.pop(flow, None)
        if conversation := self._conversations.pop(flow, None):
            self._shut(conversation.socket)
        elif stream := self._streams.pop(flow, None):
            self._crowded.pop(stream, None)
            if stream.connected:
                self._finish(stream, now)
            else:
                self._drop(stream)

    # --- datagrams -----------------------------------------------------------------------------

    def _listen(self, endpoint: Endpoint, transport: Transport, framing: Framing) -> None:
        with self._enter():
            made = new_socket(endpoint, transport)
        listener = _Listener(made, endpoint, transport, framing)
        self._listeners.append(listener)  # before it may fail, so that it is closed then
        listen(made, endpoint, transport)
        callback = self._receive_questions if transport is Transport.UDP else self._accept
        self._loop.add_reader(made, partial(callback, listener))

    def _receive_questions(self, listener: _Listener) -> None:
        for _ in range(DATAGRAMS_PER_WAKE):
            if self._closed:
                return
            try:
                payload, peer = listener.socket.recvfrom(DATAGRAM_OCTETS)
            except BlockingIOError:
                return
            except OSError:
                continue  # an error of an earlier datagram, reported late; reading clears it
            source = Endpoint(peer[0], peer[1])
            self._tell(
                MessageArrived((listener, peer), payload, Transport.UDP, source, listener.endpoint)
            )

    def _receive_replies(self, conversation: _Conversation) -> None:
        flow, here, there = conversation.flow, conversation.here, conversation.there
        for _ in range(DATAGRAMS_PER_WAKE):
            if self._conversations.get(flow) is not conversation:
                return  # the machine has closed it
            try:
                payload, peer = conversation.socket.recvfrom(DATAGRAM_OCTETS)
            except BlockingIOError:
                return
            except OSError as error:
                self._tell(Unreachable(flow, _reason(error.errno, Transport.UDP)))
                continue
            # Between bind and connect anybody could have sent to the port (RFC 5452 9.1).
            if peer == conversation.peer:
                self._tell(MessageArrived(flow, payload, Transport.UDP, there, here))

    # --- streams -------------------------------------------------------------------------------

    def _accept(self, listener: _Listener) -> None:
        for _ in range(CONNECTIONS_PER_WAKE):
            if self._closed:
                return
            if self._accepted >= MAX_ACCEPTED_STREAMS:
                self._pause_accepting(listener, f"{MAX_ACCEPTED_STREAMS} streams are open")
                return
            try:
                connection, peer = listener.socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _OUT_OF_FILES_OR_MEMORY:
                    self._pause_accepting(listener, os.strerror(error.errno).lower())
                    return
                continue  # that connection failed before it was accepted
            there = Endpoint(peer[0], peer[1])
            stream = Stream(connection, listener.framing, here=listener.endpoint, there=there)
            self._streams[stream] = stream
            self._accepted += 1
            self._loop.add_reader(connection, partial(self._readable, stream))
            self._tell(StreamOpened(stream, there, listener.endpoint))

    def _pause_accepting(self, listener: _Listener, reason: str) -> None:
        now = self._loop.now()
        self._accept_again = now + ACCEPT_PAUSE_NS
        self._loop.remove_reader(listener.socket)
        self._journal(AcceptingPaused(listener.endpoint, reason), now)

    def _readable(self, stream: Stream) -> None:
        if stream in self._crowded:
            return  # first what it has sent before
        try:
            goes_on = stream.receive()
        except OSError as error:
            self._lose(stream, error.errno)
            return
        if stream.finishing:
            stream.discard()
            if not goes_on:
                self._drop(stream)
        elif goes_on:
            self._deliver(stream)
        else:
            self._drop(stream)
            self._tell(StreamClosed(stream.flow))

    def _deliver(self, stream: Stream) -> None:
        """Tell the machine the whole messages of a stream, as long as its answers are taken."""
        for _ in range(MESSAGES_PER_WAKE):
            if stream.unsent_octets >= PAUSE_READING_OCTETS:
                return  # `_writable` goes on
            message = stream.next_message()
            if message is None:
                return
            self._tell(
                MessageArrived(stream.flow, message, Transport.TCP, stream.there, stream.here)
            )
            if self._streams.get(stream.flow) is not stream:
                return  # the machine has closed it
        self._crowded[stream] = None

    def _writable(self, stream: Stream) -> None:
        """A connection is made, or refused, or takes octets again."""
        connection = stream.connection
        error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._lose(stream, error)
        elif not stream.connected:
            stream.connected = True
            self._loop.remove_writer(connection)
            self._loop.add_reader(connection, partial(self._readable, stream))
            self._tell(StreamOpened(stream.flow, stream.there, stream.here))
        else:
            self._flush(stream)

    def _flush(self, stream: Stream) -> None:
        try:
            stream.flush()
            if not stream.unsent_octets:
                self._loop.remove_writer(stream.connection)
                if stream.finishing:
                    stream.connection.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._lose(stream, error.errno)
            return
        if not stream.finishing and stream.unsent_octets < PAUSE_READING_OCTETS:
            self._loop.add_reader(stream.connection, partial(self._readable, stream))
            self._deliver(stream)

    def _finish(self, stream: Stream, now: Instant) -> None:
        """Close a stream without harm to its last answer.

        Closing at once while questions are unread would reset the connection, and the far end may
        then throw away the answer with it (RFC 1122 4.2.2.13). So: say goodbye, read on without
        listening, and close when the far end has said goodbye too, or was given long enough.
        """
        stream.finishing = True
        stream.discard()
        self._finishing[stream] = now + LINGER_NS
        self._loop.add_reader(stream.connection, partial(self._readable, stream))
        if not stream.unsent_octets:
            try:
                stream.connection.shutdown(socket.SHUT_WR)
            except OSError:
                self._drop(stream)  # the far end was faster

    def _lose(self, stream: Stream, error: int | None) -> None:
        """A connection has failed; the machine is owed the news unless it has closed it."""
        self._drop(stream)
        if stream.finishing:
            return
        if stream.flow is stream:
            self._owed[stream.flow] = StreamClosed(stream.flow)
        else:
            self._owed[stream.flow] = Unreachable(stream.flow, _reason(error, Transport.TCP))

    def _drop(self, stream: Stream) -> None:
        """Forget a stream and close its socket."""
        self._streams.pop(stream.flow, None)
        self._crowded.pop(stream, None)
        self._finishing.pop(stream, None)
        if stream.flow is stream:
            self._accepted -= 1
        self._shut(stream.connection)

    def _shut(self, open_socket: socket.socket) -> None:
        self._loop.remove_reader(open_socket)
        self._loop.remove_writer(open_socket)
        open_socket.close()


def _reason(error: int | None, transport: Transport) -> str:
    """What people call an error of a flow."""
    if error == errno.ECONNREFUSED:
        return "port unreachable" if transport is Transport.UDP else "connection refused"
    if error is None:
        return "unknown error"
    return _REASONS.get(error) or os.strerror(error).lower()
