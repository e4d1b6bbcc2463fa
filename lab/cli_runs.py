"""The commands about runs that are over: their reports, their ladders, their rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli_choices import RUN, complete_runs
from lab.cli_frame import Command, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.matrix.record import MatrixRecord
    from lab.report.coverage import SubjectResult
    from lab.report.record import RunRecord

app = typer.Typer()

_IDS_TOLD = 12
"""A run of more scenarios than these is not listed in an error."""


def _ids_of_run(ctx: typer.Context) -> list[str]:
    """Complete the scenarios of the run that was named before."""
    try:
        record, _ = _read_run(ctx.params.get("run_folder") or "latest", quiet=True)
    except typer.Exit:
        return []
    return list(dict.fromkeys(each.id for each in record.scenarios))


@app.command(
    cls=Command,
    epilog="Examples:  [bold]forwardlab report[/]  ·  "
    "[bold]forwardlab report reports/runs/2026-04-15T21-50-00Z[/]",
)
def report(
    run_folder: Annotated[str, RUN] = "latest",
) -> None:
    """Write the reports of a run anew from its record, and say where they are."""
    from lab.report.render import FolderUnusable, RecordUnreadable, write_reports

    record, folder = _read_run(run_folder)
    try:
        typer.echo(write_reports(folder, record))
    except (FolderUnusable, RecordUnreadable) as error:
        refuse(str(error))


@app.command(
    cls=Command,
    epilog="Example:  [bold]forwardlab ladder latest cluster/eight_steps/alias_addresses[/]",
)
def ladder(
    run_folder: Annotated[str, RUN],
    scenario: Annotated[
        str,
        typer.Argument(metavar="SCENARIO", help="A scenario's id.", autocompletion=_ids_of_run),
    ],
) -> None:
    """Draw a scenario's messages as a ladder in the terminal."""
    import difflib
    import shutil

    from lab.report.ladder_text import ladder_text
    from lab.report.repetitions import once_each

    record, _ = _read_run(run_folder)
    found = {each.id: each for each in once_each(record).scenarios}
    if scenario not in found:
        near = difflib.get_close_matches(scenario, found, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else _ids_found(list(found))
        refuse(f"this run has no scenario {scenario!r}; {hint}")
    width = shutil.get_terminal_size((120, 40)).columns
    typer.echo(ladder_text(found[scenario], width=width), nl=False)


def _ids_found(ids: list[str]) -> str:
    if len(ids) <= _IDS_TOLD:
        return f"it has {', '.join(ids) or 'none'}"
    return f"it has {len(ids)}, such as {ids[0]}; its report and its record.json name them all"


def _areas() -> dict[str, str]:
    """The areas of the rule catalogue, by the letters that their rules' ids begin with."""
    from lab.judge.rules import RULES

    return {each.id.partition("-")[0]: each.area for each in RULES.values()}


@app.command(
    cls=Command,
    epilog="Examples:  [bold]forwardlab rules --area FWD --area CND[/]  ·  "
    "[bold]forwardlab rules --missing[/]  ·  [bold]forwardlab rules latest[/]",
)
def rules(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Runs and matrices to tell the outcomes of; none: the latest run and the kept "
            "matrix, where there are any.",
            autocompletion=complete_runs,
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
            refuse(f"there is no area {word!r}; {hint}")
    try:
        catalogue = read_catalogue()
    except CatalogueError as error:
        refuse(str(error))
    for line in catalogue.left_out():
        typer.echo(line, err=True)
    records, matrices = _named(runs) if runs else (_latest_run(), _kept_matrix())
    wanted = {word.upper() for word in area or areas}
    found = [
        each
        for each in coverage(catalogue.scenarios, records, _subject_results(matrices))
        if each.rule.id.partition("-")[0] in wanted and (each.is_missing or not missing)
    ]
    if as_json:
        typer.echo(json.dumps([each.content() for each in found], indent=2, ensure_ascii=False))
        return
    told = ", ".join(
        (
            *(f"the run of {each.started} ({each.world})" for each in records),
            *(f"the matrix of {each.started}" for each in matrices),
        )
    )
    print_rules(found, f"in {told}" if told else "")


def _named(words: list[str]) -> tuple[list[RunRecord], list[MatrixRecord]]:
    """The runs and matrices that a user named."""
    from lab.matrix.files import MatrixUnreadable, find_matrix, read_matrix
    from lab.scenario.catalogue import project_root

    records, matrices = [], []
    for word in words:
        file = find_matrix(word, project_root() / "reports")
        if file is None:
            records.append(_read_run(word)[0])
            continue
        try:
            matrices.append(read_matrix(file))
        except MatrixUnreadable as error:
            refuse(str(error))
    return records, matrices


def _kept_matrix() -> list[MatrixRecord]:
    """The matrix that is kept, where there is one; one that cannot be read is told and left out."""
    from lab.matrix.files import MatrixUnreadable, find_matrix, read_matrix
    from lab.scenario.catalogue import project_root

    file = find_matrix("matrix", project_root() / "reports")
    try:
        return [] if file is None else [read_matrix(file)]
    except MatrixUnreadable as error:
        typer.echo(f"warning: left out: {error}", err=True)
        return []


def _subject_results(matrices: Iterable[MatrixRecord]) -> dict[str, list[SubjectResult]]:
    """What matrices say of each rule."""
    from lab.report.coverage import SubjectResult

    found: dict[str, list[SubjectResult]] = {}
    for record in matrices:
        for cell in record.cells:
            result = SubjectResult(cell.seat, cell.subject, cell.outcome)
            found.setdefault(cell.rule, []).append(result)
    return found


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
        refuse(str(error))
