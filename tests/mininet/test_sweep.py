"""Sweeps in Mininet: a sample that confirms a simulated one, and what is left behind."""

import json

import pytest

from lab.report.render import read_record

pytestmark = pytest.mark.netns


def test_mininet_confirms_a_sample(forwardlab, tmp_path):
    out = tmp_path / "sweep"
    only = ("--viewers", "one-shot", "--parts", "server3/service", "--faults", "stopped")
    done = forwardlab("sweep", "cluster", *only, "--confirm", "5", "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "Mininet agrees in 2 of 2 combinations" in done.stdout

    record = json.loads((out / "sweep.json").read_text(encoding="utf-8"))
    told = {each["id"]: each for each in record["confirmations"]}
    assert set(told) == {"nothing@one-shot", "server3/service:stopped@one-shot"}
    assert all(each["agrees"] and each["mininet"] == "passed" for each in told.values())

    # The sample is a run like any other, of scenarios that stand in files.
    run = read_record(out / "mininet")
    assert {each.clock for each in run.scenarios} == {"measured"}
    assert all(str(out / "scenarios") in each.reproduce for each in run.scenarios)
    assert len(list((out / "mininet" / "captures").glob("*.pcapng"))) == 2
