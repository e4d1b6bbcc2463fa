"""Checks of a server that asks all its forwarders at once (FWD-23; TR-124 LAN.DNS.3)."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from lab.judge.bounds import answer_allowance_ns, timer_window_ns
from lab.judge.checks.base import (
    CheckBase,
    counted,
    frames_of,
    ms,
    questions,
    served_by,
    tell,
    wanted_name,
)
from lab.judge.checks.failover import without_repeats
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_exchange import DnsExchange
from lab.observe.dns_message import DnsMessage
from lab.observe.timeline import Timeline
from lab.values import Address, DnsName
from resolver.machine import SECOND, Duration, Instant

_DENIALS = frozenset({"NOERROR", "NXDOMAIN"})
"""RCODEs of a reply that tells of the name; without data it says that there is none (RFC 2308)."""


class AskedTogether(CheckBase):
    """For each client question for the name that went upstream at all, every one of these servers
    was asked, each once, and the last of them before any had replied (FWD-23)."""

    kind: Literal["asked-together"] = "asked-together"
    asker: str = "dns"
    servers: tuple[Address, ...]
    """Addresses, as dialled."""
    name: DnsName

    def judge(self, timeline: Timeline) -> Finding:
        """Compare who was asked, and when, with the first reply."""
        groups = _groups(timeline, self.asker, self.name)
        if not groups:
            return failed(f"{self.asker} asked nobody for {self.name}")
        for _, group in groups:
            first = without_repeats(group)
            asked = Counter(each.query.destination.address for each in first)
            if asked != Counter(self.servers):
                who = ", ".join(sorted(asked.elements()))
                return failed(f"asked {who}; expected {', '.join(self.servers)}", *frames_of(group))
            heard_at = min(
                (at for each in group if (at := each.answered_at) is not None), default=None
            )
            late = max(first, key=lambda each: each.asked_at)
            if heard_at is not None and late.asked_at > heard_at:
                return failed(
                    f"{late.query.destination.address} was asked {ms(late.asked_at - heard_at)} "
                    "after a reply had come",
                    *frames_of(group),
                )
            apart = late.asked_at - min(each.asked_at for each in first)
            if apart > answer_allowance_ns(timeline):
                return failed(f"{ms(apart)} between the first and the last", *frames_of(group))
        return passed(
            f"{counted(len(groups), 'question')}, each put to {', '.join(self.servers)} at once",
            *(frame for _, group in groups for frame in frames_of(group)),
        )


class FirstPositiveWins(CheckBase):
    """Each client question for the name got the first answer with data that any server gave; and
    where none had any, what it was told came when the last of these servers had replied, or had
    been silent for the timeout, and not before (FWD-23). The reply came within the path's allowance
    of that."""

    kind: Literal["first-positive-wins"] = "first-positive-wins"
    asker: str = "dns"
    node: str = "viewer"
    servers: tuple[Address, ...]
    """Addresses, as dialled: all who might know."""
    name: DnsName
    timeout_s: float
    """How long the asker waits for each server."""

    def judge(self, timeline: Timeline) -> Finding:
        """Compare what the client was told, and when, with what the servers said."""
        asked = [each for each in questions(timeline, self.node, self.name) if each.reply]
        groups = [
            (client, group)
            for client, group in _groups(timeline, self.asker, self.name)
            if client in asked
        ]
        if not groups:
            return failed(f"no question for {self.name} that went upstream got a reply")
        words = []
        for client, group in groups:
            fault, word = self._judged(timeline, client, group)
            if fault is not None:
                return failed(fault, *frames_of([client, *group]))
            words.append(word)
        return passed(
            "; ".join(words),
            *(frame for client, group in groups for frame in frames_of([client, *group])),
        )

    def _judged(
        self, timeline: Timeline, client: DnsExchange, group: tuple[DnsExchange, ...]
    ) -> tuple[str | None, str]:
        told = client.reply
        assert told is not None  # noqa: S101 - only those with a reply are judged
        data = [
            (at, reply)
            for each in group
            if (reply := each.reply) is not None
            and (at := each.answered_at) is not None
            and _is_positive(reply)
        ]
        earliest, latest = timer_window_ns(timeline, round(self.timeout_s * SECOND))
        in_time = [(at, reply) for at, reply in data if at - _began(group) <= latest]
        if in_time:
            at, reply = min(in_time, key=lambda each: each[0])
            if sorted(told.addresses) != sorted(reply.addresses):
                return f"told {tell(told)}; the first answer with data was {tell(reply)}", ""
            return self._in_time(
                timeline, told, at, at
            ), f"the first answer with data: {tell(told)}"
        if _is_positive(told):
            return f"told {tell(told)}, and no server said so", ""
        if missing := set(self.servers) - {each.query.destination.address for each in group}:
            return f"told {told.rcode}, and {', '.join(sorted(missing))} was never asked", ""
        heard = [each.answered_at for each in group if each.answered_at is not None]
        if len(heard) == len(group):
            return self._in_time(timeline, told, max(heard), max(heard)), (
                f"{told.rcode} when the last server had replied"
            )
        began = max(each.asked_at for each in group)
        return self._in_time(timeline, told, _began(group) + earliest, began + latest), (
            f"{told.rcode} when the silent had been waited for"
        )

    def _in_time(
        self, timeline: Timeline, told: DnsMessage, earliest: Instant, latest: Instant
    ) -> str | None:
        allowance: Duration = answer_allowance_ns(timeline)
        if told.at < earliest:
            return f"told {told.rcode} {ms(earliest - told.at)} too early"
        if told.at > latest + allowance:
            return f"told {told.rcode} {ms(told.at - latest - allowance)} too late"
        return None


def _groups(
    timeline: Timeline, asker: str, name: str
) -> list[tuple[DnsExchange, tuple[DnsExchange, ...]]]:
    """Each client question for a name that caused any, with the questions that it caused."""
    wanted = wanted_name(timeline, name)
    found = []
    for client in served_by(timeline, asker):
        group = tuple(
            each for each in timeline.causes.caused_by(client) if each.query.name == wanted
        )
        if client.query.name == wanted and group:
            found.append((client, group))
    return found


def _began(group: tuple[DnsExchange, ...]) -> Instant:
    return min(each.asked_at for each in group)


def _is_positive(reply: DnsMessage) -> bool:
    return reply.rcode in _DENIALS and bool(reply.addresses)
