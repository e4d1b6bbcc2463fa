"""Checks of what an asker was answered."""

from __future__ import annotations

import itertools
from typing import Literal

from lab.judge.bounds import answer_allowance_ns
from lab.judge.checks.base import CheckBase, frames_of, ms, questions
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_exchange import DnsExchange
from lab.observe.dns_message import DnsMessage
from lab.observe.timeline import Timeline
from resolver.machine import SECOND


class Answered(CheckBase):
    """The asker's questions were answered as described. Only the conditions that are set count."""

    kind: Literal["answered"] = "answered"
    asker: str = "viewer"
    name: str | None = None
    """None: the cluster's name."""
    qtype: str = "A"
    which: Literal["first", "last", "all"] = "all"
    """Which of the asker's exchanges with that question are judged."""
    rcode: str = "NOERROR"
    count: int | None = None
    """Number of addresses in the answer."""
    addresses: tuple[str, ...] | None = None
    """Exactly these, in any order."""
    among: tuple[str, ...] | None = None
    """Only of these, at least one."""
    authoritative: bool | None = None
    soa: bool | None = None
    """Whether the authority section holds an SOA (RFC 2308 3)."""
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
        chosen = {"first": asked[:1], "last": asked[-1:], "all": asked}[self.which]
        # A question that failed over has no reply of its own; its answer came from the next server.
        answered = [each for each in chosen if each.reply is not None]
        if not answered or (self.which != "all" and len(answered) < len(chosen)):
            return failed(f"{self.asker} got no reply", *frames_of(chosen))
        unanswered = [each for each in chosen if each.reply is None]
        if unanswered and not _is_server(timeline, self.asker):
            return failed(f"{self.asker} got no reply", *frames_of(unanswered))
        for exchange in answered:
            fault = self._fault(exchange, timeline)
            if fault:
                return failed(fault, *frames_of([exchange]))
        last = answered[-1].reply
        shown = f"{len(answered)} of {len(chosen)} questions answered as described"
        return passed(f"{shown}; last: {_tell(last)}", *frames_of(answered[-1:]))

    def _fault(self, exchange: DnsExchange, timeline: Timeline) -> str | None:
        reply = exchange.reply
        assert reply is not None  # noqa: S101 - only answered exchanges come here
        got = set(reply.addresses)
        conditions = (
            (reply.rcode == self.rcode, f"RCODE {reply.rcode} instead of {self.rcode}"),
            (
                self.count is None or len(reply.addresses) == self.count,
                f"{len(reply.addresses)} addresses instead of {self.count}: {_tell(reply)}",
            ),
            (
                self.addresses is None or got == set(self.addresses),
                f"addresses {_list(got)} instead of {_list(self.addresses or ())}",
            ),
            (
                self.among is None or (bool(got) and got <= set(self.among)),
                f"addresses {_list(got)}, expected some of {_list(self.among or ())}",
            ),
            (self.authoritative in {None, reply.aa}, f"AA={int(reply.aa)}"),
            (self.soa in {None, reply.soa}, f"{'an' if reply.soa else 'no'} SOA in authority"),
            (
                self.within_s is None or _in_time(exchange, self.within_s, timeline),
                f"answered after {ms(exchange.latency_ns or 0)}, bound {self.within_s} s",
            ),
        )
        return next((text for holds, text in conditions if not holds), None)


class AnsweredOnce(CheckBase):
    """Each question of the asker got exactly one reply, however many servers answered (FWD-18)."""

    kind: Literal["answered-once"] = "answered-once"
    asker: str = "viewer"
    late_from: str | None = None
    """A reply from this address must be seen arriving at the asker's server after the asker had
    its answer; without one there was nothing to ignore."""

    def judge(self, timeline: Timeline) -> Finding:
        """Count the replies to each question, and look for the late one."""
        asked = questions(timeline, self.asker, None)
        if not asked:
            return failed(f"{self.asker} never asked")
        for exchange in asked:
            if len(exchange.replies) != 1:
                return failed(f"{len(exchange.replies)} replies", *frames_of([exchange]))
        if self.late_from is None:
            return passed(f"{len(asked)} questions, one reply each", *frames_of(asked))
        first = asked[0].reply
        assert first is not None  # noqa: S101 - each has exactly one
        late = [
            message
            for message in timeline.messages
            if message.is_reply
            and message.source.address == self.late_from
            and message.receiver == asked[0].server
            and message.arrived_at is not None
            and message.arrived_at > first.at
        ]
        if not late:
            return failed(f"no reply from {self.late_from} came after the answer")
        return passed(
            f"the late reply from {self.late_from} came and changed nothing",
            *frames_of(asked[:1]),
            *late[0].frames,
        )


