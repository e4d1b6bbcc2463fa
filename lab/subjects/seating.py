"""Which subject sits in which seat, and a plan with its seats filled.

A plan is filled late: faults change the configuration that a seat stands for, and what sits there
is rendered from that.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

from lab.subjects.roster import SUBJECTS
from lab.subjects.subject import SEATS, CannotFill, SeatName, Sitting, Subject, SubjectName
from lab.topology.plan import Plan, PlannedDaemon, PlannedNode, PlannedProgram, ProgramName
from lab.values import unknown
from resolver.config import Profile, ResolverConfig

Roster = Mapping[SubjectName, Subject]


class SeatingError(ValueError):
    """The words that name subjects and seats make no sense; the message has the remedy."""


@dataclass(frozen=True, slots=True)
class Seating:
    """Which subject sits in which seat; in a seat that is not named, ours."""

    subjects: Mapping[SeatName, SubjectName] = field(default_factory=dict)
    """"ours" is not among them."""
    configs: Mapping[SeatName, Path] = field(default_factory=dict)
    """The user's own configuration files."""

    @classmethod
    def read(
        cls, subjects: Iterable[str], configs: Iterable[str] = (), roster: Roster = SUBJECTS
    ) -> Seating:
        """Read words such as "dns=unbound", and "dns=/path/unbound.conf" of the configurations.
        Raises SeatingError."""
        named = _by_seat("--subject", "NAME", subjects)
        for seat, name in named.items():
            _check(seat, name, roster)
        files = {seat: Path(path) for seat, path in _by_seat("--config", "FILE", configs).items()}
        for seat, path in files.items():
            if named.get(seat, "ours") == "ours":
                raise SeatingError(
                    f"--config {seat}={path}: no subject has the seat; "
                    f"add --subject {seat}=NAME, the server whose file this is"
                )
            _check_file(seat, path)
        return cls({seat: _name(name) for seat, name in named.items() if name != "ours"}, files)

    def words(self) -> tuple[str, ...]:
        """What says the same on a command line."""
        subjects = (f"--subject={seat}={name}" for seat, name in self.subjects.items())
        configs = (f"--config={seat}={path}" for seat, path in self.configs.items())
        return (*subjects, *configs)

    def __bool__(self) -> bool:
        """Whether any seat is not ours."""
        return bool(self.subjects)

    def __str__(self) -> str:
        """The same, to be typed."""
        return shlex.join(self.words())


def places(plan: Plan, seat: SeatName) -> tuple[tuple[PlannedNode, PlannedProgram], ...]:
    """Where a plan has the seat: each node with its program.

    The DNS server's seat is where somebody asks: other resolvers of a plan are trusted peers.
    """
    asked = {address for node in plan.nodes for address in node.asks}
    return tuple(
        (node, program)
        for node in plan.nodes
        if (program := node.program(SEATS[seat])) is not None
        and (seat != "dns" or asked.intersection(node.addresses()))
    )


def seated(
    plan: Plan,
    seating: Seating,
    *,
    leave: Iterable[tuple[str, ProgramName]] = (),
    roster: Roster = SUBJECTS,
) -> Plan:
    """The plan with the seats filled, rendered from its configurations as they are; filling it
    again renders them again. `leave`: (node, program) whose seats stay ours.

    Raises CannotFill, also where a subject's package is missing, and OSError where a user's
    configuration cannot be read.
    """
    left = frozenset(leave)
    daemons: dict[tuple[str, ProgramName], PlannedDaemon] = {}
    for seat, name in seating.subjects.items():
        for node, program in places(plan, seat):
            if (node.name, program.name) not in left:
                sitting = Sitting(seat, plan, node, program.config)
                daemons[node.name, program.name] = rendered(
                    roster[name], sitting, seating.configs.get(seat)
                )
    return _with_programs(
        plan,
        lambda node, program: replace(program, daemon=daemons.get((node.name, program.name))),
    )


