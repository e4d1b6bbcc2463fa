"""What a DNS message holds beyond what matches it to others: records, OPT, the question as written.

The reader of `dns_message` wants a whole message or none. This one takes what can be read up to
the first fault, and says that there was one: a judge looks at hostile messages too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import dns.exception
import dns.name
import dns.rdata
import dns.wire
from dnslib import CLASS, QTYPE

_HEADER_OCTETS = 12
_OPT = 41


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """One resource record, as it stood in a message."""

    owner: str
    """Lower case, no final dot; "." is the root."""
    rtype: str
    """"A", "TYPE65280"."""
    rclass: str
    """"IN"; in an OPT record the size, "CLASS1232"."""
    ttl: int
    """In seconds; 0 to 2**32 - 1, as on the wire."""
    rdata: str
    """As in a master file; in the generic form of RFC 3597 5 where its bytes are no such RDATA."""
    wire: bytes
    """RDATA with its names written out in full, in the case they had; as it came where it cannot
    be read (RFC 3597 4: names of unknown types are never compressed)."""


@dataclass(frozen=True, slots=True)
class Opt:
    """An OPT record (RFC 6891 6.1)."""

    size: int
    """Octets of UDP payload its sender can take."""
    version: int
    do: bool
    flags: int
    """The fifteen flags beside DO."""
    options: tuple[tuple[int, bytes], ...]
    """Codes and their octets, in order; up to the first that does not fit."""

    @property
    def codes(self) -> tuple[int, ...]:
        """The option codes, in order."""
        return tuple(code for code, _ in self.options)


@dataclass(frozen=True, slots=True)
class Sections:
    """Everything behind the header, as far as it can be read."""

    counts: tuple[int, int, int, int]
    """Of questions, answer, authority and additional records, as the header promises."""
    question_wire: bytes
    """The question section as its sender wrote it, letter for letter."""
    answers: tuple[DnsRecord, ...]
    authority: tuple[DnsRecord, ...]
    additional: tuple[DnsRecord, ...]
    """Without OPT, which is no datum of anybody's."""
    opts: tuple[Opt, ...]
    """The OPT records, wherever they stand; more than one is an error of the sender's."""
    complete: bool
    """Whether the bytes hold what the header promises, and no more."""


_NOTHING = Sections((0, 0, 0, 0), b"", (), (), (), (), complete=False)


# Retransmissions, and answers from a cache, come again and again.
@lru_cache(maxsize=8192)
def sections_of(after_id: bytes) -> Sections:
    """The sections of a message, given all of it behind its ID; never raises."""
    if len(after_id) + 2 < _HEADER_OCTETS:
        return _NOTHING
    payload = b"\0\0" + after_id
    numbers = [int.from_bytes(payload[place : place + 2]) for place in (4, 6, 8, 10)]
    found: tuple[list[DnsRecord], ...] = ([], [], [])
    opts: list[Opt] = []
    parser = dns.wire.Parser(payload, _HEADER_OCTETS)
    end_of_question = _HEADER_OCTETS
    complete = False
    try:
        for _ in range(numbers[0]):
            dns.name.from_wire_parser(parser)
            parser.get_bytes(4)
            end_of_question = parser.current
        for records, count in zip(found, numbers[1:], strict=True):
            for _ in range(count):
                each = _read(parser)
                (opts if isinstance(each, Opt) else records).append(each)  # type: ignore[arg-type]  # mypy joins the two lists
        complete = parser.remaining() == 0
    except (dns.exception.DNSException, ValueError):
        pass  # what came before the fault still counts
    question_wire = payload[_HEADER_OCTETS:end_of_question]
    answers, authority, additional = (tuple(records) for records in found)
    first, second, third, fourth = numbers
    return Sections(
        (first, second, third, fourth),
        question_wire,
        answers,
        authority,
        additional,
        tuple(opts),
        complete,
    )


def type_text(number: int) -> str:
    """A type's name: "A", "TYPE65280"."""
    return str(QTYPE.forward.get(number, f"TYPE{number}"))


def class_text(number: int) -> str:
    """A class's name: "IN", "CLASS1232"."""
    return str(CLASS.forward.get(number, f"CLASS{number}"))


def _read(parser: dns.wire.Parser) -> DnsRecord | Opt:
    owner = dns.name.from_wire_parser(parser)
    rtype, rclass, ttl, length = parser.get_struct("!HHIH")
    start = parser.current
    octets = parser.get_bytes(length)
    if rtype == _OPT:
        flags = ttl & 0xFFFF
        return Opt(
            rclass,
            (ttl >> 16) & 0xFF,
            bool(flags & 0x8000),
            flags & 0x7FFF,
            tuple(_options(octets)),
        )
    text, wire = _rdata(rtype, rclass, parser.wire, start, octets)
    name = owner.to_text(omit_final_dot=True).lower()
    return DnsRecord(name, type_text(rtype), class_text(rclass), ttl, text, wire)


def _rdata(rtype: int, rclass: int, payload: bytes, start: int, octets: bytes) -> tuple[str, bytes]:
    try:
        rdata = dns.rdata.from_wire(rclass, rtype, payload, start, len(octets))  # type: ignore[arg-type]  # numbers will do
        return rdata.to_text(), rdata.to_wire() or b""
    except (dns.exception.DNSException, ValueError):
        return f"\\# {len(octets)} {octets.hex()}".rstrip(), octets


def _options(octets: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 4 <= len(octets):
        code = int.from_bytes(octets[place : place + 2])
        end = place + 4 + int.from_bytes(octets[place + 2 : place + 4])
        if end > len(octets):
            return
        yield code, octets[place + 4 : end]
        place = end
