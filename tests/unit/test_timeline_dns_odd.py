"""Messages that need a second look: errors without a question, replies that look like questions,
and datagrams in fragments."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from spoken import asks, converse, opt, says
from wire import DNS, REAL, VIEWER, Wire, cluster_plan

from resolver.machine import Endpoint


def only_exchange(wire):
    (exchange,) = wire.timeline().exchanges
    return exchange


# --- errors without a question ----------------------------------------------------------------


def test_an_error_without_a_question_answers_what_it_could_not_read():
    for rcode in ("FORMERR", "NOTIMP"):
        wire = Wire(cluster_plan())
        query = asks(opcode=15)
        converse(wire, "viewer", DNS, query, says(query, rcode=rcode, question=b""))
        exchange = only_exchange(wire)
        assert exchange.reply.rcode == rcode
        assert exchange.strays == []
        assert exchange.replied_at is not None


def test_nothing_else_answers_without_a_question():
    for rcode, more in (("NOERROR", ()), ("FORMERR", ("a.test 1 A 192.0.2.1",))):
        wire = Wire(cluster_plan())
        converse(wire, "viewer", DNS, asks(), says(asks(), *more, rcode=rcode, question=b""))
        exchange = only_exchange(wire)
        assert exchange.reply is None
        assert exchange.mismatches(exchange.strays[0]) == ("question",)


def test_what_comes_from_a_server_is_no_question_however_spoilt():
    wire = Wire(cluster_plan())
    converse(wire, "dns", REAL[0], asks(), asks()[:2] + bytes(20))
    exchange = only_exchange(wire)
    assert (exchange.asker, exchange.reply) == ("dns", None)


# --- in fragments -----------------------------------------------------------------------------


def in_fragments(wire, *, without=None, size=1480):
    """A question, and a reply of about 4000 octets in fragments; one of them may be lost."""
    query = asks(opt=opt(4096), qtype="TXT")
    wire.ask("viewer", DNS, payload=query, port=4000)
    texts = (f"www.example.net 60 TXT {place:0200}" for place in range(17))
    reply = says(query, *texts, opts=(opt(),))
    packet = IP(src=DNS, dst=VIEWER, id=77) / UDP(sport=53, dport=4000) / reply
    for place, piece in enumerate(packet.fragment(size)):
        wire.packet(piece, "dns", "viewer", lost=place == without)
    return reply


def test_a_datagram_in_fragments_is_one_message():
    wire = Wire(cluster_plan())
    reply = in_fragments(wire)
    exchange = only_exchange(wire)
    assert exchange.reply.payload == reply
    assert len(exchange.reply.frames) == 6
    assert exchange.reply.arrived_at == wire.records[-1].at
    assert (exchange.reply.source, exchange.reply.destination) == (
        Endpoint(DNS, 53),
        Endpoint(VIEWER, 4000),
    )


def test_a_datagram_that_lacks_a_fragment_never_arrived():
    for lost in (0, 1, 2):
        wire = Wire(cluster_plan())
        in_fragments(wire, without=lost)
        assert only_exchange(wire).reply is None


@given(st.permutations(range(9)), st.sampled_from([400, 1480]))
def test_fragments_may_come_in_any_order(order, size):
    wire = Wire(cluster_plan())
    reply = in_fragments(wire, size=size)
    pairs = [wire.records[place : place + 2] for place in range(2, len(wire.records), 2)]
    mixed = [pairs[place] for place in order if place < len(pairs)]
    times = [record.at for record in wire.records[2:]]
    moved = [record for pair in mixed for record in pair]
    wire.records[2:] = [replace(record, at=at) for record, at in zip(moved, times, strict=False)]
    if len(mixed) == len(pairs):
        assert only_exchange(wire).reply.payload == reply
    else:
        assert only_exchange(wire).reply is None
