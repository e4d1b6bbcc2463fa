"""A Mininet world that a person attends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

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

        super().run_until(over, deadline)
        return held

    def hurry(self) -> None:
        """End this wait and the following ones."""
        self._hurried = True

    def calm(self) -> None:
        """Wait again."""
        self._hurried = False

    def write_out(self) -> None:
        """Let frames that are under way arrive; the capture then writes what has its place."""
        super().run_until(lambda: False, time.time_ns() + _SETTLED_NS)
        capture = self._capturing()
        for ear in capture.sockets()[:1]:
            capture.read(ear)

    def entrance(self, node: str) -> tuple[int, int] | None:
        """The node's own process, in this world."""
        return outside_number(), int(self.net.get(self._node(node).name).pid)
