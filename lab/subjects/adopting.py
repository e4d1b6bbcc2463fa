"""Taking a user's own configuration file as it is, with what it includes, into a daemon's folder.

Nothing of it is changed but what would keep it from running in the lab, or let it touch the host:
listening addresses, working directories, files that it writes, control channels, the dropping of
privileges. Each change is told as a line. Which directives these are is the product's to say: it
hands over an `Override`, which reads one file's text and returns its edits.

    def adopt(self, sitting: Sitting, config: Path) -> PlannedDaemon:
        adopted = adopt_files(config, _edits)
        return PlannedDaemon(..., files=adopted.files, overrides=adopted.overrides)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from lab.exchange.source import Source, Unreadable, located, read_source
from lab.subjects.subject import FileRefused

FOLDER = "{folder}"
"""What stands for the daemon's own folder in a planned daemon's texts."""

_MOST_FILES = 200
"""More than people have; a file that includes itself reaches it soon."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Something else in place of the text from `start` to `end`."""

    start: int
    end: int
    text: str
    """"" takes it away; line numbers stay what they were."""
    told: str = ""
    """What the report says of it, e.g. "listens on 192.0.2.53 instead"; "": nothing, where only a
    copied file has another name now."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A user's configuration, ready for a daemon's folder."""

    files: tuple[tuple[str, str], ...]
    """(name, text), the main file first."""
    overrides: tuple[str, ...]
    """What was changed, a line each: "unbound.conf line 3: ..."."""


@dataclass(slots=True)
class Taking:
    """The files that have been taken so far, for those who meet further ones."""

    override: Override
    folders: list[Path]
    """Where files with a relative name are looked for, and those that are not where they should be;
    a product that finds the working directory adds it."""
    files: dict[Path, str] = field(default_factory=dict)
    """Name in the daemon's folder of each file, the main one first."""
    texts: dict[str, str] = field(default_factory=dict)
    overrides: dict[str, list[str]] = field(default_factory=dict)
    """Lines by the name of the file that they are about."""

    def config(self, written: str) -> str:
        """Take a further configuration file, edited like the main one; returns the path that is to
        stand in place of the written one. Raises Unreadable."""
        return self._take(located(written, *self.folders), edited=True)

    def plain(self, written: str) -> str:
        """Take a file as it is: a zone, root hints, a trust anchor. Raises Unreadable."""
        return self._take(located(written, *self.folders), edited=False)

    def several(self, pattern: str) -> tuple[str, ...]:
        """Take every configuration file that a pattern such as "/etc/unbound/conf.d/*.conf" covers,
        in the order of their names; none is no mistake. Raises Unreadable."""
        folder = located(str(Path(pattern).parent), *self.folders)
        try:
            found = sorted(each for each in folder.glob(Path(pattern).name) if each.is_file())
        except (OSError, ValueError):
            found = []
        return tuple(self._take(each, edited=True) for each in found)

    def main(self, config: Path) -> None:
        """Take the main file."""
        self._take(config, edited=True)

    def _take(self, path: Path, *, edited: bool) -> str:
        key = path.resolve()
        if key in self.files:
            return f"{FOLDER}/{self.files[key]}"
        if len(self.files) >= _MOST_FILES:
            raise Unreadable(f"{path}: file: one of more than {_MOST_FILES}; give fewer")
        source = read_source(path)
        name = _free_name(path.name, self.texts)
        self.files[key] = name
        # Its place among the texts is kept before its own includes are met.
        self.texts[name] = source.text
        if edited:
            self.texts[name] = self._edited(source, name)
        return f"{FOLDER}/{name}"

    def _edited(self, source: Source, name: str) -> str:
        text, at = [], 0
        for edit in sorted(self.override(source, self), key=lambda each: each.start):
            if edit.told:
                line = f"{name} line {source.line(edit.start)}: {edit.told}"
                self.overrides.setdefault(name, []).append(line)
            lost = source.text[edit.start : edit.end].count("\n") - edit.text.count("\n")
            text += [source.text[at : edit.start], edit.text, "\n" * lost]
            at = edit.end
        return "".join([*text, source.text[at:]])


Override: TypeAlias = Callable[[Source, Taking], Iterable[Edit]]
"""A product's edits of one file. It takes the files that this one names, with `Taking`. Edits do
not overlap. Raises Unreadable where the file cannot be understood, CannotFill where nothing but a
change of what it does would let it run."""


def adopt_files(config: Path, override: Override) -> Adopted:
    """A user's file with all that it includes.

    Raises FileRefused where it cannot be understood, with file, line and remedy, and OSError where
    the file itself cannot be read.
    """
    with config.open("rb"):
        pass
    taking = Taking(override, [config.resolve().parent])
    try:
        taking.main(config)
    except Unreadable as error:
        raise FileRefused(str(error)) from error
    overrides = (taking.overrides.get(name, ()) for name in taking.files.values())
    return Adopted(tuple(taking.texts.items()), tuple(chain.from_iterable(overrides)))


def own_words(words: Iterable[str]) -> str:
    """What stood there, on one line, for a report."""
    return " ".join(" ".join(words).split())


def _free_name(wanted: str, taken: Iterable[str]) -> str:
    taken = set(taken)
    if wanted not in taken:
        return wanted
    return next(name for n in range(2, _MOST_FILES + 3) if (name := f"{n}-{wanted}") not in taken)
