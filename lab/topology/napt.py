"""From a translator's `[nodes.nat]` to what its program is told: who shares which addresses."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from lab.topology.model import Topology
from lab.topology.name_servers import nanoseconds
from lab.topology.nodes import Translator, TranslatorNat
from lab.topology.routing import Routing
from resolver.config import Behaviour, NaptConfig, PortChoice, Refusal


def shared_addresses(translator: Translator) -> tuple[str, ...]:
    """The outside addresses that machines without an alias share, in canonical form."""
    nat = translator.nat
    if nat is None or nat.outside_address is None:
        return ()
    return tuple(str(ip_address(text)) for text in nat.outside_address)


def inside_networks(nat: TranslatorNat, topology: Topology, server_side: str) -> tuple[str, ...]:
    """Names of the networks whose machines are translated: those written, or all of the address
    realm that the servers' side is in."""
    if nat.inside is not None:
        return tuple(nat.inside)
    routing = Routing(topology)
    realm = routing.realm(server_side)
    return tuple(name for name in topology.networks if routing.realm(name) == realm)


def napt_config(translator: Translator, topology: Topology, server_side: str) -> NaptConfig | None:
    """What the NAT program is told of NAPT; None where no address is shared."""
    nat = translator.nat
    if nat is None or nat.outside_address is None:
        return None
    return NaptConfig(
        inside=tuple(
            str(ip_network(prefix))
            for name in inside_networks(nat, topology, server_side)
            for prefix in topology.networks[name].prefix
            if ":" not in prefix
        ),
        outside_addresses=shared_addresses(translator),
        mapping=Behaviour(nat.mapping),
        filtering=Behaviour(nat.filtering),
        ports=PortChoice(nat.ports),
        port_parity=nat.port_parity,
        hairpinning=nat.hairpinning,
        udp_timeout_ns=nanoseconds(nat.udp_timeout_s),
        dns_timeout_ns=nanoseconds(nat.dns_timeout_s),
        udp_inbound_refresh=nat.udp_inbound_refresh,
        tcp_established_ns=nanoseconds(nat.tcp_established_s),
        tcp_transitory_ns=nanoseconds(nat.tcp_transitory_s),
        icmp_timeout_ns=nanoseconds(nat.icmp_timeout_s),
        unsolicited_syn_ns=nanoseconds(nat.unsolicited_syn_s),
        unsolicited_syn=Refusal(nat.unsolicited_syn),
        most_mappings=nat.most_mappings,
        most_sessions=nat.most_sessions,
        when_full=Refusal(nat.when_full),
    )
