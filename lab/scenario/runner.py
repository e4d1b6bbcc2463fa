"""The runner: every trial in a process of its own, several at once.

Scenarios mostly wait, so more of them run than there are cores. The runner owns the processes: when
it ends, however it ends, they end with it. A trial whose process is killed is BROKEN; the others go
on.
"""

from __future__ import annotations

import os
import pickle
import select
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from lab.report.record import ScenarioRecord
from lab.scenario.trial import Trial, broken, run_trial
from lab.worlds.world import World

_TICK_S = 0.1
"""How often the progress display is refreshed while nothing happens."""


class Progress(Protocol):
    """Who is told how the run goes."""

    def scenario_started(self, identifier: str) -> None:
        """A trial has begun."""

    def scenario_finished(self, record: ScenarioRecord) -> None:
        """A trial has ended."""

    def tick(self) -> None:
        """Time passes."""


class _Process(Protocol):
    """A function in a process: `Isolated` for Mininet, `Forked` for virtual time."""

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


def run_trials(
    trials: Iterable[Trial], *, workers: int, progress: Progress, keep_on_failure: bool = False
) -> tuple[list[ScenarioRecord], list[Standing], Callable[[], None]]:
    """Run all trials, at most `workers` at once.

    Returns their records in the order of the trials, the worlds left standing, and a function that
    takes these down. An exception (an interrupt too) takes everything down before it leaves.
    """
    waiting = deque(enumerate(trials))
    running: dict[int, _Running] = {}
    records: dict[int, ScenarioRecord] = {}
    standing: list[Standing] = []
    kept: list[_Process] = []

    def take_down() -> None:
        for process in (*kept, *(each.process for each in running.values())):
            process.kill()

    try:
        while waiting or running:
            while waiting and len(running) < workers:
                place, trial = waiting.popleft()
                progress.scenario_started(trial.id)
                running[place] = _start(trial, keep_on_failure=keep_on_failure)
            for place in _wait(running):
                each = running.pop(place)
                left = _left_standing(each)
                if left is not None:
                    standing.append(left)
                    kept.append(each.process)
                    records[place] = left.record
                else:
                    records[place] = _collect(each)
                progress.scenario_finished(records[place])
            progress.tick()
    except BaseException:
        take_down()
        raise
    return [records[place] for place in sorted(records)], standing, take_down


def _start(trial: Trial, *, keep_on_failure: bool) -> _Running:
    trial.folder.mkdir(parents=True, exist_ok=True)
    reader = writer = None
    if keep_on_failure and trial.world == "mininet":
        reader, writer = os.pipe2(os.O_CLOEXEC)

    def keep_standing(world: World, record: ScenarioRecord) -> None:
        # A duplicate, so that closing it here is this function's own affair.
        with os.fdopen(os.dup(writer or -1), "wb") as pipe:
            pickle.dump(Standing(record, world.entrances()), pipe)
        world.run_until(lambda: False, 1 << 62)

    def function() -> bytes:
        record = run_trial(trial, keep_standing if writer is not None else None)
        return pickle.dumps(record)

    process: _Process
    if trial.world == "mininet":
        from lab.worlds.isolation import Isolated

        process = Isolated(function)
    else:
        from lab.worlds.forked import Forked

        process = Forked(function)
    if writer is not None:
        os.close(writer)
    return _Running(trial, process, reader)


def _wait(running: dict[int, _Running]) -> list[int]:
    """Wait for a tick or until something has ended or stands; return the places of these."""
    descriptors: dict[int, int] = {}
    for place, each in running.items():
        descriptors[each.process.fileno()] = place
        if each.standing_pipe is not None:
            descriptors[each.standing_pipe] = place
    readable = select.select(list(descriptors), [], [], _TICK_S)[0]
    return sorted({descriptors[descriptor] for descriptor in readable})


def _left_standing(each: _Running) -> Standing | None:
    if each.standing_pipe is None:
        return None
    with os.fdopen(each.standing_pipe, "rb") as pipe:
        if not select.select([pipe], [], [], 0)[0]:
            return None
        try:
            standing: Standing = pickle.load(pipe)  # noqa: S301 - our own child wrote it
        except EOFError:
            return None
    return standing


def _collect(each: _Running) -> ScenarioRecord:
    from lab.worlds.isolation import IsolationFailed

    try:
        record: ScenarioRecord = pickle.loads(each.process.result())  # noqa: S301 - our own child
    except IsolationFailed as error:
        return broken(each.trial, str(error))
    finally:
        each.process.kill()
    return record
