"""The resolver as clients meet it."""

from __future__ import annotations

from collections import Counter

import pytest
from dns_upstreams import (
    CLIENT,
    FIRST,
    HERE,
    SECOND_,
    THIRD,
    ZONE,
    Stage,
    a,
    answering,
    cname,
    replying,
    silent,
    soa,
)

from resolver import limits
from resolver.config import ForwardRule, Selection
from resolver.dns.facts import Answered, MessageRejected, QuestionArrived, StreamIdled
from resolver.dns.message import Edns, Question, Rcode, build_query, build_reply, question_wire
from resolver.dns.records import Record, Type
from resolver.machine import MILLISECOND, SECOND, Endpoint, StreamClosed, StreamOpened, Transport

TCP = Transport.TCP
OTHER = "example.test"
TWO_RULES = (ForwardRule(ZONE, (FIRST,)), ForwardRule(OTHER, (SECOND_,)))


def open_stream(play: Stage, flow="stream") -> None:
    play.happen(StreamOpened(flow, CLIENT, HERE))


# --- the header --------------------------------------------------------------------------------


def test_the_client_gets_its_own_id_question_and_bits():
    play = Stage({FIRST: replying(answers=[a(ZONE, "10.0.0.1")], authoritative=True)})
    got = play.resolve("InterNet.Intern.Netz", id_=0xBEEF, cd=True)
    assert got.payload[:2] == b"\xbe\xef"
    assert got.payload[2:4] == b"\x81\x90"  # QR RD, RA CD; AA is the forwarder's own
    assert got.reply.question == Question("InterNet.Intern.Netz", Type.A)
    again = play.resolve("INTERNET.intern.netz", id_=1, cd=True)
    assert (again.reply.question.name, again.reply.answers[0].name) == (
        "INTERNET.intern.netz",
        "INTERNET.intern.netz",
    )


@pytest.mark.parametrize(("edns", "opt"), [(None, False), (Edns(1232), True)])
def test_opt_answers_opt_from_cache_too(edns, opt):
    play = Stage({FIRST: answering("10.0.0.1")})
    assert play.resolve(edns=edns).reply.edns is opt
    assert play.resolve(edns=edns).reply.edns is opt
    other = None if edns else Edns(1232)
    assert play.resolve(edns=other).reply.edns is not opt
    assert len(play.asked) == 1


@pytest.mark.parametrize(("qtype", "qclass"), [(1, 3), (1, 255), (252, 1), (251, 1), (41, 1)])
def test_classes_and_types_that_are_not_served_are_refused(qtype, qclass):
    play = Stage()
    got = play.resolve(ZONE, qtype, qclass=qclass)
    assert (got.reply.rcode, play.asked) == (Rcode.REFUSED, [])


def test_another_class_does_not_wait_for_the_internets_answer():
    play = Stage({FIRST: silent, SECOND_: silent, THIRD: silent})
    play.ask()
    play.ask(qclass=3, flow="other")
    assert [got.reply.rcode for got in play.got] == [Rcode.REFUSED]


def test_without_rd_nobody_is_asked_and_the_cache_may_answer():
    play = Stage({FIRST: answering("10.0.0.1")})
    assert play.resolve(rd=False).reply.rcode == Rcode.REFUSED
    assert play.asked == []
    play.resolve()
    got = play.resolve(rd=False)
    assert got.addresses == ["10.0.0.1"]
    assert got.payload[2] & 1 == 0


def test_without_rd_a_known_alias_is_given_as_far_as_it_is_known():
    play = Stage(
        {
            FIRST: replying(answers=[cname(ZONE, "host." + OTHER)]),
            SECOND_: answering("10.0.0.2", ttl=0),
        },
        TWO_RULES,
    )
    play.resolve()
    got = play.resolve(rd=False)
    assert (got.reply.rcode, [r.rtype for r in got.reply.answers]) == (0, [Type.CNAME])
    assert len(play.asked) == 2


def test_unknown_types_pass_octet_by_octet():
    rdata = b"\x03www\xc0\x0c\xff\x00" + bytes(range(256))
    record = Record(ZONE, 65280, 60, rdata)
    play = Stage({FIRST: replying(answers=[record])})
    for _ in range(2):
        got = play.resolve(ZONE, 65280, edns=Edns(4096))
        assert [r.rdata for r in got.reply.answers] == [rdata]
    assert len(play.asked) == 1


# --- the cache in front ------------------------------------------------------------------------


