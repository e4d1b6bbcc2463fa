"""UDP sockets of a host."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from lab.worlds.simulation.packet import Packet, Pair
from lab.worlds.simulation.ports import NoRoute, PortInUse, Ports
from resolver.machine import Endpoint, Flow, MessageArrived, Transport, Unreachable
from resolver.nat.build import build_udp

if TYPE_CHECKING:
    from lab.worlds.simulation.host import Host
    from lab.worlds.simulation.process import Process


@dataclass(frozen=True, slots=True)
class UdpClient:
    """The flow of a client that sends to a listening socket: its endpoint, and ours."""

    remote: Endpoint
    local: Endpoint


class UdpSocket:
    """A socket connected to one remote endpoint."""

    def __init__(self, sockets: UdpSockets, process: Process, flow: Flow, pair: Pair) -> None:
        self._sockets = sockets
        self.process = process
        self.flow = flow
        self._pair = pair
        self._local = Endpoint(*pair[:2])
        self._remote = Endpoint(*pair[2:])

    def send(self, payload: bytes) -> None:
        """Send a datagram."""
        if not self._sockets.send(self._local, self._remote, payload):
            self.process.deliver(Unreachable(self.flow, "network unreachable"))

    def close(self) -> None:
        """Close the socket; its port refuses from now on."""
        self._sockets.forget(self._pair)


class UdpSockets:
    """Who gets a datagram: the socket connected to its sender, or else the one that listens."""

    def __init__(self, host: Host, random: Random) -> None:
        self._host = host
        self._ports = Ports(random)
        self._listening: dict[tuple[str, int], Process] = {}
        self._connected: dict[Pair, UdpSocket] = {}

    def listen(self, local: Endpoint, process: Process) -> None:
        """Bind a listening socket; PortInUse when the endpoint is taken."""
        key = (local.address, local.port)
        if key in self._listening:
            raise PortInUse(local.port)
        self._ports.share(local.port)
        self._listening[key] = process

    def unlisten(self, local: Endpoint) -> None:
        """Close a listening socket."""
        del self._listening[local.address, local.port]
        self._ports.give_back(local.port)

    def connect(
        self,
        process: Process,
        flow: Flow,
        remote: Endpoint,
        source_port: int | None,
        source_address: str | None = None,
        *,
        shares_port: bool = False,
    ) -> UdpSocket:
        """A fresh connected socket. Raises NoRoute or PortInUse."""
        address = self._host.source_towards(remote.address, source_address)
        if address is None:
            raise NoRoute(remote.address)
        if shares_port and source_port is not None and self._is_mine(process, source_port):
            port = source_port
            self._ports.share(port)
        else:
            port = self._ports.take(source_port)
        pair = (address, port, remote.address, remote.port)
        socket = self._connected[pair] = UdpSocket(self, process, flow, pair)
        return socket

    def _is_mine(self, process: Process, port: int) -> bool:
        """Whether the process has a connected socket at this port already."""
        return any(
            pair[1] == port and socket.process is process
            for pair, socket in self._connected.items()
        )

    def forget(self, pair: Pair) -> None:
        """Close a connected socket."""
        if self._connected.pop(pair, None) is not None:
            self._ports.give_back(pair[1])

    def send(self, local: Endpoint, remote: Endpoint, payload: bytes) -> bool:
        """Send a datagram from an endpoint of this host; False when there is no route."""
        # Linux sets DF, so that it hears of paths that are too narrow (net.ipv4.ip_no_pmtu_disc).
        datagram = build_udp(local, remote, payload, dont_fragment=True)
        return self._host.send(Packet(datagram, built_here=True))

    def receive(self, packet: Packet) -> bool:
        """Give a datagram to its socket; False when there is none."""
        raw, start = packet.raw, packet.payload
        if packet.end - start < 8:
            return True
        end = start + (raw[start + 4] << 8 | raw[start + 5])
        if not start + 8 <= end <= packet.end:
            return True  # RFC 768: the length is wrong, and so is everything behind it
        source = Endpoint(packet.source, raw[start] << 8 | raw[start + 1])
        destination = Endpoint(packet.destination, raw[start + 2] << 8 | raw[start + 3])
        pair = (destination.address, destination.port, source.address, source.port)
        socket = self._connected.get(pair)
        flow: Flow
        if socket is not None:
            process, flow = socket.process, socket.flow
        else:
            listener = self._listening.get(pair[:2])
            if listener is None:
                return False
            process, flow = listener, UdpClient(source, destination)
        payload = raw[start + 8 : end]
        process.deliver(MessageArrived(flow, payload, Transport.UDP, source, destination))
        return True

    def refused(self, quoted: Packet, reason: str) -> None:
        """An ICMP error about a datagram of ours: a connected socket hears of it."""
        pair = quoted.pair()
        socket = self._connected.get(pair) if pair is not None else None
        if socket is not None:
            socket.process.deliver(Unreachable(socket.flow, reason))
