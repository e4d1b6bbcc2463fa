"""Mininet worlds from their beginning to their end, however it comes."""

from __future__ import annotations

import os
import re
import select
import shlex
import shutil
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from mininet_stage import (
    ROOT,
    live,
    run,
    topology,
    two_hosts,
)

from lab.topology.plan import (
    PlannedRoute,
)
from lab.worlds.isolation import Isolated, run_isolated
from lab.worlds.mininet import MininetWorld
from lab.worlds.world import WorldBroken, WorldUnavailable
from resolver.machine import SECOND

pytestmark = pytest.mark.netns


def test_stopping_removes_everything_and_may_be_repeated(tmp_path):
    def life():
        world = MininetWorld(topology("cluster-nat"), out=tmp_path, seed=1)
        world.start()
        before = len(list(Path("/proc").glob("[0-9]*")))
        world.stop()
        world.stop()
        left = {path.name for path in Path("/proc").glob("[0-9]*")}
        return before, left, {path.name for path in Path("/sys/class/net").iterdir()}

    before, left, interfaces = run_isolated(life, timeout_s=30)
    assert before > 15
    assert left == {"1", "2"}
    assert interfaces == {"lo"}


def test_a_world_can_be_built_again_where_one_was(tmp_path):
    def life():
        for turn in range(3):
            world = MininetWorld(two_hosts(), out=tmp_path / str(turn), seed=1)
            world.start()
            assert run(world, "a", "ping -c1 -W1 10.0.0.2")[0] == 0
            world.stop()

    run_isolated(life, timeout_s=30)


def test_a_plan_the_kernel_refuses_is_named_line_and_all(tmp_path):
    plan = two_hosts()
    a, b = plan.nodes
    wrong = replace(plan, nodes=(replace(a, routes=(PlannedRoute("0.0.0.0/0", "10.9.9.9"),)), b))

    def life():
        world = MininetWorld(wrong, out=tmp_path, seed=1)
        try:
            world.start()
        except WorldBroken as error:
            return str(error)
        finally:
            world.stop()
        return ""

    said = run_isolated(life, timeout_s=30)
    assert said.startswith("a: `ip route replace 0.0.0.0/0 via 10.9.9.9`: ")
    assert "\n" not in said


def test_the_same_seed_gives_the_same_addresses_on_the_wire(tmp_path):
    plan = two_hosts()

    def look(world):
        return run(world, "a", "cat /sys/class/net/a-eth0/address")[1]

    first = live(plan, tmp_path / "1", look)
    assert first == live(plan, tmp_path / "2", look)
    assert first.startswith("02:")


def test_mininets_own_ways_work(tmp_path):
    def story(world):
        net = world.net
        # Nobody has a shell before somebody types into it, switches least of all.
        assert {each.shell for each in (*net.hosts, *net.switches)} == {None}
        assert "a-eth0" in net.get("a").cmd("ip -br link")
        assert net["a"].pexec("ip -br address show dev a-eth0")[0].split()[2] == "10.0.0.1/24"
        assert net.ping(timeout=2) == 0.0
        assert net.get("a").IP() == "10.0.0.1"
        assert net.get("a").MAC().startswith("02:")
        assert [node.name for node in net.switches] == ["s1"]
        from mininet.cli import CLI

        script = tmp_path / "script"
        script.write_text("nodes\nnet\na ip address > " + str(tmp_path / "said") + "\n")
        with Path(os.devnull).open() as nobody:
            CLI(net, stdin=nobody, script=str(script))
        return (tmp_path / "said").read_text()

    assert "10.0.0.1/24" in live(two_hosts(), tmp_path, story)


def test_a_person_can_enter_a_node_from_the_host(tmp_path):
    reader, told = os.pipe()

    def life():
        world = MininetWorld(two_hosts(), out=tmp_path, seed=1)
        world.start()
        os.write(told, "\n".join(world.entrances()).encode())
        os.close(told)
        world.run_until(lambda: False, world.now() + 600 * SECOND)

    isolated = Isolated(life)
    os.close(told)
    try:
        entrances = os.read(reader, 4000).decode().splitlines()
        assert [line.split("# ")[1] for line in entrances] == ["a", "b"]
        command = shlex.split(entrances[1], comments=True)
        assert command.pop() == "bash"
        seen = subprocess.run(
            [*command, "ip", "-br", "address"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout
        assert "b-eth0" in seen
        assert "10.0.0.2/24" in seen
    finally:
        isolated.kill()
        os.close(reader)


CALLER = """
import os, sys
from pathlib import Path
from lab.topology.load import load_topology
from lab.topology.planner import make_plan
from lab.worlds.isolation import Isolated
from lab.worlds.mininet import MininetWorld

plan = make_plan(load_topology(Path(sys.argv[1])), "x")

def life():
    print("space", os.readlink("/proc/self/ns/net"), flush=True)
    while True:
        world = MininetWorld(plan, out=Path(sys.argv[2]), seed=1)
        world.start()
        for descriptor in world.net.namespaces.values():
            print("space", os.readlink(f"/proc/self/fd/{descriptor}"), flush=True)
        world.run_until(lambda: False, world.now() + 10**8)
        world.stop()

Isolated(life).result()
"""


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.12, 0.2, 0.3, 0.45, 0.6])
def test_killing_the_caller_at_any_moment_of_a_worlds_life_leaves_nothing(delay_s, tmp_path):
    mark = f"forwardlab-{uuid.uuid4()}"
    code = [sys.executable, "-c", CALLER, str(ROOT / "topologies/cluster-nat.toml"), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MARK": mark}
    with subprocess.Popen(code, stdout=subprocess.PIPE, text=True, env=environment) as caller:
        assert select.select([caller.stdout], [], [], 30)[0]
        time.sleep(delay_s)
        caller.kill()
        words = caller.stdout.read()
    spaces = set(re.findall(r"net:\[\d+\]", words))
    assert spaces
    deadline = time.monotonic() + 2
    while left := _left(mark, spaces):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def _left(mark, spaces):
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                found.append((entry.name, (entry / "cmdline").read_bytes()))
            if str((entry / "ns/net").readlink()) in spaces:
                found.append((entry.name, "in a namespace of the world"))
        except OSError:
            continue
    return found


def test_without_mnexec_the_world_says_what_to_install(tmp_path, monkeypatch):
    assert shutil.which("mnexec")
    monkeypatch.setenv("PATH", str(tmp_path))
    world = MininetWorld(two_hosts(), out=tmp_path, seed=1)
    with pytest.raises(WorldUnavailable, match="apt-get install"):
        world.start()
    world.stop()
