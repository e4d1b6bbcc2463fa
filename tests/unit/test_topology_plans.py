"""What the shipped topologies come to, checked by hand, and the deliberate faults in them."""

from dataclasses import replace
from pathlib import Path

import pytest
from shipped import shipped_topologies

from lab.scenario.model import DropNatEntry, OffsetAliasBase, RewriteAnswers
from lab.topology.faults import FaultNotPossible, apply_fault
from lab.topology.load import load_topology
from lab.topology.plan import PlannedInterface, PlannedNat, PlannedNetwork
from lab.topology.planner import make_plan
from resolver.config import (
    BalancerConfig,
    DnsTranslatorConfig,
    ForwardRule,
    HealthCheck,
    Member,
    NatConfig,
    ResolverConfig,
    Selection,
    ServiceConfig,
    WhenNoneAvailable,
)
from resolver.config_file import read_config, render_config
from resolver.machine import MILLISECOND, SECOND, Endpoint

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
SHIPPED = [file.stem for file in shipped_topologies()]
BALANCERS = (Endpoint("10.10.10.100", 53), Endpoint("10.10.10.101", 53))


def plan_of(name):
    return make_plan(load_topology(TOPOLOGIES / f"{name}.toml"), name)


def config_of(plan, node, program):
    return plan.node(node).program(program).config


def routes_of(plan, node):
    return [(route.destination, route.via) for route in plan.node(node).routes]


# --- the single system --------------------------------------------------------------------------


def test_single_has_one_network_and_needs_no_route():
    plan = plan_of("single")
    assert plan.networks == (PlannedNetwork("lan", ("192.168.1.0/24",), "s1", "lan"),)
    assert [node.name for node in plan.nodes] == ["viewer", "dns", "server1", "stranger"]
    assert all(node.routes == () for node in plan.nodes)
    assert (plan.cluster_name, plan.service_port) == ("internet.intern.netz", 5900)


def test_single_hosts_the_name_and_forwards_nothing():
    plan = plan_of("single")
    config = config_of(plan, "dns", "resolver")
    assert [zone.origin for zone in config.zones] == ["intern.netz"]
    assert config.forward == ()
    assert plan.node("server1").program("balancer") is None
    service = ServiceConfig((Endpoint("192.168.1.100", 5900),), "server1")
    assert config_of(plan, "server1", "service") == service


# --- the cluster --------------------------------------------------------------------------------


def test_cluster_is_one_realm_joined_by_a_router():
    plan = plan_of("cluster")
    assert [(network.switch, network.realm) for network in plan.networks] == [
        ("s1", "lan"),
        ("s2", "lan"),
    ]
    assert routes_of(plan, "viewer") == [("0.0.0.0/0", "192.168.1.1")]
    assert routes_of(plan, "dns") == [("0.0.0.0/0", "192.168.1.1")]
    assert routes_of(plan, "server3") == [("0.0.0.0/0", "10.10.10.1")]
    assert routes_of(plan, "router") == []
    assert [node.name for node in plan.nodes if node.forwards] == ["router"]


def test_cluster_forwards_to_both_load_balancers_in_order():
    plan = plan_of("cluster")
    assert config_of(plan, "dns", "resolver") == ResolverConfig(
        listen=(Endpoint("192.168.1.53", 53),),
        forward=(ForwardRule("internet.intern.netz", BALANCERS, SECOND),),
        selection=Selection.ONE,
        recursion_for=("0.0.0.0/0", "::/0"),
    )
    assert plan.node("viewer").asks == ("192.168.1.53",)


def test_cluster_answers_real_addresses():
    plan = plan_of("cluster")
    assert config_of(plan, "server2", "balancer").alias_base is None
    assert all(node.alias is None for node in plan.nodes)
    assert plan.node("server3").program("balancer") is None


# --- the cluster behind NAT ---------------------------------------------------------------------


def test_nat_separates_two_realms_and_the_lan_has_no_route_into_the_cluster():
    plan = plan_of("cluster-nat")
    assert [network.realm for network in plan.networks] == ["lan", "cluster"]
    for node in ("viewer", "dns", "stranger", "translator"):
        assert routes_of(plan, node) == []
    for node in ("server1", "server2", "server3"):
        assert routes_of(plan, node) == [("0.0.0.0/0", "10.10.10.1")]


