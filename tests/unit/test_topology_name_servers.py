"""DNS servers and firewalls: what stands in a topology, and what programs and routers are told."""

from pathlib import Path

import pytest

from lab.topology.load import load_topology
from lab.topology.model import Topology
from lab.topology.name_servers import RCODES, authority_config, resolver_config
from lab.topology.nodes import Authority, Resolver
from lab.topology.plan import PlannedFirewall
from lab.topology.planner import make_plan
from lab.worlds.mininet_settings import firewall_rules
from resolver.config import (
    ForwardRule,
    HostedZone,
    Profile,
    ResolverConfig,
    RootHint,
    Selection,
)
from resolver.dns.message import Rcode
from resolver.machine import MILLISECOND, SECOND, Endpoint

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
ZONE = "@ 60 IN SOA ns1 me 1 2 3 4 5\n@ 60 IN NS ns1\n"


def plan_of(name):
    return make_plan(load_topology(TOPOLOGIES / f"{name}.toml"), name)


def resolver(**keys):
    return Resolver.model_validate(
        {"name": "dns", "plays": "resolver", "addresses": {"lan": "192.168.1.53"}, **keys}
    )


def test_every_key_of_a_resolver_reaches_its_program():
    node = resolver(
        selection="all",
        forward=[
            {"zone": "Example.COM.", "servers": "10.0.0.1", "timeout_s": 0.5, "recursion": True},
            {"zone": "private.example.com", "servers": []},
        ],
        zones=[{"origin": "intern.netz", "records": ZONE}],
        recursion=True,
        root_hints=[{"name": "root.corp", "addresses": ["10.0.0.2", "FD00::2"]}],
        qname_minimisation=False,
        profile="windows",
        next_on_rcodes=["SERVFAIL", "NOTZONE"],
        recursion_for="192.168.1.0/24",
        private_addresses=["10.0.0.0/8"],
        private_zones="corp.internal",
        serve_stale=True,
        cache_entries=50,
        server_timeout_s=0.25,
        query_timeout_s=8.0,
    )
    assert resolver_config(node) == ResolverConfig(
        listen=(Endpoint("192.168.1.53", 53),),
        zones=(HostedZone("intern.netz", ZONE),),
        forward=(
            ForwardRule("example.com", (Endpoint("10.0.0.1", 53),), 500 * MILLISECOND, True),
            ForwardRule("private.example.com", ()),
        ),
        selection=Selection.ALL,
        profile=Profile.WINDOWS,
        next_on_rcodes=frozenset({2, 10}),
        recursion_for=("192.168.1.0/24",),
        private_addresses=("10.0.0.0/8",),
        private_zones=("corp.internal",),
        cache_entries=50,
        recursion=True,
        root_hints=(RootHint("root.corp", ("10.0.0.2", "fd00::2")),),
        qname_minimisation=False,
        server_timeout_ns=250 * MILLISECOND,
        query_timeout_ns=8 * SECOND,
        serve_stale=True,
    )


def test_a_resolver_says_nothing_of_what_its_file_leaves_to_the_program():
    plain = resolver(forward=[{"zone": ".", "servers": "10.0.0.1"}])
    assert resolver_config(plain) == ResolverConfig(
        listen=(Endpoint("192.168.1.53", 53),),
        forward=(ForwardRule(".", (Endpoint("10.0.0.1", 53),)),),
        recursion_for=("0.0.0.0/0", "::/0"),
    )


@pytest.mark.parametrize("name", [one.name for one in Rcode if one.name in RCODES])
def test_rcodes_have_the_numbers_of_the_registry(name):
    assert RCODES[name] == Rcode[name]


def test_an_authority_asks_nobody_for_anybody():
    node = Authority.model_validate(
        {
            "name": "ns",
            "plays": "authority",
            "addresses": {"lan": ["192.168.1.53", "fd00::53"]},
            "zones": [{"origin": "Example.com", "records": ZONE}],
        }
    )
    assert authority_config(node) == ResolverConfig(
        listen=(Endpoint("192.168.1.53", 53), Endpoint("fd00::53", 53)),
        zones=(HostedZone("example.com", ZONE),),
        selection=Selection.ALL,
        recursion_for=(),
    )


def test_a_topology_without_a_cluster_has_no_name_to_ask_for():
    plan = plan_of("longest-match")
    assert (plan.cluster_name, plan.service_port) == (None, 0)
    assert plan.node("widgets").interfaces[0].addresses == ("172.31.255.255/31",)
    assert plan.node("widgets").role == "authority"


def test_an_internal_root_takes_the_place_of_the_internets():
    plan = plan_of("merger")
    hints = {
        name: plan.node(name).program("resolver").config.root_hints for name in ("dns", "dns2")
    }
    assert hints == {
        "dns": (RootHint("a.root-servers", ("203.0.113.10",)),),
        "dns2": (RootHint("root.fabrikam.corp", ("10.2.0.2",)),),
    }


def test_the_cluster_may_be_missing_only_without_servers():
    with pytest.raises(LookupError, match="has no cluster"):
        Topology.model_validate(
            {
                "format": 1,
                "title": "nothing",
                "networks": {"lan": {"prefix": "10.0.0.0/8"}},
                "nodes": [{"name": "a", "plays": "bystander", "addresses": {"lan": "10.0.0.1"}}],
            }
        ).the_cluster()


# --- firewalls --------------------------------------------------------------------------------


def test_the_firewall_stands_at_the_routers_outer_interface():
    router = plan_of("designated-forwarder").node("router")
    assert router.firewall == PlannedFirewall("router-eth2", ("10.0.0.53",))


RULES = """\
table inet firewall {
  set designated4 { type ipv4_addr; elements = { 10.0.0.53 } }
  set designated6 { type ipv6_addr; }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname != OUT oifname OUT ip saddr != @designated4 meta l4proto { tcp, udp } th sport 53 drop
    iifname OUT oifname != OUT ip daddr != @designated4 meta l4proto { tcp, udp } th sport 53 drop
    iifname != OUT oifname OUT ip saddr != @designated4 meta l4proto { tcp, udp } th dport 53 drop
    iifname OUT oifname != OUT ip daddr != @designated4 meta l4proto { tcp, udp } th dport 53 drop
    iifname != OUT oifname OUT ip6 saddr != @designated6 meta l4proto { tcp, udp } th sport 53 drop
    iifname OUT oifname != OUT ip6 daddr != @designated6 meta l4proto { tcp, udp } th sport 53 drop
    iifname != OUT oifname OUT ip6 saddr != @designated6 meta l4proto { tcp, udp } th dport 53 drop
    iifname OUT oifname != OUT ip6 daddr != @designated6 meta l4proto { tcp, udp } th dport 53 drop
  }
}
"""


def test_a_kernel_is_told_to_drop_dns_of_all_but_the_designated():
    router = plan_of("designated-forwarder").node("router")
    assert firewall_rules(router) == RULES.replace("OUT", '"router-eth2"')


def test_a_node_without_a_firewall_drops_nothing():
    assert firewall_rules(plan_of("designated-forwarder").node("dns")) is None
