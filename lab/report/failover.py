"""What was asked when, by whom, what came back, and when the viewer was served; from a record.

Around it, what failed and was repaired: before, during and after a fault, a viewer waits for
different times, and how different they are is what an administrator wants to know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lab.report.record import ExchangeRecord, HopRecord, MarkRecord, ScenarioRecord
from lab.report.statistics import Distribution

Stage: TypeAlias = Literal["before", "during", "after"]
STAGES: tuple[Stage, ...] = ("before", "during", "after")
"""Before the first fault; from then on; since the last repair."""

Came: TypeAlias = Literal["an answer", "an error", "too late", "nothing"]
"""What came back for a question or SYN."""

MarkWord: TypeAlias = Literal["fault", "repair", "change"]

_FAULTS = frozenset({"halted", "impaired", "unplugged"})
_REPAIRS = frozenset({"resumed", "mended", "plugged"})
_ASKS = frozenset({"query", "syn", "echo"})
_RETURNS = {"query": {"reply"}, "syn": {"syn-ack", "reset"}, "echo": {"echo-reply"}}
_GOOD_NEWS = frozenset({"syn-ack", "echo-reply"})
_ERRORS = ("SERVFAIL", "REFUSED", "FORMERR", "NOTIMP", "NOTAUTH")
_ROLES_SERVED = frozenset({"viewer", "bystander"})


@dataclass(frozen=True, slots=True)
class Asking:
    """One question or attempt to connect, between two nodes."""

    asker: str
    asked: str
    what: str
    """"A internet.intern.netz?" or "SYN port 5900"."""
    at_ms: float
    ended_ms: float | None
    """When what came back arrived; None when nothing did."""
    came: Came
    answer: str
    """What came back, in words; empty for nothing."""
    by_viewer: bool
    """Whether a viewer or bystander asked: then this is being served, or not."""
    exchange: int
    """Number of the exchange in its scenario, from 1; 0 for a whole visit."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long viewers waited for answers and connections in a stage."""

    stage: Stage
    began_ms: float
    asked: int
    served: int
    """Of these, those that got an answer or connection; the others got an error or nothing."""
    waited: Distribution | None
    """Of those that got anything."""


def is_disturbed(scenario: ScenarioRecord) -> bool:
    """Whether its timeline tells of a fail-over: something was broken, or gave no answer in time
    and another was turned to."""
    if any(mark_word(mark, scenario) != "change" for mark in scenario.marks):
        return True
    return any(
        hop.unanswered and hop.kind in _ASKS
        for exchange in scenario.exchanges
        for hop in exchange.hops
    )


def mark_word(mark: MarkRecord, scenario: ScenarioRecord) -> MarkWord:
    """What a mark stands for. A scripted server that takes a seat in the middle of a scenario is a
    fault; one that sits there from the beginning is the set-up."""
    if mark.kind in _FAULTS:
        return "fault"
    if mark.kind in _REPAIRS:
        return "repair"
    began = min((each.started_ms for each in scenario.exchanges), default=mark.at_ms)
    return "fault" if mark.kind == "scripted" and mark.at_ms > began else "change"


def askings(scenario: ScenarioRecord) -> Iterator[Asking]:
    """Every question and attempt to connect, in order of departure within each exchange; a packet
    that a NAT passes on is told once for each side."""
    served = {node.name for node in scenario.nodes if node.role in _ROLES_SERVED}
    for number, exchange in enumerate(scenario.exchanges, start=1):
        returned = _Returned(exchange.hops)
        for hop in exchange.hops:
            if hop.kind in _ASKS:
                yield _asking(hop, returned, number, by_viewer=hop.sender in served)


