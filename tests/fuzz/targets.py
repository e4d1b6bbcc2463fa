"""Everything that parses bytes from the network, each as a function of bytes that must not fail.

A target asserts what holds whatever the bytes are: nothing raises, an error is no larger than what
caused it, a reply belongs to its question, a client is answered once. `fuzz.py` searches for bytes
that break one; the corpus keeps the interesting ones, and the tests replay it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from random import Random
from tempfile import NamedTemporaryFile
from types import MappingProxyType
from typing import Final

from lab.captures.frames import Losses
from lab.captures.opening import read_frames
from lab.captures.packets import packets_of
from lab.captures.questions import NobodyAsked, questions_of
from lab.observe.decode import decode
from lab.observe.dns_content import content_of
from lab.observe.pcapng import CaptureError, read_records
from resolver.balance.responder import Balancer
from resolver.config import (
    BalancerConfig,
    Behaviour,
    DnsTranslatorConfig,
    ForwardRule,
    HostedZone,
    Member,
    NaptConfig,
    NatConfig,
    PortChoice,
    ResolverConfig,
    RootHint,
)
from resolver.dns.full import Resolver
from resolver.dns.message import Query, Question, Reply
from resolver.dns.message_reading import parse_query, parse_reply, read_additional
from resolver.dns.plain import read_plain_answers, read_plain_question
from resolver.dns.relay import DnsTranslator
from resolver.machine import (
    MILLISECOND,
    SECOND,
    Effect,
    Endpoint,
    Framing,
    Machine,
    MessageArrived,
    Open,
    PacketArrived,
    Send,
    SendPacket,
    StreamOpened,
    Transport,
)
from resolver.nat.build import build_udp
from resolver.nat.machines import nat_machine
from resolver.nat.packet import read_ipv4
from resolver.nat.translator import NatTranslator
from resolver.shells.stream import Stream

Target = Callable[[bytes], None]

_ETHERNET = 1  # LINKTYPE_ETHERNET
_HERE = Endpoint("192.168.1.53", 53)
_CLIENT = Endpoint("192.168.1.10", 40_000)
_UPSTREAM = Endpoint("10.10.10.100", 53)
_ZONE = HostedZone(
    "own.test",
    "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\n"
    "*.wild A 192.0.2.2\nalias CNAME ns\nsub NS ns.sub\nns.sub A 192.0.2.3\n",
)
_QUESTION = b"\x03www\x07example\x03net\x00\x00\x01\x00\x01"
_QUERY = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01" + _QUESTION + (
    b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
)  # fmt: skip


def messages(octets: bytes) -> None:
    """All readers of DNS messages, and the lab's own for captures."""
    query = parse_query(octets)
    assert not isinstance(query, Query) or query.question_wire in octets
    plain = read_plain_question(octets)
    if plain is not None:
        name, qtype, end, *_ = plain
        assert isinstance(query, Query), "plain, and no question"
        assert query.question == Question(name, qtype), "another question"
        assert query.question_wire == octets[12:end], "ends elsewhere"
    reply = parse_reply(octets)
    if isinstance(reply, Reply):
        read_additional(reply)
    if isinstance(reply, Reply) and reply.question is not None:
        asked = reply.question
        answers = read_plain_answers(octets, reply.question_wire, asked.name, asked.qtype)
        assert answers is None or answers[0] == reply.answers, "other answers"
    content_of(octets[2:], from_dns_port=bool(octets[:1]))


def clients(octets: bytes) -> None:
    """What clients send: to the resolver, the balancer and the DNS translator, a message by UDP
    and a message by TCP."""
    for machine in (_resolver(), _balancer(), _relay()):
        for transport in Transport:
            flow = ("client", transport)
            effects: list[Effect] = []
            if transport is Transport.TCP:
                effects += machine.handle(StreamOpened(flow, _CLIENT, _HERE), 0)
            arrived = MessageArrived(flow, octets, transport, _CLIENT, _HERE)
            effects += machine.handle(arrived, 0)
            effects += _live_on(machine)
            replies = [each.payload for each in effects if _is_for(each, flow)]
            assert len(replies) <= 1, "answered more than once"
            for reply in replies:
                _is_fit_answer(octets, reply, transport)


