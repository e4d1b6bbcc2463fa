"""The DNS_ALG, with dnspython as the independent reader of what it wrote."""

from __future__ import annotations

from random import Random

import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw

from resolver.config import NaptConfig, NatConfig
from resolver.machine import PacketArrived, SendPacket
from resolver.nat.dns_alg import DnsAlg, translated_message
from resolver.nat.machines import nat_machine

ALIAS, REAL = "203.0.113.101", "10.20.0.101"
OUTSIDE, CLIENT, SHARED = "203.0.113.51", "10.20.0.11", "203.0.113.2"
NAPT = NaptConfig(inside=("10.20.0.0/24",), outside_addresses=(SHARED,))


def machine(*, on=True, napt=NAPT):
    config = NatConfig("nat0", ((ALIAS, REAL),), "203.0.113.1", "10.20.0.1", napt, on)
    return nat_machine(config, Random(1))


def passed(nat, source, destination, message, *, sport=4000, dport=53, **udp):
    packet = IP(src=source, dst=destination) / UDP(sport=sport, dport=dport, **udp) / Raw(message)
    sent = [
        effect.packet
        for effect in nat.handle(PacketArrived(bytes(packet)), 0)
        if isinstance(effect, SendPacket)
    ]
    return IP(sent[0])


def answer(*records: tuple, question="server.example.com. A"):
    reply = dns.message.make_response(dns.message.make_query(*question.split()))
    reply.answer += [dns.rrset.from_text(*record) for record in records]
    return reply


def heard(packet):
    fresh = IP(bytes(packet))
    del fresh[IP].chksum, fresh[IP].len
    if fresh[UDP].chksum:
        del fresh[UDP].chksum
    del fresh[UDP].len
    assert bytes(fresh) == bytes(packet)  # lengths and checksums are right
    return dns.message.from_wire(bytes(packet[UDP].payload))


A_RECORD = ("server.example.com.", 2, "IN", "A")


@pytest.mark.parametrize("udp", [{}, {"chksum": 0}])
def test_an_answer_from_the_server_shows_its_alias_outside(udp):
    reply = answer((*A_RECORD, REAL), ("x.example.com.", 9, "IN", "CNAME", "server.example.com."))
    packet = passed(machine(), REAL, OUTSIDE, reply.to_wire(), sport=53, dport=4000, **udp)
    assert (packet[UDP].chksum == 0) == bool(udp)
    expected = answer(
        (*A_RECORD, ALIAS), ("x.example.com.", 9, "IN", "CNAME", "server.example.com.")
    )
    assert heard(packet).answer == expected.answer


def test_an_answer_from_outside_shows_the_real_address_inside():
    nat = machine()
    query = passed(
        nat, CLIENT, OUTSIDE, dns.message.make_query("server.example.com", "A").to_wire()
    )
    reply = answer((*A_RECORD, ALIAS, "198.51.100.7"))
    packet = passed(nat, OUTSIDE, SHARED, reply.to_wire(), sport=53, dport=query[UDP].sport)
    assert packet.dst == CLIENT
    assert heard(packet).answer == answer((*A_RECORD, REAL, "198.51.100.7")).answer


def test_a_reverse_look_up_is_of_the_other_address_on_the_other_side():
    inside, outside = "101.0.20.10.in-addr.arpa.", "101.113.0.203.in-addr.arpa."
    nat = machine()
    query = dns.message.make_query(outside, "PTR", use_edns=0, payload=1232)
    packet = passed(nat, OUTSIDE, ALIAS, query.to_wire())
    assert str(heard(packet).question[0].name) == inside
    assert heard(packet).payload == 1232
    reply = answer((inside, 300, "IN", "PTR", "server.example.com."), question=f"{inside} PTR")
    packet = passed(nat, REAL, OUTSIDE, reply.to_wire(), sport=53, dport=4000)
    assert str(heard(packet).question[0].name) == outside
    assert heard(packet).answer[0].to_text() == f"{outside} 300 IN PTR server.example.com."


def test_a_static_table_alone_can_have_it_too():
    packet = passed(
        machine(napt=None), REAL, OUTSIDE, answer((*A_RECORD, REAL)).to_wire(), sport=53
    )
    assert heard(packet).answer == answer((*A_RECORD, ALIAS)).answer


def test_it_is_off_unless_asked_for():
    wire = answer((*A_RECORD, REAL)).to_wire()
    assert not isinstance(machine(on=False), DnsAlg)
    assert bytes(passed(machine(on=False), REAL, OUTSIDE, wire, sport=53)[UDP].payload) == wire


def test_what_holds_none_of_its_addresses_stays_as_it_was_octet_by_octet():
    wire = answer((*A_RECORD, "198.51.100.7")).to_wire()
    assert bytes(passed(machine(), REAL, OUTSIDE, wire, sport=53)[UDP].payload) == wire
    elsewhere = answer((*A_RECORD, REAL)).to_wire()  # not to or from port 53
    assert bytes(passed(machine(), REAL, OUTSIDE, elsewhere, dport=99)[UDP].payload) == elsewhere


TABLE = {bytes((10, 20, 0, 101)): bytes((203, 0, 113, 101))}


@given(st.binary(max_size=120))
def test_any_octets_raise_nothing(octets):
    translated_message(octets, TABLE)


@given(st.data())
def test_any_damage_to_a_message_raises_nothing(data):
    octets = bytearray(answer((*A_RECORD, REAL)).to_wire())
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    translated_message(bytes(octets[: data.draw(st.integers(0, len(octets)))]), TABLE)
