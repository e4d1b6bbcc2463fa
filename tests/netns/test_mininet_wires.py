"""Links that get bad in a Mininet world: measured at the interfaces of nodes."""

from __future__ import annotations

import os
import signal
import socket
from itertools import pairwise

import pytest
from mininet_stage import ask, live, packets_of, records_of, run, topology, two_hosts

from lab.observe.sighting import Icmp, Mark, Udp
from lab.scenario.disturbing import Disturbances
from lab.scenario.impairments import Impairment
from lab.scenario.model import Flap, Plug, Unplug
from lab.topology.plan import PlannedInterface
from lab.worlds.child import IsolationFailed
from lab.worlds.mininet_wires import LATE_NS, means_of
from resolver.machine import MILLISECOND, SECOND

PING = "ping -c{count} -i0.002 -s{octets} -W1 10.0.0.2"


def pinged(folder, impairment=None, *, plan=None, direction="out", count=20, octets=56):
    """Ping over the link of `a`, and when each echo request left `a` and came to `b`, by its
    number."""
    plan = plan or two_hosts()

    def story(world):
        if impairment is not None:
            world.impair("a", "a-eth0", direction, impairment)
        run(world, "a", PING.format(count=count, octets=octets))
        capture = world.seal()
        assert capture.problems == ()
        return capture

    may = {"a-eth0": (impairment,)} if impairment else {}
    capture = live(plan, folder, story, may_impair=may)
    # The kernel of this machine may have netem, which does not count.
    assert set(capture.links.values()) <= {"wire", "netem"}
    return tuple(
        [
            (packet.network.transport.sequence, packet.at)
            for packet in packets_of(folder, [name])
            if isinstance(packet.network.transport, Icmp) and packet.network.transport.type == kind
        ]
        for name, kind in (("a-eth0", 8), ("b-eth0", 8), ("b-eth0", 0), ("a-eth0", 0))
    )


def test_a_delay_is_on_the_link_and_in_one_direction_only(tmp_path):
    sent, came, answered, told = pinged(tmp_path, Impairment(delay_ms=30))
    assert len(sent) == len(came) == 20
    late = [there[1] - here[1] for here, there in zip(sent, came, strict=True)]
    assert all(30 * MILLISECOND <= each <= 30 * MILLISECOND + LATE_NS for each in late)
    back = [there[1] - here[1] for here, there in zip(answered, told, strict=True)]
    assert all(each < 30 * MILLISECOND for each in back)


def test_a_delay_of_the_topology_is_there_without_being_asked_for(tmp_path):
    slow = PlannedInterface("a-eth0", "lan", ("10.0.0.1/24",), delay_ns=30 * MILLISECOND)
    sent, came, _, _ = pinged(tmp_path, plan=two_hosts(slow))
    assert all(b[1] - a[1] >= 30 * MILLISECOND for a, b in zip(sent, came, strict=True))


