"""A timeline as the record tells it: journeys with numbered steps, and the time to connect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from lab.observe.causes import Causes
from lab.observe.connection import Connection
from lab.observe.dns_exchange import DnsExchange
from lab.observe.hop import Hop
from lab.observe.journey import ACTOR_ROLES, Journey
from lab.observe.passage import Trip
from lab.observe.phases import Phase, PhaseMaker
from lab.observe.replayed import REPLAYED
from lab.observe.timeline import Timeline
from lab.observe.visit import VISIT, VISITED
from lab.report.record import ExchangeRecord, HopRecord, MarkRecord, PhaseRecord
from resolver.machine import MILLISECOND, Duration, Instant

_TOLD_ELSEWHERE = frozenset({"step", "not-connected", REPLAYED, VISIT, VISITED})

NormalisedHop: TypeAlias = tuple[str, str, str, str]
"""Sender, receiver, kind, text without TTL."""


def exchange_records(timeline: Timeline) -> tuple[ExchangeRecord, ...]:
    """Every journey, with the steps of the FAQ's figures numbered on the first."""
    steps = _steps(timeline)
    maker = PhaseMaker(timeline)
    return tuple(
        ExchangeRecord(
            title=journey.title,
            started_ms=_ms(journey.started_at - timeline.began_at),
            waited_ms=None if journey.waited_ns is None else _ms(journey.waited_ns),
            hops=tuple(_hop_record(hop, timeline.began_at, steps) for hop in journey.hops),
            phases=_phase_records(_phases(journey, maker)),
        )
        for journey in timeline.journeys
    )


def time_to_connect_ns(timeline: Timeline) -> Duration | None:
    """From a viewer's first question to the SYN-ACK of its first connection that an answer led to;
    None when there is none. A visit counts from its beginning, as the person does who makes it.

    The first question is the first of an unbroken row about that name: failed tries and questions
    of the other family before the answer count, lookups that had an answer of their own do not.
    """
    session = _first_session(timeline)
    return None if session is None else session.ended_at - session.began_at


def connect_phases(timeline: Timeline) -> tuple[PhaseRecord, ...]:
    """Where the time to connect went; nothing where there is none."""
    session = _first_session(timeline)
    if session is None:
        return ()
    maker = PhaseMaker(timeline)
    return _phase_records(
        maker.of_session(session.viewer, session.began_at, session.ended_at, timeline.connections)
    )


def mark_records(timeline: Timeline) -> tuple[MarkRecord, ...]:
    """What the steps broke, repaired and changed; not what they asked, which exchanges tell."""
    return tuple(
        MarkRecord(
            at_ms=_ms(mark.at - timeline.began_at),
            kind=mark.kind,
            text=mark.text,
            node=mark.fields.get("node"),
        )
        for mark in timeline.marks
        if mark.kind not in _TOLD_ELSEWHERE
    )


@dataclass(frozen=True, slots=True)
class _Session:
    """A viewer's way from its first question to its connection."""

    viewer: str
    began_at: Instant
    ended_at: Instant


def _first_session(timeline: Timeline) -> _Session | None:
    viewers = {node.name for node in timeline.plan.with_role("viewer")}
    for connection in timeline.connections:
        if connection.opener in viewers and connection.established_at is not None:
            visit = next((each for each in timeline.visits if each.connected is connection), None)
            began_at = _first_question(timeline, connection) if visit is None else visit.began_at
            if began_at is not None:
                return _Session(connection.opener, began_at, connection.established_at)
    return None


def normalised(records: Iterable[ExchangeRecord]) -> tuple[tuple[NormalisedHop, ...], ...]:
    """What two worlds must agree on: per journey, who said what to whom, in order.

    Dropped: times, TTLs, IDs, ports, SYN repetitions and SYN-ACKs; health checks and ARP are in no
    record.
    """
    return tuple(tuple(_normalised(record)) for record in records)


def _normalised(record: ExchangeRecord) -> Iterator[NormalisedHop]:
    syns: set[NormalisedHop] = set()
    for hop in record.hops:
        if hop.kind == "syn-ack":
            continue
        told = hop.sender, hop.receiver, hop.kind, re.sub(r" \(ttl [\d/]+\)", "", hop.text)
        if hop.kind == "syn":
            if told in syns:
                continue
            syns.add(told)
        yield told


