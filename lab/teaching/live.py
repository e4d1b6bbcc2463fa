"""A scenario that runs now, walked as it goes.

It runs in a process of its own, as `forwardlab run` would have it. That process says which steps
are over and stand in the capture; pages are made here, from the capture.
"""

from __future__ import annotations

import pickle
import select
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, Protocol

from lab.observe.sighting import Mark
from lab.observe.timeline import Timeline
from lab.report.record import ScenarioRecord
from lab.scenario.model import Step
from lab.scenario.runner import BESIDES_STEPS_S
from lab.scenario.trial import Trial, WorldName, broken, run_trial
from lab.teaching.growing import records_so_far
from lab.teaching.pages import Course
from lab.topology.plan import Plan
from lab.worlds.attended import AttendedSimulatedWorld, AttendedWorld
from lab.worlds.child import IsolationFailed
from lab.worlds.world import Clock, World


def attended_world(name: WorldName, plan: Plan, folder: Path, seed: int) -> AttendedWorld:
    """As `make_world`, but a world that a person attends. Raises WorldUnavailable."""
    if name == "simulated":
        return AttendedSimulatedWorld(plan, out=folder, seed=seed)
    from lab.worlds.mininet_attended import AttendedMininetWorld
    from lab.worlds.obstacles import tun_obstacle
    from lab.worlds.world import WorldUnavailable

    if any(node.nat for node in plan.nodes) and (obstacle := tun_obstacle()) is not None:
        raise WorldUnavailable(obstacle)
    return AttendedMininetWorld(plan, out=folder, seed=seed)


class _Process(Protocol):
    """`Isolated` or `Forked`."""

    def fileno(self) -> int: ...

    def result(self, timeout_s: float | None = None) -> Any: ...

    def kill(self) -> None: ...


class _Attendant:
    """In the world's process: tells the walk before each step, and waits for it if it holds."""

    def __init__(self, walk: Connection, *, hold: bool) -> None:
        self._walk = walk
        self._hold = hold
        self._step = 0
        self._released = 0

    def make_world(self, name: WorldName, plan: Plan, folder: Path, seed: int) -> World:
        return attended_world(name, plan, folder, seed)

    def before_step(self, world: World, step: Step) -> None:
        del step
        attended: AttendedWorld = world  # type: ignore[assignment]  # we made it
        number, self._step = self._step, self._step + 1
        if not self._hold:
            # What a scenario measures must not depend on who watches: nothing is waited for.
            attended.once_written(lambda: self._walk.send(number))
            return
        attended.write_out()
        if number == 0:
            attended.attend(self._walk, self._hear)
        self._walk.send(number)
        attended.idle_until(lambda: self._released >= self._step)

    def _hear(self) -> None:
        self._walk.recv()
        self._released += 1


class LiveWalk:
    """A `Source` whose pages come while a trial runs."""

    def __init__(self, trial: Trial, *, hold: bool) -> None:
        self._hold = hold
        self._walk, far = Pipe()
        self._trial = replace(trial, attendant=_Attendant(far, hold=hold))
        self._running: Path = trial.folder / "capture.pcapng"
        self._released = 0
        """Steps that the reader has let happen."""
        self.is_over = False
        self.record: ScenarioRecord | None = None
        self.course = Course(trial.id, trial.scenario, trial.plan, trial.world, held=hold)
        trial.folder.mkdir(parents=True, exist_ok=True)
        self._process = self._start()
        far.close()

    def _start(self) -> _Process:
        trial = self._trial

        def function() -> bytes:
            return pickle.dumps(run_trial(trial))

        if trial.world == "mininet":
            from lab.worlds.isolation import Isolated

            return Isolated(function)
        from lab.worlds.forked import Forked

        return Forked(function)

    @property
    def asks(self) -> str:
        """What Enter does where the pages end."""
        held = self._hold and self._released < len(self.course.scenario.steps)
        return f"does step {self._released + 1}" if held and not self.is_over else ""

    def go_on(self) -> None:
        """Let the world do the step before which it waits, or will wait."""
        if self.asks:
            self._released += 1
            with suppress(BrokenPipeError):  # it is over: `take` will know why
                self._walk.send("go on")

    def watched(self) -> tuple[int, ...]:
        """Readable before each step, and at the end."""
        return self._walk.fileno(), self._process.fileno()

    def take(self) -> None:
        """Take word of a step, or the end with its record."""
        begun = 0
        with suppress(EOFError):
            while self._walk.poll():
                begun = self._walk.recv()
        if select.select([self._process.fileno()], [], [], 0)[0]:
            self._finish()
            return
        trial = self._trial
        records = records_so_far(self._running, trial.plan)
        done = sum(isinstance(each, Mark) and each.kind == "step" for each in records)
        if begun and done >= begun:  # else the capture was moved away: it ends this moment
            clock = Clock.VIRTUAL if trial.world == "simulated" else Clock.MEASURED
            timeline = Timeline.of(records, trial.plan, clock)
            self.course = replace(self.course, timeline=timeline, done=begun)

    def _finish(self) -> None:
        """The world's process has its record, or has died."""
        self.is_over = True
        trial = self._trial
        try:
            record = pickle.loads(self._process.result(BESIDES_STEPS_S))  # noqa: S301 - our own child
        except (IsolationFailed, TimeoutError) as error:
            record = broken(trial, str(error))
        self.record = record
        if record.capture is None:
            self.course = replace(self.course, record=record)
            return
        timeline = Timeline.read(trial.run_folder / record.capture, trial.plan, Clock(record.clock))
        self.course = replace(
            self.course, timeline=timeline, done=len(trial.scenario.steps), record=record
        )

    def end(self) -> None:
        """End the trial, if it still runs, and everything it started."""
        self._process.kill()
        self._walk.close()
