"""Checks of what an asker was answered, and when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from lab.judge.bounds import answer_allowance_ns
from lab.judge.checks.base import (
    CheckBase,
    counted,
    frames_of,
    is_superseded,
    listed,
    ms,
    questions,
    tell,
    wanted_name,
)
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_exchange import DnsExchange
from lab.observe.dns_message import DnsMessage
from lab.observe.timeline import Timeline
from lab.values import Address, DnsName, QueryType, Rcode
from resolver.machine import SECOND


class Answered(CheckBase):
    """The asker's questions were answered, in full, as described. Only the conditions that are set
    count. Where the asker is a server that went on to another one, having got no reply in time or
    a truncated one, the question that it put there counts instead."""

    kind: Literal["answered"] = "answered"
    asker: str = "viewer"
    name: DnsName | None = None
    """None: the cluster's name."""
    qtype: QueryType = "A"
    which: Literal["first", "last", "all"] = "all"
    """Which of the asker's exchanges with that question are judged."""
    rcode: Rcode = "NOERROR"
    count: int | None = None
    """Number of addresses in the answer."""
    addresses: tuple[Address, ...] | None = None
    """Exactly these, each once, in any order."""
    among: tuple[Address, ...] | None = None
    """Only of these, at least one."""
    authoritative: bool | None = None
    soa: bool | None = None
    """Whether the authority section holds an SOA (RFC 2308 3)."""
    soa_ttl_s: int | None = None
    """The TTL of that SOA, the lesser of its own and its MINIMUM (RFC 2308 3, 5)."""
    rdata: tuple[str, ...] | None = None
    """Exactly the RDATA, as in a master file, of the answer's records of the type asked for, in any
    order: "10 mail.example.net."."""
    recursion_available: bool | None = None
    within_s: float | None = None
    """The answer came no later than this after the question, plus the clock's allowance."""
    transport: Literal["udp", "tcp"] | None = None

    def judge(self, timeline: Timeline) -> Finding:
        """Every chosen exchange has a reply, and the reply is as described."""
        asked = questions(timeline, self.asker, self.name, self.qtype)
        if self.transport is not None:
            asked = [each for each in asked if each.query.transport.value == self.transport]
        if not asked:
            return failed(f"{self.asker} never asked {self.qtype} for this name")
        counting = [each for each in asked if not is_superseded(timeline, each)]
        if not counting:
            return failed(f"{self.asker} got no reply", *frames_of(asked))
        chosen = {"first": counting[:1], "last": counting[-1:], "all": counting}[self.which]
        for exchange in chosen:
            if exchange.reply is None or not timeline.causes.in_time(exchange):
                return failed(f"{self.asker} got no reply", *frames_of([exchange]))
            fault = self._fault(exchange, exchange.reply, timeline)
            if fault:
                return failed(fault, *frames_of([exchange]))
        last = tell(chosen[-1].reply)
        return passed(f"{_told(chosen, asked)}: {last}", *frames_of(chosen[-1:]))

    def _fault(self, exchange: DnsExchange, reply: DnsMessage, timeline: Timeline) -> str | None:
        got = reply.addresses
        found = counted(len(got), "address", "addresses")
        conditions = (
            (reply.rcode == self.rcode, f"RCODE {reply.rcode} instead of {self.rcode}"),
            (not reply.tc, "the reply is truncated"),
            (
                self.count in {None, len(got)},
                f"{found} instead of {self.count}: {tell(reply)}",
            ),
            (
                self.addresses is None or sorted(got) == sorted(self.addresses),
                f"addresses {listed(got)} instead of {listed(self.addresses or ())}",
            ),
            (
                self.among is None or (bool(got) and set(got) <= set(self.among)),
                f"addresses {listed(got)}, expected some of {listed(self.among or ())}",
            ),
            (self.authoritative in {None, reply.aa}, f"AA={int(reply.aa)}"),
            (self.soa in {None, reply.soa}, f"{'an' if reply.soa else 'no'} SOA in authority"),
            (
                self.soa_ttl_s is None or _soa_ttls(reply) == [self.soa_ttl_s],
                f"SOA TTLs {_soa_ttls(reply)} instead of {self.soa_ttl_s}",
            ),
            (
                self.rdata is None or _rdata(reply) == sorted(self.rdata),
                f"data {_shown(_rdata(reply))} instead of {_shown(self.rdata or ())}",
            ),
            (self.recursion_available in {None, reply.ra}, f"RA={int(reply.ra)}"),
            (
                self.within_s is None or _is_within(exchange, self.within_s, timeline),
                f"answered after {ms(exchange.latency_ns or 0)}, bound {self.within_s} s",
            ),
        )
        return next((text for holds, text in conditions if not holds), None)


