"""The kernel as NAT translator: nftables with connection tracking, and without.

There is no process and no device of ours: rules are loaded into the node's kernel, and taken out.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from lab.subjects.nftables_rules import Sides, conntrack_rules, stateless_rules, stopped_rules
from lab.subjects.subject import CannotFill, SeatName, Sitting, Subject, SubjectName
from lab.topology.plan import PlannedDaemon
from resolver.config import NaptConfig, NatConfig
from resolver.machine import SECOND, Duration

_RULES = "nftables.conf"
_STOPPED = "stopped.nft"


@dataclass(frozen=True, slots=True)
class _Nftables:
    name: SubjectName
    title: str
    rules: Callable[[Sides], str]
    package: str = "nftables"
    seats: frozenset[SeatName] = frozenset({"nat"})

    def version(self) -> str | None:
        """Of the tool: "1.0.6"; None without it. The kernel does the work; records have its version
        as the host's."""
        return _version()

    def render(self, sitting: Sitting) -> PlannedDaemon:
        """The rules for a translator. Raises CannotFill."""
        config = _task(sitting)
        return self._daemon(self.rules(Sides.of(sitting.node, config)), _sysctls(config.napt), ())

    def adopt(self, sitting: Sitting, config: Path) -> PlannedDaemon:
        """The user's rules as they are. Nothing is overridden: the interfaces that they name must
        be those of the node."""
        _task(sitting)
        return self._daemon(config.read_text(encoding="utf-8"), (), ())

    def _daemon(
        self, rules: str, settings: tuple[str, ...], overrides: tuple[str, ...]
    ) -> PlannedDaemon:
        load = ("nft", "-f", f"{{folder}}/{_RULES}")
        return PlannedDaemon(
            subject=self.name,
            version=self.version() or "",
            files=((_RULES, rules), (_STOPPED, stopped_rules())),
            command=(),
            prepare=(*(("sysctl", "-q", "-w", each) for each in settings), load),
            remove=(("nft", "-f", f"{{folder}}/{_STOPPED}"),),
            reload=load,
            overrides=overrides,
        )


NFTABLES: Final[Subject] = _Nftables("nftables", "nftables (conntrack)", conntrack_rules)
NFTABLES_STATELESS: Final[Subject] = _Nftables(
    "nftables-stateless", "nftables (stateless)", stateless_rules
)


def _task(sitting: Sitting) -> NatConfig:
    if not isinstance(sitting.config, NatConfig):
        raise CannotFill(f"nftables cannot sit in the seat {sitting.seat}")
    if sitting.config.dns_alg:
        raise CannotFill("nftables has no DNS_ALG (RFC 2694)")
    return sitting.config


def _sysctls(napt: NaptConfig | None) -> tuple[str, ...]:
    """Timers of connection tracking, in whole seconds: some of the kernel's own are shorter than a
    NAT's may be (nf_conntrack-sysctl of the kernel's documentation has both names and defaults)."""
    return () if napt is None else tuple(_timers(napt))


def _timers(napt: NaptConfig) -> Iterator[str]:
    for name, timeout_ns in _named_timers(napt):
        yield f"net.netfilter.nf_conntrack_{name}={-(-timeout_ns // SECOND)}"


def _named_timers(napt: NaptConfig) -> Iterator[tuple[str, Duration]]:
    # RFC 4787 REQ-5: at least two minutes; the kernel's 30 s until an answer came are too few.
    yield "udp_timeout", napt.udp_timeout_ns
    yield "udp_timeout_stream", napt.udp_timeout_ns
    # RFC 5382 REQ-5: at least 2 h 4 min open, and 4 min while being opened or closed.
    yield "tcp_timeout_established", napt.tcp_established_ns
    for state in ("syn_sent", "syn_recv", "fin_wait", "close_wait", "last_ack", "time_wait"):
        yield f"tcp_timeout_{state}", napt.tcp_transitory_ns
    # RFC 5508 REQ-2: at least 60 s; the kernel has 30.
    yield "icmp_timeout", napt.icmp_timeout_ns


@cache
def _version() -> str | None:
    try:
        told = subprocess.run(["nft", "--version"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    found = re.search(r"v(\d[\w.]*)", told.stdout)
    return found[1] if found else told.stdout.strip()
