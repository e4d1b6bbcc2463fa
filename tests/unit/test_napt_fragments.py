"""Fragments through NAPT, in any order, and floods of them (RFC 4787 REQ-14)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from napt import (
    ALIAS,
    CLIENT,
    FAR,
    OTHER,
    REAL,
    SHARED,
    drop,
    effects,
    packet,
    passed,
    pieces,
    translator,
    udp,
)
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.packet import Raw

from resolver import limits
from resolver.machine import SECOND
from resolver.nat.checksum import internet_checksum
from resolver.nat.drops import Drop

DATA = bytes(range(200))


def all_out(nat, sent, now=0):
    return [out for one in sent for out in effects(nat, one, now)[0]]


def whole(fragments):
    """As the receiver puts them together; header fields of the first."""
    assert len({(one.src, one.dst, one.id, one.proto) for one in fragments}) == 1
    fragments = sorted(fragments, key=lambda one: one.frag)
    data = b"".join(bytes(one)[20:] for one in fragments)
    assert all(internet_checksum(bytes(one)[:20]) == 0 for one in fragments)
    first = fragments[0]
    return packet(first.src, first.dst, Raw(data), proto=first.proto)


@given(
    st.sampled_from((24, 40, 64, 160)),
    st.sampled_from((UDP(sport=4000, dport=7), TCP(sport=4000, dport=7), ICMP(type=8, id=9))),
    st.randoms(use_true_random=False),
)
def test_fragments_in_any_order_come_together_with_right_checksums(size, transport, order):
    # NAT-15
    nat = translator()
    sent = pieces(packet(CLIENT, FAR, transport / Raw(DATA), id=77), size)
    order.shuffle(sent)
    out = all_out(nat, sent)
    assert len(out) == len(sent)
    together = whole(out)
    assert together.src == SHARED
    if transport.name == "ICMP":
        assert internet_checksum(bytes(together)[20:]) == 0
        answer = packet(FAR, SHARED, ICMP(type=0, id=together[ICMP].id) / Raw(DATA))
    else:
        expected = transport.copy()
        expected.sport = together.payload.sport
        assert bytes(together) == bytes(packet(SHARED, FAR, expected / Raw(DATA)))
        answer = udp(FAR, 7, SHARED, together.payload.sport, DATA)
    if transport.name == "TCP":
        return
    answer.id = 78
    answers = pieces(IP(bytes(answer)), size)
    order.shuffle(answers)
    back = whole(all_out(nat, answers))
    assert (back.dst, bytes(back)[28:]) == (CLIENT, DATA)


def test_what_overtakes_waits_and_goes_on_behind_the_first():
    nat = translator()
    first, second, third = pieces(udp(CLIENT, 9, FAR, 7, DATA), 80)
    assert effects(nat, third) == ([], [])
    assert effects(nat, second) == ([], [])
    out, _ = effects(nat, first)
    assert [one.frag for one in out] == [0, third.frag, second.frag]


def test_fragments_between_a_client_and_an_alias_are_hairpinned():
    nat = translator()
    out = whole(all_out(nat, pieces(udp(CLIENT, 9, ALIAS, 7, DATA), 80)))
    assert (out.src, out.dst) == (SHARED, REAL)


def test_two_clients_with_one_identification_do_not_meet():
    # RFC 6864 5.3.1
    nat = translator()
    one = pieces(packet(CLIENT, FAR, UDP(sport=9, dport=7) / Raw(DATA), id=5), 80)
    other = pieces(packet(OTHER, FAR, UDP(sport=9, dport=7) / Raw(bytes(200)), id=5), 80)
    mixed = [piece for pair in zip(one, other, strict=True) for piece in pair]
    out = all_out(nat, mixed)
    numbers = {piece.id for piece in out}
    assert len(numbers) == 2
    assert 5 in numbers
    for number in numbers:
        assert bytes(whole([piece for piece in out if piece.id == number]))[28:] in (
            DATA,
            bytes(200),
        )
    # The number is free again when the datagrams are through.
    later = all_out(nat, other, 31 * SECOND)
    assert {piece.id for piece in later} == {5}


def test_the_rest_of_a_dropped_datagram_is_dropped():
    nat = translator()
    first, second, third = pieces(udp(FAR, 7, SHARED, 4000, DATA), 80)
    assert effects(nat, third) == ([], [])
    assert drop(nat, first) is Drop.NO_MAPPING
    assert drop(nat, second) is Drop.FRAGMENT


def test_ports_and_flags_cannot_be_hidden_in_a_later_fragment():
    # RFC 1858 3; RFC 3128 2
    nat = translator()
    tiny = pieces(packet(CLIENT, FAR, TCP(sport=9, dport=7) / Raw(DATA)), 8)
    assert drop(nat, tiny[0]) is Drop.FRAGMENT
    assert drop(nat, tiny[1]) is Drop.FRAGMENT
    good = pieces(packet(CLIENT, FAR, TCP(sport=9, dport=7) / Raw(DATA), id=3), 80)
    assert len(effects(nat, good[0])[0]) == 1
    overlapping = IP(bytes(good[1]))
    overlapping.frag = 1
    del overlapping.chksum
    assert drop(nat, bytes(overlapping)) is Drop.FRAGMENT


def test_waiting_fragments_are_forgotten_after_their_time():
    nat = translator()
    first, *others = pieces(udp(CLIENT, 9, FAR, 7, DATA), 80)
    assert all_out(nat, others) == []
    assert nat.deadline() == limits.NAT_FRAGMENT_LIFETIME
    out, _ = effects(nat, first, limits.NAT_FRAGMENT_LIFETIME)
    assert len(out) == 1
    assert len(all_out(nat, others, limits.NAT_FRAGMENT_LIFETIME)) == 2


def loose(count, source=CLIENT):
    """Last fragments of as many datagrams, whose first ones never come."""
    for number in range(count):
        header = IP(src=source, dst=FAR, id=number, frag=10, proto=17)
        yield bytes(header / Raw(bytes(1000)))


def test_a_flood_of_loose_fragments_leaves_whole_packets_and_those_in_order_alone():
    # RFC 4787 REQ-14 a
    nat = translator()
    for one in loose(600):
        assert effects(nat, one) == ([], [])
    assert passed(nat, udp(OTHER, 9, FAR, 7)).src == SHARED
    assert len(all_out(nat, pieces(udp(OTHER, 9, FAR, 7, DATA), 80))) == 3
    # What is kept is bounded, in number and in octets.
    kept = len(nat.fragments)
    assert kept <= limits.NAT_WAITING_FRAGMENTS
    assert nat.fragments.octets <= limits.NAT_WAITING_OCTETS
    nat.expire(limits.NAT_FRAGMENT_LIFETIME)
    assert (len(nat.fragments), nat.fragments.octets) == (0, 0)


def test_a_flood_of_first_fragments_is_bounded_too(monkeypatch):
    monkeypatch.setattr(limits, "NAT_FRAGMENTED", 40)
    nat = translator()
    for number in range(limits.NAT_FRAGMENTED + 60):
        first = pieces(packet(CLIENT, FAR, UDP(sport=9, dport=7) / Raw(DATA), id=number), 80)[0]
        assert len(effects(nat, first)[0]) == 1
    assert nat.fragments.under_way == limits.NAT_FRAGMENTED
