"""The Mininet world of a storm: a capture that keeps up with it, and a process for its crowd."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from lab.observe.packet_filter import Kept
from lab.observe.ring import RingCapture
from lab.topology.plan import Plan
from lab.worlds.child import IsolationFailed
from lab.worlds.forked import Forked
from lab.worlds.mininet import MininetWorld
from lab.worlds.namespaces import enter_network
from lab.worlds.world import WorldBroken, WorldUnavailable
from resolver.machine import SECOND, Duration, Instant

_TICKS: Final = os.sysconf("SC_CLK_TCK")


class StormWorld(MininetWorld):
    """A `MininetWorld` that captures at some interfaces, and of each only what is kept."""

    def __init__(self, plan: Plan, *, out: Path, seed: int, ears: Mapping[str, Kept]) -> None:
        """`ears`: interface → what is kept of it."""
        super().__init__(plan, out=out, seed=seed)
        self._ears = ears

    def _listen_in(self) -> None:
        capture = RingCapture(self._path)
        self._capture = capture
        for node in self._plan.nodes:
            with self.net.inside(node.name):
                for interface in node.interfaces:
                    kept = self._ears.get(interface.name)
                    if kept is None:
                        continue
                    try:
                        ear = capture.add(node.name, interface.name, kept)
                    except OSError as error:
                        raise WorldUnavailable(
                            f"{interface.name}: the kernel gives no ring of packets "
                            f"({error.strerror}): free some memory, or use --world simulated"
                        ) from error
                    self._loop.add_reader(ear, partial(capture.read, ear))

    def run_on(self, node: str, function: Callable[[], Any], deadline: Instant) -> Any:
        """Call a function in a process of its own on a node, and let the world live until it
        returns. Raises WorldBroken where it does not, or not by the deadline."""
        namespace = self.net.namespaces[node]

        def be_there() -> Any:
            gc.disable()  # it lives for seconds, and a pause would be somebody's wait
            enter_network(namespace)
            return function()

        process = Forked(be_there)
        over = False

        def end() -> None:
            nonlocal over
            over = True
            self._loop.remove_reader(process)

        self._loop.add_reader(process, end)
        try:
            if not self.run_until(lambda: over, deadline):
                self._loop.remove_reader(process)
                raise WorldBroken(f"{node}: what ran there did not end in time")
            return process.result()
        except IsolationFailed as failure:
            raise WorldBroken(f"{node}: what ran there failed: {failure}") from failure
        finally:
            process.kill()

    def processor_times(self) -> dict[tuple[str, str], Duration]:
        """Processor time that each program has taken, by node and program."""
        return {key: _processor_time(pid) for key, pid in self._programs.processes().items()}


def _processor_time(pid: int) -> Duration:
    """User and system time of a process, proc(5): the fields behind its name in parentheses."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * SECOND // _TICKS
