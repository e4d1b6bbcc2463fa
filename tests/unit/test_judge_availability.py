"""The judge on servers that fail and return: handed out, gone within the bound, back within it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from judging import Cases, cluster, lookup, lookup_by_nat, nat
from wire import ALIAS, DNS, LINK_NS, MS, REAL, Wire

from lab.judge.bounds import (
    SCHEDULING_ALLOWANCE_NS,
    TRAVEL_PATH_ALLOWANCE_NS,
    VIRTUAL_PATH_ALLOWANCE_NS,
)
from lab.judge.checks import BackWithin, EveryMemberHandedOut, GoneWithin
from lab.judge.verdict import Outcome
from lab.topology.plan import PlannedProgram
from lab.worlds.world import Clock
from resolver.config import BalancerConfig

cases = Cases()

ALL = ("tgp1", "tgp2", "tgp3")
LIVING = REAL[:2]


# --- every member -----------------------------------------------------------------------------


def handed_out(*given: str) -> Wire:
    wire = cluster()
    for address in given:
        lookup(wire, address)
    return wire


@cases.passes(EveryMemberHandedOut(servers=ALL))
@cases.fails(EveryMemberHandedOut(servers=ALL[:2]), because=f"{REAL[2]} belongs to none of them")
@cases.fails(EveryMemberHandedOut(servers=ALL, asker="bystander"), because="bystander never asked")
@cases.fails(EveryMemberHandedOut(servers=(*ALL, "tgp9")), because="never handed out: tgp9")
def each_of_them() -> Wire:
    return handed_out(REAL[2], REAL[0], REAL[1], REAL[1])


@cases.fails(
    EveryMemberHandedOut(servers=ALL),
    because="never handed out: tgp2 (tgp1 2, tgp2 0, tgp3 1)",
)
def one_never() -> Wire:
    return handed_out(REAL[2], REAL[0], REAL[0])


@cases.fails(EveryMemberHandedOut(servers=ALL), because="192.0.2.1 belongs to none of them")
def somebody_else() -> Wire:
    return handed_out(*REAL, "192.0.2.1")


@cases.fails(EveryMemberHandedOut(servers=ALL), because="viewer got nothing")
def a_question_without_answer() -> Wire:
    wire = handed_out(*REAL)
    wire.ask("viewer", DNS)
    return wire


@cases.fails(EveryMemberHandedOut(servers=ALL), because="viewer got SERVFAIL without an address")
def a_question_answered_with_an_error() -> Wire:
    wire = handed_out(*REAL)
    wire.exchange("viewer", DNS, rcode="SERVFAIL")
    return wire


@cases.fails(EveryMemberHandedOut(servers=ALL), because=f"{REAL[0]} belongs to none of them")
def a_real_address_behind_nat() -> Wire:
    wire = nat()
    for address in (*ALIAS, REAL[0]):
        lookup_by_nat(wire, address)
    return wire


@cases.passes(EveryMemberHandedOut(servers=ALL))
def each_alias() -> Wire:
    wire = nat()
    for address in ALIAS:
        lookup_by_nat(wire, address)
    return wire


# --- gone -------------------------------------------------------------------------------------

GONE = GoneWithin(server="tgp3", bound_s=5.0)
BACK = BackWithin(server="tgp3", bound_s=5.0)


def halted(program: str | None = None, node: str = "tgp3") -> Wire:
    """Listed, then halted."""
    wire = cluster()
    lookup(wire)
    wire.mark("halted", f"{node} halts", node=node, program=program)
    return wire


def resumed(wire: Wire, program: str | None = None, node: str = "tgp3") -> Wire:
    wire.mark("resumed", f"{node} resumes", node=node, program=program)
    return wire


@cases.passes(GONE)
@cases.fails(GoneWithin(server="tgp3", bound_s=8.0), because="no answer came after the bound")
@cases.fails(GoneWithin(server="tgp1", bound_s=5.0), because="tgp1 was never halted")
@cases.fails(GoneWithin(server="tgp9", bound_s=5.0), because="tgp9 was never halted")
@cases.fails(
    GoneWithin(server="tgp3", bound_s=5.0, asker="bystander"), because="no answer came after"
)
@cases.fails(BACK, because="tgp3 was never resumed")
def gone_in_time() -> Wire:
    wire = halted()
    wire.mark("noted", "what is no return", node="tgp3", program=None)
    wire.elapse(1)
    lookup(wire)
    wire.elapse(5)
    lookup(wire, REAL[0], LIVING)
    wire.exchange("viewer", DNS, REAL[2], name="tgp3.example")
    return wire


@cases.fails(GONE, because="tgp3 was never halted")
def something_else_is_noted() -> Wire:
    wire = cluster()
    lookup(wire)
    wire.mark("noted", "what is no halt", node="tgp3", program=None)
    wire.elapse(6)
    lookup(wire, REAL[0], LIVING)
    return wire


@cases.passes(GONE)
def its_service_ends() -> Wire:
    wire = halted("service")
    wire.elapse(6)
    lookup(wire, REAL[0], LIVING)
    return wire


@cases.fails(GONE, because="tgp3 was never halted")
def only_its_dns_ends() -> Wire:
    wire = halted("balancer")
    wire.elapse(6)
    lookup(wire, REAL[0], LIVING)
    return wire


@cases.fails(GONE, because="tgp3 was still handed out 6000.")
def still_handed_out() -> Wire:
    wire = halted()
    wire.now += 6000 * MS
    lookup(wire)
    return wire


@cases.fails(GONE, because="tgp3 was still handed out")
def still_listed_although_another_is_given() -> Wire:
    """That the viewer got a living one was luck."""
    wire = halted()
    wire.elapse(6)
    lookup(wire, REAL[0], REAL)
    return wire


@cases.fails(GONE, because="stems from a list that names tgp3")
def kept_for_ever_although_another_is_given() -> Wire:
    wire = halted()
    wire.elapse(6)
    wire.exchange("viewer", DNS, REAL[0])
    return wire


@cases.fails(GONE, because="tgp3 was still handed out")
def handed_out_to_somebody_else() -> Wire:
    wire = gone_in_time()
    wire.exchange("bystander", DNS, REAL[2])
    return wire


@cases.fails(GONE, because="tgp3 was not listed before it was halted")
def never_listed() -> Wire:
    wire = cluster()
    lookup(wire, REAL[0], LIVING)
    wire.mark("halted", "tgp3 halts", node="tgp3", program=None)
    wire.elapse(6)
    lookup(wire, REAL[0], LIVING)
    return wire


@cases.fails(GONE, because="no answer came after the bound, so it proves nothing")
def nobody_asks_after_the_bound() -> Wire:
    wire = halted()
    wire.elapse(3)
    lookup(wire, REAL[0], LIVING)
    return wire


@cases.fails(GONE, because="no answer came after the bound, so it proves nothing")
def only_errors_after_the_bound() -> Wire:
    wire = halted()
    wire.elapse(6)
    wire.exchange("viewer", DNS, rcode="SERVFAIL")
    return wire


@cases.fails(GONE, because="no answer came after the bound, so it proves nothing")
@cases.fails(BACK, because="tgp3 was not seen to be gone before")
def back_before_the_bound() -> Wire:
    wire = halted()
    wire.elapse(3)
    resumed(wire)
    wire.elapse(3)
    lookup(wire)
    return wire


@cases.passes(GONE, BACK)
def gone_and_back() -> Wire:
    wire = gone_in_time()
    resumed(wire)
    wire.elapse(4)
    lookup(wire)
    return wire


@cases.fails(GONE, because="tgp3 was still handed out")
def another_program_of_it_returns() -> Wire:
    """Its DNS comes back, it does not: being handed out stays wrong."""
    wire = halted()
    wire.elapse(1)
    resumed(wire, "balancer")
    wire.elapse(6)
    lookup(wire)
    return wire


@cases.fails(GONE, because="tgp3 was still handed out")
def gone_in_time_once_but_not_again() -> Wire:
    wire = gone_and_back()
    wire.mark("halted", "tgp3 halts", node="tgp3", program=None)
    wire.elapse(6)
    lookup(wire)
    return wire


@cases.fails(GONE, because="was still handed out 6")
def halted_once_more_meanwhile() -> Wire:
    """The first halt counts, not the second."""
    wire = halted("service")
    wire.elapse(4)
    wire.mark("halted", "tgp3 halts", node="tgp3", program=None)
    wire.elapse(2)
    lookup(wire)
    wire.elapse(5)
    lookup(wire, REAL[0], LIVING)
    return wire


@cases.fails(GONE, because="was still handed out")
@cases.fails(BACK, because="tgp3 was never resumed")
def its_service_starts_but_it_has_no_power() -> Wire:
    wire = halted()
    wire.elapse(1)
    resumed(wire, "service")
    wire.elapse(6)
    lookup(wire)
    return wire


@cases.fails(GONE, because="tgp2 was not listed any more either")
def a_living_one_goes_with_it() -> Wire:
    wire = halted()
    wire.elapse(6)
    lookup(wire, REAL[0], REAL[:1])
    return wire


@cases.passes(GONE, BACK)
def a_living_one_is_missing_at_other_times() -> Wire:
    """Before the bound and after the return it is another rule's matter."""
    wire = cluster()
    lookup(wire, REAL[0], REAL[::2])
    wire.mark("halted", "tgp3 halts", node="tgp3", program=None)
    wire.elapse(1)
    lookup(wire, REAL[0], REAL[:1])
    wire.elapse(5)
    lookup(wire, REAL[0], LIVING)
    resumed(wire)
    wire.elapse(1)
    lookup(wire, REAL[0], REAL[::2])
    return wire


