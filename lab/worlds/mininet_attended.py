"""A Mininet world that a person attends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from lab.topology.plan import Plan
from lab.worlds.isolation import outside_number
from lab.worlds.mininet import MininetWorld
from resolver.machine import MILLISECOND, SECOND, Duration, Instant
from resolver.shells.loop import HasFileno

_SETTLED_NS: Final[Duration] = 30 * MILLISECOND
"""A little longer than a capture waits for frames that are older than those it has."""
_LONG_NS: Final[Duration] = 3600 * SECOND


class AttendedMininetWorld(MininetWorld):
    """It lives on between steps: programs probe one another, caches age."""

    _hurried = False

    def __init__(self, plan: Plan, *, out: Path, seed: int) -> None:
        super().__init__(plan, out=out, seed=seed)
        self._unwritten: list[tuple[Instant, Callable[[], None]]] = []
        """When the capture will hold what was seen before, and who wants to know."""

    def attend(self, file: HasFileno, reader: Callable[[], None]) -> None:
        """Call `reader` whenever the file can be read, while the world lives."""
        self._loop.add_reader(file, reader)

    def idle_until(self, condition: Callable[[], bool]) -> None:
        """Live until the condition holds."""
        while not super().run_until(condition, self.now() + _LONG_NS):
            pass

    def run_until(self, condition: Callable[[], bool], deadline: Instant) -> bool:
        """As any world; a person in a hurry ends the wait."""
        held = False

        def over() -> bool:
            nonlocal held
            held = condition()
            return held or self._hurried

        while True:
            due = self._unwritten[0][0] if self._unwritten else deadline
            if super().run_until(over, min(due, deadline)) or due >= deadline:
                return held
            self._write_what_settled()
            # Who asked later waits longer: the last frames of his step are not in the file yet.
            while self._unwritten and self._unwritten[0][0] <= due:
                self._unwritten.pop(0)[1]()

    def hurry(self) -> None:
        """End this wait and the following ones."""
        self._hurried = True

    def calm(self) -> None:
        """Wait again."""
        self._hurried = False

    def write_out(self) -> None:
        """Let frames that are under way arrive; the capture then writes what has its place."""
        super().run_until(lambda: False, self.now() + _SETTLED_NS)
        self._write_what_settled()

    def once_written(self, callback: Callable[[], None]) -> None:
        """When frames that were under way have had the time to arrive."""
        self._unwritten.append((self.now() + _SETTLED_NS, callback))

    def _write_what_settled(self) -> None:
        capture = self._capturing()
        for ear in capture.sockets()[:1]:
            capture.read(ear)

    def entrance(self, node: str) -> tuple[int, int] | None:
        """The node's own process, in this world."""
        return outside_number(), int(self.net.get(self._node(node).name).pid)
