"""From a configuration to the machine it configures, and to where that machine listens."""

from __future__ import annotations

from random import Random
from typing import TypeAlias

from resolver.balance.responder import Balancer
from resolver.config import (
    BalancerConfig,
    DnsTranslatorConfig,
    NatConfig,
    ProgramConfig,
    ResolverConfig,
    ServiceConfig,
)
from resolver.dns.full import Resolver
from resolver.dns.relay import DnsTranslator
from resolver.machine import Endpoint, Framing, Machine, Transport
from resolver.nat.machines import nat_machine
from resolver.service import Service

Listening: TypeAlias = tuple[Endpoint, frozenset[Transport], Framing]
"""An endpoint, the transports taken there, and how its streams are framed."""

_DNS = frozenset(Transport)  # RFC 7766 5: TCP as well as UDP
_TCP = frozenset({Transport.TCP})


def machine_for(
    config: ProgramConfig,
    identifiers: Random,
    selection: Random,
    most_in_flight: int | None = None,
) -> Machine:
    """The machine of a configuration.

    `identifiers` gives message IDs and source ports, `selection` chooses among addresses;
    `most_in_flight` is how many questions the host has sockets for. Raises ValueError, with a
    message that names the place and the remedy, when the configuration contradicts itself.
    """
    match config:
        case ResolverConfig():
            return Resolver(config, identifiers, selection, most_in_flight)
        case BalancerConfig():
            return Balancer(config, selection)
        case DnsTranslatorConfig():
            return DnsTranslator(config, identifiers, most_in_flight)
        case NatConfig():
            return nat_machine(config, identifiers)
        case ServiceConfig():
            return Service(config)


def may_be_foreign(config: ProgramConfig) -> bool:
    """Whether a program may listen on addresses that its host does not have."""
    return isinstance(config, DnsTranslatorConfig) and config.foreign_addresses


def listens(config: ProgramConfig) -> tuple[Listening, ...]:
    """Where a program listens; the NAT translator has no sockets."""
    match config:
        case NatConfig():
            return ()
        case ServiceConfig():
            return tuple((endpoint, _TCP, Framing.RAW) for endpoint in config.listen)
        case ResolverConfig() | BalancerConfig() | DnsTranslatorConfig():
            return tuple((endpoint, _DNS, Framing.LENGTH_PREFIXED) for endpoint in config.listen)
