"""DNS messages: what a client asked, what a server replied, and both written out.

dnslib supplies the writing buffer with its name compression and the registry of codes. How octets
become these is in `message_reading.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from dnslib import QTYPE, RCODE
from dnslib.label import DNSBuffer, DNSLabel

from resolver import limits
from resolver.dns import names
from resolver.dns.message_format import (
    AA,
    CD,
    DO,
    HEADER,
    HEADER_OCTETS,
    OPCODE,
    QR,
    QUESTION_POINTER,
    QUESTION_TAIL,
    RA,
    RD,
    RECORD_TAIL,
    TC,
)
from resolver.dns.records import IN, Record, Type
from resolver.machine import Transport


class Rcode(IntEnum):
    """Response codes this project gives or acts on (RFC 1035 4.1.1, RFC 6891 9)."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    YXDOMAIN = 6
    BADVERS = 16


_LAST_COMPRESSIBLE = 0x3FFF - names.MAX_NAME


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked."""

    name: str
    """As asked, case kept (RFC 4343 4.1)."""
    qtype: int
    qclass: int = IN

    def __str__(self) -> str:
        return f"{self.name} {type_text(self.qtype)}"


class Edns(NamedTuple):
    """An OPT record of version 0."""

    size: int
    """The UDP payload its sender can take, as written in it."""
    do: bool = False


class Query(NamedTuple):
    """A client's question, well formed and of a kind that is implemented."""

    id: int
    question: Question
    question_wire: bytes
    """The question section as it came; every reply echoes it (RFC 4343 4.1)."""
    rd: bool = True
    ad: bool = False
    cd: bool = False
    edns: Edns | None = None

    @property
    def do(self) -> bool:
        """Whether the client wants DNSSEC records (RFC 3225)."""
        return self.edns is not None and self.edns.do

    @property
    def udp_limit(self) -> int:
        """The octets a UDP reply may have."""
        return udp_limit(-1 if self.edns is None else self.edns.size)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that is not a question we can take: broken, or of a kind not implemented."""

    reason: str
    rcode: int = Rcode.FORMERR
    id: int = 0
    flags: int | None = None
    """The header's flags; None where nothing may be answered (no header, or a response)."""
    question_wire: bytes = b""
    edns: bool = False
    do: bool = False

    def reply(self, *, recursion_available: bool = False) -> bytes | None:
        """The error to send back: FORMERR, NOTIMP or BADVERS. None: say nothing."""
        if self.flags is None:
            return None
        # RFC 8906 8.1.4: the opcode comes back, the sections of an unknown one do not.
        echoed = self.flags & (OPCODE | RD | CD) | QR | (RA if recursion_available else 0)
        question = b"" if self.rcode == Rcode.NOTIMP else self.question_wire
        # RFC 3225 3: DO comes back in every response, in one that says BADVERS too.
        opt = opt_record(self.rcode, do=self.do) if self.edns else b""
        counts = (int(bool(question)), 0, 0, int(self.edns))
        return HEADER.pack(self.id, echoed | self.rcode & 0xF, *counts) + question + opt


class Reply(NamedTuple):
    """A server's reply. Records of the additional section are not kept: nobody may trust them, but
    for the glue that `read_additional` finds."""

    id: int
    question: Question | None
    question_wire: bytes
    """Compared octet by octet with what was asked (RFC 5452 9.1). Empty: there was none."""
    rcode: int
    """With the OPT record's upper bits."""
    aa: bool = False
    tc: bool = False
    ra: bool = False
    edns: bool = False
    answers: tuple[Record, ...] = ()
    """Empty when the reply was truncated: a part of an RRset is worth nothing (RFC 2181 9)."""
    authority: tuple[Record, ...] = ()
    wire: bytes = b""
    """The whole message as it came, for those who pass it on."""


_Sections: TypeAlias = tuple[Sequence[Record], Sequence[Record], Sequence[Record]]
_NOTHING: _Sections = ((), (), ())


def udp_limit(size: int) -> int:
    """The octets a UDP reply may have when the client's OPT record says `size`; -1: it sent none.

    RFC 6891 6.2.3: a size below 512 counts as 512.
    """
    return min(max(size, limits.PLAIN_UDP_OCTETS), limits.LARGEST_UDP_REPLY_OCTETS)


def build_query(
    id_: int, question_wire: bytes, *, rd: bool = True, cd: bool = False, edns: Edns | None
) -> bytes:
    """A question to a server."""
    flags = (RD if rd else 0) | (CD if cd else 0)
    opt = opt_record(Rcode.NOERROR, do=edns.do, size=edns.size) if edns else b""
    return HEADER.pack(id_, flags, 1, 0, 0, int(bool(opt))) + question_wire + opt


