"""What is wrong with a scenario's module, in one line: `place: what is wrong; what to do`."""

from __future__ import annotations

import difflib
import re
import sys
import traceback
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lab.judge import checks
from lab.judge.checks import Check
from lab.scenario import model
from lab.scenario.model import Change, Fault, Step
from lab.values import unknown

_GIVEN_LENGTH = 60
"""How much of a wrong value is shown, characters."""

_NOT_IN_MODULE = re.compile(r"cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)'")


def complaint(error: BaseException, path: Path) -> str:
    """Tell what stopped the module at `path`, and where: the last line of it that ran."""
    if isinstance(error, SyntaxError) and error.filename in {None, str(path)}:
        place = f"line {error.lineno}" if error.lineno else "file"
        return f"{place}: {_one_line(error.msg)}; correct the Python there"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    place = f"line {lines[-1]}" if lines else "file"
    if isinstance(error, ValidationError):
        return "; ".join(_refused(place, each, error.title) for each in error.errors())
    return f"{place}: {_one_line(_raised(error))}"


def _raised(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"{error}; correct the name, or install what is missing"
    if isinstance(error, ImportError):
        return _not_imported(error)
    if isinstance(error, NameError):
        return f"{error}; correct the name, or import it"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror.lower()}; make it a file that can be read"
    name = type(error).__name__
    words = f"{name}: {error}" if str(error) else name
    return f"{words}; correct it: running the file with python shows the whole way there"


def _not_imported(error: ImportError) -> str:
    match = _NOT_IN_MODULE.search(str(error))
    if match is None:
        return f"{error}; correct the import"
    known = [name for name in vars(sys.modules[match["module"]]) if not name.startswith("_")]
    near = difflib.get_close_matches(match["name"], known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "correct the name"
    return f"{match['module']} has no {match['name']!r}; {hint}"


def _refused(place: str, error: ErrorDetails, title: str) -> str:
    """Tell one thing that a value's own rules refuse."""
    where = title
    for part in error["loc"]:
        where += f"[{part}]" if isinstance(part, int) else f".{part}"
    return _one_line(f"{place}, {where}: {_wrong(error, title)}")


def _wrong(error: ErrorDetails, title: str) -> str:
    context = error.get("ctx", {})
    given = _short(error["input"])
    key = str(error["loc"][-1]) if error["loc"] else title
    match error["type"]:
        case "value_error":
            words = str(context["error"])  # ours: it says what to do
        case "extra_forbidden":
            words = _unknown_field(key, title if len(error["loc"]) == 1 else "")
        case "missing":
            words = f"is missing; write {key}=..."
        case "literal_error":
            words = f"{given} is not known; write {context['expected']}"
        case "string_pattern_mismatch":
            words = f"{given} does not fit the pattern {context['pattern']}; write it like that"
        case "union_tag_invalid" | "union_tag_not_found" | "model_attributes_type":
            words = f"{given} is none of what may stand here; known are {_standing(title, key)}"
        case "too_short":
            words = f"holds too little; write {context['min_length']} or more"
        case _:
            remedy = error["msg"].removeprefix("Input should be ")
            words = f"{given} does not fit; it should be {remedy}"
    return words


def _unknown_field(key: str, title: str) -> str:
    kind = getattr(model, title, None) or getattr(checks, title, None)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return unknown("field", key, kind.model_fields)
    return f"no field {key!r}; take it away"


def _standing(title: str, key: str) -> str:
    """The names of what may stand in a place that takes one of several kinds."""
    kinds = Step
    if (title, key) == ("Expectation", "check"):
        kinds = Check
    elif title == "Reconfigure":
        kinds = Change
    elif key == "fault":
        kinds = Fault
    return ", ".join(each.__name__ for each in get_args(get_args(kinds)[0]))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _GIVEN_LENGTH else f"{text[:_GIVEN_LENGTH]}..."


def _one_line(text: str) -> str:
    return " ".join(text.split())
