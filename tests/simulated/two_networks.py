"""Two networks, a router or translator between them, and tiny machines to put on their hosts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lab.observe.pcapng import read_records
from lab.observe.sighting import Ip, Mark, Sighting, Tcp, Udp
from lab.topology.plan import (
    Plan,
    PlannedInterface,
    PlannedNat,
    PlannedNetwork,
    PlannedNode,
    PlannedProgram,
    PlannedRoute,
)
from lab.worlds.simulated import SimulatedWorld
from lab.worlds.simulation.link import WIRE_TIME_NS as WIRE
from resolver.config import DnsTranslatorConfig, NatConfig, ServiceConfig
from resolver.machine import (
    MILLISECOND,
    SECOND,
    Effect,
    Endpoint,
    Event,
    Framing,
    Instant,
    MessageArrived,
    Open,
    Send,
    Transport,
)

VIEWER, ROUTER_LAN, BYSTANDER = "192.168.1.10", "192.168.1.1", "192.168.1.66"
ROUTER_FAR, SERVER = "10.0.0.1", "10.0.0.20"
VIEWER6, SERVER6 = "fd00:1::10", "fd00:2::20"
ALIAS, SECOND_ALIAS = "192.168.1.100", "192.168.1.101"
VIEWER_DELAY, SERVER_DELAY = 1 * MILLISECOND, 2 * MILLISECOND

DNS = Endpoint(SERVER, 53)
SERVICE = Endpoint(SERVER, 5900)

THERE = VIEWER_DELAY + WIRE + WIRE
"""From the viewer over the router to the server; the router's own links have no delay."""
BACK = SERVER_DELAY + WIRE + WIRE


# --- a plan -----------------------------------------------------------------------------------


def interface(name: str, network: str, *addresses: str, delay: int = 0, rate: int = 0):
    return PlannedInterface(name, network, addresses, delay, rate)


def node(name: str, role: str, *interfaces: PlannedInterface, **more) -> PlannedNode:
    return PlannedNode(
        name, name, role, interfaces, more.pop("routes", ()), more.pop("programs", ()), **more
    )


def a_plan(*, nat: bool = False, viewer_rate: int = 0, default_route: bool = True) -> Plan:
    """A viewer and a bystander on one network, a server on another, a router between them; with
    `nat`, the router is a translator and the server is reached by its alias."""
    listen = (DNS, Endpoint(SERVER6, 53))
    programs: tuple[PlannedProgram, ...] = (
        PlannedProgram(
            "dns-translator", DnsTranslatorConfig(listen, "cluster.test", (Endpoint(SERVER, 9),))
        ),
        PlannedProgram("service", ServiceConfig((SERVICE, Endpoint(SERVER6, 5900)), "server")),
    )
    lan = interface("router-eth0", "lan", f"{ROUTER_LAN}/24", "fd00:1::1/64")
    far = interface("router-eth1", "far", f"{ROUTER_FAR}/24", "fd00:2::1/64")
    if nat:
        between = node(
            "router",
            "translator",
            lan,
            far,
            forwards=True,
            programs=(
                PlannedProgram(
                    "nat",
                    NatConfig(
                        "nat0",
                        ((ALIAS, SERVER), (SECOND_ALIAS, "10.0.0.21")),
                        ROUTER_LAN,
                        ROUTER_FAR,
                    ),
                ),
                PlannedProgram(
                    "dns-translator",
                    DnsTranslatorConfig((Endpoint(SECOND_ALIAS, 53),), "cluster.test", (DNS,)),
                ),
            ),
            nat=PlannedNat(
                "nat0", (ALIAS, SECOND_ALIAS), "router-eth0", "router-eth1", (SECOND_ALIAS,)
            ),
        )
    else:
        between = node("router", "router", lan, far, forwards=True)
    defaults = (PlannedRoute("0.0.0.0/0", ROUTER_LAN), PlannedRoute("::/0", "fd00:1::1"))
    return Plan(
        title="two networks",
        source="test",
        networks=(
            PlannedNetwork("lan", ("192.168.1.0/24", "fd00:1::/64"), "s1", "lan"),
            PlannedNetwork("far", ("10.0.0.0/24", "fd00:2::/64"), "s2", "far" if nat else "lan"),
        ),
        nodes=(
            node(
                "viewer",
                "viewer",
                interface(
                    "viewer-eth0",
                    "lan",
                    f"{VIEWER}/24",
                    f"{VIEWER6}/64",
                    delay=VIEWER_DELAY,
                    rate=viewer_rate,
                ),
                routes=defaults if default_route else (),
            ),
            node("bystander", "bystander", interface("bystander-eth0", "lan", f"{BYSTANDER}/24")),
            between,
            node(
                "server",
                "server",
                interface(
                    "server-eth0", "far", f"{SERVER}/24", f"{SERVER6}/64", delay=SERVER_DELAY
                ),
                routes=(
                    PlannedRoute("0.0.0.0/0", ROUTER_FAR),
                    PlannedRoute("::/0", "fd00:2::1"),
                ),
                programs=programs,
            ),
        ),
        cluster_name="cluster.test",
        service_port=5900,
    )


