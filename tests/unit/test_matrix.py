"""The matrix: what is selected, how it is folded, what is drawn, and with what it ends."""

from __future__ import annotations

import csv
import io
import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from sample_matrix import COLUMNS, LISTED, cell, expectation, sample_matrix, trial

from lab.cli_matrix import QUICK_SHOWN
from lab.json_schema import json_schema
from lab.judge.rules import RULES
from lab.matrix import matrix
from lab.matrix.chance import FALSE_ALARM, trials_needed
from lab.matrix.concerns import nodes_taken, rules_about
from lab.matrix.files import (
    MatrixUnreadable,
    find_matrix,
    is_matrix,
    matrix_json,
    read_matrix,
    write_matrix,
)
from lab.matrix.folding import cells_of, runs_wanted, trial_record
from lab.matrix.markdown import matrix_markdown
from lab.matrix.matrix import Matrix, exit_code
from lab.matrix.page import matrix_page
from lab.matrix.record import MatrixRecord
from lab.matrix.selection import (
    QUICK,
    Column,
    MatrixError,
    Task,
    columns_named,
    is_quick,
    nothing_to_run,
    rules_named,
    tasks_for,
)
from lab.matrix.tables import matrix_csv
from lab.matrix.views import judged_rules, standings
from lab.matrix.waiting import wait_of
from lab.report.record import ExpectationRecord, ScenarioRecord
from lab.scenario.catalogue import read_catalogue
from lab.scenario.session import HostCannot, plans_of
from lab.subjects.rule_seats import rule_seats

ROOT = Path(__file__).parents[2]
ROSTER = {
    "unbound": SimpleNamespace(seats=frozenset({"dns", "translator"})),
    "nsd": SimpleNamespace(seats=frozenset({"balancer"})),
}


@pytest.fixture(scope="module")
def scenarios():
    return read_catalogue(ROOT).select([])


@pytest.fixture(scope="module")
def plans(scenarios):
    return plans_of(ROOT, scenarios.values())


# --- chance -------------------------------------------------------------------------------------


@given(st.floats(0.001, 0.999))
def test_so_many_trials_make_chance_no_excuse_and_one_less_would(chance):
    number = trials_needed(chance)
    assert (1 - chance) ** number < FALSE_ALARM
    assert (1 - chance) ** (number - 1) >= FALSE_ALARM * (1 - 1e-9)


# --- selection ----------------------------------------------------------------------------------


def test_columns_are_named_by_seats_and_subjects():
    everything = columns_named((), ROSTER)
    assert list(map(str, everything)) == [
        "dns=ours", "dns=unbound", "translator=ours", "translator=unbound",
        "balancer=ours", "balancer=nsd", "nat=ours", "lab=ours",
    ]  # fmt: skip
    assert list(map(str, columns_named(["nat", "dns=unbound"], ROSTER))) == [
        "dns=unbound",
        "nat=ours",
    ]


@pytest.mark.parametrize(
    ("word", "said"),
    [("dsn=unbound", "no seat 'dsn'; did you mean 'dns'"), ("nat=nsd", "no subject of the seat")],
)
def test_a_column_that_is_none_is_refused(word, said):
    with pytest.raises(MatrixError) as refused:
        columns_named([word], ROSTER)
    assert f"--subjects {word}: {said}" in str(refused.value)


def test_rules_are_named_by_ids_and_globs():
    assert rules_named(["clu-1*", "FWD-01"])[0] == "FWD-01"
    assert rules_named(()) == tuple(RULES)
    with pytest.raises(MatrixError, match="no rule of that name; did you mean FWD-1"):
        rules_named(["FWD-1000"])


def test_what_leaves_nothing_to_run_is_told_with_a_remedy_and_leaves_no_folder(tmp_path):
    nat = columns_named(["nat"])
    asked = Matrix(nat, ("CND-02",), "mininet", ROOT, whole=False, out=tmp_path / "out")
    told = "nothing to run: no scenario judges nat by these rules"
    with pytest.raises(MatrixError, match=f"{told}; they concern dns, so name such a seat"):
        asked.run(quiet=True)
    assert not (tmp_path / "out").exists()
    assert nothing_to_run(nat, ("NAT-15",), quick=True).endswith("take --quick away")
    assert "`forwardlab rules` says" in nothing_to_run(nat, ("NAT-15",), quick=False)


