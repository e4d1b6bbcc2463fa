"""A failed world that is left standing can be entered with the commands that are printed, and goes
when the command is interrupted."""

import json
import os
import re
import signal
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_process import COMMAND
from leftovers import Watch

from lab.topology.load import load_topology
from lab.topology.planner import make_plan

pytestmark = pytest.mark.netns

FAILING = """
from lab.judge.checks import NeverConnected
from lab.scenario.model import Ask, Connect, Expectation, Scenario

SCENARIO = Scenario(
    title="Fails: it connects", story="", topology="cluster", steps=(Ask(), Connect()),
    expectations=(
        Expectation(text="The viewer connects nowhere", rules=("CLU-04",), check=NeverConnected()),
    ),
)
"""


def read_until(stream, text):
    """What the stream says up to and with a line that holds the text."""
    lines = [stream.readline()]
    while text not in lines[-1]:
        assert lines[-1], lines
        lines.append(stream.readline())
    return lines


@contextmanager
def started(*words: str | Path, **more):
    """The command, started; ended for good when it takes a minute, or the test is through."""
    with subprocess.Popen([*COMMAND, *words], **more) as command:
        limit = threading.Timer(60, command.kill)
        limit.start()
        try:
            yield command
        finally:
            limit.cancel()
            command.kill()


def typed(entrance, line):
    """What a terminal shows when the entrance is pasted as it stands, and then this line."""
    return subprocess.run(  # noqa: S602 - it is printed for a shell
        entrance,
        shell=True,
        input=line,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["lines", "json"])
def test_a_failed_world_stands_until_the_interrupt(options, project, tmp_path):
    (project / "scenarios" / "failing.py").write_text(FAILING)
    watch = Watch()
    words = ("run", "failing", "cluster/single_system", "--world", "mininet", "--keep-on-failure")
    with started(
        *words,
        *options,
        "--out",
        tmp_path / "out",
        cwd=project,
        env=watch.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as command:
        told = read_until(command.stderr, "Press Ctrl-C")
        # The reports are there already, and what did not fail does not stand.
        assert (tmp_path / "out" / "report.html").is_file()
        assert not (tmp_path / "out" / "INCOMPLETE").exists()
        assert any(line.startswith("failing: failed") for line in told)
        assert not any("single_system" in line for line in told)

        entrances = [line.strip() for line in told if "mnexec" in line]
        plan = make_plan(load_topology(project / "topologies" / "cluster.toml"), "cluster")
        nodes = [each.rpartition("# ")[2] for each in entrances]
        assert nodes == [node.name for node in plan.nodes]
        for entrance in entrances:
            node = entrance.rpartition("# ")[2]
            if node in {"viewer", "server2"}:
                # As a person would: the line as it stands, and then a command in that shell.
                done = typed(entrance, "ip addr\n")
                for address in plan.node(node).addresses():
                    assert f"inet {address}/" in done.stdout, done

        # The programs still run: the viewer can ask by hand.
        asked = typed(entrances[0], f"python3 -c '{ASK}'\n")
        assert "answered" in asked.stdout, asked

        assert watch.look()
        os.killpg(command.pid, signal.SIGINT)
        rest = command.stdout.read()
        assert command.wait(20) == 1  # it has its verdict to end with
        assert command.stderr.read() == ""
    assert watch.left() == {}
    if options:
        assert json.loads(rest)["totals"] == {"failed": 1, "passed": 1}
    else:
        assert re.search(r"1 failed", rest)


ASK = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect(("192.168.1.53", 53))
s.send(bytes.fromhex("abcd01000001000000000000") + b"\\x07example\\x00\\x00\\x01\\x00\\x01")
assert s.recv(512)[:2] == b"\\xab\\xcd"
print("answered")
""".strip()


def test_nothing_stands_when_nothing_failed(forwardlab, tmp_path):
    words = ("run", "cluster/single_system", "--world", "mininet", "--keep-on-failure")
    done = forwardlab(*words, "--out", tmp_path / "out")
    assert done.returncode == 0
    assert "Ctrl-C" not in done.stdout + done.stderr
