"""Which forwarders are asked, in which order, and at which instant."""

from __future__ import annotations

import pytest
from dns_upstreams import (
    FIRST,
    SECOND_,
    THIRD,
    ZONE,
    Stage,
    a,
    answering,
    replying,
    silent,
    soa,
    unreachable,
)
from hypothesis import given
from hypothesis import strategies as st
from strategies import domain_names

from resolver import limits
from resolver.config import ForwardRule
from resolver.dns import names
from resolver.dns.facts import ServerTimedOut, ServerUnreachable
from resolver.dns.forwarding import ForwardTable
from resolver.dns.message import Edns, Rcode, build_reply
from resolver.dns.records import Record, Type
from resolver.machine import MILLISECOND, SECOND, Endpoint, Transport

T = 2 * SECOND


def asked(play: Stage) -> list[tuple[int, Endpoint]]:
    return [(question.at, question.server) for question in play.asked]


# --- which rule --------------------------------------------------------------------------------


@given(st.lists(domain_names(max_labels=3), unique_by=str.lower, max_size=8), domain_names())
def test_the_longest_match_is_the_one_brute_force_finds(zones, name):
    table = ForwardTable(ForwardRule(zone, (FIRST,)) for zone in zones)
    labels = [label.lower() for label in reversed(names.to_labels(name))]
    above = [
        zone
        for zone in zones
        if labels[: names.depth(zone)] == [x.lower() for x in reversed(names.to_labels(zone))]
    ]
    rule = table.longest_match(name.lower())
    assert (rule.zone if rule else None) == (max(above, key=names.depth).lower() if above else None)


@pytest.mark.parametrize(
    ("name", "server"),
    [
        ("toys.widgets.tailspintoys.com", FIRST),
        ("a.TOYS.widgets.tailspintoys.com", FIRST),
        ("mytoys.widgets.tailspintoys.com", SECOND_),
        ("widgets.tailspintoys.com", SECOND_),
        ("mywidgets.tailspintoys.com", THIRD),
        ("tailspintoys.com", THIRD),
    ],
)
def test_only_the_longest_rules_servers_see_the_question(name, server):
    rules = (
        ForwardRule("tailspintoys.com", (THIRD,)),
        ForwardRule("toys.widgets.tailspintoys.com", (FIRST,)),
        ForwardRule("Widgets.tailspintoys.com.", (SECOND_,)),
    )
    for order in (rules, rules[::-1]):
        play = Stage(dict.fromkeys((FIRST, SECOND_, THIRD), answering("10.0.0.1")), order)
        assert play.resolve(name).addresses == ["10.0.0.1"]
        assert [question.server for question in play.asked] == [server]


def test_a_name_no_rule_is_for_is_refused():
    play = Stage()
    got = play.resolve("intern.netz")
    assert (got.reply.rcode, got.reply.ra, got.reply.aa) == (Rcode.REFUSED, True, False)
    assert play.asked == []


def test_no_shorter_rule_steps_in_when_the_longest_fails():
    rules = (ForwardRule(ZONE, (FIRST,)), ForwardRule(".", (SECOND_,)))
    play = Stage({FIRST: silent, SECOND_: answering("10.0.0.1")}, rules)
    assert play.resolve().reply.rcode == Rcode.SERVFAIL
    assert asked(play) == [(0, FIRST)]


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ((ForwardRule("a..b", (FIRST,)),), "rule a..b: .*empty label"),
        ((ForwardRule("x", (Endpoint("10.0.0.300", 53),)),), "rule x: .*10.0.0.300"),
        ((ForwardRule("x", (FIRST,)), ForwardRule("X.", (FIRST,))), "given twice"),
        ((ForwardRule("x", (FIRST,), 0),), "timeout"),
    ],
)
def test_a_rule_nothing_could_follow_is_named(rules, says):
    with pytest.raises(ValueError, match=says):
        ForwardTable(rules)


# --- in listed order, a timeout each -----------------------------------------------------------


def test_two_silent_forwarders_and_the_third_answers():
    play = Stage({FIRST: silent, SECOND_: silent, THIRD: answering("10.0.0.3")})
    got = play.resolve()
    assert asked(play) == [(0, FIRST), (T, SECOND_), (2 * T, THIRD)]
    assert (got.at, got.addresses) == (2 * T + MILLISECOND, ["10.0.0.3"])
    assert [type(f) for f in play.facts if "Timed" in type(f).__name__] == [ServerTimedOut] * 2


