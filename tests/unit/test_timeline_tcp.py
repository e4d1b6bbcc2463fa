"""Connections as their opener saw them."""

from scapy.layers.inet import IP
from wire import (
    ALIAS,
    DNS,
    LINK_NS,
    REAL,
    SERVICE,
    VIEWER,
    Wire,
    cluster_nat_plan,
    cluster_plan,
)

from resolver.machine import Endpoint


def only(wire):
    (connection,) = wire.timeline().connections
    return connection


def test_a_connection_knows_who_was_dialled_and_who_was_reached():
    wire = Wire(cluster_plan())
    wire.connect("viewer", REAL[2], banner="tgp3").close()
    connection = only(wire)
    assert connection.opener == "viewer"
    assert connection.source.address == VIEWER
    assert connection.dialled == Endpoint(REAL[2], SERVICE)
    assert connection.reached_node == "tgp3"
    assert connection.banner == "tgp3"
    assert not connection.refused
    assert not connection.is_health_check
    assert connection.latency_ns == connection.established_at - connection.opened_at
    assert connection.latency_ns == 4 * LINK_NS + 3 * (LINK_NS // 10)
    assert connection.frames == tuple(range(1, len(wire.records) + 1))


def test_a_connection_through_the_nat_is_the_openers():
    wire = Wire(cluster_nat_plan())
    wire.connect("viewer", ALIAS[2], banner="tgp3").close()
    connection = only(wire)
    assert connection.dialled == Endpoint(ALIAS[2], SERVICE)
    assert (connection.reached_node, connection.banner) == ("tgp3", "tgp3")
    assert connection.established_at is not None
    assert len(connection.sent) + len(connection.received) == 7


def test_a_connection_that_a_broken_table_leads_astray_names_who_got_it():
    wire = Wire(cluster_nat_plan())
    wire.table[ALIAS[2]] = REAL[0]
    wire.connect("viewer", ALIAS[2], banner="tgp1")
    connection = only(wire)
    assert (connection.reached_node, connection.banner) == ("tgp1", "tgp1")


def test_an_alias_without_entry_ends_at_the_translator():
    wire = Wire(cluster_nat_plan())
    del wire.table[ALIAS[2]]
    wire.connect("viewer", ALIAS[2], silent=True)
    connection = only(wire)
    assert (connection.reached_node, connection.established_at) == ("translator", None)


def test_a_refused_connection():
    wire = Wire(cluster_plan())
    wire.connect("viewer", REAL[0], refused=True)
    connection = only(wire)
    assert (connection.refused, connection.established_at, connection.banner) == (True, None, None)
    assert connection.reached_node == "tgp1"


def test_a_syn_that_never_arrives():
    wire = Wire(cluster_plan())
    wire.connect("viewer", REAL[0], lost=True)
    connection = only(wire)
    assert (connection.reached_node, connection.refused) == (None, False)
    assert connection.established_at is None


def test_a_repeated_syn_is_the_same_connection():
    wire = Wire(cluster_plan())
    wire.connect("viewer", REAL[0], lost=True, source_port=5000)
    wire.elapse(1)
    wire.connect("viewer", REAL[0], banner="tgp1", source_port=5000)
    connection = only(wire)
    assert len(connection.syns) == 2
    assert connection.established_at is not None
    assert connection.latency_ns > 1_000_000_000


def test_the_same_port_used_again_is_another_connection():
    wire = Wire(cluster_plan())
    wire.connect("viewer", REAL[0], banner="one", source_port=5000, sequence=1).close()
    wire.connect("viewer", REAL[0], banner="two", source_port=5000, sequence=1).close()
    wire.connect("viewer", REAL[0], refused=True, source_port=5000, sequence=7)
    found = [(c.banner, c.refused) for c in wire.timeline().connections]
    assert found == [("one", False), ("two", False), (None, True)]


def test_a_syn_ack_that_acknowledges_something_else_establishes_nothing():
    wire = Wire(cluster_plan())
    stream = wire.connect("viewer", REAL[0], silent=True)
    wire.segment("tgp1", "viewer", stream.dialled, stream.source, "SA", 1, stream.sent + 5)
    assert only(wire).established_at is None


def test_a_syn_ack_that_is_lost_establishes_nothing():
    wire = Wire(cluster_plan())
    stream = wire.connect("viewer", REAL[0], silent=True)
    wire.segment("tgp1", "viewer", stream.dialled, stream.source, "SA", 1, stream.sent, lost=True)
    connection = only(wire)
    assert (connection.established_at, connection.reached_node) == (None, "tgp1")


def test_a_banner_in_pieces_out_of_order_and_repeated():
    wire = Wire(cluster_plan())
    stream = wire.connect("viewer", REAL[0])
    base = stream.received
    stream.hear(b"Pro 1\nmore\n", sequence=base + 10)
    stream.hear(b"Gate-Pro", sequence=base + 5)
    assert only(wire).banner is None
    stream.hear(b"TightGate-", sequence=base)
    assert only(wire).banner == "TightGate-Pro 1"


def test_a_banner_that_never_arrives_was_not_said():
    wire = Wire(cluster_plan())
    wire.connect("viewer", REAL[0]).hear(b"tgp1\n", lost=True)
    assert only(wire).banner is None


def test_health_checks_are_told_from_other_connections():
    wire = Wire(cluster_plan())
    wire.connect("tgp1", REAL[2], banner="tgp3")
    wire.connect("tgp2", DNS, port=53)
    wire.connect("tgp3", REAL[0])
    assert [c.is_health_check for c in wire.timeline().connections] == [True, False, False]


def test_segments_without_a_syn_belong_to_no_connection():
    wire = Wire(cluster_plan())
    wire.segment(
        "viewer", "tgp1", Endpoint(VIEWER, 1), Endpoint(REAL[0], SERVICE), "PA", 1, 1, b"x"
    )
    assert wire.timeline().connections == ()


def test_an_icmp_error_is_an_error_of_the_connection():
    wire = Wire(cluster_nat_plan())
    wire.connect("viewer", ALIAS[0], silent=True)
    wire.error(IP(wire.records[-1].network.raw), "tgp1", "viewer", code=1)
    assert [error.text for error in only(wire).errors] == ["host unreachable"]
