"""Where a crowd is put, and what it is refused for."""

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from lab.storm.crowd_plan import plan_crowd
from lab.storm.request import StormRefused
from lab.topology.load import load_topology
from lab.topology.model import Network
from lab.topology.nodes import Bystander, Firewall, Node, Router
from lab.topology.planner import make_plan
from resolver.config import ResolverConfig

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
WITH_CLUSTER = (
    "cluster",
    "cluster-internet",
    "cluster-large",
    "cluster-nat",
    "cluster-nat-aliases",
    "single",
)


def topology(name):
    return load_topology(TOPOLOGIES / f"{name}.toml")


def with_nodes(name, *nodes: Node, **networks: Network):
    whole = topology(name)
    return whole.model_copy(
        update={
            "nodes": (*whole.nodes, *nodes),
            "networks": {**whole.networks, **networks},
        }
    )


def bystander(name, **addresses: str):
    return Bystander(
        name=name, plays="bystander", addresses={net: (each,) for net, each in addresses.items()}
    )


@pytest.mark.parametrize("name", WITH_CLUSTER)
def test_a_crowd_has_a_free_address_and_a_free_prefix(name):
    before = make_plan(topology(name), name)
    crowd = plan_crowd(topology(name), name)
    addresses = [address for node in before.nodes for address in node.addresses()]
    aliases = [node.alias for node in before.nodes if node.alias]
    assert crowd.address not in {*addresses, *aliases}
    prefix = ip_network(crowd.prefix)
    assert prefix.num_addresses > 20_002
    assert not any(ip_address(each) in prefix for each in addresses if ":" not in each)
    networks = [ip_network(each) for net in before.networks for each in net.prefixes]
    assert not any(prefix.overlaps(each) for each in networks if each.version == 4)
    assert [net.name for net in crowd.plan.networks] == [net.name for net in before.networks]
    assert crowd.server_node in {node.name for node in before.nodes}
    node = crowd.plan.node(crowd.node)
    assert (node.role, node.prefixes, node.forwards) == ("crowd", (crowd.prefix,), False)
    assert [each.network for each in node.interfaces] == [crowd.network]


@pytest.mark.parametrize("name", WITH_CLUSTER)
def test_whoever_answers_a_viewer_knows_the_way_back(name):
    crowd = plan_crowd(topology(name), name)
    prefix = ip_network(crowd.prefix)

    def way(node):
        """The longest route there: its next hop."""
        fitting = [
            (ip_network(route.destination).prefixlen, route.via)
            for route in node.routes
            if ":" not in route.destination and prefix.subnet_of(ip_network(route.destination))
        ]
        return max(fitting)[1] if fitting else None

    at = {address: node for node in crowd.plan.nodes for address in node.addresses()}
    for start in crowd.plan.nodes:
        if start.role not in {"resolver", "server", "translator"}:
            continue
        node = start
        for _ in range(10):
            hop = way(node)
            assert hop is not None, f"{start.name}: {node.name} knows no way"
            node = at[hop]
            if node.name == crowd.node:
                break
        assert node.name == crowd.node


def test_taken_prefixes_addresses_and_names_are_left_alone():
    whole = with_nodes(
        "cluster-nat",
        bystander("crowd", bench="198.18.0.9"),
        bystander("last", lan="192.168.1.254"),
        bench=Network(prefix=("198.18.0.0/16",)),
        viewers=Network(prefix=("198.19.0.0/17",)),
    )
    crowd = plan_crowd(whole, "taken")
    assert (crowd.node, crowd.address, crowd.prefix) == (
        "crowd2",
        "192.168.1.253",
        "198.19.128.0/17",
    )
    assert crowd.plan.node("crowd2").interfaces[0].name == "crowd2-eth0"
    assert {net.name for net in crowd.plan.networks} == {"lan", "cluster", "bench", "viewers"}


def test_an_alias_is_nobodys_free_address():
    whole = topology("cluster-nat")
    parts = whole.the_cluster().sub_clusters
    part = parts[0].model_copy(update={"alias_base": "192.168.1.252"})
    cluster = whole.the_cluster().model_copy(update={"sub_clusters": (part,)})
    crowd = plan_crowd(whole.model_copy(update={"cluster": cluster}), "high")
    assert crowd.address == "192.168.1.251"


def test_a_dns_server_for_some_networks_is_opened_to_the_crowd_and_that_is_said():
    whole = topology("cluster-nat")
    nodes = tuple(
        node.model_copy(update={"recursion_for": ("192.168.1.0/24",)})
        if node.name == "dns"
        else node
        for node in whole.nodes
    )
    crowd = plan_crowd(whole.model_copy(update={"nodes": nodes}), "closed")
    config = crowd.plan.node("dns").programs[0].config
    assert isinstance(config, ResolverConfig)
    assert config.recursion_for == ("192.168.1.0/24", crowd.prefix)
    assert f"dns: recursion_for widened by {crowd.prefix}" in crowd.changes
    open_to_all = plan_crowd(whole, "open")
    assert not any("widened" in change for change in open_to_all.changes)


def test_nothing_to_connect_to_is_refused():
    with pytest.raises(StormRefused, match="forwarders: it has no cluster"):
        plan_crowd(topology("forwarders"), "forwarders")


def test_nobody_to_stand_beside_is_refused():
    whole = topology("cluster")
    nodes = tuple(node for node in whole.nodes if node.plays != "viewer")
    with pytest.raises(StormRefused, match="nobody plays a viewer"):
        plan_crowd(whole.model_copy(update={"nodes": nodes}), "empty")


def test_no_room_is_refused():
    everything = ("198.18.0.0/15", "100.64.0.0/10", "10.0.0.0/8", "172.16.0.0/12")
    networks = {f"net{n}": Network(prefix=(each,)) for n, each in enumerate(everything)}
    with pytest.raises(StormRefused, match="no /17 of"):
        plan_crowd(with_nodes("cluster-nat", **networks), "full")


def test_a_full_network_is_refused():
    everywhere = Bystander(
        name="everywhere",
        plays="bystander",
        addresses={"lan": tuple(f"192.168.1.{n}" for n in range(1, 255))},
    )
    with pytest.raises(StormRefused, match="network lan has no free IPv4 address"):
        plan_crowd(with_nodes("single", everywhere), "full")


def test_a_firewall_that_knows_the_viewer_by_address_is_refused():
    wall = Router(
        name="wall",
        plays="router",
        addresses={"lan": ("192.168.1.7",), "out": ("203.0.113.1",)},
        firewall=Firewall(outside="out", dns_only_from=("192.168.1.10",)),
    )
    out = Network(prefix=("203.0.113.0/24",))
    with pytest.raises(StormRefused, match="wall's firewall lets viewer ask outside"):
        plan_crowd(with_nodes("cluster-nat", wall, out=out), "walled")
