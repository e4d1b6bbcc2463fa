"""From the records of trials to the cells of a matrix."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from lab.judge.checks.base import counted
from lab.matrix.chance import trials_needed
from lab.matrix.record import (
    CellRecord,
    Hop,
    HopMark,
    JudgedBy,
    JudgedRecord,
    NatRecord,
    TrialRecord,
)
from lab.matrix.selection import Column, Task
from lab.matrix.verdicts import by_rule, together
from lab.report.record import (
    EvidenceRecord,
    ExchangeRecord,
    ExpectationRecord,
    HopRecord,
    OutcomeWord,
    ScenarioRecord,
)

_HOPS_KEPT = {"passed": 10, "observed": 10}
_HOPS_KEPT_OTHERWISE = 40
"""What broke a rule is looked at; of what held, the evidence is enough."""
_EVIDENCE_KEPT = 4
_FRAMES_KEPT = 12
_TEXT_KEPT = 600
"""Characters of an evidence's text."""

RulesAbout = Callable[[Task, Column], Sequence[Sequence[str]]]
"""For each expectation of a task's scenario, the rules by which it judges the column."""


def runs_wanted(runs: Sequence[ScenarioRecord]) -> int:
    """How many more runs a trial wants, as far as those it had tell: none, or where a breach by
    chance is listed and was not seen yet, a quarter of what it takes on average, until it must have
    been seen: few at a time, so that few run after it was."""
    wanted = 0
    for place, each in enumerate(runs[0].expectations):
        listed = each.listed
        if listed is None or listed.varies is None or not listed.certain:
            continue
        if each.outcome in {"passed", "deviates"} and not _breaches(runs, place):
            left = trials_needed(listed.varies) - len(runs)
            wanted = max(wanted, min(left, math.ceil(1 / listed.varies / 4)))
    return wanted


def trial_record(
    task: Task, world: str, runs: Sequence[ScenarioRecord], nat: NatRecord | None = None
) -> TrialRecord:
    """What came of a task, over all its runs. `nat`: how the translator that it judges was set."""
    # Told is the first run that came out worst: it has what a reader looks for.
    told = min(runs, key=lambda each: (_rank(each.outcome), each.repetition))
    expectations = tuple(_over_all(told, runs, place) for place in range(len(told.expectations)))
    cited = {
        frame for each in expectations for evidence in each.evidence for frame in evidence.frames
    }
    outcome = told.outcome
    if any(each.is_stale for each in expectations) and outcome not in {"broken", "failed"}:
        outcome = "failed"
    if outcome == "passed" and any(each.outcome == "deviates" for each in expectations):
        outcome = "deviates"
    kept = _HOPS_KEPT.get(outcome, _HOPS_KEPT_OTHERWISE)
    hops = _hops(told.exchanges, cited)
    return TrialRecord(
        scenario=told.id,
        title=told.title,
        seat=task.seat,
        subject="ours" if task.column is None else task.column.subject,
        world=world,
        clock=told.clock,
        outcome=outcome,
        reason=told.reason[:_TEXT_KEPT],
        runs=len(runs),
        wall_s=round(sum(each.wall_s for each in runs), 2),
        duration_s=round(told.duration_s, 3),
        time_to_connect_ms=told.time_to_connect_ms,
        capture=told.capture,
        expectations=expectations,
        hops=tuple(hops[:kept]),
        hops_left_out=max(0, len(hops) - kept),
        reproduce=told.reproduce,
        nat=nat,
    )


def _over_all(told: ScenarioRecord, runs: Sequence[ScenarioRecord], place: int) -> JudgedRecord:
    """One expectation over all runs: its worst outcome, and how often it did not hold."""
    seen = [each.expectations[place] for each in runs if place < len(each.expectations)]
    one = min((told.expectations[place], *seen), key=lambda each: _rank(each.outcome))
    content = {
        **one.model_dump(exclude={"evidence", "listed"}),
        "listed": one.listed,
        "evidence": tuple(_shortened(each) for each in one.evidence[:_EVIDENCE_KEPT]),
        "breaches": _breaches(runs, place),
    }
    if one.listed is not None and one.listed.seldom and one.listed.certain:
        content |= _seldom(one, len(runs))
    if _happens_no_longer(one, runs, place):
        stale = EvidenceRecord(
            text=f"a listed deviation no longer happens: it was not seen in {len(runs)} trials"
        )
        content |= {
            "outcome": "failed",
            "is_stale": True,
            "evidence": (stale, *content["evidence"]),
        }
    return JudgedRecord.model_validate(content)


