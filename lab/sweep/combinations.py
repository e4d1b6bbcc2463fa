"""Every combination of failures and viewers of a plan, each as a scenario: a pure value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from lab.judge.invariants import invariants, recovery_s
from lab.scenario.model import Elapse, Scenario, Step, Until, Visit
from lab.sweep.parts import Context, Failure, FaultKind, Part
from lab.topology.plan import Plan, PlannedNode
from lab.viewer.profiles import PROFILES, ProfileName
from resolver.config import BalancerConfig, ResolverConfig, Selection
from resolver.machine import SECOND

NOTHING = "nothing"
"""The id of no failure at all: the set-up as it is meant, which everything is compared with."""

_AGAIN_S = 1.0
"""How often a viewer tries again after the repair, and when he looks once more that it lasts."""


@dataclass(frozen=True, slots=True)
class Combination:
    """What is broken at once, and who visits meanwhile."""

    failures: tuple[Failure, ...]
    viewer: ProfileName

    @property
    def broken(self) -> str:
        """What is broken: "server1:silent + dns/resolver:late"."""
        return " + ".join(map(str, self.failures)) or NOTHING

    @property
    def id(self) -> str:
        """Its name in the record: "server1:silent@glibc"."""
        return f"{self.broken}@{self.viewer}"

    @property
    def stem(self) -> str:
        """Its name as a file's: "server1.silent-and-dns.resolver.late-for-glibc"."""
        broken = "-and-".join(str(each) for each in self.failures) or NOTHING
        return f"{broken}-for-{self.viewer}".replace("/", ".").replace(":", ".")


def combinations_of(
    parts: Sequence[Part],
    kinds: Sequence[FaultKind],
    viewers: Sequence[ProfileName],
    at_once: int,
) -> tuple[Combination, ...]:
    """All combinations of at most `at_once` failures with each viewer, in a fixed order: nothing
    broken first, then single failures, then pairs."""
    single = [Failure(part, kind) for part in parts for kind in kinds if kind.fits(part)]
    broken = [
        failures
        for number in range(at_once + 1)
        for failures in combinations(single, number)
        if all(one.goes_with(other) for one, other in combinations(failures, 2))
    ]
    return tuple(Combination(each, viewer) for each in broken for viewer in viewers)


def scenario_of(combination: Combination, plan: Plan, topology: str) -> Scenario:
    """The combination as a scenario of a topology: visits before, during and after.

    `topology` is what the scenario names: a stem in `topologies/`, or a path without ".toml".
    """
    viewers = visiting(plan)
    visits = tuple(Visit(node=node.name, profile=combination.viewer) for node in viewers)
    window_s = settling_s(plan)
    context = Context(plan, window_s)
    broken_for_s = window_s + 2 * sum(
        _longest_visit_s(node, combination.viewer) for node in viewers
    )
    label = PROFILES[combination.viewer].label
    return Scenario(
        title=f"{combination.broken}: {label} visits {plan.cluster_name}",
        story=_story(combination),
        topology=topology,
        steps=(
            *visits,
            *_each(combination, context, mending=False),
            *visits,
            Elapse(seconds=window_s),
            *visits,
            *_each(combination, context, mending=True),
            *_served_again(visits, recovery_s(plan, broken_for_s)),
            Elapse(seconds=_AGAIN_S),
            *visits,
        ),
        expectations=invariants(plan, viewer=combination.viewer, broken_for_s=broken_for_s),
    )


def visiting(plan: Plan) -> tuple[PlannedNode, ...]:
    """The viewers that can look a name up."""
    return tuple(node for node in plan.with_role("viewer") if node.asks)


def notes_on(plan: Plan) -> tuple[str, ...]:
    """What a reader of the figures must know of this plan: where viewers are sent to one server of
    several, only the death of that one is felt."""
    servers = len(plan.with_role("server"))
    drawing = [
        node.name
        for node in plan.nodes
        for program in node.programs
        if isinstance(program.config, ResolverConfig) and program.config.selection is Selection.ONE
    ]
    if servers < 2 or not drawing:
        return ()
    note = (
        f"{', '.join(drawing)} hands out one address of {servers} servers, drawn by the seed: the "
        "viewers feel the death of the server that they were sent to, and another --seed sends "
        "them elsewhere"
    )
    return (note,)


def settling_s(plan: Plan) -> float:
    """After how many seconds a failure has been noticed and what was known before has run out:
    fall x interval + timeout + TTL + 1 s of TTL rounding (CLU-03)."""
    pools = [
        program.config
        for node in plan.nodes
        for program in node.programs
        if isinstance(program.config, BalancerConfig)
    ]
    if not pools:
        return _AGAIN_S
    return max(
        (pool.health.fall * pool.health.interval_ns + pool.health.timeout_ns) / SECOND
        + pool.ttl_s
        + 1.0
        for pool in pools
    )


def _each(combination: Combination, context: Context, *, mending: bool) -> Iterator[Step]:
    for failure in combination.failures:
        change = failure.kind.mending if mending else failure.kind.breaking
        yield from change(context, failure.part)


def _served_again(visits: Iterable[Visit], bound_s: float) -> Iterator[Step]:
    for visit in visits:
        yield Until(
            node=visit.node,
            answer="connects",
            every_s=_AGAIN_S,
            deadline_s=bound_s + _AGAIN_S,
            steps=(visit,),
        )


def _longest_visit_s(node: PlannedNode, viewer: ProfileName) -> float:
    return PROFILES[viewer].gives_up_ns(len(node.asks)) / SECOND


def _story(combination: Combination) -> str:
    if not combination.failures:
        return "Nothing is broken, and every visit has to connect."
    broken = "; ".join(f"{each.part}: {each.kind.text}" for each in combination.failures)
    return (
        f"{broken}. The viewer visits before it happens, at once afterwards, and again when it has "
        "been noticed; then all is put right, and he tries until he is served."
    )
