"""TCP sockets of a host: who listens, and which connections there are."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from lab.worlds.simulation.connection import Connection
from lab.worlds.simulation.packet import Packet, Pair
from lab.worlds.simulation.ports import NoRoute, PortInUse, Ports
from lab.worlds.simulation.streams import Accepted
from resolver.machine import Endpoint, Flow, Framing
from resolver.nat.build import build_tcp
from resolver.nat.packet import ACK, FIN, RST, SYN, MalformedPacket, TcpView

if TYPE_CHECKING:
    from lab.worlds.simulation.host import Host
    from lab.worlds.simulation.process import Process


class TcpSockets:
    """Listening sockets and connections of a host."""

    def __init__(self, host: Host, random: Random) -> None:
        self._host = host
        self._random = random
        self._ports = Ports(random)
        self._listening: dict[tuple[str, int], tuple[Process, Framing]] = {}
        self._connections: dict[Pair, Connection] = {}
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
        segment = build_tcp(
            connection.local,
            connection.remote,
            flags=flags,
            sequence=sequence,
            acknowledgment=acknowledgment,
            payload=payload,
        )
        self._host.send(Packet(segment, built_here=True))

    def receive(self, packet: Packet) -> None:
        """Give a segment to its connection, accept it, or refuse it."""
        try:
            segment = TcpView.of(packet.raw[packet.payload : packet.end])
        except MalformedPacket:
            return
        pair = (packet.destination, segment.destination_port, packet.source, segment.source_port)
        connection = self._connections.get(pair)
        if connection is not None:
            connection.receive(segment)
        elif segment.flags & (SYN | ACK | RST) == SYN and (
            listener := self._listening.get(pair[:2])
        ):
            self._accept(listener, pair, segment)
        elif not segment.flags & RST:
            self.refuse(pair, segment)

    def _accept(self, listener: tuple[Process, Framing], pair: Pair, segment: TcpView) -> None:
        process, framing = listener
        self._accepted += 1
        flow = Accepted(self._accepted)
        connection = Connection(
            self, process, flow, pair, framing=framing, sequence=self._random.getrandbits(32)
        )
        self._connections[pair] = connection
        connection.accept(segment)

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