def _seldom(one: ExpectationRecord, runs: int) -> dict[str, object]:
    """What is documented and seldom seen deviates, seen or not: trials do not say that it is gone,
    and a second matrix must not say otherwise for want of luck."""
    if one.outcome != "passed":
        return {}
    unseen = EvidenceRecord(
        text=f"held in {counted(runs, 'trial')} here; so seldom is it otherwise that this is no "
        "proof of the opposite"
    )
    return {"outcome": "deviates", "evidence": (unseen, *map(_shortened, one.evidence))}


def _happens_no_longer(one: ExpectationRecord, runs: Sequence[ScenarioRecord], place: int) -> bool:
    listed = one.listed
    return (
        listed is not None
        and listed.varies is not None
        and listed.certain
        and one.outcome == "passed"
        and not _breaches(runs, place)
        and len(runs) >= trials_needed(listed.varies)
    )


def _breaches(runs: Iterable[ScenarioRecord], place: int) -> int:
    return sum(
        each.expectations[place].outcome in {"failed", "deviates"}
        for each in runs
        if place < len(each.expectations)
    )


def _rank(outcome: OutcomeWord) -> int:
    """The worst first."""
    order = ("broken", "failed", "unsupported", "deviates", "passed", "observed")
    return order.index(outcome)


def _shortened(evidence: EvidenceRecord) -> EvidenceRecord:
    text = evidence.text
    if len(text) > _TEXT_KEPT:
        text = f"{text[:_TEXT_KEPT]} …"
    return EvidenceRecord(text=text, frames=evidence.frames[:_FRAMES_KEPT])


def _hops(exchanges: Sequence[ExchangeRecord], cited: set[int]) -> list[Hop]:
    """The messages of the exchanges that hold evidence, in order; of all, where none does."""
    holding = [each for each in exchanges if any(hop.frame in cited for hop in each.hops)]
    return [_hop(hop) for each in holding or exchanges for hop in each.hops]


def _hop(hop: HopRecord) -> Hop:
    mark: HopMark = "forged" if hop.forged else "unanswered" if hop.unanswered else ""
    return Hop(round(hop.at_ms, 2), hop.sender, hop.receiver, hop.text[:160], hop.frame, mark)


# --- cells --------------------------------------------------------------------------------------


def cells_of(
    columns: Iterable[Column],
    rules: Sequence[str],
    trials: Sequence[TrialRecord],
    tasks: Sequence[Task],
    rules_about: RulesAbout,
) -> tuple[CellRecord, ...]:
    """The cells, column by column in the catalogue's order. `tasks` are those of the trials, in the
    same order; a cell that nothing judges is none."""
    wanted = set(rules)
    found: dict[tuple[str, str, str], list[JudgedBy]] = {}
    columns = tuple(columns)
    for number, (trial, task) in enumerate(zip(trials, tasks, strict=True)):
        for column in columns:
            if not _serves(task, column):
                continue
            for place, about in enumerate(rules_about(task, column)):
                for rule in wanted.intersection(about):
                    if place < len(trial.expectations):
                        key = (rule, column.seat, column.subject)
                        found.setdefault(key, []).append(JudgedBy(number, place))
    return tuple(
        cell_of(rule, column, found[rule, column.seat, column.subject], trials)
        for column in columns
        for rule in rules
        if (rule, column.seat, column.subject) in found
    )


def _serves(task: Task, column: Column) -> bool:
    """Whether a task's trial is about a column: ours sits in every seat at once."""
    if task.kind == "lab" or column.seat == "lab":
        return task.kind == "lab" and column.seat == "lab"
    return task.column == (None if column.subject == "ours" else column)


def cell_of(
    rule: str, column: Column, judged_by: Sequence[JudgedBy], trials: Sequence[TrialRecord]
) -> CellRecord:
    """Fold the expectations that judge a column by a rule."""
    outcome, unjudged = together(
        [by_rule(rule, trials[each.trial].expectations[each.expectation]) for each in judged_by]
    )
    return CellRecord(
        rule=rule,
        seat=column.seat,
        subject=column.subject,
        outcome=outcome,
        judged_by=tuple(judged_by),
        unjudged=unjudged,
    )
