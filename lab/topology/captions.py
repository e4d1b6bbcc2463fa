"""What a picture says of a node: in a few short lines, from its plan."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from lab.topology.plan import Plan, PlannedInterface, PlannedNode
from resolver.config import BalancerConfig, DnsTranslatorConfig, NatConfig, ResolverConfig
from resolver.dns.names import ROOT
from resolver.machine import MILLISECOND

_LABEL_LETTERS = 22
_LINE_LETTERS = 29
"""What a box is wide enough for, also where the system's letters are wide."""

_MOST_ZONES = 6
"""Zones that a box has room for."""

_ROLES = {
    "viewer": "viewer",
    "resolver": "DNS server",
    "authority": "authoritative server",
    "server": "server",
    "translator": "NAT translator",
    "router": "router",
    "bystander": "bystander",
}


def lines_of(node: PlannedNode, plan: Plan) -> list[tuple[str, bool]]:
    """What stands in a node's box below its label; True for addresses and names."""
    role = "load balancer" if node.load_balancer else _ROLES[node.role]
    lines = [(node.name if node.name == role else f"{node.name}: {role}", False)]
    if node.alias is not None:
        lines.append((f"alias {node.alias}", True))
    if node.asks:
        owners = ((address, plan.owner(address)) for address in node.asks)
        asked = ", ".join(owner.name if owner else address for address, owner in owners)
        lines += _wrapped(f"asks {asked}")
    if node.firewall is not None:
        lines.append(("firewall: DNS only from", False))
        lines += [(f"· {address}", True) for address in node.firewall.dns_only_from]
    for program in node.programs:
        lines += _program_lines(program.config)
    return lines


def _program_lines(config: object) -> list[tuple[str, bool]]:
    if isinstance(config, ResolverConfig):
        return list(_resolver_lines(config))
    if isinstance(config, DnsTranslatorConfig):
        lines = [("answers DNS at", False)]
        lines += [(f"· {endpoint.address}", True) for endpoint in config.listen]
        lines.append((cut(f"forwards {config.zone}", 34), False))
        return lines + [(f"→ {server.address}", True) for server in config.servers]
    if isinstance(config, NatConfig) and config.napt is not None:
        lines = [("machines without alias share", False)]
        return lines + [(f"· {address}", True) for address in config.napt.outside_addresses]
    if isinstance(config, BalancerConfig) and config.alias_base is not None:
        return [(f"alias base {config.alias_base}", False)]
    return []


def label_of(node: PlannedNode) -> list[str]:
    """What people call the node, in as many lines as a box needs for it."""
    return textwrap.wrap(node.label, _LABEL_LETTERS, break_on_hyphens=False) or [node.name]


def _resolver_lines(config: ResolverConfig) -> Iterator[tuple[str, bool]]:
    for zone in config.zones[:_MOST_ZONES]:
        yield from _wrapped(f"hosts {_spoken(zone.origin)}")
    if len(config.zones) > _MOST_ZONES:
        yield f"and {len(config.zones) - _MOST_ZONES} more zones", False
    for rule in config.forward:
        if rule.servers:
            what = "everything else" if rule.zone == ROOT else rule.zone
            yield from _wrapped(f"forwards {what}")
        else:
            yield from _wrapped(f"does not forward {_spoken(rule.zone)}")
        yield from ((f"→ {server.address}", True) for server in rule.servers)
    if config.recursion:
        yield "recurses from the root", False
        hints = [address for hint in config.root_hints for address in hint.addresses]
        yield from ((f"· {address}", True) for address in hints)


def _wrapped(text: str) -> Iterator[tuple[str, bool]]:
    for line in textwrap.wrap(text, _LINE_LETTERS, break_on_hyphens=False):
        yield line, False


def _spoken(zone: str) -> str:
    return "the root" if zone == ROOT else zone


def nat_entries(node: PlannedNode, plan: Plan) -> list[tuple[str, str, str]]:
    """Alias, real address and label of every entry of the node's NAT table."""
    nat = node.program("nat")
    if nat is None or not isinstance(nat.config, NatConfig):
        return []
    rows = []
    for alias, real in nat.config.table:
        server = plan.owner(real)
        rows.append((alias, real, server.label if server else ""))
    return rows


def speed_of(interface: PlannedInterface) -> str:
    """Delay and rate of an interface, "5 ms, 10 Mbit/s"; empty when it is as fast as the host."""
    parts = []
    if interface.delay_ns:
        parts.append(f"{interface.delay_ns / MILLISECOND:g} ms")
    if interface.rate_bit_s:
        parts.append(f"{interface.rate_bit_s / 1_000_000:g} Mbit/s")
    return ", ".join(parts)


def cut(text: str, length: int) -> str:
    """The text, ending in "…" where it is longer than `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"
