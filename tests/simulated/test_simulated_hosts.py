"""What hosts of the simulated world do by themselves: datagrams, routes, ICMP."""

from __future__ import annotations

import os
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from two_networks import (
    BACK,
    DNS,
    ROUTER_LAN,
    SERVER,
    SERVER6,
    SERVICE,
    THERE,
    VIEWER,
    VIEWER6,
    VIEWER_DELAY,
    Tiny,
    a_plan,
    dial,
    echo,
    interface,
    node,
    question,
)

from lab.observe.pcapng import PcapngWriter
from lab.observe.sighting import Icmp
from lab.topology.plan import (
    PlannedRoute,
)
from lab.worlds.simulation.agenda import Agenda
from lab.worlds.simulation.host import Host
from lab.worlds.simulation.link import WIRE_TIME_NS as WIRE
from lab.worlds.simulation.link import Segment
from lab.worlds.simulation.process import PROCESSING_TIME_NS as PROCESSING
from lab.worlds.simulation.tap import FileTap
from resolver.machine import (
    MILLISECOND,
    SECOND,
    Endpoint,
    Open,
    PortTaken,
    Send,
    Transport,
    Unreachable,
)
from resolver.nat.build import build_icmp_echo, build_udp

# --- datagrams --------------------------------------------------------------------------------


def test_a_datagram_and_its_echo_arrive_at_exact_instants(stage):
    server = stage.play(Tiny(react=echo))
    began = stage.world.now()
    viewer = stage.attach(Tiny(*question(DNS)))
    stage.elapse()

    arrived = began + THERE + PROCESSING
    ((asked, asked_at),) = server.heard
    assert asked_at == arrived
    assert asked.payload == b"hello"
    assert (asked.source.address, asked.destination) == (VIEWER, DNS)
    ((answered, answered_at),) = viewer.heard
    assert answered_at == arrived + BACK + PROCESSING
    assert (answered.payload, answered.source, answered.destination) == (
        b"hello",
        DNS,
        asked.source,
    )
    left = began + VIEWER_DELAY + WIRE
    assert stage.way(lambda ip: ip.destination == SERVER) == [
        ("viewer-eth0", True, began),
        ("router-eth0", False, left),
        ("router-eth1", True, left),
        ("server-eth0", False, left + WIRE),
    ]


def test_over_ipv6_too(stage):
    server = stage.play(Tiny(react=echo))
    viewer = stage.attach(Tiny(*question(Endpoint(SERVER6, 53))))
    stage.elapse()
    assert server.events[0].source.address == VIEWER6
    assert viewer.payloads() == [b"hello"]
    assert {sighting.network.version for sighting in stage.packets()} == {6}


def test_a_rate_limit_makes_the_second_datagram_wait_for_the_first(make_stage):
    stage = make_stage(a_plan(viewer_rate=1_000_000))
    server = stage.play(Tiny())
    began = stage.world.now()
    stage.attach(Tiny(*question(DNS, bytes(958)), Send(1, bytes(958))))
    stage.elapse()
    # 958 octets of payload, 8 of UDP, 20 of IPv4, 14 of Ethernet: 1,000 octets take 8 ms.
    expected = [began + turn * 8 * MILLISECOND + THERE + PROCESSING for turn in (1, 2)]
    assert [at for _, at in server.heard] == expected


def test_what_a_host_sends_itself_crosses_no_wire(stage):
    server = stage.play(Tiny(react=echo))
    own = stage.attach(Tiny(*question(DNS)), "server")
    stage.elapse()
    assert own.payloads() == [b"hello"]
    assert server.events[0].source.address == SERVER
    assert stage.packets() == []


def test_a_source_port_is_used_as_asked_and_given_once(stage):
    server = stage.play(Tiny(react=echo))
    first = stage.attach(Tiny(*question(DNS, source_port=40_000)))
    second = stage.attach(Tiny(*question(DNS, source_port=40_000)))
    stage.elapse()
    assert first.payloads() == [b"hello"]
    assert [event.source.port for event in server.events] == [40_000]
    assert second.events == [PortTaken(1)]
    stage.world.detach(first)
    third = stage.attach(Tiny(*question(DNS, source_port=40_000)))
    stage.elapse()
    assert third.payloads() == [b"hello"]


def test_a_machine_asks_several_servers_from_one_port(stage):
    server = stage.play(Tiny(react=echo))
    closed = Endpoint(SERVER, 54)
    opening = [
        effect
        for flow, remote in ((1, DNS), (2, closed))
        for effect in (
            Open(flow, Transport.UDP, remote, 40_000, shares_port=True),
            Send(flow, b"hello"),
        )
    ]
    machine = stage.attach(Tiny(*opening))
    other = stage.attach(Tiny(Open(1, Transport.UDP, DNS, 40_000, shares_port=True)))
    stage.elapse()
    assert machine.payloads() == [b"hello"]
    assert Unreachable(2, "port unreachable") in machine.events
    assert [event.source.port for event in server.events] == [40_000]
    assert other.events == [PortTaken(1)]


def test_a_port_nobody_listens_at_refuses(stage):
    began = stage.world.now()
    viewer = stage.attach(Tiny(*question(Endpoint(SERVER, 54))))
    stage.elapse()
    # The kernel answers: no program's time is in the first half.
    assert viewer.heard == [(Unreachable(1, "port unreachable"), began + THERE + BACK + PROCESSING)]
    (error,) = [
        s.network for s in stage.packets() if s.interface == "viewer-eth0" and not s.outgoing
    ]
    assert (error.source, error.transport.type, error.transport.code) == (SERVER, 3, 3)
    assert error.transport.embedded.receiver == Endpoint(SERVER, 54)


