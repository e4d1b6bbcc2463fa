"""Picking the exchanges that a check is about, and going through their replies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

from lab.judge.checks.base import frames_of, wanted_name
from lab.judge.verdict import Finding, failed
from lab.observe.dns_exchange import DnsExchange
from lab.observe.dns_message import DnsMessage
from lab.observe.timeline import Timeline

Which: TypeAlias = Literal["first", "last", "all"]


def put_by(
    timeline: Timeline,
    asker: str,
    name: str | None,
    qtype: str | None,
    which: Which = "all",
) -> list[DnsExchange]:
    """The asker's exchanges about a name (None: any) and a type (None: any), in order; all of
    them, or the first or the last one alone."""
    wanted = None if name is None else wanted_name(timeline, name)
    asked = [
        each
        for each in timeline.exchanges
        if each.asker == asker
        and wanted in {None, each.query.name}
        and qtype in {None, each.query.qtype}
    ]
    return {"first": asked[:1], "last": asked[-1:], "all": asked}[which]


def first_fault(
    asked: Iterable[DnsExchange], fault_of: Callable[[DnsMessage, DnsMessage], str | None]
) -> Finding | None:
    """What is wrong with the first reply that has a fault, by its question and itself, or that
    there was none; None where every reply is right."""
    for exchange in asked:
        if exchange.reply is None:
            return failed("a question got no reply", *frames_of([exchange]))
        for reply in exchange.replies:
            fault = fault_of(exchange.query, reply)
            if fault is not None:
                return failed(fault, *frames_of([exchange]))
    return None


def source_of(timeline: Timeline, client: DnsExchange) -> DnsMessage | None:
    """The reply from upstream that a client question was answered with."""
    decisive = timeline.causes.decisive(client)
    return decisive.reply if decisive is not None and client.reply is not None else None


def reaches(exchange: DnsExchange, server: str) -> bool:
    """Whether the question arrived at that server."""
    return exchange.query.receiver == server
