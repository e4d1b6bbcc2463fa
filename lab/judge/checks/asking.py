"""Checks of which servers were asked, in what order, and when."""

from __future__ import annotations

from typing import Literal

from lab.judge.bounds import timer_window_ns
from lab.judge.checks.base import CheckBase, frames_of, is_among, ms, served_by
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_exchange import DnsExchange
from lab.observe.dns_message import DnsMessage
from lab.observe.timeline import Timeline
from resolver.machine import MILLISECOND, SECOND, Instant


class AskedInOrder(CheckBase):
    """For the asker's first uncached client question, its upstream questions went to exactly these
    servers in this order, each once (FWD-01, FWD-03)."""

    kind: Literal["asked-in-order"] = "asked-in-order"
    asker: str = "dns"
    servers: tuple[str, ...]
    """Addresses, as dialled."""
    which: Literal["first", "last", "all"] = "first"
    """Which of the client's questions that caused upstream questions."""

    def judge(self, timeline: Timeline) -> Finding:
        """Compare the addresses asked for each client question with the list."""
        groups = _upstream_groups(timeline, self.asker)
        if not groups:
            return failed(f"{self.asker} asked nobody upstream")
        for group in {"first": groups[:1], "last": groups[-1:], "all": groups}[self.which]:
            asked = tuple(each.query.destination.address for each in group)
            if asked != self.servers:
                shown = ", then ".join(asked)
                wanted = ", then ".join(self.servers)
                return failed(f"asked {shown}; expected {wanted}", *frames_of(group))
        return passed(f"asked {', then '.join(self.servers)}", *frames_of(groups[0]))


class AskedOnly(CheckBase):
    """Every DNS question the asker sent went to one of these addresses, and there was one
    (CLU-01, CLU-08, CLU-10)."""

    kind: Literal["asked-only"] = "asked-only"
    asker: str = "dns"
    servers: tuple[str, ...]

    def judge(self, timeline: Timeline) -> Finding:
        """Look at the destination of every question."""
        asked = [each for each in timeline.messages if _is_question_of(each, self.asker)]
        if not asked:
            return failed(f"{self.asker} asked nobody")
        for message in asked:
            if message.destination.address not in self.servers:
                return failed(f"a question to {message.destination.address}", *message.frames)
        reached = sorted({message.destination.address for message in asked})
        return passed(f"{len(asked)} questions, all to {', '.join(reached)}", *asked[0].frames)


class AskedNobody(CheckBase):
    """The asker got a question for the name (None: any name) and sent no DNS question for it."""

    kind: Literal["asked-nobody"] = "asked-nobody"
    asker: str = "dns"
    name: str | None = None

    def judge(self, timeline: Timeline) -> Finding:
        """Look for questions that came in and for questions that went out."""
        came = [
            each for each in served_by(timeline, self.asker) if self.name in {None, each.query.name}
        ]
        if not came:
            return failed(f"{self.asker} was not asked")
        for message in timeline.messages:
            if _is_question_of(message, self.asker) and self.name in {None, message.name}:
                return failed(f"it asked {message.destination}", *message.frames)
        return passed(f"{len(came)} questions came, none went out", *frames_of(came))


class NextAskedAfterTimeout(CheckBase):
    """The first server stayed silent and the next was asked one timeout later: not earlier, and not
    later than the clock's allowance (FWD-02)."""

    kind: Literal["next-asked-after-timeout"] = "next-asked-after-timeout"
    asker: str = "dns"
    timeout_s: float

    def judge(self, timeline: Timeline) -> Finding:
        """Measure from question to question, where both leave the asker."""
        pair = _first_failover(timeline, self.asker)
        if pair is None:
            return failed(f"{self.asker} never went on to another server")
        first, second = pair
        gap = second.query.at - first.query.at
        frames = (*first.query.frames, *second.query.frames)
        if any((reply.arrived_at or 0) <= second.query.at for reply in first.replies):
            return failed("the first server did answer", *frames)
        earliest, latest = timer_window_ns(timeline, round(self.timeout_s * SECOND))
        if not earliest <= gap <= latest:
            return failed(
                f"the next was asked after {ms(gap)}, expected {ms(earliest)} to {ms(latest)}",
                *frames,
            )
        return passed(f"the next was asked after {ms(gap)}", *frames)


