"""Checks of what must hold of every address that is handed out, whatever breaks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal

from lab.judge.bounds import answer_allowance_ns
from lab.judge.checks.base import (
    arrival,
    balancers,
    counted,
    ms,
    node_at,
    wanted_name,
)
from lab.judge.checks.standing import Look, StandingCheck
from lab.judge.outages import Outage, outages
from lab.observe.connection import Connection
from lab.observe.dns_message import DnsMessage
from lab.observe.timeline import Timeline
from lab.topology.plan import Plan, PlannedNode
from resolver.config import BalancerConfig, HealthCheck, Member, ResolverConfig
from resolver.machine import SECOND, Duration, Instant

_ROUNDING_NS: Duration = SECOND
"""Each cache tells its clients whole seconds (CLU-03: + 1 s TTL rounding)."""


class HandedOutLeads(StandingCheck):
    """Every address answered for the cluster's name, by anybody, is the one by which the plan hands
    a server out (behind NAT its alias), and whoever dials it reaches that very server: the NAT has
    an entry for it, and the right one (CLU-13, NAT-01). A connection that ends at the translator
    while this and the server work is a missing entry."""

    kind: Literal["handed-out-leads"] = "handed-out-leads"

    def wording(self, seen: int) -> str:
        """Answers count, and connections."""
        if not seen:
            return "no answer with an address was seen"
        return f"{counted(seen, 'answer or connection', 'answers and connections')}, all true"

    def looks(self, timeline: Timeline) -> Iterator[Look]:
        """Each answered address in the plan, then where connections to it led."""
        meant = _meant(timeline.plan)
        for reply in _replies(timeline):
            strange = next((each for each in reply.addresses if each not in meant), None)
            fault = f"{strange} is handed out, and belongs to no server"
            yield Look(reply, fault if strange is not None else None)
        known = outages(timeline)
        for connection in timeline.connections:
            server = meant.get(connection.dialled.address)
            if server is None or connection.is_health_check:
                continue
            if connection.dialled.port == timeline.plan.service_port:
                led = _led_astray(timeline, connection, server, known)
                yield Look(connection, led)


class HandedOutAvailable(StandingCheck):
    """A load balancer names a server only while that is available, by its own health checks as
    seen on the wire (the last success is no longer ago than fall x interval + timeout) and by what
    the steps broke; and everybody else names an address only for the time to live after a load
    balancer named it (CLU-03, CLU-06, CLU-20). What scripted servers answer is scenery."""

    kind: Literal["handed-out-available"] = "handed-out-available"

    def wording(self, seen: int) -> str:
        """Addresses that load balancers name count, and everybody else's answers."""
        if not seen:
            return "no answer was seen of which it shows whether it was true"
        return f"{counted(seen, 'answer')}, each of available servers"

    def looks(self, timeline: Timeline) -> Iterator[Look]:
        """Every answer with an address, as far as there is something to hold it against."""
        listing = balancers(timeline)
        replies = _replies(timeline)
        lists = [each for each in replies if each.sender in listing]
        pool = _Pool(timeline)
        for reply in lists:
            for address in reply.addresses:
                judged = pool.judged(reply, address)
                if judged is not None:
                    yield Look(reply, judged or None)
        if lists and not _serves_stale(timeline.plan):
            for reply in replies:
                if reply.sender not in listing and not pool.may_be_scripted(reply):
                    yield Look(reply, _staleness(timeline, reply, lists))


def detection_ns(health: HealthCheck) -> Duration:
    """The longest time from a member's last successful health check to its end in the answers:
    fall x interval + timeout (CLU-03). A timeout longer than the interval delays the next check."""
    return health.fall * max(health.interval_ns, health.timeout_ns) + health.timeout_ns


# --- where an address leads -------------------------------------------------------------------


def _replies(timeline: Timeline) -> list[DnsMessage]:
    """Everybody's answers for the cluster's name that hold an address."""
    wanted = wanted_name(timeline, None)
    return [
        each
        for each in timeline.messages
        if each.is_reply and each.addresses and each.name == wanted
    ]


def _meant(plan: Plan) -> dict[str, PlannedNode]:
    """By which address the plan hands which server out."""
    return {
        address: node
        for node in plan.with_role("server")
        for address in ((node.alias,) if node.alias else node.addresses())
    }


def _led_astray(
    timeline: Timeline, connection: Connection, server: PlannedNode, known: Iterable[Outage]
) -> str | None:
    """What is wrong with where a connection led; None when nothing is, or nothing was seen."""
    dialled, reached = connection.dialled.address, connection.reached_node
    if reached is None or reached == server.name:
        return None
    if connection.established_at is not None:
        return f"{dialled} is {server.name}'s; {reached} answered"
    passing = next(node for node in timeline.plan.nodes if node.name == reached)
    if passing.nat is None and not passing.forwards:
        return f"{dialled} is {server.name}'s; the connection ended at {reached}"
    began, ended = connection.opened_at, connection.sent[-1].at
    if any(each.node in {reached, server.name} and each.touches(began, ended) for each in known):
        return None
    if not _is_alive(timeline, server.name, ended):
        return None
    return f"{dialled} is {server.name}'s; the connection ended at {reached}, which has no entry"


