"""Parts of the judge that today's topologies do not reach: IPv6, and networks beyond the two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, IPv6
from scapy.packet import Packet, Raw
from wire import ALIAS, INNER, REAL, VIEWER, cluster_nat_plan, cluster_plan

from lab.judge.checks.base import counted
from lab.judge.checks.crossing_faults import crossing_fault
from lab.judge.checks.failover import _is_unreachable
from lab.judge.checks.icmp import _original
from lab.judge.checks.realms import Realms
from lab.observe.crossing import Crossing
from lab.observe.decode import decode_ip
from lab.observe.icmp import IcmpError
from lab.observe.passage import Passage, Trip
from lab.observe.sighting import Icmp, Ip
from lab.topology.plan import Plan, PlannedInterface, PlannedNetwork

ALIAS6, REAL6, VIEWER6 = "2001:db8:1::102", "fd00::102", "2001:db8:1::10"


def plan6() -> Plan:
    """tgp3 has an IPv6 address and alias instead."""
    plan = cluster_nat_plan()
    interface = PlannedInterface("tgp3-eth0", "servers", (f"{REAL6}/64",))
    nodes = (
        replace(node, alias=ALIAS6, interfaces=(interface,)) if node.name == "tgp3" else node
        for node in plan.nodes
    )
    return replace(plan, nodes=tuple(nodes))


def seen(packet: Packet) -> Ip:
    ip = decode_ip(bytes(packet))
    assert ip is not None
    return ip


def passage(packet: Packet) -> Passage:
    return Passage("lan", None, None, seen(packet), "viewer", "translator", 0)


def before() -> IPv6:
    return IPv6(src=VIEWER6, dst=ALIAS6, hlim=64) / UDP(sport=9, dport=9) / Raw(b"data")


def after(change: Callable[[IPv6], object] = lambda _: None) -> IPv6:
    packet = IPv6(src=VIEWER6, dst=REAL6, hlim=63) / UDP(sport=9, dport=9) / Raw(b"data")
    change(packet)
    return packet


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda _: None, None),
        (lambda packet: setattr(packet, "hlim", 62), "TTL 64 became 62"),
        (lambda packet: setattr(packet, "fl", 7), "octets changed that are to be kept"),
        (lambda packet: setattr(packet, "tc", 1), "octets changed that are to be kept"),
        (lambda packet: setattr(packet[Raw], "load", b"date"), "the payload changed"),
        (lambda packet: setattr(packet[UDP], "chksum", 7), "a wrong checksum"),
        (lambda packet: setattr(packet, "dst", "fd00::101"), f"expected {VIEWER6} to {REAL6}"),
    ],
)
def test_a_crossing_over_ipv6(change, fault):
    crossing = Crossing(passage(before()), passage(after(change)), "translator")
    found = crossing_fault(crossing, plan6())
    assert found is None if fault is None else fault in str(found)


def told(packet: Packet) -> IcmpError:
    error = passage(packet)
    assert isinstance(error.ip.transport, Icmp)
    return IcmpError(Trip((error,)), error.ip.transport, None)


@pytest.mark.parametrize(
    ("packet", "unreachable"),
    [
        (IP() / ICMP(type=3, code=0) / IPerror() / UDP(), True),
        (IP() / ICMP(type=3, code=3) / IPerror() / UDP(), True),
        (IP() / ICMP(type=3, code=4) / IPerror() / UDP(), False),
        (IP() / ICMP(type=11, code=0) / IPerror() / UDP(), False),
        (IP() / ICMP(type=5, code=1) / IPerror() / UDP(), False),
        (IPv6() / ICMPv6DestUnreach(code=4) / IPv6() / UDP(), True),
        (IPv6() / ICMPv6PacketTooBig() / IPv6() / UDP(), False),
    ],
)
def test_which_errors_say_unreachable(packet, unreachable):
    assert _is_unreachable(told(packet)) is unreachable


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (IP(src=VIEWER, dst=ALIAS[0], id=7, ttl=64), IP(src=VIEWER, dst=ALIAS[0], id=7, ttl=3)),
        (IPv6(src=VIEWER6, dst=ALIAS6, hlim=64), IPv6(src=VIEWER6, dst=ALIAS6, hlim=3)),
    ],
)
def test_the_same_packet_some_hops_later_is_the_original(first, second):
    first, second = (seen(packet / TCP(sport=1, dport=2)) for packet in (first, second))
    assert first.raw != second.raw
    assert _original(first) == _original(second)


@pytest.mark.parametrize("place", range(40))
def test_every_other_octet_of_an_ipv6_header_counts(place):
    raw = bytearray(bytes(before()))
    whole = _original(seen(bytes(raw)))
    raw[place] ^= 1
    spoilt = decode_ip(bytes(raw))
    if spoilt is not None:
        assert (_original(spoilt) == whole) is (place == 7)


def test_realms_beyond_the_two():
    """A second network behind the NAT is hidden too; the Internet is neither side's."""
    plan = cluster_nat_plan()
    plan = replace(
        plan,
        networks=(
            *plan.networks,
            PlannedNetwork("storage", ("10.20.0.0/16",), "s3", "servers"),
            PlannedNetwork("guests", ("192.168.7.0/24",), "s4", "lan"),
            PlannedNetwork("internet", ("203.0.113.0/24",), "s5", "internet"),
        ),
    )
    realms = Realms(plan)
    assert realms.client_networks == {"lan", "guests"}
    assert realms.real_addresses == {*REAL, INNER}
    assert all(realms.is_real(address) for address in (*REAL, INNER, "10.20.3.4"))
    assert not any(realms.is_real(a) for a in (*ALIAS, VIEWER, "192.168.7.7", "203.0.113.1"))


def test_without_nat_nothing_is_hidden():
    realms = Realms(cluster_plan())
    assert not realms.real_addresses
    assert not realms.is_real(REAL[0])


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 replies"), (1, "1 reply"), (2, "2 replies"), (11, "11 replies")]
)
def test_things_are_counted_in_real_plurals(number: int, words: str) -> None:
    assert counted(number, "reply", "replies") == words


def test_most_things_take_an_s() -> None:
    assert (counted(1, "packet"), counted(3, "packet")) == ("1 packet", "3 packets")
