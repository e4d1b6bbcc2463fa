"""The record of a storm: all its figures, each with its clock.

`storm.json` is this model. Terminal, CSV and page are drawn from it alone. Its JSON schema is
written by `python -m lab.storm.record > reports/storm.schema.json`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from lab.json_schema import print_schema
from lab.report.statistics import ClockName, Distribution, nearest_rank

SCHEMA_VERSION = 1

_CURVE = (*range(100), 99.5, 99.8, 99.9, 99.95, 99.99, 100)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WaitRecord(_Part):
    """How long viewers waited for something, in ms."""

    clock: ClockName
    n: int
    median: float
    p90: float
    p99: float
    max: float
    slowest: tuple[tuple[float, float], ...] = ()
    """For a plot: percentile, and the wait that so many per cent did not exceed."""

    @classmethod
    def of(cls, clock: ClockName, waits_ms: Iterable[float]) -> Self | None:
        """The figures of these waits; None of no wait."""
        ordered = sorted(waits_ms)
        summary = Distribution.of(clock, ordered)
        if summary is None:
            return None
        return cls(
            clock=clock,
            n=summary.n,
            median=summary.median,
            p90=summary.p90,
            p99=summary.p99,
            max=summary.max,
            slowest=tuple((percent, nearest_rank(ordered, percent)) for percent in _CURVE),
        )


class RateRecord(_Part):
    """Events in a second: n - 1 intervals over the time from the first event to the last."""

    clock: ClockName
    n: int
    per_s: float
    over_ms: float

    @classmethod
    def of(cls, clock: ClockName, instants_ns: Iterable[int]) -> Self | None:
        """The rate of events at these instants; None where there is no interval."""
        ordered = sorted(instants_ns)
        if len(ordered) < 2 or ordered[-1] == ordered[0]:
            return None
        over_ns = ordered[-1] - ordered[0]
        return cls(
            clock=clock,
            n=len(ordered),
            per_s=(len(ordered) - 1) * 1e9 / over_ns,
            over_ms=over_ns / 1e6,
        )


class CrowdRecord(_Part):
    """Where the viewers were, and what of the topology was changed to let them in."""

    node: str
    network: str
    address: str
    prefix: str
    """Its viewers' addresses."""
    changes: tuple[str, ...]


class ArrivalsRecord(_Part):
    """Whether the viewers came as they were meant to."""

    stated_per_s: float
    achieved: RateRecord | None
    """Of the questions that left the crowd."""
    late: WaitRecord | None
    """How long after its appointed instant each question left, against the most punctual one."""


class AnswersRecord(_Part):
    """What became of the viewers' questions, counted from packets."""

    asked: int
    """Left the crowd."""
    reached: int
    """Entered the interface of the DNS server."""
    answered: int
    """Of those, how many had a matching reply leave that interface (RFC 5452 9.1)."""
    lost: int
    """`reached` less `answered`: the server's own loss."""
    received: int
    """Replies that entered the crowd's interface."""
    rcodes: dict[str, int]
    """Of the replies received: RCODE → number."""
    without_address: int
    """Replies received that hold no address to connect to."""


class ServerRecord(_Part):
    """A node that answers DNS: viewers' and other servers' questions together."""

    node: str
    reached: int
    answered: int
    lost: int


class ConnectsRecord(_Part):
    """What became of the viewers' connections."""

    at_once: int
    tried: int
    established: int
    failed: int
    reasons: dict[str, int]
    """Why connections failed → number."""
    syns_repeated: int
    established_rate: RateRecord | None
    turn: WaitRecord | None
    """From a viewer's answer to its SYN: its turn, which the lab makes it wait for."""


class NodeShare(_Part):
    """A server of the cluster, and how many viewers it got."""

    node: str
    label: str
    answers: int
    """Viewers to whom its address was the first they were given."""
    connections: int
    """Connections that it accepted."""


class EvennessRecord(_Part):
    """Pearson's chi-squared test of how viewers were spread over the nodes."""

    hypothesis: str
    n: int
    expected_each: float
    statistic: float
    degrees: int
    p_value: float
    """How likely a spread this uneven, or a more uneven one, is if the hypothesis is true."""
    absurd: bool
    """`p_value` is below `limit`."""
    limit: float


class UpstreamRecord(_Part):
    """What the DNS server asked others meanwhile."""

    questions: int
    """Over UDP."""
    connections: int
    """Opened to port 53."""
    per_question: float | None
    """Both, for each client question that reached it."""


class ProcessorRecord(_Part):
    """Processor time that a process took during the storm, by the kernel's account."""

    node: str
    program: str
    seconds: float


class MomentRecord(_Part):
    """What happened in a slice of the storm, for a plot."""

    at_ms: float
    """Its beginning, since the first question."""
    asked: int
    answered: int
    connected: int


class CaptureRecord(_Part):
    """The packets that everything is counted from."""

    file: str
    """Relative to the storm's folder."""
    frames: int
    frames_lost: int
    kept: str
    """Which packets were kept, and where they were seen."""


class StormRecord(_Part):
    """A whole storm."""

    schema_version: int = SCHEMA_VERSION
    forwardlab: str
    topology: str
    title: str
    world: Literal["mininet", "simulated"]
    clock: ClockName
    seed: int
    viewers: int
    name: str
    """What they asked for."""
    server: str
    """The node they asked."""
    outcome: Literal["passed", "failed", "broken"]
    reasons: tuple[str, ...]
    """Why it failed or broke."""
    notes: tuple[str, ...] = ()
    """What a reader of the figures must know."""
    crowd: CrowdRecord
    arrivals: ArrivalsRecord
    answers: AnswersRecord
    servers: tuple[ServerRecord, ...]
    upstream: UpstreamRecord
    connects: ConnectsRecord
    answer_wait: WaitRecord | None
    connect_wait: WaitRecord | None
    both_wait: WaitRecord | None
    """The two together, of each viewer that had both; its turn is not in it."""
    nodes: tuple[NodeShare, ...]
    evenness: EvennessRecord | None
    """None where there is one node only, or nobody connected."""
    processors: tuple[ProcessorRecord, ...] = ()
    """None in virtual time."""
    moments: tuple[MomentRecord, ...] = ()
    moment_ms: float = 0.0
    """How long each of them is."""
    lasted_ms: float
    """From the first question to the last answer or connection."""
    capture: CaptureRecord
    started: str
    """ISO 8601, UTC."""
    wall_s: float
    reading_s: float
    """Of that, reading the capture and reckoning the figures."""
    host: dict[str, Any]
    load: tuple[float, float]
    """The host's load average over a minute, before and after."""
    reproduce: str


if __name__ == "__main__":
    print_schema(StormRecord)
