"""One packet of a ladder, decoded for people: who sent what to whom, and what a NAT made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.observe.dns_message import DnsMessage
from lab.observe.dns_record import DnsRecord
from lab.observe.hop import Hop
from lab.observe.sighting import Icmp, Ip, Tcp, Udp
from lab.report.wording import duration, printable
from resolver.machine import MILLISECOND

_MOST_RECORDS = 6
"""So many records of a section are shown; a page must fit a screen."""
_MOST_CHARACTERS = 90
_FLAG_ORDER = ("SYN", "ACK", "FIN", "RST", "PSH", "URG", "ECE", "CWR")
_HEADER_FLAGS = ("aa", "tc", "rd", "ra", "ad", "cd")


@dataclass(frozen=True, slots=True)
class Field:
    """A line about a packet."""

    label: str
    """"frame", "IP", "UDP", "asked", "answer", "NAT"."""
    text: str


@dataclass(frozen=True, slots=True)
class PacketView:
    """A packet as its page shows it."""

    fields: tuple[Field, ...]
    words: tuple[str, ...]
    """Words of the field that it shows, as the glossary has them, in order of appearance."""


def packet_view(hop: Hop, message: DnsMessage | None, before: Hop | None) -> PacketView:
    """Decode the packet of a hop. `message`: the DNS message it carries, or begins to carry;
    `before`: the hop before the NAT, where this is the hop behind it."""
    fields: list[Field] = []
    words: list[str] = []
    for label, text, known in _lines(hop, message, before):
        fields.append(Field(label, printable(text)))
        words.extend(known)
    return PacketView(tuple(fields), tuple(words))


_Line = tuple[str, str, tuple[str, ...]]


def _lines(hop: Hop, message: DnsMessage | None, before: Hop | None) -> Iterator[_Line]:
    ip = hop.passages[0].ip
    on_its_way = "never arrived" if hop.took_ns is None else _took(hop.took_ns)
    yield "frame", f"{hop.frame} · {hop.sender} → {hop.receiver} · {on_its_way}", ()
    if before is not None:
        yield from _translation(before.passages[-1].ip, ip)
    else:
        yield _ip(ip)
    yield from _transport(ip)
    if message is not None:
        yield from _dns(message)


def _took(took_ns: int) -> str:
    return f"{duration(took_ns / MILLISECOND)} on its way"


def _ip(ip: Ip) -> _Line:
    return (
        f"IPv{ip.version}",
        f"{ip.source} → {ip.destination}, time to live {ip.ttl}",
        ("time to live",),
    )


def _translation(before: Ip, after: Ip) -> Iterator[_Line]:
    words = ("NAT", "alias address", "real address")
    yield "before", f"{_ends(before)}, time to live {before.ttl}", ("time to live",)
    yield "after", f"{_ends(after)}, time to live {after.ttl}", words
    if before.destination != after.destination:
        yield "NAT", f"destination {before.destination} becomes {after.destination}", ()
    if before.source != after.source:
        yield "NAT", f"source {before.source} becomes {after.source}", ()


def _ends(ip: Ip) -> str:
    return f"{ip.sender or ip.source} → {ip.receiver or ip.destination}"


def _transport(ip: Ip) -> Iterator[_Line]:
    match ip.transport:
        case Udp() as udp:
            ports = f"port {udp.source_port} → {udp.destination_port}"
            yield "UDP", f"{ports}, {_checksum(udp.checksum_right)}", ("UDP", "port")
        case Tcp() as tcp:
            flags = " ".join(flag for flag in _FLAG_ORDER if flag in tcp.flags)
            text = f"port {tcp.source_port} → {tcp.destination_port}, {flags or 'no flags'}"
            text += f", sequence {tcp.sequence}"
            if "ACK" in tcp.flags:
                text += f", acknowledges {tcp.acknowledgement}"
            yield "TCP", f"{text}, {_checksum(tcp.checksum_right)}", ("TCP", "port", *_kinds(tcp))
            if tcp.payload and 53 not in {tcp.source_port, tcp.destination_port}:
                line = tcp.payload.strip().decode(errors="replace").splitlines() or [""]
                yield "data", f"“{_shortened(line[0])}”", ()
        case Icmp() as icmp:
            about = ""
            if icmp.embedded is not None:
                about = f", about the packet {_ends(icmp.embedded)}"
            yield "ICMP", f"type {icmp.type} code {icmp.code}{about}", ("ICMP",)
        case None:
            yield "data", f"{ip.length} octets of protocol {ip.protocol}", ()


def _kinds(tcp: Tcp) -> Iterator[str]:
    if "SYN" in tcp.flags:
        yield "SYN-ACK" if "ACK" in tcp.flags else "SYN"
    if "RST" in tcp.flags:
        yield "RST"


def _checksum(right: bool) -> str:
    return "checksum right" if right else "CHECKSUM WRONG"


def _dns(message: DnsMessage) -> Iterator[_Line]:
    flags = [flag.upper() for flag in _HEADER_FLAGS if getattr(message, flag)]
    kind = "reply" if message.is_reply else "question"
    told = [f"ID {message.id:#06x}", *([f"flags {' '.join(flags)}"] if flags else [])]
    if message.is_reply:
        told.append(message.rcode)
    if message.malformed:
        told.append("malformed")
    yield "DNS", f"{kind}, {', '.join(told)}", ("ID", *flags, message.rcode)
    if message.name:
        text = f"{message.name}  {message.qclass}  {message.qtype}"
        yield "asked", text, (message.qtype,)
    for label, records in (
        ("answer", message.answers),
        ("authority", message.authority),
        ("additional", message.additional),
    ):
        for record in records[:_MOST_RECORDS]:
            yield label, _record(record), ("TTL", record.rtype)
        if len(records) > _MOST_RECORDS:
            yield label, f"… and {len(records) - _MOST_RECORDS} more", ()
    if message.opt is not None:
        do = ", DO" if message.opt.do else ""
        yield "OPT", f"datagrams of up to {message.opt.size} octets{do}", ("OPT",)


def _record(record: DnsRecord) -> str:
    return f"{record.owner or '.'}  TTL {record.ttl}  {record.rtype}  {_shortened(record.rdata)}"


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