# --- tiny machines ----------------------------------------------------------------------------


class Tiny:
    """Begins with some effects, reacts to events, and remembers what it heard and when."""

    def __init__(
        self, *opening: Effect, react: Callable[[Event], Sequence[Effect]] = lambda _: ()
    ) -> None:
        self.heard: list[tuple[Event, Instant]] = []
        self._opening: tuple[Effect, ...] = opening
        self._react = react

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        self.heard.append((event, now))
        return self._react(event)

    def expire(self, now: Instant) -> Sequence[Effect]:
        del now
        opening, self._opening = self._opening, ()
        return opening

    def deadline(self) -> Instant | None:
        return 0 if self._opening else None

    def ready(self) -> bool:
        return True

    @property
    def events(self) -> list[Event]:
        return [event for event, _ in self.heard]

    def payloads(self) -> list[bytes]:
        return [event.payload for event in self.events if isinstance(event, MessageArrived)]


def echo(event: Event) -> Sequence[Effect]:
    if isinstance(event, MessageArrived):
        return (Send(event.flow, event.payload),)
    return ()


def question(remote: Endpoint, payload: bytes = b"hello", source_port: int | None = None):
    return (Open(1, Transport.UDP, remote, source_port), Send(1, payload))


def dial(remote: Endpoint, framing: Framing = Framing.LENGTH_PREFIXED) -> Open:
    return Open(1, Transport.TCP, remote, framing=framing)


# --- running ----------------------------------------------------------------------------------


class Stage:
    """A started world and its capture."""

    def __init__(self, plan: Plan, out: Path, seed: int = 1) -> None:
        self.out = out
        self.world = SimulatedWorld(plan, out=out, seed=seed)
        self.world.start()
        self._records: list[Sighting | Mark] | None = None

    def play(self, machine: Tiny, name: str = "server") -> Tiny:
        """Put a tiny machine at the server's port 53."""
        self.world.start_peer(name, "dns-translator", machine, "tiny")
        return machine

    def attach(self, machine: Tiny, name: str = "viewer") -> Tiny:
        self.world.attach(name, machine)
        return machine

    def elapse(self, duration: int = SECOND) -> None:
        self.world.run_until(lambda: False, self.world.now() + duration)

    def packets(self) -> list[Sighting]:
        """Every packet captured; seals the world."""
        if self._records is None:
            self._records = list(read_records(self.world.seal().path))
        return [record for record in self._records if isinstance(record, Sighting)]

    def marks(self) -> list[Mark]:
        self.packets()
        assert self._records is not None
        return [record for record in self._records if isinstance(record, Mark)]

    def way(self, is_meant: Callable[[Ip], bool]) -> list[tuple[str, bool, Instant]]:
        """Interface, direction and instant of every sighting of certain packets."""
        return [
            (sighting.interface, sighting.outgoing, sighting.at)
            for sighting in self.packets()
            if isinstance(sighting.network, Ip) and is_meant(sighting.network)
        ]


def payload_of(ip: Ip) -> bytes:
    return ip.transport.payload if isinstance(ip.transport, Udp | Tcp) else b""
