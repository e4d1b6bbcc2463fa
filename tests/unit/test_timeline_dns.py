"""DNS messages and exchanges, from well-behaved to hostile."""

from dnslib import RR, DNSHeader, DNSQuestion, DNSRecord
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from wire import (
    ALIAS,
    DNS,
    LINK_NS,
    NAME,
    REAL,
    TRANSLATOR,
    VIEWER,
    Wire,
    cluster_nat_plan,
    cluster_plan,
    framed,
    query_bytes,
    reply_bytes,
)

from resolver.machine import Endpoint, Transport

BAD = "6.6.6.6"


def only_exchange(wire):
    (exchange,) = wire.timeline().exchanges
    return exchange


# --- messages ---------------------------------------------------------------------------------


def test_a_message_says_what_its_bytes_say():
    wire = Wire(cluster_plan())
    wire.exchange("viewer", DNS, REAL[0], REAL[2], name="Internet.INTERN.netz.", ttl=7)
    query, reply = wire.timeline().messages
    assert (query.is_reply, reply.is_reply) == (False, True)
    assert (query.name, query.qtype, query.qclass) == (NAME, "A", "IN")
    assert (query.rd, query.aa, query.tc, query.ra, query.ad, query.cd) == (
        True, False, False, False, False, False,
    )  # fmt: skip
    assert (reply.rcode, reply.aa, reply.addresses, reply.ttls) == (
        "NOERROR", True, (REAL[0], REAL[2]), (7, 7),
    )  # fmt: skip
    assert query.id == reply.id
    assert (query.transport, query.edns, reply.soa) == (Transport.UDP, False, False)
    assert (query.sender, query.receiver) == ("viewer", "dns")
    assert query.source.address == VIEWER
    assert query.destination == Endpoint(DNS, 53)
    assert query.arrived_at - query.sent_at == LINK_NS
    assert query.frames == (1, 2)


def test_only_records_that_answer_the_question_are_its_answer():
    """The name asked for, and where its aliases lead, in any case; nobody else's address."""
    message = DNSRecord(DNSHeader(id=1, qr=1), q=DNSQuestion("www.test."))
    message.add_answer(
        *RR.fromZone(
            "WWW.test. 5 CNAME a.test.\na.test. 5 A 10.0.0.1\n"
            "other.test. 5 A 10.6.6.6\na.test. 9 A 10.0.0.2\n"
        )
    )
    wire = Wire(cluster_plan())
    packet = IP(src=DNS, dst=VIEWER) / UDP(sport=53, dport=40000) / message.pack()
    wire.packet(packet, "dns", "viewer")
    (reply,) = wire.timeline().messages
    assert (reply.addresses, reply.ttls) == (("10.0.0.1", "10.0.0.2"), (5, 9))


def test_odd_types_codes_and_names_have_their_generic_forms():
    wire = Wire(cluster_plan())
    wire.exchange("viewer", DNS, name=".", qtype="TYPE65280", rcode="NXDOMAIN", soa=True)
    query, reply = wire.timeline().messages
    assert (query.name, query.qtype) == (".", "TYPE65280")
    assert (reply.rcode, reply.soa, reply.addresses) == ("NXDOMAIN", True, ())


def test_an_opt_record_extends_the_rcode():
    wire = Wire(cluster_plan())
    opt = b"\0" + (41).to_bytes(2) + (1232).to_bytes(2) + b"\1\0\0\0" + b"\0\0"
    query = query_bytes()
    wire.reply(
        wire.ask("viewer", DNS),
        payload=query[:2] + b"\x81\0" + query[4:11] + b"\1" + query[12:] + opt,
    )
    reply = wire.timeline().messages[-1]
    assert (reply.edns, reply.rcode) == (True, "BADVERS")


@given(st.binary(max_size=60))
def test_no_payload_raises_and_garbage_is_malformed(payload):
    wire = Wire(cluster_plan())
    wire.ask("viewer", DNS, payload=payload)
    message = wire.timeline().messages[0]
    assert isinstance(message.malformed, bool)
    assert message.id == int.from_bytes(payload[:2] if len(payload) > 1 else b"")


