"""What caused what, and the story that is told of it."""

from dnslib import RR, DNSHeader, DNSQuestion, DNSRecord
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw
from wire import (
    ALIAS,
    DNS,
    LINK_NS,
    MS,
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

from lab.observe.story import exchange_records, normalised, time_to_connect_ns
from lab.observe.visit import VISIT, VISITED
from resolver.machine import Endpoint


def told(wire):
    """Title → (step, sender, receiver, kind) of each hop."""
    return {
        record.title: [(hop.step, hop.sender, hop.receiver, hop.kind) for hop in record.hops]
        for record in exchange_records(wire.timeline())
    }


def hops(wire, title=f"viewer asks A {NAME}"):
    return next(r for r in exchange_records(wire.timeline()) if r.title == title).hops


def ask_forwarded(wire, *answer: str, chosen=None, servers=(REAL[0],)):
    """The viewer's question, forwarded to each server in turn; the last one answers."""
    question = wire.ask("viewer", DNS)
    for silent in servers[:-1]:
        wire.ask("dns", silent, lost=True)
        wire.elapse(2)
    wire.exchange("dns", servers[-1], *answer)
    wire.reply(question, chosen or answer[0])
    return question


def ask_through_translator(wire):
    question = wire.ask("viewer", DNS)
    forwarded = wire.ask("dns", TRANSLATOR)
    wire.exchange("translator", REAL[0], ALIAS[0], ALIAS[2])
    wire.reply(forwarded, ALIAS[0], ALIAS[2])
    wire.reply(question, ALIAS[2])


# --- the FAQ's figures ------------------------------------------------------------------------


def test_the_five_steps():
    wire = Wire(cluster_plan())
    ask_forwarded(wire, REAL[0], REAL[2], chosen=REAL[2])
    wire.connect("viewer", REAL[2], banner="tgp3")
    assert told(wire) == {
        f"viewer asks A {NAME}": [
            (1, "viewer", "dns", "query"),
            (2, "dns", "tgp1", "query"),
            (3, "tgp1", "dns", "reply"),
            (4, "dns", "viewer", "reply"),
        ],
        f"viewer connects to {REAL[2]}:5900": [
            (5, "viewer", "tgp3", "syn"),
            (None, "tgp3", "viewer", "syn-ack"),
            (None, "tgp3", "viewer", "data"),
        ],
    }


def test_the_eight_steps():
    wire = Wire(cluster_nat_plan())
    ask_through_translator(wire)
    wire.connect("viewer", ALIAS[2])
    asked, connected = told(wire).values()
    assert asked + connected == [
        (1, "viewer", "dns", "query"),
        (2, "dns", "translator", "query"),
        (3, "translator", "tgp1", "query"),
        (4, "tgp1", "translator", "reply"),
        (5, "translator", "dns", "reply"),
        (6, "dns", "viewer", "reply"),
        (7, "viewer", "translator", "syn"),
        (8, "translator", "tgp3", "syn"),
        (None, "tgp3", "translator", "syn-ack"),
        (None, "translator", "viewer", "syn-ack"),
    ]


def test_dns_passed_through_the_nat_makes_the_same_eight_steps():
    wire = Wire(cluster_nat_plan())
    question = wire.ask("viewer", DNS)
    wire.exchange("dns", ALIAS[0], ALIAS[2])
    wire.reply(question, ALIAS[2])
    wire.connect("viewer", ALIAS[2])
    asked, connected = told(wire).values()
    assert [step for step, *_ in asked + connected] == [1, 2, 3, 4, 5, 6, 7, 8, None, None]
    assert asked[1:3] == [(2, "dns", "translator", "query"), (3, "translator", "tgp1", "query")]


def test_one_packet_before_and_after_the_nat_has_one_crossing_number():
    wire = Wire(cluster_nat_plan())
    wire.connect("viewer", ALIAS[2])
    (record,) = exchange_records(wire.timeline())
    assert [hop.crossing for hop in record.hops] == [1, 1, 2, 2]
    before, after, *_ = record.hops
    assert before.addresses.endswith(f" → {ALIAS[2]}:5900")
    assert after.addresses.endswith(f" → {REAL[2]}:5900")


def test_a_single_systems_three_steps():
    wire = Wire(cluster_plan())
    wire.exchange("viewer", DNS, REAL[0])
    wire.connect("viewer", REAL[0])
    asked, connected = told(wire).values()
    assert [step for step, *_ in asked + connected] == [1, 2, 3, None]


def test_a_server_that_stays_silent_is_no_step():
    wire = Wire(cluster_plan())
    ask_forwarded(wire, REAL[1], servers=(REAL[0], REAL[1]))
    asked = hops(wire)
    assert [(hop.step, hop.receiver, hop.unanswered, hop.took_ms) for hop in asked[:3]] == [
        (1, "dns", False, 0.1),
        (None, "tgp1", True, None),
        (2, "tgp2", False, 0.21),
    ]


def test_only_the_first_journey_is_numbered():
    wire = Wire(cluster_plan())
    ask_forwarded(wire, REAL[0])
    wire.elapse(3)
    ask_forwarded(wire, REAL[0])
    first, second = exchange_records(wire.timeline())
    assert [hop.step for hop in first.hops] == [1, 2, 3, 4]
    assert [hop.step for hop in second.hops] == [None] * 4


# --- what caused what -------------------------------------------------------------------------


def test_a_search_is_told_with_the_question_that_it_is_for():
    """Zones above its name, and names that replies referred the server to."""
    wire = Wire(cluster_plan())
    earlier = wire.ask("viewer", DNS, name="a.other.test")
    question = wire.ask("viewer", DNS, name="www.sub.test")
    referral = DNSRecord(DNSHeader(id=5, qr=1), q=DNSQuestion("sub.test."))
    referral.add_auth(*RR.fromZone("sub.test. 60 IN NS ns.host.example."))
    search = wire.ask("dns", REAL[0], name="sub.test", identifier=5)
    wire.reply(search, payload=referral.pack())
    wire.exchange("dns", REAL[1], REAL[2], name="host.example")
    wire.exchange("dns", REAL[1], REAL[2], name="ns.host.example")
    wire.exchange("dns", REAL[2], REAL[2], name="www.sub.test")
    wire.reply(question, REAL[2])
    wire.reply(earlier, REAL[2])
    wire.exchange("dns", REAL[1], REAL[2], name="sub.test")
    titles = {
        record.title: [hop.text for hop in record.hops if hop.kind == "query"]
        for record in exchange_records(wire.timeline())
    }
    assert titles == {
        "viewer asks A a.other.test": ["A a.other.test?"],
        "viewer asks A www.sub.test": [
            "A www.sub.test?",
            "A sub.test?",
            "A host.example?",
            "A ns.host.example?",
            "A www.sub.test?",
        ],
        "dns asks A sub.test": ["A sub.test?"],
    }


def test_a_question_of_another_name_or_after_the_answer_was_not_caused():
    wire = Wire(cluster_plan())
    question = wire.ask("viewer", DNS)
    wire.exchange("dns", REAL[0], REAL[0], name="other.example")
    wire.exchange("dns", REAL[0], qtype="AAAA")
    wire.reply(question, REAL[0])
    wire.exchange("dns", REAL[0], REAL[0])
    assert [journey.title for journey in wire.timeline().journeys] == [
        f"viewer asks A {NAME}",
        "dns asks A other.example",
        f"dns asks AAAA {NAME}",
        f"dns asks A {NAME}",
    ]


def test_a_retry_over_tcp_has_the_same_cause():
    wire = Wire(cluster_plan())
    question = wire.ask("viewer", DNS)
    wire.exchange("dns", REAL[0], tc=True)
    stream = wire.connect("dns", REAL[0], port=53)
    query = query_bytes(identifier=99)
    stream.say(framed(query))
    stream.hear(framed(reply_bytes(query, REAL[0])))
    wire.reply(question, REAL[0])
    timeline = wire.timeline()
    asked = timeline.exchanges[0]
    udp, tcp = timeline.causes.caused_by(asked)
    assert timeline.causes.of(tcp) is asked
    assert timeline.causes.decisive(asked) is tcp
    assert timeline.causes.in_time(udp)
    (journey,) = timeline.journeys
    assert [hop.text for hop in journey.hops][2:4] == ["no data, truncated", f"A {NAME}?"]


def test_who_was_asked_before_another_is_told_by_order_where_the_clock_stands_still():
    wire = Wire(cluster_plan())
    asked = wire.ask("viewer", DNS)
    began_at = wire.now
    questions = []
    for server in REAL:
        wire.now = began_at
        questions.append(wire.ask("dns", server))
    for question in questions:
        wire.reply(question, *REAL)
    wire.reply(asked, REAL[0])
    timeline = wire.timeline()
    (client,) = [each for each in timeline.exchanges if each.asker == "viewer"]
    first, second, third = timeline.causes.caused_by(client)
    assert first.asked_at == second.asked_at == third.asked_at
    assert [timeline.causes.in_time(each) for each in (first, second, third)] == [
        False,
        False,
        True,
    ]
    assert timeline.causes.decisive(client) is third


def test_two_viewers_with_one_question_have_each_their_own():
    wire = Wire(cluster_plan())
    one = wire.ask("viewer", DNS)
    first = wire.ask("dns", REAL[0], lost=True)
    other = wire.ask("bystander", DNS)
    second = wire.ask("dns", REAL[0], lost=True)
    third = wire.ask("dns", REAL[1])
    fourth = wire.ask("dns", REAL[1])
    for question in (third, fourth, one, other):
        wire.reply(question, REAL[1])
    timeline = wire.timeline()
    viewer, bystander = timeline.journeys
    ids = {exchange.query.payload: exchange for exchange in timeline.exchanges}
    assert timeline.causes.caused_by(viewer.root) == (ids[first.payload], ids[third.payload])
    assert timeline.causes.caused_by(bystander.root) == (ids[second.payload], ids[fourth.payload])


def test_a_client_that_is_never_answered_does_not_take_anothers_questions():
    wire = Wire(cluster_plan())
    wire.ask("viewer", DNS)
    wire.elapse(10)
    ask_forwarded(wire, REAL[0])
    first, second = wire.timeline().journeys
    assert (len(first.hops), len(second.hops)) == (1, 4)


def test_a_late_reply_is_told_as_late_and_its_question_as_unanswered():
    wire = Wire(cluster_plan())
    question = wire.ask("viewer", DNS)
    slow = wire.ask("dns", REAL[0])
    wire.elapse(2)
    quick = wire.ask("dns", REAL[1])
    wire.reply(slow, REAL[0])
    wire.reply(quick, REAL[1])
    wire.reply(question, REAL[1])
    asked = hops(wire)
    assert [(hop.kind, hop.sender, hop.unanswered, hop.step) for hop in asked] == [
        ("query", "viewer", False, 1),
        ("query", "dns", True, None),
        ("query", "dns", False, 2),
        ("reply", "tgp1", False, None),
        ("reply", "tgp2", False, 3),
        ("reply", "dns", False, 4),
    ]
    assert asked[3].text == f"{REAL[0]} (ttl 2), too late"
    assert not any(hop.forged for hop in asked)


def test_forgeries_are_hops_with_their_fault():
    faults = {
        "wrong ID": {"identifier": 0xBEEF},
        "wrong port": {"destination": Endpoint(DNS, 1)},
        "wrong source": {"source": Endpoint("192.168.1.66", 53)},
        "wrong question": {"qtype": "TXT"},
    }
    for fault, how in faults.items():
        wire = Wire(cluster_plan())
        question = wire.ask("viewer", DNS)
        upstream = wire.ask("dns", REAL[0])
        wire.reply(upstream, "6.6.6.6", sender="bystander", **how)
        wire.reply(upstream, REAL[0])
        wire.reply(upstream, "6.6.6.6", sender="bystander", **how)
        wire.reply(question, REAL[0])
        forged = [hop for hop in hops(wire) if hop.forged]
        assert len(forged) == 2
        assert forged[0].text == f"6.6.6.6 (ttl 2), {fault}"
        assert (forged[0].sender, forged[0].receiver, forged[0].step) == ("bystander", "dns", None)
        assert [hop.step for hop in hops(wire) if not hop.forged] == [1, 2, 3, 4]


def test_a_perfect_forgery_is_told_as_forged_too():
    wire = Wire(cluster_plan())
    question = wire.ask("viewer", DNS)
    wire.reply(question, "6.6.6.6", sender="bystander")
    assert [hop.forged for hop in hops(wire)] == [False, True]


def test_the_translator_does_not_forge_the_aliases_it_answers_for():
    wire = Wire(cluster_nat_plan(dns_aliases=True))
    question = wire.ask("viewer", DNS)
    wire.exchange("dns", ALIAS[0], ALIAS[0])
    wire.reply(question, ALIAS[0])
    assert not any(hop.forged for hop in hops(wire))


def test_health_checks_and_what_came_before_the_first_step_are_no_journeys():
    wire = Wire(cluster_plan())
    wire.echo("viewer", DNS)
    wire.elapse(1)
    wire.mark("step", "viewer asks")
    wire.connect("tgp1", REAL[2], banner="tgp3")
    wire.exchange("viewer", DNS, REAL[0])
    timeline = wire.timeline()
    assert [journey.title for journey in timeline.journeys] == [f"viewer asks A {NAME}"]
    assert exchange_records(timeline)[0].started_ms > 0


def test_a_server_that_cannot_connect_to_another_tells_so():
    wire = Wire(cluster_plan())
    question = wire.ask("viewer", DNS)
    wire.exchange("dns", REAL[0], tc=True)
    wire.connect("dns", REAL[0], port=53, refused=True)
    wire.reply(question, rcode="SERVFAIL")
    assert [(hop.kind, hop.text) for hop in hops(wire)][3:] == [
        ("syn", "SYN port 53"),
        ("reset", "refused"),
        ("reply", "SERVFAIL"),
    ]


def test_what_is_unreachable_is_told():
    wire = Wire(cluster_plan())
    question = wire.ask("viewer", DNS)
    wire.ask("dns", REAL[0])
    wire.error(IP(wire.records[-1].network.raw), "tgp1", "dns")
    wire.reply(question, rcode="SERVFAIL")
    assert [(hop.kind, hop.text, hop.unanswered) for hop in hops(wire)] == [
        ("query", f"A {NAME}?", False),
        ("query", f"A {NAME}?", False),
        ("icmp-error", "port unreachable", False),
        ("reply", "SERVFAIL", False),
    ]


def test_echoes_and_datagrams_of_actors_are_journeys():
    wire = Wire(cluster_nat_plan())
    wire.echo("viewer", ALIAS[0])
    wire.error(wire.datagram("viewer", ALIAS[1]), "tgp2", "viewer")
    wire.echo("viewer", ALIAS[0], answered=False)
    titles = [record.title for record in exchange_records(wire.timeline())]
    assert titles == [
        f"viewer sends an echo request to {ALIAS[0]}",
        f"viewer sends a datagram to {ALIAS[1]}:9",
        f"viewer sends an echo request to {ALIAS[0]}",
    ]
    echo, datagram, silent = exchange_records(wire.timeline())
    assert [hop.kind for hop in echo.hops] == ["echo", "echo", "echo-reply", "echo-reply"]
    assert [hop.kind for hop in datagram.hops] == ["datagram"] * 2 + ["icmp-error"] * 2
    assert [hop.unanswered for hop in silent.hops] == [True, True]
    assert silent.waited_ms is None


def test_a_syn_nobody_answers_is_broken_and_names_who_was_meant():
    wire = Wire(cluster_nat_plan())
    wire.connect("viewer", ALIAS[2], lost=True)
    (record,) = exchange_records(wire.timeline())
    assert [(hop.receiver, hop.took_ms, hop.unanswered) for hop in record.hops] == [
        ("translator", 0.1, True),
        ("tgp3", None, True),
    ]
    assert record.waited_ms is None


def test_a_packet_that_a_router_cannot_pass_on_never_arrived_at_who_was_meant():
    wire = Wire(cluster_plan())
    packet = IP(src=DNS, dst=REAL[0]) / UDP(sport=4000, dport=53) / Raw(query_bytes())
    wire.packet(packet, "dns", "router")
    (record,) = exchange_records(wire.timeline())
    (hop,) = record.hops
    assert (hop.sender, hop.receiver, hop.took_ms, hop.unanswered) == ("dns", "tgp1", None, True)


def test_a_packet_for_the_router_itself_arrives_there():
    wire = Wire(cluster_plan())
    wire.ask("viewer", TRANSLATOR)
    (hop,) = hops(wire)
    assert (hop.receiver, hop.took_ms) == ("router", 0.1)


# --- time to connect --------------------------------------------------------------------------


def test_time_to_connect_runs_from_the_question_to_the_syn_ack():
    wire = Wire(cluster_plan())
    began = wire.now
    ask_forwarded(wire, REAL[2])
    stream = wire.connect("viewer", REAL[2], silent=True)
    wire.segment("tgp3", "viewer", stream.dialled, stream.source, "SA", 1, stream.sent)
    assert time_to_connect_ns(wire.timeline()) == wire.now - LINK_NS // 10 - began


def test_failed_tries_count_lookups_with_an_answer_of_their_own_do_not():
    wire = Wire(cluster_plan())
    wire.exchange("viewer", DNS, REAL[0])  # an earlier lookup
    wire.elapse(60)
    wire.ask("viewer", DNS, lost=True)
    wire.elapse(5)
    wire.exchange("viewer", DNS, qtype="AAAA", soa=True)
    wire.exchange("viewer", DNS, REAL[2])
    wire.connect("viewer", REAL[2])
    measured = time_to_connect_ns(wire.timeline())
    assert measured is not None
    assert 5000 * MS < measured < 5010 * MS


def test_a_visit_counts_from_its_beginning_whatever_was_answered_in_between():
    wire = Wire(cluster_plan())
    wire.mark(VISIT, "visits", number=1, node="viewer", profile="glibc", name=NAME)
    began = wire.now
    for _ in range(3):  # glibc, where nobody answers AAAA
        wire.exchange("viewer", DNS, REAL[2])
        wire.ask("viewer", DNS, qtype="AAAA", lost=True)
        wire.elapse(5)
    wire.connect("viewer", REAL[2])
    wire.mark(VISITED, "is connected", number=1, outcome="connected")
    timeline = wire.timeline()
    (visit,) = timeline.visits
    measured = time_to_connect_ns(timeline)
    assert measured is not None
    assert measured == visit.time_to_connect_ns
    assert measured > wire.now - began - 5 * MS


def test_no_connection_and_no_answer_that_led_to_it_give_no_time():
    wire = Wire(cluster_plan())
    wire.exchange("viewer", DNS, REAL[0])
    wire.connect("viewer", REAL[0], refused=True)
    wire.connect("viewer", REAL[1])  # nobody told it to
    wire.connect("tgp1", REAL[0])
    assert time_to_connect_ns(wire.timeline()) is None


# --- agreement of worlds ----------------------------------------------------------------------


def test_two_worlds_agree_though_times_ports_ids_and_ttls_differ():
    def world(link_ns, ttl, *, retry):
        wire = Wire(cluster_nat_plan(), _next_port=link_ns % 20_000, _next_id=link_ns % 60_000)
        wire.connect("tgp1", REAL[2]) if retry else None
        question = wire.ask("viewer", DNS)
        wire.elapse(link_ns / 1e9)
        wire.reply(question, ALIAS[2], ttl=ttl)
        if retry:
            wire.connect("viewer", ALIAS[2], lost=True, source_port=77)
        wire.connect("viewer", ALIAS[2], banner="tgp3", source_port=77)
        return normalised(exchange_records(wire.timeline()))

    assert world(1_000, 2, retry=False) == world(777_777, 1, retry=True)
    assert world(1_000, 2, retry=False)[0] == (
        ("viewer", "dns", "query", f"A {NAME}?"),
        ("dns", "viewer", "reply", ALIAS[2]),
    )


def test_two_worlds_that_answer_differently_do_not_agree():
    def world(*answer: str):
        wire = Wire(cluster_plan())
        wire.exchange("viewer", DNS, *answer)
        return normalised(exchange_records(wire.timeline()))

    assert world(REAL[0]) != world(REAL[1])
    assert world(REAL[0]) != world()


def test_the_record_says_when_and_between_which_addresses():
    wire = Wire(cluster_plan())
    wire.mark("step", "viewer asks")
    wire.elapse(0.5)
    question = wire.exchange("viewer", DNS, REAL[0])
    (record,) = exchange_records(wire.timeline())
    assert (record.started_ms, record.waited_ms) == (500.0, 0.21)
    query, reply = record.hops
    assert (query.frame, query.at_ms, query.took_ms) == (2, 500.0, 0.1)
    assert query.addresses == f"{VIEWER}:{question.source.port} → {DNS}:53"
    assert reply.text == f"{REAL[0]} (ttl 2)"
