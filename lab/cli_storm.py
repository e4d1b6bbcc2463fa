"""The command that sends a crowd of viewers through a topology."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli_choices import (
    WORLD,
    WorldChoice,
    folder_for,
    seed_for,
    topology_names,
    world_choice,
)
from lab.cli_frame import Command, Exit, refuse

if TYPE_CHECKING:
    from lab.report.folder import RunFolder
    from lab.storm.record import StormRecord
    from lab.storm.run import PreparedStorm

app = typer.Typer()

_SEED = seed_for("addresses, arrivals, IDs, ports and selection")
_FOLDER = folder_for("storm", "reports/storms/runs/<time>")


@app.command(
    cls=Command,
    epilog="Examples:  [bold]forwardlab storm cluster-nat[/]  ·  "
    "[bold]forwardlab storm cluster-nat --viewers 20000 --rate 20000[/]",
)
def storm(
    topology: Annotated[
        str,
        typer.Argument(
            metavar="TOPOLOGY",
            help="A topology's name or file; it must have a cluster.",
            autocompletion=topology_names,
        ),
    ],
    viewers: Annotated[
        int,
        typer.Option(metavar="NUMBER", help="How many, each with its own address; at most 20,000."),
    ] = 2_000,
    rate: Annotated[
        float,
        typer.Option(metavar="NUMBER", help="Viewers that arrive in a second (Poisson)."),
    ] = 1_000.0,
    at_once: Annotated[
        int,
        typer.Option(
            metavar="NUMBER",
            help="Connections opening at once; who comes then waits for a turn, told apart.",
        ),
    ] = 64,
    world: Annotated[str, WORLD] = WorldChoice.AUTO.value,
    seed: Annotated[int, _SEED] = 1,
    out: Annotated[Path | None, _FOLDER] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the record instead of lines.")
    ] = False,
) -> None:
    """Let thousands of viewers log on at once: who was answered, when, and by which node."""
    from lab.report.render import FolderUnusable
    from lab.scenario.catalogue import CatalogueError, find_topology
    from lab.storm.request import Storm, StormImpossible, StormRefused
    from lab.storm.run import choose_world, prepare_storm
    from lab.topology.load import TopologyError
    from lab.worlds.world import WorldBroken

    try:
        file = find_topology(topology)
        chosen, reason = choose_world(world_choice(world), file)
        prepared = prepare_storm(Storm(file, viewers, rate, chosen, seed, at_once))
        folder = _folder(out)
        if reason:
            typer.echo(reason, err=True)
        record = _run(prepared, folder, quiet=as_json)
    except (CatalogueError, FolderUnusable, StormRefused, TopologyError) as error:
        refuse(str(error))
    except StormImpossible as error:
        refuse(str(error), Exit.HOST_CANNOT)
    except WorldBroken as error:
        refuse(f"BROKEN: {error}", Exit.BROKEN)
    codes = {"passed": Exit.PASSED, "failed": Exit.FAILED, "broken": Exit.BROKEN}
    raise typer.Exit(codes[record.outcome])


def _folder(out: Path | None) -> RunFolder:
    """The storm's folder. Raises FolderUnusable and CatalogueError."""
    from datetime import UTC, datetime

    from lab.report.folder import RunFolder
    from lab.scenario.catalogue import project_root

    reports = out or project_root() / "reports" / "storms"
    return RunFolder.create(reports, out, datetime.now(UTC))


def _run(prepared: PreparedStorm, folder: RunFolder, *, quiet: bool) -> StormRecord:
    from lab.storm.folder import write_storm
    from lab.storm.text import storm_lines

    record = prepared.run(folder.path)
    page = write_storm(folder.path, record)
    folder.finish()
    if quiet:
        typer.echo(record.model_dump_json(indent=2))
    else:
        _print((*storm_lines(record), f"report: {page}"))
    return record


def _print(lines: Iterable[str]) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    for line in lines:
        told = line.encode(console.encoding, "replace").decode(console.encoding)
        # Whoever reads a file or a pipe wants one line to stay one line.
        console.print(told, soft_wrap=True)
