"""What a capture lets one see of a topology, and timelines without what it does not.

A rule is judged only from what was certainly seen whole. What could look wrong merely because its
other half lies outside the capture (before its beginning, behind its end, on a link where nobody
captured) is left out of the timeline that the rule is judged by.
"""

from __future__ import annotations

from collections import Counter
from copy import copy
from dataclasses import dataclass
from typing import Any

from lab.captures.cuts import Cuts
from lab.captures.placing import Placed
from lab.judge.bounds import answer_allowance_ns
from lab.judge.checks.base import balancers, wanted_name
from lab.judge.checks.standing_replies import CLIENT_PATIENCE_S
from lab.observe.connection import is_dns
from lab.observe.timeline import Timeline
from lab.topology.plan import Plan, PlannedNode
from resolver.config import BalancerConfig, DnsTranslatorConfig, ResolverConfig
from resolver.machine import SECOND, Duration

_FIRST_QUESTIONS = 2000
_ROUNDING_NS: Duration = SECOND
"""Caches tell whole seconds."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What of a topology a capture shows."""

    plan: Plan
    placed: Placed | None
    """Where its packets were; None for a capture of the lab's own, which shows everything."""
    cuts: Cuts
    dropped: int
    """Packets that the capturing machine had no room for, as far as it says."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing can have happened unseen."""
        return self.placed is None

    def watches(self, node: str, network: str) -> bool:
        """Whether everything that the node sent and received on a network was seen."""
        if self.placed is None:
            return True
        return (node, network) in self.placed.watched and not self.dropped

    def watches_whole(self, node: PlannedNode) -> bool:
        """Whether that holds for all its networks."""
        return all(self.watches(node.name, each.network) for each in node.interfaces)

    def unseen(self, node: PlannedNode) -> str:
        """Why not, in words."""
        if self.dropped:
            return f"the capturing machine dropped {self.dropped} packets"
        blank = [
            each.network
            for each in node.interfaces
            if self.placed is not None and not self.placed.on[each.network]
        ]
        if blank:
            others = sorted(
                other.name
                for other in self.plan.nodes
                for each in other.interfaces
                if each.network in blank and other.name != node.name
            )
            return f"no packet between {node.name} and {', '.join(others)} in this capture"
        return f"the capture was not made at {node.name}, so not all of its packets are in it"


# --- timelines with less in them --------------------------------------------------------------


def as_it_is(timeline: Timeline, sight: Sight) -> Timeline:
    """All that was seen: for what is judged packet by packet."""
    del sight
    return timeline


def settled(timeline: Timeline, sight: Sight) -> Timeline:
    """Without the clients' questions that still waited when the capture ended."""
    if sight.placed is None:
        return timeline
    patience = round(CLIENT_PATIENCE_S * SECOND) + answer_allowance_ns(timeline)
    last = sight.placed.ended_at - patience
    return _part(
        timeline,
        exchanges=tuple(
            each
            for each in timeline.exchanges
            if each.answered_at is not None or each.asked_at <= last
        ),
    )


def answered(timeline: Timeline, sight: Sight) -> Timeline:
    """Only questions that got a reply: for what is judged of the reply."""
    del sight
    return _part(timeline, exchanges=tuple(each for each in timeline.exchanges if each.replies))


def begun(timeline: Timeline, sight: Sight) -> Timeline:
    """Only the first few thousand questions of each asker: for statistics with bounds made for so
    many."""
    del sight
    asked: Counter[str] = Counter()
    first = []
    for exchange in timeline.exchanges:
        asked[exchange.asker] += 1
        if asked[exchange.asker] <= _FIRST_QUESTIONS:
            first.append(exchange)
    return _part(timeline, exchanges=tuple(first))


def reached(timeline: Timeline, sight: Sight) -> Timeline:
    """Without connections of which the capture cannot show where they ended: those that a NAT
    passes on, where it was not captured on both sides."""
    translators = [node for node in timeline.plan.nodes if node.nat is not None]
    if all(sight.watches_whole(node) for node in translators):
        return timeline
    return _part(timeline, connections=tuple(each for each in timeline.connections if is_dns(each)))


