"""The record of a matrix: who holds which rule in which seat, and how long each makes viewers wait.

`matrix.json` is this model. Page, CSV and Markdown are drawn from it alone. Its JSON schema is
written by `python -m lab.matrix.record > reports/matrix.schema.json`.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from lab.json_schema import print_schema
from lab.report.record import ExpectationRecord, OutcomeWord

FORMAT = 1


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


HopMark: TypeAlias = Literal["", "unanswered", "forged"]


class Hop(NamedTuple):
    """A message on its way from a node to a node: an arrow of the ladder."""

    at_ms: float
    """Since the first step; capture clock."""
    sender: str
    receiver: str
    text: str
    frame: int
    mark: HopMark = ""


class JudgedRecord(ExpectationRecord):
    """An expectation and what came of it, over all repetitions of its trial."""

    breaches: int = 0
    """In how many of them it did not hold."""


class NatRecord(_Part):
    """How a NAT translator that is judged was set."""

    way: Literal["static table", "shared address"]
    """Basic NAT alone (RFC 3022 2.1), or NAPT too (RFC 3022 2.2)."""
    otherwise: str = ""
    """What the scenario sets otherwise than its topology says: "ports preserve"."""


class TrialRecord(_Part):
    """A scenario with one subject in one seat, or with ours in all of them."""

    scenario: str
    title: str
    seat: str
    """The seat of the subject; "" where all are ours."""
    subject: str
    world: str
    clock: Literal["virtual", "measured"]
    outcome: OutcomeWord
    reason: str = ""
    """Why, for UNSUPPORTED and BROKEN."""
    runs: int = 1
    """How often it ran. What is told is the first run that came out worst."""
    wall_s: float
    """Of all its runs together."""
    duration_s: float
    """How long the steps took on the scenario's own clock."""
    time_to_connect_ms: float | None = None
    capture: str | None = None
    """Path of the pcapng file, relative to the matrix's folder; captures are not committed."""
    expectations: tuple[JudgedRecord, ...] = ()
    hops: tuple[Hop, ...] = ()
    """The messages around the evidence, in order."""
    hops_left_out: int = 0
    reproduce: str = ""
    """The one command that runs it again."""
    nat: NatRecord | None = None
    """None where it judges no NAT translator."""


class ColumnRecord(_Part):
    """A subject in a seat."""

    seat: str
    """"dns", "translator", "balancer", "nat", or "lab" for what forwardlab itself does."""
    subject: str
    title: str
    """What people call it."""
    version: str | None
    """As the program tells it; None: it is not installed, and everything is UNSUPPORTED."""


class JudgedBy(NamedTuple):
    """An expectation that a cell is made of."""

    trial: int
    """Its place among the record's trials."""
    expectation: int
    """Its place among that trial's expectations."""


class CellRecord(_Part):
    """A rule and a subject in a seat: what came of all expectations that judge one by the other."""

    rule: str
    seat: str
    subject: str
    outcome: OutcomeWord
    """The worst of them; what could not be judged counts only where nothing else was."""
    judged_by: tuple[JudgedBy, ...]
    unjudged: int = 0
    """Of these, how many could not be judged."""


GotOutcome: TypeAlias = Literal["connected", "error", "unfinished", "unsupported", "broken"]


class GotRecord(NamedTuple):
    """What a viewer got once."""

    outcome: GotOutcome
    waited_ms: float | None
    """Until the connection, or until the error was told."""
    reason: str
    """What it was told, or why there is nothing to tell."""


class WaitRecord(_Part):
    """How long a subject makes one kind of viewer wait in one kind of failure."""

    subject: str
    failure: str
    """The scenario: "waiting/first_balancer_dead"."""
    viewer: str
    """The stub resolver's profile."""
    clock: Literal["virtual", "measured"]
    got: tuple[GotRecord, ...]
    """One for each repetition."""
    outcome: GotOutcome
    """The most frequent, of as many the worse."""
    median_ms: float | None
    """Of those that came out so; nearest rank."""
    slowest_ms: float | None
    trial: int
    """Its place among the record's trials."""


class FailureRecord(_Part):
    """A row of the waiting table."""

    id: str
    title: str
    story: str


class MatrixRecord(_Part):
    """A matrix."""

    forwardlab_matrix: Literal[1] = 1
    """The version of this schema; it stands first in the file, which is known by it."""
    forwardlab: str
    started: str
    """ISO 8601, UTC."""
    wall_s: float
    workers: int
    seed: int
    world_requested: str
    quick: bool
    """Whether it is the fixed small subset."""
    rules: tuple[str, ...]
    """Those that were asked for, in the catalogue's order."""
    columns: tuple[ColumnRecord, ...]
    trials: tuple[TrialRecord, ...]
    cells: tuple[CellRecord, ...]
    failures: tuple[FailureRecord, ...] = ()
    waits: tuple[WaitRecord, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader must know."""
    host: dict[str, Any] = Field(default_factory=dict)


if __name__ == "__main__":
    print_schema(MatrixRecord)
