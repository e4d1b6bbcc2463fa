"""What becomes of a trial on a host that was too busy for it."""

from __future__ import annotations

from lab.judge.bounds import EARLY_ALLOWANCE_NS
from lab.report.record import ScenarioRecord
from resolver.machine import MILLISECOND, Duration

LATE_AFTER_NS = EARLY_ALLOWANCE_NS
"""What a single process may wait for a processor before a timer of its own looks too short or too
long to the judge (`lab.judge.bounds`)."""


def excused(record: ScenarioRecord, late_ns: Duration | None) -> ScenarioRecord:
    """The record with its lateness (None: in virtual time nothing is late). A failure of a trial
    that was late is the lab's, BROKEN: nobody can tell what would have happened in time. What
    passed in spite of it has passed."""
    if late_ns is None:
        return record
    late_ms = late_ns / MILLISECOND
    record = record.model_copy(update={"lateness_ms": late_ms})
    if record.outcome != "failed" or late_ns <= LATE_AFTER_NS:
        return record
    expectations = (
        each.model_copy(update={"outcome": "broken", "meant_to_fail": False})
        for each in record.expectations
    )
    reason = (
        f"the host was too busy: a process waited {late_ms:.0f} ms for a processor, and what "
        "failed may have failed by that; run fewer workers"
    )
    return record.model_copy(
        update={"outcome": "broken", "reason": reason, "expectations": tuple(expectations)}
    )


def was_late(record: ScenarioRecord) -> bool:
    """Whether a busy host may be all that broke the trial: then it may be run once more."""
    late = record.lateness_ms is not None and record.lateness_ms > LATE_AFTER_NS / MILLISECOND
    return record.outcome == "broken" and (late or record.frames_lost > 0)
