"""The trials of a matrix: each task in its world, as often as it takes."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from lab.matrix.concerns import all_steps
from lab.matrix.course import Course
from lab.matrix.folding import trial_record
from lab.matrix.record import NatRecord, TrialRecord
from lab.matrix.selection import WAITING, Column, Task
from lab.matrix.waiting import varies, wait_of
from lab.report.folder import RunFolder
from lab.report.record import ScenarioRecord
from lab.report.records import Records
from lab.scenario.model import Elapse, Scenario, SetNatOtherwise
from lab.scenario.runner import Progress, run_trials
from lab.scenario.session import WORKERS_PER_CORE, preload
from lab.scenario.trial import Trial, WorldName
from lab.subjects.behaviour import Deviation, behaviour_of
from lab.subjects.seating import Seating
from lab.topology.plan import Plan

_Crowd: TypeAlias = tuple[Column | None, str]
"""Who is judged by how long the viewers of a failure wait, and the failure."""
WorldAsked = Literal["auto", "mininet", "timetravel"]

LONG_WAITS: Final = "long waits"
_MININET_PER_CORE: Final = 6
"""More than for a run of ours: most servers are waited for until they give up, or never answer."""
REAL_TIME_S: Final = 60.0
"""So long a scenario that needs virtual time is waited for in real time; hours are not."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a task."""

    trial: TrialRecord
    runs: Records


@dataclass(frozen=True, slots=True)
class Laboratory:
    """Where and how the trials run."""

    scenarios: Mapping[str, Scenario]
    plans: Mapping[str, Plan]
    """By topology."""
    folder: RunFolder
    world: WorldAsked
    can_travel: bool
    """Whether this host has the kernel with virtual time."""
    seed: int
    workers: int | None
    """Trials at a time; None: as many as each world can well take."""
    waiting_runs: int
    """How often each scenario of the waiting table runs."""
    drawn_waiting_runs: int
    """The same for a server that draws whom it asks, where one of the viewers did not get the same
    each time."""

    def run(self, tasks: Sequence[Task], progress: Progress) -> list[Ran]:
        """Run every task, and those that judge something drawn so often that chance is no excuse;
        what came of them in the same order. What a busy host was too late for runs anew, where
        nothing is drawn in virtual time, which no host is too busy for."""
        courses = [self._course(task) for task in tasks]
        under_way: dict[Path, Course] = {}
        crowds: dict[_Crowd, list[Course]] = {}
        for course in courses:
            if _waits(course.task) and _draws(course.task):
                crowds.setdefault(_crowd(course.task), []).append(course)

        def started(course: Course, repetitions: Iterable[int]) -> list[Trial]:
            trials = [self._trial(course.task, course.world, each) for each in repetitions]
            under_way.update({trial.capture: course for trial in trials})
            return trials

        def ended(trial: Trial, record: ScenarioRecord) -> list[Trial]:
            course = under_way.pop(trial.capture)
            if not course.takes(trial.repetition, record):
                _forget(trial)
            if course.is_under_way:
                return []
            if course.was_late:
                course.world = self._world_after_lateness(course)
            following = started(course, course.begin(course.wanted()))
            crowd = crowds.get(_crowd(course.task), [])
            if following or not self._waits_vary(crowd):
                return following
            del crowds[_crowd(course.task)]
            return [
                trial
                for each in crowd
                for trial in started(each, each.begin(each.up_to(self.drawn_waiting_runs)))
            ]

        trials = [
            trial
            for course in courses
            for trial in started(course, course.begin(range(1, course.at_first + 1)))
        ]
        # At the end nobody shall wait for one task alone: first come those that may want many runs
        # one after the other, then the longest. All subjects have their turn with each scenario:
        # those of a server that is waited for would leave the processors idle together. And not all
        # of one task at a time: what is slow for a while slows all.
        trials.sort(
            key=lambda trial: (
                not self._drawn(under_way[trial.capture].task),
                -lasts_s(trial.scenario),
                trial.repetition,
                trial.id,
            )
        )
        worlds = sorted({course.world for course in courses})
        for world in worlds:
            preload(world)
        workers = {world: self._workers(world) for world in (*worlds, "timetravel")}
        run_trials(trials, workers=workers, progress=progress, ended=ended)
        return [
            Ran(
                trial_record(course.task, course.world, course.runs, self._nat(course.task)),
                course.runs,
            )
            for course in courses
        ]

    def _course(self, task: Task) -> Course:
        world = self._world(task)
        return Course(task, world, self._runs_at_first(task, world))

    def _world_after_lateness(self, course: Course) -> WorldName:
        # What is drawn is drawn otherwise where nothing takes time.
        drawn = bool(self._drawn(course.task))
        travels = self.can_travel and self.world == "auto" and course.task.kind == "seat"
        return "timetravel" if travels and not drawn else course.world

    def _nat(self, task: Task) -> NatRecord | None:
        if task.kind == "lab" or task.seat not in {"", "nat"}:
            return None
        scenario = self.scenarios[task.scenario]
        return nat_record(scenario, self.plans[scenario.topology])

    def _workers(self, world: WorldName) -> int:
        return self.workers or default_workers(world)

    def _runs_at_first(self, task: Task, world: WorldName) -> int:
        if not _waits(task):
            return 1
        # In virtual time one run is as good as three where nothing is drawn.
        return self.waiting_runs if world == "mininet" or _draws(task) else 1

    def _waits_vary(self, crowd: Sequence[Course]) -> bool:
        """Whether all viewers of a failure have had their runs, and one of them did not get the
        same each time."""
        return not any(course.is_under_way for course in crowd) and any(
            varies(wait_of(course.task.subject, 0, course.runs)) for course in crowd
        )

    def _drawn(self, task: Task) -> list[Deviation]:
        """The breaches by drawing that are listed for it."""
        behaviour = behaviour_of(task.subject)
        expectations = self.scenarios[task.scenario].expectations
        return [
            listing
            for listing in (behaviour.deviations if behaviour is not None else ())
            if listing.is_drawn
            and listing.seat == task.seat
            and any(listing.covers(task.scenario, one.text, one.rules) for one in expectations)
        ]

    def _world(self, task: Task) -> WorldName:
        if task.kind == "lab":
            return "simulated"
        if self.world == "auto":
            travels = self._is_long(task) or task.scenario.startswith(WAITING)
            return "timetravel" if travels and self.can_travel else "mininet"
        return self.world

    def _is_long(self, task: Task) -> bool:
        return LONG_WAITS in self.scenarios[task.scenario].needs

    def _trial(self, task: Task, world: WorldName, repetition: int) -> Trial:
        scenario = self.scenarios[task.scenario]
        if world == "mininet" and self._is_long(task) and lasts_s(scenario) <= REAL_TIME_S:
            needs = tuple(need for need in scenario.needs if need != LONG_WAITS)
            scenario = scenario.model_copy(update={"needs": needs})
        place = f"{task.folder}/{task.scenario}"
        return Trial(
            id=task.scenario,
            scenario=scenario,
            plan=self.plans[scenario.topology],
            world=world,
            seed=self.seed,
            folder=self.folder.scenario_folder(place, repetition),
            capture=self.folder.capture_path(place, repetition),
            run_folder=self.folder.path,
            reproduce=self._reproduce(task, world),
            repetition=repetition,
            seating=seating_of(task),
        )

    def _reproduce(self, task: Task, world: WorldName) -> str:
        words = ("forwardlab", "run", task.scenario, *seating_of(task).words())
        return f"{shlex.join(words)} --world {world} --seed {self.seed}"


