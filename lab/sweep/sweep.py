"""A sweep, from what the user wants to what is left in its folder."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Literal

from lab.doctor import forwardlab_version, host_facts, mininet_obstacles
from lab.report.folder import RunFolder
from lab.scenario.files import write_scenario
from lab.scenario.session import HostCannot
from lab.sweep.combinations import Combination, combinations_of, notes_on, scenario_of
from lab.sweep.confirming import compared, run_in_mininet, sampled
from lab.sweep.judging import Setting, judged
from lab.sweep.page import write_page
from lab.sweep.parts import Failure, FaultKind, Part
from lab.sweep.record import (
    CombinationRecord,
    ConfirmationRecord,
    CounterexampleRecord,
    SweepRecord,
)
from lab.sweep.reduction import reduced
from lab.sweep.terminal import SweepDisplay
from lab.sweep.workers import judge_all
from lab.viewer.profiles import PROFILES, ProfileName

Run = Callable[[Sequence[Combination]], list[CombinationRecord]]


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is swept, and how."""

    setting: Setting
    parts: tuple[Part, ...]
    kinds: tuple[FaultKind, ...]
    viewers: tuple[ProfileName, ...]
    at_once: int
    world: Literal["simulated", "mininet"]
    root: Path
    out: Path | None = None
    workers: int | None = None
    confirm: int = 0
    """How many combinations of a simulated sweep are run in Mininet too."""

    def combinations(self) -> tuple[Combination, ...]:
        """Everything that is tried, in the order of the record."""
        return combinations_of(self.parts, self.kinds, self.viewers, self.at_once)

    def run(self, *, quiet: bool = False) -> SweepRecord:
        """Try everything, reduce what fails, confirm a sample, write the record and the page.

        Raises HostCannot where Mininet is wanted and cannot run, FolderUnusable, and WorkerDied.
        """
        if self.world == "mininet" or self.confirm:
            translating = any(node.nat for node in self.setting.plan.nodes)
            if obstacles := mininet_obstacles(nat=translating):
                raise HostCannot(f"Mininet cannot run here: {'; '.join(obstacles)}")
        began, started = monotonic(), datetime.now(UTC)
        folder = RunFolder.create(self.root / "reports" / "sweeps", self.out, started)
        combinations = self.combinations()
        display = SweepDisplay(len(combinations), quiet=quiet)
        with display:
            run = self._runner(folder.path, display)
            records = run(combinations)
        record = SweepRecord(
            forwardlab=forwardlab_version(),
            topology=self.setting.topology,
            world=self.world,
            clock="virtual" if self.world == "simulated" else "measured",
            seed=self.setting.seed,
            at_once=self.at_once,
            parts=tuple(map(str, self.parts)),
            kinds=tuple(kind.name for kind in self.kinds),
            viewers=self.viewers,
            unverified=tuple(name for name in self.viewers if not PROFILES[name].verified),
            notes=notes_on(self.setting.plan),
            started=started.isoformat(timespec="seconds"),
            wall_s=0.0,
            workers=self._workers,
            combinations=tuple(records),
            counterexamples=tuple(self._counterexamples(combinations, records, folder.path)),
            confirmations=tuple(self._confirmations(combinations, records, folder.path, display)),
            host=host_facts(),
        )
        record = record.model_copy(update={"wall_s": monotonic() - began})
        text = record.model_dump_json(indent=1)
        (folder.path / "sweep.json").write_text(f"{text}\n", encoding="utf-8")
        write_page(folder.path / "sweep.html", record)
        folder.finish()
        display.conclude(record, folder.path)
        return record

    @property
    def _workers(self) -> int:
        return self.workers or os.cpu_count() or 1

    def _runner(self, folder: Path, display: SweepDisplay) -> Run:
        def simulated(combinations: Sequence[Combination]) -> list[CombinationRecord]:
            return judge_all(
                combinations, self.setting, workers=self._workers, progress=display.judged
            )

        def mininet(combinations: Sequence[Combination]) -> list[CombinationRecord]:
            return run_in_mininet(
                combinations,
                self.setting,
                root=self.root,
                out=folder / "mininet",
                workers=self.workers,
                progress=display.judged,
            )

        return simulated if self.world == "simulated" else mininet

    # --- what failed --------------------------------------------------------------------------

    def _counterexamples(
        self,
        combinations: Sequence[Combination],
        records: Sequence[CombinationRecord],
        folder: Path,
    ) -> list[CounterexampleRecord]:
        """The failing combinations, each reduced to the fewest failures that fail in the same way;
        those that come down to the same are told once."""
        known = {each.id: record for each, record in zip(combinations, records, strict=True)}
        found: dict[str, list[Combination]] = {}
        smallest: dict[str, Combination] = {}
        for combination in combinations:
            if known[combination.id].outcome != "failed":
                continue
            small = self._reduced(combination, known)
            smallest[small.id] = small
            found.setdefault(small.id, []).append(combination)
        return [
            self._counterexample(smallest[each], several, known[each], folder)
            for each, several in found.items()
        ]

    def _reduced(
        self, combination: Combination, known: dict[str, CombinationRecord]
    ) -> Combination:
        ways = _ways(known[combination.id])

        def still_fails(failures: tuple[Failure, ...]) -> bool:
            fewer = Combination(failures, combination.viewer)
            if fewer.id not in known:
                known[fewer.id] = judged(fewer, self.setting)
            return ways <= _ways(known[fewer.id])

        return Combination(reduced(combination.failures, still_fails), combination.viewer)

    def _counterexample(
        self,
        small: Combination,
        several: Sequence[Combination],
        record: CombinationRecord,
        folder: Path,
    ) -> CounterexampleRecord:
        scenario = scenario_of(small, self.setting.plan, self.setting.topology)
        file = write_scenario(folder / "failing" / f"{small.stem}.json", scenario)
        return CounterexampleRecord(
            found=several[0].id,
            reduced=small.id,
            stands_for=tuple(each.id for each in several),
            file=str(file.relative_to(folder)),
            command=f"forwardlab run {shlex.quote(str(file))} --world {self.world} "
            f"--seed {self.setting.seed}",
            violations=record.violations,
        )

    # --- what Mininet says --------------------------------------------------------------------

    def _confirmations(
        self,
        combinations: Sequence[Combination],
        records: Sequence[CombinationRecord],
        folder: Path,
        display: SweepDisplay,
    ) -> list[ConfirmationRecord]:
        if not self.confirm or self.world == "mininet":
            return []
        by_id = {each.id: record for each, record in zip(combinations, records, strict=True)}
        sample = sampled(combinations, self.confirm, self.setting.seed)
        display.say(f"Mininet runs {len(sample)} of them too, drawn with seed {self.setting.seed}")
        real = run_in_mininet(
            sample,
            self.setting,
            root=self.root,
            out=folder / "mininet",
            workers=self.workers,
            progress=lambda record: display.say(f"  {record.id}: {record.outcome}"),
        )
        return [compared(by_id[each.id], each) for each in real]


def _ways(record: CombinationRecord) -> set[str]:
    """In which ways a combination failed: the expectations that did not hold."""
    return {violation.text for violation in record.violations} or {record.outcome}


def exit_code(record: SweepRecord) -> int:
    """With what the command ends: BROKEN beats FAILED; a world that disagrees is a failure; nothing
    judged is no success."""
    outcomes = {each.outcome for each in record.combinations}
    if "broken" in outcomes or any(each.mininet == "broken" for each in record.confirmations):
        return 4
    if "failed" in outcomes or not all(each.agrees for each in record.confirmations):
        return 1
    return 3 if outcomes <= {"unsupported"} else 0
