"""Real sockets around the viewers: thousands of addresses, without a socket for each question.

A few datagram sockets serve all viewers of a host that has the crowd's whole prefix: each datagram
says which address it leaves from, and each reply for which address it came (ip(7), IP_PKTINFO).
Connections have a socket each, bound to their viewer's address.
"""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass
from functools import partial
from typing import Final

from resolver.machine import (
    Close,
    Effect,
    Endpoint,
    Flow,
    Instant,
    Machine,
    MessageArrived,
    Open,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)
from resolver.shells.listening import refusal
from resolver.shells.loop import Loop
from resolver.shells.shell import Journal, MachineFailed, Shell

_PORTS: Final = 32
"""Datagram sockets, each with a port that the kernel draws."""
_RUN: Final = 16
"""Viewers in a row that ask from one port."""
_DATAGRAMS_PER_WAKE: Final = 32
_ROOM: Final = 4 * 1024 * 1024
"""Octets of datagrams that may wait in a socket, each way."""
_MESSAGE: Final = 4096
_OCTETS_PER_READ: Final = 4096

# linux/in.h, asm-generic/socket.h
_IP_PKTINFO: Final = 8
_IP_BIND_ADDRESS_NO_PORT: Final = 24
_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33

_PACKET_INFO: Final = struct.Struct("=I4s4s")
"""struct in_pktinfo: interface, the host's own address, the destination's."""
_PACKET_INFO_SPACE: Final = socket.CMSG_SPACE(_PACKET_INFO.size)
_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""struct linger: closing resets the connection."""


@dataclass(slots=True, eq=False)
class _Stream:
    """A connection of one viewer."""

    flow: Flow
    socket: socket.socket
    here: str
    there: Endpoint
    connected: bool = False


class CrowdShell(Shell):
    """Runs the machine of a crowd in the current network namespace until closed. Every flow it
    opens must say its source address, and datagram flows must differ in that; IPv4 only.

    A stream is closed by a reset: a viewer that has read who answered leaves nothing behind, at its
    own end or the server's, that would wait for a minute (TIME-WAIT).
    """

    def __init__(self, loop: Loop, machine: Machine, *, journal: Journal) -> None:
        super().__init__(loop, machine, journal)
        self._askers = [_asker() for _ in range(_PORTS)]
        self._flows: dict[bytes, tuple[Flow, Endpoint]] = {}
        """By a viewer's address: its question, and whom it asked."""
        self._ways: dict[Flow, tuple[socket.socket, bytes, Endpoint]] = {}
        self._streams: dict[Flow, _Stream] = {}
        self._owed: dict[Flow, Unreachable] = {}
        self._opened = 0
        for asker in self._askers:
            loop.add_reader(asker, partial(self._receive, asker))

    def deadline(self) -> Instant | None:
        """The machine's earliest timer, or at once where it is owed news."""
        return 0 if self._owed else super().deadline()

    def expire(self, now: Instant) -> None:
        """Tell the machine what it is owed, and fire what is due."""
        for flow in tuple(self._owed):
            if event := self._owed.pop(flow, None):
                self.tell(event)
        super().expire(now)

    def close(self) -> None:
        """Close every socket."""
        super().close()
        for asker in self._askers:
            self.loop.remove_reader(asker)
            asker.close()
        for stream in self._streams.values():
            self._shut(stream)
        self._askers.clear()
        self._streams.clear()

    def _do(self, effect: Effect, now: Instant) -> None:  # noqa: ARG002 - the base class's
        if isinstance(effect, Send):
            self._send(effect)
        elif isinstance(effect, Open):
            if effect.source_address is None:
                raise MachineFailed(f"{effect} does not say its source address")
            if effect.transport is Transport.UDP:
                self._open_datagrams(effect, effect.source_address)
            else:
                self._open_stream(effect, effect.source_address)
        elif isinstance(effect, Close):
            self._close(effect.flow)
        else:
            raise MachineFailed(f"a crowd was asked for {effect}")

    # --- questions ----------------------------------------------------------------------------

    def _open_datagrams(self, effect: Open, address: str) -> None:
        asker = self._askers[self._opened // _RUN % _PORTS]
        self._opened += 1
        packed = socket.inet_aton(address)
        self._flows[packed] = (effect.flow, effect.remote)
        self._ways[effect.flow] = (asker, packed, effect.remote)

    def _send(self, effect: Send) -> None:
        way = self._ways.get(effect.flow)
        if way is None:
            return
        asker, address, remote = way
        source = _PACKET_INFO.pack(0, address, bytes(4))
        try:
            asker.sendmsg(
                [effect.payload],
                [(socket.IPPROTO_IP, _IP_PKTINFO, source)],
                0,
                (remote.address, remote.port),
            )
        except OSError as error:
            self._owed[effect.flow] = Unreachable(effect.flow, refusal(error.errno, Transport.UDP))

    def _receive(self, asker: socket.socket) -> None:
        for _ in range(_DATAGRAMS_PER_WAKE):
            try:
                payload, told, _, peer = asker.recvmsg(_MESSAGE, _PACKET_INFO_SPACE)
            except BlockingIOError:
                return
            except OSError:
                continue  # an error of an earlier datagram, reported late; reading clears it
            _, address, _ = _PACKET_INFO.unpack(told[0][2])
            flow, remote = self._flows.get(address, (None, None))
            # As a connected socket: what others send is not for us.
            if remote is not None and peer == (remote.address, remote.port):
                here = Endpoint(socket.inet_ntoa(address), 0)
                self.tell(MessageArrived(flow, payload, Transport.UDP, remote, here))

    # --- connections --------------------------------------------------------------------------

    def _open_stream(self, effect: Open, address: str) -> None:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            # The port is drawn when it is known whom it is for: the same one serves many viewers.
            made.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            made.bind((address, 0))
            problem = made.connect_ex((effect.remote.address, effect.remote.port))
        except OSError as error:
            problem = error.errno or errno.EIO
        if problem not in {0, errno.EINPROGRESS}:
            made.close()
            self._owed[effect.flow] = Unreachable(effect.flow, refusal(problem, Transport.TCP))
            return
        stream = _Stream(effect.flow, made, address, effect.remote)
        self._streams[effect.flow] = stream
        self.loop.add_writer(made, partial(self._connected, stream))

    def _connected(self, stream: _Stream) -> None:
        problem = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            self._lose(stream, problem)
            return
        self.loop.remove_writer(stream.socket)
        self.loop.add_reader(stream.socket, partial(self._readable, stream))
        stream.connected = True
        self.tell(StreamOpened(stream.flow, stream.there, Endpoint(stream.here, 0)))

    def _readable(self, stream: _Stream) -> None:
        try:
            octets = stream.socket.recv(_OCTETS_PER_READ)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(stream, error.errno or errno.EIO)
            return
        if octets:
            here = Endpoint(stream.here, 0)
            self.tell(MessageArrived(stream.flow, octets, Transport.TCP, stream.there, here))
        else:
            self._close(stream.flow)
            self.tell(StreamClosed(stream.flow))

    def _lose(self, stream: _Stream, problem: int) -> None:
        self._close(stream.flow)
        self.tell(Unreachable(stream.flow, refusal(problem, Transport.TCP)))

    def _close(self, flow: Flow) -> None:
        self._owed.pop(flow, None)
        way = self._ways.pop(flow, None)
        if way is not None:
            del self._flows[way[1]]
        stream = self._streams.pop(flow, None)
        if stream is not None:
            self._shut(stream)

    def _shut(self, stream: _Stream) -> None:
        self.loop.remove_reader(stream.socket)
        self.loop.remove_writer(stream.socket)
        stream.socket.close()


def _asker() -> socket.socket:
    """A datagram socket for many addresses, with a port of its own."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    made.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    for force, asked in (
        (_SO_SNDBUFFORCE, socket.SO_SNDBUF),
        (_SO_RCVBUFFORCE, socket.SO_RCVBUF),
    ):
        try:
            made.setsockopt(socket.SOL_SOCKET, force, _ROOM)
        except PermissionError:  # then the host's own bound holds
            made.setsockopt(socket.SOL_SOCKET, asked, _ROOM)
    made.bind(("", 0))
    return made
