"""The judge on going on to the next server: when, why, and with what question."""

from __future__ import annotations

import pytest
from judging import Cases, cluster, lookup, tamper
from scapy.layers.inet import IP, UDP
from wire import DNS, MS, NAME, REAL, Question, Wire, query_bytes

from lab.judge.bounds import CLOCK_SLEW, EARLY_ALLOWANCE_NS, SCHEDULING_ALLOWANCE_NS
from lab.judge.checks import FreshIdentifiers, NextAskedAfterError, NextAskedAfterTimeout
from lab.judge.verdict import Outcome
from lab.worlds.world import Clock

cases = Cases()

AFTER_ONE_SECOND = NextAskedAfterTimeout(timeout_s=1.0)
REFUSED = NextAskedAfterError(error="REFUSED")
UNREACHABLE = NextAskedAfterError(error="unreachable")


class Turn:
    """dns asks one server after the other for one client; each question leaves when it is told."""

    def __init__(self, wire: Wire | None = None) -> None:
        self.wire = wire or cluster()
        self.client = self.wire.ask("viewer", DNS)
        self.began_at = self.wire.now

    def ask(self, server: str, after_ms: float | None = None, **how: object) -> Question:
        if after_ms is not None:
            self.wire.now = self.began_at + round(after_ms * MS)
        return self.wire.ask("dns", server, **how)  # type: ignore[arg-type]

    def told(self) -> Wire:
        self.wire.reply(self.client, REAL[0], aa=False)
        return self.wire


def silent_first(after_ms: float = 1000.0) -> Wire:
    turn = Turn()
    turn.ask(REAL[0], 0)
    turn.wire.reply(turn.ask(REAL[1], after_ms), *REAL)
    return turn.told()


# --- after a timeout --------------------------------------------------------------------------


@cases.passes(AFTER_ONE_SECOND, NextAskedAfterTimeout(timeout_s=1.0, name=NAME))
@cases.fails(
    NextAskedAfterTimeout(timeout_s=1.0, name="www.example.net"),
    NextAskedAfterError(error="REFUSED", name="www.example.net"),
    because="never went on to another server",
)
@cases.fails(
    NextAskedAfterTimeout(timeout_s=1.2),
    because="the next was asked after 1000.00 ms, expected 1",
)
@cases.fails(NextAskedAfterTimeout(timeout_s=0.6), because="the next was asked after 1000.00 ms")
@cases.fails(NextAskedAfterTimeout(asker="tgp1", timeout_s=1), because="tgp1 never went on")
@cases.fails(REFUSED, because="no REFUSED came from the first server")
@cases.fails(UNREACHABLE, because="no unreachable came from the first server")
def one_timeout_later() -> Wire:
    return silent_first()


@cases.passes(AFTER_ONE_SECOND, FreshIdentifiers())
def the_first_question_is_lost() -> Wire:
    turn = Turn()
    turn.ask(REAL[0], 0, lost=True)
    turn.wire.reply(turn.ask(REAL[1], 1000), *REAL)
    return turn.told()


@cases.fails(AFTER_ONE_SECOND, REFUSED, because="never went on to another server")
@cases.fails(FreshIdentifiers(), because="dns repeated no question")
def the_first_answers() -> Wire:
    wire = cluster()
    lookup(wire)
    return wire


@cases.fails(AFTER_ONE_SECOND, because="the first server was not silent")
@cases.passes(REFUSED)
def the_first_refuses() -> Wire:
    turn = Turn()
    turn.wire.reply(turn.ask(REAL[0], 0), rcode="REFUSED")
    turn.wire.reply(turn.ask(REAL[1]), *REAL)
    return turn.told()


@cases.fails(AFTER_ONE_SECOND, because=f"{REAL[0]}:53 was asked again")
def the_silent_one_is_asked_again() -> Wire:
    turn = Turn()
    turn.ask(REAL[0], 0)
    turn.ask(REAL[0], 1000)
    turn.wire.reply(turn.ask(REAL[1], 2000), *REAL)
    return turn.told()


