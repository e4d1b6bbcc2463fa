"""Own recursion on a small Internet, in virtual time: every question to a server, and when."""

from __future__ import annotations

import pytest
from dns_internet import ALPHA, ALPHA6, BETA, ROOT, RTT, TLD, internet, serving, trace
from dns_upstreams import Asked, Stage, a, cname, replying, silent, soa, unreachable

from resolver import limits
from resolver.config import RootHint
from resolver.dns import names
from resolver.dns.message import Edns, Rcode, build_reply
from resolver.dns.records import Record, Type
from resolver.machine import MILLISECOND, SECOND, Endpoint, Transport

NO_V6 = {ALPHA6: unreachable}
WHOLE = {"qname_minimisation": False}


def ns(owner: str, server: str, ttl: int = 600) -> Record:
    return Record(owner, Type.NS, ttl, names.to_wire(server))


def dname(owner: str, target: str, ttl: int = 60) -> Record:
    return Record(owner, Type.DNAME, ttl, names.to_wire(target))


def whom(play: Stage) -> list[str]:
    return [server for _, server, _ in trace(play)]


def count_of(play: Stage, server) -> int:
    return sum(asked.server == server for asked in play.asked)


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
    play = internet(**WHOLE)
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


# --- missing glue ------------------------------------------------------------------------------


def test_a_server_without_glue_is_found_by_a_resolution_of_its_own():
    play = internet()
    got = play.resolve("www.glueless.test")
    assert (got.addresses, got.at) == (["203.0.113.4"], 8 * RTT)
    assert trace(play) == [
        (0, "root", "test A"),
        (10, "test", "glueless.test A"),
        (20, "root", "other A"),  # for ns.alpha.other
        (30, "other", "alpha.other A"),
        (40, "test", "beta.test A"),  # for ns.beta.test, which serves alpha.other
        (50, "beta", "ns.beta.test A"),
        (60, "beta", "ns.alpha.other A"),
        (70, "beta", "www.glueless.test A"),
    ]


def test_servers_that_lead_to_each_other_end_in_servfail():
    """tsuNAME, 2021: two zones whose only servers are named in each other."""

    def cyclic(asked: Asked):
        name = asked.query.question.name
        zone, server = (
            ("a.test", "ns.b.test") if name.endswith("a.test") else ("b.test", "ns.a.test")
        )
        yield RTT, build_reply(asked.query, asked.transport, authority=[ns(zone, server)])

    play = internet(servers={TLD: cyclic})
    got = play.resolve("www.a.test")
    assert (got.reply.rcode, got.at) == (Rcode.SERVFAIL, 3 * RTT)
    assert trace(play)[1:] == [(10, "test", "a.test A"), (20, "test", "b.test A")]
    play.resolve("www.a.test")
    assert len(play.asked) == 3  # RFC 9520: the failure is remembered


@pytest.mark.parametrize("servers", [5, 200])
def test_a_referral_to_many_servers_without_glue_costs_little(servers):
    """NXNSAttack, 2020."""

    def attacking(asked: Asked):
        if asked.query.question.name.endswith("evil.test"):
            many = [ns("evil.test", f"n{number}.beta.test") for number in range(servers)]
            yield RTT, build_reply(asked.query, Transport.TCP, authority=many)
        else:
            yield from serving("test")(asked)

    play = internet(servers={TLD: attacking})
    assert play.resolve("www.evil.test").reply.rcode == Rcode.SERVFAIL
    # A is asked for; the NXDOMAIN that comes back holds for AAAA too.
    assert count_of(play, BETA) == limits.GLUELESS_PER_CUT
    assert len(play.asked) == 3 + limits.GLUELESS_PER_CUT


