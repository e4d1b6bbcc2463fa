"""JUnit XML and the CSV of figures."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree as ET

import pytest
from golden import assert_golden
from sample_record import broken_on_purpose, expectation, run_of, sample_run, scenario

from lab.report.junit import junit_xml
from lab.report.timing import COLUMNS, timing_csv


def parsed(record):
    return ET.fromstring(junit_xml(record))  # noqa: S314 - our own


def cases(record):
    return {f"{c.get('classname')}.{c.get('name')}": c for c in parsed(record).iter("testcase")}


def test_the_file_is_as_kept():
    record = sample_run()
    small = run_of(*(each for each in record.scenarios if "every_node" not in each.id))
    assert_golden("junit.xml", junit_xml(small))


def test_every_outcome_becomes_what_junit_calls_it():
    children = {
        name: [child.tag for child in case if child.tag != "system-out"]
        for name, case in cases(sample_run()).items()
    }
    assert children["translation.cluster_nat"] == []
    assert children["balancing.dead_node"] == ["failure"]
    assert children["failures.translator_down"] == ["error"]
    assert children["resolution.slow_link"] == ["skipped"]
    assert children["failures.alias_base_off_by_one"] == []
    assert children["resolution.unknown_type"] == []
    assert len(children) == len(sample_run().scenarios)


def test_counts_and_properties_stand_where_readers_look():
    root = parsed(sample_run())
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "9",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
    }
    assert sum(int(suite.get("tests")) for suite in root) == 9
    for suite in root:
        properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
        assert properties["world"] == "mininet"
        assert properties["seed"] == "7"
        assert suite.get("timestamp") == "2026-04-15T21:50:00+00:00"


def test_a_failure_holds_its_evidence_and_only_what_counts_against_it():
    failure = cases(sample_run())["balancing.dead_node"].find("failure")
    assert failure.get("message") == "tgp3 is not handed out later than 5.5 s after its death"
    assert "frames 14, 16" in failure.text
    assert "CLU-03" in failure.text
    assert "the answer is one" not in failure.text


def test_an_unseen_fault_is_named():
    unseen = broken_on_purpose().model_copy(
        update={
            "outcome": "failed",
            "expectations": (expectation("all well", ("CLU-13",), "failed", meant_to_fail=True),),
        }
    )
    failure = next(iter(cases(run_of(unseen)).values())).find("failure")
    assert failure.get("message") == "broken on purpose, but no violation was found of CLU-14"


@pytest.mark.parametrize("text", ["\x00\x1b[0m", "<b>&amp;", "\ud800", "\uffff"])
def test_any_text_gives_a_file_that_parses(text):
    record = run_of(scenario("a/b", "broken", reason=text))
    error = next(iter(cases(record).values())).find("error")
    assert error is not None
    if text.startswith("<"):
        assert error.text == text


def test_a_scenario_outside_any_folder_has_a_suite_too():
    assert [suite.get("name") for suite in parsed(run_of(scenario("alone")))] == ["scenarios"]


def test_there_is_a_row_per_exchange_and_one_for_scenarios_without():
    record = sample_run()
    rows = list(csv.DictReader(io.StringIO(timing_csv(record))))
    assert tuple(rows[0]) == COLUMNS
    expected = [
        (each.id, str(number) if each.exchanges else "")
        for each in record.scenarios
        for number in range(1, max(1, len(each.exchanges)) + 1)
    ]
    assert [(row["scenario"], row["exchange"]) for row in rows] == expected
    assert rows[0]["waited_ms"] == "1.66"
    assert rows[0]["messages"] == "6"
    failed = [row for row in rows if row["scenario"] == "balancing/dead_node"]
    assert [row["waited_ms"] for row in failed] == ["1.04", "1.04", ""]
    assert [row["time_to_connect_ms"] for row in failed] == ["", "", ""]
    assert failed[2]["unanswered"] == "1"
