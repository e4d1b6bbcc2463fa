"""A session: from a user's words to a report, for `forwardlab run` and `pytest scenarios`."""

from __future__ import annotations

import os
import shlex
import signal
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Literal

import typer

from lab.doctor import forwardlab_version, host_facts, mininet_obstacles
from lab.report.folder import RunFolder
from lab.report.record import RunRecord, ScenarioRecord
from lab.report.render import write_reports
from lab.report.repetitions import instabilities, once_each
from lab.report.terminal import RunDisplay
from lab.scenario.catalogue import Catalogue, project_root, read_catalogue, unknown_topology
from lab.scenario.fitting import misfits
from lab.scenario.model import Scenario
from lab.scenario.runner import Progress, Standing, run_trials
from lab.scenario.seats import InputRefused, subject_records
from lab.scenario.trial import Trial, WorldName
from lab.subjects.seating import Seating
from lab.topology.draw import draw_topology
from lab.topology.load import TopologyError, load_topology
from lab.topology.plan import Plan
from lab.topology.planner import make_plan
from lab.worlds.timetravel_kernel import timetravel_obstacles

WORKERS_PER_CORE = {"mininet": 3, "simulated": 1, "timetravel": 1}
"""In Mininet scenarios mostly wait for timers; in virtual time they only compute."""


class SessionError(Exception):
    """Something the user gave cannot be used; the message names it and the remedy."""


class HostCannot(Exception):
    """The world asked for cannot run on this host; the message says why."""