def _is_fit_answer(question: bytes, reply: bytes, transport: Transport) -> None:
    assert reply[:2] == question[:2], "an ID of its own"
    assert reply[2] & 0x80, "no response"
    assert not question[2] & 0x80, "an answer to a response"
    query = parse_query(question)
    if not isinstance(query, Query):
        # No amplifier (RFC 5358 3): no error is larger than its cause, but for an OPT record.
        assert len(reply) <= max(len(question), 12) + 11, "an error larger than its cause"
    elif transport is Transport.UDP:
        assert len(reply) <= query.udp_limit, "larger than the client can take"
    if isinstance(query, Query):
        assert query.question_wire in reply, "not the client's question"


def upstreams(octets: bytes) -> None:
    """What servers reply: the first octet says over what and whether recursing, the rest is the
    reply, its ID made right. The client is answered once, whatever it was; so is the next one."""
    if not octets:
        return
    recursing, streamed, right_question = octets[0] & 1, octets[0] & 2, octets[0] & 4
    machine = _resolver(recursion=bool(recursing))
    transport = Transport.TCP if streamed else Transport.UDP
    flow = ("client", transport)
    if streamed:
        machine.handle(StreamOpened(flow, _CLIENT, _HERE), 0)
    question = MessageArrived(flow, _QUERY, transport, _CLIENT, _HERE)
    effects = list(machine.handle(question, 0))
    for opened in [each for each in effects if isinstance(each, Open)]:
        here = Endpoint("192.168.1.53", opened.source_port or 1024)
        if opened.transport is Transport.TCP:
            connected = StreamOpened(opened.flow, opened.remote, here)
            effects += machine.handle(connected, MILLISECOND)
        for asked in [each for each in effects if _is_for(each, opened.flow)]:
            payload = asked.payload[:2] + octets[1:]
            if right_question:
                payload = asked.payload[:2] + octets[1:11] + asked.payload[12:] + octets[11:]
            reply = MessageArrived(opened.flow, payload, opened.transport, opened.remote, here)
            effects += machine.handle(reply, 2 * MILLISECOND)
    effects += _live_on(machine)
    answers = [each.payload for each in effects if _is_for(each, flow)]
    assert len(answers) == 1, f"{len(answers)} answers to one question"
    _is_fit_answer(_QUERY, answers[0], transport)
    again = MessageArrived(flow, _QUERY, Transport.UDP, _CLIENT, _HERE)
    machine.handle(again, 61 * SECOND)


def packets(octets: bytes) -> None:
    """What reaches the NAT translator, with NAPT and without: whatever it lets through is a whole
    packet with a right header checksum, one hop further, at addresses it may send to."""
    effects = [*_nat().handle(PacketArrived(octets), 0), *_napt().handle(PacketArrived(octets), 0)]
    for sent in [each.packet for each in effects if isinstance(each, SendPacket)]:
        header = read_ipv4(sent)  # raises for a wrong length or header checksum
        assert header.end == len(sent), "octets behind the packet"
        for address in (sent[12:16], sent[16:20]):
            assert not ip_address(address).is_multicast


def frames(octets: bytes) -> None:
    """What a capture holds: the decoder reads it or says that it cannot."""
    decode(octets, _ETHERNET)


def elsewhere(octets: bytes) -> None:
    """Capture files of other programs: each frame is read or counted, the questions are taken, or
    the file is refused."""
    losses = Losses()
    with NamedTemporaryFile(suffix=".pcap") as file:
        file.write(octets)
        file.flush()
        try:
            frames = list(read_frames(Path(file.name), losses))
        except CaptureError:
            return
    numbers = [frame.number for frame in frames]
    assert numbers == sorted(set(numbers)), "frames out of order"
    assert all(frame.octets >= len(frame.data) for frame in frames), "more than was on the wire"
    uncounted = losses.frames.total()
    packets = list(packets_of(frames, losses))
    assert len(packets) + losses.frames.total() - uncounted == len(frames), "a frame got lost"
    with suppress(NobodyAsked):
        found = questions_of(packets, losses)
        for place, question in enumerate(found.questions):
            assert question.repeats is None or question.repeats < place
            assert len(question.payload) >= 12


