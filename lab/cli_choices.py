"""What several commands let a user choose: a world, a scenario, a topology, a run, a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Literal

import typer
from typer.models import OptionInfo


class WorldChoice(StrEnum):
    """Where scenarios run."""

    MININET = "mininet"
    SIMULATED = "simulated"
    AUTO = "auto"


def one_of(words: Sequence[str], what: str = "") -> Callable[[str], str]:
    """A callback that lets one of these words through. It raises typer.BadParameter for others."""

    def known(word: str) -> str:
        if word not in words:
            thing = f"{what} {word!r}".lstrip()
            raise typer.BadParameter(f"there is no {thing}; choose {', '.join(words)}")
        return word

    return known


class RunWorldChoice(StrEnum):
    """Where `forwardlab run` may run scenarios."""

    MININET = "mininet"
    SIMULATED = "simulated"
    TIMETRAVEL = "timetravel"
    AUTO = "auto"


def run_world_choice(word: str) -> Literal["mininet", "simulated", "timetravel", "auto"]:
    """A known world's word, as the session takes it."""
    return RunWorldChoice(word).value


def world_choice(word: str) -> Literal["mininet", "simulated", "auto"]:
    """A known world's word, as the session takes it."""
    return WorldChoice(word).value


WORLD = typer.Option(
    metavar="WORLD",
    callback=one_of(list(WorldChoice), "world"),
    autocompletion=lambda: list(WorldChoice),
    help="mininet, simulated, or auto: Mininet where this host can, else simulated.",
)


RUN_WORLD = typer.Option(
    metavar="WORLD",
    callback=one_of(list(RunWorldChoice), "world"),
    autocompletion=lambda: list(RunWorldChoice),
    help="mininet, simulated, timetravel (Mininet in a kernel with virtual time), or auto: Mininet "
    "where this host can, else simulated.",
)


def seed_for(what: str) -> OptionInfo:
    """The seed, for all that is drawn at random."""
    option: OptionInfo = typer.Option(metavar="NUMBER", min=0, help=f"For {what}.")
    return option


SEED = seed_for("IDs, ports and selection")


def folder_for(what: str, default: str) -> OptionInfo:
    """Where a command writes."""
    option: OptionInfo = typer.Option(
        metavar="DIR", help=f"Folder for the {what}, new or empty.", show_default=default
    )
    return option


RUN_FOLDER = folder_for("run", "reports/runs/<time>")


def complete_runs() -> list[str]:
    """Complete the runs there are, the newest first."""
    from lab.scenario.catalogue import CatalogueError, project_root

    try:
        records = (project_root() / "reports" / "runs").glob("*/record.json")
    except CatalogueError:
        return []
    return ["latest", *sorted((each.parent.name for each in records), reverse=True)]


RUN = typer.Argument(
    metavar="RUN",
    help='"latest", the name of a run, its folder or its record.json.',
    autocompletion=complete_runs,
)


def _subject_words() -> list[str]:
    """Complete "dns=unbound"."""
    from lab.subjects.roster import SUBJECTS
    from lab.subjects.subject import SEATS

    return [
        f"{seat}={name}"
        for seat in SEATS
        for name in ("ours", *(each.name for each in SUBJECTS.values() if seat in each.seats))
    ]


def _config_words(incomplete: str) -> list[str]:
    """Complete "dns=/path/unbound.conf": the seat, then the files there are."""
    from lab.subjects.subject import SEATS

    seat, equals, path = incomplete.partition("=")
    if not equals:
        return [f"{each}=" for each in SEATS]
    folder, _, beginning = path.rpartition("/")
    place = Path(f"{folder}/" if folder or path.startswith("/") else ".")
    found = sorted(each for each in place.glob("*") if each.name.startswith(beginning))
    return [f"{seat}={each}{'/' if each.is_dir() else ''}" for each in found]


SUBJECT = typer.Option(
    "--subject",
    metavar="SEAT=NAME",
    autocompletion=_subject_words,
    help="Who sits in a seat (dns, translator, balancer, nat), such as dns=unbound; once for each.",
    show_default="ours",
)

CONFIG = typer.Option(
    "--config",
    metavar="SEAT=FILE",
    autocompletion=_config_words,
    help="Your own configuration file of the server in that seat.",
    show_default="written from the topology",
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
    from lab.scenario.catalogue import CatalogueError, known_topologies, project_root

    try:
        return known_topologies(project_root())
    except CatalogueError:
        return []
