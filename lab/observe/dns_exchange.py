"""Questions with their replies, from the asker's side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from lab.observe.dns_message import DNS_PORT, DnsMessage
from lab.observe.icmp import Errors, IcmpError
from lab.topology.plan import Plan
from resolver.machine import Duration, Instant


@dataclass(eq=False)
class DnsExchange:
    """A question and what came back for it."""

    query: DnsMessage
    asker: str
    """The node that asked."""
    server: str | None
    """The node that ought to answer: by the plan it has the address, or ends DNS for the alias, or
    stands behind it."""
    replies: list[DnsMessage] = field(default_factory=list)
    """Replies that match in all of RFC 5452 9.1 (addresses, ports, ID, question), however late, in
    order of arrival. An error without a question, from a server that could not read it, matches by
    the rest."""
    strays: list[DnsMessage] = field(default_factory=list)
    """What came to the asker while this was open and is no reply to it: replies that match in part
    (forgeries), and late ones to the same question put to another server before."""
    latecomers: list[DnsMessage] = field(default_factory=list)
    """Replies that match in part and came when the true one was there already."""
    errors: list[IcmpError] = field(default_factory=list)
    """ICMP errors that the asker got about the question."""
    replied_at: Instant | None = None
    """When the last reply left the server, whether it arrived or not."""

    @property
    def reply(self) -> DnsMessage | None:
        """The first reply that matches."""
        return self.replies[0] if self.replies else None

    @property
    def asked_at(self) -> Instant:
        """When the question was sent."""
        return self.query.at

    @property
    def answered_at(self) -> Instant | None:
        """When the first matching reply arrived."""
        return self.reply.arrived_at if self.reply else None

    @property
    def latency_ns(self) -> Duration | None:
        """From the question's departure to the first reply's arrival."""
        return None if self.answered_at is None else self.answered_at - self.asked_at

    @property
    def frames(self) -> tuple[int, ...]:
        """Frame numbers of the question and of its replies."""
        return self.query.frames + tuple(frame for reply in self.replies for frame in reply.frames)

    def is_open(self, instant: Instant) -> bool:
        """Whether the asker was waiting for a reply: asked, and not answered before."""
        return self.asked_at <= instant and (
            self.answered_at is None or instant <= self.answered_at
        )

    def mismatches(self, reply: DnsMessage) -> tuple[str, ...]:
        """In what a reply differs from what RFC 5452 9.1 demands: of "source", "port", "ID" and
        "question"; empty for a true reply."""
        query = self.query
        return tuple(
            word
            for word, wrong in (
                ("source", reply.arrived_source != query.destination),
                ("port", reply.arrived_destination != query.source),
                ("ID", reply.id != query.id),
                ("question", reply.question != query.question and not reply.is_bare_error),
            )
            if wrong
        )


def exchanges_of(messages: Sequence[DnsMessage], plan: Plan, errors: Errors) -> list[DnsExchange]:
    """Pair the questions among these messages with their replies; in order of asking."""
    exchanges = [
        DnsExchange(
            message,
            message.sender,
            server_at(plan, message.destination.address),
            errors=[error for trip in message.trips for error in errors.get(id(trip), ())],
        )
        for message in messages
        # What comes from port 53 alone is a reply, however spoilt.
        if not message.is_reply
        and message.sender is not None
        and message.destination.port == DNS_PORT
    ]
    replies = [message for message in messages if message.is_reply]
    _note_departures(exchanges, replies)
    arrived = sorted((reply for reply in replies if reply.arrived_at is not None), key=_arrived_at)
    unmatched = _match(exchanges, arrived)
    _find_strays(exchanges, unmatched)
    _find_late_ones(exchanges)
    return exchanges


def server_at(plan: Plan, address: str) -> str | None:
    """The node where DNS to this address ends, by the plan."""
    owner = plan.owner(address)
    if owner is not None:
        return owner.name
    for node in plan.nodes:
        if node.nat is not None and address in node.nat.dns_aliases:
            return node.name
    behind = plan.behind_alias(address)
    return None if behind is None else behind.name


def _match(exchanges: Iterable[DnsExchange], replies: Iterable[DnsMessage]) -> list[DnsMessage]:
    """Give each reply to its exchange; return those that match none.

    A question repeated with the same ID from the same port makes two exchanges that the same
    replies fit: the first goes to the first.
    """
    by_key: defaultdict[Hashable, list[DnsExchange]] = defaultdict(list)
    for exchange in exchanges:
        query = exchange.query
        by_key[exchange.asker, query.transport, query.source, query.destination, query.id].append(
            exchange
        )
    unmatched = []
    for reply in replies:
        key = (
            reply.receiver,
            reply.transport,
            reply.arrived_destination,
            reply.arrived_source,
            reply.id,
        )
        fitting = [
            exchange
            for exchange in by_key.get(key, ())
            if exchange.asked_at <= _arrived_at(reply)
            and (exchange.query.question == reply.question or reply.is_bare_error)
        ]
        unanswered = [exchange for exchange in fitting if not exchange.replies]
        if fitting:
            (unanswered[0] if unanswered else fitting[-1]).replies.append(reply)
        else:
            unmatched.append(reply)
    return unmatched


def _note_departures(exchanges: Iterable[DnsExchange], replies: Iterable[DnsMessage]) -> None:
    """Note when each question's last reply left its server, whether it arrived or not."""
    departures: defaultdict[Hashable, list[DnsMessage]] = defaultdict(list)
    for reply in replies:
        key = (reply.sender, reply.transport, reply.source, reply.destination, reply.id)
        departures[key].append(reply)
    for exchange in exchanges:
        query = exchange.query
        key = (
            query.receiver,
            query.transport,
            query.arrived_destination,
            query.arrived_source,
            query.id,
        )
        sent = [
            reply.at
            for reply in departures.get(key, ())
            if reply.at >= query.at and (reply.question == query.question or reply.is_bare_error)
        ]
        exchange.replied_at = max(sent, default=None)


