"""What came of judging a capture: everything that `forwardlab judge --json` says."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from lab.judge.rules import Severity
from lab.report.record import EvidenceRecord


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


VerdictWord = Literal["passed", "failed", "observed", "not seen"]


class VerdictRecord(_Part):
    """One expectation and what the capture says of it."""

    text: str
    rules: tuple[str, ...]
    severity: Severity
    """The strictest of its rules."""
    outcome: VerdictWord
    evidence: tuple[EvidenceRecord, ...] = ()
    """Frame numbers are those of the capture file, as Wireshark shows them."""
    value: str | None = None
    reason: str = ""
    """Why it was not seen."""


class StrangerRecord(_Part):
    """An address of the capture that the topology does not have."""

    address: str
    packets: int
    is_client: bool
    """It asks the viewers' DNS server, and its replies were judged as a viewer's are."""


class WaitsRecord(_Part):
    """How long clients waited for their first reply, in ms: from the question to the reply as
    they passed the place of the capture."""

    n: int
    median: float
    p90: float
    p99: float
    max: float


class CaptureRecord(_Part):
    """A capture, judged."""

    capture: str
    topology: str
    is_own: bool
    """The lab made it: it shows every link at both ends, and the steps."""
    packets: int
    """IP packets that have a place in the topology."""
    began: str
    """ISO 8601, UTC, of its first packet; of a capture in virtual time "virtual"."""
    lasts_s: float
    networks: dict[str, int]
    """Network → packets seen there; every network of the topology."""
    seen_twice: int
    """Packets that were captured more than once, each counted once."""
    left_out: dict[str, int]
    """Frames that could not be used, by reason."""
    problems: tuple[str, ...]
    """What is wrong with the file, and what that means."""
    strangers: tuple[StrangerRecord, ...]
    """The most talkative first."""
    waits: WaitsRecord | None
    verdicts: tuple[VerdictRecord, ...]
    other_rules: int
    """Rules of the catalogue that nothing here is about: they need a scenario."""
    outcome: Literal["passed", "failed", "nothing judged"]
