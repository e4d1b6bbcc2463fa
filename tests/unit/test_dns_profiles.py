"""The timing profiles, against what their sources publish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from dns_internet import internet, trace
from dns_upstreams import (
    FIRST,
    SECOND_,
    THIRD,
    ZONE,
    Stage,
    answering,
    replying,
    silent,
    unreachable,
)
from hypothesis import given
from hypothesis import strategies as st

from resolver.config import ForwardRule, Profile
from resolver.dns.asking import TIMED_OUT, UNREACHABLE, Ask, Budget, Heard
from resolver.dns.cache import Wishes
from resolver.dns.forwarding import Forwarder, Unanswered
from resolver.dns.message import Question, Rcode
from resolver.dns.profiles import LISTED_ORDER, WINDOWS, Timing
from resolver.machine import MILLISECOND, SECOND, Endpoint, Instant, Transport

MANY = tuple(Endpoint(f"10.0.0.{number}", 53) for number in range(1, 21))

R = (5, 8, 10, 12, 15)
# KB 2834250's formula worked out (facts/cluster-and-windows.md 2.2): T, then for each R how many
# servers are tried and when the failure goes out, in seconds.
DERIVED = {
    1: ((4, 7), (5, 9), (6, 11), (7, 13), (9, 17)),
    2: ((3, 8), (4, 11), (4, 11), (5, 14), (6, 17)),
    3: ((2, 7), (3, 11), (3, 11), (4, 15), (5, 19)),
    4: ((2, 9), (2, 9), (3, 14), (3, 14), (4, 19)),
    5: ((2, 11), (2, 11), (2, 11), (3, 17), (3, 17)),
    7: ((1, 7), (2, 15), (2, 15), (2, 15), (3, 23)),
    10: ((1, 10), (1, 10), (2, 21), (2, 21), (2, 21)),
}


def search(
    timing: Timing,
    timeout_ns: int,
    servers: tuple[Endpoint, ...] = MANY,
    hear: Callable[[Ask], Heard] = lambda ask: Heard(TIMED_OUT, ask.until),
) -> tuple[list[Instant], object, Instant]:
    """Ask servers that all fail: when each was asked, how it ended, and when."""
    forwarder = Forwarder(
        Question(ZONE, 1), Wishes(), Transport.UDP, timing.next_on_rcodes,
        Budget(100, 3600 * SECOND), timing,
    )  # fmt: skip
    asking = forwarder.ask_in_order(ForwardRule(ZONE, servers, timeout_ns), 0)
    tries, now, ask = [], 0, next(asking)
    while True:
        tries.append(now)
        heard = hear(ask)
        now = heard.at
        try:
            ask = asking.send(heard)
        except StopIteration as finished:
            return tries, *finished.value


@pytest.mark.parametrize(
    ("timeout", "limit", "tried", "fails"),
    [(t, r, *cell) for t, row in DERIVED.items() for r, cell in zip(R, row, strict=True)],
)
def test_the_derived_table_of_windows(timeout, limit, tried, fails):
    timing = replace(WINDOWS, no_try_after_ns=limit * SECOND)
    tries, ended, at = search(timing, timeout * SECOND)
    assert (len(tries), at // SECOND, ended) == (tried, fails, Unanswered.TOO_LATE)


@given(st.integers(1, 15 * SECOND), st.integers(1, 15 * SECOND))
def test_the_next_try_of_windows_is_at_nt_plus_n_minus_one(timeout, limit):
    tries, ended, at = search(replace(WINDOWS, no_try_after_ns=limit), timeout)
    due = [0, *(n * timeout + (n - 1) * SECOND for n in range(1, 21))]
    assert tries == [instant for instant in due[:20] if instant == 0 or instant <= limit]
    assert at == due[len(tries)]
    assert ended is (Unanswered.TOO_LATE if at > limit else Unanswered.ALL_FAILED)


@given(st.integers(1, 15 * SECOND), st.integers(1, 20))
def test_listed_order_ends_with_the_list(timeout, servers):
    tries, ended, at = search(LISTED_ORDER, timeout, MANY[:servers])
    assert tries == [n * timeout for n in range(servers)]
    assert (at, ended) == (servers * timeout, Unanswered.ALL_FAILED)


def test_windows_waits_for_timers_only():
    """What the pause is between, is timeouts: an error or an ICMP message is no reason for one."""
    tries, _, _ = search(
        WINDOWS, 3 * SECOND, MANY[:4], lambda ask: Heard(UNREACHABLE, ask.until - 2 * SECOND)
    )
    assert tries == [0, SECOND, 2 * SECOND, 3 * SECOND]


# --- through the resolver, with Microsoft's defaults -------------------------------------------


def windows(zone: str, servers, behaviour=silent, **more) -> Stage:
    rules = (ForwardRule(zone, servers, **more),)
    options = {"profile": Profile.WINDOWS}
    return Stage(dict.fromkeys(servers, behaviour), rules, options=options)


def seconds(play: Stage) -> list[float]:
    return [asked.at / SECOND for asked in play.asked]


def test_server_forwarders_of_windows_reach_the_third_and_no_fourth():
    play = windows(".", MANY[:5])
    got = play.resolve()
    assert (seconds(play), got.at, got.reply.rcode) == ([0, 3, 7], 11 * SECOND, Rcode.SERVFAIL)
    assert {asked.server for asked in play.asked} == set(MANY[:3])


def test_conditional_forwarders_of_windows_reach_the_second_and_no_third():
    """W2, W3: a third load balancer is never asked with the default times."""
    play = windows(ZONE, MANY[:3])
    play.servers[MANY[2]] = answering("10.0.0.1")
    got = play.resolve()
    assert (seconds(play), got.at, got.reply.rcode) == ([0, 5], 11 * SECOND, Rcode.SERVFAIL)
    play = windows(ZONE, MANY[:3], timeout_ns=3 * SECOND)
    play.servers[MANY[2]] = answering("10.0.0.1")
    assert (play.resolve().addresses, seconds(play)) == (["10.0.0.1"], [0, 3, 7])


def test_the_ids_differ_where_windows_was_seen_to_repeat_one():
    """W4, RFC 5452 9.2."""
    play = windows(".", MANY[:3])
    play.resolve()
    assert len({asked.query.id for asked in play.asked}) == 3


@pytest.mark.parametrize("rcode", sorted(set(range(1, 16)) - {1, 3}))
def test_windows_goes_on_after_every_error_but_nxdomain(rcode):
    play = windows(".", (FIRST, SECOND_), replying(rcode=rcode))
    play.servers[SECOND_] = answering("10.0.0.2")
    assert play.resolve().addresses == ["10.0.0.2"]
    assert [asked.at for asked in play.asked] == [0, MILLISECOND]


def test_windows_takes_root_hints_when_the_list_ends_in_time_and_not_later():
    """KB 2834250: exhausted before R, root hints; after R, SERVFAIL, and nobody else is asked."""

    def play(servers) -> Stage:
        rules = (ForwardRule(".", servers, recursion=True),)
        return internet(
            rules=rules, servers=dict.fromkeys(servers, silent), profile=Profile.WINDOWS
        )

    in_time = play((FIRST, SECOND_))
    got = in_time.resolve("www.beta.test")
    assert [at for at, _, _ in trace(in_time)] == [0, 3000, 7000, 7010, 7020]
    assert got.addresses == ["203.0.113.2"]
    late = play((FIRST, SECOND_, THIRD))
    for _ in range(2):  # nor when the failure is remembered
        assert late.resolve("www.beta.test").reply.rcode == Rcode.SERVFAIL
    assert [at for at, _, _ in trace(late)] == [0, 3000, 7000]


# --- a client's own deadline -------------------------------------------------------------------


@pytest.mark.parametrize(("dead", "in_time"), [(0, True), (1, True), (2, True), (3, False)])
def test_two_dead_forwarders_are_what_a_stub_resolver_outlasts(dead, in_time):
    """FWD-24: a stub gives up after 5 s; by default the profile of document B waits 2 s each."""
    servers = MANY[: dead + 1]
    play = Stage(dict.fromkeys(servers, silent), (ForwardRule(ZONE, servers),))
    play.servers[servers[-1]] = answering("10.0.0.1")
    got = play.resolve()
    assert got.addresses == ["10.0.0.1"]
    assert (got.at < 5 * SECOND) is in_time


def test_what_nobody_can_reach_fails_at_once():
    play = windows(".", MANY[:3], unreachable)
    assert play.resolve().at == 3 * MILLISECOND
