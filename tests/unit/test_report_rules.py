"""The rule catalogue: what it holds, and what it says of a catalogue that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.judge.rules import RULES, CatalogueMalformed, load_rules, strictest

HEADER = "id\tarea\trule\tsource\tseverity\n"


def test_the_catalogue_holds_every_line_of_its_file():
    lines = Path("lab/judge/rules.tsv").read_text().splitlines()
    assert len(RULES) == len(lines) - 1
    assert [*RULES] == [line.split("\t")[0] for line in lines[1:]]


def test_a_rule_keeps_its_quotes_and_its_source():
    rule = RULES["FWD-06"]
    assert rule.text.startswith("'Affirmative answer'")
    assert (rule.area, rule.source, rule.severity) == (
        "forwarder order",
        "S-MS; CDRouter dns_45",
        "MUST",
    )


def test_the_strictest_severity_of_several_rules_wins():
    assert strictest(["FWD-19", "CLU-05", "CLU-04"]) == "MUST"
    assert strictest(["FWD-19", "CLU-05"]) == "SHOULD"
    assert strictest(["FWD-19"]) == "observed"
    with pytest.raises(KeyError, match="CLU-99"):
        strictest(["CLU-99"])


def test_all_faults_are_reported_at_once_with_their_lines(tmp_path):
    catalogue = tmp_path / "rules.tsv"
    catalogue.write_text(
        HEADER
        + "A-1\tarea\ttext\tsource\tMUST\n"
        + "A-1\tarea\ttext\tsource\tMUST\n"
        + "A-2\tarea\ttext\tsource\tmust\n"
        + "A-3\tarea\ttext\tMUST\n"
        + "A-4\tarea\t \tsource\tMUST\n"
    )
    with pytest.raises(CatalogueMalformed) as caught:
        load_rules(catalogue)
    faults = str(caught.value).splitlines()
    assert [fault.split(": ")[0].rsplit(":", 1)[1] for fault in faults] == ["3", "4", "5", "6"]
    for fault, word in zip(faults, ("A-1", "'must'", "4 columns", "'rule'"), strict=True):
        assert word in fault


@pytest.mark.parametrize("text", ["", "id\tarea\n"])
def test_a_file_without_the_columns_is_refused(tmp_path, text):
    catalogue = tmp_path / "rules.tsv"
    catalogue.write_text(text)
    with pytest.raises(CatalogueMalformed, match="first line"):
        load_rules(catalogue)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CatalogueMalformed, match=r"nowhere\.tsv"):
        load_rules(tmp_path / "nowhere.tsv")
