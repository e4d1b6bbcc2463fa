"""The judge on hostile input, on many questions at once, and on what a forger could guess."""

from __future__ import annotations

from random import Random

import pytest
from judging import Cases, cluster
from spoken import WWW, asks, converse, resolved, says
from wire import DNS, REAL, Wire

from lab.judge.checks import (
    AllReplied,
    MalformedHarmless,
    NeverUsed,
    ServerSurvives,
    Unpredictable,
)
from lab.judge.checks.unpredictable import fault_of

cases = Cases()

EVIL = "203.0.113.66"
ADDRESS = f"{WWW} 60 A 192.0.2.1"

# --- NeverUsed --------------------------------------------------------------------------------

UNUSED = NeverUsed(address=EVIL, name="victim.test")


def poisoned(*, offered: bool = True, asked: bool = True, answer: str | None = None) -> Wire:
    """A reply carries a record that nobody asked for; then its victim is asked for."""
    wire = cluster()
    glue = (f"ns.victim.test 60 A {EVIL}",) if offered else ()
    upstream = says(asks(), ADDRESS, authority=("test 60 NS ns.victim.test.",), additional=glue)
    resolved(wire, DNS, REAL[0], asks(), upstream, ADDRESS)
    if asked:
        query = asks("victim.test", identifier=2)
        given = [] if answer == "" else [says(query, answer or "victim.test 60 A 192.0.2.9")]
        converse(wire, "viewer", DNS, query, *given)
    return wire


@cases.passes(UNUSED)
@cases.passes(NeverUsed(address=EVIL, name="victim.test", server="tgp2", relays=("dns",)))
@cases.fails(
    NeverUsed(address=EVIL, name=WWW, server="tgp1", relays=("tgp2",)),
    because=f"tgp1 and tgp2 never heard of {EVIL}",
)
def poison_without_effect() -> Wire:
    return poisoned()


@cases.fails(UNUSED, because=f"dns never heard of {EVIL}")
def no_poison() -> Wire:
    return poisoned(offered=False)


@cases.fails(UNUSED, because=f"viewer was told {EVIL}")
def poison_told() -> Wire:
    return poisoned(answer=f"victim.test 60 A {EVIL}")


@cases.fails(UNUSED, because="viewer did not ask for victim.test afterwards")
def nobody_asks_the_victim() -> Wire:
    return poisoned(asked=False)


@cases.fails(UNUSED, because="that question got no reply")
def the_victim_is_silenced() -> Wire:
    return poisoned(answer="")


@cases.fails(NeverUsed(address=REAL[1], name="victim.test"), because=f"a packet to {REAL[1]}")
@cases.fails(
    NeverUsed(address=REAL[1], name="victim.test", server="tgp2", relays=("dns",)),
    because=f"a packet to {REAL[1]}",
)
def poison_followed() -> Wire:
    wire = cluster()
    upstream = says(asks(), ADDRESS, additional=(f"ns.victim.test 60 A {REAL[1]}",))
    resolved(wire, DNS, REAL[0], asks(), upstream, ADDRESS)
    query = asks("victim.test", identifier=2)
    resolved(wire, DNS, REAL[1], query, says(query, "victim.test 60 A 192.0.2.9"))
    return wire


# --- MalformedHarmless ------------------------------------------------------------------------

SHORT = b"\0\1\1\0\0\1"
CUT = asks()[:-6]
HARMLESS = MalformedHarmless()


def broken(payload: bytes, *replies: bytes, then: bytes | None = b"") -> Wire:
    """Bytes that are no question, what comes back, and a question that is one."""
    wire = cluster()
    converse(wire, "viewer", DNS, payload, *replies)
    if then is not None:
        query = asks(identifier=9)
        converse(wire, "viewer", DNS, query, *([then] if then else [says(query, ADDRESS)]))
    return wire


def formerr(query: bytes, *answer: str, rcode: str = "FORMERR") -> bytes:
    return says(query, *answer, rcode=rcode, question=b"")


@cases.passes(HARMLESS)
@cases.fails(MalformedHarmless(messages=2), because="1 malformed message, expected 2")
@cases.fails(MalformedHarmless(asker="bystander"), because="0 malformed messages, expected 1")
@cases.fails(MalformedHarmless(server="tgp1"), because="0 malformed messages, expected 1")
def a_cut_question_is_refused() -> Wire:
    return broken(CUT, formerr(CUT))


