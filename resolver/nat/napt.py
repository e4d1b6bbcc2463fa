"""The NAT translator with NAPT: inside machines without an alias share outside addresses.

What has an alias is translated by the static table, as ever (`resolver.nat.translator`). For the
others a mapping is made when they send something out, by RFC 4787 (UDP), 5382 (TCP) and 5508
(ICMP); what comes in goes by a mapping, or not at all. A packet from inside to an alias or to a
shared address is hairpinned: its receiver sees the sender's outside end (RFC 4787 REQ-9 a).

Which side a packet comes from is told by its addresses. So the host must not take packets with
inside addresses from outside (RFC 1812 5.3.8), as hosts between two realms do.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address
from random import Random

from resolver.config import NatConfig, Refusal
from resolver.machine import Effect, Event, Instant, Note, PacketArrived, SendPacket
from resolver.nat.conversations import Conversations, Refused
from resolver.nat.drops import Drop, PacketDropped, dropped, is_nameless
from resolver.nat.errors import ErrorTranslation
from resolver.nat.flow import (
    Flow,
    read_flow,
    rewrite_addresses_alone,
    rewrite_ends,
    rewrite_identification,
)
from resolver.nat.fragments import Course, Fragments, key_of
from resolver.nat.held import HeldSyns
from resolver.nat.packet import (
    DESTINATION_UNREACHABLE,
    ICMP,
    TCP,
    TIME_EXCEEDED,
    Ipv4Header,
    MalformedPacket,
    read_ipv4,
    rewrite_ttl,
)
from resolver.nat.realms import Realms
from resolver.nat.tcp import opens
from resolver.nat.translator import NatTranslator, is_icmp_error

_PORT_UNREACHABLE = 3  # RFC 792
_PROHIBITED = 13  # RFC 1812 5.2.7.1: communication administratively prohibited


class NaptTranslator:
    """The machine: IP packets in, IP packets out.

    `random` gives the outside ports, in a way that nobody outside can foretell.
    """

    def __init__(self, config: NatConfig, random: Random) -> None:
        """Raises TableRefused or NaptRefused when the addresses contradict each other."""
        if config.napt is None:
            raise ValueError("a configuration without napt is for NatTranslator")
        self._napt = config.napt
        self._static = NatTranslator(config)
        self._client_side = IPv4Address(config.client_side_address)
        self._server_side = IPv4Address(config.server_side_address)
        self._realms = Realms(config.napt, self._static.table)
        self.conversations = Conversations(config.napt, random)
        """What is remembered."""
        self.fragments = Fragments(random)
        """What is under way in fragments."""
        self._held = HeldSyns(config.napt.unsolicited_syn_ns)
        self._errors = ErrorTranslation(
            self._static, self._realms, self.conversations.mappings, self._client_side
        )

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Translate a packet that arrived; other events mean nothing here."""
        if not isinstance(event, PacketArrived):
            return ()
        packet = event.packet
        if packet and packet[0] >> 4 == 6:
            return (Note(PacketDropped(Drop.NOT_IPV4, "", "")),)
        try:
            header = read_ipv4(packet)
        except MalformedPacket as malformed:
            return (Note(PacketDropped(Drop.MALFORMED, "", "", str(malformed))),)
        due = self.expire(now) if self._is_due(now) else ()
        return (*due, *self._translate(packet, header, now))

    def expire(self, now: Instant) -> Sequence[Effect]:
        """End mappings that were idle long enough, and answer the SYNs that waited."""
        self.conversations.mappings.expire(now)
        self.fragments.expire(now)
        answers: list[Effect] = []
        for held in self._held.due(now):
            if self._napt.unsolicited_syn is Refusal.ICMP:  # RFC 5382 REQ-4
                answers += self._static.complaints.about(
                    held.packet,
                    held.header,
                    now,
                    source=IPv4Address(held.header.destination),
                    icmp_type=DESTINATION_UNREACHABLE,
                    code=_PORT_UNREACHABLE,
                )
            answers += dropped(Drop.HELD, held.header)
        return answers

    def deadline(self) -> Instant | None:
        """When the next mapping, fragment or held SYN ends."""
        ends = (self.conversations.mappings.next(), self.fragments.next(), self._held.next())
        return min((end for end in ends if end is not None), default=None)

    def ready(self) -> bool:
        """From the start."""
        return True

    # --- which way ----------------------------------------------------------------------------

    def _is_due(self, now: Instant) -> bool:
        deadline = self.deadline()
        return deadline is not None and deadline <= now

    def _translate(self, packet: bytes, header: Ipv4Header, now: Instant) -> Sequence[Effect]:
        if is_icmp_error(packet, header):
            return self._errors.translate(packet, header)
        if (
            not self._realms.is_shared_by(header.source)
            and header.destination not in self._realms.shared
        ):
            return self._static.translate(packet, header, now)
        refusal = self._refusal(header)
        if refusal is not None:
            return dropped(refusal, header)
        if header.ttl <= 1:
            return self._expired(packet, header, now)
        if header.is_fragment:
            return self._translate_fragment(packet, header, now)
        return self._translate_whole(packet, header, now)

    def _refusal(self, header: Ipv4Header) -> Drop | None:
        table, source, destination = self._static.table, header.source, header.destination
        if source in self._realms.shared or table.real(source) is not None:
            return Drop.OWN_SOURCE
        if is_nameless(source) or is_nameless(destination):
            return Drop.NAMELESS  # RFC 1812 5.3.7
        # An inside address is no destination, as a real one is none.
        if self._realms.is_shared_by(destination) or table.alias(destination) is not None:
            return Drop.NO_ENTRY
        return None

    def _translate_whole(self, packet: bytes, header: Ipv4Header, now: Instant) -> Sequence[Effect]:
        flow = read_flow(packet, header)
        if flow is None:
            return dropped(Drop.NO_PORTS, header)
        ends = self._ends(packet, header, flow, now)
        if isinstance(ends, _Stopped):
            return ends.effects
        return (_sent(packet, header, flow, *ends),)

    def _ends(
        self, packet: bytes, header: Ipv4Header, flow: Flow, now: Instant
    ) -> tuple[bytes, bytes] | _Stopped:
        """The ends that a packet goes on with."""
        source, destination = flow.source, flow.destination
        outwards = self._realms.is_shared_by(header.source)
        try:
            if outwards:
                self._refuse_hairpin(header)
                source = self._outwards(flow, now)
            else:
                alias = self._static.table.alias(header.source)
                source = source if alias is None else alias + source[4:]
            if header.destination in self._realms.shared:
                inwards = flow._replace(source=source)
                destination = self.conversations.inwards(inwards, now).inside
            else:
                real = self._static.table.real(header.destination)
                destination = destination if real is None else real + destination[4:]
        except Refused as refused:
            return self._refuse(refused, packet, header, flow._replace(source=source), now)
        return source, destination

    def _outwards(self, flow: Flow, now: Instant) -> bytes:
        """The outside end of a packet from an inside one."""
        if flow.protocol == ICMP and flow.destination[4:] != b"\0\0":
            raise Refused(Drop.NO_MAPPING)  # a reply to a query that never came by here
        mapping = self.conversations.outwards(flow, now)
        if flow.protocol == TCP and opens(flow.flags):
            self._held.drop(mapping.outside, flow.destination)
        return mapping.outside

    def _refuse_hairpin(self, header: Ipv4Header) -> None:
        if self._napt.hairpinning:
            return
        to_ours = header.destination in self._realms.shared
        if to_ours or self._static.table.real(header.destination) is not None:
            raise Refused(Drop.NO_HAIRPINNING)

    # --- what goes no further -----------------------------------------------------------------

    def _refuse(
        self, refused: Refused, packet: bytes, header: Ipv4Header, flow: Flow, now: Instant
    ) -> _Stopped:
        if refused.drop is Drop.HELD:
            self._held.hold(flow.destination, flow.source, packet, header, now)
            return _Stopped(())
        told: Sequence[Effect] = ()
        if refused.drop is Drop.FULL and self._napt.when_full is Refusal.ICMP:
            # RFC 5508 REQ-8
            told = self._static.complaints.about(
                packet,
                header,
                now,
                source=self._own_towards(header.source),
                icmp_type=DESTINATION_UNREACHABLE,
                code=_PROHIBITED,
            )
        return _Stopped((*told, *dropped(refused.drop, header, refused.detail)))

    def _expired(self, packet: bytes, header: Ipv4Header, now: Instant) -> Sequence[Effect]:
        # RFC 5508 REQ-10 a; RFC 1812 5.3.1, as for what has an alias.
        error = self._static.complaints.about(
            packet,
            header,
            now,
            source=self._own_towards(header.source),
            icmp_type=TIME_EXCEEDED,
            code=0,
        )
        return (*error, *dropped(Drop.EXPIRED, header))

    def _own_towards(self, sender: bytes) -> IPv4Address:
        """The translator's address on a sender's side."""
        inside = self._realms.is_shared_by(sender) or self._static.table.alias(sender) is not None
        return self._server_side if inside else self._client_side

    # --- fragments ----------------------------------------------------------------------------

    def _translate_fragment(
        self, packet: bytes, header: Ipv4Header, now: Instant
    ) -> Sequence[Effect]:
        key = key_of(packet, header)
        if header.fragment_offset == 0:
            return self._translate_first(key, packet, header, now)
        if header.protocol == TCP and header.fragment_offset < 20:
            # RFC 3128 2: it would overwrite the flags that the first one has shown.
            return dropped(Drop.FRAGMENT, header, "it overlaps the TCP header")
        try:
            course = self.fragments.course(key)
        except KeyError:
            self.fragments.await_first(key, packet, header, now)
            return ()
        if course is None:
            return dropped(Drop.FRAGMENT, header, "its first one was dropped")
        return (_sent_on(packet, header, course),)

    def _translate_first(
        self, key: bytes, packet: bytes, header: Ipv4Header, now: Instant
    ) -> Sequence[Effect]:
        flow = read_flow(packet, header)
        if flow is None:  # RFC 1858 3: ports and flags must not be hidden in a later one
            stopped: Sequence[Effect] = dropped(Drop.FRAGMENT, header, "no whole transport header")
            ends = None
        else:
            found = self._ends(packet, header, flow, now)
            ends = None if isinstance(found, _Stopped) else found
            stopped = found.effects if isinstance(found, _Stopped) else ()
        addresses = None if ends is None else (ends[0][:4], ends[1][:4])
        course = self.fragments.begin(key, now, header.protocol, addresses)
        waiting = self.fragments.released(key)
        if flow is None or ends is None or course is None:
            return stopped
        first = _sent(packet, header, flow, *ends, course.identification)
        return (first, *(_sent_on(one.packet, one.header, course) for one in waiting))


class _Stopped:
    """A packet goes no further; what is done instead."""

    __slots__ = ("effects",)

    def __init__(self, effects: Sequence[Effect]) -> None:
        self.effects = effects


def _sent(
    packet: bytes,
    header: Ipv4Header,
    flow: Flow,
    source: bytes,
    destination: bytes,
    identification: bytes | None = None,
) -> SendPacket:
    translated = bytearray(packet[: header.end])
    rewrite_ends(translated, header, flow, source, destination)
    if identification is not None:
        rewrite_identification(translated, header, identification)
    rewrite_ttl(translated, header, header.ttl - 1)
    return SendPacket(bytes(translated))


def _sent_on(packet: bytes, header: Ipv4Header, course: Course) -> SendPacket:
    """A later fragment on its datagram's course."""
    translated = bytearray(packet[: header.end])
    rewrite_addresses_alone(translated, header, course.source, course.destination)
    rewrite_identification(translated, header, course.identification)
    rewrite_ttl(translated, header, header.ttl - 1)
    return SendPacket(bytes(translated))
