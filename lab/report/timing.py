"""The figures of a run as CSV: one row per exchange, for a spreadsheet or pandas."""

from __future__ import annotations

import csv
import io

from lab.report.record import RunRecord

COLUMNS = (
    "started",
    "world",
    "seed",
    "scenario",
    "viewer",
    "repetition",
    "topology",
    "outcome",
    "clock",
    "time_to_connect_ms",
    "duration_s",
    "wall_s",
    "exchange",
    "title",
    "started_ms",
    "waited_ms",
    "messages",
    "unanswered",
)
"""Explained in reports/README.md."""


def timing_csv(record: RunRecord) -> str:
    """One row per exchange, numbered from 1 within its scenario; a scenario without any has one
    row whose exchange columns are empty. A missing figure is an empty cell, never 0."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for scenario in record.scenarios:
        of_scenario = (
            record.started,
            record.world,
            record.seed,
            scenario.id,
            scenario.viewer,
            scenario.repetition,
            scenario.topology,
            scenario.outcome,
            scenario.clock,
            scenario.time_to_connect_ms,
            scenario.duration_s,
            scenario.wall_s,
        )
        if not scenario.exchanges:
            table.writerow((*of_scenario, *[None] * (len(COLUMNS) - len(of_scenario))))
        for number, exchange in enumerate(scenario.exchanges, start=1):
            table.writerow(
                (
                    *of_scenario,
                    number,
                    exchange.title,
                    exchange.started_ms,
                    exchange.waited_ms,
                    len(exchange.hops),
                    sum(hop.unanswered for hop in exchange.hops),
                )
            )
    return text.getvalue()
