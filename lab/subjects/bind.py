"""BIND 9 in a seat: named.conf, as somebody careful would write it for production."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lab.subjects import dns_aliases
from lab.subjects.bind_adopting import adopted
from lab.subjects.bind_resolver import (
    INNER,
    MAIN,
    order,
    resolver_files,
    retry_ms,
    upstream,
    where,
    wrapped,
)
from lab.subjects.bind_zones import group, server
from lab.subjects.rendering import (
    FOLDER,
    Text,
    answered_addresses,
    fqdn,
    version_told,
    written_seconds,
    zone_file_name,
)
from lab.subjects.subject import CannotFill, SeatName, Sitting, SubjectName
from lab.topology.plan import PlannedDaemon
from resolver.config import (
    BalancerConfig,
    DnsTranslatorConfig,
    ProgramConfig,
    ResolverConfig,
    Selection,
)
from resolver.dns import names
from resolver.programs import listens

_PROGRAM: Final = "named"


@dataclass(frozen=True, slots=True)
class Bind:
    """The subject."""

    name: SubjectName = "bind"
    title: str = "BIND 9"
    package: str = "bind9"
    seats: frozenset[SeatName] = frozenset({"dns", "translator", "balancer"})

    def version(self) -> str | None:
        """As `named -v` tells it."""
        return version_told(_PROGRAM, "-v")

    def render(self, sitting: Sitting) -> PlannedDaemon:
        """`named.conf` for a seat. Raises CannotFill."""
        match sitting.config:
            case ResolverConfig():
                return self._daemon(resolver_files(sitting.config, sitting.plan), sitting.config)
            case DnsTranslatorConfig():
                return self._translator(sitting, sitting.config)
            case BalancerConfig():
                return self._daemon(_balancer_files(sitting.config), sitting.config)
        raise CannotFill(f"{self.title} cannot be a {sitting.seat}")

    def adopt(self, sitting: Sitting, config: Path) -> PlannedDaemon:
        """The user's `named.conf`, with what it names. Raises CannotFill and OSError."""
        files, overrides = adopted(sitting, config)
        return replace(self._daemon(files, sitting.config), overrides=overrides)

    def _daemon(self, files: Iterable[tuple[str, str]], config: ProgramConfig) -> PlannedDaemon:
        # -g: in the foreground, telling what happens where it was started; -n 1: one thread, as
        # many worlds share the processors; -4: without it named asks for IPv6 addresses of servers
        # that it could not reach.
        files = tuple(files)
        only_4 = all(":" not in end.address for end, *_ in listens(config))
        return PlannedDaemon(
            subject=self.name,
            version=self.version() or "",
            files=files,
            command=(
                _PROGRAM,
                "-g",
                "-n",
                "1",
                *(("-4",) if only_4 else ()),
                "-c",
                f"{FOLDER}/{files[0][0]}",
            ),
            reload_signal=signal.SIGHUP,
            # It answers on by what it had while it reads: its files, and then its zones.
            reload_words="all zones loaded",
        )

    def _translator(self, sitting: Sitting, config: DnsTranslatorConfig) -> PlannedDaemon:
        if config.rewrite:
            raise CannotFill(f"{self.title} does not change addresses in answers (RFC 2694)")
        foreign = dns_aliases.foreign_addresses(sitting.node, config)
        own = dns_aliases.own_addresses(sitting.node, config)
        daemon = self._daemon(_translator_files(config, own), config)
        if not foreign:
            return daemon
        return replace(
            daemon,
            files=(*daemon.files, dns_aliases.redirect_file(foreign)),
            prepare=dns_aliases.PREPARE,
            remove=dns_aliases.REMOVE,
        )


BIND: Final = Bind()


# --- the DNS translator -----------------------------------------------------------------------