def test_within_its_ttl_an_answer_is_repeated_with_less_of_it():
    play = Stage({FIRST: answering("10.0.0.1", ttl=5)})
    assert play.resolve().reply.answers[0].ttl == 5
    play.run(play.now + 2 * SECOND)
    got = play.resolve()
    assert (got.addresses, got.reply.answers[0].ttl) == (["10.0.0.1"], 3)
    assert len(play.asked) == 1
    play.run(5 * SECOND + MILLISECOND)
    play.resolve()
    assert len(play.asked) == 2


def test_aaaa_without_address_harms_no_a():
    play = Stage({FIRST: answering("10.0.0.1", ttl=60)})
    for _ in range(2):
        nodata = play.resolve(ZONE, Type.AAAA)
        assert (nodata.reply.rcode, nodata.reply.answers) == (Rcode.NOERROR, ())
        assert [r.rtype for r in nodata.reply.authority] == [Type.SOA]
        assert play.resolve().addresses == ["10.0.0.1"]
    assert len(play.asked) == 2


def test_do_and_cd_are_passed_on_and_cached_apart():
    signature = Record(ZONE, Type.RRSIG, 60, b"\0\1" + b"s" * 30)
    other = Record(ZONE, Type.RRSIG, 60, b"\0\x1c" + b"s" * 30)

    def script(asked):
        with_do = [signature, other] if asked.query.do else []
        yield from replying(answers=[a(ZONE, "10.0.0.1"), *with_do])(asked)

    play = Stage({FIRST: script})
    plain = play.resolve()
    signed = play.resolve(edns=Edns(1232, do=True))
    unchecked = play.resolve(cd=True)
    assert [r.rtype for r in plain.reply.answers] == [Type.A]
    assert [r.rdata[:2] for r in signed.reply.answers] == [b"\n\0", b"\0\1"]
    assert unchecked.payload[3] & 0x10
    assert [(q.query.do, q.query.cd) for q in play.asked] == [
        (False, False),
        (True, False),
        (False, True),
    ]
    again = play.resolve(edns=Edns(1232, do=True))
    assert [r.rtype for r in again.reply.answers] == [Type.A, Type.RRSIG]
    assert len(play.asked) == 3
    assert not any(got.payload[3] & 0x20 for got in play.got)  # AD


def test_a_proof_of_absence_is_kept_for_those_who_want_it():
    nsec = Record("a." + ZONE, Type.NSEC, 30, b"\1b\0\0\1\x40")
    stray = Record("other.test", Type.NSEC, 30, b"\1b\0\0\1\x40")
    play = Stage({FIRST: replying(rcode=3, authority=[soa(), nsec, stray])})
    for _ in range(2):
        got = play.resolve("b." + ZONE, edns=Edns(4096, do=True))
        assert [r.rtype for r in got.reply.authority] == [Type.SOA, Type.NSEC]
    assert [r.rtype for r in play.resolve("b." + ZONE).reply.authority] == [Type.SOA]
    assert len(play.asked) == 2


# --- aliases and trust -------------------------------------------------------------------------


def test_an_alias_from_one_rule_into_another_is_completed_there():
    play = Stage(
        {
            FIRST: replying(answers=[cname(ZONE, "host." + OTHER), a("host." + OTHER, "6.6.6.6")]),
            SECOND_: answering("10.0.0.2"),
        },
        TWO_RULES,
    )
    got = play.resolve()
    assert [r.name for r in got.reply.answers] == [ZONE, "host." + OTHER]
    assert got.addresses == ["10.0.0.2"]
    assert [(q.server, q.query.question.name) for q in play.asked] == [
        (FIRST, ZONE),
        (SECOND_, "host." + OTHER),
    ]
    assert play.resolve("host." + OTHER).addresses == ["10.0.0.2"]
    assert len(play.asked) == 2


def test_aliases_within_the_rule_are_taken_from_its_reply_link_by_link():
    chain = [cname(ZONE, "a." + ZONE, 9), cname("a." + ZONE, "b." + ZONE, 5),
             a("b." + ZONE, "10.0.0.1", 7)]  # fmt: skip
    play = Stage({FIRST: replying(answers=chain[::-1])})
    for _ in range(2):
        got = play.resolve()
        assert [r.name for r in got.reply.answers] == [ZONE, "a." + ZONE, "b." + ZONE]
    assert len(play.asked) == 1
    play.run(6 * SECOND)
    play.resolve()  # the middle link is over; the first is still known
    assert [q.query.question.name for q in play.asked] == [ZONE, "a." + ZONE]