def test_nat_servers_have_their_real_address_only():
    plan = plan_of("cluster-nat")
    assert plan.node("server1").interfaces == (
        PlannedInterface("server1-eth0", "cluster", ("10.10.10.100/24",)),
    )
    assert [plan.node(f"server{number}").alias for number in (1, 2, 3)] == [
        "192.168.1.100",
        "192.168.1.101",
        "192.168.1.102",
    ]
    assert plan.owner("192.168.1.102") is None
    assert plan.behind_alias("192.168.1.102") == plan.node("server3")


def test_nat_table_is_the_faqs():
    plan = plan_of("cluster-nat")
    assert config_of(plan, "translator", "nat") == NatConfig(
        device="nat0",
        table=(
            ("192.168.1.100", "10.10.10.100"),
            ("192.168.1.101", "10.10.10.101"),
            ("192.168.1.102", "10.10.10.102"),
        ),
        client_side_address="192.168.1.1",
        server_side_address="10.10.10.1",
    )
    assert plan.node("translator").nat == PlannedNat(
        device="nat0",
        aliases=("192.168.1.100", "192.168.1.101", "192.168.1.102"),
        client_side="translator-eth0",
        server_side="translator-eth1",
    )
    assert plan.node("translator").forwards


def test_nat_load_balancers_answer_aliases_and_probe_all_servers():
    plan = plan_of("cluster-nat")
    assert config_of(plan, "server2", "balancer") == BalancerConfig(
        listen=(Endpoint("10.10.10.101", 53),),
        zone="internet.intern.netz",
        members=(
            Member("server1", 1, ("10.10.10.100",)),
            Member("server2", 2, ("10.10.10.101",)),
            Member("server3", 3, ("10.10.10.102",)),
        ),
        service_port=5900,
        alias_base="192.168.1.100",
        ttl_s=2,
        negative_ttl_s=2,
        answers=0,
        when_none_available=WhenNoneAvailable.NODATA,
        health=HealthCheck(SECOND, 400 * MILLISECOND, 2, 2),
    )


def test_nat_dns_translator_listens_on_the_viewers_side_only():
    translator = config_of(plan_of("cluster-nat"), "translator", "dns-translator")
    assert translator == DnsTranslatorConfig(
        listen=(Endpoint("192.168.1.1", 53),),
        zone="internet.intern.netz",
        servers=BALANCERS,
        timeout_ns=400 * MILLISECOND,
    )
    assert config_of(plan_of("cluster-nat"), "dns", "resolver").forward == (
        ForwardRule("internet.intern.netz", (Endpoint("192.168.1.1", 53),), SECOND),
    )


def test_aliases_of_load_balancers_end_at_the_dns_translator():
    plan = plan_of("cluster-nat-aliases")
    aliases = ("192.168.1.100", "192.168.1.101")
    assert plan.node("translator").nat.dns_aliases == aliases
    listen = config_of(plan, "translator", "dns-translator").listen
    assert [endpoint.address for endpoint in listen] == ["192.168.1.1", *aliases]
    assert config_of(plan, "translator", "dns-translator").foreign_addresses
    (rule,) = config_of(plan, "dns", "resolver").forward
    assert tuple(server.address for server in rule.servers) == aliases


# --- two sites ----------------------------------------------------------------------------------


def test_large_counts_aliases_by_number_not_by_position():
    plan = plan_of("cluster-large")
    aliases = {node.name: node.alias for node in plan.with_role("server")}
    assert aliases == {
        "server1": "192.168.1.100",
        "server2": "192.168.1.101",
        "server3": "192.168.1.102",
        "server5": "192.168.1.104",
        "server7": None,
        "server8": None,
    }


def test_large_balancers_know_their_own_sub_cluster():
    plan = plan_of("cluster-large")
    first, second = (config_of(plan, name, "balancer") for name in ("server1", "server7"))
    assert [member.number for member in first.members] == [1, 2, 3, 5]
    assert [member.number for member in second.members] == [7, 8]
    assert (first.alias_base, second.alias_base) == ("192.168.1.100", None)
    assert second.listen == (Endpoint("10.20.0.7", 53), Endpoint("fd00:20::7", 53))


def test_large_routes_lead_over_the_router_in_both_versions():
    plan = plan_of("cluster-large")
    assert routes_of(plan, "viewer2") == [("0.0.0.0/0", "192.168.2.1"), ("::/0", "fd00:2::1")]
    assert routes_of(plan, "viewer") == [("0.0.0.0/0", "192.168.1.254")]
    assert routes_of(plan, "translator") == [
        ("192.168.2.0/24", "192.168.1.254"),
        ("10.20.0.0/24", "192.168.1.254"),
    ]
    assert [network.realm for network in plan.networks] == ["lan", "cluster", "lan", "lan"]


