"""The tables of the kept matrix in README.md, between two marks; everything else stays as it is.

python -m lab.matrix.readme
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from lab.matrix.files import MatrixUnreadable, read_matrix
from lab.matrix.markdown import summary_lines
from lab.matrix.record import MatrixRecord
from lab.matrix.views import columns_of, wait_words, waits_by

BEGIN, END = "<!-- matrix: written by `make matrix` -->", "<!-- end of the matrix -->"
VIEWER = "glibc"
"""Whose waits a README has room for."""


def with_tables(text: str, record: MatrixRecord) -> str:
    """The README's text with the tables of this record. Raises ValueError where the marks are not
    there once each, in their order."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"has not one {BEGIN!r} and behind it one {END!r}; put them back")
    return "\n".join((f"{before}{begin}", "", *tables(record), f"{end}{after}"))


def tables(record: MatrixRecord) -> Iterator[str]:
    """Who holds how many rules, and how long each makes a viewer with glibc wait."""
    yield from summary_lines(record)
    found = waits_by(record.waits)
    failures = [each for each in record.failures if any(key[0] == each.id for key in found)]
    if not failures:
        return
    clocks = " and ".join(sorted({each.clock for each in record.waits}))
    yield (
        f"How long a viewer with {VIEWER} waits, {clocks} clock; after a recovery, from the repair:"
    )
    yield ""
    columns = [
        column
        for column in columns_of(record, "dns")
        if any((each.id, column.subject, VIEWER) in found for each in failures)
    ]
    yield "| failure | " + " | ".join(column.title for column in columns) + " |"
    yield "|---|" + "--:|" * len(columns)
    for failure in failures:
        waits = [found.get((failure.id, column.subject, VIEWER)) for column in columns]
        yield f"| {failure.title} | {' | '.join(map(wait_words, waits))} |"
    yield ""


def main(root: Path) -> int:
    """Write the tables of root/reports/matrix into root/README.md; the exit code."""
    readme = root / "README.md"
    try:
        text = with_tables(
            readme.read_text(encoding="utf-8"),
            read_matrix(root / "reports" / "matrix" / "matrix.json"),
        )
    except MatrixUnreadable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}; run this in the project's root\n")
        return 2
    except ValueError as error:
        sys.stderr.write(f"{readme}: {error}\n")
        return 2
    readme.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path.cwd()))
