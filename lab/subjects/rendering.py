"""What the renderers of stock servers share: commented text, zone files, and what a configuration
of ours means before it is said in another server's words."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from ipaddress import ip_network
from textwrap import wrap
from typing import Final

from lab.subjects.subject import CannotFill
from resolver.config import (
    BalancerConfig,
    DnsTranslatorConfig,
    ForwardRule,
    HostedZone,
    ResolverConfig,
)
from resolver.dns import names
from resolver.dns.profiles import PROFILES
from resolver.dns.records import Type
from resolver.dns.zones import Referral, Zone
from resolver.machine import SECOND, Duration, Endpoint

FOLDER: Final = "{folder}"
"""What stands for the daemon's own folder in a planned daemon's texts and words."""

_WHERE_SERVERS_ARE: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
_WIDTH: Final = 96


class Text:
    """A configuration being written: every line below a comment that says why it is there."""

    def __init__(self, mark: str = "#") -> None:
        self._mark = mark
        self._parts: list[str] = []

    def heading(self, words: str) -> None:
        """What the whole file is."""
        self._parts.append(self._comment(words))

    def add(self, why: str, *lines: str) -> None:
        """Lines, below why they are there."""
        self._parts.append("\n".join((self._comment(why), *lines)))

    def propose(self, why: str, *lines: str) -> None:
        """Lines that do not count, each behind a mark, below why somebody might want them."""
        marked = (f"{self._mark} {line}" for line in lines)
        self._parts.append("\n".join((self._comment(why), *marked)))

    def __str__(self) -> str:
        return "\n\n".join(self._parts) + "\n"

    def _comment(self, words: str) -> str:
        paragraphs = (wrap(each, _WIDTH, break_on_hyphens=False) for each in words.split("\n"))
        return "\n".join(f"{self._mark} {line}" for lines in paragraphs for line in lines)


@cache
def version_told(program: str, *options: str) -> str | None:
    """The first version number that a program prints; None where it is not installed."""
    path = shutil.which(program, path=_WHERE_SERVERS_ARE)
    if path is None:
        return None
    try:
        said = subprocess.run(
            [path, *options], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+\.\d+(?:\.\d+)*", said.stdout + said.stderr)
    return found[0] if found is not None else None


# --- addresses and times ----------------------------------------------------------------------


def with_port(endpoint: Endpoint) -> str:
    """An endpoint as most write it: "192.0.2.1:53", "[2001:db8::1]:53"."""
    address = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
    return f"{address}:{endpoint.port}"


def fqdn(name: str) -> str:
    """A name as master files write it, with its final dot."""
    return "." if name == names.ROOT else f"{name}."


def written_seconds(duration: Duration) -> str:
    """A time as people write it: "1 s", "0.4 s"."""
    return f"{duration / SECOND:g} s"


def whole_seconds(duration: Duration) -> int:
    """A time for those who count in seconds: rounded up, one at least."""
    return max(1, -(-duration // SECOND))


def overlaps(network: str, others: Iterable[str]) -> bool:
    """Whether a network shares addresses with any of the others."""
    this = ip_network(network)
    return any(
        this.overlaps(that) for that in map(ip_network, others) if that.version == this.version
    )


# --- forwarding -------------------------------------------------------------------------------


def timeout_ns(rule: ForwardRule, config: ResolverConfig) -> Duration:
    """How long a server of the rule is waited for: what the rule says, or its profile."""
    if rule.timeout_ns is not None:
        return rule.timeout_ns
    return PROFILES[config.profile].timeout_ns(names.normalise(rule.zone))


def hidden_by(rule: ForwardRule, config: ResolverConfig) -> str | None:
    """The own zone that answers whatever the rule is for, so that the rule is never used: one that
    is the rule's domain or lies above it and has no delegation there (document B: a server "cannot
    forward queries for the domain names in the zones that it hosts")."""
    zone = names.normalise(rule.zone)
    around = [
        hosted
        for hosted in config.zones
        if names.is_at_or_below(zone, names.normalise(hosted.origin))
    ]
    if not around:
        return None
    closest = max(around, key=lambda hosted: names.depth(names.normalise(hosted.origin)))
    origin = names.normalise(closest.origin)
    if origin != zone and isinstance(Zone(closest).look_up(zone, Type.NS), Referral):
        return None
    return origin