@cases.passes(GONE)
def two_are_halted() -> Wire:
    wire = halted()
    wire.mark("halted", "tgp2 halts", node="tgp2", program=None)
    wire.elapse(6)
    lookup(wire, REAL[0], REAL[:1])
    return wire


@cases.passes(GONE)
def answers_hold_one_address_only() -> Wire:
    """Then a living server may be left out."""

    def one_each(program: PlannedProgram) -> PlannedProgram:
        if not isinstance(program.config, BalancerConfig):
            return program
        return replace(program, config=replace(program.config, answers=1))

    wire = halted()
    nodes = (
        replace(node, programs=tuple(one_each(program) for program in node.programs))
        for node in wire.plan.nodes
    )
    wire.plan = replace(wire.plan, nodes=tuple(nodes))
    wire.elapse(6)
    lookup(wire, REAL[0], REAL[:1])
    return wire


# --- back -------------------------------------------------------------------------------------


@cases.fails(BACK, because="tgp3 was never handed out again")
@cases.passes(GONE)
def never_back() -> Wire:
    wire = resumed(gone_in_time())
    wire.elapse(1)
    lookup(wire, REAL[0], LIVING)
    return wire


@cases.fails(BACK, because="back after 6000.")
def back_too_late() -> Wire:
    wire = resumed(gone_in_time())
    wire.now += 6000 * MS
    lookup(wire)
    return wire


