"""Whether a scenario fits its topology: every node, seat and fault it names is there.

Checked before anything starts, so that a slip of the pen is told in a line and not by a world that
breaks half-way.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from lab.scenario.model import (
    Ask,
    Await,
    Connect,
    Datagram,
    Elapse,
    Forge,
    Halt,
    Misconfigure,
    Ping,
    Play,
    Repeat,
    Resume,
    Scenario,
    Step,
    Until,
)
from lab.topology.faults import FaultNotPossible, apply_fault
from lab.topology.plan import Plan
from lab.worlds.world import Capability


def misfits(scenario: Scenario, plan: Plan) -> Iterator[str]:
    """What the scenario names and its topology does not have; each with its place and remedy."""
    for place, need in enumerate(scenario.needs):
        known = [each.value for each in Capability]
        if need not in known:
            yield f"needs[{place}]: {_unknown('capability', need, known)}"
    yield from _steps(scenario.steps, plan, "steps")


def _steps(steps: Iterable[Step], plan: Plan, where: str) -> Iterator[str]:
    for place, step in enumerate(steps):
        here = f"{where}[{place}]"
        if isinstance(step, Misconfigure):
            try:
                plan = apply_fault(plan, step.fault)
            except FaultNotPossible as error:
                yield f"{here}: {step.fault.fault} has no place: {error}"
            continue
        missing = [each for each in _nodes(step) if each not in {node.name for node in plan.nodes}]
        for name in missing:
            unknown = _unknown("node", name, [node.name for node in plan.nodes])
            yield f"{here}: {plan.source} has {unknown}"
        if not missing:
            yield from (f"{here}: {problem}" for problem in _acting(step, plan))
        if isinstance(step, Repeat | Until):
            yield from _steps(step.steps, plan, f"{here}.steps")


def _nodes(step: Step) -> tuple[str, ...]:
    match step:
        case Forge():
            return (step.forger, step.victim)
        case Until():
            return (step.node, step.server) if step.server else (step.node,)
        case Ask() | Connect() | Ping() | Datagram() | Halt() | Resume() | Play():
            return (step.node,)
        case Await() | Elapse() | Repeat() | Misconfigure():
            return ()


def _acting(step: Step, plan: Plan) -> Iterator[str]:
    """What a node that is there lacks for what it is to do."""
    match step:
        case Ask():
            if (step.server or plan.node(step.node).asks) is None:
                yield f"{step.node} has no DNS server to ask; name one with server="
            if (step.name or plan.cluster_name) is None:
                yield f"{plan.source} has no cluster, so no name to ask for; say name="
        case Halt() | Resume() | Play():
            seats = [program.name for program in plan.node(step.node).programs]
            if step.program is not None and step.program not in seats:
                has = ", ".join(seats) or "none"
                yield f"{step.node} has no program {step.program!r}; it has {has}"


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    return f"no {kind} {name!r}; {hint}"