def test_only_what_translates_asks_for_a_tun_device(tmp_path, monkeypatch):
    def obstacles(*, nat):
        raise HostCannot("tun" if nat else "no tun")

    monkeypatch.setattr(matrix, "mininet_obstacles", obstacles)
    for column, wanted in (("nat=nftables", "tun"), ("dns=unbound", "no tun")):
        asked = Matrix(
            columns_named([column]),
            ("CND-02", "NAT-01"),
            "mininet",
            ROOT,
            whole=False,
            out=tmp_path / "out",
        )
        with pytest.raises(HostCannot, match=f"^{wanted}$"):
            asked.run(quiet=True)
    assert not (tmp_path / "out").exists()


def test_a_seat_counts_only_where_it_is_on_the_path(scenarios, plans):
    def taken(identifier, seat, subject="unbound"):
        scenario = scenarios[identifier]
        return nodes_taken(seat, subject, scenario, plans[scenario.topology])

    assert taken("cluster/five_steps", "dns") == {"dns"}
    assert taken("cluster/five_steps", "translator") == frozenset()
    assert taken("cluster/eight_steps/translator_address", "translator") == {"translator"}
    # A script has the seat, another server is asked, or it is broken on purpose.
    assert taken("viewers/every_server_silent@glibc", "dns") == frozenset()
    assert taken("caching/full_and_stale/full", "dns") == frozenset()
    assert taken("caching/full_and_stale/full", "dns", "ours") == {"small"}
    assert taken("broken/alias_base_off_by_one", "balancer") == frozenset()


def test_a_cell_judges_only_the_seat_it_is_about(scenarios, plans):
    scenario = scenarios["cluster/eight_steps/translator_address"]
    plan = plans[scenario.topology]
    found = {
        seat: {
            rule
            for each in scenario.expectations
            for rule in rules_about(each, seat, "ours", scenario, plan)
        }
        for seat in ("dns", "translator", "balancer", "nat")
    }
    assert {"CLU-08", "CLU-09"} <= found["dns"]
    assert found["translator"] >= {"CLU-10", "CLU-12"}
    assert not found["translator"] & {"CLU-08", "NAT-01"}
    assert "CLU-14" in found["balancer"]
    assert found["nat"] <= {rule for rule, seats in rule_seats().items() if "nat" in seats}


def test_with_ours_everywhere_one_trial_serves_all_seats(scenarios, plans):
    chosen = {"cluster/five_steps": scenarios["cluster/five_steps"]}
    columns = columns_named(["dns", "balancer"], ROSTER)
    tasks = tasks_for(chosen, plans, columns, tuple(RULES), waits=False)
    assert [(each.seat, each.subject) for each in tasks] == [
        ("", "ours"),
        ("dns", "unbound"),
        ("balancer", "nsd"),
    ]
    assert tasks_for(chosen, plans, columns, ("NAT-01",), waits=True) == ()


def test_the_waiting_table_runs_for_who_can_be_the_dns_server(scenarios, plans):
    chosen = {name: each for name, each in scenarios.items() if name.startswith("waiting/")}
    columns = columns_named((), ROSTER)
    tasks = tasks_for(chosen, plans, columns, tuple(RULES), waits=True)
    assert {(each.seat, each.subject) for each in tasks} == {("", "ours"), ("dns", "unbound")}
    assert len(tasks) == 2 * len(chosen) == 2 * 8 * 5
    assert tasks_for(chosen, plans, columns, tuple(RULES), waits=False) == ()


def test_every_glob_of_the_quick_subset_names_scenarios(scenarios):
    for glob in QUICK:
        assert any(fnmatchcase(name, glob) for name in scenarios), glob
        named = glob.removesuffix("/*").removesuffix("*")
        assert named in QUICK_SHOWN or named.rpartition("/")[2] in QUICK_SHOWN
    assert 10 < sum(map(is_quick, scenarios)) < 30


# --- folding ------------------------------------------------------------------------------------


def run(repetition=1, outcome="passed", **expected) -> ScenarioRecord:
    """A run with an expectation by each rule: its outcome, or (outcome, chance of a breach), a
    number or "seldom"."""
    records = []
    for rule, word in expected.items():
        outcome_, chance = word if isinstance(word, tuple) else (word, None)
        drawn = {"seldom": True} if chance == "seldom" else {"varies": chance}
        listed = None if chance is None else LISTED.model_copy(update=drawn)
        records.append(
            ExpectationRecord(
                text="t", rules=(rule.replace("_", "-"),), severity="MUST", outcome=outcome_,
                evidence=(), listed=listed,
            )
        )  # fmt: skip
    return ScenarioRecord(
        id="a/b", title="t", story="", topology="cluster", outcome=outcome, wall_s=1.0,
        time_to_connect_ms=None, clock="measured", repetition=repetition,
        expectations=tuple(records),
    )  # fmt: skip


