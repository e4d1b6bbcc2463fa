"""dnsmasq in a seat: dnsmasq.conf, as somebody careful would write it for production."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lab.subjects import dns_aliases
from lab.subjects.dnsmasq_adopting import adopted
from lab.subjects.dnsmasq_zones import own_zones
from lab.subjects.rendering import (
    FOLDER,
    Text,
    add_rebinding_hint,
    forwarded_domains,
    fqdn,
    hidden_rules,
    used_rules,
    version_told,
    what_for,
    whole_seconds,
)
from lab.subjects.subject import CannotFill, SeatName, Sitting, SubjectName
from lab.topology.plan import PlannedDaemon
from resolver.config import DnsTranslatorConfig, ForwardRule, ResolverConfig
from resolver.dns import names
from resolver.machine import Endpoint

_PROGRAM: Final = "dnsmasq"
_MAIN: Final = "dnsmasq.conf"
_MOST_ENTRIES: Final = 10_000
"""Above it dnsmasq warns that it gets slower (src/dnsmasq.c), though dnsmasq(8), LIMITS, calls it
the hard limit."""
_DNS_PORT: Final = 53
_AS_NOBODY: Final = ("unshare", "--user", "--map-user=65534", "--map-group=65534")
_FREE_PORTS: Final = (("sysctl", "-q", "-w", f"net.ipv4.ip_unprivileged_port_start={_DNS_PORT}"),)
"""In the node's network namespace alone: its nobody may listen on the DNS port."""
_EVERYBODY: Final = frozenset({"0.0.0.0/0", "::/0"})


@dataclass(frozen=True, slots=True)
class Dnsmasq:
    """The subject."""

    name: SubjectName = "dnsmasq"
    title: str = "dnsmasq"
    package: str = "dnsmasq-base"
    seats: frozenset[SeatName] = frozenset({"dns", "translator"})

    def version(self) -> str | None:
        """As `dnsmasq --version` tells it."""
        return version_told(_PROGRAM, "--version")

    def render(self, sitting: Sitting) -> PlannedDaemon:
        """`dnsmasq.conf` for a seat. Raises CannotFill."""
        match sitting.config:
            case ResolverConfig():
                return self._daemon((_MAIN, _resolver_text(sitting.config)))
            case DnsTranslatorConfig():
                return self._translator(sitting, sitting.config)
        raise CannotFill(f"{self.title} cannot be a {sitting.seat}")

    def adopt(self, sitting: Sitting, config: Path) -> PlannedDaemon:
        """The user's `dnsmasq.conf`, with what it names. Raises CannotFill and OSError."""
        files, overrides = adopted(sitting, config)
        return replace(self._daemon(*files), overrides=overrides)

    def _daemon(self, *files: tuple[str, str]) -> PlannedDaemon:
        # SIGHUP reads hosts files again and not the configuration: it has to be started anew.
        # As root dnsmasq gives up its groups, which a user namespace with one user in it denies;
        # as anybody else it takes what it is.
        return PlannedDaemon(
            subject=self.name,
            version=self.version() or "",
            files=files,
            command=(
                *_AS_NOBODY,
                _PROGRAM,
                "--keep-in-foreground",
                "--log-facility=-",
                "--pid-file=",
                f"--conf-file={FOLDER}/{files[0][0]}",
            ),
            prepare=_FREE_PORTS,
        )

    def _translator(self, sitting: Sitting, config: DnsTranslatorConfig) -> PlannedDaemon:
        foreign = dns_aliases.foreign_addresses(sitting.node, config)
        own = dns_aliases.own_addresses(sitting.node, config)
        daemon = self._daemon((_MAIN, _translator_text(config, own)))
        if not foreign:
            return daemon
        return replace(
            daemon,
            files=(*daemon.files, dns_aliases.redirect_file(foreign)),
            prepare=(*daemon.prepare, *dns_aliases.PREPARE),
            remove=dns_aliases.REMOVE,
        )


DNSMASQ: Final = Dnsmasq()


# --- the local DNS server ---------------------------------------------------------------------


def _resolver_text(config: ResolverConfig) -> str:
    rules = {names.normalise(rule.zone): rule for rule in used_rules(config)}
    everything = rules.get(names.ROOT)
    to_default = everything is not None and bool(everything.servers)
    if config.recursion and not to_default:
        raise CannotFill("dnsmasq does not resolve names from the root servers, it only forwards")
    if config.recursion and any(rule.recursion and rule.servers for rule in rules.values()):
        raise CannotFill("dnsmasq cannot resolve a name itself once the last server has failed")
    text = Text()
    text.heading(
        "dnsmasq as the local DNS server: its own names first, then its cache, then the longest "
        "forwarding rule, then the rule for all other names."
    )
    _where(text, config.listen)
    _who(text, config)
    own_zones(text, config)
    _order(text)
    for zone, rule in rules.items():
        _rule(text, zone, rule, to_default=to_default)
    for hidden, origin in hidden_rules(config):
        text.heading(
            f"No rule for {fqdn(names.normalise(hidden.zone))}: the own zone {fqdn(origin)} has no "
            "delegation there, so it has the last word."
        )
    _reverse(text)
    _filters(text, config)
    _cache(text, config)
    return str(text)


