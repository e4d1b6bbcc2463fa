"""What becomes of a trial on a host that was too busy for it."""

from __future__ import annotations

from lab.judge.bounds import EARLY_ALLOWANCE_NS
from lab.report.record import ScenarioRecord
from lab.worlds.witness import Busyness
from resolver.machine import MILLISECOND, Duration

LATE_AFTER_NS = EARLY_ALLOWANCE_NS
"""What a single process may wait for a processor before a timer of its own looks too short or too
long to the judge (`lab.judge.bounds`)."""

CROWDED_ABOVE = 5.0
"""Runnable processes per processor with which the judge's allowances were measured; with more of
them, they were not."""


def excused(
    record: ScenarioRecord, busyness: Busyness | None, wire_ns: Duration = 0
) -> ScenarioRecord:
    """The record with how busy the host was (None: in virtual time it does not matter). A failure
    of a trial that was late is the lab's, BROKEN: nobody can tell what would have happened in time.
    What passed in spite of it has passed. `wire_ns`: how late links that we are ourselves were."""
    if busyness is None:
        return record
    late_ms = max(busyness.longest_ns, wire_ns) / MILLISECOND
    record = record.model_copy(update={"lateness_ms": late_ms, "load": busyness.load})
    busy = _how_busy(record)
    if record.outcome != "failed" or not busy:
        return record
    expectations = (
        each.model_copy(update={"outcome": "broken", "meant_to_fail": False})
        for each in record.expectations
    )
    reason = (
        f"the host was too busy: {busy}, and what failed may have failed by that; run fewer workers"
    )
    return record.model_copy(
        update={"outcome": "broken", "reason": reason, "expectations": tuple(expectations)}
    )


def was_late(record: ScenarioRecord) -> bool:
    """Whether a busy host may be all that broke the trial: then it may be run once more."""
    return record.outcome == "broken" and (bool(_how_busy(record)) or record.frames_lost > 0)


def _how_busy(record: ScenarioRecord) -> str:
    """In words, how much busier the host was than it may be; empty where it was not."""
    if record.lateness_ms is not None and record.lateness_ms > LATE_AFTER_NS / MILLISECOND:
        return f"a process waited {record.lateness_ms:.0f} ms for a processor"
    if record.load is not None and record.load > CROWDED_ABOVE:
        return f"{record.load:.1f} processes wanted each processor"
    return ""