def test_what_is_drawn_runs_until_a_breach_is_seen():
    assert runs_wanted([run(FWD_04="passed")]) == 0
    assert runs_wanted([run(FWD_04=("deviates", 0.5))]) == 0
    calm = run(FWD_04=("passed", 0.5))
    assert runs_wanted([calm]) == 1
    assert runs_wanted([run(FWD_04=("passed", 0.05))]) == 5
    assert runs_wanted([calm, run(2, FWD_04=("deviates", 0.5))]) == 0
    assert runs_wanted([calm] * 19) == trials_needed(0.5) - 19 == 1
    assert runs_wanted([calm] * 20) == 0


def test_a_breach_in_any_run_makes_what_is_drawn_deviate():
    runs = [run(FWD_04=("passed", 0.5)), run(2, "deviates", FWD_04=("deviates", 0.5))]
    told = trial_record(Task("a/b", Column("dns", "unbound")), "mininet", runs)
    assert (told.outcome, told.runs) == ("deviates", 2)
    assert (told.expectations[0].outcome, told.expectations[0].breaches) == ("deviates", 1)


def test_no_breach_in_enough_runs_is_a_stale_listing():
    runs = [run(number, FWD_04=("passed", 0.5)) for number in range(1, 21)]
    told = trial_record(Task("a/b", Column("dns", "unbound")), "mininet", runs)
    assert told.outcome == "failed"
    assert told.expectations[0].is_stale
    assert "not seen in 20 trials" in told.expectations[0].evidence[0].text
    # One less, and chance is still an excuse.
    told = trial_record(Task("a/b", Column("dns", "unbound")), "mininet", runs[:-1])
    assert not told.expectations[0].is_stale


def test_what_is_seldom_drawn_deviates_seen_or_not_and_is_never_stale():
    task = Task("a/b", Column("dns", "unbound"))
    calm = run(FWD_04=("passed", "seldom"), FWD_01="passed")
    assert runs_wanted([calm]) == 0
    told = trial_record(task, "mininet", [calm] * 30)
    assert (told.outcome, told.expectations[1].outcome) == ("deviates", "passed")
    unseen = told.expectations[0]
    assert (unseen.outcome, unseen.breaches, unseen.is_stale) == ("deviates", 0, False)
    assert unseen.evidence[0].text.startswith("held in 30 trials here")
    seen = trial_record(task, "mininet", [calm, run(2, "deviates", FWD_04=("deviates", "seldom"))])
    assert (seen.expectations[0].outcome, seen.expectations[0].breaches) == ("deviates", 1)
    assert not any("held in" in each.text for each in seen.expectations[0].evidence)
    # Nothing is documented of what is not judged, of a worse fault, or of another version.
    for word in ("unsupported", "failed", "broken"):
        judged = trial_record(task, "mininet", [run(1, word, FWD_04=(word, "seldom"))])
        assert judged.expectations[0].outcome == word
    elsewhere = LISTED.model_copy(update={"seldom": True, "certain": False})
    (kept,) = run(FWD_04="passed").expectations
    other = run().model_copy(
        update={"expectations": (kept.model_copy(update={"listed": elsewhere}),)}
    )
    assert trial_record(task, "mininet", [other]).outcome == "passed"


def test_a_failure_in_any_run_counts():
    runs = [run(), run(2, "failed", FWD_01="failed"), run(3)]
    runs = [run(FWD_01="passed"), runs[1], run(3, FWD_01="passed")]
    told = trial_record(Task("a/b", None), "mininet", runs)
    assert (told.outcome, told.expectations[0].outcome) == ("failed", "failed")


def test_a_cell_is_the_worst_of_what_could_be_judged():
    trials = (
        trial("a/a", expectation(("FWD-01",))),
        trial("a/b", expectation(("FWD-01",), "unsupported")),
        trial("a/c", expectation(("FWD-01",), "deviates")),
        trial("a/d", expectation(("FWD-01",), "failed")),
        trial("a/e", expectation(("FWD-01",), "broken")),
    )

    def outcome(*places: int):
        found = cell("FWD-01", "dns", "ours", trials, *((place, 0) for place in places))
        return found.outcome, found.unjudged

    assert outcome(0) == ("passed", 0)
    assert outcome(0, 1) == ("passed", 1)
    assert outcome(1) == ("unsupported", 1)
    assert outcome(0, 2, 1) == ("deviates", 1)
    assert outcome(0, 2, 3) == ("failed", 0)
    assert outcome(0, 3, 4) == ("broken", 0)


