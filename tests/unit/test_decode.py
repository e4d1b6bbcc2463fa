"""Decoding, against scapy: the same fields, the same checksum verdicts, and never an exception."""

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from lab.observe.decode import decode
from lab.observe.sighting import Arp, Icmp, Ip, Tcp, Udp

RAW_IP = 101
ETHERNET = 1
LETTERS = {
    "FIN": "F",
    "SYN": "S",
    "RST": "R",
    "PSH": "P",
    "ACK": "A",
    "URG": "U",
    "ECE": "E",
    "CWR": "C",
}

ports = st.integers(0, 65535)
words = st.integers(0, 2**32 - 1)
payloads = st.binary(max_size=40)
addresses4 = st.ip_addresses(v=4).map(str)
addresses6 = st.ip_addresses(v=6).map(str)
headers4 = st.builds(
    IP, src=addresses4, dst=addresses4, ttl=st.integers(0, 255), id=st.integers(0, 65535)
)
headers6 = st.builds(IPv6, src=addresses6, dst=addresses6, hlim=st.integers(0, 255))
headers = headers4 | headers6


def decoded(packet) -> Ip:
    found = decode(bytes(packet), RAW_IP)
    assert isinstance(found, Ip)
    return found


def assert_header(found: Ip, packet) -> None:
    """The header's fields are those that scapy reads from the same bytes."""
    told = (IP if found.version == 4 else IPv6)(bytes(packet))
    assert ip_address(found.source) == ip_address(told.src)
    assert ip_address(found.destination) == ip_address(told.dst)
    assert found.length == len(bytes(packet))
    assert found.raw == bytes(packet)
    if found.version == 4:
        assert (found.ttl, found.identification) == (told.ttl, told.id)
        assert found.protocol == told.proto
    else:
        assert found.ttl == told.hlim
    assert found.checksum_right


@given(headers, ports, ports, payloads)
def test_udp(header, source, destination, payload):
    packet = header / UDP(sport=source, dport=destination) / Raw(payload)
    found = decoded(packet)
    assert_header(found, packet)
    assert found.transport == Udp(source, destination, payload, checksum_right=True)


@given(
    headers, ports, ports, words, words, st.sets(st.sampled_from(sorted(LETTERS))), payloads,
    st.lists(st.sampled_from([("NOP", None), ("MSS", 1460), ("WScale", 7)]), max_size=3),
)  # fmt: skip
def test_tcp(header, source, destination, sequence, acknowledgement, flags, payload, options):
    segment = TCP(
        sport=source,
        dport=destination,
        seq=sequence,
        ack=acknowledgement,
        flags="".join(LETTERS[flag] for flag in flags),
        options=options,
    )
    packet = header / segment / Raw(payload)
    found = decoded(packet)
    assert_header(found, packet)
    assert found.transport == Tcp(
        source, destination, sequence, acknowledgement, frozenset(flags), payload, True
    )


@given(headers4, st.sampled_from([0, 8]), ports, ports, payloads)
def test_echo(header, kind, identifier, sequence, payload):
    packet = header / ICMP(type=kind, id=identifier, seq=sequence) / Raw(payload)
    found = decoded(packet)
    assert_header(found, packet)
    assert found.transport == Icmp(kind, 0, identifier, sequence, payload, checksum_right=True)


@given(headers6, st.sampled_from([ICMPv6EchoRequest, ICMPv6EchoReply]), ports, ports, payloads)
def test_echo_over_ipv6(header, kind, identifier, sequence, payload):
    packet = header / kind(id=identifier, seq=sequence, data=payload)
    found = decoded(packet)
    assert_header(found, packet)
    number = 128 if kind is ICMPv6EchoRequest else 129
    assert found.transport == Icmp(number, 0, identifier, sequence, payload, checksum_right=True)


@given(
    headers4, headers4, ports, ports, payloads, st.sampled_from([3, 4, 5, 11, 12]),
    st.integers(0, 255), st.integers(8, 60),
)  # fmt: skip
def test_icmp_error_holds_the_packet_it_is_about(
    outer, inner, source, destination, payload, kind, code, kept
):
    about = bytes(inner / UDP(sport=source, dport=destination) / Raw(payload))
    packet = outer / ICMP(type=kind, code=code) / Raw(about[: 20 + kept])
    found = decoded(packet)
    assert_header(found, packet)
    icmp = found.transport
    assert isinstance(icmp, Icmp)
    assert (icmp.type, icmp.code, icmp.identifier, icmp.checksum_right) == (kind, code, 0, True)
    assert icmp.is_error
    within = icmp.embedded
    assert within is not None
    assert (within.source, within.destination, within.ttl) == (inner.src, inner.dst, inner.ttl)
    assert within.length == len(about)
    assert within.transport == Udp(source, destination, about[28 : 20 + kept], True)


@given(headers6, headers6, ports, ports)
def test_icmpv6_error_holds_the_packet_it_is_about(outer, inner, source, destination):
    about = bytes(inner / TCP(sport=source, dport=destination, seq=77))
    found = decoded(outer / ICMPv6DestUnreach(code=4) / Raw(about))
    icmp = found.transport
    assert isinstance(icmp, Icmp)
    assert (icmp.type, icmp.code, icmp.checksum_right) == (1, 4, True)
    assert icmp.embedded is not None
    assert isinstance(icmp.embedded.transport, Tcp)
    assert icmp.embedded.transport.destination_port == destination
    assert icmp.embedded.transport.sequence == 77