def test_a_server_listed_twice_is_asked_once():
    """FWD-16, FWD-17."""
    v6, again = Endpoint("fd00::53", 53), Endpoint("FD00:0::53", 53)
    play = Stage({FIRST: silent, v6: silent}, (ForwardRule(ZONE, (FIRST, v6, FIRST, again)),))
    assert play.resolve().reply.rcode == Rcode.SERVFAIL
    assert asked(play) == [(0, FIRST), (T, v6)]


def test_all_silent_is_a_failure_after_all_their_timeouts():
    play = Stage(dict.fromkeys((FIRST, SECOND_, THIRD), silent))
    got = play.resolve()
    assert asked(play) == [(0, FIRST), (T, SECOND_), (2 * T, THIRD)]
    assert (got.at, got.reply.rcode, got.reply.answers) == (3 * T, Rcode.SERVFAIL, ())


def test_an_unreachable_forwarder_costs_no_timeout():
    play = Stage({FIRST: unreachable, SECOND_: unreachable, THIRD: answering("10.0.0.3")})
    got = play.resolve()
    assert asked(play) == [(0, FIRST), (MILLISECOND, SECOND_), (2 * MILLISECOND, THIRD)]
    assert got.at == 3 * MILLISECOND
    assert ServerUnreachable(FIRST, play.asked[0].query.question, "port unreachable") in (
        play.facts
    )


@pytest.mark.parametrize("rcode", [Rcode.SERVFAIL, Rcode.NOTIMP, Rcode.REFUSED])
def test_an_error_sends_the_question_on_at_once(rcode):
    play = Stage({FIRST: replying(rcode=rcode), SECOND_: answering("10.0.0.2")})
    got = play.resolve()
    # NOTIMP without OPT first means "no EDNS here": tests below. This server knows EDNS.
    assert asked(play) == [(0, FIRST), (MILLISECOND, SECOND_)]
    assert (got.at, got.addresses) == (2 * MILLISECOND, ["10.0.0.2"])


@pytest.mark.parametrize("rcode", [0, 3])
def test_absence_is_an_answer(rcode):
    play = Stage({FIRST: replying(rcode=rcode, authority=[soa()])})
    got = play.resolve()
    assert (got.reply.rcode, got.at) == (rcode, MILLISECOND)
    assert [r.rtype for r in got.reply.authority] == [Type.SOA]
    assert asked(play) == [(0, FIRST)]


def test_which_rcodes_go_on_is_configured():
    options = {"next_on_rcodes": frozenset({3})}
    servers = {FIRST: replying(rcode=3, authority=[soa()]), SECOND_: replying(rcode=5)}
    got = Stage(servers, options=options).resolve()
    assert (got.reply.rcode, got.at) == (Rcode.REFUSED, 2 * MILLISECOND)


def test_a_slow_forwarder_within_its_time_stays_first():
    play = Stage({FIRST: answering("10.0.0.1", after=T - 1, ttl=0), SECOND_: silent})
    for _ in range(3):
        assert play.resolve().addresses == ["10.0.0.1"]
    assert {question.server for question in play.asked} == {FIRST}


def test_a_forwarder_that_is_back_is_first_again():
    play = Stage({FIRST: silent, SECOND_: answering("10.0.0.2", ttl=0)})
    assert play.resolve().addresses == ["10.0.0.2"]
    play.servers[FIRST] = answering("10.0.0.1", ttl=0)
    assert play.resolve().addresses == ["10.0.0.1"]


def test_a_late_answer_is_ignored_and_the_client_hears_once():
    play = Stage({FIRST: answering("10.0.0.1", after=T + 1), SECOND_: answering("10.0.0.2")})
    play.ask()
    play.run()
    assert [got.addresses for got in play.got] == [["10.0.0.2"]]


def test_every_further_question_is_the_same_with_a_new_id_and_port():
    play = Stage(dict.fromkeys((FIRST, SECOND_, THIRD), silent))
    play.resolve("InterNET.intern.netz", edns=Edns(4096, do=True), cd=True)
    assert {question.query.question_wire for question in play.asked} == {
        b"\x08InterNET\x06intern\x04netz\0\0\1\0\1"
    }
    assert all(
        question.query.rd and question.query.cd and question.query.edns == Edns(1232, do=True)
        for question in play.asked
    )
    assert len({question.query.id for question in play.asked}) == 3
    assert len({question.source_port for question in play.asked}) == 3


