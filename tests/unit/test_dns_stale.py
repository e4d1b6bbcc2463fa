"""Stale data (RFC 8767): only where it is wanted, only when fresh data is not to be had."""

from __future__ import annotations

import pytest
from dns_internet import BETA, internet, serving
from dns_upstreams import (
    FIRST,
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

from resolver import limits
from resolver.config import ForwardRule, HostedZone
from resolver.dns.bounds import Bounds
from resolver.dns.cache import Cache, Positive, Route, Slot, Wishes
from resolver.dns.facts import FreshDataOverdue
from resolver.dns.message import Edns, Rcode
from resolver.dns.records import Type
from resolver.machine import MILLISECOND, SECOND

DAY = 86_400 * SECOND
STALE = {"serve_stale": True}
RULE = (ForwardRule(ZONE, (FIRST,)),)
REFUSING = replying(rcode=Rcode.REFUSED)
ABSENT = replying(rcode=Rcode.NXDOMAIN, authority=[soa(ttl=5, minimum=5)])
NO_DATA = replying(authority=[soa(ttl=5, minimum=5)])


def expired(*, then=REFUSING, ttl: int = 2, after: int = 10 * SECOND, **options) -> Stage:
    """A resolver that knew an answer; now its server does something else."""
    play = Stage({FIRST: answering("10.0.0.1", ttl=ttl)}, RULE, options={**STALE, **options})
    play.resolve()
    play.run(after)
    play.servers[FIRST] = then
    play.asked.clear()
    return play


def given(play: Stage, **how) -> tuple[list[str], list[int], int]:
    """What a client is given now: addresses, their TTLs, and after how many milliseconds."""
    began, heard = play.now, len(play.got)
    play.ask(**how)
    while len(play.got) == heard:
        assert play.now < began + 60 * SECOND, "no answer"
        play.run(play.now + MILLISECOND)
    got = play.got[-1]
    return got.addresses, [r.ttl for r in got.reply.answers], (got.at - began) // MILLISECOND


# --- when ---------------------------------------------------------------------------------------


def test_it_is_off_unless_asked_for():
    play = expired(serve_stale=False)
    assert play.resolve().reply.rcode == Rcode.SERVFAIL


def test_after_a_failure_the_expired_answer_is_given_with_a_short_ttl():
    """CCH-15."""
    play = expired()
    assert given(play) == (["10.0.0.1"], [30], 1)
    assert not play.got[-1].reply.aa
    assert given(expired(stale_ttl_s=7)) == (["10.0.0.1"], [7], 1)


def test_it_is_given_when_nobody_can_be_asked_for_too_many_questions(monkeypatch):
    monkeypatch.setattr(limits, "RESOLUTIONS_IN_FLIGHT", 1)
    play = expired(then=silent)
    play.ask(f"other.{ZONE}", id_=1)
    assert given(play, id_=2) == (["10.0.0.1"], [30], 0)


def test_fresh_data_is_always_preferred():
    play = expired(then=answering("10.0.0.2"))
    assert given(play)[0] == ["10.0.0.2"]


@pytest.mark.parametrize("answer", [ABSENT, NO_DATA])
def test_an_absence_takes_the_place_of_what_was_there_for_good(answer):
    """RFC 8767 4: NXDOMAIN and NODATA are answers, not failures; nothing brings old data back."""
    play = expired(then=answer)
    assert given(play)[0] == []
    play.run(play.now + 20 * SECOND)  # the absence has expired as well
    play.servers[FIRST] = REFUSING
    assert play.resolve().reply.rcode == Rcode.SERVFAIL


def test_what_came_back_after_an_absence_can_be_stale_again():
    play = expired(then=ABSENT)
    given(play)
    play.run(play.now + 20 * SECOND)
    play.servers[FIRST] = answering("10.0.0.3", ttl=2)
    given(play)
    play.run(play.now + 20 * SECOND)
    play.servers[FIRST] = REFUSING
    assert given(play)[:2] == (["10.0.0.3"], [30])


def test_it_ends():
    play = expired(after=2 * SECOND + DAY - MILLISECOND)
    assert given(play)[0] == ["10.0.0.1"]
    play = expired(after=2 * SECOND + DAY + MILLISECOND)  # learnt after a millisecond
    assert play.resolve().reply.rcode == Rcode.SERVFAIL


def test_without_rd_it_is_not_given():
    """RFC 8767 5: with RD=0 the answer comes at once, without what has expired."""
    play = expired()
    assert play.resolve(rd=False).reply.rcode == Rcode.REFUSED


@pytest.mark.parametrize("how", [{"qtype": Type.AAAA}, {"edns": Edns(1232, do=True)}, {"cd": True}])
def test_it_is_given_to_the_same_question_only(how):
    assert expired().resolve(**how).reply.rcode == Rcode.SERVFAIL


def test_ttl_zero_is_never_stale():
    play = expired(ttl=0)
    assert play.resolve().reply.rcode == Rcode.SERVFAIL


# --- while the search goes on --------------------------------------------------------------------


def test_a_client_does_not_wait_longer_than_the_response_timer():
    play = expired(then=silent)
    assert given(play) == (["10.0.0.1"], [30], 1800)
    play.run()
    assert len(play.got) == 2  # one answer a question, though the search ended later
    (overdue,) = (fact for fact in play.facts if isinstance(fact, FreshDataOverdue))
    assert str(overdue).startswith(f"{ZONE} A answered with stale data")
    assert [asked.at for asked in play.asked] == [10 * SECOND]


def test_what_arrives_after_the_timer_refreshes_the_cache():
    play = expired(then=answering("10.0.0.2", after=1900 * MILLISECOND))
    assert given(play) == (["10.0.0.1"], [30], 1800)
    play.run(play.now + SECOND)
    assert given(play)[0] == ["10.0.0.2"]
    assert len(play.asked) == 1


def test_what_arrives_in_time_is_given():
    play = expired(then=answering("10.0.0.2", after=1799 * MILLISECOND))
    assert given(play) == (["10.0.0.2"], [60], 1799)
    play.run(play.now + SECOND)
    assert len(play.got) == 2


def test_who_joins_an_overdue_search_need_not_wait_at_all():
    play = expired(then=silent)
    given(play)
    assert given(play, flow="another", id_=2) == (["10.0.0.1"], [30], 0)
    assert len(play.asked) == 1


def test_the_client_that_was_given_stale_data_may_ask_again():
    """Its answer may have got lost: the question is not taken for a repetition still waited for."""
    play = expired(then=silent)
    given(play)
    assert given(play) == (["10.0.0.1"], [30], 0)


def test_without_old_data_the_timer_changes_nothing():
    play = Stage({FIRST: silent}, RULE, options=STALE)
    got = play.resolve()
    assert (got.reply.rcode, got.at) == (Rcode.SERVFAIL, 2 * SECOND)


def test_servers_that_failed_are_left_alone_for_half_a_minute():
    """RFC 8767 5, failure recheck timer."""
    play = expired()
    failed_at = play.now + MILLISECOND
    while play.now < failed_at + limits.STALE_RECHECK - SECOND:
        assert given(play)[0] == ["10.0.0.1"]
        play.run(play.now + SECOND)
    assert len(play.asked) == 1
    play.run(failed_at + limits.STALE_RECHECK)
    given(play)
    assert len(play.asked) == 2
    play.run(play.now + 2 * limits.STALE_RECHECK)
    play.servers[FIRST] = answering("10.0.0.4")
    assert given(play)[0] == ["10.0.0.4"]


# --- from which sources --------------------------------------------------------------------------


def test_an_alias_and_its_target_are_stale_link_by_link():
    target = f"n.{ZONE}"
    chain = replying(answers=[cname(ZONE, target, 2), a(target, "10.0.0.1", 300)])
    play = Stage({FIRST: chain}, RULE, options=STALE)
    play.resolve()
    play.run(10 * SECOND)
    play.servers[FIRST] = REFUSING
    # The target is fresh still, and keeps its own TTL.
    assert given(play)[:2] == (["10.0.0.1"], [30, 290])
    play.run(play.now + 400 * SECOND)
    assert given(play)[:2] == (["10.0.0.1"], [30, 30])


def test_by_the_timer_an_alias_without_its_target_is_no_answer():
    play = Stage({FIRST: replying(answers=[cname(ZONE, "elsewhere.test", 2)]), SECOND_: silent},
                 (*RULE, ForwardRule("elsewhere.test", (SECOND_,))), options=STALE)  # fmt: skip
    got = play.resolve()
    assert (got.reply.rcode, got.at) == (Rcode.SERVFAIL, 2 * SECOND + MILLISECOND)


def test_recursion_serves_stale_too():
    play = internet(**STALE, servers={BETA: serving("beta.test")})
    play.resolve("www.beta.test")
    play.run(play.now + 100 * SECOND)
    play.servers[BETA] = unreachable
    assert given(play, name="www.beta.test")[:2] == (["203.0.113.2"], [30])


def test_a_rules_stale_data_comes_before_anothers_but_after_fresh_data_of_recursion():
    """Own recursion behind a rule is asked first: stale is for when all who may be asked failed."""
    rules = (ForwardRule(".", (FIRST,), recursion=True),)
    play = internet(**STALE, rules=rules, servers={FIRST: answering("10.0.0.1", ttl=2)})
    play.resolve("www.beta.test")
    play.run(play.now + 100 * SECOND)
    play.servers[FIRST] = unreachable
    assert given(play, name="www.beta.test")[0] == ["203.0.113.2"]


def test_what_is_ours_now_is_never_answered_from_what_others_said_once():
    own = HostedZone(ZONE, "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nns A 10.0.0.53\n")
    play = Stage({FIRST: silent}, RULE, zones=(own,), options=STALE)
    slot = Slot(ZONE, Type.A, Wishes(), Route(ZONE))
    play.resolver._sources.cache.keep_rrset(slot, (a(ZONE, "10.0.0.1", 1),), 0)
    play.run(10 * SECOND)
    got = play.resolve()
    assert (got.addresses, got.reply.aa) == ([], True)


# --- bounds --------------------------------------------------------------------------------------


def test_what_is_kept_for_later_counts_as_everything_else_does():
    cache = Cache(Bounds(3, 100_000, 86_400, 900, DAY))
    for number in range(10):
        name = f"n{number}"
        cache.keep_rrset(
            Slot(name, Type.A, Wishes(), Route(".")), (a(name, "10.0.0.1", 1),), number * SECOND
        )
    assert len(cache) == 3


def test_old_data_is_found_by_nobody_who_looks_for_fresh():
    cache = Cache(Bounds(3, 100_000, 86_400, 900, DAY))
    slot = Slot("n", Type.A, Wishes(), Route("."))
    cache.keep_rrset(slot, (a("n", "10.0.0.1", 1),), 0)
    assert cache.find(slot, 5 * SECOND) is None
    assert cache.find_stale(slot, 30, 5 * SECOND) == Positive((a("n", "10.0.0.1", 30),))
