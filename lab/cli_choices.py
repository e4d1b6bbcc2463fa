"""What several commands let a user choose: a world, a scenario, a topology."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import typer


class WorldChoice(StrEnum):
    """Where scenarios run."""

    MININET = "mininet"
    SIMULATED = "simulated"
    AUTO = "auto"


def known_world(word: str) -> str:
    """A word that names a world. Raises typer.BadParameter."""
    if word not in list(WorldChoice):
        raise typer.BadParameter(f"there is no world {word!r}; choose {', '.join(WorldChoice)}")
    return word


def world_choice(word: str) -> Literal["mininet", "simulated", "auto"]:
    """A known world's word, as the session takes it."""
    return WorldChoice(word).value


WORLD = typer.Option(
    metavar="WORLD",
    callback=known_world,
    autocompletion=lambda: list(WorldChoice),
    help="mininet, simulated, or auto: Mininet where this host can, else simulated.",
)


def scenario_ids() -> list[str]:
    """Complete scenario ids in the shell; silent where there are none to find."""
    from lab.scenario.catalogue import CatalogueError, read_catalogue

    try:
        return list(read_catalogue().scenarios)
    except CatalogueError:
        return []


def topology_names() -> list[str]:
    """Complete the names of topologies; silent where there are none to find."""
    from lab.scenario.catalogue import CatalogueError, project_root

    try:
        folder = project_root() / "topologies"
    except CatalogueError:
        return []
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.toml")
    )
