"""`pytest scenarios` runs scenarios as test items, through the same session as the command line.

All selected scenarios run first, several at once; each item then reports what came of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.report.record import ScenarioRecord
from lab.scenario.catalogue import CatalogueError, load_module

_SEED = 1


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of `forwardlab run` that matter here."""
    group = parser.getgroup("forwardlab", "forwardlab scenarios")
    group.addoption(
        "--world",
        choices=("mininet", "simulated", "auto"),
        default="auto",
        help="where scenarios run (default: auto: Mininet where this host can, else simulated)",
    )
    group.addoption("--seed", type=int, default=_SEED, help="for IDs, ports and selection")
    group.addoption("--strict-should", action="store_true", help="a failed SHOULD fails its item")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the modules below a folder called scenarios that has topologies beside it."""
    root = _scenario_root(file_path)
    if root is None or file_path.suffix != ".py" or file_path.name.startswith("_"):
        return None
    if file_path.name == "conftest.py":
        return None
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
        for each in scenarios:
            yield ScenarioItem.from_parent(self, name=each.rsplit("/", 1)[-1], identifier=each)


class ScenarioItem(pytest.Item):
    """A scenario; it fails as the scenario does."""

    def __init__(self, *, identifier: str, **rest: Any) -> None:
        super().__init__(**rest)
        self.identifier = identifier

    def runtest(self) -> None:
        """Report what came of the scenario."""
        record = _records(self.session)[self.identifier]
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
        if record.reason:
            lines.append(record.reason)
        for each in record.expectations:
            # In a set-up broken on purpose it is the passing that is wrong.
            if (each.outcome == "failed") is not each.meant_to_fail:
                lines.append(f"  {each.outcome} [{', '.join(each.rules)}] {each.text}")
                lines += [f"    {proof.text} (frames {proof.frames})" for proof in each.evidence]
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


_RECORDS = pytest.StashKey[dict[str, ScenarioRecord]]()


def _records(session: pytest.Session) -> dict[str, ScenarioRecord]:
    """Run all selected scenarios once and return their records by id."""
    if _RECORDS not in session.stash:
        from lab.scenario.session import HostCannot, Session

        wanted = [item.identifier for item in _scenario_items(session.items)]
        try:
            prepared = Session.prepare(
                wanted=wanted,
                world=session.config.getoption("--world"),
                seed=session.config.getoption("--seed"),
                strict=session.config.getoption("--strict-should"),
            )
        except HostCannot as error:
            pytest.exit(str(error), returncode=3)
        run = prepared.run(progress=_Quiet())
        session.stash[_RECORDS] = {record.id: record for record in run.scenarios}
    return session.stash[_RECORDS]


def _scenario_items(items: Iterable[pytest.Item]) -> list[ScenarioItem]:
    return [item for item in items if isinstance(item, ScenarioItem)]


def _scenario_root(path: Path) -> Path | None:
    for folder in path.parents:
        if folder.name == "scenarios" and (folder.parent / "topologies").is_dir():
            return folder.parent
    return None
