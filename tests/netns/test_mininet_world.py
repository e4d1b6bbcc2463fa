"""The Mininet world: what a plan promises is there, and what a scenario does to it happens."""

from __future__ import annotations

import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from lab.observe.pcapng import read_records
from lab.observe.sighting import Arp, Icmp, Ip, Mark, Sighting, Tcp, Udp
from lab.scenario.actors import ServiceCall, StubQuestion
from lab.scenario.model import Script
from lab.scenario.packets import datagram, question
from lab.scenario.peers import ScriptedServer
from lab.topology.load import load_topology
from lab.topology.plan import (
    Plan,
    PlannedInterface,
    PlannedNetwork,
    PlannedNode,
    PlannedProgram,
    PlannedRoute,
)
from lab.topology.planner import make_plan
from lab.worlds.isolation import Isolated, IsolationFailed, run_isolated
from lab.worlds.mininet import MininetWorld
from lab.worlds.mininet_commands import has_discipline
from lab.worlds.mininet_next_hop import next_hop
from lab.worlds.world import Capability, WorldBroken, WorldUnavailable
from resolver.config import ServiceConfig
from resolver.config_file import read_config
from resolver.machine import SECOND, Endpoint, Transport

pytestmark = pytest.mark.netns

ROOT = Path(__file__).parents[2]
NAME = "internet.intern.netz"
LAN = ("viewer-eth0", "dns-eth0", "translator-eth0", "stranger-eth0")
REAL = bytes([10, 10, 10])


def topology(name):
    return make_plan(load_topology(ROOT / "topologies" / f"{name}.toml"), name)


def two_hosts(first=None, addresses=("10.0.0.2/24",), programs=()):
    first = first or PlannedInterface("a-eth0", "lan", ("10.0.0.1/24",))
    second = PlannedInterface("b-eth0", "lan", addresses)
    return Plan(
        title="two hosts",
        source="test",
        networks=(PlannedNetwork("lan", ("10.0.0.0/24", "fd00::/64"), "s1", "lan"),),
        nodes=(
            PlannedNode("a", "A", "viewer", (first,), (), ()),
            PlannedNode("b", "B", "bystander", (second,), (), tuple(programs)),
        ),
        cluster_name=None,
        service_port=5900,
    )


def live(plan, folder, story):
    """Tell a story in a world of its own, and return what it returned."""

    def life():
        world = MininetWorld(plan, out=folder, seed=7)
        try:
            world.start()
            return story(world)
        finally:
            world.stop()

    return run_isolated(life, timeout_s=60)


def ask(world, server, transport=Transport.UDP, node="viewer", patience_s=3.0):
    payload = question(NAME, "A", 4711)
    actor = StubQuestion(Endpoint(server, 53), payload, transport, int(patience_s * SECOND))
    world.attach(node, actor)
    world.run_until(lambda: actor.finished, world.now() + 10 * SECOND)
    world.detach(actor)
    return actor.addresses


def connect(world, address, port=5900, node="viewer"):
    call = ServiceCall(Endpoint(address, port), 3 * SECOND)
    world.attach(node, call)
    world.run_until(lambda: call.finished, world.now() + 10 * SECOND)
    world.detach(call)
    return call.finished