class NotAnswered(CheckBase):
    """The asker's question, asked, got no reply at all."""

    kind: Literal["not-answered"] = "not-answered"
    asker: str = "viewer"
    name: str | None = None
    qtype: str = "A"

    def judge(self, timeline: Timeline) -> Finding:
        """There are questions, and no reply to any."""
        asked = questions(timeline, self.asker, self.name, self.qtype)
        if not asked:
            return failed(f"{self.asker} never asked")
        for exchange in asked:
            if exchange.replies:
                return failed("a reply came", *frames_of([exchange]))
        return passed(f"{len(asked)} questions, no reply", *frames_of(asked))


class ErrorWithin(CheckBase):
    """Every question of the asker got an error or no data, never an address, within the bound."""

    kind: Literal["error-within"] = "error-within"
    asker: str = "viewer"
    bound_s: float
    rcodes: tuple[str, ...] = ("SERVFAIL",)

    def judge(self, timeline: Timeline) -> Finding:
        """Look at every question's RCODE, addresses and time."""
        asked = questions(timeline, self.asker, None)
        if not asked:
            return failed(f"{self.asker} never asked")
        for exchange in asked:
            reply = exchange.reply
            if reply is None:
                return failed("no reply at all", *frames_of([exchange]))
            if reply.rcode not in self.rcodes or reply.addresses:
                return failed(f"the reply is {_tell(reply)}", *frames_of([exchange]))
            if not _in_time(exchange, self.bound_s, timeline):
                waited = ms(exchange.latency_ns or 0)
                return failed(f"{waited} instead of {self.bound_s} s", *frames_of([exchange]))
        waits = ", ".join(ms(each.latency_ns or 0) for each in asked)
        return passed(f"told after {waits}, bound {self.bound_s} s", *frames_of(asked))


class TtlAtMost(CheckBase):
    """No address record of the name carries a larger TTL, from any server (CLU-06)."""

    kind: Literal["ttl-at-most"] = "ttl-at-most"
    seconds: int
    name: str | None = None

    def judge(self, timeline: Timeline) -> Finding:
        """Look at the TTL of every address in every reply."""
        wanted = (self.name or timeline.plan.cluster_name or "").lower()
        replies = [each for each in timeline.messages if each.is_reply and each.name == wanted]
        with_addresses = [each for each in replies if each.ttls]
        if not with_addresses:
            return failed("no reply held an address")
        for reply in with_addresses:
            if max(reply.ttls) > self.seconds:
                return failed(f"a TTL of {max(reply.ttls)} s", *reply.frames)
        largest = max(with_addresses, key=lambda each: max(each.ttls))
        return passed(
            f"the largest TTL in {len(with_addresses)} replies is {max(largest.ttls)} s",
            *largest.frames,
        )


class FromCache(CheckBase):
    """The asker's repeated question is answered with the same data and a TTL not larger, and the
    server sends nothing upstream for it (CCH-01)."""

    kind: Literal["from-cache"] = "from-cache"
    asker: str = "viewer"

    def judge(self, timeline: Timeline) -> Finding:
        """Find the first question that asked upstream and the one after it."""
        asked = [each for each in questions(timeline, self.asker, None) if each.reply is not None]
        for first, second in itertools.pairwise(asked):
            upstream = timeline.causes.caused_by(first)
            if not upstream:
                continue
            again = timeline.causes.caused_by(second)
            if again:
                return failed("the second question went upstream too", *frames_of(again))
            return self._compare(upstream, first, second)
        return failed("no question went upstream and was then repeated")

    @staticmethod
    def _compare(upstream: tuple[DnsExchange, ...], first: DnsExchange, second: DnsExchange) -> Finding:
        source, one, two = upstream[-1].reply, first.reply, second.reply
        assert one is not None  # noqa: S101 - chosen by having a reply
        assert two is not None  # noqa: S101 - likewise
        frames = frames_of([first, second])
        held = set(source.addresses) if source is not None else set()
        if two.rcode != one.rcode or not set(two.addresses) <= held:
            return failed(f"other data: {_tell(one)}, then {_tell(two)}", *frames)
        if one.ttls and two.ttls and max(two.ttls) > min(one.ttls):
            return failed(f"the TTL grew from {min(one.ttls)} to {max(two.ttls)} s", *frames)
        return passed(f"{_tell(one)}, then {_tell(two)}, nothing upstream", *frames)


