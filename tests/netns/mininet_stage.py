"""Small Mininet worlds, and what stands in their captures."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab.observe.pcapng import read_records
from lab.observe.sighting import Ip, Sighting
from lab.scenario.actors import ServiceCall, StubQuestion
from lab.scenario.packets import question
from lab.topology.load import load_topology
from lab.topology.plan import (
    Plan,
    PlannedInterface,
    PlannedNetwork,
    PlannedNode,
)
from lab.topology.planner import make_plan
from lab.worlds.isolation import run_isolated
from lab.worlds.mininet import MininetWorld
from resolver.machine import SECOND, Endpoint, Transport

ROOT = Path(__file__).parents[2]
NAME = "internet.intern.netz"
LAN = ("viewer-eth0", "dns-eth0", "translator-eth0", "stranger-eth0")
REAL = bytes([10, 10, 10])


def topology(name):
    return make_plan(load_topology(ROOT / "topologies" / f"{name}.toml"), name)


def two_hosts(first=None, addresses=("10.0.0.2/24",), programs=()):
    first = first or PlannedInterface("a-eth0", "lan", ("10.0.0.1/24",))
    second = PlannedInterface("b-eth0", "lan", addresses)
    return Plan(
        title="two hosts",
        source="test",
        networks=(PlannedNetwork("lan", ("10.0.0.0/24", "fd00::/64"), "s1", "lan"),),
        nodes=(
            PlannedNode("a", "A", "viewer", (first,), (), ()),
            PlannedNode("b", "B", "bystander", (second,), (), tuple(programs)),
        ),
        cluster_name=None,
        service_port=5900,
    )


def live(plan, folder, story, may_impair=None):
    """Tell a story in a world of its own, and return what it returned."""

    def life():
        world = MininetWorld(plan, out=folder, seed=7)
        world.may_impair(may_impair or {})
        try:
            world.start()
            return story(world)
        finally:
            world.stop()

    return run_isolated(life, timeout_s=60)


def ask(world, server, transport=Transport.UDP, node="viewer", patience_s=3.0):
    payload = question(NAME, "A", 4711)
    actor = StubQuestion(Endpoint(server, 53), payload, transport, int(patience_s * SECOND))
    world.attach(node, actor)
    world.run_until(lambda: actor.finished, world.now() + 10 * SECOND)
    world.detach(actor)
    return actor.addresses


def connect(world, address, port=5900, node="viewer"):
    call = ServiceCall(Endpoint(address, port), 3 * SECOND)
    world.attach(node, call)
    world.run_until(lambda: call.finished, world.now() + 10 * SECOND)
    world.detach(call)
    return call.finished


def run(world, node, command, limit_s=15):
    """Run a command on a node while the world lives on; its exit status and output."""
    process = world.net.get(node).popen(command.split(), stderr=subprocess.STDOUT, text=True)
    deadline = world.now() + limit_s * SECOND
    # The end of a process is no event of the world's loop, so look now and then.
    while process.poll() is None and world.now() < deadline:
        world.run_until(lambda: process.poll() is not None, world.now() + SECOND // 100)
    process.kill()
    return process.wait(), process.stdout.read()


def records_of(folder):
    return list(read_records(folder / "capture.pcapng"))


def packets_of(folder, interfaces=()):
    return [
        record
        for record in records_of(folder)
        if isinstance(record, Sighting)
        and isinstance(record.network, Ip)
        and (not interfaces or record.interface in interfaces)
    ]
