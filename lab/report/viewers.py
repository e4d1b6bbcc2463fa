"""Viewers side by side: what each stub resolver made of the same failure, and how long it took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lab.report.record import OutcomeWord, ScenarioRecord, VisitRecord
from lab.report.wording import duration
from lab.viewer.profiles import PROFILES, StubProfile


@dataclass(frozen=True)
class VisitWords:
    """A visit in a cell."""

    outcome: str
    """"connected", "error" or "unfinished"."""
    took: str
    """"5.000 s"; empty when it did not end."""
    reason: str
    """What the person was told, where it was an error."""


@dataclass(frozen=True)
class Cell:
    """One scenario for one viewer."""

    anchor: str
    outcome: OutcomeWord
    visits: tuple[VisitWords, ...]


@dataclass(frozen=True)
class Row:
    """One scenario, for all its viewers."""

    title: str
    identifier: str
    """Without the viewer's name."""
    cells: tuple[Cell | None, ...]
    """In the order of the table's profiles; None where it does not run for that viewer."""


@dataclass(frozen=True)
class ViewerTable:
    """The scenarios of a run that run for several viewers; falsy when there are none."""

    profiles: tuple[StubProfile, ...]
    rows: tuple[Row, ...]
    clocks: str
    """Which clocks made the figures."""

    def __bool__(self) -> bool:
        return bool(self.rows)


def viewer_table(scenarios: Iterable[ScenarioRecord], anchors: Mapping[str, str]) -> ViewerTable:
    """Put the runs of each scenario beside one another. `anchors`: where each run stands in the
    page, by id."""
    groups: dict[str, dict[str, ScenarioRecord]] = {}
    for each in scenarios:
        if each.viewer is not None:
            groups.setdefault(each.id.partition("@")[0], {})[each.viewer] = each
    seen = {viewer for group in groups.values() for viewer in group}
    profiles = tuple(profile for name, profile in PROFILES.items() if name in seen)
    rows = tuple(
        Row(
            next(iter(group.values())).title,
            identifier,
            tuple(_cell(group.get(profile.name), anchors) for profile in profiles),
        )
        for identifier, group in groups.items()
    )
    clocks = sorted({each.clock for group in groups.values() for each in group.values()})
    return ViewerTable(profiles, rows, " and ".join(clocks))


def _cell(record: ScenarioRecord | None, anchors: Mapping[str, str]) -> Cell | None:
    if record is None:
        return None
    return Cell(anchors[record.id], record.outcome, tuple(map(_words, record.visits)))


def _words(visit: VisitRecord) -> VisitWords:
    took = visit.time_to_error_ms if visit.outcome == "error" else visit.time_to_connect_ms
    return VisitWords(visit.outcome, "" if took is None else duration(took), visit.reason)
