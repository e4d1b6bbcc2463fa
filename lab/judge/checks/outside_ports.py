"""Whether outside ports can be guessed that a translator gives to questions (RFC 5452 10)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lab.judge.checks.base import CheckBase, counted
from lab.judge.checks.unpredictable import FIRST_PORT, fault_of
from lab.judge.verdict import Finding, failed, passed
from lab.observe.sighting import Udp
from lab.observe.timeline import Timeline

_DNS_PORT = 53
_PORTS = (1 << 16) - FIRST_PORT


class OutsidePortsUnpredictable(CheckBase):
    """The outside ports under which a node's questions leave the translator are spread over their
    whole range, follow no sequence, and repeat one another no more often than chance has it
    (SEC-05, RFC 5452 10, RFC 7857 9). False alarms: fewer than one in 10**9."""

    kind: Literal["outside-ports-unpredictable"] = "outside-ports-unpredictable"
    node: str
    questions: int = Field(default=500, ge=500)
    """So many at least."""

    def judge(self, timeline: Timeline) -> Finding:
        """Look at each question behind the translator, in the order of leaving."""
        asked = [
            each
            for each in timeline.crossings
            if each.before.sender == self.node
            and isinstance(each.before.ip.transport, Udp)
            and each.before.ip.transport.destination_port == _DNS_PORT
        ]
        outside = [
            transport.source_port
            for each in asked
            if isinstance(transport := each.after.ip.transport, Udp)
        ]
        if len(outside) < self.questions:
            return failed(f"{counted(len(outside), 'question')} crossed, expected {self.questions}")
        shown = (*asked[0].frames, *asked[-1].frames)
        reserved = [port for port in outside if port < FIRST_PORT]
        if reserved:
            return failed(f"an outside port of {reserved[0]}", *shown)
        fault = fault_of([port - FIRST_PORT for port in outside], _PORTS)
        if fault is not None:
            return failed(fault, *shown)
        return passed(
            f"{len(outside)} questions from {len(set(outside))} outside ports, spread and without "
            "sequence",
            *shown,
        )