def test_running_out_is_no_failure_of_the_names_it_led_to():
    """A stranger must not bring about a remembered failure of somebody else's name."""

    def deep(asked: Asked):
        zone = ".".join(asked.query.question.name.split(".")[-2:])
        if zone.startswith("z"):
            number = int(zone[1:].split(".")[0])
            target = f"n.z{number + 1}.test" if number < limits.GLUELESS_DEPTH else "ns.beta.test"
            yield RTT, build_reply(asked.query, asked.transport, authority=[ns(zone, target)])
        else:
            yield from serving("test")(asked)

    play = internet(servers={TLD: deep})
    assert play.resolve("www.z0.test").reply.rcode == Rcode.SERVFAIL
    assert count_of(play, BETA) == 0  # one step too deep
    assert play.resolve("ns.beta.test").addresses == ["192.0.2.20"]
    play.asked.clear()
    play.resolve("n.z4.test")  # itself within reach, and not remembered as failed
    assert "beta" in whom(play)


def test_glue_of_a_stranger_is_not_believed():
    def lying(asked: Asked):
        if asked.query.question.name.endswith("evil.test"):
            yield RTT, build_reply(
                asked.query, asked.transport, authority=[ns("evil.test", "www.alpha.other")],
                additional=[a("www.alpha.other", "6.6.6.6")],
            )  # fmt: skip
        else:
            yield from serving("test")(asked)

    play = internet(servers={TLD: lying})
    play.servers[Endpoint("203.0.113.3", 53)] = replying(RTT, rcode=5)
    play.resolve("www.evil.test")
    assert "6.6.6.6:53" not in whom(play)
    assert play.resolve("www.alpha.other").addresses == ["203.0.113.3"]


@pytest.mark.parametrize("address", ["224.0.0.1", "0.0.0.0", "255.255.255.255", "192.168.1.2"])
def test_addresses_that_are_nobodys_or_our_own_are_not_asked(address):
    def lying(asked: Asked):
        if asked.query.question.name.endswith("evil.test"):
            yield RTT, build_reply(
                asked.query, asked.transport, authority=[ns("evil.test", "ns.evil.test")],
                additional=[a("ns.evil.test", address)],
            )  # fmt: skip
        else:
            yield from serving("test")(asked)

    play = internet(servers={TLD: lying})
    assert play.resolve("www.evil.test").reply.rcode == Rcode.SERVFAIL
    assert whom(play) == ["root", "test"]


# --- lame, silent and slow servers -------------------------------------------------------------

UP = replying(RTT, authority=[ns("test", "ns.nic.test")])
UP_WITH_AA = replying(RTT, authority=[ns("test", "ns.nic.test")], authoritative=True)
SIDEWAYS = replying(RTT, authority=[ns("beta.test", "ns.beta.test")])
TO_ITSELF = replying(RTT, authority=[ns("alpha.test", "ns.alpha.test")])
NOT_AUTHORITATIVE = replying(RTT, answers=[a("www.alpha.test", "6.6.6.6")])
DENIES_FROM_ABOVE = replying(RTT, rcode=3, authority=[soa("test")], authoritative=True)


@pytest.mark.parametrize(
    "script",
    [UP,
        UP_WITH_AA, SIDEWAYS, TO_ITSELF, NOT_AUTHORITATIVE, DENIES_FROM_ABOVE,
     replying(RTT, rcode=5), replying(RTT, rcode=2), replying(RTT, rcode=4), unreachable],
)  # fmt: skip
def test_a_lame_server_is_passed_over(script):
    for seed in range(4):  # whichever of the two comes first
        play = internet(servers={ALPHA: script})
        play.resolver._sources._recursion.servers._random.seed(seed)
        assert play.resolve("www.alpha.test").addresses == ["203.0.113.1"]
        assert whom(play)[:2] == ["root", "test"]


def test_a_lame_server_is_asked_last_from_then_on():
    play = internet(servers={ALPHA: UP})
    for number in range(30):
        play.resolve(f"n{number}.alpha.test")
    assert count_of(play, ALPHA) <= 1
    assert count_of(play, ALPHA6) == 30


def test_all_lame_is_servfail():
    play = internet(servers={ALPHA: UP, ALPHA6: NOT_AUTHORITATIVE})
    got = play.resolve("www.alpha.test")
    assert (got.reply.rcode, got.addresses, got.at) == (Rcode.SERVFAIL, [], 4 * RTT)


