"""Packets before and after the translator, echoes and ICMP errors through it."""

from scapy.layers.inet import ICMP, IP
from scapy.packet import Raw
from wire import (
    ALIAS,
    DNS,
    REAL,
    TRANSLATOR,
    VIEWER,
    Wire,
    cluster_nat_plan,
    cluster_plan,
)

from lab.observe.sighting import Icmp, Tcp, Udp


def test_each_translation_is_a_crossing():
    wire = Wire(cluster_nat_plan())
    wire.connect("viewer", ALIAS[1])
    there, back, last = wire.timeline().crossings
    assert there.translator == "translator"
    assert (there.before.ip.destination, there.after.ip.destination) == (ALIAS[1], REAL[1])
    assert there.before.ip.source == there.after.ip.source == VIEWER
    assert (back.before.ip.source, back.after.ip.source) == (REAL[1], ALIAS[1])
    assert there.after.ip.ttl == there.before.ip.ttl - 1
    assert isinstance(last.before.ip.transport, Tcp)
    assert there.frames == (1, 2, 3, 4)


def test_a_router_and_an_untranslated_packet_cross_nothing():
    routed = Wire(cluster_plan())
    routed.connect("viewer", REAL[1])
    assert routed.timeline().crossings == ()
    passed = Wire(cluster_nat_plan())
    passed.datagram("viewer", REAL[0])
    passed.datagram("viewer", TRANSLATOR)
    assert passed.timeline().crossings == ()
    assert [trip.receiver for trip in passed.timeline().trips] == ["tgp1", "translator"]


def test_what_the_translator_itself_asks_is_no_crossing():
    wire = Wire(cluster_nat_plan())
    asked = wire.ask("dns", TRANSLATOR)
    wire.exchange("translator", REAL[0], ALIAS[0])
    wire.reply(asked, ALIAS[0])
    assert wire.timeline().crossings == ()


def test_udp_crosses_too_and_repetitions_keep_apart():
    wire = Wire(cluster_nat_plan())
    for server in (0, 1, 0):
        wire.datagram("viewer", ALIAS[server])
    crossings = wire.timeline().crossings
    assert [crossing.after.ip.destination for crossing in crossings] == [REAL[0], REAL[1], REAL[0]]
    assert [crossing.frames for crossing in crossings] == [
        (1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12),
    ]  # fmt: skip
    assert all(isinstance(crossing.before.ip.transport, Udp) for crossing in crossings)


def test_a_translator_that_changes_the_other_address_is_seen_doing_it():
    wire = Wire(cluster_nat_plan())
    wire.table[ALIAS[0]] = REAL[2]  # the wrong server
    wire.connect("viewer", ALIAS[0], silent=True)
    (crossing,) = wire.timeline().crossings
    assert crossing.after.ip.destination == REAL[2]


def test_a_packet_lost_behind_the_translator_has_crossed():
    wire = Wire(cluster_nat_plan())
    wire.connect("viewer", ALIAS[0], lost=True)
    timeline = wire.timeline()
    (crossing,) = timeline.crossings
    assert crossing.after.receiver is None
    assert timeline.connections[0].reached_node is None


def test_an_echo_through_the_nat_is_answered_from_the_alias():
    wire = Wire(cluster_nat_plan())
    wire.echo("viewer", ALIAS[0])
    timeline = wire.timeline()
    (echo,) = timeline.echoes
    assert (echo.asker, echo.target, echo.request.receiver) == ("viewer", ALIAS[0], "tgp1")
    assert echo.reply is not None
    assert echo.reply.ip_arrived.source == ALIAS[0]
    assert echo.latency_ns is not None
    assert [type(crossing.before.ip.transport) for crossing in timeline.crossings] == [Icmp, Icmp]


def test_an_echo_reply_from_another_address_is_none():
    wire = Wire(cluster_nat_plan())
    arrived = wire.echo("viewer", ALIAS[0], answered=False)
    wire.table.clear()  # from now on nothing is translated back
    reply = IP(src=arrived.dst, dst=VIEWER) / ICMP(type=0, id=7, seq=1) / Raw(b"echo")
    wire.packet(reply, "tgp1", "viewer")
    (echo,) = wire.timeline().echoes
    assert (echo.reply, echo.latency_ns) == (None, None)


def test_repeated_echoes_with_the_same_identifier_have_a_reply_each():
    wire = Wire(cluster_plan())
    wire.echo("viewer", REAL[0])
    wire.echo("viewer", REAL[0], answered=False)
    wire.echo("viewer", REAL[0])
    assert [len(echo.replies) for echo in wire.timeline().echoes] == [1, 0, 1]


def test_an_icmp_error_finds_the_datagram_it_is_about():
    wire = Wire(cluster_nat_plan())
    arrived = wire.datagram("viewer", ALIAS[0])
    wire.error(arrived, "tgp1", "viewer")
    timeline = wire.timeline()
    (datagram,) = timeline.datagrams
    (error,) = timeline.errors
    assert datagram.errors == (error,)
    assert error.about is datagram.trip
    assert error.text == "port unreachable"
    assert (error.trip.ip.source, error.trip.ip_arrived.source) == (REAL[0], ALIAS[0])
    embedded = error.trip.ip_arrived.transport.embedded
    assert (embedded.source, embedded.destination) == (VIEWER, ALIAS[0])
    assert datagram.latency_ns is not None


def test_an_icmp_error_about_nothing_that_was_sent_belongs_to_nothing():
    wire = Wire(cluster_nat_plan())
    arrived = wire.datagram("viewer", ALIAS[0])
    arrived.sport = 1
    wire.error(arrived, "tgp1", "viewer")
    timeline = wire.timeline()
    assert timeline.errors[0].about is None
    assert timeline.datagrams[0].errors == ()


def test_dns_is_no_datagram():
    wire = Wire(cluster_plan())
    wire.exchange("viewer", DNS, REAL[0])
    wire.datagram("viewer", REAL[0])
    assert [datagram.target.port for datagram in wire.timeline().datagrams] == [9]
