"""A world that writes nothing has seen what one that writes a capture file has."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.observe.decode import decode_ip
from lab.observe.timeline import Timeline
from lab.scenario.model import Scenario
from lab.scenario.steps import Stage
from lab.sweep.combinations import combinations_of, scenario_of
from lab.sweep.parts import KINDS, parts_of
from lab.topology.load import load_topology
from lab.topology.plan import Plan
from lab.topology.planner import make_plan
from lab.worlds.simulated import SimulatedWorld
from lab.worlds.simulation.packet import Packet
from lab.worlds.world import Clock, WorldBroken
from resolver.machine import Endpoint
from resolver.nat.build import build_tcp
from resolver.nat.packet import TcpView

TOPOLOGIES = Path(__file__).parents[2] / "topologies"


def run(plan: Plan, scenario: Scenario, out: Path | None) -> SimulatedWorld:
    world = SimulatedWorld(plan, out=out, seed=3)
    world.start()
    Stage(world, plan, 3).perform(scenario.steps)
    return world


@pytest.mark.parametrize("name", ["cluster-nat", "cluster-large"])
@pytest.mark.parametrize("broken", ["server1:lossy", "translator/dns-translator:truncated"])
def test_both_hold_the_same_records(name, broken, tmp_path):
    plan = make_plan(load_topology(TOPOLOGIES / f"{name}.toml"), name)
    everything = combinations_of(parts_of(plan), tuple(KINDS.values()), ("glibc",), 1)
    combination = next(each for each in everything if each.broken == broken)
    scenario = scenario_of(combination, plan, name)
    written = run(plan, scenario, tmp_path)
    from_file = Timeline.read(written.seal().path, plan, Clock.VIRTUAL).records
    written.stop()
    kept = run(plan, scenario, None)
    in_memory = kept.records()
    kept.stop()
    assert len(in_memory) > 100
    assert in_memory == from_file
    assert not list(tmp_path.parent.glob("None*"))


def test_each_world_gives_what_it_has(tmp_path):
    plan = make_plan(load_topology(TOPOLOGIES / "single.toml"), "single")
    writing, keeping = (SimulatedWorld(plan, out=out, seed=1) for out in (tmp_path, None))
    for world in (writing, keeping):
        world.start()
    with pytest.raises(WorldBroken, match="writes its capture to a file"):
        writing.records()
    with pytest.raises(WorldBroken, match="writes no capture"):
        keeping.seal()
    keeping.records()
    with pytest.raises(WorldBroken, match="sealed"):
        keeping.mark("late", "nobody sees this any more")
    for world in (writing, keeping):
        world.stop()


@given(
    addresses=st.sampled_from([("10.0.0.1", "192.0.2.7"), ("2001:db8::1", "2001:db8:1::7")]),
    ports=st.tuples(st.integers(0, 65_535), st.integers(0, 65_535)),
    numbers=st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    flags=st.integers(0, 255),
    payload=st.binary(max_size=40),
)
def test_a_segment_just_built_is_read_as_from_its_octets(addresses, ports, numbers, flags, payload):
    source, destination = (Endpoint(*end) for end in zip(addresses, ports, strict=True))
    raw = build_tcp(
        source,
        destination,
        flags=flags,
        sequence=numbers[0],
        acknowledgment=numbers[1],
        payload=payload,
    )
    segment = TcpView(*ports, *numbers, flags, payload)
    packet, read = Packet.of_segment(raw, source.address, destination.address, segment), Packet(raw)
    assert packet.decoded() == decode_ip(raw)
    assert packet.tcp() == read.tcp()
    assert read.is_sound()
    for field in ("source", "destination", "version", "payload", "end", "ttl", "protocol"):
        assert getattr(packet, field) == getattr(read, field)
    assert packet.one_hop_on().raw == read.one_hop_on().raw
