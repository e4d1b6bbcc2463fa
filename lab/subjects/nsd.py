"""NSD in the seat of the load balancer: static data, so every member is always in the answer.

Written from nsd.conf(5) for 4.6. What a site does that has no load balancer: a name with all
addresses, and viewers that find out by themselves who is there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from lab.subjects.adopting import adopt_files
from lab.subjects.authority_adopting import nsd_edits
from lab.subjects.rendering import (
    FOLDER,
    Text,
    answered_addresses,
    fqdn,
    version_told,
    zone_file_name,
)
from lab.subjects.subject import CannotFill, SeatName, Sitting, SubjectName
from lab.topology.plan import PlannedDaemon
from resolver.config import BalancerConfig
from resolver.dns import names

CONFIG: Final = "nsd.conf"

_COMMAND: Final = ("nsd", "-d", "-c", f"{FOLDER}/{CONFIG}")
_RELOAD_SIGNAL: Final = 1
"""SIGHUP: zone files are read again (nsd(8))."""


@dataclass(frozen=True, slots=True)
class Nsd:
    """The subject."""

    name: SubjectName = "nsd"
    title: str = "NSD"
    package: str = "nsd"
    seats: frozenset[SeatName] = frozenset({"balancer"})

    def version(self) -> str | None:
        """As `nsd -v` tells it."""
        return version_told("nsd", "-v")

    def render(self, sitting: Sitting) -> PlannedDaemon:
        """Its configuration, and the zone."""
        config = sitting.config
        if not isinstance(config, BalancerConfig):
            raise CannotFill(f"{self.title} cannot sit in the seat {sitting.seat}")
        return self._daemon(
            [
                (CONFIG, _config_text(sitting, config)),
                (zone_file_name(config.zone), static_zone(config)),
            ]
        )

    def adopt(self, sitting: Sitting, config: Path) -> PlannedDaemon:
        """The user's `nsd.conf`, with its zone files."""
        listen = getattr(sitting.config, "listen", ())
        adopted = adopt_files(config, partial(nsd_edits, listen=listen))
        main, *others = adopted.files
        return self._daemon([(CONFIG, main[1]), *others], adopted.overrides)

    def _daemon(
        self, files: Iterable[tuple[str, str]], overrides: tuple[str, ...] = ()
    ) -> PlannedDaemon:
        return PlannedDaemon(
            subject=self.name,
            version=self.version() or "",
            files=tuple(files),
            command=_COMMAND,
            reload_signal=_RELOAD_SIGNAL,
            overrides=overrides,
        )


NSD: Final = Nsd()


def _config_text(sitting: Sitting, config: BalancerConfig) -> str:
    text = Text()
    text.heading(f'NSD on {sitting.node.label} of the network "{sitting.plan.title}".')
    text.add("What the whole server does.", "server:")
    text.add(
        "The addresses it is asked at, and no others of this machine.",
        *(f"    ip-address: {each.address}@{each.port}" for each in config.listen),
    )
    text.add("One process answers: the zone has one name.", "    server-count: 1")
    text.add(
        "Addresses in an order that changes from answer to answer, so that viewers, which take the "
        "first, spread over the servers.",
        "    round-robin: yes",
    )
    text.add(
        "UDP answers no larger than pass without fragments (dnsflagday.net, 2020).",
        "    ipv4-edns-size: 1232",
        "    ipv6-edns-size: 1232",
    )
    text.add(
        "Few ask it, and often: the limit is for name servers of the Internet.",
        "    rrl-ratelimit: 0",
    )
    text.add("It does not tell strangers its version.", "    hide-version: yes")
    text.add(
        "Everything in a folder of its own; no database, zones are read from text.",
        f'    zonesdir: "{FOLDER}"',
        '    database: ""',
        f'    zonelistfile: "{FOLDER}/zone.list"',
        f'    xfrdfile: "{FOLDER}/xfrd.state"',
        f'    xfrdir: "{FOLDER}"',
        '    pidfile: ""',
    )
    text.add("It runs as who starts it, in no other root.", '    username: ""', '    chroot: ""')
    text.add(
        "No control channel; SIGHUP has it read its zones again.",
        "remote-control:",
        "    control-enable: no",
    )
    text.add(
        "The cluster's zone. Nobody may transfer it.",
        "zone:",
        f'    name: "{fqdn(names.normalise(config.zone))}"',
        f'    zonefile: "{zone_file_name(config.zone)}"',
    )
    return str(text)


def static_zone(config: BalancerConfig) -> str:
    """The cluster's zone with every member in it, as a master file: for servers of static data."""
    zone = fqdn(names.normalise(config.zone))
    aliased = (
        ""
        if config.alias_base is None
        else f" by its alias: {config.alias_base} is number 1's, and so on"
    )
    text = Text(";")
    text.heading(
        f"The zone {zone}: every member{aliased}. Nothing here knows who is available: a member "
        "that is down stays in the answers until somebody takes it out."
    )
    text.add("How long answers are kept.", f"$ORIGIN {zone}", f"$TTL {config.ttl_s}")
    text.add(
        "The last number is how long the absence of a name or type is kept (RFC 2308).",
        f"@ {config.negative_ttl_s} IN SOA {zone} hostmaster.{zone} 1 3600 600 86400 "
        f"{config.negative_ttl_s}",
        f"@ IN NS {zone}",
    )
    for name, address, _ in answered_addresses(config):
        rtype = "AAAA" if ":" in address else "A"
        text.add(f"{name}.", f"@ IN {rtype} {address}")
    return str(text)
