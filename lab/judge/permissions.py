"""Who may ask whom for which name, by the plan as it was meant.

It is worked out from configurations alone, never from what a program does, so it can be held
against any capture of the same set-up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from ipaddress import ip_address

from lab.topology.plan import Plan, PlannedNode
from resolver.config import DnsTranslatorConfig, ForwardRule, ResolverConfig
from resolver.dns.names import ROOT, is_at_or_below, normalise, with_ancestors
from resolver.dns.records import ADDRESS_TYPES, Type
from resolver.dns.zones import Referral, Zones
from resolver.machine import Endpoint

_ASKERS = frozenset({"viewer", "bystander"})
"""Roles of those who ask for themselves; a bystander is a stranger, and bound by nothing."""

NOBODY: frozenset[str] = frozenset()


@lru_cache(maxsize=16)
def permissions_of(plan: Plan) -> Permissions:
    """The permissions of a plan, worked out once for all who ask."""
    return Permissions(plan)


class Permissions:
    """What the plan allows DNS questions to do."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._servers: dict[tuple[str, str], frozenset[str] | None] = {}
        self._zones: dict[str, Zones] = {}

    def servers_for(self, node: PlannedNode, name: str) -> frozenset[str] | None:
        """The addresses that a node may ask for a name (lower case, no final dot); None where the
        plan sets no bounds: recursion, and strangers."""
        key = (node.name, name)
        if key not in self._servers:
            self._servers[key] = self._worked_out(node, name)
        return self._servers[key]

    def any_servers(self, node: PlannedNode) -> frozenset[str] | None:
        """The addresses that a node may ask for any name at all; None where the plan sets no
        bounds."""
        names = {ROOT, *self._names_in(node)}
        found = [self.servers_for(node, name) for name in sorted(names)]
        if any(each is None for each in found):
            return None
        return frozenset().union(*(each for each in found if each is not None))

    def hearers(self, name: str) -> frozenset[str] | None:
        """The addresses to which a packet that holds the name may go when a viewer asks for it:
        those who ask, and everybody whom each of them may ask. None where the plan sets no bounds
        for it: a public name."""
        heard: set[str] = set()
        waiting = [node for node in self._plan.nodes if node.role in _ASKERS]
        known = {node.name for node in waiting}
        while waiting:
            node = waiting.pop()
            heard.update(_all_addresses(node))
            if node.role in _ASKERS:
                servers = frozenset(node.asks)
            else:
                bounds = self.servers_for(node, name)
                if bounds is None:
                    return None
                servers = bounds
            heard |= servers
            for address in servers:
                for server in self._ends_at(address):
                    if server.name not in known:
                        known.add(server.name)
                        waiting.append(server)
        return frozenset(heard)

    @cached_property
    def private_names(self) -> dict[str, frozenset[str]]:
        """The names that the plan keeps from the rest of the world, each with its hearers: the
        cluster's, hosted zones and conditions, where these lead to nobody outside."""
        names = {name for node in self._plan.nodes for name in self._names_in(node)}
        if self._plan.cluster_name is not None:
            names.add(self._plan.cluster_name)
        heard = {name: self.hearers(name) for name in sorted(names - {ROOT})}
        public = [name for name, hearers in heard.items() if hearers is None]
        # Whoever looks for a public name is told of by the names above it.
        return {
            name: hearers
            for name, hearers in heard.items()
            if hearers and not any(is_at_or_below(other, name) for other in public)
        }

    # --- one node ----------------------------------------------------------------------------

    def _worked_out(self, node: PlannedNode, name: str) -> frozenset[str] | None:
        if node.role == "bystander":
            return None
        if node.asks:
            return frozenset(node.asks)
        allowed: set[str] = set()
        for program in node.programs:
            match program.config:
                case ResolverConfig() as config:
                    servers = self._of_resolver(node, config, name)
                case DnsTranslatorConfig() as config:
                    within = is_at_or_below(name, normalise(config.zone))
                    servers = _addresses(config.servers) if within else NOBODY
                case _:
                    servers = NOBODY
            if servers is None:
                return None
            allowed |= servers
        return frozenset(allowed)

    def _of_resolver(
        self, node: PlannedNode, config: ResolverConfig, name: str
    ) -> frozenset[str] | None:
        zones = self._zones_of(node, config)
        zone = zones.closest(name)
        rule = _longest(config.forward, name)
        if zone is not None:
            found = zone.look_up(name, Type.A)
            # B4: a hosted name is answered from the zone, but below a delegation.
            if not isinstance(found, Referral):
                return NOBODY
            if rule is None or not is_at_or_below(normalise(rule.zone), zone.origin):
                glue = [each for each in found.additional if each.rtype in ADDRESS_TYPES]
                return frozenset(str(ip_address(each.rdata)) for each in glue) or None
        open_rules = [each for each in config.forward if each.recursion or not each.servers]
        # On the way from the root to a name, the names above it are asked for (RFC 9156).
        below = any(is_at_or_below(normalise(each.zone), name) for each in open_rules)
        if config.recursion and (rule in open_rules or below):
            return None
        if rule is not None and rule.servers:
            return _addresses(rule.servers)
        return None if config.recursion else NOBODY

    def _zones_of(self, node: PlannedNode, config: ResolverConfig) -> Zones:
        if node.name not in self._zones:
            self._zones[node.name] = Zones(config.zones)
        return self._zones[node.name]

    def _names_in(self, node: PlannedNode) -> Iterator[str]:
        for program in node.programs:
            match program.config:
                case ResolverConfig() as config:
                    yield from (normalise(zone.origin) for zone in config.zones)
                    yield from (normalise(rule.zone) for rule in config.forward)
                case DnsTranslatorConfig() as config:
                    yield normalise(config.zone)

    def _ends_at(self, address: str) -> Iterator[PlannedNode]:
        """The nodes where DNS to an address may end: its owner, who ends it for an alias, and who
        stands behind the alias."""
        for node in self._plan.nodes:
            aliased = node.nat is not None and address in node.nat.dns_aliases
            if aliased or address in node.addresses() or node.alias == address:
                yield node


def _longest(rules: Iterable[ForwardRule], name: str) -> ForwardRule | None:
    by_zone = {normalise(rule.zone): rule for rule in rules}
    return next((by_zone[each] for each in with_ancestors(name) if each in by_zone), None)


def _addresses(servers: Iterable[Endpoint]) -> frozenset[str]:
    return frozenset(server.address for server in servers)


def _all_addresses(node: PlannedNode) -> tuple[str, ...]:
    return (*node.addresses(), *((node.alias,) if node.alias else ()))
