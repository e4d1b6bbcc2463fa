"""What recursion makes of answers: aliases, absence, failure, and how far they are believed."""

from __future__ import annotations

import pytest
from dns_internet import (
    ALPHA,
    BETA,
    NO_V6,
    RTT,
    TLD,
    count_of,
    internet,
    serving,
    trace,
    whom,
)
from dns_upstreams import Asked, a, cname, dname, ns, replying, soa

from resolver import limits
from resolver.dns.message import Rcode, build_reply
from resolver.dns.records import Type
from resolver.machine import SECOND

# --- aliases -----------------------------------------------------------------------------------


def test_an_alias_into_another_zone_is_followed_there():
    play = internet(servers=NO_V6)
    got = play.resolve("away.alpha.test")
    assert got.addresses == ["203.0.113.2"]
    assert [r.name for r in got.reply.answers] == ["away.alpha.test", "www.beta.test"]
    assert whom(play)[-1] == "beta"


def test_an_alias_within_the_zone_comes_in_one_reply():
    play = internet(servers=NO_V6)
    got = play.resolve("here.alpha.test")
    assert got.addresses == ["203.0.113.1"]
    assert sum(q.query.question.name != "test" for q in play.asked if q.server == ALPHA) == 1
    before = len(play.asked)
    assert play.resolve("www.alpha.test").addresses == ["203.0.113.1"]  # kept link by link
    assert len(play.asked) == before


def test_what_a_server_says_of_a_foreign_aliass_target_is_not_believed():
    lies = [cname("x.beta.test", "www.alpha.test"), a("www.alpha.test", "6.6.6.6")]
    play = internet(servers={BETA: replying(RTT, answers=lies, authoritative=True)})
    assert play.resolve("x.beta.test").addresses == ["203.0.113.1"]
    assert play.resolve("www.alpha.test").addresses == ["203.0.113.1"]


def test_aliases_without_end_are_given_up():
    def endless(asked: Asked):
        name = asked.query.question.name
        yield (
            RTT,
            build_reply(
                asked.query, asked.transport, answers=[cname(name, "x" + name)], authoritative=True
            ),
        )

    play = internet(servers={BETA: endless})
    assert play.resolve("x.beta.test").reply.rcode == Rcode.SERVFAIL
    assert count_of(play, BETA) == limits.ALIASES_PER_RESOLUTION + 1


def test_a_dname_redirects_what_is_below_it():
    def redirecting(asked: Asked):
        name = asked.query.question.name.lower()
        if name.endswith(".old.beta.test"):
            wrong = cname(name, "www.evil.test")  # what came along is worked out anew
            yield RTT, build_reply(
                asked.query, asked.transport, authoritative=True,
                answers=[dname("old.beta.test", "alpha.test"), wrong],
            )  # fmt: skip
        else:
            yield (
                RTT,
                build_reply(
                    asked.query, asked.transport, authoritative=True, authority=[soa("beta.test")]
                ),
            )

    play = internet(servers={BETA: redirecting})
    for _ in range(2):
        got = play.resolve("www.OLD.beta.test")
        assert [r.rtype for r in got.reply.answers] == [Type.DNAME, Type.CNAME, Type.A]
        assert got.reply.answers[1].target == "www.alpha.test"
        assert got.addresses == ["203.0.113.1"]
    assert sum(".old." in q.query.question.name.lower() for q in play.asked) == 1


@pytest.mark.parametrize("owner", ["test", ".", "www.beta.test"])
def test_a_dname_redirects_neither_from_above_the_zone_nor_its_own_name(owner):
    lies = [dname(owner, "alpha.test")]
    play = internet(servers={BETA: replying(RTT, answers=lies, authoritative=True)})
    got = play.resolve("www.beta.test")
    assert (got.reply.rcode, got.reply.answers) == (Rcode.NOERROR, ())


def test_a_dname_to_too_long_a_name_says_so():
    long = ".".join(["l" * 60] * 4)
    answers = [dname("old.beta.test", long)]
    play = internet(servers={BETA: replying(RTT, rcode=6, answers=answers, authoritative=True)},
                    qname_minimisation=False)  # fmt: skip
    got = play.resolve("a-name-that-is-long.old.beta.test")
    assert (got.reply.rcode, [r.rtype for r in got.reply.answers]) == (6, [Type.DNAME])


# --- absence and failure -----------------------------------------------------------------------


def test_what_does_not_exist_has_nothing_below_it():
    play = internet()
    got = play.resolve("a.b.nowhere.test")
    assert (got.reply.rcode, got.reply.authority[0].name) == (Rcode.NXDOMAIN, "test")
    assert trace(play) == [(0, "root", "test A"), (10, "test", "nowhere.test A")]
    for name in ("nowhere.test", "c.nowhere.test"):
        assert play.resolve(name, Type.TXT).reply.rcode == Rcode.NXDOMAIN
    assert len(play.asked) == 2


def test_absence_of_a_type_is_kept_for_the_type():
    play = internet()
    for _ in range(2):
        got = play.resolve("www.beta.test", Type.TXT)
        assert (got.reply.rcode, got.reply.answers) == (Rcode.NOERROR, ())
        assert [(r.rtype, r.ttl) for r in got.reply.authority] == [(Type.SOA, 300)]
    assert len(play.asked) == 3
    assert play.resolve("www.beta.test").addresses == ["203.0.113.2"]


