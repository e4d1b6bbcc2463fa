"""ICMP errors through NAPT: translated back, from either side and hairpinned, and harmless."""

from __future__ import annotations

import pytest
from hypothesis import given
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
from scapy.layers.inet import ICMP, IP, TCP, UDP, ICMPerror, IPerror
from scapy.packet import Raw

from resolver.config import Behaviour
from resolver.machine import SECOND
from resolver.nat.checksum import internet_checksum
from resolver.nat.drops import Drop

ROUTER, INNER_ROUTER = "203.0.113.254", "10.20.0.254"

KINDS = st.sampled_from(((3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (11, 0), (11, 1), (12, 0)))


def error(source, destination, quoted, *, kind=(3, 1), **fields):
    message = ICMP(type=kind[0], code=kind[1], **fields) / Raw(bytes(quoted))
    return packet(source, destination, message)


def opened(nat, layer, inside=(CLIENT, 4000), remote=(FAR, 80)):
    """The packet that an inside machine sends, and what becomes of it."""
    make = {UDP: udp, TCP: tcp}[layer]
    sent = make(*inside, *remote)
    return sent, passed(nat, sent)


@given(
    st.sampled_from((UDP, TCP)),
    KINDS,
    st.sampled_from((28, 32, 100)),
    st.sampled_from((FAR, NEAR, ROUTER)),
    st.sampled_from(Behaviour),
)
def test_an_error_from_outside_quotes_what_was_sent_inside(layer, kind, octets, teller, mapping):
    # RFC 5508 REQ-4; ICM-02
    nat = translator(mapping=mapping)
    sent, out = opened(nat, layer)
    came = passed(nat, error(teller, SHARED, bytes(out)[:octets], kind=kind))
    assert (came.src, came.dst, came.ttl) == (teller, CLIENT, 63)
    assert (came[ICMP].type, came[ICMP].code) == kind
    assert internet_checksum(bytes(came)[20:]) == 0
    sent.ttl -= 1  # one was taken on the way out
    del sent.chksum
    assert bytes(came)[28:] == bytes(sent)[:octets]


@given(st.sampled_from((UDP, TCP)), KINDS, st.sampled_from((28, 100)))
def test_an_error_from_inside_quotes_what_was_sent_outside(layer, kind, octets):
    # RFC 5508 REQ-5
    nat = translator()
    _, out = opened(nat, layer)
    make = {UDP: udp, TCP: tcp}[layer]
    sent = make(FAR, 80, SHARED, out.payload.sport)
    if layer is TCP:
        sent = tcp(FAR, 80, SHARED, out.payload.sport, "SA")
    came = passed(nat, sent)
    for teller, shown in (
        (CLIENT, SHARED),
        (INNER_ROUTER, CLIENT_SIDE),
        (SERVER_SIDE, CLIENT_SIDE),
    ):
        told = passed(nat, error(teller, FAR, bytes(came)[:octets], kind=kind))
        assert (told.src, told.dst) == (shown, FAR)
        expected = sent.copy()
        expected.ttl -= 1
        del expected.chksum
        assert bytes(told)[28:] == bytes(expected)[:octets]
        assert b"\x0a\x14\x00" not in bytes(told)


def test_fragmentation_needed_keeps_its_mtu_and_reaches_the_sender():
    # RFC 4787 REQ-13; NAT-16
    nat = translator()
    _, out = opened(nat, UDP)
    came = passed(nat, error(SERVER_SIDE, SHARED, out, kind=(3, 4), nexthopmtu=1280))
    assert (came.src, came.dst, came[ICMP].nexthopmtu) == (SERVER_SIDE, CLIENT, 1280)
    assert (came[IPerror].src, came[IPerror].payload.sport) == (CLIENT, 4000)


def test_an_error_about_an_echo_shows_the_identifier_that_was_sent():
    nat = translator()
    out = passed(nat, packet(CLIENT, FAR, ICMP(type=8, id=77, seq=5) / b"ping"))
    came = passed(nat, error(ROUTER, SHARED, out, kind=(11, 0)))
    assert (came.dst, came[IPerror].src, came[ICMPerror].id) == (CLIENT, CLIENT, 77)
    assert internet_checksum(bytes(came)[48:]) == 0  # the quoted echo's own


def test_hairpinned_errors_show_each_side_what_it_knows():
    # RFC 5508 REQ-7
    nat = translator(filtering=Behaviour.ENDPOINT_INDEPENDENT)
    theirs = opened(nat, UDP, (OTHER, 5))[1][UDP].sport
    sent = udp(CLIENT, 6, SHARED, theirs)
    came = passed(nat, sent)
    told = passed(nat, error(OTHER, SHARED, came, kind=(3, 3)))
    assert (told.src, told.dst) == (SHARED, CLIENT)
    assert (told[IPerror].src, told[IPerror].dst) == (CLIENT, SHARED)
    assert (told[IPerror].payload.sport, told[IPerror].payload.dport) == (6, theirs)


def test_an_error_from_a_server_with_an_alias_about_a_hairpinned_packet():
    nat = translator()
    came = passed(nat, udp(CLIENT, 6, ALIAS, 9))
    told = passed(nat, error(REAL, SHARED, came, kind=(3, 3)))
    assert (told.src, told.dst, told[IPerror].dst) == (ALIAS, CLIENT, ALIAS)
    assert told[IPerror].payload.sport == 6
    # And the other way round: the client complains of the server's packet.
    answer = passed(nat, udp(REAL, 9, SHARED, came[UDP].sport))
    told = passed(nat, error(CLIENT, ALIAS, answer, kind=(3, 3)))
    assert (told.src, told.dst, told[IPerror].src) == (SHARED, REAL, REAL)
    assert (told[IPerror].dst, told[IPerror].payload.dport) == (SHARED, came[UDP].sport)


def test_the_static_tables_errors_are_translated_as_ever():
    nat = translator()
    came = passed(nat, udp(FAR, 6, ALIAS, 9))
    told = passed(nat, error(REAL, FAR, came, kind=(3, 3)))
    assert (told.src, told[IPerror].dst) == (ALIAS, ALIAS)


# --- what is dropped ------------------------------------------------------------------------------


def damaged(sent, place):
    octets = bytearray(bytes(sent))
    octets[place] ^= 1
    return bytes(octets)


def test_errors_that_are_dropped():
    # RFC 5508 REQ-3, REQ-4; ICM-03, ICM-05
    nat = translator()
    _, out = opened(nat, UDP)
    good = error(FAR, SHARED, out)
    port = out[UDP].sport
    for wrong, reason in (
        (damaged(good, 22), Drop.ERROR_DAMAGED),
        (error(FAR, SHARED, damaged(out, 4)), Drop.ERROR_DAMAGED),
        (error(FAR, SHARED, bytes(out)[:24]), Drop.ERROR_WITHOUT_MATCH),
        (error(FAR, SHARED, udp(SHARED, port ^ 2, FAR, 80)), Drop.ERROR_WITHOUT_MATCH),
        (error(FAR, SHARED, udp(SHARED, port, FAR, 81)), Drop.ERROR_WITHOUT_MATCH),
        (error(FAR, SHARED, udp(SHARED, port, NEAR, 80)), Drop.ERROR_WITHOUT_MATCH),
        (error(FAR, SHARED, tcp(SHARED, port, FAR, 80)), Drop.ERROR_WITHOUT_MATCH),
        (error(FAR, SHARED, udp(NEAR, port, FAR, 80)), Drop.ERROR_WITHOUT_MATCH),
        (error(CLIENT, FAR, udp(FAR, 80, CLIENT, 4001)), Drop.ERROR_WITHOUT_MATCH),
        (error(FAR, SHARED, out, kind=(5, 1)), Drop.ERROR_NOT_CARRIED),
        (error(FAR, SHARED, out, kind=(4, 0)), Drop.ERROR_NOT_CARRIED),
        (packet(FAR, SHARED, good.payload, ttl=1), Drop.EXPIRED),
    ):
        assert drop(nat, wrong) is reason
    assert passed(nat, good).dst == CLIENT


def test_a_wrong_transport_checksum_in_the_quotation_is_no_reason_to_drop():
    # RFC 5508 REQ-3 c
    nat = translator()
    _, out = opened(nat, TCP)
    out[TCP].chksum ^= 0x1234
    assert passed(nat, error(FAR, SHARED, bytes(out))).dst == CLIENT


@given(st.data())
def test_any_damage_to_an_error_raises_nothing(data):
    nat = translator()
    _, out = opened(nat, UDP)
    octets = bytearray(bytes(error(FAR, SHARED, out)))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(21, len(octets) - 1))] = data.draw(st.integers(0, 255))
    octets[22:24] = b"\0\0"
    octets[22:24] = internet_checksum(bytes(octets[20:])).to_bytes(2, "big")
    packets, _ = effects(nat, bytes(octets))
    for told in packets:
        assert internet_checksum(bytes(told)[:20]) == 0
        assert internet_checksum(bytes(told)[20:]) == 0


