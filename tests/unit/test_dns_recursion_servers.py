"""Recursion past name servers that have no address, or are lame, silent, slow, old or terse."""

from __future__ import annotations

import pytest
from dns_internet import (
    ALPHA,
    ALPHA6,
    BETA,
    RTT,
    TLD,
    count_of,
    internet,
    serving,
    trace,
    whom,
)
from dns_upstreams import Asked, a, ns, replying, silent, soa, unreachable

from resolver import limits
from resolver.dns.message import Rcode, build_reply
from resolver.machine import MILLISECOND, SECOND, Endpoint, Transport

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
            # Cut over UDP where it is too long, and whole over TCP.
            yield RTT, build_reply(asked.query, asked.transport, authority=many)
        else:
            yield from serving("test")(asked)

    play = internet(servers={TLD: attacking})
    assert play.resolve("www.evil.test").reply.rcode == Rcode.SERVFAIL
    # A is asked for; the NXDOMAIN that comes back holds for AAAA too.
    assert count_of(play, BETA) == limits.GLUELESS_PER_CUT
    over_tcp = sum(asked.transport is Transport.TCP for asked in play.asked)
    assert over_tcp == (servers > 50)
    assert len(play.asked) == 3 + over_tcp + limits.GLUELESS_PER_CUT


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
