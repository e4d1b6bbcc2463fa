"""Two matrices side by side."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from sample_matrix import COLUMNS, cell, sample_matrix, sample_of_translators, wait
from typer.testing import CliRunner

from lab.cli import app
from lab.cli_frame import Exit
from lab.matrix.comparing import compare_matrices
from lab.matrix.files import write_matrix
from lab.matrix.record import MatrixRecord, WaitRecord
from lab.matrix.telling import content, junit_xml, lines


def with_outcome(outcome: str, place: int = 0) -> MatrixRecord:
    record = sample_matrix()
    cells = list(record.cells)
    cells[place] = cells[place].model_copy(update={"outcome": outcome})
    return record.model_copy(update={"cells": tuple(cells)})


def with_waits(*waits: WaitRecord) -> MatrixRecord:
    return sample_matrix(waits=waits)


def changes(base: MatrixRecord, new: MatrixRecord, **how: bool) -> list[tuple[str, str, str]]:
    found = compare_matrices(base, new, **how).changes
    return [(each.direction, each.kind, each.what) for each in found]


def test_the_same_matrix_has_not_changed():
    found = compare_matrices(sample_matrix(), sample_matrix())
    assert found.changes == ()
    assert list(lines(found)) == ["nothing changed; 7 cells, 0 NAT clauses and 2 waits compared"]


@pytest.mark.parametrize(
    ("before", "after", "direction", "kind"),
    [
        ("passed", "failed", "worse", "rule newly broken"),
        ("deviates", "failed", "worse", "rule newly broken"),
        ("observed", "failed", "worse", "rule newly broken"),
        ("passed", "deviates", "worse", "newly deviates"),
        ("passed", "unsupported", "worse", "no longer judged"),
        ("passed", "broken", "worse", "lab newly broken"),
        ("failed", "passed", "better", "rule holds again"),
        ("failed", "deviates", "changed", "newly deviates"),
        ("deviates", "passed", "better", "deviates no longer"),
        ("unsupported", "passed", "better", "judged now"),
        ("unsupported", "failed", "worse", "rule newly broken"),
        ("passed", "observed", "changed", "different verdict"),
    ],
)
def test_what_a_changed_cell_means(before, after, direction, kind):
    assert changes(with_outcome(before), with_outcome(after)) == [(direction, kind, "FWD-01")]


def test_a_cell_that_is_gone_is_missed_unless_it_was_left_out():
    base = sample_matrix()
    gone = base.model_copy(update={"cells": base.cells[1:]})
    assert changes(base, gone) == [("worse", "no longer judged", "FWD-01")]
    assert changes(base, gone, partial=True) == []
    assert changes(base, gone.model_copy(update={"rules": ("FWD-04",)})) == []
    assert changes(base, gone.model_copy(update={"columns": COLUMNS[1:]})) == []
    assert changes(base, gone.model_copy(update={"quick": True})) == []
    assert changes(gone, base) == [("changed", "judged now", "FWD-01")]


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (("connected", 1000, 1010, 1020), ("connected", 1300, 1310, 1320), ("worse", "slower")),
        (("connected", 1300, 1310, 1320), ("connected", 1000, 1010, 1020), ("better", "faster")),
        # A grain, and repetitions that lie among each other.
        (("connected", 1000, 1010, 1020), ("connected", 1050, 1060, 1070), None),
        (("connected", 1000, 1010, 5000), ("connected", 1020, 1500, 1600), None),
        # A tenth of a long wait.
        (("error", 10000, 10010, 10020), ("error", 10500, 10510, 10520), None),
        (("connected", 10, 20, 30), ("error", 5000, 5001, 5002), ("worse", "other outcome")),
        (("error", 10, 20, 30), ("connected", 5000, 5001, 5002), ("better", "other outcome")),
    ],
)
def test_what_a_changed_wait_means(before, after, found):
    sides = [
        with_waits(wait("unbound", "waiting/first", outcome, *map(float, values)))
        for outcome, *values in (before, after)
    ]
    expected = [] if found is None else [(*found, "waiting/first@glibc")]
    assert changes(*sides) == expected


def test_a_wait_that_is_gone_is_missed_only_where_waits_were_asked_for():
    base = sample_matrix()
    gone = base.model_copy(update={"waits": base.waits[1:]})
    assert changes(base, gone) == [("worse", "wait gone", "waiting/first@glibc")]
    assert changes(base, base.model_copy(update={"waits": ()})) == []
    assert changes(gone, base) == [("changed", "new wait", "waiting/first@glibc")]


def with_mapping(udp: str, tcp: str) -> MatrixRecord:
    """What came of the kernel's mapping, by scenario; its cell of NAT-05 is the worst of both."""
    base = sample_of_translators()
    trials = list(base.trials)
    for place, outcome in ((3, udp), (4, tcp)):
        (each,) = trials[place].expectations
        changed = {"expectations": (each.model_copy(update={"outcome": outcome}),)}
        trials[place] = trials[place].model_copy(update=changed)
    places = [tuple(each) for each in base.cells[6].judged_by]
    mapping = cell("NAT-05", "nat", "nftables", tuple(trials), *places)
    cells = (*base.cells[:6], mapping, *base.cells[7:])
    return base.model_copy(update={"trials": tuple(trials), "cells": cells})


TCP_MAPPING = "RFC 5382 REQ-1, shared address"


