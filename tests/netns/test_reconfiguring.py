"""A server is reconfigured while it runs, in a Mininet world as in virtual time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.scenario.actors import StubQuestion
from lab.scenario.packets import question
from lab.topology.plan import (
    Plan,
    PlannedInterface,
    PlannedNetwork,
    PlannedNode,
    PlannedProgram,
)
from lab.worlds.isolation import run_isolated
from lab.worlds.mininet import MininetWorld
from lab.worlds.simulated import SimulatedWorld
from lab.worlds.world import World, WorldBroken
from resolver.config import HostedZone, ResolverConfig
from resolver.machine import SECOND, Endpoint, Transport

ZONE = "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nns 60 A 10.0.0.2\nwww 60 A 192.0.2.{}\n"


def server(last: int) -> PlannedProgram:
    zone = HostedZone("example.net", ZONE.format(last))
    return PlannedProgram("authority", ResolverConfig((Endpoint("10.0.0.2", 53),), (zone,)))


PLAN = Plan(
    title="two hosts",
    source="test",
    networks=(PlannedNetwork("lan", ("10.0.0.0/24",), "s1", "lan"),),
    nodes=(
        PlannedNode("a", "A", "viewer", (PlannedInterface("a-eth0", "lan", ("10.0.0.1/24",)),),
                    (), ()),
        PlannedNode("b", "B", "bystander", (PlannedInterface("b-eth0", "lan", ("10.0.0.2/24",)),),
                    (), (server(1),)),
    ),
    cluster_name=None,
    service_port=5900,
)  # fmt: skip


def ask(world: World, name: str) -> list[str]:
    payload = question(name, "A", 4711)
    actor = StubQuestion(Endpoint("10.0.0.2", 53), payload, Transport.UDP, 3 * SECOND)
    world.attach("a", actor)
    world.run_until(lambda: actor.finished, world.now() + 10 * SECOND)
    world.detach(actor)
    return list(actor.addresses)


def story(world: World) -> tuple[list[list[str]], list[str]]:
    """What was answered, and what cannot be done."""
    try:
        world.start()
        seen = [ask(world, "www.example.net")]
        world.reconfigure("b", server(2))
        seen.append(ask(world, "www.example.net"))
        bad = server(3)
        broken = HostedZone("example.net", "no zone")
        world.reconfigure("b", replace(bad, config=replace(bad.config, zones=(broken,))))
        seen.append(ask(world, "www.example.net"))
        refused = []
        for node, program in (("a", server(1)), ("b", replace(server(1), name="resolver"))):
            try:
                world.reconfigure(node, program)
            except WorldBroken as wrong:
                refused.append(str(wrong))
        return seen, refused
    finally:
        world.stop()


EXPECTED = (
    [["192.0.2.1"], ["192.0.2.2"], ["192.0.2.2"]],
    [
        "a runs no authority that could be reconfigured",
        "b runs no resolver that could be reconfigured",
    ],
)


def in_mininet(folder: Path) -> object:
    return run_isolated(lambda: story(MininetWorld(PLAN, out=folder, seed=7)), timeout_s=60)


@pytest.mark.netns
def test_in_mininet(tmp_path):
    assert in_mininet(tmp_path) == EXPECTED
    check(tmp_path)


def test_in_virtual_time(tmp_path):
    assert story(SimulatedWorld(PLAN, out=tmp_path, seed=7)) == EXPECTED
    check(tmp_path)


def check(folder: Path) -> None:
    """What a person finds afterwards: the file as it is now, and what was said of it."""
    assert "no zone" in (folder / "b" / "authority.toml").read_text()
    journal = (folder / "b" / "authority.stderr").read_text()
    assert journal.count('"ConfigurationTakenOver"') == 2
    assert journal.count('"ZoneRejected"') == 1
