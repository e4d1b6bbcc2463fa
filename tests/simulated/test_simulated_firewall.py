"""The simulated firewall, packet by packet; other tests tell that a kernel does the same."""

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6

from lab.topology.plan import PlannedFirewall
from lab.worlds.simulation.firewall import Firewall
from lab.worlds.simulation.packet import Packet

INSIDE, OTHER_INSIDE, OUTSIDE = "r-eth0", "r-eth1", "r-eth2"
DESIGNATED, DESIGNATED6, INNER, FAR = "10.0.0.53", "fd00::53", "192.168.1.53", "203.0.113.10"
FIREWALL = Firewall(PlannedFirewall(OUTSIDE, (DESIGNATED, DESIGNATED6)))


def drops(layers, came_by, leaves_by):
    return FIREWALL.drops(Packet(bytes(layers)), came_by, leaves_by)


@pytest.mark.parametrize("transport", [UDP, TCP])
@pytest.mark.parametrize("ports", [{"sport": 40_000, "dport": 53}, {"sport": 53, "dport": 40_000}])
def test_dns_of_others_is_dropped_in_both_directions(transport, ports):
    segment = transport(**ports)
    assert drops(IP(src=INNER, dst=FAR) / segment, INSIDE, OUTSIDE)
    assert drops(IP(src=FAR, dst=INNER) / segment, OUTSIDE, INSIDE)
    assert drops(IPv6(src="fd00::1", dst="2001:db8::1") / segment, INSIDE, OUTSIDE)


@pytest.mark.parametrize("transport", [UDP, TCP])
@pytest.mark.parametrize("ports", [{"sport": 40_000, "dport": 53}, {"sport": 53, "dport": 40_000}])
def test_dns_of_the_designated_passes(transport, ports):
    segment = transport(**ports)
    assert not drops(IP(src=DESIGNATED, dst=FAR) / segment, INSIDE, OUTSIDE)
    assert not drops(IP(src=FAR, dst=DESIGNATED) / segment, OUTSIDE, INSIDE)
    assert not drops(IPv6(src=DESIGNATED6, dst="2001:db8::1") / segment, INSIDE, OUTSIDE)


def test_nobody_is_designated_by_claiming_to_be_far_away():
    assert drops(IP(src=DESIGNATED, dst=INNER) / UDP(sport=53, dport=9), OUTSIDE, INSIDE)


def test_dns_inside_passes():
    question = IP(src=INNER, dst="10.0.0.9") / UDP(sport=40_000, dport=53)
    assert not drops(question, INSIDE, OTHER_INSIDE)


@pytest.mark.parametrize("segment", [UDP(sport=9, dport=5353), TCP(dport=80), ICMP()])
def test_all_else_passes(segment):
    assert not drops(IP(src=INNER, dst=FAR) / segment, INSIDE, OUTSIDE)


def test_a_later_fragment_passes_as_it_does_a_kernel():
    # It has no ports; without the first one, which is dropped, it is of no use to anybody.
    fragment = IP(src=INNER, dst=FAR, proto=17, frag=2) / (b"\x9c\x40\x00\x35" * 4)
    assert not drops(fragment, INSIDE, OUTSIDE)
    assert drops(IP(src=INNER, dst=FAR) / UDP(dport=53), INSIDE, OUTSIDE)
