"""Messages read: what a client asked, and what a server replied.

Reading is done here, and strictly, because the bytes come from anybody: label lengths, pointers,
counts and RDATA are all checked (RFC 5625 6.3), and no input raises.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from resolver import limits
from resolver.dns import names
from resolver.dns.message import Edns, Malformed, Query, Question, Rcode, Reply
from resolver.dns.message_format import (
    AA,
    AD,
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
from resolver.dns.names import MalformedName
from resolver.dns.records import MalformedRecord, Record, Type, read_rdata, sane_ttl

_OPT: Final = int(Type.OPT)


class _BrokenError(ValueError):
    """A message whose sections do not hold what its header promises."""


# What reading bytes from anybody can meet: everything is turned into Malformed.
_Unreadable = (_BrokenError, MalformedName, MalformedRecord, struct.error, IndexError)


def parse_query(message: bytes) -> Query | Malformed:
    """Read what a client sent. Takes any bytes and never raises."""
    if len(message) < HEADER_OCTETS:
        return Malformed("shorter than a header")
    id_, flags, questions, *counts = HEADER.unpack_from(message)
    if flags & QR:
        # A server that answers responses can be made to talk to itself.
        return Malformed("a response, not a query")
    wire = b""
    opts: list[tuple[int, int]] = []
    try:
        if flags & OPCODE:
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
        do = any(ttl & DO for _, ttl in opts)
        return Malformed(str(broken), Rcode.FORMERR, id_, flags, wire, bool(opts), do)
    size, ttl = opts[0] if opts else (0, 0)
    do = ttl & DO != 0
    if ttl >> 16 & 0xFF:
        version = "an EDNS version other than 0"
        return Malformed(version, Rcode.BADVERS, id_, flags, wire, edns=True, do=do)
    return Query(
        id_,
        question,
        wire,
        flags & RD != 0,
        flags & AD != 0,
        flags & CD != 0,
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
    id_, flags, questions, answers, authorities, additionals = HEADER.unpack_from(message)
    if not flags & QR:
        raise _BrokenError("a query, not a response")
    if flags & OPCODE:
        raise _BrokenError("an opcode other than QUERY")
    if questions > 1:
        raise _BrokenError(f"{questions} questions")
    if questions == 0:
        # Servers older than EDNS refuse an OPT record with a bare header.
        return Reply(id_, None, b"", flags & 0xF, wire=message)
    if asked is not None and message.startswith(asked_wire, HEADER_OCTETS):
        question, wire, offset = asked, asked_wire, HEADER_OCTETS + len(asked_wire)
    else:
        question, wire, offset = _read_question(message)
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    opts: list[tuple[int, int]] = []
    if not flags & TC:
        answer, offset = _read_records(message, offset, answers, question.name)
        authority, offset = _read_records(message, offset, authorities, question.name)
        _, opts = _skip_to_opts(message, offset, (additionals,))
    upper_rcode = opts[0][1] >> 24 if opts else 0
    return Reply(
        id_,
        question,
        wire,
        upper_rcode << 4 | flags & 0xF,
        flags & AA != 0,
        flags & TC != 0,
        flags & RA != 0,
        bool(opts),
        answer,
        authority,
        message,
    )


def read_additional(reply: Reply) -> tuple[Record, ...]:
    """The records of the additional section but OPT, as far as they can be read."""
    message = reply.wire
    records: list[Record] = []
    expanded = 0
    try:
        *_, questions, answers, authorities, additionals = HEADER.unpack_from(message)
        if questions != 1 or reply.tc:
            return ()
        question, _, offset = _read_question(message)
        offset, _ = _skip_to_opts(message, offset, (answers + authorities, 0))
        for _ in range(additionals):
            rtype = RECORD_TAIL.unpack_from(message, names.from_wire(message, offset)[1])[0]
            if rtype == Type.OPT:
                offset, _ = _skip_to_opts(message, offset, (0, 1))
                continue
            read, offset = _read_records(message, offset, 1, question.name)
            records += read
            expanded += len(read[0].name) + len(read[0].rdata)
            if expanded > limits.EXPANDED_OCTETS:
                break
    except _Unreadable:
        pass
    return tuple(records)


def _read_question(message: bytes) -> tuple[Question, bytes, int]:
    name, offset = names.from_wire(message, HEADER_OCTETS)
    octets = offset - HEADER_OCTETS
    if octets != len(name) + 2 and octets != len(names.to_wire(name)):
        # Only the header stands before it: the ID would be a part of the name.
        raise _BrokenError("a compressed name in the question")
    qtype, qclass = QUESTION_TAIL.unpack_from(message, offset)
    end = offset + QUESTION_TAIL.size
    return Question(name, qtype, qclass), message[HEADER_OCTETS:end], end


def _read_records(
    message: bytes, offset: int, count: int, asked: str
) -> tuple[tuple[Record, ...], int]:
    """The records of a section, and where they end; `asked` is the name in the question."""
    if count == 0:
        return (), offset
    records = []
    expanded = 0
    for _ in range(count):
        if message.startswith(QUESTION_POINTER, offset):
            name, offset = asked, offset + len(QUESTION_POINTER)
        else:
            name, offset = names.from_wire(message, offset)
            expanded += len(name)
        rtype, rclass, ttl, length = RECORD_TAIL.unpack_from(message, offset)
        start = offset + RECORD_TAIL.size
        offset = start + length
        if offset > len(message):
            raise _BrokenError("a record runs over the end of the message")
        if rtype == _OPT:
            raise _BrokenError("an OPT record outside the additional section")
        rdata = read_rdata(message, start, offset, rtype)
        expanded += len(rdata) - length
        if expanded > limits.EXPANDED_OCTETS:
            raise _BrokenError("names that take long to read")
        records.append(Record(name, rtype, sane_ttl(ttl), rdata, rclass))
    return tuple(records), offset


def _skip_to_opts(
    message: bytes, offset: int, counts: Sequence[int]
) -> tuple[int, list[tuple[int, int]]]:
    """Pass over records; return where they end and each OPT record's (class, TTL) fields."""
    opts = []
    expanded = 0
    for section, count in enumerate(counts):
        for _ in range(count):
            if message[offset]:
                name, offset = names.from_wire(message, offset)
                expanded += len(name)
                if expanded > limits.EXPANDED_OCTETS:
                    raise _BrokenError("names that take long to read")
            else:
                name, offset = names.ROOT, offset + 1
            rtype, rclass, ttl, length = RECORD_TAIL.unpack_from(message, offset)
            offset += RECORD_TAIL.size + length
            if offset > len(message):
                raise _BrokenError("a record runs over the end of the message")
            if rtype == _OPT:
                if section != len(counts) - 1 or name != names.ROOT:
                    raise _BrokenError("an OPT record out of place")  # RFC 6891 6.1.1 and 6.1.2
                opts.append((rclass, ttl))
    return offset, opts
