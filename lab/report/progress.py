"""The progress line below what a run or a sweep prints: on a terminal only."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn


class ProgressLine:
    """A line that stays below what its console prints, and vanishes in the end."""

    def __init__(self, total: int, console: Console, *before: ProgressColumn) -> None:
        """`total`: so many things are to be done. `before`: what stands left of the bar."""
        self._total = total
        self._console = console
        self._before = before
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._console.quiet:
            self._progress = Progress(
                *self._before,
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.description}", markup=False),
                console=self._console,
                transient=True,
                auto_refresh=False,  # no thread of its own: whoever runs things forks
            )
            self._task = self._progress.add_task("", total=self._total)
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def advance(self) -> None:
        """One thing more is done."""
        if self._progress is not None:
            self._progress.advance(self._task)

    def tell(self, text: str) -> None:
        """Say what is being done."""
        if self._progress is not None:
            self._progress.update(self._task, description=text)

    def refresh(self) -> None:
        """Draw the line anew."""
        if self._progress is not None:
            self._progress.refresh()
