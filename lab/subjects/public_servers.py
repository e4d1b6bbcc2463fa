"""Whom the Internet of a plan has for a domain, as somebody would look it up and write it down."""

from __future__ import annotations

from lab.topology.plan import Plan
from resolver.config import ResolverConfig
from resolver.dns import names


def public_servers(domain: str, config: ResolverConfig, plan: Plan) -> tuple[str, ...]:
    """The addresses of the authoritative servers for the closest zone around a domain, without
    those that a rule forwards to: these are private. None where nobody has the domain."""
    private = {server.address for rule in config.forward for server in rule.servers}
    found: dict[str, list[str]] = {}
    for node in plan.with_role("authority"):
        for program in node.programs:
            if not isinstance(program.config, ResolverConfig):
                continue
            for hosted in program.config.zones:
                origin = names.normalise(hosted.origin)
                if names.is_at_or_below(domain, origin):
                    addresses = (each for each in node.addresses() if each not in private)
                    found.setdefault(origin, []).extend(addresses)
    with_servers = [origin for origin, addresses in found.items() if addresses]
    closest = max(with_servers, key=names.depth, default=names.ROOT)
    return () if closest == names.ROOT else tuple(found[closest])
