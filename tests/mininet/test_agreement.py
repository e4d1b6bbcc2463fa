"""Both worlds say the same: real kernels and virtual time run the same machines, and one judge
reads both. Every shipped scenario, through the command, with its default number of workers."""

import json
from collections import Counter

import pytest

from lab.report.agreement import disagreements
from lab.report.render import read_record
from lab.scenario.catalogue import read_catalogue

pytestmark = [pytest.mark.netns, pytest.mark.slow]


def test_every_scenario_says_the_same_in_both_worlds(forwardlab, tmp_path, project, simulated_set):
    out = tmp_path / "mininet"
    real = forwardlab("run", "--world", "mininet", "--out", out, limit_s=900)
    records = {}
    for world, (folder, done) in {"mininet": (out, real), "simulated": simulated_set}.items():
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        records[world] = read_record(folder)
    assert disagreements(records["mininet"], records["simulated"]) == []

    # Agreement about nothing would be worth nothing.
    for record in records.values():
        assert [each.id for each in record.scenarios] == list(read_catalogue(project).select(()))
        assert record.world == record.world_requested
    outcomes = {
        world: Counter(each.outcome for each in r.scenarios) for world, r in records.items()
    }
    assert set(outcomes["simulated"]) <= {"passed", "observed"}
    cannot = [each for each in records["mininet"].scenarios if each.outcome == "unsupported"]
    lacking = ("link", "long waits")
    assert all(any(word in each.reason for word in lacking) for each in cannot), (
        "only netem may be missing here, and the patience of real time"
    )
    compared = len(records["mininet"].scenarios) - len(cannot)
    assert compared >= 30
    exchanges = sum(len(each.exchanges) for each in records["mininet"].scenarios)
    assert exchanges > 3 * compared


def test_a_machine_that_draws_otherwise_is_noticed(forwardlab, tmp_path):
    """The comparison is made of what ran: another seed picks another server somewhere."""
    runs = []
    for seed in ("1", "2"):
        out = tmp_path / seed
        words = ("run", "cluster", "--world", "simulated", "--seed", seed, "--out", out)
        assert forwardlab(*words).returncode == 0
        runs.append(read_record(out))
        assert json.loads((out / "record.json").read_text())["seed"] == int(seed)
    assert disagreements(*runs) != []
