"""How long a failure keeps everybody from asking again: RFC 9520 3.2, RFC 2308 7.1."""

from __future__ import annotations

from dns_upstreams import (
    FIRST,
    HERE,
    SECOND_,
    THIRD,
    ZONE,
    Stage,
    answering,
    cname,
    replying,
    silent,
)
from hypothesis import given
from hypothesis import strategies as st

from resolver import limits
from resolver.config import ForwardRule, ResolverConfig
from resolver.dns.failures import Failure, Failures
from resolver.dns.message import Edns, Rcode
from resolver.dns.records import Type
from resolver.machine import MILLISECOND, SECOND, Reconfigured

FAILED = Failure(Rcode.SERVFAIL)
RULE = (ForwardRule(ZONE, (FIRST,)),)


def test_a_failure_that_goes_on_is_remembered_longer_each_time():
    failures, now, lasted = Failures[str](), 0, []
    for _ in range(9):
        failures.note("x", FAILED, now)
        began = now
        while failures.find("x", now) is not None:
            now += SECOND
        lasted.append((now - began) // SECOND)
    assert lasted == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_one_answer_in_between_makes_the_next_failure_a_first_one():
    failures = Failures[str]()
    for now in (0, SECOND, 3 * SECOND):
        failures.note("x", FAILED, now)
    failures.forget("x")
    assert failures.find("x", 3 * SECOND) is None
    failures.note("x", FAILED, 4 * SECOND)
    assert failures.find("x", 5 * SECOND) is None


@given(st.lists(st.tuples(st.sampled_from(["note", "forget", "pass"]), st.integers(0, 200))))
def test_none_is_shorter_than_a_second_or_longer_than_five_minutes(history):
    failures, now = Failures[str](), 0
    for what, seconds in history:
        if what == "note":
            failures.note("x", FAILED, now, seconds * SECOND)
            assert failures.find("x", now + SECOND - 1) is FAILED
            assert failures.find("x", now + 300 * SECOND) is None
        elif what == "forget":
            failures.forget("x")
        now += seconds * SECOND * (what == "pass")


def test_they_are_bounded(monkeypatch):
    monkeypatch.setattr(limits, "FAILURES_REMEMBERED", 2)
    failures = Failures[str]()
    for key in "abc":
        failures.note(key, FAILED, 0)
    assert [failures.find(key, 0) for key in "abc"] == [None, FAILED, FAILED]


# --- through the resolver ----------------------------------------------------------------------


def failed_attempts(play: Stage, until: int, every: int) -> list[int]:
    """Ask again and again; the seconds at which somebody was asked."""
    while play.now < until:
        play.resolve()
        play.run(play.now + every)
    return [asked.at // SECOND for asked in play.asked]


def test_who_asks_all_the_time_brings_about_ever_fewer_questions():
    play = Stage({FIRST: replying(rcode=Rcode.SERVFAIL)}, RULE)
    assert failed_attempts(play, 120 * SECOND, 500 * MILLISECOND) == [0, 1, 3, 7, 15, 31, 63]


def test_a_failure_is_remembered_for_the_exact_tuple():
    """CCH-09."""
    play = Stage({FIRST: replying(rcode=Rcode.SERVFAIL)}, RULE)
    play.resolve()
    for how in (
        {"qtype": Type.AAAA},
        {"name": f"other.{ZONE}"},
        {"edns": Edns(1232, do=True)},
        {"cd": True},
    ):
        before = len(play.asked)
        play.resolve(**how)
        assert len(play.asked) == before + 1, how
    before = len(play.asked)
    for how in ({}, {"name": ZONE.upper()}, {"edns": Edns(1232)}):
        play.resolve(**how)
    assert len(play.asked) == before


def test_a_name_that_is_well_again_fails_for_a_second_only():
    play = Stage({FIRST: silent}, RULE)
    for _ in range(4):
        play.resolve()
        play.run(play.now + 10 * SECOND)
    play.servers[FIRST] = answering("10.0.0.1", ttl=0)
    assert play.resolve().addresses == ["10.0.0.1"]
    play.servers[FIRST] = replying(rcode=Rcode.SERVFAIL)
    failed_at = play.resolve().at
    play.run(failed_at + SECOND)
    play.servers[FIRST] = answering("10.0.0.1")
    assert play.resolve().addresses == ["10.0.0.1"]


def test_an_alias_whose_owner_let_time_pass_brings_about_no_failure_of_its_target():
    """The target's server is fast enough, but the alias left no time to wait for it."""
    options = {"query_timeout_ns": 4 * SECOND}
    alias = cname(ZONE, "www.victim.test")
    for servers in ((SECOND_,), (SECOND_, THIRD)):
        rules = (ForwardRule(ZONE, (FIRST,), 5 * SECOND), ForwardRule("victim.test", servers))
        play = Stage(
            {
                FIRST: replying(4 * SECOND - 5 * MILLISECOND, answers=[alias]),
                SECOND_: answering("10.0.0.2", after=10 * MILLISECOND),
                THIRD: answering("10.0.0.3"),
            },
            rules,
            options=options,
        )
        assert play.resolve().reply.rcode == Rcode.SERVFAIL
        assert play.resolve("www.victim.test").addresses == ["10.0.0.2"]


def test_an_alias_whose_owner_spent_all_messages_brings_about_no_failure_of_its_target(
    monkeypatch,
):
    monkeypatch.setattr(limits, "QUESTIONS_PER_RESOLUTION", 1)
    rules = (ForwardRule(ZONE, (FIRST,)), ForwardRule("victim.test", (SECOND_,)))
    play = Stage(
        {
            FIRST: replying(answers=[cname(ZONE, "www.victim.test")]),
            SECOND_: answering("10.0.0.2"),
        },
        rules,
    )
    assert play.resolve().reply.rcode == Rcode.SERVFAIL
    assert play.resolve("www.victim.test").addresses == ["10.0.0.2"]


def test_a_dead_server_is_asked_for_the_next_name_all_the_same():
    """FWD-05 before RFC 2308 7.2: no memory of dead servers stands in a forwarder's way."""
    play = Stage({FIRST: silent}, RULE)
    play.resolve()
    play.servers[FIRST] = answering("10.0.0.1")
    got = play.resolve(f"other.{ZONE}")
    assert (got.addresses, got.at - play.asked[-1].at) == (["10.0.0.1"], MILLISECOND)


def test_a_changed_configuration_is_tried_at_once():
    """Whoever puts a forwarder's address right does not wait for the failure to be forgotten."""
    play = Stage({FIRST: silent, SECOND_: answering("10.0.0.2")}, RULE)
    for _ in range(5):
        play.resolve()
        play.run(play.now + 20 * SECOND)
    play.resolve()
    play.happen(Reconfigured(ResolverConfig((HERE,), (), (ForwardRule(ZONE, (SECOND_,)),))))
    assert play.resolve().addresses == ["10.0.0.2"]
