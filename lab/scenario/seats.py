"""Other people's servers in a scenario's seats: where they sit, and where they have no part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import TypeAlias

from lab.report.record import SubjectRecord
from lab.scenario.model import (
    Ask,
    AskMany,
    Flap,
    Halt,
    Impair,
    Misconfigure,
    Play,
    Repeat,
    Resume,
    Scenario,
    Step,
    Unplug,
    Until,
)
from lab.subjects.roster import SUBJECTS
from lab.subjects.seating import Roster, Seating, places, reseated, seated
from lab.subjects.subject import SEATS, CannotFill, FileRefused, SeatName
from lab.topology.plan import Plan, PlannedProgram, ProgramName

PATIENCE_S = 40.0
"""How long a question waits where somebody else's server sits in a seat. Makers give a question 10
to 30 s before the client is told SERVFAIL (RFC 8767 5); who says nothing for longer than that says
nothing to anybody, for no viewer waits so long."""

_USUAL_PATIENCE_S = 10.0
"""Who asks with less patience is meant to have less."""

_Seat: TypeAlias = tuple[str, ProgramName]


class InputRefused(Exception):
    """What the user gave cannot be used, which only a server could tell; the message names it."""


def subject_records(seating: Seating, roster: Roster = SUBJECTS) -> dict[SeatName, SubjectRecord]:
    """Who sits in which seat, as a run's record has it."""
    return {
        seat: SubjectRecord(
            name=name,
            title=roster[name].title,
            version=roster[name].version(),
            config=None if seat not in seating.configs else str(seating.configs[seat]),
        )
        for seat, name in seating.subjects.items()
    }


def filled(
    scenario: Scenario, meant: Plan, actual: Plan, seating: Seating, roster: Roster = SUBJECTS
) -> tuple[Plan, Plan]:
    """The plan as it is meant and as it runs, with their seats filled. Raises CannotFill, and
    InputRefused for a configuration that cannot be read or understood."""
    leave = scripted(scenario)
    try:
        filled_meant = seated(meant, seating, leave=leave, roster=roster)
        if actual == meant:
            return filled_meant, filled_meant
        _check_untouched(meant, actual, seating)
        return filled_meant, seated(actual, seating, leave=leave, roster=roster)
    except OSError as error:
        raise InputRefused(f"{error.filename}: {error.strerror}; it cannot be read") from error
    except FileRefused as error:
        raise InputRefused(str(error)) from error


def reconfigured(
    plan: Plan, node: str, program: PlannedProgram, seating: Seating, roster: Roster = SUBJECTS
) -> PlannedProgram:
    """A program whose configuration was changed, rendered again where a subject sits there. Raises
    CannotFill."""
    for seat in seating.configs:
        if program.daemon is not None and SEATS[seat] == program.name:
            raise CannotFill(_untouched(seat, seating))
    return reseated(plan, node, program, seating, roster)


def scripted(scenario: Scenario) -> frozenset[_Seat]:
    """The seats that scripted servers have from the beginning to the end."""
    setting_up = takewhile(
        lambda step: isinstance(step, Misconfigure | Play | Halt | Impair | Unplug), scenario.steps
    )
    played = {(step.node, step.program) for step in setting_up if isinstance(step, Play)}
    return frozenset(played - set(_resumed(scenario.steps)))


def absences(
    scenario: Scenario, plan: Plan, seating: Seating, roster: Roster = SUBJECTS
) -> dict[SeatName, str]:
    """The seats whose subject has no part in a scenario, and why, in a sentence."""
    taken = scripted(scenario)
    found: dict[SeatName, str] = {}
    for seat, name in seating.subjects.items():
        there = [(node.name, program.name) for node, program in places(plan, seat)]
        title = roster[name].title
        if not there:
            found[seat] = f"{title} has no part in it: {plan.source} has no {_SEAT_WORDS[seat]}"
        elif taken.issuperset(there):
            nodes = ", ".join(node for node, _ in there)
            found[seat] = (
                f"{title} has no part in it: a scripted server sits in the {SEATS[seat]} seat of "
                f"{nodes}"
            )
    return found


_SEAT_WORDS: dict[SeatName, str] = {
    "dns": "local DNS server that a viewer asks",
    "translator": "DNS translator",
    "balancer": "load balancer",
    "nat": "NAT translator",
}


def patient(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps, with questions that wait as long as any server takes."""
    return tuple(map(_patient, steps))


def _patient(step: Step) -> Step:
    match step:
        case Ask() | AskMany() if step.patience_s >= _USUAL_PATIENCE_S:
            return step.model_copy(update={"patience_s": max(step.patience_s, PATIENCE_S)})
        case Repeat() | Until():
            return step.model_copy(update={"steps": patient(step.steps)})
        case _:
            return step


def _resumed(steps: Iterable[Step]) -> Iterator[_Seat]:
    for step in steps:
        match step:
            case Resume(program=str(program)):
                yield step.node, program
            case Repeat() | Until():
                yield from _resumed(step.steps)
            case Flap():
                yield from _resumed((*step.breaking, *step.mending))


def _check_untouched(meant: Plan, actual: Plan, seating: Seating) -> None:
    """Raise CannotFill where a fault is in what the user's own file says."""
    for seat in seating.configs:
        before = [program.config for _, program in places(meant, seat)]
        if before != [program.config for _, program in places(actual, seat)]:
            raise CannotFill(_untouched(seat, seating))


def _untouched(seat: SeatName, seating: Seating) -> str:
    return (
        f"it changes the configuration in the seat {seat}, and {seating.configs[seat]} is taken as "
        "it is; leave --config away to see this"
    )