def _where(text: Text, listen: Iterable[Endpoint]) -> None:
    listen = tuple(listen)
    ports = sorted({each.port for each in listen})
    if len(ports) != 1:
        raise CannotFill(f"dnsmasq listens on one port, not on {', '.join(map(str, ports))}")
    text.add(
        "It answers on these addresses and on no others.",
        f"port={ports[0]}",
        "bind-interfaces",
        *(f"listen-address={each.address}" for each in listen),
    )
    text.add(
        "Nothing is taken from the host: not its name servers, not its hosts file.",
        "no-resolv",
        "no-hosts",
    )


def _who(text: Text, config: ResolverConfig) -> None:
    if not _EVERYBODY & set(config.recursion_for):
        text.heading(
            f"Only {', '.join(config.recursion_for) or 'nobody'} should be given more than the own "
            "zones. dnsmasq cannot tell clients apart: a firewall has to keep the others away."
        )


def _order(text: Text) -> None:
    text.add(
        "Servers are asked in the order of their lines. dnsmasq has no timer: the next server is "
        "asked when the client asks again, or when a server says SERVFAIL or REFUSED.",
        "strict-order",
    )
    text.add(
        "Questions that wait for an answer at the same time, of one domain's servers; the default, "
        "150, is for a home.",
        "dns-forward-max=1000",
    )


def _rule(text: Text, zone: str, rule: ForwardRule, *, to_default: bool) -> None:
    if not rule.servers:
        if to_default:
            why = (
                f"{fqdn(zone)} is not forwarded to the servers of the domain above it. dnsmasq "
                "cannot resolve it from the root servers: it is asked of those for all other names."
            )
            text.add(why, f"server=/{zone}/#")
        else:
            text.add(f"Nobody is asked for {fqdn(zone)}.", f"local=/{zone}/")
        return
    domain = "" if zone == names.ROOT else f"/{zone}/"
    text.add(
        f"Forwarding of {what_for(rule)}. Nobody else is asked when these servers fail.",
        *(f"server={domain}{_server(each)}" for each in rule.servers),
    )


def _reverse(text: Text) -> None:
    text.add(
        "Questions for names of private addresses do not leave, unless a rule above is for them "
        "(RFC 6303).",
        "bogus-priv",
    )


def _filters(text: Text, config: ResolverConfig) -> None:
    if not config.private_addresses:
        exempt = "/".join(forwarded_domains(config))
        add_rebinding_hint(text, config, "stop-dns-rebind", f"rebind-domain-ok=/{exempt}/")
        return
    ok = "".join(f"{names.normalise(zone)}/" for zone in config.private_zones)
    # src/rfc1035.c, private_net: 192.0.2.0/24, 198.51.100.0/24 and 203.0.113.0/24 are in it.
    text.propose(
        "Nobody outside should answer with addresses of private networks (DNS rebinding), here "
        f"{', '.join(config.private_addresses)}. dnsmasq has a list of its own, and in it are the "
        "networks for documentation, which this set-up has for public ones. In production, where "
        "they do not occur, take the marks away from:",
        "stop-dns-rebind",
        *((f"rebind-domain-ok=/{ok}",) if ok else ()),
    )


def _cache(text: Text, config: ResolverConfig) -> None:
    text.add(
        f"Room for so many names; more than {_MOST_ENTRIES} make dnsmasq slow, it says.",
        f"cache-size={min(config.cache_entries, _MOST_ENTRIES)}",
    )
    text.add(
        "Nothing is remembered for longer than this, in seconds, whatever its TTL says. For what "
        "does not exist dnsmasq has no such bound.",
        f"max-cache-ttl={config.max_ttl_s}",
    )
    if config.serve_stale:
        text.add(
            "Expired answers are given, for at most so many seconds, while fresh ones are fetched.",
            f"use-stale-cache={whole_seconds(config.stale_for_ns)}",
        )
    _edns(text)


def _edns(text: Text) -> None:
    text.add("Nobody is told what runs here.", "no-ident")
    text.add(
        "UDP messages that no link on the way has to fragment (DNS flag day 2020).",
        "edns-packet-max=1232",
    )
    # Against its manual, 2.90 without min-port takes the system's ports, half as many.
    text.add(
        "Questions leave from any port from here up: the more there are, the harder is it to guess "
        "(RFC 5452).",
        "min-port=1024",
    )


# --- the DNS translator -----------------------------------------------------------------------


def _translator_text(config: DnsTranslatorConfig, own: tuple[str, ...]) -> str:
    zone = names.normalise(config.zone)
    text = Text()
    text.heading(
        "dnsmasq as the DNS translator: it forwards the cluster's domain to the load balancers. "
        "There are no servers for other names, so they are refused (not an open relay)."
    )
    _where(text, (each for each in config.listen if each.address in own))
    _order(text)
    text.add(
        "The cluster's domain, asked of the load balancers' real addresses.",
        *(f"server=/{zone}/{_server(each)}" for each in config.servers),
    )
    text.add(
        "Nothing is remembered, and the order of addresses stays: who asks gets what the load "
        "balancers say now.",
        "cache-size=0",
        "no-round-robin",
    )
    for old, new in config.rewrite:
        text.add(
            "An address that is changed in answers (RFC 2694: a DNS_ALG).", f"alias={old},{new}"
        )
    _edns(text)
    return str(text)


def _server(server: Endpoint) -> str:
    port = "" if server.port == _DNS_PORT else f"#{server.port}"
    return f"{server.address}{port}"
