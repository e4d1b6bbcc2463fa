"""What a sweep tries: parts, kinds of faults, combinations as scenarios, and their reduction."""

from __future__ import annotations

import pickle
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shipped import TOPOLOGIES

from lab import cli_sweep
from lab.scenario.files import ScenarioUnreadable, read_scenario, write_scenario
from lab.scenario.fitting import misfits
from lab.scenario.model import Halt, Play, Resume, Scenario, Until, Visit
from lab.sweep.combinations import Combination, combinations_of, notes_on, scenario_of, settling_s
from lab.sweep.confirming import compared, sampled
from lab.sweep.matrix import cell_of, waited, word_of
from lab.sweep.parts import KINDS, USUAL, Failure, Part, parts_of
from lab.sweep.record import CombinationRecord, ViolationRecord, VisitRecord
from lab.sweep.reduction import reduced
from lab.sweep.selection import (
    USUAL_VIEWERS,
    SweepError,
    kinds_named,
    parts_named,
    topology_named,
    viewers_named,
)
from lab.topology.load import load_topology
from lab.topology.planner import make_plan
from lab.viewer.profiles import PROFILES

ROOT = TOPOLOGIES.parent


def plan_of(name: str = "cluster-nat"):
    return make_plan(load_topology(TOPOLOGIES / f"{name}.toml"), name)


PLAN = plan_of()
ALL_KINDS = tuple(KINDS.values())


# --- parts and kinds --------------------------------------------------------------------------


def test_everything_can_break_but_those_who_ask():
    assert [str(part) for part in parts_of(PLAN)] == [
        "dns",
        "dns/resolver",
        "translator",
        "translator/nat",
        "translator/dns-translator",
        "server1",
        "server1/service",
        "server1/balancer",
        "server2",
        "server2/service",
        "server2/balancer",
        "server3",
        "server3/service",
    ]


@pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.name)
def test_every_kind_fits_some_part_and_says_what_it_is(kind):
    fitting = [part for part in parts_of(PLAN) if kind.fits(part)]
    assert fitting
    assert kind.text
    assert all((part.program is None) is (kind.of == "node") for part in fitting)


def test_no_fault_of_dns_is_for_a_program_without_dns():
    dns = [part for part in parts_of(PLAN) if KINDS["servfail"].fits(part)]
    assert {part.program for part in dns} == {"resolver", "dns-translator", "balancer"}


def test_a_kind_is_itself_in_another_process():
    kind = KINDS["late"]
    assert pickle.loads(pickle.dumps(kind)) is kind  # noqa: S301 - our own


def test_two_failures_go_together_unless_one_hides_the_other():
    off = Failure(Part("server1"), KINDS["silent"])
    stopped = Failure(Part("server1", "service"), KINDS["stopped"])
    killed = Failure(Part("server1", "service"), KINDS["killed"])
    mute = Failure(Part("server1", "balancer"), KINDS["mute"])
    elsewhere = Failure(Part("dns", "resolver"), KINDS["mute"])
    assert not off.goes_with(stopped)
    assert not stopped.goes_with(killed)
    assert stopped.goes_with(mute)
    assert off.goes_with(elsewhere)


# --- combinations -----------------------------------------------------------------------------


def test_combinations_are_all_there_once_and_in_order():
    kinds = [KINDS[name] for name in ("silent", "stopped")]
    parts = parts_of(PLAN)
    found = combinations_of(parts, kinds, ("glibc", "musl"), 2)
    assert len({each.id for each in found}) == len(found)
    assert found == combinations_of(parts, kinds, ("glibc", "musl"), 2)
    sizes = [len(each.failures) for each in found]
    assert sizes == sorted(sizes)
    single = [Failure(part, kind) for part in parts for kind in kinds if kind.fits(part)]
    pairs = [(a, b) for a, b in combinations(single, 2) if a.goes_with(b)]
    assert len(found) == 2 * (1 + len(single) + len(pairs))


@pytest.mark.parametrize("name", ["cluster-nat", "cluster-large", "single", "cluster-internet"])
def test_every_combination_is_a_value_that_fits_its_topology(name):
    plan = plan_of(name)
    for combination in combinations_of(parts_of(plan), ALL_KINDS, ("glibc",), 1):
        scenario = scenario_of(combination, plan, name)
        assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario
        assert list(misfits(scenario, plan)) == [], combination.id


