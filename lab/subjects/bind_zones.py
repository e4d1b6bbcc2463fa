"""Own zones and forwarding rules in BIND's words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lab.subjects.public_servers import public_servers
from lab.subjects.rendering import Text, fqdn, what_for, zone_file_name
from lab.topology.plan import Plan
from resolver.config import ForwardRule, HostedZone, ResolverConfig
from resolver.dns import names
from resolver.dns.master_file import read_zone
from resolver.dns.records import Type
from resolver.machine import Endpoint

_DNS_PORT: Final = 53


def own_zone(text: Text, hosted: HostedZone, config: ResolverConfig) -> None:
    """A zone of its own."""
    origin, nodes = read_zone(hosted)
    words = f"An own zone: {fqdn(origin)} is answered from here, and nobody is asked about it."
    below: tuple[str, ...] = ()
    if config.recursion and any(Type.NS in node for name, node in nodes.items() if name != origin):
        words += " Its delegated domains are asked of their servers, and of no forwarder."
        below = ("    forwarders { };",)
    text.add(
        words,
        f'zone "{origin}" {{',
        "    type primary;",
        f'    file "{zone_file_name(origin)}";',
        "    allow-query { any; };",
        *below,
        "};",
    )


def forward_zone(text: Text, rule: ForwardRule, config: ResolverConfig, plan: Plan) -> None:
    """A domain that is forwarded, or where forwarding ends."""
    zone = names.normalise(rule.zone)
    servers = () if rule.servers else public_servers(zone, config, plan)
    if servers:
        text.add(
            f"Forwarding ends here: {fqdn(zone)} is asked of the servers that the Internet has for "
            "it. Their names may lie in a forwarded domain, where named would not believe them.",
            f'zone "{zone}" {{',
            "    type static-stub;",
            f"    server-addresses {group(servers)};",
            "    forwarders { };",
            "};",
        )
        return
    text.add(
        why(rule, config),
        f'zone "{zone}" {{',
        "    type forward;",
        *forwarding(rule, config, "    "),
        "};",
    )


def why(rule: ForwardRule, config: ResolverConfig) -> str:
    """Why a rule is there, and what follows from it."""
    zone = fqdn(names.normalise(rule.zone))
    if not rule.servers:
        return f"An empty list ends forwarding: {zone} is resolved from the root servers."
    if _falls_back(rule, config):
        return (
            f"Forwarding of {what_for(rule)}; when no server answers, named resolves the name "
            'itself ("first").'
        )
    return (
        f'Forwarding of {what_for(rule)}. "only": when no server answers, the client is told so, '
        "and the name never reaches the Internet."
    )


def _falls_back(rule: ForwardRule, config: ResolverConfig) -> bool:
    return rule.recursion and config.recursion


def forwarding(rule: ForwardRule, config: ResolverConfig, indent: str) -> tuple[str, ...]:
    """Whom a rule has asked."""
    if not rule.servers:
        return (f"{indent}forwarders {{ }};",)
    policy = "first" if _falls_back(rule, config) else "only"
    return (
        f"{indent}forward {policy};",
        f"{indent}forwarders {group(map(server, rule.servers))};",
    )


def server(endpoint: Endpoint) -> str:
    """A server that is asked."""
    port = "" if endpoint.port == _DNS_PORT else f" port {endpoint.port}"
    return f"{endpoint.address}{port}"


def group(members: Iterable[str]) -> str:
    """Members in braces, "none" if there are none."""
    return f"{{ {' '.join(f'{each};' for each in tuple(members) or ('none',))} }}"
