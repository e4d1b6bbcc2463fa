"""Checks of what caches on the path make of answers: kept, counted down, harmed by nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import ceil
from typing import Literal

from lab.judge.bounds import answer_allowance_ns
from lab.judge.checks.base import (
    CheckBase,
    balancers,
    counted,
    frames_of,
    is_superseded,
    questions,
    tell,
    wanted_name,
)
from lab.judge.checks.questions import source_of
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_exchange import DnsExchange
from lab.observe.dns_message import DnsMessage
from lab.observe.dns_record import DnsRecord
from lab.observe.timeline import Timeline
from lab.values import DnsName, QueryType
from resolver.machine import SECOND, Duration


class FromCache(CheckBase):
    """Each question that the asker repeats within the TTL is answered with the same data, or the
    same absence with its SOA, and a TTL that is counted down, and the server sends nothing upstream
    for it (CCH-01, CCH-06). Caches count whole seconds, so the last second of a TTL proves
    nothing."""

    kind: Literal["from-cache"] = "from-cache"
    asker: str = "viewer"
    name: DnsName | None = None
    """None: the cluster's name."""

    def judge(self, timeline: Timeline) -> Finding:
        """Find the questions that went upstream, and those that repeat them within the TTL."""
        asked = questions(timeline, self.asker, self.name)
        repeated: list[DnsExchange] = []
        for first in asked:
            source = source_of(timeline, first)
            if source is None:
                continue
            for second in asked:
                age = _age_ns(source, second)
                if second.query.question != first.query.question or age is None:
                    continue
                if second.asked_at <= first.asked_at or age >= (_lifetime_s(source) - 1) * SECOND:
                    continue
                fault = _fault(timeline, source, first, second)
                if fault is not None:
                    return failed(fault, *frames_of([first, second]))
                repeated.append(second)
        if not repeated:
            return failed("no question that went upstream was repeated within the TTL")
        return passed(
            f"{counted(len(repeated), 'repeated question')}, nothing upstream; "
            f"last: {tell(repeated[-1].reply)}",
            *frames_of(repeated),
        )


class FamilyHarmless(CheckBase):
    """Questions of another type for the name (AAAA) are answered NODATA with an SOA, never
    NXDOMAIN, by every server on the path up to a load balancer, and each A question that the asker
    puts afterwards still gets its addresses (CLU-17)."""

    kind: Literal["family-harmless"] = "family-harmless"
    asker: str = "viewer"
    qtype: QueryType = "AAAA"

    def judge(self, timeline: Timeline) -> Finding:
        """Look at every reply to either question, from any server."""
        mine = questions(timeline, self.asker, None, self.qtype)
        if not mine:
            return failed(f"{self.asker} never asked {self.qtype}")
        every = [
            each
            for each in timeline.exchanges
            if each.query.name == wanted_name(timeline, None)
            and each.query.qtype == self.qtype
            and not is_superseded(timeline, each)
        ]
        for exchange in every:
            fault = _not_nodata(exchange)
            if fault is not None:
                return failed(f"{self.qtype}: {fault}", *exchange.frames)
        if not any(reply.sender in balancers(timeline) for each in every for reply in each.replies):
            return failed(f"no load balancer was asked {self.qtype}", *frames_of(mine))
        after = [
            each
            for each in questions(timeline, self.asker, None, "A")
            if each.asked_at > mine[0].asked_at
        ]
        for exchange in after:
            if exchange.reply is None or not exchange.reply.addresses:
                return failed(
                    f"an A question afterwards got {tell(exchange.reply)}", *frames_of([exchange])
                )
        followed = f"{counted(len(after), 'A question')} answered" if after else "no A question"
        return (passed if after else failed)(
            f"{counted(len(every), f'{self.qtype} question')} got NODATA with SOA; "
            f"{followed} afterwards",
            *frames_of(every[-1:]),
            *frames_of(after[-1:]),
        )


