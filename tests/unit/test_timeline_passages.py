"""Packets over links: departures paired with arrivals, and trips over routers."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw
from wire import (
    ALIAS,
    DNS,
    LINK_NS,
    MS,
    REAL,
    VIEWER,
    Wire,
    cluster_nat_plan,
    cluster_plan,
)

from lab.observe.passage import pair_in_order
from lab.observe.pcapng import CaptureError, PcapngWriter
from lab.observe.sighting import Arp, Mark, Sighting
from lab.observe.timeline import Timeline
from lab.worlds.world import Clock


def datagram(source=VIEWER, destination=DNS, **more):
    return IP(src=source, dst=destination, **more) / UDP(sport=1, dport=2) / Raw(b"x")


def links(timeline):
    return [(p.sender, p.receiver, p.took_ns, p.frames) for p in timeline.packets]


def test_a_packet_is_one_passage_seen_at_both_ends():
    wire = Wire(cluster_plan())
    wire.packet(datagram(), "viewer", "dns")
    (passage,) = wire.timeline().packets
    assert (passage.sender, passage.receiver, passage.network) == ("viewer", "dns", "lan")
    assert (passage.frames, passage.frame, passage.took_ns) == ((1, 2), 1, LINK_NS)


def test_a_packet_that_never_arrives_has_no_receiver():
    wire = Wire(cluster_plan())
    wire.packet(datagram(), "viewer", "dns", lost=True)
    (passage,) = wire.timeline().packets
    assert (passage.sender, passage.receiver, passage.took_ns) == ("viewer", None, None)
    assert wire.timeline().trips[0].arrived_at is None


def test_a_packet_whose_departure_nobody_saw_has_no_sender_though_its_address_has_an_owner():
    wire = Wire(cluster_plan())
    wire.packet(datagram(), "viewer", "dns", unsent=True)
    (passage,) = wire.timeline().packets
    assert (passage.sender, passage.receiver) == (None, "dns")
    assert passage.at == passage.arrived.at


def test_the_sender_is_the_node_it_left_whatever_the_source_address_says():
    wire = Wire(cluster_plan())
    wire.packet(datagram(source=VIEWER), "bystander", "dns")
    assert links(wire.timeline()) == [("bystander", "dns", LINK_NS, (1, 2))]


def test_identical_packets_pair_in_order():
    wire = Wire(cluster_plan())
    packet = IP(bytes(datagram(id=0)))
    for at, outgoing in ((0, True), (1, True), (5, False), (6, False)):
        wire.now = at * MS
        wire.see("viewer" if outgoing else "dns", "lan", packet, outgoing=outgoing)
    assert links(wire.timeline()) == [
        ("viewer", "dns", 5 * MS, (1, 3)),
        ("viewer", "dns", 5 * MS, (2, 4)),
    ]


def test_the_arrival_of_a_repetition_is_not_taken_for_that_of_the_lost_first_try():
    wire = Wire(cluster_plan())
    wire.packet(datagram(id=0), "viewer", "dns", lost=True)
    wire.elapse(1)
    wire.packet(datagram(id=0), "viewer", "dns")
    first, second = wire.timeline().packets
    assert (first.receiver, second.receiver, second.took_ns) == (None, "dns", LINK_NS)


def test_a_duplicate_made_by_the_link_has_no_sender():
    wire = Wire(cluster_plan())
    packet = wire.packet(datagram(), "viewer", "dns")
    wire.see("dns", "lan", packet, outgoing=False)
    assert [(sender, receiver) for sender, receiver, *_ in links(wire.timeline())] == [
        ("viewer", "dns"),
        (None, "dns"),
    ]


def test_a_packet_to_a_group_arrives_at_all_of_it():
    wire = Wire(cluster_plan())
    packet = IP(bytes(datagram(destination="224.0.0.251")))
    wire.see("viewer", "lan", packet, outgoing=True)
    for member in ("dns", "bystander"):
        wire.now += LINK_NS
        wire.see(member, "lan", packet, outgoing=False)
    assert [(sender, receiver) for sender, receiver, *_ in links(wire.timeline())] == [
        ("viewer", "dns"),
        ("viewer", "bystander"),
    ]


def test_records_out_of_order_are_read_by_their_stamps():
    wire = Wire(cluster_plan())
    wire.packet(datagram(), "viewer", "dns")
    wire.packet(datagram(source=DNS, destination=VIEWER), "dns", "viewer")
    in_order = links(wire.timeline())
    backwards = Timeline.of(reversed(wire.records), wire.plan, Clock.VIRTUAL)
    assert links(backwards) == in_order
    assert backwards.records == tuple(reversed(wire.records))


def test_equal_bytes_on_two_networks_are_two_packets():
    wire = Wire(cluster_plan())
    packet = IP(bytes(datagram()))
    wire.see("viewer", "lan", packet, outgoing=True)
    wire.see("tgp1", "servers", packet, outgoing=False)
    assert [(p.sender, p.receiver) for p in wire.timeline().packets] == [
        ("viewer", None),
        (None, "tgp1"),
    ]


def test_a_router_passes_on_the_same_packet():
    wire = Wire(cluster_plan())
    wire.packet(datagram(destination=REAL[0]), "viewer", "tgp1")
    timeline = wire.timeline()
    assert [(p.sender, p.receiver, p.ip.ttl) for p in timeline.packets] == [
        ("viewer", "router", 64),
        ("router", "tgp1", 63),
    ]
    (trip,) = timeline.trips
    assert (trip.sender, trip.receiver, trip.frames) == ("viewer", "tgp1", (1, 2, 3, 4))
    assert timeline.crossings == ()


def test_a_packet_that_a_router_drops_ends_there():
    wire = Wire(cluster_plan())
    wire.packet(datagram(destination="10.10.10.250"), "viewer", "router")
    (trip,) = wire.timeline().trips
    assert trip.receiver == "router"


def test_repetitions_through_a_router_keep_apart():
    wire = Wire(cluster_plan())
    for _ in range(3):
        wire.packet(datagram(destination=REAL[0], id=0), "viewer", "tgp1")
    assert [trip.frames for trip in wire.timeline().trips] == [
        (1, 2, 3, 4),
        (5, 6, 7, 8),
        (9, 10, 11, 12),
    ]


def test_tun_devices_arp_and_marks_are_records_but_no_packets():
    wire = Wire(cluster_nat_plan())
    wire.mark("step", "go")
    wire.packet(datagram(destination=ALIAS[0]), "viewer", "tgp1")
    seen = wire.records[-1]
    wire.records.append(replace(seen, number=6, interface="nat0", node="translator"))
    wire.records.append(replace(seen, number=7, network=Arp(1, VIEWER, DNS)))
    wire.records.append(replace(seen, number=8, network=None))
    timeline = wire.timeline()
    assert len(timeline.records) == 8
    assert [mark.text for mark in timeline.marks] == ["go"]
    assert len(timeline.packets) == 2


def test_the_plan_says_which_node_an_interface_belongs_to():
    wire = Wire(cluster_plan())
    wire.packet(datagram(), "viewer", "dns")
    renamed = [
        record if isinstance(record, Mark) else replace(record, node="somebody")
        for record in wire.records
    ]
    timeline = Timeline.of(renamed, wire.plan, Clock.VIRTUAL)
    assert [(p.sender, p.receiver) for p in timeline.packets] == [("viewer", "dns")]


def test_an_interface_that_the_plan_has_not_got_is_named(tmp_path):
    stranger = Sighting(1, 0, "x", "eth9", True, None)
    with pytest.raises(CaptureError, match=r"frame 1: no node of plan 'cluster' .*'eth9'"):
        Timeline.of([stranger], cluster_plan(), Clock.VIRTUAL)
    path = tmp_path / "run.pcapng"
    with PcapngWriter(path) as out:
        out.packet(out.interface("eth9", 101), 0, bytes(datagram()), outgoing=True)
    with pytest.raises(CaptureError, match=r"run\.pcapng: frame 1"):
        Timeline.read(path, cluster_plan(), Clock.VIRTUAL)


def test_a_capture_file_gives_the_timeline_of_its_records(tmp_path):
    wire = Wire(cluster_nat_plan())
    wire.mark("step", "viewer asks")
    wire.exchange("viewer", DNS, ALIAS[1])
    wire.connect("viewer", ALIAS[1], banner="tgp2")
    path = tmp_path / "run.pcapng"
    with PcapngWriter(path) as out:
        numbers = {
            interface.name: out.interface(interface.name, 101, "said otherwise")
            for node in wire.plan.nodes
            for interface in node.interfaces
        }
        for record in wire.records:
            if isinstance(record, Mark):
                out.mark(record.at, record.kind, record.text, record.fields)
            else:
                out.packet(
                    numbers[record.interface], record.at, record.network.raw, record.outgoing
                )
    timeline = Timeline.read(path, wire.plan, Clock.MEASURED)
    assert timeline.records == wire.timeline().records
    assert timeline.clock is Clock.MEASURED
    assert timeline.connections[0].banner == "tgp2"


instants = st.lists(st.integers(0, 12), max_size=7).map(sorted)


@given(instants, instants)
def test_pairing_loses_nothing_keeps_order_and_pairs_as_many_as_can_be(earlier, later):
    pairs, before, after = pair_in_order(earlier, later, int, int)
    assert sorted([one for one, _ in pairs] + before) == earlier
    assert sorted([other for _, other in pairs] + after) == later
    assert all(one <= other for one, other in pairs)
    assert [one for one, _ in pairs] == sorted(one for one, _ in pairs)
    assert [other for _, other in pairs] == sorted(other for _, other in pairs)
    assert len(pairs) == most_pairs(earlier, later)


def most_pairs(earlier, later):
    """The reference: each arrival takes the oldest departure that is left."""
    left = list(earlier)
    count = 0
    for other in later:
        if left and left[0] <= other:
            left.pop(0)
            count += 1
    return count


def test_a_forged_message_is_the_forgers():
    wire = Wire(cluster_plan())
    question = wire.ask("dns", REAL[0])
    wire.reply(question, "6.6.6.6", sender="bystander")
    reply = wire.timeline().messages[-1]
    assert (reply.sender, reply.source.address, reply.receiver) == ("bystander", REAL[0], "dns")
