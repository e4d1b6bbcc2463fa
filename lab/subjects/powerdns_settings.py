"""recursor.conf of PowerDNS Recursor as a DNS server, with the files that it names."""

from __future__ import annotations

from typing import Final

from lab.subjects.dns_aliases import listens_at
from lab.subjects.powerdns_lua import script_for
from lab.subjects.rendering import (
    FOLDER,
    Text,
    add_rebinding_hint,
    forwarded_domains,
    fqdn,
    hidden_rules,
    is_open,
    overlaps,
    root_hints_file,
    timeout_ns,
    used_rules,
    what_for,
    whole_seconds,
    with_port,
    zone_file,
    zone_file_name,
)
from lab.subjects.subject import CannotFill, Sitting
from resolver.config import DnsTranslatorConfig, ForwardRule, ResolverConfig
from resolver.dns import names
from resolver.machine import MILLISECOND, SECOND

SETTINGS: Final = "recursor.conf"
FORWARDING: Final = "forwarding"
SCRIPT: Final = "answers.lua"
HINTS: Final = "root.hints"

_NEVER_ASKED: Final = (
    *("127.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "192.168.0.0/16"),
    *("172.16.0.0/12", "::1/128", "fc00::/7", "fe80::/10", "0.0.0.0/8", "192.0.0.0/24"),
    *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "::/96"),
    *("::ffff:0:0/96", "100::/64", "2001:db8::/32"),
)
"""The default of `dont-query`."""


def server_files(sitting: Sitting, config: ResolverConfig) -> list[tuple[str, str]]:
    """(file name, text), recursor.conf first. Raises CannotFill."""
    for rule in config.forward:
        if rule.recursion:
            raise CannotFill(
                "PowerDNS Recursor never resolves by itself what it forwards: once the last server "
                f"has failed, the client is told SERVFAIL ({what_for(rule)})"
            )
    text = head(sitting, config)
    _add_access(text, config)
    _add_forwarding(text, sitting, config)
    _add_recursion(text, config)
    _add_zones(text, config)
    _add_cache(text, config)
    files = [(FORWARDING, _forwarding_file(config)), *map(zone_file, config.zones)]
    if _recurses(config):
        files.append((HINTS, root_hints_file(config)))
    script = script_for(config)
    if script is not None:
        text.add(
            "What settings cannot say is said in Lua, on each question.",
            f"lua-dns-script={FOLDER}/{SCRIPT}",
        )
        files.append((SCRIPT, script))
    return [(SETTINGS, str(text)), *files]


def head(sitting: Sitting, config: ResolverConfig | DnsTranslatorConfig) -> Text:
    """What a recursor.conf begins with in either seat."""
    text = Text()
    text.heading(
        f'PowerDNS Recursor as {sitting.node.label} of the network "{sitting.plan.title}".'
    )
    text.add(
        "The addresses it is asked at, and no others of this machine.",
        f"local-address={', '.join(map(with_port, listens_at(sitting.node, config)))}",
    )
    if any(":" in address for address in sitting.node.addresses()):
        text.add(
            "It asks from IPv6 too; by default it asks IPv4 servers only.",
            "query-local-address=0.0.0.0, ::",
        )
    text.add("It tells what happens to it, not each question.", "quiet=yes")
    text.add(
        "One thread serves a site; each thread more has a packet cache of its own.", "threads=1"
    )
    text.add(
        "No question to powerdns.com about the version's security: private servers ask nobody "
        "outside on their own account.",
        "security-poll-suffix=",
    )
    return text


def _add_access(text: Text, config: ResolverConfig) -> None:
    text.add(
        "Whoever can reach it is answered: who can is up to the network."
        if is_open(config.recursion_for)
        else "Who is answered; all others are ignored (RFC 5358: no server for strangers).",
        f"allow-from={', '.join(config.recursion_for) or '127.0.0.1/32'}",
    )


def _add_forwarding(text: Text, sitting: Sitting, config: ResolverConfig) -> None:
    rules = [rule for rule in used_rules(config) if rule.servers]
    text.add(
        "Which servers are asked for which domains; in that file.",
        f"forward-zones-file={FOLDER}/{FORWARDING}",
    )
    timeouts = {timeout_ns(rule, config) for rule in rules} or {config.server_timeout_ns}
    longest = max(timeouts)
    differ = (
        "" if len(timeouts) == 1 else " It is the longest that was asked for: there is but one."
    )
    text.add(
        f"How long each server is waited for before the next one is asked.{differ}",
        f"network-timeout={longest // MILLISECOND}",
    )
    text.add(
        "How long all tries for one question may take together.",
        f"max-total-msec={config.query_timeout_ns // MILLISECOND}",
    )
    if rules:
        servers = dict.fromkeys(server.address for rule in rules for server in rule.servers)
        text.add(
            "A server that failed is asked again with the next question. Otherwise one that "
            "restarted would be left out for up to a minute, for the very name that everybody asks "
            "for, and no answer could be had from anywhere else.",
            f"dont-throttle-netmasks={', '.join(servers)}",
        )
    networks = [prefix for network in sitting.plan.networks for prefix in network.prefixes]
    text.add(
        "Addresses that nobody's delegation may lead to; those of our own networks are left out, "
        "for we have name servers there. Forwarding is not affected.",
        f"dont-query={', '.join(each for each in _NEVER_ASKED if not overlaps(each, networks))}",
    )
    if not config.private_addresses:
        add_rebinding_hint(
            text, config, "postresolve() of a Lua script", *map(fqdn, forwarded_domains(config))
        )


