"""Whom an expectation is about: the seats that its rules, its check and its scenario leave.

A cell must judge the subject that it names. So a seat counts only where it is on the path: it is
there, it is asked, and neither a script nor a fault made on purpose stands in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lab.judge.checks import Check
from lab.scenario.acts import Ask, AskMany, Visit
from lab.scenario.model import (
    Expectation,
    Play,
    Repeat,
    Scenario,
    SetNatOtherwise,
    Step,
    Until,
)
from lab.scenario.replay import Replay
from lab.subjects.rule_seats import RuleSeat, rule_seats
from lab.subjects.seating import places
from lab.subjects.subject import SEATS, SeatName, SubjectName
from lab.topology.plan import Plan

_NODE_FIELDS = ("server", "node", "asker")
_CLIENT = "viewer"
"""A check whose field means a client by default has it for the client, and else for the server that
is judged."""


def rules_about(
    expectation: Expectation, seat: RuleSeat, subject: SubjectName, scenario: Scenario, plan: Plan
) -> tuple[str, ...]:
    """Those rules of an expectation by which it judges this subject in this seat."""
    of_seat = tuple(rule for rule in expectation.rules if seat in rule_seats()[rule])
    if seat == "lab":
        return of_seat
    taken = nodes_taken(seat, subject, scenario, plan)
    if not of_seat or not taken:
        return ()
    judged, clients = _named(expectation.check, plan)
    if judged:
        return of_seat if judged & taken else ()
    # Who asks is judged by what it is told in no rule; another seat told it.
    return () if clients and clients <= taken else of_seat


def nodes_taken(
    seat: SeatName, subject: SubjectName, scenario: Scenario, plan: Plan
) -> frozenset[str]:
    """The nodes on the scenario's path where the subject has the seat; none where it is not on it.
    A translator that is set otherwise is no mistake, where nothing is meant to fail.

    Ours has it wherever our program of that kind runs.
    """
    mistakes = [fault for fault in scenario.faults if not isinstance(fault, SetNatOtherwise)]
    if scenario.violates or mistakes:
        return frozenset()
    program = SEATS[seat]
    there = (
        [node for node in plan.nodes if node.program(program) is not None]
        if subject == "ours"
        else [node for node, _ in places(plan, seat)]
    )
    steps = list(all_steps(scenario.steps))
    played = {step.node for step in steps if isinstance(step, Play) and step.program == program}
    nodes = {node.name: node for node in there if node.name not in played}
    if seat == "dns":
        asked = _asked(plan, steps)
        nodes = {name: node for name, node in nodes.items() if asked.intersection(node.addresses())}
    return frozenset(nodes)


def all_steps(steps: Iterable[Step]) -> Iterator[Step]:
    """Every step, also those that are repeated."""
    for step in steps:
        yield step
        if isinstance(step, Repeat | Until):
            yield from all_steps(step.steps)


def _asked(plan: Plan, steps: Iterable[Step]) -> set[str]:
    """The addresses that the steps' questions go to."""
    asked: set[str] = set()
    for step in steps:
        if isinstance(step, Ask | AskMany) and step.server is not None:
            asked.add(step.server)
        elif isinstance(step, Ask | AskMany | Visit):
            asked.update(plan.node(step.node).asks)
        elif isinstance(step, Replay):
            asked.update(address for node in plan.nodes for address in node.asks)
    return asked


def _named(check: Check, plan: Plan) -> tuple[frozenset[str], frozenset[str]]:
    """The servers of the plan that a check names as judged, and those it names as clients."""
    programs = set(SEATS.values())
    servers = {
        node.name for node in plan.nodes if any(each.name in programs for each in node.programs)
    }
    judged: set[str] = set()
    clients: set[str] = set()
    for name, field in type(check).model_fields.items():
        value = getattr(check, name)
        if name in _NODE_FIELDS and value in servers:
            (clients if field.default == _CLIENT else judged).add(value)
    return frozenset(judged), frozenset(clients)
