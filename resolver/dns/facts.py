"""What the resolver writes into its journal. For people and counters; no verdict reads it."""

from __future__ import annotations

from dataclasses import dataclass

from resolver.dns.message import Question, rcode_text
from resolver.machine import Endpoint, Transport


@dataclass(frozen=True, slots=True)
class QuestionArrived:
    """A client asked."""

    client: Endpoint
    question: Question
    transport: Transport

    def __str__(self) -> str:
        return f"{self.client} asks {self.question} over {self.transport.value}"


@dataclass(frozen=True, slots=True)
class MessageRejected:
    """A client sent what is no question we can take."""

    client: Endpoint
    reason: str

    def __str__(self) -> str:
        return f"message from {self.client} rejected: {self.reason}"


@dataclass(frozen=True, slots=True)
class FreshDataOverdue:
    """Clients waited for fresh data as long as they are made to, and were given stale data."""

    question: Question

    def __str__(self) -> str:
        return f"{self.question} answered with stale data: its servers take too long"


@dataclass(frozen=True, slots=True)
class QuestionReturned:
    """The server that a question was forwarded to forwarded it back to us."""

    server: Endpoint
    question: Question

    def __str__(self) -> str:
        return f"{self.server} sent {self.question} back: it and this server forward to each other"


@dataclass(frozen=True, slots=True)
class ServerAsked:
    """A question went to a forwarder, or in recursion to an authoritative server."""

    server: Endpoint
    question: Question
    transport: Transport

    def __str__(self) -> str:
        return f"{self.server} asked {self.question} over {self.transport.value}"


@dataclass(frozen=True, slots=True)
class ServerReplied:
    """A server's reply was accepted as one to our question; whether it is of use is another
    matter."""

    server: Endpoint
    question: Question
    rcode: int

    def __str__(self) -> str:
        return f"{self.server} replied {rcode_text(self.rcode)} to {self.question}"


@dataclass(frozen=True, slots=True)
class ServerTimedOut:
    """A server said nothing for as long as it was waited for."""

    server: Endpoint
    question: Question

    def __str__(self) -> str:
        return f"{self.server} timed out on {self.question}"


@dataclass(frozen=True, slots=True)
class ServerUnreachable:
    """The network or the server's host refused the question."""

    server: Endpoint
    question: Question
    reason: str

    def __str__(self) -> str:
        return f"{self.server} unreachable for {self.question}: {self.reason}"


@dataclass(frozen=True, slots=True)
class ReplyMismatched:
    """Something arrived where a reply was awaited and was not that reply; waiting goes on."""

    server: Endpoint
    """Who was asked."""
    question: Question
    source: Endpoint
    """Who sent it."""
    fault: str

    def __str__(self) -> str:
        return f"not {self.server}'s reply to {self.question}: {self.fault} (from {self.source})"


@dataclass(frozen=True, slots=True)
class Answered:
    """A client got its reply."""

    client: Endpoint
    question: Question
    rcode: int
    source: str
    """Where the answer came from, for people: "own zone", "cache", "recursion", "failed", …"""

    def __str__(self) -> str:
        return f"{self.client} answered {rcode_text(self.rcode)} to {self.question} ({self.source})"


@dataclass(frozen=True, slots=True)
class StreamIdled:
    """A client's stream was closed because nothing came over it for too long."""

    client: Endpoint

    def __str__(self) -> str:
        return f"stream of {self.client} closed: idle"


@dataclass(frozen=True, slots=True)
class ConfigurationTakenOver:
    """The program goes by a changed configuration from now on."""

    zones: int
    rules: int

    def __str__(self) -> str:
        return f"configuration taken over: {self.zones} zones, {self.rules} forward rules"


@dataclass(frozen=True, slots=True)
class ConfigurationRejected:
    """A changed configuration cannot be used; everything stays as it was."""

    problems: tuple[str, ...]
    """Each with its place and remedy."""

    def __str__(self) -> str:
        return f"configuration rejected, all stays as it was: {'; '.join(self.problems)}"


@dataclass(frozen=True, slots=True)
class ZoneRejected:
    """A changed zone cannot be used; the one of before stays, if there was one."""

    origin: str
    file: str | None
    line: int | None
    problem: str
    """What is wrong, and what to do."""

    def __str__(self) -> str:
        where = "" if self.file is None else f" in {self.file}"
        line = "" if self.line is None else f", line {self.line}"
        return f"zone {self.origin}{where}{line} rejected, the old one stays: {self.problem}"
