"""One thing that is wrong with a topology: where, what, and what to do about it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_PART = re.compile(r"\d+|\D+")
_SECTIONS = (
    "format",
    "title",
    "description",
    "networks",
    "cluster",
    "internet",
    "nodes",
    "links",
    "expected_answers",
    "expected_connections",
)


@dataclass(frozen=True, slots=True)
class Problem:
    """`place` is a key path as TOML writes it: "nodes[3].addresses.lan"."""

    place: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        text = f"{self.place}: {self.wrong}; {self.remedy}"
        # One problem is one line, whatever was written in the file.
        return "".join(
            one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
        )


def key(name: str) -> str:
    """A key as a place shows it: quoted where TOML wants it quoted."""
    return name if _BARE_KEY.fullmatch(name) else f'"{name}"'


def suggestion(name: str, known: Iterable[str]) -> str:
    """A remedy for an unknown name: the nearest known one, or else all of them."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f'did you mean "{near[0]}"?'
    if len(known) == 1:
        return f'write "{known[0]}"'
    listed = ", ".join(f'"{one}"' for one in known)
    return f"known are {listed}" if known else "there is none yet"


def in_file_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sorted as the file's sections usually stand, then by index; equal ones once."""

    def rank(problem: Problem) -> tuple[int, list[tuple[int, str]]]:
        section = re.split(r"[.\[]", problem.place, maxsplit=1)[0]
        position = _SECTIONS.index(section) if section in _SECTIONS else -1
        parts = _PART.findall(problem.place)
        return position, [(int(part), "") if part.isdigit() else (-1, part) for part in parts]

    return tuple(sorted(dict.fromkeys(problems), key=rank))
