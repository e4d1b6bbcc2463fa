"""Checks of the lab's own topology check (CLU-15): what it refuses, and why."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal

from lab.judge.checks.base import CheckBase, counted
from lab.judge.verdict import Finding, failed, passed
from lab.observe.timeline import Timeline


class TopologyRefused(CheckBase):
    """Each time the topology check read the file of this label, it named each of these problems,
    and no other (CLU-15). None here: the file is good."""

    kind: Literal["topology-refused"] = "topology-refused"
    label: str
    problems: tuple[str, ...] = ()
    """As it prints them behind the file's name, `PLACE: what is wrong; what to do`, with "*" for
    any text; a "[" or a "?" stands for itself."""

    def judge(self, timeline: Timeline) -> Finding:
        """Compare what was said of the file with what ought to be said."""
        marks = [
            mark
            for mark in timeline.marks
            if mark.kind == "topology-checked" and mark.fields.get("label") == self.label
        ]
        if not marks:
            return failed(f"the topology check never read {self.label!r}")
        frames = tuple(mark.number for mark in marks)
        for mark in marks:
            said = [str(problem) for problem in mark.fields.get("problems", ())]
            missing = [each for each in self.problems if not any(_is(one, each) for one in said)]
            if missing:
                return failed(f"not refused: {missing[0]}", mark.number)
            for one in said:
                if not any(_is(one, each) for each in self.problems):
                    return failed(f"refused besides: {one}", mark.number)
        refusals = counted(len(self.problems), "refusal") if self.problems else "good"
        return passed(f"{self.label}: {refusals}", *frames)


def _is(problem: str, pattern: str) -> bool:
    literal = pattern.replace("[", "[[]").replace("?", "[?]")
    return fnmatchcase(problem, literal)
