"""Checks of how messages travel: size, truncation, streams, and the address a reply comes from."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

from pydantic import Field

from lab.judge.bounds import answer_allowance_ns
from lab.judge.checks.base import CheckBase, counted, frames_of, ms, served_by
from lab.judge.checks.questions import Which, first_fault, put_by, source_of
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_exchange import DnsExchange
from lab.observe.dns_message import DnsMessage
from lab.observe.timeline import Timeline
from lab.values import Address, DnsName, QueryType
from resolver.machine import SECOND, Transport

PLAIN_UDP_OCTETS = 512
"""RFC 1035 4.2.1: what a client takes that does not say more; RFC 6891 6.2.3: and a client that
says less."""


class ReplyFits(CheckBase):
    """Every UDP reply to the asker is at most 512 octets long, or as long as the question's OPT
    record says that its sender can take; and it is complete and long enough, or truncated, as
    described (TRN-05, TRN-09, TRN-10, EDN-06)."""

    kind: Literal["reply-fits"] = "reply-fits"
    asker: str = "viewer"
    name: DnsName | None = None
    """None: any name."""
    qtype: QueryType | None = None
    which: Which = "all"
    advertised: int | None = None
    """Only questions whose OPT record says this size."""
    truncated: bool | None = None
    at_least_octets: int | None = None

    def judge(self, timeline: Timeline) -> Finding:
        """Measure each reply."""
        asked = [
            each
            for each in put_by(timeline, self.asker, self.name, self.qtype, self.which)
            if each.query.transport is Transport.UDP
            and self.advertised in {None, each.query.opt and each.query.opt.size}
        ]
        if not asked:
            return failed(f"{self.asker} put no such question over UDP")
        fault = first_fault(asked, self._fault)
        if fault is not None:
            return fault
        longest = max(reply.octets for each in asked for reply in each.replies)
        return passed(
            f"{counted(len(asked), 'reply', 'replies')} of at most {longest} octets",
            *frames_of(asked),
        )

    def _fault(self, query: DnsMessage, reply: DnsMessage) -> str | None:
        allowed = max(PLAIN_UDP_OCTETS, query.opt.size if query.opt is not None else 0)
        if reply.octets > allowed:
            return f"{reply.octets} octets, allowed {allowed}"
        if self.truncated not in {None, reply.tc}:
            return f"TC={int(reply.tc)}"
        if self.at_least_octets is not None and reply.octets < self.at_least_octets:
            return f"{reply.octets} octets, expected {self.at_least_octets} at least"
        return None


class TruncationTold(CheckBase):
    """Wherever the server's UDP reply has fewer records than the reply it got from upstream, or
    that one was truncated itself, TC is set (TRN-04, RFC 5625 4.4)."""

    kind: Literal["truncation-told"] = "truncation-told"
    server: str = "dns"
    of: Literal["itself", "upstream"]
    """Who cut what: there must have been such a reply."""

    def judge(self, timeline: Timeline) -> Finding:
        """Compare each reply with the one it was made from."""
        shown: list[int] = []
        for client in served_by(timeline, self.server):
            source, reply = source_of(timeline, client), client.reply
            if source is None or reply is None or client.query.transport is not Transport.UDP:
                continue
            was_cut = source.tc if self.of == "upstream" else self._is_less(reply, source)
            if not was_cut:
                continue
            if not reply.tc:
                what = (
                    "the truncated reply lost its TC"
                    if self.of == "upstream"
                    else f"{len(reply.answers)} of {len(source.answers)} records without TC"
                )
                return failed(what, *source.frames, *frames_of([client]))
            shown += [*source.frames, *frames_of([client])]
        if not shown:
            return failed(f"no reply of {self.server} was cut by {self.of}")
        return passed("what was cut says so", *shown)

    def _is_less(self, reply: DnsMessage, source: DnsMessage) -> bool:
        return not source.tc and len(reply.answers) < len(source.answers)


class AnsweredOnConnection(CheckBase):
    """The asker put so many questions on one TCP connection, and each was answered on that very
    connection (TRN-06, TRN-08, RFC 7766 5)."""

    kind: Literal["answered-on-connection"] = "answered-on-connection"
    asker: str = "viewer"
    questions: int = Field(default=1, ge=1)
    """On one connection, at least."""
    segments: int = Field(default=1, ge=1)
    """One of the questions came in at least so many."""
    first_contact: bool = False
    """Nothing went to that server over UDP before."""
    out_of_order: bool = False
    """A question put later was answered earlier."""

    def judge(self, timeline: Timeline) -> Finding:
        """Sort the asker's questions by connection."""
        asked = put_by(timeline, self.asker, None, None)
        streams: defaultdict[object, list[DnsExchange]] = defaultdict(list)
        for exchange in asked:
            if exchange.query.transport is Transport.TCP:
                streams[exchange.query.source, exchange.query.destination].append(exchange)
        if not streams:
            return failed(f"{self.asker} never asked over TCP")
        lost = [each for group in streams.values() for each in group if not each.replies]
        if lost:
            return failed("no reply on the connection", *frames_of(lost))
        fullest = max(streams.values(), key=len)
        fault = self._fault(asked, fullest)
        if fault is not None:
            return failed(fault, *frames_of(fullest))
        return passed(
            f"{counted(len(fullest), 'question')} on one connection, each answered there",
            *frames_of(fullest),
        )

    def _fault(self, asked: list[DnsExchange], fullest: list[DnsExchange]) -> str | None:
        found = counted(len(fullest), "question")
        pieces = max(len(each.query.trips) for each in fullest)
        first = fullest[0]
        before = any(
            each.query.transport is Transport.UDP
            and each.query.destination.address == first.query.destination.address
            and each.asked_at < first.asked_at
            for each in asked
        )
        conditions = (
            (
                len(fullest) >= self.questions,
                f"at most {found} on one connection, expected {self.questions}",
            ),
            (
                pieces >= self.segments,
                f"no question came in {self.segments} segments, but in {pieces}",
            ),
            (not (self.first_contact and before), "a question over UDP went before"),
            (
                not self.out_of_order or _is_out_of_order(fullest),
                "the replies came in the order of the questions",
            ),
        )
        return next((text for holds, text in conditions if not holds), None)


