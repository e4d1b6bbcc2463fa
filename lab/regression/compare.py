"""Two runs side by side: what became worse, better, or merely different."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lab.regression.baseline import LOAD, Baseline, FigureKey, Verdict
from lab.regression.shift import Shift, shifts
from lab.report.statistics import in_ns, nearest_rank

Direction: TypeAlias = Literal["worse", "better", "changed"]

ChangeKind: TypeAlias = Literal[
    "new failure",
    "newly broken",
    "fixed",
    "no longer judged",
    "judged now",
    "scenario gone",
    "new scenario",
    "different verdict",
    "rule newly failed",
    "rule holds again",
    "rule no longer judged",
    "rule judged now",
    "unstable",
    "slower",
    "faster",
    "different figure",
    "figure gone",
    "new figure",
]

_GOOD = frozenset({"passed", "deviates", "observed"})
_BAD_WORDS = frozenset({"failed", "missed", "broken"})


_CROWDED = 1.25
"""A reader is told when a run had to share the processors with so many times as many others."""


class NotComparable(Exception):
    """Two runs that say nothing about each other; the message says why, and the remedy."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was."""

    kind: ChangeKind
    direction: Direction
    scenario: str
    what: str
    """The figure or rule; empty where it is the scenario's verdict."""
    before: str
    """As it was, in words; empty where it was not."""
    after: str
    shift: Shift | None = None
    """Of a measured figure."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found."""

    base: Baseline
    new: Baseline
    changes: tuple[Change, ...]
    """Worse before changed before better; within these by scenario."""
    compared: int
    """Figures on both sides."""
    unjudged: Mapping[FigureKey, int]
    """Measured figures with too few repetitions → how many each side would need."""
    notes: tuple[str, ...]
    """What a reader has to know beside it."""

    def of(self, direction: Direction) -> tuple[Change, ...]:
        """The changes of one direction."""
        return tuple(each for each in self.changes if each.direction == direction)


def compare(base: Baseline, new: Baseline, *, partial: bool = False) -> Comparison:
    """Compare two runs. `partial`: the new one ran a part of the scenarios; what it lacks is not
    missed. Raises NotComparable for different clocks, for other servers in the seats, and in
    virtual time for different seeds."""
    _refuse_strangers(base, new)
    timed, compared, unjudged = _figures(base, new, partial=partial)
    changes = [*_verdicts(base, new, partial=partial), *_unstable(new), *timed]
    order: list[Direction] = ["worse", "changed", "better"]
    changes.sort(key=lambda each: (order.index(each.direction), each.scenario, each.what))
    return Comparison(base, new, tuple(changes), compared, unjudged, tuple(_notes(base, new)))


def _refuse_strangers(base: Baseline, new: Baseline) -> None:
    if base.clock != new.clock:
        raise NotComparable(
            f"the base has the {base.clock} clock and the new run the {new.clock} one: their "
            "figures say nothing about each other; compare runs of the same world"
        )
    sat, sits = (
        {seat: who.split()[0] for seat, who in each.subjects.items()} for each in (base, new)
    )
    if sat != sits:
        raise NotComparable(
            f"in the base's seats sat {_seats(sat)}, in the new run's {_seats(sits)}; run again "
            "with the servers of the base"
        )
    if base.clock == "virtual" and base.seed != new.seed:
        raise NotComparable(
            f"the base has seed {base.seed} and the new run {new.seed}, and in virtual time all "
            f"figures depend on it; run again with --seed {base.seed}"
        )


def _seats(seats: Mapping[str, str]) -> str:
    return ", ".join(f"{seat}={who}" for seat, who in seats.items()) or "ours alone"