def default_workers(world: WorldName) -> int:
    """How many trials of a matrix run at a time in a world."""
    each = _MININET_PER_CORE if world == "mininet" else WORKERS_PER_CORE[world]
    return each * (os.cpu_count() or 1)


def _crowd(task: Task) -> _Crowd:
    return task.column, task.scenario.partition("@")[0]


def _waits(task: Task) -> bool:
    return task.scenario.startswith(WAITING) and task.kind != "lab"


def _draws(task: Task) -> bool:
    behaviour = behaviour_of(task.subject)
    return behaviour is not None and behaviour.draws


def seating_of(task: Task) -> Seating:
    """Who sits where for a task."""
    if task.column is None or task.column.seat == "lab":
        return Seating()
    return Seating({task.column.seat: task.column.subject})


def nat_record(scenario: Scenario, plan: Plan) -> NatRecord | None:
    """How the scenario's NAT translator is set; None where it has none."""
    translators = [node for node in plan.nodes if node.program("nat") is not None]
    if not translators:
        return None
    words = [
        f"{name} {value}"
        for fault in scenario.faults
        if isinstance(fault, SetNatOtherwise)
        for name, value in fault.model_dump(exclude={"fault"}, exclude_none=True).items()
    ]
    shares = any(node.napt is not None for node in translators)
    return NatRecord(way="shared address" if shares else "static table", otherwise=", ".join(words))


def lasts_s(scenario: Scenario) -> float:
    """How long its steps let time pass at least, s."""
    return sum(step.seconds for step in all_steps(scenario.steps) if isinstance(step, Elapse))


def _forget(trial: Trial) -> None:
    """Leave nothing of a trial to be taken for another one's."""
    shutil.rmtree(trial.folder, ignore_errors=True)
    trial.capture.unlink(missing_ok=True)
