"""All programs of a Mininet world, whoever sits in their seats: ours, or other people's servers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from lab.topology.plan import PlannedProgram, ProgramName
from lab.worlds.mininet_daemons import Daemons
from lab.worlds.mininet_programs import Programs
from resolver.shells.loop import Loop


class Seats:
    """What runs on the nodes. `folder` gets what each was told and what it says."""

    def __init__(self, loop: Loop, folder: Path, seed: int, home: Callable[[], int]) -> None:
        """`home`: the network namespace of the world's own process."""
        self._ours = Programs(loop, folder, seed)
        self._others = Daemons(loop, folder, home)

    def start(self, programs: Iterable[tuple[str, int, PlannedProgram]]) -> None:
        """Start programs, each (node, the node's network namespace, program), and return when all
        are ready. Raises WorldBroken with the last words of one that is not."""
        wanted = list(programs)
        self._ours.start(each for each in wanted if each[2].daemon is None)
        self._others.start(each for each in wanted if each[2].daemon is not None)

    def processes(self) -> dict[tuple[str, ProgramName], int]:
        """The process of each program that runs, by node and program."""
        return self._ours.processes() | self._others.processes()

    def reconfigure(self, node: str, program: PlannedProgram) -> None:
        """Have a running program go by another configuration; return when it does."""
        if self._others.runs(node, program.name):
            self._others.reconfigure(node, program)
        else:
            self._ours.reconfigure(node, program)

    def stop(self, node: str, name: ProgramName) -> None:
        """End a program; return when its sockets are closed. It may not be running."""
        self._ours.stop(node, name)
        self._others.stop(node, name)

    def kill(self, node: str, name: ProgramName) -> None:
        """Kill a program; return when it is gone. It may not be running."""
        self._ours.kill(node, name)
        self._others.kill(node, name)

    def stop_all(self) -> None:
        """End every program."""
        self._others.stop_all()
        self._ours.stop_all()

    def deaths(self) -> tuple[str, ...]:
        """Programs that ended though nobody stopped them, with their last words."""
        return (*self._ours.deaths(), *self._others.deaths())