# --- and what they do to state: nothing -----------------------------------------------------------


@pytest.mark.parametrize("kind", [(3, 0), (3, 1), (3, 3), (3, 4), (11, 0), (12, 0)])
@pytest.mark.parametrize("layer", [UDP, TCP])
def test_an_error_ends_nothing_and_prolongs_nothing(layer, kind):
    # RFC 4787 REQ-12; RFC 5382 REQ-10; RFC 5508 REQ-6; ICM-04
    end = {UDP: 300 * SECOND, TCP: 240 * SECOND}[layer]
    make = {UDP: udp, TCP: tcp}[layer]
    flags = () if layer is UDP else ("SA",)
    for at, alive in ((end - 1, True), (end, False)):
        nat = translator()
        _, out = opened(nat, layer)
        for moment in (0, end // 2, end - 2):
            assert passed(nat, error(FAR, SHARED, out, kind=kind), moment).dst == CLIENT
        answer = make(FAR, 80, SHARED, out.payload.sport, *flags)
        assert (effects(nat, answer, at)[0] != []) is alive


def test_an_error_from_inside_prolongs_nothing_either():
    nat = translator()
    _, out = opened(nat, UDP)
    came = passed(nat, udp(FAR, 80, SHARED, out[UDP].sport), 299 * SECOND)
    assert passed(nat, error(CLIENT, FAR, came), 299 * SECOND).dst == FAR
    assert drop(nat, udp(FAR, 80, SHARED, out[UDP].sport), 300 * SECOND) is Drop.NO_MAPPING
    assert IP(bytes(came)).dst == CLIENT