# --- every shipped topology ---------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_a_plan_is_whole(name):
    plan = plan_of(name)
    interfaces = [one for node in plan.nodes for one in node.interfaces]
    names = [one.name for one in interfaces]
    assert len(names) == len(set(names))
    assert all(len(name) <= 15 for name in names)
    addresses = [address for node in plan.nodes for address in node.addresses()]
    addresses += [node.alias for node in plan.nodes if node.alias]
    assert len(addresses) == len(set(addresses))
    assert plan.source == name


@pytest.mark.parametrize("name", SHIPPED)
def test_every_program_can_be_configured_from_a_file(name, tmp_path):
    for node in plan_of(name).nodes:
        for program in node.programs:
            file = tmp_path / f"{node.name}-{program.name}.toml"
            file.write_text(render_config(program.config), encoding="utf-8")
            assert read_config(file) == program.config


def test_links_override_their_network(tmp_path):
    file = tmp_path / "mine.toml"
    text = (TOPOLOGIES / "cluster.toml").read_text(encoding="utf-8")
    text = text.replace('prefix = "192.168.1.0/24"', 'prefix = "192.168.1.0/24"\ndelay_ms = 2.5')
    text += '\n[[links]]\nnode = "viewer"\nnetwork = "lan"\nrate_mbit = 1.5\n'
    text += '\n[[links]]\nnode = "dns"\nnetwork = "lan"\ndelay_ms = 0\n'
    file.write_text(text, encoding="utf-8")
    plan = make_plan(load_topology(file), "mine")
    speeds = {
        name: (plan.node(name).interfaces[0].delay_ns, plan.node(name).interfaces[0].rate_bit_s)
        for name in ("viewer", "dns", "stranger")
    }
    assert speeds == {
        "viewer": (2_500_000, 1_500_000),
        "dns": (0, 0),
        "stranger": (2_500_000, 0),
    }


# --- faults -------------------------------------------------------------------------------------


def others(plan, program):
    """The plan without the configurations of a program: what a fault must not touch."""
    return replace(
        plan,
        nodes=tuple(
            replace(
                node,
                programs=tuple(
                    replace(one, config=None) if one.name == program else one
                    for one in node.programs
                ),
            )
            for node in plan.nodes
        ),
    )


def test_an_offset_alias_base_is_in_every_load_balancer_and_nowhere_else():
    meant = plan_of("cluster-nat")
    broken = apply_fault(meant, OffsetAliasBase(by=1))
    for name in ("server1", "server2"):
        assert config_of(broken, name, "balancer") == replace(
            config_of(meant, name, "balancer"), alias_base="192.168.1.101"
        )
    assert others(broken, "balancer") == others(meant, "balancer")


def test_a_dropped_nat_entry_leaves_the_alias_claimed():
    meant = plan_of("cluster-nat")
    broken = apply_fault(meant, DropNatEntry(server="server3"))
    assert config_of(broken, "translator", "nat").table == (
        ("192.168.1.100", "10.10.10.100"),
        ("192.168.1.101", "10.10.10.101"),
    )
    assert broken.node("translator").nat == meant.node("translator").nat
    assert others(broken, "nat") == others(meant, "nat")


def test_answers_translated_again_turn_aliases_into_real_addresses():
    meant = plan_of("cluster-nat")
    broken = apply_fault(meant, RewriteAnswers())
    table = config_of(meant, "translator", "nat").table
    assert config_of(broken, "translator", "dns-translator").rewrite == table
    assert others(broken, "dns-translator") == others(meant, "dns-translator")


@pytest.mark.parametrize(
    ("name", "fault", "said"),
    [
        ("cluster", OffsetAliasBase(), "cluster has no load balancer with an alias base"),
        ("single", DropNatEntry(server="server1"), "single has no server 'server1' behind NAT"),
        ("cluster-nat", DropNatEntry(server="serv"), "cluster-nat has no server 'serv' behind NAT"),
        ("cluster", RewriteAnswers(), "cluster has no DNS translator"),
        ("cluster-nat", OffsetAliasBase(by=0), "alias_base off by 0 is no fault"),
        ("cluster-nat", OffsetAliasBase(by=2**32), "192.168.1.100 + 4294967296 is no address"),
    ],
)
def test_a_fault_without_a_place_is_refused(name, fault, said):
    with pytest.raises(FaultNotPossible, match=said.replace("+", r"\+")):
        apply_fault(plan_of(name), fault)