def _not_nodata(exchange: DnsExchange) -> str | None:
    """Say what an exchange came to instead of "the name exists, without such data"."""
    if not exchange.replies:
        return f"{exchange.asker} got no reply"
    for reply in exchange.replies:
        if reply.rcode != "NOERROR" or reply.addresses or not reply.soa:
            soa = "with" if reply.soa else "without"
            return f"{reply.sender} answers {tell(reply)} {soa} SOA"
    return None


def _lifetime_s(source: DnsMessage) -> int:
    """How long a reply may be kept: the shortest TTL of its answer, or what its SOA says of an
    absence (RFC 2308 5)."""
    if source.answers:
        return min(record.ttl for record in source.answers)
    return min((negative_ttl_s(record) for record in _soas(source)), default=0)


def negative_ttl_s(soa: DnsRecord) -> int:
    """How long an absence holds: the lesser of the SOA record's TTL and its MINIMUM field."""
    minimum = soa.rdata.rpartition(" ")[2]
    return min(soa.ttl, int(minimum)) if minimum.isascii() and minimum.isdigit() else 0


def _soas(message: DnsMessage) -> list[DnsRecord]:
    return [record for record in message.authority if record.rtype == "SOA"]


def _age_ns(source: DnsMessage, question: DnsExchange) -> Duration | None:
    """How old an upstream reply was when a question came; None when either did not come."""
    if source.arrived_at is None or question.query.arrived_at is None:
        return None
    return question.query.arrived_at - source.arrived_at


def _fault(
    timeline: Timeline, source: DnsMessage, first: DnsExchange, second: DnsExchange
) -> str | None:
    """Say what is wrong with how a repeated question was served; None when nothing is."""
    for asked in _asked_for(timeline, second):
        return f"the repeated question went upstream too, to {asked.query.destination}"
    one, two = first.reply, second.reply
    if one is None or two is None:
        return "the repeated question got no reply"
    if two.rcode != one.rcode or not _is_same(source, one, two):
        return f"other data: {tell(one)}, then {tell(two)}"
    age_ns = _age_ns(source, second) or 0
    passed_s = (age_ns - answer_allowance_ns(timeline)) / SECOND
    return _too_long(source, one, two, passed_s)


def _too_long(source: DnsMessage, one: DnsMessage, two: DnsMessage, passed_s: float) -> str | None:
    """Say which TTL of a repeated answer was not counted down."""
    for record in two.answers:
        before = [each.ttl for each in one.answers if _rrset(each) == _rrset(record)]
        given = [each.ttl for each in source.answers if _rrset(each) == _rrset(record)]
        allowed_s = min([ceil(min(given, default=0) - passed_s), *before])
        if record.ttl > allowed_s:
            return f"a TTL of {record.ttl} s, no more than {allowed_s} s were left"
    if two.answers:
        return None
    for record in _soas(two):
        allowed_s = ceil(_lifetime_s(source) - passed_s)
        if record.ttl > allowed_s:
            return f"the SOA has a TTL of {record.ttl} s, no more than {allowed_s} s were left"
    return None if _soas(two) else "the cached absence came without its SOA"


def _is_same(source: DnsMessage, one: DnsMessage, two: DnsMessage) -> bool:
    """Whether two answers to one question say the same. Of several addresses, a server may select
    others each time, as many as before."""
    if one.addresses:
        return len(two.addresses) == len(one.addresses) and (
            set(two.addresses) <= set(source.addresses)
        )
    return Counter(map(_content, one.answers)) == Counter(map(_content, two.answers))


def _rrset(record: DnsRecord) -> tuple[str, str]:
    return record.owner, record.rtype


def _content(record: DnsRecord) -> tuple[str, str, bytes]:
    return record.owner, record.rtype, record.wire


def _asked_for(timeline: Timeline, client: DnsExchange) -> Iterator[DnsExchange]:
    """What a server asked upstream for a question: because of it, or, when the client had its
    answer already, because of no client."""
    for exchange in timeline.exchanges:
        cause = timeline.causes.of(exchange)
        if cause is client or (
            cause is None
            and exchange.asker == client.query.receiver
            and exchange.query.question == client.query.question
            and exchange.asked_at > client.asked_at
        ):
            yield exchange
