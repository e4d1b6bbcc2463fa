"""Which scenarios judge a rule, what came of it, and what is told of both."""

import json
from pathlib import Path

import pytest
from sample_matrix import sample_matrix
from typer.testing import CliRunner

from lab.cli import app
from lab.cli_frame import Exit
from lab.judge.checks import Answered, NotAnswered
from lab.judge.rules import RULES
from lab.matrix.files import write_matrix
from lab.report.coverage import coverage
from lab.report.record import ExpectationRecord, RunRecord, ScenarioRecord
from lab.report.rules import RuleResult, rule_outcome, rule_results
from lab.report.rules_table import print_rules
from lab.scenario.model import Ask, Expectation, Scenario

ROOT = Path(__file__).parents[2]


def expected(outcome: str, *rules: str, meant: bool = False) -> ExpectationRecord:
    return ExpectationRecord(
        text="-", rules=rules, severity="MUST", outcome=outcome, evidence=(), meant_to_fail=meant
    )


def ran(identifier: str, *expectations: ExpectationRecord, violates=()) -> ScenarioRecord:
    return ScenarioRecord(
        id=identifier,
        title="-",
        story="-",
        topology="cluster",
        outcome="passed",
        wall_s=0,
        time_to_connect_ms=None,
        clock="virtual",
        expectations=expectations,
        violates=violates,
    )


def run_of(*scenarios: ScenarioRecord, world: str = "simulated") -> RunRecord:
    return RunRecord(
        forwardlab="0",
        world=world,
        world_requested=world,
        seed=1,
        workers=1,
        started="2026-04-15T21:50:00+00:00",
        wall_s=0,
        host={},
        scenarios=scenarios,
        totals={},
    )


def words(*scenarios: ScenarioRecord) -> dict[str, list[str]]:
    found = rule_results(run_of(*scenarios))
    return {rule: [each.word for each in results] for rule, results in found.items()}


def test_a_rule_has_the_worst_word_of_each_scenario() -> None:
    one = ran("a", expected("passed", "CLU-01"), expected("failed", "CLU-01", "CLU-02"))
    two = ran("b", expected("passed", "CLU-01"))
    assert words(one, two) == {"CLU-01": ["failed", "passed"], "CLU-02": ["failed"]}


def test_what_was_broken_on_purpose_is_told_apart() -> None:
    caught = ran(
        "a",
        expected("failed", "CLU-13", "CLU-14", meant=True),
        expected("passed", "CLU-14"),
        violates=("CLU-13",),
    )
    assert words(caught) == {"CLU-13": ["caught"], "CLU-14": ["passed", "caught"]}
    missed = ran(
        "b",
        expected("failed", "CLU-13", meant=True),
        expected("passed", "CLU-13", meant=True),
        violates=("CLU-13",),
    )
    assert words(missed) == {"CLU-13": ["missed"]}


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ((), None),
        (("caught",), None),
        (("caught", "passed"), "passed"),
        (("passed", "missed"), "failed"),
        (("observed",), "observed"),
        (("unsupported", "passed"), "unsupported"),
        (("broken", "failed"), "broken"),
    ],
)
def test_the_worst_word_is_a_rules_outcome(given, outcome) -> None:
    results = (RuleResult(word, "mininet", word) for word in given)
    assert rule_outcome(results) == outcome


def test_what_one_world_cannot_does_not_count_where_another_can() -> None:
    here, there = (
        RuleResult("a", "mininet", "unsupported"),
        RuleResult("a", "simulated", "passed"),
    )
    other = RuleResult("b", "simulated", "unsupported")
    assert rule_outcome([here]) == "unsupported"
    assert rule_outcome([here, there]) == "passed"
    assert rule_outcome([here, there, other]) == "unsupported"


def scenario(*cited: tuple[str, ...], violates=()) -> Scenario:
    checks = (Answered(), NotAnswered(), Answered(qtype="AAAA"))
    return Scenario(
        title="-",
        story="-",
        topology="cluster",
        steps=(Ask(),),
        violates=violates,
        expectations=tuple(
            Expectation(text="-", rules=rules, check=check)
            for rules, check in zip(cited, checks, strict=False)
        ),
    )


