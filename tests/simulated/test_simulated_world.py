"""The simulated world as a scenario sees it: time, programs, power, forgeries, captures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from two_networks import (
    BACK,
    BYSTANDER,
    DNS,
    THERE,
    VIEWER,
    VIEWER_DELAY,
    Stage,
    Tiny,
    a_plan,
    echo,
    payload_of,
    question,
)

from lab.observe.sighting import Sighting
from lab.topology.plan import (
    Plan,
    PlannedNode,
    PlannedProgram,
    PlannedRoute,
)
from lab.worlds.simulated import SimulatedWorld
from lab.worlds.simulation.process import PROCESSING_TIME_NS as PROCESSING
from lab.worlds.world import Capability, Clock, WorldBroken
from resolver.config import ResolverConfig
from resolver.machine import (
    SECOND,
    Effect,
    Endpoint,
    Event,
    Instant,
    Note,
    Open,
    Transport,
)
from resolver.nat.build import build_udp

# --- power, forgeries, steps ------------------------------------------------------------------


def test_a_node_without_power_hears_and_says_nothing_and_comes_back(stage):
    server = stage.play(Tiny(react=echo))
    stage.attach(Tiny(*question(DNS, b"before")))
    stage.elapse()
    stage.world.set_power("server", on=False)
    lost = stage.attach(Tiny(*question(DNS, b"lost")))
    stage.elapse()
    stage.world.set_power("server", on=True)
    heard = stage.attach(Tiny(*question(DNS, b"heard")))
    stage.elapse()
    assert lost.events == []
    assert heard.payloads() == [b"heard"]
    assert server.payloads() == [b"before", b"heard"]
    assert [i for i, *_ in stage.way(lambda ip: payload_of(ip) == b"lost")] == [
        "viewer-eth0",
        "router-eth0",
        "router-eth1",
    ]


def test_nothing_is_sent_to_a_neighbour_that_was_never_there(stage):
    stage.world.set_power("server", on=False)
    lost = stage.attach(Tiny(*question(DNS, b"lost")))
    stage.elapse()
    assert lost.events == []
    assert [i for i, *_ in stage.way(lambda ip: payload_of(ip) == b"lost")] == [
        "viewer-eth0",
        "router-eth0",
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
    place = stage.out / "server"
    assert 'name = "server"' in (place / "service.toml").read_text()
    assert "cluster.test" in (place / "dns-translator.toml").read_text()
    assert (place / "dns-translator.script").read_text() == "tiny\n"
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
