"""Scenarios are data: found by path, selected by words, and the same after a JSON round trip."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError
from shipped import shipped_scenarios

from lab.judge.checks import NeverConnected
from lab.judge.rules import RULES
from lab.scenario.catalogue import Catalogue, CatalogueError, load_module
from lab.scenario.description import describe
from lab.scenario.model import (
    Ask,
    Await,
    Expectation,
    Misconfigure,
    OffsetAliasBase,
    Repeat,
    Scenario,
    Visit,
)

ROOT = Path(__file__).parents[2]
SCENARIOS = shipped_scenarios()
CATALOGUE = Catalogue(ROOT / "scenarios", SCENARIOS, {})
NEVER = Expectation(text="never", rules=("CLU-04",), check=NeverConnected())


@pytest.mark.parametrize("identifier", SCENARIOS)
def test_a_scenario_survives_a_json_round_trip(identifier: str) -> None:
    scenario = SCENARIOS[identifier]
    assert scenario == Scenario.model_validate_json(scenario.model_dump_json())


@pytest.mark.parametrize("identifier", SCENARIOS)
def test_a_scenario_cites_rules_and_has_a_topology(identifier: str) -> None:
    scenario = SCENARIOS[identifier]
    assert all(rule in RULES for each in scenario.expectations for rule in each.rules)
    assert (ROOT / "topologies" / f"{scenario.topology}.toml").is_file()
    assert all(describe(step) for step in scenario.steps)


def test_the_faq_is_asked_in_full() -> None:
    """Every rule of the cluster FAQ that this set of scenarios stands for has a scenario."""
    cited = {
        rule
        for scenario in SCENARIOS.values()
        for each in scenario.expectations
        for rule in each.rules
    }
    faq = {f"CLU-{number:02}" for number in (*range(1, 15), 16, 17, 18, 20)}
    nat = {"NAT-01", "NAT-02", "NAT-03", "NAT-04", "ICM-01", "ICM-02"}
    assert faq | nat | {"SEC-03", "FWD-02", "FWD-18"} <= cited


@pytest.mark.parametrize(
    ("word", "chosen"),
    [
        ("forwarding/first_forwarder_silent", r"forwarding/first_forwarder_silent"),
        ("scenarios/forwarding/first_forwarder_silent.py", r"forwarding/first_forwarder_silent"),
        ("security/forged_reply", r"security/forged_reply/\w+"),
        ("*/eight_steps/*", r"\w+/eight_steps/.+"),
        ("broken", r"broken/.+"),
    ],
)
def test_a_word_selects(word: str, chosen: str) -> None:
    expected = [each for each in SCENARIOS if re.fullmatch(chosen, each)]
    assert expected
    assert list(CATALOGUE.select([word])) == expected


def test_no_word_selects_all() -> None:
    chosen = CATALOGUE.select([])
    assert {each.partition("@")[0] for each in chosen} == set(SCENARIOS)
    assert all(chosen[each] == scenario for each, scenario in SCENARIOS.items() if each in chosen)


def test_a_wrong_word_names_the_nearest_scenario() -> None:
    with pytest.raises(CatalogueError, match="did you mean cluster/five_steps"):
        CATALOGUE.select(["cluster/five_step"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SCENARIO = 3", "binds neither SCENARIO nor SCENARIOS"),
        ("import nowhere_at_all", "line 1: No module named 'nowhere_at_all'"),
        ("x = 1\nSCENARIO = x.story", "line 2"),
        (
            (
                "from lab.scenario.model import *\nfrom lab.judge.checks import NeverConnected\n"
                "SCENARIO = Scenario(title='', story='', topology='cluster', steps=(), "
                "expectations=(Expectation(text='', rules=('CLU-4',), check=NeverConnected()),))"
            ),
            r"expectations\[0\].rules: no rule 'CLU-4'; did you mean CLU-",
        ),
    ],
)
def test_a_bad_module_gives_one_clear_error(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(CatalogueError, match=complaint) as caught:
        load_module(path, "bad")
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("steps", "violates", "complaint"),
    [
        ((Await(label="q"),), (), "has no Ask"),
        ((Ask(), Misconfigure(fault=OffsetAliasBase())), (), "come first"),
        ((Ask(),), ("CLU-13",), "violates names rules that no expectation cites"),
    ],
)
def test_an_inconsistent_scenario_is_refused(steps, violates, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Scenario(
            title="",
            story="",
            topology="cluster",
            steps=steps,
            expectations=(NEVER,),
            violates=violates,
        )


@pytest.mark.parametrize("fields", [{"wait": False}, {"label": "q"}])
def test_a_label_goes_with_not_waiting(fields) -> None:
    with pytest.raises(ValidationError, match="label goes with wait=False"):
        Ask(**fields)


# --- viewers ----------------------------------------------------------------------------------


def test_a_scenario_with_viewers_is_selected_once_for_each() -> None:
    scenario = SCENARIOS["viewers/server_remembered"]
    chosen = CATALOGUE.select(["viewers/server_remembered"])
    assert scenario.viewers == tuple(sorted(scenario.viewers))
    assert list(chosen) == [f"viewers/server_remembered@{each}" for each in scenario.viewers]
    for viewer, each in zip(scenario.viewers, chosen.values(), strict=True):
        assert each.viewer == viewer
        assert {step.profile for step in each.steps if isinstance(step, Visit)} == {viewer}
        assert all(viewer in (one.viewers or (viewer,)) for one in each.expectations)
    assert "long waits" in chosen["viewers/server_remembered@glibc"].needs
    assert "long waits" not in chosen["viewers/server_remembered@systemd-resolved"].needs


def test_one_viewer_is_selected_by_name() -> None:
    assert list(CATALOGUE.select(["viewers/server_up@glibc"])) == ["viewers/server_up@glibc"]
    every = CATALOGUE.select(["viewers@musl"])
    assert every
    assert all(each.endswith("@musl") for each in every)
    path = "scenarios/viewers/server_up.py@windows"
    assert list(CATALOGUE.select([path])) == ["viewers/server_up@windows"]


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("viewers/server_up@glibz", "no viewer 'glibz'; did you mean 'glibc'"),
        ("viewers/server_remembered@musl", "no viewer 'musl'; known are glibc, systemd-resolved"),
        ("cluster/five_steps@glibc", "runs for no viewer in particular; leave out '@glibc'"),
    ],
)
def test_a_viewer_it_does_not_run_for_is_refused(word: str, complaint: str) -> None:
    with pytest.raises(CatalogueError, match=complaint):
        CATALOGUE.select([word])


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"slow_for": ("musl",)}, "musl: not among its viewers"),
        ({"viewers": ("musl", "musl")}, "names one twice"),
    ],
)
def test_viewers_that_do_not_fit_are_refused(fields, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Scenario(title="", story="", topology="viewers", steps=(), expectations=(NEVER,), **fields)
    named = Expectation(text="", rules=("CLU-04",), check=NEVER.check, viewers=("windows",))
    with pytest.raises(ValidationError, match="windows: not among its viewers"):
        Scenario(title="", story="", topology="viewers", steps=(), expectations=(named,))


def test_visits_inside_repetitions_are_the_viewers_too() -> None:
    steps = (Repeat(times=2, steps=(Visit(), Visit(profile="musl"))),)
    scenario = Scenario(
        title="", story="", topology="viewers", steps=steps, expectations=(NEVER,),
        viewers=("glibc",),
    )  # fmt: skip
    (repeat,) = scenario.for_viewer("glibc").steps
    assert isinstance(repeat, Repeat)
    assert [each.profile for each in repeat.steps if isinstance(each, Visit)] == ["glibc", "musl"]