def _is_alive(timeline: Timeline, server: str, instant: Instant) -> bool:
    """Whether a server was seen to send something before and after. (A packet for one that is off
    ends at the router before it as well: nobody answers its ARP.)"""
    sent = [passage.at for passage in timeline.packets if passage.sender == server]
    return bool(sent) and sent[0] <= instant <= sent[-1]


# --- whether it is available ------------------------------------------------------------------


class _Pool:
    """What the capture shows of the members' availability: health checks, and what steps broke."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._known = outages(timeline)
        self._allowance = answer_allowance_ns(timeline)
        self._probes: defaultdict[tuple[str, str], list[Connection]] = defaultdict(list)
        """By load balancer and probed address, in order."""
        for connection in timeline.connections:
            if connection.is_health_check:
                key = str(connection.opener), connection.dialled.address
                self._probes[key].append(connection)

    def judged(self, reply: DnsMessage, address: str) -> str | None:
        """What is wrong with a load balancer's naming this address; "" when nothing is, None when
        nothing shows."""
        balancer = str(reply.sender)
        config = _balancer_config(self._timeline.plan, balancer)
        server = node_at(self._timeline, address)
        if config is None or server is None or self._is_scripted(balancer, reply.at):
            return None
        member = next((each for each in config.members if each.name == server.name), None)
        if member is None:
            return f"{balancer} names {address}, which is no member of its pool"
        bound = detection_ns(config.health) + self._allowance
        by_marks = self._by_marks(reply, server, bound)
        # Its checks of itself cross no link.
        by_probes = None if member.name == balancer else self._by_probes(reply, config, member)
        return by_marks or (by_probes if by_probes is not None else by_marks)

    def _by_marks(self, reply: DnsMessage, server: PlannedNode, bound: Duration) -> str | None:
        if not self._timeline.marks:
            return None
        for outage in self._known:
            gone_for = reply.at - outage.begun.at
            if _takes_off(outage, server) and outage.lasts_at(reply.at) and gone_for > bound:
                return f"{reply.sender} names {server.name} {ms(gone_for)} after it went off"
        return ""

    def _by_probes(self, reply: DnsMessage, config: BalancerConfig, member: Member) -> str | None:
        checks = self._probes.get((str(reply.sender), member.addresses[0]), ())
        bound = detection_ns(config.health) + self._allowance
        before = [each for each in checks if each.opened_at <= reply.at]
        if not before or before[0].opened_at > reply.at - bound:
            return None  # what came before the capture decided
        good = [each for each in before if self._is_success(each, config.health, reply.at)]
        if not good:
            return f"{reply.sender} names {member.name}, which failed every health check"
        ago = reply.at - good[-1].opened_at
        if ago > bound:
            return f"{reply.sender} names {member.name} {ms(ago)} after its last good health check"
        return ""

    def _is_success(self, check: Connection, health: HealthCheck, by: Instant) -> bool:
        at, latency = check.established_at, check.latency_ns
        within = health.timeout_ns + self._allowance
        return at is not None and latency is not None and at <= by and latency <= within

    def may_be_scripted(self, reply: DnsMessage) -> bool:
        """Whether an answer may stem from a scripted server: one sat somewhere while it held."""
        began = reply.at - max(reply.ttls, default=0) * SECOND - self._allowance
        return any(
            each.kind == "scripted" and each.touches(began, reply.at) for each in self._known
        )

    def _is_scripted(self, balancer: str, instant: Instant) -> bool:
        return any(
            each.kind == "scripted"
            and (each.node, each.program) == (balancer, "balancer")
            and each.lasts_at(instant)
            for each in self._known
        )


def _takes_off(outage: Outage, server: PlannedNode) -> bool:
    """Whether an outage takes a server's service off everybody."""
    if outage.node != server.name:
        return False
    if outage.kind == "unplugged":
        return len(server.interfaces) == 1
    return outage.kind == "halted" and outage.program in {None, "service"}


def _staleness(timeline: Timeline, reply: DnsMessage, lists: list[DnsMessage]) -> str | None:
    """What is wrong with an answer of somebody who is no load balancer; None when nothing is."""
    slack = len(list(_resolvers(timeline.plan))) * _ROUNDING_NS + answer_allowance_ns(timeline)
    for address in reply.addresses:
        named = [each for each in lists if address in each.addresses and arrival(each) <= reply.at]
        if not named:
            return f"{reply.sender} names {address}, which no load balancer had named"
        source = max(named, key=arrival)
        age = reply.at - arrival(source)
        if age > min(source.ttls, default=0) * SECOND + slack:
            return f"{reply.sender} names {address} {ms(age)} after a load balancer last did"
    return None


def _balancer_config(plan: Plan, node: str) -> BalancerConfig | None:
    program = plan.node(node).program("balancer")
    config = program.config if program is not None else None
    return config if isinstance(config, BalancerConfig) else None


def _resolvers(plan: Plan) -> Iterator[ResolverConfig]:
    for node in plan.nodes:
        for program in node.programs:
            if program.name == "resolver" and isinstance(program.config, ResolverConfig):
                yield program.config


def _serves_stale(plan: Plan) -> bool:
    return any(config.serve_stale for config in _resolvers(plan))