def test_a_rate_of_the_topology_holds(tmp_path):
    limited = PlannedInterface("a-eth0", "lan", ("10.0.0.1/24",), rate_bit_s=1_000_000)

    def story(world):
        run(world, "a", "ping -c1 -W2 10.0.0.2")
        with world.net.inside("a"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(20):
                sender.sendto(bytes(1000), ("10.0.0.2", 9))
        world.run_until(lambda: False, world.now() + SECOND // 4)
        assert world.seal().problems == ()

    live(two_hosts(limited), tmp_path, story)
    sent, came = (
        [
            packet.at
            for packet in packets_of(tmp_path, [name])
            if isinstance(packet.network.transport, Udp)
        ]
        for name in ("a-eth0", "b-eth0")
    )
    assert len(sent) == len(came) == 20
    # 1,042 octets in a frame: 8.336 ms each at 1 Mbit/s, however fast they were sent.
    assert came[-1] - sent[0] >= 20 * 8_336_000
    assert sent[-1] - sent[0] < came[-1] - came[0]


def test_every_third_packet_is_lost_and_no_other(tmp_path):
    sent, came, _, _ = pinged(tmp_path, Impairment(lose_every=3))
    lost = {number for number, _ in sent} - {number for number, _ in came}
    numbers = [number for number, _ in sent]
    assert lost == set(numbers[2::3])


def test_every_fourth_packet_comes_twice(tmp_path):
    sent, came, _, _ = pinged(tmp_path, Impairment(duplicate_every=4))
    numbers = [number for number, _ in sent]
    twice = [number for number in numbers if [n for n, _ in came].count(number) == 2]
    assert twice == numbers[3::4]
    assert len(came) == len(sent) + len(twice)


def test_some_packets_overtake_others(tmp_path):
    _, came, _, _ = pinged(tmp_path, Impairment(delay_ms=20, reorder_every=5))
    order = [number for number, _ in came]
    assert sorted(order) != order
    assert any(later < earlier for earlier, later in pairwise(order))


def test_what_comes_to_a_node_is_treated_apart(tmp_path):
    sent, came, answered, told = pinged(tmp_path, Impairment(lose_every=1), direction="in")
    assert len(sent) == len(came) == len(answered) > 0
    assert told == []


def test_a_link_that_was_not_announced_cannot_get_bad(tmp_path):
    def story(world):
        world.impair("a", "a-eth0", "out", Impairment(lose_every=3))

    with pytest.raises(IsolationFailed, match=r"a-eth0.*not told before its start"):
        live(two_hosts(), tmp_path, story)


def test_wires_without_a_process_break_the_run(tmp_path):
    def story(world):
        wires = world.net.wires
        os.kill(wires.process_id, signal.SIGKILL)
        return world.seal().problems

    (problem,) = live(
        two_hosts(), tmp_path, story, may_impair={"a-eth0": (Impairment(lose_every=3),)}
    )
    assert "the process of the wires" in problem


def test_a_wire_that_is_late_breaks_the_run(tmp_path):
    def story(world):
        process = world.net.wires.process_id
        os.kill(process, signal.SIGSTOP)
        pings = world.net.get("a").popen(["ping", "-c1", "-W1", "10.0.0.2"])
        world.run_until(lambda: False, world.now() + 2 * LATE_NS)
        os.kill(process, signal.SIGCONT)
        pings.wait()
        return world.seal()

    capture = live(
        two_hosts(), tmp_path, story, may_impair={"a-eth0": (Impairment(lose_every=1000),)}
    )
    assert any("late" in problem for problem in capture.problems)
    assert capture.late_ns > LATE_NS


def test_netem_is_taken_where_it_is_and_can_do_what_is_asked():
    slow = two_hosts(PlannedInterface("a-eth0", "lan", ("10.0.0.1/24",), delay_ns=1))
    by_chance = {"b-eth0": (Impairment(lose_percent=10),)}
    counted = {"b-eth0": (Impairment(lose_percent=10), Impairment(lose_every=10))}
    assert means_of(slow, {}, lambda: True) == {"a-eth0": "netem"}
    assert means_of(slow, {}, lambda: False) == {"a-eth0": "wire"}
    assert means_of(slow, by_chance, lambda: True) == {"a-eth0": "netem", "b-eth0": "netem"}
    assert means_of(slow, counted, lambda: True) == {"a-eth0": "netem", "b-eth0": "wire"}


def test_a_kernel_is_not_asked_for_netem_without_need():
    def asked():
        raise AssertionError

    assert means_of(two_hosts(), {}, asked) == {}


# --- interfaces -------------------------------------------------------------------------------


def test_an_interface_goes_down_and_comes_up_with_its_routes_and_neighbours(tmp_path):
    def story(world):
        assert ask(world, "192.168.1.53") != ()
        routes = run(world, "translator", "ip route")[1]
        for interface in ("translator-eth0", "translator-eth1"):
            world.set_link("translator", interface, up=False)
            assert ask(world, "192.168.1.1", patience_s=0.5) == ()
            world.set_link("translator", interface, up=True)
            assert run(world, "translator", "ip route")[1] == routes
            assert ask(world, "192.168.1.1") != ()
            # Proxy ARP is back as well.
            assert run(world, "viewer", "ping -c1 -W2 192.168.1.102")[0] == 0

    live(topology("cluster-nat"), tmp_path, story)


def test_a_router_that_was_unplugged_finds_its_way_again(tmp_path):
    def story(world):
        before = run(world, "dns", "ip route")[1]
        assert "via" in before
        world.set_link("dns", "dns-eth0", up=False)
        assert "via" not in run(world, "dns", "ip route")[1]
        world.set_link("dns", "dns-eth0", up=True)
        assert run(world, "dns", "ip route")[1] == before

    live(topology("forwarders"), tmp_path, story)


def test_a_small_mtu_cuts_what_leaves_and_can_be_taken_back(tmp_path):
    def story(world):
        world.set_mtu("a", "a-eth0", 600)
        whole = run(world, "a", "ping -c1 -W1 -M do -s 1000 10.0.0.2")
        cut = run(world, "a", "ping -c1 -W1 -s 1000 10.0.0.2")
        world.set_mtu("a", "a-eth0", None)
        return whole, cut, run(world, "a", "ping -c1 -W1 -M do -s 1000 10.0.0.2")

    whole, cut, again = live(two_hosts(), tmp_path, story)
    assert "message too long" in whole[1]
    assert whole[0] != 0
    # The reply, 1,028 octets in one frame, does not fit the interface and is lost there.
    assert cut[0] != 0
    assert again[0] == 0


# --- programs and schedules -------------------------------------------------------------------


def test_a_killed_program_is_gone_and_nobody_calls_it_a_death(tmp_path):
    plan = topology("cluster")
    program = plan.node("dns").program("resolver")

    def story(world):
        world.kill_program("dns", "resolver")
        assert ask(world, "192.168.1.53", patience_s=0.5) == ()
        world.start_program("dns", program)
        assert ask(world, "192.168.1.53") != ()
        return world.seal().problems

    assert live(plan, tmp_path, story) == ()


def test_flapping_goes_on_beside_other_steps(tmp_path):
    plan = two_hosts()
    flap = Flap(
        breaking=(Unplug(node="b"),), mending=(Plug(node="b"),), broken_s=0.2, whole_s=0.2, times=2
    )

    def story(world):
        disturbances = Disturbances(world, plan, lambda node, name: None)
        disturbances.flap(flap)
        world.run_until(lambda: False, world.now() + SECOND)
        world.seal()

    live(plan, tmp_path, story)
    marks = [record for record in records_of(tmp_path) if isinstance(record, Mark)]
    assert [mark.kind for mark in marks] == ["unplugged", "plugged"] * 2
    gaps = [later.at - earlier.at for earlier, later in pairwise(marks)]
    assert all(gap >= 200 * MILLISECOND for gap in gaps)


def test_a_wired_link_survives_power_cuts_and_interfaces_that_go_down(tmp_path):
    def story(world):
        world.impair("a", "a-eth0", "out", Impairment(delay_ms=1))
        # A cable just put back may lose the first ARP request; the next comes a second later.
        ping = "ping -c1 -W4 10.0.0.2"
        assert run(world, "a", ping)[0] == 0
        world.set_power("a", on=False)
        assert run(world, "a", ping)[0] != 0
        world.set_power("a", on=True)
        assert run(world, "a", ping)[0] == 0
        world.set_link("a", "a-eth0", up=False)
        assert run(world, "a", ping)[0] != 0
        world.set_link("a", "a-eth0", up=True)
        assert run(world, "a", ping)[0] == 0
        return world.seal().problems

    assert (
        live(two_hosts(), tmp_path, story, may_impair={"a-eth0": (Impairment(delay_ms=1),)}) == ()
    )