def used_rules(config: ResolverConfig) -> tuple[ForwardRule, ...]:
    """The rules that can be used, the longest domain first: what comes first wins in servers that
    take the first rule that fits, and nothing is lost in the others."""
    used = (rule for rule in config.forward if hidden_by(rule, config) is None)
    return tuple(
        sorted(used, key=lambda rule: names.depth(names.normalise(rule.zone)), reverse=True)
    )


def forwarded_domains(config: ResolverConfig) -> tuple[str, ...]:
    """What is forwarded by a rule of its own: not all other names."""
    zones = (names.normalise(rule.zone) for rule in used_rules(config) if rule.servers)
    return tuple(zone for zone in zones if zone != names.ROOT)


def add_rebinding_hint(text: Text, config: ResolverConfig, option: str, *exemption: str) -> None:
    """For who protects clients from DNS rebinding some day, where the topology does not ask for it:
    a cluster's addresses are private and would be taken out of answers."""
    if forwarded_domains(config):
        text.propose(
            "Forwarded domains may be answered with addresses of private networks. Who adds "
            f"protection from DNS rebinding ({option}) exempts them:",
            *exemption,
        )


def hidden_rules(config: ResolverConfig) -> tuple[tuple[ForwardRule, str], ...]:
    """The rules that are never used, each with the own zone that answers instead."""
    found = ((rule, hidden_by(rule, config)) for rule in config.forward)
    return tuple((rule, origin) for rule, origin in found if origin is not None)


def what_for(rule: ForwardRule) -> str:
    """What a rule is for, in words."""
    zone = names.normalise(rule.zone)
    return "all other names" if zone == names.ROOT else f"names at or below {zone}"


def refuse_rewriting(title: str, config: DnsTranslatorConfig) -> None:
    """A translator that changes addresses in answers (RFC 2694) is for our own program alone.

    Raises CannotFill.
    """
    if config.rewrite:
        raise CannotFill(f"{title} does not change addresses in answers (RFC 2694)")


def is_open(networks: Iterable[str]) -> bool:
    """Whether these are all the networks that there are, of either family."""
    return {"0.0.0.0/0", "::/0"} <= set(networks)


# --- zones and hints --------------------------------------------------------------------------


def zone_file_name(origin: str) -> str:
    """The file of a zone: "intern.netz.zone"; the root's is "root.zone"."""
    name = names.normalise(origin)
    return f"{'root' if name == names.ROOT else name.replace('/', '_')}.zone"


def zone_file(hosted: HostedZone) -> tuple[str, str]:
    """(file name, text) of an own zone, as it is in the topology."""
    origin = fqdn(names.normalise(hosted.origin))
    head = f"; The zone {origin} as this server hosts it (RFC 1035 5).\n$ORIGIN {origin}\n"
    return zone_file_name(hosted.origin), head + hosted.text.strip("\n") + "\n"


def root_hints_file(config: ResolverConfig) -> str:
    """The root servers to begin with, as master-file text (RFC 1034 5.3.2)."""
    lines = ["; The root servers that recursion begins with (RFC 1034 5.3.2, RFC 8109)."]
    for hint in config.root_hints:
        name = fqdn(names.normalise(hint.name))
        lines.append(f". 3600000 IN NS {name}")
        lines += [
            f"{name} 3600000 IN {'AAAA' if ':' in address else 'A'} {address}"
            for address in hint.addresses
        ]
    return "\n".join(lines) + "\n"


def answered_addresses(config: BalancerConfig) -> tuple[tuple[str, str, str], ...]:
    """(member's name, the address it is answered by, the real address that is probed for it): with
    an alias base the alias of its number, else each of its real addresses."""
    if config.alias_base is None:
        return tuple(
            (member.name, address, address)
            for member in config.members
            for address in member.addresses
        )
    base = ip_network(config.alias_base).network_address
    return tuple(
        (member.name, str(base + (member.number - 1)), member.addresses[0])
        for member in config.members
    )