def _first_question(timeline: Timeline, connection: Connection) -> Instant | None:
    before = [
        exchange
        for exchange in timeline.exchanges
        if exchange.asker == connection.opener and exchange.asked_at <= connection.opened_at
    ]
    led = None
    while before and led is None:
        exchange = before.pop()
        if _answered_with(exchange, connection.dialled.address, connection.opened_at):
            led = exchange
    if led is None:
        return None
    first = led
    for exchange in reversed(before):
        if exchange.query.name != led.query.name:
            continue
        if exchange.reply is not None and exchange.reply.addresses:
            break
        first = exchange
    return first.asked_at


def _answered_with(exchange: DnsExchange, address: str, before: Instant) -> bool:
    return any(
        address in reply.addresses
        for reply in exchange.replies
        if reply.arrived_at is not None and reply.arrived_at <= before
    )


def _phases(journey: Journey, maker: PhaseMaker) -> tuple[Phase, ...]:
    if isinstance(journey.root, DnsExchange):
        return maker.of_exchange(journey.root)
    if isinstance(journey.root, Connection):
        return maker.of_connection(journey.root)
    return ()


def _phase_records(phases: Iterable[Phase]) -> tuple[PhaseRecord, ...]:
    return tuple(PhaseRecord(name=each.name, took_ms=_ms(each.took_ns)) for each in phases)


# --- the FAQ's numbers ------------------------------------------------------------------------


def _steps(timeline: Timeline) -> dict[int, int]:
    """Identity (`id`) of a hop → its number in the FAQ's figure.

    On the first journey that asks: the questions on their way down to the server whose answer
    counted, the replies on their way back; then the SYN of the first connection of that actor.
    What came to nothing (a silent load balancer, a forgery) has no number.
    """
    asking = next((j for j in timeline.journeys if _asks(j, timeline)), None)
    if asking is None:
        return {}
    hops = list(_numbered_hops(asking, timeline.causes))
    root = asking.root
    if isinstance(root, DnsExchange) and root.answered_at is not None:
        for journey in timeline.journeys:
            connection = journey.root
            if (
                isinstance(connection, Connection)
                and journey.actor == asking.actor
                and journey.started_at >= root.answered_at
            ):
                hops += _hops_of(journey, connection.syns[0])
                break
    return {id(hop): number for number, hop in enumerate(hops, start=1)}


def _asks(journey: Journey, timeline: Timeline) -> bool:
    role = timeline.plan.node(journey.actor).role
    return isinstance(journey.root, DnsExchange) and role in ACTOR_ROLES


def _numbered_hops(journey: Journey, causes: Causes) -> Iterator[Hop]:
    exchange = journey.root if isinstance(journey.root, DnsExchange) else None
    down: list[DnsExchange] = []
    while exchange is not None:
        yield from _hops_of(journey, exchange.query.trips[0])
        down.append(exchange)
        exchange = causes.decisive(exchange)
    for exchange in reversed(down):
        if exchange.reply is None:
            return
        yield from _hops_of(journey, exchange.reply.trips[0])


def _hops_of(journey: Journey, trip: Trip) -> Iterator[Hop]:
    return (hop for hop in journey.hops if hop.trip is trip)


# --- records ----------------------------------------------------------------------------------


def _hop_record(hop: Hop, began_at: Instant, steps: dict[int, int]) -> HopRecord:
    return HopRecord(
        frame=hop.frame,
        at_ms=_ms(hop.at - began_at),
        took_ms=None if hop.took_ns is None else _ms(hop.took_ns),
        sender=hop.sender,
        receiver=hop.receiver,
        kind=hop.kind,
        text=hop.text,
        step=steps.get(id(hop)),
        unanswered=hop.unanswered,
        forged=hop.forged,
        crossing=hop.crossing,
        addresses=hop.addresses,
    )


def _ms(duration: Duration) -> float:
    return duration / MILLISECOND
