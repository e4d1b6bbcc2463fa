"""Each kind of change is found, named, and counted as worse, better or merely different."""

import json
from dataclasses import replace
from random import Random
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from regression_samples import WAIT, key, noisy, run

from lab.regression.baseline import LOAD, FigureKey, Verdict
from lab.regression.compare import NotComparable, compare
from lab.regression.telling import content, junit_xml, lines, summary


def verdict(outcome, **rules: str):
    return Verdict(outcome, rules)


def changes(base, new, **more):
    return [(each.direction, each.kind, each.what) for each in compare(base, new, **more).changes]


# --- verdicts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("passed", "failed", ("worse", "new failure")),
        ("deviates", "failed", ("worse", "new failure")),
        ("unsupported", "failed", ("worse", "new failure")),
        ("passed", "broken", ("worse", "newly broken")),
        ("failed", "passed", ("better", "fixed")),
        ("broken", "observed", ("better", "fixed")),
        ("passed", "unsupported", ("worse", "no longer judged")),
        ("failed", "unsupported", ("worse", "no longer judged")),
        ("unsupported", "passed", ("better", "judged now")),
        ("passed", "deviates", ("changed", "different verdict")),
        ("passed", None, ("worse", "scenario gone")),
        (None, "passed", ("changed", "new scenario")),
        (None, "failed", ("worse", "new failure")),
        (None, "broken", ("worse", "new failure")),
    ],
)
def test_a_verdict_that_changed(before, after, found):
    base = run(verdicts={} if before is None else {"a/one": verdict(before)})
    new = run(verdicts={} if after is None else {"a/one": verdict(after)})
    assert changes(base, new) == [(*found, "")]


@pytest.mark.parametrize("outcome", ["passed", "failed", "unsupported", "broken", "observed"])
def test_a_verdict_that_stayed_is_no_change(outcome):
    one = run(verdicts={"a/one": verdict(outcome, rule="passed")})
    assert changes(one, one) == []


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("passed", "failed", ("worse", "rule newly failed")),
        ("caught", "missed", ("worse", "rule newly failed")),
        ("passed", "passed/missed", ("worse", "rule newly failed")),
        ("failed", "passed", ("better", "rule holds again")),
        ("missed", "caught", ("better", "rule holds again")),
        ("passed", None, ("worse", "rule no longer judged")),
        ("passed", "unsupported", ("worse", "rule no longer judged")),
        (None, "passed", ("better", "rule judged now")),
        (None, "failed", ("worse", "rule newly failed")),
        ("passed", "observed", ("changed", "different verdict")),
    ],
)
def test_a_rule_that_changed_in_a_scenario_that_passed_all_the_same(before, after, found):
    def once(word):
        return run(verdicts={"a/one": Verdict("passed", {} if word is None else {"FWD-02": word})})

    assert changes(once(before), once(after)) == [(*found, "FWD-02")]


def test_where_nothing_was_judged_no_rule_is_missed():
    base = run(verdicts={"a/one": verdict("passed", rule="passed")})
    new = run(verdicts={"a/one": verdict("unsupported", rule="unsupported")})
    assert changes(base, new) == [("worse", "no longer judged", "")]


def test_a_part_run_misses_nothing_it_did_not_run():
    base, new = run({key("a/one"): (1,), key("a/two"): (2,)}), run({key("a/two"): (2,)})
    assert changes(base, new) == [("worse", "scenario gone", "")]
    assert changes(base, new, partial=True) == []


def test_what_differs_between_repetitions_is_worse():
    new = run({"a/one": ()}, unstable={"a/one": "passed in 1; failed in 2"})
    assert changes(run({"a/one": ()}), new) == [("worse", "unstable", "")]


# --- figures in virtual time ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ((1.0, 2.0), (1.0, 2.000001), ("worse", "slower")),
        ((1.0, 2.0), (1.1, 2.0), ("worse", "slower")),
        ((1.0, 2.0), (0.9, 2.0), ("better", "faster")),
        ((1.0, 2.0), (1.5, 1.6), ("better", "faster")),
        ((1.0, 3.0, 5.0), (2.0, 2.0, 5.0), ("changed", "different figure")),
        ((1.0, 2.0), (1.0, 2.0, 2.0), ("changed", "different figure")),
        ((1.0, 2.0, 3.0), (1.0, 2.0), ("worse", "different figure")),
    ],
)
def test_in_virtual_time_any_difference_is_a_change(before, after, found):
    assert changes(run({"a/one": before}), run({"a/one": after})) == [(*found, WAIT)]


@given(st.lists(st.integers(1, 10**10), min_size=1), st.data())
def test_one_nanosecond_is_enough(values, data):
    before = sorted(value / 1e6 for value in values)
    place = data.draw(st.integers(0, len(values) - 1))
    after = sorted([*before[:place], (values_ns(before[place]) + 1) / 1e6, *before[place + 1 :]])
    found = changes(run({"a/one": before}), run({"a/one": after}))
    assert found == [("worse", "slower", WAIT)]
    assert changes(run({"a/one": before}), run({"a/one": before})) == []


def values_ns(milliseconds):
    return round(milliseconds * 1e6)


def test_a_figure_that_is_gone_is_worse_and_a_new_one_is_not():
    other = FigureKey("a/one", "time to connect")
    base, new = run({"a/one": (1,), other: (2,)}), run({"a/one": (1,)})
    assert changes(base, new) == [("worse", "figure gone", "time to connect")]
    assert changes(new, base) == [("changed", "new figure", "time to connect")]


def test_the_figures_of_a_scenario_that_is_gone_are_not_missed_twice():
    base = run({"a/one": (1,)})
    assert changes(base, run()) == [("worse", "scenario gone", "")]


# --- measured figures -----------------------------------------------------------------------------