def _translator_files(
    config: DnsTranslatorConfig, own: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    zone = names.normalise(config.zone)
    options = Text(INNER)
    where(options, tuple(each for each in config.listen if each.address in own))
    options.add("Everybody who can reach it may ask.", "    allow-query { any; };")
    options.add(
        "Forwarding is a kind of recursion to BIND. Nothing can be reached by it but what is "
        "forwarded: see the zones.",
        "    recursion yes;",
        "    allow-recursion { any; };",
        "    allow-query-cache { any; };",
    )
    options.add(
        f"A silent load balancer is waited for {written_seconds(config.timeout_ns)} before the "
        "next is asked, but 1.2 s at least, as every forwarder; newer versions of BIND have this "
        "setting no more.",
        f"    resolver-retry-interval {retry_ms(config.timeout_ns)};",
    )
    upstream(options)
    options.add(
        "The cluster's domain is private and unsigned: nothing to validate.",
        "    dnssec-validation no;",
    )
    options.add(
        "Answers pass in the order that the load balancers gave them.",
        "    rrset-order { order none; };",
    )
    text = Text("//")
    text.heading(
        "BIND 9 as the DNS translator: it forwards the cluster's domain to the load balancers and "
        "refuses every other name. It cannot be kept from remembering answers for their TTL."
    )
    wrapped(text, options)
    addresses = " ".join(f"{each.address};" for each in config.servers)
    text.add(
        "The cluster's domain, asked of the load balancers' real addresses. static-stub: so that "
        'the zone below does not refuse it; "only": nobody else is ever asked.',
        f'zone "{zone}" {{',
        "    type static-stub;",
        f"    server-addresses {{ {addresses} }};",
        "    forward only;",
        f"    forwarders {group(map(server, config.servers))};",
        "};",
    )
    text.add(
        "Every other name lies in this zone, which nobody may ask for: REFUSED (not an open "
        "relay).",
        'zone "." {',
        "    type primary;",
        '    file "nothing.zone";',
        "    allow-query { none; };",
        "};",
    )
    nothing = (
        "; There is nothing in it: the zone is there to refuse all names that are not forwarded.\n"
        "$TTL 60\n. SOA localhost. nobody.localhost. 1 3600 600 86400 60\n. NS localhost.\n"
        "localhost. A 127.0.0.1\n"
    )
    return ((MAIN, str(text)), ("nothing.zone", nothing))


# --- the load balancer, with static data ------------------------------------------------------


def _balancer_files(config: BalancerConfig) -> tuple[tuple[str, str], ...]:
    zone = names.normalise(config.zone)
    options = Text(INNER)
    where(options, config.listen)
    options.add("Everybody may ask.", "    allow-query { any; };")
    options.add("It asks nobody, and knows nothing but its zone.", "    recursion no;")
    options.add(
        "Nobody may copy the zone: it is the cluster's own affair.", "    allow-transfer { none; };"
    )
    order(options, Selection.ALL)
    text = Text("//")
    text.heading(
        "BIND 9 as a load balancer with static data: it is authoritative for the cluster's name "
        "and gives every member's address. It does not look whether a member is there."
    )
    wrapped(text, options)
    text.add(
        "The cluster's name.",
        f'zone "{zone}" {{',
        "    type primary;",
        f'    file "{zone_file_name(zone)}";',
        "};",
    )
    return ((MAIN, str(text)), (zone_file_name(zone), _members(config, zone)))


def _members(config: BalancerConfig, zone: str) -> str:
    records = Text(";")
    records.add(
        "The zone's name is also its server's and its contact's: there is nothing else in it. "
        "Negative answers are remembered for the last number, in seconds.",
        f"$ORIGIN {fqdn(zone)}",
        f"$TTL {config.ttl_s}",
        f"@ {config.negative_ttl_s} SOA @ hostmaster 1 3600 600 86400 {config.negative_ttl_s}",
        "@ NS @",
    )
    for member, address, _ in answered_addresses(config):
        kind = "AAAA" if ":" in address else "A"
        records.add(f"{member}, by the address that viewers reach it by.", f"@ {kind} {address}")
    return str(records)