class FamilyHarmless(CheckBase):
    """A question of another type for the name (AAAA) is answered NODATA with an SOA, never
    NXDOMAIN, by every server on the path, and each A question still gets its addresses (CLU-17)."""

    kind: Literal["family-harmless"] = "family-harmless"
    asker: str = "viewer"
    qtype: str = "AAAA"

    def judge(self, timeline: Timeline) -> Finding:
        """Look at every reply to either question, from any server."""
        wanted = timeline.plan.cluster_name
        other = [
            each
            for each in timeline.messages
            if each.is_reply and each.name == wanted and each.qtype == self.qtype
        ]
        if len({each.sender for each in other}) < 2:
            return failed(f"{self.qtype} was not asked all along the path")
        for reply in other:
            if reply.rcode != "NOERROR" or reply.addresses or not reply.soa:
                soa = "with" if reply.soa else "without"
                return failed(f"{reply.sender} answers {_tell(reply)} {soa} SOA", *reply.frames)
        after = [
            each
            for each in questions(timeline, self.asker, None, "A")
            if each.query.at > other[0].at
        ]
        if not after:
            return failed("no A question followed", *other[0].frames)
        for exchange in after:
            if exchange.reply is None or not exchange.reply.addresses:
                return failed("an A question got no address afterwards", *frames_of([exchange]))
        return passed(
            f"{len(other)} NODATA replies with SOA; {len(after)} A questions answered after them",
            *other[-1].frames,
            *frames_of(after[-1:]),
        )


class ForgeryIgnored(CheckBase):
    """A forged reply reached the victim while its question was open, before the true one; the
    client's answer comes from the true one and holds nothing forged (SEC-03, RFC 5452 9.1)."""

    kind: Literal["forgery-ignored"] = "forgery-ignored"
    victim: str = "dns"
    asker: str = "viewer"
    address: str
    """The address that only the forgery promises."""

    def judge(self, timeline: Timeline) -> Finding:
        """Find the forgery among what reached the victim, and its address in no answer."""
        forged = [
            message
            for message in timeline.messages
            if message.is_reply
            and message.receiver == self.victim
            and self.address in message.addresses
        ]
        if not forged:
            return failed("no forgery reached the victim")
        arrived = forged[0].arrived_at or 0
        raced = [
            each
            for each in timeline.exchanges
            if each.asker == self.victim
            and each.query.at <= arrived
            and each.reply is not None
            and (each.reply.arrived_at or 0) > arrived
        ]
        if not raced:
            return failed("the forgery did not come before a true answer", *forged[0].frames)
        asked = [each for each in questions(timeline, self.asker, None) if each.reply is not None]
        if not asked:
            return failed(f"{self.asker} got no answer", *forged[0].frames)
        for exchange in asked:
            if self.address in (exchange.reply.addresses if exchange.reply else ()):
                return failed(
                    "the forged address was passed on", *forged[0].frames, *frames_of([exchange])
                )
        return passed(
            f"the forgery came {ms((raced[0].reply.arrived_at or 0) - arrived)} before the true "
            f"answer; {self.asker} got {_tell(asked[-1].reply)}"
            if raced[0].reply is not None
            else "",
            *forged[0].frames,
            *frames_of(asked[-1:]),
        )


def _is_server(timeline: Timeline, asker: str) -> bool:
    """Whether the asker asks on behalf of others, and so goes on to the next server by itself."""
    return bool(timeline.plan.node(asker).programs)


def _in_time(exchange: DnsExchange, bound_s: float, timeline: Timeline) -> bool:
    waited = exchange.latency_ns
    return waited is not None and waited <= bound_s * SECOND + answer_allowance_ns(timeline)


def _tell(reply: DnsMessage | None) -> str:
    if reply is None:
        return "nothing"
    if not reply.addresses:
        return f"{reply.rcode} without an address"
    ttl = f" (TTL {min(reply.ttls)} s)" if reply.ttls else ""
    return f"{reply.rcode} {', '.join(reply.addresses)}{ttl}"


def _list(addresses: object) -> str:
    names = sorted(str(each) for each in addresses) if isinstance(addresses, set | tuple) else []
    return ", ".join(names) or "none"