def test_a_chain_that_stops_half_way_is_asked_for_further():
    def script(asked):
        if asked.query.question.name == ZONE:
            yield from replying(answers=[cname(ZONE, "b." + ZONE)])(asked)
        else:
            yield from answering("10.0.0.1")(asked)

    assert Stage({FIRST: script}).resolve().addresses == ["10.0.0.1"]


@pytest.mark.parametrize("rcode", [0, 3])
def test_absence_at_the_end_of_a_chain_is_of_its_last_name(rcode):
    play = Stage(
        {FIRST: replying(rcode=rcode, answers=[cname(ZONE, "b." + ZONE)], authority=[soa()])}
    )
    for _ in range(2):
        got = play.resolve()
        assert (got.reply.rcode, [r.rtype for r in got.reply.answers]) == (rcode, [Type.CNAME])
        assert [r.rtype for r in got.reply.authority] == [Type.SOA]
    assert play.resolve("b." + ZONE).reply.rcode == rcode
    assert len(play.asked) == 1


def test_an_alias_loop_and_a_long_chain_end_in_bounded_work():
    def longer(asked):
        name = asked.query.question.name
        yield from replying(answers=[cname(name, "x." + name)])(asked)

    play = Stage({FIRST: longer})
    assert play.resolve().reply.rcode == Rcode.SERVFAIL
    assert len(play.asked) == limits.ALIASES_PER_RESOLUTION + 1
    loop = Stage({FIRST: replying(answers=[cname(ZONE, "b." + ZONE), cname("b." + ZONE, ZONE)])})
    assert loop.resolve().reply.rcode == Rcode.SERVFAIL
    assert len(loop.asked) == 1


def test_nothing_outside_the_rule_is_believed():
    evil = [
        a(ZONE, "10.0.0.1"),
        a("www." + OTHER, "6.6.6.6"),
        a("sibling." + ZONE, "6.6.6.6"),
        Record("netz", Type.DNAME, 60, b"\4evil\0"),
    ]
    authority = [Record(OTHER, Type.NS, 60, b"\4evil\0"), soa(OTHER)]
    play = Stage(
        {
            FIRST: replying(answers=evil, authority=authority, additional=[a(OTHER, "6.6.6.6")]),
            SECOND_: answering("10.0.0.2"),
        },
        TWO_RULES,
    )
    got = play.resolve()
    assert (got.addresses, got.reply.authority) == (["10.0.0.1"], ())
    assert play.resolve("www." + OTHER).addresses == ["10.0.0.2"]
    assert play.resolve("sibling." + ZONE).reply.rcode == Rcode.NOERROR
    assert [q.server for q in play.asked] == [FIRST, SECOND_, FIRST]


def test_an_ancestors_nxdomain_does_not_reach_into_a_longer_rule():
    rules = (ForwardRule("intern.netz", (SECOND_,)), ForwardRule(ZONE, (FIRST,)))
    denial = replying(rcode=3, authority=[soa("intern.netz")])
    play = Stage({FIRST: answering("10.0.0.1"), SECOND_: denial}, rules)
    assert play.resolve("intern.netz").reply.rcode == Rcode.NXDOMAIN
    assert play.resolve("x.y.intern.netz").reply.rcode == Rcode.NXDOMAIN
    assert play.resolve().addresses == ["10.0.0.1"]
    assert [q.server for q in play.asked] == [SECOND_, FIRST]


# --- selection ---------------------------------------------------------------------------------

THREE = ("10.0.0.1", "10.0.0.2", "10.0.0.3")


def test_one_address_is_chosen_anew_for_each_answer_also_from_cache():
    play = Stage({FIRST: answering(*THREE)}, selection=Selection.ONE)
    chosen = Counter()
    for _ in range(300):
        (address,) = play.resolve().addresses
        chosen[address] += 1
    assert set(chosen) == set(THREE)
    assert min(chosen.values()) > 60
    assert len(play.asked) == 1


def test_one_is_chosen_for_each_of_many_waiting_clients():
    play = Stage({FIRST: answering(*THREE)}, selection=Selection.ONE)
    for number in range(60):
        play.ask(flow=number.to_bytes(2, "big"))
    play.run()
    assert len(play.asked) == 1
    assert {got.addresses[0] for got in play.got} == set(THREE)


