"""What a picture says of a node: in a few short lines, from its plan."""

from __future__ import annotations

from lab.topology.plan import Plan, PlannedInterface, PlannedNode
from resolver.config import BalancerConfig, DnsTranslatorConfig, NatConfig, ResolverConfig
from resolver.machine import MILLISECOND

_ROLES = {
    "viewer": "viewer",
    "resolver": "DNS server",
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
    if node.asks is not None:
        asked = plan.owner(node.asks)
        lines.append((f"asks {asked.name if asked else node.asks}", False))
    for program in node.programs:
        lines += _program_lines(program.config)
    return lines


def _program_lines(config: object) -> list[tuple[str, bool]]:
    if isinstance(config, ResolverConfig):
        lines = [(cut(f"hosts {zone.origin}", 34), False) for zone in config.zones]
        for rule in config.forward:
            lines.append((cut(f"forwards {rule.zone}", 34), False))
            lines += [(f"→ {server.address}", True) for server in rule.servers]
        return lines
    if isinstance(config, DnsTranslatorConfig):
        lines = [("answers DNS at", False)]
        lines += [(f"· {endpoint.address}", True) for endpoint in config.listen]
        lines.append((cut(f"forwards {config.zone}", 34), False))
        return lines + [(f"→ {server.address}", True) for server in config.servers]
    if isinstance(config, BalancerConfig) and config.alias_base is not None:
        return [(f"alias base {config.alias_base}", False)]
    return []


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
