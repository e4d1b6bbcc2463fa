"""What a question's message may have that a stub resolver's ordinary one has not."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from lab.scenario.value import Value
from lab.values import QueryClass


def _hexadecimal(text: str) -> str:
    try:
        bytes.fromhex(text)
    except ValueError:
        raise ValueError(f"{text!r} is not hexadecimal; write it like 'abcd'") from None
    return text


Hexadecimal = Annotated[str, AfterValidator(_hexadecimal)]

MessageFault = Literal[
    "short-header",
    "no-question",
    "two-questions",
    "cut-question",
    "bad-pointer",
    "trailing-octets",
    "is-a-reply",
    "wrong-counts",
]


class Edns(Value):
    """An OPT record as a client writes it (RFC 6891 6.1)."""

    size: Annotated[int, Field(ge=0, le=65_535)] = 1232
    """The UDP payload the client says it can take."""
    do: bool = False
    version: Annotated[int, Field(ge=0, le=255)] = 0
    flags: Annotated[int, Field(ge=0, le=0x7FFF)] = 0
    """The flags beside DO, none of which is assigned."""
    options: tuple[tuple[Annotated[int, Field(ge=0, le=65_535)], Hexadecimal], ...] = ()
    """Option code and data in hexadecimal: (65001, "abcd")."""
    copies: Annotated[int, Field(ge=1, le=3)] = 1
    """How many OPT records there are; more than one is an error (RFC 6891 6.1.1)."""


class Message(Value):
    """What a question's message has that a stub resolver's ordinary one has not."""

    rd: bool = True
    ad: bool = False
    cd: bool = False
    z: bool = False
    """The reserved bit of the header (RFC 1035 4.1.1)."""
    ra: bool = False
    opcode: Annotated[int, Field(ge=0, le=15)] = 0
    qclass: QueryClass = "IN"
    edns: Edns | None = None
    tsig: bool = False
    """Signed with TSIG (RFC 8945), by a key that only the far end has."""
    fault: MessageFault | None = None
    """What is wrong with the bytes: 11 octets of header; no question, or two; a question without
    its class; a name that points at itself; octets behind the end; QR set; a record promised and
    not sent."""