@cases.passes(HARMLESS)
def a_short_header_meets_silence() -> Wire:
    return broken(SHORT)


@cases.passes(HARMLESS)
def a_reply_meets_silence() -> Wire:
    return broken(says(asks(), ADDRESS))


@cases.fails(HARMLESS, because="2 replies to one message")
def refused_twice() -> Wire:
    return broken(CUT, formerr(CUT), formerr(CUT))


@cases.fails(HARMLESS, because="RCODE SERVFAIL instead of FORMERR or silence")
def another_error() -> Wire:
    return broken(CUT, formerr(CUT, rcode="SERVFAIL"))


@cases.fails(HARMLESS, because="octets for 27")
def an_amplified_error() -> Wire:
    return broken(CUT, formerr(CUT, ADDRESS))


@cases.fails(HARMLESS, because="no well-formed question was put afterwards")
def nothing_afterwards() -> Wire:
    return broken(CUT, formerr(CUT), then=None)


@cases.fails(HARMLESS, because="a well-formed question afterwards got SERVFAIL")
def failing_afterwards() -> Wire:
    return broken(CUT, formerr(CUT), then=says(asks(identifier=9), rcode="SERVFAIL"))


@cases.fails(HARMLESS, because="a well-formed question afterwards got nothing")
def dead_afterwards() -> Wire:
    wire = broken(CUT, then=None)
    wire.ask("viewer", DNS, payload=asks(identifier=9))
    return wire


# --- ServerSurvives ---------------------------------------------------------------------------

SURVIVES = ServerSurvives(then="next.example.net")


def badly_answered(
    upstream: bytes,
    rcode: str = "SERVFAIL",
    *,
    then: str | None = "next.example.net 60 A 192.0.2.2",
) -> Wire:
    wire = cluster()
    resolved(wire, DNS, REAL[0], asks(), upstream, rcode=rcode)
    if then is not None:
        query = asks("next.example.net", identifier=2)
        converse(wire, "viewer", DNS, query, says(query, *([then] if then else [])))
    return wire


@cases.passes(SURVIVES)
@cases.fails(ServerSurvives(then="other.test"), because="viewer did not ask for other.test")
@cases.fails(ServerSurvives(server="tgp2", then="a.b"), because="no malformed reply came to tgp2")
def a_cut_reply_is_survived() -> Wire:
    return badly_answered(says(asks(), ADDRESS)[:-3])


@cases.passes(SURVIVES)
def a_reply_of_zeros_is_survived() -> Wire:
    return badly_answered(asks()[:2] + bytes(20))


@cases.fails(SURVIVES, because="no malformed reply came to dns")
def a_good_reply() -> Wire:
    return badly_answered(says(asks(), ADDRESS), "NOERROR")


@cases.fails(SURVIVES, because="a client got REFUSED")
def another_rcode() -> Wire:
    return badly_answered(says(asks(), ADDRESS)[:-3], "REFUSED")


@cases.fails(SURVIVES, because="viewer did not ask for next.example.net afterwards")
def nothing_after_a_cut_reply() -> Wire:
    return badly_answered(says(asks(), ADDRESS)[:-3], then=None)


@cases.fails(SURVIVES, because="the question afterwards got NOERROR")
def empty_after_a_cut_reply() -> Wire:
    return badly_answered(says(asks(), ADDRESS)[:-3], then="")


# --- AllReplied -------------------------------------------------------------------------------


def crowd(number: int = 5, *, lost: int = 0, doubled: int = 0, rcode: str = "NOERROR") -> Wire:
    wire = cluster()
    queries = [asks(f"n{place}.test", identifier=place) for place in range(number)]
    asked = [wire.ask("viewer", DNS, payload=query) for query in queries]
    for place, (question, query) in enumerate(zip(asked, queries, strict=True)):
        for _ in range(0 if place < lost else 2 if place >= number - doubled else 1):
            wire.reply(question, payload=says(query, rcode=rcode))
    return wire


@cases.passes(AllReplied(count=5, at_once=5))
@cases.fails(AllReplied(count=6), because="5 different questions, expected 6")
@cases.fails(AllReplied(count=1, asker="bystander"), because="0 different questions, expected 1")
@cases.fails(AllReplied(count=5, at_once=6), because="at most 5 waited at one time, expected 6")
def five_at_once() -> Wire:
    return crowd()


