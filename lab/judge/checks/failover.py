"""Checks of how an asker goes on from a server that fails to the next one."""

from __future__ import annotations

from itertools import combinations, pairwise, zip_longest
from typing import Literal

from lab.judge.bounds import timer_window_ns
from lab.judge.checks.base import CheckBase, ms, upstream_groups
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_exchange import DnsExchange
from lab.observe.icmp import IcmpError
from lab.observe.timeline import Timeline
from lab.values import DnsName, Rcode
from resolver.machine import MILLISECOND, SECOND, Instant


class NextAskedAfterTimeout(CheckBase):
    """A server stayed silent and another one was asked one timeout later: not earlier, and not
    later than the clock's allowance; each time (FWD-02)."""

    kind: Literal["next-asked-after-timeout"] = "next-asked-after-timeout"
    asker: str = "dns"
    timeout_s: float
    later_timeout_s: float | None = None
    """How long each server after the first is waited for; None: as long."""
    name: DnsName | None = None
    """Only client questions for this name; None: for any."""

    def judge(self, timeline: Timeline) -> Finding:
        """Measure from question to question, where both leave the asker."""
        pairs = _turns(timeline, self.asker, self.name)
        if not pairs:
            return failed(f"{self.asker} never went on to another server")
        silent = [pair for pair in pairs if _is_silent(*pair)]
        if not silent:
            return failed("the first server was not silent", *_frames(pairs[0]))
        begun = {id(group[0]) for group in upstream_groups(timeline, self.asker, self.name)}
        for first, second in silent:
            later_s = self.timeout_s if self.later_timeout_s is None else self.later_timeout_s
            timeout_s = self.timeout_s if id(first) in begun else later_s
            earliest, latest = timer_window_ns(timeline, round(timeout_s * SECOND))
            frames = _frames((first, second))
            if first.query.destination == second.query.destination:
                return failed(f"{first.query.destination} was asked again", *frames)
            gap = second.asked_at - first.asked_at
            if not earliest <= gap <= latest:
                return failed(
                    f"the next was asked after {ms(gap)}, expected {ms(earliest)} to {ms(latest)}",
                    *frames,
                )
        gaps = ", ".join(ms(second.asked_at - first.asked_at) for first, second in silent)
        return passed(f"the next was asked after {gaps}", *_frames(silent[0]))


class NextAskedAfterError(CheckBase):
    """A server answered with an error (or ICMP said it is unreachable) and another one was asked at
    once: within `within_ms` of that error; each time (FWD-11, FWD-19)."""

    kind: Literal["next-asked-after-error"] = "next-asked-after-error"
    asker: str = "dns"
    error: Rcode | Literal["unreachable"]
    """An RCODE such as "SERVFAIL", or "unreachable"."""
    within_ms: float = 100.0
    """An error that is followed up later than this was not what the next question waited for: it
    waited for a timer."""
    name: DnsName | None = None
    """Only client questions for this name; None: for any."""

    def judge(self, timeline: Timeline) -> Finding:
        """Measure from the error's arrival to the next question's departure."""
        pairs = _turns(timeline, self.asker, self.name)
        if not pairs:
            return failed(f"{self.asker} never went on to another server")
        found = [(pair, told) for pair in pairs if (told := self._error(pair[0])) is not None]
        if not found:
            return failed(f"no {self.error} came from the first server", *_frames(pairs[0]))
        for (first, second), (told_at, frames) in found:
            shown = (*first.query.frames, *frames, *second.query.frames)
            if first.query.destination == second.query.destination:
                return failed(f"{first.query.destination} was asked again", *shown)
            gap = second.asked_at - told_at
            if gap < 0:
                return failed(f"the next was asked {ms(-gap)} before the {self.error}", *shown)
            if gap > self.within_ms * MILLISECOND:
                late = f"the next was asked {ms(gap)} after the {self.error}"
                return failed(f"{late}: timer-driven, not error-driven", *shown)
        (first, second), (told_at, frames) = found[0]
        return passed(
            f"the next was asked {ms(second.asked_at - told_at)} after the {self.error}",
            *first.query.frames,
            *frames,
            *second.query.frames,
        )

    def _error(self, first: DnsExchange) -> tuple[Instant, tuple[int, ...]] | None:
        """When the error came, with its frames."""
        if self.error == "unreachable":
            for error in first.errors:
                if error.trip.arrived_at is not None and _is_unreachable(error):
                    return error.trip.arrived_at, error.trip.frames
            return None
        reply = first.reply
        if reply is None or reply.arrived_at is None or reply.rcode != self.error:
            return None
        return reply.arrived_at, reply.frames


