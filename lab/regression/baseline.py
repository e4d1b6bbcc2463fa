"""What a later run is compared with: the verdicts and figures of a run, in a small file.

One line for each verdict and each figure, sorted, so that a changed number is a changed line in a
review. In virtual time a figure is all its values, for they must come again exactly. A measured one
is a value for each repetition, for only repetitions are independent of each other.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.report.figures import Figure, figures
from lab.report.record import OutcomeWord, RunRecord, ScenarioRecord
from lab.report.repetitions import by_scenario, instabilities, worst_of
from lab.report.rules import words_of
from lab.report.statistics import ClockName, nearest_rank

FORMAT = 1
LOAD = "load of the host"
"""Runnable processes per processor, repetition by repetition: no figure of a subject, but what
measured ones are worth."""

_BETWEEN = " · "
_TIMES = "*"
_HOST = ("kernel", "machine", "cores", "python")


class BaselineUnreadable(Exception):
    """A baseline is missing or wrong; the message names the file, the place and the remedy."""


class NothingToKeep(Exception):
    """A run cannot become a baseline; the message says why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a scenario."""

    outcome: OutcomeWord
    rules: Mapping[str, str]
    """Rule id → what came of it: "passed"; "caught" in a set-up that breaks it on purpose."""


@dataclass(frozen=True, slots=True, order=True)
class FigureKey:
    """Which figure of which scenario."""

    scenario: str
    name: str

    def __str__(self) -> str:
        return f"{self.scenario}{_BETWEEN}{self.name}"


@dataclass(frozen=True, slots=True)
class Baseline:
    """A run, as far as a comparison goes."""

    world: str
    clock: ClockName
    seed: int
    repeat: int
    host: Mapping[str, Any]
    """What measured figures depend on; empty in virtual time."""
    verdicts: Mapping[str, Verdict]
    """By scenario."""
    figures: Mapping[FigureKey, tuple[float, ...]]
    """ms. Virtual: all values of a repetition in ascending order. Measured: one for each
    repetition, in their order."""
    unstable: Mapping[str, str]
    """Scenarios that did not come out the same each time, and in what."""
    subjects: Mapping[str, str] = field(default_factory=dict)
    """Seat → who sat there, with the version: "unbound 1.17.1"; in all others, ours."""

    @property
    def name(self) -> str:
        """What tells it from the baselines of other worlds and other servers: "simulated"."""
        seats = (f"-{seat}-{who.split()[0]}" for seat, who in self.subjects.items())
        return self.world + "".join(seats)

    @classmethod
    def of(cls, record: RunRecord) -> Baseline:
        """What is kept of a run."""
        clock: ClockName = "virtual" if record.world == "simulated" else "measured"
        unstable = dict(instabilities(record))
        kept: dict[FigureKey, tuple[float, ...]] = {}
        if clock == "measured":
            kept.update(_load(record))
        for figure in figures(record):
            if clock == "virtual":
                kept[FigureKey(figure.scenario, figure.name)] = tuple(sorted(figure.repetitions[0]))
                if any(each != figure.repetitions[0] for each in figure.repetitions):
                    unstable.setdefault(
                        figure.scenario, f"{figure.name} differs between repetitions"
                    )
            else:
                kept.update(_by_repetition(figure))
        return cls(
            world=record.world,
            clock=clock,
            seed=record.seed,
            repeat=record.repeat,
            host={
                key: record.host[key] for key in _HOST if clock == "measured" and key in record.host
            },
            verdicts={
                identifier: _verdict(worst_of(records))
                for identifier, records in by_scenario(record).items()
            },
            figures=kept,
            unstable=unstable,
            subjects={
                seat: f"{who.name} {who.version or ''}".strip()
                for seat, who in record.subjects.items()
            },
        )

    def text(self) -> str:
        """Itself as a file, one line for each verdict and figure. Raises NothingToKeep."""
        if self.unstable:
            name, why = next(iter(self.unstable.items()))
            raise NothingToKeep(
                f"{len(self.unstable)} of its scenarios did not come out the same each time "
                f"({name}: {why}); a baseline must be steady"
            )
        bad = [name for name, each in self.verdicts.items() if each.outcome in {"failed", "broken"}]
        if bad:
            raise NothingToKeep(
                f"{bad[0]} {self.verdicts[bad[0]].outcome} in it"
                f"{f', and {len(bad) - 1} more' if len(bad) > 1 else ''}; mend that first: what "
                "is wrong now must not become what is expected"
            )
        head = {
            "forwardlab_baseline": FORMAT,
            "world": self.world,
            "clock": self.clock,
            "seed": self.seed,
            "repeat": self.repeat,
            "host": dict(self.host),
            **({"subjects": dict(self.subjects)} if self.subjects else {}),
        }
        verdicts = {
            name: {"outcome": each.outcome, **_by_word(each.rules)}
            for name, each in sorted(self.verdicts.items())
        }
        timed = {
            str(key): (_counted if self.clock == "virtual" else _listed)(values)
            for key, values in sorted(self.figures.items())
        }
        lines = [f"{json.dumps(key)}: {_line(value)}" for key, value in head.items()]
        lines += [f'"{part}": {_lines(content)}' for part, content in
                  (("verdicts", verdicts), ("figures_ms", timed))]  # fmt: skip
        return "{\n" + ",\n".join(lines) + "\n}\n"


def is_baseline(path: Path) -> bool:
    """Whether a file was written as a baseline, however damaged it may be since."""
    try:
        with path.open(encoding="utf-8") as file:
            return "forwardlab_baseline" in file.read(200)
    except (OSError, UnicodeDecodeError):
        return False


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file. Raises BaselineUnreadable."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BaselineUnreadable(
            f"{path}: {error.strerror}; write one with `forwardlab baseline save`"
        ) from error
    except UnicodeDecodeError as error:
        raise BaselineUnreadable(f"{path}: not UTF-8 text, so no baseline") from error
    except json.JSONDecodeError as error:
        raise BaselineUnreadable(
            f"{path}: line {error.lineno}: not JSON ({error.msg}); write it anew with "
            "`forwardlab baseline save`"
        ) from error
    form = content.get("forwardlab_baseline") if isinstance(content, dict) else None
    if form != FORMAT:
        raise BaselineUnreadable(
            f"{path}: forwardlab_baseline: is {form!r}, this forwardlab reads {FORMAT}; write it "
            "anew with `forwardlab baseline save`"
        )
    try:
        return Baseline(
            world=content["world"],
            clock=content["clock"],
            seed=content["seed"],
            repeat=content["repeat"],
            host=content["host"],
            verdicts={name: _read_verdict(each) for name, each in content["verdicts"].items()},
            figures={_key(name): _values(text) for name, text in content["figures_ms"].items()},
            unstable={},
            subjects=content.get("subjects", {}),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BaselineUnreadable(
            f"{path}: {type(error).__name__}: {error}; a baseline is written by `forwardlab "
            "baseline save` and not meant to be edited"
        ) from error


# --- what is kept -------------------------------------------------------------------------------


def _by_repetition(figure: Figure) -> Mapping[FigureKey, tuple[float, ...]]:
    """One value for each repetition: the median of what it timed, and where it timed several, the
    longest too."""
    timed = [sorted(each) for each in figure.repetitions if each]
    kept = {
        FigureKey(figure.scenario, figure.name): tuple(nearest_rank(each, 50) for each in timed)
    }
    if any(len(each) > 1 for each in timed):
        longest = FigureKey(figure.scenario, f"{figure.name}, longest")
        kept[longest] = tuple(each[-1] for each in timed)
    return kept


def _load(record: RunRecord) -> Mapping[FigureKey, tuple[float, ...]]:
    found: dict[FigureKey, tuple[float, ...]] = {}
    for identifier, repetitions in by_scenario(record).items():
        known = tuple(each.load for each in repetitions if each.load is not None)
        if known:
            found[FigureKey(identifier, LOAD)] = known
    return found


def _verdict(scenario: ScenarioRecord) -> Verdict:
    rules = {rule: "/".join(words) for rule, words in words_of(scenario).items()}
    return Verdict(scenario.outcome, rules)


# --- the file -----------------------------------------------------------------------------------


def _by_word(rules: Mapping[str, str]) -> Mapping[str, str]:
    """Rules with the same word together: short lines, and a rule that changes moves visibly."""
    words: dict[str, list[str]] = {}
    for rule, word in sorted(rules.items()):
        words.setdefault(word, []).append(rule)
    return {word: " ".join(ids) for word, ids in sorted(words.items())}


def _read_verdict(content: Mapping[str, str]) -> Verdict:
    outcome: Any = content["outcome"]
    rules = {
        rule: word for word, ids in content.items() if word != "outcome" for rule in ids.split()
    }
    return Verdict(outcome, rules)


def _counted(values: Iterable[float]) -> str:
    """Sorted values, equal ones counted: "0.07*2 0.21"."""
    return " ".join(
        f"{value!r}{_TIMES}{count}" if count > 1 else repr(value)
        for value, count in sorted(Counter(values).items())
    )


def _listed(values: Iterable[float]) -> str:
    return " ".join(map(repr, values))


def _values(text: str) -> tuple[float, ...]:
    values: list[float] = []
    for word in text.split():
        value, _, count = word.partition(_TIMES)
        values += [float(value)] * int(count or 1)
    return tuple(values)


def _key(text: str) -> FigureKey:
    scenario, between, name = text.rpartition(_BETWEEN)
    if not between:
        raise ValueError(f"figures_ms: {text!r} names no scenario")
    return FigureKey(scenario, name)


def _lines(content: Mapping[str, Any]) -> str:
    lines = (f" {_line(name)}: {_line(value)}" for name, value in content.items())
    return "{\n" + ",\n".join(lines) + "\n}"


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
