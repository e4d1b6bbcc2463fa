"""The NAT translator, with scapy as the independent oracle for packets and checksums."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, TCPerror, UDPerror, fragment
from scapy.packet import Raw

from resolver.config import NatConfig
from resolver.machine import SECOND, Note, PacketArrived, SendPacket, StreamClosed
from resolver.nat.checksum import internet_checksum
from resolver.nat.translator import Drop, NatTranslator

VIEWER = "192.168.1.10"
ROUTER = "10.10.10.254"
CLIENT_SIDE, SERVER_SIDE = "192.168.1.1", "10.10.10.1"
ALIAS = {n: f"192.168.1.{99 + n}" for n in (1, 2, 3)}
REAL = {n: f"10.10.10.{99 + n}" for n in (1, 2, 3)}
CONFIG = NatConfig(
    device="nat0",
    table=tuple((ALIAS[n], REAL[n]) for n in (1, 2, 3)),
    client_side_address=CLIENT_SIDE,
    server_side_address=SERVER_SIDE,
)

members = st.sampled_from((1, 2, 3))
ports = st.integers(1, 65_535)
payloads = st.binary(max_size=300)


def translator() -> NatTranslator:
    return NatTranslator(CONFIG)


def translate(packet: IP | bytes) -> IP | None:
    effects = translator().handle(PacketArrived(bytes(packet)), 0)
    sent = [effect.packet for effect in effects if isinstance(effect, SendPacket)]
    assert len(sent) <= 1
    return IP(sent[0]) if sent else None


def drop_reason(packet: IP | bytes, machine: NatTranslator | None = None) -> Drop:
    effects = (machine or translator()).handle(PacketArrived(bytes(packet)), 0)
    assert not any(isinstance(effect, SendPacket) for effect in effects)
    (note,) = effects
    assert isinstance(note, Note)
    return note.fact.reason


def with_fresh_checksums(packet: IP) -> bytes:
    """As scapy builds it when it works out every outer checksum itself."""
    fresh = IP(bytes(packet))
    for layer in (IP, TCP, UDP, ICMP):
        if layer in fresh and not (layer is UDP and fresh[UDP].chksum == 0):
            del fresh[layer].chksum
    return bytes(fresh)


transports = st.one_of(
    st.builds(lambda s, d, p: UDP(sport=s, dport=d) / Raw(p), ports, ports, payloads),
    st.builds(lambda s, d, p: UDP(sport=s, dport=d, chksum=0) / Raw(p), ports, ports, payloads),
    st.builds(
        lambda s, d, n, p: (
            TCP(sport=s, dport=d, seq=n, flags="PA", options=[("MSS", 1400), ("WScale", 7)])
            / Raw(p)
        ),
        ports,
        ports,
        st.integers(0, 2**32 - 1),
        payloads,
    ),
    st.builds(lambda i, p: ICMP(type=8, id=i, seq=1) / Raw(p), ports, payloads),
    st.builds(Raw, payloads),
)


def ip(source: str, destination: str, transport, **fields: object) -> IP:
    if isinstance(transport, Raw):
        fields = {"proto": 250, **fields}  # a protocol nobody knows
    return IP(bytes(IP(src=source, dst=destination, **fields) / transport))


# --- both directions ----------------------------------------------------------------------------


@given(members, transports, st.integers(2, 255), st.integers(0, 65_535), st.integers(0, 255))
def test_client_to_server_changes_the_destination_and_the_ttl_alone(
    number, transport, ttl, identification, tos
):
    sent = ip(VIEWER, ALIAS[number], transport, ttl=ttl, id=identification, tos=tos, flags="DF")
    received = translate(sent)
    expected = ip(
        VIEWER, REAL[number], transport, ttl=ttl - 1, id=identification, tos=tos, flags="DF"
    )
    assert bytes(received) == bytes(expected) == with_fresh_checksums(received)


@given(members, transports, st.integers(2, 255))
def test_server_to_client_changes_the_source_and_the_ttl_alone(number, transport, ttl):
    received = translate(ip(REAL[number], VIEWER, transport, ttl=ttl))
    expected = ip(ALIAS[number], VIEWER, transport, ttl=ttl - 1)
    assert bytes(received) == bytes(expected) == with_fresh_checksums(received)


@given(members, transports)
def test_translate_and_back_is_the_identity_but_for_the_ttl(number, transport):
    there = translate(ip(VIEWER, ALIAS[number], transport, ttl=9))
    turned = IP(bytes(there))
    turned.src, turned.dst = there.dst, there.src
    for layer in (IP, TCP, UDP):
        if layer in turned and not (layer is UDP and turned[UDP].chksum == 0):
            del turned[layer].chksum
    back = translate(turned)
    assert bytes(back) == bytes(ip(ALIAS[number], VIEWER, transport, ttl=7))


@given(members, members, transports)
def test_hairpin_shows_alias_addresses_to_both_servers(one, other, transport):
    received = translate(ip(REAL[one], ALIAS[other], transport))
    assert bytes(received) == bytes(ip(ALIAS[one], REAL[other], transport, ttl=63))


@given(st.sampled_from((UDP, TCP)), st.integers(1, 0xFFFF), members)
def test_damage_done_before_us_is_left_for_the_receiver_to_find(layer, flip, number):
    sent = ip(VIEWER, ALIAS[number], layer(sport=1, dport=2) / b"payload")
    damaged = sent[layer].chksum ^ flip
    if layer is UDP and damaged == 0:
        damaged = 0xFFFF  # else it would say "no checksum"
    del sent[IP].chksum
    sent[layer].chksum = damaged
    received = translate(IP(bytes(sent)))
    right = ip(VIEWER, REAL[number], layer(sport=1, dport=2) / b"payload")[layer].chksum
    was_right = damaged % 0xFFFF == (damaged ^ flip) % 0xFFFF  # 0x0000 and 0xFFFF are one number
    assert (received[layer].chksum % 0xFFFF == right % 0xFFFF) == was_right


def test_options_and_padding_behind_the_packet():
    options = [b"\x94\x04\x00\x00"]  # router alert
    sent = bytes(IP(src=VIEWER, dst=ALIAS[1], options=options) / UDP() / b"abc")
    received = translate(sent + b"\0" * 18)
    assert bytes(received) == bytes(
        IP(src=VIEWER, dst=REAL[1], ttl=63, options=options) / UDP() / b"abc"
    )


def test_a_udp_checksum_that_comes_to_zero_is_sent_as_ones():
    # RFC 768: with its own checksum as payload, a datagram adds up to zero.
    without = ip(VIEWER, REAL[1], UDP(sport=1, dport=2) / b"\0\0")
    segment = UDP(sport=1, dport=2) / without[UDP].chksum.to_bytes(2, "big")
    assert ip(VIEWER, REAL[1], segment)[UDP].chksum == 0xFFFF
    assert translate(ip(VIEWER, ALIAS[1], segment))[UDP].chksum == 0xFFFF


# --- fragments ----------------------------------------------------------------------------------


@given(
    st.sampled_from((8, 16, 24, 64)),
    st.sampled_from((TCP, UDP)),
    st.binary(min_size=100, max_size=300),
    st.randoms(use_true_random=False),
)
def test_fragments_of_any_size_in_any_order_come_together_translated(size, layer, payload, order):
    whole = ip(VIEWER, ALIAS[2], layer(sport=7, dport=8) / payload, id=77)
    fragments = fragment(whole, fragsize=size)
    order.shuffle(fragments)
    received = [translate(piece) for piece in fragments]
    assert all(piece.dst == REAL[2] and piece.id == 77 for piece in received)
    assert all(internet_checksum(bytes(piece)[:20]) == 0 for piece in received)
    received.sort(key=lambda piece: piece.frag)
    expected = ip(VIEWER, REAL[2], layer(sport=7, dport=8) / payload)
    assert b"".join(bytes(piece)[20:] for piece in received) == bytes(expected)[20:]


def test_a_later_fragment_of_an_echo_is_not_taken_for_an_error_whatever_it_starts_with():
    payload = bytes(16) + bytes((3, 1)) + bytes(30)  # octets of data that would say "unreachable"
    pieces = fragment(ip(VIEWER, ALIAS[1], ICMP(type=8, id=7) / payload), fragsize=24)
    assert bytes(pieces[1])[20] == 3
    received = translate(pieces[1])
    assert (received.dst, bytes(received)[20:]) == (REAL[1], bytes(pieces[1])[20:])


# --- ICMP errors ----------------------------------------------------------------------------------


def error(
    source: str, destination: str, quoted: bytes, *, icmp_type=3, code=1, **fields: object
) -> IP:
    return IP(
        bytes(
            IP(src=source, dst=destination, proto=1)
            / ICMP(type=icmp_type, code=code, **fields)
            / Raw(quoted)
        )
    )


@given(
    members,
    st.sampled_from((UDP, TCP)),
    st.sampled_from(((3, 0), (3, 1), (3, 3), (3, 4), (11, 0), (11, 1), (12, 0))),
    st.sampled_from((28, 32, 40, 60, 548)),
)
def test_an_error_from_a_server_quotes_what_the_viewer_sent(number, layer, kind, quoted_octets):
    # ICM-02; RFC 5508 REQ-5
    datagram = layer(sport=4000, dport=5900) / bytes(range(64))
    crossed = bytes(ip(VIEWER, REAL[number], datagram, id=5, ttl=61))[:quoted_octets]
    original = bytes(ip(VIEWER, ALIAS[number], datagram, id=5, ttl=61))[:quoted_octets]
    received = translate(error(REAL[number], VIEWER, crossed, icmp_type=kind[0], code=kind[1]))
    assert (received.src, received.dst, received.ttl) == (ALIAS[number], VIEWER, 63)
    assert (received[ICMP].type, received[ICMP].code) == kind
    assert bytes(received)[28:] == original
    assert internet_checksum(bytes(received)[:20]) == 0
    assert internet_checksum(bytes(received)[20:]) == 0


@given(members, st.sampled_from((UDP, TCP)), st.sampled_from((28, 40, 548)))
def test_an_error_from_the_client_side_quotes_what_the_server_sent(number, layer, quoted_octets):
    # ICM-02; RFC 5508 REQ-4
    datagram = layer(sport=5900, dport=4000) / bytes(64)
    crossed = bytes(ip(ALIAS[number], VIEWER, datagram))[:quoted_octets]
    original = bytes(ip(REAL[number], VIEWER, datagram))[:quoted_octets]
    for sender in (VIEWER, "192.168.1.254"):
        received = translate(error(sender, ALIAS[number], crossed))
        assert (received.src, received.dst) == (sender, REAL[number])
        assert bytes(received)[28:] == original
        assert internet_checksum(bytes(received)[20:]) == 0


@pytest.mark.parametrize("sender", [ROUTER, SERVER_SIDE, CLIENT_SIDE, "10.10.10.55"])
def test_an_error_from_a_server_side_address_without_alias_comes_from_the_translator(sender):
    # RFC 5508 REQ-5 c; ICM-06
    crossed = bytes(ip(VIEWER, REAL[1], UDP(sport=1, dport=2) / b"x"))
    received = translate(error(sender, VIEWER, crossed, icmp_type=11, code=0))
    assert (received.src, received[IPerror].dst) == (CLIENT_SIDE, ALIAS[1])
    assert b"\x0a\x0a\x0a" not in bytes(received)


def test_a_hairpinned_error_goes_back_in_the_first_servers_own_addressing():
    crossed = bytes(ip(ALIAS[1], REAL[2], UDP(sport=1, dport=2) / b"x"))
    received = translate(error(REAL[2], ALIAS[1], crossed, code=3))
    assert (received.src, received.dst) == (ALIAS[2], REAL[1])
    assert (received[IPerror].src, received[IPerror].dst) == (REAL[1], ALIAS[2])


def test_fragmentation_needed_keeps_its_mtu():
    crossed = bytes(ip(VIEWER, REAL[1], TCP(sport=1, dport=2) / b"x"))
    received = translate(error(REAL[1], VIEWER, crossed, code=4, nexthopmtu=1280))
    assert received[ICMP].nexthopmtu == 1280


def test_an_error_about_an_echo_keeps_its_identifier():
    crossed = bytes(ip(VIEWER, REAL[1], ICMP(type=8, id=0x1234, seq=5) / b"ping"))
    received = translate(error(ROUTER, VIEWER, crossed, icmp_type=11, code=0))
    assert bytes(received)[28:] == bytes(ip(VIEWER, ALIAS[1], ICMP(id=0x1234, seq=5) / b"ping"))


def test_an_embedded_udp_checksum_of_zero_stays_zero():
    crossed = bytes(ip(VIEWER, REAL[1], UDP(sport=1, dport=2, chksum=0) / b"x"))
    assert translate(error(REAL[1], VIEWER, crossed))[UDPerror].chksum == 0


def test_a_wrong_embedded_transport_checksum_is_no_reason_to_drop():
    # ICM-05; RFC 5508 REQ-3 c
    crossed = bytes(ip(VIEWER, REAL[1], TCP(sport=1, dport=2, chksum=0x1234) / b"x"))
    assert translate(error(REAL[1], VIEWER, crossed))[TCPerror].sport == 1


def test_an_error_with_embedded_options_finds_the_transport_header():
    # RFC 5508 REQ-3 b
    options = [b"\x94\x04\x00\x00"]
    crossed = bytes(IP(src=VIEWER, dst=REAL[1], options=options) / UDP() / b"x")
    received = translate(error(REAL[1], VIEWER, crossed))
    assert bytes(received)[28:] == bytes(
        IP(src=VIEWER, dst=ALIAS[1], options=options) / UDP() / b"x"
    )


def test_an_error_about_a_later_fragment_has_addresses_alone():
    pieces = fragment(ip(VIEWER, REAL[1], UDP() / bytes(range(64))), fragsize=24)
    received = translate(error(REAL[1], VIEWER, bytes(pieces[1])))
    assert bytes(received)[48:] == bytes(pieces[1])[20:]
    assert received[IPerror].dst == ALIAS[1]


def test_extensions_behind_the_quotation_are_kept():
    # RFC 4884 4: a one-octet UDP datagram, padding to 128 octets, then an extension structure.
    crossed = bytes(ip(VIEWER, REAL[1], UDP(sport=1, dport=2) / b"x")).ljust(128, b"\0")
    extension = b"\x20\x00\xdf\xff\x00\x04\x01\x01"
    received = translate(error(REAL[1], VIEWER, crossed + extension))
    assert bytes(received)[28 + 29 :] == (crossed + extension)[29:]
    assert internet_checksum(bytes(received)[20:]) == 0


def test_padding_behind_a_short_quoted_fragment_is_not_taken_for_its_checksum():
    # RFC 4884 4: the quoted fragment ends before the place of a TCP checksum; zeros follow.
    first = fragment(ip(VIEWER, REAL[1], TCP(sport=1, dport=2) / b"x"), fragsize=8)[0]
    received = translate(error(REAL[1], VIEWER, bytes(first).ljust(128, b"\0")))
    assert bytes(received)[28 + 20 :] == bytes(first)[20:].ljust(108, b"\0")


def _damaged(packet: IP, place: int) -> bytes:
    octets = bytearray(bytes(packet))
    octets[place] ^= 0x01
    return bytes(octets)


GOOD_QUOTE = bytes(ip(VIEWER, REAL[1], UDP(sport=1, dport=2) / b"x"))


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (_damaged(error(REAL[1], VIEWER, GOOD_QUOTE), 22), Drop.ERROR_DAMAGED),
        (error(REAL[1], VIEWER, _damaged(IP(GOOD_QUOTE), 4)), Drop.ERROR_DAMAGED),
        (error(REAL[1], VIEWER, GOOD_QUOTE[:19]), Drop.ERROR_DAMAGED),
        (error(REAL[1], VIEWER, b"\x60" + GOOD_QUOTE[1:]), Drop.ERROR_DAMAGED),
        (fragment(error(REAL[1], VIEWER, GOOD_QUOTE * 3), fragsize=40)[0], Drop.ERROR_DAMAGED),
        (error(REAL[1], VIEWER, GOOD_QUOTE, icmp_type=5), Drop.ERROR_NOT_CARRIED),
        (error(REAL[1], VIEWER, GOOD_QUOTE, icmp_type=4, code=0), Drop.ERROR_NOT_CARRIED),
        # Nobody in the table sent or got the quoted packet.
        (
            error(REAL[1], VIEWER, bytes(ip(VIEWER, "10.10.10.99", UDP()))),
            Drop.ERROR_WITHOUT_MATCH,
        ),
        # The error goes to somebody who did not send the quoted packet.
        (error(REAL[1], "192.168.1.11", GOOD_QUOTE), Drop.ERROR_WITHOUT_MATCH),
        (
            error(VIEWER, ALIAS[1], bytes(ip(ALIAS[2], VIEWER, UDP()))),
            Drop.ERROR_WITHOUT_MATCH,
        ),
        (error(VIEWER, REAL[1], bytes(ip(REAL[1], REAL[2], UDP()))), Drop.NO_ENTRY),
    ],
)
def test_errors_that_are_dropped(packet, reason):
    assert drop_reason(packet) is reason


# --- what is not translated -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        (VIEWER, "192.168.1.103"),  # an alias without an entry: NAT-04
        (VIEWER, REAL[1]),  # a viewer that knows a real address
        (REAL[1], REAL[2]),
        ("10.10.10.50", VIEWER),  # a host on the server side without an entry
    ],
)
@given(transport=transports)
def test_what_the_table_does_not_know_is_dropped_with_a_fact(source, destination, transport):
    effects = translator().handle(PacketArrived(bytes(ip(source, destination, transport))), 0)
    (note,) = effects
    assert (note.fact.reason, note.fact.source, note.fact.destination) == (
        Drop.NO_ENTRY,
        source,
        destination,
    )


def test_a_dropped_packet_says_why_in_one_line():
    unmapped = ip(VIEWER, "192.168.1.103", UDP())
    (note,) = translator().handle(PacketArrived(bytes(unmapped)), 0)
    assert str(note.fact) == (
        "packet from 192.168.1.10 to 192.168.1.103 dropped: no entry in the table"
    )
    (note,) = translator().handle(PacketArrived(b"\x45"), 0)
    assert str(note.fact) == "packet dropped: malformed (1 octets where an IPv4 header has 20)"


def test_ipv6_is_dropped_with_a_fact():
    assert drop_reason(b"\x60" + bytes(60)) is Drop.NOT_IPV4


@given(st.binary(max_size=100))
def test_any_octets_raise_nothing(octets):
    translator().handle(PacketArrived(octets), 0)


@given(
    st.binary(max_size=100),
    st.sampled_from((1, 6, 17, 250)),
    st.sampled_from(((VIEWER, ALIAS[1]), (REAL[1], VIEWER), (REAL[1], ALIAS[2]))),
    st.integers(0, 3),
    st.sampled_from(("", "MF", "DF")),
)
def test_any_payload_under_a_right_header_raises_nothing_and_shows_no_real_source(
    payload, protocol, addresses, offset, flags
):
    packet = IP(src=addresses[0], dst=addresses[1], proto=protocol, frag=offset, flags=flags) / Raw(
        payload
    )
    for effect in translator().handle(PacketArrived(bytes(packet)), 0):
        if isinstance(effect, SendPacket):
            assert internet_checksum(effect.packet[:20]) == 0
            assert IP(effect.packet).src not in REAL.values()


@given(st.data())
def test_any_damage_to_an_error_raises_nothing(data):
    octets = bytearray(bytes(error(REAL[1], VIEWER, GOOD_QUOTE)))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(21, len(octets) - 1))] = data.draw(st.integers(0, 255))
    octets[22:24] = b"\0\0"
    octets[22:24] = internet_checksum(bytes(octets[20:])).to_bytes(2, "big")
    for effect in translator().handle(PacketArrived(bytes(octets)), 0):
        if isinstance(effect, SendPacket):
            assert internet_checksum(effect.packet[:20]) == 0
            assert internet_checksum(effect.packet[20:]) == 0
            assert IP(effect.packet)[IPerror].dst not in REAL.values()


# --- time to live ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "destination", "teller"),
    [
        (VIEWER, ALIAS[1], CLIENT_SIDE),
        (REAL[1], VIEWER, SERVER_SIDE),
        (REAL[1], ALIAS[2], SERVER_SIDE),
    ],
)
@pytest.mark.parametrize("ttl", [0, 1])
def test_an_expired_packet_is_told_to_its_sender_in_its_own_addressing(
    source, destination, teller, ttl
):
    sent = ip(source, destination, UDP(sport=1, dport=2) / b"probe", ttl=ttl)
    received = translate(sent)
    assert (received.src, received.dst) == (teller, source)
    assert (received[ICMP].type, received[ICMP].code) == (11, 0)
    assert bytes(received)[28:] == bytes(sent)
    assert bytes(received) == with_fresh_checksums(received)


@pytest.mark.parametrize(
    "packet",
    [
        error(REAL[1], VIEWER, GOOD_QUOTE, code=3),
        ip("224.0.0.1", ALIAS[1], UDP()),
        ip("0.0.0.0", ALIAS[1], UDP()),
        ip("127.0.0.1", ALIAS[1], UDP()),
        ip("255.255.255.255", ALIAS[1], UDP()),
        fragment(ip(VIEWER, ALIAS[1], UDP() / bytes(100)), fragsize=40)[1],
    ],
)
def test_some_packets_expire_in_silence(packet):
    # RFC 1812 4.3.2.7
    del packet[IP].chksum
    packet.ttl = 1
    assert drop_reason(IP(bytes(packet))) is Drop.EXPIRED


def test_errors_of_our_own_are_bounded_and_come_back_with_time():
    # RFC 1812 4.3.2.8
    machine = translator()
    probe = PacketArrived(bytes(ip(VIEWER, ALIAS[1], UDP(), ttl=1)))

    def told(now: int) -> int:
        effects = [effect for _ in range(200) for effect in machine.handle(probe, now)]
        return sum(isinstance(effect, SendPacket) for effect in effects)

    assert told(5 * SECOND) == 50
    assert told(5 * SECOND) == 0
    assert told(5 * SECOND + SECOND // 10) == 10
    assert told(60 * SECOND) == 50


def test_it_has_no_timers_and_ignores_other_events():
    machine = translator()
    assert machine.ready()
    assert machine.deadline() is None
    assert machine.expire(10**18) == ()
    assert machine.handle(StreamClosed("stream"), 0) == ()
