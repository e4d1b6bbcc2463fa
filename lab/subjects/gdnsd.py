"""gdnsd in the seat of the load balancer: it probes the members and leaves out who is down.

Written from gdnsd.config(5), gdnsd.zonefile(5) and gdnsd-plugin-multifo(8) for 3.8.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from lab.subjects.adopting import adopt_files
from lab.subjects.authority_adopting import gdnsd_edits
from lab.subjects.rendering import (
    FOLDER,
    Text,
    answered_addresses,
    fqdn,
    version_told,
    whole_seconds,
)
from lab.subjects.subject import CannotFill, SeatName, Sitting, SubjectName
from lab.topology.plan import PlannedDaemon
from resolver.config import BalancerConfig
from resolver.dns import names
from resolver.machine import SECOND

CONFIG: Final = "config"
PROBE: Final = "probe.sh"

_RESOURCE: Final = "cluster"
_SERVICE: Final = "viewers"

_COMMAND: Final = ("gdnsd", "-c", FOLDER, "start")


@dataclass(frozen=True, slots=True)
class Gdnsd:
    """The subject."""

    name: SubjectName = "gdnsd"
    title: str = "gdnsd"
    package: str = "gdnsd"
    seats: frozenset[SeatName] = frozenset({"balancer"})

    def version(self) -> str | None:
        """As its usage tells it."""
        return version_told("gdnsd")

    def render(self, sitting: Sitting) -> PlannedDaemon:
        """Its configuration, the zone, and where addresses are aliases the probe."""
        config = sitting.config
        if not isinstance(config, BalancerConfig):
            raise CannotFill(f"{self.title} cannot sit in the seat {sitting.seat}")
        files = [
            (CONFIG, _config_text(sitting, config)),
            (f"zones/{names.normalise(config.zone)}", _zone(config)),
        ]
        if config.alias_base is not None:
            files.append((PROBE, _probe(config)))
        return self._daemon(files)

    def adopt(self, sitting: Sitting, config: Path) -> PlannedDaemon:
        """The user's `config`, with the zones beside it."""
        listen = getattr(sitting.config, "listen", ())
        adopted = adopt_files(config, partial(gdnsd_edits, listen=listen))
        main, *zones = adopted.files
        files = [(CONFIG, main[1]), *((f"zones/{name}", text) for name, text in zones)]
        return self._daemon(files, adopted.overrides)

    def _daemon(
        self, files: Iterable[tuple[str, str]], overrides: tuple[str, ...] = ()
    ) -> PlannedDaemon:
        return PlannedDaemon(
            subject=self.name,
            version=self.version() or "",
            files=tuple(files),
            command=_COMMAND,
            overrides=overrides,
        )


GDNSD: Final = Gdnsd()


def _config_text(sitting: Sitting, config: BalancerConfig) -> str:
    health = config.health
    text = Text()
    text.heading(f'gdnsd on {sitting.node.label} of the network "{sitting.plan.title}".')
    text.add("What the whole server does.", "options => {")
    listen = ", ".join(
        f'"[{each.address}]:{each.port}"' if ":" in each.address else f"{each.address}:{each.port}"
        for each in config.listen
    )
    text.add(
        "The addresses it is asked at, and no others of this machine; one thread each is enough.",
        f"  listen => [ {listen} ]",
        "  udp_threads => 1",
        "  tcp_threads => 1",
    )
    text.add(
        "Where its control socket and its state are.",
        f"  run_dir => {FOLDER}/run",
        f"  state_dir => {FOLDER}/state",
    )
    text.add(
        "No TTL is raised: the default is five seconds at least, and the TTL says how soon a "
        "server that died is out of every cache.",
        "  min_ttl => 0",
        "  max_ncache_ttl => 10800",
    )
    text.add(
        "UDP answers no larger than pass without fragments (dnsflagday.net, 2020).",
        "  max_edns_response => 1232",
        "  max_edns_response_v6 => 1232",
        "}",
    )
    interval = max(2, whole_seconds(health.interval_ns))
    timeout = min(interval - 1, whole_seconds(health.timeout_ns))
    # As many probes as go into the time that was asked for, not into that many probes.
    fall = max(1, health.interval_ns * health.fall // (interval * SECOND))
    rise = max(1, health.interval_ns * health.rise // (interval * SECOND))
    if config.alias_base is None:
        probe = ["    plugin => tcp_connect,", f"    port => {config.service_port},"]
        how = "A member is available while its service takes TCP connections."
    else:
        probe = [
            "    plugin => extmon,",
            f'    cmd => [ "/bin/bash", "{FOLDER}/{PROBE}", "%%ITEM%%" ],',
        ]
        how = (
            "A member is available while its service takes TCP connections. It is answered by an "
            "alias, which leads back here over the translator, so a command probes the real one."
        )
    text.add(
        f"{how} Probes are whole seconds apart, two at least, for each has to end before the next; "
        "so fewer of them decide, within the same time.",
        "service_types => {",
        f"  {_SERVICE} => {{",
        *probe,
        f"    interval => {interval},",
        f"    timeout => {timeout},",
        f"    down_thresh => {fall},",
        f"    ok_thresh => {fall},",
        f"    up_thresh => {rise},",
        "  }",
        "}",
    )
    text.add(
        "All members that are available, in an order that changes from answer to answer. A single "
        "one will do: only when none is left are all of them given.",
        "plugins => { multifo => {",
        f"  {_RESOURCE} => {{",
        f"    service_types => {_SERVICE},",
        "    up_thresh => 0.01,",
    )
    for family, is_family in (("addrs_v4", _is_ipv4), ("addrs_v6", _is_ipv6)):
        addresses = [
            (name, address) for name, address, _ in answered_addresses(config) if is_family(address)
        ]
        if addresses:
            text.add(
                "By IPv4." if family == "addrs_v4" else "By IPv6.",
                f"    {family} => {{",
                *(
                    f'      "{name}{"" if first else f"-{position}"}" => {address},'
                    for position, (name, address) in enumerate(addresses, start=1)
                    for first in [name not in dict(addresses[: position - 1])]
                ),
                "    }",
            )
    text.add("That was the last of it.", "  }", "} }")
    return str(text)


def _zone(config: BalancerConfig) -> str:
    zone = fqdn(names.normalise(config.zone))
    text = Text(";")
    text.heading(f"The zone {zone}: one name, whose addresses are those of the available members.")
    text.add(
        "The last number is how long the absence of a name or type is kept (RFC 2308).",
        f"@ {config.negative_ttl_s} SOA {zone} hostmaster.{zone} ( 1 3600 600 86400 "
        f"{config.negative_ttl_s} )",
        f"@ {config.ttl_s} NS {zone}",
    )
    text.add(
        "The TTL; half of it while a member is down.",
        f"@ {config.ttl_s} DYNA multifo!{_RESOURCE}",
    )
    return str(text)


def _probe(config: BalancerConfig) -> str:
    text = Text()
    text.heading("Whether the member with this alias takes connections: 0 yes, anything else no.")
    text.add(
        "From aliases to real addresses, as the translator's table has them.",
        'case "$1" in',
        *(f"  {alias}) real={real} ;;" for _, alias, real in answered_addresses(config)),
        "  *) exit 2 ;;",
        "esac",
    )
    text.add(
        "A connection, closed at once; gdnsd itself ends what takes too long.",
        f'exec 3<>"/dev/tcp/$real/{config.service_port}"',
    )
    return str(text)


def _is_ipv4(address: str) -> bool:
    return ":" not in address


def _is_ipv6(address: str) -> bool:
    return ":" in address