def test_over_ipv6_a_port_refuses_too(stage):
    viewer = stage.attach(Tiny(*question(Endpoint(SERVER6, 54))))
    stage.elapse()
    assert viewer.events == [Unreachable(1, "port unreachable")]


def test_an_address_nobody_has_is_silent(stage):
    viewer = stage.attach(Tiny(*question(Endpoint("192.168.1.77", 53))))
    stage.elapse(60 * SECOND)
    assert viewer.events == []
    assert stage.packets() == []


def test_without_a_route_nothing_leaves(make_stage):
    stage = make_stage(a_plan(default_route=False))
    udp = stage.attach(Tiny(*question(DNS)))
    tcp = stage.attach(Tiny(dial(SERVICE)))
    stage.elapse()
    assert udp.events == tcp.events == [Unreachable(1, "network unreachable")]
    assert stage.packets() == []


def test_a_router_without_a_route_says_so_to_those_who_listen(stage):
    nowhere = "172.16.0.1"
    udp = stage.attach(Tiny(*question(Endpoint(nowhere, 53))))
    tcp = stage.attach(Tiny(dial(Endpoint(nowhere, 53))))
    stage.elapse()
    # RFC 1122 3.2.2.1: a hint; a connected UDP socket of Linux is not told, a connect fails.
    assert udp.events == []
    assert tcp.events == [Unreachable(1, "network unreachable")]
    errors = [s.network for s in stage.packets() if isinstance(s.network.transport, Icmp)]
    assert {(e.source, e.transport.type, e.transport.code) for e in errors} == {(ROUTER_LAN, 3, 0)}


# --- routing and ICMP -------------------------------------------------------------------------


def test_a_router_takes_one_off_the_time_to_live(stage):
    stage.attach(Tiny(*question(DNS)))
    stage.elapse()
    ttls = [s.network.ttl for s in stage.packets() if s.network.destination == SERVER]
    assert ttls == [64, 64, 63, 63]


def test_an_expired_packet_is_answered_by_the_router(stage):
    packet = build_icmp_echo(VIEWER, SERVER, reply=False, identifier=7, sequence=1, ttl=1)
    stage.world.transmit("viewer", "viewer-eth0", packet)
    stage.elapse()
    error = stage.packets()[-1]
    assert (error.interface, error.network.source) == ("viewer-eth0", ROUTER_LAN)
    assert (error.network.transport.type, error.network.transport.code) == (11, 0)
    assert error.network.transport.embedded.destination == SERVER


@pytest.mark.parametrize(("source", "target"), [(VIEWER, SERVER), (VIEWER6, SERVER6)])
def test_a_host_answers_an_echo_request(stage, source, target):
    packet = build_icmp_echo(
        source, target, reply=False, identifier=7, sequence=1, payload=b"are you there"
    )
    stage.world.transmit("viewer", "viewer-eth0", packet)
    stage.elapse()
    reply = stage.packets()[-1]
    assert (reply.interface, reply.network.source) == ("viewer-eth0", target)
    icmp = reply.network.transport
    assert (icmp.identifier, icmp.sequence, icmp.payload) == (7, 1, b"are you there")


def test_a_host_that_does_not_forward_keeps_what_is_not_for_it(stage):
    packet = build_udp(Endpoint(VIEWER, 1), Endpoint("172.16.0.1", 53), b"stray")
    stage.world.transmit("server", "server-eth0", packet)
    stage.elapse()
    # Over the router, which has no route, an error goes to the viewer; the bystander sees nothing.
    assert {interface for interface, *_ in stage.way(lambda ip: ip.protocol == 17)} == {
        "server-eth0",
        "router-eth1",
    }


def test_no_error_about_an_error(stage):
    stage.attach(Tiny(*question(Endpoint(SERVER, 54), source_port=40_000)))
    stage.world.run_until(lambda: False, stage.world.now() + THERE)
    stage.world.set_power("viewer", on=False)
    stage.elapse()
    assert len([1 for s in stage.packets() if isinstance(s.network.transport, Icmp)]) == 3


@given(st.data())
def test_the_longest_matching_route_wins_as_brute_force_finds_it(data):
    numbers = st.integers(0, 2**32 - 1)
    drawn = data.draw(st.lists(st.tuples(numbers, st.integers(0, 32)), max_size=12))
    networks = [IPv4Network(each, strict=False) for each in drawn]
    planned = tuple(
        PlannedRoute(str(network), f"10.9.0.{place}") for place, network in enumerate(networks)
    )
    agenda = Agenda()
    host = Host(
        node("host", "router", interface("host-eth0", "lan", "10.9.0.200/24"), routes=planned),
        {"lan": Segment()},
        agenda,
        FileTap(agenda, PcapngWriter(Path(os.devnull))),
        random=Random(1),
        realm=(),
    )
    table = [(IPv4Network("10.9.0.0/24"), None)]
    table += [(network, route.via) for network, route in zip(networks, planned, strict=True)]
    edges = [int(edge) for network, _ in table for edge in (network[0], network[-1])]
    near = st.builds(
        lambda edge, step: (edge + step) % 2**32, st.sampled_from(edges), st.integers(-1, 1)
    )
    for number in data.draw(st.lists(near | numbers, min_size=1, max_size=12)):
        address = IPv4Address(number)
        matching = [entry for entry in table if address in entry[0]]
        expected = max(matching, key=lambda entry: entry[0].prefixlen, default=None)
        found = host.routes.find(str(address))
        assert (found is None) == (expected is None)
        if found is not None:
            assert found.next_hop == expected[1]
