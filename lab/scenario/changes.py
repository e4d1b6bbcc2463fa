"""What an operator changes in a running DNS server's configuration, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from lab.scenario.value import Value
from lab.values import Address, DnsName, SomeSeconds, unknown
from resolver.config import ForwardRule, HostedZone, ResolverConfig
from resolver.dns.names import normalise
from resolver.dns.zones import Zone
from resolver.machine import SECOND, Duration, Endpoint

_DNS_PORT = 53


class SetZone(Value):
    """The server hosts this zone from now on, in place of one of the same origin."""

    change: Literal["set-zone"] = "set-zone"
    origin: DnsName
    records: str
    """RFC 1035 master-file text."""

    @model_validator(mode="after")
    def _records_fit(self) -> Self:
        Zone(HostedZone(self.origin, self.records))
        return self


class RemoveZone(Value):
    """The server no longer hosts the zone."""

    change: Literal["remove-zone"] = "remove-zone"
    origin: DnsName


class SetForward(Value):
    """Questions at or below the zone go to these servers from now on, in place of those before."""

    change: Literal["set-forward"] = "set-forward"
    zone: DnsName
    servers: tuple[Address, ...] = ()
    """None: forwarding ends at the zone."""
    timeout_s: SomeSeconds | None = None
    """How long each is waited for; None is what the server's profile says."""


class RemoveForward(Value):
    """The forward rule of the zone is gone."""

    change: Literal["remove-forward"] = "remove-forward"
    zone: DnsName


Change = Annotated[SetZone | RemoveZone | SetForward | RemoveForward, Field(discriminator="change")]


def changed(config: ResolverConfig, changes: Iterable[Change]) -> ResolverConfig:
    """The configuration after the changes, one after the other. Raises ValueError, with a remedy,
    where there is nothing to remove."""
    zones = {normalise(zone.origin): zone for zone in config.zones}
    rules = {normalise(rule.zone): rule for rule in config.forward}
    for change in changes:
        match change:
            case SetZone():
                origin = normalise(change.origin)
                zones[origin] = HostedZone(origin, change.records)
            case RemoveZone():
                _remove(zones, change.origin, "zone")
            case SetForward():
                zone = normalise(change.zone)
                rules[zone] = ForwardRule(
                    zone=zone,
                    servers=tuple(Endpoint(each, _DNS_PORT) for each in change.servers),
                    timeout_ns=_ns(change.timeout_s),
                )
            case RemoveForward():
                _remove(rules, change.zone, "forward rule for")
    return replace(config, zones=tuple(zones.values()), forward=tuple(rules.values()))


def _remove(table: dict[str, Any], name: str, kind: str) -> None:
    if table.pop(normalise(name), None) is None:
        raise ValueError(unknown(kind, name, table))


def _ns(seconds: float | None) -> Duration | None:
    return None if seconds is None else round(seconds * SECOND)
