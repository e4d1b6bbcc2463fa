"""Sweeps in virtual time: what fails is found, reduced, and fails again when it is run by its file;
what holds, holds; and the same seed gives the same, however many workers there are."""

from __future__ import annotations

import json
import multiprocessing
import os
import shlex
from pathlib import Path
from signal import SIGKILL

import jsonschema
import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.cli_frame import Exit
from lab.json_schema import json_schema
from lab.report.render import read_record
from lab.sweep.combinations import combinations_of
from lab.sweep.judging import Setting, judged
from lab.sweep.parts import KINDS, USUAL, parts_of
from lab.sweep.record import SweepRecord
from lab.sweep.selection import topology_named
from lab.sweep.workers import BATCH, WorkerDied, judge_all

ROOT = Path(__file__).parents[2]

ONE_SERVER = """
format = 1
title = "A cluster of one, which is handed out dead or alive"

[networks.lan]
prefix = "192.168.1.0/24"

[cluster]
dns_name = "internet.intern.netz"
service_port = 5900
when_none_available = "{otherwise}"

[[cluster.sub_clusters]]
name = "main"
network = "lan"

[[nodes]]
name = "viewer"
plays = "viewer"
addresses.lan = "192.168.1.10"
asks = "dns"

[[nodes]]
name = "dns"
plays = "resolver"
addresses.lan = "192.168.1.53"

[[nodes.forward]]
zone = "internet.intern.netz"
servers = ["192.168.1.100"]
timeout_s = 1.0

[[nodes]]
name = "server1"
plays = "server"
number = 1
load_balancer = true
addresses.lan = "192.168.1.100"
"""


@pytest.fixture
def forwardlab(monkeypatch):
    monkeypatch.chdir(ROOT)

    def run(*words: object):
        return CliRunner().invoke(app, [str(word) for word in words])

    return run


@pytest.fixture
def careless(tmp_path) -> Path:
    """A cluster that hands its only server out when that is dead."""
    path = tmp_path / "careless.toml"
    path.write_text(ONE_SERVER.format(otherwise="all-members"), encoding="utf-8")
    return path


# --- what fails -------------------------------------------------------------------------------


def test_what_fails_is_reduced_and_fails_again_by_its_file(forwardlab, careless, tmp_path):
    out = tmp_path / "sweep"
    faults = "stopped,slow,servfail"
    words = ("sweep", careless, "--failures", "2", "--faults", faults, "--viewers", "one-shot")
    result = forwardlab(*words, "--workers", "1", "--out", out)
    assert result.exit_code == Exit.FAILED, result.output
    assert result.stderr == ""

    record = SweepRecord.model_validate_json((out / "sweep.json").read_text(encoding="utf-8"))
    failing = {each.id for each in record.combinations if each.outcome == "failed"}
    (counterexample,) = record.counterexamples
    assert counterexample.reduced == "server1/service:stopped@one-shot"
    assert set(counterexample.stands_for) == failing
    assert len(failing) > 1, "it fails together with other things as well"
    assert {each.check for each in counterexample.violations} == {"handed-out-available"}
    assert f"FAILED {counterexample.reduced}" in result.stdout
    assert counterexample.command in result.stdout

    again = forwardlab(*shlex.split(counterexample.command)[1:], "--out", tmp_path / "run")
    assert again.exit_code == Exit.FAILED, again.output
    (scenario,) = read_record(tmp_path / "run").scenarios
    broken = {each.text for each in scenario.expectations if each.outcome == "failed"}
    assert broken == {each.text for each in counterexample.violations}
    assert str(out / counterexample.file) in scenario.reproduce

    page = (out / "sweep.html").read_text(encoding="utf-8")
    assert counterexample.reduced in page
    assert not (out / "INCOMPLETE").exists()


def test_a_set_up_that_says_so_is_found_sound(forwardlab, tmp_path):
    """The same cluster, but that it says that nobody is there."""
    path = tmp_path / "honest.toml"
    path.write_text(ONE_SERVER.format(otherwise="nodata"), encoding="utf-8")
    words = ("sweep", path, "--viewers", "one-shot", "--workers", "1", "--out", tmp_path / "out")
    result = forwardlab(*words, "--json")
    assert result.exit_code == Exit.PASSED, result.output
    record = json.loads(result.stdout)
    jsonschema.validate(record, json_schema(SweepRecord))
    assert {each["outcome"] for each in record["combinations"]} == {"passed"}
    assert record["counterexamples"] == []
    assert record["notes"] == []


def test_what_a_reader_must_know_is_told_and_stands_in_page_and_record(forwardlab, tmp_path):
    only = ("--viewers", "one-shot", "--parts", "server3", "--faults", "stopped")
    result = forwardlab("sweep", "cluster-nat", *only, "--workers", "1", "--out", tmp_path / "out")
    assert result.exit_code == Exit.PASSED, result.output
    record = (tmp_path / "out" / "sweep.json").read_text(encoding="utf-8")
    (note,) = SweepRecord.model_validate_json(record).notes
    assert f"note: {note}" in result.stdout
    assert note in (tmp_path / "out" / "sweep.html").read_text(encoding="utf-8")


def test_a_bug_of_the_lab_is_broken_and_blamed_on_nobody(monkeypatch):
    name, plan = topology_named("cluster", ROOT)
    (nothing,) = combinations_of((), (), ("one-shot",), 0)

    def burst(*_: object) -> None:
        raise ZeroDivisionError("burst")

    monkeypatch.setattr("lab.sweep.judging.Stage", burst)
    record = judged(nothing, Setting(plan, name, 1))
    assert record.outcome == "broken"
    assert "burst" in record.reason


