"""Scenarios of the translator, run in virtual time, for tests that spoil what was captured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from scapy.layers.inet import ICMP, IP, UDP

from lab.observe.decode import decode
from lab.observe.named import carries
from lab.observe.sighting import Ip, Record, Sighting
from lab.observe.timeline import Timeline
from lab.scenario.catalogue import read_catalogue
from lab.scenario.model import Scenario, Step
from lab.scenario.steps import Stage
from lab.topology.faults import apply_fault
from lab.topology.load import load_topology
from lab.topology.plan import Plan
from lab.topology.planner import make_plan
from lab.worlds.simulated import SimulatedWorld
from lab.worlds.world import Clock

ROOT = Path(__file__).parents[2]


@cache
def plan_of(topology: str) -> Plan:
    return make_plan(load_topology(ROOT / "topologies" / f"{topology}.toml"), topology)


@cache
def scenario(identifier: str) -> Scenario:
    return read_catalogue(ROOT).scenarios[identifier]


def records_of(plan: Plan, steps: tuple[Step, ...], seed: int = 1) -> tuple[Record, ...]:
    world = SimulatedWorld(plan, out=None, seed=seed)
    try:
        world.start()
        Stage(world, plan, seed).perform(steps)
        return world.records()
    finally:
        world.stop()


@cache
def played(identifier: str) -> tuple[Plan, tuple[Record, ...]]:
    told = scenario(identifier)
    plan = actual = plan_of(told.topology)
    for fault in told.faults:
        actual = apply_fault(actual, fault)
    return plan, records_of(actual, told.steps)


def timeline(identifier: str, *changes: Callable[[Sighting], Sighting | None]) -> Timeline:
    """What was captured, each packet put through the changes; None takes it away."""
    plan, records = played(identifier)
    kept: list[Record] = []
    for record in records:
        changed: Record | None = record
        for change in changes:
            if isinstance(changed, Sighting):
                changed = change(changed)
        if changed is not None:
            kept.append(changed)
    return Timeline.of(kept, plan, Clock.VIRTUAL)


Change = Callable[[Sighting], Sighting | None]


def without(name: str, *interfaces: str) -> Change:
    """The named packet was not seen there (nowhere named: nowhere at all)."""

    def change(seen: Sighting) -> Sighting | None:
        there = not interfaces or seen.interface in interfaces
        return None if there and _is(seen, name) else seen

    return change


def spoilt(
    name: str,
    place: int,
    interfaces: Iterable[str],
    value: int | None = None,
    *,
    sums: bool = False,
) -> Change:
    """One octet of the named packet was another one there; with `sums`, checksums are made right
    again."""

    def change(seen: Sighting) -> Sighting:
        if not (_is(seen, name) and seen.interface in interfaces):
            return seen
        assert isinstance(seen.network, Ip)
        raw = bytearray(seen.network.raw)
        raw[place] = raw[place] ^ 0xFF if value is None else value
        packet = bytes(raw)
        if sums:
            built = IP(packet)
            for layer in (IP, UDP, ICMP):
                if built.haslayer(layer):
                    del built[layer].chksum
            packet = bytes(built)
        return replace(seen, network=decode(packet, 101))

    return change


def _is(seen: Sighting, name: str) -> bool:
    return isinstance(seen.network, Ip) and carries(seen.network, name)