def run(world, node, command, limit_s=15):
    """Run a command on a node while the world lives on; its exit status and output."""
    process = world.net.get(node).popen(command.split(), stderr=subprocess.STDOUT, text=True)
    deadline = world.now() + limit_s * SECOND
    # The end of a process is no event of the world's loop, so look now and then.
    while process.poll() is None and world.now() < deadline:
        world.run_until(lambda: process.poll() is not None, world.now() + SECOND // 100)
    process.kill()
    return process.wait(), process.stdout.read()


def records_of(folder):
    return list(read_records(folder / "capture.pcapng"))


def packets_of(folder, interfaces=()):
    return [
        record
        for record in records_of(folder)
        if isinstance(record, Sighting)
        and isinstance(record.network, Ip)
        and (not interfaces or record.interface in interfaces)
    ]


# --- the whole thing --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["single", "cluster", "cluster-nat", "cluster-nat-aliases"])
def test_a_viewer_finds_and_reaches_a_server(name, tmp_path):
    plan = topology(name)

    def story(world):
        addresses = ask(world, plan.node("viewer").asks)
        assert addresses
        assert connect(world, addresses[0], plan.service_port)
        return addresses, world.seal()

    addresses, capture = live(plan, tmp_path, story)
    assert capture.frames_lost == 0
    assert capture.problems == ()
    assert abs(capture.clock_step_ns) < SECOND
    assert capture.path == tmp_path / "capture.pcapng"
    packets = packets_of(tmp_path)
    greetings = [
        packet.network.transport.payload
        for packet in packets
        if packet.interface == "viewer-eth0"
        and isinstance(packet.network.transport, Tcp)
        and packet.network.transport.payload
    ]
    server = plan.behind_alias(addresses[0]) or plan.owner(addresses[0])
    assert greetings == [f"{server.name}\n".encode()]


def test_the_capture_is_whole_right_and_in_order(tmp_path):
    def story(world):
        world.mark("step", "asks", step="ask")
        assert ask(world, "192.168.1.53")
        assert connect(world, "192.168.1.101")
        world.mark("step", "done")
        world.seal()

    live(topology("cluster-nat"), tmp_path, story)
    records = records_of(tmp_path)
    assert [record.number for record in records] == list(range(1, len(records) + 1))
    stamps = [record.at for record in records]
    assert stamps == sorted(stamps)
    marks = [record for record in records if isinstance(record, Mark)]
    assert [(mark.kind, mark.text, mark.fields) for mark in marks] == [
        ("step", "asks", {"step": "ask"}),
        ("step", "done", {}),
    ]
    seen = [record for record in records if isinstance(record, Sighting)]
    assert {record.interface for record in seen} >= {"viewer-eth0", "translator-eth1", "nat0"}
    assert all(record.network is not None for record in seen)
    for packet in packets_of(tmp_path):
        assert packet.network.checksum_right, packet
        if packet.network.transport is not None:
            assert packet.network.transport.checksum_right, packet
        assert packet.network.length <= 1500
    # Each interface sees each packet once.
    keys = [(s.interface, s.outgoing, s.at, s.network) for s in seen]
    assert len(keys) == len(set(map(repr, keys)))
    # What leaves one interface of a network enters another: no packet is lost or doubled.
    departures = [p.network.raw for p in packets_of(tmp_path, LAN) if p.outgoing]
    arrivals = [p.network.raw for p in packets_of(tmp_path, LAN) if not p.outgoing]
    assert sorted(departures) == sorted(arrivals)


def test_no_real_address_reaches_the_lan(tmp_path):
    def story(world):
        assert ask(world, "192.168.1.53")
        assert connect(world, "192.168.1.102")
        world.set_power("server3", on=False)
        # Nobody answers ARP for server3 now: the translator's kernel reports it to the viewer.
        status, words = run(world, "translator", "ip neighbour flush all")
        assert status == 0, words
        source = Endpoint("192.168.1.10", 40000)
        reports = []
        world.on_sighting(
            lambda seen: (
                reports.append(seen)
                if seen.interface == "viewer-eth0"
                and isinstance(seen.network, Ip)
                and isinstance(seen.network.transport, Icmp)
                else None
            )
        )
        packet = datagram(source, Endpoint("192.168.1.102", 9))
        world.transmit("viewer", "viewer-eth0", packet)
        assert world.run_until(lambda: bool(reports), world.now() + 10 * SECOND)
        world.seal()
        return [(each.network.source, each.network.transport) for each in reports]

    ((source, report),) = live(topology("cluster-nat"), tmp_path, story)
    assert source == "192.168.1.1"
    assert (report.type, report.code) == (3, 1)  # host unreachable
    assert report.embedded.destination == "192.168.1.102"
    on_lan = packets_of(tmp_path, LAN)
    assert on_lan
    assert not [packet for packet in on_lan if REAL in packet.network.raw]


def test_port_53_of_an_alias_ends_at_the_translator_and_no_other_port(tmp_path):
    def story(world):
        udp = ask(world, "192.168.1.101")
        tcp = ask(world, "192.168.1.101", Transport.TCP)
        assert connect(world, "192.168.1.101")
        world.seal()
        return udp, tcp

    udp, tcp = live(topology("cluster-nat-aliases"), tmp_path, story)
    assert len(udp) == len(tcp) == 3
    through_nat = packets_of(tmp_path, ["nat0"])
    assert through_nat  # the connection
    ports = {packet.network.transport.destination_port for packet in through_nat}
    ports |= {packet.network.transport.source_port for packet in through_nat}
    assert 5900 in ports
    assert 53 not in ports


def test_no_arp_request_has_to_be_repeated(tmp_path):
    def story(world):
        assert ask(world, "192.168.1.53")
        assert connect(world, "192.168.1.100")
        world.seal()

    live(topology("cluster-nat"), tmp_path, story)
    requests = [
        (record.interface, record.network.sender, record.network.target)
        for record in records_of(tmp_path)
        if isinstance(record, Sighting)
        and isinstance(record.network, Arp)
        and record.network.operation == 1
        and record.outgoing
    ]
    assert ("viewer-eth0", "192.168.1.10", "192.168.1.53") in requests
    assert ("viewer-eth0", "192.168.1.10", "192.168.1.100") in requests  # the proxy answers it
    assert len(requests) == len(set(requests))


def test_every_program_leaves_its_configuration_and_its_journal(tmp_path):
    plan = topology("cluster-nat")
    live(plan, tmp_path, lambda world: world.seal() and None)
    for node in plan.nodes:
        for program in node.programs:
            folder = tmp_path / node.name
            assert read_config(folder / f"{program.name}.toml") == program.config
            assert "ProgramReady" in (folder / f"{program.name}.stderr").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {
        "capture.pcapng",
        *(node.name for node in plan.nodes if node.programs),
    }


# --- power ------------------------------------------------------------------------------------


def test_a_node_without_power_is_silent_and_goes_on_afterwards(tmp_path):
    def story(world):
        assert ask(world, "192.168.1.53")
        before = run(world, "dns", "cat /proc/net/route")[1]
        world.set_power("dns", on=False)
        world.mark("off", "")
        assert ask(world, "192.168.1.53", patience_s=0.5) == ()
        run(world, "dns", "ping -c1 -W1 192.168.1.10")
        world.mark("on", "")
        world.set_power("dns", on=True)
        assert run(world, "dns", "cat /proc/net/route")[1] == before
        assert ask(world, "192.168.1.53")
        assert world.seal().problems == ()

    live(topology("cluster-nat"), tmp_path, story)
    records = records_of(tmp_path)
    (off,) = (place for place, each in enumerate(records) if getattr(each, "kind", "") == "off")
    (on,) = (place for place, each in enumerate(records) if getattr(each, "kind", "") == "on")
    silent = records[off:on]
    assert any(getattr(each, "interface", "") == "viewer-eth0" for each in silent)  # it asks ARP
    assert not [each for each in silent if getattr(each, "node", "") == "dns"]
    assert [each for each in records[on:] if getattr(each, "node", "") == "dns"]


def test_power_of_several_nodes_comes_and_goes_independently(tmp_path):
    def story(world):
        world.set_power("server1", on=False)
        world.set_power("server2", on=False)
        world.set_power("server2", on=True)
        assert connect(world, "192.168.1.101")
        world.set_power("server1", on=True)
        assert connect(world, "192.168.1.100")

    live(topology("cluster-nat"), tmp_path, story)


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


# --- links ------------------------------------------------------------------------------------


def test_a_delay_is_there_or_the_world_says_what_is_missing(tmp_path):
    slow = PlannedInterface("a-eth0", "lan", ("10.0.0.1/24",), delay_ns=30_000_000)
    plan = two_hosts(slow)
    if Capability.LINK_DELAY in run_isolated(
        lambda: MininetWorld(plan, out=tmp_path, seed=1).capabilities, timeout_s=20
    ):

        def story(world):
            run(world, "a", "ping -c3 -i0.2 10.0.0.2")
            world.seal()

        live(plan, tmp_path, story)
        sent, came = (
            [p.at for p in packets_of(tmp_path, [name]) if p.network.destination == "10.0.0.2"]
            for name in ("a-eth0", "b-eth0")
        )
        assert all(b - a >= 30_000_000 for a, b in zip(sent, came, strict=True))
    else:
        with pytest.raises(IsolationFailed, match=r"WorldUnavailable: .*netem.*modprobe sch_netem"):
            live(plan, tmp_path, lambda _world: None)


def test_a_rate_is_there_and_can_be_told(tmp_path):
    limited = PlannedInterface("a-eth0", "lan", ("10.0.0.1/24",), rate_bit_s=8_000_000)
    plan = two_hosts(limited)
    if not run_isolated(lambda: has_discipline("tbf", "rate 1mbit burst 3028 latency 1s")):
        with pytest.raises(IsolationFailed, match="WorldUnavailable"):
            live(plan, tmp_path, lambda _world: None)
        return
    words = live(plan, tmp_path, lambda world: run(world, "a", "tc qdisc show")[1])
    assert "tbf" in words
    assert "rate 8Mbit" in words


def test_ipv6_works_at_once(tmp_path):
    plan = two_hosts(
        PlannedInterface("a-eth0", "lan", ("fd00::1/64",)),
        addresses=("fd00::2/64",),
        programs=[PlannedProgram("service", ServiceConfig((Endpoint("fd00::2", 5900),), "b"))],
    )

    def story(world):
        assert Capability.IPV6 in world.capabilities
        assert connect(world, "fd00::2", node="a")
        world.seal()

    live(plan, tmp_path, story)
    payloads = {
        packet.network.transport.payload
        for packet in packets_of(tmp_path, ["a-eth0"])
        if isinstance(packet.network.transport, Tcp)
    }
    assert b"b\n" in payloads


# --- beginning and end ------------------------------------------------------------------------


def test_stopping_removes_everything_and_may_be_repeated(tmp_path):
    def life():
        world = MininetWorld(topology("cluster-nat"), out=tmp_path, seed=1)
        world.start()
        before = len(list(Path("/proc").glob("[0-9]*")))
        world.stop()
        world.stop()
        left = {path.name for path in Path("/proc").glob("[0-9]*")}
        return before, left, {path.name for path in Path("/sys/class/net").iterdir()}

    before, left, interfaces = run_isolated(life, timeout_s=30)
    assert before > 15
    assert left == {"1", "2"}
    assert interfaces == {"lo"}


def test_a_world_can_be_built_again_where_one_was(tmp_path):
    def life():
        for turn in range(3):
            world = MininetWorld(two_hosts(), out=tmp_path / str(turn), seed=1)
            world.start()
            assert run(world, "a", "ping -c1 -W1 10.0.0.2")[0] == 0
            world.stop()

    run_isolated(life, timeout_s=30)


def test_a_plan_the_kernel_refuses_is_named_line_and_all(tmp_path):
    plan = two_hosts()
    a, b = plan.nodes
    wrong = replace(plan, nodes=(replace(a, routes=(PlannedRoute("0.0.0.0/0", "10.9.9.9"),)), b))

    def life():
        world = MininetWorld(wrong, out=tmp_path, seed=1)
        try:
            world.start()
        except WorldBroken as error:
            return str(error)
        finally:
            world.stop()
        return ""

    said = run_isolated(life, timeout_s=30)
    assert said.startswith("a: `ip route replace 0.0.0.0/0 via 10.9.9.9`: ")
    assert "\n" not in said


def test_the_same_seed_gives_the_same_addresses_on_the_wire(tmp_path):
    plan = two_hosts()

    def look(world):
        return run(world, "a", "cat /sys/class/net/a-eth0/address")[1]

    first = live(plan, tmp_path / "1", look)
    assert first == live(plan, tmp_path / "2", look)
    assert first.startswith("02:")


def test_mininets_own_ways_work(tmp_path):
    def story(world):
        net = world.net
        assert "a-eth0" in net.get("a").cmd("ip -br link")
        assert net["a"].pexec("ip -br address show dev a-eth0")[0].split()[2] == "10.0.0.1/24"
        assert net.ping(timeout=2) == 0.0
        assert net.get("a").IP() == "10.0.0.1"
        assert net.get("a").MAC().startswith("02:")
        assert [node.name for node in net.switches] == ["s1"]
        from mininet.cli import CLI

        script = tmp_path / "script"
        script.write_text("nodes\nnet\na ip address > " + str(tmp_path / "said") + "\n")
        with Path(os.devnull).open() as nobody:
            CLI(net, stdin=nobody, script=str(script))
        return (tmp_path / "said").read_text()

    assert "10.0.0.1/24" in live(two_hosts(), tmp_path, story)


def test_a_person_can_enter_a_node_from_the_host(tmp_path):
    reader, told = os.pipe()

    def life():
        world = MininetWorld(two_hosts(), out=tmp_path, seed=1)
        world.start()
        os.write(told, "\n".join(world.entrances()).encode())
        os.close(told)
        world.run_until(lambda: False, world.now() + 600 * SECOND)

    isolated = Isolated(life)
    os.close(told)
    try:
        entrances = os.read(reader, 4000).decode().splitlines()
        assert [line.split("# ")[1] for line in entrances] == ["a", "b"]
        command = shlex.split(entrances[1], comments=True)
        assert command.pop() == "bash"
        seen = subprocess.run(
            [*command, "ip", "-br", "address"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout
        assert "b-eth0" in seen
        assert "10.0.0.2/24" in seen
    finally:
        isolated.kill()
        os.close(reader)


CALLER = """
import os, sys
from pathlib import Path
from lab.topology.load import load_topology
from lab.topology.planner import make_plan
from lab.worlds.isolation import Isolated
from lab.worlds.mininet import MininetWorld

plan = make_plan(load_topology(Path(sys.argv[1])), "x")

def life():
    print("space", os.readlink("/proc/self/ns/net"), flush=True)
    while True:
        world = MininetWorld(plan, out=Path(sys.argv[2]), seed=1)
        world.start()
        for descriptor in world.net.namespaces.values():
            print("space", os.readlink(f"/proc/self/fd/{descriptor}"), flush=True)
        world.run_until(lambda: False, world.now() + 10**8)
        world.stop()

Isolated(life).result()
"""


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.12, 0.2, 0.3, 0.45, 0.6])
def test_killing_the_caller_at_any_moment_of_a_worlds_life_leaves_nothing(delay_s, tmp_path):
    mark = f"forwardlab-{uuid.uuid4()}"
    code = [sys.executable, "-c", CALLER, str(ROOT / "topologies/cluster-nat.toml"), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MARK": mark}
    with subprocess.Popen(code, stdout=subprocess.PIPE, text=True, env=environment) as caller:
        assert select.select([caller.stdout], [], [], 30)[0]
        time.sleep(delay_s)
        caller.kill()
        words = caller.stdout.read()
    spaces = set(re.findall(r"net:\[\d+\]", words))
    assert spaces
    deadline = time.monotonic() + 2
    while left := _left(mark, spaces):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def _left(mark, spaces):
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                found.append((entry.name, (entry / "cmdline").read_bytes()))
            if str((entry / "ns/net").readlink()) in spaces:
                found.append((entry.name, "in a namespace of the world"))
        except OSError:
            continue
    return found


def test_without_mnexec_the_world_says_what_to_install(tmp_path, monkeypatch):
    assert shutil.which("mnexec")
    monkeypatch.setenv("PATH", str(tmp_path))
    world = MininetWorld(two_hosts(), out=tmp_path, seed=1)
    with pytest.raises(WorldUnavailable, match="apt-get install"):
        world.start()
    world.stop()
