"""Rules of the catalogue, one by one, where no other test of the resolver says them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dns_internet import BETA, RTT, internet, serving, trace
from dns_upstreams import (
    FIRST,
    HERE,
    SECOND_,
    ZONE,
    Stage,
    a,
    answering,
    cname,
    replying,
    silent,
    soa,
    unreachable,
)

from resolver.config import ForwardRule, HostedZone, ResolverConfig, Selection
from resolver.dns import names
from resolver.dns.message import Edns, Question, Rcode, build_query, build_reply, question_wire
from resolver.dns.records import Record, Type
from resolver.machine import MILLISECOND, SECOND, Endpoint, Reconfigured, Transport

RULE = (ForwardRule(ZONE, (FIRST,)),)
NXDOMAIN = replying(rcode=Rcode.NXDOMAIN, authority=[soa(ttl=7, minimum=60)])
NODATA = replying(authority=[soa(ttl=60, minimum=7)])


def count(play: Stage) -> int:
    return len(play.asked)


# --- CCH: the cache ------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [answering("10.0.0.1", ttl=7), NXDOMAIN, NODATA])
def test_cch_02_after_expiry_the_same_rules_choose_again(script):
    rules = (ForwardRule(ZONE, (FIRST, SECOND_)), ForwardRule(".", (SECOND_,)))
    play = Stage({FIRST: script}, rules)
    for seconds, asked in ((0, 1), (6, 1), (8, 2)):
        play.run(seconds * SECOND)
        play.resolve()
        assert [q.server for q in play.asked] == [FIRST] * asked


def test_cch_04_a_name_that_is_not_there_has_no_type_and_its_sibling_may():
    play = Stage({FIRST: NXDOMAIN}, RULE)
    for qtype in (Type.A, Type.AAAA, Type.TXT, Type.SOA, Type.ANY):
        assert play.resolve(f"x.{ZONE}", qtype).reply.rcode == Rcode.NXDOMAIN
    assert count(play) == 1
    play.resolve(f"y.{ZONE}")
    assert count(play) == 2


def test_cch_05_a_type_that_is_not_there_says_nothing_of_others():
    play = Stage({FIRST: NODATA}, RULE)
    for qtype, asked in ((Type.AAAA, 1), (Type.AAAA, 1), (Type.A, 2), (Type.TXT, 3)):
        assert play.resolve(qtype=qtype).reply.rcode == Rcode.NOERROR
        assert count(play) == asked


@pytest.mark.parametrize("script", [NXDOMAIN, NODATA])
def test_cch_06_the_soa_comes_along_with_its_ttl_counted_down(script):
    play = Stage({FIRST: script}, RULE)
    # RFC 2308 3: the lower of the SOA's TTL and its MINIMUM.
    for seconds, ttl in ((0, 7), (3, 4), (6, 1)):
        play.run(seconds * SECOND)
        (record,) = play.resolve().reply.authority
        assert (record.rtype, record.ttl) == (Type.SOA, ttl)


@pytest.mark.parametrize("rcode", [Rcode.NXDOMAIN, Rcode.NOERROR])
def test_cch_07_an_absence_without_soa_is_not_kept(rcode):
    play = Stage({FIRST: replying(rcode=rcode)}, RULE)
    for asked in (1, 2, 3):
        assert play.resolve().reply.rcode == rcode
        assert count(play) == asked


def test_cch_08_the_soa_of_an_absence_answers_no_question_for_it():
    play = Stage({FIRST: NODATA}, RULE)
    play.resolve()
    play.servers[FIRST] = replying(answers=[soa()])
    assert [r.rtype for r in play.resolve(qtype=Type.SOA).reply.answers] == [Type.SOA]
    assert count(play) == 2


def test_cch_12_what_was_cut_short_is_never_kept():
    def cut(asked):
        if asked.transport is Transport.TCP:
            return unreachable(asked)
        reply = bytearray(build_reply(asked.query, asked.transport, answers=[a(ZONE, "10.0.0.1")]))
        reply[2] |= 2  # TC, with a part of the answer in it
        return [(MILLISECOND, bytes(reply))]

    play = Stage({FIRST: cut}, RULE)
    got = play.resolve()
    assert (got.reply.rcode, got.addresses) == (Rcode.SERVFAIL, [])
    assert play.resolve(rd=False).addresses == []
    assert [q.transport for q in play.asked] == [Transport.UDP, Transport.TCP]


def test_cch_13_each_link_of_a_chain_lives_by_itself():
    """The shortest TTL governs the whole answer: once it is over, somebody is asked."""
    middle, end = f"m.{ZONE}", f"e.{ZONE}"

    def chain(asked):
        name = asked.query.question.name
        links = {ZONE: cname(ZONE, middle, 100), middle: cname(middle, end, 5)}
        answers = []
        while name in links:
            answers.append(links[name])
            name = links[name].target
        answers += [a(end, "10.0.0.1", 30), a(end, "10.0.0.2", 20)]
        yield MILLISECOND, build_reply(asked.query, asked.transport, answers=answers)

    play = Stage({FIRST: chain}, RULE)
    assert [r.ttl for r in play.resolve().reply.answers] == [100, 5, 20, 20]  # RFC 2181 5.2
    play.run(3 * SECOND)
    assert [r.ttl for r in play.resolve().reply.answers] == [97, 2, 17, 17]
    assert count(play) == 1
    play.run(6 * SECOND)
    got = play.resolve()
    # The first link is known still, so the question goes on from where knowledge ends.
    assert play.asked[-1].query.question.name == middle
    assert [r.ttl for r in got.reply.answers] == [94, 5, 20, 20]
    assert play.resolve(end).addresses
    assert count(play) == 2


def test_cch_17_options_are_between_neighbours():
    """RFC 6891 6.1.1: OPT is hop by hop: none is passed on, kept, or replayed to others."""
    cookie = b"\0\x0a\0\x08" + b"12345678"
    subnet = b"\0\x08\0\x07\0\1\x18\0\x0a\x0a\x0a"

    def with_options(message: bytes) -> bytes:
        options = cookie + subnet
        return message[:-2] + len(options).to_bytes(2, "big") + options

    def script(asked):
        reply = build_reply(asked.query, asked.transport, answers=[a(ZONE, "10.0.0.1")])
        yield MILLISECOND, with_options(reply)

    play = Stage({FIRST: script}, RULE)
    query = build_query(7, question_wire(Question(ZONE, 1)), edns=Edns(1232))
    play.send(with_options(query))
    play.run()
    play.resolve(edns=Edns(4096), flow="another")
    assert count(play) == 1
    assert b"12345678" not in play.asked[0].payload
    assert all(got.payload.endswith(b"\0\0") and got.reply.edns for got in play.got)
    assert not any(b"12345678" in got.payload for got in play.got)


# --- REC, CND, OWN -------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [0x0100, 0x0180, 0x01F0])
def test_rec_02_what_a_query_says_of_recursion_available_changes_nothing(flags):
    play = Stage({FIRST: answering("10.0.0.1")}, RULE)
    query = build_query(7, question_wire(Question(ZONE, 1)), edns=None)
    play.send(query[:2] + flags.to_bytes(2, "big") + query[4:])
    play.run()
    assert play.got[0].payload[3] & 0xE0 == 0x80  # RA; and neither Z nor AD


@pytest.mark.parametrize("recursion", [True, False])
def test_rec_06_a_forwarder_that_refers_us_is_no_forwarder(recursion):
    """What it refers to is never asked: who steers our forwarding must not steer our recursion."""
    referral = replying(
        authority=[Record("beta.test", Type.NS, 60, names.to_wire("ns.evil"))],
        additional=[a("ns.evil", "192.0.2.66")],
    )
    rules = (ForwardRule("beta.test", (FIRST,), recursion=recursion),)
    play = internet(rules=rules, servers={FIRST: referral})
    got = play.resolve("www.beta.test")
    assert Endpoint("192.0.2.66", 53) not in {asked.server for asked in play.asked}
    assert got.reply.authority == ()
    if recursion:
        assert got.addresses == ["203.0.113.2"]
    else:
        assert (got.reply.rcode, count(play)) == (Rcode.SERVFAIL, 1)


@pytest.mark.parametrize("qtype", [Type.A, Type.PTR, Type.ANY, Type.SRV, 65280])
def test_cnd_13_a_condition_is_for_every_type(qtype):
    zone = "1.168.192.in-addr.arpa"
    play = internet(
        rules=(ForwardRule(zone, (FIRST,)),),
        servers={FIRST: replying(rcode=3, authority=[soa(zone)])},
    )
    play.resolve(f"7.{zone}", qtype)
    assert [asked.server for asked in play.asked] == [FIRST]
    assert play.asked[0].query.rd  # CND-15


@pytest.mark.parametrize("order", [1, -1])
def test_cnd_09_conditions_nested_three_deep_below_the_root(order):
    servers = [Endpoint(f"10.0.0.{depth}", 53) for depth in range(4)]
    zones = (".", "tailspintoys.com", "widgets.tailspintoys.com", "hr.widgets.tailspintoys.com")
    rules = tuple(ForwardRule(z, (s,)) for z, s in zip(zones, servers, strict=True))[::order]
    play = Stage({s: answering(s.address) for s in servers}, rules)
    for name, depth in {
        "com": 0, "mytailspintoys.com": 0, "tailspintoys.com": 1, "x.y.Tailspintoys.COM": 1,
        "widgets.tailspintoys.com": 2, "toys.widgets.tailspintoys.com": 2,
        "xhr.widgets.tailspintoys.com": 2, "HR.widgets.tailspintoys.com": 3,
        "a.b.hr.widgets.tailspintoys.com": 3,
    }.items():  # fmt: skip
        assert play.resolve(name).addresses == [servers[depth].address], name


@pytest.mark.parametrize("recursion", [True, False])
def test_fwd_13_14_a_root_condition_falls_back_only_where_its_rule_says_so(recursion):
    """Document B's switch: recursion after the last forwarder, or not."""
    rules = (ForwardRule(".", (FIRST, SECOND_), recursion=recursion),)
    play = internet(rules=rules, servers={FIRST: silent, SECOND_: silent})
    got = play.resolve("www.beta.test")
    outside = [asked for asked in play.asked if asked.server not in {FIRST, SECOND_}]
    if recursion:
        assert (got.addresses, outside[0].at) == (["203.0.113.2"], 4 * SECOND)
    else:
        assert (got.reply.rcode, got.at, outside) == (Rcode.SERVFAIL, 4 * SECOND, [])
        play.run(got.at + 2 * SECOND)
        play.resolve("www.beta.test")
        assert {asked.server for asked in play.asked} == {FIRST, SECOND_}