def _find_strays(exchanges: Sequence[DnsExchange], unmatched: Iterable[DnsMessage]) -> None:
    """Lay each reply that matches nothing in full at the question it resembles most: at least two
    of the four properties fit. An open question comes before an answered one, a later one before
    an earlier one."""
    of_asker: defaultdict[str, list[DnsExchange]] = defaultdict(list)
    for exchange in exchanges:
        of_asker[exchange.asker].append(exchange)
    for reply in unmatched:
        at = _arrived_at(reply)
        candidates = [
            (-len(exchange.mismatches(reply)), exchange.is_open(at), exchange.asked_at, place)
            for place, exchange in enumerate(of_asker.get(str(reply.receiver), ()))
            if exchange.asked_at <= at
        ]
        if not candidates:
            continue
        resemblance, is_open, _, place = max(candidates)
        if resemblance >= -2:
            exchange = of_asker[str(reply.receiver)][place]
            (exchange.strays if is_open else exchange.latecomers).append(reply)


def _find_late_ones(exchanges: Sequence[DnsExchange]) -> None:
    """A reply that comes after its asker turned to another server with the same question is a stray
    there: taking it for the other server's would be wrong."""
    same_question: defaultdict[Hashable, list[DnsExchange]] = defaultdict(list)
    for exchange in exchanges:
        same_question[exchange.asker, exchange.query.question].append(exchange)
    for group in same_question.values():
        for place, earlier in enumerate(group):
            if not earlier.replies:
                continue
            last = _arrived_at(earlier.replies[-1])
            for later in group[place + 1 :]:
                if later.asked_at > last:
                    break
                if later.query.destination != earlier.query.destination:
                    later.strays += [
                        reply for reply in earlier.replies if later.is_open(_arrived_at(reply))
                    ]


def _arrived_at(message: DnsMessage) -> Instant:
    assert message.arrived_at is not None  # noqa: S101 - only replies that arrived are matched
    return message.arrived_at