def test_things_are_put_right_again_in_every_combination():
    """What is broken before the second visits is mended before the viewer tries until he is
    served."""
    off = Failure(Part("server1"), KINDS["silent"])
    late = Failure(Part("dns", "resolver"), KINDS["late"])
    steps = scenario_of(Combination((off, late), "musl"), PLAN, "cluster-nat").steps
    kinds = [type(step) for step in steps]
    assert kinds.index(Halt) < kinds.index(Play) < kinds.index(Resume) < kinds.index(Until)
    assert sum(kind is Resume for kind in kinds) == 2
    assert {step.profile for step in steps if isinstance(step, Visit)} == {"musl"}


def test_a_reader_is_told_where_the_seed_chooses_the_server():
    (note,) = notes_on(PLAN)
    assert note.startswith("dns hands out one address of 3 servers, drawn by the seed")
    assert notes_on(plan_of("viewers")) == (), "here viewers are given all addresses"
    assert notes_on(plan_of("single")) == (), "one server is no choice"


def test_it_is_waited_until_a_failure_has_been_noticed():
    # fall 2 x interval 1 s + timeout 0.4 s + TTL 2 s + 1 s of rounding
    assert settling_s(PLAN) == pytest.approx(5.4)


# --- reduction --------------------------------------------------------------------------------


@given(st.sets(st.integers(0, 7)), st.data())
def test_what_is_left_fails_and_nothing_can_be_left_out(whole, data):
    """Against every subset, for any way to fail that holds for the whole."""
    failing = tuple(sorted(whole))
    causes = data.draw(
        st.lists(st.sets(st.sampled_from(failing)), min_size=1) if failing else st.just([set()])
    )

    def fails(part: tuple[int, ...]) -> bool:
        return any(cause <= set(part) for cause in causes)

    left = reduced(failing, fails)
    assert fails(left)
    assert set(left) <= set(failing)
    assert list(left) == sorted(left)
    for place in range(len(left)):
        assert not fails(left[:place] + left[place + 1 :])


@given(st.integers(0, 7), st.integers(1, 8))
def test_nothing_is_tried_twice(cause, size):
    asked: list[tuple[int, ...]] = []

    def fails(part: tuple[int, ...]) -> bool:
        asked.append(part)
        return cause % size in part

    assert reduced(tuple(range(size)), fails) == (cause % size,)
    assert len(asked) == len(set(asked))


# --- words ------------------------------------------------------------------------------------


def test_a_topology_is_a_name_or_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    own = tmp_path / "mine.toml"
    own.write_text((TOPOLOGIES / "cluster.toml").read_text(), encoding="utf-8")
    for word, name in (
        ("cluster-nat", "cluster-nat"),
        ("topologies/cluster-nat.toml", "cluster-nat"),
        (str(TOPOLOGIES / "cluster-nat.toml"), "cluster-nat"),
        (str(own), str(tmp_path / "mine")),
    ):
        found, plan = topology_named(word, ROOT)
        assert found == name
        assert plan.cluster_name


@pytest.mark.parametrize(
    ("word", "because"),
    [
        ("cluster-nta", "did you mean cluster-nat?"),
        ("zzz", "known are"),
        ("forwarders", "cluster: there is none"),
        ("errata/faq-as-printed", "191.168.1.102"),
        (__file__, "a topology file's name ends in .toml"),
    ],
)
def test_what_cannot_be_swept_is_refused_with_the_remedy(word, because):
    with pytest.raises(SweepError, match=r"topology|cluster|toml") as refused:
        topology_named(word, ROOT)
    assert because in str(refused.value)


def test_kinds_and_viewers_and_parts_by_name():
    assert [kind.name for kind in kinds_named(())] == list(USUAL)
    assert kinds_named(("all",)) == ALL_KINDS
    assert [kind.name for kind in kinds_named(("stopped", "silent"))] == ["silent", "stopped"]
    assert viewers_named(()) == USUAL_VIEWERS
    assert viewers_named(("all",)) == tuple(PROFILES)
    assert parts_named((), PLAN) == parts_of(PLAN)
    assert [str(part) for part in parts_named(("server1", "dns/resolver"), PLAN)] == [
        "dns/resolver",
        "server1",
        "server1/service",
        "server1/balancer",
    ]
    for choose in (
        lambda: kinds_named(("silnt",)),
        lambda: viewers_named(("glib",)),
        lambda: parts_named(("server9",), PLAN),
    ):
        with pytest.raises(SweepError, match="did you mean"):
            choose()


