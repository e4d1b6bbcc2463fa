"""DNS messages: what a client asked, what a server replied, and both written out.

dnslib supplies the writing buffer with its name compression and the registry of codes. Reading is
done here and strictly, because the bytes come from anybody: label lengths, pointers, counts and
RDATA are all checked (RFC 5625 6.3), and no input raises.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from dnslib import QTYPE, RCODE
from dnslib.label import DNSBuffer, DNSLabel

from resolver import limits
from resolver.dns import names
from resolver.dns.names import MalformedName
from resolver.dns.records import IN, MalformedRecord, Record, Type, read_rdata, sane_ttl
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


_QR = 0x8000
_OPCODE = 0x7800
_AA = 0x0400
_TC = 0x0200
_RD = 0x0100
_RA = 0x0080
_AD = 0x0020
_CD = 0x0010
_DO = 0x8000  # in the OPT record's TTL field (RFC 3225 3)

_OPT: Final = int(Type.OPT)

_header = struct.Struct("!HHHHHH")
_question_tail = struct.Struct("!HH")
_record_tail = struct.Struct("!HHIH")

_HEADER_OCTETS = 12
_QUESTION_POINTER = b"\xc0\x0c"
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
        if self.edns is None:
            return limits.PLAIN_UDP_OCTETS
        # RFC 6891 6.2.3: a size below 512 counts as 512.
        return min(max(self.edns.size, limits.PLAIN_UDP_OCTETS), limits.LARGEST_UDP_REPLY_OCTETS)


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
        echoed = self.flags & (_OPCODE | _RD | _CD) | _QR | (_RA if recursion_available else 0)
        question = b"" if self.rcode == Rcode.NOTIMP else self.question_wire
        # RFC 3225 3: DO comes back in every response, in one that says BADVERS too.
        opt = _opt(self.rcode, do=self.do) if self.edns else b""
        counts = (int(bool(question)), 0, 0, int(self.edns))
        return _header.pack(self.id, echoed | self.rcode & 0xF, *counts) + question + opt


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


class _BrokenError(ValueError):
    """A message whose sections do not hold what its header promises."""


# What reading bytes from anybody can meet: everything is turned into Malformed.
_Unreadable = (_BrokenError, MalformedName, MalformedRecord, struct.error, IndexError)


def parse_query(message: bytes) -> Query | Malformed:
    """Read what a client sent. Takes any bytes and never raises."""
    if len(message) < _HEADER_OCTETS:
        return Malformed("shorter than a header")
    id_, flags, questions, *counts = _header.unpack_from(message)
    if flags & _QR:
        # A server that answers responses can be made to talk to itself.
        return Malformed("a response, not a query")
    wire = b""
    opts: list[tuple[int, int]] = []
    try:
        if flags & _OPCODE:
            return Malformed("an opcode other than QUERY", Rcode.NOTIMP, id_, flags)
        if questions != 1:
            raise _BrokenError(f"{questions} questions")  # RFC 9619 4: QDCOUNT is 1 in a QUERY
        question, wire, offset = _read_question(message)
        if sum(counts) > limits.RECORDS_PER_QUERY:
            raise _BrokenError(f"{sum(counts)} records in a query")
        offset, opts = _skip_to_opts(message, offset, counts)
        if len(opts) > 1:
            raise _BrokenError("two OPT records")  # RFC 6891 6.1.1
        if offset != len(message):
            raise _BrokenError("octets behind the last record")
    except _Unreadable as broken:
        do = any(ttl & _DO for _, ttl in opts)
        return Malformed(str(broken), Rcode.FORMERR, id_, flags, wire, bool(opts), do)
    size, ttl = opts[0] if opts else (0, 0)
    do = ttl & _DO != 0
    if ttl >> 16 & 0xFF:
        version = "an EDNS version other than 0"
        return Malformed(version, Rcode.BADVERS, id_, flags, wire, edns=True, do=do)
    return Query(
        id_,
        question,
        wire,
        flags & _RD != 0,
        flags & _AD != 0,
        flags & _CD != 0,
        Edns(size, do) if opts else None,
    )


def parse_reply(
    message: bytes, asked: Question | None = None, asked_wire: bytes = b""
) -> Reply | Malformed:
    """Read what a server sent. Takes any bytes and never raises.

    With the question that was asked, and its octets, a reply to it is read sooner, and the same.
    """
    try:
        return _read_reply(message, asked, asked_wire)
    except _Unreadable as broken:
        return Malformed(str(broken))


def _read_reply(message: bytes, asked: Question | None, asked_wire: bytes) -> Reply:
    id_, flags, questions, answers, authorities, additionals = _header.unpack_from(message)
    if not flags & _QR:
        raise _BrokenError("a query, not a response")
    if flags & _OPCODE:
        raise _BrokenError("an opcode other than QUERY")
    if questions > 1:
        raise _BrokenError(f"{questions} questions")
    if questions == 0:
        # Servers older than EDNS refuse an OPT record with a bare header.
        return Reply(id_, None, b"", flags & 0xF, wire=message)
    if asked is not None and message.startswith(asked_wire, _HEADER_OCTETS):
        question, wire, offset = asked, asked_wire, _HEADER_OCTETS + len(asked_wire)
    else:
        question, wire, offset = _read_question(message)
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    opts: list[tuple[int, int]] = []
    if not flags & _TC:
        answer, offset = _read_records(message, offset, answers, question.name)
        authority, offset = _read_records(message, offset, authorities, question.name)
        _, opts = _skip_to_opts(message, offset, (additionals,))
    upper_rcode = opts[0][1] >> 24 if opts else 0
    return Reply(
        id_,
        question,
        wire,
        upper_rcode << 4 | flags & 0xF,
        flags & _AA != 0,
        flags & _TC != 0,
        flags & _RA != 0,
        bool(opts),
        answer,
        authority,
        message,
    )


def read_additional(reply: Reply) -> tuple[Record, ...]:
    """The records of the additional section but OPT, as far as they can be read."""
    message = reply.wire
    records: list[Record] = []
    try:
        *_, questions, answers, authorities, additionals = _header.unpack_from(message)
        if questions != 1 or reply.tc:
            return ()
        question, _, offset = _read_question(message)
        offset, _ = _skip_to_opts(message, offset, (answers + authorities, 0))
        for _ in range(additionals):
            rtype = _record_tail.unpack_from(message, names.from_wire(message, offset)[1])[0]
            if rtype == Type.OPT:
                offset, _ = _skip_to_opts(message, offset, (0, 1))
            else:
                read, offset = _read_records(message, offset, 1, question.name)
                records += read
    except _Unreadable:
        pass
    return tuple(records)


def build_query(
    id_: int, question_wire: bytes, *, rd: bool = True, cd: bool = False, edns: Edns | None
) -> bytes:
    """A question to a server."""
    flags = (_RD if rd else 0) | (_CD if cd else 0)
    opt = _opt(Rcode.NOERROR, do=edns.do, size=edns.size) if edns else b""
    return _header.pack(id_, flags, 1, 0, 0, int(bool(opt))) + question_wire + opt


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
        _QR
        | (_RD if query.rd else 0)  # RFC 1035 4.1.1: copied
        | (_CD if query.cd else 0)  # RFC 4035 3.2.2: copied
        | (_AA if authoritative else 0)
        | (_RA if recursion_available else 0)
    )
    limit = query.udp_limit if transport is Transport.UDP else limits.LARGEST_MESSAGE_OCTETS
    for sections in _ever_less(answers, authority, additional):
        message = _written(query, flags, rcode, sections)
        if len(message) <= limit:
            return message
    if transport is Transport.TCP:
        return _written(query, flags & ~_AA, Rcode.SERVFAIL, _NOTHING)
    return _written(query, flags | _TC, rcode, _NOTHING)


def question_wire(question: Question) -> bytes:
    """The question section that asks `question`."""
    return names.to_wire(question.name) + _question_tail.pack(question.qtype, question.qclass)


def type_text(rtype: int) -> str:
    """A type as people write it: "A", "TYPE65280" (RFC 3597 5)."""
    return str(QTYPE.get(rtype, f"TYPE{rtype}"))


@lru_cache
def rcode_text(rcode: int) -> str:
    """A response code as people write it: "NXDOMAIN", "RCODE23"."""
    return "BADVERS" if rcode == Rcode.BADVERS else str(RCODE.get(rcode, f"RCODE{rcode}"))


def _read_question(message: bytes) -> tuple[Question, bytes, int]:
    name, offset = names.from_wire(message, _HEADER_OCTETS)
    if offset - _HEADER_OCTETS != len(names.to_wire(name)):
        # Only the header stands before it: the ID would be a part of the name.
        raise _BrokenError("a compressed name in the question")
    qtype, qclass = _question_tail.unpack_from(message, offset)
    end = offset + _question_tail.size
    return Question(name, qtype, qclass), message[_HEADER_OCTETS:end], end


def _read_records(
    message: bytes, offset: int, count: int, asked: str
) -> tuple[tuple[Record, ...], int]:
    """The records of a section, and where they end; `asked` is the name in the question."""
    if count == 0:
        return (), offset
    records = []
    for _ in range(count):
        if message.startswith(_QUESTION_POINTER, offset):
            name, offset = asked, offset + len(_QUESTION_POINTER)
        else:
            name, offset = names.from_wire(message, offset)
        rtype, rclass, ttl, length = _record_tail.unpack_from(message, offset)
        start = offset + _record_tail.size
        offset = start + length
        if offset > len(message):
            raise _BrokenError("a record runs over the end of the message")
        if rtype == _OPT:
            raise _BrokenError("an OPT record outside the additional section")
        rdata = read_rdata(message, start, offset, rtype)
        records.append(Record(name, rtype, sane_ttl(ttl), rdata, rclass))
    return tuple(records), offset


def _skip_to_opts(
    message: bytes, offset: int, counts: Sequence[int]
) -> tuple[int, list[tuple[int, int]]]:
    """Pass over records; return where they end and each OPT record's (class, TTL) fields."""
    opts = []
    for section, count in enumerate(counts):
        for _ in range(count):
            if message[offset]:
                name, offset = names.from_wire(message, offset)
            else:
                name, offset = names.ROOT, offset + 1
            rtype, rclass, ttl, length = _record_tail.unpack_from(message, offset)
            offset += _record_tail.size + length
            if offset > len(message):
                raise _BrokenError("a record runs over the end of the message")
            if rtype == _OPT:
                if section != len(counts) - 1 or name != names.ROOT:
                    raise _BrokenError("an OPT record out of place")  # RFC 6891 6.1.1 and 6.1.2
                opts.append((rclass, ttl))
    return offset, opts


