"""Unbound in a seat: unbound.conf, as somebody careful would write it for production."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lab.subjects.rendering import FOLDER, Text, fqdn, version_told, written_seconds
from lab.subjects.subject import CannotFill, SeatName, Sitting, SubjectName
from lab.subjects.unbound_adopting import adopted
from lab.subjects.unbound_resolver import (
    LAB,
    MAIN,
    closing,
    half_ms,
    in_the_lab,
    patience,
    resolver_files,
    where,
)
from lab.subjects.unbound_zones import forward_zone
from lab.topology.plan import PlannedDaemon
from resolver.config import DnsTranslatorConfig, ResolverConfig
from resolver.dns import names
from resolver.machine import SECOND, Duration

_PROGRAM: Final = "unbound"
_PATIENCE_NS: Final[Duration] = 10 * SECOND
"""Longer than a local DNS server asks a translator."""


@dataclass(frozen=True, slots=True)
class Unbound:
    """The subject."""

    name: SubjectName = "unbound"
    title: str = "Unbound"
    package: str = "unbound"
    seats: frozenset[SeatName] = frozenset({"dns", "translator"})

    def version(self) -> str | None:
        """As `unbound -V` tells it."""
        return version_told(_PROGRAM, "-V")

    def render(self, sitting: Sitting) -> PlannedDaemon:
        """`unbound.conf` for a seat. Raises CannotFill."""
        match sitting.config:
            case ResolverConfig():
                return self._daemon(*resolver_files(sitting.config, sitting.plan), in_the_lab(MAIN))
            case DnsTranslatorConfig():
                return self._daemon(_translator_file(sitting.config), in_the_lab(MAIN))
        raise CannotFill(f"{self.title} cannot be a {sitting.seat}")

    def adopt(self, sitting: Sitting, config: Path) -> PlannedDaemon:
        """The user's `unbound.conf`, with what it names. Raises CannotFill and OSError."""
        files, overrides = adopted(sitting, config)
        return replace(self._daemon(*files), overrides=overrides)

    def _daemon(self, *files: tuple[str, str]) -> PlannedDaemon:
        # -d: in the foreground; -p: no file with its number.
        return PlannedDaemon(
            subject=self.name,
            version=self.version() or "",
            files=files,
            command=(_PROGRAM, "-d", "-p", "-c", f"{FOLDER}/{LAB}"),
            reload_signal=signal.SIGHUP,
        )


UNBOUND: Final = Unbound()


def _translator_file(config: DnsTranslatorConfig) -> tuple[str, str]:
    if config.rewrite:
        raise CannotFill("Unbound does not change addresses in answers (RFC 2694)")
    zone = fqdn(names.normalise(config.zone))
    text = Text()
    text.heading(
        "Unbound as the DNS translator: it forwards the cluster's domain to the load balancers "
        "and refuses every other name."
    )
    text.add("What holds for all names.", "server:")
    where(text, config.listen)
    if config.foreign_addresses:
        text.add(
            "Some of these are the load balancers' aliases, which this host does not have itself; "
            "the kernel is told to give it what comes to their DNS port.",
            "    ip-transparent: yes",
        )
    text.add(
        "Everybody who can reach it may ask.",
        "    access-control: 0.0.0.0/0 allow",
        "    access-control: ::0/0 allow",
    )
    text.add(
        "Every name is refused but those of the cluster's domain (not an open relay).",
        '    local-zone: "." refuse',
        f'    local-zone: "{zone}" transparent',
    )
    text.add(
        "The cluster's domain is private and unsigned: nothing to validate.",
        '    module-config: "iterator"',
        f'    domain-insecure: "{zone}"',
    )
    text.add(
        f"A silent load balancer is waited for {written_seconds(config.timeout_ns)} at least, half "
        "of it twice: Unbound asks a silent one again before it goes on.",
        f"    infra-cache-min-rtt: {half_ms(config.timeout_ns)}",
    )
    text.add(
        "Then the next one is asked: by itself Unbound asks each five times, and who asks the "
        "translator would be gone before it knew.",
        "    outbound-msg-retry: 1",
    )
    text.add(
        "A load balancer that was silent is tried again all the time, not only after 15 minutes: "
        "it is used as soon as it is back.",
        "    infra-keep-probing: yes",
    )
    patience(text, _PATIENCE_NS)
    text.add(
        "Answers pass whole and in the order that the load balancers gave them.",
        "    minimal-responses: no",
        "    rrset-roundrobin: no",
    )
    closing(text, config.listen)
    forward_zone(
        text,
        "The cluster's domain, asked of the load balancers' real addresses. Nothing is remembered: "
        "who asks gets what they say now.",
        zone,
        config.servers,
        "    forward-no-cache: yes",
    )
    return MAIN, str(text)
