"""The simulated world: what travels, when, and what its hosts answer by themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.observe.pcapng import read_records
from lab.observe.sighting import Icmp, Ip, Mark, Sighting, Tcp, Udp
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
from lab.worlds.simulation.agenda import Agenda
from lab.worlds.simulation.link import WIRE_TIME_NS as WIRE
from lab.worlds.simulation.process import PROCESSING_TIME_NS as PROCESSING
from lab.worlds.world import Capability, Clock, WorldBroken
from resolver.config import DnsTranslatorConfig, NatConfig, ResolverConfig, ServiceConfig
from resolver.machine import (
    MILLISECOND,
    SECOND,
    Close,
    Effect,
    Endpoint,
    Event,
    Framing,
    Instant,
    MessageArrived,
    Note,
    Open,
    PortTaken,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)
from resolver.nat.build import build_icmp_echo, build_udp

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
            PlannedNetwork("far", ("10.0.0.0/24", "fd00:2::/64"), "s2", "lan"),
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


@pytest.fixture
def make_stage(tmp_path) -> Iterator[Callable[..., Stage]]:
    """Makes stages; at the end, every packet of every capture must have right checksums."""
    stages: list[Stage] = []

    def make(plan: Plan | None = None, *, seed: int = 1) -> Stage:
        stage = Stage(plan or a_plan(), tmp_path / str(len(stages)), seed)
        stages.append(stage)
        return stage

    yield make
    for stage in stages:
        for sighting in stage.packets():
            assert isinstance(sighting.network, Ip)
            assert sighting.network.checksum_right
            if sighting.network.transport is not None:
                assert sighting.network.transport.checksum_right
        stage.world.stop()


@pytest.fixture
def stage(make_stage) -> Stage:
    return make_stage()


def payload_of(ip: Ip) -> bytes:
    return ip.transport.payload if isinstance(ip.transport, Udp | Tcp) else b""


# --- datagrams --------------------------------------------------------------------------------


def test_a_datagram_and_its_echo_arrive_at_exact_instants(stage):
    server = stage.play(Tiny(react=echo))
    began = stage.world.now()
    viewer = stage.attach(Tiny(*question(DNS)))
    stage.elapse()

    arrived = began + THERE + PROCESSING
    ((asked, asked_at),) = server.heard
    assert asked_at == arrived
    assert asked.payload == b"hello"
    assert (asked.source.address, asked.destination) == (VIEWER, DNS)
    ((answered, answered_at),) = viewer.heard
    assert answered_at == arrived + BACK + PROCESSING
    assert (answered.payload, answered.source, answered.destination) == (
        b"hello",
        DNS,
        asked.source,
    )
    left = began + VIEWER_DELAY + WIRE
    assert stage.way(lambda ip: ip.destination == SERVER) == [
        ("viewer-eth0", True, began),
        ("router-eth0", False, left),
        ("router-eth1", True, left),
        ("server-eth0", False, left + WIRE),
    ]


def test_over_ipv6_too(stage):
    server = stage.play(Tiny(react=echo))
    viewer = stage.attach(Tiny(*question(Endpoint(SERVER6, 53))))
    stage.elapse()
    assert server.events[0].source.address == VIEWER6
    assert viewer.payloads() == [b"hello"]
    assert {sighting.network.version for sighting in stage.packets()} == {6}


def test_a_rate_limit_makes_the_second_datagram_wait_for_the_first(make_stage):
    stage = make_stage(a_plan(viewer_rate=1_000_000))
    server = stage.play(Tiny())
    began = stage.world.now()
    stage.attach(Tiny(*question(DNS, bytes(958)), Send(1, bytes(958))))
    stage.elapse()
    # 958 octets of payload, 8 of UDP, 20 of IPv4, 14 of Ethernet: 1,000 octets take 8 ms.
    expected = [began + turn * 8 * MILLISECOND + THERE + PROCESSING for turn in (1, 2)]
    assert [at for _, at in server.heard] == expected


def test_what_a_host_sends_itself_crosses_no_wire(stage):
    server = stage.play(Tiny(react=echo))
    own = stage.attach(Tiny(*question(DNS)), "server")
    stage.elapse()
    assert own.payloads() == [b"hello"]
    assert server.events[0].source.address == SERVER
    assert stage.packets() == []


def test_a_source_port_is_used_as_asked_and_given_once(stage):
    server = stage.play(Tiny(react=echo))
    first = stage.attach(Tiny(*question(DNS, source_port=40_000)))
    second = stage.attach(Tiny(*question(DNS, source_port=40_000)))
    stage.elapse()
    assert first.payloads() == [b"hello"]
    assert [event.source.port for event in server.events] == [40_000]
    assert second.events == [PortTaken(1)]
    stage.world.detach(first)
    third = stage.attach(Tiny(*question(DNS, source_port=40_000)))
    stage.elapse()
    assert third.payloads() == [b"hello"]


def test_a_port_nobody_listens_at_refuses(stage):
    began = stage.world.now()
    viewer = stage.attach(Tiny(*question(Endpoint(SERVER, 54))))
    stage.elapse()
    # The kernel answers: no program's time is in the first half.
    assert viewer.heard == [(Unreachable(1, "port unreachable"), began + THERE + BACK + PROCESSING)]
    (error,) = [
        s.network for s in stage.packets() if s.interface == "viewer-eth0" and not s.outgoing
    ]
    assert (error.source, error.transport.type, error.transport.code) == (SERVER, 3, 3)
    assert error.transport.embedded.receiver == Endpoint(SERVER, 54)


def test_over_ipv6_a_port_refuses_too(stage):
    viewer = stage.attach(Tiny(*question(Endpoint(SERVER6, 54))))
    stage.elapse()
    assert viewer.events == [Unreachable(1, "port unreachable")]


def test_an_address_nobody_has_is_silent(stage):
    viewer = stage.attach(Tiny(*question(Endpoint("192.168.1.77", 53))))
    stage.elapse(60 * SECOND)
    assert viewer.events == []
    assert [interface for interface, *_ in stage.way(lambda _: True)] == ["viewer-eth0"]


def test_without_a_route_nothing_leaves(make_stage):
    stage = make_stage(a_plan(default_route=False))
    udp = stage.attach(Tiny(*question(DNS)))
    tcp = stage.attach(Tiny(dial(SERVICE)))
    stage.elapse()
    assert udp.events == tcp.events == [Unreachable(1, "network unreachable")]
    assert stage.packets() == []


def test_a_router_without_a_route_says_so_to_those_who_listen(stage):
    nowhere = "172.16.0.1"
    udp = stage.attach(Tiny(*question(Endpoint(nowhere, 53))))
    tcp = stage.attach(Tiny(dial(Endpoint(nowhere, 53))))
    stage.elapse()
    # RFC 1122 3.2.2.1: a hint; a connected UDP socket of Linux is not told, a connect fails.
    assert udp.events == []
    assert tcp.events == [Unreachable(1, "network unreachable")]
    errors = [s.network for s in stage.packets() if isinstance(s.network.transport, Icmp)]
    assert {(e.source, e.transport.type, e.transport.code) for e in errors} == {(ROUTER_LAN, 3, 0)}


# --- routing and ICMP -------------------------------------------------------------------------


def test_a_router_takes_one_off_the_time_to_live(stage):
    stage.attach(Tiny(*question(DNS)))
    stage.elapse()
    ttls = [s.network.ttl for s in stage.packets() if s.network.destination == SERVER]
    assert ttls == [64, 64, 63, 63]


def test_an_expired_packet_is_answered_by_the_router(stage):
    packet = build_icmp_echo(VIEWER, SERVER, reply=False, identifier=7, sequence=1, ttl=1)
    stage.world.transmit("viewer", "viewer-eth0", packet)
    stage.elapse()
    error = stage.packets()[-1]
    assert (error.interface, error.network.source) == ("viewer-eth0", ROUTER_LAN)
    assert (error.network.transport.type, error.network.transport.code) == (11, 0)
    assert error.network.transport.embedded.destination == SERVER


@pytest.mark.parametrize(("source", "target"), [(VIEWER, SERVER), (VIEWER6, SERVER6)])
def test_a_host_answers_an_echo_request(stage, source, target):
    packet = build_icmp_echo(
        source, target, reply=False, identifier=7, sequence=1, payload=b"are you there"
    )
    stage.world.transmit("viewer", "viewer-eth0", packet)
    stage.elapse()
    reply = stage.packets()[-1]
    assert (reply.interface, reply.network.source) == ("viewer-eth0", target)
    icmp = reply.network.transport
    assert (icmp.identifier, icmp.sequence, icmp.payload) == (7, 1, b"are you there")


def test_a_host_that_does_not_forward_keeps_what_is_not_for_it(stage):
    packet = build_udp(Endpoint(VIEWER, 1), Endpoint("172.16.0.1", 53), b"stray")
    stage.world.transmit("server", "server-eth0", packet)
    stage.elapse()
    # Over the router, which has no route, an error goes to the viewer; the bystander sees nothing.
    assert {interface for interface, *_ in stage.way(lambda ip: ip.protocol == 17)} == {
        "server-eth0",
        "router-eth1",
    }


def test_no_error_about_an_error(stage):
    stage.attach(Tiny(*question(Endpoint(SERVER, 54), source_port=40_000)))
    stage.world.run_until(lambda: False, stage.world.now() + THERE)
    stage.world.set_power("viewer", on=False)
    stage.elapse()
    assert len([1 for s in stage.packets() if isinstance(s.network.transport, Icmp)]) == 3


# --- streams ----------------------------------------------------------------------------------


def test_a_stream_opens_carries_framed_messages_and_closes(stage):
    long = bytes(range(256)) * 20  # four segments

    def ask(event: Event) -> Sequence[Effect]:
        match event:
            case StreamOpened():
                return Send(1, b"first"), Send(1, long), Send(1, b"")
            case MessageArrived(payload=b""):
                return (Close(1),)
            case _:
                return ()

    server = stage.play(Tiny(react=echo))
    began = stage.world.now()
    viewer = stage.attach(Tiny(dial(DNS), react=ask))
    stage.elapse()

    assert server.payloads() == viewer.payloads() == [b"first", long, b""]
    opened, opened_at = viewer.heard[0]
    assert (opened.source, opened.destination.address) == (DNS, VIEWER)
    assert opened_at == began + THERE + BACK + PROCESSING
    assert isinstance(server.events[0], StreamOpened)
    assert server.events[-1] == StreamClosed(server.events[0].flow)
    flags = [s.network.transport.flags for s in stage.packets() if s.interface == "viewer-eth0"]
    assert flags[:3] == [{"SYN"}, {"SYN", "ACK"}, {"ACK"}]
    assert [f for f in flags if "FIN" in f] == [{"FIN", "ACK"}] * 2
    assert not any("RST" in f for f in flags)
    sent = b"".join(
        payload_of(s.network)
        for s in stage.packets()
        if s.interface == "viewer-eth0" and s.outgoing
    )
    assert sent == b"\0\5first" + len(long).to_bytes(2, "big") + long + b"\0\0"


def test_a_refused_connection(stage):
    began = stage.world.now()
    viewer = stage.attach(Tiny(dial(Endpoint(SERVER, 81))))
    stage.elapse()
    assert viewer.heard == [
        (Unreachable(1, "connection refused"), began + THERE + BACK + PROCESSING)
    ]
    syn, reset = (s.network.transport for s in stage.packets() if s.interface == "viewer-eth0")
    assert reset.flags == {"RST", "ACK"}
    assert reset.acknowledgement == (syn.sequence + 1) % 2**32


@pytest.mark.parametrize("address", [SERVER, SERVER6])
def test_the_service_says_who_it_is(stage, address):
    viewer = stage.attach(Tiny(dial(Endpoint(address, 5900), Framing.RAW)))
    stage.elapse()
    assert b"server" in b"".join(viewer.payloads())


def test_a_closed_stream_is_heard_of_no_more(stage):
    def hang_up(event: Event) -> Sequence[Effect]:
        return (Close(event.flow),) if isinstance(event, StreamOpened) else ()

    server = stage.play(Tiny(react=echo))
    viewer = stage.attach(Tiny(dial(DNS), react=hang_up))
    stage.elapse()
    assert [type(event) for event in viewer.events] == [StreamOpened]
    assert [type(event) for event in server.events] == [StreamOpened, StreamClosed]


def test_an_ended_program_closes_its_streams_and_refuses_new_ones(stage):
    stage.play(Tiny())
    first = stage.attach(Tiny(dial(DNS)))
    stage.elapse()
    stage.world.stop_program("server", "dns-translator")
    second = stage.attach(Tiny(dial(DNS)))
    asked = stage.attach(Tiny(*question(DNS)))
    stage.elapse()
    assert [type(event) for event in first.events] == [StreamOpened, StreamClosed]
    assert second.events == [Unreachable(1, "connection refused")]
    assert asked.events == [Unreachable(1, "port unreachable")]


def test_a_program_starts_again(stage):
    program = a_plan().node("server").program("service")
    stage.world.stop_program("server", "service")
    stage.world.start_program("server", program)
    viewer = stage.attach(Tiny(dial(SERVICE, Framing.RAW)))
    stage.elapse()
    assert b"server" in b"".join(viewer.payloads())


def test_a_message_before_the_stream_is_open_is_a_bug_of_the_machine(stage):
    stage.play(Tiny())
    with pytest.raises(WorldBroken, match="actor on viewer sent on flow 1 before StreamOpened"):
        stage.attach(Tiny(dial(DNS), Send(1, b"too early")))


# --- power, forgeries, steps ------------------------------------------------------------------


def test_a_node_without_power_hears_and_says_nothing_and_comes_back(stage):
    server = stage.play(Tiny(react=echo))
    stage.world.set_power("server", on=False)
    lost = stage.attach(Tiny(*question(DNS, b"lost")))
    stage.elapse()
    stage.world.set_power("server", on=True)
    heard = stage.attach(Tiny(*question(DNS, b"heard")))
    stage.elapse()
    assert lost.events == []
    assert server.payloads() == heard.payloads() == [b"heard"]
    assert [i for i, *_ in stage.way(lambda ip: payload_of(ip) == b"lost")] == [
        "viewer-eth0",
        "router-eth0",
        "router-eth1",
    ]


def test_what_is_on_the_way_when_power_goes_is_lost(stage):
    server = stage.play(Tiny())
    stage.attach(Tiny(*question(DNS)))
    stage.elapse(VIEWER_DELAY)
    stage.world.set_power("server", on=False)
    stage.elapse()
    assert server.events == []


@pytest.mark.parametrize(
    ("source", "port", "arrives"), [(DNS, 40_000, True), (Endpoint(BYSTANDER, 53), 40_000, False)]
)
def test_a_forgery_reaches_only_the_socket_it_fits(stage, source, port, arrives):
    victim = stage.attach(Tiny(Open(1, Transport.UDP, DNS, 40_000)))
    forged = build_udp(source, Endpoint(VIEWER, port), b"forged")
    stage.world.transmit("bystander", "bystander-eth0", forged)
    stage.elapse()
    assert victim.payloads() == ([b"forged"] if arrives else [])
    (left, *_) = stage.way(lambda ip: payload_of(ip) == b"forged")
    assert left[:2] == ("bystander-eth0", True)


def test_the_watcher_sees_every_packet_at_once_and_may_answer(stage):
    stage.play(Tiny())
    victim = Tiny(*question(DNS))
    seen: list[Sighting] = []

    def forge(sighting: Sighting) -> None:
        seen.append(sighting)
        if sighting.node == "viewer" and sighting.outgoing:
            assert sighting.at == stage.world.now()
            reply = build_udp(DNS, sighting.network.sender, b"forged")
            stage.world.transmit("bystander", "bystander-eth0", reply)

    stage.world.on_sighting(forge)
    stage.attach(victim)
    stage.elapse()
    stage.world.on_sighting(None)
    stage.attach(Tiny(*question(DNS)))
    assert victim.payloads() == [b"forged"]
    captured = stage.packets()
    assert len(captured) == len(seen) + 1
    for shown, read in zip(seen, captured, strict=False):
        assert shown == read


def test_damaged_packets_are_captured_and_not_delivered(tmp_path):
    stage = Stage(a_plan(), tmp_path)
    server = stage.play(Tiny())
    whole = build_udp(Endpoint(VIEWER, 1), DNS, b"damaged")
    in_payload = whole[:-1] + b"!"
    in_header = whole[:10] + b"\0\0" + whole[12:]
    stage.world.transmit("viewer", "viewer-eth0", in_payload)
    stage.world.transmit("viewer", "viewer-eth0", in_header)
    stage.elapse()
    assert server.events == []
    # A router looks at the header only (RFC 1812 5.2.2).
    assert len([s for s in stage.packets() if s.interface == "router-eth0"]) == 2
    assert len([s for s in stage.packets() if s.interface == "server-eth0"]) == 1


def test_transmit_needs_a_packet_and_a_next_hop(stage):
    with pytest.raises(WorldBroken, match="viewer cannot transmit: 3 octets"):
        stage.world.transmit("viewer", "viewer-eth0", b"abc")
    packet = build_udp(Endpoint(BYSTANDER, 1), DNS, b"")
    with pytest.raises(WorldBroken, match=r"bystander cannot transmit to 10\.0\.0\.20"):
        stage.world.transmit("bystander", "bystander-eth0", packet)


def test_marks_stand_between_the_packets(stage):
    stage.elapse(SECOND)
    stage.world.mark("halted", "server halts", node="server")
    stage.attach(Tiny(*question(DNS)))
    stage.elapse()
    (mark,) = stage.marks()
    assert (mark.kind, mark.text, mark.fields) == ("halted", "server halts", {"node": "server"})
    assert mark.number == 1
    first = stage.packets()[0]
    assert (first.number, first.at) == (2, mark.at)


# --- translation ------------------------------------------------------------------------------


def test_an_alias_leads_to_the_server_and_back(make_stage):
    stage = make_stage(a_plan(nat=True))
    server = stage.play(Tiny(react=echo))
    began = stage.world.now()
    viewer = stage.attach(Tiny(*question(Endpoint(ALIAS, 53))))
    stage.elapse()

    ((asked, asked_at),) = server.heard
    assert (asked.source.address, asked.destination) == (VIEWER, DNS)
    assert asked_at == began + THERE + 2 * PROCESSING  # the translator's, and the server's
    assert [(e.payload, e.source) for e in viewer.events] == [(b"hello", Endpoint(ALIAS, 53))]
    wire = [
        (s.interface, s.network.source, s.network.destination, s.network.ttl)
        for s in stage.packets()
    ]
    assert wire == [
        ("viewer-eth0", VIEWER, ALIAS, 64),
        ("router-eth0", VIEWER, ALIAS, 64),
        ("router-eth1", VIEWER, SERVER, 63),
        ("server-eth0", VIEWER, SERVER, 63),
        ("server-eth0", SERVER, VIEWER, 64),
        ("router-eth1", SERVER, VIEWER, 64),
        ("router-eth0", ALIAS, VIEWER, 63),
        ("viewer-eth0", ALIAS, VIEWER, 63),
    ]


def test_a_connection_by_alias_reaches_the_service(make_stage):
    stage = make_stage(a_plan(nat=True))
    viewer = stage.attach(Tiny(dial(Endpoint(ALIAS, 5900), Framing.RAW)))
    refused = stage.attach(Tiny(dial(Endpoint(ALIAS, 81))))
    stage.elapse()
    assert b"server" in b"".join(viewer.payloads())
    assert refused.events == [Unreachable(1, "connection refused")]


def test_errors_and_echoes_cross_the_translator(make_stage):
    stage = make_stage(a_plan(nat=True))
    viewer = stage.attach(Tiny(*question(Endpoint(ALIAS, 54))))
    stage.elapse()
    assert viewer.events == [Unreachable(1, "port unreachable")]
    ping = build_icmp_echo(VIEWER, ALIAS, reply=False, identifier=1, sequence=1)
    stage.world.transmit("viewer", "viewer-eth0", ping)
    stage.elapse()
    assert stage.packets()[-1].network.source == ALIAS


def test_port_53_of_a_dns_alias_ends_at_the_translator_and_answers_from_the_alias(make_stage):
    stage = make_stage(a_plan(nat=True))
    translator = stage.play(Tiny(react=echo), "router")
    viewer = stage.attach(Tiny(*question(Endpoint(SECOND_ALIAS, 53))))
    stream = stage.attach(Tiny(dial(Endpoint(SECOND_ALIAS, 53))))
    stage.elapse()
    assert translator.payloads() == [b"hello"]
    assert [event.source for event in viewer.events] == [Endpoint(SECOND_ALIAS, 53)]
    assert [type(event) for event in stream.events] == [StreamOpened]
    assert "router-eth1" not in {interface for interface, *_ in stage.way(lambda _: True)}


def test_without_the_nat_program_aliases_are_silent(make_stage):
    stage = make_stage(a_plan(nat=True))
    stage.world.stop_program("router", "nat")
    viewer = stage.attach(Tiny(*question(Endpoint(ALIAS, 53))))
    stage.elapse()
    assert viewer.events == []
    stage.world.start_program("router", a_plan(nat=True).node("router").program("nat"))
    stage.play(Tiny(react=echo))
    again = stage.attach(Tiny(*question(Endpoint(ALIAS, 53))))
    stage.elapse()
    assert again.payloads() == [b"hello"]


# --- the world itself -------------------------------------------------------------------------


def test_what_it_is_and_can():
    assert SimulatedWorld.clock is Clock.VIRTUAL
    assert Capability.FOREIGN_SERVERS not in SimulatedWorld.capabilities
    assert SimulatedWorld.capabilities == set(Capability) - {Capability.FOREIGN_SERVERS}


def test_run_until_stops_at_the_condition_or_exactly_at_the_deadline(stage):
    began = stage.world.now()
    stage.play(Tiny(react=echo))
    viewer = stage.attach(Tiny(*question(DNS)))
    assert stage.world.run_until(lambda: bool(viewer.heard), began + SECOND)
    assert stage.world.now() == began + THERE + BACK + 2 * PROCESSING
    assert not stage.world.run_until(lambda: False, began + 3600 * SECOND)
    assert stage.world.now() == began + 3600 * SECOND
    assert not stage.world.run_until(lambda: False, began)
    assert stage.world.now() == began + 3600 * SECOND


def test_a_detached_actor_hears_nothing(stage):
    stage.play(Tiny(react=echo))
    viewer = stage.attach(Tiny(*question(DNS)))
    stage.world.detach(viewer)
    stage.elapse()
    assert viewer.events == []


def test_configurations_and_journals_are_left_beside_the_capture(stage):
    stage.play(Tiny(Note(WorldBroken("a fact"))))
    stage.world.seal()
    place = stage.out / "nodes" / "server"
    assert 'name = "server"' in (place / "service.toml").read_text()
    assert (place / "dns-translator.toml").read_text() == "# A scripted peer sits here: tiny\n"
    assert '"fact": "WorldBroken"' in (place / "dns-translator.stderr").read_text()
    assert (place / "service.stderr").exists()


def test_a_sealed_world_lives_on_unseen(stage):
    server = stage.play(Tiny(react=echo))
    capture = stage.world.seal()
    size = capture.path.stat().st_size
    stage.attach(Tiny(*question(DNS)))
    stage.elapse()
    assert server.payloads() == [b"hello"]
    assert capture.path.stat().st_size == size
    assert capture.frames_lost == 0
    stage.world.stop()
    stage.world.stop()
    stage._records = []


class Stuck(Tiny):
    def deadline(self) -> Instant | None:
        return 5


class Raising(Tiny):
    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        raise KeyError(event, now)


class Unready(Tiny):
    def ready(self) -> bool:
        return False


def test_a_machine_that_cannot_go_on_is_named(stage):
    stage.play(Stuck())
    with pytest.raises(WorldBroken, match="dns-translator on server: its deadline stays at 5 ns"):
        stage.elapse()


def test_a_machine_that_raises_is_named(stage):
    stage.play(Raising())
    stage.attach(Tiny(*question(DNS)))
    with pytest.raises(WorldBroken, match="dns-translator on server failed at MessageArrived"):
        stage.elapse()


def test_a_machine_that_never_gets_ready_is_named(stage):
    with pytest.raises(WorldBroken, match="not ready after 60 s: dns-translator on server"):
        stage.play(Unready())


def test_unusable_plans_and_unknown_nodes_are_named(stage, tmp_path):
    with pytest.raises(WorldBroken, match="the plan test has no node 'viewre'"):
        stage.world.attach("viewre", Tiny())
    with pytest.raises(WorldBroken, match="viewer has no balancer"):
        stage.world.start_peer("viewer", "balancer", Tiny(), "tiny")
    plan = a_plan()
    server = plan.node("server")
    resolver = PlannedProgram("resolver", ResolverConfig((DNS,)))
    twice = replace(server, programs=(*server.programs, resolver))
    with pytest.raises(WorldBroken, match="resolver on server: another program of the node has"):
        world_of(plan, twice, tmp_path / "twice")
    nowhere = replace(server, programs=(a_plan(nat=True).node("router").programs[0],))
    with pytest.raises(WorldBroken, match="server runs the NAT program, and the plan gives it no"):
        world_of(plan, nowhere, tmp_path / "nowhere")
    astray = replace(server, routes=(PlannedRoute("0.0.0.0/0", "172.16.0.1"),))
    with pytest.raises(WorldBroken, match=r"server: the next hop 172\.16\.0\.1 of the route to"):
        world_of(plan, astray, tmp_path / "astray")


def world_of(plan: Plan, changed: PlannedNode, out: Path) -> SimulatedWorld:
    nodes = tuple(changed if each.name == changed.name else each for each in plan.nodes)
    world = SimulatedWorld(replace(plan, nodes=nodes), out=out, seed=1)
    world.start()
    return world


# --- determinism and causality ----------------------------------------------------------------


def a_run(out: Path, seed: int) -> bytes:
    """The capture of a run that uses ports, sequence numbers, the NAT and the real programs."""
    stage = Stage(a_plan(nat=True), out, seed)
    for _ in range(3):
        stage.attach(Tiny(*question(Endpoint(SECOND_ALIAS, 53))))
        stage.attach(Tiny(dial(Endpoint(ALIAS, 5900), Framing.RAW)))
        stage.elapse(3 * SECOND)
    return stage.world.seal().path.read_bytes()


def test_the_same_seed_gives_the_same_capture(tmp_path):
    first = a_run(tmp_path / "first", 1)
    assert first == a_run(tmp_path / "again", 1)
    assert first != a_run(tmp_path / "other", 2)
    # Whatever order another process hashes its strings into.
    code = f"from test_simulated_world import a_run, Path; a_run(Path({str(tmp_path / 'p')!r}), 1)"
    here = Path(__file__).parent
    path = os.pathsep.join((str(here), str(here.parents[1])))
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert first == (tmp_path / "p" / "capture.pcapng").read_bytes()


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=40))
def test_nothing_happens_before_its_cause(appointments):
    """Actions that appoint further actions: the clock never goes back, and an effect comes after
    its cause, in the order in which equals were appointed."""
    agenda = Agenda()
    happened: list[tuple[Instant, int, int]] = []
    waiting = iter(range(len(appointments)))

    def act(number: int, cause: int) -> None:
        happened.append((agenda.now, number, cause))
        for delay in appointments[number]:
            following = next(waiting, None)
            if following is not None:
                agenda.at(agenda.now + delay, act, following, number)

    first = next(waiting, None)
    if first is not None:
        agenda.at(0, act, first, -1)
    while agenda.step(10**9):
        pass
    assert [at for at, *_ in happened] == sorted(at for at, *_ in happened)
    done = [-1]
    for _, number, cause in happened:
        assert cause in done
        done.append(number)
    assert len(happened) == len(appointments)
    with pytest.raises(ValueError, match="has passed"):
        agenda.at(agenda.now - 1, act, 0, -1)


@settings(max_examples=25, deadline=None)
@given(
    delays=st.tuples(*[st.integers(0, 5 * MILLISECOND)] * 4),
    rates=st.tuples(*[st.sampled_from((0, 64_000, 10_000_000))] * 4),
    sizes=st.lists(st.integers(0, 1400), min_size=1, max_size=8),
    nat=st.booleans(),
)
def test_no_packet_arrives_and_no_event_is_heard_before_its_cause(
    tmp_path_factory, delays, rates, sizes, nat
):
    plan = a_plan(nat=nat)
    terms = iter(zip(delays, rates, strict=True))
    nodes = []
    for each in plan.nodes:
        if each.name == "bystander":
            nodes.append(each)
            continue
        interfaces = []
        for planned in each.interfaces:
            delay, rate = next(terms)
            interfaces.append(replace(planned, delay_ns=delay, rate_bit_s=rate))
        nodes.append(replace(each, interfaces=tuple(interfaces)))
    stage = Stage(replace(plan, nodes=tuple(nodes)), tmp_path_factory.mktemp("run"))
    delay_of = {i.name: i.delay_ns for each in nodes for i in each.interfaces}
    server = stage.play(Tiny(react=echo))
    began = stage.world.now()
    target = Endpoint(ALIAS, 53) if nat else DNS
    viewer = stage.attach(Tiny(*question(target), *(Send(1, bytes(size)) for size in sizes)))
    stage.elapse(10 * SECOND)

    # In this world order is kept, so the nth packet out of one end of a link is the nth in.
    packets = stage.packets()
    stamps = [s.at for s in packets]
    assert stamps == sorted(stamps)
    for out, into in (
        ("viewer-eth0", "router-eth0"),
        ("router-eth1", "server-eth0"),
        ("server-eth0", "router-eth1"),
        ("router-eth0", "viewer-eth0"),
    ):
        left = [s for s in packets if s.interface == out and s.outgoing]
        came = [s for s in packets if s.interface == into and not s.outgoing]
        assert len(left) == len(came) == len(sizes) + 1
        for departure, arrival in zip(left, came, strict=True):
            assert departure.network == arrival.network
            assert arrival.at >= departure.at + delay_of[out] + WIRE
            assert arrival.number > departure.number
    heard = [at for _, at in server.heard], [at for _, at in viewer.heard]
    for asked_at, answered_at in zip(*heard, strict=True):
        assert began < asked_at < answered_at
    assert server.payloads() == viewer.payloads() == [b"hello", *map(bytes, sizes)]
