"""DNS messages as they travelled, over UDP and TCP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from lab.observe.dns_content import DnsContent, content_of
from lab.observe.dns_record import DnsRecord, Opt, Sections, sections_of
from lab.observe.fragments import datagrams_in_pieces
from lab.observe.passage import Passage, Trip
from lab.observe.sighting import Tcp, Udp
from resolver.machine import Endpoint, Instant, Transport

DNS_PORT = 53


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
        return content_of(self.payload[2:], self.source.port == DNS_PORT)

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

    @cached_property
    def sections(self) -> Sections:
        """Its records and OPT, as far as they can be read, whether malformed or not."""
        return sections_of(self.payload[2:])

    @property
    def answers(self) -> tuple[DnsRecord, ...]:
        """The answer section."""
        return self.sections.answers

    @property
    def authority(self) -> tuple[DnsRecord, ...]:
        """The authority section."""
        return self.sections.authority

    @property
    def additional(self) -> tuple[DnsRecord, ...]:
        """The additional section, without OPT."""
        return self.sections.additional

    @property
    def opt(self) -> Opt | None:
        """Its first OPT record."""
        return self.sections.opts[0] if self.sections.opts else None

    @property
    def is_bare_error(self) -> bool:
        """Whether it tells an error and no question: an unknown OPCODE's sections need not come
        back (RFC 8906 8.1.4), those of a broken message cannot."""
        return (
            self.is_reply
            and self.rcode in {"FORMERR", "NOTIMP"}
            and self.sections.complete
            and self.sections.counts[:3] == (0, 0, 0)
        )

    @property
    def octets(self) -> int:
        """Its length, without the length that goes before it in a stream."""
        return len(self.payload)

    @property
    def opcode(self) -> int:
        """OPCODE; 0 where the payload is too short for one."""
        return self.payload[2] >> 3 & 15 if len(self.payload) > 2 else 0

    @property
    def z(self) -> bool:
        """The reserved bit of the header (RFC 1035 4.1.1)."""
        return len(self.payload) > 3 and bool(self.payload[3] & 0x40)


def messages_over_udp(trips: Sequence[Trip]) -> list[DnsMessage]:
    """The datagrams among these packets, whole or in fragments, that go to port 53 or come from it,
    and those that come, from whatever port, to a socket that has asked: a forger may have chosen
    the wrong one."""
    whole = ((trip,) for trip in trips)
    datagrams = [
        (carried_by, carried_by[0].ip.receiver, udp)
        for carried_by in (*whole, *datagrams_in_pieces(trips))
        if isinstance(udp := carried_by[0].ip.transport, Udp)
    ]
    askers = {
        carried_by[0].ip.sender
        for carried_by, _, udp in datagrams
        if udp.destination_port == DNS_PORT
    }
    return [
        DnsMessage(carried_by, Transport.UDP, udp.payload)
        for carried_by, receiver, udp in datagrams
        if concerns_dns(udp) or receiver in askers
    ]


def concerns_dns(transport: Udp | Tcp) -> bool:
    """Whether a datagram or segment goes to port 53 or comes from it."""
    return DNS_PORT in {transport.source_port, transport.destination_port}


def _endpoints(passage: Passage) -> tuple[Endpoint, Endpoint]:
    source, destination = passage.ip.sender, passage.ip.receiver
    assert source is not None  # noqa: S101 - only UDP and TCP carry messages
    assert destination is not None  # noqa: S101 - likewise
    return source, destination
