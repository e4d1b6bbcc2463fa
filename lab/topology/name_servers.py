"""From the nodes that answer DNS by themselves to their programs' configuration."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import get_args

from lab.topology.nodes import Authority, Forward, RcodeName, Resolver, Zone
from resolver.config import (
    ForwardRule,
    HostedZone,
    Profile,
    ResolverConfig,
    RootHint,
    Selection,
)
from resolver.dns.names import normalise
from resolver.machine import SECOND, Duration, Endpoint

DNS_PORT = 53

RCODES = {name: number for number, name in enumerate(get_args(RcodeName), start=1)}
"""Name to number of every RCODE that a topology may name."""


def resolver_config(node: Resolver) -> ResolverConfig:
    """What a local DNS server is told."""
    return ResolverConfig(
        listen=_listen(node),
        zones=_hosted(node.zones),
        forward=tuple(map(_rule, node.forward)),
        selection=Selection(node.selection),
        profile=Profile(node.profile),
        next_on_rcodes=(
            None
            if node.next_on_rcodes is None
            else frozenset(RCODES[name] for name in node.next_on_rcodes)
        ),
        recursion_for=_prefixes(node.recursion_for),
        private_addresses=_prefixes(node.private_addresses),
        private_zones=tuple(map(normalise, node.private_zones)),
        cache_entries=node.cache_entries,
        recursion=node.recursion,
        root_hints=tuple(
            RootHint(normalise(hint.name), _addresses(hint.addresses)) for hint in node.root_hints
        ),
        qname_minimisation=node.qname_minimisation,
        server_timeout_ns=nanoseconds(node.server_timeout_s),
        query_timeout_ns=nanoseconds(node.query_timeout_s),
        serve_stale=node.serve_stale,
    )


def authority_config(node: Authority) -> ResolverConfig:
    """What an authoritative server is told: its zones. It asks nobody for anybody."""
    return ResolverConfig(
        listen=_listen(node),
        zones=_hosted(node.zones),
        selection=Selection.ALL,
        recursion_for=(),
    )


def endpoints(texts: tuple[str, ...], port: int) -> tuple[Endpoint, ...]:
    """The addresses in canonical form, each with the port."""
    return tuple(Endpoint(address, port) for address in _addresses(texts))


def nanoseconds(seconds: float) -> Duration:
    """A time as programs count it."""
    return round(seconds * SECOND)


def _rule(rule: Forward) -> ForwardRule:
    return ForwardRule(
        zone=normalise(rule.zone),
        servers=endpoints(rule.servers, DNS_PORT),
        timeout_ns=None if rule.timeout_s is None else nanoseconds(rule.timeout_s),
        recursion=rule.recursion,
    )


def _listen(node: Resolver | Authority) -> tuple[Endpoint, ...]:
    return endpoints(tuple(text for texts in node.addresses.values() for text in texts), DNS_PORT)


def _hosted(zones: tuple[Zone, ...]) -> tuple[HostedZone, ...]:
    return tuple(HostedZone(normalise(zone.origin), zone.records) for zone in zones)


def _addresses(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(ip_address(text)) for text in texts)


def _prefixes(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(ip_network(text)) for text in texts)