def test_a_failure_is_remembered_for_a_second():
    play = internet(servers={BETA: replying(RTT, rcode=2)})
    failed_at = play.resolve("www.beta.test").at
    before = len(play.asked)
    play.run(failed_at + SECOND - 1)
    assert play.resolve("www.beta.test").reply.rcode == Rcode.SERVFAIL
    assert len(play.asked) == before
    play.run(failed_at + SECOND)
    play.resolve("www.beta.test")
    assert len(play.asked) == before + 1


@pytest.mark.parametrize(("owner", "there"), [("b.beta.test", True), ("x.beta.test", False)])
def test_an_alias_to_nowhere_may_have_names_below_it(owner, there):
    """RFC 6604 3: the RCODE behind an alias speaks of its target, not of the name asked for."""

    def script(asked: Asked):
        name = asked.query.question.name
        if name == "a.b.beta.test":
            yield from replying(RTT, answers=[a(name, "203.0.113.7")], authoritative=True)(asked)
        else:
            alias = [cname(owner, "gone.beta.test")]
            yield from replying(RTT, rcode=3, answers=alias, authoritative=True)(asked)

    got = internet(servers={BETA: script}).resolve("a.b.beta.test")
    assert got.addresses == (["203.0.113.7"] if there else [])
    assert got.reply.rcode == (Rcode.NOERROR if there else Rcode.NXDOMAIN)


def test_absence_is_not_proved_in_the_name_of_a_zone_above():
    play = internet(servers={BETA: replying(
        RTT, rcode=3, answers=[cname("x.beta.test", "gone.beta.test")], authoritative=True,
        authority=[soa("test", 600, 600)],
    )})  # fmt: skip
    assert play.resolve("x.beta.test").reply.authority == ()
    before = len(play.asked)
    play.resolve("gone.beta.test")
    assert len(play.asked) == before + 1


# --- credibility -------------------------------------------------------------------------------


def test_a_zones_own_ns_set_counts_more_than_the_referral_but_lives_no_longer():
    """RFC 2181 5.4.1, and Ghost Domain Names (2012): a zone cannot prolong its own delegation."""

    def own_set(asked: Asked):
        if asked.query.question.qtype == Type.NS:
            yield RTT, build_reply(
                asked.query, asked.transport, authoritative=True,
                answers=[ns("beta.test", "ns.beta.test", 86400), ns("beta.test", "ns.alpha.test")],
            )  # fmt: skip
        else:
            yield from serving("beta.test")(asked)

    play = internet(servers={BETA: own_set})
    assert len(play.resolve("beta.test", Type.NS).reply.answers) == 2
    cuts = play.resolver._sources._recursion.cuts
    ((delegation, credibility), until) = next(
        entry for (_, zone), entry in cuts._known._entries.items() if zone == "beta.test"
    )
    assert [server.name for server in delegation.servers] == ["ns.beta.test", "ns.alpha.test"]
    assert delegation.servers[0].glue == ("192.0.2.20",)
    assert credibility.name == "AUTHORITATIVE"
    assert until <= 600 * SECOND + 2 * RTT


def test_a_zone_taken_back_does_not_live_on_in_ever_new_zones_below_it():
    """CVE-2022-30698."""
    taken_back = False

    def parent(asked: Asked):
        name = asked.query.question.name
        if taken_back and name.endswith("beta.test"):
            yield RTT, build_reply(
                asked.query, asked.transport, rcode=Rcode.NXDOMAIN, authoritative=True,
                authority=[soa("test")],
            )  # fmt: skip
        else:
            yield from serving("test")(asked)

    def child(asked: Asked):
        """Asked for x.y.beta.test, it says that y.beta.test is a zone of its own."""
        labels = asked.query.question.name.split(".")
        zone = ".".join(labels[-3:])
        if len(labels) == 3 and zone not in met:
            met.add(zone)
            yield RTT, build_reply(
                asked.query, asked.transport, authority=[ns(zone, f"ns.{zone}", 86400)],
                additional=[a(f"ns.{zone}", BETA.address, 86400)],
            )  # fmt: skip
        else:
            answers = [a(asked.query.question.name, "203.0.113.66", 0)]
            yield (
                RTT,
                build_reply(asked.query, asked.transport, answers=answers, authoritative=True),
            )

    met: set[str] = set()
    play = internet(servers={TLD: parent, BETA: child}, qname_minimisation=False)
    assert play.resolve("y.beta.test").addresses == ["203.0.113.66"]
    taken_back = True
    play.run(until=500 * SECOND)  # of the 600 that the delegation had
    assert play.resolve("z.beta.test").addresses == ["203.0.113.66"]
    play.run(until=700 * SECOND)
    for name in ("y.beta.test", "z.beta.test"):
        assert play.resolve(name).reply.rcode == Rcode.NXDOMAIN


def test_unasked_ns_records_beside_an_answer_change_nothing():
    """CVE-2025-40778: promiscuous NS records."""
    play = internet(servers={BETA: replying(
        RTT, answers=[a("www.beta.test", "203.0.113.2")], authoritative=True,
        authority=[ns("test", "ns.evil.other"), ns("beta.test", "ns.evil.other")],
        additional=[a("ns.evil.other", "6.6.6.6"), a("www.alpha.test", "6.6.6.6")],
    )})  # fmt: skip
    play.resolve("www.beta.test")
    play.resolve("other.beta.test")
    assert play.resolve("www.alpha.test").addresses == ["203.0.113.1"]
    assert "6.6.6.6:53" not in whom(play)
