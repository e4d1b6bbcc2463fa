"""`forwardlab`, the command.

Exit codes: 0 all passed (or deviates as listed), 1 a scenario failed, 2 bad input, 3 this host
cannot (also when nothing could be judged), 4 something was BROKEN.
"""

from __future__ import annotations

import json
import sys
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from lab.report.record import RunRecord

app = typer.Typer(
    name="forwardlab",
    help="Prove a DNS-forwarding and NAT set-up before it is deployed.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


class Exit(IntEnum):
    """What the command ends with."""

    PASSED = 0
    FAILED = 1
    BAD_INPUT = 2
    HOST_CANNOT = 3
    BROKEN = 4


_INTERRUPTED = 128 + 2  # what a shell makes of SIGINT; Typer exits with it as well


class WorldChoice(StrEnum):
    """Where scenarios run."""

    MININET = "mininet"
    SIMULATED = "simulated"
    AUTO = "auto"


def _refuse(message: str, code: Exit = Exit.BAD_INPUT) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)


def _ids() -> list[str]:
    """Complete scenario ids in the shell; silent where there are none to find."""
    from lab.scenario.catalogue import CatalogueError, read_catalogue

    try:
        return list(read_catalogue().scenarios)
    except CatalogueError:
        return []


@app.command(
    epilog="Examples:  [bold]forwardlab run[/]  ·  "
    "[bold]forwardlab run forwarding cluster/eight_steps[/]  ·  "
    "[bold]forwardlab run 'failures/*' --world simulated --seed 7[/]"
)
def run(
    scenario: Annotated[
        list[str] | None,
        typer.Argument(help="Ids, paths, folders or globs; none runs all.", autocompletion=_ids),
    ] = None,
    world: Annotated[
        WorldChoice,
        typer.Option(help="auto: Mininet where this host can, else simulated."),
    ] = WorldChoice.AUTO,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Scenarios at the same time. [default: by cores]")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="For IDs, ports and selection. [default: 1]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the run. [default: reports/runs/<time>]")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the record instead of lines.")
    ] = False,
    strict: Annotated[bool, typer.Option(help="A failed SHOULD fails its scenario.")] = False,
    keep_on_failure: Annotated[
        bool,
        typer.Option(help="Leave a failed world standing and say how to enter it."),
    ] = False,
) -> None:
    """Run scenarios and report what was proved."""
    from lab.report.render import FolderUnusable
    from lab.scenario.catalogue import CatalogueError
    from lab.scenario.session import HostCannot, Session, SessionError, exit_code

    try:
        session = Session.prepare(
            wanted=scenario or [],
            world=world.value,
            workers=workers,
            seed=1 if seed is None else seed,
            out=out,
            strict=strict,
            keep_on_failure=keep_on_failure,
        )
    except (CatalogueError, SessionError) as error:
        _refuse(str(error))
    except HostCannot as error:
        _refuse(str(error), Exit.HOST_CANNOT)
    try:
        record = session.run(quiet=as_json)
    except FolderUnusable as error:
        _refuse(str(error))
    if as_json:
        typer.echo(record.model_dump_json(indent=2))
    raise typer.Exit(exit_code(record))


@app.command("list", epilog="Example:  [bold]forwardlab list forwarding[/]")
def list_scenarios(
    scenario: Annotated[
        list[str] | None, typer.Argument(help="Ids, paths, folders or globs.")
    ] = None,
) -> None:
    """List scenarios: id, topology, title."""
    from lab.scenario.catalogue import CatalogueError, read_catalogue

    try:
        catalogue = read_catalogue()
        chosen = catalogue.select(scenario or [])
    except CatalogueError as error:
        _refuse(str(error))
    for line in catalogue.left_out():
        typer.echo(line, err=True)
    width = max(map(len, chosen), default=0)
    reach = max((len(each.topology) for each in chosen.values()), default=0)
    for identifier, each in chosen.items():
        typer.echo(f"{identifier:{width}}  {each.topology:{reach}}  {each.title}")


@app.command(epilog="Example:  [bold]forwardlab check topologies/*.toml[/]")
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Topology files.")],
) -> None:
    """Check topology files: every mistake at once, with its place and the remedy."""
    from lab.topology.load import TopologyError, load_topology

    wrong = False
    for path in files:
        try:
            load_topology(path)
        except TopologyError as error:
            wrong = True
            typer.echo(str(error), err=True)
        else:
            typer.echo(f"{path}: good")
    if wrong:
        raise typer.Exit(Exit.BAD_INPUT)


