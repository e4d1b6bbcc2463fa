"""The record of a sweep: what was tried, and what came of each combination.

`sweep.json` is this model. Everything but `wall_s`, `workers` and `host` is the same for the same
seed, however many workers there were. Its JSON schema is written by
`python -m lab.sweep.record > reports/sweep.schema.json`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lab.json_schema import print_schema


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FailureRecord(_Part):
    """One part, broken in one way."""

    part: str
    """"server1", or "server1/balancer" for a program."""
    kind: str


class VisitRecord(_Part):
    """One visit of a combination."""

    node: str
    when: Literal["before", "broken", "after"]
    """Before anything broke, while something was broken, after the last repair."""
    outcome: Literal["connected", "error", "unfinished"]
    waited_ms: float | None
    """Until the connection, or until the error was told; None when it did not end."""


class ViolationRecord(_Part):
    """An expectation that did not hold."""

    text: str
    rules: tuple[str, ...]
    check: str
    """Its kind."""
    evidence: str


class CombinationRecord(_Part):
    """One combination, judged."""

    id: str
    """"server1:silent@glibc"."""
    failures: tuple[FailureRecord, ...]
    viewer: str
    outcome: Literal["passed", "failed", "unsupported", "broken"]
    reason: str = ""
    """Why, for UNSUPPORTED and BROKEN."""
    violations: tuple[ViolationRecord, ...] = ()
    visits: tuple[VisitRecord, ...] = ()
    longest_wait_ms: float | None = None
    """The longest any viewer waited while something was broken."""
    recovered_ms: float | None = None
    """From the last repair to the connection of the first visit that was served."""
    frames: int = 0


class CounterexampleRecord(_Part):
    """A failing combination, reduced to the fewest failures that still fail in the same way."""

    found: str
    """The combination it comes from, the first of those that it stands for."""
    reduced: str
    """Its id."""
    stands_for: tuple[str, ...]
    """Every combination that was reduced to it."""
    file: str
    """The scenario, in the sweep's folder."""
    command: str
    violations: tuple[ViolationRecord, ...]


class ConfirmationRecord(_Part):
    """A combination run in Mininet too."""

    id: str
    simulated: str
    mininet: str
    agrees: bool
    difference: str = ""


class SweepRecord(_Part):
    """A sweep."""

    schema_version: Literal[1] = 1
    forwardlab: str
    topology: str
    world: Literal["simulated", "mininet"]
    clock: Literal["virtual", "measured"]
    seed: int
    at_once: int
    parts: tuple[str, ...]
    kinds: tuple[str, ...]
    viewers: tuple[str, ...]
    unverified: tuple[str, ...] = ()
    """Those of them that nobody has compared with the real thing."""
    notes: tuple[str, ...] = ()
    """What a reader of the figures must know."""
    started: str
    wall_s: float
    workers: int
    combinations: tuple[CombinationRecord, ...]
    counterexamples: tuple[CounterexampleRecord, ...] = ()
    confirmations: tuple[ConfirmationRecord, ...] = ()
    host: dict[str, Any] = Field(default_factory=dict)


if __name__ == "__main__":
    print_schema(SweepRecord)
