"""DNS messages as they travelled, over UDP and TCP."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from dnslib import CLASS, QTYPE, RCODE, RR, DNSRecord

from lab.observe.passage import Passage, Trip
from lab.observe.sighting import Tcp, Udp
from resolver.machine import Endpoint, Instant, Transport

DNS_PORT = 53

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


@dataclass(eq=False)
class DnsMessage:
    """One DNS message from the node that asked or answered to the node where it ended.

    Routers and a NAT that pass it on do not make it another message; a server that asks on behalf
    of somebody does.
    """

    trips: tuple[Trip, ...]
    """The packets that carried it: one, or the segments of a stream."""
    transport: Transport
    payload: bytes
    """Without the length that goes before it in a stream."""
    complete: bool = True
    """False when a stream ended, or lost bytes for good, in the middle of it."""

    @property
    def passages(self) -> tuple[Passage, ...]:
        """Every link it crossed."""
        return tuple(passage for trip in self.trips for passage in trip.passages)

    @property
    def frames(self) -> tuple[int, ...]:
        """Frame numbers along its way."""
        return tuple(frame for trip in self.trips for frame in trip.frames)

    @property
    def sender(self) -> str | None:
        """The node that sent it."""
        return self.trips[0].sender

    @cached_property
    def receiver(self) -> str | None:
        """The node where it ended; None when it never arrived in full."""
        return None if self.arrived_at is None else self.trips[-1].receiver

    @cached_property
    def source(self) -> Endpoint:
        """As the sender wrote it."""
        return _endpoints(self.trips[0].passages[0])[0]

    @cached_property
    def destination(self) -> Endpoint:
        """As the sender wrote it."""
        return _endpoints(self.trips[0].passages[0])[1]

    @cached_property
    def arrived_source(self) -> Endpoint:
        """As the receiver saw it: another address when a NAT translated it on the way."""
        return _endpoints(self.trips[0].passages[-1])[0]

    @cached_property
    def arrived_destination(self) -> Endpoint:
        """As the receiver saw it."""
        return _endpoints(self.trips[0].passages[-1])[1]

    @property
    def sent_at(self) -> Instant | None:
        """When its first byte left the sender; None when that was not seen."""
        return self.trips[0].sent_at

    @cached_property
    def arrived_at(self) -> Instant | None:
        """When its last byte arrived; None when it never did."""
        arrivals = [trip.arrived_at for trip in self.trips]
        known = [arrival for arrival in arrivals if arrival is not None]
        return max(known) if self.complete and len(known) == len(arrivals) else None

    @property
    def at(self) -> Instant:
        """When it was first seen."""
        return self.trips[0].at

    @property
    def id(self) -> int:
        """The ID of RFC 1035 4.1.1; 0 where the payload is too short for one."""
        return int.from_bytes(self.payload[:2]) if len(self.payload) >= 2 else 0

    @cached_property
    def content(self) -> DnsContent:
        """Everything else it says; its parts are attributes of the message too."""
        return _content(self.payload[2:], self.source.port == DNS_PORT)

    @property
    def is_reply(self) -> bool:
        """QR."""
        return self.content.is_reply

    @property
    def name(self) -> str:
        """QNAME, as `DnsContent` has it."""
        return self.content.name

    @property
    def qtype(self) -> str:
        """QTYPE."""
        return self.content.qtype

    @property
    def qclass(self) -> str:
        """QCLASS."""
        return self.content.qclass

    @property
    def question(self) -> tuple[str, str, str]:
        """Name, type and class: what a reply must repeat (RFC 5452 9.1)."""
        return self.content.name, self.content.qtype, self.content.qclass

    @property
    def rcode(self) -> str:
        """RCODE."""
        return self.content.rcode

    @property
    def aa(self) -> bool:
        """Authoritative answer."""
        return self.content.aa

    @property
    def tc(self) -> bool:
        """Truncated."""
        return self.content.tc

    @property
    def rd(self) -> bool:
        """Recursion desired."""
        return self.content.rd

    @property
    def ra(self) -> bool:
        """Recursion available."""
        return self.content.ra

    @property
    def ad(self) -> bool:
        """Authentic data."""
        return self.content.ad

    @property
    def cd(self) -> bool:
        """Checking disabled."""
        return self.content.cd

    @property
    def edns(self) -> bool:
        """Whether it has an OPT record."""
        return self.content.edns

    @property
    def addresses(self) -> tuple[str, ...]:
        """Answered addresses, in order."""
        return self.content.addresses

    @property
    def ttls(self) -> tuple[int, ...]:
        """Their TTLs, in seconds."""
        return self.content.ttls

    @property
    def soa(self) -> bool:
        """Whether the authority section holds an SOA."""
        return self.content.soa

    @property
    def malformed(self) -> bool:
        """Whether its bytes are no DNS message."""
        return self.content.malformed


def messages_over_udp(trips: Iterable[Trip]) -> list[DnsMessage]:
    """The datagrams among these packets that go to port 53 or come from it."""
    return [
        DnsMessage((trip,), Transport.UDP, trip.ip.transport.payload)
        for trip in trips
        if isinstance(trip.ip.transport, Udp) and concerns_dns(trip.ip.transport)
    ]


def concerns_dns(transport: Udp | Tcp) -> bool:
    """Whether a datagram or segment goes to port 53 or comes from it."""
    return DNS_PORT in {transport.source_port, transport.destination_port}


def _endpoints(passage: Passage) -> tuple[Endpoint, Endpoint]:
    source, destination = passage.ip.sender, passage.ip.receiver
    assert source is not None  # noqa: S101 - only UDP and TCP carry messages
    assert destination is not None  # noqa: S101 - likewise
    return source, destination


# Messages repeat one another but for their ID, which is left out of the key.
@lru_cache(maxsize=8192)
def _content(after_id: bytes, from_dns_port: bool) -> DnsContent:
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
        qtype=""
        if question is None
        else str(QTYPE.forward.get(question.qtype, f"TYPE{question.qtype}")),
        qclass=""
        if question is None
        else str(CLASS.forward.get(question.qclass, f"CLASS{question.qclass}")),
        rcode=_rcode_text(extended | flags & 15),
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
        rcode=_rcode_text(flags & 15),
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


def _rcode_text(code: int) -> str:
    return str(RCODE.forward.get(code, f"RCODE{code}"))
