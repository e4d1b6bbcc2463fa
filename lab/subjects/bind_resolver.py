"""named.conf of BIND 9 as the local DNS server, and what all of its configurations share."""

from __future__ import annotations

from typing import Final

from lab.subjects import reserved_zones
from lab.subjects.bind_zones import forward_zone, forwarding, group, own_zone, why
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
    zone_file,
)
from lab.topology.plan import Plan
from resolver.config import ResolverConfig, Selection
from resolver.dns import names
from resolver.machine import MILLISECOND, Duration, Endpoint

MAIN: Final = "named.conf"
INNER: Final = "    //"
"""The mark of a comment among the options."""

_MOST_RETRY_MS: Final = 2000
"""lib/dns/resolver.c, dns_resolver_setretryinterval: more is cut down to this."""
_LEAST_QUERY_S: Final = 10
"""BIND ARM, resolver-query-timeout."""
_LEAST_CACHE: Final = 2 * 1024 * 1024
"""BIND ARM, max-cache-size: smaller caches are raised to two megabytes."""
_OCTETS_PER_RRSET: Final = 700

_NOBODY: Final = (
    "; No root servers: what no zone and no rule is for, nobody is asked about. With nothing here\n"
    "; named would tell clients without recursion that such names do not exist.\n"
    ". 3600000 IN NS nobody.invalid.\n"
)


def resolver_files(config: ResolverConfig, plan: Plan) -> tuple[tuple[str, str], ...]:
    """The files of the local DNS server, the main one first."""
    asks = config.recursion or any(rule.servers for rule in config.forward)
    options = Text(INNER)
    where(options, config.listen)
    _who(options, config, asks=asks)
    if asks:
        _global_forwarders(options, config)
        _waiting(options, config)
        _private_names(options, config)
        _filters(options, config)
        _cache(options, config)
        _asking(options, config)
    order(options, config.selection)
    text = Text("//")
    text.heading(
        "BIND 9 as the local DNS server: its own zones first, then its cache, then the longest "
        "forwarding rule, then the rule for all other names, then recursion."
    )
    wrapped(text, options)
    files = [zone_file(hosted) for hosted in config.zones]
    for hosted in config.zones:
        own_zone(text, hosted, config)
    for rule in used_rules(config):
        if names.normalise(rule.zone) != names.ROOT:
            forward_zone(text, rule, config, plan)
    for hidden, origin in hidden_rules(config):
        text.heading(
            f"No rule for {fqdn(names.normalise(hidden.zone))}: the own zone {fqdn(origin)} has no "
            "delegation there, so it has the last word."
        )
    if asks and not _hosts_root(config):
        why = (
            "Recursion begins at these root servers. On the Internet itself this zone can be left "
            "away: named knows its root servers."
            if config.recursion
            else "No recursion: without this zone named would ask the Internet's root servers for "
            "every name that no rule is for."
        )
        text.add(why, 'zone "." {', "    type hint;", '    file "root.hints";', "};")
        files.append(("root.hints", root_hints_file(config) if config.recursion else _NOBODY))
    return ((MAIN, str(text)), *files)


def wrapped(text: Text, options: Text) -> None:
    """The statements that stand before all zones."""
    text.add(
        "No control channel: the host's rndc must not reach this server. SIGHUP reads the files "
        "again.",
        "controls { };",
    )
    text.add("What holds for all zones.", "options {", str(options).rstrip("\n"), "};")


def _hosts_root(config: ResolverConfig) -> bool:
    return any(names.normalise(hosted.origin) == names.ROOT for hosted in config.zones)


def where(options: Text, listen: tuple[Endpoint, ...]) -> None:
    """Where it lives and listens, and that it keeps quiet about itself."""
    place(options, listen)
    _about_itself(options)


