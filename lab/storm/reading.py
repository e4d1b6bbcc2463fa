"""What a storm's packets show, read in one pass.

The timeline follows each packet over every link and keeps all of them; of half a million frames a
storm needs the ends only: what left the crowd and came back, and what entered the servers and left
them. Where both can read a capture they must agree, and a test says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final, TypeAlias

from lab.observe.dns_content import DnsContent, content_of
from lab.observe.pcapng import STEPS, read_packets
from lab.storm.crowd_plan import CrowdPlan
from lab.storm.frames import ICMP, TCP, UDP, Segment, packet_segment, segment_of
from lab.topology.plan import PlannedNode
from resolver.config import BalancerConfig, DnsTranslatorConfig, ResolverConfig
from resolver.machine import Instant

_DNS: Final = 53
_SYN, _RST, _ACK = 2, 4, 16

_UNREACHABLE: Final = 3  # ICMP, RFC 792
_UNREACHABLE_TEXTS: Final = {0: "network unreachable", 1: "host unreachable", 3: "port unreachable"}

_Key: TypeAlias = bytes
"""Both ends of a conversation as the one who began it sees them, and the ID of a message."""


@dataclass(slots=True)
class Question:
    """A viewer's question; instants are None for what was not seen."""

    viewer: bytes
    """Its address."""
    asked: tuple[str, str, str]
    """Name, type, class."""
    asked_at: Instant
    reached_at: Instant | None = None
    """Entered the server's interface."""
    replied_at: Instant | None = None
    """A matching reply left that interface."""
    received_at: Instant | None = None
    """A matching reply entered the crowd's interface."""
    reply: DnsContent | None = None
    refused: str | None = None
    """An ICMP error that the crowd got about it."""

    @property
    def address(self) -> str | None:
        """The first IPv4 address it was answered with."""
        addresses = self.reply.addresses if self.reply is not None else ()
        return next((address for address in addresses if ":" not in address), None)


@dataclass(slots=True)
class Dial:
    """A viewer's attempt to connect."""

    viewer: bytes
    address: str
    """What was dialled."""
    opened_at: Instant
    sequence: int
    syns: int = 1
    established_at: Instant | None = None
    refused: str | None = None
    """Why nobody answered, if somebody said so before the connection stood."""
    node: str | None = None
    """The node that accepted it."""


@dataclass(slots=True)
class Tally:
    """What one server was asked, by anybody, and what it answered."""

    reached: int = 0
    answered: int = 0
    open: dict[_Key, list[tuple[str, str, str]]] = field(default_factory=dict)
    """Questions that have no reply."""

    @property
    def lost(self) -> int:
        """Questions that got no reply."""
        return self.reached - self.answered


@dataclass(slots=True)
class Reading:
    """All of it."""

    questions: dict[_Key, Question] = field(default_factory=dict)
    """In order of asking."""
    dials: dict[_Key, Dial] = field(default_factory=dict)
    """In order of opening."""
    tallies: dict[str, Tally] = field(default_factory=dict)
    """By node, for all that answer DNS."""
    upstream_questions: int = 0
    upstream_connections: int = 0
    frames: int = 0
    accepted: dict[_Key, str] = field(default_factory=dict)
    """Viewer's address and port → the node that sent it a SYN-ACK."""


def read_storm(path: Path, crowd: CrowdPlan) -> Reading:
    """Read a storm's capture. Raises CaptureError."""
    reader = _Reader(crowd)
    for packet in read_packets(path):
        interface = packet.interface
        if interface.linktype == STEPS:
            continue
        reader.reading.frames += 1
        watch = reader.watches.get(interface.name)
        if watch is None:
            continue
        segment = segment_of(packet.data, interface.linktype)
        if segment is not None:
            watch(segment, packet.at, packet.outgoing)
    for key, dial in reader.reading.dials.items():
        dial.node = reader.reading.accepted.get(key[:6])
    return reader.reading


