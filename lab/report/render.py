"""From a record to its files, and back from a file to the record.

Every report of a run is drawn from `record.json` and nothing else, so a run can be rendered again
long after it was made, to the same octets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from lab.report.html import report_page
from lab.report.junit import junit_xml
from lab.report.record import SCHEMA_VERSION, RunRecord, ScenarioRecord
from lab.report.repetitions import turn_of
from lab.report.tables import tables
from lab.report.timing import timing_csv

REPORTS = Path("reports")
"""Where runs are kept, unless said otherwise."""


class FolderUnusable(Exception):
    """A folder cannot hold a run; the message names it, says why and what to do."""


class RecordUnreadable(Exception):
    """A record is missing or wrong; the message names the file, the place and the remedy."""


def write_reports(
    folder: Path, record: RunRecord, topology_svgs: Mapping[str, str] | None = None
) -> Path:
    """Write record.json and everything drawn from it; gives the path of report.html.

    `topology_svgs`: an SVG document by topology name, kept in the record. None draws the page with
    those that the record has. Raises FolderUnusable."""
    try:
        return _write_all(folder, record, topology_svgs)
    except OSError as error:
        raise FolderUnusable(
            f"{error.filename or folder}: {error.strerror}; make room there, or choose another "
            "place with --out"
        ) from error


def _write_all(folder: Path, record: RunRecord, topology_svgs: Mapping[str, str] | None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if topology_svgs is not None:
        record = record.model_copy(update={"pictures": dict(topology_svgs)})
    for name, svg in record.pictures.items():
        _write(folder, f"topologies/{name.lstrip('/')}.svg", svg)
    _write(folder, "record.json", record.model_dump_json(indent=2) + "\n")
    _write(folder, "junit.xml", junit_xml(record))
    _write(folder, "timing.csv", timing_csv(record))
    for name, text in tables(record):
        _write(folder, name, text)
    for scenario in record.scenarios:
        nodes = f"nodes/{scenario.id}{turn_of(scenario.repetition)}"
        for name, text in _node_files(scenario):
            # The world has written it already, unless there is nothing but a record.
            if not _place_for(folder, f"{nodes}/{name}").exists():
                _write(folder, f"{nodes}/{name}", text)
    return _write(folder, "report.html", report_page(record, record.pictures))


def find_record(run: str, reports: Path = REPORTS) -> Path:
    """The record.json meant by what a user wrote: "latest", the name of a run, a folder or a file.
    Raises RecordUnreadable when there is none."""
    places = [reports / run] if run == "latest" else [Path(run), reports / "runs" / run]
    for place in places:
        if place.is_file():
            return place
        if (place / "record.json").is_file():
            return place / "record.json"
    if run == "latest":
        raise RecordUnreadable(
            f"{places[0]}: no complete run yet; make one with `forwardlab run`, or name a run"
        )
    partial = next((place for place in places if (place / "INCOMPLETE").exists()), None)
    if partial is not None:
        raise RecordUnreadable(
            f"{partial}: this run did not finish, so it has no record; run again"
        )
    raise RecordUnreadable(
        f"{run}: no run there; name a folder of {reports / 'runs'}, a record.json, or `latest`"
    )


def read_run(run: str, reports: Path = REPORTS) -> tuple[RunRecord, Path]:
    """What `find_record` finds, read, and the folder it lies in. Raises RecordUnreadable."""
    file = find_record(run, reports)
    return read_record(file), file.parent


def read_record(path: Path) -> RunRecord:
    """The record in a run's folder or in a record.json. Raises RecordUnreadable."""
    file = path / "record.json" if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise RecordUnreadable(f"{file}: {why}; name a run's folder or its record.json") from error
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise RecordUnreadable(
            f"{file}: line {error.lineno}: not JSON ({error.msg}); "
            "the file is damaged, run the scenarios again"
        ) from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise RecordUnreadable(
            f"{file}: schema_version: is {version!r}, this forwardlab reads {SCHEMA_VERSION}; "
            "read it with the forwardlab that wrote it"
        )
    try:
        return RunRecord.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise RecordUnreadable(
            f"{file}: {_place(first['loc'])}: {first['msg']}{more}; "
            "a record is written by `forwardlab run` and not meant to be edited"
        ) from error


def _node_files(scenario: ScenarioRecord) -> Iterator[tuple[str, str]]:
    for node in scenario.nodes:
        for program, text in node.configs.items():
            yield f"{node.name}/{program}.toml", text
        for program, daemon in node.daemons.items():
            for name, text in daemon.files.items():
                yield f"{node.name}/{program}/{name}", text
        for program, text in node.stderr.items():
            yield f"{node.name}/{program}.stderr", text


def _place(location: tuple[int | str, ...]) -> str:
    """The place as the other messages write one: "scenarios[3].outcome"."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".") or "the whole"


def _write(folder: Path, name: str, text: str) -> Path:
    path = _place_for(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _place_for(folder: Path, name: str) -> Path:
    # Names come from the record, and a record may come from anywhere.
    if ".." in Path(name).parts or "\0" in name or "//" in name:
        raise RecordUnreadable(
            f"{name!r}: leads out of the run's folder; this record was not written by forwardlab"
        )
    return folder / name
