"""Asking a capture's questions again: the machine that keeps its spacing, and what it leaves in the
capture of the lab."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from lab.observe.dns_message import DNS_PORT
from lab.observe.replayed import REPLAYED
from lab.scenario.replay import Replay, ReplayedQuestion
from lab.topology.plan import Plan
from lab.worlds.world import World, WorldBroken
from resolver.machine import (
    MILLISECOND,
    SECOND,
    Close,
    Duration,
    Effect,
    Endpoint,
    Event,
    Instant,
    MessageArrived,
    Open,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)

_A_TURN: Final = 50
"""How many questions leave before the world gets its turn, as for `Questions`."""
_GRAIN: Final = 100 * MILLISECOND
"""What the step waits beyond its questions' patience: it is the machine that gives up."""
_IDENTIFIERS: Final = 65_536


class Asking(NamedTuple):
    """A message and its time."""

    after_ns: Duration
    """From the machine's beginning."""
    line: Hashable
    """Messages with the same line share a socket, one after the other."""
    transport: Transport
    payload: bytes


@dataclass(slots=True)
class _Line:
    """A socket, while it is open."""

    flow: int
    transport: Transport
    ready: bool
    """False while a connection is being opened."""
    queued: list[bytes] = field(default_factory=list)
    awaited: defaultdict[bytes, deque[int]] = field(default_factory=lambda: defaultdict(deque))
    """ID → the messages with it that have no reply yet, the oldest first."""


