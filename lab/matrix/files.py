"""The files of a matrix: the record, and what is drawn from it alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pydantic import BaseModel, ValidationError

from lab.matrix.markdown import matrix_markdown
from lab.matrix.page import matrix_page
from lab.matrix.record import FORMAT, MatrixRecord
from lab.matrix.tables import matrix_csv
from lab.report.render import FolderUnusable

RECORD = "matrix.json"
PAGE = "index.html"


class MatrixUnreadable(Exception):
    """A matrix is missing or wrong; the message names the file, the place and the remedy."""


def write_matrix(folder: Path, record: MatrixRecord) -> Path:
    """Write the record and everything drawn from it; gives the path of the page. Raises
    FolderUnusable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RECORD).write_text(matrix_json(record), encoding="utf-8")
        (folder / "matrix.csv").write_text(matrix_csv(record), encoding="utf-8")
        (folder / "matrix.md").write_text(matrix_markdown(record), encoding="utf-8")
        page = folder / PAGE
        page.write_text(matrix_page(record), encoding="utf-8")
    except OSError as error:
        raise FolderUnusable(
            f"{error.filename or folder}: {error.strerror}; make room there, or choose another "
            "place with --out"
        ) from error
    return page


def publish(run: Path, place: Path, record: MatrixRecord) -> Path:
    """Put a whole matrix where the project keeps the latest; its captures stay in the run's folder.
    Raises FolderUnusable."""
    folder = os.path.relpath(run, place)
    trials = tuple(
        each.model_copy(update={"capture": f"{folder}/{each.capture}"}) if each.capture else each
        for each in record.trials
    )
    return write_matrix(place, record.model_copy(update={"trials": trials}))


def matrix_json(record: MatrixRecord) -> str:
    """The record as a file: a line for each trial, cell and wait, so that a changed one is a
    changed line in a review, and without what is as it mostly is."""
    lines = []
    for name in MatrixRecord.model_fields:
        value = getattr(record, name)
        if isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            inner = ",\n ".join(_line(each.model_dump(mode="json", exclude_defaults=True))
                                for each in value)  # fmt: skip
            lines.append(f'"{name}": [\n {inner}\n]')
        else:
            lines.append(f'"{name}": {_line(value)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def find_matrix(word: str, reports: Path) -> Path | None:
    """The matrix.json meant by what a user wrote: "matrix" for the one that is kept, a run's name,
    a folder or a file; None where there is none."""
    kept = reports / "matrix"
    places = [Path(word), kept / "runs" / word]
    if word == "matrix":
        places = [kept, *places]
    for place in places:
        if place.is_file() and is_matrix(place):
            return place
        if (place / RECORD).is_file():
            return place / RECORD
    return None


def is_matrix(path: Path) -> bool:
    """Whether a file was written as a matrix, however damaged it may be since."""
    try:
        with path.open(encoding="utf-8") as file:
            return "forwardlab_matrix" in file.read(200)
    except (OSError, UnicodeDecodeError):
        return False


def read_matrix(path: Path) -> MatrixRecord:
    """The matrix in a file. Raises MatrixUnreadable."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MatrixUnreadable(
            f"{path}: {error.strerror}; write one with `forwardlab matrix`"
        ) from error
    except UnicodeDecodeError as error:
        raise MatrixUnreadable(f"{path}: not UTF-8 text, so no matrix") from error
    except json.JSONDecodeError as error:
        raise MatrixUnreadable(
            f"{path}: line {error.lineno}: not JSON ({error.msg}); the file is damaged, run the "
            "matrix again"
        ) from error
    version = content.get("forwardlab_matrix") if isinstance(content, dict) else None
    if version != FORMAT:
        raise MatrixUnreadable(
            f"{path}: forwardlab_matrix: is {version!r}, this forwardlab reads {FORMAT}; "
            "read it with the forwardlab that wrote it"
        )
    try:
        return MatrixRecord.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise MatrixUnreadable(
            f"{path}: {place}: {first['msg']}{more}; a matrix is written by `forwardlab matrix` "
            "and not meant to be edited"
        ) from error


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
