"""The check of the FAQ's numbered steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Annotated, Literal

from pydantic import Field

from lab.judge.checks.base import CheckBase, questions
from lab.judge.verdict import Finding, failed, passed
from lab.observe.connection import Connection
from lab.observe.dns_exchange import DnsExchange
from lab.observe.dns_message import DnsMessage
from lab.observe.passage import Trip
from lab.observe.timeline import Timeline

StepText = Annotated[
    str, Field(pattern=r"^[\w.-]+(\|[\w.-]+)*>[\w.-]+(\|[\w.-]+)* (query|reply|connect)$")
]


class StepsInOrder(CheckBase):
    """The FAQ's steps: the messages of the viewer's first successful journey are exactly these, in
    causal order: a server's questions are steps only when their client's question had arrived and
    was not answered, a reply only when it came in time, and the journey ends with a connection that
    was opened with the answer at hand, to one of its addresses. Each step is "sender>receiver kind"
    with kind query, reply or connect: "viewer>dns query". Several nodes may stand with "|"."""

    kind: Literal["steps-in-order"] = "steps-in-order"
    steps: tuple[StepText, ...]
    asker: str = "viewer"

    def judge(self, timeline: Timeline) -> Finding:
        """Tell the journey step by step and hold it against the list."""
        root = next(
            (
                each
                for each in questions(timeline, self.asker, None)
                if each.reply is not None and each.reply.addresses
            ),
            None,
        )
        if root is None:
            return failed(f"{self.asker} got no address")
        journey = list(_dns_steps(timeline, root))
        connection = _connection_after(timeline, root)
        if connection is not None:
            fault = _connection_fault(connection, root)
            if fault is not None:
                return failed(fault, *root.frames, *connection.frames[:4])
            journey += _connect_steps(timeline, connection)
        fault = self._fault(journey)
        frames = tuple(step.frame for step in journey)
        if fault is not None:
            return failed(fault, *frames)
        return passed("; ".join(step.text for step in journey), *frames)

    def _fault(self, journey: list[_Step]) -> str | None:
        for number, (wanted, step) in enumerate(zip_longest(self.steps, journey), start=1):
            if wanted is None:
                return f"one more step: {step.text}"
            if step is None:
                return f"step {number} ({wanted}) never happened"
            if not step.fits(wanted):
                return f"step {number} is {step.text}, expected {wanted}"
        return None


@dataclass(frozen=True, slots=True)
class _Step:
    """A message of a journey between two nodes that are not mere routers."""

    sender: str | None
    receiver: str | None
    kind: str
    frame: int

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


def _dns_steps(timeline: Timeline, exchange: DnsExchange) -> Iterator[_Step]:
    """A question, everything it caused, and its reply; a second reply is one more step."""
    yield _message_step(exchange.query, "query")
    for child in timeline.causes.caused_by(exchange):
        yield from _dns_steps(timeline, child)
    if timeline.causes.in_time(exchange):
        for reply in exchange.replies:
            yield _message_step(reply, "reply")


def _message_step(message: DnsMessage, kind: str) -> _Step:
    return _Step(message.sender, message.receiver, kind, message.frames[0])


def _connection_after(timeline: Timeline, root: DnsExchange) -> Connection | None:
    """The first connection to the service that the asker opened when it had its answer."""
    told_at = root.answered_at
    return next(
        (
            each
            for each in timeline.connections
            if each.opener == root.asker
            and each.dialled.port == timeline.plan.service_port
            and told_at is not None
            and each.opened_at >= told_at
        ),
        None,
    )


def _connection_fault(connection: Connection, root: DnsExchange) -> str | None:
    told = root.reply.addresses if root.reply is not None else ()
    if connection.dialled.address not in told:
        return f"{connection.dialled.address} was dialled, the answer was {', '.join(told)}"
    if connection.established_at is None:
        return f"no handshake with {connection.dialled.address}"
    return None


def _connect_steps(timeline: Timeline, connection: Connection) -> Iterator[_Step]:
    """The way of the SYN that got through: one step, or one on each side of a translator."""
    routers = {node.name for node in timeline.plan.with_role("router")}
    syn = _arrived_syn(connection)
    sender, frame = connection.opener, syn.frames[0]
    for passage in syn.passages:
        if passage.receiver not in routers:
            yield _Step(sender, passage.receiver, "connect", frame)
            sender, frame = passage.receiver, passage.frames[-1]


def _arrived_syn(connection: Connection) -> Trip:
    """The first SYN that reached the node that answered; SYNs are repeated when one gets lost."""
    reached = [syn for syn in connection.syns if syn.receiver == connection.reached_node]
    return (reached or list(connection.syns))[0]
