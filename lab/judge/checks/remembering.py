"""Checks of what a resolver does while it knows that upstream fails."""

from __future__ import annotations

from operator import itemgetter
from typing import Literal

from pydantic import Field

from lab.judge.bounds import ALLOWANCES
from lab.judge.checks.base import CheckBase, arrival, counted, frames_of, ms
from lab.judge.checks.questions import put_by, reaches
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_exchange import DnsExchange
from lab.observe.dns_message import DnsMessage
from lab.observe.timeline import Timeline
from lab.values import DnsName, QueryType
from resolver.machine import SECOND, Duration


class FailureRemembered(CheckBase):
    """For so long after the first SERVFAIL that the server gave for a question, the question came
    again so often, was answered SERVFAIL each time, and went upstream not once (CCH-10, RFC 9520
    3.2)."""

    kind: Literal["failure-remembered"] = "failure-remembered"
    asker: str = "viewer"
    server: str = "dns"
    name: DnsName
    qtype: QueryType = "A"
    seconds: float = 1.0
    repetitions: int = Field(default=1, ge=1)

    def judge(self, timeline: Timeline) -> Finding:
        """Look at what came and what went out after the first failure."""
        asked = [
            each
            for each in put_by(timeline, self.asker, self.name, self.qtype)
            if reaches(each, self.server)
        ]
        failures = [each for each in asked if each.reply is not None and _failed(each.reply)]
        if not failures:
            return failed(f"{self.server} gave no SERVFAIL for it", *frames_of(asked))
        first = failures[0]
        began_at = first.replied_at if first.replied_at is not None else first.asked_at
        until = began_at + round(self.seconds * SECOND) - _early(timeline)
        again = [each for each in asked if began_at < (each.query.arrived_at or 0) < until]
        if len(again) < self.repetitions:
            return failed(
                f"{counted(len(again), 'repetition')} within {self.seconds} s of the failure, "
                f"expected {self.repetitions}",
                *frames_of([first]),
            )
        for exchange in timeline.exchanges:
            if (
                exchange.asker == self.server
                and exchange.query.question == first.query.question
                and began_at < exchange.asked_at < until
            ):
                return failed(
                    f"asked upstream again {ms(exchange.asked_at - began_at)} after the failure",
                    *frames_of([first, exchange]),
                )
        for exchange in again:
            if exchange.reply is None or not _failed(exchange.reply):
                told = "nothing" if exchange.reply is None else exchange.reply.rcode
                return failed(f"a repetition got {told}", *frames_of([first, exchange]))
        return passed(
            f"{counted(len(again), 'repetition')} within {self.seconds} s, nothing upstream",
            *frames_of([first, *again]),
        )


class FailureForgotten(CheckBase):
    """Whenever the server gave SERVFAIL for a question without asking anybody, it had asked
    upstream no longer ago than this; and it asked again after a failure (CCH-09, RFC 2308 7.1)."""

    kind: Literal["failure-forgotten"] = "failure-forgotten"
    asker: str = "viewer"
    server: str = "dns"
    name: DnsName
    qtype: QueryType = "A"
    within_s: float = 300.0

    def judge(self, timeline: Timeline) -> Finding:
        """Measure from the last question upstream to each failure told from memory."""
        told = [
            each
            for each in put_by(timeline, self.asker, self.name, self.qtype)
            if reaches(each, self.server) and each.reply is not None and _failed(each.reply)
        ]
        if not told:
            return failed(f"{self.server} gave no SERVFAIL for it")
        question = told[0].query.question
        upstream = [
            each
            for each in timeline.exchanges
            if each.asker == self.server and each.query.question == question
        ]
        ages: list[tuple[Duration, DnsExchange]] = []
        for exchange in told:
            if timeline.causes.caused_by(exchange):
                continue
            before = [each for each in upstream if each.asked_at <= arrival(exchange.query)]
            if not before:
                return failed("a failure was told before anybody was asked", *frames_of([exchange]))
            ages.append((arrival(exchange.query) - before[-1].asked_at, exchange))
        if not ages:
            return failed("no failure was told from memory", *frames_of(told[:1]))
        age, oldest = max(ages, key=itemgetter(0))
        if age > self.within_s * SECOND:
            return failed(
                f"a failure of {age / SECOND:.1f} s ago was told, allowed {self.within_s} s",
                *frames_of([oldest]),
            )
        again = [each for each in upstream if each.asked_at > arrival(told[0].query)]
        if len(again) < 2:  # the first is the one that failed first
            return failed("upstream was never asked again", *frames_of(told[:1]))
        return passed(
            f"{counted(len(ages), 'failure')} told from memory, the oldest after "
            f"{age / SECOND:.1f} s; upstream was asked {counted(len(upstream), 'time')}",
            *frames_of([oldest]),
        )


class StaleAnswered(CheckBase):
    """The server gave data that had expired, after it had asked upstream in vain since the expiry,
    with a TTL of 1 to 30 s, and never before (CCH-15, RFC 8767 4)."""

    kind: Literal["stale-answered"] = "stale-answered"
    asker: str = "viewer"
    server: str = "dns"
    name: DnsName
    qtype: QueryType = "A"
    ttl_at_most_s: int = 30

    def judge(self, timeline: Timeline) -> Finding:
        """Find the answers that are older than their TTL, and what went before each."""
        upstream = [
            each
            for each in timeline.exchanges
            if each.asker == self.server
            and each.query.qtype == self.qtype
            and each.query.name == self.name.lower().removesuffix(".")
        ]
        good = [
            each.reply
            for each in upstream
            if each.reply is not None and each.reply.rcode == "NOERROR" and each.reply.answers
        ]
        if not good:
            return failed(f"{self.server} never learnt the data")
        stale: list[DnsExchange] = []
        for exchange in put_by(timeline, self.asker, self.name, self.qtype):
            reply = exchange.reply
            if reply is None or not reply.answers or not reaches(exchange, self.server):
                continue
            known = [each for each in good if arrival(each) <= reply.at]
            expired_at = max(map(_expiry, known), default=None)
            if expired_at is None or reply.at < expired_at + SECOND:
                continue  # caches count whole seconds
            in_vain = [
                each
                for each in upstream
                if expired_at <= each.asked_at <= reply.at and not _helped(each, reply)
            ]
            frames = (*frames_of([exchange]), *known[-1].frames)
            if not in_vain:
                return failed("expired data was given before upstream was asked", *frames)
            largest = max(record.ttl for record in reply.answers)
            least = min(record.ttl for record in reply.answers)
            if not 1 <= least <= largest <= self.ttl_at_most_s:
                wanted = f"1 to {self.ttl_at_most_s} s"
                return failed(f"expired data has a TTL of {largest} s, expected {wanted}", *frames)
            stale.append(exchange)
        if not stale:
            return failed("no expired data was given", *good[-1].frames)
        return passed(
            f"{counted(len(stale), 'answer')} with expired data, after upstream was asked in vain",
            *frames_of(stale),
        )


def _failed(reply: DnsMessage) -> bool:
    return reply.rcode == "SERVFAIL"


def _helped(exchange: DnsExchange, reply: DnsMessage) -> bool:
    """Whether what a question brought was there, and good, before a client was answered."""
    got = exchange.reply
    return got is not None and got.rcode in {"NOERROR", "NXDOMAIN"} and arrival(got) <= reply.at


def _expiry(message: DnsMessage) -> int:
    return arrival(message) + min(record.ttl for record in message.answers) * SECOND


def _early(timeline: Timeline) -> Duration:
    """A timer begins when the server decides; its reply is stamped when it leaves."""
    return ALLOWANCES[timeline.clock].early_ns
