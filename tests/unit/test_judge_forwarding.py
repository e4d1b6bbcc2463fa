"""The judge on a list of forwarders: how it is worked through, what that takes and costs."""

from __future__ import annotations

from collections.abc import Iterable

from judging import Cases, cluster
from wire import DNS, LINK_NS, MS, REAL, Wire, query_bytes

from lab.judge.checks import (
    DeadlineKept,
    FailsBack,
    NextOnRcodes,
    QuestionsBounded,
    RecursionAfterForwarders,
)
from lab.judge.checks.base import ms

cases = Cases()

FIRST, SECOND, THIRD = REAL


def at(wire: Wire, began_at: int, after_s: float) -> None:
    wire.now = began_at + round(after_s * 1000 * MS)


def silent_at(
    wire: Wire, *asked: tuple[str, float], rcode: str | None = "SERVFAIL", name: str = "a.example"
) -> int:
    """One client question for which servers are asked in vain, each at a time (s); all are told
    after the last one's second. Returns when the first was asked."""
    client = wire.ask("viewer", DNS, name=name)
    began_at = wire.now
    for server, after_s in asked:
        at(wire, began_at, after_s)
        wire.ask("dns", server, name=name)
    wire.elapse(1)
    if rcode is not None:
        wire.reply(client, rcode=rcode, aa=False)
    return began_at


# --- QuestionsBounded -------------------------------------------------------------------------


@cases.passes(QuestionsBounded(at_most=2))
@cases.fails(QuestionsBounded(at_most=1), because="2 questions for one client question, allowed 1")
@cases.fails(QuestionsBounded(asker="tgp3", at_most=9), because="tgp3 was not asked")
def all_silent() -> Wire:
    wire = cluster()
    silent_at(wire, (FIRST, 0), (SECOND, 1))
    return wire


@cases.passes(QuestionsBounded(at_most=2))
def two_client_questions_each_within_the_bound() -> Wire:
    wire = all_silent()
    silent_at(wire, (FIRST, 0), (SECOND, 1), name="b.example")
    return wire


@cases.fails(QuestionsBounded(at_most=2), because="3 questions for one client question")
def one_more_when_the_client_has_its_answer() -> Wire:
    wire = all_silent()
    wire.ask("dns", THIRD, name="a.example", lost=True)
    return wire


@cases.fails(QuestionsBounded(at_most=2), because="3 questions for one client question")
def another_name_is_asked_for_too() -> Wire:
    wire = all_silent()
    wire.ask("dns", THIRD, name="www.example.net")
    return wire


@cases.fails(QuestionsBounded(at_most=2), because="no client question was asked upstream in vain")
def there_is_always_an_answer() -> Wire:
    wire = cluster()
    client = wire.ask("viewer", DNS)
    wire.exchange("dns", FIRST, *REAL)
    wire.reply(client, FIRST)
    return wire


@cases.passes(QuestionsBounded(at_most=1))
def the_answer_comes_when_the_client_was_told() -> Wire:
    wire = cluster()
    client = wire.ask("viewer", DNS)
    late = wire.ask("dns", FIRST)
    wire.reply(client, rcode="SERVFAIL")
    wire.reply(late, *REAL)
    return wire


@cases.fails(QuestionsBounded(at_most=2), because="no client question was asked upstream in vain")
def nobody_is_asked() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, rcode="REFUSED")
    return wire


@cases.passes(QuestionsBounded(at_most=3))
def the_same_server_at_growing_distances() -> Wire:
    wire = cluster()
    silent_at(wire, (FIRST, 0), (FIRST, 1), (FIRST, 3))
    return wire


@cases.fails(QuestionsBounded(at_most=9), because=f"{FIRST} was asked again after 1000.00 ms, 1000")
def the_same_server_at_the_same_distance() -> Wire:
    wire = cluster()
    silent_at(wire, (FIRST, 0), (FIRST, 1), (FIRST, 2))
    return wire


