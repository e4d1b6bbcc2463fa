"""Scenarios as JSON files: what a program found, to be run again or sent to somebody."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from lab.scenario.model import Scenario

SUFFIX = ".json"
_BESIDE = "./"
"""How the name of a topology begins that lies beside the scenario's file."""


class ScenarioUnreadable(Exception):
    """A file holds no scenario; the message names it, the place and what is wrong."""


def write_scenario(path: Path, scenario: Scenario) -> Path:
    """Write a scenario as JSON; returns the path. Makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = scenario.model_dump_json(indent=2)
    path.write_text(f"{text}\n", encoding="utf-8")
    return path


def read_scenario(path: Path) -> Scenario:
    """The scenario of a file. Raises ScenarioUnreadable."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioUnreadable(f"{path}: cannot be read: {error}") from error
    try:
        scenario = Scenario.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "file"
        raise ScenarioUnreadable(
            f"{path}: {place}: {first['msg']}; a scenario's file is as a sweep writes it"
        ) from error
    if not scenario.topology.startswith(_BESIDE):
        return scenario
    # The folder may lie anywhere: an absolute name stays what it is below any other.
    beside = path.resolve().parent / scenario.topology.removeprefix(_BESIDE)
    return scenario.model_copy(update={"topology": str(beside)})
