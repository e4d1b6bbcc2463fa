"""The record of a run: everything a report says, and nothing a reader has to take on trust.

`record.json` is this model. All reports (terminal, HTML, JUnit, CSV) are drawn from it alone. Its
JSON schema is written by `python -m lab.report.record > reports/record.schema.json`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lab.json_schema import print_schema
from lab.observe.hop import HopKind
from lab.subjects.subject import SeatName

SCHEMA_VERSION = 1


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


OutcomeWord = Literal["passed", "failed", "deviates", "observed", "unsupported", "broken"]


class EvidenceRecord(_Part):
    """Packets that prove a verdict."""

    text: str
    frames: tuple[int, ...] = ()
    """Frame numbers in the scenario's capture."""


class ListedRecord(_Part):
    """What a subject documents of itself, otherwise than the rule demands."""

    subject: str
    because: str
    source: str
    checked: str
    """The version that the listing is about."""
    version: str
    """The one that was judged."""
    certain: bool
    """Whether the listing is about what was judged: this version, configured by forwardlab."""
    varies: float | None = None
    """The chance of a breach in one trial at least, where the choice is drawn; None: it happens
    always, or seldom."""
    seldom: bool = False
    """Whether a breach is drawn so seldom that few trials show it."""


class ExpectationRecord(_Part):
    """One expectation and what came of it."""

    text: str
    rules: tuple[str, ...]
    severity: Literal["MUST", "SHOULD", "observed"]
    """The strictest of its rules."""
    outcome: OutcomeWord
    evidence: tuple[EvidenceRecord, ...]
    value: str | None = None
    meant_to_fail: bool = False
    """In a set-up broken on purpose: this failure is what the scenario demands."""
    listed: ListedRecord | None = None
    """The documented deviation of the subject that is about it."""
    is_stale: bool = False
    """That deviation happens no longer, so its listing is wrong: a failure."""


class HopRecord(_Part):
    """One message on its way from a node to a node: an arrow of the ladder diagram."""

    frame: int
    """Frame number at the sender, or at the receiver where only that was seen."""
    at_ms: float
    """Since the first step; capture clock."""
    took_ms: float | None
    """Until it entered the receiver; None when it never did."""
    sender: str
    receiver: str
    kind: HopKind
    text: str
    """"A internet.intern.netz?" or "192.168.1.100, 192.168.1.102 (ttl 2)"."""
    step: int | None = None
    """Number in the FAQ's figure, where the hop is one of its steps."""
    unanswered: bool = False
    """A question, SYN or echo that nobody answered in time: drawn as a broken arrow."""
    forged: bool = False
    crossing: int | None = None
    """Hops with the same number are one packet before and after the NAT."""
    addresses: str = ""
    """"192.168.1.10:40000 → 192.168.1.100:53", as on the wire."""


class PhaseRecord(_Part):
    """A part of a wait: who had the message, or was waited for."""

    name: str
    """A message on its way, there or back: "stub → resolver", "resolver → translator",
    "translator → responder"; a server at work: "resolver"; "waiting" for what does not answer;
    "NAT"; "TCP"; the viewer's own time: "stub"."""
    took_ms: float


class ExchangeRecord(_Part):
    """A question or connection of an actor and everything it caused, in causal order."""

    title: str
    """"viewer asks A internet.intern.netz" or "viewer connects to 192.168.1.100:5900"."""
    started_ms: float
    waited_ms: float | None
    """How long the actor waited for its answer or connection; None when it got none."""
    hops: tuple[HopRecord, ...]
    phases: tuple[PhaseRecord, ...] = ()
    """Where that wait went; they add up to it."""


class StepRecord(_Part):
    """A step of the scenario, when it began and ended."""

    text: str
    started_ms: float
    took_ms: float


class MarkRecord(_Part):
    """What a step changed, and when: a fault, a repair, a new configuration."""

    at_ms: float
    """Since the first step; capture clock."""
    kind: str
    """As in the capture: "halted", "resumed", "played", "reconfigured", …"""
    text: str
    node: str | None = None
    """The node it happened to."""


class VisitRecord(_Part):
    """A viewer's visit: what it was told, and how long that took."""

    node: str
    profile: str
    """The stub resolver's profile: "glibc"."""
    verified: bool = False
    """Whether that profile was compared with the real thing."""
    began_ms: float
    """Since the first step; capture clock."""
    outcome: Literal["connected", "error", "unfinished"]
    reason: str = ""
    """Why there was an error, in the viewer's words."""
    time_to_connect_ms: float | None = None
    """From the visit's beginning to the SYN-ACK of the connection that held."""
    time_to_error_ms: float | None = None
    """From the visit's beginning to the error that the viewer was told."""
    bound_ms: float | None = None
    """By when the profile has told an error at the latest."""
    reached: str | None = None
    """The node that answered, by the packets."""
    questions: int = 0
    """How many questions its stub resolver sent, repetitions counted."""
    phases: tuple[PhaseRecord, ...] = ()


class GotRecord(_Part):
    """What a question got."""

    rcode: str
    addresses: tuple[str, ...] = ()
    wait_ms: float


