"""Messages of the usual form, read in one go.

Most questions are of one form, and most replies to those that were forwarded. Here these are read,
and whatever else comes is left to the general readers (`message_reading`): None says nothing of a
message but that they are to look at it. What is read here, they would read the same.
"""

from __future__ import annotations

import struct
from typing import Final, TypeAlias

from resolver.dns import names
from resolver.dns.message_format import (
    AD,
    CD,
    DO,
    HEADER,
    HEADER_OCTETS,
    OPCODE,
    QR,
    QUESTION_POINTER,
    QUESTION_TAIL,
    RD,
    RECORD_TAIL,
    TC,
)
from resolver.dns.records import IN, NAMED_TYPES, RDATA_OCTETS, Record
from resolver.machine import ID_OCTETS

PlainQuestion: TypeAlias = tuple[str, int, int, int, bool, bool]
"""Of class IN, with RD: the name, case kept; the type; where the question section ends; the OPT
record's size, -1 where there is none; DO; CD."""

_HEADERS: Final = {
    struct.pack("!HHHHH", RD | more, 1, 0, 0, opts): (more & CD != 0, opts == 1)
    for more in (0, CD, AD, CD | AD)
    for opts in (0, 1)
}
"""A question's header behind the ID: whether CD is set, and whether an OPT record follows."""

_OPT: Final = struct.Struct("!3sHIH")
_OPT_OWNER: Final = b"\0\0\x29"
"""The root, and the type."""
_NO_OPT: Final = (_OPT_OWNER, -1, 0, 0)

_NOT_PLAIN: Final = QR | OPCODE | TC | 0xF
"""Bits of a reply's flags of which only QR may be set."""

_BEFORE_RDATA: Final = len(QUESTION_POINTER) + RECORD_TAIL.size

_LARGEST_TTL: Final = (1 << 31) - 1


def read_plain_question(message: bytes) -> PlainQuestion | None:
    """A client's message with nothing but a question for class IN, and perhaps an OPT record
    without options."""
    form = _HEADERS.get(message[ID_OCTETS:HEADER_OCTETS])
    if form is None:
        return None
    cd, has_opt = form
    end = len(message) - _OPT.size if has_opt else len(message)
    root = end - QUESTION_TAIL.size - 1
    labels = []
    offset = HEADER_OCTETS
    while offset < root:
        length = message[offset]
        if length > names.MAX_LABEL or length == 0:
            return None
        start = offset + 1
        offset = start + length
        labels.append(message[start:offset])
    if offset != root or message[root] or root - HEADER_OCTETS >= names.MAX_NAME:
        return None
    qtype, qclass = QUESTION_TAIL.unpack_from(message, root + 1)
    owner, size, ttl, length = _OPT.unpack_from(message, end) if has_opt else _NO_OPT
    if qclass != IN or owner != _OPT_OWNER or ttl & ~DO or length:
        return None
    return names.joined(labels), qtype, end, size, ttl != 0, cd


def read_plain_answers(
    message: bytes, question: bytes, name: str, rtype: int
) -> tuple[tuple[Record, ...], bytes] | None:
    """The RRset in a reply that holds it and nothing else to be weighed: no error, no alias, no
    authority section, no additional record but OPT; and the answer section as it stands there.

    `question` is the question section that was sent, for `name` and `rtype` in class IN.
    """
    offset = HEADER_OCTETS + len(question)
    if len(message) <= offset or not message.startswith(question, HEADER_OCTETS):
        return None
    _, flags, questions, answers, authorities, additionals = HEADER.unpack_from(message)
    if flags & _NOT_PLAIN != QR or questions != 1 or not answers or authorities:
        return None
    read = _read_rrset(message, offset, answers, name, rtype)
    if read is None or not _ends_plainly(message, read[1], additionals):
        return None
    return read[0], message[offset : read[1]]


def _read_rrset(
    message: bytes, offset: int, count: int, name: str, rtype: int
) -> tuple[tuple[Record, ...], int] | None:
    """The records, each owned by the question's name, and where they end."""
    octets = len(message)
    records = []
    for _ in range(count):
        start = offset + _BEFORE_RDATA
        if start > octets or not message.startswith(QUESTION_POINTER, offset):
            return None
        found, rclass, ttl, length = RECORD_TAIL.unpack_from(message, offset + 2)
        offset = start + length
        if found != rtype or rclass != IN or ttl > _LARGEST_TTL or offset > octets:
            return None
        if rtype in NAMED_TYPES or RDATA_OCTETS.get(rtype, length) != length:
            return None
        records.append(Record(name, rtype, ttl, message[start:offset]))
    return tuple(records), offset


def _ends_plainly(message: bytes, offset: int, additionals: int) -> bool:
    """Whether an additional section holds nothing but an OPT record that says nothing."""
    if additionals != 1:
        return additionals == 0
    if offset + _OPT.size > len(message):
        return False
    owner, _, ttl, length = _OPT.unpack_from(message, offset)
    whole: bool = offset + _OPT.size + length <= len(message)
    return whole and owner == _OPT_OWNER and ttl >> 24 == 0