class NextAskedAfterError(CheckBase):
    """The first server answered with an error (or ICMP said it is unreachable) and the next was
    asked at once: within `within_ms` of that error (FWD-11, FWD-19)."""

    kind: Literal["next-asked-after-error"] = "next-asked-after-error"
    asker: str = "dns"
    error: str
    """An RCODE such as "SERVFAIL", or "unreachable"."""
    within_ms: float = 100.0

    def judge(self, timeline: Timeline) -> Finding:
        """Measure from the error's arrival to the next question's departure."""
        pair = _first_failover(timeline, self.asker)
        if pair is None:
            return failed(f"{self.asker} never went on to another server")
        first, second = pair
        found = self._error(timeline, first)
        if found is None:
            return failed(f"no {self.error} came from the first server", *first.query.frames)
        arrived, frames = found
        gap = second.query.at - arrived
        shown = (*frames, *second.query.frames)
        if gap < 0:
            return failed(f"the next was asked {ms(-gap)} before the error", *shown)
        if gap > self.within_ms * MILLISECOND:
            return failed(f"the next was asked {ms(gap)} after the error", *shown)
        return passed(f"the next was asked {ms(gap)} after the {self.error}", *shown)

    def _error(
        self, timeline: Timeline, first: DnsExchange
    ) -> tuple[Instant, tuple[int, ...]] | None:
        if self.error == "unreachable":
            for error in timeline.errors:
                if error.about in first.query.trips and error.trip.arrived_at is not None:
                    return error.trip.arrived_at, error.trip.frames
            return None
        for reply in first.replies:
            if reply.rcode == self.error and reply.arrived_at is not None:
                return reply.arrived_at, reply.frames
        return None


class FreshIdentifiers(CheckBase):
    """Questions that repeat one another upstream have the same question section and RD, a new ID
    and a new source port (FWD-12, RFC 5452 9.2). At least two are needed."""

    kind: Literal["fresh-identifiers"] = "fresh-identifiers"
    asker: str = "dns"

    def judge(self, timeline: Timeline) -> Finding:
        """Compare each repeated question with the one before it."""
        pair = _first_failover(timeline, self.asker)
        if pair is None:
            return failed(f"{self.asker} repeated no question")
        one, two = pair[0].query, pair[1].query
        frames = (*one.frames, *two.frames)
        faults = (
            (one.question == two.question, "another question"),
            (one.rd == two.rd, "another RD bit"),
            (one.id != two.id, f"the same ID {one.id}"),
            (one.source.port != two.source.port, f"the same source port {one.source.port}"),
        )
        for holds, text in faults:
            if not holds:
                return failed(f"the repeated question has {text}", *frames)
        return passed(
            f"IDs {one.id} and {two.id}, source ports {one.source.port} and {two.source.port}",
            *frames,
        )


class NameStaysWithin(CheckBase):
    """The name (None: the cluster's) appears in no DNS packet that goes to an address outside
    these, alive or dead (CND-08, CLU-16)."""

    kind: Literal["name-stays-within"] = "name-stays-within"
    addresses: tuple[str, ...]
    name: str | None = None

    def judge(self, timeline: Timeline) -> Finding:
        """Look at the destination of every message with the name, on every link it crossed."""
        wanted = (self.name or timeline.plan.cluster_name or "").lower()
        with_name = [each for each in timeline.messages if each.name == wanted]
        if not with_name:
            return failed("no message held the name")
        for message in with_name:
            for passage in message.passages:
                if passage.ip.destination not in self.addresses:
                    return failed(f"the name goes to {passage.ip.destination}", *passage.frames)
        reached = sorted({each.destination.address for each in with_name})
        return passed(
            f"{len(with_name)} messages with the name, all to {', '.join(reached)}",
            *with_name[0].frames,
        )


class NothingSent(CheckBase):
    """The node sent no IP packet at all to these addresses or prefixes, and it sent something
    elsewhere (CLU-09, NAT-04)."""

    kind: Literal["nothing-sent"] = "nothing-sent"
    node: str
    to: tuple[str, ...]

    def judge(self, timeline: Timeline) -> Finding:
        """Look at every packet that left the node."""
        sent = [each for each in timeline.packets if each.sender == self.node]
        if not sent:
            return failed(f"{self.node} sent nothing at all")
        for passage in sent:
            if is_among(passage.ip.destination, self.to):
                return failed(f"a packet to {passage.ip.destination}", *passage.frames)
        return passed(f"none of {len(sent)} packets", *sent[0].frames)