@cases.passes(NextAskedAfterTimeout(timeout_s=1.0, later_timeout_s=1.5))
@cases.fails(
    NextAskedAfterTimeout(timeout_s=1.0, later_timeout_s=2.0),
    because="the next was asked after 1500.00 ms",
)
@cases.fails(AFTER_ONE_SECOND, because="the next was asked after 1500.00 ms")
def the_third_too_late() -> Wire:
    """The first turn was right, the second was not."""
    turn = Turn()
    turn.ask(REAL[0], 0)
    turn.ask(REAL[1], 1000)
    turn.wire.reply(turn.ask(REAL[2], 2500), *REAL)
    return turn.told()


@cases.passes(AFTER_ONE_SECOND)
def its_answer_comes_after_the_timeout() -> Wire:
    turn = Turn()
    late = turn.ask(REAL[0], 0)
    second = turn.ask(REAL[1], 1000)
    turn.wire.reply(late, *REAL)
    turn.wire.reply(second, *REAL)
    return turn.told()


@pytest.mark.parametrize(
    ("clock", "earliest", "latest"),
    [
        (Clock.VIRTUAL, 1000 * MS, 1000 * MS),
        (Clock.TIMETRAVEL, 980 * MS, 1021 * MS),
        (
            Clock.MEASURED,
            1000 * MS - round(1000 * MS * CLOCK_SLEW) - EARLY_ALLOWANCE_NS,
            1000 * MS + round(1000 * MS * CLOCK_SLEW) + SCHEDULING_ALLOWANCE_NS,
        ),
    ],
)
def test_a_timeout_is_kept_to_the_nanosecond(clock, earliest, latest):
    def outcome(gap_ns):
        return AFTER_ONE_SECOND.judge(silent_first(gap_ns / MS).timeline(clock)).outcome

    assert outcome(earliest) is Outcome.PASSED
    assert outcome(latest) is Outcome.PASSED
    assert outcome(earliest - 1) is Outcome.FAILED
    assert outcome(earliest - MS) is Outcome.FAILED
    assert outcome(latest + 1) is Outcome.FAILED


# --- after an error ---------------------------------------------------------------------------


def refused_first(after_ms: float = 0.0, **how: object) -> Wire:
    """The second is asked so long after the error arrived."""
    turn = Turn()
    turn.wire.reply(turn.ask(REAL[0], 0), rcode="REFUSED", **how)  # type: ignore[arg-type]
    arrived_at = turn.wire.records[-1].at
    turn.wire.now = arrived_at + round(after_ms * MS)
    turn.wire.reply(turn.ask(REAL[1]), *REAL)
    return turn.told()


@cases.passes(REFUSED, NextAskedAfterError(error="REFUSED", within_ms=1))
@cases.fails(NextAskedAfterError(error="SERVFAIL"), because="no SERVFAIL came from the first")
@cases.fails(UNREACHABLE, because="no unreachable came")
def at_once() -> Wire:
    return refused_first()


@cases.passes(REFUSED)
@cases.fails(
    NextAskedAfterError(error="REFUSED", within_ms=99.999),
    because="the next was asked 100.00 ms after the REFUSED",
)
def a_tenth_of_a_second() -> Wire:
    return refused_first(100)


@cases.fails(REFUSED, because="1000.00 ms after the REFUSED: timer-driven, not error-driven")
def only_when_the_timer_ran_out() -> Wire:
    return refused_first(1000)


@cases.fails(REFUSED, because="no REFUSED came from the first server")
def the_error_is_lost() -> Wire:
    return refused_first(lost=True)


@cases.fails(REFUSED, because="no REFUSED came from the first server")
def the_error_has_another_id() -> Wire:
    return refused_first(identifier=4711)


@cases.fails(REFUSED, because="before the REFUSED")
def the_error_comes_when_the_next_was_asked() -> Wire:
    turn = Turn()
    first = turn.ask(REAL[0], 0)
    second = turn.ask(REAL[1], 1000)
    turn.wire.reply(first, rcode="REFUSED")
    turn.wire.reply(second, *REAL)
    return turn.told()


@cases.fails(REFUSED, because=f"{REAL[0]}:53 was asked again")
def the_same_one_is_asked_again() -> Wire:
    turn = Turn()
    turn.wire.reply(turn.ask(REAL[0], 0), rcode="REFUSED")
    turn.wire.reply(turn.ask(REAL[0]), *REAL)
    return turn.told()