@app.command(epilog="Example:  [bold]forwardlab schema > topology.schema.json[/]")
def schema() -> None:
    """Print the JSON schema of topology files, for editors."""
    from lab.topology.load import schema as topology_schema

    typer.echo(json.dumps(topology_schema(), indent=2))


@app.command(epilog="Example:  [bold]forwardlab draw topologies/cluster-nat.toml -o nat.svg[/]")
def draw(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A topology file.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", help="An .svg file; else stdout.")
    ] = None,
) -> None:
    """Draw a topology as SVG."""
    from lab.topology.draw import draw_topology
    from lab.topology.load import TopologyError, load_topology

    if out is not None and out.suffix != ".svg":
        _refuse(f"{out}: only SVG is drawn; name a file that ends in .svg")
    try:
        picture = draw_topology(load_topology(file))
    except TopologyError as error:
        _refuse(str(error))
    if out is None:
        typer.echo(picture)
        return
    try:
        out.write_text(picture, encoding="utf-8")
    except OSError as error:
        _refuse(f"{out}: {error.strerror}; name a folder that exists and can be written")
    typer.echo(out)


@app.command(epilog="Example:  [bold]forwardlab doctor[/]")
def doctor() -> None:
    """Say what this host can do, and the remedy for each missing thing."""
    from rich.console import Console
    from rich.table import Table

    from lab.doctor import examine

    table = Table(show_edge=False, pad_edge=False, box=None)
    for heading in ("", "what", "found", "remedy"):
        table.add_column(heading, overflow="fold")
    for diagnosis in examine():
        mark = "✓" if diagnosis.fine else ("✗" if diagnosis.needed else "·")
        table.add_row(mark, diagnosis.subject, diagnosis.found, diagnosis.remedy)
    Console(soft_wrap=not sys.stdout.isatty()).print(table)
    if any(diagnosis.needed and not diagnosis.fine for diagnosis in examine()):
        typer.echo("Mininet worlds cannot run here; --world simulated can", err=True)
        raise typer.Exit(Exit.HOST_CANNOT)


@app.command(epilog="Example:  [bold]forwardlab report latest[/]")
def report(
    run_folder: Annotated[
        str, typer.Argument(metavar="RUN", help='"latest", a run\'s folder or its record.json.')
    ] = "latest",
) -> None:
    """Write the reports of a run anew from its record, and say where they are."""
    from lab.report.render import FolderUnusable, RecordUnreadable, write_reports

    record, folder = _read_run(run_folder)
    try:
        typer.echo(write_reports(folder, record))
    except (FolderUnusable, RecordUnreadable) as error:
        _refuse(str(error))


@app.command(
    epilog="Example:  [bold]forwardlab ladder latest cluster/eight_steps/alias_addresses[/]"
)
def ladder(
    run_folder: Annotated[
        str, typer.Argument(metavar="RUN", help='"latest", a run\'s folder or its record.json.')
    ],
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario's id.")],
) -> None:
    """Draw a scenario's messages as a ladder in the terminal."""
    import difflib
    import shutil

    from lab.report.ladder_text import ladder_text

    record, _ = _read_run(run_folder)
    found = {each.id: each for each in record.scenarios}
    if scenario not in found:
        near = difflib.get_close_matches(scenario, found, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(found) or 'none'}"
        _refuse(f"this run has no scenario {scenario!r}; {hint}")
    width = shutil.get_terminal_size((120, 40)).columns
    typer.echo(ladder_text(found[scenario], width=width), nl=False)


def _read_run(run_folder: str) -> tuple[RunRecord, Path]:
    from lab.report.render import RecordUnreadable, read_run
    from lab.scenario.catalogue import CatalogueError, project_root

    try:
        return read_run(run_folder, project_root() / "reports")
    except (CatalogueError, RecordUnreadable) as error:
        _refuse(str(error))


def main() -> None:
    """Run the command; an interrupt ends it without a traceback."""
    try:
        status = app(standalone_mode=True)
    except SystemExit as end:
        status = end.code
    except KeyboardInterrupt:
        status = _INTERRUPTED
    if status == _INTERRUPTED:
        typer.echo("interrupted; nothing is left running", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