@dataclass(frozen=True, slots=True)
class Session:
    """Scenarios chosen, world decided, topologies checked: ready to run."""

    scenarios: Mapping[str, Scenario]
    plans: Mapping[str, Plan]
    """By topology."""
    world: WorldName
    world_requested: WorldName | Literal["auto"]
    world_reason: str
    workers: int
    seed: int
    root: Path
    out: Path | None
    strict: bool
    keep_on_failure: bool
    repeat: int = 1
    """How often each scenario runs, every time with the same seed."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Where scenarios stand that are of no catalogue, by id."""
    seating: Seating = field(default_factory=Seating)
    """Who sits in which seat."""

    @classmethod
    def prepare(
        cls,
        *,
        wanted: Iterable[str],
        world: WorldName | Literal["auto"] = "auto",
        workers: int | None = None,
        seed: int = 1,
        out: Path | None = None,
        strict: bool = False,
        keep_on_failure: bool = False,
        repeat: int = 1,
        root: Path | None = None,
        subjects: Iterable[str] = (),
        configs: Iterable[str] = (),
    ) -> Session:
        """Choose and check everything before anything starts. `root`: the folder that holds
        `scenarios/` and `topologies/`; None looks for it. `subjects` and `configs` are words such
        as "dns=unbound" and "dns=/path/unbound.conf".

        Raises CatalogueError, SeatingError and SessionError for bad input, HostCannot when the
        world that was asked for by name cannot run here.
        """
        seating = Seating.read(subjects, configs)
        root = root or project_root()
        catalogue = read_catalogue(root)
        scenarios = catalogue.select(wanted)
        for line in catalogue.left_out():
            typer.echo(line, err=True)
        if not scenarios:
            raise SessionError(f"{root / 'scenarios'} holds no scenario; add one")
        _check_topologies(scenarios, catalogue, root)
        plans = plans_of(root, scenarios.values())
        _check_fit(scenarios, plans, catalogue)
        translating = [
            identifier
            for identifier, scenario in scenarios.items()
            if any(node.nat for node in plans[scenario.topology].nodes)
        ]
        chosen, reason = choose_world(world, nat=bool(translating), seating=seating)
        return cls(
            scenarios=scenarios,
            plans=plans,
            world=chosen,
            world_requested=world,
            world_reason=reason,
            workers=workers or WORKERS_PER_CORE[chosen] * (os.cpu_count() or 1),
            seed=seed,
            root=root,
            out=out,
            strict=strict,
            keep_on_failure=keep_on_failure,
            repeat=repeat,
            files=catalogue.files,
            seating=seating,
        )

    def run(self, *, quiet: bool = False, progress: Progress | None = None) -> RunRecord:
        """Run all scenarios, write the reports and say how it went.

        `quiet` prints nothing; `progress` takes the place of the terminal display. Raises
        SessionError where a server does not take the configuration that the user gave for it; then
        there is no report.
        """
        total = len(self.scenarios) * self.repeat
        display = RunDisplay(total=total, quiet=quiet or progress is not None)
        if self.world_reason:
            display.say(self.world_reason)
        if self.keep_on_failure and self.world != "mininet":
            typer.echo(
                "--keep-on-failure is ignored: a world in virtual time cannot be entered", err=True
            )
        preload(self.world)
        subject_records(self.seating)  # asks each server its version, and not each trial again
        began, started = monotonic(), datetime.now(UTC)
        folder = RunFolder.create(self.root / "reports", self.out, started)
        try:
            with display:
                records, standing, take_down = run_trials(
                    self._trials(folder),
                    workers=self.workers,
                    progress=progress or display,
                    keep_on_failure=self.keep_on_failure,
                )
        except InputRefused as error:
            folder.discard()
            raise SessionError(str(error)) from error
        try:
            record = self._record(records, started, monotonic() - began)
            page = write_reports(folder.path, record, topology_pictures(self.root, record))
            folder.finish()
            display.conclude(record, page)
            if standing:
                _stay(standing)
        finally:
            take_down()
        return record

    def _trials(self, folder: RunFolder) -> list[Trial]:
        return [
            Trial(
                id=identifier,
                scenario=scenario,
                plan=self.plans[scenario.topology],
                world=self.world,
                seed=self.seed,
                folder=folder.scenario_folder(identifier, repetition),
                capture=folder.capture_path(identifier, repetition),
                run_folder=folder.path,
                reproduce=self._reproduce(identifier),
                strict=self.strict,
                repetition=repetition,
                seating=self.seating,
            )
            # Not all of one scenario at a time: a machine that slows down meanwhile slows all.
            for repetition in range(1, self.repeat + 1)
            for identifier, scenario in self.scenarios.items()
        ]

    def _reproduce(self, identifier: str) -> str:
        strict = " --strict" if self.strict else ""
        named = str(self.files.get(identifier, identifier))
        seats = f" {self.seating}" if self.seating else ""
        return (
            f"forwardlab run {shlex.quote(named)} --world {self.world} --seed {self.seed}"
            f"{strict}{seats}"
        )

    def _record(
        self, records: Sequence[ScenarioRecord], started: datetime, wall_s: float
    ) -> RunRecord:
        places = {identifier: place for place, identifier in enumerate(self.scenarios)}
        records = sorted(records, key=lambda each: (places[each.id], each.repetition))
        record = RunRecord(
            forwardlab=forwardlab_version(),
            world=self.world,
            world_requested=self.world_requested,
            world_reason=self.world_reason,
            subjects=subject_records(self.seating),
            seed=self.seed,
            workers=self.workers,
            repeat=self.repeat,
            started=started.isoformat(timespec="seconds"),
            wall_s=wall_s,
            host=host_facts(),
            scenarios=tuple(records),
            totals={},
        )
        totals = Counter(each.outcome for each in once_each(record).scenarios)
        return record.model_copy(update={"totals": dict(totals)})


def exit_code(record: RunRecord) -> int:
    """Say with what the command ends: BROKEN beats FAILED, and so does a verdict that differs
    between repetitions; nothing judged is no success."""
    outcomes = {scenario.outcome for scenario in record.scenarios}
    if "broken" in outcomes:
        return 4
    if "failed" in outcomes or instabilities(record):
        return 1
    return 3 if outcomes <= {"unsupported"} else 0


def topology_file(root: Path, name: str) -> Path:
    """Where the topology of that name lies."""
    return root / "topologies" / f"{name}.toml"