class _Reader:
    """Puts segments where they belong, by the interface that saw them."""

    def __init__(self, crowd: CrowdPlan) -> None:
        self.reading = Reading()
        self._crowd = crowd
        self._port = crowd.port
        self.watches = {crowd.interface: self._at_crowd}
        for node in crowd.plan.nodes:
            self._watch(node)

    def _watch(self, node: PlannedNode) -> None:
        listens = frozenset(
            ip_address(endpoint.address).packed
            for program in node.programs
            if isinstance(program.config, ResolverConfig | BalancerConfig | DnsTranslatorConfig)
            for endpoint in program.config.listen
        )
        serves = node.program("service") is not None
        if not listens and not serves:
            return
        tally = Tally()
        if listens:
            self.reading.tallies[node.name] = tally
        is_asked = node.name == self._crowd.server_node

        def watch(segment: Segment, at: Instant, outgoing: bool) -> None:
            if segment.protocol == UDP:
                self._datagram(segment, at, outgoing, tally, listens, is_asked)
            elif segment.protocol == TCP and outgoing:
                self._answer_to_syn(segment, node.name, is_asked)

        for interface in node.interfaces:
            self.watches[interface.name] = watch

    # --- at the crowd -------------------------------------------------------------------------

    def _at_crowd(self, segment: Segment, at: Instant, outgoing: bool) -> None:
        if segment.protocol == UDP:
            if outgoing:
                self._asked(segment, at)
            else:
                self._received(segment, at)
        elif segment.protocol == TCP:
            if outgoing:
                self._dialled(segment, at)
            else:
                self._connected(segment, at)
        elif segment.protocol == ICMP and not outgoing:
            self._complained(segment)

    def _asked(self, segment: Segment, at: Instant) -> None:
        if _destination_port(segment) != _DNS:
            return
        content = _content(segment, is_reply=False)
        question = Question(segment.source, _question(content), at)
        self.reading.questions.setdefault(_asking_key(segment), question)

    def _received(self, segment: Segment, at: Instant) -> None:
        question = self.reading.questions.get(_answering_key(segment))
        if question is None or question.received_at is not None:
            return
        content = _content(segment, is_reply=True)
        if _matches(content, question.asked):
            question.received_at, question.reply = at, content

    def _dialled(self, segment: Segment, at: Instant) -> None:
        data, place = segment.data, segment.place
        if _destination_port(segment) != self._port or data[place + 13] & (_SYN | _ACK) != _SYN:
            return
        key = segment.source + data[place : place + 2] + segment.destination
        dial = self.reading.dials.get(key)
        if dial is None:
            self.reading.dials[key] = Dial(
                segment.source,
                str(ip_address(segment.destination)),
                at,
                int.from_bytes(data[place + 4 : place + 8], "big"),
            )
        else:
            dial.syns += 1

    def _connected(self, segment: Segment, at: Instant) -> None:
        data, place = segment.data, segment.place
        dial = self.reading.dials.get(
            segment.destination + data[place + 2 : place + 4] + segment.source
        )
        if dial is None or dial.established_at is not None:
            return
        flags = data[place + 13]
        if int.from_bytes(data[place + 8 : place + 12], "big") != (dial.sequence + 1) % 2**32:
            return
        if flags & (_SYN | _ACK) == _SYN | _ACK:
            dial.established_at = at
        elif flags & _RST:
            dial.refused = "connection refused"

    def _complained(self, segment: Segment) -> None:
        """Note an ICMP error about a question or a SYN."""
        data, place = segment.data, segment.place
        quoted = packet_segment(data[: segment.end], place + 8, whole=False)
        if data[place] != _UNREACHABLE or quoted is None:
            return
        text = _UNREACHABLE_TEXTS.get(data[place + 1], f"unreachable (code {data[place + 1]})")
        ports = quoted.data[quoted.place : quoted.place + 2]
        if quoted.protocol == TCP:
            dial = self.reading.dials.get(quoted.source + ports + quoted.destination)
            if dial is not None and dial.established_at is None:
                dial.refused = text
        elif quoted.protocol == UDP and quoted.end >= quoted.place + 10:
            question = self.reading.questions.get(_asking_key(quoted))
            if question is not None:
                question.refused = text

    # --- at the servers -----------------------------------------------------------------------

    def _datagram(
        self,
        segment: Segment,
        at: Instant,
        outgoing: bool,
        tally: Tally,
        listens: frozenset[bytes],
        is_asked: bool,
    ) -> None:
        if outgoing:
            if is_asked and _destination_port(segment) == _DNS:
                self.reading.upstream_questions += 1
            elif _source_port(segment) == _DNS and segment.source in listens:
                self._replied(segment, at, tally, is_asked)
        elif _destination_port(segment) == _DNS and segment.destination in listens:
            key = _asking_key(segment)
            asked = _question(_content(segment, is_reply=False))
            tally.reached += 1
            tally.open.setdefault(key, []).append(asked)
            question = self.reading.questions.get(key) if is_asked else None
            if question is not None and question.reached_at is None:
                question.reached_at = at

    def _replied(self, segment: Segment, at: Instant, tally: Tally, is_asked: bool) -> None:
        key = _answering_key(segment)
        waiting = tally.open.get(key)
        if waiting is None or not _matches(_content(segment, is_reply=True), waiting[0]):
            return
        tally.answered += 1
        waiting.pop(0)
        if not waiting:
            del tally.open[key]
        question = self.reading.questions.get(key) if is_asked else None
        if question is not None and question.replied_at is None:
            question.replied_at = at

    def _answer_to_syn(self, segment: Segment, node: str, is_asked: bool) -> None:
        data, place = segment.data, segment.place
        flags = data[place + 13] & (_SYN | _ACK)
        if flags == _SYN:
            if is_asked and _destination_port(segment) == _DNS:
                self.reading.upstream_connections += 1
        elif flags == _SYN | _ACK and _source_port(segment) == self._port:
            caller = segment.destination + data[place + 2 : place + 4]
            self.reading.accepted.setdefault(caller, node)


def _source_port(segment: Segment) -> int:
    return segment.data[segment.place] << 8 | segment.data[segment.place + 1]


def _destination_port(segment: Segment) -> int:
    return segment.data[segment.place + 2] << 8 | segment.data[segment.place + 3]


def _asking_key(segment: Segment) -> _Key:
    """Of a question: who asks, at whom, with which ID."""
    data, place = segment.data, segment.place
    ends = segment.source + data[place : place + 2] + segment.destination
    return ends + data[place + 8 : place + 10]


def _answering_key(segment: Segment) -> _Key:
    """Of a reply: the key of the question whose addresses, port and ID it fits."""
    data, place = segment.data, segment.place
    ends = segment.destination + data[place + 2 : place + 4] + segment.source
    return ends + data[place + 8 : place + 10]


def _content(segment: Segment, *, is_reply: bool) -> DnsContent:
    return content_of(segment.data[segment.place + 10 : segment.end], is_reply)


def _question(content: DnsContent) -> tuple[str, str, str]:
    return content.name, content.qtype, content.qclass


def _matches(content: DnsContent, asked: tuple[str, str, str]) -> bool:
    """RFC 5452 9.1 demands the question in a reply; an error about an unknown OPCODE (RFC 8906
    8.1.4) or about a message that could not be read may come without."""
    if not content.is_reply:
        return False
    bare = not content.name and content.rcode in {"FORMERR", "NOTIMP"}
    return bare or _question(content) == asked
