"""A capture's questions, asked again through real sockets."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from capturing import pcap
from cli_process import COMMAND
from leftovers import Watch
from test_replaying import CLIENTS, plan_of

from lab.captures.judging import judge_capture
from lab.observe.timeline import Timeline
from lab.report.render import read_record
from lab.worlds.world import Clock
from resolver.machine import MILLISECOND, Transport

pytestmark = pytest.mark.netns

ROOT = Path(__file__).resolve().parent.parent.parent
SLEW = 2 * MILLISECOND
"""The clock of the stamps may run a little slower than that of the timers."""


def test_real_sockets_send_the_same_octets_with_the_same_spacing(tmp_path):
    watch = Watch()
    file = pcap(tmp_path / "clients.pcap", CLIENTS)
    topology = ROOT / "topologies" / "cluster-nat.toml"
    words = [
        "replay",
        file,
        "--topology",
        topology,
        "--world",
        "mininet",
        "--out",
        tmp_path / "run",
    ]
    ended = subprocess.run(
        [*COMMAND, *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=watch.environment,
    )
    # 4: a machine too busy to be believed says so, and shows what it saw.
    assert ended.returncode in {0, 4}, ended.stdout + ended.stderr
    (scenario,) = read_record(tmp_path / "run").scenarios
    assert [each.likeness for each in scenario.replayed] == [
        "same", "same", "same", "no answer in the capture",
    ]  # fmt: skip
    plan = plan_of("cluster-nat")
    timeline = Timeline.read(tmp_path / "run" / str(scenario.capture), plan, Clock.MEASURED)
    asked = [each.query for each in timeline.exchanges if each.asker == "viewer"]
    first, over_tcp, second, third = asked
    assert over_tcp.transport is Transport.TCP
    assert second.payload == third.payload
    assert second.source == third.source
    began_at = max(mark.at for mark in timeline.marks if mark.kind == "replayed")
    for sent, wanted_ms in ((first, 0), (second, 500), (third, 1500)):
        assert sent.at - began_at >= wanted_ms * MILLISECOND - SLEW, "it left too early"
    assert judge_capture(tmp_path / "run" / str(scenario.capture), plan).outcome == "passed"
    watch.wait_until_nothing_is_left()
