"""What must hold whatever breaks, held against real machines: set-ups with a mistake in them, which
must be found, and by the invariant that the mistake breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.judge.invariants import invariants
from lab.judge.verdict import Outcome
from lab.observe.timeline import Timeline
from lab.scenario.mistakes import (
    DropNatEntry,
    OffsetAliasBase,
    OmitForward,
    RewriteAnswers,
)
from lab.scenario.model import Ask, Connect, Elapse, Halt, Repeat, Step, Visit
from lab.scenario.steps import Stage
from lab.topology.faults import apply_fault
from lab.topology.load import load_topology
from lab.topology.plan import Plan, PlannedProgram
from lab.topology.planner import make_plan
from lab.worlds.simulated import SimulatedWorld
from lab.worlds.world import Clock
from resolver.config import BalancerConfig, NatConfig, ResolverConfig

TOPOLOGIES = Path(__file__).parents[2] / "topologies"

VISITS = (Visit(), Repeat(times=6, every_s=2.5, steps=(Visit(),)))
"""Every server is visited by somebody."""


def plan_of(name: str) -> Plan:
    return make_plan(load_topology(TOPOLOGIES / f"{name}.toml"), name)


def broken_by(meant: Plan, built: Plan, steps: tuple[Step, ...]) -> set[str]:
    """The kinds of checks that fail where `built` stands in the place of what was meant."""
    world = SimulatedWorld(built, out=None, seed=1)
    try:
        world.start()
        Stage(world, built, 1).perform(steps)
        timeline = Timeline(world.records(), meant, Clock.VIRTUAL)
    finally:
        world.stop()
    return {
        expectation.check.kind
        for expectation in invariants(meant, viewer="one-shot")
        if expectation.check.judge(timeline).outcome is Outcome.FAILED
    }


def with_program(plan: Plan, change: Callable[[PlannedProgram], PlannedProgram]) -> Plan:
    nodes = tuple(replace(each, programs=tuple(map(change, each.programs))) for each in plan.nodes)
    return replace(plan, nodes=nodes)


@pytest.mark.parametrize("name", ["cluster", "cluster-nat", "cluster-nat-aliases", "single"])
def test_nothing_is_broken_where_nothing_is(name):
    plan = plan_of(name)
    assert broken_by(plan, plan, VISITS) == set()


@pytest.mark.parametrize(
    ("mistake", "name", "kinds"),
    [
        (OffsetAliasBase(by=1), "cluster-nat", {"handed-out-leads"}),
        (DropNatEntry(server="server3"), "cluster-nat", {"handed-out-leads"}),
        (
            RewriteAnswers(),
            "cluster-nat",
            {"real-addresses-stay", "handed-out-leads", "handed-out-available"},
        ),
    ],
    ids=lambda value: getattr(value, "fault", None),
)
def test_each_mistake_breaks_what_it_should(mistake, name, kinds):
    plan = plan_of(name)
    assert broken_by(plan, apply_fault(plan, mistake), VISITS) == kinds


def test_a_resolver_that_recurses_where_it_must_not_tells_the_internet():
    """Its condition is forgotten, and it tells every server the whole name."""

    def talkative(program: PlannedProgram) -> PlannedProgram:
        config = program.config
        if not isinstance(config, ResolverConfig):
            return program
        return replace(program, config=replace(config, qname_minimisation=False))

    plan = plan_of("cluster-internet")
    forgetful = apply_fault(plan, OmitForward(node="dns", zone="internet.intern.netz"))
    broken = broken_by(plan, with_program(forgetful, talkative), (Visit(),))
    assert broken >= {"asked-allowed-only", "private-names-stay"}


def test_a_pool_that_never_looks_hands_out_the_dead():
    """Its health checks take members out after a hundred failures, in the place of two."""

    def blind(program: PlannedProgram) -> PlannedProgram:
        config = program.config
        if not isinstance(config, BalancerConfig):
            return program
        return replace(program, config=replace(config, health=replace(config.health, fall=100)))

    plan = plan_of("cluster-nat")
    steps = (Ask(), Halt(node="server3"), Repeat(times=5, every_s=2.1, steps=(Ask(),)), Visit())
    assert broken_by(plan, with_program(plan, blind), steps) == {"handed-out-available"}
    assert broken_by(plan, plan, steps) == set()


def test_a_cache_that_keeps_too_long_hands_out_the_dead():
    """The load balancers give a minute, in the place of two seconds, and the dead stay."""

    def lasting(program: PlannedProgram) -> PlannedProgram:
        config = program.config
        if not isinstance(config, ResolverConfig):
            return program
        return replace(program, config=replace(config, serve_stale=True, stale_for_ns=60 * 10**9))

    plan = plan_of("cluster-nat")
    off = tuple(Halt(node="translator", program=each) for each in ("dns-translator",))
    steps = (
        Ask(),
        *off,
        Elapse(seconds=5),
        Ask(patience_s=8),
        Elapse(seconds=5),
        Ask(patience_s=8),
    )
    assert broken_by(plan, with_program(plan, lasting), steps) >= {"handed-out-available"}


def test_two_entries_changed_round_lead_to_the_wrong_server():
    def crossed(program: PlannedProgram) -> PlannedProgram:
        config = program.config
        if not isinstance(config, NatConfig):
            return program
        aliases = [alias for alias, _ in config.table]
        reals = [real for _, real in config.table][::-1]
        return replace(
            program, config=replace(config, table=tuple(zip(aliases, reals, strict=True)))
        )

    plan = plan_of("cluster-nat")
    steps = tuple(Connect(to=node.alias) for node in plan.with_role("server"))
    broken = broken_by(plan, with_program(plan, crossed), (Visit(), *steps))
    assert "handed-out-leads" in broken