class FreshIdentifiers(CheckBase):
    """Questions that repeat one another upstream for one client have the same question section and
    RD, and each an ID and a source port that no other has (FWD-12, RFC 5452 9.2). At least two are
    needed."""

    kind: Literal["fresh-identifiers"] = "fresh-identifiers"
    asker: str = "dns"

    def judge(self, timeline: Timeline) -> Finding:
        """Compare each repeated question with all others of the same client question."""
        groups = upstream_groups(timeline, self.asker)
        pairs = [pair for group in groups for pair in combinations(group, 2)]
        if not pairs:
            return failed(f"{self.asker} repeated no question")
        for first, second in pairs:
            one, two = first.query, second.query
            faults = (
                (one.question == two.question, f"another question: {' '.join(two.question)}"),
                (one.rd == two.rd, "another RD bit"),
                (one.id != two.id, f"the same ID {one.id}"),
                (one.source.port != two.source.port, f"the same source port {one.source.port}"),
            )
            for holds, text in faults:
                if not holds:
                    return failed(f"the repeated question has {text}", *_frames((first, second)))
        one, two = (each.query for each in pairs[0])
        return passed(
            f"IDs {one.id} and {two.id}, source ports {one.source.port} and {two.source.port}",
            *_frames(pairs[0]),
        )


def without_repeats(group: tuple[DnsExchange, ...]) -> list[DnsExchange]:
    """The questions of one client question, without those that were only put once more to the same
    server: over TCP because the answer was truncated (RFC 1123 6.1.3.2), or without an OPT record
    because the server knows none (RFC 6891 7)."""
    return [
        each
        for each, following in zip_longest(group, group[1:])
        if following is None or not _is_put_again(each, following)
    ]


def _is_put_again(each: DnsExchange, following: DnsExchange) -> bool:
    reply, query, again = each.reply, each.query, following.query
    if reply is None or again.destination != query.destination:
        return False
    if again.transport != query.transport:
        return reply.tc
    knows_no_edns = reply.rcode in {"FORMERR", "NOTIMP"} and not reply.edns
    return query.edns and not again.edns and knows_no_edns


def _turns(
    timeline: Timeline, asker: str, name: str | None
) -> list[tuple[DnsExchange, DnsExchange]]:
    """Each upstream question with the one that followed it for the same client question."""
    return [
        pair
        for group in upstream_groups(timeline, asker, name)
        for pair in pairwise(without_repeats(group))
    ]


def _is_silent(first: DnsExchange, second: DnsExchange) -> bool:
    """Whether nothing had come from the first server when the second was asked."""
    told = [reply.arrived_at for reply in first.replies]
    told += [error.trip.arrived_at for error in first.errors]
    return all(instant is None or instant > second.asked_at for instant in told)


def _is_unreachable(error: IcmpError) -> bool:
    """Whether it says that host or port cannot be reached: RFC 792 type 3 but for "fragmentation
    needed" (code 4), RFC 4443 type 1."""
    if error.trip.ip.version == 6:
        return error.icmp.type == 1
    return error.icmp.type == 3 and error.icmp.code != 4


def _frames(pair: tuple[DnsExchange, DnsExchange]) -> tuple[int, ...]:
    return tuple(frame for each in pair for frame in each.frames)
