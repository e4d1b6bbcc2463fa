"""The commands that say whether a run is worse than an earlier one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.cli_choices import RUN, complete_runs, one_of
from lab.cli_frame import Command, Exit, Group, refuse, write_out

if TYPE_CHECKING:
    from lab.regression.baseline import Baseline

app = typer.Typer()
baseline_app = typer.Typer(cls=Group, no_args_is_help=True)
app.add_typer(
    baseline_app, name="baseline", help="Keep a run to compare later ones with, or show it."
)


class FailOn(StrEnum):
    """What makes a comparison fail."""

    WORSE = "worse"
    CHANGED = "changed"
    NEVER = "never"


def _names() -> list[str]:
    """Complete the baselines and runs there are."""
    folder = _folder(quiet=True)
    kept = [] if folder is None else sorted(path.stem for path in folder.glob("*.json"))
    return [*kept, *complete_runs()]


@baseline_app.command(
    "save",
    cls=Command,
    epilog="Examples:  [bold]forwardlab baseline save[/]  ·  "
    "[bold]forwardlab baseline save latest --to before/[/]",
)
def save(
    run: Annotated[str, RUN] = "latest",
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the file.", show_default="reports/baseline"),
    ] = None,
) -> None:
    """Keep a run's verdicts and figures in a small file, named by its world and its subjects."""
    from lab.regression.baseline import Baseline, NothingToKeep
    from lab.report.render import RecordUnreadable, read_run
    from lab.scenario.catalogue import CatalogueError, project_root

    try:
        record, folder = read_run(run, project_root() / "reports")
        kept = Baseline.of(record)
        text = kept.text()
    except (CatalogueError, RecordUnreadable) as error:
        refuse(str(error))
    except NothingToKeep as error:
        refuse(f"{folder}: {error}")
    into = to or project_root() / "reports" / "baseline"
    file = into / f"{kept.name}.json"
    try:
        into.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        refuse(f"{error.filename or file}: {error.strerror}; choose another place with --to")
    typer.echo(f"{file}: {len(kept.verdicts)} verdicts, {len(kept.figures)} figures")


@baseline_app.command(
    "show", cls=Command, epilog="Example:  [bold]forwardlab baseline show simulated[/]"
)
def show(
    base: Annotated[
        str,
        typer.Argument(
            metavar="BASE", help="A baseline's name or file, or a run.", autocompletion=_names
        ),
    ] = "simulated",
) -> None:
    """Show what a baseline holds: its verdicts counted, its figures with their percentiles."""
    from collections import Counter

    from lab.report.statistics import Distribution
    from lab.report.wording import totals

    kept = _read(base)
    outcomes: Counter[str] = Counter(each.outcome for each in kept.verdicts.values())
    repeated = f", each {kept.repeat} times" if kept.repeat > 1 else ""
    typer.echo(
        f"{totals(outcomes)}{repeated}; {kept.world} world, {kept.clock} clock, seed {kept.seed}"
    )
    width = max((len(str(key)) for key in kept.figures), default=0)
    headings = "".join(f"{heading:>12}" for heading in ("n", "median", "p90", "p99", "max"))
    typer.echo(f"{'scenario · figure, ms':{width}}{headings}")
    for key, values in sorted(kept.figures.items()):
        found = Distribution.of(kept.clock, values)
        if found is not None:
            timed = (found.median, found.p90, found.p99, found.max)
            columns = "".join(f"{value:12.7g}" for value in timed)
            typer.echo(f"{key!s:{width}}{found.n:12}{columns}")