def test_a_rule_that_demands_nothing_is_observed_beside_one_that_does():
    trials = (trial("a/a", expectation(("FWD-04", "FWD-08"), "failed")),)
    assert cell("FWD-04", "dns", "ours", trials, (0, 0)).outcome == "failed"
    assert cell("FWD-08", "dns", "ours", trials, (0, 0)).outcome == "observed"


def test_cells_are_made_of_the_expectations_about_each_column():
    tasks = (Task("a/a", None), Task("a/a", Column("dns", "unbound")), Task("a/a", None, "lab"))
    trials = tuple(trial("a/a", expectation(("FWD-01",))) for _ in tasks)
    columns = (Column("dns", "ours"), Column("dns", "unbound"), Column("lab", "ours"))
    found = cells_of(columns, ("FWD-01",), trials, tasks, lambda task, column: [("FWD-01",)])
    assert [(each.seat, each.subject, each.judged_by[0].trial) for each in found] == [
        ("dns", "ours", 0),
        ("dns", "unbound", 1),
        ("lab", "ours", 2),
    ]
    assert cells_of(columns, ("FWD-02",), trials, tasks, lambda *_: [("FWD-01",)]) == ()


# --- waits --------------------------------------------------------------------------------------


def visited(outcome, waited_ms, began_ms=0.0):
    took = {"time_to_error_ms" if outcome == "error" else "time_to_connect_ms": waited_ms}
    return {"node": "viewer", "profile": "glibc", "began_ms": began_ms, "outcome": outcome, **took}


def waited(*visits: dict, marks=(), outcome="passed"):
    record = run(outcome=outcome).model_dump()
    record |= {"id": "waiting/x@glibc", "visits": visits, "marks": marks, "reason": "why"}
    return ScenarioRecord.model_validate(record)


def test_the_median_is_of_the_commonest_outcome():
    runs = [waited(visited("connected", 5.0)), waited(visited("connected", 9.0)),
            waited(visited("error", 99.0))]  # fmt: skip
    found = wait_of("ours", 0, runs)
    assert (found.failure, found.viewer, found.outcome) == ("waiting/x", "glibc", "connected")
    assert (found.median_ms, found.slowest_ms) == (5.0, 9.0)
    # Of as many, the worse one is told.
    assert wait_of("ours", 0, runs[1:]).outcome == "error"


def test_after_a_recovery_the_wait_is_counted_from_the_repair():
    mark = {"at_ms": 2000.0, "kind": "played", "text": "well again"}
    before = {"at_ms": -1.0, "kind": "played", "text": "silent"}
    first, second = visited("error", 1000.0), visited("connected", 7.0, began_ms=5000.0)
    assert wait_of("ours", 0, [waited(first, second, marks=(before, mark))]).median_ms == 3007.0
    assert wait_of("ours", 0, [waited(first, marks=(before,))]).median_ms == 1000.0


def test_what_could_not_be_timed_is_told():
    found = wait_of("ours", 0, [waited(outcome="unsupported")])
    assert (found.outcome, found.median_ms, found.got[0].reason) == ("unsupported", None, "why")


# --- what is drawn ------------------------------------------------------------------------------


def test_the_record_reads_back_as_it_was_written_and_fits_its_schema(tmp_path):
    record = sample_matrix()
    write_matrix(tmp_path, record)
    assert read_matrix(tmp_path / "matrix.json") == record
    schema = json.loads((ROOT / "reports" / "matrix.schema.json").read_text(encoding="utf-8"))
    assert schema == json_schema(MatrixRecord)
    Draft202012Validator(schema).validate(json.loads(matrix_json(record)))


def test_a_changed_cell_is_a_changed_line():
    changed = sample_matrix()
    cells = (changed.cells[0].model_copy(update={"outcome": "failed"}), *changed.cells[1:])
    before = matrix_json(changed).splitlines()
    after = matrix_json(changed.model_copy(update={"cells": cells})).splitlines()
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_everything_is_drawn_anew_to_the_same_octets(tmp_path):
    write_matrix(tmp_path / "one", sample_matrix())
    write_matrix(tmp_path / "two", read_matrix(tmp_path / "one" / "matrix.json"))
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {"index.html", "matrix.json", "matrix.csv", "matrix.md"}
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_csv_has_a_line_for_each_cell_and_wait():
    record = sample_matrix()
    rows = list(csv.DictReader(io.StringIO(matrix_csv(record))))
    assert [each["table"] for each in rows] == ["cell"] * 7 + ["wait"] * 2
    assert rows[2]["rule"] == "FWD-01"
    assert rows[2]["outcome"] == "failed"
    assert rows[2]["version"] == "1.17.1"
    assert (rows[-1]["viewer"], rows[-1]["median_ms"]) == ("glibc", "5001")


