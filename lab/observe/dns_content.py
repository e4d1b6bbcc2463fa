"""What a DNS message says: header, question, and the addresses it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from dnslib import RR, DNSRecord

from lab.observe.dns_record import class_text, type_text
from lab.values import rcode_name

_A = 1
_CNAME = 5
_AAAA = 28
_SOA = 6
_OPT = 41


@dataclass(frozen=True, slots=True)
class DnsContent:
    """What a message says, but for its ID."""

    is_reply: bool
    name: str
    """QNAME, lower case, no final dot; "." is the root, "" a message without a question."""
    qtype: str
    """"A", "TYPE65280"."""
    qclass: str
    rcode: str
    """"NOERROR", "RCODE23"; with the bits of an OPT record (RFC 6891 6.1.3)."""
    aa: bool
    tc: bool
    rd: bool
    ra: bool
    ad: bool
    cd: bool
    edns: bool
    addresses: tuple[str, ...]
    """Of the A and AAAA records of the answer section that belong to QNAME, or to where its
    aliases lead, in its order."""
    ttls: tuple[int, ...]
    """Of the same records, in seconds."""
    soa: bool
    """Whether the authority section holds an SOA (RFC 2308 3)."""
    malformed: bool
    """The bytes are no DNS message: only what the header says can be trusted."""


# Messages repeat one another but for their ID, which is left out of the key.
@lru_cache(maxsize=8192)
def content_of(after_id: bytes, from_dns_port: bool) -> DnsContent:
    """What a message says, given all of it behind its ID; never raises. `from_dns_port`: what has
    not even a header is taken for a reply."""
    if len(after_id) < 10:
        return _malformed(0x8000 if from_dns_port else 0)
    flags = int.from_bytes(after_id[:2])
    try:
        message = DNSRecord.parse(b"\0\0" + after_id)
    except Exception:  # noqa: BLE001 - whatever hostile bytes make the parser raise, they are no message
        return _malformed(flags)
    question = message.questions[0] if message.questions else None
    options = [record for record in message.ar if record.rtype == _OPT]
    extended = (options[0].ttl >> 24) << 4 if options else 0
    answers = _addresses_of(message)
    return DnsContent(
        is_reply=bool(flags & 0x8000),
        name="" if question is None else (str(question.qname).lower().removesuffix(".") or "."),
        qtype="" if question is None else type_text(question.qtype),
        qclass="" if question is None else class_text(question.qclass),
        rcode=rcode_name(extended | flags & 15),
        aa=bool(flags & 0x0400),
        tc=bool(flags & 0x0200),
        rd=bool(flags & 0x0100),
        ra=bool(flags & 0x0080),
        ad=bool(flags & 0x0020),
        cd=bool(flags & 0x0010),
        edns=bool(options),
        addresses=tuple(str(record.rdata) for record in answers),
        ttls=tuple(record.ttl for record in answers),
        soa=any(record.rtype == _SOA for record in message.auth),
        malformed=False,
    )


def _addresses_of(message: DNSRecord) -> list[RR]:
    """The address records that answer the question: a record of another name answers nothing."""
    if not message.questions:
        return []
    asked = {str(message.questions[0].qname).lower()}
    answers = []
    for record in message.rr:
        if str(record.rname).lower() not in asked:
            continue
        if record.rtype == _CNAME:
            asked.add(str(record.rdata.label).lower())
        elif record.rtype in {_A, _AAAA}:
            answers.append(record)
    return answers


def _malformed(flags: int) -> DnsContent:
    return DnsContent(
        is_reply=bool(flags & 0x8000),
        name="",
        qtype="",
        qclass="",
        rcode=rcode_name(flags & 15),
        aa=bool(flags & 0x0400),
        tc=bool(flags & 0x0200),
        rd=bool(flags & 0x0100),
        ra=bool(flags & 0x0080),
        ad=bool(flags & 0x0020),
        cd=bool(flags & 0x0010),
        edns=False,
        addresses=(),
        ttls=(),
        soa=False,
        malformed=True,
    )
