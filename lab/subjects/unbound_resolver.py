"""unbound.conf of Unbound as the local DNS server, and what its configurations share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lab.subjects import reserved_zones
from lab.subjects.rendering import (
    FOLDER,
    Text,
    add_rebinding_hint,
    forwarded_domains,
    fqdn,
    hidden_rules,
    root_hints_file,
    timeout_ns,
    used_rules,
    whole_seconds,
    written_seconds,
)
from lab.subjects.unbound_zones import endpoint, forwarding, own_zone
from lab.topology.plan import Plan
from resolver.config import ResolverConfig
from resolver.dns import names
from resolver.machine import MILLISECOND, Duration, Endpoint

MAIN: Final = "unbound.conf"
LAB: Final = "in-the-lab.conf"
"""It includes the main file."""

DEFAULT_ZONES: Final = (
    *reserved_zones.REVERSE_ZONES,
    "localhost",
    "home.arpa",
    "onion",
    "test",
    "invalid",
)
"""unbound.conf(5), local-zone: the default zones."""

_OCTETS_PER_RRSET: Final = 700

_NOBODY: Final = (
    "; No root servers: what no zone and no rule is for, nobody is asked about. Without a name\n"
    "; here Unbound would take the Internet's.\n"
    ". 3600000 IN NS nobody.invalid.\n"
)


def resolver_files(config: ResolverConfig, plan: Plan) -> tuple[tuple[str, str], ...]:
    """The files of the local DNS server. Raises CannotFill."""
    text = Text()
    text.heading(
        "Unbound as the local DNS server: its own zones first, then its cache, then the longest "
        "forwarding rule, then recursion."
    )
    text.add("What holds for all names.", "server:")
    where(text, config.listen)
    _who(text, config)
    _names_of_others(text, config)
    _reserved(text, config, plan)
    _private_names(text, config)
    _filters(text, config)
    _waiting(text, config)
    _cache(text, config)
    _asking(text, config)
    closing(text, config.listen)
    files = [own_zone(text, hosted, config) for hosted in config.zones]
    for rule in used_rules(config):
        forwarding(text, rule, config, plan)
    for hidden, origin in hidden_rules(config):
        text.heading(
            f"No rule for {fqdn(names.normalise(hidden.zone))}: the own zone {fqdn(origin)} has no "
            "delegation there, so it has the last word."
        )
    files.append(("root.hints", root_hints_file(config) if config.recursion else _NOBODY))
    return ((MAIN, str(text)), *files)


def in_the_lab(main: str) -> tuple[str, str]:
    """(name, text) of the file that the program is started with in the lab; it includes the main
    one."""
    text = Text()
    text.add(
        "The configuration of this seat, as it is in production.",
        f'include: "{FOLDER}/{main}"',
    )
    text.add(
        "And what is otherwise in the lab, where it runs in the foreground as the only user there "
        "is, and tells what happens where it was started.",
        "server:",
        f'    directory: "{FOLDER}"',
        '    chroot: ""',
        '    username: ""',
        '    pidfile: ""',
        "    do-daemonize: no",
        "    use-syslog: no",
        '    logfile: ""',
        "remote-control:",
        "    control-enable: no",
    )
    return LAB, str(text)


def where(text: Text, listen: Iterable[Endpoint]) -> None:
    """Where it lives and listens."""
    text.add("Everything it reads is in a folder of its own.", f'    directory: "{FOLDER}"')
    text.add(
        "It answers on these addresses and on no others.",
        *(f"    interface: {endpoint(each)}" for each in listen),
    )


def patience(text: Text, wait_ns: Duration) -> None:
    """How long a client's question may wait for its reply."""
    text.add(
        "A client that has waited for less than this, in milliseconds, is told how it ended. By "
        "itself Unbound drops who has waited for 1.9 s: no time for a second forwarder.",
        f"    discard-timeout: {wait_ns // MILLISECOND}",
    )


