"""Recursion from the root down: whom it asks, and how it is switched."""

from __future__ import annotations

import pytest
from dns_internet import (
    ALPHA6,
    BETA,
    NO_V6,
    ROOT,
    RTT,
    TLD,
    internet,
    serving,
    trace,
    whom,
)
from dns_upstreams import Asked, a, ns, replying

from resolver import limits
from resolver.config import RootHint
from resolver.dns import names
from resolver.dns.message import Edns, Rcode, build_reply
from resolver.dns.records import Type
from resolver.machine import SECOND

# --- down from the root ------------------------------------------------------------------------


def test_it_goes_down_from_the_root_telling_no_more_than_needed():
    play = internet()
    got = play.resolve("www.beta.test")
    assert trace(play) == [
        (0, "root", "test A"),
        (10, "test", "beta.test A"),
        (20, "beta", "www.beta.test A"),
    ]
    assert (got.addresses, got.at) == (["203.0.113.2"], 3 * RTT)
    assert got.payload[2:4] == b"\x81\x80"  # QR RD, RA; no AA, for we are not the authority
    assert not any(asked.query.rd for asked in play.asked)


def test_minimisation_can_be_switched_off():
    play = internet(qname_minimisation=False)
    assert play.resolve("WWW.beta.test").addresses == ["203.0.113.2"]
    assert trace(play) == [
        (0, "root", "WWW.beta.test A"),
        (10, "test", "WWW.beta.test A"),
        (20, "beta", "WWW.beta.test A"),
    ]


def test_the_next_question_begins_at_the_closest_known_cut():
    play = internet()
    play.resolve("www.beta.test")
    play.asked.clear()
    play.resolve("other.beta.test")
    play.resolve("nowhere.test")
    assert trace(play) == [(30, "beta", "other.beta.test A"), (40, "test", "nowhere.test A")]


def test_a_delegation_ends_with_its_ttl():
    play = internet()
    play.resolve("www.beta.test")
    play.asked.clear()
    play.run(600 * SECOND + 2 * RTT)  # learnt at 20 ms, for 600 s
    play.resolve("www.beta.test")
    assert whom(play) == ["test", "beta"]


def test_a_long_name_takes_ten_partial_questions_at_most():
    play = internet(servers=NO_V6)
    name = "a.b.c.d.e.f.g.h.i.j.k.l.m.alpha.test"
    assert play.resolve(name).addresses == ["203.0.113.9"]
    partial = [asked for asked in play.asked if asked.query.question.name != name]
    told = [names.depth(asked.query.question.name) for asked in partial if asked.server != ALPHA6]
    assert told == [1, 2, 3, 4, 6, 8, 10, 12, 14]
    assert len(told) <= limits.MINIMISED_QUESTIONS


def test_what_was_met_on_the_way_is_not_asked_again():
    play = internet(servers=NO_V6)
    play.resolve("a.b.c.d.e.f.g.h.i.j.k.l.m.alpha.test")
    play.asked.clear()
    for name in ("z.b.c.d.e.f.g.h.i.j.k.l.m.alpha.test", "y.m.alpha.test"):
        assert play.resolve(name).reply.rcode == Rcode.NXDOMAIN
        assert trace(play)[-1][2] == f"{name} A"
    assert len(play.asked) == 2
    assert play.resolve("m.alpha.test").reply.rcode == Rcode.NOERROR  # an empty non-terminal
    assert len(play.asked) == 2


def test_a_server_that_chokes_on_part_of_a_name_gets_all_of_it():
    def choking(asked: Asked):
        whole = asked.query.question.name == "x.y.www.beta.test"
        found = [a("x.y.www.beta.test", "203.0.113.8")] if whole else []
        rcode = Rcode.NOERROR if whole else Rcode.SERVFAIL
        yield from replying(RTT, rcode=rcode, authoritative=True, answers=found)(asked)

    play = internet(servers={BETA: choking})
    assert play.resolve("x.y.www.beta.test").addresses == ["203.0.113.8"]
    assert trace(play)[2:] == [(20, "beta", "www.beta.test A"), (30, "beta", "x.y.www.beta.test A")]


def test_ds_is_the_parents():
    play = internet()
    play.resolve("www.beta.test")
    play.asked.clear()
    got = play.resolve("beta.test", Type.DS)
    assert trace(play) == [(30, "test", "beta.test DS")]
    assert got.reply.authority[0].name == "test"


def test_a_referral_to_those_who_cannot_have_the_ds_is_not_followed():
    def referring(asked: Asked):
        if asked.query.question.qtype == Type.DS:
            yield (
                RTT,
                build_reply(
                    asked.query,
                    asked.transport,
                    authority=[ns("beta.test", "ns.beta.test")],
                    additional=[a("ns.beta.test", BETA.address)],
                ),
            )
        else:
            yield from serving("test")(asked)

    play = internet(servers={TLD: referring})
    play.resolve("www.beta.test")
    play.asked.clear()
    assert play.resolve("beta.test", Type.DS).reply.rcode == Rcode.SERVFAIL
    assert whom(play) == ["test"]


def test_identical_questions_share_the_way_down():
    play = internet()
    for flow in ("one", "two", "three"):
        play.ask("www.beta.test", flow=flow)
    play.run()
    assert len(play.asked) == 3
    assert [got.addresses for got in play.got] == [["203.0.113.2"]] * 3


def test_do_and_cd_go_down_and_are_cached_apart():
    play = internet()
    play.resolve("www.beta.test", edns=Edns(1232, do=True), cd=True)
    assert all(asked.query.do and asked.query.cd for asked in play.asked)
    before = len(play.asked)
    play.resolve("www.beta.test")
    assert len(play.asked) == before + 1


def test_without_rd_nobody_is_asked():
    play = internet()
    assert play.resolve("www.beta.test", rd=False).reply.rcode == Rcode.REFUSED
    assert play.asked == []
    play.resolve("www.beta.test")
    assert play.resolve("www.beta.test", rd=False).addresses == ["203.0.113.2"]


# --- configuration -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hints", "says"),
    [
        ((), "no root hint"),
        ((RootHint("a", ("nonsense",)),), "root hint a: .*nonsense"),
        ((RootHint("a..b", (ROOT.address,)),), "root hint a..b"),
    ],
)
def test_root_hints_nobody_could_use_are_named(hints, says):
    with pytest.raises(ValueError, match=says):
        internet(root_hints=hints)