class Replaying:
    """A machine that sends each message at its time, whatever became of those before, and finishes
    when each has its reply, was refused, or has waited in vain."""

    def __init__(
        self, server: Endpoint, askings: Iterable[Asking], *, patience_ns: Duration
    ) -> None:
        self.finished = False
        self.refusals: set[str] = set()
        """Why messages could not be sent, in the words of `Unreachable`."""
        self._server = server
        self._patience_ns = patience_ns
        self._upcoming = deque(sorted(askings, key=_after))
        self._began_at: Instant | None = None
        self._left = Counter(each.line for each in self._upcoming)
        """How many messages a line has still to carry."""
        self._lines: dict[Hashable, _Line] = {}
        self._line_of: dict[int, Hashable] = {}
        self._waits: deque[tuple[Instant, int, Hashable, bytes]] = deque()
        """(when patience ends, number of the message, its line, its ID), the oldest first."""
        self._outstanding: set[int] = set()
        self._opened = 0
        self._sent = 0

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Settle what the event is about."""
        del now
        match event:
            case StreamOpened(flow=int(flow)) if flow in self._line_of:
                line = self._lines[self._line_of[flow]]
                line.ready = True
                effects: list[Effect] = [Send(flow, payload) for payload in line.queued]
                line.queued.clear()
                return effects
            case MessageArrived(flow=int(flow), payload=payload) if flow in self._line_of:
                key = self._line_of[flow]
                awaited = self._lines[key].awaited[payload[:2]]
                if awaited:
                    self._outstanding.discard(awaited.popleft())
                return self._settled(key)
            case StreamClosed(flow=int(flow)) | Unreachable(flow=int(flow)) if (
                flow in self._line_of
            ):
                if isinstance(event, Unreachable):
                    self.refusals.add(event.reason)
                return self._close(self._line_of[flow])
            case _:
                return ()

    def expire(self, now: Instant) -> Sequence[Effect]:
        """Send what is due, give up what has waited too long."""
        if self._began_at is None:
            self._began_at = now
        effects: list[Effect] = []
        while self._waits and (
            self._waits[0][0] <= now or self._waits[0][1] not in self._outstanding
        ):
            _, number, key, identifier = self._waits.popleft()
            if number in self._outstanding:
                self._outstanding.discard(number)
                self._lines[key].awaited[identifier].popleft()
                effects += self._settled(key)
        for _ in range(_A_TURN):
            if not self._upcoming or self._began_at + self._upcoming[0].after_ns > now:
                break
            effects += self._send(self._upcoming.popleft(), now)
        self.finished = not self._upcoming and not self._outstanding
        return effects

    def deadline(self) -> Instant | None:
        """When the next message leaves, or the oldest has waited too long."""
        if self.finished:
            return None
        if not self._upcoming and not self._outstanding:
            return 0  # all is over, which `expire` notices
        if self._began_at is None:
            return 0
        leaving = self._began_at + self._upcoming[0].after_ns if self._upcoming else None
        giving_up = self._waits[0][0] if self._waits else None
        return min(each for each in (leaving, giving_up) if each is not None)

    def ready(self) -> bool:
        """Say that an actor has nothing to prepare."""
        return True

    def _send(self, asking: Asking, now: Instant) -> Iterator[Effect]:
        key, payload = asking.line, asking.payload
        self._left[key] -= 1
        line = self._lines.get(key)
        if line is None:
            self._opened += 1
            line = _Line(self._opened, asking.transport, asking.transport is Transport.UDP)
            self._lines[key] = line
            self._line_of[line.flow] = key
            yield Open(line.flow, asking.transport, self._server)
        self._sent += 1
        line.awaited[payload[:2]].append(self._sent)
        self._outstanding.add(self._sent)
        self._waits.append((now + self._patience_ns, self._sent, key, payload[:2]))
        if line.ready:
            yield Send(line.flow, payload)
        else:
            line.queued.append(payload)

    def _settled(self, key: Hashable) -> Sequence[Effect]:
        """A line is closed when it has nothing more to carry and nothing to wait for."""
        line = self._lines[key]
        return () if self._left[key] or any(line.awaited.values()) else self._close(key)

    def _close(self, key: Hashable) -> Sequence[Effect]:
        """End a line; a message that comes later for it opens another."""
        line = self._lines.pop(key)
        del self._line_of[line.flow]
        for numbers in line.awaited.values():
            self._outstanding.difference_update(numbers)
        return (Close(line.flow),)


def _after(asking: Asking) -> Duration:
    return asking.after_ns


# --- the step ---------------------------------------------------------------------------------


def perform_replay(world: World, plan: Plan, step: Replay, random: Random) -> set[str]:
    """Ask every question of the step, each at its time, and return when all are over; gives the
    reasons for which some could not be sent. Only the message's ID is fresh."""
    payloads = _with_fresh_ids(step.questions, random)
    for place, (question, payload) in enumerate(zip(step.questions, payloads, strict=True)):
        _mark(world, place, question, payload)
    began_at = world.now()
    askings: defaultdict[str, list[Asking]] = defaultdict(list)
    for place, (question, payload) in enumerate(zip(step.questions, payloads, strict=True)):
        line: Hashable = ("udp", place if question.repeats is None else question.repeats)
        if question.connection is not None:
            line = ("tcp", question.connection)
        transport = Transport.UDP if question.connection is None else Transport.TCP
        after_ns = round(question.at_s * SECOND)
        askings[question.node].append(Asking(after_ns, line, transport, payload))
    patience_ns = round(step.patience_s * SECOND)
    machines = []
    for node, its in askings.items():
        server = step.server or next(iter(plan.node(node).asks), None)
        if server is None:
            raise WorldBroken(f"{node} has no DNS server to ask")
        # The machines begin one after the other, and their questions have one beginning.
        late_ns = world.now() - began_at
        on_time = [each._replace(after_ns=max(0, each.after_ns - late_ns)) for each in its]
        machine = Replaying(Endpoint(server, DNS_PORT), on_time, patience_ns=patience_ns)
        world.attach(node, machine)
        machines.append(machine)
    last_at = began_at + max(each.after_ns for its in askings.values() for each in its)
    world.run_until(lambda: all(each.finished for each in machines), last_at + patience_ns + _GRAIN)
    for machine in machines:
        world.detach(machine)
    return set().union(*(machine.refusals for machine in machines))


def _with_fresh_ids(questions: Sequence[ReplayedQuestion], random: Random) -> list[bytes]:
    identifiers = random.sample(range(_IDENTIFIERS), min(len(questions), _IDENTIFIERS))
    payloads: list[bytes] = []
    for place, question in enumerate(questions):
        if question.repeats is not None:
            payloads.append(payloads[question.repeats])
            continue
        identifier = identifiers[place % _IDENTIFIERS]
        payloads.append(identifier.to_bytes(2) + bytes.fromhex(question.octets))
    return payloads


def _mark(world: World, place: int, question: ReplayedQuestion, payload: bytes) -> None:
    answer = question.answer
    got = "no answer in the capture" if answer is None else f"got {answer.rcode} then"
    world.mark(
        REPLAYED,
        f"{question.node} asks {question.text} again, as {question.client} did in frame "
        f"{question.frame}; {got}",
        place=place,
        node=question.node,
        client=question.client,
        frame=question.frame,
        question=question.text,
        message=payload.hex(),
        repeats=question.repeats,
        answer=None if answer is None else answer.model_dump(mode="json"),
    )
