"""A small matrix of real servers: what the command writes, says and ends with."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from leftovers import Watch

from lab.matrix.files import read_matrix, write_matrix

pytestmark = pytest.mark.netns

ROOT = Path(__file__).parents[2]
MATRIX = (sys.executable, "-m", "lab.cli", "matrix")
SMALL = (
    "--quick", "--rules", "CND-02,CLU-12,NAT-01",
    "--subjects", "dns=ours,dns=unbound,translator=dnsdist,nat=nftables",
)  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("matrix")
    words = (*MATRIX, *SMALL, "--out", str(folder))
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return ended, folder


def test_every_subject_is_judged_by_every_rule_that_concerns_it(small):
    ended, folder = small
    record = read_matrix(folder / "matrix.json")
    found = {(each.seat, each.subject, each.rule): each.outcome for each in record.cells}
    assert found == {
        ("dns", "ours", "CND-02"): "passed",
        ("dns", "unbound", "CND-02"): "passed",
        ("translator", "dnsdist", "CLU-12"): "passed",
        ("nat", "nftables", "NAT-01"): "passed",
    }, ended.stderr
    assert ended.returncode == 0, ended.stdout
    assert "3 of 170 rules judged; 4 cells" in ended.stdout


def test_each_verdict_has_its_packets_its_ladder_and_its_command(small):
    _, folder = small
    record = read_matrix(folder / "matrix.json")
    for trial in record.trials:
        assert (folder / (trial.capture or "missing")).is_file(), trial
        assert trial.hops
        assert trial.reproduce.startswith(f"forwardlab run {trial.scenario}")
        assert (trial.seat == "") or f"--subject={trial.seat}={trial.subject}" in trial.reproduce
        # The subject itself sat there: its own configuration lies beside the capture.
        nodes = folder / "nodes" / f"{trial.seat}-{trial.subject}".removeprefix("-")
        assert (nodes / trial.scenario).is_dir()


def test_what_is_written_can_be_drawn_anew_from_the_record_alone(small, tmp_path):
    _, folder = small
    write_matrix(tmp_path, read_matrix(folder / "matrix.json"))
    for name in ("index.html", "matrix.json", "matrix.csv", "matrix.md"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    rows = list(csv.DictReader(io.StringIO((folder / "matrix.csv").read_text(encoding="utf-8"))))
    assert [each["table"] for each in rows] == ["cell"] * 4 + ["clause"]
    assert (rows[-1]["clause"], rows[-1]["way"]) == ("RFC 3022 2.1", "static table")
    assert "INCOMPLETE" not in {path.name for path in folder.iterdir()}


def test_a_matrix_compared_with_itself_has_not_changed(small):
    _, folder = small
    words = (sys.executable, "-m", "lab.cli", "compare", str(folder), str(folder), "--json")
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["changes"] == []


def test_an_interrupt_leaves_nothing_running(tmp_path):
    words = (*MATRIX, "--quick", "--subjects", "dns=unbound", "--out", str(tmp_path / "m"))
    watch = Watch()
    process = subprocess.Popen(
        words, cwd=ROOT, env=watch.environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (watch.look() and (tmp_path / "m" / "nodes").exists()):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert (tmp_path / "m" / "INCOMPLETE").exists()
    watch.wait_until_nothing_is_left()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--subjects", "dns=unbind"), "no subject of the seat dns 'unbind'; did you mean"),
        (("--rules", "FWD-99"), "no rule of that name; did you mean FWD-"),
        (("--rules", ","), "--rules names nothing; name some, with commas, or take it away"),
        (("--world", "simulated"), "there is no world 'simulated'; choose auto, mininet"),
    ],
)
def test_bad_input_gets_one_clear_error(words, said):
    ended = subprocess.run((*MATRIX, *words), cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert said in " ".join(ended.stderr.replace("│", " ").split())
    assert "Traceback" not in ended.stderr
