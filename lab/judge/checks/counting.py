"""Checks of how often a server asked others, and what it passed on to them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lab.judge.checks.base import (
    CheckBase,
    counted,
    frames_of,
    is_at_or_below,
    served_by,
    wanted_name,
)
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_exchange import DnsExchange
from lab.observe.timeline import Timeline
from lab.values import Address, DnsName, QueryType


class AskedTimes(CheckBase):
    """The server put so many questions upstream that are about this name, or below it, of this type
    and to one of these servers; if none, then although clients asked it for something there
    (CCH-02 to CCH-05)."""

    kind: Literal["asked-times"] = "asked-times"
    asker: str = "dns"
    name: DnsName | None = None
    """This very name; None: the names that `below` says, or any."""
    below: DnsName | None = None
    """This name and those below it."""
    qtype: QueryType | None = None
    to: tuple[Address, ...] | None = None
    transport: Literal["udp", "tcp"] | None = None
    times: int | None = Field(default=None, ge=0)
    """Exactly so many."""
    at_least: int | None = Field(default=None, ge=0)
    at_most: int | None = Field(default=None, ge=0)

    def judge(self, timeline: Timeline) -> Finding:
        """Count the server's questions."""
        clients = [
            each
            for each in served_by(timeline, self.asker)
            if self._is_about(timeline, each.query.name)
        ]
        asked = [each for each in timeline.exchanges if self._counts(timeline, each)]
        if not clients and not asked:
            return failed(f"{self.asker} was asked nothing about it")
        # Enough to see what they were; the count says the rest.
        frames = frames_of([*clients[:3], *asked[:12]])
        found = counted(len(asked), "question")
        if self.times not in {None, len(asked)}:
            return failed(f"{found} upstream, expected {self.times}", *frames)
        if self.at_least is not None and len(asked) < self.at_least:
            return failed(f"{found} upstream, expected {self.at_least} at least", *frames)
        if self.at_most is not None and len(asked) > self.at_most:
            return failed(f"{found} upstream, expected {self.at_most} at most", *frames)
        return passed(f"{counted(len(clients), 'client question')}, {found} upstream", *frames)

    def _is_about(self, timeline: Timeline, name: str) -> bool:
        if self.name is not None and name != wanted_name(timeline, self.name):
            return False
        return self.below is None or is_at_or_below(name, self.below)

    def _counts(self, timeline: Timeline, exchange: DnsExchange) -> bool:
        query = exchange.query
        return (
            exchange.asker == self.asker
            and self._is_about(timeline, query.name)
            and self.qtype in {None, query.qtype}
            and (self.to is None or query.destination.address in self.to)
            and self.transport in {None, query.transport.value}
        )


class BitReachesUpstream(CheckBase):
    """Every question that the server put upstream because of a client question with that bit has it
    too, and there was one (EDN-05, REC-09)."""

    kind: Literal["bit-reaches-upstream"] = "bit-reaches-upstream"
    server: str = "dns"
    bit: Literal["do", "cd"]

    def judge(self, timeline: Timeline) -> Finding:
        """Compare each client question with what it caused."""
        clients = [each for each in served_by(timeline, self.server) if self._is_set(each)]
        if not clients:
            return failed(f"no client question with {self.bit.upper()}=1 came")
        shown: list[int] = []
        for client in clients:
            for exchange in timeline.causes.caused_by(client):
                if not self._is_set(exchange):
                    return failed(
                        f"{exchange.query.destination.address} was asked with {self.bit.upper()}=0",
                        *frames_of([client, exchange]),
                    )
                shown += frames_of([client, exchange])
        if not shown:
            return failed("it caused no question upstream", *frames_of(clients))
        return passed(f"{self.bit.upper()}=1 came and went on", *shown)

    def _is_set(self, exchange: DnsExchange) -> bool:
        query = exchange.query
        return query.cd if self.bit == "cd" else query.opt is not None and query.opt.do


class PlainRetry(CheckBase):
    """Each time an upstream server refused the OPT record (FORMERR or NOTIMP), the server put its
    question to it once more without one, and the client got an answer (EDN-08, RFC 6891 7)."""

    kind: Literal["plain-retry"] = "plain-retry"
    server: str = "dns"

    def judge(self, timeline: Timeline) -> Finding:
        """Find what followed each refusal."""
        shown: list[int] = []
        for client in served_by(timeline, self.server):
            caused = timeline.causes.caused_by(client)
            for place, exchange in enumerate(caused):
                if not _refuses_edns(exchange):
                    continue
                again = next(
                    (
                        each
                        for each in caused[place + 1 :]
                        if each.query.destination == exchange.query.destination
                    ),
                    None,
                )
                frames = frames_of([client, exchange, *([again] if again is not None else [])])
                if again is None:
                    return failed("the question was not put once more", *frames)
                if again.query.edns:
                    return failed("it was put once more with an OPT record", *frames)
                if client.reply is None or client.reply.rcode not in {"NOERROR", "NXDOMAIN"}:
                    told = "nothing" if client.reply is None else client.reply.rcode
                    return failed(f"the client got {told}", *frames)
                shown += frames
        if not shown:
            return failed("no server refused an OPT record")
        return passed("the question was put once more without OPT, and answered", *shown)


def _refuses_edns(exchange: DnsExchange) -> bool:
    reply = exchange.reply
    return exchange.query.edns and reply is not None and reply.rcode in {"FORMERR", "NOTIMP"}
