"""Packets and checksums, with scapy as the independent oracle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.packet import Raw
from scapy.utils import checksum as scapy_checksum

from resolver.machine import Endpoint
from resolver.nat.build import build_icmp_echo, build_icmp_error, build_tcp, build_udp
from resolver.nat.checksum import adjusted, internet_checksum
from resolver.nat.packet import (
    ACK,
    SYN,
    IcmpView,
    IpView,
    MalformedPacket,
    TcpView,
    UdpView,
    read_ipv4,
    rewrite_ttl,
)

ipv4 = st.ip_addresses(v=4).map(str)
ipv6 = st.ip_addresses(v=6).map(str)
address_pairs = st.tuples(ipv4, ipv4) | st.tuples(ipv6, ipv6)
ports = st.integers(0, 65_535)
payloads = st.binary(max_size=200)


@given(st.binary(max_size=120))
def test_checksum_agrees_with_scapy(octets):
    assert internet_checksum(octets) == scapy_checksum(octets)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [(b"", 0xFFFF), (bytes(4), 0xFFFF), (b"\xff\xff", 0), (b"\xff\xff\xff\xff", 0)],
)
def test_checksum_of_zeros_and_ones(octets, expected):
    assert internet_checksum(octets) == expected


@given(
    before=st.binary(min_size=2, max_size=20).filter(lambda octets: len(octets) % 2 == 0),
    old=st.binary(min_size=8, max_size=8),
    new=st.binary(min_size=8, max_size=8),
)
def test_adjusted_checksum_agrees_with_a_full_computation(before, old, new):
    before = b"\x45\x00" + before  # a header is never all zero
    checksum = internet_checksum(before + old)
    assert adjusted(checksum, old, new) == internet_checksum(before + new)


def test_adjusted_checksum_is_rfc_1624s_example():
    # RFC 1624 4: a header sum of 0xDD2F, a word that changes from 0x5555 to 0x3285. RFC 1141's
    # form gives 0xFFFF here, which is wrong.
    assert adjusted(0xDD2F, b"\x55\x55", b"\x32\x85") == 0x0000


@given(address_pairs, ports, ports, payloads, st.integers(1, 255))
def test_built_udp_is_what_scapy_builds(addresses, source_port, destination_port, payload, ttl):
    source = Endpoint(addresses[0], source_port)
    destination = Endpoint(addresses[1], destination_port)
    packet = build_udp(source, destination, payload, ttl=ttl)

    ip = IpView.of(packet)
    assert (ip.source, ip.destination, ip.ttl) == (*addresses, ttl)
    assert UdpView.of(ip.payload) == UdpView(source_port, destination_port, payload)
    version = IP if ip.version == 4 else IPv6
    layer = version(src=addresses[0], dst=addresses[1])
    segment = bytes(layer / UDP(sport=source_port, dport=destination_port) / payload)
    assert ip.payload == IpView.of(segment).payload


@given(address_pairs, ports, ports, st.integers(0, 2**32 - 1), payloads)
def test_built_tcp_is_what_scapy_builds(addresses, source_port, destination_port, number, payload):
    source = Endpoint(addresses[0], source_port)
    destination = Endpoint(addresses[1], destination_port)
    packet = build_tcp(
        source, destination, flags=SYN | ACK, sequence=number, acknowledgment=7, payload=payload
    )

    ip = IpView.of(packet)
    assert TcpView.of(ip.payload) == TcpView(
        source_port, destination_port, number, 7, SYN | ACK, payload
    )
    layer = (IP if ip.version == 4 else IPv6)(src=addresses[0], dst=addresses[1])
    tcp = TCP(
        sport=source_port, dport=destination_port, seq=number, ack=7, flags="SA", window=65535
    )
    assert ip.payload == IpView.of(bytes(layer / tcp / payload)).payload


@given(st.tuples(ipv4, ipv4), st.booleans(), ports, ports, payloads)
def test_built_echo_is_what_scapy_builds(addresses, reply, identifier, sequence, payload):
    packet = build_icmp_echo(
        *addresses, reply=reply, identifier=identifier, sequence=sequence, payload=payload
    )
    assert internet_checksum(packet[:20]) == internet_checksum(packet[20:]) == 0
    icmp = IP(packet)[ICMP]
    assert (icmp.type, icmp.id, icmp.seq) == (0 if reply else 8, identifier, sequence)
    assert IcmpView.of(IpView.of(packet).payload).payload == payload


@given(st.tuples(ipv6, ipv6), st.booleans(), payloads)
def test_built_ipv6_echo_is_what_scapy_builds(addresses, reply, payload):
    packet = build_icmp_echo(*addresses, reply=reply, identifier=3, sequence=4, payload=payload)
    echo = (ICMPv6EchoReply if reply else ICMPv6EchoRequest)(id=3, seq=4, data=payload)
    assert packet == bytes(IPv6(src=addresses[0], dst=addresses[1], hlim=64) / echo)


def test_built_error_quotes_the_offending_packet_up_to_576_octets():
    offending = build_udp(Endpoint("10.0.0.1", 5), Endpoint("10.0.0.2", 6), bytes(2000))
    error = build_icmp_error("10.0.0.9", "10.0.0.1", icmp_type=3, code=1, offending=offending)
    assert len(error) == 576
    assert IpView.of(error).payload[8:] == offending[:548]
    assert internet_checksum(error[20:]) == 0


def test_built_ipv6_error_quotes_up_to_the_minimum_mtu():
    offending = build_udp(Endpoint("fd00::1", 5), Endpoint("fd00::2", 6), bytes(2000))
    error = build_icmp_error("fd00::9", "fd00::1", icmp_type=1, code=4, offending=offending)
    assert len(error) == 1280
    quoting = ICMPv6DestUnreach(code=4) / Raw(offending[:1232])
    assert error == bytes(IPv6(src="fd00::9", dst="fd00::1", hlim=64) / quoting)


def test_builders_refuse_what_no_packet_can_be():
    with pytest.raises(ValueError, match="two families"):
        build_icmp_echo("10.0.0.1", "fd00::1", reply=False, identifier=1, sequence=1)
    with pytest.raises(ValueError, match="at most 65515"):
        build_udp(Endpoint("10.0.0.1", 1), Endpoint("10.0.0.2", 1), bytes(65_508))


@given(st.integers(0, 255), st.integers(0, 255))
def test_a_changed_ttl_keeps_the_header_checksum_right(before, after):
    packet = bytearray(
        build_udp(Endpoint("10.0.0.1", 5), Endpoint("10.0.0.2", 6), b"x", ttl=before)
    )
    rewrite_ttl(packet, read_ipv4(packet), after)
    assert scapy_checksum(bytes(packet[:20])) == 0
    assert read_ipv4(packet).ttl == after


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (b"", "0 octets"),
        (bytes(19), "19 octets"),
        (bytes(20), "IP version 0"),
        (b"\x44" + bytes(19), "header length 16"),
        (b"\x4f" + bytes(19), "header length 60"),
        (b"\x45" + bytes(19), "wrong IPv4 header checksum"),
        (bytes(IP(src="1.2.3.4", dst="5.6.7.8", proto=250, len=19)), "total length 19"),
        (bytes(IP(src="1.2.3.4", dst="5.6.7.8", proto=250, len=21)), "total length 21"),
        (bytes(IP(src="1.2.3.4", dst="5.6.7.8", proto=17) / bytes(7)), "7 octets of protocol 17"),
        (bytes(IP(src="1.2.3.4", dst="5.6.7.8", proto=6) / bytes(19)), "19 octets of protocol 6"),
    ],
)
def test_a_malformed_packet_is_refused_with_its_reason(packet, why):
    with pytest.raises(MalformedPacket, match=why):
        read_ipv4(packet)


@given(st.binary(max_size=120) | st.binary(max_size=80).map(lambda tail: b"\x60" + tail))
def test_views_refuse_any_other_octets_with_one_error(octets):
    for view in (IpView, UdpView, TcpView, IcmpView):
        try:
            view.of(octets)
        except MalformedPacket:
            continue
