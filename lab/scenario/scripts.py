"""What scripted servers do: a script is a list of replies, and the first fitting one holds."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lab.scenario.record_line import RecordLine
from lab.scenario.value import Value
from lab.values import Address, DnsName, Ipv4Address, QueryType, Rcode, Seconds, TtlS

ReplyFault = Literal[
    "bad-pointer",
    "wrong-counts",
    "zero-octets",
    "cut-rdata",
    "empty",
    "wrong-id",
    "wrong-port",
    "other-name",
    "other-type",
    "other-class",
    "no-question",
]


class Reply(Value):
    """How a scripted server treats the questions that this is for."""

    name: DnsName | None = None
    """Only questions for this very name."""
    below: DnsName | None = None
    """Only questions for this name and for those below it."""
    qtype: QueryType | None = None
    """Only questions of this type."""
    transport: Literal["udp", "tcp"] | None = None
    """Only questions that came this way."""
    edns: bool | None = None
    """Only questions with an OPT record (True) or without one (False)."""
    times: Annotated[int, Field(ge=1)] | None = None
    """Only the first so many of these questions; later ones look further down the list."""
    delay_s: Seconds = 0.0
    """How long it thinks before it answers."""
    silent: bool = False
    rcode: Rcode = "NOERROR"
    answer: tuple[RecordLine, ...] = ()
    """Records as in a master file, "www.example.net. 60 IN A 198.51.100.80"; the owner "@" is the
    name that was asked."""
    authority: tuple[RecordLine, ...] = ()
    additional: tuple[RecordLine, ...] = ()
    authoritative: bool = True
    recursion_available: bool = False
    authenticated: bool = False
    """AD is set: it claims to have validated."""
    truncated: bool = False
    """TC is set, and the sections are sent as they are."""
    echoes_edns: bool = True
    """Whether an OPT record is answered with one (a server older than EDNS does not)."""
    fault: ReplyFault | None = None
    """What is wrong with the bytes: compression that points at itself, more records promised than
    sent, a message of zeros behind its ID, RDATA that ends early, no bytes at all, another ID, a
    reply to another question or to none, or one that leaves from another port. TCP: the stream is
    kept open, and "wrong-port" has no sense."""
    closes_stream: bool = False
    """Over TCP: the connection is closed instead of answered."""
    dribble_s: Seconds = 0.0
    """Over TCP: the reply comes octet by octet, so long after one another."""

    @model_validator(mode="after")
    def _fault_fits(self) -> Self:
        if self.fault in {"bad-pointer", "cut-rdata"} and not self.answer:
            raise ValueError(f"fault={self.fault!r} breaks a record; write one in answer=")
        if self.closes_stream and self.transport == "udp":
            raise ValueError("closes_stream has no sense with transport='udp'; take one away")
        if self.dribble_s and (self.transport == "udp" or self.closes_stream):
            raise ValueError("dribble_s is for replies over TCP that are sent; take one away")
        if self.fault == "wrong-port" and self.transport == "tcp":
            raise ValueError("fault='wrong-port' is for UDP: a stream has one port; take one away")
        return self


class Script(Value):
    """How a scripted DNS server treats the questions it gets: by the first fitting one of
    `replies`, and every other question as the rest says."""

    replies: tuple[Reply, ...] = ()
    delay_s: Seconds = 0.0
    """How long it thinks before it answers."""
    silent: bool = False
    rcode: Rcode = "NOERROR"
    answers: tuple[Ipv4Address, ...] = ()
    """IPv4 addresses of the A records in its answer (with NOERROR, to an A question)."""
    ttl_s: TtlS = 2
    authoritative: bool = True
    refuses_tcp: bool = False
    """Nobody listens for TCP: its host's kernel resets each connection attempt."""
    relays_to: tuple[Address, ...] = ()
    """In place of all this: a careless forwarder. Each question goes to all of these, as it came,
    ID and all; each reply is handed back, whatever it says and whenever it comes. An address may
    stand here several times."""
    relay_gap_s: Seconds = 0.0
    """How long after one of these the next is asked, whatever has come in the meantime."""

    @model_validator(mode="after")
    def _relaying_fits(self) -> Self:
        relaying = {"relays_to", "relay_gap_s"}
        plain = {name: field.default for name, field in type(self).model_fields.items()}
        said = {name for name in plain if getattr(self, name) != plain[name]}
        if self.relays_to and said - relaying:
            other = ", ".join(sorted(said - relaying))
            raise ValueError(f"relays_to goes alone; take away {other}")
        if self.relay_gap_s and not self.relays_to:
            raise ValueError("relay_gap_s without relays_to has no sense; take it away")
        return self