def half_ms(wait_ns: Duration) -> int:
    """Half of a wait, in milliseconds."""
    return max(1, wait_ns // (2 * MILLISECOND))


def closing(text: Text, listen: Iterable[Endpoint]) -> None:
    """What ends the settings of the server."""
    if all(":" not in each.address for each in listen):
        text.add(
            "There is no IPv6 here: servers' IPv6 addresses need not be known.",
            "    do-ip6: no",
        )
    text.add(
        "Every question leaves from another port of all that there are (RFC 5452 9.2).",
        "    outgoing-port-permit: 1024-65535",
    )
    text.add(
        "UDP messages that no link on the way has to fragment (DNS flag day 2020).",
        "    edns-buffer-size: 1232",
    )
    text.add(
        "No control channel: SIGHUP reads the files again.",
        "remote-control:",
        "    control-enable: no",
    )


def _who(text: Text, config: ResolverConfig) -> None:
    others = (net for net in ("0.0.0.0/0", "::/0") if net not in config.recursion_for)
    text.add(
        "Only these clients are given more than the own zones; others are refused it (RFC 5358 4).",
        *(f"    access-control: {network} allow" for network in config.recursion_for),
        *(f"    access-control: {network} refuse_non_local" for network in others),
    )


def _names_of_others(text: Text, config: ResolverConfig) -> None:
    text.add(
        "Recursion begins at these root servers."
        if config.recursion
        else "No recursion: Unbound would ask the Internet's root servers without this file, for "
        "aliases that lead to names that no rule is for.",
        f'    root-hints: "{FOLDER}/root.hints"',
    )
    everything = any(names.normalise(rule.zone) == names.ROOT for rule in config.forward)
    if config.recursion or everything:
        return
    ours = [
        *(names.normalise(hosted.origin) for hosted in config.zones),
        *(names.normalise(rule.zone) for rule in config.forward),
    ]
    text.add(
        "Names that no zone and no rule is for are refused.",
        '    local-zone: "." refuse',
        *(f'    local-zone: "{fqdn(zone)}" transparent' for zone in dict.fromkeys(ours)),
    )


def _reserved(text: Text, config: ResolverConfig, plan: Plan) -> None:
    inside = reserved_zones.opened(config, DEFAULT_ZONES)
    own = tuple(
        (zone, origin)
        for zone in DEFAULT_ZONES
        for hosted in config.zones
        if names.is_at_or_below(origin := names.normalise(hosted.origin), zone)
    )
    for zone, domain in dict.fromkeys((*inside, *own)):
        kind = "nodefault" if zone == domain else "transparent"
        text.add(
            f"Unbound answers {fqdn(zone)} by itself, with nothing in it (RFC 6303, RFC 6761); "
            f"{fqdn(domain)} is to be looked up all the same.",
            f'    local-zone: "{fqdn(domain)}" {kind}',
        )
    taken = {zone for zone, _ in (*inside, *own)}
    for zone in DEFAULT_ZONES:
        if config.recursion and zone not in taken and _is_on_the_internet(zone, plan):
            text.add(
                f"Unbound answers {fqdn(zone)} by itself, with nothing in it (RFC 6761); here the "
                "Internet has it.",
                f'    local-zone: "{fqdn(zone)}" nodefault',
            )


def _is_on_the_internet(zone: str, plan: Plan) -> bool:
    return any(
        names.normalise(hosted.origin) == zone
        for node in plan.with_role("authority")
        for program in node.programs
        if isinstance(program.config, ResolverConfig)
        for hosted in program.config.zones
    )


def _private_names(text: Text, config: ResolverConfig) -> None:
    text.add(
        "Answers are not validated: the private names are unsigned, and the Internet's root would "
        'prove that they do not exist. Where the rest shall be validated ("validator iterator" and '
        "a trust anchor), the lines with domain-insecure keep them out of it.",
        '    module-config: "iterator"',
    )
    private = forwarded_domains(config)
    if private:
        text.add(
            "Forwarded domains that the root knows nothing of, or knows otherwise.",
            *(f'    domain-insecure: "{fqdn(zone)}"' for zone in private),
        )


def _filters(text: Text, config: ResolverConfig) -> None:
    if not config.private_addresses:
        add_rebinding_hint(
            text,
            config,
            "private-address",
            *(f'private-domain: "{fqdn(zone)}"' for zone in forwarded_domains(config)),
        )
        return
    text.add(
        "Nobody outside may answer with addresses of the private networks (DNS rebinding): such "
        "addresses are taken out of answers.",
        *(f"    private-address: {network}" for network in config.private_addresses),
    )
    if config.private_zones:
        text.add(
            "These domains may: they are our own.",
            *(
                f'    private-domain: "{fqdn(names.normalise(zone))}"'
                for zone in config.private_zones
            ),
        )


def _waiting(text: Text, config: ResolverConfig) -> None:
    waits = [timeout_ns(rule, config) for rule in used_rules(config) if rule.servers]
    if waits:
        wait_ns = max(waits)
        text.add(
            f"A silent server is waited for {written_seconds(wait_ns)} at least: a forwarder has "
            "to ask others itself. Half of it stands here, because Unbound asks a silent one again "
            "before it goes on. It has one such time for all servers, and doubles it for one that "
            "stays silent.",
            f"    infra-cache-min-rtt: {half_ms(wait_ns)}",
        )
        text.add(
            "A server is asked once for each question, and then the next one: who has been silent "
            "for so long is silent. By itself Unbound asks each five times, and a client would be "
            "gone before it knew.",
            "    outbound-msg-retry: 1",
        )
        text.add(
            "A server that was silent is tried again all the time, not only after 15 minutes: it "
            "is used as soon as it is back.",
            "    infra-keep-probing: yes",
        )
    patience(text, config.query_timeout_ns)
    text.add(
        "An idle TCP connection of a client is closed after this, in milliseconds.",
        f"    tcp-idle-timeout: {config.tcp_idle_ns // MILLISECOND}",
    )


def _cache(text: Text, config: ResolverConfig) -> None:
    octets = min(config.cache_octets, config.cache_entries * _OCTETS_PER_RRSET)
    text.add(
        f"Room for {config.cache_entries} RRsets of one address, about; the messages that they "
        "came in take half as much as the RRsets.",
        f"    rrset-cache-size: {octets * 2 // 3}",
        f"    msg-cache-size: {octets // 3}",
    )
    text.add(
        "Nothing is remembered for longer than this, in seconds, whatever its TTL says.",
        f"    cache-max-ttl: {config.max_ttl_s}",
        f"    cache-max-negative-ttl: {config.max_negative_ttl_s}",
    )
    if config.serve_stale:
        text.add(
            "Expired answers are given while nobody can be asked for fresh ones (RFC 8767).",
            "    serve-expired: yes",
            f"    serve-expired-ttl: {whole_seconds(config.stale_for_ns)}",
            f"    serve-expired-reply-ttl: {config.stale_ttl_s}",
            f"    serve-expired-client-timeout: {config.stale_after_ns // MILLISECOND}",
        )


def _asking(text: Text, config: ResolverConfig) -> None:
    text.add(
        "Servers are told no more of a name than they need to refer on (RFC 9156)."
        if config.qname_minimisation
        else "Servers are told the whole name.",
        f"    qname-minimisation: {'yes' if config.qname_minimisation else 'no'}",
    )
    if config.recursion:
        text.add(
            "Name servers' addresses are looked up when they are needed, and not in advance.",
            '    target-fetch-policy: "0 0 0 0 0"',
        )
    text.add(
        "Addresses of one name change their places from answer to answer; Unbound cannot give one "
        "of them alone.",
        "    rrset-roundrobin: yes",
    )
