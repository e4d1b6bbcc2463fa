"""Streams: accepted ones and opened ones, from their first octet to a clean end."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from resolver.machine import (
    Endpoint,
    Flow,
    Framing,
    Instant,
    MessageArrived,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)
from resolver.shells.limits import (
    ACCEPT_PAUSE_NS,
    CONNECTIONS_PER_WAKE,
    LINGER_NS,
    MAX_ACCEPTED_STREAMS,
    MAX_UNSENT_OCTETS,
    MESSAGES_PER_WAKE,
    PAUSE_READING_OCTETS,
)
from resolver.shells.listening import listen, refusal
from resolver.shells.owner import Owner
from resolver.shells.shell import MachineFailed
from resolver.shells.stream import Stream

_OUT_OF_FILES_OR_MEMORY: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


@dataclass(frozen=True, slots=True)
class AcceptingPaused:
    """The host, or our own bound, allows no more streams for the moment."""

    endpoint: Endpoint
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class _Listener:
    """A socket that others connect to."""

    socket: socket.socket
    endpoint: Endpoint
    framing: Framing


class Streams:
    """All streams of one shell."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._listeners: list[_Listener] = []
        self._streams: dict[Flow, Stream] = {}
        self._accepted = 0
        self._crowded: dict[Stream, None] = {}
        """Streams that may have more whole messages than one turn allows."""
        self._finishing: dict[Stream, Instant] = {}
        """Streams closed by the machine, oldest first, and when our patience with them ends."""
        self._accept_again: Instant | None = None

    def __contains__(self, flow: Flow) -> bool:
        return flow in self._streams

    def listen(self, made: socket.socket, endpoint: Endpoint, framing: Framing) -> None:
        """Accept streams at the endpoint, on a new socket. Raises CannotStart."""
        listener = _Listener(made, endpoint, framing)
        self._listeners.append(listener)  # before it may fail, so that it is closed then
        listen(made, endpoint, Transport.TCP)
        self._owner.loop.add_reader(made, partial(self._accept, listener))

    def open(self, flow: int, made: socket.socket, remote: Endpoint, framing: Framing) -> None:
        """Begin to connect a new socket to its far end. Raises OSError."""
        with suppress(BlockingIOError):  # in progress
            made.connect((remote.address, remote.port))
        here = Endpoint(*made.getsockname()[:2])
        stream = Stream(made, framing, here=here, there=remote, flow=flow)
        self._streams[flow] = stream
        self._owner.loop.add_writer(made, partial(self._writable, stream))

    def send(self, flow: Flow, payload: bytes) -> None:
        """Send one message. Raises MachineFailed when the stream is not open yet, or the message
        is too long for its framing."""
        stream = self._streams[flow]
        if not stream.connected:
            raise MachineFailed(f"the machine sent on flow {flow} before StreamOpened")
        try:
            stream.send(payload)
        except OverflowError as error:
            raise MachineFailed(f"{len(payload)} octets exceed the length prefix") from error
        except OSError as error:
            self._lose(stream, error.errno)
            return
        if stream.unsent_octets > MAX_UNSENT_OCTETS:
            self._lose(stream, errno.ETIMEDOUT)
        elif stream.unsent_octets:
            self._owner.loop.add_writer(stream.connection, partial(self._writable, stream))
            if stream.unsent_octets >= PAUSE_READING_OCTETS:
                self._owner.loop.remove_reader(stream.connection)

    def close(self, flow: Flow, now: Instant) -> None:
        """Close a stream; what was sent before still arrives."""
        stream = self._streams.pop(flow)
        self._crowded.pop(stream, None)
        # Where nothing was sent there is nothing to lose, and whoever is turned away at the door
        # must not take up a place by staying there.
        if stream.has_sent:
            self._finish(stream, now)
        else:
            self._drop(stream)

    def stop_listening(self) -> None:
        """Accept no more streams: connections are refused."""
        for listener in self._listeners:
            self._shut(listener.socket)
        self._listeners.clear()
        self._accept_again = None

    def idle(self) -> bool:
        """Whether every stream that the machine has closed is at its end."""
        return not self._finishing

    def close_all(self) -> None:
        """Close every socket at once."""
        self.stop_listening()
        for stream in {*self._streams.values(), *self._finishing}:
            self._shut(stream.connection)
        self._streams.clear()
        self._crowded.clear()
        self._finishing.clear()

    def deadline(self) -> Instant | None:
        """When `expire` has something to do."""
        if self._crowded:
            return 0
        due = self._accept_again
        for patience in self._finishing.values():  # the first is the earliest
            return patience if due is None else min(due, patience)
        return due

    def expire(self, now: Instant) -> None:
        """Go on with crowded streams, give up unfinished ones, and accept again after a pause."""
        for stream in tuple(self._crowded):
            if stream in self._crowded:  # an earlier one's message may have closed it
                del self._crowded[stream]
                self._deliver(stream)
        for stream, patience in tuple(self._finishing.items()):
            if patience > now:
                break
            self._drop(stream)
        if self._accept_again is not None and self._accept_again <= now:
            self._accept_again = None
            for listener in self._listeners:
                self._owner.loop.add_reader(listener.socket, partial(self._accept, listener))

    def _accept(self, listener: _Listener) -> None:
        for _ in range(CONNECTIONS_PER_WAKE):
            if not self._listeners:
                return  # closed meanwhile
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
            self._owner.loop.add_reader(connection, partial(self._readable, stream))
            self._owner.tell(StreamOpened(stream, there, listener.endpoint))

    def _pause_accepting(self, listener: _Listener, reason: str) -> None:
        self._accept_again = self._owner.loop.now() + ACCEPT_PAUSE_NS
        self._owner.loop.remove_reader(listener.socket)
        self._owner.note(AcceptingPaused(listener.endpoint, reason))

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
            self._owner.tell(StreamClosed(stream.flow))

    def _deliver(self, stream: Stream) -> None:
        """Tell the machine the whole messages of a stream, as long as its answers are taken."""
        for _ in range(MESSAGES_PER_WAKE):
            if stream.unsent_octets >= PAUSE_READING_OCTETS:
                return  # `_writable` goes on
            message = stream.next_message()
            if message is None:
                return
            self._owner.tell(
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
            self._owner.loop.remove_writer(connection)
            self._owner.loop.add_reader(connection, partial(self._readable, stream))
            self._owner.tell(StreamOpened(stream.flow, stream.there, stream.here))
        else:
            self._flush(stream)

    def _flush(self, stream: Stream) -> None:
        try:
            stream.flush()
            if not stream.unsent_octets:
                self._owner.loop.remove_writer(stream.connection)
                if stream.finishing:
                    stream.connection.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._lose(stream, error.errno)
            return
        if not stream.finishing and stream.unsent_octets < PAUSE_READING_OCTETS:
            self._owner.loop.add_reader(stream.connection, partial(self._readable, stream))
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
        self._owner.loop.add_reader(stream.connection, partial(self._readable, stream))
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
            self._owner.owe(StreamClosed(stream.flow))
        else:
            self._owner.owe(Unreachable(stream.flow, refusal(error, Transport.TCP)))

    def _drop(self, stream: Stream) -> None:
        """Forget a stream and close its socket."""
        self._streams.pop(stream.flow, None)
        self._crowded.pop(stream, None)
        self._finishing.pop(stream, None)
        if stream.flow is stream:
            self._accepted -= 1
        self._shut(stream.connection)

    def _shut(self, open_socket: socket.socket) -> None:
        self._owner.loop.remove_reader(open_socket)
        self._owner.loop.remove_writer(open_socket)
        open_socket.close()
