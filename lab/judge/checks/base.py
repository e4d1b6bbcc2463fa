"""What every check has in common."""

from __future__ import annotations

from abc import abstractmethod

from pydantic import BaseModel, ConfigDict

from lab.judge.verdict import Finding
from lab.observe.timeline import Timeline


class CheckBase(BaseModel):
    """A question that can be put to a timeline. Frozen, and data: its JSON says everything.

    `judge` finds from packets and marks alone, compared with the plan as it was meant. It says
    FAILED when what it looks for never happened: a check that has nothing to look at has not held.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def judge(self, timeline: Timeline) -> Finding:
        """What the packets say, with the frames that prove it."""
