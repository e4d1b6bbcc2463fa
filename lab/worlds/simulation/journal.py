"""The files beside simulated programs: the configuration each got and the facts it noted."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

from resolver.machine import Instant
from resolver.shells.journal import JournalWriter


class Journals:
    """`FOLDER/NODE/PROGRAM.toml` and `.stderr`, as a program in a real world leaves them, and
    `.script` for a scripted peer. Without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._written: dict[tuple[str, str], StringIO] = {}

    def keep(self, node: str, name: str, text: Callable[[], str]) -> None:
        """Keep what a program was started with, under a file name; the latest start counts."""
        if self._folder is None:
            return
        place = self._folder / node
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text(), encoding="utf-8")

    def of(self, node: str, program: str) -> Callable[[object, Instant], None]:
        """The journal of a program; a program started again writes on."""
        if self._folder is None:
            return _forget
        return JournalWriter(self._written.setdefault((node, program), StringIO()))

    def write(self) -> None:
        """Write all journals out."""
        if self._folder is None:
            return
        for (node, program), journal in self._written.items():
            place = self._folder / node / f"{program}.stderr"
            place.write_text(journal.getvalue(), encoding="utf-8")


def _forget(fact: object, at: Instant) -> None:
    """Where the facts go that nobody keeps."""