class ReplayedRecord(_Part):
    """A question of a capture that was asked again."""

    frame: int
    """In the capture it was taken from."""
    client: str
    """Who asked it then."""
    node: str
    """Who asked it in the lab."""
    question: str
    """"A internet.intern.netz"."""
    repeats: bool = False
    """The client had sent the same message before, and had no answer yet."""
    before: GotRecord | None = None
    """In the capture; None: no answer there."""
    now: GotRecord | None = None
    """In the lab; None: no answer."""
    likeness: Literal["same", "different", "no answer in the capture"]
    frames: tuple[int, ...] = ()
    """In the scenario's own capture."""


class DaemonRecord(_Part):
    """A server that is not ours, as it was run in the seat of a program."""

    subject: str
    version: str
    command: tuple[str, ...]
    """What ran it; empty where it is a state of the kernel."""
    files: dict[str, str]
    """Its configuration, by name, the main file first."""
    overrides: tuple[str, ...] = ()
    """What was set otherwise than in the user's own file."""


class SubjectRecord(_Part):
    """Who was to sit in a seat."""

    name: str
    title: str
    version: str | None
    """None: it is not installed."""
    config: str | None = None
    """The user's own configuration file; None: forwardlab wrote one from the topology."""


class NodeRecord(_Part):
    """A node as it was run."""

    name: str
    label: str
    role: str
    addresses: tuple[str, ...]
    alias: str | None = None
    configs: dict[str, str] = Field(default_factory=dict)
    """Program → its configuration file as text; of ours."""
    daemons: dict[str, DaemonRecord] = Field(default_factory=dict)
    """Program → the server that is not ours in its seat."""
    stderr: dict[str, str] = Field(default_factory=dict)
    """Program → what it wrote on standard error (its journal)."""


class ScenarioRecord(_Part):
    """One scenario, run."""

    id: str
    title: str
    story: str
    topology: str
    outcome: OutcomeWord
    reason: str = ""
    """Why, for UNSUPPORTED and BROKEN."""
    wall_s: float
    time_to_connect_ms: float | None
    """From the viewer's first question to its first completed handshake, on the capture's clock."""
    connect_phases: tuple[PhaseRecord, ...] = ()
    """Where that time went; they add up to it."""
    clock: Literal["virtual", "measured"]
    duration_s: float = 0.0
    """How long the steps took on the scenario's own clock."""
    seed: int = 0
    capture: str | None = None
    """Path of the pcapng file, relative to the run's folder."""
    frames: int = 0
    frames_lost: int = 0
    links: dict[str, str] = Field(default_factory=dict)
    """By what links could get bad: interface → "netem" (the kernel) or "wire" (a process of ours);
    in virtual time, by the simulation itself."""
    steps: tuple[StepRecord, ...] = ()
    expectations: tuple[ExpectationRecord, ...] = ()
    violates: tuple[str, ...] = ()
    exchanges: tuple[ExchangeRecord, ...] = ()
    nodes: tuple[NodeRecord, ...] = ()
    viewer: str | None = None
    """The profile it ran for, where it runs for several: the id ends in "@" and this."""
    visits: tuple[VisitRecord, ...] = ()
    replayed: tuple[ReplayedRecord, ...] = ()
    """Of a replay: each question with what it got then and now."""
    repetition: int = 1
    """Of as many as the run's `repeat` says; those of one scenario differ in nothing else."""
    marks: tuple[MarkRecord, ...] = ()
    """What the steps broke, repaired and changed, in order."""
    lateness_ms: float | None = None
    """The longest that a process of the world waited for a processor, as a witness beside it saw;
    None in virtual time."""
    load: float | None = None
    """Runnable processes per processor while the steps ran, on average; above 1, they waited for
    each other. None in virtual time."""
    absent: dict[SeatName, str] = Field(default_factory=dict)
    """Seats of the run's `subjects` that had no part in it, each with a sentence that says why."""
    retried: str = ""
    """Why the trial before this one was not counted: the lab was too late for it. Once at most."""
    reproduce: str = ""
    """The one command that runs this scenario again."""
    scenario: dict[str, Any] = Field(default_factory=dict)
    """The scenario itself, as data."""


class RunRecord(_Part):
    """A whole run."""

    schema_version: int = SCHEMA_VERSION
    forwardlab: str
    """Version."""
    world: Literal["mininet", "simulated", "timetravel"]
    world_requested: Literal["mininet", "simulated", "timetravel", "auto"]
    world_reason: str = ""
    """Why the world differs from the first choice."""
    subjects: dict[SeatName, SubjectRecord] = Field(default_factory=dict)
    """Seat → who sits there; in all others, ours."""
    seed: int
    workers: int
    repeat: int = 1
    """How often each scenario ran; `scenarios` has them one after the other."""
    started: str
    """ISO 8601, UTC."""
    complete: bool = True
    wall_s: float
    host: dict[str, Any]
    """The doctor's findings and versions."""
    scenarios: tuple[ScenarioRecord, ...]
    pictures: dict[str, str] = Field(default_factory=dict)
    """Topology → its drawing, an SVG document."""
    totals: dict[str, int]
    """Outcome word → number of scenarios; one that was repeated counts once, with its worst."""


if __name__ == "__main__":
    print_schema(RunRecord)
