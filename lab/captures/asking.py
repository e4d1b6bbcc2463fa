"""What is asked of every capture: expectations that need no steps, and what each must see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from lab.captures import sight as views
from lab.captures.sight import Sight
from lab.judge.checks import (
    AliasFollowsNumber,
    Check,
    EveryVisitEnds,
    HandedOutAvailable,
    HandedOutLeads,
    MappingStable,
    OptAnswered,
    RelayedUnchanged,
    RepliedFromThere,
    RepliedInTime,
    RepliedOnce,
    ReplyFits,
    ReplyHeader,
    Translated,
    TtlAtMost,
    Unpredictable,
)
from lab.judge.checks.base import balancers, wanted_name
from lab.judge.checks.standing import StandingCheck
from lab.judge.checks.standing_replies import client_exchanges
from lab.judge.invariants import invariants
from lab.observe.timeline import Timeline
from lab.topology.plan import Plan, PlannedNode
from resolver.config import BalancerConfig
from resolver.machine import Transport

View: TypeAlias = Callable[[Timeline, Sight], Timeline]
Obstacle: TypeAlias = Callable[[Timeline, Sight], str | None]
"""Why a capture does not show what an expectation is about; None when it does."""

_ENOUGH_QUESTIONS = 1000
"""SEC-04 is about so many."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An expectation, put to a capture."""

    text: str
    rules: tuple[str, ...]
    checks: tuple[Check, ...]
    """All must hold; of those that each concern one client, those whose client did nothing of the
    kind are passed over."""
    view: View
    obstacle: Obstacle


def asked_of(plan: Plan, timeline: Timeline) -> tuple[Asked, ...]:
    """Everything that is asked of a capture of this plan."""
    return (*_standing(plan), *_of_replies(timeline), *_of_cluster(plan), *_of_translators(plan))


def _standing(plan: Plan) -> Iterator[Asked]:
    """What holds whatever breaks, as sweeps have it too."""
    own_views: dict[type, View] = {
        HandedOutLeads: views.reached,
        HandedOutAvailable: views.informed,
    }
    for each in invariants(plan, viewer=None):
        view = own_views.get(type(each.check), views.as_it_is)
        obstacle = _nothing_to_look_at(view, each.check)
        if isinstance(each.check, EveryVisitEnds):
            obstacle = _no_visits(obstacle)
        elif isinstance(each.check, HandedOutAvailable):
            obstacle = _no_lists(obstacle)
        yield Asked(each.text, each.rules, (each.check,), view, obstacle)


def _of_replies(timeline: Timeline) -> Iterator[Asked]:
    for text, rules, check, view in (
        (
            "Every client gets a reply before it gives up",
            ("FWD-24",),
            RepliedInTime(),
            views.settled,
        ),
        ("No client gets two replies to one question", ("FWD-18",), RepliedOnce(), views.as_it_is),
        (
            "Replies come from where the question went",
            ("TRN-13",),
            RepliedFromThere(),
            views.as_it_is,
        ),
    ):
        yield Asked(text, rules, (check,), view, _nothing_to_look_at(view, check))
    clients = dict.fromkeys(each.asker for each in client_exchanges(timeline) if each.replies)
    over_udp = dict.fromkeys(
        each.asker
        for each in client_exchanges(timeline)
        if each.replies and each.query.transport is Transport.UDP
    )
    yield Asked(
        "Replies repeat the question and its header as they must",
        ("REC-08", "TRN-01"),
        tuple(ReplyHeader(asker=client) for client in clients),
        views.answered,
        _no_replies,
    )
    yield Asked(
        "No UDP reply is longer than its client can take",
        ("TRN-05", "TRN-10"),
        tuple(ReplyFits(asker=client) for client in over_udp),
        views.answered,
        _no_replies,
    )
    yield Asked(
        "OPT in the question gives OPT in the reply, none gives none",
        ("EDN-01",),
        tuple(
            OptAnswered(asker=client, about=about)
            for client in clients
            for about in ("opt", "no-opt")
            if any(
                bool(each.query.sections.opts) is (about == "opt")
                for each in client_exchanges(timeline)
                if each.asker == client and each.replies
            )
        ),
        views.answered,
        _no_replies,
    )
    for node in timeline.plan.nodes:
        if node.program("resolver") is not None and node.role == "resolver":
            yield Asked(
                f"IDs and ports of {node.name}'s questions cannot be guessed",
                ("SEC-04",),
                (Unpredictable(asker=node.name, questions=_ENOUGH_QUESTIONS),),
                views.begun,
                _too_few_questions(node.name),
            )