@cases.fails(REFUSED, because="the next was asked 500.")
def the_second_turn_is_slow() -> Wire:
    turn = Turn()
    turn.wire.reply(turn.ask(REAL[0], 0), rcode="REFUSED")
    turn.wire.reply(turn.ask(REAL[1]), rcode="REFUSED")
    turn.wire.elapse(0.5)
    turn.wire.reply(turn.ask(REAL[2]), *REAL)
    return turn.told()


def unreachable_first(*, to: str = "dns", reporter: str = "tgp1", **icmp: int) -> Wire:
    turn = Turn()
    turn.ask(REAL[0], 0)
    about = next(
        IP(record.network.raw)
        for record in reversed(turn.wire.records)
        if record.network.destination == REAL[0]
    )
    turn.wire.error(about, reporter, to, **icmp)
    turn.wire.reply(turn.ask(REAL[1]), *REAL)
    return turn.told()


@cases.passes(UNREACHABLE)
@cases.fails(AFTER_ONE_SECOND, because="the first server was not silent")
def the_port_is_closed() -> Wire:
    return unreachable_first()


@cases.passes(UNREACHABLE)
def the_router_says_the_host_is_unreachable() -> Wire:
    return unreachable_first(reporter="router", code=1)


@cases.fails(UNREACHABLE, because="no unreachable came from the first server")
def the_router_says_something_else() -> Wire:
    return unreachable_first(reporter="router", kind=11, code=0)


@cases.fails(UNREACHABLE, because="no unreachable came from the first server")
def the_router_says_the_packet_is_too_big() -> Wire:
    return unreachable_first(reporter="router", code=4)


@cases.fails(UNREACHABLE, because="no unreachable came from the first server")
def somebody_else_is_told() -> Wire:
    return unreachable_first(to="bystander")


# --- fresh identifiers ------------------------------------------------------------------------


def repeats(*more: dict[str, object], first: dict[str, object] | None = None) -> Wire:
    turn = Turn()
    turn.ask(REAL[0], 0, **(first or {}))
    for number, how in enumerate(more, start=1):
        turn.ask(REAL[number], 1000 * number, **how)
    return turn.told()


@cases.passes(FreshIdentifiers())
def another_id_and_port() -> Wire:
    return repeats({}, {})


@cases.fails(FreshIdentifiers(), because="the repeated question has the same ID 4711")
def the_same_id() -> Wire:
    return repeats({"identifier": 4711}, first={"identifier": 4711})


@cases.fails(FreshIdentifiers(), because="the repeated question has the same source port 4711")
def the_same_port() -> Wire:
    return repeats({"port": 4711}, first={"port": 4711})


@cases.fails(FreshIdentifiers(), because="the repeated question has the same ID 4711")
def the_third_question_has_the_first_ones_id() -> Wire:
    return repeats({}, {"identifier": 4711}, first={"identifier": 4711})


@cases.fails(FreshIdentifiers(), because="the repeated question has another RD bit")
def another_rd_bit() -> Wire:
    bare = bytearray(query_bytes(identifier=77))
    bare[2] &= 0xFE
    return repeats({"payload": bytes(bare)})


@cases.fails(FreshIdentifiers(), because="the repeated question has another question")
def another_class() -> Wire:
    chaos = query_bytes(identifier=77)[:-2] + b"\x00\x03"
    return repeats({"payload": chaos})


@cases.fails(FreshIdentifiers(), because="dns repeated no question")
def another_type_is_another_question() -> Wire:
    return repeats({"qtype": "AAAA"})


@cases.fails(FreshIdentifiers(), because="the repeated question has the same ID")
def the_second_client_question_is_repeated_badly() -> Wire:
    wire = repeats({}, {})
    turn = Turn(wire)
    turn.ask(REAL[0], 0, identifier=4711)
    turn.ask(REAL[1], 1000, identifier=4711)
    return turn.told()


test_cases = cases.test()


def test_the_port_that_counts_is_the_one_on_the_wire():
    """Frames decide: the same story with one port changed after the fact."""
    wire = repeats({}, {})

    def same_port(packet: IP) -> None:
        packet[UDP].sport = 4711

    for network in ("lan", "servers"):
        tamper(
            wire,
            same_port,
            network=network,
            where=lambda ip: ip.destination in REAL[:2],
        )
    assert FreshIdentifiers().judge(wire.timeline()).outcome is Outcome.FAILED
