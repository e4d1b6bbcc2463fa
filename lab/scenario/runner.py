"""The runner: every trial in a process of its own, several at once.

Scenarios mostly wait, so more of them run than there are cores. The runner owns the processes: when
it ends, however it ends, they end with it. A trial whose process is killed, or never ends, is
BROKEN; the others go on.
"""

from __future__ import annotations

import os
import pickle
import select
import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeAlias

from lab.report.record import ScenarioRecord
from lab.report.records import PackedRecord, Records, pack
from lab.scenario.description import longest_s
from lab.scenario.guests import TrialGuests
from lab.scenario.lateness import was_late
from lab.scenario.seats import InputRefused
from lab.scenario.trial import Trial, WorldName, broken, run_trial
from lab.worlds.child import IsolationFailed, interrupts_held, interrupts_let_in
from lab.worlds.world import World
from resolver.machine import SECOND

_TICK_S = 0.1
"""How often the progress display is refreshed while nothing happens."""

BESIDES_STEPS_S = 120.0
"""How long a trial may take besides its steps, on however busy a machine: the start of the world,
the judging, the end. What takes longer hangs."""

Workers: TypeAlias = int | Mapping[WorldName, int]
"""How many trials run at a time: of all worlds together, or of each."""

Ended: TypeAlias = Callable[[Trial, ScenarioRecord], Iterable[Trial]]
"""Told of a trial that has ended; gives the trials that follow from what came of it."""

_AN_HOUR = 3600 * SECOND
_A_DAY_S = 24 * 3600.0


class Progress(Protocol):
    """Who is told how the run goes."""

    def scenario_started(self, identifier: str) -> None:
        """A trial has begun."""

    def scenario_finished(self, record: ScenarioRecord) -> None:
        """A trial has ended."""

    def tick(self) -> None:
        """Time passes."""


