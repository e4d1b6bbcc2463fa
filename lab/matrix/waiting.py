"""The waiting table: what a viewer got, and when, for each subject, failure and stub resolver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lab.matrix.record import FailureRecord, GotOutcome, GotRecord, WaitRecord
from lab.report.record import ScenarioRecord
from lab.report.statistics import nearest_rank
from lab.scenario.model import Scenario

_WORSE_FIRST: tuple[GotOutcome, ...] = ("broken", "unsupported", "unfinished", "error", "connected")

LEAST_MS: Final = {"measured": 100.0, "virtual": 10.0}
"""By clock: waits that differ by less are the same. Processes start late on a busy machine, and
timers of servers have a grain."""

_ORDER = (
    "waiting/balancers_dead/first",
    "waiting/balancers_dead/both",
    "waiting/errors/servfail",
    "waiting/errors/refused",
    "waiting/slow/half_a_second",
    "waiting/slow/1.3_s",
    "waiting/slow/1.7_s",
    "waiting/recovery",
)
"""Others come after these."""


def failures_of(scenarios: Mapping[str, Scenario]) -> tuple[FailureRecord, ...]:
    """The rows, without the viewers, in the order in which people think of them."""
    found: dict[str, FailureRecord] = {}
    for identifier, scenario in scenarios.items():
        name = identifier.partition("@")[0]
        found.setdefault(name, FailureRecord(id=name, title=scenario.title, story=scenario.story))
    order = {name: place for place, name in enumerate(_ORDER)}
    return tuple(sorted(found.values(), key=lambda each: order.get(each.id, len(order))))


def wait_of(subject: str, trial: int, runs: Sequence[ScenarioRecord]) -> WaitRecord:
    """What one viewer got of one subject in one failure, over all repetitions."""
    failure, _, viewer = runs[0].id.partition("@")
    got = tuple(map(_got, runs))
    outcome = _commonest(got)
    waited = sorted(
        each.waited_ms for each in got if each.outcome == outcome and each.waited_ms is not None
    )
    return WaitRecord(
        subject=subject,
        failure=failure,
        viewer=viewer,
        clock=runs[0].clock,
        got=got,
        outcome=outcome,
        median_ms=nearest_rank(waited, 50) if waited else None,
        slowest_ms=waited[-1] if waited else None,
        trial=trial,
    )


def varies(wait: WaitRecord) -> bool:
    """Whether what the viewer got, or when, was not the same each time."""
    waited = [each.waited_ms for each in wait.got if each.waited_ms is not None]
    spread_ms = max(waited, default=0.0) - min(waited, default=0.0)
    return len({each.outcome for each in wait.got}) > 1 or spread_ms >= LEAST_MS[wait.clock]


def _got(run: ScenarioRecord) -> GotRecord:
    """What the last visit came to. Where something changed after the first one began, the wait is
    counted from there: the time from the repair to the connection."""
    unjudged: tuple[GotOutcome, ...] = ("unsupported", "broken")
    for word in unjudged:
        if run.outcome == word:
            return GotRecord(word, None, run.reason)
    if not run.visits:
        return GotRecord("unfinished", None, "nobody visited")
    visit = run.visits[-1]
    waited = visit.time_to_error_ms if visit.outcome == "error" else visit.time_to_connect_ms
    changed = [mark.at_ms for mark in run.marks if mark.at_ms > run.visits[0].began_ms]
    repaired_ms = max((at for at in changed if at <= visit.began_ms), default=visit.began_ms)
    if waited is not None:
        waited = round(waited + visit.began_ms - repaired_ms, 3)
    return GotRecord(visit.outcome, waited, visit.reason)


def _commonest(got: Iterable[GotRecord]) -> GotOutcome:
    counts = Counter(each.outcome for each in got)
    return max(counts, key=lambda word: (counts[word], -_WORSE_FIRST.index(word)))
