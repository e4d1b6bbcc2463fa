"""Where the time to connect went: the first journey, cut at every message."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal, TypeAlias

from lab.report.record import ExchangeRecord, HopRecord, ScenarioRecord

Phase: TypeAlias = Literal[
    "silent server", "DNS server", "translator", "load balancer", "viewer", "connecting"
]

PHASES: tuple[Phase, ...] = (
    "DNS server",
    "silent server",
    "translator",
    "load balancer",
    "viewer",
    "connecting",
)

_BY_ROLE: Mapping[str, Phase] = {
    "resolver": "DNS server",
    "translator": "translator",
    "server": "load balancer",
    "viewer": "viewer",
}


def phases(scenario: ScenarioRecord) -> Mapping[Phase, float]:
    """Milliseconds by phase, from the viewer's first question to its first completed handshake;
    empty where it never connected. The time from one message to the next belongs to the node that
    has the message, its way there included, or to a server that stayed silent."""
    hops = _first_journey(scenario)
    if not hops:
        return {}
    roles = {node.name: node.role for node in scenario.nodes}
    spent = dict.fromkeys(PHASES, 0.0)
    for before, after in pairwise(hops):
        spent[_phase(before, after, roles)] += max(0.0, after.at_ms - before.at_ms)
    spent["connecting"] += hops[-1].took_ms or 0.0
    return {phase: lasted for phase, lasted in spent.items() if lasted > 0}


def _first_journey(scenario: ScenarioRecord) -> list[HopRecord]:
    """The hops from the first question to the first SYN-ACK that reaches whoever sent the SYN."""
    if scenario.time_to_connect_ms is None:
        return []
    asked = _first(scenario.exchanges, "query")
    connected = next(
        (exchange for exchange in scenario.exchanges if _completing(exchange) is not None), None
    )
    if asked is None or connected is None:
        return []
    completing = _completing(connected)
    hops = [*asked.hops, *connected.hops[: completing + 1 if completing is not None else 0]]
    return sorted(hops, key=lambda hop: hop.at_ms)


def _first(exchanges: tuple[ExchangeRecord, ...], kind: str) -> ExchangeRecord | None:
    return next((each for each in exchanges if each.hops and each.hops[0].kind == kind), None)


def _completing(exchange: ExchangeRecord) -> int | None:
    """Position of the SYN-ACK that completes the exchange's handshake."""
    if not exchange.hops or exchange.hops[0].kind != "syn":
        return None
    opener = exchange.hops[0].sender
    return next(
        (
            position
            for position, hop in enumerate(exchange.hops)
            if hop.kind == "syn-ack" and hop.receiver == opener
        ),
        None,
    )


def _phase(before: HopRecord, after: HopRecord, roles: Mapping[str, str]) -> Phase:
    if before.kind in ("syn", "syn-ack"):
        return "connecting"
    if before.unanswered and before.sender == after.sender:
        return "silent server"
    return _BY_ROLE.get(roles.get(before.receiver, ""), "DNS server")