def test_a_clause_is_told_where_its_cell_hides_it():
    base, new = with_mapping("deviates", "passed"), with_mapping("deviates", "deviates")
    assert changes(base, new) == [("worse", "newly deviates", TCP_MAPPING)]
    assert changes(new, base) == [("better", "deviates no longer", TCP_MAPPING)]
    worse = compare_matrices(with_mapping("failed", "passed"), with_mapping("failed", "failed"))
    assert [each.what for each in worse.of("worse")] == [TCP_MAPPING]
    assert worse.changes[0].why.startswith("translation/mapping/tcp: what NAT-05 demands: seen")
    assert content(worse)["clauses_compared"] == 9
    suite = ET.fromstring(junit_xml(worse))[0]  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures")) == ("17", "1")


def test_what_a_cell_tells_is_not_told_again_clause_by_clause():
    base, new = with_mapping("passed", "passed"), with_mapping("failed", "passed")
    assert changes(base, new) == [("worse", "rule newly broken", "NAT-05")]


def test_a_clause_that_is_gone_is_missed_unless_it_was_left_out():
    base = sample_of_translators()
    left = base.cells[6].model_copy(
        update={"judged_by": tuple(each for each in base.cells[6].judged_by if each.trial != 4)}
    )
    gone = base.model_copy(update={"cells": (*base.cells[:6], left, *base.cells[7:])})
    assert changes(base, gone) == [("worse", "no longer judged", TCP_MAPPING)]
    assert changes(gone, base) == [("changed", "judged now", TCP_MAPPING)]
    assert changes(base, gone, partial=True) == []
    assert changes(base, gone.model_copy(update={"quick": True})) == []
    # The rules that a clause is made of were not all asked for.
    assert changes(base, gone.model_copy(update={"rules": ("NAT-06",)})) == []
    # A matrix that was written before it told how translators are set.
    trials = tuple(each.model_copy(update={"nat": None}) for each in base.trials)
    assert changes(base.model_copy(update={"trials": trials}), gone) == []


def test_it_is_told_by_subject_with_versions_and_what_the_packets_show():
    columns = (COLUMNS[0], COLUMNS[1].model_copy(update={"version": "1.19.2"}), *COLUMNS[2:])
    new = with_outcome("failed", 2).model_copy(update={"columns": columns})
    told = list(lines(compare_matrices(with_outcome("passed", 2), new)))
    assert told[0] == "dns=unbound 1.17.1 → 1.19.2"
    assert told[1].startswith("  ✘ rule newly broken   FWD-01: passed → failed (forwarding/first:")
    assert told[-1] == "1 worse, 0 changed, 0 better; 7 cells, 0 NAT clauses and 2 waits compared"
    # A new version that changes nothing is worth a line, too.
    quiet = compare_matrices(sample_matrix(), sample_matrix(columns=columns))
    assert next(lines(quiet)) == "dns=unbound 1.17.1 → 1.19.2: nothing changed"


def test_as_data_and_as_junit():
    found = compare_matrices(with_outcome("passed"), with_outcome("failed"))
    told = content(found)
    assert (told["worse"], told["changes"][0]["kind"]) == (1, "rule newly broken")
    suite = ET.fromstring(junit_xml(found))[0]  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures")) == ("9", "1")
    failing = [case for case in suite if case.find("failure") is not None]
    assert [(each.get("classname"), each.get("name")) for each in failing] == [
        ("matrix.dns.ours", "FWD-01")
    ]


# --- the command --------------------------------------------------------------------------------


def compared(*words: object):
    return CliRunner().invoke(app, ["compare", *map(str, words)])


@pytest.fixture
def folders(tmp_path):
    write_matrix(tmp_path / "old", with_outcome("passed"))
    write_matrix(tmp_path / "new", with_outcome("failed"))
    return tmp_path / "old", tmp_path / "new"


def test_the_command_takes_folders_and_files_and_ends_with_1_where_it_got_worse(folders):
    old, new = folders
    worse = compared(old, new / "matrix.json")
    assert (worse.exit_code, "FWD-01: passed → failed" in worse.stdout) == (Exit.FAILED, True)
    assert compared(new, old).exit_code == Exit.PASSED
    assert compared(new, old, "--fail-on", "changed").exit_code == Exit.FAILED
    assert compared(old, new, "--fail-on", "never").exit_code == Exit.PASSED


def test_the_command_writes_json_and_junit(folders, tmp_path):
    result = compared(*folders, "--json", "--junit", tmp_path / "diff.xml")
    assert json.loads(result.stdout)["worse"] == 1
    assert 'failures="1"' in (tmp_path / "diff.xml").read_text(encoding="utf-8")


def test_a_matrix_is_compared_with_a_matrix_only(folders, tmp_path):
    (tmp_path / "none").mkdir()
    result = compared(folders[0], tmp_path / "none")
    assert result.exit_code == Exit.BAD_INPUT
    assert "none: no matrix, and a matrix can only be compared with another one" in result.output


def test_a_matrix_that_is_not_kept_yet_is_told_with_the_command_that_makes_one(
    folders, monkeypatch
):
    def find_matrix(word, _):
        return None if word == "matrix" else Path(word)

    monkeypatch.setattr("lab.matrix.files.find_matrix", find_matrix)
    result = compared(folders[0], "matrix")
    assert result.exit_code == Exit.BAD_INPUT
    assert "matrix: no matrix" in result.output
    assert "run a whole one first: forwardlab matrix" in result.output


def test_a_damaged_matrix_is_refused(folders):
    old, new = folders
    (new / "matrix.json").write_text('{"forwardlab_matrix": 1', encoding="utf-8")
    result = compared(old, new)
    assert result.exit_code == Exit.BAD_INPUT
    assert "line 1: not JSON" in result.output
