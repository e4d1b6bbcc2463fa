"""Mistakes made with DNS servers and firewalls change what they say and nothing else."""

from dataclasses import replace

import pytest
from shipped import ROOT

from lab.scenario.model import (
    FallBackToRecursion,
    GoOnAfter,
    MistypeTimeout,
    OmitForward,
    OmitZone,
    OpenFirewall,
    TurnForwardersRound,
)
from lab.topology.faults import FaultNotPossible, apply_fault
from lab.topology.load import load_topology
from lab.topology.planner import make_plan
from resolver.config import ResolverConfig
from resolver.machine import SECOND


def plan_of(name):
    return make_plan(load_topology(ROOT / "topologies" / f"{name}.toml"), name)


def config_of(plan, node):
    return plan.node(node).program("resolver").config


def with_config(plan, node, config: ResolverConfig):
    """The plan with another configuration of one node's DNS server."""
    nodes = []
    for each in plan.nodes:
        programs = tuple(
            replace(p, config=config) if each.name == node and p.name == "resolver" else p
            for p in each.programs
        )
        nodes.append(replace(each, programs=programs))
    return replace(plan, nodes=tuple(nodes))


def rules_changed(config, zone, **fields):
    return replace(
        config,
        forward=tuple(replace(r, **fields) if r.zone == zone else r for r in config.forward),
    )


@pytest.mark.parametrize(
    ("fault", "fields"),
    [
        (MistypeTimeout(zone="Corp.internal.", timeout_s=9), {"timeout_ns": 9 * SECOND}),
        (FallBackToRecursion(zone="corp.internal"), {"recursion": True}),
    ],
)
def test_one_rule_is_mistaken(fault, fields):
    meant = plan_of("conditional")
    config = rules_changed(config_of(meant, "dns"), "corp.internal", **fields)
    assert apply_fault(meant, fault) == with_config(meant, "dns", config)


def test_one_rules_servers_are_turned_round():
    meant = plan_of("conditional")
    servers = {rule.zone: rule.servers for rule in config_of(meant, "dns").forward}
    turned = servers["tailspintoys.com"][::-1]
    config = rules_changed(config_of(meant, "dns"), "tailspintoys.com", servers=turned)
    broken = apply_fault(meant, TurnForwardersRound(zone="tailspintoys.com"))
    assert broken == with_config(meant, "dns", config)


def test_one_rule_is_forgotten():
    meant = plan_of("conditional")
    config = config_of(meant, "dns")
    left = tuple(rule for rule in config.forward if rule.zone != "corp.internal")
    broken = apply_fault(meant, OmitForward(zone="corp.internal"))
    assert broken == with_config(meant, "dns", replace(config, forward=left))
    assert len(left) == len(config.forward) - 1


def test_one_zone_is_forgotten():
    meant = plan_of("hosted")
    config = config_of(meant, "dns")
    left = tuple(zone for zone in config.zones if zone.origin != "five.example.com")
    broken = apply_fault(meant, OmitZone(origin="FIVE.example.com"))
    assert broken == with_config(meant, "dns", replace(config, zones=left))
    assert len(left) == len(config.zones) - 1


def test_more_rcodes_lead_on_beside_those_of_the_profile():
    meant = plan_of("forwarders")
    config = replace(config_of(meant, "dns"), next_on_rcodes=frozenset({2, 3, 4, 5}))
    assert apply_fault(meant, GoOnAfter(rcodes=("NXDOMAIN",))) == with_config(meant, "dns", config)
    again = apply_fault(with_config(meant, "dns", config), GoOnAfter(rcodes=("FORMERR",)))
    assert config_of(again, "dns").next_on_rcodes == frozenset({1, 2, 3, 4, 5})


def test_an_open_firewall_is_none():
    meant = plan_of("designated-forwarder")
    broken = apply_fault(meant, OpenFirewall())
    assert meant.node("router").firewall is not None
    assert broken.node("router") == replace(meant.node("router"), firewall=None)
    assert [n for n in broken.nodes if n.name != "router"] == [
        n for n in meant.nodes if n.name != "router"
    ]


@pytest.mark.parametrize(
    ("name", "fault", "said"),
    [
        ("forwarders", OmitForward(zone="x"), "dns of forwarders has no forward rule for 'x'"),
        ("longest-match", TurnForwardersRound(zone="tailspintoys.com"), "to mistake so"),
        ("forwarders", TurnForwardersRound(node="viewer"), "viewer of forwarders has no forward"),
        ("forwarders", MistypeTimeout(timeout_s=1.0), "to mistake so"),
        ("forwarders-recursion", FallBackToRecursion(), "to mistake so"),
        ("hosted", OmitZone(origin="example.com"), "dns of hosted hosts no zone 'example.com'"),
        ("forwarders", GoOnAfter(rcodes=("SERVFAIL",)), "no forwarder to go on to after these"),
        ("forwarders", OpenFirewall(), "forwarders has no firewall on 'router'"),
        ("designated-forwarder", OpenFirewall(node="dns"), "has no firewall on 'dns'"),
    ],
)
def test_a_mistake_without_a_place_is_refused(name, fault, said):
    with pytest.raises(FaultNotPossible, match=said):
        apply_fault(plan_of(name), fault)