def test_a_silent_server_costs_its_timeout_and_comes_last_then():
    play = internet(servers={ALPHA: silent}, server_timeout_ns=SECOND)
    for number in range(30):
        assert play.resolve(f"n{number}.alpha.test").reply.rcode == Rcode.NXDOMAIN
    assert count_of(play, ALPHA) == 1
    # Thirty questions took their round trips, the way down, and one timeout.
    assert play.got[-1].at == 2 * RTT + 30 * RTT + SECOND


def test_silent_servers_are_asked_twice_with_a_longer_wait():
    play = internet(servers={BETA: silent}, server_timeout_ns=SECOND)
    got = play.resolve("www.beta.test")
    assert trace(play)[2:] == [(20, "beta", "www.beta.test A"), (1020, "beta", "www.beta.test A")]
    assert (got.reply.rcode, got.at) == (Rcode.SERVFAIL, 3 * SECOND + 2 * RTT)


def test_a_question_ends_with_its_own_timeout():
    play = internet(servers={BETA: silent}, query_timeout_ns=SECOND, server_timeout_ns=3 * SECOND)
    got = play.resolve("www.beta.test")
    assert (got.reply.rcode, got.at) == (Rcode.SERVFAIL, SECOND)


def test_the_faster_server_is_preferred_once_both_are_known():
    play = internet(servers={ALPHA: serving("alpha.test", after=100 * MILLISECOND)})
    for number in range(30):
        play.resolve(f"n{number}.alpha.test")
    assert count_of(play, ALPHA) == 1


def test_equally_fast_servers_share_the_work():
    play = internet()
    for number in range(60):
        play.resolve(f"n{number}.alpha.test")
    assert min(count_of(play, ALPHA), count_of(play, ALPHA6)) > 15


def test_what_is_held_against_a_server_ends_within_five_minutes():
    play = internet(servers={ALPHA: UP})
    for number in range(10):
        play.resolve(f"n{number}.alpha.test")
    play.run(play.now + limits.SERVER_MEMORY)
    play.servers[ALPHA] = serving("alpha.test")
    for number in range(10, 40):
        play.resolve(f"n{number}.alpha.test")
    assert count_of(play, ALPHA) > 5


def test_a_zone_with_ipv6_servers_only():
    def only_v6(asked: Asked):
        if asked.query.question.name.endswith("alpha.test"):
            yield RTT, build_reply(
                asked.query, asked.transport, authority=[ns("alpha.test", "ns.alpha.test")],
                additional=[a("ns.alpha.test", ALPHA6.address)],
            )  # fmt: skip
        else:
            yield from serving("test")(asked)

    play = internet(servers={TLD: only_v6})
    assert play.resolve("www.alpha.test").addresses == ["203.0.113.1"]
    assert whom(play) == ["root", "test", "alpha6"]


# --- truncation and EDNS -----------------------------------------------------------------------


def test_a_truncated_reply_has_the_same_server_asked_over_tcp():
    def truncating(asked: Asked):
        ((delay, reply),) = serving("beta.test")(asked)
        if asked.transport is Transport.UDP:
            reply = reply[:2] + bytes((reply[2] | 2,)) + reply[3:]
        yield delay, reply

    play = internet(servers={BETA: truncating})
    got = play.resolve("www.beta.test")
    assert (got.addresses, got.at) == (["203.0.113.2"], 4 * RTT)
    assert [q.transport for q in play.asked][2:] == [Transport.UDP, Transport.TCP]


def test_a_server_older_than_edns_is_asked_without_and_remembered():
    def old(asked: Asked):
        if asked.query.edns is None:
            yield from serving("beta.test")(asked)
        else:
            yield RTT, asked.payload[:2] + b"\x80\x01" + b"\0" * 8

    play = internet(servers={BETA: old})
    assert play.resolve("www.beta.test").addresses == ["203.0.113.2"]
    play.resolve("other.beta.test")
    with_edns = [q.query.edns is not None for q in play.asked if q.server == BETA]
    assert with_edns == [True, False, False]


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
                    **WHOLE)  # fmt: skip
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
