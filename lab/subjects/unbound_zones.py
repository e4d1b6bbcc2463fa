"""Own zones and forwarding rules in Unbound's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Final

from lab.subjects.public_servers import public_servers
from lab.subjects.rendering import FOLDER, Text, fqdn, what_for, zone_file, zone_file_name
from lab.subjects.subject import CannotFill
from lab.topology.plan import Plan
from resolver.config import ForwardRule, HostedZone, ResolverConfig
from resolver.dns import names
from resolver.dns.master_file import Node, read_zone
from resolver.dns.records import ADDRESS_TYPES, Type
from resolver.machine import Endpoint

_DNS_PORT: Final = 53


def endpoint(each: Endpoint) -> str:
    """An address with its port, as Unbound writes it."""
    return each.address if each.port == _DNS_PORT else f"{each.address}@{each.port}"


def forward_zone(text: Text, why: str, zone: str, servers: Iterable[Endpoint], *more: str) -> None:
    """A domain that is forwarded; `zone` with its final dot."""
    text.add(
        why,
        "forward-zone:",
        f'    name: "{zone}"',
        *(f"    forward-addr: {endpoint(each)}" for each in servers),
        *more,
    )


def forwarding(text: Text, rule: ForwardRule, config: ResolverConfig, plan: Plan) -> None:
    """A rule."""
    zone = fqdn(names.normalise(rule.zone))
    if not rule.servers:
        _unforwarded(text, zone, public_servers(names.normalise(rule.zone), config, plan))
        return
    why = f"Forwarding of {what_for(rule)}."
    if rule.recursion and config.recursion:
        more = "    forward-first: yes"
        why += " When no server answers, Unbound resolves the name itself."
    else:
        more = "    forward-first: no"
        why += (
            " When no server answers, the client is told so, and the name never reaches the "
            "Internet."
        )
    forward_zone(text, why, zone, rule.servers, more)


def _unforwarded(text: Text, zone: str, servers: tuple[str, ...]) -> None:
    """Where forwarding ends. A stub zone makes a hole in the forwarded domain around it; a forward
    zone without servers makes none."""
    if not servers:
        why = (
            f"Nobody is asked for {zone}: Unbound ends forwarding only where it knows whom to ask."
        )
        forward_zone(text, why, zone, ())
        return
    text.add(
        f"Forwarding ends here: {zone} is asked of the servers that the Internet has for it.",
        "stub-zone:",
        f'    name: "{zone}"',
        *(f"    stub-addr: {address}" for address in servers),
    )


def own_zone(text: Text, hosted: HostedZone, config: ResolverConfig) -> tuple[str, str]:
    """A zone of its own; returns (name, text) of its file. Raises CannotFill."""
    if "$GENERATE" in hosted.text.upper():
        raise CannotFill("Unbound's zone files have no $GENERATE; write the records out")
    origin, nodes = read_zone(hosted)
    text.add(
        f"An own zone: {fqdn(origin)} is answered from here as an authoritative server does "
        "(for-downstream), and aliases that lead into it are too (for-upstream).",
        "auth-zone:",
        f'    name: "{fqdn(origin)}"',
        f'    zonefile: "{FOLDER}/{zone_file_name(origin)}"',
        "    for-downstream: yes",
        "    for-upstream: yes",
        "    fallback-enabled: no",
    )
    elsewhere = {names.normalise(each.origin) for each in config.zones}
    forwarded = {names.normalise(rule.zone) for rule in config.forward}
    for name, node in nodes.items():
        if Type.NS in node and name not in {origin, *elsewhere}:
            _delegated(text, name)
            if config.recursion and name not in forwarded:
                _its_servers(text, name, nodes)
    return zone_file(hosted)


def _delegated(text: Text, name: str) -> None:
    text.add(
        f"{fqdn(name)} is delegated: clients are to be given answers from there, and not told whom "
        "to ask.",
        "auth-zone:",
        f'    name: "{fqdn(name)}"',
        "    for-downstream: no",
        "    for-upstream: no",
    )


def _its_servers(text: Text, name: str, nodes: Mapping[str, Node]) -> None:
    """A delegation without a rule: Unbound would ask the forwarders of the names around it."""
    lines: list[str] = []
    for record in nodes[name][Type.NS]:
        glue = nodes.get(record.target.lower(), {})
        addresses = [str(ip_address(each.rdata)) for t in ADDRESS_TYPES for each in glue.get(t, ())]
        lines += [f"    stub-addr: {address}" for address in addresses]
        lines += [] if addresses else [f'    stub-host: "{fqdn(record.target)}"']
    text.add(
        "The servers that it is delegated to, and no forwarder.",
        "stub-zone:",
        f'    name: "{fqdn(name)}"',
        *lines,
    )