def test_the_help_states_the_default_sets():
    assert cli_sweep.FAULTS_SHOWN.split("; further: ") == [
        ", ".join(USUAL),
        ", ".join(name for name in KINDS if name not in USUAL),
    ]
    assert ", ".join(USUAL_VIEWERS) == cli_sweep.VIEWERS_SHOWN


# --- scenarios in files -----------------------------------------------------------------------


def test_a_scenario_file_is_read_as_it_was_written(tmp_path):
    scenario = scenario_of(Combination((), "glibc"), PLAN, "cluster-nat")
    path = write_scenario(tmp_path / "deep" / "it.json", scenario)
    assert read_scenario(path) == scenario


@pytest.mark.parametrize(
    ("content", "because"),
    [
        (b"\xff", "cannot be read"),
        (b"{", "Invalid JSON"),
        (b"{}", "title: Field required"),
        (b'{"title": 3}', "title: Input should be a valid string"),
    ],
)
def test_a_file_that_holds_no_scenario_is_refused(tmp_path, content, because):
    path = tmp_path / "it.json"
    path.write_bytes(content)
    with pytest.raises(ScenarioUnreadable, match=r"it\.json") as refused:
        read_scenario(path)
    assert because in str(refused.value)


# --- what came of them ------------------------------------------------------------------------


def record(outcome="passed", *visits: VisitRecord, violated: str = "", **how) -> CombinationRecord:
    violation = ViolationRecord(text=violated, rules=("CLU-04",), check="x", evidence="frames")
    return CombinationRecord(
        id="it",
        failures=(),
        viewer="glibc",
        outcome=outcome,
        visits=visits,
        violations=(violation,) if violated else (),
        **how,
    )


def visit(when="broken", outcome="connected", waited_ms=1.0) -> VisitRecord:
    return VisitRecord(node="viewer", when=when, outcome=outcome, waited_ms=waited_ms)


def test_the_worst_stands_in_a_cell():
    served = record("passed", visit(), longest_wait_ms=1.0, recovered_ms=5.0)
    told = record("passed", visit(outcome="error"), longest_wait_ms=9.0)
    before = record("passed", visit("before", "error"))
    assert [word_of(each) for each in (served, told, before)] == ["served", "error", "served"]
    cell = cell_of([served, told])
    assert (cell.word, cell.longest_wait_ms, cell.recovered_ms) == ("error", 9.0, 5.0)
    assert cell_of([served, told, record("failed")]).word == "failed"
    assert cell_of([record("failed"), record("broken", reason="x")]).word == "broken"
    assert cell_of([record("unsupported", reason="x"), served]).word == "unsupported"


def test_waits_are_told_as_people_tell_them():
    assert [waited(each) for each in (None, 0.5, 40.0, 5000.0, 127_000.4)] == [
        "",
        "0.5 ms",
        "0.04 s",
        "5.00 s",
        "127 s",
    ]


@pytest.mark.parametrize(
    ("simulated", "mininet", "difference"),
    [
        (record(), record(), ""),
        (record("failed", violated="a"), record("failed", violated="a"), ""),
        (record(), record("failed", violated="a"), "mininet: a (frames)"),
        (
            record("failed", violated="a"),
            record("failed", violated="b"),
            "simulated: a (frames); mininet: b (frames)",
        ),
        (record(), record("broken", reason="too late"), "too late"),
        (record(), record("unsupported", reason="no TUN"), "no TUN"),
    ],
)
def test_worlds_agree_or_it_is_told_how_they_do_not(simulated, mininet, difference):
    confirmation = compared(simulated, mininet)
    assert confirmation.difference == difference
    assert confirmation.agrees is (not difference)


def test_a_sample_is_drawn_by_the_seed():
    everything = combinations_of(parts_of(PLAN), ALL_KINDS, ("glibc",), 1)
    assert sampled(everything, 5, 1) == sampled(everything, 5, 1)
    assert sampled(everything, 5, 1) != sampled(everything, 5, 2)
    assert sampled(everything, 10_000, 1) == list(everything)
