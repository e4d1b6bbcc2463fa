"""Programs, scripted peers and forgers in a Mininet world."""

from __future__ import annotations

import os
import signal

import pytest
from mininet_stage import (
    ask,
    connect,
    live,
    packets_of,
    records_of,
    run,
    topology,
    two_hosts,
)

from lab.observe.sighting import Ip, Mark, Sighting, Tcp, Udp
from lab.scenario.model import Script
from lab.scenario.packets import datagram
from lab.scenario.peers import ScriptedServer
from lab.topology.plan import (
    PlannedProgram,
)
from lab.worlds.isolation import IsolationFailed
from lab.worlds.mininet_next_hop import next_hop
from lab.worlds.world import WorldBroken
from resolver.config import ServiceConfig
from resolver.machine import SECOND, Endpoint, Transport

pytestmark = pytest.mark.netns


# --- programs and peers -----------------------------------------------------------------------


def test_a_stopped_programs_port_refuses_until_it_is_started_again(tmp_path):
    plan = topology("cluster")

    address = plan.node("server3").addresses()[0]

    def story(world):
        world.stop_program("server3", "service")
        assert connect(world, address)
        world.mark("between", "")
        world.start_program("server3", plan.node("server3").program("service"))
        assert connect(world, address)
        assert world.seal().problems == ()

    live(plan, tmp_path, story)
    records = records_of(tmp_path)
    place = next(n for n, each in enumerate(records) if isinstance(each, Mark))

    def flags(part):
        return {
            flag
            for each in part
            if isinstance(each, Sighting)
            and each.interface == "viewer-eth0"
            and isinstance(each.network, Ip)
            and isinstance(each.network.transport, Tcp)
            and each.network.source == address
            for flag in each.network.transport.flags
        }

    assert "RST" in flags(records[:place])
    assert "PSH" in flags(records[place:])


def test_a_scripted_peer_takes_a_programs_seat_and_gives_it_back(tmp_path):
    plan = topology("cluster")
    balancer = plan.node("server1").addresses()[0]

    def story(world):
        script = Script(answers=("10.9.8.7",))
        world.start_peer("server1", "balancer", ScriptedServer(script), "answers 10.9.8.7")
        assert ask(world, balancer) == ("10.9.8.7",)
        assert ask(world, balancer, Transport.TCP) == ("10.9.8.7",)
        world.start_program("server1", plan.node("server1").program("balancer"))
        assert "10.9.8.7" not in ask(world, balancer)
        assert world.seal().problems == ()

    live(plan, tmp_path, story)
    assert "10.9.8.7" in (tmp_path / "server1/balancer.script").read_text()


def test_a_program_that_dies_by_itself_is_a_problem(tmp_path):
    def story(world):
        status, words = run(world, "dns", "ss -Hlnup sport = :53")
        assert status == 0
        os.kill(int(words.split("pid=")[1].split(",")[0]), signal.SIGSEGV)
        world.run_until(lambda: bool(world._programs.deaths()), world.now() + 5 * SECOND)
        return world.seal().problems

    (problem,) = live(topology("cluster"), tmp_path, story)
    assert problem.startswith("dns: resolver was killed by SIGSEGV by itself: ")


def test_a_program_that_cannot_start_names_itself_and_its_reason(tmp_path):
    config = ServiceConfig((Endpoint("10.0.0.2", 5900), Endpoint("10.0.0.2", 5900)), "b")
    plan = two_hosts(programs=[PlannedProgram("service", config)])
    with pytest.raises(IsolationFailed, match=r"WorldBroken: b: service did not start: .*5900"):
        live(plan, tmp_path, lambda _world: None)


# --- forgeries --------------------------------------------------------------------------------


def test_a_forgery_travels_as_written(tmp_path):
    def story(world):
        seen = []
        world.on_sighting(seen.append)
        forged = datagram(Endpoint("192.168.1.53", 53), Endpoint("192.168.1.10", 7777))
        world.transmit("stranger", "stranger-eth0", forged)
        world.run_until(
            lambda: any(s.interface == "viewer-eth0" for s in seen), world.now() + SECOND
        )
        world.on_sighting(None)
        world.seal()
        return forged, seen

    forged, seen = live(topology("cluster-nat"), tmp_path, story)
    (sent,) = (s for s in seen if s.interface == "stranger-eth0" and isinstance(s.network, Ip))
    (came,) = (
        s
        for s in seen
        if s.interface == "viewer-eth0" and isinstance(s.network, Ip) and not s.outgoing
    )
    assert sent.outgoing
    assert sent.network.raw == came.network.raw == forged
    assert isinstance(came.network.transport, Udp)
    assert "stranger-eth0" in {packet.interface for packet in packets_of(tmp_path)}


def test_the_next_hop_is_who_arp_would_find():
    plan = topology("cluster-nat")
    viewer, server = plan.node("viewer"), plan.node("server1")
    lan, cluster = viewer.interfaces[0], server.interfaces[0]
    dns = next_hop(plan, viewer, lan, "192.168.1.53")
    translator = next_hop(plan, viewer, lan, "192.168.1.1")
    assert dns != translator
    assert next_hop(plan, viewer, lan, "192.168.1.102") == translator  # the proxy
    assert next_hop(plan, server, cluster, "192.168.1.10") == next_hop(
        plan, server, cluster, "10.10.10.1"
    )
    with pytest.raises(WorldBroken, match="neither on lan nor behind a route"):
        next_hop(plan, viewer, lan, "8.8.8.8")
    with pytest.raises(WorldBroken, match=r"nobody on lan has 192\.168\.1\.200"):
        next_hop(plan, viewer, lan, "192.168.1.200")