def _notes(base: Baseline, new: Baseline) -> Iterator[str]:
    for seat in sorted(base.subjects.keys() & new.subjects.keys()):
        was, now = base.subjects[seat], new.subjects[seat]
        if was != now:
            yield f"another version has the seat {seat}: {was} → {now}"
    differing = [
        f"{key} {base.host.get(key)} → {new.host.get(key)}"
        for key in sorted({*base.host, *new.host})
        if base.host.get(key) != new.host.get(key)
    ]
    if differing:
        yield (
            f"the runs are of different machines ({', '.join(differing)}): what moved may be the "
            "machine's"
        )
    crowded = {
        scenario: _crowding(scenario, base, new)
        for scenario in base.verdicts
        if scenario in new.verdicts
    }
    busier = [factor for factor in crowded.values() if max(factor, 1 / factor) > _CROWDED]
    if busier:
        which = "new run" if sorted(busier)[len(busier) // 2] > 1 else "base"
        yield (
            f"in {len(busier)} scenarios the {which} had to share the processors with more others, "
            "and only larger changes than that explains are told; run both on a quiet machine"
        )


# --- verdicts -----------------------------------------------------------------------------------


def _verdicts(base: Baseline, new: Baseline, *, partial: bool) -> Iterator[Change]:
    for scenario in sorted({*base.verdicts, *new.verdicts}):
        before, after = base.verdicts.get(scenario), new.verdicts.get(scenario)
        if before is None and after is not None:
            bad = after.outcome in _BAD_WORDS
            kind: ChangeKind = "new failure" if bad else "new scenario"
            yield Change(kind, "worse" if bad else "changed", scenario, "", "", after.outcome)
        elif before is not None and after is None:
            if not partial:
                yield Change("scenario gone", "worse", scenario, "", before.outcome, "")
        elif before is not None and after is not None:
            if before.outcome != after.outcome:
                yield _verdict_change(scenario, before, after)
            # Where nothing was judged, no rule was: that is said already.
            if {before.outcome, after.outcome}.isdisjoint({"unsupported", "broken"}):
                yield from _rule_changes(scenario, before.rules, after.rules)


def _verdict_change(scenario: str, before: Verdict, after: Verdict) -> Change:
    kind: ChangeKind
    direction: Direction
    if after.outcome == "failed":
        kind, direction = "new failure", "worse"
    elif after.outcome == "broken":
        kind, direction = "newly broken", "worse"
    elif after.outcome == "unsupported":
        kind, direction = "no longer judged", "worse"
    elif before.outcome == "unsupported":
        kind, direction = "judged now", "better"
    elif before.outcome in _GOOD:
        kind, direction = "different verdict", "changed"
    else:
        kind, direction = "fixed", "better"
    return Change(kind, direction, scenario, "", before.outcome, after.outcome)


def _rule_changes(
    scenario: str, before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[Change]:
    for rule in sorted({*before, *after}):
        was, became = before.get(rule, ""), after.get(rule, "")
        if was == became:
            continue
        kind: ChangeKind
        direction: Direction
        if not was:
            kind, direction = "rule judged now", "better"
        elif not became or became == "unsupported":
            kind, direction = "rule no longer judged", "worse"
        elif _is_bad(became):
            kind, direction = "rule newly failed", "worse"
        elif _is_bad(was):
            kind, direction = "rule holds again", "better"
        else:
            kind, direction = "different verdict", "changed"
        if not was and _is_bad(became):
            kind, direction = "rule newly failed", "worse"
        yield Change(kind, direction, scenario, rule, was, became)


def _is_bad(words: str) -> bool:
    """Whether a rule's words, "passed/caught", have a bad one among them."""
    return not _BAD_WORDS.isdisjoint(words.split("/"))


def _unstable(new: Baseline) -> Iterator[Change]:
    for scenario, differs in new.unstable.items():
        yield Change("unstable", "worse", scenario, "", "", differs)


# --- figures ------------------------------------------------------------------------------------


def _figures(
    base: Baseline, new: Baseline, *, partial: bool
) -> tuple[list[Change], int, dict[FigureKey, int]]:
    """The changed figures, how many were compared, and those that cannot be judged."""
    both = [key for key in base.figures if key in new.figures and key.name != LOAD]
    shared = set(base.verdicts) & set(new.verdicts)
    changes = [
        # Of a scenario that came or went, the verdict tells; its figures came or went with it.
        *_lost_figures(
            (key for key in base.figures if key.scenario in shared), new, partial=partial
        ),
        *_found_figures((key for key in new.figures if key.scenario in shared), base, new),
    ]
    if base.clock == "virtual":
        changes += [
            _exactly(key, base.figures[key], new.figures[key])
            for key in both
            if base.figures[key] != new.figures[key]
        ]
        return changes, len(both), {}
    found, unjudged = shifts(
        {key: (base.figures[key], new.figures[key]) for key in both},
        {key: _crowding(key.scenario, base, new) for key in both},
    )
    changes += [
        _moved(key, base.figures[key], new.figures[key], shift)
        for key, shift in found.items()
        if shift.is_real
    ]
    return changes, len(both), unjudged


def _crowding(scenario: str, base: Baseline, new: Baseline) -> float:
    """By what factor work takes longer in the new run because more processes share the processors:
    below 1 where it was the base that was crowded."""
    before, after = (_shared_by(scenario, side) for side in (base, new))
    return after / before


def _shared_by(scenario: str, side: Baseline) -> float:
    """How many processes typically shared a processor, at least one."""
    known = sorted(side.figures.get(FigureKey(scenario, LOAD), ()))
    return max(1.0, nearest_rank(known, 50)) if known else 1.0


def _lost_figures(keys: Iterable[FigureKey], new: Baseline, *, partial: bool) -> Iterator[Change]:
    for key in keys:
        judged = new.verdicts[key.scenario].outcome not in {"unsupported", "broken"}
        if key not in new.figures and judged and not partial and key.name != LOAD:
            yield Change("figure gone", "worse", key.scenario, key.name, "timed", "never ended")


def _found_figures(keys: Iterable[FigureKey], base: Baseline, new: Baseline) -> Iterator[Change]:
    for key in keys:
        if key not in base.figures and key.name != LOAD:
            told = _told(sorted(new.figures[key]))
            yield Change("new figure", "changed", key.scenario, key.name, "", told)


def _exactly(key: FigureKey, before: tuple[float, ...], after: tuple[float, ...]) -> Change:
    """In virtual time any difference is a change: slower when the longest, or else the sum, grew.
    Fewer or more values are another figure, neither better nor worse by itself."""
    kind: ChangeKind = "different figure"
    direction: Direction = "changed"
    if len(before) == len(after):
        was, became = (before[-1], _sum_ns(before)), (after[-1], _sum_ns(after))
        if became > was:
            kind, direction = "slower", "worse"
        elif became < was:
            kind, direction = "faster", "better"
    elif len(after) < len(before):
        direction = "worse"  # what had an answer before has none now
    return Change(kind, direction, key.scenario, key.name, _told(before), _told(after))


def _moved(
    key: FigureKey, before: tuple[float, ...], after: tuple[float, ...], shift: Shift
) -> Change:
    slower = shift.factor > 1
    return Change(
        "slower" if slower else "faster",
        "worse" if slower else "better",
        key.scenario,
        key.name,
        _told(sorted(before)),
        _told(sorted(after)),
        shift,
    )


def _sum_ns(values: Iterable[float]) -> int:
    return sum(map(in_ns, values))


def _told(ordered: Iterable[float]) -> str:
    values = tuple(ordered)
    if len(values) == 1:
        return f"{values[0]:g} ms"
    return f"median {nearest_rank(values, 50):g} ms, max {values[-1]:g} ms, n {len(values)}"
