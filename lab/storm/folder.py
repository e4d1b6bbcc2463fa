"""What a storm leaves in its folder: the record, and what is drawn from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup, escape

from lab.report.page_template import page_template
from lab.report.render import FolderUnusable
from lab.storm import text
from lab.storm.plots import course_plot, waits_plot
from lab.storm.record import StormRecord
from lab.storm.tables import figures_csv, moments_csv


def write_storm(folder: Path, record: StormRecord) -> Path:
    """Write storm.json, storm.csv, moments.csv and report.html; gives the path of the last. Raises
    FolderUnusable."""
    page = folder / "report.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "storm.json").write_text(
            record.model_dump_json(indent=2) + "\n", encoding="utf-8"
        )
        (folder / "storm.csv").write_text(figures_csv(record), encoding="utf-8")
        (folder / "moments.csv").write_text(moments_csv(record), encoding="utf-8")
        page.write_text(storm_page(record), encoding="utf-8")
    except OSError as error:
        raise FolderUnusable(
            f"{error.filename or folder}: {error.strerror}; make room there, or choose another "
            "place with --out"
        ) from error
    return page


def storm_page(record: StormRecord) -> str:
    """The page, which needs nothing but itself."""
    return page_template(Path(__file__).parent).render(
        storm=record,
        account=list(text.account(record)),
        waits=text.waits(record),
        shares=text.shares(record),
        processors=text.processors(record),
        grid=_grid,
        course_plot=Markup(course_plot(record)),  # noqa: S704 - drawn by this package
        waits_plot=Markup(waits_plot(record)),  # noqa: S704 - likewise
    )


def _grid(rows: Sequence[Sequence[str]]) -> Markup:
    """Rows as a table, the first its heading."""
    heading, *others = rows
    lines = ["<table><tr>", *(f"<th>{escape(cell)}</th>" for cell in heading), "</tr>"]
    for row in others:
        lines += ["<tr>", *(f"<td>{escape(cell)}</td>" for cell in row), "</tr>"]
    return Markup("".join((*lines, "</table>")))  # noqa: S704 - every cell is escaped
