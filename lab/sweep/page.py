"""A sweep as one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from lab.report.page_template import page_template
from lab.sweep.matrix import cell_of, matrix_of, waited, word_of
from lab.sweep.record import SweepRecord


def write_page(path: Path, record: SweepRecord) -> None:
    """Write the page of a sweep, drawn from its record alone."""
    template = page_template(Path(__file__).parent, waited=waited, word=word_of)
    cells = matrix_of(record)
    by_viewer = {
        viewer: cell_of(having)
        for viewer in record.viewers
        if (having := [each for each in record.combinations if each.viewer == viewer])
    }
    text = template.render(
        sweep=record,
        cells=cells,
        kinds=[kind for kind in record.kinds if any(key[1] == kind for key in cells)],
        parts=[part for part in record.parts if any(key[0] == part for key in cells)],
        by_viewer=by_viewer,
        totals=Counter(word_of(each) for each in record.combinations),
    )
    path.write_text(text, encoding="utf-8")
