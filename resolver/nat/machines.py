"""From a NAT configuration to the machine it asks for."""

from __future__ import annotations

from random import Random

from resolver.config import NatConfig
from resolver.machine import Machine
from resolver.nat.dns_alg import DnsAlg
from resolver.nat.napt import NaptTranslator
from resolver.nat.translator import NatTranslator


def nat_machine(config: NatConfig, random: Random) -> Machine:
    """The translator of a configuration; `random` gives outside ports. Raises ValueError, with a
    message that names the place and the remedy, when the configuration contradicts itself."""
    # The static table alone has no state, and is the faster for it.
    translator: Machine = (
        NatTranslator(config) if config.napt is None else NaptTranslator(config, random)
    )
    return DnsAlg(translator, config) if config.dns_alg else translator
