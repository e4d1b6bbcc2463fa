"""The contract between a program and the world it runs in.

A program inside a node is a *machine*: events in, effects out, time as an argument. It owns no
socket, no clock and no random generator, so the same machine runs behind real sockets
(`resolver.shells`) and in virtual time (`lab.worlds.simulated`). Effects are returned, never queued
for somebody to drain, so nobody can forget to send them.

The shell owns sockets and byte streams. Timers, idle ones too, belong to the machine.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, Protocol, TypeAlias, runtime_checkable

Instant: TypeAlias = int
"""Nanoseconds on a monotonic clock with an arbitrary zero."""

Duration: TypeAlias = int
"""Nanoseconds."""

MILLISECOND: Duration = 1_000_000
SECOND: Duration = 1_000_000_000

Flow: TypeAlias = Hashable
"""Names one conversation: a client's datagram source at one of our sockets, a stream, or a socket
that the machine opened. Opaque: a machine gives back to the shell what the shell gave it. Flows
that a machine opens are integers which that machine counts; flows that the shell makes are never
integers, so the two cannot meet."""


class Transport(Enum):
    """What carries a message."""

    UDP = "udp"
    TCP = "tcp"

    # Members are compared by identity, so this is the same relation as Enum's, without its price:
    # a question hashes its transport a dozen times.
    __hash__ = object.__hash__


class Framing(Enum):
    """How a stream is cut into messages."""

    LENGTH_PREFIXED = "length-prefixed"
    """Two octets of length before each message (RFC 1035 4.2.2)."""
    RAW = "raw"
    """Whatever arrived in one read is one message."""


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """A transport address: an IPv4 or IPv6 literal and a port."""

    address: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


# --- events: what happened to the machine -----------------------------------------------------


class MessageArrived(NamedTuple):
    """A datagram, or one message of a stream."""

    flow: Flow
    payload: bytes
    transport: Transport
    source: Endpoint
    """Who sent it."""
    destination: Endpoint
    """The local endpoint it was sent to; a reply leaves from there (RFC 2181 4)."""


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """A stream was accepted, or one that the machine asked for is connected."""

    flow: Flow
    source: Endpoint
    """The far end."""
    destination: Endpoint
    """Our end."""


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """The far end ended the stream; no message of it will follow."""

    flow: Flow


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A flow that the machine opened met a refusal: ICMP unreachable, or a reset."""

    flow: Flow
    reason: str
    """For people: "port unreachable", "connection refused", "host unreachable"."""


@dataclass(frozen=True, slots=True)
class PortTaken:
    """The source port of an `Open` is in use on this host; nothing was opened."""

    flow: Flow


@dataclass(frozen=True, slots=True)
class PacketArrived:
    """An IP packet reached the translator (no link-layer header)."""

    packet: bytes


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """The operator changed the program's configuration while it runs (SIGHUP).

    The machine takes over what it can: its zones, forward rules and access. What it has learnt and
    what it is doing go on. A part that cannot be used leaves the old one in force, with a `Note`
    that names the place and the remedy.
    """

    config: object
    """A value of `resolver.config` of the same kind as before."""


@dataclass(frozen=True, slots=True)
class StopRequested:
    """No new question is taken from now on; `idle` tells when the last answer has gone out."""


@dataclass(frozen=True, slots=True)
class CountersRequested:
    """The operator wants to see the counters (SIGUSR1): they are to be noted."""


Event: TypeAlias = (
    MessageArrived
    | StreamOpened
    | StreamClosed
    | Unreachable
    | PortTaken
    | PacketArrived
    | Reconfigured
    | StopRequested
    | CountersRequested
)


# --- effects: what the machine wants done -----------------------------------------------------


class Send(NamedTuple):
    """Send one message on a flow. On a stream the shell frames it."""

    flow: Flow
    payload: bytes


class Open(NamedTuple):
    """Open a fresh socket connected to `remote`, so that only `remote` can answer on it.

    UDP: may be followed by `Send` at once. TCP: wait for `StreamOpened` (or `Unreachable`).
    """

    flow: int
    transport: Transport
    remote: Endpoint
    source_port: int | None = None
    """The local port to use (RFC 5452 9.2: the machine chooses it unpredictably); None leaves it
    to the host."""
    framing: Framing = Framing.LENGTH_PREFIXED
    source_address: str | None = None
    """Which of the host's addresses to use, for a host with many; None leaves it to the host."""
    shares_port: bool = False
    """UDP, with `source_port`: other flows of this machine to other remotes have the port too."""


class Close(NamedTuple):
    """Close a flow; nothing more is heard of it. Closing an unknown flow is not an error."""

    flow: Flow


@dataclass(frozen=True, slots=True)
class SendPacket:
    """Hand an IP packet to the network."""

    packet: bytes


class Note(NamedTuple):
    """Write a fact to the journal. Facts are for people and counters; no verdict reads them."""

    fact: object
    """A frozen dataclass named in the past tense: `ServerTimedOut(...)`."""


Effect: TypeAlias = Send | Open | Close | SendPacket | Note


ID_OCTETS: Final = 2
"""Of a message's ID, with which it begins."""


@runtime_checkable
class AnswersDatagrams(Protocol):
    """A machine that has answers ready, for shells that would save it the event.

    What is asked and answered is each message behind its ID, which a shell leaves where it is: an
    answer has that of its question (RFC 1035 4.1.1).
    """

    def answer_datagram(self, question: bytes, address: str, now: Instant) -> bytes | None:
        """The answer to a datagram that a client at `address` sent to us: the one `Send` that
        `handle` would return for it. None: `handle` must see it. Never raises."""
        ...

    def answer_datagrams(
        self, questions: Iterator[bytes], addresses: Iterator[str], now: Instant
    ) -> list[bytes]:
        """The same for several, up to the first that `handle` must see; of both, nothing is taken
        from behind that."""
        ...


@runtime_checkable
class Drains(Protocol):
    """A machine whose clients may be owed something when it is asked to stop."""

    def idle(self) -> bool:
        """Whether nobody is owed anything any more."""
        ...


class Machine(Protocol):
    """A program without a world."""

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Take an event; return what is to be done. Never raises, whatever bytes came in."""
        ...

    def expire(self, now: Instant) -> Sequence[Effect]:
        """Fire every timer that is due at `now`; call it when `deadline()` has come."""
        ...

    def deadline(self) -> Instant | None:
        """The earliest instant at which `expire` has something to do. Covers every timer, and is
        another one only after `handle` or `expire`.

        A machine that has work to do as soon as it starts (a health check) returns an instant that
        has already passed (0).
        """
        ...

    def ready(self) -> bool:
        """Whether it can do its work: a balancer is ready after its first round of probes."""
        ...
