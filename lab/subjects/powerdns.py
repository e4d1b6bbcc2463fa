"""PowerDNS Recursor in the seats of the DNS server and of the DNS translator.

Written from its documentation for 4.8, settings and Lua hooks. It reads every setting from
`recursor.conf`; where it forwards stands in a file of its own, a line for each domain.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from lab.subjects.adopting import adopt_files
from lab.subjects.dns_aliases import listens_at, with_redirect
from lab.subjects.powerdns_adopting import edits
from lab.subjects.powerdns_lua import refusing
from lab.subjects.powerdns_settings import SCRIPT, SETTINGS, head, server_files
from lab.subjects.rendering import FOLDER, fqdn, refuse_rewriting, version_told, with_port
from lab.subjects.subject import CannotFill, SeatName, Sitting, SubjectName
from lab.topology.plan import PlannedDaemon
from resolver.config import DnsTranslatorConfig, ResolverConfig
from resolver.dns import names
from resolver.machine import MILLISECOND

_COMMAND: Final = (
    "pdns_recursor",
    f"--config-dir={FOLDER}",
    f"--socket-dir={FOLDER}",
    "--daemon=no",
    "--write-pid=no",
    "--disable-syslog",
)
"""As Debian's unit starts it, but for the folders."""


@dataclass(frozen=True, slots=True)
class PowerDnsRecursor:
    """The subject."""

    name: SubjectName = "powerdns"
    title: str = "PowerDNS Recursor"
    package: str = "pdns-recursor"
    seats: frozenset[SeatName] = frozenset({"dns", "translator"})

    def version(self) -> str | None:
        """As `pdns_recursor --version` tells it."""
        return version_told("pdns_recursor", "--version")

    def render(self, sitting: Sitting) -> PlannedDaemon:
        """Settings, the forwarding table, zones and Lua hooks."""
        config = sitting.config
        if isinstance(config, ResolverConfig):
            return self._daemon(sitting, server_files(sitting, config))
        if isinstance(config, DnsTranslatorConfig):
            refuse_rewriting(self.title, config)
            return self._daemon(sitting, _translator_files(sitting, config))
        raise CannotFill(f"{self.title} cannot sit in the seat {sitting.seat}")

    def adopt(self, sitting: Sitting, config: Path) -> PlannedDaemon:
        """The user's `recursor.conf`, with what it names."""
        listen = listens_at(sitting.node, sitting.config)
        adopted = adopt_files(config, partial(edits, listen=listen))
        main, *others = adopted.files
        return self._daemon(sitting, [(SETTINGS, main[1]), *others], adopted.overrides)

    def _daemon(
        self,
        sitting: Sitting,
        files: Iterable[tuple[str, str]],
        overrides: tuple[str, ...] = (),
    ) -> PlannedDaemon:
        # `rec_control reload-zones` reads the forwarding table again, but not the timeouts that go
        # with it, so a change is a restart.
        daemon = PlannedDaemon(
            subject=self.name,
            version=self.version() or "",
            files=tuple(files),
            command=_COMMAND,
            overrides=overrides,
        )
        return with_redirect(daemon, sitting.node, sitting.config)


POWERDNS: Final = PowerDnsRecursor()


def _translator_files(sitting: Sitting, config: DnsTranslatorConfig) -> list[tuple[str, str]]:
    zone = fqdn(names.normalise(config.zone))
    text = head(sitting, config)
    text.add(
        "Whoever can reach these addresses is answered: one zone and nothing else.",
        "allow-from=0.0.0.0/0, ::/0",
    )
    text.add(
        f"{zone} is the load balancers', which are asked with the RD bit.",
        f"forward-zones-recurse={zone}={';'.join(map(with_port, config.servers))}",
    )
    text.add(
        "How long each of them is waited for before the next one is asked.",
        f"network-timeout={config.timeout_ns // MILLISECOND}",
    )
    text.add(
        "A load balancer that failed is asked again with the next question.",
        f"dont-throttle-netmasks={', '.join(server.address for server in config.servers)}",
    )
    text.add("Every other name is refused, in Lua.", f"lua-dns-script={FOLDER}/{SCRIPT}")
    text.add("Nobody else is asked for anything.", "hint-file=no", "serve-rfc1918=no")
    text.add(
        "Nothing is remembered that need not be: the load balancers know who is available. Its "
        "record cache cannot be switched off; TTLs are kept as they are, and 15 s at most.",
        "disable-packetcache=yes",
        "max-cache-ttl=15",
        "max-negative-ttl=0",
        "minimum-ttl-override=0",
    )
    text.add(
        "Signatures are passed on and not validated.",
        "dnssec=process-no-validate",
    )
    refused = refusing([zone], "The translator forwards one zone and is no resolver.")
    return [(SETTINGS, str(text)), (SCRIPT, refused)]
