"""DNS messages in any wording, right or wrong, for doctored timelines.

    query = asks("www.example.net", opt=opt(do=True), cd=True)
    reply = says(query, "www.example.net 60 A 192.0.2.1", opts=(opt(),), ra=True)

Written here octet by octet, with dnspython for RDATA only: what is wrong must be wrong as meant.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
from dnslib import CLASS, QTYPE, RCODE
from wire import Question, Wire

WWW = "www.example.net"


def asks(
    name: str = WWW,
    qtype: str = "A",
    *,
    identifier: int = 1,
    qclass: str = "IN",
    rd: bool = True,
    ad: bool = False,
    cd: bool = False,
    z: bool = False,
    ra: bool = False,
    opcode: int = 0,
    opt: bytes = b"",
    copies: int = 1,
) -> bytes:
    """A question."""
    flags = opcode << 11 | rd << 8 | ra << 7 | z << 6 | ad << 5 | cd << 4
    question = _name(name) + struct.pack("!HH", _qtype(qtype), getattr(CLASS, qclass))
    additional = copies if opt else 0
    return struct.pack("!6H", identifier, flags, 1, 0, 0, additional) + question + opt * additional


def says(
    query: bytes,
    *answer: str,
    authority: Iterable[str] = (),
    additional: Iterable[str] = (),
    rcode: str | int = "NOERROR",
    opts: tuple[bytes, ...] = (),
    question: bytes | None = None,
    opcode: int | None = None,
    **bits: bool,
) -> bytes:
    """A reply to the octets of a question; `bits` are header bits other than those copied."""
    identifier, flags = struct.unpack_from("!HH", query)
    if question is None:
        question = query[12 : _end_of_question(query)]
    flags = flags & 0x7910 | 0x8000
    for bit, place in {"aa": 10, "tc": 9, "rd": 8, "ra": 7, "z": 6, "ad": 5, "cd": 4}.items():
        if bit in bits:
            flags = flags & ~(1 << place) | bits[bit] << place
    if opcode is not None:
        flags = flags & ~0x7800 | opcode << 11
    code = rcode if isinstance(rcode, int) else int(getattr(RCODE, rcode))
    sections = [b"".join(map(_record, lines)) for lines in (answer, authority, additional)]
    counts = (
        int(bool(question)),
        len(answer),
        len(tuple(authority)),
        len(tuple(additional)) + len(opts),
    )
    return b"".join(
        (struct.pack("!6H", identifier, flags | code, *counts), question, *sections, *opts)
    )


def opt(
    size: int = 1232,
    *,
    do: bool = False,
    version: int = 0,
    flags: int = 0,
    extended_rcode: int = 0,
    options: Iterable[tuple[int, bytes]] = (),
) -> bytes:
    """An OPT record."""
    rdata = b"".join(struct.pack("!HH", code, len(octets)) + octets for code, octets in options)
    ttl = extended_rcode << 24 | version << 16 | do << 15 | flags
    return b"\0" + struct.pack("!HHIH", 41, size, ttl, len(rdata)) + rdata


def converse(wire: Wire, asker: str, to: str, query: bytes, *replies: bytes) -> Question:
    """A question with these octets, and these replies."""
    question = wire.ask(asker, to, payload=query)
    for reply in replies:
        wire.reply(question, payload=reply)
    return question


def resolved(
    wire: Wire,
    to: str,
    server: str,
    query: bytes,
    upstream: bytes | None,
    *answer: str,
    **how: object,
) -> None:
    """The viewer asks, its server asks another one the same and is told `upstream` (None: nothing),
    and answers."""
    asked = wire.ask("viewer", to, payload=query)
    question = wire.ask("dns", server, payload=query)
    if upstream is not None:
        wire.reply(question, payload=upstream)
    wire.reply(asked, payload=says(query, *answer, **how))  # type: ignore[arg-type]


def _record(line: str) -> bytes:
    owner, ttl, rtype, *rest = line.split(" ", 3)
    text = rest[0] if rest else ""
    kind = dns.rdatatype.from_text(rtype)
    rdata = dns.rdata.from_text(dns.rdataclass.IN, kind, text).to_wire() or b""
    return _name(owner) + struct.pack("!HHIH", kind, 1, int(ttl), len(rdata)) + rdata


def _name(text: str) -> bytes:
    return dns.name.from_text(text).to_wire() or b""


def _qtype(text: str) -> int:
    return int(text[4:]) if text.startswith("TYPE") else int(getattr(QTYPE, text))


def _end_of_question(query: bytes) -> int:
    place = 12
    while place < len(query) and query[place]:
        place += 1 + query[place]
    return min(place + 5, len(query))
