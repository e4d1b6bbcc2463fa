"""What the page says of time: the run's figures, and a scenario's fail-over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from lab.report.failover import Waits, askings, is_disturbed, waits
from lab.report.failover_svg import NumberedMark, failover
from lab.report.figures import figures
from lab.report.percentile_plot import percentile_plot
from lab.report.record import PhaseRecord, RunRecord, ScenarioRecord
from lab.report.repetitions import by_scenario, instabilities, worst_of
from lab.report.session_plot import session_plot
from lab.report.sessions import sessions_of
from lab.report.statistics import Distribution

_FIRST_FIGURES = 12
"""A run with more figures than these has them folded away."""


@dataclass(frozen=True)
class FigureRow:
    """A figure in the page's table."""

    scenario: str
    anchor: str
    name: str
    found: Distribution


@dataclass(frozen=True)
class TimingView:
    """The section about the run's timings."""

    percentiles: Markup
    sessions: Markup
    rows: tuple[FigureRow, ...]

    @property
    def folded(self) -> bool:
        """Whether the table is too long to stand open."""
        return len(self.rows) > _FIRST_FIGURES


@dataclass(frozen=True)
class PhaseShare:
    """A phase with its part of the whole, in per cent."""

    phase: PhaseRecord
    share: float


@dataclass(frozen=True)
class ScenarioTimes:
    """What a scenario's article says of time."""

    record: ScenarioRecord
    repetitions: tuple[ScenarioRecord, ...]
    unstable: str
    """In what its repetitions differ; empty when they agree."""

    @property
    def outcomes(self) -> str:
        """In words: "passed 4 times, failed once"; empty where it ran once."""
        if len(self.repetitions) == 1:
            return ""
        words: dict[str, int] = {}
        for each in self.repetitions:
            words[each.outcome] = words.get(each.outcome, 0) + 1
        return ", ".join(f"{word} {_times(count)}" for word, count in words.items())

    @cached_property
    def sessions(self) -> list[tuple[str, float, list[PhaseShare]]]:
        """(what it is, how long it took, its phases) of the middle sessions."""
        told = []
        for each in sessions_of(self.repetitions):
            what = "Time to connect" if each.connected else "Time to error"
            if each.of > 1:
                what += f", the middle of {each.of}"
            parts = [PhaseShare(part, 100 * part.took_ms / each.took_ms) for part in each.phases]
            if parts:
                told.append((what, each.took_ms, parts))
        return told

    @cached_property
    def timeline(self) -> tuple[Markup, tuple[NumberedMark, ...], int] | None:
        """The fail-over drawing, its marks, and how many questions it leaves out; None where
        nothing failed, or nobody asked and tried to connect."""
        asked = any(True for _ in askings(self.record)) or bool(self.record.visits)
        if not is_disturbed(self.record) or not asked:
            return None
        drawn = failover(self.record)
        return Markup(drawn.svg), drawn.marks, drawn.undrawn  # noqa: S704 - ours, escaped

    @cached_property
    def waits(self) -> tuple[Waits, ...]:
        """Before, during and after the fault."""
        return waits(self.record)


def timing_view(record: RunRecord, anchors: Mapping[str, str]) -> TimingView:
    """The section; `anchors` leads to each scenario by its id."""
    rows = tuple(
        FigureRow(each.scenario, anchors[each.scenario], each.name, each.distribution)
        for each in figures(record)
    )
    return TimingView(
        Markup(percentile_plot(record)),  # noqa: S704 - drawn by this package, text escaped
        Markup(session_plot(record)),  # noqa: S704 - likewise
        rows,
    )


def scenario_times(record: RunRecord) -> dict[str, ScenarioTimes]:
    """By scenario."""
    unstable = instabilities(record)
    return {
        identifier: ScenarioTimes(worst_of(found), found, unstable.get(identifier, ""))
        for identifier, found in by_scenario(record).items()
    }


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