def measured(drawn, factor=1.0, count=10, **more):
    random = Random(drawn)
    figures = {
        key(f"a/{n}"): noisy(random, 5, count, factor=factor if n == 0 else 1, sigma=0.05)
        for n in range(4)
    }
    return run(figures, clock="measured", **more)


def test_a_slowdown_beyond_noise_is_worse_and_its_inverse_better():
    assert changes(measured(1), measured(2, 1.5)) == [("worse", "slower", WAIT)]
    assert changes(measured(1, 1.5), measured(2)) == [("better", "faster", WAIT)]
    assert changes(measured(1), measured(2)) == []


def test_too_few_repetitions_are_told_and_fail_nothing():
    comparison = compare(measured(1, count=2), measured(2, 3.0, count=2))
    assert comparison.changes == ()
    assert len(comparison.unjudged) == 4
    told = list(lines(comparison))
    assert any("too few repetitions" in line and "--repeat 6" in line for line in told)
    assert "0 figures compared" in summary(comparison)


def test_another_machine_is_told():
    base = measured(1, host={"kernel": "Linux 6.1", "cores": 4})
    new = measured(2, host={"kernel": "Linux 6.1", "cores": 2})
    (note,) = compare(base, new).notes
    assert "different machines (cores 4 → 2)" in note


# --- strangers ------------------------------------------------------------------------------------


def test_different_clocks_are_refused():
    with pytest.raises(NotComparable, match="the virtual clock and the new run the measured one"):
        compare(run({"a/one": (1,)}), measured(1))


def test_different_seeds_are_refused_in_virtual_time_only():
    with pytest.raises(NotComparable, match="run again with --seed 1"):
        compare(run({"a/one": (1,)}), run({"a/one": (1,)}, seed=2))
    assert changes(measured(1), measured(1, seed=2)) == []


# --- telling --------------------------------------------------------------------------------------


def example():
    base = run(
        {key("a/one"): (1.0,), key("a/two"): (3.0,)},
        {"a/three": verdict("failed", rule="failed"), "b/four": verdict("passed")},
    )
    new = run(
        {key("a/one"): (2.0,), key("a/two"): (2.0,)},
        {"a/three": verdict("passed", rule="passed"), "b/four": verdict("failed")},
    )
    return compare(base, new)


def test_people_are_told_the_worst_first():
    assert list(lines(example())) == [
        "✘ slower                a/one · wait for an answer: 1 ms → 2 ms",
        "✘ new failure           b/four: passed → failed",
        "✔ fixed                 a/three: failed → passed",
        "✔ rule holds again      a/three · rule: failed → passed",
        "✔ faster                a/two · wait for an answer: 3 ms → 2 ms",
        "2 worse, 0 changed, 3 better; 4 scenarios and 2 figures compared, virtual clock",
    ]


def test_the_same_as_json():
    told = json.loads(json.dumps(content(example())))
    assert (told["worse"], told["changed"], told["better"]) == (2, 0, 3)
    assert told["changes"][0] == {
        "direction": "worse",
        "kind": "slower",
        "scenario": "a/one",
        "what": "wait for an answer",
        "before": "1 ms",
        "after": "2 ms",
    }
    moved = content(compare(measured(1), measured(2, 1.5)))["changes"][0]
    assert moved["interval"][0] <= moved["factor"] <= moved["interval"][1]
    assert moved["p"] < 0.01
    assert moved["noise"] > 1


def test_the_same_as_junit():
    root = ET.fromstring(junit_xml(example()))  # noqa: S314 - our own
    suite = root.find("testsuite")
    assert (suite.get("tests"), suite.get("failures")) == ("4", "2")
    failed = {
        case.get("name"): case.find("failure") for case in suite if case.find("failure") is not None
    }
    assert {name: each.get("type") for name, each in failed.items()} == {
        "one": "slower",
        "four": "new failure",
    }
    assert "better: fixed" in "".join(suite.find("testcase[@name='three']").itertext())


def test_no_change_is_one_line():
    same = run({"a/one": (1.0,)})
    assert list(lines(compare(same, same))) == [
        "nothing changed; 1 scenarios and 1 figures compared, virtual clock"
    ]


def test_load_is_what_figures_are_worth_and_none_itself():
    def under(one, load):
        crowd = {key(f"a/{n}", LOAD): (load,) * 10 for n in range(4)}
        return replace(one, figures=one.figures | crowd)

    base, new = measured(1), measured(2, 2.0)
    assert changes(under(base, 0.3), under(new, 0.9)) == [("worse", "slower", WAIT)]
    crowded = compare(under(base, 2.0), under(new, 5.0))
    assert crowded.changes == ()
    assert crowded.compared == 4
    assert "the new run had to share the processors" in crowded.notes[0]
    assert changes(base, under(base, 3.0)) == changes(under(base, 3.0), base) == []


# --- other servers ------------------------------------------------------------------------------


def test_runs_with_other_servers_in_the_seats_are_strangers():
    ours, theirs = run({"a/one": [1]}), run({"a/one": [1]}, subjects={"dns": "unbound 1.17.1"})
    assert (ours.name, theirs.name) == ("simulated", "simulated-dns-unbound")
    told = "in the base's seats sat ours alone, in the new run's dns=unbound; run again with"
    with pytest.raises(NotComparable, match=told):
        compare(ours, theirs)


def test_another_version_of_a_server_is_compared_and_told():
    old, new = ({"dns": "unbound 1.17.1"}, {"dns": "unbound 1.22.0"})
    found = compare(run({"a/one": [1]}, subjects=old), run({"a/one": [1]}, subjects=new))
    assert found.changes == ()
    assert found.notes == ("another version has the seat dns: unbound 1.17.1 → unbound 1.22.0",)
