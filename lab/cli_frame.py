"""What all commands of `forwardlab` share: how they are written, and how they end."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup


class Command(TyperCommand):
    """A command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters, told without Python's types."""
        return _without_types(super().get_params(ctx))


class Group(TyperGroup):
    """A group of commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The same for the group's own."""
        return _without_types(super().get_params(ctx))


def _without_types(params: list[Any]) -> list[Any]:
    """Python's types say nothing to a user; of arguments and switches the name says all."""
    for param in params:
        if param.param_type_name == "argument" or param.is_flag:
            vars(param)["display_type_rich"] = lambda ctx: None  # noqa: ARG005 - called by name
    return params


class Exit(IntEnum):
    """What the command ends with."""

    PASSED = 0
    FAILED = 1
    BAD_INPUT = 2
    HOST_CANNOT = 3
    BROKEN = 4


def refuse(message: str, code: Exit = Exit.BAD_INPUT) -> NoReturn:
    """Say why on standard error, and end."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


def write_out(path: Path, text: str) -> None:
    """Write a file that the user named; refuse where that cannot be."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        refuse(f"{path}: {error.strerror}; name a folder that exists and can be written")