def test_cut_messages_are_malformed_and_keep_what_the_header_says():
    wire = Wire(cluster_plan())
    question = wire.ask("viewer", DNS)
    wire.reply(question, payload=reply_bytes(question.payload, REAL[0], rcode="REFUSED")[:-3])
    reply = wire.timeline().messages[-1]
    assert (reply.malformed, reply.is_reply, reply.rcode, reply.name) == (True, True, "REFUSED", "")
    assert only_exchange(wire).reply is None


def test_a_message_over_a_router_is_one_message():
    wire = Wire(cluster_plan())
    wire.exchange("dns", REAL[0], REAL[0])
    query, reply = wire.timeline().messages
    assert (query.sender, query.receiver, query.frames) == ("dns", "tgp1", (1, 2, 3, 4))
    assert (reply.sender, reply.receiver) == ("tgp1", "dns")
    assert len(query.passages) == 2


def test_a_message_through_the_nat_is_one_message_with_both_its_addresses():
    wire = Wire(cluster_nat_plan())
    wire.exchange("dns", ALIAS[0], ALIAS[0])
    timeline = wire.timeline()
    query, reply = timeline.messages
    assert (query.sender, query.receiver) == ("dns", "tgp1")
    assert (query.destination.address, query.arrived_destination.address) == (ALIAS[0], REAL[0])
    assert (reply.source.address, reply.arrived_source.address) == (REAL[0], ALIAS[0])
    assert timeline.exchanges[0].reply is reply
    assert timeline.exchanges[0].server == "tgp1"
    assert len(timeline.crossings) == 2


def test_dns_for_an_alias_may_end_at_the_translator():
    wire = Wire(cluster_nat_plan(dns_aliases=True))
    wire.exchange("dns", ALIAS[0], ALIAS[0])
    timeline = wire.timeline()
    assert timeline.messages[0].receiver == "translator"
    assert timeline.exchanges[0].server == "translator"
    assert timeline.crossings == ()


# --- exchanges --------------------------------------------------------------------------------


def test_an_exchange_pairs_a_question_with_its_reply():
    wire = Wire(cluster_plan())
    wire.exchange("viewer", DNS, REAL[0])
    exchange = only_exchange(wire)
    assert (exchange.asker, exchange.server) == ("viewer", "dns")
    assert exchange.reply.addresses == (REAL[0],)
    assert exchange.latency_ns == 2 * LINK_NS + LINK_NS // 10
    assert exchange.frames == (1, 2, 3, 4)


def test_a_question_without_reply_is_an_exchange_too():
    wire = Wire(cluster_plan())
    wire.ask("viewer", DNS, lost=True)
    exchange = only_exchange(wire)
    assert (exchange.reply, exchange.latency_ns, exchange.query.receiver) == (None, None, None)
    assert exchange.server == "dns"


def test_a_reply_that_is_lost_is_no_reply_but_its_departure_counts():
    wire = Wire(cluster_plan())
    question = wire.ask("viewer", DNS)
    left_at = wire.now
    wire.reply(question, REAL[0], lost=True)
    exchange = only_exchange(wire)
    assert exchange.reply is None
    assert exchange.replied_at == left_at


def test_a_duplicated_reply_makes_two_replies():
    wire = Wire(cluster_plan())
    question = wire.exchange("viewer", DNS, REAL[0])
    wire.reply(question, REAL[0])
    assert len(only_exchange(wire).replies) == 2


def test_a_question_repeated_as_it_was_makes_two_exchanges_with_a_reply_each():
    wire = Wire(cluster_plan())
    first = wire.ask("viewer", DNS, port=4000, identifier=9)
    second = wire.ask("viewer", DNS, port=4000, identifier=9)
    wire.reply(first, REAL[0])
    wire.reply(second, REAL[1])
    answered = [exchange.reply.addresses for exchange in wire.timeline().exchanges]
    assert answered == [(REAL[0],), (REAL[1],)]


