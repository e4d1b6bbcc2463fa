"""From what a storm's packets show to its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from lab.report.statistics import ClockName
from lab.storm.arrivals import Arrival
from lab.storm.chi_squared import statistic, survival
from lab.storm.crowd_plan import CrowdPlan
from lab.storm.reading import Dial, Question, Reading
from lab.storm.record import (
    AnswersRecord,
    ArrivalsRecord,
    ConnectsRecord,
    EvennessRecord,
    MomentRecord,
    NodeShare,
    RateRecord,
    ServerRecord,
    UpstreamRecord,
    WaitRecord,
)
from lab.topology.plan import Plan, PlannedNode
from resolver.config import BalancerConfig
from resolver.machine import MILLISECOND, Duration, Instant

ABSURD: Final = 1e-6
"""A p-value below this makes a storm fail: with an even spread one storm in a million would."""

_MOMENTS: Final = 100
"""Slices of a storm's plot, at most."""
_ROUND_MS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of a storm that are counted from packets."""

    arrivals: ArrivalsRecord
    answers: AnswersRecord
    servers: tuple[ServerRecord, ...]
    upstream: UpstreamRecord
    connects: ConnectsRecord
    answer_wait: WaitRecord | None
    connect_wait: WaitRecord | None
    both_wait: WaitRecord | None
    nodes: tuple[NodeShare, ...]
    evenness: EvennessRecord | None
    moments: tuple[MomentRecord, ...]
    moment_ms: float
    lasted_ms: float


def figures_of(
    reading: Reading,
    crowd: CrowdPlan,
    arrivals: Sequence[Arrival],
    clock: ClockName,
    *,
    rate_per_s: float,
    at_once: int,
) -> Figures:
    """Reckon the figures. `arrivals` are those that were meant, `rate_per_s` as stated."""
    questions, dials = list(reading.questions.values()), list(reading.dials.values())
    answered_at = {each.viewer: each.received_at for each in questions}
    waits = {
        each.viewer: each.received_at - each.asked_at
        for each in questions
        if each.received_at is not None
    }
    connects = {
        each.viewer: each.established_at - each.opened_at
        for each in dials
        if each.established_at is not None
    }
    turns = [
        each.opened_at - since for each in dials if (since := answered_at[each.viewer]) is not None
    ]
    shares = _shares(crowd.plan, questions, dials)
    lasted_ms = _lasted_ms(questions, dials)
    # Few enough to be seen, and of a round length.
    least = lasted_ms / _MOMENTS
    moment_ms = float(next((each for each in _ROUND_MS if each >= least), _ROUND_MS[-1]))
    return Figures(
        arrivals=ArrivalsRecord(
            stated_per_s=rate_per_s,
            achieved=RateRecord.of(clock, (each.asked_at for each in questions)),
            late=WaitRecord.of(clock, _ms(_lateness(questions, arrivals))),
        ),
        answers=_answers(questions),
        servers=tuple(
            ServerRecord(node=node, reached=each.reached, answered=each.answered, lost=each.lost)
            for node, each in reading.tallies.items()
            if each.reached
        ),
        upstream=_upstream(reading, questions),
        connects=_connects(dials, _ms(turns), clock, at_once),
        answer_wait=WaitRecord.of(clock, _ms(waits.values())),
        connect_wait=WaitRecord.of(clock, _ms(connects.values())),
        both_wait=WaitRecord.of(
            clock, _ms(waits[each] + took for each, took in connects.items() if each in waits)
        ),
        nodes=shares,
        evenness=_evenness(shares),
        moments=_moments(questions, dials, moment_ms),
        moment_ms=moment_ms,
        lasted_ms=lasted_ms,
    )


def _ms(durations: Iterable[Duration]) -> list[float]:
    return [each / MILLISECOND for each in durations]


# --- questions --------------------------------------------------------------------------------


def _lateness(questions: Sequence[Question], arrivals: Sequence[Arrival]) -> list[Duration]:
    """How much later than appointed each question left; the most punctual one is 0."""
    appointed = {ip_address(each.address).packed: each.after_ns for each in arrivals}
    begun = [
        each.asked_at - appointed[each.viewer] for each in questions if each.viewer in appointed
    ]
    earliest = min(begun, default=0)
    return [each - earliest for each in begun]


def _answers(questions: Sequence[Question]) -> AnswersRecord:
    reached = [each for each in questions if each.reached_at is not None]
    answered = sum(each.replied_at is not None for each in reached)
    received = [each for each in questions if each.reply is not None]
    return AnswersRecord(
        asked=len(questions),
        reached=len(reached),
        answered=answered,
        lost=len(reached) - answered,
        received=len(received),
        rcodes=dict(Counter(each.reply.rcode for each in received if each.reply is not None)),
        without_address=sum(each.address is None for each in received),
    )


def _upstream(reading: Reading, questions: Sequence[Question]) -> UpstreamRecord:
    reached = sum(each.reached_at is not None for each in questions)
    asked = reading.upstream_questions + reading.upstream_connections
    return UpstreamRecord(
        questions=reading.upstream_questions,
        connections=reading.upstream_connections,
        per_question=asked / reached if reached else None,
    )


# --- connections ------------------------------------------------------------------------------


def _connects(
    dials: Sequence[Dial], turns_ms: list[float], clock: ClockName, at_once: int
) -> ConnectsRecord:
    established = [each.established_at for each in dials if each.established_at is not None]
    reasons = Counter(
        each.refused or "no SYN-ACK came" for each in dials if each.established_at is None
    )
    return ConnectsRecord(
        at_once=at_once,
        tried=len(dials),
        established=len(established),
        failed=len(dials) - len(established),
        reasons=dict(reasons),
        syns_repeated=sum(each.syns - 1 for each in dials),
        established_rate=RateRecord.of(clock, established),
        turn=WaitRecord.of(clock, turns_ms),
    )


def _shares(
    plan: Plan, questions: Sequence[Question], dials: Sequence[Dial]
) -> tuple[NodeShare, ...]:
    """The servers that viewers may be sent to, and how many each got. Whatever was answered or
    reached besides is told too: by its node, or by its address where no node has it."""
    answers: Counter[str] = Counter()
    for address, count in Counter(each.address for each in questions).items():
        if address is not None:
            answers[_node_at(plan, address)] += count
    reached = Counter(each.node for each in dials if each.established_at is not None and each.node)
    meant = {node.name: node.label for node in _members(plan, set(answers))}
    others = {name: name for name in (*answers, *reached) if name not in meant}
    return tuple(
        NodeShare(node=name, label=label, answers=answers[name], connections=reached[name])
        for name, label in {**meant, **others}.items()
    )


def _node_at(plan: Plan, address: str) -> str:
    node = plan.behind_alias(address) or plan.owner(address)
    return address if node is None else node.name


def _members(plan: Plan, answered: set[str]) -> list[PlannedNode]:
    """The servers among which a viewer's is selected: the pools that any answer came from, by the
    plan as it was meant; without pools, all servers."""
    pools = {
        tuple(member.name for member in program.config.members)
        for node in plan.nodes
        for program in node.programs
        if isinstance(program.config, BalancerConfig)
    }
    named = {name for pool in pools if answered & set(pool) for name in pool}
    servers = plan.with_role("server")
    return [node for node in servers if node.name in named] if named else list(servers)


def _evenness(shares: Sequence[NodeShare]) -> EvennessRecord | None:
    counts = [each.connections for each in shares]
    connected = sum(counts)
    if len(counts) < 2 or not connected:
        return None
    value, degrees = statistic(counts), len(counts) - 1
    p_value = survival(value, degrees)
    return EvennessRecord(
        hypothesis=f"each viewer is sent to any of the {len(counts)} nodes with the same "
        "probability, whatever the others got",
        n=connected,
        expected_each=connected / len(counts),
        statistic=value,
        degrees=degrees,
        p_value=p_value,
        absurd=p_value < ABSURD,
        limit=ABSURD,
    )


# --- in time ----------------------------------------------------------------------------------


def _lasted_ms(questions: Sequence[Question], dials: Sequence[Dial]) -> float:
    """From the first question to the last answer or connection."""
    began = min((each.asked_at for each in questions), default=0)
    ends = [each.received_at or each.asked_at for each in questions]
    ends += [each.established_at or each.opened_at for each in dials]
    return (max(ends, default=began) - began) / MILLISECOND


def _moments(
    questions: Sequence[Question], dials: Sequence[Dial], moment_ms: float
) -> tuple[MomentRecord, ...]:
    if not questions:
        return ()
    began = min(each.asked_at for each in questions)

    def slices(instants: Iterable[Instant | None]) -> Counter[int]:
        width = round(moment_ms * MILLISECOND)
        return Counter((each - began) // width for each in instants if each is not None)

    asked = slices(each.asked_at for each in questions)
    answered = slices(each.received_at for each in questions)
    connected = slices(each.established_at for each in dials)
    return tuple(
        MomentRecord(
            at_ms=place * moment_ms,
            asked=asked[place],
            answered=answered[place],
            connected=connected[place],
        )
        for place in range(max((*asked, *answered, *connected)) + 1)
    )
