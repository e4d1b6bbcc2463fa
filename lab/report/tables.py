"""What the report's plots are drawn from, as CSV: figures, phases, fail-over, repairs.

Explained column by column in reports/README.md. A missing figure is an empty cell, never 0.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from lab.report.failover import Asking, askings, mark_word, visits, waits
from lab.report.figures import figures
from lab.report.record import PhaseRecord, RunRecord, ScenarioRecord
from lab.report.statistics import Distribution

_DISTRIBUTION = ("n", "median_ms", "p90_ms", "p99_ms", "max_ms")


def tables(record: RunRecord) -> Iterator[tuple[str, str]]:
    """(name of the file, its text)."""
    yield (
        "figures.csv",
        _table(("scenario", "viewer", "figure", "clock", *_DISTRIBUTION), _figures(record)),
    )
    yield (
        "phases.csv",
        _table(
            ("scenario", "repetition", "clock", "what", "number", "phase", "took_ms"),
            _phases(record),
        ),
    )
    yield (
        "failover.csv",
        _table(
            (
                "scenario",
                "repetition",
                "clock",
                "at_ms",
                "event",
                "who",
                "whom",
                "what",
                "came",
                "answer",
                "took_ms",
            ),
            _failover(record),
        ),
    )
    yield (
        "repairs.csv",
        _table(
            (
                "scenario",
                "repetition",
                "stage",
                "began_ms",
                "asked",
                "served",
                "clock",
                *_DISTRIBUTION,
            ),
            _repairs(record),
        ),
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    table.writerows(rows)
    return text.getvalue()


def _figures(record: RunRecord) -> Iterator[Sequence[object]]:
    for each in figures(record):
        found = each.distribution
        yield each.scenario, each.viewer, each.name, each.clock, *_cells(found)


def _cells(found: Distribution | None) -> tuple[float | None, ...]:
    if found is None:
        return 0, None, None, None, None
    return found.n, found.median, found.p90, found.p99, found.max


def _phases(record: RunRecord) -> Iterator[Sequence[object]]:
    for scenario in record.scenarios:
        for what, number, parts in _waits(scenario):
            for part in parts:
                yield (
                    scenario.id,
                    scenario.repetition,
                    scenario.clock,
                    what,
                    number,
                    part.name,
                    part.took_ms,
                )


def _waits(scenario: ScenarioRecord) -> Iterator[tuple[str, int, tuple[PhaseRecord, ...]]]:
    yield "time to connect", 1, scenario.connect_phases
    for number, visit in enumerate(scenario.visits, start=1):
        yield "visit", number, visit.phases
    for number, exchange in enumerate(scenario.exchanges, start=1):
        yield "exchange", number, exchange.phases


def _failover(record: RunRecord) -> Iterator[Sequence[object]]:
    for scenario in record.scenarios:
        about = scenario.id, scenario.repetition, scenario.clock
        events: list[tuple[float, Sequence[object]]] = [
            (mark.at_ms, (mark_word(mark, scenario), mark.node, None, mark.text, None, None, None))
            for mark in scenario.marks
        ]
        asked = (*visits(scenario), *askings(scenario))
        events += [(each.at_ms, _asked(each)) for each in asked]
        # The mark of what a step does stands before what it causes.
        for at_ms, event in sorted(events, key=lambda each: each[0]):
            yield *about, at_ms, *event


def _asked(each: Asking) -> Sequence[object]:
    word = "viewer asks" if each.by_viewer else "asks"
    if each.exchange == 0:
        word = "visit"
    took_ms = None if each.ended_ms is None else round(each.ended_ms - each.at_ms, 6)
    return word, each.asker, each.asked, each.what, each.came, each.answer, took_ms


def _repairs(record: RunRecord) -> Iterator[Sequence[object]]:
    for scenario in record.scenarios:
        for each in waits(scenario):
            yield (
                scenario.id,
                scenario.repetition,
                each.stage,
                each.began_ms,
                each.asked,
                each.served,
                scenario.clock,
                *_cells(each.waited),
            )
