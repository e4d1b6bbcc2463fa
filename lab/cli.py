"""`forwardlab`, the command.

Exit codes: 0 all passed (or deviates as listed), 1 a scenario failed, 2 bad input, 3 this host
cannot (also when nothing could be judged), 4 something was BROKEN.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from lab import (
    cli_captures,
    cli_exchange,
    cli_matrix,
    cli_regression,
    cli_runs,
    cli_storm,
    cli_sweep,
    cli_teaching,
)
from lab.cli_choices import (
    CONFIG,
    RUN_FOLDER,
    RUN_WORLD,
    SEED,
    SUBJECT,
    RunWorldChoice,
    run_world_choice,
    scenario_ids,
)
from lab.cli_frame import Command, Exit, Group, refuse, write_out

app = typer.Typer(
    name="forwardlab",
    cls=Group,
    help="Prove a DNS-forwarding and NAT set-up before it is deployed.",
    epilog="Example:  [bold]forwardlab run cluster/eight_steps[/], then "
    "[bold]forwardlab ladder latest cluster/eight_steps/translator_address[/]",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


_INTERRUPTED = 128 + 2  # what a shell makes of SIGINT; Typer exits with it as well


def _show_version(wanted: bool) -> None:
    if wanted:
        from lab.doctor import forwardlab_version

        typer.echo(f"forwardlab {forwardlab_version()}")
        raise typer.Exit


@app.callback()
def _top(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    del version


@app.command(
    cls=Command,
    epilog="Examples:  [bold]forwardlab run[/]  ·  "
    "[bold]forwardlab run forwarding cluster/eight_steps[/]  ·  "
    "[bold]forwardlab run 'failures/*' --world simulated --seed 7[/]  ·  "
    "[bold]forwardlab run forwarding --subject dns=unbound[/]",
)
def run(
    scenario: Annotated[
        list[str] | None,
        typer.Argument(
            help="Ids, paths, folders or globs; none runs all.", autocompletion=scenario_ids
        ),
    ] = None,
    world: Annotated[str, RUN_WORLD] = RunWorldChoice.AUTO.value,
    subject: Annotated[list[str] | None, SUBJECT] = None,
    config: Annotated[list[str] | None, CONFIG] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            min=1,
            help="Scenarios at the same time.",
            show_default="3 per core; simulated: 1 per core",
        ),
    ] = None,
    seed: Annotated[int, SEED] = 1,
    out: Annotated[Path | None, RUN_FOLDER] = None,
    repeat: Annotated[
        int,
        typer.Option(
            metavar="NUMBER",
            min=1,
            help="Run each scenario so often; a verdict that differs then fails.",
        ),
    ] = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the record instead of lines.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="A failed SHOULD fails its scenario.")
    ] = False,
    keep_on_failure: Annotated[
        bool,
        typer.Option(
            "--keep-on-failure", help="Leave a failed world standing and say how to enter it."
        ),
    ] = False,
) -> None:
    """Run scenarios and report what was proved."""
    from lab.report.render import FolderUnusable
    from lab.scenario.catalogue import CatalogueError
    from lab.scenario.session import HostCannot, Session, SessionError, exit_code
    from lab.subjects.seating import SeatingError

    try:
        session = Session.prepare(
            wanted=scenario or [],
            world=run_world_choice(world),
            workers=workers,
            seed=seed,
            out=out,
            strict=strict,
            keep_on_failure=keep_on_failure,
            repeat=repeat,
            subjects=subject or [],
            configs=config or [],
        )
    except (CatalogueError, SeatingError, SessionError) as error:
        refuse(str(error))
    except HostCannot as error:
        refuse(str(error), Exit.HOST_CANNOT)
    try:
        record = session.run(quiet=as_json)
    except (FolderUnusable, SessionError) as error:
        refuse(str(error))
    if as_json:
        typer.echo(record.model_dump_json(indent=2))
    raise typer.Exit(exit_code(record))


@app.command("list", cls=Command, epilog="Example:  [bold]forwardlab list forwarding[/]")
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
        refuse(str(error))
    for line in catalogue.left_out():
        typer.echo(line, err=True)
    width = max(map(len, chosen), default=0)
    reach = max((len(each.topology) for each in chosen.values()), default=0)
    for identifier, each in chosen.items():
        typer.echo(f"{identifier:{width}}  {each.topology:{reach}}  {each.title}")


@app.command(cls=Command, epilog="Example:  [bold]forwardlab check topologies/*.toml[/]")
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


@app.command(cls=Command, epilog="Example:  [bold]forwardlab schema > topology.schema.json[/]")
def schema() -> None:
    """Print the JSON schema of topology files, for editors."""
    from lab.topology.load import schema as topology_schema

    typer.echo(json.dumps(topology_schema(), indent=2))


@app.command(
    cls=Command, epilog="Example:  [bold]forwardlab draw topologies/cluster-nat.toml -o nat.svg[/]"
)
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
        refuse(f"{out}: only SVG is drawn; name a file that ends in .svg")
    try:
        picture = draw_topology(load_topology(file))
    except TopologyError as error:
        refuse(str(error))
    if out is None:
        typer.echo(picture)
        return
    write_out(out, picture)
    typer.echo(out)


@app.command(cls=Command, epilog="Example:  [bold]forwardlab doctor[/]")
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


app.add_typer(cli_runs.app)
app.add_typer(cli_captures.app)
app.add_typer(cli_regression.app)
app.add_typer(cli_teaching.app)
app.add_typer(cli_storm.app)
app.add_typer(cli_sweep.app)
app.add_typer(cli_exchange.app)
app.add_typer(cli_matrix.app)


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