def test_replies_out_of_order_find_their_questions():
    wire = Wire(cluster_plan())
    first, second = wire.ask("viewer", DNS), wire.ask("viewer", DNS, qtype="AAAA")
    wire.reply(second, soa=True)
    wire.reply(first, REAL[0])
    one, other = wire.timeline().exchanges
    assert (one.reply.addresses, other.reply.addresses) == ((REAL[0],), ())
    assert other.reply.soa
    assert one.strays == other.strays == []


def forge(wire, question, fault):
    """As somebody on the path would, wrong in one way."""
    wrong = {
        "source": {"source": Endpoint("192.168.1.66", 53)},
        "port": {"destination": Endpoint(DNS, 1)},
        "ID": {"identifier": 0xBEEF},
        "question": {"name": "forged." + NAME},
    }[fault]
    wire.reply(question, BAD, sender="bystander", **wrong)


def test_a_forgery_is_a_stray_and_says_what_is_wrong_with_it():
    for fault in ("source", "port", "ID", "question"):
        wire = Wire(cluster_plan())
        question = wire.ask("dns", REAL[0])
        forge(wire, question, fault)
        wire.reply(question, REAL[0])
        exchange = only_exchange(wire)
        assert exchange.reply.addresses == (REAL[0],)
        (stray,) = exchange.strays
        assert (stray.addresses, stray.sender) == ((BAD,), "bystander")
        assert exchange.mismatches(stray) == (fault,)
        assert exchange.mismatches(exchange.reply) == ()
        assert exchange.latecomers == []


def test_a_wrong_question_type_is_a_wrong_question():
    wire = Wire(cluster_plan())
    question = wire.ask("dns", REAL[0])
    wire.reply(question, BAD, sender="bystander", qtype="TXT")
    exchange = only_exchange(wire)
    assert exchange.mismatches(exchange.strays[0]) == ("question",)


def test_a_forgery_after_the_true_reply_is_a_latecomer():
    wire = Wire(cluster_plan())
    question = wire.exchange("dns", REAL[0], REAL[0])
    forge(wire, question, "ID")
    exchange = only_exchange(wire)
    assert (len(exchange.strays), len(exchange.latecomers)) == (0, 1)


def test_a_perfect_forgery_is_a_reply():
    wire = Wire(cluster_plan())
    question = wire.ask("dns", REAL[0])
    wire.reply(question, BAD, sender="bystander")
    assert only_exchange(wire).reply.addresses == (BAD,)


def test_a_forgery_that_resembles_nothing_belongs_nowhere():
    wire = Wire(cluster_plan())
    question = wire.ask("dns", REAL[0])
    wire.reply(
        question,
        BAD,
        sender="bystander",
        source=Endpoint("192.168.1.66", 53),
        identifier=0xBEEF,
        name="other.example",
    )
    exchange = only_exchange(wire)
    assert exchange.strays == exchange.latecomers == exchange.replies == []


def test_a_late_reply_is_a_reply_to_its_own_question_and_a_stray_to_the_next_servers():
    wire = Wire(cluster_plan())
    first = wire.ask("dns", REAL[0])
    wire.elapse(2)
    second = wire.ask("dns", REAL[1])
    wire.reply(first, REAL[0])
    wire.reply(second, REAL[1])
    one, other = wire.timeline().exchanges
    assert [reply.addresses for reply in one.replies] == [(REAL[0],)]
    assert [stray.addresses for stray in other.strays] == [(REAL[0],)]
    assert other.reply.addresses == (REAL[1],)


def test_a_reply_after_everything_is_over_is_no_stray():
    wire = Wire(cluster_plan())
    first = wire.ask("dns", REAL[0])
    wire.elapse(2)
    wire.exchange("dns", REAL[1], REAL[1])
    wire.reply(first, REAL[0])
    one, other = wire.timeline().exchanges
    assert one.reply is not None
    assert other.strays == []