class TransportKept(CheckBase):
    """For each client question that came over TCP and caused any, the server asked upstream over
    TCP, without trying UDP before (TRN-07, RFC 5625 4.4.1)."""

    kind: Literal["transport-kept"] = "transport-kept"
    server: str = "dns"

    def judge(self, timeline: Timeline) -> Finding:
        """Look at the transport of what each client question over TCP caused."""
        shown: list[int] = []
        for client in served_by(timeline, self.server):
            if client.query.transport is not Transport.TCP:
                continue
            caused = timeline.causes.caused_by(client)
            for exchange in caused:
                if exchange.query.transport is Transport.UDP:
                    return failed(
                        f"{exchange.query.destination.address} was asked over UDP",
                        *frames_of([client, exchange]),
                    )
            shown += frames_of(caused)
        if not shown:
            return failed(f"{self.server} asked nobody for a question that came over TCP")
        return passed("questions over TCP went upstream over TCP", *shown)


class RepliesFromAskedAddress(CheckBase):
    """Whatever the server replied to a client came from the very address and port that the client
    had asked, and each of these addresses was asked and replied (TRN-13, RFC 2181 4)."""

    kind: Literal["replies-from-asked-address"] = "replies-from-asked-address"
    server: str = "dns"
    addresses: tuple[Address, ...] = Field(min_length=1)
    """As clients dial them."""

    def judge(self, timeline: Timeline) -> Finding:
        """Find what the server sent back to each client, whatever it says."""
        clients = served_by(timeline, self.server)
        for client in clients:
            for reply in _sent_back(timeline, client, self.server):
                if reply.source != client.query.arrived_destination:
                    return failed(
                        f"asked at {client.query.arrived_destination}, replied from {reply.source}",
                        *client.query.frames,
                        *reply.frames,
                    )
        for address in self.addresses:
            there = [each for each in clients if each.query.destination.address == address]
            if not there:
                return failed(f"{self.server} was not asked at {address}", *frames_of(clients[:1]))
            if not any(each.replies for each in there):
                return failed(f"nothing came back from {address}", *frames_of(there))
        return passed(
            f"asked at {', '.join(self.addresses)}; each reply came from there", *frames_of(clients)
        )


class NotHeldUp(CheckBase):
    """While the server had one client's slow question open, the asker's other question came and was
    answered within the bound, before the slow one (TRN-11)."""

    kind: Literal["not-held-up"] = "not-held-up"
    asker: str = "viewer"
    name: DnsName
    slow: DnsName
    """The name that the slow question is about, whoever put it."""
    within_s: float

    def judge(self, timeline: Timeline) -> Finding:
        """Find both questions, and compare when they were answered."""
        quick = put_by(timeline, self.asker, self.name, None)
        slow = [
            each for each in timeline.exchanges if each.query.name == self.slow.lower().rstrip(".")
        ]
        meanwhile = [
            (each, other)
            for each in quick
            for other in slow
            if other.server == each.server
            and other.asked_at < each.asked_at
            # Answered already when the other came: nothing was held up.
            and not (other.answered_at is not None and other.answered_at < each.asked_at)
        ]
        if not meanwhile:
            return failed("no question was put while the slow one was open", *frames_of(quick))
        for each, other in meanwhile:
            frames = frames_of([each, other])
            if each.latency_ns is None:
                return failed("the question got no reply", *frames)
            if each.latency_ns > self.within_s * SECOND + answer_allowance_ns(timeline):
                return failed(
                    f"answered after {ms(each.latency_ns)}, bound {self.within_s} s", *frames
                )
            if other.answered_at is not None and other.answered_at < (each.answered_at or 0):
                return failed("the slow question was answered first", *frames)
        each, other = meanwhile[0]
        return passed(
            f"answered after {ms(each.latency_ns or 0)}, while {self.slow} was still open",
            *frames_of([each, other]),
        )


def _sent_back(timeline: Timeline, client: DnsExchange, server: str) -> list[DnsMessage]:
    """What the server sent to where a question came from, with its ID, from whatever address."""
    query = client.query
    return [
        each
        for each in timeline.messages
        if each.is_reply
        and each.sender == server
        and each.id == query.id
        and each.destination == query.arrived_source
        and each.at >= query.at
    ]


def _is_out_of_order(group: list[DnsExchange]) -> bool:
    came_at = [each.answered_at or each.asked_at for each in group]
    return came_at != sorted(came_at)
