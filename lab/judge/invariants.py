"""What must hold on a topology whatever breaks, as ordinary expectations: the sweep's judge, and
that of captures made elsewhere.

Nothing here knows what is broken. Each check is a `StandingCheck`; `inspect(timeline).seen` says
how much there was to judge, and 0 means that the capture does not show it.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.judge.checks.standing import AskedAllowedOnly, PrivateNamesStay, RealAddressesStay
from lab.judge.checks.standing_answers import HandedOutAvailable, HandedOutLeads, detection_ns
from lab.judge.checks.standing_visits import EveryVisitEnds, ServedWhenWhole
from lab.scenario.model import Expectation
from lab.topology.plan import Plan
from lab.viewer.profiles import PROFILES, ProfileName
from resolver import limits
from resolver.config import BalancerConfig, DnsTranslatorConfig, ResolverConfig
from resolver.machine import SECOND, Duration


def invariants(
    plan: Plan, *, viewer: ProfileName | None, broken_for_s: float | None = None
) -> tuple[Expectation, ...]:
    """The expectations that hold on this plan whatever breaks, for a viewer of this profile; None
    where any may have visited (a capture made elsewhere).

    `broken_for_s`: how long things stay broken before the steps put them right, in seconds; None
    where no steps do (a capture made elsewhere), and nothing is then said of recovery.
    """
    return (
        *_of_questions(plan),
        *(_of_answers(plan) if plan.cluster_name is not None else ()),
        *(_of_visits(plan, viewer, broken_for_s) if plan.cluster_name is not None else ()),
    )


def recovery_s(plan: Plan, broken_for_s: float) -> float:
    """Within how many seconds after the last repair everybody is served again.

    The sum of every timer on the way, each at its longest: health checks find a member again
    (rise x interval + timeout) and drop one that was named too long; what the DNS servers hold runs
    out; a question that was under way fails, and the failure is remembered (RFC 9520 3.2: the
    longer, the longer it had lasted).
    """
    checks: Duration = 0
    kept: Duration = 0
    asking: Duration = 0
    for node in plan.nodes:
        for program in node.programs:
            match program.config:
                case BalancerConfig() as config:
                    health = config.health
                    rising = health.rise * max(health.interval_ns, health.timeout_ns)
                    checks = max(checks, rising + health.timeout_ns, detection_ns(health))
                    kept = max(kept, config.ttl_s * SECOND, config.negative_ttl_s * SECOND)
                case DnsTranslatorConfig() as config:
                    asking += config.timeout_ns * len(config.servers)
                case ResolverConfig() as config:
                    waits = [len(r.servers) * (r.timeout_ns or 0) for r in config.forward]
                    asking += min(config.query_timeout_ns, max(waits, default=0))
    remembered = min(
        limits.LONGEST_FAILURE_MEMORY, limits.FAILURE_MEMORY + 2 * round(broken_for_s * SECOND)
    )
    return (checks + kept + asking + remembered + SECOND) / SECOND


def _of_questions(plan: Plan) -> Iterator[Expectation]:
    yield Expectation(
        text="Nobody asks a server that the topology forbids",
        rules=("CLU-01", "CND-01", "FWD-07"),
        check=AskedAllowedOnly(),
    )
    yield Expectation(
        text="No private name goes to anybody who must not hear it",
        rules=("CND-08", "CLU-16"),
        check=PrivateNamesStay(),
    )
    if any(node.nat is not None for node in plan.nodes):
        yield Expectation(
            text="No address from behind the NAT is seen on the viewers' side",
            rules=("CLU-11", "NAT-02"),
            check=RealAddressesStay(),
        )


def _of_answers(plan: Plan) -> Iterator[Expectation]:
    yield Expectation(
        text="Every address handed out is a server's, and leads to that server",
        rules=("CLU-13", "NAT-01"),
        check=HandedOutLeads(),
    )
    if any(node.load_balancer for node in plan.nodes):
        yield Expectation(
            text="Every address handed out is that of an available server",
            rules=("CLU-03", "CLU-06", "CLU-20"),
            check=HandedOutAvailable(),
        )


def _of_visits(
    plan: Plan, viewer: ProfileName | None, broken_for_s: float | None
) -> Iterator[Expectation]:
    bound_of = "its own viewer" if viewer is None else PROFILES[viewer].label
    yield Expectation(
        text=f"Every visit ends as it should within the bound of {bound_of}",
        rules=("CLU-04", "CLU-20", "FWD-24"),
        check=EveryVisitEnds(),
    )
    if broken_for_s is not None:
        bound_s = recovery_s(plan, broken_for_s)
        yield Expectation(
            text=f"Every visit connects while nothing is broken, {bound_s:g} s after the repair",
            rules=("CLU-20", "FWD-05"),
            check=ServedWhenWhole(bound_s=bound_s),
        )