@cases.fails(QuestionsBounded(at_most=9), because=f"4 questions to {FIRST}")
def the_same_server_four_times() -> Wire:
    wire = cluster()
    silent_at(wire, (FIRST, 0), (FIRST, 1), (FIRST, 3), (FIRST, 7))
    return wire


# --- FailsBack --------------------------------------------------------------------------------


def returned(*, before: Iterable[str], after: Iterable[str], answers: bool = True) -> Wire:
    """tgp1 is off and another one answers; it comes back, and the next question goes to `after`."""
    wire = cluster()
    wire.mark("halted", "", node="tgp1", program=None)
    turn(wire, *before, answers=True)
    wire.mark("resumed", "", node="tgp1", program=None)
    wire.elapse(0.25)
    turn(wire, *after, answers=answers)
    return wire


def turn(wire: Wire, *servers: str, answers: bool) -> None:
    """A client question for which these are asked a second apart; the last one answers."""
    if not servers:
        return
    client = wire.ask("viewer", DNS)
    for server in servers[:-1]:
        wire.ask("dns", server)
        wire.elapse(1)
    last = wire.ask("dns", servers[-1])
    if answers:
        wire.reply(last, *REAL)
    wire.reply(client, FIRST, aa=False)


@cases.passes(FailsBack(server=FIRST))
@cases.fails(FailsBack(server=SECOND), because=f"nothing of {SECOND} was resumed")
@cases.fails(FailsBack(server="192.0.2.1"), because="nothing of 192.0.2.1 was resumed")
@cases.fails(FailsBack(asker="tgp3", server=FIRST), because="nobody stood in")
def the_first_is_first_again() -> Wire:
    return returned(before=(FIRST, SECOND), after=(FIRST,))


@cases.fails(FailsBack(server=FIRST), because=f"{SECOND} was asked first")
def the_stand_in_stays() -> Wire:
    return returned(before=(FIRST, SECOND), after=(SECOND,))


@cases.fails(FailsBack(server=FIRST), because=f"nobody stood in for {FIRST} before")
def it_never_failed() -> Wire:
    return returned(before=(FIRST,), after=(FIRST,))


@cases.fails(FailsBack(server=FIRST), because="nothing went upstream after its return")
def nobody_asks_after_its_return() -> Wire:
    return returned(before=(FIRST, SECOND), after=())


@cases.fails(FailsBack(server=FIRST), because="did not answer in time")
def it_is_asked_and_stays_silent() -> Wire:
    return returned(before=(FIRST, SECOND), after=(FIRST,), answers=False)


def test_failing_back_says_how_long_after_the_return_it_was():
    finding = FailsBack(server=FIRST).judge(the_first_is_first_again().timeline())
    waited = 250 * MS + LINK_NS + LINK_NS // 10
    assert f"answering, {ms(waited)} after its return" in finding.evidence[0].text


# --- NextOnRcodes -----------------------------------------------------------------------------


def by_rcode(
    *outcomes: tuple[str, bool, bool], told: str | None = None, silent: bool = False
) -> Wire:
    """For each (RCODE, AA, whether the next server is asked) one client question. `told`: what the
    client is told after a final RCODE in place of it; `silent`: nothing at all."""
    wire = cluster()
    for rcode, aa, goes_on in outcomes:
        client = wire.ask("viewer", DNS)
        wire.reply(wire.ask("dns", FIRST), rcode=rcode, aa=aa)
        if goes_on:
            wire.exchange("dns", SECOND, *REAL)
            wire.reply(client, FIRST)
        elif not silent:
            wire.reply(client, rcode=told or rcode)
    return wire


BIND_LIKE = NextOnRcodes(next_on=("SERVFAIL",), seen=("SERVFAIL", "NXDOMAIN"))
AS_MEANT = (
    ("SERVFAIL", False, True),
    ("SERVFAIL", True, True),
    ("NXDOMAIN", False, False),
    ("NXDOMAIN", True, False),
)