def test_every_rule_of_the_catalogue_is_told_with_its_scenarios() -> None:
    scenarios = {
        "a": scenario(("CLU-01", "CLU-02"), ("CLU-02",)),
        "b": scenario(("CLU-01",), ("CLU-03", "CLU-02"), violates=("CLU-03",)),
    }
    runs = [run_of(ran("a", expected("passed", "CLU-01", "GONE-1")), world="mininet"), run_of()]
    found = {each.rule.id: each for each in coverage(scenarios, runs)}
    assert [*found] == [*RULES]
    assert (found["CLU-01"].judged_by, found["CLU-01"].broken_by) == (("a", "b"), ())
    assert (found["CLU-02"].judged_by, found["CLU-02"].broken_by) == (("a",), ("b",))
    assert (found["CLU-03"].judged_by, found["CLU-03"].broken_by) == ((), ("b",))
    assert found["CLU-03"].is_missing
    assert not found["CLU-02"].is_missing
    assert found["CLU-01"].results == (RuleResult("a", "mininet", "passed"),)
    assert (found["CLU-01"].outcome, found["CLU-02"].outcome) == ("passed", None)


# --- the command ------------------------------------------------------------------------------

HEAD = """\
from lab.judge.checks import Answered
from lab.scenario.model import Ask, Expectation, Scenario

SCENARIO = Scenario(
    title="-", story="-", topology="cluster", steps=(Ask(),),
    expectations=(Expectation(text="-", rules=RULES, check=Answered()),), violates=VIOLATES,
)
"""


