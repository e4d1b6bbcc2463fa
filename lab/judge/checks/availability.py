"""Checks of which servers are handed out over time, while some fail and return."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lab.judge.bounds import answer_allowance_ns
from lab.judge.checks.base import (
    CheckBase,
    arrival,
    balancer_lists,
    counted,
    frames_of,
    latest,
    ms,
    node_named,
    questions,
    server_addresses,
    tell,
    wanted_name,
)
from lab.judge.verdict import Finding, Outcome, failed, passed
from lab.observe.dns_message import DnsMessage
from lab.observe.sighting import Mark
from lab.observe.timeline import Timeline
from resolver.config import BalancerConfig
from resolver.machine import SECOND


class EveryMemberHandedOut(CheckBase):
    """Each question of the asker got an address; over all its answers it was given every one of
    these servers at least once, by the address that is meant for it, and nothing else; the
    distribution is the evidence (CLU-05)."""

    kind: Literal["every-member-handed-out"] = "every-member-handed-out"
    asker: str = "viewer"
    servers: tuple[str, ...]

    def judge(self, timeline: Timeline) -> Finding:
        """Count the first address of each answer by server."""
        asked = questions(timeline, self.asker, None, "A")
        if not asked:
            return failed(f"{self.asker} never asked")
        by_address = {
            address: server
            for server in self.servers
            for address in _answered_addresses(timeline, server)
        }
        counts: Counter[str] = Counter()
        for exchange in asked:
            reply = exchange.reply
            if reply is None or not reply.addresses:
                return failed(f"{self.asker} got {tell(reply)}", *frames_of([exchange]))
            for address in reply.addresses:
                if address not in by_address:
                    return failed(f"{address} belongs to none of them", *reply.frames)
            counts[by_address[reply.addresses[0]]] += 1
        shown = ", ".join(f"{server} {counts[server]}" for server in self.servers)
        frames = tuple(frame for each in asked for frame in each.frames[-1:])
        if missing := [server for server in self.servers if not counts[server]]:
            return failed(f"never handed out: {', '.join(missing)} ({shown})", *frames)
        return passed(f"{counted(len(asked), 'answer')}: {shown}", *frames)


class GoneWithin(CheckBase):
    """After the server, or its service, was halted (the mark in the capture) and until it returned,
    nobody answers its address later than the bound, no answer to the asker then stems from a load
    balancer's list that still names it, and lists that hold all available servers go on naming
    those that nobody halted. A load balancer named it before, and the asker got an answer after the
    bound. Each time it was halted (CLU-03, CLU-20)."""

    kind: Literal["gone-within"] = "gone-within"
    asker: str = "viewer"
    server: str
    bound_s: float

    def judge(self, timeline: Timeline) -> Finding:
        """Look at every answer between the bound and the server's return."""
        outages = list(_outages(timeline, self.server))
        if not outages:
            return failed(f"{self.server} was never halted")
        findings = [self._judge(timeline, outage) for outage in outages]
        return next((each for each in findings if each.outcome is not Outcome.PASSED), findings[0])

    def _judge(self, timeline: Timeline, outage: _Outage) -> Finding:
        halt = outage.halt
        addresses = server_addresses(timeline, self.server)
        lists = balancer_lists(timeline)
        listing = latest(lists, halt.at)
        if listing is None or not addresses & set(listing.addresses):
            return failed(f"{self.server} was not listed before it was halted", halt.number)
        limit = halt.at + round(self.bound_s * SECOND) + answer_allowance_ns(timeline)
        named = [
            each
            for each in _replies_about_cluster(timeline)
            if addresses & set(each.addresses) and outage.lasts_at(arrival(each))
        ]
        wrong = [each for each in named if arrival(each) > limit]
        if wrong:
            late = f"{self.server} was still handed out {ms(arrival(wrong[0]) - halt.at)}"
            return failed(f"{late} after the halt", halt.number, *wrong[0].frames)
        later = [
            reply
            for each in questions(timeline, self.asker, None, "A")
            if (reply := each.reply) is not None
            and reply.rcode == "NOERROR"
            and arrival(reply) > limit
            and outage.lasts_at(arrival(reply))
        ]
        if not later:
            return failed("no answer came after the bound, so it proves nothing", halt.number)
        for reply in later:
            # One address of several: that it is another's may be chance, its source tells.
            source = latest(lists, reply.at)
            if source is not None and addresses & set(source.addresses):
                text = f"an answer {ms(arrival(reply) - halt.at)} after the halt stems from a list"
                return failed(
                    f"{text} that names {self.server}", halt.number, *source.frames, *reply.frames
                )
        for each in lists:
            missing = _missing(timeline, each)
            if missing and arrival(each) > limit and outage.lasts_at(arrival(each)):
                text = f"{', '.join(missing)} was not listed any more either"
                return failed(text, halt.number, *each.frames)
        last = f"last named {ms(arrival(named[-1]) - halt.at)} after the halt" if named else "gone"
        return passed(
            f"{last}; {counted(len(later), 'answer')} without it "
            f"after the bound of {self.bound_s} s",
            halt.number,
            *(named[-1].frames if named else ()),
            *later[0].frames,
        )