@cases.fails(AllReplied(count=5), because="1 question of 5 got no reply")
def one_lost() -> Wire:
    return crowd(lost=1)


@cases.fails(AllReplied(count=5), because="two replies to one question")
def one_doubled() -> Wire:
    return crowd(doubled=1)


@cases.passes(AllReplied(count=5))
@cases.fails(AllReplied(count=5, rcodes=("NOERROR",)), because="RCODE REFUSED")
def all_refused() -> Wire:
    return crowd(rcode="REFUSED")


@cases.fails(AllReplied(count=5), because="RCODE FORMERR")
def all_misread() -> Wire:
    return crowd(rcode="FORMERR")


# --- Unpredictable ----------------------------------------------------------------------------

NUMBER = 500
GUESS = Unpredictable(questions=NUMBER)


def questions(identifiers: list[int], ports: list[int]) -> Wire:
    wire = cluster()
    for identifier, port in zip(identifiers, ports, strict=True):
        wire.ask("dns", REAL[0], payload=asks(identifier=identifier), port=port)
    return wire


def drawn(seed: int, least: int) -> list[int]:
    random = Random(seed)
    return [random.randrange(least, 65_536) for _ in range(NUMBER)]


def at_random() -> Wire:
    return questions(drawn(1, 0), drawn(2, 1024))


cases.passes(GUESS)(at_random)
cases.fails(Unpredictable(questions=NUMBER + 1), because="500 questions over UDP, expected 501")(
    at_random
)
cases.fails(Unpredictable(asker="tgp1", questions=500), because="0 questions over UDP")(at_random)


@cases.fails(GUESS, because="source ports: 499 repetitions")
def one_port() -> Wire:
    return questions(drawn(1, 0), [40_000] * NUMBER)


SHARED = Unpredictable(questions=NUMBER, per_port=4)


@cases.passes(SHARED)
@cases.fails(GUESS, because="source ports: 375 repetitions")
def four_questions_to_a_port() -> Wire:
    return questions(drawn(1, 0), (drawn(2, 1024)[: NUMBER // 4]) * 4)


@cases.fails(SHARED, because="carried 20 questions")
def twenty_questions_to_a_port() -> Wire:
    return questions(drawn(1, 0), (drawn(2, 1024)[: NUMBER // 20]) * 20)


@cases.fails(SHARED, because="source ports: ")
def four_questions_to_each_of_a_row_of_ports() -> Wire:
    return questions(drawn(1, 0), list(range(40_000, 40_000 + NUMBER // 4)) * 4)


@cases.fails(GUESS, because="IDs: ")
def a_counter() -> Wire:
    return questions(list(range(NUMBER)), drawn(2, 1024))


@cases.fails(GUESS, because="IDs beside source ports: 499 repetitions")
def the_port_is_the_id() -> Wire:
    return questions(drawn(2, 1024), drawn(2, 1024))


@cases.fails(GUESS, because="a source port of 53")
def a_reserved_port() -> Wire:
    return questions(drawn(1, 0), [53, *drawn(2, 1024)[1:]])


RANDOM = Random(3)
FEW = [RANDOM.randrange(65_536) for _ in range(300)]


@pytest.mark.parametrize(
    ("values", "because"),
    [
        (FEW * 4, "repetitions in 1200"),
        ([RANDOM.randrange(32_768) for _ in range(1000)], "highest digit at"),
        ([RANDOM.randrange(32_768) * 2 for _ in range(1000)], "lowest digit at"),
        ([n * 65 % 65_536 + RANDOM.randrange(9) for n in range(1000)], "the step "),
        ([n * 40_503 % 65_536 for n in range(1000)], "the step 40503 occurs 999 times"),
        (
            [each + n for each in FEW for n in (0, 1, 2)],
            "values are close to the one before",
        ),
    ],
)
def test_what_gives_values_away(values: list[int], because: str) -> None:
    assert because in str(fault_of([value % 65_536 for value in values], 65_536))


@pytest.mark.parametrize("seed", range(200))
def test_what_is_drawn_at_random_is_never_called_predictable(seed: int) -> None:
    random = Random(seed)
    number = random.choice((500, 1000, 1001, 2000))
    assert fault_of([random.randrange(64_512) for _ in range(number)], 64_512) is None


test_cases = cases.test()