COUNTED = "for at least one subject; 1 passed"


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    (tmp_path / "topologies").symlink_to(ROOT / "topologies")
    (tmp_path / "scenarios").mkdir()
    texts = {"kept": ('("CLU-01",)', "()"), "wrong": ('("CLU-02",)', '("CLU-02",)')}
    for name, (cited, violates) in texts.items():
        text = HEAD.replace("RULES,", f"{cited},").replace("=VIOLATES", f"={violates}")
        (tmp_path / "scenarios" / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(*given: str):
    return CliRunner().invoke(app, ["rules", *given])


@pytest.fixture
def finished(project: Path) -> Path:
    record = run_of(
        ran("kept", expected("passed", "CLU-01")),
        ran("wrong", expected("failed", "CLU-02", meant=True), violates=("CLU-02",)),
    )
    folder = project / "reports" / "runs" / "one"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(record.model_dump_json())
    (project / "reports" / "latest").symlink_to(folder)
    return folder / "record.json"


def test_a_rule_without_a_scenario_says_so(project: Path) -> None:
    del project
    result = said("--area", "clu")
    assert result.exit_code == Exit.PASSED
    rows = {
        line.split()[0]: line.rstrip() for line in result.stdout.splitlines() if "CLU-" in line[:4]
    }
    assert rows["CLU-01"].endswith("kept")
    assert "no scenario" in rows["CLU-02"]
    assert "no scenario" in rows["CLU-03"]
    assert "wrong (broken on purpose)" in result.stdout
    assert result.stdout.rstrip().endswith("20 rules, 19 without a scenario")
    assert "FWD-01" not in result.stdout


def test_the_latest_runs_outcomes_are_told(finished: Path) -> None:
    for given in ((), ("latest",), ("one",), (str(finished),)):
        result = said("--area", "CLU", *given)
        assert "kept ✔ passed (simulated)" in result.stdout
        assert "wrong (broken on purpose) ✔ caught (simulated)" in result.stdout
        (told,) = (line for line in result.stdout.splitlines() if line.startswith("in the run"))
        assert told == f"in the run of 2026-04-15T21:50:00+00:00 (simulated): 1 judged {COUNTED}"


def test_the_kept_matrix_counts_whom_a_rule_was_judged_for(project: Path) -> None:
    write_matrix(project / "reports" / "matrix", sample_matrix())
    result = said("--area", "CLU")
    # CLU-12 is UNSUPPORTED for everybody there, and CLU-15 is the configuration check's own.
    assert "✔ passed: lab=ours" in result.stdout
    assert "⊘ unsupported: translator=dnsmasq" in result.stdout
    told = "in the matrix of 2026-04-15T21:50:00+00:00: 1 judged for at least one subject"
    assert result.stdout.rstrip().endswith(told)
    named = json.loads(said("--json", "--area", "FWD", "reports/matrix").stdout)
    judged = {each["id"]: each["judged"] for each in named}
    assert [rule for rule in judged if judged[rule]] == ["FWD-01", "FWD-04", "FWD-08"]
    assert {"seat": "dns", "subject": "unbound", "outcome": "failed"} in named[0]["subjects"]


def test_only_what_no_scenario_judges(project: Path) -> None:
    del project
    found = json.loads(said("--missing", "--json").stdout)
    assert [each["id"] for each in found] == [rule for rule in RULES if rule != "CLU-01"]
    assert all(each["scenarios"] == [] for each in found)


def test_json_tells_everything(finished: Path) -> None:
    del finished
    found = {each["id"]: each for each in json.loads(said("--json", "--area", "CLU").stdout)}
    assert found["CLU-01"] == {
        "id": "CLU-01",
        "area": "cluster",
        "severity": "MUST",
        "rule": RULES["CLU-01"].text,
        "source": RULES["CLU-01"].source,
        "scenarios": ["kept"],
        "broken_on_purpose": [],
        "outcome": "passed",
        "results": [{"scenario": "kept", "world": "simulated", "outcome": "passed"}],
        "judged": True,
        "subjects": [],
    }
    assert found["CLU-02"]["broken_on_purpose"] == ["wrong"]
    assert (found["CLU-02"]["outcome"], found["CLU-02"]["results"][0]["outcome"]) == (
        None,
        "caught",
    )


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (("--area", "FDW"), "there is no area 'FDW'; did you mean FWD?"),
        (("--area", "x"), "there is no area 'x'; choose FWD, CND"),
        (("nowhere",), "nowhere: no run there; name a folder of"),
        (("latest",), "no complete run yet; make one with `forwardlab run`"),
    ],
)
def test_bad_input_is_refused_in_one_line(project: Path, given, complaint: str) -> None:
    del project
    result = said(*given)
    assert result.exit_code == Exit.BAD_INPUT
    (line,) = result.stderr.splitlines()
    assert complaint in line


def test_a_latest_run_that_cannot_be_read_is_told_and_left_out(finished: Path) -> None:
    finished.write_text("{")
    result = said("--area", "CLU")
    assert result.exit_code == Exit.PASSED
    assert result.stderr.startswith("warning: left out: ")
    assert "✔" not in result.stdout


def test_a_module_that_cannot_be_read_is_told(project: Path) -> None:
    (project / "scenarios" / "odd.py").write_text("nonsense")
    result = said("--area", "CLU")
    assert result.exit_code == Exit.PASSED
    assert "odd.py" in result.stderr


def test_the_viewers_of_a_scenario_share_its_line(capsys) -> None:
    run = run_of(
        *(ran(f"viewers/b@{each}", expected("passed", "VIS-01")) for each in ("glibc", "musl")),
        ran("viewers/b@windows", expected("failed", "VIS-01")),
        ran("a", expected("passed", "VIS-01")),
    )
    scenario = Scenario(
        title="-",
        story="-",
        topology="viewers",
        steps=(Ask(),),
        expectations=(Expectation(text="-", rules=("VIS-01",), check=Answered()),),
    )
    found = coverage({"a": scenario, "viewers/b": scenario}, [run])
    print_rules([each for each in found if each.rule.id == "VIS-01"], "in a run")
    lines = [line for line in capsys.readouterr().out.splitlines() if "passed (" in line]
    (alone, together) = lines
    assert alone.rstrip().endswith(" a ✔ passed (simulated)")
    assert together.rstrip().endswith(
        " viewers/b ✔ passed (simulated, 2 viewers) ✘ failed (simulated, windows)"
    )
