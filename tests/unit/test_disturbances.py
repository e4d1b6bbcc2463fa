"""Steps that break and mend: as values, in words, and whether they fit their topology."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from lab.judge.checks import Answered
from lab.scenario.description import describe, longest_s
from lab.scenario.disturbing import interface_on
from lab.scenario.fitting import misfits
from lab.scenario.impairable import impaired_links
from lab.scenario.model import (
    Ask,
    Expectation,
    Flap,
    Halt,
    Impair,
    Impairment,
    Mend,
    Plug,
    Reconfigure,
    RemoveZone,
    Repeat,
    Resume,
    Scenario,
    Step,
    Unplug,
    Until,
)
from lab.topology.load import load_topology
from lab.topology.plan import Plan
from lab.topology.planner import make_plan

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
LOSSY, SLOW, NARROW = Impairment(lose_every=2), Impairment(delay_ms=5), Impairment(mtu=600)
DOWN, UP = Unplug(node="dns"), Plug(node="dns")


def plan_of(name: str) -> Plan:
    return make_plan(load_topology(TOPOLOGIES / f"{name}.toml"), name)


FORWARDERS = plan_of("forwarders")


def flap(*breaking: Step, times: int | None = 2) -> Flap:
    return Flap(breaking=breaking, mending=(UP,), broken_s=1.5, whole_s=2, times=times)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Halt(node="dns"), "dns loses power"),
        (Halt(node="dns", program="resolver"), "resolver of dns ends"),
        (Halt(node="dns", program="resolver", how="kill"), "resolver of dns is killed"),
        (DOWN, "the link of dns goes down"),
        (Plug(node="router", network="lan"), "the link of router to lan comes up"),
        (
            Impair(node="dns", direction="in", impairment=LOSSY),
            "the link of dns gets bad, incoming: every 2nd packet lost",
        ),
        (Impair(node="dns", impairment=NARROW), "the link of dns gets bad: MTU 600"),
        (Mend(node="dns"), "the link of dns is good again"),
        (
            flap(DOWN),
            (
                "2 times, meanwhile: the link of dns goes down for 1.5 s; "
                "the link of dns comes up for 2 s"
            ),
        ),
        (
            flap(DOWN, times=None),
            (
                "again and again, meanwhile: the link of dns goes down for 1.5 s; "
                "the link of dns comes up for 2 s"
            ),
        ),
    ],
)
def test_in_words(step, words):
    assert describe(step) == words


def test_a_schedule_takes_no_time_of_its_own():
    assert longest_s((flap(DOWN),)) == 0
    assert longest_s((DOWN,)) > 0


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Halt(node="dns", how="kill"), "say which: program="),
        (lambda: Impair(node="dns", direction="in", impairment=NARROW), "take direction= away"),
        (lambda: Flap(breaking=(), mending=(UP,), broken_s=1, whole_s=1), "at least 1 item"),
        (lambda: Flap(breaking=(DOWN,), mending=(UP,), broken_s=0, whole_s=1), "greater than 0"),
        (lambda: Flap(breaking=(Ask(),), mending=(UP,), broken_s=1, whole_s=1), "disturbance|tag"),
    ],
)
def test_what_makes_no_sense_is_refused(make, word):
    with pytest.raises(ValidationError, match=word):
        make()


def told(*steps: Step, plan: Plan = FORWARDERS) -> list[str]:
    scenario = Scenario(
        title="t",
        story="s",
        topology=plan.source,
        steps=steps,
        expectations=(Expectation(text="e", rules=("FLT-01",), check=Answered()),),
    )
    return list(misfits(scenario, plan))


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        (DOWN, None),
        (flap(DOWN), None),
        (Impair(node="router", network="lan", impairment=LOSSY), None),
        (
            Impair(node="router", impairment=LOSSY),
            "steps[0]: router is on several networks; say network='lan', or another",
        ),
        (
            Unplug(node="dns", network="lam"),
            "steps[0]: dns is not on it: no network 'lam'; did you mean 'lan'?",
        ),
        (
            flap(Unplug(node="router")),
            "steps[0]: router is on several networks; say network='lan', or another",
        ),
        (
            flap(Halt(node="dns", program="nat")),
            "steps[0]: dns has no program 'nat'; it has resolver",
        ),
    ],
)
def test_a_link_is_there(step, problem):
    assert told(step) == ([] if problem is None else [problem])


def test_nodes_of_a_schedule_are_looked_up():
    (problem,) = told(flap(Unplug(node="dnss")))
    assert problem.startswith("steps[0]: ")
    assert "no node 'dnss'; did you mean 'dns'?" in problem


def test_what_a_schedule_halts_does_not_run():
    change = Reconfigure(node="dns", changes=(RemoveZone(origin="a.test"),))
    problem, *_ = told(flap(Halt(node="dns", program="resolver")), change)
    assert "it was halted; resume it first" in problem


def test_links_with_ipv6_have_no_small_mtu():
    plan = plan_of("recursion-ipv6")
    node = next(
        node for node in plan.nodes if len(node.interfaces) == 1 and ":" in str(node.addresses())
    )
    (problem,) = told(Impair(node=node.name, impairment=NARROW), plan=plan)
    assert "has IPv6" in problem
    assert told(Impair(node=node.name, impairment=LOSSY), plan=plan) == []


def test_the_links_that_may_get_bad_are_found_wherever_they_stand():
    steps = (
        Impair(node="dns", impairment=LOSSY),
        Repeat(times=2, steps=(Impair(node="dns", impairment=SLOW), DOWN)),
        Until(
            answer="is-empty",
            deadline_s=1,
            steps=(Impair(node="router", network="lan", impairment=SLOW),),
        ),
        flap(Impair(node="viewer", impairment=LOSSY)),
        Impair(node="forwarder1", impairment=NARROW),
        Mend(node="forwarder2"),
    )
    assert impaired_links(steps, FORWARDERS) == {
        "dns-eth0": (LOSSY, SLOW),
        "router-eth0": (SLOW,),
        "viewer-eth0": (LOSSY,),
    }


def test_an_interface_is_found_by_its_network():
    assert interface_on(FORWARDERS, "router", "internet").name == "router-eth1"
    assert interface_on(FORWARDERS, "router", None) is None
    assert interface_on(FORWARDERS, "dns", None).name == "dns-eth0"
    assert interface_on(FORWARDERS, "dns", "internet") is None


def test_steps_survive_a_json_round_trip():
    steps = (
        Halt(node="dns", program="resolver", how="kill"),
        flap(DOWN, Impair(node="viewer", direction="out", impairment=LOSSY)),
        Mend(node="viewer"),
        Resume(node="dns", program="resolver"),
    )
    scenario = Scenario(
        title="t",
        story="s",
        topology="forwarders",
        steps=steps,
        expectations=(Expectation(text="e", rules=("FLT-01",), check=Answered()),),
    )
    assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario
