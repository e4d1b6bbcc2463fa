"""Recognising by which rule a server chooses among its forwarders."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, TypeAlias

from lab.judge.checks.base import CheckBase, counted, frames_of, upstream_groups
from lab.judge.checks.failover import without_repeats
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_exchange import DnsExchange
from lab.observe.timeline import Timeline
from lab.values import Address
from resolver.machine import MILLISECOND

SelectionRule: TypeAlias = Literal[
    "listed-order", "moves-on", "round-robin", "parallel", "no known rule"
]

_AT_ONCE_NS = 20 * MILLISECOND
"""Nobody waits so short a time for a server: asked this soon after another one, both were asked
together."""

_SLOW_NS = 200 * MILLISECOND
"""A server as slow as this would be left by any resolver that measures; no link of the lab is."""


class SelectionRecognised(CheckBase):
    """By whom the asker began with for each client question, its rule of choosing among these
    servers is the one named (FWD-08):

    - listed-order: always the first, though it was slow or silent at least once (document B);
    - moves-on: the first, until it was slow or silent, and then another (Windows'
      EnableReordering, servers ordered by round-trip time);
    - round-robin: one after the other (CoreDNS round_robin);
    - parallel: several at once (dnsmasq without strict-order, all-servers).
    """

    kind: Literal["selection-recognised"] = "selection-recognised"
    asker: str = "dns"
    servers: tuple[Address, ...]
    """Addresses, in listed order."""
    rule: SelectionRule

    def judge(self, timeline: Timeline) -> Finding:
        """Compare whom each client question's search began with."""
        groups = [
            without_repeats(group)
            for group in upstream_groups(timeline, self.asker)
            if group[0].query.destination.address in self.servers
        ]
        if len(groups) < len(self.servers) + 1:
            return failed(
                f"{counted(len(groups), 'client question')} went upstream, "
                f"too few to tell a rule from chance"
            )
        found = self._rule(timeline, groups)
        begun = [group[0].query.destination.address for group in groups]
        text = f"{found}: {counted(len(groups), 'question')} began with {', '.join(begun)}"
        return (passed if found == self.rule else failed)(
            text, *(frame for group in groups for frame in frames_of(group))
        )

    def _rule(self, timeline: Timeline, groups: list[list[DnsExchange]]) -> SelectionRule:
        if any(_are_at_once(pair) for group in groups for pair in pairwise(group)):
            return "parallel"
        places = [self.servers.index(group[0].query.destination.address) for group in groups]
        number = len(self.servers)
        if number > 1 and all(later == (each + 1) % number for each, later in pairwise(places)):
            return "round-robin"
        slow = [place for place, group in enumerate(groups) if _is_slow(timeline, group[0])]
        if not slow or places[0] != 0:
            return "no known rule"
        if not any(places) and slow[0] + 1 < len(places):
            return "listed-order"
        left = next((place for place, server in enumerate(places) if server), None)
        if left is not None and left > slow[0] and 0 not in places[left:]:
            return "moves-on"
        return "no known rule"


def _are_at_once(pair: tuple[DnsExchange, DnsExchange]) -> bool:
    first, second = pair
    told = [reply.arrived_at for reply in first.replies]
    told += [error.trip.arrived_at for error in first.errors]
    waited = all(instant is None or instant > second.asked_at for instant in told)
    return waited and second.asked_at - first.asked_at < _AT_ONCE_NS


def _is_slow(timeline: Timeline, exchange: DnsExchange) -> bool:
    """Whether a server's reply came late or not in time at all; an error at once is neither."""
    if exchange.errors:
        return False
    latency = exchange.latency_ns
    return not timeline.causes.in_time(exchange) or latency is None or latency >= _SLOW_NS