def captures(octets: bytes) -> None:
    """Capture files that say they are the lab's: read, or refused."""
    with NamedTemporaryFile(suffix=".pcapng") as file:
        file.write(octets)
        file.flush()
        with suppress(CaptureError):
            for _ in read_records(Path(file.name)):
                pass


def streams(octets: bytes) -> None:
    """A TCP connection, cut into segments as the first octets say: the same messages come out as
    if it had come in one piece."""
    cuts, rest = octets[:4], octets[4:]
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(rest[at : at + cut])
        at += cut
    pieces.append(rest[at:])
    cut_up = _messages_of([piece for piece in pieces if piece])
    assert cut_up == list(_reference_framing(rest))


def _reference_framing(octets: bytes) -> Iterator[bytes]:
    while len(octets) >= 2:
        (length,) = struct.unpack_from("!H", octets)
        if len(octets) < 2 + length:
            return
        yield octets[2 : 2 + length]
        octets = octets[2 + length :]


class _Segments:
    """A connection that delivers what it was given, piece by piece."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def recv(self, size: int) -> bytes:
        if not self._pieces:
            raise BlockingIOError
        piece = self._pieces.pop(0)
        if len(piece) > size:
            self._pieces.insert(0, piece[size:])
        return piece[:size]

    def setblocking(self, _: bool) -> None: ...

    def setsockopt(self, *_: int) -> None: ...


def _messages_of(pieces: list[bytes]) -> list[bytes]:
    connection = _Segments(pieces)
    stream = Stream(connection, Framing.LENGTH_PREFIXED, here=_HERE, there=_CLIENT)
    found = []
    while connection._pieces:
        stream.receive()
        while (message := stream.next_message()) is not None:
            found.append(message)
    return found


TARGETS: Final[Mapping[str, Target]] = MappingProxyType(
    {
        each.__name__: each
        for each in (messages, clients, upstreams, packets, frames, captures, elsewhere, streams)
    }
)


# --- machines ---------------------------------------------------------------------------------


def _resolver(*, recursion: bool = False) -> Machine:
    config = ResolverConfig(
        listen=(_HERE,),
        zones=(_ZONE,),
        forward=() if recursion else (ForwardRule(".", (_UPSTREAM,)),),
        recursion=recursion,
        root_hints=(RootHint("ns", (_UPSTREAM.address,)),),
    )
    return Resolver(config, Random(1), Random(2))


def _balancer() -> Machine:
    members = (Member("node1", 1, ("10.10.10.100",)), Member("node2", 2, ("fd00::2",)))
    return Balancer(BalancerConfig((_HERE,), "internet.intern.netz", members, 5900), Random(1))


def _relay() -> Machine:
    config = DnsTranslatorConfig((_HERE,), "internet.intern.netz", (_UPSTREAM,))
    return DnsTranslator(config, Random(1))


def _nat() -> Machine:
    table = (("192.168.1.100", "10.10.10.100"), ("192.168.1.101", "10.10.10.101"))
    return NatTranslator(NatConfig("nat0", table, "192.168.1.1", "10.10.10.1"))


def _napt() -> Machine:
    """The same where the machines of the servers' side share an address, at which everybody may
    call the one with a conversation under way."""
    napt = NaptConfig(
        inside=("10.10.10.0/24",),
        outside_addresses=("192.168.1.2",),
        filtering=Behaviour.ENDPOINT_INDEPENDENT,
        ports=PortChoice.PRESERVE,
    )
    table = (("192.168.1.100", "10.10.10.100"),)
    config = NatConfig("nat0", table, "192.168.1.1", "10.10.10.1", napt, dns_alg=True)
    machine = nat_machine(config, Random(1))
    sent = build_udp(Endpoint("10.10.10.7", 4000), Endpoint("192.168.1.10", 53), b"question")
    machine.handle(PacketArrived(sent), 0)
    return machine


def _live_on(machine: Machine) -> list[Effect]:
    """Let a minute pass in which nobody says anything."""
    effects: list[Effect] = []
    while (due := machine.deadline()) is not None and due <= 60 * SECOND:
        fired = machine.expire(due)
        effects += fired
        if not fired and machine.deadline() == due:
            break
    return effects


def _is_for(effect: Effect, flow: object) -> bool:
    return isinstance(effect, Send) and effect.flow == flow
