"""What a resolution and the in-flight table say to each other.

A resolution is a generator: it yields `Ask` or `Together` and is sent `Heard`. How one server is
asked, whoever asks it, is here too.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, TypeAlias, TypeVar

from resolver.dns.message import Edns, Question, Rcode, Reply
from resolver.machine import Endpoint, Instant, Transport


class Silence(Enum):
    """Why there is no reply."""

    TIMED_OUT = "timed out"
    UNREACHABLE = "unreachable"


TIMED_OUT = Silence.TIMED_OUT
UNREACHABLE = Silence.UNREACHABLE


class Ask(NamedTuple):
    """Put a question to one server and wait."""

    server: Endpoint
    question: Question
    question_wire: bytes
    """As it goes out; the reply must bring back the same octets."""
    transport: Transport
    until: Instant
    """When waiting ends."""
    edns: Edns | None
    cd: bool = False
    rd: bool = True
    """RFC 9499: forwarding is asking with RD=1."""
    verbatim: bytes = b""
    """A whole message that goes out as it is but for its ID, in place of one built from the fields
    above: a relay changes nothing else (RFC 5625 4.5)."""


class Together(NamedTuple):
    """Put questions to several servers at once, and wait for the next reply, or timeout, of any
    server that was asked so. Whoever goes on with an `Ask` waits for none of them any more."""

    asks: tuple[Ask, ...]
    """Each to another server; none where there is only waiting left to do."""
    anew: bool = False
    """Whether whoever was asked before is waited for no more: another search begins."""


class Heard(NamedTuple):
    """What came of an `Ask`."""

    outcome: Reply | Silence
    at: Instant
    server: Endpoint | None = None
    """Who was asked."""


EDNS_REFUSED: Final = frozenset({int(Rcode.FORMERR), int(Rcode.NOTIMP)})
"""What a server older than EDNS says of an OPT record (RFC 6891 7)."""

ResultT = TypeVar("ResultT")

Resolution: TypeAlias = Generator[Ask | Together, Heard, ResultT]


@dataclass(slots=True)
class Budget:
    """What a client's question may still cost, over all its aliases, servers and transports."""

    left: int
    """Messages to servers."""
    until: Instant
    """When the question is given up."""
    curtailed: bool = False
    """Whether something was left undone because it would have cost too much."""

    def spend(self, now: Instant) -> bool:
        """Take one message; False when there is none left, or no time to wait for its reply."""
        if self.left <= 0 or now >= self.until:
            self.curtailed = True
            return False
        self.left -= 1
        return True


def ask_server(ask: Ask, budget: Budget, now: Instant) -> Resolution[Heard | None]:
    """Ask one server, without EDNS if it knows none, and over TCP if its reply was cut short.

    All this shares the server's timeout, so that n servers take n timeouts at most. None: the
    budget is spent.
    """
    if budget.until < ask.until:
        ask = ask._replace(until=budget.until)
    if not budget.spend(now):
        return None
    heard = yield ask
    if ask.edns is not None and _knows_no_edns(heard):
        # RFC 6891 7: the server is older than EDNS, so it is asked as in its day.
        ask = ask._replace(edns=None)
        if not budget.spend(heard.at):
            return None
        heard = yield ask
    if isinstance(heard.outcome, Reply) and heard.outcome.tc and ask.transport is Transport.UDP:
        # RFC 7766 5: TC=1 has the same server asked again over TCP, before any other.
        if not budget.spend(heard.at):
            return None
        heard = yield ask._replace(transport=Transport.TCP)
    if heard.outcome is TIMED_OUT and heard.at >= budget.until:
        budget.curtailed = True
    return heard


def _knows_no_edns(heard: Heard) -> bool:
    return (
        isinstance(heard.outcome, Reply)
        and heard.outcome.rcode in EDNS_REFUSED
        and not heard.outcome.edns
    )
