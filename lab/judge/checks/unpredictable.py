"""Whether what a forger must guess can be guessed: IDs and source ports, as statistics.

Each figure has bounds that values drawn at random leave with a probability of at most
`FALSE_ALARM_EACH`; all of them together alarm falsely less than once in 10**9 runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from math import comb, exp, factorial
from typing import Literal

from pydantic import Field

from lab.judge.checks.base import CheckBase, counted, frames_of
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_exchange import DnsExchange
from lab.observe.timeline import Timeline
from resolver.machine import Transport

FALSE_ALARM_EACH = 1e-12

FIRST_PORT = 1024
"""RFC 5452 9.2: ports below are others'."""
_IDS = 1 << 16
_PORTS = (1 << 16) - FIRST_PORT
_GROUPS = 16
_NEAR = 16
"""Values that differ by no more than this look like a counter."""


class Unpredictable(CheckBase):
    """The IDs and source ports of the server's questions over UDP are spread over their whole
    range, repeat one another no more often than chance (or `per_port`) has it, follow no sequence,
    and do not follow from one another (SEC-04, RFC 5452 9.2). False alarms: fewer than one in
    10**9."""

    kind: Literal["unpredictable"] = "unpredictable"
    asker: str = "dns"
    questions: int = Field(default=1000, ge=500)
    """So many at least."""
    per_port: int = Field(default=1, ge=1)
    """How many questions one source port may carry before another one takes its place. With more
    than one, the ports are looked at in the order in which they came up."""

    def judge(self, timeline: Timeline) -> Finding:
        """Look at each question's ID and source port, in the order of asking."""
        asked = [
            each
            for each in timeline.exchanges
            if each.asker == self.asker and each.query.transport is Transport.UDP
        ]
        if len(asked) < self.questions:
            return failed(
                f"{counted(len(asked), 'question')} over UDP, expected {self.questions}",
                *frames_of(asked[:1]),
            )
        shown = frames_of([asked[0], asked[-1]])
        reserved = [each for each in asked if each.query.source.port < FIRST_PORT]
        if reserved:
            return failed(f"a source port of {reserved[0].query.source.port}", *shown)
        port, times = Counter(each.query.source.port for each in asked).most_common(1)[0]
        # By chance two sockets, one after the other, may have the same port.
        if self.per_port > 1 and times > 2 * self.per_port:
            return failed(f"source port {port} carried {times} questions", *shown)
        for name, values, size in _streams(asked, once=self.per_port > 1):
            fault = fault_of(values, size)
            if fault is not None:
                return failed(f"{name}: {fault}", *shown)
        ids = len({each.query.id for each in asked})
        ports = len({each.query.source.port for each in asked})
        return passed(
            f"{len(asked)} questions, {ids} IDs and {ports} source ports, spread and without "
            "sequence (false alarms: less than one in 10**9)",
            *shown,
        )


def _streams(asked: Sequence[DnsExchange], *, once: bool) -> Iterator[tuple[str, list[int], int]]:
    """What must be unpredictable, with the size of its range: IDs, ports (each `once`, or as often
    as it was used), and both together."""
    ids = [each.query.id for each in asked]
    ports = [each.query.source.port - FIRST_PORT for each in asked]
    yield "IDs", ids, _IDS
    yield "source ports", list(dict.fromkeys(ports)) if once else ports, _PORTS
    yield "IDs beside source ports", [(a - b) % _IDS for a, b in zip(ids, ports, strict=True)], _IDS


def fault_of(values: Sequence[int], size: int) -> str | None:
    """Say what gives values from 0 to `size` - 1 away as not drawn at random; None if nothing."""
    number = len(values)
    repeats = number - len(set(values))
    allowed = _most_at_random(number * (number - 1) / 2 / size)
    if repeats > allowed:
        return f"{counted(repeats, 'repetition')} in {number}, by chance at most {allowed}"
    fewest, most = _binomial_bounds(number, _GROUPS)
    for word, group_of in (("highest", -(-size // _GROUPS)), ("lowest", 0)):
        groups = Counter(each // group_of if group_of else each % _GROUPS for each in values)
        for group in range(_GROUPS):
            if not fewest <= groups[group] <= most:
                return (
                    f"{groups[group]} of {number} values have their {word} digit at {group} of "
                    f"{_GROUPS}, by chance {fewest} to {most}"
                )
    steps = Counter((later - each) % size for each, later in pairwise(values))
    near = sum(times for step, times in steps.items() if step <= _NEAR or step >= size - _NEAR)
    allowed = _most_at_random((number - 1) * (2 * _NEAR + 1) / size)
    if near > allowed:
        return f"{near} values are close to the one before, by chance at most {allowed}"
    step, times = max(steps.items(), key=lambda item: item[1])
    allowed = _most_alike(number - 1, size)
    if times > allowed:
        return f"the step {step} occurs {times} times, by chance at most {allowed} times"
    return None


@cache
def _most_at_random(mean: float) -> int:
    """What a Poisson variable exceeds with a probability of at most FALSE_ALARM_EACH. Repetitions
    and near neighbours are sums of rare events and no more spread than that."""
    most = int(mean)
    while _poisson_tail(mean, most + 1) > FALSE_ALARM_EACH:
        most += 1
    return most


@cache
def _most_alike(number: int, size: int) -> int:
    """How often the most frequent of `size` values may occur: the union bound over all of them."""
    most = 1
    while size * _poisson_tail(number / size, most + 1) > FALSE_ALARM_EACH:
        most += 1
    return most


@cache
def _binomial_bounds(number: int, groups: int) -> tuple[int, int]:
    """Fewest and most of `number` values that fall into one of `groups` by chance."""
    chances = [
        comb(number, k) * (groups - 1) ** (number - k) / groups**number for k in range(number + 1)
    ]
    fewest, below = 0, chances[0]
    while below <= FALSE_ALARM_EACH:
        fewest += 1
        below += chances[fewest]
    most, above = number, chances[number]
    while above <= FALSE_ALARM_EACH:
        most -= 1
        above += chances[most]
    return fewest, most


def _poisson_tail(mean: float, at_least: int) -> float:
    """The probability of so many or more; the terms fall fast behind the mean."""
    return sum(exp(-mean) * mean**k / factorial(k) for k in range(at_least, at_least + 60))