def _forwarding_file(config: ResolverConfig) -> str:
    text = Text()
    text.heading(
        'Domain=servers; the longest domain that fits wins. "+" asks with the RD bit: load '
        "balancers, translators and resolvers are asked as forwarders are, whatever they are."
    )
    for rule, origin in hidden_rules(config):
        text.heading(
            f"{what_for(rule)}: hosted here, in {origin}, and not delegated. PowerDNS Recursor "
            "would forward them nevertheless, so there is no line for them."
        )
    rules = used_rules(config)
    for rule in rules:
        if rule.servers:
            servers = ", ".join(map(with_port, rule.servers))
            text.add(_why_forwarded(rule), f"+{fqdn(rule.zone)}={servers}")
        else:
            text.heading(
                f"{what_for(rule)} are not to be forwarded. PowerDNS Recursor cannot end "
                "forwarding below a domain that is forwarded: mind where they go."
            )
    return str(text)


def _why_forwarded(rule: ForwardRule) -> str:
    order = (
        "" if len(rule.servers) == 1 else " The fastest is asked first, whatever the order here."
    )
    return f"{what_for(rule).capitalize()}.{order}"


def _add_recursion(text: Text, config: ResolverConfig) -> None:
    text.add(
        "Signatures are passed on to those who ask for them and not validated: private names have "
        'no chain of trust. Who validates (dnssec=validate) adds addNTA("intern.netz", "private") '
        "to a lua-config-file for each private domain, or every name below it becomes bogus.",
        "dnssec=process-no-validate",
    )
    text.add(
        "UDP answers as large as clients of this network offer to take, 4096 octets at most; from "
        "servers no larger ones than pass without fragments (dnsflagday.net, 2020).",
        "udp-truncation-threshold=4096",
        "edns-outgoing-bufsize=1232",
    )
    if not _recurses(config):
        text.add("No root servers: nobody is asked but the servers above.", "hint-file=no")
        return
    minimised = "yes" if config.qname_minimisation else "no"
    text.add(
        "What is not forwarded is resolved from these root servers.", f"hint-file={FOLDER}/{HINTS}"
    )
    text.add(
        "Servers are told no more of a name than they need (RFC 9156)."
        if config.qname_minimisation
        else "Servers are sent whole names.",
        f"qname-minimization={minimised}",
    )


def _recurses(config: ResolverConfig) -> bool:
    """Whether there is a name that it resolves from the root: what is forwarded it never does."""
    return config.recursion and all(
        names.normalise(rule.zone) != names.ROOT for rule in config.forward if rule.servers
    )


def _add_zones(text: Text, config: ResolverConfig) -> None:
    if not config.zones:
        return
    pairs = ", ".join(
        f"{fqdn(names.normalise(zone.origin))}={FOLDER}/{zone_file_name(zone.origin)}"
        for zone in config.zones
    )
    text.add(
        "The zones hosted here; it answers from them without the AA bit.", f"auth-zones={pairs}"
    )


def _add_cache(text: Text, config: ResolverConfig) -> None:
    text.add(
        "How much is remembered: RRsets, and whole answers.",
        f"max-cache-entries={config.cache_entries}",
        f"max-packetcache-entries={config.cache_entries}",
    )
    text.add(
        "How long at most, in seconds; negative answers shorter.",
        f"max-cache-ttl={config.max_ttl_s}",
        f"max-negative-ttl={config.max_negative_ttl_s}",
    )
    text.add(
        "No TTL is raised. The default is a second, and the TTL of a load balancer's answer says "
        "how soon a dead server is out of it; TTL 0 is not to be kept at all (RFC 1035 3.2.1).",
        "minimum-ttl-override=0",
    )
    text.add(
        "A failure is told for a second (RFC 9520 3.2: one at least), not for a minute: so does a "
        "recovery reach the viewers.",
        "packetcache-servfail-ttl=1",
    )
    text.add(
        "What is not there has nothing below it either (RFC 8020), signed or not; domains that "
        "are forwarded or hosted by themselves are not affected.",
        "nothing-below-nxdomain=yes",
    )
    text.add(
        "How long a client's TCP connection may be idle (RFC 7766 6.2.3).",
        f"client-tcp-timeout={whole_seconds(config.tcp_idle_ns)}",
    )
    if config.serve_stale:
        extensions = -(-config.stale_for_ns // (30 * SECOND))
        text.add(
            "Expired data is given while nobody can be asked for fresh data, each time for 30 s "
            "(RFC 8767).",
            f"serve-stale-extensions={extensions}",
        )