class StepsInOrder(CheckBase):
    """The FAQ's steps: the messages of the viewer's first successful journey are exactly these, in
    causal order (each caused by the one before). Each step is "sender>receiver kind" with kind
    query, reply or connect: "viewer>dns query". Several receivers may stand with "|"."""

    kind: Literal["steps-in-order"] = "steps-in-order"
    steps: tuple[str, ...]
    asker: str = "viewer"

    def judge(self, timeline: Timeline) -> Finding:
        """Tell the journey step by step and hold it against the list."""
        roots = [
            each
            for each in timeline.exchanges
            if each.asker == self.asker and each.reply is not None and each.reply.addresses
        ]
        if not roots:
            return failed(f"{self.asker} got no address")
        journey = [*_dns_steps(timeline, roots[0]), *_connect_steps(timeline, roots[0])]
        frames = tuple(step.frame for step in journey)
        for number, wanted in enumerate(self.steps):
            if number >= len(journey):
                return failed(f"step {number + 1} ({wanted}) never happened", *frames)
            step = journey[number]
            if not step.fits(wanted):
                return failed(f"step {number + 1} is {step.text}, expected {wanted}", step.frame)
            if number and step.at < journey[number - 1].arrived_at:
                return failed(f"step {number + 1} began before its cause arrived", step.frame)
        if len(journey) > len(self.steps):
            extra = journey[len(self.steps)]
            return failed(f"one more step: {extra.text}", extra.frame)
        return passed("; ".join(step.text for step in journey), *frames)


class _Step:
    """A message of a journey between two nodes that are not mere routers."""

    def __init__(  # noqa: PLR0917 - private, and spelt out at its two calls
        self,
        sender: str | None,
        receiver: str | None,
        kind: str,
        at: Instant,
        arrived_at: Instant | None,
        frame: int,
    ) -> None:
        self.sender = sender
        self.receiver = receiver
        self.kind = kind
        self.at = at
        self.arrived_at = at if arrived_at is None else arrived_at
        self.frame = frame

    @property
    def text(self) -> str:
        return f"{self.sender}>{self.receiver} {self.kind}"

    def fits(self, wanted: str) -> bool:
        """Whether it is what "sender>receiver kind" says, with "|" between alternatives."""
        ends, kind = wanted.rsplit(" ", 1)
        senders, receivers = ends.split(">")
        return (
            kind == self.kind
            and self.sender in senders.split("|")
            and self.receiver in receivers.split("|")
        )


def _dns_steps(timeline: Timeline, exchange: DnsExchange) -> list[_Step]:
    """Tell a question, everything it caused, and its reply."""
    query, reply = exchange.query, exchange.reply
    steps = [
        _Step(query.sender, query.receiver, "query", query.at, query.arrived_at, query.frames[0])
    ]
    for child in timeline.causes.caused_by(exchange):
        steps += _dns_steps(timeline, child)
    if reply is not None:
        steps.append(
            _Step(
                reply.sender, reply.receiver, "reply", reply.at, reply.arrived_at, reply.frames[0]
            )
        )
    return steps


def _connect_steps(timeline: Timeline, root: DnsExchange) -> list[_Step]:
    """Tell the way of the SYN that followed: one step, or one on each side of a translator."""
    told_at = root.reply.arrived_at if root.reply is not None else None
    following = [
        each
        for each in timeline.connections
        if each.opener == root.asker and told_at is not None and each.opened_at >= told_at
    ]
    if not following:
        return []
    routers = {node.name for node in timeline.plan.with_role("router")}
    steps: list[_Step] = []
    sender, left_at, frame = following[0].opener, following[0].opened_at, None
    for passage in following[0].syns[0].passages:
        frame = frame or passage.frame
        if passage.receiver in routers:
            continue
        arrived = None if passage.arrived is None else passage.arrived.at
        steps.append(_Step(sender, passage.receiver, "connect", left_at, arrived, frame))
        sender, left_at, frame = passage.receiver, arrived or passage.at, None
    return steps


def _upstream_groups(timeline: Timeline, asker: str) -> list[tuple[DnsExchange, ...]]:
    """Return, for each client question that caused any, the upstream questions it caused."""
    groups = [timeline.causes.caused_by(client) for client in served_by(timeline, asker)]
    return [group for group in groups if group]


def _first_failover(timeline: Timeline, asker: str) -> tuple[DnsExchange, DnsExchange] | None:
    """Return the first two upstream questions that one client question caused."""
    for group in _upstream_groups(timeline, asker):
        if len(group) > 1:
            return group[0], group[1]
    return None


def _is_question_of(message: DnsMessage, asker: str) -> bool:
    return not message.is_reply and message.sender == asker