@cases.passes(BACK)
def back_on_the_list_while_another_is_given() -> Wire:
    wire = resumed(gone_in_time())
    lookup(wire, REAL[0])
    return wire


@cases.fails(BACK, because="tgp3 was not seen to be gone before")
def never_gone() -> Wire:
    wire = halted()
    wire.elapse(1)
    lookup(wire)
    resumed(wire)
    lookup(wire)
    return wire


@cases.fails(BACK, because="tgp3 was never resumed")
def resumed_before_it_was_halted() -> Wire:
    wire = cluster()
    resumed(wire)
    lookup(wire)
    wire.mark("halted", "tgp3 halts", node="tgp3", program=None)
    lookup(wire, REAL[0], LIVING)
    return wire


@cases.fails(BACK, because="tgp3 was never resumed")
def another_server_is_resumed() -> Wire:
    wire = resumed(gone_in_time(), node="tgp2")
    lookup(wire)
    return wire


@cases.fails(BACK, because="tgp3 was never handed out again")
def only_a_stranger_names_it_again() -> Wire:
    wire = resumed(gone_in_time())
    wire.exchange("viewer", "192.168.1.66", REAL[2], name="www.example.net")
    return wire


@cases.fails(BACK, because="tgp3 was not seen to be gone before")
def nobody_asks_while_it_is_gone() -> Wire:
    wire = halted()
    wire.elapse(1)
    resumed(wire)
    lookup(wire)
    return wire


@cases.fails(BACK, because="tgp3 was not seen to be gone before")
def off_the_list_before_it_was_halted() -> Wire:
    wire = cluster()
    lookup(wire, REAL[0], LIVING)
    wire.mark("halted", "tgp3 halts", node="tgp3", program=None)
    wire.elapse(1)
    resumed(wire)
    lookup(wire)
    return wire


@cases.fails(BACK, because="back after 6")
def back_in_time_once_but_not_again() -> Wire:
    wire = gone_and_back()
    wire.mark("halted", "tgp3 halts", node="tgp3", program=None)
    wire.elapse(6)
    lookup(wire, REAL[0], LIVING)
    resumed(wire)
    wire.elapse(6)
    lookup(wire)
    return wire


test_cases = cases.test()


# --- both clocks ------------------------------------------------------------------------------

ALLOWANCE = {
    Clock.VIRTUAL: VIRTUAL_PATH_ALLOWANCE_NS,
    Clock.TIMETRAVEL: TRAVEL_PATH_ALLOWANCE_NS,
    Clock.MEASURED: SCHEDULING_ALLOWANCE_NS,
}


@pytest.mark.parametrize("clock", list(Clock))
@pytest.mark.parametrize(("late_ns", "outcome"), [(0, Outcome.PASSED), (1, Outcome.FAILED)])
def test_gone_within_holds_to_the_nanosecond(clock, late_ns, outcome):
    wire = halted()
    halted_at = wire.now
    asked = wire.ask("viewer", DNS)
    wire.now = halted_at + 5000 * MS + ALLOWANCE[clock] + late_ns - LINK_NS
    wire.reply(asked, REAL[2])
    wire.elapse(1)
    lookup(wire, REAL[0], LIVING)
    assert GONE.judge(wire.timeline(clock)).outcome is outcome


@pytest.mark.parametrize("clock", list(Clock))
@pytest.mark.parametrize(("late_ns", "outcome"), [(0, Outcome.PASSED), (1, Outcome.FAILED)])
def test_back_within_holds_to_the_nanosecond(clock, late_ns, outcome):
    wire = resumed(gone_in_time())
    resumed_at = wire.now
    asked = wire.ask("viewer", DNS)
    wire.now = resumed_at + 5000 * MS + ALLOWANCE[clock] + late_ns - LINK_NS
    wire.reply(asked, REAL[2])
    assert BACK.judge(wire.timeline(clock)).outcome is outcome
