"""The contract of a subject: what a stock server must tell to take a seat of the lab.

A subject turns the plan of a node into the server's own configuration, as somebody careful would
write it by hand for production: pure text, golden-tested, and the text `forwardlab export` prints.
Worlds know no subject, only the `PlannedDaemon` that comes of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, Protocol, TypeAlias

from lab.topology.plan import Plan, PlannedDaemon, PlannedNode, ProgramName
from resolver.config import ProgramConfig

SeatName: TypeAlias = Literal["dns", "translator", "balancer", "nat"]
"""The local DNS server, the DNS translator, the load-balancer responder, the NAT translator."""

SEATS: Final[Mapping[SeatName, ProgramName]] = MappingProxyType(
    {"dns": "resolver", "translator": "dns-translator", "balancer": "balancer", "nat": "nat"}
)
"""The program whose seat each one is."""

SubjectName: TypeAlias = Literal[
    "ours",
    "bind",
    "unbound",
    "dnsmasq",
    "powerdns",
    "knot",
    "dnsdist",
    "gdnsd",
    "nsd",
    "nftables",
    "nftables-stateless",
]


class CannotFill(Exception):
    """The subject has no way to do what this plan asks of the seat; the message says what, in words
    that stand in a report after "UNSUPPORTED:"."""


class FileRefused(CannotFill):
    """The user's own file, or one that it names, cannot be read or understood; the message has the
    file, the place and the remedy."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """A seat to be filled: where, and with what task."""

    seat: SeatName
    plan: Plan
    node: PlannedNode
    config: ProgramConfig
    """Of our own program in that seat: what the subject has to do."""


class Subject(Protocol):
    """A server that can take seats."""

    @property
    def name(self) -> SubjectName:
        """Its name in commands and reports."""
        ...

    @property
    def title(self) -> str:
        """What people call it: "PowerDNS Recursor"."""
        ...

    @property
    def package(self) -> str:
        """Debian's package that has it."""
        ...

    @property
    def seats(self) -> frozenset[SeatName]:
        """The seats it can fill."""
        ...

    def version(self) -> str | None:
        """Its version here, as the program tells it; None where it is not installed."""
        ...

    def render(self, sitting: Sitting) -> PlannedDaemon:
        """Its configuration for a seat, and how it is run there. Raises CannotFill."""
        ...

    def adopt(self, sitting: Sitting, config: Path) -> PlannedDaemon:
        """The same with a user's own configuration file: nothing of it is changed but listening
        addresses, working directories and the dropping of privileges, and each of these is told in
        `overrides`. Raises CannotFill, and OSError where the file cannot be read."""
        ...
