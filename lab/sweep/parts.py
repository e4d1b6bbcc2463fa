"""What can break: the parts of a plan, and the kinds of faults that each can have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from lab.scenario.model import (
    Flap,
    Halt,
    Impair,
    Impairment,
    Mend,
    Play,
    Plug,
    Reply,
    Resume,
    Script,
    Step,
    Unplug,
)
from lab.topology.plan import Plan, PlannedNode, ProgramName
from resolver.config import BalancerConfig

_ASKERS = frozenset({"viewer", "bystander"})
_Seat = Literal["balancer", "resolver", "dns-translator", "authority"]
_DNS_SEATS = frozenset({"balancer", "resolver", "dns-translator", "authority"})


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """Something that can break: a node, or one of its programs."""

    node: str
    program: ProgramName | None = None

    def __str__(self) -> str:
        return self.node if self.program is None else f"{self.node}/{self.program}"


@dataclass(frozen=True, slots=True)
class Context:
    """What a fault needs to know to become steps."""

    plan: Plan
    window_s: float
    """How long things stay broken between the two visits: a fault on a schedule is over by then."""

    def node(self, part: Part) -> PlannedNode:
        """The node of a part."""
        return self.plan.node(part.node)


_Steps = Callable[[Context, Part], tuple[Step, ...]]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One way to break a part, and to put it right."""

    name: str
    text: str
    """What it means, for `--help` and reports."""
    of: Literal["node", "program", "dns"]
    """What kind of part it is for; "dns": a program that answers DNS."""
    breaking: _Steps
    mending: _Steps
    usual: bool = True
    """Whether it belongs to the default set."""

    def __reduce__(self) -> tuple[Callable[[str], FaultKind], tuple[str]]:
        # A worker process has the same kinds; their functions cannot be sent to it.
        return _kind_named, (self.name,)

    def fits(self, part: Part) -> bool:
        """Whether a part can have it."""
        if part.program is None:
            return self.of == "node"
        return self.of == "program" or (self.of == "dns" and part.program in _DNS_SEATS)


@dataclass(frozen=True, slots=True)
class Failure:
    """A part, broken in one way."""

    part: Part
    kind: FaultKind

    def __str__(self) -> str:
        return f"{self.part}:{self.kind.name}"

    def goes_with(self, other: Failure) -> bool:
        """Whether both can be at once: of different nodes, or of different programs."""
        if self.part.node != other.part.node:
            return True
        programs = {self.part.program, other.part.program}
        return None not in programs and len(programs) == 2


def parts_of(plan: Plan) -> tuple[Part, ...]:
    """Everything that can break, but for those who ask: each node, then its programs."""
    return tuple(
        part
        for node in plan.nodes
        if node.role not in _ASKERS
        for part in (Part(node.name), *(Part(node.name, each.name) for each in node.programs))
    )


# --- kinds ------------------------------------------------------------------------------------


def _silent(context: Context, part: Part) -> tuple[Step, ...]:  # noqa: ARG001 - one shape for all
    return (Halt(node=part.node),)


def _powered(context: Context, part: Part) -> tuple[Step, ...]:  # noqa: ARG001 - one shape for all
    return (Resume(node=part.node),)


def _unplugged(context: Context, part: Part) -> tuple[Step, ...]:
    links = context.node(part).interfaces
    return tuple(Unplug(node=part.node, network=each.network) for each in links)


def _plugged(context: Context, part: Part) -> tuple[Step, ...]:
    links = context.node(part).interfaces
    return tuple(Plug(node=part.node, network=each.network) for each in links)


def _flapping(context: Context, part: Part) -> tuple[Step, ...]:
    # Off, on, off, on: three stretches, and one more to spare before the second visit.
    stretch_s = context.window_s / 4
    return (
        Flap(
            breaking=(Halt(node=part.node),),
            mending=(Resume(node=part.node),),
            broken_s=stretch_s,
            whole_s=stretch_s,
            times=2,
        ),
    )


def _by_itself(context: Context, part: Part) -> tuple[Step, ...]:  # noqa: ARG001 - one shape for all
    return ()


def _impaired(impairment: Impairment) -> _Steps:
    def steps(context: Context, part: Part) -> tuple[Step, ...]:
        links = context.node(part).interfaces
        return tuple(
            Impair(node=part.node, network=each.network, impairment=impairment) for each in links
        )

    return steps


def _mended(context: Context, part: Part) -> tuple[Step, ...]:
    links = context.node(part).interfaces
    return tuple(Mend(node=part.node, network=each.network) for each in links)


def _stopped(context: Context, part: Part) -> tuple[Step, ...]:  # noqa: ARG001 - one shape for all
    return (Halt(node=part.node, program=part.program),)


def _killed(context: Context, part: Part) -> tuple[Step, ...]:  # noqa: ARG001 - one shape for all
    return (Halt(node=part.node, program=part.program, how="kill"),)


def _started(context: Context, part: Part) -> tuple[Step, ...]:  # noqa: ARG001 - one shape for all
    return (Resume(node=part.node, program=part.program),)


