"""A viewer's visit as a machine: a name, addresses, a connection, and who answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from lab.viewer.dialling import dial, in_dialling_order
from lab.viewer.glibc import GlibcStub, first_server
from lab.viewer.lookup import Stub
from lab.viewer.musl import MuslStub
from lab.viewer.profiles import StubProfile
from lab.viewer.resolved import Daemon, ResolvedStub
from lab.viewer.talking import Algorithm, Heard, Talk, heard_in
from lab.viewer.windows import WindowsStub
from resolver.machine import Duration, Effect, Event, Instant

NOBODY_WAITS_LONGER = "the person went away"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the person at the viewer sees in the end."""

    outcome: Literal["connected", "error"]
    reason: str = ""
    """Why there is an error; empty when there is none."""
    address: str = ""
    """The address that was connected to, or tried last; empty when none was."""
    banner: str = ""
    """What the server there said."""


@dataclass(slots=True)
class Memory:
    """What a machine's resolver daemon keeps from visit to visit; nothing where there is none."""

    daemon: Daemon = field(default_factory=Daemon)


class Visit:
    """The machine: it starts by itself and finishes with what the person sees."""

    def __init__(
        self,
        profile: StubProfile,
        *,
        name: str,
        port: int,
        servers: Sequence[str],
        own: Sequence[str],
        patience_ns: Duration,
        random: Random,
        memory: Memory | None = None,
    ) -> None:
        """`servers` are asked in this order; `own` are the viewer's addresses with their prefix
        lengths, by which the answer's addresses are put in order; `memory` is that of the machine
        it runs on. Raises ValueError without a server."""
        if not servers:
            raise ValueError("a viewer without a DNS server cannot visit anybody")
        self.seen: Seen | None = None
        self._talk = Talk(random)
        self._patience_ns = patience_ns
        self._given_up_at: Instant | None = None
        self._awaited_until: Instant = 0
        stub = _stub(profile, servers, name, self._talk, memory or Memory())
        self._algorithm = self._go(profile, stub, port, own)

    @property
    def finished(self) -> bool:
        """Whether the person has been told something."""
        return self.seen is not None

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Go on with what was heard."""
        heard = heard_in(event)
        return () if heard is None or self.finished else self._advance(heard, now)

    def expire(self, now: Instant) -> Sequence[Effect]:
        """Begin; later, go on without having heard anything; in the end, give up."""
        if self.finished:
            return ()
        if self._given_up_at is None:
            self._given_up_at = now + self._patience_ns
            return self._begin(now)
        if now >= self._given_up_at:
            self._algorithm.close()
            self.seen = Seen("error", NOBODY_WAITS_LONGER)
            return self._talk.take_effects()
        return self._advance(None, now) if now >= self._awaited_until else ()

    def deadline(self) -> Instant | None:
        """When it starts, then when its algorithm or the person waits no longer."""
        if self.finished:
            return None
        if self._given_up_at is None:
            return 0
        return min(self._awaited_until, self._given_up_at)

    def ready(self) -> bool:
        """Say that a visit has nothing to prepare."""
        return True

    def _begin(self, now: Instant) -> Sequence[Effect]:
        self._talk.now = now
        self._awaited_until = next(self._algorithm)
        return self._talk.take_effects()

    def _advance(self, heard: Heard | None, now: Instant) -> Sequence[Effect]:
        self._talk.now = now
        try:
            self._awaited_until = self._algorithm.send(heard)
        except StopIteration as end:
            self.seen = end.value
        return self._talk.take_effects()

    def _go(
        self, profile: StubProfile, stub: Stub, port: int, own: Sequence[str]
    ) -> Algorithm[Seen]:
        looked = yield from stub.look_up()
        if not looked.addresses:
            return Seen("error", looked.trouble)
        addresses = in_dialling_order(looked.addresses, own)
        dialled = yield from dial(profile, self._talk, addresses, port)
        outcome: Literal["connected", "error"] = "error" if dialled.trouble else "connected"
        return Seen(outcome, dialled.trouble, dialled.address, dialled.banner)


def _stub(
    profile: StubProfile, servers: Sequence[str], name: str, talk: Talk, memory: Memory
) -> Stub:
    if profile.name == "musl":
        return MuslStub(profile, servers, name, talk)
    if profile.name == "windows":
        return WindowsStub(profile, servers, name, talk)
    if profile.name == "systemd-resolved":
        return ResolvedStub(profile, servers, name, talk, memory.daemon)
    return GlibcStub(profile, servers, name, talk, first_server(profile, len(servers), talk.random))
