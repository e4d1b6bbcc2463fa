"""A run's folder: made under a name nobody else has, and `latest` once it is complete."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lab.report.render import FolderUnusable
from lab.report.repetitions import turn_of

_INCOMPLETE = "INCOMPLETE"
_SCENARIO_ID = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*(@[a-z0-9-]+)?"
)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a run puts what it leaves behind. A file INCOMPLETE stands in it until the end."""

    path: Path
    latest: Path | None
    """The link that `finish` turns to this run; None for a folder the user chose."""

    @classmethod
    def create(cls, reports: Path, out: Path | None, started: datetime) -> RunFolder:
        """Make `out` itself, which must be new or empty, or without `out` a folder named by the
        time (`reports/runs/2026-04-15T21-50-00Z`; with a number when that is taken: two runs at
        once do not meet). Raises FolderUnusable."""
        notice = (
            f"This run began at {started.isoformat()} as process {os.getpid()} and has not "
            "finished.\nWhat is here is partial, and reports/latest does not point here.\n"
        )
        try:
            if out is None:
                name = f"{started.astimezone(UTC):%Y-%m-%dT%H-%M-%SZ}"
                return cls(_claim(reports / "runs", name, notice), reports / "latest")
            out.mkdir(parents=True, exist_ok=True)
            if any(out.iterdir()):
                raise FolderUnusable(
                    f"{out}: this folder is not empty; name a new one, or empty it first"
                )
            (out / _INCOMPLETE).write_text(notice, encoding="utf-8")
            return cls(out, None)
        except OSError as error:
            where = error.filename or out or reports
            raise FolderUnusable(
                f"{where}: {error.strerror}; choose another place with --out"
            ) from error

    def scenario_folder(self, scenario_id: str, repetition: int = 1) -> Path:
        """Where a scenario's nodes leave their files: `nodes/<scenario id>`, with `.r2` behind it
        the second time. Made if needed."""
        folder = self.path / "nodes" / f"{_checked(scenario_id)}{turn_of(repetition)}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def capture_path(self, scenario_id: str, repetition: int = 1) -> Path:
        """Where a scenario's capture goes: `captures/<id with dots>.pcapng`, `….r2.pcapng` the
        second time. Its folder is made."""
        # "/" becomes ".": ids may hold dashes and underscores already.
        name = _checked(scenario_id).replace("/", ".")
        captures = self.path / "captures"
        captures.mkdir(exist_ok=True)
        return captures / f"{name}{turn_of(repetition)}.pcapng"

    def discard(self) -> None:
        """Take the folder away with everything in it: there was nothing to report."""
        shutil.rmtree(self.path, ignore_errors=True)

    def finish(self) -> None:
        """The reports are written: take INCOMPLETE away, then turn `latest` to this run. Raises
        FolderUnusable."""
        try:
            (self.path / _INCOMPLETE).unlink(missing_ok=True)
            if self.latest is not None:
                _turn(self.latest, self.path)
        except OSError as error:
            raise FolderUnusable(
                f"{self.latest or self.path}: {error.strerror}; it must be a link that can be "
                "replaced, so move away what is there"
            ) from error


def _claim(runs: Path, name: str, notice: str) -> Path:
    """A new folder that nobody else has, with its notice in it from its first moment: it is made
    aside and renamed, and a folder that holds something cannot be renamed over."""
    runs.mkdir(parents=True, exist_ok=True)
    aside = runs / f".{name}-{secrets.token_hex(8)}"
    aside.mkdir()
    (aside / _INCOMPLETE).write_text(notice, encoding="utf-8")
    number = 1
    while True:
        folder = runs / (name if number == 1 else f"{name}-{number}")
        try:
            return aside.rename(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        number += 1


def _turn(link: Path, folder: Path) -> None:
    """Point the link at the folder in one step: whoever reads it sees the old run or the new."""
    passing = link.with_name(f".{link.name}-{secrets.token_hex(8)}")
    passing.symlink_to(os.path.relpath(folder, link.parent), target_is_directory=True)
    try:
        passing.replace(link)
    except OSError:
        passing.unlink()
        raise


def _checked(scenario_id: str) -> str:
    """The id, which becomes a path: no "..", nothing absolute, nothing a shell would mind."""
    if not _SCENARIO_ID.fullmatch(scenario_id):
        raise FolderUnusable(
            f"{scenario_id}: not usable as a folder; name scenarios with letters, digits, "
            "'_', '-', '.' and '/'"
        )
    return scenario_id