# --- what holds -------------------------------------------------------------------------------


def test_single_failures_of_the_cluster_behind_nat_break_no_invariant():
    """The set the command tries by itself, with one viewer."""
    name, plan = topology_named("cluster-nat", ROOT)
    kinds = [KINDS[each] for each in USUAL]
    everything = combinations_of(parts_of(plan), kinds, ("glibc",), 1)
    assert len(everything) >= 70
    records = judge_all(everything, Setting(plan, name, 1), workers=1, progress=lambda _: None)
    assert {each.id: each.violations for each in records if each.outcome != "passed"} == {}
    whole = records[0]
    assert [(each.when, each.outcome) for each in whole.visits] == [("before", "connected")] * 5
    assert all(each.visits[0].outcome == "connected" for each in records)
    assert all(each.visits[-1].outcome == "connected" for each in records)
    told = [each for each in records if any(v.outcome == "error" for v in each.visits)]
    assert told, "something that breaks must be felt"
    assert whole.recovered_ms is None
    for each in records[1:]:
        waits = [v.waited_ms for v in each.visits if (v.when, v.outcome) == ("after", "connected")]
        assert each.recovered_ms is not None
        assert waits[0] is not None
        assert each.recovered_ms >= waits[0] > 0, "served is who has a connection"


def test_the_same_seed_gives_the_same_with_any_number_of_workers():
    name, plan = topology_named("cluster-nat", ROOT)
    kinds = [KINDS[each] for each in ("silent", "lossy", "late")]
    everything = combinations_of(parts_of(plan), kinds, ("musl",), 1)
    setting = Setting(plan, name, 7)
    told: list[str] = []
    alone = judge_all(everything, setting, workers=1, progress=lambda each: told.append(each.id))
    assert told == [each.id for each in everything]
    three = judge_all(everything, setting, workers=3, progress=lambda _: None)
    assert three == alone
    server2 = [place for place, each in enumerate(everything) if "server2:" in each.id]
    other = [judged(everything[place], Setting(plan, name, 8)) for place in server2]
    assert other != [alone[place] for place in server2], "the seed has a say"


# --- how it ends ------------------------------------------------------------------------------


@pytest.fixture
def many():
    name, plan = topology_named("single", ROOT)
    kinds = [KINDS[each] for each in ("silent", "stopped", "killed", "slow", "servfail", "empty")]
    everything = combinations_of(parts_of(plan), kinds, ("one-shot", "musl"), 1)
    assert len(everything) > 2 * BATCH, "more than one worker has something to do"
    return everything, Setting(plan, name, 1)


def test_a_worker_that_is_killed_is_told_and_the_others_end(monkeypatch, many):
    monkeypatch.setattr("lab.sweep.workers.judged", lambda *_: os.kill(os.getpid(), SIGKILL))
    with pytest.raises(WorkerDied, match="run fewer with --workers"):
        judge_all(*many, workers=2, progress=lambda _: None)
    assert multiprocessing.active_children() == []


def test_an_interrupt_leaves_no_worker(many):
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge_all(*many, workers=2, progress=interrupt)
    assert multiprocessing.active_children() == []


# --- words ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "because"),
    [
        (("no-such-one",), "there is no topology 'no-such-one'"),
        (("forwarders",), "cluster: there is none"),
        (("cluster", "--faults", "silnt"), "did you mean silent?"),
        (("cluster", "--viewers", "glibbc"), "did you mean glibc?"),
        (("cluster", "--parts", "server9"), "did you mean server"),
        (
            ("cluster", "--parts", "server1/balancer", "--faults", "silent"),
            "no part can have any of these faults: silent; server1/balancer can have stopped,",
        ),
        (("cluster", "--world", "moon"), "there is no world 'moon'"),
        (("cluster", "--failures", "3"), "less than or equal to 2"),
        (("cluster", "--world", "mininet", "--confirm", "1"), "--confirm is for a simulated sweep"),
    ],
)
def test_what_cannot_be_swept_is_bad_input(forwardlab, words, because):
    result = forwardlab("sweep", *words)
    assert result.exit_code == Exit.BAD_INPUT
    assert because in " ".join(result.stderr.replace("│", "").split())
    assert "Traceback" not in result.output


@pytest.mark.parametrize("option", ["--parts", "--faults", "--viewers"])
def test_a_list_of_nothing_is_not_the_default(forwardlab, option):
    result = forwardlab("sweep", "cluster", option, " ,")
    assert result.exit_code == Exit.BAD_INPUT
    assert f"{option} names nothing" in result.stderr


def test_a_folder_with_something_in_it_is_refused(forwardlab, tmp_path):
    (tmp_path / "kept").write_text("mine", encoding="utf-8")
    result = forwardlab("sweep", "cluster", "--viewers", "one-shot", "--out", tmp_path)
    assert result.exit_code == Exit.BAD_INPUT
    assert "not empty" in result.stderr
    assert (tmp_path / "kept").read_text(encoding="utf-8") == "mine"


def test_a_file_that_is_no_scenario_is_refused(forwardlab, tmp_path):
    path = tmp_path / "it.json"
    path.write_text("{}", encoding="utf-8")
    result = forwardlab("run", path, "--world", "simulated")
    assert result.exit_code == Exit.BAD_INPUT
    assert result.stderr.startswith(f"{path}: title: Field required")


def test_the_schema_is_the_committed_one():
    committed = (ROOT / "reports" / "sweep.schema.json").read_text(encoding="utf-8")
    assert json.loads(committed) == json_schema(SweepRecord), (
        "run: python -m lab.sweep.record > reports/sweep.schema.json"
    )
