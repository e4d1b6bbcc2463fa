"""Worlds that a person attends: they live on while he thinks, show all they have seen so far, and a
wait in them can be cut short."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Final, Protocol

from lab.worlds.simulated import SimulatedWorld
from lab.worlds.world import World
from resolver.machine import SECOND, Duration, Instant
from resolver.shells.loop import HasFileno

_LISTENS_EVERY_NS: Final[Duration] = SECOND
"""Of virtual time."""


class AttendedWorld(World, Protocol):
    """A world with somebody before it."""

    def attend(self, file: HasFileno, reader: Callable[[], None]) -> None:
        """Call `reader` whenever the file can be read, also in the middle of a step."""
        ...

    def idle_until(self, condition: Callable[[], bool]) -> None:
        """Between steps: live until the condition holds, which the reader brings about."""
        ...

    def hurry(self) -> None:
        """End the wait that is under way, as if its deadline had come, and those after it until
        `calm`."""
        ...

    def calm(self) -> None:
        """Wait again as long as a step says."""
        ...

    def write_out(self) -> None:
        """Return when everything seen so far stands in the capture's file."""
        ...

    def once_written(self, callback: Callable[[], None]) -> None:
        """Call back as soon as everything seen by now stands in the capture's file, without holding
        the world up for that; never, if the world ends before."""
        ...

    def entrance(self, node: str) -> tuple[int, int] | None:
        """How a process gets into a node: the world's pid 1 as the host numbers it, and the node's
        own process as the world numbers it. None where there is nothing to enter."""
        ...


class AttendedSimulatedWorld(SimulatedWorld):
    """A simulated world to which a person gives one step after the other. Between steps no time
    passes."""

    _file: HasFileno | None = None
    _reader: Callable[[], None] | None = None
    _hurried = False

    def attend(self, file: HasFileno, reader: Callable[[], None]) -> None:
        """Call `reader` between steps, and now and then within a long one."""
        self._file, self._reader = file, reader

    def idle_until(self, condition: Callable[[], bool]) -> None:
        """Wait in real time; virtual time stands."""
        while not condition():
            if self._file is None or self._reader is None:
                return
            select.select([self._file], [], [])
            self._reader()

    def run_until(self, condition: Callable[[], bool], deadline: Instant) -> bool:
        """As any world, but for a person in a hurry, who is listened to now and then."""
        while not self._hurried:
            listen_at = min(deadline, self.now() + _LISTENS_EVERY_NS)
            if super().run_until(condition, listen_at):
                return True
            if listen_at >= deadline:
                return False
            self._listen()
        return condition()

    def _listen(self) -> None:
        while self._file and self._reader and select.select([self._file], [], [], 0)[0]:
            self._reader()
            if self._hurried:
                return

    def hurry(self) -> None:
        """Let no further time pass in this step."""
        self._hurried = True

    def calm(self) -> None:
        """Let time pass again."""
        self._hurried = False

    def write_out(self) -> None:
        """Nothing: a packet stands in the file as soon as it was seen."""

    def once_written(self, callback: Callable[[], None]) -> None:
        """At once."""
        callback()

    def entrance(self, node: str) -> tuple[int, int] | None:
        """None: its nodes are no processes."""
        del node
        return None
