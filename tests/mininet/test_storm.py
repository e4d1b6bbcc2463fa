"""Storms in Mininet: real sockets of many addresses, and losses that are seen."""

import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cli_process import COMMAND
from leftovers import Watch
from storm_agreement import disagreements

from lab.observe.packet_filter import Kept
from lab.storm import stage
from lab.storm.crowd_plan import plan_crowd
from lab.storm.reading import read_storm
from lab.storm.request import Storm
from lab.storm.run import run_storm
from lab.storm.viewers import Viewers
from lab.topology.load import load_topology
from resolver.config import BalancerConfig
from resolver.machine import MILLISECOND, SECOND

pytestmark = pytest.mark.netns

ROOT = Path(__file__).parents[2]
CLUSTER_NAT = ROOT / "topologies" / "cluster-nat.toml"


def at_all_interfaces(crowd):
    """As the timeline needs it: it follows each packet over every link."""
    return {
        interface.name: Kept.CONVERSATIONS
        for node in crowd.plan.nodes
        for interface in node.interfaces
    }


def agreement(out, file):
    crowd = plan_crowd(load_topology(file), file.stem)
    capture = out / "capture.pcapng"
    return disagreements(capture, crowd, read_storm(capture, crowd))


def test_two_hundred_viewers_are_all_served_and_the_command_says_so(forwardlab, tmp_path):
    out = tmp_path / "storm"
    told = forwardlab(
        *("storm", "cluster-nat", "--viewers", 200, "--rate", 1000, "--world", "mininet"),
        *("--out", out, "--json"),
    )
    assert told.returncode == 0, told.stdout + told.stderr
    record = json.loads(told.stdout)
    jsonschema.validate(record, json.loads((ROOT / "reports/storm.schema.json").read_text()))
    assert json.loads((out / "storm.json").read_text()) == record
    assert record["clock"] == record["answer_wait"]["clock"] == "measured"
    assert record["answers"]["reached"] == record["answers"]["answered"] == 200
    assert record["connects"]["established"] == record["both_wait"]["n"] == 200
    assert record["capture"]["frames_lost"] == 0
    assert {each["program"] for each in record["processors"]} >= {"viewers", "resolver", "nat"}
    assert (out / "report.html").is_file()
    assert not (out / "INCOMPLETE").exists()
    # Each viewer has an address of its own, and they are of the crowd's prefix.
    crowd = plan_crowd(load_topology(CLUSTER_NAT), "cluster-nat")
    reading = read_storm(out / "capture.pcapng", crowd)
    viewers = {question.viewer for question in reading.questions.values()}
    assert len(viewers) == 200
    assert {viewer[:2] for viewer in viewers} == {b"\xc6\x12"}
    assert {dial.viewer for dial in reading.dials.values()} == viewers


@pytest.mark.parametrize("name", ["cluster-nat", "cluster"])
def test_the_lean_reading_agrees_with_the_timeline(name, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "_ears", at_all_interfaces)
    file = ROOT / "topologies" / f"{name}.toml"
    record = run_storm(Storm(file, viewers=200, rate_per_s=2000.0), tmp_path)
    assert record.outcome == "passed", record.reasons
    assert agreement(tmp_path, file) == []


class HaltingViewers(Viewers):
    """A crowd that halts the DNS server once half of it has been answered."""

    server_process = 0
    answered = 0

    def _take_answer(self, *answer: Any) -> None:
        super()._take_answer(*answer)
        self.answered += 1
        if self.answered == 100:
            os.kill(self.server_process, signal.SIGSTOP)


def test_a_resolver_that_is_halted_in_the_middle_loses_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "Viewers", HaltingViewers)
    monkeypatch.setattr(stage, "PATIENCE_NS", SECOND)

    def look_up(world):
        HaltingViewers.server_process = world._programs.processes()["dns", "resolver"]

    record = run_storm(Storm(CLUSTER_NAT, viewers=200), tmp_path, meanwhile=look_up)
    assert record.outcome == "failed"
    assert 0 < record.answers.lost <= 100
    assert record.answers.reached == 200
    assert record.answers.lost == 200 - record.answers.received
    assert record.reasons[0].startswith(f"answers lost by dns: {record.answers.lost}")


def test_a_pool_that_always_gives_the_same_node_is_absurd(tmp_path):
    def only_the_second(plan):
        def changed(program):
            config = program.config
            if not isinstance(config, BalancerConfig):
                return program
            return replace(program, config=replace(config, members=config.members[1:2]))

        nodes = (replace(node, programs=tuple(map(changed, node.programs))) for node in plan.nodes)
        return replace(plan, nodes=tuple(nodes))

    record = run_storm(Storm(CLUSTER_NAT, viewers=200), tmp_path, mistake=only_the_second)
    assert record.outcome == "failed"
    assert [each.connections for each in record.nodes] == [0, 200, 0]
    assert record.reasons[0].startswith("the spread over the nodes is absurd")
    assert record.answers.lost == record.connects.failed == 0


def test_a_program_that_dies_breaks_the_storm(tmp_path):
    def kill(world):
        process = world._programs.processes()["server2", "balancer"]
        world.appoint(world.now() + 20 * MILLISECOND, lambda: os.kill(process, signal.SIGKILL))

    record = run_storm(Storm(CLUSTER_NAT, viewers=100), tmp_path, meanwhile=kill)
    assert record.outcome == "broken"
    assert "server2: balancer was killed by SIGKILL" in record.reasons[0]


def test_an_interrupt_ends_a_storm_and_leaves_nothing(project, tmp_path):
    watch = Watch()
    words = ("storm", "cluster-nat", "--viewers", "2000", "--rate", "100", "--world", "mininet")
    process = subprocess.Popen(
        [*COMMAND, *words, "--out", tmp_path / "out"],
        cwd=project,
        env=watch.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 30
        # Seven nodes, the crowd among them, and the switches.
        while len(watch.look()) < 8:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert complaint == "interrupted; nothing is left running\n"
    watch.wait_until_nothing_is_left(str(tmp_path))
    assert (tmp_path / "out" / "INCOMPLETE").exists()
    assert not (tmp_path / "out" / "storm.json").exists()
