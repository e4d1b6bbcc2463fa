"""Resource records: owner, type, class, TTL, and RDATA as bytes that are never interpreted twice.

RDATA is opaque (RFC 3597 3) but for the names inside the types that may hold compressed ones: those
are written out in full when a record is read, so a record can stand in any message.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

from resolver.dns import names


class Type(IntEnum):
    """The record types this resolver treats as more than bytes."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    MX = 15
    TXT = 16
    AAAA = 28
    SRV = 33
    DNAME = 39
    OPT = 41
    DS = 43
    RRSIG = 46
    NSEC = 47
    NSEC3 = 50
    TKEY = 249
    AXFR = 252
    ANY = 255


IN = 1
"""The Internet class (RFC 1035 3.2.4)."""

ADDRESS_TYPES = frozenset({Type.A, Type.AAAA})
PROOF_TYPES = frozenset({Type.RRSIG, Type.NSEC, Type.NSEC3})
META_TYPES = frozenset({0, Type.OPT, *range(128, 256)}) - {Type.ANY}
"""RFC 6895 3.1: types that stand for no data (transfers, signatures over messages)."""

_TTL_LIMIT = 1 << 31

RDATA_OCTETS: dict[int, int] = {1: 4, 28: 16}
"""Of the types whose RDATA has one length: A and AAAA."""

# RFC 3597 4: the types whose RDATA may hold compressed names: octets before the names, how many
# names, octets behind them (None: any number).
_names_in_rdata: dict[int, tuple[int, int, int | None]] = {
    2: (0, 1, 0),  # NS
    3: (0, 1, 0),  # MD
    4: (0, 1, 0),  # MF
    5: (0, 1, 0),  # CNAME
    6: (0, 2, 20),  # SOA
    7: (0, 1, 0),  # MB
    8: (0, 1, 0),  # MG
    9: (0, 1, 0),  # MR
    12: (0, 1, 0),  # PTR
    14: (0, 2, 0),  # MINFO
    15: (2, 1, 0),  # MX
    17: (0, 2, 0),  # RP
    18: (2, 1, 0),  # AFSDB
    21: (2, 1, 0),  # RT
    24: (18, 1, None),  # SIG
    26: (2, 2, 0),  # PX
    30: (0, 1, None),  # NXT
    33: (6, 1, 0),  # SRV
    36: (2, 1, 0),  # KX
    39: (0, 1, 0),  # DNAME
}
_NAPTR = 35

NAMED_TYPES = frozenset({_NAPTR, *_names_in_rdata})
"""Types whose RDATA may hold compressed names."""


class Record(NamedTuple):
    """One resource record.

    A named tuple, as everything is of which a question makes several: as frozen as a frozen
    dataclass, and made in a third of the time.
    """

    name: str
    """The owner, case kept."""
    rtype: int
    ttl: int
    """Seconds."""
    rdata: bytes
    """As on the wire, without compression."""
    rclass: int = IN

    @property
    def target(self) -> str:
        """The name that a CNAME, NS, PTR or DNAME record leads to."""
        return names.from_wire(self.rdata, 0)[0]


class MalformedRecord(ValueError):
    """A record whose RDATA breaks its type's form."""


def negative_ttl(soa: Record) -> int:
    """How long a negative answer with this SOA holds, in seconds.

    RFC 2308 3 and 5: the lower of the SOA's own TTL and its MINIMUM field, the last four octets.
    """
    (minimum,) = struct.unpack("!I", soa.rdata[-4:])
    return min(soa.ttl, sane_ttl(minimum))


def sane_ttl(ttl: int) -> int:
    """RFC 2181 8: a TTL with its top bit set counts as zero."""
    return ttl if ttl < _TTL_LIMIT else 0


def with_ttl(records: tuple[Record, ...], ttl: int) -> tuple[Record, ...]:
    """The same records with another TTL."""
    if all([record.ttl == ttl for record in records]):  # noqa: C419 - a list is quicker
        return records
    return tuple(
        [Record(name, rtype, ttl, rdata, rclass) for name, rtype, _, rdata, rclass in records]
    )


def covered_type(rrsig: Record) -> int:
    """The type of the RRset that an RRSIG record signs (RFC 4034 3.1.1)."""
    return int.from_bytes(rrsig.rdata[:2], "big")


def read_rdata(message: bytes, start: int, end: int, rtype: int) -> bytes:
    """The RDATA in `message[start:end]`, its names uncompressed.

    Raises MalformedRecord or MalformedName.
    """
    if RDATA_OCTETS.get(rtype, end - start) != end - start:
        raise MalformedRecord(f"an address of {end - start} octets")
    behind: int | None = 0
    if rtype == _NAPTR:
        # RFC 3403 4.1: order, preference, three character-strings, then a name.
        names_at = start + 4
        for _ in range(3):
            if names_at >= end:
                raise MalformedRecord("NAPTR RDATA is cut short")
            names_at += 1 + message[names_at]
        count = 1
    elif rtype in _names_in_rdata:
        before, count, behind = _names_in_rdata[rtype]
        names_at = start + before
    else:
        return message[start:end]

    parts = [message[start:names_at]]
    offset = names_at
    for _ in range(count):
        name, offset = names.from_wire(message, offset)
        parts.append(names.to_wire(name))
    if offset > end or behind not in (None, end - offset):
        raise MalformedRecord("the names do not fit their RDATA")
    parts.append(message[offset:end])
    return b"".join(parts)
