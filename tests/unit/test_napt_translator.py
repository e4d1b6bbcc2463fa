"""NAPT packet by packet: hairpinning, queries, fields that stay, and what goes no further."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napt import (
    ALIAS,
    CLIENT,
    CLIENT_SIDE,
    FAR,
    NEAR,
    OTHER,
    REAL,
    SERVER_SIDE,
    SHARED,
    drop,
    effects,
    packet,
    passed,
    tcp,
    translator,
    udp,
)
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.packet import Raw

from resolver.config import Behaviour, NaptConfig, NatConfig
from resolver.machine import SECOND, PacketArrived, StreamClosed
from resolver.nat.checksum import internet_checksum
from resolver.nat.drops import Drop
from resolver.nat.machines import nat_machine
from resolver.nat.realms import NaptRefused
from resolver.nat.translator import NatTranslator

ports = st.integers(1, 65_535)

# --- fields -------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(ports, ports, st.binary(max_size=200), st.integers(2, 255), st.integers(0, 255))
def test_address_port_ttl_and_checksums_change_and_nothing_else(sport, dport, data, ttl, tos):
    # NAT-13, NAT-14
    fields = {"ttl": ttl, "tos": tos, "id": 4711, "flags": "DF"}
    options = [("MSS", 1400), ("SAckOK", b""), ("WScale", 7), (254, b"\x12\x34")]
    segment = TCP(sport=sport, dport=dport, flags="SEC", seq=7, window=99, options=options)
    for transport in (UDP(sport=sport, dport=dport) / Raw(data), segment / Raw(data)):
        out = passed(translator(), packet(CLIENT, FAR, transport, **fields))
        expected = transport.copy()
        expected.sport = out.payload.sport
        fields["ttl"] = ttl - 1
        assert bytes(out) == bytes(packet(SHARED, FAR, expected, **fields))
        fields["ttl"] = ttl


def test_a_udp_checksum_of_zero_stays_zero():
    out = passed(translator(), packet(CLIENT, FAR, UDP(sport=1, dport=2, chksum=0) / b"x"))
    assert out[UDP].chksum == 0


@settings(max_examples=40)
@given(st.integers(1, 0xFFFF))
def test_damage_done_before_us_is_left_for_the_receiver_to_find(flip):
    sent = udp(CLIENT, 9, FAR, 7)
    damaged = (sent[UDP].chksum ^ flip) or 0xFFFF
    was_right = damaged % 0xFFFF == sent[UDP].chksum % 0xFFFF
    sent[UDP].chksum = damaged
    (out,), _ = effects(translator(), sent)
    right = udp(SHARED, out[UDP].sport, FAR, 7)[UDP].chksum
    assert (out[UDP].chksum % 0xFFFF == right % 0xFFFF) == was_right


def test_padding_behind_the_packet_is_left_out():
    out = passed(translator(), bytes(udp(CLIENT, 9, FAR, 7, b"abc")) + bytes(15))
    assert len(bytes(out)) == 31


# --- ICMP queries -------------------------------------------------------------------------------


def test_an_echo_goes_out_under_another_identifier_and_its_reply_comes_back():
    # RFC 5508 REQ-1
    nat = translator()
    out = passed(nat, packet(CLIENT, FAR, ICMP(type=8, id=77, seq=3) / b"ping"))
    other = passed(nat, packet(OTHER, FAR, ICMP(type=8, id=77, seq=3) / b"ping"))
    assert out.src == other.src == SHARED
    assert out[ICMP].id != other[ICMP].id
    back = passed(nat, packet(FAR, SHARED, ICMP(type=0, id=other[ICMP].id, seq=3) / b"ping"))
    assert (back.dst, back[ICMP].id, back[ICMP].seq) == (OTHER, 77, 3)


@pytest.mark.parametrize(("asked", "told"), [(8, 0), (13, 14)])
def test_a_query_is_remembered_60_s(asked, told):
    # RFC 5508 REQ-2
    nat = translator()
    out = passed(nat, packet(CLIENT, FAR, ICMP(type=asked, id=0)))
    reply = packet(FAR, SHARED, ICMP(type=told, id=out[ICMP].id))
    assert passed(nat, reply, 60 * SECOND - 1)[ICMP].id == 0
    assert drop(nat, reply, 60 * SECOND) is Drop.NO_MAPPING


def test_replies_from_elsewhere_and_queries_from_outside_come_to_nobody():
    nat = translator()
    out = passed(nat, packet(CLIENT, FAR, ICMP(type=8, id=77)))
    assert drop(nat, packet(NEAR, SHARED, ICMP(type=0, id=out[ICMP].id))) is Drop.FILTERED
    for kind in (8, 13):
        query = packet(FAR, SHARED, ICMP(type=kind, id=out[ICMP].id))
        assert drop(nat, query) is Drop.NO_MAPPING
    assert drop(nat, packet(CLIENT, FAR, ICMP(type=0, id=5))) is Drop.NO_MAPPING
    assert drop(nat, packet(CLIENT, FAR, ICMP(type=9))) is Drop.NO_PORTS


# --- hairpinning --------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.sampled_from((UDP, TCP)), ports, ports)
def test_inside_machines_meet_by_an_outside_address_and_see_outside_ends(layer, one, other):
    # RFC 4787 REQ-9 a; RFC 5382 REQ-8
    nat = translator(filtering=Behaviour.ENDPOINT_INDEPENDENT)
    make = udp if layer is UDP else tcp
    theirs = passed(nat, make(OTHER, other, FAR, 7)).payload.sport
    came = passed(nat, make(CLIENT, one, SHARED, theirs))
    assert (came.src, came.dst, came.payload.dport) == (SHARED, OTHER, other)
    ours = passed(nat, make(CLIENT, one, FAR, 7)).payload.sport
    assert came.payload.sport == ours


def test_a_filter_holds_for_hairpinned_packets_too_and_the_sender_has_opened_his_own():
    nat = translator()
    theirs = passed(nat, udp(OTHER, 5, FAR, 7))[UDP].sport
    assert drop(nat, udp(CLIENT, 6, SHARED, theirs)) is Drop.FILTERED
    ours = passed(nat, udp(CLIENT, 6, FAR, 7))[UDP].sport
    back = passed(nat, udp(OTHER, 5, SHARED, ours))  # now both have sent
    assert (back.src, back[UDP].sport, back.dst) == (SHARED, theirs, CLIENT)
    assert passed(nat, udp(CLIENT, 6, SHARED, theirs)).dst == OTHER


def test_a_server_with_an_alias_is_met_by_it_from_inside_and_answers():
    nat = translator()
    came = passed(nat, tcp(CLIENT, 4000, ALIAS, 5900))
    assert (came.src, came.dst, came[TCP].dport) == (SHARED, REAL, 5900)
    back = passed(nat, tcp(REAL, 5900, SHARED, came[TCP].sport, "SA"))
    assert (back.src, back.dst, back[TCP].dport) == (ALIAS, CLIENT, 4000)
    assert drop(nat, udp(REAL, 5900, SHARED, came[TCP].sport)) is Drop.NO_MAPPING


def test_hairpinning_may_be_off():
    nat = translator(hairpinning=False, filtering=Behaviour.ENDPOINT_INDEPENDENT)
    theirs = passed(nat, udp(OTHER, 5, FAR, 7))[UDP].sport
    for destination in ((SHARED, theirs), (ALIAS, 5900)):
        assert drop(nat, udp(CLIENT, 6, *destination)) is Drop.NO_HAIRPINNING
    assert len(nat.conversations.mappings) == 1


# --- what goes no further -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "destination", "reason"),
    [
        (CLIENT, OTHER, Drop.NO_ENTRY),
        (CLIENT, REAL, Drop.NO_ENTRY),
        (FAR, CLIENT, Drop.NO_ENTRY),
        (FAR, "203.0.113.102", Drop.NO_ENTRY),
        (FAR, SHARED, Drop.NO_MAPPING),
        (SHARED, SHARED, Drop.OWN_SOURCE),
        (ALIAS, SHARED, Drop.OWN_SOURCE),
        (CLIENT, "224.0.0.1", Drop.NAMELESS),
        (CLIENT, "255.255.255.255", Drop.NAMELESS),
        ("127.0.0.1", SHARED, Drop.NAMELESS),
    ],
)
def test_what_has_no_way_is_dropped_with_a_fact(source, destination, reason):
    assert drop(translator(), udp(source, 9, destination, 7)) is reason


def test_a_protocol_without_ports_cannot_share_an_address():
    for source, destination in ((CLIENT, FAR), (FAR, SHARED)):
        gre = packet(source, destination, Raw(b"abcd1234"), proto=47)
        assert drop(translator(), gre) is Drop.NO_PORTS


@pytest.mark.parametrize(
    ("source", "destination", "teller"),
    [(CLIENT, FAR, SERVER_SIDE), (FAR, SHARED, CLIENT_SIDE), (REAL, SHARED, SERVER_SIDE)],
)
def test_an_expired_packet_is_told_to_its_sender_in_its_own_addressing(source, destination, teller):
    # RFC 5508 REQ-10 a
    nat = translator()
    sent = packet(source, destination, UDP(sport=1, dport=2) / b"probe", ttl=1)
    (error,), (reason,) = effects(nat, sent)
    assert reason is Drop.EXPIRED
    assert (error.src, error.dst, error[ICMP].type) == (teller, source, 11)
    assert bytes(error)[28:] == bytes(sent)
    assert len(nat.conversations.mappings) == 0


def test_ipv6_and_other_events_mean_nothing_here():
    nat = translator()
    assert drop(nat, b"\x60" + bytes(60)) is Drop.NOT_IPV4
    assert drop(nat, b"\x45") is Drop.MALFORMED
    assert nat.handle(StreamClosed("stream"), 0) == ()
    assert nat.ready()
    assert (nat.deadline(), nat.expire(10**18)) == (None, [])


@given(st.binary(max_size=100))
def test_any_octets_raise_nothing(octets):
    translator().handle(PacketArrived(octets), 0)


addresses = st.sampled_from((CLIENT, OTHER, REAL, ALIAS, SHARED, FAR, NEAR))


@given(
    st.lists(
        st.tuples(
            addresses,
            addresses,
            st.sampled_from((1, 6, 17, 250)),
            st.integers(0, 3),
            st.sampled_from(("", "MF", "DF")),
            st.binary(max_size=60),
        ),
        max_size=8,
    ),
    st.sampled_from(Behaviour),
)
def test_any_payload_under_a_right_header_raises_nothing_and_shows_nobody_inside(sent, behaviour):
    nat = translator(filtering=behaviour)
    for source, destination, protocol, offset, flags, payload in sent:
        whole = IP(src=source, dst=destination, proto=protocol, frag=offset, flags=flags)
        packets, _ = effects(nat, bytes(whole / Raw(payload)))
        for out in packets:
            assert internet_checksum(bytes(out)[:20]) == 0
            if out.dst in (FAR, NEAR):
                assert out.src in (SHARED, ALIAS, CLIENT_SIDE)


# --- the machine of a configuration ---------------------------------------------------------------


def config(napt=None, table=((ALIAS, REAL),)):
    return NatConfig("nat0", table, CLIENT_SIDE, SERVER_SIDE, napt)


def test_without_napt_the_table_alone_translates():
    assert isinstance(nat_machine(config(), Random(1)), NatTranslator)


@pytest.mark.parametrize(
    ("inside", "outside", "said"),
    [
        ("fd00::/8", SHARED, "napt.inside: 'fd00::/8' is no IPv4 network"),
        ("10.20.0.0/24", "fd00::1", "napt.outside_addresses: 'fd00::1' is no IPv4 address"),
        ("10.20.0.0/24", ALIAS, "203.0.113.101 is an alias in the table"),
        ("10.20.0.0/24", "10.20.0.9", "10.20.0.9 is in an inside network"),
    ],
)
def test_addresses_that_contradict_each_other_are_refused(inside, outside, said):
    with pytest.raises(NaptRefused, match=said):
        nat_machine(config(NaptConfig((inside,), (outside,))), Random(1))


def test_an_address_shared_twice_is_refused():
    with pytest.raises(NaptRefused, match="stands twice"):
        nat_machine(config(NaptConfig(("10.20.0.0/24",), (SHARED, SHARED))), Random(1))