def visits(scenario: ScenarioRecord) -> Iterator[Asking]:
    """Every visit of a viewer, from its beginning to what the viewer was told."""
    for visit in scenario.visits:
        took_ms = visit.time_to_connect_ms if visit.outcome == "connected" else None
        took_ms = visit.time_to_error_ms if visit.outcome == "error" else took_ms
        came: Came = "nothing"
        if took_ms is not None:
            came = "an answer" if visit.outcome == "connected" else "an error"
        yield Asking(
            visit.node,
            visit.reached or "",
            f"visit ({visit.profile})",
            visit.began_ms,
            None if took_ms is None else visit.began_ms + took_ms,
            came,
            visit.reason or visit.outcome,
            by_viewer=True,
            exchange=0,
        )


def waits(scenario: ScenarioRecord) -> tuple[Waits, ...]:
    """The waits before, during and after what was broken; nothing where nothing was."""
    words = [(mark_word(mark, scenario), mark.at_ms) for mark in scenario.marks]
    faults = [at for word, at in words if word == "fault"]
    repairs = [at for word, at in words if word == "repair"]
    if not faults:
        return ()
    repaired = max(repairs) if repairs and max(repairs) > min(faults) else None
    grouped: defaultdict[Stage, list[ExchangeRecord]] = defaultdict(list)
    for exchange in scenario.exchanges:
        if exchange.hops and exchange.hops[0].kind in _ASKS:
            grouped[_stage(exchange.started_ms, min(faults), repaired)].append(exchange)
    starts: Mapping[Stage, float] = {
        "before": 0.0,
        "during": min(faults),
        "after": 0.0 if repaired is None else repaired,
    }
    return tuple(
        Waits(
            stage,
            starts[stage],
            len(grouped[stage]),
            sum(_is_served(each) for each in grouped[stage]),
            Distribution.of(
                scenario.clock,
                (each.waited_ms for each in grouped[stage] if each.waited_ms is not None),
            ),
        )
        for stage in STAGES
        if grouped[stage]
    )


def _is_served(exchange: ExchangeRecord) -> bool:
    return _asking(exchange.hops[0], _Returned(exchange.hops), 1, by_viewer=True).came == (
        "an answer"
    )


def _stage(at_ms: float, failed_ms: float, repaired_ms: float | None) -> Stage:
    if at_ms < failed_ms:
        return "before"
    return "after" if repaired_ms is not None and at_ms >= repaired_ms else "during"


def _asking(hop: HopRecord, returned: _Returned, number: int, *, by_viewer: bool) -> Asking:
    back = returned.take(hop)
    ended = None if back is None or back.took_ms is None else back.at_ms + back.took_ms
    came: Came = "nothing"
    if back is not None and ended is not None:
        if back.kind in {"reset", "icmp-error"} or _is_error(back):
            came = "an error"
        else:
            came = "too late" if hop.unanswered and back.kind not in _GOOD_NEWS else "an answer"
    return Asking(
        hop.sender,
        hop.receiver,
        hop.text,
        hop.at_ms,
        ended,
        came,
        "" if back is None or came == "nothing" else back.text,
        by_viewer,
        number,
    )


def _is_error(reply: HopRecord) -> bool:
    return reply.kind == "reply" and reply.text.startswith(_ERRORS)


class _Returned:
    """What came back in an exchange, each taken by the question that it answers."""

    def __init__(self, hops: Iterable[HopRecord]) -> None:
        self._left: defaultdict[str, list[HopRecord]] = defaultdict(list)
        self._errors: list[HopRecord] = []
        for hop in hops:
            if hop.kind == "icmp-error":
                self._errors.append(hop)
            elif not hop.forged:
                self._left[hop.addresses].append(hop)

    def take(self, question: HopRecord) -> HopRecord | None:
        """The first that comes the same way back after it; None where nothing does."""
        source, arrow, destination = question.addresses.partition(" → ")
        candidates = self._left[f"{destination}{arrow}{source}"]
        for place, hop in enumerate(candidates):
            if hop.kind in _RETURNS[question.kind] and hop.at_ms >= question.at_ms:
                return candidates.pop(place)
        for place, error in enumerate(self._errors):
            if error.receiver == question.sender and error.at_ms >= question.at_ms:
                return self._errors.pop(place)
        return None
