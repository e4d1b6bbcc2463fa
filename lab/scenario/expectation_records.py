"""What came of a scenario's expectations, as its record has it."""

from __future__ import annotations

from lab.judge.judgement import Judgement
from lab.report.record import EvidenceRecord, ExpectationRecord, ListedRecord
from lab.subjects.behaviour import Listed


def expectation_records(judgement: Judgement, *, trusted: bool) -> tuple[ExpectationRecord, ...]:
    """What came of each expectation. Not `trusted`: the lab broke, and nobody is to blame for what
    was seen; the evidence stays for whoever mends it."""
    return tuple(
        ExpectationRecord(
            text=each.expectation.text,
            rules=each.expectation.rules,
            severity=each.severity,
            outcome=each.finding.outcome.value if trusted else "broken",
            evidence=tuple(
                EvidenceRecord(text=evidence.text, frames=evidence.frames)
                for evidence in each.finding.evidence
            ),
            value=each.finding.value,
            meant_to_fail=trusted and each.meant_to_fail,
            listed=None if each.listed is None else _listed_record(each.listed),
            is_stale=trusted and each.is_stale,
        )
        for each in judgement.expectations
    )


def _listed_record(listed: Listed) -> ListedRecord:
    return ListedRecord(
        subject=listed.subject,
        because=listed.deviation.because,
        source=listed.deviation.source,
        checked=listed.checked,
        version=listed.version,
        certain=listed.certain,
        varies=listed.deviation.varies,
        seldom=listed.deviation.seldom,
    )