def test_a_final_error_stays_final_while_it_is_remembered():
    """No server is next after an RCODE that is not to send questions on: nor is own recursion,
    now or on the next question."""
    rules = (ForwardRule("beta.test", (FIRST, SECOND_), recursion=True),)
    play = internet(rules=rules, servers={FIRST: replying(rcode=2)}, next_on_rcodes=frozenset())
    for _ in range(3):
        assert play.resolve("www.beta.test").reply.rcode == Rcode.SERVFAIL
    assert [asked.server for asked in play.asked] == [FIRST]


def test_own_05_10_what_becomes_ours_is_ours_at_once():
    play = Stage({FIRST: answering("10.0.0.1", ttl=3600)}, RULE)
    assert play.resolve().addresses == ["10.0.0.1"]
    text = "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\n@ 60 A 10.0.0.{}\n"
    config = ResolverConfig((HERE,), (), RULE, Selection.ALL)
    for host in (7, 8):
        zone = HostedZone(ZONE, text.format(host))
        play.happen(Reconfigured(replace(config, zones=(zone,))))
        got = play.resolve()
        assert (got.addresses, got.reply.aa) == ([f"10.0.0.{host}"], True)
    play.happen(Reconfigured(config))
    assert play.resolve().addresses == ["10.0.0.1"]  # CND-10: the old answer until its TTL ends
    assert count(play) == 1


def test_fwd_16_a_silent_server_is_asked_twice_at_most_and_waited_for_longer():
    """RFC 9520 3.1, RFC 1123 6.1.3.3: in recursion; a forwarder is asked once."""
    play = internet(servers={BETA: silent}, server_timeout_ns=SECOND)
    play.resolve("www.beta.test")
    at = [when for when, who, _ in trace(play) if who == "beta"]
    assert at == [20, 1020]
    play = internet(servers={BETA: serving("beta.test", after=1500 * MILLISECOND)},
                    server_timeout_ns=SECOND)  # fmt: skip
    assert play.resolve("www.beta.test").at == 2 * RTT + SECOND + 1500 * MILLISECOND
