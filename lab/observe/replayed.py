"""Questions of a capture that were asked again: what each got then, and what it got now."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Final

from lab.observe.dns_exchange import DnsExchange
from lab.observe.sighting import Mark
from lab.observe.timeline import Timeline
from resolver.machine import MILLISECOND

REPLAYED: Final = "replayed"
"""Kind of the mark that says which captured question is asked again, and what it got then."""


@dataclass(frozen=True, slots=True)
class Got:
    """What a question got."""

    rcode: str
    addresses: tuple[str, ...]
    """In the order of the answer."""
    wait_ms: float


@dataclass(frozen=True, slots=True)
class Replayed:
    """A captured question, asked again."""

    frame: int
    """Of the capture it was taken from."""
    client: str
    """Who asked it then."""
    node: str
    """Who asked it now."""
    question: str
    """For people: "A internet.intern.netz"."""
    repeats: bool
    """The client had sent the same message before."""
    before: Got | None
    """In the capture; None: it shows no answer."""
    exchange: DnsExchange | None
    """In the lab; None: it never left."""

    @property
    def now(self) -> Got | None:
        """In the lab; None: no answer."""
        exchange = self.exchange
        if exchange is None or exchange.reply is None or exchange.latency_ns is None:
            return None
        reply = exchange.reply
        return Got(reply.rcode, reply.addresses, exchange.latency_ns / MILLISECOND)


def replayed_of(timeline: Timeline) -> tuple[Replayed, ...]:
    """Every captured question that was asked again, in the order of the capture.

    A question is known again by its node and its message, ID included; of several alike the first
    was sent first.
    """
    marks = [mark for mark in timeline.marks if mark.kind == REPLAYED]
    asked: defaultdict[tuple[str, str], deque[DnsExchange]] = defaultdict(deque)
    for exchange in timeline.exchanges if marks else ():
        asked[exchange.asker, exchange.query.payload.hex()].append(exchange)
    return tuple(
        _replayed(mark, asked[mark.fields["node"], mark.fields["message"]]) for mark in marks
    )


def _replayed(mark: Mark, exchanges: deque[DnsExchange]) -> Replayed:
    said = mark.fields
    answer = said["answer"]
    return Replayed(
        frame=said["frame"],
        client=said["client"],
        node=said["node"],
        question=said["question"],
        repeats=said["repeats"] is not None,
        before=None
        if answer is None
        else Got(answer["rcode"], tuple(answer["addresses"]), answer["wait_ms"]),
        exchange=exchanges.popleft() if exchanges else None,
    )