def test_the_markdown_shows_who_holds_how_much_every_mark_and_every_wait():
    text = matrix_markdown(sample_matrix())
    assert "| dns | Unbound 1.17.1 | 0 of 2 | 0 of 0 | 1 | FWD-01 |" in text
    assert "| FWD-04 | MUST | ✔ | ≈ |" in text
    assert "| CLU-12 | MUST | ⊘ |" in text
    assert "| Unbound | error 5.001 s |" in text
    assert "| ours | 1.001 s |" in text


def test_the_page_escapes_what_packets_held_and_has_every_cell():
    page = matrix_page(sample_matrix())
    assert "<b>so</b>" not in page
    numbers = re.findall(r'data-cell="(\d+)"', page)
    assert sorted(map(int, numbers)) == list(range(7))
    assert 'data-trial="1"' in page


def test_standings_count_what_is_held_and_name_what_is_broken():
    found = {(each.column.seat, each.column.subject): each for each in standings(sample_matrix())}
    unbound = found["dns", "unbound"]
    assert (unbound.held.get("MUST", 0), unbound.judged["MUST"]) == (0, 2)
    assert unbound.failed == ("FWD-01",)
    assert found["translator", "dnsmasq"].judged == {}


def test_a_rule_counts_as_judged_unless_everybody_is_unsupported():
    judged = judged_rules(sample_matrix())
    assert judged == {"FWD-01", "FWD-04", "FWD-08", "CLU-15"}


# --- files --------------------------------------------------------------------------------------


def test_a_matrix_is_found_by_folder_file_and_name(tmp_path):
    reports = tmp_path / "reports"
    write_matrix(reports / "matrix", sample_matrix())
    file = reports / "matrix" / "matrix.json"
    kept = tmp_path / "before.json"
    kept.write_bytes(file.read_bytes())
    assert find_matrix("matrix", reports) == file
    assert find_matrix(str(reports / "matrix"), reports) == file
    assert find_matrix(str(kept), reports) == kept
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    assert not is_matrix(tmp_path / "other.json")
    assert find_matrix(str(tmp_path / "other.json"), reports) is None
    assert find_matrix("latest", reports) is None


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[:-30], "not JSON"),
        (lambda text: text.replace('"forwardlab_matrix": 1', '"forwardlab_matrix": 7'), "is 7"),
        (lambda text: text.replace('"passed"', '"fine"', 1), "trials.0.outcome"),
    ],
)
def test_a_damaged_matrix_is_refused_with_its_place(tmp_path, damage, said):
    write_matrix(tmp_path, sample_matrix())
    file = tmp_path / "matrix.json"
    file.write_text(damage(file.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(MatrixUnreadable) as refused:
        read_matrix(file)
    assert str(file) in str(refused.value)
    assert said in str(refused.value)


# --- with what it ends --------------------------------------------------------------------------


def test_what_another_product_breaks_is_a_result():
    assert exit_code(sample_matrix()) == 0


def test_what_ours_breaks_is_a_failure():
    record = sample_matrix()
    cells = (record.cells[0].model_copy(update={"outcome": "failed"}), *record.cells[1:])
    assert exit_code(record.model_copy(update={"cells": cells})) == 1


def test_a_stale_listing_is_a_failure_whoever_it_is_about():
    record = sample_matrix()
    stale = record.trials[1].expectations[1].model_copy(update={"is_stale": True})
    trials = (
        record.trials[0],
        record.trials[1].model_copy(update={"expectations": (stale,)}),
        *record.trials[2:],
    )
    assert exit_code(record.model_copy(update={"trials": trials})) == 1


def test_a_lab_that_broke_is_told_above_all():
    record = sample_matrix()
    trials = (record.trials[0].model_copy(update={"outcome": "broken"}), *record.trials[1:])
    assert exit_code(record.model_copy(update={"trials": trials})) == 4


def test_a_matrix_that_judged_nothing_is_no_success():
    record = sample_matrix()
    unjudged = tuple(each for each in record.cells if each.outcome == "unsupported")
    assert exit_code(record.model_copy(update={"cells": unjudged})) == 3


def test_columns_of_the_sample_are_those_of_its_cells():
    known = {(each.seat, each.subject) for each in COLUMNS}
    assert {(each.seat, each.subject) for each in sample_matrix().cells} == known