def test_all_addresses_are_rotated_from_answer_to_answer():
    play = Stage({FIRST: answering(*THREE)}, selection=Selection.ALL)
    first = [play.resolve().addresses for _ in range(6)]
    assert [addresses[0] for addresses in first] == [*THREE, *THREE]
    assert all(sorted(addresses) == list(THREE) for addresses in first)


def test_an_alias_stays_in_front_of_the_address_chosen():
    chain = [cname(ZONE, "b." + ZONE), *(a("b." + ZONE, address) for address in THREE)]
    got = Stage({FIRST: replying(answers=chain)}, selection=Selection.ONE).resolve()
    assert [r.rtype for r in got.reply.answers] == [Type.CNAME, Type.A]


def test_a_signed_rrset_is_never_cut():
    signature = Record(ZONE, Type.RRSIG, 60, b"\0\1" + b"s" * 30)
    records = [*(a(ZONE, address) for address in THREE), signature]
    play = Stage({FIRST: replying(answers=records)}, selection=Selection.ONE)
    assert len(play.resolve(edns=Edns(1232, do=True)).addresses) == 3
    assert len(play.resolve().addresses) == 1


# --- many clients ------------------------------------------------------------------------------


def test_one_question_in_flight_serves_everybody_who_asks_it():
    play = Stage({FIRST: answering("10.0.0.1", after=SECOND)})
    for number in range(50):
        name = ZONE.upper() if number % 2 else ZONE
        play.ask(name, flow=f"client {number}", id_=number)
        play.run(play.now + MILLISECOND)
    play.run()
    assert len(play.asked) == 1
    assert [(got.flow, got.reply.id) for got in play.got] == [
        (f"client {number}", number) for number in range(50)
    ]
    assert {got.reply.question.name for got in play.got} == {ZONE, ZONE.upper()}


def test_a_client_that_repeats_itself_is_answered_once():
    play = Stage({FIRST: answering("10.0.0.1", after=SECOND)})
    for id_ in (1, 1, 2, 1):
        play.ask(id_=id_)
    play.run()
    assert [got.reply.id for got in play.got] == [1, 2]


def test_five_hundred_different_questions_are_all_answered():
    play = Stage({FIRST: answering("10.0.0.1", after=SECOND)})
    for number in range(500):
        play.ask(f"n{number}.{ZONE}", flow=f"client {number}")
    play.run()
    assert len(play.got) == 500
    assert {got.reply.rcode for got in play.got} == {Rcode.NOERROR}


def test_more_than_can_be_held_fails_at_once_and_not_in_silence(monkeypatch):
    monkeypatch.setattr(limits, "RESOLUTIONS_IN_FLIGHT", 3)
    monkeypatch.setattr(limits, "CLIENTS_PER_RESOLUTION", 2)
    play = Stage({FIRST: answering("10.0.0.1", after=SECOND)})
    for number in range(4):
        play.ask(f"n{number}.{ZONE}", flow=f"client {number}")
    assert [(got.flow, got.reply.rcode) for got in play.got] == [("client 3", Rcode.SERVFAIL)]
    play.ask(f"n0.{ZONE}", flow="second")
    play.ask(f"n0.{ZONE}", flow="third")
    assert [got.flow for got in play.got] == ["client 3", "third"]
    play.run()
    assert len(play.got) == 6
    play.ask(f"n3.{ZONE}", flow="later")
    play.run()
    assert play.got[-1].reply.rcode == Rcode.NOERROR


# --- streams -----------------------------------------------------------------------------------


def test_a_question_over_tcp_is_asked_and_answered_over_tcp():
    many = [f"10.0.{n // 250}.{n % 250}" for n in range(300)]
    play = Stage({FIRST: answering(*many)})
    open_stream(play)
    play.ask(transport=TCP, flow="stream")
    play.run(SECOND)
    (got,) = play.got
    assert (got.flow, got.reply.tc, len(got.addresses)) == ("stream", False, 300)
    assert [q.transport for q in play.asked] == [TCP]


def test_several_questions_of_one_stream_are_answered_as_they_are_ready():
    def script(asked):
        slow = asked.query.question.name.startswith("slow")
        yield from answering("10.0.0.1", after=SECOND if slow else MILLISECOND)(asked)

    play = Stage({FIRST: script})
    open_stream(play)
    play.ask("slow." + ZONE, transport=TCP, flow="stream", id_=1)
    play.ask("fast." + ZONE, transport=TCP, flow="stream", id_=2)
    play.run(2 * SECOND)
    assert [got.reply.id for got in play.got] == [2, 1]


