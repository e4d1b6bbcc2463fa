"""Port 53 of addresses that a host does not have: the aliases whose DNS ends at a translator.

For servers that can only listen on the host's own addresses, the kernel sends what arrives for an
alias' port 53 to the host's own address, and gives the replies the alias as their source (cluster
FAQ, NAT, step 2; RFC 2181 4.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lab.subjects.rendering import FOLDER, Text
from lab.topology.plan import PlannedDaemon, PlannedNode
from resolver.config import DnsTranslatorConfig, ProgramConfig
from resolver.machine import Endpoint

_FILE = "dns-aliases.nft"
_TABLE = "dns_aliases"


def own_addresses(node: PlannedNode, config: DnsTranslatorConfig) -> tuple[str, ...]:
    """The addresses that the translator listens on and the host has."""
    own = node.addresses()
    return tuple(each.address for each in config.listen if each.address in own)


def foreign_addresses(node: PlannedNode, config: DnsTranslatorConfig) -> tuple[str, ...]:
    """The addresses that it is to listen on and the host does not have."""
    own = node.addresses()
    return tuple(each.address for each in config.listen if each.address not in own)


def redirect_file(aliases: Iterable[str]) -> tuple[str, str]:
    """(name, text) of the kernel's rules."""
    rules = [
        f"    {'ip6' if ':' in alias else 'ip'} daddr {alias} {transport} dport 53 redirect to :53"
        for alias in aliases
        for transport in ("udp", "tcp")
    ]
    text = Text()
    text.add(
        "The host has none of these addresses, so the server cannot listen on them. What comes to "
        "their DNS port is given to the host's own address, and the replies leave from the alias "
        "that was asked; everything else to them still goes to the NAT.",
        f"table inet {_TABLE} {{",
        "  chain to_own_address {",
        "    type nat hook prerouting priority dstnat; policy accept;",
        *rules,
        "  }",
        "}",
    )
    return _FILE, str(text)


PREPARE: tuple[tuple[str, ...], ...] = (("nft", "-f", f"{FOLDER}/{_FILE}"),)
"""What puts the rules in."""

REMOVE: tuple[tuple[str, ...], ...] = (("nft", "delete", "table", "inet", _TABLE),)
"""What takes them out."""


def listens_at(node: PlannedNode, config: ProgramConfig) -> tuple[Endpoint, ...]:
    """Where a server in this seat can listen: the addresses that the host has."""
    own = node.addresses()
    return tuple(each for each in getattr(config, "listen", ()) if each.address in own)


def with_redirect(daemon: PlannedDaemon, node: PlannedNode, config: ProgramConfig) -> PlannedDaemon:
    """The same with what has the kernel hand it the questions for the addresses that the host does
    not have, if its seat has such addresses."""
    if not isinstance(config, DnsTranslatorConfig):
        return daemon
    foreign = foreign_addresses(node, config)
    if not foreign:
        return daemon
    return replace(
        daemon,
        files=(*daemon.files, redirect_file(foreign)),
        prepare=(*daemon.prepare, *PREPARE),
        remove=(*daemon.remove, *REMOVE),
    )
