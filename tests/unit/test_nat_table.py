"""NAT translators clause by clause: from a matrix's record to its Markdown, CSV and page."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from sample_matrix import sample_matrix, sample_of_translators

from lab.matrix.files import read_matrix, write_matrix
from lab.matrix.markdown import matrix_markdown
from lab.matrix.nat_clauses import CLAUSES, Clause
from lab.matrix.nat_table import clause_cells, clause_index, clause_table
from lab.matrix.page import matrix_page
from lab.matrix.record import MatrixRecord
from lab.matrix.running import nat_record
from lab.matrix.tables import matrix_csv
from lab.scenario.catalogue import read_catalogue
from lab.scenario.session import plans_of
from lab.subjects.rule_seats import rule_seats

ROOT = Path(__file__).parents[2]
OURS, KERNEL = "ours", "nftables"


def told(record: MatrixRecord) -> dict[tuple[str, str], str]:
    return {key: cell.outcome for key, cell in clause_index(record).items()}


def with_outcome(outcome: str, trial: int, place: int = 0) -> MatrixRecord:
    record = sample_of_translators()
    trials = list(record.trials)
    expectations = list(trials[trial].expectations)
    expectations[place] = expectations[place].model_copy(update={"outcome": outcome})
    trials[trial] = trials[trial].model_copy(update={"expectations": tuple(expectations)})
    return record.model_copy(update={"trials": tuple(trials)})


# --- what is said of whom -----------------------------------------------------------------------


def test_each_clause_is_told_of_each_translator_as_it_was_set() -> None:
    assert told(sample_of_translators()) == {
        # One of its trials failed; that of another seat's subject counts for nobody.
        (OURS, "RFC 3022 2.1, static table"): "failed",
        (OURS, "RFC 4787 REQ-11, static table"): "failed",
        (OURS, "RFC 3022 4.1, shared address"): "passed",
        (OURS, "RFC 4787 REQ-1, shared address"): "passed",
        (OURS, "RFC 4787 REQ-8, shared address"): "observed",
        # One rule of the catalogue, two clauses.
        (KERNEL, "RFC 4787 REQ-1, shared address"): "deviates",
        (KERNEL, "RFC 5382 REQ-1, shared address"): "passed",
        (KERNEL, "RFC 4787 REQ-1, shared address, ports preserve"): "passed",
        (KERNEL, "RFC 4787 REQ-14, static table"): "unsupported",
    }


@pytest.mark.parametrize("outcome", ["failed", "deviates", "broken", "unsupported"])
def test_what_one_expectation_comes_to_changes_its_clause_alone(outcome: str) -> None:
    before, after = told(sample_of_translators()), told(with_outcome(outcome, 4))
    assert after[KERNEL, "RFC 5382 REQ-1, shared address"] == outcome
    assert {key for key in before if before[key] != after[key]} == {
        (KERNEL, "RFC 5382 REQ-1, shared address")
    }


def test_a_mark_names_every_trial_it_is_made_of_and_what_was_seen_in_the_worst() -> None:
    found = clause_index(with_outcome("failed", 5, 0))
    basic = found[OURS, "RFC 3022 2.1, static table"]
    assert [tuple(each) for each in basic.judged_by] == [(0, 0), (0, 1), (1, 0)]
    kept = found[KERNEL, "RFC 4787 REQ-1, shared address, ports preserve"]
    assert (kept.outcome, len(kept.judged_by), kept.unjudged) == ("failed", 2, 1)
    assert kept.seen == "seen <b>so</b>"
    # Without packets, why there are none.
    assert found[KERNEL, "RFC 4787 REQ-14, static table"].seen == "nftables is not installed"


def test_ours_comes_first_and_what_is_set_otherwise_stands_by_itself() -> None:
    table = clause_table(clause_cells(sample_of_translators()))
    assert list(map(str, table.settings)) == [
        "ours, static table",
        "ours, shared address",
        "nftables (conntrack), static table",
        "nftables (conntrack), shared address",
    ]
    clauses = [clause.source for clause, _ in table.rows]
    assert clauses == [each.source for each in CLAUSES if each.source in clauses]
    assert [str(each.setting) for each in table.others] == [
        "nftables (conntrack), shared address, ports preserve"
    ]


def test_only_those_rules_speak_for_a_clause_in_those_scenarios() -> None:
    clause = Clause("RFC 4787 REQ-1", "", "MUST", ("NAT-05",), ("translation/mapping/udp*",))
    assert clause.is_judged_by("translation/mapping/udp_ports_kept", "NAT-05")
    assert not clause.is_judged_by("translation/mapping/udp", "NAT-06")
    assert not clause.is_judged_by("translation/mapping/tcp", "NAT-05")


def test_every_rule_of_the_nat_seat_is_some_clauses() -> None:
    cited = {rule for clause in CLAUSES for rule in clause.rules}
    of_the_seat = {rule for rule, seats in rule_seats().items() if "nat" in seats}
    assert cited <= of_the_seat
    wanted = {f"NAT-{number:02}" for number in range(5, 19)} | {f"ICM-0{n}" for n in range(1, 7)}
    # NAT-14 (TTL, ECN, identification) is CDRouter's and RFC 6864's, no requirement of these.
    assert wanted - {"NAT-14"} <= cited
    assert "SEC-05" in cited


# --- how a scenario sets it ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def scenarios():
    return read_catalogue(ROOT).select([])


@pytest.mark.parametrize(
    ("identifier", "set_so"),
    [
        ("cluster/eight_steps/translator_address", ("static table", "")),
        ("translation/mapping/udp", ("shared address", "")),
        ("translation/mapping/udp_ports_kept", ("shared address", "ports preserve")),
        ("translation/full_table/told", ("shared address", "most_mappings 3, when_full icmp")),
    ],
)
def test_the_record_tells_how_the_translator_of_a_scenario_is_set(scenarios, identifier, set_so):
    scenario = scenarios[identifier]
    found = nat_record(scenario, plans_of(ROOT, [scenario])[scenario.topology])
    assert found is not None
    assert (found.way, found.otherwise) == set_so


def test_a_scenario_without_a_translator_tells_nothing(scenarios):
    scenario = scenarios["cluster/five_steps"]
    assert nat_record(scenario, plans_of(ROOT, [scenario])[scenario.topology]) is None


def test_every_clause_has_a_scenario_that_a_matrix_runs(scenarios):
    for clause in CLAUSES:
        assert any(
            clause.is_judged_by(identifier, rule)
            for identifier, scenario in scenarios.items()
            if not scenario.violates
            for expectation in scenario.expectations
            for rule in expectation.rules
        ), clause.source


# --- what is drawn ------------------------------------------------------------------------------


def test_the_markdown_has_a_column_for_each_setting_and_a_row_for_each_other_one() -> None:
    lines = matrix_markdown(sample_of_translators()).splitlines()
    start = lines.index("## NAT translators, clause by clause")
    assert lines[start + 4 :] == [
        (
            "| clause | | demands | ours, static table | ours, shared address "
            "| nftables (conntrack), static table | nftables (conntrack), shared address |"
        ),
        "|---|---|---|:-:|:-:|:-:|:-:|",
        (
            "| RFC 3022 2.1 | MUST | Basic NAT: an address for an address, ports as they are "
            "| ✘ |  |  |  |"
        ),
        "| RFC 3022 4.1 | MUST | checksums are adjusted; a UDP checksum of 0 stays |  | ✔ |  |  |",
        "| RFC 4787 REQ-1 | MUST | endpoint-independent mapping, UDP |  | ✔ |  | ≈ |",
        (
            "| RFC 4787 REQ-8 | RECOMMENDED | endpoint-independent or address-dependent filtering "
            "|  | ◉ |  |  |"
        ),
        "| RFC 4787 REQ-11 | MUST | the way of mapping never changes | ✘ |  |  |  |",
        "| RFC 4787 REQ-14 | MUST | fragments in any order |  |  | ⊘ |  |",
        "| RFC 5382 REQ-1 | MUST | endpoint-independent mapping, TCP |  |  |  | ✔ |",
        "",
        "| set otherwise | clause | | what was seen |",
        "|---|---|:-:|---|",
        (
            "| nftables (conntrack), shared address, ports preserve | RFC 4787 REQ-1 | ✔ "
            "| seen <b>so</b> |"
        ),
    ]


def test_what_was_seen_stays_in_its_column_of_the_markdown() -> None:
    record = sample_of_translators()
    seen = record.trials[5].expectations[0].model_copy(update={"value": "a|b\nc"})
    kept = record.trials[5].model_copy(update={"expectations": (seen, seen)})
    trials = (*record.trials[:5], kept, *record.trials[6:])
    text = matrix_markdown(record.model_copy(update={"trials": trials}))
    assert "| RFC 4787 REQ-1 | ✔ | a\\|b c |" in text


def test_the_csv_has_a_line_for_each_clause_and_setting() -> None:
    rows = list(csv.DictReader(io.StringIO(matrix_csv(sample_of_translators()))))
    assert [each["table"] for each in rows] == ["cell"] * 8 + ["clause"] * 9
    (kept,) = [each for each in rows if each["set_otherwise"]]
    names = ("rule", "severity", "seat", "subject", "version", "outcome", "expectations")
    assert [kept[name] for name in names] == [
        "NAT-05", "MUST", "nat", "nftables", "1.0.6", "passed", "2",
    ]  # fmt: skip
    names = ("not_judged", "clause", "way", "set_otherwise")
    assert [kept[name] for name in names] == [
        "1", "RFC 4787 REQ-1", "shared address", "ports preserve",
    ]  # fmt: skip


def test_the_page_has_a_mark_for_each_and_escapes_what_was_seen() -> None:
    page = matrix_page(sample_of_translators())
    numbers = re.findall(r'data-clause="(\d+)"', page)
    assert sorted(map(int, numbers)) == list(range(9))
    assert "<b>so</b>" not in page
    assert "&lt;b&gt;so&lt;/b&gt;" in page
    assert "1 of 2 not judged" in page


def test_it_is_drawn_from_the_file_alone(tmp_path: Path) -> None:
    write_matrix(tmp_path / "one", sample_of_translators())
    write_matrix(tmp_path / "two", read_matrix(tmp_path / "one" / "matrix.json"))
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize("draw", [matrix_markdown, matrix_csv, matrix_page])
def test_a_matrix_without_translators_has_no_such_section(draw) -> None:
    drawn = draw(sample_matrix())
    assert "clause by clause" not in drawn
    assert "\nclause," not in drawn
    assert clause_cells(sample_matrix()) == ()
