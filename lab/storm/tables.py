"""A storm's figures as CSV, for a spreadsheet or pandas. A missing figure is an empty cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from lab.storm.record import StormRecord
from lab.storm.text import named_waits


def figures_csv(record: StormRecord) -> str:
    """One row for each figure: waits with their percentiles, rates and counts as a value."""
    rows: list[Sequence[object]] = [
        (name, wait.clock, wait.n, wait.median, wait.p90, wait.p99, wait.max, None)
        for name, wait in named_waits(record)
        if wait is not None
    ]
    rows += [(name, record.clock, *[None] * 5, value) for name, value in _values(record)]
    heading = ("figure", "clock", "n", "median_ms", "p90_ms", "p99_ms", "max_ms", "value")
    return _csv(heading, rows)


def moments_csv(record: StormRecord) -> str:
    """One row for each slice of the storm."""
    return _csv(
        ("at_ms", "took_ms", "asked", "answered", "connected"),
        (
            (each.at_ms, record.moment_ms, each.asked, each.answered, each.connected)
            for each in record.moments
        ),
    )


def _values(record: StormRecord) -> Iterable[tuple[str, object]]:
    answers, connects, evenness = record.answers, record.connects, record.evenness
    achieved, established = record.arrivals.achieved, connects.established_rate
    yield "viewers", record.viewers
    yield "stated arrivals a second", record.arrivals.stated_per_s
    yield "achieved arrivals a second", None if achieved is None else achieved.per_s
    yield "questions asked", answers.asked
    yield "questions reached", answers.reached
    yield "questions answered", answers.answered
    yield "answers lost", answers.lost
    yield "answers received", answers.received
    yield "answers without address", answers.without_address
    yield "upstream questions", record.upstream.questions
    yield "upstream connections", record.upstream.connections
    yield "upstream for each question", record.upstream.per_question
    yield "connections tried", connects.tried
    yield "connections made", connects.established
    yield "connections failed", connects.failed
    yield "connections a second", None if established is None else established.per_s
    yield "SYNs repeated", connects.syns_repeated
    for each in record.nodes:
        yield f"connections to {each.node}", each.connections
    yield "chi-squared", None if evenness is None else evenness.statistic
    yield "degrees of freedom", None if evenness is None else evenness.degrees
    yield "p-value", None if evenness is None else evenness.p_value
    yield "frames", record.capture.frames
    yield "frames lost", record.capture.frames_lost


def _csv(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows(rows)
    return text.getvalue()