def place(options: Text, listen: tuple[Endpoint, ...]) -> None:
    """Where it lives and listens: all that the lab sets in a user's own file too."""
    options.add(
        "Everything it reads and writes is in a folder of its own.",
        f'    directory "{FOLDER}";',
        f'    managed-keys-directory "{FOLDER}";',
    )
    options.add(
        "No files that servers on one host would share.",
        "    pid-file none;",
        "    lock-file none;",
        "    session-keyfile none;",
    )
    lines = []
    for word, version in (("listen-on", 4), ("listen-on-v6", 6)):
        chosen = [each for each in listen if (":" in each.address) == (version == 6)]
        ports = dict.fromkeys(each.port for each in chosen)
        lines += [
            f"    {word} port {port} {group(each.address for each in chosen if each.port == port)};"
            for port in ports
        ] or [f"    {word} {{ none; }};"]
    options.add("It answers on these addresses and on no others.", *lines)


def _about_itself(options: Text) -> None:
    options.add(
        "Nobody is told what runs here.",
        "    version none;",
        "    hostname none;",
        "    server-id none;",
    )


def _who(options: Text, config: ResolverConfig, *, asks: bool) -> None:
    options.add("Everybody may ask for its own zones.", "    allow-query { any; };")
    if not asks:
        options.add("It asks nobody for anybody.", "    recursion no;")
        return
    options.add(
        "Forwarding is a kind of recursion to BIND: without this it would forward nothing.",
        "    recursion yes;",
    )
    networks = group(config.recursion_for)
    options.add(
        "Only these clients are given more than the own zones; the cache is closed to others too "
        "(RFC 5358 4).",
        f"    allow-recursion {networks};",
        f"    allow-query-cache {networks};",
    )


def _global_forwarders(options: Text, config: ResolverConfig) -> None:
    for rule in used_rules(config):
        if names.normalise(rule.zone) == names.ROOT and rule.servers:
            options.add(why(rule, config), *forwarding(rule, config, "    "))


def _waiting(options: Text, config: ResolverConfig) -> None:
    waits = [timeout_ns(rule, config) for rule in used_rules(config) if rule.servers]
    wait_ns = max(waits, default=config.server_timeout_ns)
    options.add(
        f"A silent server is waited for {written_seconds(wait_ns)} before the next is asked, a "
        "forwarder 1.2 s at least. BIND has one such time for all servers, doubles it from the "
        "fourth round on, and takes 2 s at most; newer versions have it no more.",
        f"    resolver-retry-interval {retry_ms(wait_ns)};",
    )
    options.add(
        f"So long may one question take over all its servers, in seconds: {_LEAST_QUERY_S} is the "
        "least that BIND takes. It goes on asking silent servers until then, and a client that "
        "waits longer is of no use to anybody.",
        f"    resolver-query-timeout {_LEAST_QUERY_S};",
    )
    options.add(
        "An idle TCP connection of a client is closed after this, in tenths of a second.",
        f"    tcp-idle-timeout {config.tcp_idle_ns // (100 * MILLISECOND)};",
    )


def _private_names(options: Text, config: ResolverConfig) -> None:
    options.add(
        "Answers are not validated: the private names below are unsigned, and the Internet's root "
        "would prove that they do not exist. Where the rest shall be validated (auto), the next "
        "line keeps them out of it.",
        "    dnssec-validation no;",
    )
    private = [
        names.normalise(rule.zone)
        for rule in used_rules(config)
        if rule.servers and names.normalise(rule.zone) != names.ROOT
    ]
    if private:
        options.add(
            "Forwarded domains that the root knows nothing of, or knows otherwise.",
            f"    validate-except {group(_quoted(each) for each in private)};",
        )
    for zone, domain in reserved_zones.opened(config, reserved_zones.REVERSE_ZONES):
        options.add(
            f"named answers this zone by itself, with nothing in it (RFC 6303); the rule for "
            f"{fqdn(domain)} needs it open.",
            f'    disable-empty-zone "{zone}";',
        )


