"""The pool: which members of the cluster are available, found out by connecting to their service.

Each member is probed from start to start every `interval_ns`: a TCP connection to the service port
at its first address. Opened is a success; refused, unreachable, ended, or `timeout_ns` without
either is a failure. So a member that dies is out after at most fall x interval + timeout (CLU-03).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from resolver.config import HealthCheck, Member
from resolver.dns.timers import Timers
from resolver.machine import (
    Close,
    Effect,
    Endpoint,
    Event,
    Framing,
    Instant,
    Note,
    Open,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)


@dataclass(frozen=True, slots=True)
class MemberCameUp:
    """A member is available from now on."""

    member: str

    def __str__(self) -> str:
        return f"{self.member} came up"


@dataclass(frozen=True, slots=True)
class MemberWentDown:
    """A member is not available any more, or was not at the first probe."""

    member: str
    reason: str
    """What the deciding probe met."""

    def __str__(self) -> str:
        return f"{self.member} went down: {self.reason}"


@dataclass(frozen=True, slots=True)
class ProbeFailed:
    """A probe met no service. It may take more of them to take the member out."""

    member: str
    reason: str

    def __str__(self) -> str:
        return f"probe of {self.member} failed: {self.reason}"


class _Probed:
    """A member and what its probes have found."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.available: bool | None = None  # None until the first probe decides
        self.against = 0  # results in a row that contradict `available`
        self.flow: int | None = None  # the probe under way
        self.next_at: Instant = 0  # when the next probe is due, counted from start to start

    def decides(self, success: bool, health: HealthCheck) -> bool:
        """Take a result; whether it changes the member's availability."""
        if self.available == success:
            self.against = 0
            return False
        self.against += 1
        needed = health.rise if success else health.fall
        if self.available is not None and self.against < needed:
            return False
        self.available = success
        self.against = 0
        return True


class Pool:
    """The members and their probes: a part of a machine, with timers of its own."""

    def __init__(self, members: Sequence[Member], service_port: int, health: HealthCheck) -> None:
        self._members = tuple(_Probed(member) for member in members)
        self._service_port = service_port
        self._health = health
        self._flows = count(1)
        self._probes: dict[int, _Probed] = {}
        self._timers: Timers[_Probed] = Timers()
        """One per member: the timeout of its probe, or the start of its next one."""
        for probed in self._members:
            self._timers.set(probed, 0)

    def available(self) -> tuple[Member, ...]:
        """The members that are available now, in the order of the configuration."""
        return tuple(probed.member for probed in self._members if probed.available)

    def all(self) -> tuple[Member, ...]:
        """Every member, whatever its state."""
        return tuple(probed.member for probed in self._members)

    def decided(self) -> bool:
        """Whether every member has met its first result."""
        return all(probed.available is not None for probed in self._members)

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Take what became of a probe. Anything about another flow is ignored."""
        if not isinstance(event, StreamOpened | StreamClosed | Unreachable):
            return ()
        probed = self._probes.get(event.flow) if isinstance(event.flow, int) else None
        if probed is None:
            return ()
        if isinstance(event, StreamOpened):
            return self._ended(probed, None, now)
        if isinstance(event, Unreachable):
            return self._ended(probed, event.reason, now)
        return self._ended(probed, "closed before it opened", now)

    def expire(self, now: Instant) -> Sequence[Effect]:
        """Start the probes that are due and end those that took too long."""
        effects: list[Effect] = []
        while (probed := self._timers.take_due(now)) is not None:
            if probed.flow is None:
                effects.append(self._start(probed, now))
            else:
                effects += self._ended(probed, "no answer in time", now)
        return effects

    def deadline(self) -> Instant | None:
        """The next start or timeout of a probe."""
        return self._timers.earliest()

    def _start(self, probed: _Probed, now: Instant) -> Effect:
        flow = next(self._flows)
        self._probes[flow] = probed
        probed.flow = flow
        probed.next_at = now + self._health.interval_ns
        self._timers.set(probed, now + self._health.timeout_ns)
        remote = Endpoint(probed.member.addresses[0], self._service_port)
        return Open(flow, Transport.TCP, remote, framing=Framing.RAW)

    def _ended(self, probed: _Probed, failure: str | None, now: Instant) -> Sequence[Effect]:
        """A probe has its result: `failure` is None for a success."""
        if probed.flow is None:
            return ()
        flow, probed.flow = probed.flow, None
        del self._probes[flow]
        # A timeout longer than the interval delays the next probe: never two at once.
        self._timers.set(probed, max(probed.next_at, now))

        name = probed.member.name
        effects: list[Effect] = [Close(flow)]
        if failure is not None:
            effects.append(Note(ProbeFailed(name, failure)))
        if probed.decides(failure is None, self._health):
            change = MemberCameUp(name) if failure is None else MemberWentDown(name, failure)
            effects.append(Note(change))
        return effects
