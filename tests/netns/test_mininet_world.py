"""A Mininet world: its networks, their power and their links."""

from __future__ import annotations

import pytest
from mininet_stage import (
    LAN,
    REAL,
    ask,
    connect,
    live,
    packets_of,
    records_of,
    run,
    topology,
    two_hosts,
)

from lab.observe.sighting import Arp, Icmp, Ip, Mark, Sighting, Tcp
from lab.scenario.packets import datagram
from lab.topology.plan import (
    PlannedInterface,
    PlannedProgram,
)
from lab.worlds.world import Capability
from resolver.config import ServiceConfig
from resolver.config_file import read_config
from resolver.machine import SECOND, Endpoint, Transport

pytestmark = pytest.mark.netns


# --- the whole thing --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["single", "cluster", "cluster-nat", "cluster-nat-aliases"])
def test_a_viewer_finds_and_reaches_a_server(name, tmp_path):
    plan = topology(name)

    def story(world):
        addresses = ask(world, plan.node("viewer").asks[0])
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


def has_ended(sightings):
    """Whether a TCP connection is over on both sides, so that none of its packets is on its way."""
    segments = [
        (each.network.source, each.network.transport)
        for each in sightings
        if each.interface == "viewer-eth0" and isinstance(each.network, Ip)
    ]
    tcp = [(source, each) for source, each in segments if isinstance(each, Tcp)]
    ends = [(source, each) for source, each in tcp if "FIN" in each.flags]
    return len({source for source, _ in ends}) == 2 and all(
        any(
            other != source
            and each.acknowledgement == (end.sequence + len(end.payload) + 1) % 2**32
            for other, each in tcp
        )
        for source, end in ends
    )


def test_the_capture_is_whole_right_and_in_order(tmp_path):
    def story(world):
        world.mark("step", "asks", step="ask")
        assert ask(world, "192.168.1.53")
        sightings = []
        world.on_sighting(sightings.append)
        assert connect(world, "192.168.1.101")
        assert world.run_until(lambda: has_ended(sightings), world.now() + 10 * SECOND)
        world.on_sighting(None)
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


# --- links ------------------------------------------------------------------------------------


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
