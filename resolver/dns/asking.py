"""What a resolution and the in-flight table say to each other.

A resolution is a generator: it yields `Ask` and is sent `Heard`.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias, TypeVar

from resolver.dns.message import Edns, Question, Reply
from resolver.machine import Endpoint, Instant, Transport


class Silence(Enum):
    """Why there is no reply."""

    TIMED_OUT = "timed out"
    UNREACHABLE = "unreachable"


TIMED_OUT = Silence.TIMED_OUT
UNREACHABLE = Silence.UNREACHABLE


@dataclass(frozen=True, slots=True)
class Ask:
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


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of an `Ask`."""

    outcome: Reply | Silence
    at: Instant


ResultT = TypeVar("ResultT")

Resolution: TypeAlias = Generator[Ask, Heard, ResultT]
