"""Where a server that is not ours has its folder, and its words with that folder in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from lab.topology.plan import PlannedDaemon, ProgramName

FOLDERS: Final = Path("/run/forwardlab")
"""A world has a `/run` of its own, which vanishes with it. Short, because the name of a control
socket may have 107 octets (unix(7))."""

_FOLDER = "{folder}"


def folder_of(node: str, program: ProgramName) -> Path:
    """The folder of who sits there."""
    return FOLDERS / node / program


def put_in_folder(daemon: PlannedDaemon, folder: Path) -> PlannedDaemon:
    """The same with its folder wherever it is named."""

    def put(text: str) -> str:
        return text.replace(_FOLDER, str(folder))

    def words(command: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(put, command))

    return replace(
        daemon,
        files=tuple((name, put(text)) for name, text in daemon.files),
        command=words(daemon.command),
        prepare=tuple(map(words, daemon.prepare)),
        remove=tuple(map(words, daemon.remove)),
        reload=None if daemon.reload is None else words(daemon.reload),
    )