def informed(timeline: Timeline, sight: Sight) -> Timeline:
    """Without answers that may come from what nobody captured: from a list that a load balancer
    gave before the capture began, or on a link where nobody captured."""
    if sight.placed is None:
        return timeline
    listing, wanted = balancers(timeline), wanted_name(timeline, None)
    since = sight.placed.began_at + _kept_ns(timeline)
    hears_all = all(hears_balancers(sight, node) for node in askers_of_balancers(timeline.plan))
    messages = tuple(
        each
        for each in timeline.messages
        if each.name != wanted
        or each.sender in listing
        or not each.is_reply
        or (hears_all and each.at >= since)
    )
    return _part(timeline, messages=messages)


def relayed(timeline: Timeline, sight: Sight) -> Timeline:
    """Without questions so early that a translator may have been asking already for somebody
    else."""
    if sight.placed is None:
        return timeline
    since = sight.placed.began_at + _asking_ns(timeline.plan)
    translators = {
        node.name for node in timeline.plan.nodes if node.program("dns-translator") is not None
    }
    return _part(
        timeline,
        exchanges=tuple(
            each
            for each in timeline.exchanges
            if each.query.receiver not in translators or each.asked_at >= since
        ),
    )


def askers_of_balancers(plan: Plan) -> tuple[PlannedNode, ...]:
    """The nodes that the plan has ask load balancers."""
    listing = {
        address for node in plan.nodes if node.load_balancer for address in _all_addresses(node)
    }
    return tuple(node for node in plan.nodes if not listing.isdisjoint(_asked_by(node)))


def _part(timeline: Timeline, **kept: Any) -> Timeline:
    """The timeline with only these of its messages, exchanges or connections; what is worked out
    from them is worked out anew."""
    part = copy(timeline)
    for name in ("causes", "journeys"):
        vars(part).pop(name, None)
    vars(part).update(kept)
    return part


def hears_balancers(sight: Sight, node: PlannedNode) -> bool:
    """Whether every answer of a load balancer to this node was seen."""
    behind = {
        interface.network
        for server in sight.plan.nodes
        if server.load_balancer
        for interface in server.interfaces
    }
    near = {interface.network for interface in node.interfaces}
    # Where the load balancers are further away, their answers come in by the one link there is.
    return all(sight.watches(node.name, each) for each in near & behind or near)


def _kept_ns(timeline: Timeline) -> Duration:
    """How long an answer may have been kept by all caches on its way."""
    wanted = wanted_name(timeline, None)
    configured = [
        program.config.ttl_s
        for node in timeline.plan.nodes
        for program in node.programs
        if isinstance(program.config, BalancerConfig)
    ]
    seen = [ttl for each in timeline.messages if each.name == wanted for ttl in each.ttls]
    caches = sum(1 for node in timeline.plan.nodes if node.program("resolver") is not None)
    longest = max([*configured, *seen], default=0)
    return longest * SECOND + caches * _ROUNDING_NS + answer_allowance_ns(timeline)


def _asking_ns(plan: Plan) -> Duration:
    """How long a translator may ask for one question."""
    return max(
        (
            program.config.timeout_ns * len(program.config.servers)
            for node in plan.nodes
            for program in node.programs
            if isinstance(program.config, DnsTranslatorConfig)
        ),
        default=0,
    )


def _asked_by(node: PlannedNode) -> set[str]:
    asked: set[str] = set()
    for program in node.programs:
        if isinstance(program.config, ResolverConfig):
            rules = program.config.forward
            asked.update(server.address for rule in rules for server in rule.servers)
        elif isinstance(program.config, DnsTranslatorConfig):
            asked.update(server.address for server in program.config.servers)
    return asked


def _all_addresses(node: PlannedNode) -> tuple[str, ...]:
    return (*node.addresses(), *((node.alias,) if node.alias else ()))