def test_two_clients_with_one_question_do_not_disturb_each_other():
    wire = Wire(cluster_plan())
    one, other = wire.ask("viewer", DNS), wire.ask("bystander", DNS)
    wire.reply(other, REAL[1])
    wire.reply(one, REAL[0])
    first, second = wire.timeline().exchanges
    assert (first.reply.addresses, second.reply.addresses) == ((REAL[0],), (REAL[1],))
    assert first.strays == second.strays == []


def test_a_refused_datagram_is_an_error_of_its_exchange():
    wire = Wire(cluster_nat_plan())
    wire.ask("dns", TRANSLATOR)
    sent = wire.records[-1].network.raw
    wire.error(IP(sent), "translator", "dns")
    exchange = only_exchange(wire)
    assert [error.text for error in exchange.errors] == ["port unreachable"]


# --- over TCP ---------------------------------------------------------------------------------


def test_messages_over_tcp_make_an_exchange():
    wire = Wire(cluster_plan())
    stream = wire.connect("viewer", DNS, port=53)
    query = query_bytes(identifier=5)
    stream.say(framed(query))
    stream.hear(framed(reply_bytes(query, REAL[0])))
    stream.close()
    exchange = only_exchange(wire)
    assert (exchange.asker, exchange.server) == ("viewer", "dns")
    assert exchange.query.transport is Transport.TCP
    assert exchange.query.payload == query
    assert exchange.reply.addresses == (REAL[0],)


@given(st.data())
def test_a_stream_in_pieces_repeated_and_out_of_order_gives_the_same_messages(data):
    wire = Wire(cluster_plan())
    stream = wire.connect("viewer", DNS, port=53, sequence=2**32 - data.draw(st.integers(1, 60)))
    queries = [query_bytes(identifier=number, name=f"n{number}.example") for number in (1, 2, 3)]
    octets = b"".join(map(framed, queries))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(octets) - 1), max_size=5)))
    pieces = [
        (start, octets[start:end])
        for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True)
    ]
    repeated = data.draw(st.lists(st.sampled_from(pieces), max_size=3))
    order = data.draw(st.permutations(pieces + repeated))
    base = stream.sent
    for start, piece in order:
        stream.say(piece, sequence=base + start)
    messages = wire.timeline().messages
    assert [message.payload for message in sorted(messages, key=lambda m: m.id)] == queries
    assert all(message.receiver == "dns" and message.complete for message in messages)


def test_overlapping_retransmissions_count_once():
    wire = Wire(cluster_plan())
    stream = wire.connect("viewer", DNS, port=53)
    octets = framed(query_bytes())
    base = stream.sent
    stream.say(octets[:10], sequence=base)
    stream.say(octets[4:20], sequence=base + 4)
    stream.say(octets[15:], sequence=base + 15)
    (message,) = wire.timeline().messages
    assert message.payload == query_bytes()


def test_a_segment_lost_and_sent_again_is_counted_when_it_arrived():
    wire = Wire(cluster_plan())
    stream = wire.connect("viewer", DNS, port=53)
    octets = framed(query_bytes())
    again = stream.say(octets, lost=True)
    wire.elapse(1)
    stream.say(octets, sequence=again)
    (message,) = wire.timeline().messages
    assert message.arrived_at == wire.records[-1].at


def test_a_message_that_loses_its_end_never_arrived():
    wire = Wire(cluster_plan())
    stream = wire.connect("viewer", DNS, port=53)
    octets = framed(query_bytes())
    stream.say(octets[:12])
    stream.say(octets[12:], lost=True)
    (message,) = wire.timeline().messages
    assert (message.payload, message.arrived_at, message.receiver) == (query_bytes(), None, None)


def test_a_message_cut_by_the_end_of_its_stream_is_malformed_and_incomplete():
    wire = Wire(cluster_plan())
    stream = wire.connect("viewer", DNS, port=53)
    stream.say(framed(query_bytes())[:20])
    stream.close()
    (message,) = wire.timeline().messages
    assert (message.complete, message.malformed, message.receiver) == (False, True, None)
