"""Combinations run in Mininet: a whole sweep, or a sample that confirms a simulated one."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from lab.observe.timeline import Timeline
from lab.report.record import ScenarioRecord
from lab.scenario.files import write_scenario
from lab.scenario.session import WORKERS_PER_CORE, Session
from lab.sweep.combinations import Combination, scenario_of
from lab.sweep.judging import Setting, record_of, unjudged
from lab.sweep.record import CombinationRecord, ConfirmationRecord
from lab.worlds.world import Clock


def run_in_mininet(
    combinations: Sequence[Combination],
    setting: Setting,
    *,
    root: Path,
    out: Path,
    workers: int | None,
    progress: Callable[[CombinationRecord], None],
) -> list[CombinationRecord]:
    """Run combinations as ordinary scenarios, with captures and a report in `out`; their records in
    the same order."""
    by_stem = {each.stem: each for each in combinations}
    scenarios = {
        stem: scenario_of(each, setting.plan, setting.topology) for stem, each in by_stem.items()
    }
    files = {
        stem: write_scenario(out.parent / "scenarios" / f"{stem}.json", scenario)
        for stem, scenario in scenarios.items()
    }
    session = Session(
        scenarios=scenarios,
        plans={setting.topology: setting.plan},
        world="mininet",
        world_requested="mininet",
        world_reason="",
        workers=workers or WORKERS_PER_CORE["mininet"] * (os.cpu_count() or 1),
        seed=setting.seed,
        root=root,
        out=out,
        strict=False,
        keep_on_failure=False,
        files=files,
    )
    watcher = _Watcher(lambda each: _record(by_stem[each.id], each, setting, out), progress)
    run = session.run(progress=watcher)
    return [watcher.records[each.id] for each in run.scenarios]


class _Watcher:
    """Tells of scenarios as of combinations, and keeps what it told."""

    def __init__(
        self,
        told: Callable[[ScenarioRecord], CombinationRecord],
        progress: Callable[[CombinationRecord], None],
    ) -> None:
        self.records: dict[str, CombinationRecord] = {}
        self._told = told
        self._progress = progress

    def scenario_started(self, identifier: str) -> None:
        """Not told: many run at once."""

    def scenario_finished(self, record: ScenarioRecord) -> None:
        """One has ended."""
        self.records[record.id] = self._told(record)
        self._progress(self.records[record.id])

    def tick(self) -> None:
        """Not told."""


def sampled(combinations: Sequence[Combination], number: int, seed: int) -> list[Combination]:
    """So many combinations, drawn by the seed, in their order."""
    drawn = Random(f"{seed}/confirm")  # noqa: S311 - a sample must repeat
    places = drawn.sample(range(len(combinations)), min(number, len(combinations)))
    return [combinations[place] for place in sorted(places)]


def compared(simulated: CombinationRecord, mininet: CombinationRecord) -> ConfirmationRecord:
    """Whether both worlds came to the same verdict, for the same reasons."""
    difference = ""
    ours = sorted(each.text for each in simulated.violations)
    theirs = sorted(each.text for each in mininet.violations)
    if mininet.outcome in {"broken", "unsupported"}:
        difference = mininet.reason
    elif simulated.outcome != mininet.outcome or ours != theirs:
        only = [
            f"{world}: {each.text} ({each.evidence})"
            for world, record, other in (
                ("simulated", simulated, theirs),
                ("mininet", mininet, ours),
            )
            for each in record.violations
            if each.text not in other
        ]
        difference = "; ".join(only) or f"{simulated.outcome} and {mininet.outcome}"
    return ConfirmationRecord(
        id=simulated.id,
        simulated=simulated.outcome,
        mininet=mininet.outcome,
        agrees=not difference,
        difference=difference,
    )


def _record(
    combination: Combination, record: ScenarioRecord, setting: Setting, folder: Path
) -> CombinationRecord:
    """What came of a combination, told as of a simulated one: from the capture."""
    if record.outcome == "unsupported":
        return unjudged(combination, record.reason, "unsupported")
    if record.outcome == "broken" or record.capture is None:
        return unjudged(combination, record.reason)
    scenario = scenario_of(combination, setting.plan, setting.topology)
    timeline = Timeline.read(folder / record.capture, setting.plan, Clock.MEASURED)
    return record_of(combination, scenario, timeline)