def test_a_referral_is_no_answer():
    ns = Record("netz", Type.NS, 60, b"\1a\0")
    play = Stage({FIRST: replying(authority=[ns]), SECOND_: answering("10.0.0.2")})
    assert play.resolve().addresses == ["10.0.0.2"]
    play = Stage(dict.fromkeys((FIRST, SECOND_, THIRD), replying(authority=[ns])))
    got = play.resolve()
    assert (got.reply.rcode, got.reply.authority) == (Rcode.SERVFAIL, ())


# --- truncation and EDNS -----------------------------------------------------------------------


def truncating(question):
    reply = bytearray(build_reply(question.query, Transport.UDP))
    if question.transport is Transport.UDP:
        reply[2] |= 2  # TC
        yield MILLISECOND, bytes(reply)
    else:
        many = [a(ZONE, f"10.0.{n // 250}.{n % 250}") for n in range(300)]
        yield MILLISECOND, build_reply(question.query, Transport.TCP, answers=many)


def test_a_truncated_reply_has_the_same_forwarder_asked_over_tcp():
    play = Stage({FIRST: truncating})
    got = play.resolve()
    assert [(q.server, q.transport) for q in play.asked] == [
        (FIRST, Transport.UDP),
        (FIRST, Transport.TCP),
    ]
    assert got.reply.tc  # 300 addresses do not fit a datagram of 512 octets
    assert len(play.resolve(edns=Edns(4096)).addresses) == 0  # nor one of 4,096


def test_the_tcp_try_shares_the_timeout_of_its_server():
    def stuck(question):
        return truncating(question) if question.transport is Transport.UDP else ()

    play = Stage({FIRST: stuck, SECOND_: answering("10.0.0.2")})
    got = play.resolve()
    assert asked(play) == [(0, FIRST), (MILLISECOND, FIRST), (T, SECOND_)]
    assert got.at == T + MILLISECOND


def test_truncation_over_tcp_is_a_failed_server():
    def always(question):
        reply = bytearray(build_reply(question.query, Transport.UDP))
        reply[2] |= 2
        yield 0, bytes(reply)

    play = Stage({FIRST: always, SECOND_: answering("10.0.0.2")})
    assert play.resolve().addresses == ["10.0.0.2"]


@pytest.mark.parametrize("rcode", [Rcode.FORMERR, Rcode.NOTIMP])
@pytest.mark.parametrize("bare", [True, False])
def test_a_server_older_than_edns_is_asked_without(rcode, bare):
    def old(question):
        if question.query.edns is None:
            yield from answering("10.0.0.1")(question)
        else:
            head = question.payload[:2] + bytes((0x81, 0x80 | rcode))
            wire = question.query.question_wire
            counts = b"\0\0" if bare else b"\0\1"
            yield MILLISECOND, head + counts + b"\0" * 6 + (b"" if bare else wire)

    play = Stage({FIRST: old})
    got = play.resolve(edns=Edns(1232))
    assert got.addresses == ["10.0.0.1"]
    assert got.reply.edns
    assert asked(play) == [(0, FIRST), (MILLISECOND, FIRST)]
    assert play.asked[0].query.edns == Edns(limits.UDP_PAYLOAD_OCTETS)


# --- failures are remembered -------------------------------------------------------------------


def test_a_burst_after_a_failure_asks_nobody_for_a_second():
    play = Stage(dict.fromkeys((FIRST, SECOND_, THIRD), replying(rcode=2)))
    failed_at = play.resolve().at
    for number in range(20):
        play.run(failed_at + number * 49 * MILLISECOND)
        assert play.resolve(id_=number).reply.rcode == Rcode.SERVFAIL
    assert len(play.asked) == 3
    play.run(failed_at + SECOND)
    play.resolve()
    assert len(play.asked) == 6


def test_what_one_question_costs_is_bounded():
    rules = (ForwardRule(".", tuple(Endpoint(f"10.0.0.{n}", 53) for n in range(1, 100))),)
    play = Stage(dict.fromkeys(rules[0].servers, unreachable), rules)
    assert play.resolve().reply.rcode == Rcode.SERVFAIL
    assert len(play.asked) == limits.QUESTIONS_PER_RESOLUTION
