"""The octets of a scripted server's reply, right or wrong as its `Reply` says."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from lab.scenario.record_line import read_record
from lab.scenario.scripts import Reply, ReplyFault
from lab.values import rcode_number

_HEADER_OCTETS = 12
_LARGEST = 65_535
_EDNS_OCTETS = 1232
_OTHER_NAME = dns.name.from_text("other.invalid.")


def reply_octets(reply: Reply, query: dns.message.Message) -> bytes:
    """What the reply to this question is on the wire. The question is well formed."""
    message = _message(reply, query)
    if reply.fault in {"bad-pointer", "cut-rdata"}:
        return _with_broken_record(message, reply.fault)
    return _disturbed(message, query, reply.fault)


def _message(reply: Reply, query: dns.message.Message) -> dns.message.Message:
    asked = query.question[0]
    message = dns.message.Message(query.id)
    # RFC 6840 5.8: AD is not copied; RFC 4035 3.2.2: CD is.
    message.flags = dns.flags.QR | query.flags & (dns.flags.RD | dns.flags.CD)
    message.set_opcode(query.opcode())
    for flag, is_set in (
        (dns.flags.AA, reply.authoritative),
        (dns.flags.RA, reply.recursion_available),
        (dns.flags.AD, reply.authenticated),
        (dns.flags.TC, reply.truncated),
    ):
        message.flags |= flag if is_set else 0
    message.question = list(query.question)
    message.answer = _records(reply.answer, asked.name)
    message.authority = _records(reply.authority, asked.name)
    message.additional = _records(reply.additional, asked.name)
    if reply.echoes_edns and query.edns >= 0:
        # RFC 6891 6.1.4: the DO bit is copied.
        message.use_edns(0, query.ednsflags & dns.flags.DO, _EDNS_OCTETS)
    message.set_rcode(dns.rcode.Rcode(rcode_number(reply.rcode)))
    return message


def _records(lines: Iterable[str], asked: dns.name.Name) -> list[dns.rrset.RRset]:
    """A set for each record, so that they leave in the order of their lines."""
    records = map(_read, lines)
    return [
        dns.rrset.from_rdata(asked if each.owner is None else each.owner, each.ttl_s, each.rdata)
        for each in records
    ]


_read = lru_cache(maxsize=1024)(read_record)


def _disturbed(
    message: dns.message.Message, query: dns.message.Message, fault: ReplyFault | None
) -> bytes:
    """The message, its ID, question or counts wrong if the fault says so."""
    asked = query.question[0]
    name, rdtype, rdclass = asked.name, asked.rdtype, asked.rdclass
    match fault:
        case "wrong-id":
            message.id = (query.id + 1) % 65_536
        case "other-name":
            name = _OTHER_NAME
        case "other-type":
            is_text = rdtype == dns.rdatatype.TXT
            rdtype = dns.rdatatype.A if is_text else dns.rdatatype.TXT
        case "other-class":
            is_chaos = rdclass == dns.rdataclass.CH
            rdclass = dns.rdataclass.IN if is_chaos else dns.rdataclass.CH
    questions = [dns.rrset.RRset(name, rdclass, rdtype)]
    message.question = [] if fault == "no-question" else questions
    octets = message.to_wire(max_size=_LARGEST)
    match fault:
        case "wrong-counts":
            return _with_answer_count(octets, _answer_count(octets) + 1)
        case "zero-octets":
            return octets[:2] + bytes(len(octets) - 2)
        case "empty":
            return b""
        case _:
            return octets


def _with_broken_record(message: dns.message.Message, fault: ReplyFault) -> bytes:
    """The message with the first record of its answer, and that one broken."""
    record = message.answer[0]
    message.answer, message.authority, message.additional = [], [], []
    message.use_edns(False)
    head = _with_answer_count(message.to_wire(max_size=_LARGEST), 1)
    whole = record[0].to_wire() or b""
    # RFC 1035 4.1.4: a pointer names a prior occurrence; this one names itself.
    itself = struct.pack("!H", 0xC000 | len(head))
    owner = itself if fault == "bad-pointer" else record.name.to_wire() or b""
    fields = struct.pack("!HHIH", record.rdtype, record.rdclass, record.ttl, len(whole))
    rdata = whole if fault == "bad-pointer" else whole[:-1]
    return head + owner + fields + rdata


def _answer_count(octets: bytes) -> int:
    return int.from_bytes(octets[6:8], "big")


def _with_answer_count(octets: bytes, count: int) -> bytes:
    return octets[:6] + struct.pack("!H", count) + octets[8:]
