"""The course of a task of a matrix: which runs it has had, and which it still wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from lab.matrix.folding import runs_wanted
from lab.matrix.selection import Task
from lab.report.record import ScenarioRecord
from lab.report.records import PackedRecord, Records, pack
from lab.scenario.lateness import was_late
from lab.scenario.trial import WorldName

_ATTEMPTS: Final = 3
"""So often a busy host may be too late for a trial before that is what is told."""


@dataclass(slots=True)
class Course:
    """How far a task has come."""

    task: Task
    world: WorldName
    at_first: int
    """So many runs are wanted before any has told something."""
    _kept: dict[int, PackedRecord] = field(default_factory=dict)
    """By repetition."""
    _under_way: set[int] = field(default_factory=set)
    _late: list[int] = field(default_factory=list)
    _attempts: int = 1

    @property
    def runs(self) -> Records:
        """What came of it, in the order of the repetitions, in whichever they ended."""
        return Records.of(self._kept[repetition] for repetition in sorted(self._kept))

    @property
    def is_under_way(self) -> bool:
        """Whether a run of it has not ended."""
        return bool(self._under_way)

    @property
    def was_late(self) -> bool:
        """Whether a busy host was too late for a run that has to be run anew."""
        return bool(self._late)

    def begin(self, repetitions: Sequence[int]) -> Sequence[int]:
        """These run now."""
        self._under_way.update(repetitions)
        return repetitions

    def takes(self, repetition: int, record: ScenarioRecord) -> bool:
        """Keep what came of a run; False where it has to be run anew."""
        self._under_way.remove(repetition)
        if was_late(record) and self._attempts < _ATTEMPTS:
            self._late.append(repetition)
            return False
        self._kept[repetition] = pack(_lean(record))
        return True

    def wanted(self) -> Sequence[int]:
        """The repetitions that have to follow, now that none is under way."""
        if self._late:
            anew, self._late = sorted(self._late), []
            self._attempts += 1
            return anew
        following = len(self._kept) + 1
        return range(following, following + runs_wanted(self.runs))

    def up_to(self, runs: int) -> Sequence[int]:
        """The repetitions that are missing to so many runs."""
        return range(len(self._kept) + 1, runs + 1)


def _lean(record: ScenarioRecord) -> ScenarioRecord:
    """The record without what a matrix never looks at: there are thousands of them."""
    return record.model_copy(update={"nodes": (), "scenario": {}, "story": "", "steps": ()})
