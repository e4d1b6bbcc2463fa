"""TCP sockets of a host: who listens, and which connections there are."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from lab.worlds.simulation.connection import Connection
from lab.worlds.simulation.link import USUAL_MTU
from lab.worlds.simulation.packet import Packet, Pair
from lab.worlds.simulation.ports import NoRoute, PortInUse, Ports
from lab.worlds.simulation.streams import Accepted
from resolver.machine import SECOND, Duration, Endpoint, Flow, Framing, Instant
from resolver.nat.build import build_tcp
from resolver.nat.packet import ACK, FIN, RST, SYN, MalformedPacket, TcpView

if TYPE_CHECKING:
    from lab.worlds.simulation.host import Host
    from lab.worlds.simulation.process import Process


_MSS = 2
"""The option that tells the largest segment (RFC 9293 3.2)."""

_TIME_WAIT_NS: Duration = 60 * SECOND
"""Linux's TCP_TIMEWAIT_LEN."""


class TcpSockets:
    """Listening sockets and connections of a host."""

    def __init__(self, host: Host, random: Random) -> None:
        self._host = host
        self._random = random
        self._ports = Ports(random)
        self._listening: dict[tuple[str, int], tuple[Process, Framing]] = {}
        self._connections: dict[Pair, Connection] = {}
        self._lingering: dict[Pair, tuple[int, int, Instant]] = {}
        """Connections that ended lately, the oldest first: what their last acknowledgment said, and
        until when it is said again."""
        self._accepted = 0

    def listen(self, local: Endpoint, process: Process, framing: Framing) -> None:
        """Bind a listening socket; PortInUse when the endpoint is taken."""
        key = (local.address, local.port)
        if key in self._listening:
            raise PortInUse(local.port)
        self._ports.share(local.port)
        self._listening[key] = (process, framing)

    def unlisten(self, local: Endpoint) -> None:
        """Close a listening socket; connections it accepted live on."""
        del self._listening[local.address, local.port]
        self._ports.give_back(local.port)

    def connect(
        self,
        process: Process,
        flow: Flow,
        remote: Endpoint,
        source_port: int | None,
        framing: Framing,
        source_address: str | None = None,
    ) -> Connection:
        """Begin to open a connection. Raises NoRoute or PortInUse."""
        address = self._host.source_towards(remote.address, source_address)
        if address is None:
            raise NoRoute(remote.address)
        port = self._ports.take(source_port)
        pair = (address, port, remote.address, remote.port)
        connection = Connection(
            self, process, flow, pair, framing=framing, sequence=self._random.getrandbits(32)
        )
        self._connections[pair] = connection
        connection.open()
        return connection

    def forget(self, connection: Connection) -> None:
        """A connection is over."""
        if self._connections.pop(connection.pair, None) is not None and not isinstance(
            connection.flow, Accepted
        ):
            self._ports.give_back(connection.local.port)

    def send(
        self,
        connection: Connection,
        flags: int,
        sequence: int,
        acknowledgment: int,
        payload: bytes,
    ) -> None:
        """Send a segment of a connection."""
        local, remote = connection.local, connection.remote
        segment = TcpView(local.port, remote.port, sequence, acknowledgment, flags, payload)
        largest = self._largest_wanted(remote.address) if flags & SYN else None
        if self._host.has(remote.address):
            # No link, no router and no capture reads the octets of what a host tells itself.
            far_end = (remote.address, remote.port, local.address, local.port)
            self._host.loop(self._take, far_end, segment, largest)
            return
        raw = build_tcp(
            local,
            remote,
            flags=flags,
            sequence=sequence,
            acknowledgment=acknowledgment,
            payload=payload,
            options=b"" if largest is None else bytes((_MSS, 4)) + largest.to_bytes(2, "big"),
            dont_fragment=True,
        )
        self._host.send(Packet.of_segment(raw, local.address, remote.address, segment))

    def _largest_wanted(self, address: str) -> int | None:
        """What our SYN says of the segments that we take; None where the usual ones fit."""
        room = self._host.room_towards(address)
        return None if room >= USUAL_MTU else room - 40

    def now(self) -> Instant:
        """Virtual time."""
        return self._host.agenda.now

    def appoint(self, due: Instant, action: Callable[[Instant], None]) -> None:
        """Have `action(due)` done at that instant."""
        self._host.agenda.at(due, action, due)

    def room_towards(self, destination: str) -> int:
        """The largest packet that gets to an address."""
        return self._host.room_towards(destination)

    def linger(self, connection: Connection, sequence: int, expected: int) -> None:
        """A connection ended in good order. Its far end may not know, and say goodbye again: then
        it is told again (RFC 9293 3.10.7.4, TIME-WAIT)."""
        now = self.now()
        while self._lingering:
            pair, (_, _, until) = next(iter(self._lingering.items()))
            if until > now:
                break
            del self._lingering[pair]
        self._lingering[connection.pair] = (sequence, expected, now + _TIME_WAIT_NS)

    def shrink(self, quoted: Packet) -> None:
        """A router let this segment of ours not through: it was too large."""
        pair = quoted.pair()
        connection = self._connections.get(pair) if pair is not None else None
        if connection is not None:
            connection.shrink()

    def receive(self, packet: Packet) -> None:
        """Give a segment to its connection, accept it, or refuse it."""
        try:
            segment = packet.tcp()
        except MalformedPacket:
            return
        pair = (packet.destination, segment.destination_port, packet.source, segment.source_port)
        self._take(pair, segment, _largest_told(packet) if segment.flags & SYN else None)

    def _take(self, pair: Pair, segment: TcpView, largest: int | None) -> None:
        """Take a segment that came to our end of a pair; `largest`: the segment size it tells."""
        connection = self._connections.get(pair)
        if connection is not None:
            connection.receive(segment, largest)
        elif segment.flags & (SYN | ACK | RST) == SYN and (
            listener := self._listening.get(pair[:2])
        ):
            self._accept(listener, pair, segment, largest)
        elif segment.flags & (FIN | SYN | RST) == FIN and pair in self._lingering:
            sequence, expected, _ = self._lingering[pair]
            goodbye = build_tcp(
                Endpoint(*pair[:2]),
                Endpoint(*pair[2:]),
                flags=ACK,
                sequence=sequence,
                acknowledgment=expected,
                dont_fragment=True,
            )
            self._host.send(Packet(goodbye, built_here=True))
        elif not segment.flags & RST and not self._host.silent:
            self.refuse(pair, segment)

    def _accept(
        self,
        listener: tuple[Process, Framing],
        pair: Pair,
        segment: TcpView,
        largest: int | None,
    ) -> None:
        process, framing = listener
        self._accepted += 1
        flow = Accepted(self._accepted)
        connection = Connection(
            self, process, flow, pair, framing=framing, sequence=self._random.getrandbits(32)
        )
        self._connections[pair] = connection
        connection.accept(segment, largest)

    def refuse(self, pair: Pair, segment: TcpView) -> None:
        """Answer a segment that belongs to no connection with a reset (RFC 9293 3.10.7.1)."""
        local, remote = Endpoint(*pair[:2]), Endpoint(*pair[2:])
        if segment.flags & ACK:
            reset = build_tcp(local, remote, flags=RST, sequence=segment.acknowledgment)
        else:
            length = len(segment.payload) + bool(segment.flags & SYN) + bool(segment.flags & FIN)
            reset = build_tcp(
                local,
                remote,
                flags=RST | ACK,
                sequence=0,
                acknowledgment=segment.sequence + length,
            )
        self._host.send(Packet(reset, built_here=True))

    def refused(self, quoted: Packet, reason: str) -> None:
        """An ICMP error about a segment of ours."""
        pair = quoted.pair()
        connection = self._connections.get(pair) if pair is not None else None
        if connection is not None:
            connection.unreachable(reason)


def _largest_told(packet: Packet) -> int | None:
    """The segment size among the options of a SYN; None where it tells none. Only our own hosts
    send options here, and this is the only one they send."""
    start = packet.payload + 20
    option = packet.raw[start : start + 4]
    return int.from_bytes(option[2:], "big") if option[:2] == bytes((_MSS, 4)) else None