@app.command(
    cls=Command,
    epilog="Examples:  [bold]forwardlab compare simulated latest[/]  ·  "
    "[bold]forwardlab compare before/mininet.json latest --fail-on changed --junit diff.xml[/]  ·  "
    "[bold]forwardlab compare before/matrix.json matrix[/]",
)
def compare(
    base: Annotated[
        str,
        typer.Argument(
            metavar="BASE",
            help="A baseline's name or file, a run, or a matrix.",
            autocompletion=_names,
        ),
    ],
    new: Annotated[
        str,
        typer.Argument(
            metavar="NEW",
            help='A run, or another baseline; with a matrix another one, such as "matrix", the one '
            "that is kept.",
            autocompletion=_names,
        ),
    ] = "latest",
    fail_on: Annotated[
        str,
        typer.Option(
            "--fail-on",
            metavar="WHAT",
            callback=one_of(list(FailOn)),
            autocompletion=lambda: list(FailOn),
            help="worse: anything that became worse; changed: any difference; never.",
        ),
    ] = FailOn.WORSE.value,
    partial: Annotated[
        bool, typer.Option("--partial", help="NEW ran a part only: what it lacks is not missed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write JUnit XML there too.")
    ] = None,
) -> None:
    """Compare two runs, verdicts and figures by what chance would do; or two matrices, cell by cell
    and wait by wait."""
    told = _told_of_matrices(base, new, partial=partial) or _told_of_runs(
        base, new, partial=partial
    )
    if junit is not None:
        write_out(junit, told.junit)
    if as_json:
        typer.echo(json.dumps(told.content, indent=2, ensure_ascii=False))
    else:
        for line in told.lines:
            typer.echo(line)
    fails = {FailOn.WORSE: told.worse, FailOn.CHANGED: told.changed, FailOn.NEVER: False}
    raise typer.Exit(Exit.FAILED if fails[FailOn(fail_on)] else Exit.PASSED)


@dataclass(frozen=True)
class _Told:
    """A comparison, told in every way."""

    lines: tuple[str, ...]
    content: dict[str, Any]
    junit: str
    worse: bool
    changed: bool


def _told_of_runs(base: str, new: str, *, partial: bool) -> _Told:
    from lab.regression.compare import NotComparable
    from lab.regression.compare import compare as compare_runs
    from lab.regression.telling import content, junit_xml, lines

    try:
        found = compare_runs(_read(base), _read(new), partial=partial)
    except NotComparable as error:
        refuse(str(error))
    return _Told(
        tuple(lines(found)),
        content(found),
        junit_xml(found),
        bool(found.of("worse")),
        bool(found.changes),
    )


def _told_of_matrices(base: str, new: str, *, partial: bool) -> _Told | None:
    """The comparison of two matrices; None where neither is one."""
    from lab.matrix.comparing import compare_matrices
    from lab.matrix.files import MatrixUnreadable, find_matrix, read_matrix
    from lab.matrix.telling import content, junit_xml, lines

    folder = _folder()
    assert folder is not None  # noqa: S101 - refused otherwise
    files = [find_matrix(word, folder.parent) for word in (base, new)]
    if files == [None, None]:
        return None
    if None in files:
        word = new if files[1] is None else base
        remedy = "run a whole one first: forwardlab matrix" if word == "matrix" else "name another"
        refuse(f"{word}: no matrix, and a matrix can only be compared with another one; {remedy}")
    try:
        sides = [read_matrix(file) for file in files if file is not None]
    except MatrixUnreadable as error:
        refuse(str(error))
    found = compare_matrices(sides[0], sides[1], partial=partial)
    return _Told(
        tuple(lines(found)),
        content(found),
        junit_xml(found),
        bool(found.of("worse")),
        bool(found.changes),
    )


def _folder(*, quiet: bool = False) -> Path | None:
    from lab.scenario.catalogue import CatalogueError, project_root

    try:
        return project_root() / "reports" / "baseline"
    except CatalogueError as error:
        if quiet:
            return None
        refuse(str(error))


def _read(word: str) -> Baseline:
    """A baseline by its name or file, or what would be kept of a run."""
    from lab.regression.baseline import Baseline, BaselineUnreadable, is_baseline, read_baseline
    from lab.report.render import RecordUnreadable, find_record, read_record

    folder = _folder()
    assert folder is not None  # noqa: S101 - refused otherwise
    kept = folder / f"{word}.json"
    try:
        if is_baseline(Path(word)):
            return read_baseline(Path(word))
        if kept.is_file():
            return read_baseline(kept)
        return Baseline.of(read_record(find_record(word, folder.parent)))
    except (BaselineUnreadable, RecordUnreadable) as error:
        refuse(str(error))
