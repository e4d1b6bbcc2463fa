"""The judge on visits: when a viewer was connected or told an error, and by whose schedule."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from judging import Cases, cluster
from wire import ALIAS, BYSTANDER, DNS, NAME, REAL, Wire

from lab.judge.checks import VisitAsksInTurn, VisitConnects, VisitEnds, VisitFails
from lab.judge.checks.visiting import Trouble
from lab.observe.visit import VISIT, VISITED
from lab.viewer import dialling, lookup
from lab.viewer.visit import NOBODY_WAITS_LONGER
from lab.worlds.world import Clock

cases = Cases()

SECOND_DNS = BYSTANDER
"""The bystander's address is the viewer's second DNS server in these stories."""


def two_servers() -> Wire:
    wire = cluster()
    nodes = tuple(
        replace(node, asks=(DNS, SECOND_DNS)) if node.name == "viewer" else node
        for node in wire.plan.nodes
    )
    return Wire(replace(wire.plan, nodes=nodes))


def begins(wire: Wire, number: int = 1, profile: str = "glibc", node: str = "viewer") -> None:
    wire.mark(VISIT, "visits", number=number, node=node, profile=profile, name=NAME)


def ends(wire: Wire, number: int = 1, *, reason: str = "", outcome: str = "") -> None:
    said = outcome or ("error" if reason else "connected")
    wire.mark(VISITED, "ends", number=number, outcome=said, reason=reason, address="", banner="")


def ask_both_families(wire: Wire, server: str, *, lost: bool = True) -> None:
    for qtype in ("A", "AAAA"):
        wire.ask("viewer", server, qtype=qtype, lost=lost)


def answered(wire: Wire, server: str, *addresses: str) -> None:
    wire.exchange("viewer", server, *addresses)
    wire.exchange("viewer", server, qtype="AAAA")


# --- connected --------------------------------------------------------------------------------


@cases.passes(
    VisitConnects(within_s=0.1),
    VisitConnects(within_s=0.1, which=1, servers=("tgp3", "tgp1")),
    VisitEnds(),
    VisitEnds(within_s=0.1),
    VisitAsksInTurn(),
)
@cases.fails(VisitConnects(within_s=0.1, node="bystander"), because="bystander made no visit")
@cases.fails(VisitConnects(within_s=0.1, which=2), because="its visit 2 was to be judged")
@cases.fails(VisitConnects(within_s=9, after_s=5), because="that is before 5 s")
@cases.fails(
    VisitConnects(within_s=0.1, servers=("tgp1",)), because="it reached tgp3, expected tgp1"
)
@cases.fails(VisitFails(within_s=1), because="it was told no error")
def connected_at_once() -> Wire:
    wire = two_servers()
    begins(wire)
    answered(wire, DNS, REAL[2])
    wire.connect("viewer", REAL[2], banner="tgp3")
    ends(wire)
    return wire


@cases.passes(
    VisitConnects(within_s=5, after_s=5),
    VisitEnds(within_s=5),
    VisitAsksInTurn(),
)
@cases.fails(VisitConnects(within_s=4), because="that is after 4 s", clocks=(Clock.VIRTUAL,))
@cases.fails(VisitEnds(within_s=4), because="the bound is 4000.00 ms")
def connected_by_the_second_server() -> Wire:
    wire = two_servers()
    begins(wire)
    start = wire.now
    ask_both_families(wire, DNS)
    wire.now = start + 5_000_000_000
    answered(wire, SECOND_DNS, REAL[1])
    wire.connect("viewer", REAL[1], banner="tgp2")
    ends(wire)
    return wire


@cases.fails(VisitConnects(within_s=9), because="10.10.10.102 is tgp3; tgp3 answered and said tgp1")
def another_name_is_said() -> Wire:
    wire = two_servers()
    begins(wire)
    answered(wire, DNS, REAL[2])
    wire.connect("viewer", REAL[2], banner="tgp1")
    ends(wire)
    return wire


@cases.fails(VisitConnects(within_s=9), because="it says that it was, and no handshake was seen")
def no_handshake() -> Wire:
    wire = two_servers()
    begins(wire)
    answered(wire, DNS, REAL[2])
    wire.connect("viewer", REAL[2], silent=True)
    ends(wire)
    return wire


# --- errors -----------------------------------------------------------------------------------


@cases.passes(
    VisitFails(within_s=20, after_s=20),
    VisitFails(within_s=20, reason="temporary failure in name resolution"),
    VisitEnds(),
    VisitAsksInTurn(),
)
@cases.fails(VisitConnects(within_s=30), because="it was not connected")
@cases.fails(VisitFails(within_s=15), because="that is after 15 s")
@cases.fails(VisitFails(within_s=30, after_s=25), because="that is before 25 s")
@cases.fails(VisitFails(within_s=30, reason="no such name"), because="the error was not")
@cases.fails(VisitEnds(within_s=10), because="the bound is 10000.00 ms")
def both_silent() -> Wire:
    wire = two_servers()
    begins(wire)
    start = wire.now
    for turn, server in enumerate((DNS, SECOND_DNS, DNS, SECOND_DNS)):
        wire.now = start + turn * 5_000_000_000
        ask_both_families(wire, server)
    wire.now = start + 20_000_000_000
    ends(wire, reason="temporary failure in name resolution")
    return wire


@cases.fails(
    VisitEnds(),
    VisitConnects(within_s=9),
    VisitFails(within_s=9),
    because="viewer (glibc): unfinished after 2 questions",
)
@cases.fails(VisitEnds(), because="it never ended")
def never_ended() -> Wire:
    wire = two_servers()
    begins(wire)
    ask_both_families(wire, DNS)
    return wire


@cases.fails(VisitEnds(), because="the bound is 30000.00 ms")
def ended_beyond_the_profiles_bound() -> Wire:
    wire = two_servers()
    begins(wire)
    ask_both_families(wire, DNS)
    wire.elapse(31)
    ends(wire, reason="temporary failure in name resolution")
    return wire


@cases.passes(VisitEnds())
def dead_addresses_for_which_nobody_answered_arp() -> Wire:
    wire = two_servers()
    begins(wire, profile="one-shot")
    wire.exchange("viewer", DNS, REAL[0], REAL[1], REAL[2])
    wire.elapse(9.3)  # three times "host unreachable", and no SYN left
    ends(wire, reason=f"{REAL[2]}: no route to host")
    return wire


@cases.fails(VisitEnds(), because="nobody knows a stub resolver 'lynx'")
@cases.fails(VisitAsksInTurn(), because="nobody knows a stub resolver 'lynx'")
def an_unknown_profile() -> Wire:
    wire = two_servers()
    begins(wire, profile="lynx")
    ask_both_families(wire, DNS)
    ends(wire, reason="no such name")
    return wire


@cases.fails(VisitEnds(), VisitFails(within_s=9), because="no question of it was seen on the wire")
def only_others_were_seen() -> Wire:
    wire = two_servers()
    begins(wire)
    wire.exchange("bystander", DNS, REAL[0])
    ends(wire, reason="no such name")
    return wire


# --- turns ------------------------------------------------------------------------------------


@cases.fails(VisitAsksInTurn(), because="was asked after 3000.00 ms, out of turn")
def the_second_server_too_soon() -> Wire:
    wire = two_servers()
    begins(wire)
    start = wire.now
    ask_both_families(wire, DNS)
    wire.now = start + 3_000_000_000
    answered(wire, SECOND_DNS, REAL[0])
    ends(wire, reason="no such name")
    return wire


@cases.fails(VisitAsksInTurn(), because="out of turn")
def the_first_server_twice_in_a_row() -> Wire:
    wire = two_servers()
    begins(wire)
    start = wire.now
    ask_both_families(wire, DNS)
    wire.now = start + 5_000_000_000
    ask_both_families(wire, DNS)
    ends(wire, reason="no such name")
    return wire


@cases.fails(VisitAsksInTurn(), because="it asked nobody in turn 2")
def a_turn_left_out() -> Wire:
    wire = two_servers()
    begins(wire)
    start = wire.now
    ask_both_families(wire, DNS)
    wire.now = start + 10_000_000_000
    ask_both_families(wire, DNS)
    ends(wire, reason="no such name")
    return wire


@cases.fails(VisitAsksInTurn(), because="it asked nobody in turn 2")
def the_second_server_never() -> Wire:
    wire = two_servers()
    begins(wire)
    ask_both_families(wire, DNS)
    wire.elapse(20)
    ends(wire, reason="temporary failure in name resolution")
    return wire


@cases.fails(VisitAsksInTurn(), because="it asked nobody in turn 2")
def an_answer_that_came_long_after_the_second_turn_began() -> Wire:
    wire = two_servers()
    begins(wire)
    ask_both_families(wire, DNS)
    wire.elapse(9)
    wire.connect("viewer", REAL[0])
    ends(wire)
    return wire


@cases.fails(VisitAsksInTurn(), because="which is none of its servers")
def somebody_else_was_asked() -> Wire:
    wire = two_servers()
    begins(wire)
    ask_both_families(wire, ALIAS[0])
    ends(wire, reason="no such name")
    return wire


@cases.fails(VisitAsksInTurn(), because="it asked nothing over UDP")
def only_over_tcp() -> Wire:
    from wire import framed, query_bytes

    wire = two_servers()
    begins(wire)
    stream = wire.connect("viewer", DNS, port=53)
    stream.say(framed(query_bytes(NAME, "A", 7)))
    ends(wire, reason="no such name")
    return wire


@cases.passes(VisitAsksInTurn())
def a_rotating_stub_begins_with_the_second() -> Wire:
    wire = two_servers()
    begins(wire, profile="glibc-rotate")
    start = wire.now
    ask_both_families(wire, SECOND_DNS)
    wire.now = start + 5_000_000_000
    answered(wire, DNS, REAL[0])
    ends(wire, reason="no such name")
    return wire


test_the_judge_on_visits = cases.test()


def test_two_visits_are_told_apart():
    wire = connected_at_once()
    wire.elapse(1)
    begins(wire, 2, profile="musl")
    wire.exchange("viewer", DNS, REAL[0])
    wire.connect("viewer", REAL[0], banner="tgp1")
    ends(wire, 2)
    first, second = wire.timeline().visits
    assert (first.profile, first.reached) == ("glibc", "tgp3")
    assert (second.profile, second.reached) == ("musl", "tgp1")
    assert len(first.exchanges) == 2
    assert len(second.exchanges) == 1
    assert not set(first.frames) & set(second.frames)
    assert VisitConnects(within_s=1, which=2, servers=("tgp1",)).judge(wire.timeline()).evidence


def test_a_visit_without_an_end_has_no_times():
    (visit,) = never_ended().timeline().visits
    assert (visit.outcome, visit.ended_at) == ("unfinished", None)
    assert visit.time_to_connect_ns is None
    assert visit.time_to_error_ns is None
    assert visit.connected is None


@pytest.mark.parametrize("check", [VisitConnects, VisitFails])
def test_a_visit_is_counted_from_one(check):
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        check(within_s=1, which=0)


def test_every_trouble_of_a_viewer_can_be_judged():
    told = {dialling.TIMED_OUT, dialling.ENDED, NOBODY_WAITS_LONGER}
    told |= {lookup.NO_SUCH_NAME, lookup.NO_ADDRESS, lookup.TRY_AGAIN}
    assert told <= set(get_args(Trouble))
