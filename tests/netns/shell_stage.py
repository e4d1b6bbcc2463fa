"""A stage for shells: real sockets on a loop, driven by machines of a few lines."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from resolver.machine import (
    MILLISECOND,
    SECOND,
    Effect,
    Endpoint,
    Event,
    Framing,
    Instant,
    Machine,
    MessageArrived,
    Send,
    Transport,
)
from resolver.shells.loop import Loop
from resolver.shells.sockets import SocketShell

HERE = Endpoint("127.0.0.1", 5300)
BOTH = frozenset(Transport)
UDP = frozenset({Transport.UDP})
TCP = frozenset({Transport.TCP})


@dataclass
class Scripted:
    """A machine that remembers its events and answers each as told; `first` comes at the start."""

    answer: Callable[[Event], Sequence[Effect]] = lambda _event: ()
    first: Sequence[Effect] = ()
    events: list[Event] = field(default_factory=list)

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:  # noqa: ARG002 - the contract's
        self.events.append(event)
        return self.answer(event)

    def expire(self, now: Instant) -> Sequence[Effect]:  # noqa: ARG002 - the contract's
        first, self.first = self.first, ()
        return first

    def deadline(self) -> Instant | None:
        return 0 if self.first else None

    def ready(self) -> bool:
        return not self.first


def echo(event: Event) -> Sequence[Effect]:
    return [Send(event.flow, event.payload)] if isinstance(event, MessageArrived) else []


class Stage:
    """A loop, and shells on it."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.facts = []

    def play(
        self,
        machine: Machine,
        *endpoints: Endpoint,
        transports: frozenset[Transport] = BOTH,
        framing: Framing = Framing.LENGTH_PREFIXED,
        enter: Callable[[], AbstractContextManager[None]] = nullcontext,
        foreign_addresses: bool = False,
    ) -> SocketShell:
        return SocketShell(
            self.loop,
            machine,
            tuple((endpoint, transports, framing) for endpoint in endpoints),
            journal=lambda fact, _at: self.facts.append(fact),
            enter=enter,
            foreign_addresses=foreign_addresses,
        )

    def until(self, condition, limit_s=10):
        assert self.loop.run_until(condition, self.loop.now() + limit_s * SECOND), "in vain"

    def meanwhile(self, ask):
        """Run blocking client code in a thread while the loop lives; give back what it returns."""
        answers = []

        def work():
            try:
                answers.append(ask())
            except BaseException as error:  # noqa: BLE001 - raised again below
                answers.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        while not answers:  # the thread cannot wake the loop, so it looks up now and then
            self.loop.run_until(lambda: bool(answers), self.loop.now() + MILLISECOND)
        thread.join()
        if isinstance(answers[0], BaseException):
            raise answers[0]
        return answers[0]


def udp_client(family=socket.AF_INET):
    client = socket.socket(family, socket.SOCK_DGRAM)
    client.settimeout(5)
    return client


def receive_exactly(connection, count):
    octets = b""
    while len(octets) < count:
        piece = connection.recv(count - len(octets))
        if not piece:
            raise EOFError(octets)
        octets += piece
    return octets


def receive_message(connection):
    return receive_exactly(connection, struct.unpack("!H", receive_exactly(connection, 2))[0])


def open_files() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def framed(*messages: bytes) -> bytes:
    return b"".join(struct.pack("!H", len(message)) + message for message in messages)
