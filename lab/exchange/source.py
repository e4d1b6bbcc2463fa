"""Configuration files as their readers see them: text, its lines, and what is wrong with it."""

from __future__ import annotations

import codecs
import os
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lab.topology.problem import Problem

MOST_OCTETS = 16 * 1024 * 1024
"""Of one file: more than any configuration that people write, and little enough to hold."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Unreadable(Exception):
    """A configuration file that cannot be read or understood; the message is one line: file, place,
    what is wrong, and what to do about it."""


@dataclass(frozen=True)
class Source:
    """A file's text. Places are told as people count: from line 1."""

    path: Path
    text: str

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(at + 1 for at, one in enumerate(self.text) if one == "\n")]

    def line(self, offset: int) -> int:
        """The number of the line that the character at this offset stands on."""
        return bisect_right(self._line_starts, offset)

    def wrong(self, offset: int, what: str, remedy: str) -> Unreadable:
        """What is wrong at this place, to be raised."""
        return unreadable(self.path, f"line {self.line(offset)}", what, remedy)


def unreadable(path: Path, place: str, what: str, remedy: str) -> Unreadable:
    """One line for one mistake, whatever characters it quotes."""
    return Unreadable(f"{path}: {Problem(place, what, remedy)}")


def read_source(path: Path) -> Source:
    """Read a file as UTF-8, or as its byte order mark says (PowerShell writes UTF-16).

    Raises Unreadable.
    """
    try:
        if not path.is_file() and path.exists():
            raise unreadable(path, "file", "not a regular file", "give a configuration file")
        with path.open("rb") as file:
            octets = file.read(MOST_OCTETS + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no such name can be"
        raise unreadable(
            path, "file", f"cannot be read ({reason.lower()})", "name one that can be read"
        ) from error
    return Source(path, decoded(path, octets))


def decoded(path: Path, octets: bytes) -> str:
    """The text of a file's octets, lines ending in one newline each. Raises Unreadable."""
    if len(octets) > MOST_OCTETS:
        much = f"larger than {MOST_OCTETS // 1024 // 1024} MiB"
        raise unreadable(path, "file", much, "give a configuration file")
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if octets.startswith(mark)), "utf-8")
    try:
        text = octets.decode(encoding)
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        what = f"byte 0x{octets[error.start]:02x} is no {encoding.removesuffix('-sig').upper()}"
        raise unreadable(path, f"line {line}", what, "save the file as UTF-8") from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise unreadable(path, f"line {line}", "a zero octet", "give a text file, saved as UTF-8")
    return text.replace("\r\n", "\n")


def located(written: str, *folders: Path) -> Path:
    """Where a file lies that a configuration names.

    A relative path is looked for in each of the folders. So is the bare name of an absolute one
    that is not here: people bring copies of what lies in /etc elsewhere. Found nowhere, it is taken
    as written, and opening it tells so.
    """
    path = Path(written)
    places = [path] if path.is_absolute() else [folder / path for folder in folders]
    places += [folder / path.name for folder in folders]
    found = (place for place in places if os.path.lexists(place))
    try:
        return next(found, places[0])
    except (OSError, ValueError):
        return places[0]


def has_wildcards(pattern: str) -> bool:
    """Whether an include stands for all files that fit."""
    return any(mark in pattern for mark in "*?[")


def all_located(pattern: str, *folders: Path) -> list[Path]:
    """Where the files of an include lie; one that is written with wildcards may cover none."""
    if not has_wildcards(pattern):
        return [located(pattern, *folders)]
    folder = located(str(Path(pattern).parent), *folders)
    try:
        return sorted(each for each in folder.glob(Path(pattern).name) if each.is_file())
    except (OSError, ValueError):
        return []
