"""The Internet that follows from a list of zones: its nodes, and that every zone can be found."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lab.topology.checks import problems_of
from lab.topology.internet import with_internet
from lab.topology.load import load_topology
from lab.topology.model import Topology
from lab.topology.planner import make_plan
from resolver.config import HostedZone, ResolverConfig, RootHint, Selection
from resolver.dns.names import ROOT, depth, is_at_or_below
from resolver.dns.records import Type
from resolver.dns.zones import Found, Missing, Referral, Zone, Zones
from resolver.machine import Endpoint

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
ZONES = {
    "example.com": {"servers": 2, "records": "www 300 IN A 198.51.100.80\n"},
    "example.net": {"hosted_by": "example.com", "records": "www 300 IN A 198.51.100.180\n"},
}


def topology(zones, prefix="203.0.113.0/24", nodes=()):
    raw = {
        "format": 1,
        "title": "an Internet",
        "networks": {"internet": {"prefix": prefix}},
        "internet": {"network": "internet", "zones": zones},
        "nodes": [
            {
                "name": "viewer",
                "plays": "viewer",
                "asks": "dns",
                "addresses": {"internet": "203.0.113.2"},
            },
            {
                "name": "dns",
                "plays": "resolver",
                "recursion": True,
                "addresses": {"internet": "203.0.113.3"},
            },
            *nodes,
        ],
    }
    return Topology.model_validate(raw)


def plan_of(zones, **more):
    made = topology(zones, **more)
    assert problems_of(made) == ()
    return make_plan(made, "test")


def servers(plan):
    """Address to the zones of the authoritative server there."""
    return {
        address: Zones(node.program("authority").config.zones)
        for node in plan.with_role("authority")
        for address in node.addresses()
    }


def test_names_labels_and_addresses_are_as_documented():
    plan = plan_of(ZONES)
    assert [
        (node.name, node.label, node.addresses(), [zone.origin for zone in zones_at(node)])
        for node in plan.with_role("authority")
    ] == [
        ("root", "root server", ("203.0.113.10",), ["."]),
        ("com", "name server of com", ("203.0.113.20",), ["com"]),
        ("net", "name server of net", ("203.0.113.21",), ["net"]),
        *(
            (
                f"example{number}",
                f"name server of example.com, {number}",
                (f"203.0.113.{39 + number}",),
                ["example.com", "example.net"],
            )
            for number in (1, 2)
        ),
    ]


def zones_at(node):
    return node.program("authority").config.zones


def test_an_authority_has_zones_and_serves_nobody_else():
    (zone,) = zones_at(plan_of(ZONES).node("com"))
    assert plan_of(ZONES).node("com").program("authority").config == ResolverConfig(
        listen=(Endpoint("203.0.113.20", 53),),
        zones=(zone,),
        selection=Selection.ALL,
        recursion_for=(),
    )


def test_delegations_have_glue_where_it_helps_and_only_there():
    plan = plan_of(ZONES)
    com, net = Zone(zones_at(plan.node("com"))[0]), Zone(zones_at(plan.node("net"))[0])
    with_glue, without = (
        com.look_up("www.example.com", Type.A),
        net.look_up("www.example.net", Type.A),
    )
    assert [record.target for record in with_glue.authority] == [
        "ns1.example.com",
        "ns2.example.com",
    ]
    assert [record.name for record in with_glue.additional] == [
        "ns1.example.com",
        "ns2.example.com",
    ]
    assert [record.target for record in without.authority] == [
        "ns1.example.com",
        "ns2.example.com",
    ]
    assert without.additional == ()


def test_whoever_recurses_begins_at_the_root_servers():
    hints = (RootHint("a.root-servers", ("203.0.113.10",)),)
    assert plan_of(ZONES).node("dns").program("resolver").config.root_hints == hints


def test_a_zone_added_at_the_end_moves_no_other_server():
    before = {node.name: node.addresses() for node in plan_of(ZONES).nodes}
    after = {node.name: node.addresses() for node in plan_of({**ZONES, "last.org": {}}).nodes}
    assert before.items() <= after.items()
    assert after.keys() - before.keys() == {"org", "last"}


def test_addresses_that_are_written_are_nobody_elses():
    bystander = {
        "name": "there",
        "plays": "bystander",
        "addresses": {"internet": "203.0.113.40"},
    }
    plan = plan_of({**ZONES, "com": {"addresses": ["203.0.113.10"]}}, nodes=[bystander])
    assert plan.node("root").addresses() == ("203.0.113.11",)
    assert plan.node("com").addresses() == ("203.0.113.10",)
    assert plan.node("example1").addresses() == ("203.0.113.41",)


def test_ipv6_addresses_read_like_the_others():
    plan = plan_of(
        {**ZONES, "six.org": {"addresses": ["2001:db8::6"]}},
        prefix=["203.0.113.0/24", "2001:db8::/64"],
    )
    assert plan.node("example2").addresses() == ("203.0.113.41", "2001:db8::41")
    assert plan.node("six").addresses() == ("2001:db8::6",)


def test_a_written_soa_takes_the_place_of_the_other():
    plan = plan_of({"example.com": {"records": "@ 7 IN SOA ns1 me 1 2 3 4 9\n"}})
    (zone,) = zones_at(plan.node("example"))
    found = Zone(zone).look_up("nope.example.com", Type.A)
    assert isinstance(found, Missing)
    assert [record.ttl for record in found.authority] == [7]


def test_generating_twice_is_generating_once():
    once = with_internet(topology(ZONES))
    assert with_internet(once) == once


@pytest.mark.parametrize(
    "name", ["forwarders", "conditional", "recursion", "recursion-ipv6", "hosted"]
)
def test_shipped_internets_need_no_more_nodes_than_start_quickly(name):
    plan = make_plan(load_topology(TOPOLOGIES / f"{name}.toml"), name)
    assert len(plan.nodes) <= 16


# --- any Internet -----------------------------------------------------------------------------

_LABELS = st.sampled_from(["a", "b", "c", "d", "alpha", "beta", "x-ray"])


@st.composite
def internets(draw):
    """Zones of any depth, some on the servers of others."""
    names = draw(
        st.lists(
            st.lists(_LABELS, min_size=1, max_size=4).map(".".join),
            min_size=1,
            max_size=8,
            unique=True,
        )
    )
    zones, owners = {}, [ROOT]
    for position, name in enumerate(names):
        zone = {"records": f"leaf{position} IN A 198.51.100.{position}\n", "node": f"n{position}x"}
        if draw(st.booleans()):
            zone = {"records": zone["records"], "hosted_by": draw(st.sampled_from(owners))}
        else:
            owners.append(name)
            zone["servers"] = draw(st.integers(1, 3))
        zones[name] = zone
    for name in {name.rpartition(".")[2] for name in names} - zones.keys():
        zones[name] = {"hosted_by": ROOT}
    return zones


def resolve(name, rtype, at, roots, patience=30):
    """Follow referrals from the root, in the plainest way: the reference the zones must satisfy.
    `at`: the zones at each address."""
    asked = roots
    for left in range(patience, 0, -1):
        found = at[asked].closest(name)
        assert found is not None, f"{asked} is lame for {name}"
        answer = found.look_up(name, rtype)
        if isinstance(answer, Found):
            return answer.answers[0].rdata
        assert isinstance(answer, Referral), f"{name} {rtype} is missing at {asked}"
        if answer.additional:
            asked = str(ip_address(answer.additional[0].rdata))
        else:
            target = answer.authority[0].target
            asked = str(ip_address(resolve(target, Type.A, at, roots, left - 1)))
    raise AssertionError(f"{name} leads from referral to referral")


def is_found(name, position, at, roots):
    try:
        return resolve(name, Type.A, at, roots) == ip_address(f"198.51.100.{position}").packed
    except AssertionError:
        return False


@given(zones=internets())
@example(
    zones={
        "b.c": {"records": "leaf0 IN A 198.51.100.0", "node": "bc"},
        "d.a": {"records": "leaf1 IN A 198.51.100.1", "node": "da"},
        "a": {"records": "leaf2 IN A 198.51.100.2", "hosted_by": "b.c"},
        "c": {"records": "leaf3 IN A 198.51.100.3", "hosted_by": "d.a"},
    }
)
@settings(max_examples=80, deadline=None)
def test_an_internet_is_refused_or_every_name_in_it_is_found_from_the_root(zones):
    made = topology(zones)
    problems = problems_of(made)
    assert all("found only through this zone" in problem.wrong for problem in problems)
    plan = make_plan(made, "test")
    (hint,) = plan.node("dns").program("resolver").config.root_hints
    at = servers(plan)
    leaves = [
        is_found(f"leaf{position}.{name}", position, at, hint.addresses[0])
        for position, (name, zone) in enumerate(zones.items())
        if "leaf" in zone.get("records", "")
    ]
    assert all(leaves) is not bool(problems)
    names = [node.name for node in plan.nodes]
    assert len(names) == len(set(names))
    given_out = [address for node in plan.nodes for address in node.addresses()]
    assert len(given_out) == len(set(given_out))
    assert all(ip_address(address) in ip_network("203.0.113.0/24") for address in given_out)


@given(zones=internets())
@settings(max_examples=30, deadline=None)
def test_zones_of_any_internet_are_delegated_by_the_closest_zone_above(zones):
    plan = make_plan(topology(zones), "test")
    texts: dict[str, HostedZone] = {
        zone.origin: zone for node in plan.with_role("authority") for zone in zones_at(node)
    }
    for origin in texts.keys() - {ROOT}:
        above = [other for other in texts if other != origin and is_at_or_below(origin, other)]
        parent = Zone(texts[max(above, key=depth)])
        assert isinstance(parent.look_up(origin, Type.NS), Referral)
