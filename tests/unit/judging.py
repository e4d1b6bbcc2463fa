"""Cases for the judge: a doctored timeline, a check, and what the check must say about it.

    cases = Cases()

    @cases.passes(Answered(count=1))
    @cases.fails(Answered(count=2), because="1 address instead of 2")
    def one_address() -> Wire: ...

    test_cases = cases.test()

The stories below are what most doctored timelines begin with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from wire import (
    ALIAS,
    DNS,
    REAL,
    TRANSLATOR,
    Question,
    Stream,
    Wire,
    cluster_nat_plan,
    cluster_plan,
    reply_bytes,
)

from lab.judge.checks.base import CheckBase
from lab.judge.verdict import Finding, Outcome
from lab.observe.decode import decode
from lab.observe.sighting import Ip, Sighting
from lab.worlds.world import Clock

Story = Callable[[], Wire]
StoryT = TypeVar("StoryT", bound=Story)
EVERY = tuple(Clock)


# --- cases ------------------------------------------------------------------------------------


@cache
def told(story: Story) -> Wire:
    """What a story tells, for reading: made once, for packets take their time."""
    return story()


@dataclass(frozen=True)
class Case:
    """`because` is what the failure must say; None: the check passes."""

    check: CheckBase
    story: Story
    because: str | None
    clock: Clock

    @property
    def name(self) -> str:
        verdict = "passes" if self.because is None else "fails"
        return f"{type(self.check).__name__}-{verdict}-{self.story.__name__}-{self.clock.value}"

    def finding(self) -> Finding:
        return self.check.judge(told(self.story).timeline(self.clock))


class Cases:
    """The cases of one module."""

    def __init__(self) -> None:
        self.all: list[Case] = []

    def passes(
        self, *checks: CheckBase, clocks: Iterable[Clock] = EVERY
    ) -> Callable[[StoryT], StoryT]:
        return self._add(checks, None, clocks)

    def fails(
        self, *checks: CheckBase, because: str, clocks: Iterable[Clock] = EVERY
    ) -> Callable[[StoryT], StoryT]:
        return self._add(checks, because, clocks)

    def _add(
        self, checks: tuple[CheckBase, ...], because: str | None, clocks: Iterable[Clock]
    ) -> Callable[[StoryT], StoryT]:
        def add(story: StoryT) -> StoryT:
            self.all += [Case(check, story, because, c) for check in checks for c in clocks]
            return story

        return add

    def test(self) -> Callable[[Case], None]:
        """A test of every case: verdict, reason, and frames that are in the capture."""

        @pytest.mark.parametrize("case", self.all, ids=lambda case: case.name)
        def judges(case: Case) -> None:
            assert_found(case.finding(), case)

        return judges


def assert_found(finding: Finding, case: Case) -> None:
    (evidence,) = finding.evidence
    numbers = {record.number for record in told(case.story).records}
    assert set(evidence.frames) <= numbers, "evidence names frames that the capture has not got"
    if case.because is None:
        assert finding.outcome is Outcome.PASSED, evidence.text
        assert evidence.frames, "a pass is proved by packets"
    else:
        assert finding.outcome is Outcome.FAILED, evidence.text
        assert case.because in evidence.text, evidence.text


# --- stories ----------------------------------------------------------------------------------


def cluster() -> Wire:
    return Wire(cluster_plan())


def nat(*, dns_aliases: bool = False) -> Wire:
    return Wire(cluster_nat_plan(dns_aliases=dns_aliases))


def lookup(
    wire: Wire,
    given: str = REAL[2],
    listed: Iterable[str] = REAL,
    *,
    server: str = REAL[0],
    ttl: int = 2,
    given_ttl: int | None = None,
) -> None:
    """Without NAT: the viewer asks, its DNS server asks a load balancer, both are answered."""
    asked = wire.ask("viewer", DNS)
    upstream = wire.ask("dns", server)
    wire.reply(upstream, *listed, ttl=ttl)
    wire.reply(asked, given, aa=False, ttl=ttl if given_ttl is None else given_ttl)


def lookup_by_nat(
    wire: Wire,
    given: str = ALIAS[2],
    listed: Iterable[str] = ALIAS,
    *,
    master: str = TRANSLATOR,
    relayed: Callable[[bytes], bytes] = lambda payload: payload,
    **wording: object,
) -> None:
    """Behind NAT: one server more, the DNS translator, which relays (`relayed`: what it makes of
    the load balancer's reply)."""
    asked = wire.ask("viewer", DNS)
    forwarded = wire.ask("dns", master)
    upstream = wire.ask("translator", REAL[0])
    payload = reply_bytes(upstream.payload, *listed, **wording)  # type: ignore[arg-type]
    wire.reply(upstream, payload=payload)
    relay(wire, forwarded, relayed(payload))
    wire.reply(asked, given, aa=False)


def relay(wire: Wire, question: Question, payload: bytes, **how: object) -> None:
    """A reply to a question with these bytes but the question's ID."""
    wire.reply(question, payload=question.payload[:2] + payload[2:], **how)  # type: ignore[arg-type]


def visit(wire: Wire, address: str, banner: str | None = None, **how: object) -> Stream:
    """The viewer connects to a server, which says its name."""
    if banner is None:
        banner = f"tgp{(*REAL, *ALIAS).index(address) % 3 + 1}"
    return wire.connect("viewer", address, banner=banner, **how)  # type: ignore[arg-type]


# --- tampering --------------------------------------------------------------------------------


def tamper(
    wire: Wire,
    change: Callable[[IP], object],
    *,
    network: str,
    where: Callable[[Ip], bool] = lambda _: True,
    sums: bool = True,
) -> Wire:
    """Change packets on one network after the fact, at both ends of the link; with `sums`, the
    checksums are made right again."""
    networks = {
        interface.name: interface.network
        for node in wire.plan.nodes
        for interface in node.interfaces
    }
    changed = 0
    for place, record in enumerate(wire.records):
        if not isinstance(record, Sighting) or networks[record.interface] != network:
            continue
        if not isinstance(record.network, Ip) or not where(record.network):
            continue
        packet = IP(record.network.raw)
        change(packet)
        if sums:
            for layer in (IP, UDP, TCP, ICMP):
                if packet.haslayer(layer):
                    del packet[layer].chksum
        wire.records[place] = replace(record, network=decode(bytes(packet), 101))
        changed += 1
    assert changed, "nothing was tampered with"
    return wire


def tampered_bytes(
    wire: Wire,
    change: Callable[[bytearray], object],
    *,
    network: str,
    where: Callable[[Ip], bool] = lambda _: True,
) -> Wire:
    """Change the bytes of packets on one network, and nothing else."""

    def put(packet: IP) -> None:
        raw = bytearray(bytes(packet))
        change(raw)
        packet.__init__(bytes(raw))

    return tamper(wire, put, network=network, where=where, sums=False)


def without(wire: Wire, unwanted: Callable[[Sighting], bool]) -> Wire:
    """The same without some sightings. Frame numbers keep their gaps."""
    wire.records = [
        record for record in wire.records if not (isinstance(record, Sighting) and unwanted(record))
    ]
    return wire
