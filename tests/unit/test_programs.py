"""Each configuration finds its machine."""

from __future__ import annotations

from random import Random

import pytest

from resolver.config import (
    BalancerConfig,
    DnsTranslatorConfig,
    Member,
    NatConfig,
    ResolverConfig,
    ServiceConfig,
)
from resolver.machine import Endpoint, Framing, Transport
from resolver.programs import listens, machine_for

HERE, THERE = Endpoint("192.168.1.1", 53), Endpoint("10.10.10.100", 53)
ZONE = "internet.intern.netz"


@pytest.mark.parametrize(
    ("config", "kind", "where"),
    [
        (ResolverConfig((HERE,)), "Resolver", "dns"),
        (BalancerConfig((HERE,), ZONE, (Member("a", 1, ("10.0.0.1",)),), 5900), "Balancer", "dns"),
        (DnsTranslatorConfig((HERE,), ZONE, (THERE,)), "DnsTranslator", "dns"),
        (NatConfig("nat0", (), "192.168.1.1", "10.10.10.1"), "NatTranslator", "nowhere"),
        (ServiceConfig((HERE,), "one"), "Service", "service"),
    ],
)
def test_each_configuration_has_its_machine_and_its_sockets(config, kind, where):
    machine = machine_for(config, Random(1), Random(2))
    assert type(machine).__name__ == kind
    expected = {
        "dns": ((HERE, frozenset(Transport), Framing.LENGTH_PREFIXED),),
        "service": ((HERE, frozenset({Transport.TCP}), Framing.RAW),),
        "nowhere": (),
    }
    assert listens(config) == expected[where]
