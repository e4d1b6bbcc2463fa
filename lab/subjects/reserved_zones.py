"""Zones that stock servers answer by themselves, with nothing in them, so that questions about
private addresses do not reach the Internet (RFC 6303). A forwarding rule inside one opens it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lab.subjects.rendering import used_rules
from resolver.config import ResolverConfig
from resolver.dns import names

_PRIVATE_4: Final = (
    "0",
    "10",
    "127",
    *(f"{second}.172" for second in range(16, 32)),
    "168.192",
    *(f"{second}.100" for second in range(64, 128)),
    "254.169",
    "2.0.192",
    "100.51.198",
    "113.0.203",
    "255.255.255.255",
)
"""RFC 6303 4.1 and 4.2, RFC 7793: private, shared, loopback, link-local, documentation."""

_PRIVATE_6: Final = (
    ".".join(["0"] * 32),
    ".".join(["1", *["0"] * 31]),
    "d.f",
    "8.e.f",
    "9.e.f",
    "a.e.f",
    "b.e.f",
    "8.b.d.0.1.0.0.2",
)
"""RFC 6303 4.3 to 4.6."""

REVERSE_ZONES: Final = (
    *(f"{prefix}.in-addr.arpa" for prefix in _PRIVATE_4),
    *(f"{prefix}.ip6.arpa" for prefix in _PRIVATE_6),
)
"""The reverse zones that both BIND and Unbound answer by themselves."""


def opened(config: ResolverConfig, reserved: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """(reserved zone, the domain of ours that lies in it) for each reserved zone that holds the
    domain of a rule."""
    domains = [names.normalise(rule.zone) for rule in used_rules(config)]
    return tuple(
        (zone, domain)
        for zone in reserved
        for domain in domains
        if names.is_at_or_below(domain, zone)
    )
