"""What a storm leaves in its folder, and how the command ends."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.json_schema import json_schema
from lab.report.render import FolderUnusable
from lab.report.statistics import Distribution
from lab.scenario.catalogue import find_topology
from lab.storm import run as storm_run
from lab.storm.folder import storm_page, write_storm
from lab.storm.record import StormRecord, WaitRecord
from lab.storm.request import Storm
from lab.storm.run import PreparedStorm, run_storm
from lab.storm.tables import figures_csv, moments_csv
from lab.storm.text import storm_lines
from lab.worlds.world import WorldBroken

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "topologies" / "cluster.toml"


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    wanted = Storm(CLUSTER, viewers=60, rate_per_s=500.0, world="simulated")
    return run_storm(wanted, tmp_path_factory.mktemp("storm"))


def failed(record):
    return record.model_copy(
        update={"outcome": "failed", "reasons": ("answers lost by dns: 3 (...)",)}
    )


def test_the_schema_is_the_one_that_is_kept():
    kept = json.loads((ROOT / "reports" / "storm.schema.json").read_text())
    assert kept == json_schema(StormRecord), (
        "python -m lab.storm.record > reports/storm.schema.json"
    )


def test_a_record_survives_its_file(record, tmp_path):
    page = write_storm(tmp_path, record)
    assert page == tmp_path / "report.html"
    assert StormRecord.model_validate_json((tmp_path / "storm.json").read_text()) == record


def test_a_wait_has_its_clock_and_its_percentiles():
    values = [float(n) for n in range(1, 1001)]
    wait = WaitRecord.of("measured", reversed(values))
    whole = Distribution.of("measured", values)
    assert (wait.clock, wait.n, wait.median, wait.p90, wait.p99, wait.max) == (
        *(whole.clock, whole.n, whole.median),
        *(whole.p90, whole.p99, whole.max),
    )
    curve = dict(wait.slowest)
    assert (curve[0], curve[50], curve[99.9], curve[100]) == (1, 500, 999, 1000)
    assert list(curve.values()) == sorted(curve.values())
    assert WaitRecord.of("virtual", []) is None


def test_lines_tell_every_figure_with_its_clock(record):
    text = "\n".join(storm_lines(record))
    assert "60 viewers, 500 a second; simulated world, virtual clock, seed 1\npassed\n" in text
    assert "60 asked, 60 reached dns, 60 answered, 0 lost; 60 came back" in text
    assert re.search(r"^answer +virtual +60 ", text, re.MULTILINE)
    assert re.search(r"^both +virtual +60 ", text, re.MULTILINE)
    assert "chi-squared" in text
    assert "FAILED: answers lost by dns: 3" in "\n".join(storm_lines(failed(record)))


def test_csv_holds_the_same_figures(record):
    rows = {row["figure"]: row for row in csv.DictReader(io.StringIO(figures_csv(record)))}
    assert rows["both"]["median_ms"] == str(record.both_wait.median)
    assert rows["both"]["clock"] == "virtual"
    assert rows["answers lost"]["value"] == "0"
    assert rows["connections to server1"]["value"] == str(record.nodes[0].connections)
    moments = list(csv.DictReader(io.StringIO(moments_csv(record))))
    assert sum(int(row["asked"]) for row in moments) == 60


def test_the_page_is_drawn_from_the_record_alone_and_runs_nothing(record):
    hostile = record.model_copy(update={"title": "<script>alert(1)</script>"})
    page = storm_page(StormRecord.model_validate_json(hostile.model_dump_json()))
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert page.count("<svg") == 2
    assert page == storm_page(hostile)
    assert "answers lost by dns" in storm_page(failed(record))


def test_a_folder_that_cannot_be_written_is_told(record, tmp_path):
    (tmp_path / "storm.json").mkdir()
    with pytest.raises(FolderUnusable, match="choose another place with --out"):
        write_storm(tmp_path, record)


# --- the command ------------------------------------------------------------------------------


def forwardlab(*words: object):
    return CliRunner().invoke(app, ["storm", *map(str, words)])


@pytest.mark.parametrize(("outcome", "code"), [("passed", 0), ("failed", 1), ("broken", 4)])
def test_the_command_ends_by_the_outcome(record, outcome, code, tmp_path, monkeypatch):
    told = record.model_copy(update={"outcome": outcome, "reasons": ("because",)})
    monkeypatch.setattr(PreparedStorm, "run", lambda _self, _out: told)
    result = forwardlab(CLUSTER, "--world", "simulated", "--out", tmp_path / "out")
    assert result.exit_code == code
    assert result.output.splitlines()[1].lower() == f"{outcome}: because"


def test_json_is_the_record_and_nothing_else(record, tmp_path, monkeypatch):
    monkeypatch.setattr(PreparedStorm, "run", lambda _self, _out: record)
    result = forwardlab(CLUSTER, "--world", "simulated", "--out", tmp_path / "out", "--json")
    assert StormRecord.model_validate_json(result.stdout) == record


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["forwarders"], "forwarders: it has no cluster"),
        (["nowhere"], "no topology 'nowhere'; known are "),
        (["nowhere.toml"], "no such file or directory"),
        ([CLUSTER, "--viewers", 20_001], "viewers: 20,001 is out of bounds"),
        ([CLUSTER, "--rate", "nan"], "rate: nan is out of bounds"),
        ([CLUSTER, "--world", "moon"], "there is no world 'moon'"),
    ],
)
def test_bad_input_is_told_and_leaves_no_folder(words, told, tmp_path):
    out = tmp_path / "out"
    result = forwardlab(*words, "--out", out)
    assert result.exit_code == 2
    assert told in result.output
    assert not out.exists()


def test_a_folder_in_use_is_refused(tmp_path):
    (tmp_path / "mine").touch()
    result = forwardlab(CLUSTER, "--world", "simulated", "--out", tmp_path)
    assert result.exit_code == 2
    assert "not empty" in result.output


def test_a_host_that_cannot_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(storm_run, "mininet_obstacles", lambda **_: ("no bridge devices",))
    result = forwardlab(CLUSTER, "--world", "mininet", "--out", tmp_path / "out")
    assert (result.exit_code, "no bridge devices" in result.output) == (3, True)
    result = forwardlab(CLUSTER, "--viewers", 5, "--out", tmp_path / "auto")
    assert result.exit_code == 0
    assert "so the simulated world runs: no bridge devices" in result.output


def test_too_few_open_files_are_told_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(storm_run, "mininet_obstacles", lambda **_: ())
    monkeypatch.setattr(storm_run.resource, "getrlimit", lambda _: (256, 300))
    result = forwardlab(CLUSTER, "--world", "mininet", "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert "64 connections at once need 320 open files, and this host allows 300" in result.output
    assert not (tmp_path / "out").exists()


def test_a_storm_can_be_asked_for_again_by_its_topologys_name(record):
    assert record.reproduce == (
        "forwardlab storm cluster --viewers 60 --rate 500 --at-once 64 --world simulated --seed 1"
    )
    assert storm_run._name(Path("/x/topologies/own/ours.toml")) == "own/ours"
    assert storm_run._name(Path("mine/ours.toml")) == "mine/ours.toml"


def test_a_lab_that_broke_says_so(tmp_path, monkeypatch):
    def broken(*_: object):
        raise WorldBroken("the crowd did not come to an end")

    monkeypatch.setattr(PreparedStorm, "run", broken)
    result = forwardlab(CLUSTER, "--world", "simulated", "--out", tmp_path / "out")
    assert result.exit_code == 4
    assert "BROKEN: the crowd did not come to an end" in result.output


def test_a_name_is_looked_up_and_a_file_is_taken(tmp_path):
    assert find_topology("cluster") == CLUSTER
    assert find_topology(str(tmp_path / "any.toml")) == tmp_path / "any.toml"
