"""Checks of the records in an answer: which they are, and that nobody changed them on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from lab.judge.checks.base import CheckBase, counted, frames_of, served_by
from lab.judge.checks.questions import Which, first_fault, put_by, source_of
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_message import DnsMessage
from lab.observe.dns_record import DnsRecord
from lab.observe.timeline import Timeline
from lab.values import DnsName, QueryType, Rcode

_OF_A_NAME = frozenset({"CNAME", "DNAME", "NS", "PTR"})


class AnswerHolds(CheckBase):
    """The asker's questions were answered with exactly these records in that section, in any
    order, and with a TTL as described."""

    kind: Literal["answer-holds"] = "answer-holds"
    asker: str = "viewer"
    name: DnsName
    qtype: QueryType = "A"
    which: Which = "all"
    records: tuple[str, ...]
    """Owner, type and RDATA: "www.example.net CNAME web.example.net", "x.example TYPE65280 \\# 2
    abcd"."""
    section: Literal["answer", "authority"] = "answer"
    rcode: Rcode = "NOERROR"
    ttl_s: int | None = None
    """The TTL of each of these records, exactly."""
    ttl_at_most_s: int | None = None

    def judge(self, timeline: Timeline) -> Finding:
        """Compare the section with what it must hold."""
        asked = put_by(timeline, self.asker, self.name, self.qtype, self.which)
        if not asked:
            return failed(f"{self.asker} never asked {self.qtype} for this name")
        fault = first_fault(asked, lambda _, reply: self._fault(reply))
        if fault is not None:
            return fault
        held = "; ".join(self.records) or "nothing"
        return passed(
            f"{counted(len(asked), 'reply', 'replies')} with {held}", *frames_of(asked[-1:])
        )

    def _fault(self, reply: DnsMessage) -> str | None:
        records = reply.answers if self.section == "answer" else reply.authority
        got, wanted = sorted(map(_worded, records)), sorted(map(_normalised, self.records))
        if reply.tc:
            return "the reply is truncated"
        if reply.rcode != self.rcode:
            return f"RCODE {reply.rcode} instead of {self.rcode}"
        if got != wanted:
            shown = "; ".join(wanted) or "nothing"
            return f"the {self.section} holds {'; '.join(got) or 'nothing'} instead of {shown}"
        for record in records:
            if self.ttl_s not in {None, record.ttl}:
                return f"a TTL of {record.ttl} s instead of {self.ttl_s} s"
            if self.ttl_at_most_s is not None and record.ttl > self.ttl_at_most_s:
                return f"a TTL of {record.ttl} s, allowed {self.ttl_at_most_s} s"
        return None


class RdataUnchanged(CheckBase):
    """What the asker was answered has the records of the reply that its server got for it from
    upstream, RDATA byte for byte, and among them one of this type (TRN-02, RFC 3597 3)."""

    kind: Literal["rdata-unchanged"] = "rdata-unchanged"
    asker: str = "viewer"
    name: DnsName | None = None
    """None: any name."""
    rtype: QueryType

    def judge(self, timeline: Timeline) -> Finding:
        """Compare both answer sections record by record."""
        shown: list[int] = []
        for exchange in put_by(timeline, self.asker, self.name, None):
            source, reply = source_of(timeline, exchange), exchange.reply
            if source is None or reply is None:
                continue
            frames = (*source.frames, *frames_of([exchange]))
            given, got = _contents(source.answers), _contents(reply.answers)
            if lost := given - got:
                return failed(f"lost or changed: {_told(lost)}", *frames)
            if more := got - given:
                return failed(f"not from upstream: {_told(more)}", *frames)
            if any(record.rtype == self.rtype for record in reply.answers):
                shown += frames
        if not shown:
            return failed(f"no answer from upstream with a record of type {self.rtype} was given")
        return passed(f"records of type {self.rtype} came byte for byte as they were sent", *shown)


class OneTtlPerRrset(CheckBase):
    """The server was given an RRset whose records have different TTLs; whatever it answered, the
    records of one RRset have one TTL, and none above the lowest it was given (CCH-13, RFC 2181
    5.2)."""

    kind: Literal["one-ttl-per-rrset"] = "one-ttl-per-rrset"
    server: str = "dns"

    def judge(self, timeline: Timeline) -> Finding:
        """Compare the TTLs of each RRset in what came and in what was given."""
        came = [each for each in timeline.messages if each.receiver == self.server]
        uneven = {
            key: (min(ttls), message)
            for message in came
            for key, ttls in _ttls(message).items()
            if len(ttls) > 1
        }
        if not uneven:
            return failed(f"{self.server} was given no RRset with different TTLs")
        given = [
            each
            for client in served_by(timeline, self.server)
            for each in client.replies
            if set(_ttls(each)) & set(uneven)
        ]
        if not given:
            return failed(
                f"{self.server} answered with none of it", *next(iter(uneven.values()))[1].frames
            )
        for reply in given:
            for key, ttls in _ttls(reply).items():
                lowest, source = uneven.get(key, (None, None))
                frames = (*reply.frames, *(source.frames if source is not None else ()))
                if len(ttls) > 1:
                    shown = ", ".join(map(str, sorted(ttls)))
                    return failed(f"TTLs of {shown} s in one RRset", *frames)
                if lowest is not None and max(ttls) > lowest:
                    return failed(
                        f"a TTL of {max(ttls)} s, the lowest given was {lowest} s", *frames
                    )
        return passed(
            f"{counted(len(given), 'reply', 'replies')}, one TTL in each RRset", *given[0].frames
        )


def _worded(record: DnsRecord) -> str:
    return _normalised(f"{record.owner} {record.rtype} {record.rdata}")


def _normalised(line: str) -> str:
    """A record in one spelling: names without case and final dot."""
    owner, _, rest = line.partition(" ")
    rtype, _, rdata = rest.partition(" ")
    if rtype in _OF_A_NAME:
        rdata = rdata.lower().removesuffix(".") or "."
    return f"{owner.lower().removesuffix('.') or '.'} {rtype} {rdata}"


def _contents(records: Iterable[DnsRecord]) -> Counter[tuple[str, str, str, bytes]]:
    return Counter((each.owner, each.rtype, each.rclass, each.wire) for each in records)


def _told(records: Counter[tuple[str, str, str, bytes]]) -> str:
    owner, rtype, _, wire = min(records)
    return f"{owner} {rtype} {wire.hex() or 'without octets'}"


def _ttls(message: DnsMessage) -> dict[tuple[str, str, str], set[int]]:
    """The TTLs in each RRset of an answer section."""
    found: dict[tuple[str, str, str], set[int]] = {}
    if message.is_reply:
        for record in message.answers:
            found.setdefault((record.owner, record.rtype, record.rclass), set()).add(record.ttl)
    return found
