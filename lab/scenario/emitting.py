"""Performing the steps that put bare packets on the wire: echoes, datagrams, whatever is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from lab.observe.named import carries, sequence_of
from lab.observe.sighting import Icmp, Ip, Sighting, Tcp
from lab.scenario import packets
from lab.scenario.bare import BareStep, Complain, Emit, Silence
from lab.scenario.model import Datagram, Ping
from lab.scenario.strays import address_towards, stray_datagram, stray_echo
from lab.topology.plan import Plan, PlannedNode
from lab.worlds.world import World
from resolver.machine import SECOND, Endpoint

_SOURCE_PORT = 40_000


class Emissions:
    """What was sent without sockets, and what of it arrived."""

    def __init__(self, world: World, plan: Plan, random: Random) -> None:
        self._world = world
        self._plan = plan
        self._random = random
        self._passing_on = {node.name for node in plan.nodes if node.forwards or node.nat}
        self._seen: dict[str, Ip] = {}
        """Named packets as they arrived."""

    def perform(self, step: BareStep | Ping | Datagram) -> None:
        """Send, and wait for what is waited for."""
        match step:
            case Ping() | Datagram():
                self._stray(step)
            case Emit():
                self._emit(step)
            case Complain():
                self._complain(step)
            case Silence():
                self._world.silence(step.node)

    def _stray(self, step: Ping | Datagram) -> None:
        node = self._plan.node(step.node)
        stray = (
            stray_echo(step, node, self._random.getrandbits(16))
            if isinstance(step, Ping)
            else stray_datagram(step, node)
        )
        self._transmit(
            node,
            [stray.packet],
            step.patience_s,
            lambda sighting: sighting.node == node.name and stray.is_answered_by(sighting),
        )

    def _emit(self, step: Emit) -> None:
        node = self._plan.node(step.node)
        answered = None if step.answers is None else self._seen.get(step.answers)
        if step.answers is not None and answered is None:
            self._never_sent(step.node, step.packet, step.answers)
            return
        source, destination = _endpoints(step, node, answered)
        sequence, acknowledgment = _numbers(step, answered)
        octets = packets.bare_packet(
            step, source, destination, sequence=sequence, acknowledgment=acknowledgment
        )
        self._send_named(node, step.packet, octets, step.patience_s)

    def _complain(self, step: Complain) -> None:
        node = self._plan.node(step.node)
        about = self._seen.get(step.about)
        if about is None:
            self._never_sent(step.node, step.packet, step.about)
            return
        error = packets.bare_error(step, address_towards(node, about.source), about.raw)
        self._send_named(node, step.packet, [error], step.patience_s)

    def _never_sent(self, node: str, packet: str, about: str) -> None:
        self._world.mark("not-sent", f"{node} sends no {packet!r}: {about!r} never arrived")

    def _send_named(
        self, node: PlannedNode, name: str, octets: list[bytes], patience_s: float
    ) -> None:
        def is_there(sighting: Sighting) -> bool:
            ip = sighting.network
            if (
                not isinstance(ip, Ip)
                or sighting.node in {node.name, *self._passing_on}
                or not carries(ip, name)
            ):
                return False
            self._seen.setdefault(name, ip)
            return True

        self._transmit(node, octets, patience_s, is_there)

    def _transmit(
        self,
        node: PlannedNode,
        octets: list[bytes],
        patience_s: float,
        is_awaited: Callable[[Sighting], bool],
    ) -> None:
        awaited: list[Sighting] = []

        def watch(sighting: Sighting) -> None:
            if not sighting.outgoing and is_awaited(sighting):
                awaited.append(sighting)

        with self._watched_by(watch):
            for packet in octets:
                self._world.transmit(node.name, node.interfaces[0].name, packet)
            deadline = self._world.now() + round(patience_s * SECOND)
            self._world.run_until(lambda: len(awaited) >= len(octets), deadline)

    @contextmanager
    def _watched_by(self, watcher: Callable[[Sighting], None]) -> Iterator[None]:
        """Have every packet shown to the watcher. Only meanwhile: for a watcher, a world must
        decode each packet as it passes."""
        self._world.on_sighting(watcher)
        try:
            yield
        finally:
            self._world.on_sighting(None)


def _endpoints(step: Emit, node: PlannedNode, answered: Ip | None) -> tuple[Endpoint, Endpoint]:
    """Between which the packet of an `Emit` goes."""
    if answered is None:
        to = str(step.to)
        source = Endpoint(address_towards(node, to), step.source_port or _SOURCE_PORT)
        return source, Endpoint(to, step.port)
    # Whoever was meant answers from where he was addressed; another one from his own address.
    meant = answered.destination in node.addresses()
    own = answered.destination if meant else address_towards(node, answered.source)
    came_to, came_from = answered.receiver, answered.sender
    if came_to is None or came_from is None:
        echo = answered.transport.identifier if isinstance(answered.transport, Icmp) else 0
        own_port = step.source_port or echo or _SOURCE_PORT
        return Endpoint(own, own_port), Endpoint(answered.source, step.port)
    return Endpoint(own, step.source_port or came_to.port), came_from


def _numbers(step: Emit, answered: Ip | None) -> tuple[int, int]:
    """Sequence number and acknowledgment of a TCP segment (RFC 9293 3.4)."""
    if answered is None or not isinstance(answered.transport, Tcp):
        return sequence_of(step.packet), 0
    tcp = answered.transport
    length = len(tcp.payload) + len(tcp.flags & {"SYN", "FIN"})
    sequence = tcp.acknowledgement if "ACK" in tcp.flags else sequence_of(step.packet)
    return sequence, (tcp.sequence + length) % 2**32
