"""What topologies promise beyond addresses, in both worlds: firewalls, and networks of two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from dnslib import DNSRecord

from lab.observe.pcapng import read_records
from lab.observe.sighting import Ip, Sighting
from lab.scenario.actors import StubQuestion
from lab.scenario.model import Script
from lab.scenario.peers import ScriptedServer
from lab.topology.load import load_topology
from lab.topology.planner import make_plan
from lab.worlds.isolation import run_isolated
from lab.worlds.mininet import MininetWorld
from lab.worlds.simulated import SimulatedWorld
from resolver.machine import MILLISECOND, SECOND, Endpoint, Transport

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
WORLDS = [SimulatedWorld, pytest.param(MininetWorld, marks=pytest.mark.netns)]
PATIENCE = 700 * MILLISECOND
ROOT, DESIGNATED, INNER = "203.0.113.10", "10.0.0.53", "192.168.1.53"
WWW2 = "www.fabrikam.corp"
TRANSPORTS = tuple(Transport)


def plan_of(name):
    return make_plan(load_topology(TOPOLOGIES / f"{name}.toml"), name)


def tell(world_of, plan, folder, story):
    """Tell a story in a world of its own, and return what it returned."""

    def life():
        world = world_of(plan, out=folder, seed=7)
        try:
            world.start()
            told = story(world)
            world.seal()
            return told
        finally:
            world.stop()

    return life() if world_of is SimulatedWorld else run_isolated(life, timeout_s=60)


def answered(world, node, server, name, transport=Transport.UDP):
    """Whether a node hears anything from a DNS server; and the addresses it hears."""
    heard = []

    class Ear(StubQuestion):
        def on_message(self, payload):
            heard.append(DNSRecord.parse(payload))
            return super().on_message(payload)

    question = bytes(DNSRecord.question(name).pack())
    ear = Ear(Endpoint(server, 53), question, transport, PATIENCE)
    world.attach(node, ear)
    world.run_until(lambda: ear.finished, world.now() + 5 * SECOND)
    world.detach(ear)
    return (bool(heard), ear.addresses)


def packets_at(folder, interface):
    return [
        record.network
        for record in read_records(folder / "capture.pcapng")
        if isinstance(record, Sighting)
        and record.interface == interface
        and isinstance(record.network, Ip)
    ]


@pytest.mark.parametrize("world_of", WORLDS)
def test_the_firewall_lets_only_the_designated_forwarder_talk_dns_with_the_outside(
    world_of, tmp_path
):
    def story(world):
        through = answered(world, "viewer", INNER, "www.example.com")
        allowed = [answered(world, "forwarder", ROOT, "com", each)[0] for each in TRANSPORTS]
        dropped = [
            answered(world, node, ROOT, "com", each)[0]
            for node in ("viewer", "dns")
            for each in TRANSPORTS
        ]
        inwards = [
            answered(world, "stranger", server, "www.example.com", each)[0]
            for server in (INNER, DESIGNATED)
            for each in TRANSPORTS
        ]
        inside = answered(world, "viewer", DESIGNATED, "www.example.com")
        return through, allowed, dropped, inwards, inside

    through, allowed, dropped, inwards, inside = tell(
        world_of, plan_of("designated-forwarder"), tmp_path, story
    )
    assert through == inside == (True, ("198.51.100.80",))
    assert allowed == [True, True]
    assert dropped == [False, False, False, False]
    assert inwards == [False, False, True, True]
    # Dropped is dropped: it arrives at the router, does not leave it, and nobody is told.
    lan, outside = (packets_at(tmp_path, f"router-eth{position}") for position in (0, 2))
    assert any(one.source == "192.168.1.10" and one.destination == ROOT for one in lan)
    assert not any(one.source.startswith("192.168.1.") for one in outside)
    assert not any(one.source == "192.168.1.1" for one in lan)


@pytest.mark.parametrize("world_of", WORLDS)
def test_without_the_firewall_the_same_questions_pass(world_of, tmp_path):
    plan = plan_of("designated-forwarder")
    plan = replace(plan, nodes=tuple(replace(node, firewall=None) for node in plan.nodes))

    def story(world):
        return [
            answered(world, node, server, "com", each)[0]
            for node, server in (("viewer", ROOT), ("stranger", INNER))
            for each in TRANSPORTS
        ]

    assert tell(world_of, plan, tmp_path, story) == [True, True, True, True]


@pytest.mark.parametrize("world_of", WORLDS)
def test_a_hosts_address_may_be_the_last_of_a_point_to_point_network(world_of, tmp_path):
    # RFC 3021: a /31 has no broadcast address.
    def story(world):
        return answered(world, "viewer", INNER, "toys.widgets.tailspintoys.com")

    told = tell(world_of, plan_of("longest-match"), tmp_path, story)
    assert told == (True, ("198.51.100.22",))
    assert any(one.destination == "172.31.255.255" for one in packets_at(tmp_path, "widgets-eth0"))
    assert packets_at(tmp_path, "tailspin-eth0") == []


@pytest.mark.parametrize("world_of", WORLDS)
def test_a_script_can_play_a_server_of_the_internet(world_of, tmp_path):
    def story(world):
        before = answered(world, "viewer", INNER, "www.example.com")
        peer = ScriptedServer(Script(answers=("192.0.2.7",)))
        world.start_peer("example", "authority", peer, "a liar")
        return before, answered(world, "viewer", INNER, "two.example.com")

    before, after = tell(world_of, plan_of("designated-forwarder"), tmp_path, story)
    assert before == (True, ("198.51.100.80",))
    assert after == (True, ("192.0.2.7",))


@pytest.mark.parametrize("name", ["merger", "recursion-ipv6"])
@pytest.mark.parametrize("world_of", WORLDS)
def test_recursion_begins_at_the_root_that_the_plan_says(world_of, name, tmp_path):
    asked = {
        "merger": [("viewer", "10.1.0.53", "www.example.com"), ("viewer2", "10.2.0.53", WWW2)],
        "recursion-ipv6": [("viewer", INNER, "www.six.com"), ("viewer", "fd00:1::53", "four.com")],
    }[name]

    def story(world):
        return [answered(world, *each)[0] for each in asked]

    assert tell(world_of, plan_of(name), tmp_path, story) == [True, True]
    roots = {"merger": ("root", "inroot"), "recursion-ipv6": ("root",)}[name]
    for root in roots:
        assert packets_at(tmp_path, f"{root}-eth0")
