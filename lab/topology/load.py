"""Reading a topology file: everything that is wrong with it, at once, in plain words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lab.json_schema import json_schema
from lab.topology.checks import problems_of
from lab.topology.model import Topology
from lab.topology.problem import Problem, in_file_order
from lab.topology.shape import mended, shape_problems

_TOML_MESSAGE = re.compile(r"(?P<wrong>.*) \(at (?P<place>line \d+, column \d+|end of document)\)")

_TOML_REMEDIES = (
    ("Cannot overwrite a value", "a key may be written once; delete one of the two"),
    ("Cannot declare", "a table may be opened once; write [[...]] for each row of a list"),
    ("Invalid value", 'text wants quotes: key = "value"'),
    ("Unclosed", "close what was opened"),
    ("Expected '=' after a key", 'write key = "value"'),
    ("Illegal character", 'end the text with a quote on its line, or use """ for several lines'),
)


class TopologyError(Exception):
    """A topology that cannot be run; `problems` are lines `FILE: place: what is wrong; what to
    do`."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def load_topology(path: Path) -> Topology:
    """Read and check a topology file.

    Raises TopologyError with all its problems.
    """
    topology, problems = _checked(_read(path))
    if topology is None or problems:
        raise TopologyError(_lines(path, problems))
    return topology


def problems_in(text: str) -> tuple[Problem, ...]:
    """Everything that is wrong with a topology file of this text; nothing: it can be run."""
    try:
        return _checked(tomllib.loads(text))[1]
    except tomllib.TOMLDecodeError as error:
        return (_toml_problem(str(error)),)


def _checked(raw: dict[str, Any]) -> tuple[Topology | None, tuple[Problem, ...]]:
    try:
        topology = Topology.model_validate(raw)
    except ValidationError as error:
        problems = shape_problems(error)
        repaired = mended(error, raw)
        if repaired is not None:
            problems += problems_of(repaired)
        return None, in_file_order(problems)
    return topology, problems_of(topology)


def schema() -> dict[str, Any]:
    """The JSON schema of a topology file, for editors."""
    return json_schema(Topology)


def _read(path: Path) -> dict[str, Any]:
    try:
        # "sig": editors on Windows begin a file with a byte order mark.
        text = path.read_bytes().decode("utf-8-sig")
        return tomllib.loads(text)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        remedy = "give the path of a topology file, e.g. topologies/cluster.toml"
        raise TopologyError([f"{path}: file: {reason}; {remedy}"]) from None
    except UnicodeDecodeError as error:
        wrong = f"byte {error.start} is not UTF-8"
        raise TopologyError([f"{path}: file: {wrong}; save the file as UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise TopologyError(_lines(path, [_toml_problem(str(error))])) from None


def _toml_problem(message: str) -> Problem:
    match = _TOML_MESSAGE.fullmatch(message)
    wrong, place = (match["wrong"], match["place"]) if match else (message, "file")
    remedy = next(
        (text for start, text in _TOML_REMEDIES if wrong.startswith(start)),
        "write TOML there; topologies/README.md shows the format",
    )
    return Problem(place, f"this is not TOML: {wrong}", remedy)


def _lines(path: Path, problems: Iterable[Problem]) -> tuple[str, ...]:
    return tuple(f"{path}: {problem}" for problem in problems)
