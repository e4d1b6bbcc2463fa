"""What a scenario may do to a world, whichever world it is.

The runner's interpreter of steps is written once against this protocol. A world owns time: nothing
outside it sleeps, everything waits with `run_until`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Literal, Protocol

from lab.observe.sighting import Sighting
from lab.scenario.impairments import Direction, Impairment
from lab.topology.plan import PlannedProgram, ProgramName
from resolver.machine import Duration, Instant, Machine


class Capability(Enum):
    """Something a scenario may need that not every world has."""

    LINK_DELAY = "link delay"
    LINK_RATE = "link rate"
    IPV6 = "IPv6"
    LONG_WAITS = "long waits"
    """Waits of minutes that cost nothing: virtual time only."""
    FOREIGN_SERVERS = "servers other than ours"


REMEDIES: Mapping[Capability, str] = {
    Capability.LINK_DELAY: "use --world simulated",
    Capability.LINK_RATE: "use --world simulated",
    Capability.IPV6: "start the kernel without ipv6.disable=1, or use --world simulated",
    Capability.LONG_WAITS: "use --world timetravel or --world simulated",
    Capability.FOREIGN_SERVERS: "use --world mininet",
}
"""What helps where a world lacks something a scenario needs."""


class Clock(Enum):
    """Which clock made a figure."""

    VIRTUAL = "virtual"
    """A simulation's: a timer fires exactly when it is due."""
    TIMETRAVEL = "time travel"
    """Virtual too, but of a real kernel under real programs: computing and waiting take no time,
    and a timer is as exact as the kernel's and the program's own."""
    MEASURED = "measured"

    @property
    def kind(self) -> Literal["virtual", "measured"]:
        """As records and reports name it."""
        return "measured" if self is Clock.MEASURED else "virtual"


class WorldUnavailable(Exception):
    """This host cannot run the world; the message says why and what would help."""


class WorldBroken(Exception):
    """The lab itself failed (never the subject); the message says where."""


class ServerRefused(WorldBroken):
    """A server that is not ours did not take its configuration, or did not start with it."""

    def __init__(self, node: str, program: ProgramName, subject: str, words: str) -> None:
        super().__init__(f"{node}: {subject} did not start in the seat {program}: {words}")
        self.node = node
        self.program = program
        self.subject = subject
        self.words = words


@dataclass(frozen=True, slots=True)
class Capture:
    """What a world leaves behind when it stops."""

    path: Path
    """The pcapng file."""
    frames_lost: int
    """Frames the kernel could not hand to us; more than 0 makes the run BROKEN."""
    clock_step_ns: Duration = 0
    """How far the capture clock moved against the monotonic clock between start and end."""
    links: Mapping[str, str] = field(default_factory=dict)
    """By what links can get bad: interface → "netem" (the kernel) or "wire" (a process of ours);
    only links that may. Empty in virtual time."""
    late_ns: Duration = 0
    """The most by which our own wire passed a frame on too late."""
    problems: tuple[str, ...] = field(default=())
    """Anything else that makes the run BROKEN: a program that died by itself, a stuck interface."""


class World(Protocol):
    """A running plan."""

    @property
    def clock(self) -> Clock:
        """Which clock makes this world's figures."""
        ...

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What scenarios may need and this world, on this host, has."""
        ...

    def may_impair(self, links: Mapping[str, tuple[Impairment, ...]]) -> None:
        """Say, before `start`, which interfaces' links may get bad, and how; none else can."""
        ...

    def start(self) -> None:
        """Build nodes and links, start captures and every planned program, and return when all
        programs are ready and the network carries. Raises WorldUnavailable or WorldBroken."""
        ...

    def seal(self) -> Capture:
        """End the capture and close its file; the nodes live on. Called once, before `stop`."""
        ...

    def stop(self) -> None:
        """End every program and remove everything. Idempotent; works after any failure."""
        ...

    def entrances(self) -> tuple[str, ...]:
        """Commands by which a person enters the nodes of the standing world from the host; none
        where there is nothing to enter."""
        ...

    def now(self) -> Instant:
        """The world's clock: the same one that stamps captures. ns."""
        ...

    def attach(self, node: str, machine: Machine) -> None:
        """Run an actor (a stub resolver, a viewer) on a node, with sockets of that node, until
        `detach`. Its `expire` is called at once, so an actor starts by itself."""
        ...

    def detach(self, machine: Machine) -> None:
        """Take an actor off its node and close its sockets."""
        ...

    def run_until(self, condition: Callable[[], bool], deadline: Instant) -> bool:
        """Let the world live until the condition holds (True) or the deadline has come (False).
        The condition is looked at after every event."""
        ...

    def appoint(self, instant: Instant, action: Callable[[], None]) -> None:
        """Have something done at an instant of this world's clock, while it lives (`run_until`, and
        all that waits). Never before; for an instant that has passed, at once."""
        ...

    def on_sighting(self, watcher: Callable[[Sighting], None] | None) -> None:
        """Show every packet to the watcher as it is captured (one watcher; None takes it off)."""
        ...

    def transmit(self, node: str, interface: str, packet: bytes) -> None:
        """Put an IP packet on the wire from a node's interface, its source address as written (a
        forgery). The next hop's link address is resolved by the world."""
        ...

    def silence(self, node: str) -> None:
        """From now on the node's kernel says nobody that nobody listens: neither "port
        unreachable" nor a reset leaves it. What is transmitted as it is leaves all the same."""
        ...

    def set_power(self, node: str, on: bool) -> None:
        """Off: nothing enters or leaves the node, as when the machine loses power or its cable.
        On again: its programs go on as they were."""
        ...

    def set_link(self, node: str, interface: str, up: bool) -> None:
        """Take an interface of a node down or up, as its operator does: the node keeps its
        addresses, and its routes over that interface are gone meanwhile."""
        ...

    def set_mtu(self, node: str, interface: str, mtu: int | None) -> None:
        """Set the largest IP packet of a node's interface, octets, both ways; None: as planned.
        A node without room for a packet cuts it or tells its sender (RFC 791, RFC 1191)."""
        ...

    def impair(
        self, node: str, interface: str, direction: Direction, impairment: Impairment | None
    ) -> None:
        """Make a link bad in one direction, on top of the delay and rate that the plan gives it;
        None: as planned. What an earlier call said is forgotten, and counting begins anew. The
        impairment's `mtu` is no business of this. Raises WorldBroken for a link that `may_impair`
        did not name."""
        ...

    def stop_program(self, node: str, program: ProgramName) -> None:
        """End a program; its sockets close, so its ports refuse."""
        ...

    def kill_program(self, node: str, program: ProgramName) -> None:
        """Kill a program (SIGKILL): it says and writes nothing more, and the kernel closes its
        sockets. Returns when it is gone."""
        ...

    def start_program(self, node: str, program: PlannedProgram) -> None:
        """Start a program (again), with this configuration; returns when it is ready."""
        ...

    def reconfigure(self, node: str, program: PlannedProgram) -> None:
        """Give a running resolver or authority another configuration, as an operator does: what it
        has learnt and what it is doing go on. Returns when it goes by it."""
        ...

    def start_peer(self, node: str, program: ProgramName, machine: Machine, script: str) -> None:
        """Put a scripted peer in the seat of a program: the program is stopped and `machine`
        listens at the endpoints the plan gave it. `script` describes it for the record."""
        ...

    def mark(self, kind: str, text: str, **fields: object) -> None:
        """Write what a step did, and when, into the capture: the judge needs packets alone."""
        ...
