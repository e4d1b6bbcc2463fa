"""pydantic's errors about a topology file, in plain words and with places as TOML writes them."""

from __future__ import annotations

import copy
import difflib
import types
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lab.topology.model import Topology
from lab.topology.nodes import (
    Authority,
    Bystander,
    Resolver,
    Router,
    Server,
    Translator,
    Viewer,
)
from lab.topology.problem import Problem, key, suggestion

NODE_KINDS: dict[str, type[BaseModel]] = {
    "viewer": Viewer,
    "resolver": Resolver,
    "authority": Authority,
    "server": Server,
    "translator": Translator,
    "router": Router,
    "bystander": Bystander,
}

_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}

_TYPES = {
    "string_type": ("text", 'put it in quotes: "..."'),
    "int_type": ("a whole number", "write digits without quotes"),
    "int_from_float": ("a whole number", "drop the fraction"),
    "float_type": ("a number", "write digits without quotes"),
    "finite_number": ("a finite number", "write one"),
    "bool_type": ("true or false", "write true or false without quotes"),
    "dict_type": ("a table", "write [...] above its keys"),
    "model_type": ("a table", "write [...] above its keys"),
    "model_attributes_type": ("a table", "write [...] above its keys"),
    "tuple_type": ("a list", "write [...], or [[...]] above each of its tables"),
}
"""pydantic's error type: what was wanted, and what to do."""


def shape_problems(error: ValidationError) -> tuple[Problem, ...]:
    """All that a validation found, translated. A key that is missing because it is misspelt is
    reported as misspelt only."""
    found = error.errors(include_url=False)
    misspelt = {(*one["loc"][:-1], _meant(one["loc"])) for one in found if _is_unknown(one)}
    return tuple(
        _translated(one) for one in found if one["type"] != "missing" or one["loc"] not in misspelt
    )


def mended(error: ValidationError, raw: dict[str, Any]) -> Topology | None:
    """The topology as it was probably meant, so that its other mistakes can be told at once: a
    misspelt key read as the nearest known one, any other unknown key and any number out of bounds
    left out. None when the errors go deeper than that.
    """
    patched = copy.deepcopy(raw)
    for one in error.errors(include_url=False):
        *above, last = _without_tags(one["loc"])
        table = _value_at(patched, above)
        if _is_unknown(one):
            value, meant = table.pop(last), _meant(one["loc"])
            if meant is not None:
                table.setdefault(meant, value)
        elif one["type"] in _BOUNDS:
            del table[last]
        elif one["type"] != "missing":
            return None
    try:
        return Topology.model_validate(patched)
    except ValidationError:
        return None


def _is_unknown(error: ErrorDetails) -> bool:
    return error["type"] == "extra_forbidden"


def _meant(loc: tuple[int | str, ...]) -> str | None:
    """The known key that an unknown one was probably meant to be."""
    return next(iter(difflib.get_close_matches(str(loc[-1]), _known_keys(loc), 1, 0.5)), None)


def _translated(error: ErrorDetails) -> Problem:
    """In the order of likelihood: what pydantic's error type says, then its own words."""
    kind, place, given = error["type"], _place(_without_tags(error["loc"])), _shown(error["input"])
    if kind == "int_type" and isinstance(error["input"], float):
        kind = "int_from_float"
    if kind in _TYPES:
        wanted, remedy = _TYPES[kind]
        return Problem(place, f"{given} is not {wanted}", remedy)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        bound = error["ctx"][name]
        return Problem(place, f"{given} is out of bounds", f"it has to be {words} {bound:g}")
    if kind in _SPECIAL:
        return _SPECIAL[kind](error, place)
    return Problem(place, error["msg"], "see topologies/README.md for what goes there")


def _missing(error: ErrorDetails, place: str) -> Problem:
    return Problem(place, "is missing", f"add it ({_description(error['loc'])})")


def _unknown_key(error: ErrorDetails, place: str) -> Problem:
    loc = error["loc"]
    return Problem(place, "unknown key", suggestion(str(loc[-1]), _known_keys(loc)))


def _no_part(error: ErrorDetails, place: str) -> Problem:
    del error
    listed = ", ".join(f'"{name}"' for name in NODE_KINDS)
    return Problem(f"{place}.plays", "is missing", f"say what the node plays: {listed}")


def _unknown_part(error: ErrorDetails, place: str) -> Problem:
    part = str(error["ctx"]["tag"])
    return Problem(f"{place}.plays", f'nothing plays "{part}"', suggestion(part, NODE_KINDS))


def _no_such_value(error: ErrorDetails, place: str) -> Problem:
    given = _shown(error["input"])
    if place == "format":
        return Problem(place, f"format {given} is not read by this version", "write 1")
    expected = str(error["ctx"]["expected"]).replace("'", '"')
    return Problem(place, f"{given} is not among its values", f"write {expected}")


def _empty(error: ErrorDetails, place: str) -> Problem:
    return Problem(place, "is empty", f"give at least {error['ctx']['min_length']}")


def _too_many(error: ErrorDetails, place: str) -> Problem:
    context = error["ctx"]
    return Problem(
        place, f"{context['actual_length']} are too many", f"at most {context['max_length']}"
    )


_SPECIAL: dict[str, Callable[[ErrorDetails, str], Problem]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "union_tag_not_found": _no_part,
    "union_tag_invalid": _unknown_part,
    "literal_error": _no_such_value,
    "too_short": _empty,
    "too_long": _too_many,
}


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return str(value)


# --- places -----------------------------------------------------------------------------------


def _without_tags(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Pydantic puts the kind of node after its index: ("nodes", 3, "viewer", "addresses")."""
    if len(loc) > 2 and loc[0] == "nodes" and isinstance(loc[1], int) and loc[2] in NODE_KINDS:
        return (*loc[:2], *loc[3:])
    return loc


def _place(path: tuple[int | str, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{key(part)}"
    return text.removeprefix(".") or "file"


def _value_at(raw: Any, path: Sequence[int | str]) -> Any:
    for part in path:
        raw = raw[part]
    return raw


# --- what the model knows about a place ---------------------------------------------------------


def _model_at(loc: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model of the table that holds the last key of `loc`."""
    at: Any = Topology
    for part in loc[:-1]:
        at = _inside(at, part)
    return at if isinstance(at, type) and issubclass(at, BaseModel) else None


def _inside(at: Any, part: int | str) -> Any:
    if isinstance(at, type) and issubclass(at, BaseModel):
        return _bare(at.model_fields[str(part)].annotation)
    if get_origin(at) is tuple:
        return _bare(get_args(at)[0])
    if get_origin(at) is dict:
        return _bare(get_args(at)[1])
    return NODE_KINDS[str(part)]  # the only union of models: the kinds of nodes


def _bare(annotation: Any) -> Any:
    """Without `Annotated` and without `| None`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [one for one in get_args(annotation) if one is not type(None)]
        if len(kinds) == 1:
            return _bare(kinds[0])
    return annotation


def _known_keys(loc: tuple[int | str, ...]) -> list[str]:
    model = _model_at(loc)
    return list(model.model_fields) if model is not None else []


def _description(loc: tuple[int | str, ...]) -> str:
    model = _model_at(loc)
    field = model.model_fields.get(str(loc[-1])) if model is not None else None
    text = " ".join((field.description or "" if field else "").split()).split(". ")[0].rstrip(".")
    return text[:1].lower() + text[1:] or "see topologies/README.md"