class _Process(Protocol):
    """A function in a process: `Isolated` for Mininet, `Forked` for virtual time, `GuestCall` for
    time travel."""

    def fileno(self) -> int: ...

    def result(self, timeout_s: float | None = None) -> Any: ...

    def kill(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """A failed world that was left standing."""

    record: ScenarioRecord
    entrances: tuple[str, ...]
    """Commands that enter its nodes."""


@dataclass(slots=True)
class _Running:
    trial: Trial
    process: _Process
    standing_pipe: int | None
    """Readable when the world has failed and stays."""
    limit_s: float
    began: float
    """On the monotonic clock, s."""

    @property
    def overdue_at(self) -> float:
        """On the monotonic clock, s: what runs still then hangs."""
        return self.began + self.limit_s


@dataclass(frozen=True, slots=True)
class _Queue:
    """Trials yet to be run, each with its place among all."""

    fresh: deque[tuple[int, Trial]]
    again: deque[tuple[int, Trial]]
    """Those that a busy host was too late for: they come last, and alone."""

    @property
    def length(self) -> int:
        return len(self.fresh) + len(self.again)

    def add(self, following: Iterable[Trial], after: ScenarioRecord, place: int) -> int:
        """Put in what follows from a trial, from this place on; the place after. It runs before
        what waits, so that nobody waits for it alone at the end; after a busy host was too late
        for one, last."""
        placed = list(enumerate(following, place))
        if was_late(after):
            self.fresh.extend(placed)
        else:
            self.fresh.extendleft(reversed(placed))
        return place + len(placed)

    def take(self, running: Counter[WorldName], workers: Workers) -> tuple[int, Trial] | None:
        """The next one that may start beside those that run; None when it has to wait. Guests in
        time travel compute all the time: they start when nothing else waits to, for beside each
        other both would take half as long again."""
        others_wait = any(trial.world != "timetravel" for _, trial in self.fresh)
        for index, (_, trial) in enumerate(self.fresh):
            if trial.world == "timetravel" and others_wait:
                continue
            if _has_room(trial.world, running, workers):
                following = self.fresh[index]
                del self.fresh[index]
                return following
        if self.fresh or running.total():
            return None
        return self.again.popleft() if self.again else None


def _has_room(world: WorldName, running: Counter[WorldName], workers: Workers) -> bool:
    if isinstance(workers, int):
        return running.total() < workers
    return running[world] < workers[world]


def run_trials(
    trials: Iterable[Trial],
    *,
    workers: Workers,
    progress: Progress,
    keep_on_failure: bool = False,
    ended: Ended | None = None,
) -> tuple[Records, list[Standing], Callable[[], None]]:
    """Run all trials, at most `workers` at once. One that a busy host was too late for is run once
    more when all others are over, alone; its record says so. With `ended` that is what it makes of
    it, as of every record; none is returned then.

    Returns their records in the order of the trials, the worlds left standing, and a function that
    takes these down. An exception (an interrupt too, and InputRefused) takes everything down before
    it leaves.
    """
    queue = _Queue(deque(enumerate(trials)), deque())
    places = len(queue.fresh)
    running: dict[int, _Running] = {}
    records: dict[int, PackedRecord] = {}
    standing: list[Standing] = []
    kept: list[_Process] = []
    guests = TrialGuests()

    def take_down() -> None:
        for process in (*kept, *(each.process for each in running.values())):
            process.kill()
        guests.close()

    # An interrupt comes while `_wait` waits, so that no process is ever half started.
    with interrupts_held():
        try:
            while queue.length or running:
                while (
                    following := queue.take(
                        Counter(r.trial.world for r in running.values()), workers
                    )
                ) is not None:
                    place, trial = following
                    progress.scenario_started(trial.id)
                    running[place] = _start(trial, guests, keep_on_failure=keep_on_failure)
                for place in _wait(running):
                    each = running.pop(place)
                    left = _left_standing(each)
                    if left is not None:
                        standing.append(left)
                        kept.append(each.process)
                    record = left.record if left is not None else _collect(each)
                    if ended is not None:
                        places = queue.add(ended(each.trial, record), record, places)
                    elif was_late(record) and not each.trial.retried:
                        queue.again.append((place, _once_more(each.trial, record)))
                        continue
                    else:
                        records[place] = pack(record)
                    progress.scenario_finished(record)
                progress.tick()
        except BaseException:
            take_down()
            raise
    guests.close()
    return Records.of(records[place] for place in sorted(records)), standing, take_down


def _once_more(trial: Trial, late: ScenarioRecord) -> Trial:
    """The trial as it runs again; nothing of the late one is left to be taken for its own."""
    shutil.rmtree(trial.folder, ignore_errors=True)
    trial.capture.unlink(missing_ok=True)
    return replace(trial, retried=late.reason)


def _told(
    trial: Trial, keep_standing: Callable[[World, ScenarioRecord], None] | None
) -> ScenarioRecord | InputRefused:
    """In the trial's process: what comes of it, as the runner is told."""
    try:
        return run_trial(trial, keep_standing)
    except InputRefused as refusal:
        return refusal


def _start(trial: Trial, guests: TrialGuests, *, keep_on_failure: bool) -> _Running:
    trial.folder.mkdir(parents=True, exist_ok=True)
    reader = writer = None
    if keep_on_failure and trial.world == "mininet":
        reader, writer = os.pipe2(os.O_CLOEXEC)

    def keep_standing(world: World, record: ScenarioRecord) -> None:
        # A duplicate, so that closing it here is this function's own affair.
        with os.fdopen(os.dup(writer or -1), "wb") as pipe:
            pickle.dump(Standing(record, world.entrances()), pipe)
        while True:
            world.run_until(lambda: False, world.now() + _AN_HOUR)

    function = partial(_told, trial, keep_standing if writer is not None else None)
    limit_s = longest_s(trial.steps) + BESIDES_STEPS_S
    process: _Process
    if trial.world == "timetravel":
        process = guests.call(trial, partial(_told, trial, None), limit_s)
        limit_s = _A_DAY_S  # whoever keeps the guest looks after it
    elif trial.world == "mininet":
        from lab.worlds.isolation import Isolated

        process = Isolated(function)
    else:
        from lab.worlds.forked import Forked

        process = Forked(function)
    if writer is not None:
        os.close(writer)
    return _Running(trial, process, reader, limit_s, time.monotonic())


def _wait(running: dict[int, _Running]) -> list[int]:
    """Wait for a tick or until something has ended or stands; return the places of these, and of
    what hangs."""
    descriptors: dict[int, int] = {}
    for place, each in running.items():
        descriptors[each.process.fileno()] = place
        if each.standing_pipe is not None:
            descriptors[each.standing_pipe] = place
    with interrupts_let_in():
        readable = select.select(list(descriptors), [], [], _TICK_S)[0]
    now = time.monotonic()
    overdue = {place for place, each in running.items() if each.overdue_at <= now}
    return sorted({descriptors[descriptor] for descriptor in readable} | overdue)


def _left_standing(each: _Running) -> Standing | None:
    if each.standing_pipe is None:
        return None
    with os.fdopen(each.standing_pipe, "rb") as pipe:
        if not select.select([pipe], [], [], 0)[0]:
            return None
        try:
            standing: Standing = pickle.load(pipe)  # noqa: S301 - our own child wrote it
        except (EOFError, pickle.UnpicklingError):
            return None  # it ended without standing, or was killed before it had said all
    return standing


def _collect(each: _Running) -> ScenarioRecord:
    try:
        left_s = max(0.0, each.overdue_at - time.monotonic())
        told: ScenarioRecord | InputRefused = each.process.result(left_s)
    except IsolationFailed as error:
        return broken(each.trial, str(error))
    except TimeoutError:
        return broken(
            each.trial,
            f"it did not end within {each.limit_s:.0f} s and was killed: a bug of the lab",
        )
    finally:
        each.process.kill()
    if isinstance(told, InputRefused):
        raise told
    if each.trial.world == "timetravel":
        # It knows of virtual time only.
        told = told.model_copy(update={"wall_s": time.monotonic() - each.began})
    return told
