"""What came of a command in the shell, read from its packets and told in a line or two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.observe.connection import Connection
from lab.observe.dns_exchange import DnsExchange
from lab.observe.hop import Hop
from lab.observe.timeline import Timeline
from lab.observe.visit import Visited
from lab.report.wording import duration, printable
from lab.scenario.model import Ask, Connect, Elapse, Halt, Resume, Step, Visit
from lab.topology.plan import Plan
from resolver.machine import MILLISECOND, SECOND, Duration

_NOBODY_THERE = "it has no route there, or no machine answers for that address"


def told(step: Step, timeline: Timeline, took_ns: Duration) -> tuple[str, ...]:
    """What came of a step; `timeline` begins with it. A person may have cut it short: it took
    `took_ns` on the timeline's clock."""
    match step:
        case Ask(node=node):
            lines = _asked(node, timeline)
        case Connect(node=node):
            lines = _connected(node, timeline)
        case Visit():
            lines = _visited(timeline)
        case Halt(node=node, program=program):
            lines = _halted(timeline.plan, node, program)
        case Resume(node=node, program=program):
            what = f"{program} of {node} runs again" if program else f"{node} has power again"
            lines = iter((f"{what}.",))
        case Elapse(seconds=seconds):
            passed_s = min(seconds, round(took_ns / SECOND, 1))
            lines = iter((f"{passed_s:g} s have passed ({timeline.clock.kind} clock).",))
        case _:
            lines = iter(())
    return tuple(printable(line) for line in lines)


# --- lookups ------------------------------------------------------------------------------------


def _asked(node: str, timeline: Timeline) -> Iterator[str]:
    journey = next(
        (
            each
            for each in timeline.journeys
            if each.actor == node and isinstance(each.root, DnsExchange)
        ),
        None,
    )
    if journey is None or not isinstance(journey.root, DnsExchange):
        yield f"No question left the node: {_NOBODY_THERE}."
        return
    exchange = journey.root
    query, reply = exchange.query, exchange.reply
    asked = f"{query.name} {query.qtype}"
    if reply is None or exchange.latency_ns is None:
        why = exchange.errors[0].text if exchange.errors else "no answer"
        yield f"{asked}: {why} from {query.destination.address}."
    elif reply.rcode != "NOERROR":
        yield f"{asked}: {reply.rcode} after {_ms(exchange.latency_ns)}."
    elif not reply.answers:
        yield f"{asked}: no data after {_ms(exchange.latency_ns)}."
    else:
        yield f"{asked}, after {_ms(exchange.latency_ns)}:"
        for record in reply.answers:
            owner = _owner(record.rdata, timeline.plan)
            yield f"  {record.rtype} {record.rdata}  TTL {record.ttl}{owner}"
    yield from _path(journey.hops)


def _path(hops: Sequence[Hop]) -> Iterator[str]:
    """Who was asked, one after the other; nothing where one answer came from one server."""
    queries = [hop for hop in hops if hop.kind == "query"]
    if len(queries) > 1:
        told_ = [
            f"{hop.sender} → {hop.receiver}{' (no answer)' if hop.unanswered else ''}"
            for hop in queries
        ]
        yield f"asked: {', '.join(told_)}"


def _owner(address: str, plan: Plan) -> str:
    behind = plan.behind_alias(address)
    if behind is not None:
        return f"  (alias of {behind.name})"
    node = plan.owner(address)
    return "" if node is None else f"  ({node.name})"


# --- connections --------------------------------------------------------------------------------


def _connected(node: str, timeline: Timeline) -> Iterator[str]:
    if any(mark.kind == "not-connected" for mark in timeline.marks):
        yield f"{node} has no address to connect to: look up first, or give one."
        return
    found = [
        journey.root
        for journey in timeline.journeys
        if journey.actor == node and isinstance(journey.root, Connection)
    ]
    if not found:
        yield f"No SYN left the node: {_NOBODY_THERE}."
    for connection in found[:1]:
        yield _connection(connection)


def _connection(connection: Connection) -> str:
    to = connection.dialled
    if connection.latency_ns is not None:
        said = f", which says “{connection.banner}”" if connection.banner else ""
        reached = connection.reached_node or "nobody known"
        return f"{to}: connected after {_ms(connection.latency_ns)}; it is {reached}{said}."
    if connection.refused:
        return f"{to}: refused by {connection.reached_node or 'somebody'}."
    if connection.errors:
        return f"{to}: {connection.errors[0].text}, says {connection.errors[0].trip.sender}."
    tries = len(connection.syns)
    return f"{to}: no answer to {tries} SYN{'s' if tries > 1 else ''}."


def _visited(timeline: Timeline) -> Iterator[str]:
    for visit in timeline.visits[:1]:
        yield from _visit(visit)


def _visit(visit: Visited) -> Iterator[str]:
    who = f"{visit.node} ({visit.profile}) visits {visit.name}"
    if visit.time_to_connect_ns is not None:
        yield f"{who}: connected to {visit.reached} after {_ms(visit.time_to_connect_ns)}."
    elif visit.time_to_error_ns is not None:
        yield f"{who}: error after {_ms(visit.time_to_error_ns)}: {visit.reason}."
    else:
        yield f"{who}: {visit.outcome}."
    asked = len(visit.exchanges)
    tried = ", ".join(str(each.dialled) for each in visit.connections) or "no address"
    yield f"asked {asked} time{'' if asked == 1 else 's'}, tried {tried}"


# --- the set-up ---------------------------------------------------------------------------------


def _halted(plan: Plan, node: str, program: str | None) -> Iterator[str]:
    again = f"repair {node}"
    if program is not None:
        yield f"{program} of {node} has ended; its ports refuse. {again} {program} starts it again."
        return
    label = plan.node(node).label
    named = f"{node} ({label})" if label not in {"", node} else node
    yield f"{named} has lost power: nothing enters or leaves. {again} gives it back."


def _ms(took_ns: Duration) -> str:
    return duration(took_ns / MILLISECOND)