@cases.passes(BIND_LIKE)
@cases.fails(
    NextOnRcodes(next_on=(), seen=("SERVFAIL",)), because="SERVFAIL with AA=0: the next server was"
)
@cases.fails(
    NextOnRcodes(next_on=("SERVFAIL", "NXDOMAIN"), seen=("NXDOMAIN",)),
    because="NXDOMAIN with AA=0: the next server was not asked",
)
@cases.fails(
    NextOnRcodes(next_on=("SERVFAIL",), seen=("SERVFAIL", "REFUSED")),
    because="REFUSED with AA=0 was never the first answer",
)
@cases.fails(NextOnRcodes(asker="tgp3", next_on=(), seen=("REFUSED",)), because="REFUSED with AA=0")
def as_the_profile_says() -> Wire:
    return by_rcode(*AS_MEANT)


@cases.fails(BIND_LIKE, because="SERVFAIL with AA=1: the next server was not asked")
def an_authoritative_error_is_believed() -> Wire:
    return by_rcode(("SERVFAIL", False, True), ("SERVFAIL", True, False), *AS_MEANT[2:])


@cases.fails(BIND_LIKE, because="SERVFAIL with AA=1 was never the first answer")
def never_authoritative() -> Wire:
    return by_rcode(AS_MEANT[0], *AS_MEANT[2:])


@cases.fails(BIND_LIKE, because="NXDOMAIN with AA=0: the client was told SERVFAIL")
def a_final_code_is_not_passed_on() -> Wire:
    return by_rcode(*AS_MEANT, told="SERVFAIL")


@cases.fails(BIND_LIKE, because="the client was told nothing")
def a_final_code_leaves_the_client_waiting() -> Wire:
    return by_rcode(*AS_MEANT, silent=True)


# --- DeadlineKept -----------------------------------------------------------------------------


def dead(*numbers: int, patience_s: float = 9) -> Wire:
    """For each number a client question with so many dead servers, two seconds each."""
    wire = cluster()
    for number in numbers:
        client = wire.ask("viewer", DNS)
        began_at = wire.now
        for server in REAL[:number]:
            wire.ask("dns", server)
            wire.elapse(2)
        if number < len(REAL):
            wire.exchange("dns", REAL[number], *REAL)
        if wire.now - began_at <= patience_s * 1000 * MS:
            wire.reply(client, FIRST)
    return wire


@cases.passes(DeadlineKept(dead=2), DeadlineKept(dead=1, deadline_s=3))
@cases.fails(DeadlineKept(dead=2, deadline_s=3), because="within 3.0 s with 2 dead servers")
@cases.fails(DeadlineKept(asker="tgp3", dead=0), because="tgp3 asked nobody upstream")
def up_to_two_dead() -> Wire:
    return dead(0, 1, 2)


@cases.passes(DeadlineKept(dead=2))
@cases.fails(DeadlineKept(dead=3), because="no response within 5.0 s with 3 dead servers (0 dead")
def three_dead_take_too_long() -> Wire:
    return dead(0, 1, 2, 3)


@cases.fails(DeadlineKept(dead=2), because="no client question met 1 dead server")
def one_dead_is_never_tried() -> Wire:
    return dead(0, 2)


@cases.fails(DeadlineKept(dead=1), because="within 5.0 s with 1 dead server")
def the_client_is_left_waiting() -> Wire:
    return dead(0, 1, patience_s=1)


@cases.fails(DeadlineKept(dead=1), because="within 5.0 s with 1 dead server")
def one_of_two_is_left_waiting() -> Wire:
    wire = dead(0, 1)
    wire.ask("viewer", DNS)
    wire.ask("dns", FIRST)
    wire.elapse(2)
    wire.exchange("dns", SECOND, *REAL)
    return wire