def test_eight_octets_of_an_embedded_segment_give_ports_and_sequence_number():
    about = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=1, dport=2, seq=3))[:28]
    icmp = decoded(IP() / ICMP(type=11) / Raw(about)).transport
    assert isinstance(icmp, Icmp)
    assert icmp.embedded is not None
    assert icmp.embedded.transport == Tcp(1, 2, 3, 0, frozenset(), b"", checksum_right=True)


@given(
    st.one_of(
        st.builds(lambda ip, data: ip / UDP(sport=1, dport=2) / Raw(data), headers, payloads),
        st.builds(lambda ip, data: ip / TCP(sport=1, dport=2) / Raw(data), headers, payloads),
        st.builds(lambda ip, data: ip / ICMP() / Raw(data), headers4, payloads),
        st.builds(lambda ip, data: ip / ICMPv6EchoRequest(data=data), headers6, payloads),
    ),
    st.data(),
)
@settings(deadline=None)
def test_one_flipped_bit_makes_a_checksum_wrong(packet, data):
    octets = bytearray(bytes(packet))
    header = 20 if octets[0] >> 4 == 4 else 40
    transport = decoded(packet).transport
    assert transport is not None
    # Flipping a length or data offset changes what is summed; UDP's checksum field may become 0.
    fixed = {Udp: {4, 5, 6, 7}, Tcp: {12}, Icmp: {0}}[type(transport)]
    places = [place for place in range(len(octets) - header) if place not in fixed]
    octets[header + data.draw(st.sampled_from(places))] ^= 1 << data.draw(st.integers(0, 7))
    found = decoded(bytes(octets))
    assert found.transport is not None
    assert not found.transport.checksum_right
    assert found.checksum_right


@given(
    headers4,
    st.sampled_from([1, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]),
    st.integers(0, 7),
)
def test_one_flipped_bit_makes_the_header_checksum_wrong(header, place, bit):
    octets = bytearray(bytes(header / UDP()))
    octets[place] ^= 1 << bit
    assert not decoded(bytes(octets)).checksum_right


@given(headers4, headers6)
def test_a_udp_checksum_may_be_left_out_over_ipv4_only(header4, header6):
    for header, right in ((header4, True), (header6, False)):
        transport = decoded(header / UDP(sport=1, dport=2, chksum=0) / Raw(b"x")).transport
        assert transport == Udp(1, 2, b"x", checksum_right=right)


@pytest.mark.parametrize("place", [6, 7])
@given(header=headers4)
def test_a_fragment_has_no_transport(header, place):
    octets = bytearray(bytes(header / UDP() / Raw(b"0" * 32)))
    octets[place] |= 0x20 if place == 6 else 1
    assert decoded(bytes(octets)).transport is None


def test_dont_fragment_is_no_fragment():
    assert decoded(IP(flags="DF") / UDP()).transport is not None


def test_extension_headers_are_walked():
    udp = UDP(sport=1, dport=2) / Raw(b"x")
    for between in (
        IPv6ExtHdrHopByHop(),
        IPv6ExtHdrDestOpt(),
        IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt(),
        IPv6ExtHdrFragment(m=0, offset=0, id=9),  # an atomic fragment (RFC 6946)
        IPv6ExtHdrRouting(segleft=0),
    ):
        found = decoded(IPv6(src="fd00::1", dst="fd00::2") / between / udp)
        assert found.protocol == 17
        assert found.transport == Udp(1, 2, b"x", checksum_right=True)


def test_what_cannot_be_summed_has_no_transport():
    udp = UDP(sport=1, dport=2) / Raw(b"x")
    for between in (
        IPv6ExtHdrFragment(m=1, offset=0, id=9),
        IPv6ExtHdrFragment(m=0, offset=3, id=9),
        IPv6ExtHdrRouting(segleft=1, addresses=["fd00::3"]),
    ):
        assert decoded(IPv6(src="fd00::1", dst="fd00::2") / between / udp).transport is None
    identified = decoded(IPv6() / IPv6ExtHdrFragment(m=1, offset=0, id=9) / udp)
    assert identified.identification == 9


@given(headers, payloads)
def test_ethernet_padding_is_no_part_of_the_packet(header, payload):
    packet = bytes(header / UDP() / Raw(payload))
    kind = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
    frame = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02", type=kind)) + packet
    found = decode(frame + bytes(18), ETHERNET)
    assert isinstance(found, Ip)
    assert found.raw == packet
    assert found.transport is not None
    assert found.transport.checksum_right


@given(st.integers(1, 2), addresses4, addresses4)
def test_arp(operation, sender, target):
    frame = Ether(dst="ff:ff:ff:ff:ff:ff") / ARP(op=operation, psrc=sender, pdst=target)
    assert decode(bytes(frame), ETHERNET) == Arp(operation, sender, target)


def test_other_frames_are_nothing():
    assert decode(bytes(Ether(type=0x88CC)) + b"lldp", ETHERNET) is None
    assert decode(bytes(IP() / UDP()), 147) is None


@given(st.binary(max_size=120), st.sampled_from([ETHERNET, RAW_IP]))
@settings(max_examples=500)
def test_random_bytes_never_raise(octets, linktype):
    decode(octets, linktype)


@given(
    st.builds(
        lambda ip, body: bytes(ip / body),
        headers,
        st.sampled_from(
            [UDP() / Raw(b"12"), TCP(), ICMP(type=3) / IP() / UDP(), IPv6ExtHdrHopByHop() / UDP()]
        ),
    ),
    st.data(),
)
@settings(max_examples=500, deadline=None)
def test_damaged_packets_never_raise(octets, data):
    damaged = bytearray(octets)
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    decode(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]), RAW_IP)