class AnsweredOnce(CheckBase):
    """Each question of the asker got exactly one reply, right or wrong, however many servers
    answered (FWD-18)."""

    kind: Literal["answered-once"] = "answered-once"
    asker: str = "viewer"
    name: DnsName | None = None
    """None: the cluster's name."""
    late_from: Address | None = None
    """A reply from this address, asked because of one of these questions, must be seen arriving at
    the asker's server after the asker had its answer; without one there was nothing to ignore."""

    def judge(self, timeline: Timeline) -> Finding:
        """Count the replies to each question, and look for the late one."""
        asked = questions(timeline, self.asker, self.name)
        if not asked:
            return failed(f"{self.asker} never asked")
        for exchange in asked:
            # A second reply may be wrong in its ID or question: to the client it is one too many.
            came = [*exchange.replies, *exchange.strays, *exchange.latecomers]
            if len(came) != 1 or not exchange.replies:
                frames = (frame for reply in came for frame in reply.frames)
                came_in = counted(len(came), "reply", "replies")
                text = f"{came_in}, {len(exchange.replies)} of them fitting"
                return failed(text, *exchange.query.frames, *frames)
        if self.late_from is None:
            return passed(
                f"{counted(len(asked), 'question')}, one reply to each", *frames_of(asked)
            )
        for exchange in asked:
            for late in self._late(timeline, exchange):
                return passed(
                    f"the late reply from {self.late_from} came and changed nothing",
                    *frames_of([exchange]),
                    *late.frames,
                )
        return failed(
            f"no reply from {self.late_from} came after the answer it was meant for",
            *frames_of(asked),
        )

    def _late(self, timeline: Timeline, exchange: DnsExchange) -> list[DnsMessage]:
        answered_at = exchange.answered_at
        return [
            reply
            for child in timeline.causes.caused_by(exchange)
            if child.query.destination.address == self.late_from
            for reply in child.replies
            if answered_at is not None
            and reply.arrived_at is not None
            and reply.arrived_at > answered_at
        ]


class NotAnswered(CheckBase):
    """The asker's question reached the server and nobody sent any reply to it, not even one that
    does not fit (SEC-07)."""

    kind: Literal["not-answered"] = "not-answered"
    asker: str = "viewer"
    name: DnsName | None = None
    qtype: QueryType = "A"

    def judge(self, timeline: Timeline) -> Finding:
        """There are questions, they arrived, and there is no reply to any."""
        asked = questions(timeline, self.asker, self.name, self.qtype)
        if not asked:
            return failed(f"{self.asker} never asked")
        for exchange in asked:
            for reply in timeline.messages:
                # Sent is enough: that it got lost on the way does not make it silence.
                if reply.is_reply and _goes_to_asker(reply, exchange):
                    return failed("a reply came", *exchange.query.frames, *reply.frames)
            if exchange.server is None or exchange.query.receiver != exchange.server:
                return failed("the question never reached the server", *exchange.query.frames)
        return passed(f"{counted(len(asked), 'question')}, no reply", *frames_of(asked))


class ErrorWithin(CheckBase):
    """Every question of the asker got an error or no data, never an address, within the bound."""

    kind: Literal["error-within"] = "error-within"
    asker: str = "viewer"
    bound_s: float
    rcodes: tuple[Rcode, ...] = ("SERVFAIL",)

    def judge(self, timeline: Timeline) -> Finding:
        """Look at every question's RCODE, addresses and time."""
        asked = questions(timeline, self.asker, None)
        if not asked:
            return failed(f"{self.asker} never asked")
        for exchange in asked:
            if exchange.reply is None:
                return failed("no reply at all", *frames_of([exchange]))
            for reply in exchange.replies:
                if reply.rcode not in self.rcodes or reply.addresses:
                    return failed(f"the reply is {tell(reply)}", *frames_of([exchange]))
            if not _is_within(exchange, self.bound_s, timeline):
                waited = ms(exchange.latency_ns or 0)
                return failed(
                    f"told after {waited}, bound {self.bound_s} s", *frames_of([exchange])
                )
        waits = ", ".join(ms(each.latency_ns or 0) for each in asked)
        return passed(f"told after {waits}, bound {self.bound_s} s", *frames_of(asked))


class TtlAtMost(CheckBase):
    """No address record of the name carries a larger TTL, from any server (CLU-06)."""

    kind: Literal["ttl-at-most"] = "ttl-at-most"
    seconds: int
    name: DnsName | None = None

    def judge(self, timeline: Timeline) -> Finding:
        """Look at the TTL of every address in every reply."""
        wanted = wanted_name(timeline, self.name)
        with_addresses = [each for each in timeline.messages if each.name == wanted and each.ttls]
        if not with_addresses:
            return failed("no reply held an address")
        largest = max(with_addresses, key=lambda each: max(each.ttls))
        shown = f"{max(largest.ttls)} s"
        if max(largest.ttls) > self.seconds:
            return failed(f"a TTL of {shown}, allowed {self.seconds} s", *largest.frames)
        return passed(
            f"the largest TTL in {counted(len(with_addresses), 'reply', 'replies')} is {shown}",
            *largest.frames,
        )


def _told(chosen: list[DnsExchange], asked: list[DnsExchange]) -> str:
    """How many of an asker's questions were looked at; what follows is the last answer."""
    if len(asked) == 1:
        return "the question was answered as described"
    if len(chosen) == len(asked):
        return f"all {len(asked)} questions were answered as described, the last"
    if len(chosen) == 1:
        return f"the question that counts, of {len(asked)}, was answered as described"
    those = f"the {len(chosen)} questions that count, of {len(asked)},"
    return f"{those} were answered as described, the last"


def _soa_ttls(reply: DnsMessage) -> list[int]:
    return [record.ttl for record in reply.authority if record.rtype == "SOA"]


def _rdata(reply: DnsMessage) -> list[str]:
    """The RDATA of the type asked for, sorted."""
    return sorted(record.rdata for record in reply.answers if record.rtype == reply.qtype)


def _shown(rdata: Iterable[str]) -> str:
    return ", ".join(sorted(rdata)) or "none"


def _is_within(exchange: DnsExchange, bound_s: float, timeline: Timeline) -> bool:
    waited = exchange.latency_ns
    return waited is not None and waited <= bound_s * SECOND + answer_allowance_ns(timeline)


def _goes_to_asker(reply: DnsMessage, exchange: DnsExchange) -> bool:
    """Whether a reply goes back to where the question came from, whatever else it says."""
    query = exchange.query
    ends = {reply.destination, reply.arrived_destination}
    return query.at <= reply.at and bool(ends & {query.source, query.arrived_source})