def test_the_largest_number_of_dead_servers_is_the_evidence():
    finding = DeadlineKept(dead=1).judge(dead(0, 1, 2, 3).timeline())
    assert "largest number of dead servers: 2 (0 dead: " in finding.evidence[0].text


# --- RecursionAfterForwarders -----------------------------------------------------------------

ROOT = THIRD
FALLS_BACK = RecursionAfterForwarders(forwarders=(FIRST, SECOND), timeout_s=1)


def iterative(name: str = "example") -> bytes:
    query = bytearray(query_bytes(name, "NS", 4711))
    query[2] &= 0xFE  # RD=0
    return bytes(query)


def falls_back(
    *forwarders: tuple[str, float],
    root_after_s: float = 2,
    query: bytes = iterative(),
    rcode: str | None = "NOERROR",
    then: str | None = None,
    wire: Wire | None = None,
) -> Wire:
    wire = wire or cluster()
    client = wire.ask("viewer", DNS)
    began_at = wire.now
    for server, after_s in forwarders:
        at(wire, began_at, after_s)
        wire.ask("dns", server)
    at(wire, began_at, root_after_s)
    wire.reply(wire.ask("dns", ROOT, payload=query), rcode="NXDOMAIN")
    if then is not None:
        wire.ask("dns", then)
    if rcode is not None:
        wire.reply(client, rcode=rcode)
    return wire


@cases.passes(FALLS_BACK)
@cases.fails(
    RecursionAfterForwarders(forwarders=(SECOND, FIRST), timeout_s=1),
    because=f"asked {FIRST}, then {SECOND}; expected {SECOND}, then {FIRST}",
)
@cases.fails(
    RecursionAfterForwarders(forwarders=(FIRST, SECOND), timeout_s=2),
    because="others were asked after 1000.00 ms",
)
@cases.fails(
    RecursionAfterForwarders(forwarders=REAL, timeout_s=1), because="asked nobody but forwarders"
)
@cases.fails(
    RecursionAfterForwarders(asker="tgp3", forwarders=REAL, timeout_s=1),
    because="tgp3 asked nobody but forwarders",
)
def recursion_is_last() -> Wire:
    return falls_back((FIRST, 0), (SECOND, 1))


@cases.fails(FALLS_BACK, because="others were asked after 500.00 ms")
def recursion_is_impatient_with_the_second_client() -> Wire:
    wire = recursion_is_last()
    wire.elapse(1)
    return falls_back((FIRST, 0), (SECOND, 1), root_after_s=1.5, wire=wire)


@cases.fails(FALLS_BACK, because="others were asked after 500.00 ms")
def recursion_is_impatient() -> Wire:
    return falls_back((FIRST, 0), (SECOND, 1), root_after_s=1.5)


@cases.fails(FALLS_BACK, because=f"asked {FIRST}, then {ROOT}; expected")
def a_forwarder_is_left_out() -> Wire:
    return falls_back((FIRST, 0), root_after_s=1)


@cases.fails(FALLS_BACK, because="a question with RD=1 went to others")
def recursion_that_asks_for_recursion() -> Wire:
    return falls_back((FIRST, 0), (SECOND, 1), query=query_bytes("example", "NS", 7))


@cases.fails(FALLS_BACK, because=f"{FIRST} was asked again")
def a_forwarder_is_tried_once_more() -> Wire:
    return falls_back((FIRST, 0), (SECOND, 1), then=FIRST)


@cases.fails(FALLS_BACK, because="the client was told SERVFAIL")
def recursion_fails_too() -> Wire:
    return falls_back((FIRST, 0), (SECOND, 1), rcode="SERVFAIL")


@cases.fails(FALLS_BACK, because="the client was told nothing")
def the_client_is_told_nothing() -> Wire:
    return falls_back((FIRST, 0), (SECOND, 1), rcode=None)


test_cases = cases.test()
