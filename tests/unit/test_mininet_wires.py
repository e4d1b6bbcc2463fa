"""What the kernel is told so that a link gets bad."""

from pathlib import Path

import pytest

from lab.scenario.impairments import Impairment
from lab.topology.load import load_topology
from lab.topology.plan import Plan
from lab.topology.planner import make_plan
from lab.worlds.mininet_settings import plugging_lines, switch_lines
from lab.worlds.mininet_wires import netem_lines
from lab.worlds.wire import Order

TOPOLOGIES = Path(__file__).parents[2] / "topologies"


def plan_of(name: str) -> Plan:
    return make_plan(load_topology(TOPOLOGIES / f"{name}.toml"), name)


def order(impairment: Impairment | None, delay_ns: int = 0, rate_bit_s: int = 0) -> Order:
    return Order("a-eth0", "out", impairment, delay_ns, rate_bit_s, seed=1, turn=1)


def netem(impairment: Impairment | None, **planned: int) -> str:
    (line,) = [
        line for line in netem_lines("s1-eth1f", order(impairment, **planned)) if "netem" in line
    ]
    return line.partition(" netem ")[2]


@pytest.mark.parametrize(
    ("impairment", "planned", "words"),
    [
        (Impairment(delay_ms=50), {}, "limit 100000 delay 50000us"),
        (Impairment(delay_ms=50, jitter_ms=2.5), {}, "limit 100000 delay 50000us 2500us"),
        (None, {"delay_ns": 1_500}, "limit 100000 delay 1.5us"),
        (Impairment(delay_ms=1), {"delay_ns": 1_000_000}, "limit 100000 delay 2000us"),
        (
            Impairment(delay_ms=1, lose_percent=1, duplicate_percent=2, reorder_percent=3),
            {},
            "limit 100000 delay 1000us loss random 1.0% duplicate 2.0% reorder 3.0%",
        ),
        (Impairment(rate_kbit_s=64), {"rate_bit_s": 8_000_000}, "limit 100000 rate 64000bit"),
        (Impairment(rate_kbit_s=64), {"rate_bit_s": 8_000}, "limit 100000 rate 8000bit"),
        (None, {}, "limit 100000"),
    ],
)
def test_netem_is_told_all_of_it(impairment, planned, words):
    assert netem(impairment, **planned) == words


def test_netem_begins_anew_each_time_and_leaves_arp_alone():
    lines = list(netem_lines("end", order(None)))
    assert lines[0] == "qdisc replace dev end root pfifo limit 1000"
    assert all("add" in line for line in lines[2:])
    assert any("protocol arp" in line and line.endswith("flowid 1:1") for line in lines)


def test_a_wire_lies_between_a_node_and_its_switch():
    plan = plan_of("cluster")
    holders = {node.name: 1 for node in plan.nodes}
    without = list(switch_lines(plan, holders))
    wired = list(switch_lines(plan, holders, {"viewer-eth0": "wire"}))
    kernel = list(switch_lines(plan, holders, {"viewer-eth0": "netem"}))
    (cable,) = [line for line in wired if "name viewer-eth0 " in line]
    port = next(line for line in without if "name viewer-eth0 " in line).split()[-3]
    assert f"peer name {port}n " in cable
    assert f"link set dev {port}n up" in wired
    assert f"link set dev {port}n master {port}j up" in kernel
    assert f"link set dev {port}f master {port}j up" in kernel
    # Names of interfaces have 15 characters at most.
    names = [word for line in kernel for word in line.split() if word.startswith(port)]
    assert max(map(len, names)) <= 15


def test_an_interface_comes_up_with_what_the_kernel_took_away():
    plan = plan_of("cluster-nat")
    lines = list(plugging_lines(plan.node("translator"), "translator-eth0"))
    assert lines[0] == "link set dev translator-eth0 up"
    aliases = plan.node("translator").nat.aliases
    assert [line for line in lines if "proxy" in line] == [
        f"neighbour replace proxy {alias} dev translator-eth0" for alias in aliases
    ]
    server = list(plugging_lines(plan.node("server1"), "server1-eth0"))
    assert any(line.startswith("route replace ") and " via " in line for line in server)