def build_reply(
    query: Query,
    transport: Transport,
    *,
    rcode: int = Rcode.NOERROR,
    answers: Sequence[Record] = (),
    authority: Sequence[Record] = (),
    additional: Sequence[Record] = (),
    authoritative: bool = False,
    recursion_available: bool = False,
) -> bytes:
    """The reply to a client's question, cut to what its transport and its OPT allow.

    Additional records go first, then the authority section beside an answer; an answer that still
    does not fit is left out whole and TC is set (RFC 2181 9).
    """
    flags = (
        QR
        | (RD if query.rd else 0)  # RFC 1035 4.1.1: copied
        | (CD if query.cd else 0)  # RFC 4035 3.2.2: copied
        | (AA if authoritative else 0)
        | (RA if recursion_available else 0)
    )
    limit = query.udp_limit if transport is Transport.UDP else limits.LARGEST_MESSAGE_OCTETS
    message = _written(query, flags, rcode, (answers, authority, additional))
    if len(message) <= limit:
        return message
    for sections in _ever_less(answers, authority, additional):
        message = _written(query, flags, rcode, sections)
        if len(message) <= limit:
            return message
    if transport is Transport.TCP:
        return _written(query, flags & ~AA, Rcode.SERVFAIL, _NOTHING)
    return _written(query, flags | TC, rcode, _NOTHING)


def question_wire(question: Question) -> bytes:
    """The question section that asks `question`."""
    return names.to_wire(question.name) + QUESTION_TAIL.pack(question.qtype, question.qclass)


def type_text(rtype: int) -> str:
    """A type as people write it: "A", "TYPE65280" (RFC 3597 5)."""
    return str(QTYPE.get(rtype, f"TYPE{rtype}"))


@lru_cache
def rcode_text(rcode: int) -> str:
    """A response code as people write it: "NXDOMAIN", "RCODE23"."""
    return "BADVERS" if rcode == Rcode.BADVERS else str(RCODE.get(rcode, f"RCODE{rcode}"))


def _ever_less(
    answers: Sequence[Record], authority: Sequence[Record], additional: Sequence[Record]
) -> Iterator[_Sections]:
    if additional:
        yield answers, authority, ()
    if answers and authority:
        yield answers, (), ()


def _written(query: Query, flags: int, rcode: int, sections: _Sections) -> bytes:
    edns = query.edns is not None
    answers, authority, additional = sections
    counts = (1, len(answers), len(authority), len(additional) + edns)
    head = HEADER.pack(query.id, flags | rcode & 0xF, *counts) + query.question_wire
    # RFC 6891 6.1.1: an OPT record answers an OPT record, and only that.
    opt = opt_record(rcode, do=query.do) if query.edns else b""
    records = (*answers, *authority, *additional)
    asked = query.question.name.lower()
    if all([record.name.lower() == asked for record in records]):  # noqa: C419 - a list is quicker
        written = [QUESTION_POINTER + _behind_owner(record) for record in records]
        return b"".join((head, *written, opt))
    buffer = _buffer_behind(head, query.question.name)
    for record in records:
        if record.name.lower() == asked:
            buffer.append(QUESTION_POINTER)
        else:
            _write_name(buffer, record.name)
        buffer.append(_behind_owner(record))
    buffer.append(opt)
    return bytes(buffer.data)


def _behind_owner(record: Record) -> bytes:
    rdata = record.rdata
    return RECORD_TAIL.pack(record.rtype, record.rclass, record.ttl, len(rdata)) + rdata


def _buffer_behind(head: bytes, asked: str) -> DNSBuffer:
    """A dnslib buffer that holds the head and knows the question's name and its ancestors, so that
    owners are compressed against them."""
    buffer = DNSBuffer(head)
    buffer.offset = len(head)
    labels = names.to_labels(asked)
    offset = HEADER_OCTETS
    for first, label in enumerate(labels):
        buffer.names[labels[first:]] = offset
        offset += 1 + len(label)
    return buffer


def _write_name(buffer: DNSBuffer, name: str) -> None:
    label = DNSLabel(names.to_labels(name))
    if buffer.offset > _LAST_COMPRESSIBLE:
        # A pointer has 14 bits (RFC 1035 4.1.4); dnslib would write a wrong one.
        buffer.encode_name_nocompress(label)
    else:
        buffer.encode_name(label)


@lru_cache
def opt_record(rcode: int, *, do: bool, size: int = limits.UDP_PAYLOAD_OCTETS) -> bytes:
    """An OPT record of version 0 (RFC 6891 6.1.2), with the upper bits of the RCODE."""
    ttl = rcode >> 4 << 24 | (DO if do else 0)
    return b"\0" + RECORD_TAIL.pack(Type.OPT, size, ttl, 0)
