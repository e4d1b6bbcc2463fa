"""What values in a topology file look like: texts, yes or no, times, lists."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)


class Lone(tuple[str, ...]):
    """One string that stood where a list may stand: as good as a list of it, but without
    brackets in the file and so without an index in a problem's place."""

    __slots__ = ()


def _one_or_more(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    return Lone(validate((value,))) if isinstance(value, str) else validate(value)


OneOrMore: TypeAlias = Annotated[
    tuple[str, ...],
    WrapValidator(_one_or_more),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ]
        }
    ),
    Field(min_length=1),
]
"""One string, or a list of them: an IPv4 address, or an IPv4 and an IPv6 one."""


AnyNumber: TypeAlias = Annotated[
    tuple[str, ...],
    WrapValidator(_one_or_more),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One string, or a list of them, which may be empty."""


def place_in(place: str, position: int, texts: tuple[str, ...]) -> str:
    """The place of one of the strings at `place`, as the file has it."""
    return place if isinstance(texts, Lone) else f"{place}[{position}]"


_YES_OR_NO = {"yes": True, "no": False}


def _yes_or_no(value: object) -> object:
    return _YES_OR_NO.get(value, value) if isinstance(value, str) else value


YesOrNo: TypeAlias = Annotated[
    StrictBool,
    BeforeValidator(_yes_or_no),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": list(_YES_OR_NO)}]}),
]
"""True or false, or the words of the FAQ's table. Strict, like every number here: what `check`
reads and what the schema allows must not differ."""

Seconds: TypeAlias = Annotated[StrictFloat, Field(gt=0, le=3600)]
"""A time that has to pass: more than nothing, at most an hour."""

MappingSeconds: TypeAlias = Annotated[StrictFloat, Field(le=604_800)]
"""A time that a NAT translator remembers something: at most a week."""


class Value(BaseModel):
    """A table of the file: its keys are known, and it does not change."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )
