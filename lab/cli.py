"""`forwardlab`, the command.

Exit codes: 0 all passed (or deviates as listed), 1 a scenario failed, 2 bad input, 3 this host
cannot (also when nothing could be judged), 4 something was BROKEN.
"""

from __future__ import annotations

import json
import sys
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from lab.report.record import RunRecord


class _Command(TyperCommand):
    def get_params(self, ctx: Any) -> list[Any]:
        return _without_types(super().get_params(ctx))


class _Group(TyperGroup):
    def get_params(self, ctx: Any) -> list[Any]:
        return _without_types(super().get_params(ctx))


def _without_types(params: list[Any]) -> list[Any]:
    """Python's types say nothing to a user; of arguments and switches the name says all."""
    for param in params:
        if param.param_type_name == "argument" or param.is_flag:
            vars(param)["display_type_rich"] = lambda ctx: None  # noqa: ARG005 - called by name
    return params


app = typer.Typer(
    name="forwardlab",
    cls=_Group,
    help="Prove a DNS-forwarding and NAT set-up before it is deployed.",
    epilog="Example:  [bold]forwardlab run cluster/eight_steps[/], then "
    "[bold]forwardlab ladder latest cluster/eight_steps/translator_address[/]",
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


def _world(word: str) -> str:
    if word not in list(WorldChoice):
        raise typer.BadParameter(f"there is no world {word!r}; choose {', '.join(WorldChoice)}")
    return word


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


def _runs() -> list[str]:
    """Complete the runs there are, the newest first."""
    from lab.scenario.catalogue import CatalogueError, project_root

    try:
        records = (project_root() / "reports" / "runs").glob("*/record.json")
    except CatalogueError:
        return []
    return ["latest", *sorted((each.parent.name for each in records), reverse=True)]


def _ids_of_run(ctx: typer.Context) -> list[str]:
    """Complete the scenarios of the run that was named before."""
    try:
        record, _ = _read_run(ctx.params.get("run_folder") or "latest", quiet=True)
    except typer.Exit:
        return []
    return [each.id for each in record.scenarios]


@app.command(
    cls=_Command,
    epilog="Examples:  [bold]forwardlab run[/]  ·  "
    "[bold]forwardlab run forwarding cluster/eight_steps[/]  ·  "
    "[bold]forwardlab run 'failures/*' --world simulated --seed 7[/]",
)
def run(
    scenario: Annotated[
        list[str] | None,
        typer.Argument(help="Ids, paths, folders or globs; none runs all.", autocompletion=_ids),
    ] = None,
    world: Annotated[
        str,
        typer.Option(
            metavar="WORLD",
            callback=_world,
            autocompletion=lambda: list(WorldChoice),
            help="mininet, simulated, or auto: Mininet where this host can, else simulated.",
        ),
    ] = WorldChoice.AUTO.value,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            min=1,
            help="Scenarios at the same time.",
            show_default="3 per core; simulated: 1 per core",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="NUMBER", min=0, help="For IDs, ports and selection.")
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for the run, new or empty.",
            show_default="reports/runs/<time>",
        ),
    ] = None,
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

    try:
        session = Session.prepare(
            wanted=scenario or [],
            world=WorldChoice(world).value,
            workers=workers,
            seed=seed,
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


@app.command("list", cls=_Command, epilog="Example:  [bold]forwardlab list forwarding[/]")
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


@app.command(cls=_Command, epilog="Example:  [bold]forwardlab check topologies/*.toml[/]")
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


@app.command(cls=_Command, epilog="Example:  [bold]forwardlab schema > topology.schema.json[/]")
def schema() -> None:
    """Print the JSON schema of topology files, for editors."""
    from lab.topology.load import schema as topology_schema

    typer.echo(json.dumps(topology_schema(), indent=2))


@app.command(
    cls=_Command, epilog="Example:  [bold]forwardlab draw topologies/cluster-nat.toml -o nat.svg[/]"
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


@app.command(cls=_Command, epilog="Example:  [bold]forwardlab doctor[/]")
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


_RUN = typer.Argument(
    metavar="RUN",
    help='"latest", the name of a run, its folder or its record.json.',
    autocompletion=_runs,
)


@app.command(
    cls=_Command,
    epilog="Examples:  [bold]forwardlab report[/]  ·  "
    "[bold]forwardlab report reports/runs/2026-04-15T21-50-00Z[/]",
)
def report(
    run_folder: Annotated[str, _RUN] = "latest",
) -> None:
    """Write the reports of a run anew from its record, and say where they are."""
    from lab.report.render import FolderUnusable, RecordUnreadable, write_reports

    record, folder = _read_run(run_folder)
    try:
        typer.echo(write_reports(folder, record))
    except (FolderUnusable, RecordUnreadable) as error:
        _refuse(str(error))


@app.command(
    cls=_Command,
    epilog="Example:  [bold]forwardlab ladder latest cluster/eight_steps/alias_addresses[/]",
)
def ladder(
    run_folder: Annotated[str, _RUN],
    scenario: Annotated[
        str,
        typer.Argument(metavar="SCENARIO", help="A scenario's id.", autocompletion=_ids_of_run),
    ],
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


def _areas() -> dict[str, str]:
    """The areas of the rule catalogue, by the letters that their rules' ids begin with."""
    from lab.judge.rules import RULES

    return {each.id.partition("-")[0]: each.area for each in RULES.values()}


@app.command(
    cls=_Command,
    epilog="Examples:  [bold]forwardlab rules --area FWD --area CND[/]  ·  "
    "[bold]forwardlab rules --missing[/]  ·  [bold]forwardlab rules latest[/]",
)
def rules(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Runs to tell the outcomes of; none: the latest, if there is one.",
            autocompletion=_runs,
        ),
    ] = None,
    area: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AREA",
            help='Only rules of this area, such as "FWD"; may be repeated.',
            autocompletion=lambda: list(_areas().items()),
        ),
    ] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Only rules that no scenario judges.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the rules: what each demands, the scenarios that judge it, and what came of it."""
    import difflib

    from lab.report.coverage import coverage
    from lab.report.rules_table import print_rules
    from lab.scenario.catalogue import CatalogueError, read_catalogue

    areas = _areas()
    for word in area or []:
        if word.upper() not in areas:
            near = difflib.get_close_matches(word.upper(), areas, n=1)
            hint = f"did you mean {near[0]}?" if near else f"choose {', '.join(areas)}"
            _refuse(f"there is no area {word!r}; {hint}")
    try:
        catalogue = read_catalogue()
    except CatalogueError as error:
        _refuse(str(error))
    for line in catalogue.left_out():
        typer.echo(line, err=True)
    records = [_read_run(each)[0] for each in runs] if runs else _latest_run()
    wanted = {word.upper() for word in area or areas}
    found = [
        each
        for each in coverage(catalogue.scenarios, records)
        if each.rule.id.partition("-")[0] in wanted and (each.is_missing or not missing)
    ]
    if as_json:
        typer.echo(json.dumps([each.content() for each in found], indent=2, ensure_ascii=False))
        return
    told = ", ".join(f"the run of {each.started} ({each.world})" for each in records)
    print_rules(found, f"in {told}" if told else "")


def _latest_run() -> list[RunRecord]:
    """The latest run, where there is one; nobody asked for it, so one that cannot be read is told
    and left out."""
    from lab.report.render import RecordUnreadable, find_record, read_record
    from lab.scenario.catalogue import project_root

    try:
        latest = find_record("latest", project_root() / "reports")
    except RecordUnreadable:
        return []
    try:
        return [read_record(latest)]
    except RecordUnreadable as error:
        typer.echo(f"warning: left out: {error}", err=True)
        return []


def _read_run(run_folder: str, *, quiet: bool = False) -> tuple[RunRecord, Path]:
    from lab.report.render import RecordUnreadable, read_run
    from lab.scenario.catalogue import CatalogueError, project_root

    try:
        return read_run(run_folder, project_root() / "reports")
    except (CatalogueError, RecordUnreadable) as error:
        if quiet:
            raise typer.Exit from error
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
