"""Whether what a server is told comes in fragments, which no forger need guess anything for."""

from __future__ import annotations

from typing import Literal

from lab.judge.checks.base import CheckBase, bare_name, counted, frames_of
from lab.judge.verdict import Finding, failed, passed
from lab.observe.sighting import Ip
from lab.observe.timeline import Timeline
from lab.values import DnsName


class Unfragmented(CheckBase):
    """The asker got a reply of so many octets about the name from upstream, and no packet that
    reached it was a fragment (SEC-03: a later fragment has neither port nor ID nor question to be
    compared; RFC 9715 3: avoid them)."""

    kind: Literal["unfragmented"] = "unfragmented"
    asker: str = "dns"
    name: DnsName
    octets: int
    """More than fits a packet, or there would be nothing to cut."""

    def judge(self, timeline: Timeline) -> Finding:
        """Look for the big reply, and for fragments among all that arrived."""
        asked = [
            each
            for each in timeline.exchanges
            if each.asker == self.asker and each.query.name == bare_name(self.name)
        ]
        if not asked:
            return failed(f"{self.asker} asked nobody for {self.name}")
        pieces = [
            each for each in timeline.packets if each.receiver == self.asker and _is_piece(each.ip)
        ]
        if pieces:
            frames = (frame for each in pieces[:4] for frame in each.frames)
            return failed(f"{counted(len(pieces), 'fragment')} came to {self.asker}", *frames)
        largest = max((len(each.reply.payload) for each in asked if each.reply), default=0)
        if largest < self.octets:
            return failed(
                f"the largest reply had {largest} octets, expected {self.octets}", *frames_of(asked)
            )
        return passed(f"a reply of {largest} octets, and no fragment", *frames_of(asked))


def _is_piece(ip: Ip) -> bool:
    return ip.version == 4 and int.from_bytes(ip.raw[6:8]) & 0x3FFF > 0