def _ever_less(
    answers: Sequence[Record], authority: Sequence[Record], additional: Sequence[Record]
) -> Iterator[_Sections]:
    yield answers, authority, additional
    if additional:
        yield answers, authority, ()
    if answers and authority:
        yield answers, (), ()


def _written(query: Query, flags: int, rcode: int, sections: _Sections) -> bytes:
    edns = query.edns is not None
    answers, authority, additional = sections
    counts = (1, len(answers), len(authority), len(additional) + edns)
    head = _header.pack(query.id, flags | rcode & 0xF, *counts) + query.question_wire
    # RFC 6891 6.1.1: an OPT record answers an OPT record, and only that.
    opt = _opt(rcode, do=query.do) if query.edns else b""
    records = (*answers, *authority, *additional)
    asked = query.question.name.lower()
    if {record.name.lower() for record in records} <= {asked}:
        written = [_QUESTION_POINTER + _behind_owner(record) for record in records]
        return b"".join((head, *written, opt))
    buffer = _buffer_behind(head, query.question.name)
    for record in records:
        if record.name.lower() == asked:
            buffer.append(_QUESTION_POINTER)
        else:
            _write_name(buffer, record.name)
        buffer.append(_behind_owner(record))
    buffer.append(opt)
    return bytes(buffer.data)


def _behind_owner(record: Record) -> bytes:
    rdata = record.rdata
    return _record_tail.pack(record.rtype, record.rclass, record.ttl, len(rdata)) + rdata


def _buffer_behind(head: bytes, asked: str) -> DNSBuffer:
    """A dnslib buffer that holds the head and knows the question's name and its ancestors, so that
    owners are compressed against them."""
    buffer = DNSBuffer(head)
    buffer.offset = len(head)
    labels = names.to_labels(asked)
    offset = _HEADER_OCTETS
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


def _opt(rcode: int, *, do: bool, size: int = limits.UDP_PAYLOAD_OCTETS) -> bytes:
    ttl = rcode >> 4 << 24 | (_DO if do else 0)
    return b"\0" + _record_tail.pack(Type.OPT, size, ttl, 0)
