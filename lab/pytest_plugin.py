"""`pytest scenarios` runs scenarios as test items, through the same session as the command line.

All selected scenarios run first, several at once; each item then reports what came of its own.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.report.junit import frames_text, missing_violations
from lab.report.record import ScenarioRecord
from lab.scenario.catalogue import CatalogueError, expanded, load_module

_SEED = 1


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of `forwardlab run` that matter here."""
    group = parser.getgroup("forwardlab", "forwardlab scenarios")
    group.addoption(
        "--world",
        choices=("mininet", "simulated", "timetravel", "auto"),
        default="auto",
        help="where scenarios run (default: auto: Mininet where this host can, else simulated)",
    )
    group.addoption(
        "--seed",
        type=_seed,
        default=_SEED,
        metavar="NUMBER",
        help=f"for IDs, ports and selection, 0 or more (default: {_SEED})",
    )
    # pytest has a --strict of its own.
    group.addoption("--strict-should", action="store_true", help="a failed SHOULD fails its item")


def _seed(text: str) -> int:
    """The seed, as `forwardlab run` takes one."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no seed; write a number from 0 on")
    return int(text)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the modules below a folder called scenarios that has topologies beside it."""
    root = _scenario_root(file_path)
    if root is None or file_path.suffix != ".py" or file_path.name.startswith("_"):
        return None
    if file_path.name == "conftest.py":
        return None
    # Each worker of pytest-xdist would run all of them for the few items it is given.
    if hasattr(parent.config, "workerinput"):
        raise parent.CollectError(
            "scenarios run several at once by themselves: leave out --numprocesses (-n)"
        )
    module: pytest.Collector = ScenarioModule.from_parent(parent, path=file_path)
    return module


class ScenarioModule(pytest.File):
    """A module of one or several scenarios."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item for each scenario; its name is the last part of the id."""
        root = _scenario_root(self.path)
        assert root is not None  # noqa: S101 - collected for having one
        identifier = self.path.relative_to(root / "scenarios").with_suffix("").as_posix()
        try:
            scenarios = load_module(self.path, identifier)
        except CatalogueError as error:
            raise self.CollectError(str(error)) from error
        runs = [run for each in scenarios for run in expanded(each, scenarios[each])]
        for each in runs:
            name = each.rsplit("/", 1)[-1]
            yield ScenarioItem.from_parent(self, name=name, identifier=each, root=root)


class ScenarioItem(pytest.Item):
    """A scenario; it fails as the scenario does."""

    def __init__(self, *, identifier: str, root: Path, **rest: Any) -> None:
        super().__init__(**rest)
        self.identifier = identifier
        self.root = root

    def runtest(self) -> None:
        """Report what came of the scenario."""
        record = _records(self.session, self.root)[self.identifier]
        self.user_properties.append(("clock", record.clock))
        self.user_properties.append(("time_to_connect_ms", record.time_to_connect_ms))
        if record.outcome == "unsupported":
            pytest.skip(record.reason)
        if record.outcome not in {"passed", "deviates", "observed"}:
            raise ScenarioNotPassed(record)

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,
    ) -> Any:
        """Tell a failed scenario by its expectations and their evidence, not by a traceback."""
        if isinstance(excinfo.value, ScenarioNotPassed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str], None, str]:
        """Name the item by the scenario's id."""
        return self.path, None, self.identifier


class ScenarioNotPassed(Exception):
    """A scenario failed or broke."""

    def __init__(self, record: ScenarioRecord) -> None:
        lines = [f"{record.id}: {record.outcome.upper()}: {record.title}"]
        lines += [text for text in (record.reason, missing_violations(record)) if text]
        for each in record.expectations:
            # A fault made on purpose that was found is good news.
            if each.outcome == "failed" and not each.meant_to_fail:
                lines.append(f"  {each.outcome}: {each.text} [{', '.join(each.rules)}]")
                lines += [
                    f"    {proof.text} {frames_text(proof.frames)}".rstrip()
                    for proof in each.evidence
                ]
        lines.append(f"again: {record.reproduce}")
        super().__init__("\n".join(lines))


class _Quiet:
    """Progress that pytest shows itself."""

    def scenario_started(self, identifier: str) -> None:
        del identifier

    def scenario_finished(self, record: ScenarioRecord) -> None:
        del record

    def tick(self) -> None:
        pass


@dataclass(slots=True)
class _Runs:
    """What came of the scenarios of each project folder that items were collected from."""

    records: dict[Path, dict[str, ScenarioRecord]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)


_RUNS = pytest.StashKey[_Runs]()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say which world ran, why it was not the first choice, and where the reports are."""
    runs = config.stash.get(_RUNS, None)
    for line in runs.said if runs else ():
        terminalreporter.write_line(line)


def _records(session: pytest.Session, root: Path) -> dict[str, ScenarioRecord]:
    """Run all selected scenarios of a project folder once and return their records by id."""
    runs = session.config.stash.setdefault(_RUNS, _Runs())
    if root not in runs.records:
        from lab.report.render import FolderUnusable
        from lab.scenario.session import HostCannot, Session, SessionError

        items = [item for item in session.items if isinstance(item, ScenarioItem)]
        try:
            prepared = Session.prepare(
                wanted=[item.identifier for item in items if item.root == root],
                world=session.config.getoption("--world"),
                seed=session.config.getoption("--seed"),
                strict=session.config.getoption("--strict-should"),
                root=root,
            )
            run = prepared.run(progress=_Quiet())
        except HostCannot as error:
            pytest.exit(str(error), returncode=3)
        except (CatalogueError, FolderUnusable, SessionError) as error:
            pytest.exit(str(error), returncode=2)
        runs.records[root] = {record.id: record for record in run.scenarios}
        runs.said += [line for line in (run.world_reason,) if line]
        runs.said.append(f"scenarios ran in the {run.world} world, seed {run.seed}")
    return runs.records[root]


def _scenario_root(path: Path) -> Path | None:
    for folder in path.parents:
        if folder.name == "scenarios" and (folder.parent / "topologies").is_dir():
            return folder.parent
    return None