class BackWithin(CheckBase):
    """After the server, or its service, was resumed (the mark in the capture), an answer to the
    asker or from a load balancer holds its address again within the bound; before that, the load
    balancers had stopped naming it. Each time it was resumed (CLU-03)."""

    kind: Literal["back-within"] = "back-within"
    asker: str = "viewer"
    server: str
    bound_s: float

    def judge(self, timeline: Timeline) -> Finding:
        """Find the first answer with the server after its return."""
        returns = [
            (outage, outage.resume)
            for outage in _outages(timeline, self.server)
            if outage.resume is not None
        ]
        if not returns:
            return failed(f"{self.server} was never resumed")
        findings = [self._judge(timeline, outage, resume) for outage, resume in returns]
        return next((each for each in findings if each.outcome is not Outcome.PASSED), findings[0])

    def _judge(self, timeline: Timeline, outage: _Outage, resume: Mark) -> Finding:
        addresses = server_addresses(timeline, self.server)
        lists = balancer_lists(timeline)
        during = [each for each in lists if outage.lasts_at(arrival(each))]
        if not during or addresses & set(during[-1].addresses):
            return failed(f"{self.server} was not seen to be gone before", resume.number)
        told = [
            reply for each in questions(timeline, self.asker, None, "A") for reply in each.replies
        ]
        after = [
            each
            for each in [*lists, *told]
            if addresses & set(each.addresses) and arrival(each) >= resume.at
        ]
        if not after:
            return failed(f"{self.server} was never handed out again", resume.number)
        first = min(after, key=arrival)
        waited = arrival(first) - resume.at
        text = f"back after {ms(waited)}, bound {self.bound_s} s"
        within = waited <= self.bound_s * SECOND + answer_allowance_ns(timeline)
        return (passed if within else failed)(text, resume.number, *first.frames)


@dataclass(frozen=True, slots=True)
class _Outage:
    """From the halt of a server, or of its service, to its return."""

    halt: Mark
    resume: Mark | None

    def lasts_at(self, instant: int) -> bool:
        return self.halt.at <= instant and (self.resume is None or instant < self.resume.at)


def _outages(timeline: Timeline, server: str) -> Iterator[_Outage]:
    """A server's outages in order; what else on it halts (its DNS) takes its service off nobody."""
    halt: Mark | None = None
    for mark in timeline.marks:
        if mark.fields.get("node") != server or mark.fields.get("program") not in {None, "service"}:
            continue
        if mark.kind == "halted" and halt is None:
            halt = mark
        elif (
            mark.kind == "resumed"
            and halt is not None
            and mark.fields.get("program") == halt.fields.get("program")
        ):
            yield _Outage(halt, mark)
            halt = None
    if halt is not None:
        yield _Outage(halt, None)


def _missing(timeline: Timeline, listing: DnsMessage) -> list[str]:
    """The servers of a load balancer's pool that were never halted and that its answer lacks, where
    its answers are meant to hold all that are available."""
    node = node_named(timeline, str(listing.sender))
    program = node.program("balancer") if node is not None else None
    config = program.config if program is not None else None
    if not isinstance(config, BalancerConfig) or config.answers:
        return []
    return [
        member.name
        for member in config.members
        if not list(_outages(timeline, member.name))
        and not _answered_addresses(timeline, member.name) & set(listing.addresses)
    ]


def _answered_addresses(timeline: Timeline, server: str) -> frozenset[str]:
    """The addresses that answers are meant to give for a server: behind NAT its alias, otherwise
    its own."""
    node = node_named(timeline, server)
    if node is None:
        return frozenset()
    return frozenset({node.alias}) if node.alias else frozenset(node.addresses())


def _replies_about_cluster(timeline: Timeline) -> list[DnsMessage]:
    """All replies about the cluster's name, from anybody, in order of departure."""
    wanted = wanted_name(timeline, None)
    return [each for each in timeline.messages if each.is_reply and each.name == wanted]
