"""The shell's world, in a process of its own: it does what it is asked, one thing after the other,
and lives on in between."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeAlias

from lab.scenario.model import Step
from lab.scenario.steps import Stage
from lab.scenario.trial import WorldName
from lab.teaching.live import attended_world
from lab.topology.plan import Plan
from lab.worlds.attended import AttendedWorld
from lab.worlds.world import Clock, WorldBroken, WorldUnavailable
from resolver.machine import Instant

CAPTURE = "capture.pcapng"
SNAPSHOT = "snapshot.pcapng"
HURRY = "hurry"
"""Sent while a request is under way: end its waiting."""


@dataclass(frozen=True, slots=True)
class Perform:
    """A request: do this step."""

    step: Step


@dataclass(frozen=True, slots=True)
class WriteOut:
    """A request: have the capture hold everything seen so far. `snapshot`: and copy it aside,
    whole."""

    snapshot: bool = False


Request: TypeAlias = Perform | WriteOut


@dataclass(frozen=True, slots=True)
class Up:
    """The world is up."""

    clock: Clock
    entrances: Mapping[str, tuple[int, int] | None]
    """By node; see `AttendedWorld.entrance`."""


@dataclass(frozen=True, slots=True)
class NotUp:
    """There is no world, and why."""

    reason: str
    host_cannot: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What was asked is done, and the capture holds its packets."""

    began_at: Instant
    ended_at: Instant
    """On the capture's clock."""


@dataclass(frozen=True, slots=True)
class NotDone:
    """What was asked could not be done, and why."""

    reason: str


def attend(plan: Plan, world: WorldName, folder: Path, seed: int, caller: Connection) -> None:
    """Bring the plan up, say so, and do what the caller asks until he is gone."""
    try:
        attended = attended_world(world, plan, folder, seed)
        try:
            attended.start()
            _Attendance(attended, plan, folder, seed, caller).serve()
        finally:
            attended.stop()
    except WorldUnavailable as error:
        caller.send(NotUp(str(error), host_cannot=True))
    except WorldBroken as error:
        caller.send(NotUp(str(error), host_cannot=False))


class _Attendance:
    """One world and its caller."""

    def __init__(
        self, world: AttendedWorld, plan: Plan, folder: Path, seed: int, caller: Connection
    ) -> None:
        self._world = world
        self._plan = plan
        self._folder = folder
        self._stage = Stage(world, plan, seed)
        self._caller = caller
        self._requests: deque[Request] = deque()
        self._works = False
        self._over = False

    def serve(self) -> None:
        """Until the caller is gone."""
        self._world.attend(self._caller, self._hear)
        entrances = {node.name: self._world.entrance(node.name) for node in self._plan.nodes}
        self._caller.send(Up(self._world.clock, entrances))
        while True:
            self._world.idle_until(lambda: bool(self._requests) or self._over)
            if self._over:
                return
            self._caller.send(self._do(self._requests.popleft()))

    def _hear(self) -> None:
        try:
            said = self._caller.recv()
        except EOFError:
            self._over = True
            self._world.hurry()
            return
        if said != HURRY:
            self._requests.append(said)
        elif self._works:
            self._world.hurry()

    def _do(self, request: Request) -> Done | NotDone:
        began_at = self._world.now()
        self._works = True
        try:
            if isinstance(request, Perform):
                self._stage.perform((request.step,))
            ended_at = self._world.now()
        except WorldBroken as error:
            return NotDone(str(error))
        finally:
            self._works = False
            self._world.calm()
        self._world.write_out()
        if isinstance(request, WriteOut) and request.snapshot:
            shutil.copyfile(self._folder / CAPTURE, self._folder / SNAPSHOT)
        return Done(began_at, ended_at)