def _of_cluster(plan: Plan) -> Iterator[Asked]:
    lists = [
        program.config
        for node in plan.nodes
        for program in node.programs
        if isinstance(program.config, BalancerConfig)
    ]
    if plan.cluster_name is None or not lists:
        return
    largest = max(config.ttl_s for config in lists)
    yield Asked(
        f"No address of the cluster may be kept longer than {largest} s",
        ("CLU-06",),
        (TtlAtMost(seconds=largest),),
        views.as_it_is,
        _no_addresses(from_balancers=False),
    )
    if any(node.alias for node in plan.nodes):
        yield Asked(
            "Load balancers name alias base + (number - 1)",
            ("CLU-14", "CLU-18"),
            (AliasFollowsNumber(),),
            views.as_it_is,
            _no_addresses(from_balancers=True),
        )


def _of_translators(plan: Plan) -> Iterator[Asked]:
    for node in plan.nodes:
        if node.nat is None:
            continue
        yield Asked(
            f"{node.name} translates every packet by its table, and nothing else of it",
            ("NAT-01", "NAT-02"),
            (Translated(protocols=()),),
            views.as_it_is,
            _nothing_crossed(node),
        )
        yield Asked(
            "One alias per server, one server per alias, all the time",
            ("NAT-03",),
            (MappingStable(servers=()),),
            views.as_it_is,
            _nothing_crossed(node),
        )
        if node.program("dns-translator") is not None:
            yield Asked(
                f"{node.name} passes on the load balancers' answers unchanged",
                ("CLU-12",),
                (RelayedUnchanged(translator=node.name),),
                views.relayed,
                _nothing_relayed(node),
            )


# --- obstacles --------------------------------------------------------------------------------


def _nothing_to_look_at(view: View, check: Check) -> Obstacle:
    def obstacle(timeline: Timeline, sight: Sight) -> str | None:
        assert isinstance(check, StandingCheck)  # noqa: S101 - what invariants promises
        inspection = check.inspect(view(timeline, sight))
        return None if inspection.seen else inspection.text

    return obstacle


def _no_visits(nothing: Obstacle) -> Obstacle:
    def obstacle(timeline: Timeline, sight: Sight) -> str | None:
        if sight.is_whole:
            return nothing(timeline, sight)
        return "where a visit begins and ends, only the lab marks in its captures"

    return obstacle


def _no_lists(nothing: Obstacle) -> Obstacle:
    """Where there is nothing to look at, most likely nobody captured at the load balancers."""

    def obstacle(timeline: Timeline, sight: Sight) -> str | None:
        reason = nothing(timeline, sight)
        deaf = [
            node
            for node in views.askers_of_balancers(sight.plan)
            if not views.hears_balancers(sight, node)
        ]
        return reason and (sight.unseen(deaf[0]) if deaf else reason)

    return obstacle


def _no_replies(timeline: Timeline, sight: Sight) -> str | None:
    del sight
    some = any(each.replies for each in client_exchanges(timeline))
    return None if some else "no client got a reply"


def _too_few_questions(node: str) -> Obstacle:
    def obstacle(timeline: Timeline, sight: Sight) -> str | None:
        del sight
        asked = sum(
            each.asker == node and each.query.transport is Transport.UDP
            for each in timeline.exchanges
        )
        if asked >= _ENOUGH_QUESTIONS:
            return None
        return f"{asked} questions of {node} over UDP; chance shows from {_ENOUGH_QUESTIONS} on"

    return obstacle


def _no_addresses(*, from_balancers: bool) -> Obstacle:
    def obstacle(timeline: Timeline, sight: Sight) -> str | None:
        del sight
        wanted, listing = wanted_name(timeline, None), balancers(timeline)
        some = any(
            each.is_reply and each.addresses and (each.sender in listing or not from_balancers)
            for each in timeline.messages
            if each.name == wanted
        )
        whose = "a load balancer" if from_balancers else "anybody"
        return None if some else f"no answer of {whose} with an address of the cluster"

    return obstacle


def _nothing_crossed(node: PlannedNode) -> Obstacle:
    def obstacle(timeline: Timeline, sight: Sight) -> str | None:
        if not sight.watches_whole(node):
            return sight.unseen(node)
        crossed = any(each.translator == node.name for each in timeline.crossings)
        return None if crossed else f"nothing crossed {node.name}"

    return obstacle


def _nothing_relayed(node: PlannedNode) -> Obstacle:
    def obstacle(timeline: Timeline, sight: Sight) -> str | None:
        if not sight.watches_whole(node):
            return sight.unseen(node)
        wanted = wanted_name(timeline, None)
        some = any(
            each.replies and each.query.receiver == node.name and each.query.name == wanted
            for each in views.relayed(timeline, sight).exchanges
        )
        return None if some else f"{node.name} gave nobody an answer for {wanted}"

    return obstacle