def reseated(
    plan: Plan,
    node: str,
    program: PlannedProgram,
    seating: Seating,
    roster: Roster = SUBJECTS,
) -> PlannedProgram:
    """A program of a node with another configuration: rendered for it where a subject sits there.
    Raises CannotFill and OSError."""
    seat = next((seat for seat, name in SEATS.items() if name == program.name), None)
    if program.daemon is None or seat is None or seat not in seating.subjects:
        return program
    sitting = Sitting(seat, plan, plan.node(node), program.config)
    daemon = rendered(roster[seating.subjects[seat]], sitting, seating.configs.get(seat))
    return replace(program, daemon=daemon)


_SETTABLE = frozenset({Profile.LISTED_ORDER})
"""Profiles that a configuration made of the topology comes near to; the others are Windows'
published timers and all servers at once."""


def rendered(subject: Subject, sitting: Sitting, config: Path | None = None) -> PlannedDaemon:
    """What runs in the seat; `config` is the user's own file. Raises CannotFill and OSError."""
    if subject.version() is None:
        raise CannotFill(
            f"{subject.title} is not installed; `make servers` installs every server, "
            f"`apt-get install --no-install-recommends {subject.package}` this one"
        )
    if sitting.seat not in subject.seats:
        raise CannotFill(f"{subject.title} cannot be a {_KINDS[sitting.seat]}")
    if config is not None:
        return subject.adopt(sitting, config)
    asked = sitting.config
    if isinstance(asked, ResolverConfig) and asked.profile not in _SETTABLE:
        raise CannotFill(
            f"{subject.title} has a way of its own to wait for its forwarders, and cannot be set "
            f"to the profile {asked.profile.value}"
        )
    return subject.render(sitting)


_KINDS: Mapping[SeatName, str] = {
    "dns": "DNS server that forwards",
    "translator": "DNS translator",
    "balancer": "load balancer",
    "nat": "NAT translator",
}


def _by_seat(option: str, value: str, words: Iterable[str]) -> dict[SeatName, str]:
    found: dict[SeatName, str] = {}
    for word in words:
        name, equals, what = word.partition("=")
        if not (equals and name and what):
            raise SeatingError(f"{option} {word}: write SEAT={value}, such as dns={_LIKE[option]}")
        seat = _known_seat(option, word, name)
        if seat in found:
            raise SeatingError(
                f"{option} {word}: the seat {seat} has {found[seat]} already; name each seat once"
            )
        found[seat] = what
    return found


_LIKE = {"--subject": "unbound", "--config": "/etc/unbound/unbound.conf"}


def _known_seat(option: str, word: str, name: str) -> SeatName:
    for seat in SEATS:
        if seat == name:
            return seat
    raise SeatingError(f"{option} {word}: {unknown('seat', name, SEATS)}")


def _name(name: str) -> SubjectName:
    for known in get_args(SubjectName):
        if known == name:
            known_name: SubjectName = known
            return known_name
    raise KeyError(name)


def _check(seat: SeatName, name: str, roster: Roster) -> None:
    word = f"--subject {seat}={name}"
    if name == "ours":
        return
    if name not in roster:
        raise SeatingError(f"{word}: {unknown('subject', name, ['ours', *roster])}")
    subject = roster[_name(name)]
    if seat not in subject.seats:
        fitting = [each.name for each in roster.values() if seat in each.seats]
        raise SeatingError(
            f"{word}: {subject.title} cannot be a {_KINDS[seat]}; "
            f"the seat can be taken by {', '.join(['ours', *fitting])}"
        )


def _check_file(seat: SeatName, path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise SeatingError(
            f"--config {seat}={path}: {error.strerror}; name a configuration file that can be read"
        ) from None


def _with_programs(
    plan: Plan, change: Callable[[PlannedNode, PlannedProgram], PlannedProgram]
) -> Plan:
    return replace(
        plan,
        nodes=tuple(
            replace(node, programs=tuple(change(node, program) for program in node.programs))
            for node in plan.nodes
        ),
    )
