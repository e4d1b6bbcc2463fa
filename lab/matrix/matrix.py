"""A matrix, from what the user wants to what is left in its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from lab.doctor import forwardlab_version, host_facts, mininet_obstacles
from lab.matrix.files import publish, write_matrix
from lab.matrix.folding import cells_of
from lab.matrix.record import CellRecord, ColumnRecord, MatrixRecord, WaitRecord
from lab.matrix.running import Laboratory, Ran, WorldAsked, default_workers
from lab.matrix.selection import (
    WAITING,
    Column,
    MatrixError,
    Task,
    is_quick,
    nothing_to_run,
    rules_by_expectation,
    tasks_for,
)
from lab.matrix.terminal import MatrixDisplay
from lab.matrix.waiting import failures_of, wait_of
from lab.report.folder import RunFolder
from lab.scenario.catalogue import read_catalogue
from lab.scenario.model import Scenario
from lab.scenario.session import HostCannot, plans_of
from lab.subjects.roster import SUBJECTS
from lab.topology.plan import Plan
from lab.worlds.timetravel_kernel import timetravel_obstacles

WAITING_RUNS = 3
"""How often each scenario of the waiting table runs: its figures are medians."""
DRAWN_WAITING_RUNS = 7
"""The same for a server that draws whom it asks, where one of the five viewers of a failure did not
get the same each time. What is one of two by the toss of a coin lies apart in two matrices, and is
told as a change, one time in 8,192; with three runs one in 32. That none of the five shows it in
three runs happens one time in 1,024."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """What is judged, and how."""

    columns: tuple[Column, ...]
    rules: tuple[str, ...]
    world: WorldAsked
    root: Path
    whole: bool
    """Whether nothing was left out: then it takes the place of the one that is kept."""
    waits: bool = True
    """Whether the waiting table is made."""
    quick: bool = False
    seed: int = 1
    workers: int | None = None
    out: Path | None = None

    def run(self, *, quiet: bool = False) -> MatrixRecord:
        """Run everything, write the record and what is drawn from it, and say how it went. Raises
        HostCannot, MatrixError and FolderUnusable, and whatever the catalogue and its topologies
        raise."""
        obstacles = timetravel_obstacles()
        if self.world == "timetravel" and obstacles:
            raise HostCannot(f"no virtual time under a real kernel here: {'; '.join(obstacles)}")
        began, started = monotonic(), datetime.now(UTC)
        catalogue = read_catalogue(self.root)
        scenarios = {
            identifier: scenario
            for identifier, scenario in catalogue.select([]).items()
            if not self.quick or is_quick(identifier)
        }
        plans = plans_of(self.root, scenarios.values())
        tasks = tasks_for(scenarios, plans, self.columns, self.rules, waits=self.waits)
        if not tasks:
            raise MatrixError(nothing_to_run(self.columns, self.rules, quick=self.quick))
        if self.world != "timetravel":
            topologies = {scenarios[task.scenario].topology for task in tasks}
            translating = any(node.nat for each in topologies for node in plans[each].nodes)
            if hindered := mininet_obstacles(nat=translating):
                raise HostCannot(f"Mininet cannot run here: {'; '.join(hindered)}")
        folder = RunFolder.create(self.root / "reports" / "matrix", self.out, started)
        laboratory = Laboratory(
            scenarios=scenarios,
            plans=plans,
            folder=folder,
            world=self.world,
            can_travel=not obstacles,
            seed=self.seed,
            workers=self.workers,
            waiting_runs=1 if self.quick else WAITING_RUNS,
            drawn_waiting_runs=1 if self.quick else DRAWN_WAITING_RUNS,
        )
        display = MatrixDisplay(len(tasks), quiet=quiet)
        for line in catalogue.left_out():
            display.say(line)
        with display:
            ran = laboratory.run(tasks, display)
        waits = tuple(_waits(tasks, ran))
        record = MatrixRecord(
            forwardlab=forwardlab_version(),
            started=started.isoformat(timespec="seconds"),
            wall_s=round(monotonic() - began, 1),
            workers=self._workers,
            seed=self.seed,
            world_requested=self.world,
            quick=self.quick,
            rules=self.rules,
            columns=tuple(map(_column, self.columns)),
            trials=tuple(each.trial for each in ran),
            cells=self._cells(tasks, ran, scenarios, plans),
            failures=failures_of(_waiting(scenarios)) if waits else (),
            waits=waits,
            host=host_facts(),
        )
        page = write_matrix(folder.path, record)
        folder.finish()
        if self.whole and self.out is None:
            page = publish(folder.path, self.root / "reports" / "matrix", record)
        display.conclude(record, page)
        return record

    @property
    def _workers(self) -> int:
        return self.workers or default_workers(
            "timetravel" if self.world == "timetravel" else "mininet"
        )

    def _cells(
        self,
        tasks: Sequence[Task],
        ran: Sequence[Ran],
        scenarios: Mapping[str, Scenario],
        plans: Mapping[str, Plan],
    ) -> tuple[CellRecord, ...]:
        def rules_about(task: Task, column: Column) -> Sequence[Sequence[str]]:
            scenario = scenarios[task.scenario]
            return rules_by_expectation(scenario, plans[scenario.topology], column)

        return cells_of(self.columns, self.rules, [each.trial for each in ran], tasks, rules_about)


def exit_code(record: MatrixRecord) -> int:
    """With what the command ends. What another product breaks is a result; a failure is what ours
    breaks, and a listing that happens no longer. BROKEN beats both; nothing judged is no
    success."""
    if any(each.outcome == "broken" for each in record.trials):
        return 4
    ours = any(cell.outcome == "failed" and cell.subject == "ours" for cell in record.cells)
    stale = any(each.is_stale for trial in record.trials for each in trial.expectations)
    if ours or stale:
        return 1
    return 3 if {cell.outcome for cell in record.cells} <= {"unsupported"} else 0


def _column(column: Column) -> ColumnRecord:
    if column.subject == "ours":
        title = "forwardlab" if column.seat == "lab" else "ours"
        return ColumnRecord(
            seat=column.seat, subject="ours", title=title, version=forwardlab_version()
        )
    subject = SUBJECTS[column.subject]
    return ColumnRecord(
        seat=column.seat, subject=column.subject, title=subject.title, version=subject.version()
    )


def _waiting(scenarios: Mapping[str, Scenario]) -> dict[str, Scenario]:
    return {name: each for name, each in scenarios.items() if name.startswith(WAITING)}


def _waits(tasks: Sequence[Task], ran: Sequence[Ran]) -> list[WaitRecord]:
    return [
        wait_of(task.subject, number, each.runs)
        for number, (task, each) in enumerate(zip(tasks, ran, strict=True))
        if task.scenario.startswith(WAITING) and task.kind == "seat" and task.seat in {"", "dns"}
    ]
