"""A Mininet world inside a guest in time travel (`lab.worlds.timetravel`)."""

from __future__ import annotations

from lab.worlds.mininet import MininetWorld
from lab.worlds.world import Capability, Clock


class TimetravelWorld(MininetWorld):
    """The same nodes, kernels and programs, and a clock that jumps whenever all of them sleep."""

    clock = Clock.TIMETRAVEL

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this kernel can do, and waits that cost nothing."""
        return super().capabilities | {Capability.LONG_WAITS}