def _played(script: Script) -> _Steps:
    def steps(context: Context, part: Part) -> tuple[Step, ...]:  # noqa: ARG001 - one shape for all
        return (_play(part, script),)

    return steps


def _late(context: Context, part: Part) -> tuple[Step, ...]:
    """The right answer, after most have stopped waiting."""
    return (_play(part, Script(delay_s=LATE_S, answers=tuple(_members(context.plan)))),)


def _play(part: Part, script: Script) -> Play:
    return Play(node=part.node, program=cast("_Seat", part.program), script=script)


def _members(plan: Plan) -> Iterator[str]:
    """The IPv4 addresses by which the plan hands its servers out."""
    pools = (
        program.config
        for node in plan.nodes
        for program in node.programs
        if isinstance(program.config, BalancerConfig)
    )
    members = {member.name for pool in pools for member in pool.members}
    for node in plan.with_role("server"):
        if not members or node.name in members:
            addresses = (node.alias,) if node.alias else node.addresses()
            yield from (address for address in addresses if ":" not in address)


LATE_S: Final = 3.0
"""Longer than a DNS server waits for another in any shipped topology, shorter than a stub's 5 s."""

_TRUNCATED = Script(
    replies=(Reply(transport="udp", truncated=True), Reply(transport="tcp", closes_stream=True))
)

KINDS: Final[Mapping[str, FaultKind]] = {
    kind.name: kind
    for kind in (
        FaultKind("silent", "the node drops every packet", "node", _silent, _powered),
        FaultKind("unplugged", "its interfaces are down", "node", _unplugged, _plugged),
        FaultKind("flapping", "it goes off and on, twice", "node", _flapping, _by_itself),
        FaultKind(
            "slow",
            "its links take 300 ms longer each way",
            "node",
            _impaired(Impairment(delay_ms=300)),
            _mended,
        ),
        FaultKind(
            "lossy",
            "its links lose every fifth packet",
            "node",
            _impaired(Impairment(lose_every=5)),
            _mended,
        ),
        FaultKind(
            "duplicating",
            "its links deliver every second packet twice",
            "node",
            _impaired(Impairment(duplicate_every=2)),
            _mended,
            usual=False,
        ),
        FaultKind(
            "reordering",
            "on its links every third packet overtakes the others",
            "node",
            _impaired(Impairment(delay_ms=20, reorder_every=3)),
            _mended,
            usual=False,
        ),
        FaultKind(
            "thin",
            "its links carry 64 kbit/s",
            "node",
            _impaired(Impairment(rate_kbit_s=64)),
            _mended,
            usual=False,
        ),
        FaultKind("stopped", "the program ends, its port refuses", "program", _stopped, _started),
        FaultKind("killed", "the program is killed", "program", _killed, _started),
        FaultKind(
            "servfail", "it answers SERVFAIL", "dns", _played(Script(rcode="SERVFAIL")), _started
        ),
        FaultKind(
            "refused", "it answers REFUSED", "dns", _played(Script(rcode="REFUSED")), _started
        ),
        FaultKind(
            "formerr",
            "it answers FORMERR",
            "dns",
            _played(Script(rcode="FORMERR")),
            _started,
            usual=False,
        ),
        FaultKind(
            "notimp",
            "it answers NOTIMP",
            "dns",
            _played(Script(rcode="NOTIMP")),
            _started,
            usual=False,
        ),
        FaultKind(
            "nxdomain",
            "it answers that no name exists",
            "dns",
            _played(Script(rcode="NXDOMAIN")),
            _started,
        ),
        FaultKind("empty", "it answers without an address", "dns", _played(Script()), _started),
        FaultKind(
            "mute",
            "it takes questions and says nothing",
            "dns",
            _played(Script(silent=True)),
            _started,
        ),
        FaultKind("late", f"it answers right, {LATE_S:g} s late", "dns", _late, _started),
        FaultKind(
            "truncated",
            "it answers truncated, and closes TCP unanswered",
            "dns",
            _played(_TRUNCATED),
            _started,
        ),
        FaultKind(
            "wrong-id",
            "its answers have another ID",
            "dns",
            _played(Script(replies=(Reply(fault="wrong-id"),))),
            _started,
            usual=False,
        ),
        FaultKind(
            "wrong-port",
            "its answers come from another port",
            "dns",
            _played(Script(replies=(Reply(fault="wrong-port"),))),
            _started,
            usual=False,
        ),
        FaultKind(
            "wrong-question",
            "it answers another question",
            "dns",
            _played(Script(replies=(Reply(fault="other-name"),))),
            _started,
            usual=False,
        ),
        FaultKind(
            "garbled",
            "its answers are no DNS messages",
            "dns",
            _played(Script(replies=(Reply(fault="zero-octets"),))),
            _started,
            usual=False,
        ),
    )
}
"""Every kind of fault by its name, in the order of reports."""

USUAL: Final = tuple(name for name, kind in KINDS.items() if kind.usual)
"""The default set."""


def _kind_named(name: str) -> FaultKind:
    return KINDS[name]