def topology_pictures(root: Path, record: RunRecord) -> dict[str, str]:
    """Draw every topology of a run, by name; one that is gone by now has no picture."""
    pictures = {}
    for name in sorted({scenario.topology for scenario in record.scenarios}):
        path = topology_file(root, name)
        try:
            pictures[name] = draw_topology(load_topology(path))
        except TopologyError:
            continue
    return pictures


def choose_world(
    requested: WorldName | Literal["auto"], *, nat: bool, seating: Seating | None = None
) -> tuple[WorldName, str]:
    """The world to run in, and why it is not the first choice. `nat`: a scenario of the session
    needs a NAT translator.

    Asked for by name, Mininet runs what it can here and tells of each scenario that it cannot.
    `auto` takes Mininet for all or for none: nobody asked for a part; but other people's servers
    need a kernel. Raises HostCannot, and SessionError for these in virtual time.
    """
    if requested == "timetravel":
        if obstacles := timetravel_obstacles():
            raise HostCannot(f"worlds in time travel cannot run here: {'; '.join(obstacles)}")
        return "timetravel", ""
    if seating and requested == "simulated":
        raise SessionError(
            f"{seating}: the simulated world has no servers but ours; leave --world away, or say "
            "--world mininet"
        )
    if seating:
        requested = "mininet"
    if requested == "simulated":
        return "simulated", ""
    obstacles = mininet_obstacles(nat=nat and requested == "auto")
    if not obstacles:
        return "mininet", ""
    why = "; ".join(obstacles)
    if requested == "mininet":
        raise HostCannot(f"Mininet cannot run here: {why}")
    return "simulated", f"Mininet cannot run here, so the simulated world runs: {why}"


def plans_of(root: Path, scenarios: Iterable[Scenario]) -> dict[str, Plan]:
    """The plan of each topology the scenarios have. Raises SessionError with every mistake."""
    plans, problems = {}, []
    for name in sorted({scenario.topology for scenario in scenarios}):
        try:
            plans[name] = make_plan(load_topology(topology_file(root, name)), name)
        except TopologyError as error:
            problems.append(str(error))
    if problems:
        raise SessionError("\n".join(problems))
    return plans


def _check_topologies(scenarios: Mapping[str, Scenario], catalogue: Catalogue, root: Path) -> None:
    problems = [
        catalogue.place(identifier, problem)
        for identifier, scenario in scenarios.items()
        if (problem := unknown_topology(scenario, root)) is not None
    ]
    if problems:
        raise SessionError("\n".join(problems))


def _check_fit(
    scenarios: Mapping[str, Scenario], plans: Mapping[str, Plan], catalogue: Catalogue
) -> None:
    problems = [
        catalogue.place(identifier, problem)
        for identifier, scenario in scenarios.items()
        for problem in misfits(scenario, plans[scenario.topology])
    ]
    if problems:
        raise SessionError("\n".join(problems))


def preload(world: WorldName) -> None:
    """Import what every trial needs once, so that a fork of this process has it already."""
    if world == "timetravel":
        return  # its guests import it for themselves
    import dns.zone
    import scapy.layers.dns
    import scapy.layers.inet

    del dns, scapy
    if world == "mininet":
        import lab.worlds.mininet
    else:
        import lab.worlds.simulated
    del lab


def _stay(standing: list[Standing]) -> None:
    """Hold failed worlds until the user has seen enough. Told on standard error: the record may go
    to standard output."""
    for each in standing:
        typer.echo(
            f"\n{each.record.id}: {each.record.outcome}, and its world stands. "
            "To enter a node, from another terminal:",
            err=True,
        )
        for entrance in each.entrances:
            typer.echo(f"  {entrance}", err=True)
    typer.echo("\nPress Ctrl-C to take everything down.", err=True)
    # That Ctrl-C ends the stay, not the command: it has its verdict to end with.
    with suppress(KeyboardInterrupt):
        signal.pause()
