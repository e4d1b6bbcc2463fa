"""A topology worked out: every interface, route, NAT entry and program configuration of a world.

The topology says what its author knows; the plan says what each node needs. Worlds run plans, the
judge compares packets with plans, and a deliberate fault (`Misconfigure`) is a change to a plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from resolver.config import NaptConfig, NatConfig, ProgramConfig

ProgramName: TypeAlias = Literal[
    "resolver", "balancer", "service", "nat", "dns-translator", "authority"
]
""""authority" is an authoritative server: our resolver with zones of its own and nothing else."""


@dataclass(frozen=True, slots=True)
class PlannedNetwork:
    """One link-layer segment: a switch and what hangs on it."""

    name: str
    prefixes: tuple[str, ...]
    """IPv4 and IPv6 prefixes, e.g. "192.168.1.0/24"."""
    switch: str
    """Name of its switch in the world, at most 10 characters: "s1"."""
    realm: str
    """Address realm (RFC 2663 2.1): networks joined by routers share one, NAT separates them."""


@dataclass(frozen=True, slots=True)
class PlannedInterface:
    """A node's attachment to a network."""

    name: str
    """"viewer-eth0": at most 15 characters, unique in the world."""
    network: str
    addresses: tuple[str, ...]
    """With prefix length: "192.168.1.10/24"."""
    delay_ns: int = 0
    """One-way delay added to what leaves this interface."""
    rate_bit_s: int = 0
    """Rate limit of what leaves this interface; 0 means none."""


@dataclass(frozen=True, slots=True)
class PlannedRoute:
    """`destination` is a prefix ("0.0.0.0/0" for the default); `via` a next hop on a network of
    the node, or None when `device` is given (the translator's TUN)."""

    destination: str
    via: str | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedNat:
    """What the kernel around the translator needs, beside the NAT program itself."""

    device: str
    """The TUN device: "nat0"."""
    aliases: tuple[str, ...]
    """Addresses answered by proxy ARP on the client side and routed into the TUN: the servers'
    aliases, then the outside addresses that machines without one share."""
    client_side: str
    """Interface towards the viewers."""
    server_side: str
    """Interface towards the servers; what the servers send to the client side goes into the TUN."""
    dns_aliases: tuple[str, ...] = ()
    """Aliases whose port 53 (UDP and TCP) ends at the DNS translator instead."""


@dataclass(frozen=True, slots=True)
class PlannedFirewall:
    """What a router lets pass from its inner networks to the outer one, and back: everything but
    DNS, and DNS of the designated forwarders only (document B, first paragraph)."""

    outside: str
    """Interface towards the outside."""
    dns_only_from: tuple[str, ...]
    """Inner addresses that may talk DNS (UDP and TCP, port 53) with the outside."""


@dataclass(frozen=True, slots=True)
class PlannedDaemon:
    """A server that is not ours, in the seat of a program: pure text, so that it can be read, kept
    and compared before anything runs.

    "{folder}" in texts and words stands for the daemon's own folder, which nobody else writes to.
    """

    subject: str
    """Its name among the subjects: "unbound"."""
    version: str
    """As the program tells it: "1.17.1"."""
    files: tuple[tuple[str, str], ...]
    """Its configuration: (name in its folder, text), the main file first."""
    command: tuple[str, ...]
    """What runs it in the foreground; empty where it is a state of the kernel and no process."""
    prepare: tuple[tuple[str, ...], ...] = ()
    """Commands that run in the node before it, each to its end: key files, kernel rules."""
    remove: tuple[tuple[str, ...], ...] = ()
    """Commands that take back what `prepare` did in the node, when it is stopped."""
    reload: tuple[str, ...] | None = None
    """A command that has it read its files again; None: it can only be started anew."""
    reload_signal: int | None = None
    """A signal that does the same; one of both, or none."""
    reload_words: str | None = None
    """What it says on its standard error once it goes by the files that a signal had it read; None:
    nothing, and it answers by them as soon as it has read them."""
    overrides: tuple[str, ...] = ()
    """What was set otherwise than in the user's own file, a line each, for the report."""

    @property
    def may_reload(self) -> bool:
        """Whether it can read its files again without being started anew."""
        return self.reload is not None or self.reload_signal is not None


@dataclass(frozen=True, slots=True)
class PlannedProgram:
    """A program on a node and its configuration."""

    name: ProgramName
    config: ProgramConfig
    daemon: PlannedDaemon | None = None
    """The server that sits in its seat; None: our own."""


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """A node with everything it needs to be started."""

    name: str
    label: str
    """What people call it: "TightGate-Pro 1"."""
    role: str
    """"viewer", "resolver", "server", "translator", "router", "authority" or "bystander"."""
    interfaces: tuple[PlannedInterface, ...]
    routes: tuple[PlannedRoute, ...]
    programs: tuple[PlannedProgram, ...]
    forwards: bool = False
    """Whether it forwards IP packets between its interfaces."""
    nat: PlannedNat | None = None
    firewall: PlannedFirewall | None = None
    asks: tuple[str, ...] = ()
    """Addresses of the DNS servers a viewer asks, in the order of its settings."""
    number: int | None = None
    """Number of a server in its cluster."""
    load_balancer: bool = False
    alias: str | None = None
    """The alias address by which viewers reach this server."""
    prefixes: tuple[str, ...] = ()
    """Prefixes of which the node has every address, beside those of its interfaces: a crowd's."""

    def addresses(self) -> tuple[str, ...]:
        """The node's own addresses, without prefix lengths, in interface order."""
        return tuple(
            address.split("/")[0]
            for interface in self.interfaces
            for address in interface.addresses
        )

    def program(self, name: ProgramName) -> PlannedProgram | None:
        """The program of that name, if the node runs it."""
        return next((program for program in self.programs if program.name == name), None)

    @property
    def napt(self) -> NaptConfig | None:
        """How machines without an alias share addresses at this translator; None: not at all."""
        program = self.program("nat")
        config = None if program is None else program.config
        return config.napt if isinstance(config, NatConfig) else None

    @property
    def tun(self) -> str | None:
        """The device that its NAT program reads and writes; None where it translates nothing, or
        where its kernel does (`PlannedProgram.daemon`)."""
        program = self.program("nat")
        kernel = program is not None and program.daemon is not None
        return None if self.nat is None or kernel else self.nat.device


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole world, worked out."""

    title: str
    source: str
    """The topology's name: the stem of its file."""
    networks: tuple[PlannedNetwork, ...]
    nodes: tuple[PlannedNode, ...]
    cluster_name: str | None
    """The DNS name of the cluster, or of the single system."""
    service_port: int

    def node(self, name: str) -> PlannedNode:
        """The node of that name; KeyError when there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def with_role(self, role: str) -> tuple[PlannedNode, ...]:
        """All nodes of a role, in the topology's order."""
        return tuple(node for node in self.nodes if node.role == role)

    def owner(self, address: str) -> PlannedNode | None:
        """The node that has the address on an interface (not as an alias)."""
        return next((node for node in self.nodes if address in node.addresses()), None)

    def behind_alias(self, address: str) -> PlannedNode | None:
        """The server that viewers reach by this alias address."""
        return next((node for node in self.nodes if node.alias == address), None)
