"""The caller's side of an attended world: its process, its folder, and what it has captured."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

from lab.observe.sighting import Sighting
from lab.observe.timeline import Timeline
from lab.scenario.model import Step
from lab.scenario.trial import WorldName
from lab.teaching.attending import (
    CAPTURE,
    HURRY,
    SNAPSHOT,
    Done,
    NotDone,
    NotUp,
    Perform,
    Request,
    Up,
    WriteOut,
    attend,
)
from lab.teaching.folder import fleeting_folder
from lab.teaching.growing import records_so_far
from lab.topology.plan import Plan
from lab.worlds.child import IsolationFailed, interruptible, interrupts_held
from lab.worlds.entering import run_in_node
from lab.worlds.world import Clock
from resolver.machine import SECOND, Instant

_BEFORE_NS = SECOND
"""A connection that a command continues began a little earlier."""


class LabGone(Exception):
    """The world has ended or never came up; the message says why."""

    def __init__(self, reason: str, *, host_cannot: bool = False) -> None:
        super().__init__(reason)
        self.host_cannot = host_cannot


class LabRefused(Exception):
    """The world could not do what it was asked; the message says why. It lives on."""


class LabSession:
    """A topology that is up. Its clock is the capture's. An interrupt ends a wait in the world."""

    def __init__(
        self, plan: Plan, folder: Path, world: Connection, last_words: Callable[[], str]
    ) -> None:
        self.plan = plan
        self._folder = folder
        self._world = world
        self._last_words = last_words
        self.on_interrupt: Callable[[], None] = lambda: None
        """Called when an interrupt cuts a command short."""
        self._is_up = False
        up = self._receive()
        if isinstance(up, NotUp):
            raise LabGone(up.reason, host_cannot=up.host_cannot)
        assert isinstance(up, Up)  # noqa: S101 - the first word of a world
        self._up = up
        self._is_up = True

    @property
    def clock(self) -> Clock:
        """Which clock makes its figures."""
        return self._up.clock

    def perform(self, step: Step) -> Done:
        """Do a step; an interrupt ends its waiting. Raises LabRefused and LabGone."""
        return self._ask(Perform(step))

    def write_out(self) -> Done:
        """Have the capture hold everything seen so far."""
        return self._ask(WriteOut())

    def save_capture(self, target: Path) -> None:
        """Copy the capture, whole. Raises OSError."""
        self._ask(WriteOut(snapshot=True))
        snapshot = self._folder / SNAPSHOT
        try:
            shutil.copyfile(snapshot, target)
        finally:
            snapshot.unlink()

    def run(self, node: str, words: list[str], *, keyboard: bool) -> tuple[int, Instant] | None:
        """Run a command on a node with this process's terminal: its status, and when it began on
        the capture's clock. None where the world has no processes."""
        entrance = self._up.entrances.get(node)
        if entrance is None:
            return None
        began = self.write_out()
        status = run_in_node(entrance, words, keyboard=keyboard)
        self.write_out()
        return status, began.ended_at

    def timeline(self, since: Instant = 0) -> Timeline:
        """What was captured from an instant on; marks from then on alone."""
        early = max(0, since - _BEFORE_NS)
        records = [
            record
            for record in records_so_far(self._folder / CAPTURE, self.plan, early)
            if record.at >= since or isinstance(record, Sighting)
        ]
        return Timeline.of(records, self.plan, self.clock)

    def _ask(self, request: Request) -> Done:
        try:
            self._world.send(request)
        except OSError:
            raise LabGone(self._last_words()) from None
        answer = self._receive()
        if isinstance(answer, NotDone):
            raise LabRefused(answer.reason)
        assert isinstance(answer, Done)  # noqa: S101 - nothing else is an answer
        return answer

    def _receive(self) -> object:
        while True:
            try:
                interruptible(lambda: self._world.poll(None))
            except KeyboardInterrupt:
                if not self._is_up:
                    raise
                self._world.send(HURRY)
                self.on_interrupt()
                continue
            try:
                return self._world.recv()
            except EOFError:
                raise LabGone(self._last_words()) from None


@contextmanager
def lab_session(plan: Plan, world: WorldName, seed: int) -> Iterator[LabSession]:
    """Bring a plan up; all of it is gone at the end, however this process ends. Interrupts are held
    but while the world is waited for. Raises LabGone."""
    with fleeting_folder() as folder, interrupts_held():
        near, far = Pipe()

        def function() -> bytes:
            near.close()
            attend(plan, world, folder, seed, far)
            return pickle.dumps(None)

        if world == "mininet":
            from lab.worlds.isolation import Isolated

            process = Isolated(function)
        else:
            from lab.worlds.forked import Forked

            process = Forked(function)  # type: ignore[assignment]  # the same face
        far.close()

        def last_words() -> str:
            try:
                process.result(5.0)
            except (IsolationFailed, TimeoutError) as error:
                return str(error).strip().splitlines()[-1]
            return "the world ended by itself"

        try:
            yield LabSession(plan, folder, near, last_words)
        finally:
            process.kill()
            near.close()