def _filters(options: Text, config: ResolverConfig) -> None:
    if not config.private_addresses:
        domains = group(map(_quoted, forwarded_domains(config)))
        add_rebinding_hint(options, config, "deny-answer-addresses", f"except-from {domains}")
        return
    exempt = [names.normalise(zone) for zone in config.private_zones]
    except_from = f" except-from {group(map(_quoted, exempt))}" if exempt else ""
    options.add(
        "Nobody outside may answer with addresses of the private networks (DNS rebinding)"
        + ("; these domains may." if exempt else "."),
        f"    deny-answer-addresses {group(config.private_addresses)}{except_from};",
    )


def _cache(options: Text, config: ResolverConfig) -> None:
    octets = min(config.cache_octets, config.cache_entries * _OCTETS_PER_RRSET)
    options.add(
        f"Room for {config.cache_entries} RRsets of one address, about; two megabytes are the "
        "least that BIND takes.",
        f"    max-cache-size {max(octets, _LEAST_CACHE)};",
    )
    options.add(
        "Nothing is remembered for longer than this, in seconds, whatever its TTL says.",
        f"    max-cache-ttl {config.max_ttl_s};",
        f"    max-ncache-ttl {config.max_negative_ttl_s};",
    )
    if config.serve_stale:
        options.add(
            "Expired answers are given while nobody can be asked for fresh ones (RFC 8767).",
            "    stale-cache-enable yes;",
            "    stale-answer-enable yes;",
            f"    max-stale-ttl {whole_seconds(config.stale_for_ns)};",
            f"    stale-answer-ttl {config.stale_ttl_s};",
            f"    stale-answer-client-timeout {config.stale_after_ns // MILLISECOND};",
        )


def _asking(options: Text, config: ResolverConfig) -> None:
    if config.recursion:
        _minimisation(options, config)
    upstream(options)


def upstream(options: Text) -> None:
    """How it asks others, and for how many clients."""
    options.add(
        "Every question leaves from another port of all that there are (RFC 5452 9.2); by itself "
        "named takes those of the kernel, less than half.",
        "    use-v4-udp-ports { range 1024 65535; };",
        "    use-v6-udp-ports { range 1024 65535; };",
    )
    options.add(
        "However many clients wait for the same answer, all get it; by itself named drops those "
        "after the tenth when viewers start at the same time.",
        "    clients-per-query 0;",
    )
    options.add(
        "UDP messages that no link on the way has to fragment (DNS flag day 2020).",
        "    edns-udp-size 1232;",
    )


def _minimisation(options: Text, config: ResolverConfig) -> None:
    """A step of minimisation asks for a name further up, and that name's forwarders get it."""
    rules = used_rules(config)
    forwarded_around = any(not rule.servers for rule in rules) and any(
        rule.servers for rule in rules
    )
    if forwarded_around:
        options.add(
            "Servers are told the whole name: with less of it (RFC 9156) named would ask for the "
            "domains around one that is not forwarded, and those are.",
            "    qname-minimization off;",
        )
    else:
        options.add(
            "Servers are told no more of a name than they need to refer on (RFC 9156)."
            if config.qname_minimisation
            else "Servers are told the whole name.",
            f"    qname-minimization {'relaxed' if config.qname_minimisation else 'off'};",
        )


def order(options: Text, selection: Selection) -> None:
    """In which order an answer has its addresses."""
    words = {
        Selection.ONE: "Clients are to get one address, chosen at random. BIND always gives all: "
        "in random order, so that those who take the first one are spread.",
        Selection.ALL: "All addresses, rotated from answer to answer.",
    }
    order = {Selection.ONE: "random", Selection.ALL: "cyclic"}
    options.add(words[selection], f"    rrset-order {{ order {order[selection]}; }};")


# --- words ------------------------------------------------------------------------------------


def retry_ms(wait_ns: Duration) -> int:
    """The wait for a silent server, as BIND takes it."""
    return min(wait_ns // MILLISECOND, _MOST_RETRY_MS)


def _quoted(name: str) -> str:
    return f'"{name}"'
