"""Scenarios that ran several times: told once, by the worst; what differs is told loudly."""

import json
from xml.etree import ElementTree as ET

import pytest
from sample_record import eight_steps, expectation, run_of, scenario
from shipped import copy_shipped
from typer.testing import CliRunner

from lab.cli import app
from lab.report.junit import junit_xml
from lab.report.repetitions import by_scenario, instabilities, once_each
from lab.scenario.session import exit_code


def repeated(*outcomes: str, identifier="a/one"):
    return [
        scenario(identifier, outcome, repetition=number)
        for number, outcome in enumerate(outcomes, start=1)
    ]


@pytest.mark.parametrize(
    ("outcomes", "told", "differs"),
    [
        (["passed", "passed"], "passed", None),
        (["passed", "failed", "passed"], "failed", "passed in 1, 3; failed in 2"),
        (["observed", "passed"], "passed", "observed in 1; passed in 2"),
        (["passed", "broken"], "broken", None),
        (["unsupported", "unsupported"], "unsupported", None),
        (["deviates", "passed"], "deviates", "deviates in 1; passed in 2"),
    ],
)
def test_the_worst_repetition_is_told_and_a_verdict_that_differs_is_found(outcomes, told, differs):
    record = run_of(*repeated(*outcomes), eight_steps())
    assert [each.outcome for each in once_each(record).scenarios] == [told, "passed"]
    assert instabilities(record) == ({} if differs is None else {"a/one": differs})


def test_an_expectation_that_differs_is_unstable_though_the_scenario_passed_each_time():
    def once(number, word):
        wish = expectation("fast enough", ("CLU-05",), word, severity="SHOULD")
        return scenario("a/one", repetition=number, expectations=(wish,))

    record = run_of(once(1, "passed"), once(2, "failed"), once(3, "passed"))
    assert instabilities(record) == {"a/one": "“fast enough”: passed in 1, 3; failed in 2"}
    assert exit_code(record) == 1


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (["passed", "passed"], 0),
        (["observed", "passed"], 1),
        (["passed", "failed"], 1),
        (["passed", "broken"], 4),
    ],
)
def test_exit_codes(outcomes, code):
    assert exit_code(run_of(*repeated(*outcomes))) == code


def test_junit_has_one_case_and_an_unstable_one_fails():
    record = run_of(*repeated("observed", "passed"), *repeated("passed", "passed", identifier="b"))
    root = ET.fromstring(junit_xml(record))  # noqa: S314 - our own
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    (failure,) = root.iter("failure")
    assert failure.get("type") == "unstable"
    assert failure.get("message") == "observed in 1; passed in 2"


@pytest.fixture
def project(tmp_path, monkeypatch):
    copy_shipped(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_repetitions_in_virtual_time_are_the_same_to_the_nanosecond(project):
    words = ["run", "cluster", "forwarding", "--world", "simulated", "--repeat", "3", "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert record["repeat"] == 3
    assert sum(record["totals"].values()) * 3 == len(record["scenarios"])
    for place in range(0, len(record["scenarios"]), 3):
        trio = record["scenarios"][place : place + 3]
        assert [each.pop("repetition") for each in trio] == [1, 2, 3]
        captures = [each.pop("capture") for each in trio]
        assert len(set(captures)) == 3
        assert all((project / "reports/latest" / each).is_file() for each in captures)
        for each in trio:
            del each["wall_s"], each["nodes"]
        assert trio[0] == trio[1] == trio[2]


def test_a_verdict_that_differs_is_told_loudly_and_fails_the_run(project, monkeypatch):
    from lab.judge.checks import Answered
    from lab.judge.verdict import failed

    judge, turns = Answered.judge, project / "turns"

    def second_time_unlucky(self, timeline):
        with turns.open("a") as file:
            file.write(".")
        unlucky = turns.stat().st_size == 2
        return failed("unlucky") if unlucky else judge(self, timeline)

    (project / "scenarios" / "odd.py").write_text(
        "from lab.judge.checks import Answered\nfrom lab.scenario.model import *\n"
        "SCENARIO = Scenario(title='-', story='-', topology='cluster', steps=(Ask(),),\n"
        "    expectations=(Expectation(text='-', rules=('CLU-02',), check=Answered()),))\n"
    )
    monkeypatch.setattr(Answered, "judge", second_time_unlucky)
    words = ["run", "odd", "--world", "simulated", "--repeat", "3", "--workers", "1"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert "unstable: odd: passed in 1, 3; failed in 2" in done.stdout
    assert "1 failed in" in done.stdout
    record = json.loads((project / "reports" / "latest" / "record.json").read_text())
    assert len(by_scenario_of(record)) == 1


def by_scenario_of(record):
    from lab.report.record import RunRecord

    return by_scenario(RunRecord.model_validate(record))