def test_an_idle_stream_is_closed_and_a_waiting_one_is_not():
    wait = limits.STREAM_IDLE + SECOND
    rules = (ForwardRule(ZONE, (FIRST,), timeout_ns=2 * wait),)
    play = Stage({FIRST: answering("10.0.0.1", after=wait)}, rules)
    open_stream(play)
    play.ask(transport=TCP, flow="stream")
    play.run()
    assert [got.at for got in play.got] == [wait]
    closed = [(at, flow) for at, flow in play.closed if flow == "stream"]
    assert closed == [(wait + limits.STREAM_IDLE, "stream")]
    assert StreamIdled(CLIENT) in play.facts


def test_an_answer_to_a_stream_that_is_gone_goes_nowhere():
    play = Stage({FIRST: answering("10.0.0.1")})
    open_stream(play)
    play.ask(transport=TCP, flow="stream")
    play.happen(StreamClosed("stream"))
    play.run()
    assert play.got == []
    assert play.resolver.deadline() is None
    assert play.resolve().addresses == ["10.0.0.1"]


def test_a_broken_message_ends_its_stream_after_the_error():
    play = Stage({})
    open_stream(play)
    play.send(b"\x12\x34\1\0" + b"\0" * 8, "stream", TCP)
    assert [(got.reply.id, got.reply.rcode) for got in play.got] == [(0x1234, Rcode.FORMERR)]
    assert play.closed == [(0, "stream")]
    assert play.resolver.deadline() is None
    open_stream(play, "other")
    version_1 = b"\0\0\x29\4\xd0\0\1\0\0\0\0"
    wire = question_wire(Question(ZONE, 1))
    play.send(b"\x12\x35\1\0\0\1\0\0\0\0\0\1" + wire + version_1, "other", TCP)
    assert play.got[-1].reply.rcode == Rcode.BADVERS  # understood, so the stream goes on
    assert play.closed == [(0, "stream")]


# --- facts -------------------------------------------------------------------------------------


def test_what_happened_is_told_in_order_and_readable():
    play = Stage({FIRST: silent, SECOND_: answering("10.0.0.2")})
    play.resolve()
    play.send(b"nonsense")
    assert isinstance(play.facts[0], QuestionArrived)
    assert [type(fact).__name__ for fact in play.facts] == [
        "QuestionArrived",
        "ServerAsked",
        "ServerTimedOut",
        "ServerAsked",
        "ServerReplied",
        "Answered",
        "MessageRejected",
    ]
    assert Answered(CLIENT, Question(ZONE, 1), Rcode.NOERROR, "forwarded") in play.facts
    assert MessageRejected(CLIENT, "shorter than a header") in play.facts
    assert str(play.facts[2]) == "10.10.10.100:53 timed out on internet.intern.netz A"
    assert all(str(fact) for fact in play.facts)


def test_two_resolvers_that_forward_to_each_other_stop():
    """FWD-21: each joins the question it has in flight, so a loop ends with the timeouts."""
    play = Stage({FIRST: silent, SECOND_: silent, THIRD: silent})

    def back(asked):
        play.send(build_query(asked.query.id, asked.query.question_wire, edns=asked.query.edns),
                  flow=("peer", asked.flow))  # fmt: skip
        return ()

    play.servers = dict.fromkeys((FIRST, SECOND_, THIRD), back)
    play.ask()
    play.run()
    assert len(play.asked) == 3
    assert {got.reply.rcode for got in play.got} == {Rcode.SERVFAIL}


def test_ipv6_forwarders_are_matched_whatever_their_spelling():
    written, heard = Endpoint("FD00:0:0::53", 53), Endpoint("fd00::53", 53)
    play = Stage({heard: answering("10.0.0.1")}, (ForwardRule(ZONE, (written,)),))
    assert play.resolve().addresses == ["10.0.0.1"]


def test_a_tcp_question_does_not_hold_up_others():
    def script(asked):
        late = SECOND if asked.transport is TCP else MILLISECOND
        yield late, build_reply(asked.query, asked.transport, answers=[a(ZONE, "10.0.0.1")])

    play = Stage({FIRST: script})
    open_stream(play)
    play.ask(transport=TCP, flow="stream")
    play.ask(flow="datagram")
    play.run(2 * SECOND)
    assert [(got.flow, got.at) for got in play.got] == [
        ("datagram", MILLISECOND),
        ("stream", SECOND),
    ]


def test_a_question_wire_is_what_was_asked():
    assert question_wire(Question("a.b", 28)) == b"\1a\1b\0\0\x1c\0\1"
