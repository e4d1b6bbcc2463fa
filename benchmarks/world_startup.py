"""How long a Mininet world takes to start and stop, against plain Mininet and the bare kernel.

    python benchmarks/world_startup.py [TOPOLOGY] [-n 10]

Three ways to build the same hosts, links and switches, interleaved, each time in fresh namespaces:
our network, plain Mininet (Linux bridges, no controller), and `ip -batch` alone, which is about
what the kernel itself takes. Start: from the plan to the moment at which every interface has heard
a frame of every other one on its network. No captures, no programs. Imports and the making of the
namespaces are shown apart.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.nodelib import LinuxBridge

from lab.topology.load import load_topology
from lab.topology.plan import Plan
from lab.topology.planner import make_plan
from lab.worlds import mininet_settings as settings
from lab.worlds.isolation import run_isolated
from lab.worlds.mininet_carrying import wait_until_carrying
from lab.worlds.mininet_commands import run_batch, run_batches
from lab.worlds.mininet_network import PlanNet
from lab.worlds.namespaces import inside, open_network

Timing = tuple[float, float]
"""Seconds to start, seconds to stop."""


def ours(plan: Plan) -> Timing:
    """Our network of the plan."""
    began = time.monotonic()
    net = PlanNet(plan)
    net.start()
    carrying = time.monotonic()
    net.stop()
    return carrying - began, time.monotonic() - carrying


def plain_mininet(plan: Plan) -> Timing:
    """The same through Mininet's own classes."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    began = time.monotonic()
    net = Mininet(switch=LinuxBridge, controller=None, build=False)
    switches = {
        network.name: net.addSwitch(network.switch, dpid=str(position))
        for position, network in enumerate(plan.networks, 1)
    }
    for node in plan.nodes:
        addresses = [interface.addresses[0] for interface in node.interfaces]
        host = net.addHost(node.name, ip=addresses[0] if addresses else None)
        for interface, address in zip(node.interfaces, addresses, strict=True):
            net.addLink(
                host,
                switches[interface.network],
                intfName1=interface.name,
                params1={"ip": address},
            )
    net.start()
    for node in plan.nodes:
        for route in node.routes:
            if route.via:
                net.get(node.name).cmd(f"ip route add {route.destination} via {route.via}")
    namespaces = {host.name: open_network(host.pid) for host in net.hosts}
    wait_until_carrying(plan, lambda node: inside(namespaces[node], home), list(namespaces))
    carrying = time.monotonic()
    net.stop()
    return carrying - began, time.monotonic() - carrying


def bare_kernel(plan: Plan) -> Timing:
    """The same devices without Mininet, and without processes in the nodes."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    began = time.monotonic()
    # iproute2 takes a namespace's name where it takes a process in it.
    names = {node.name: node.name for node in plan.nodes}
    lines = [f"netns add {name}" for name in names]
    run_batch("ip", "kernel", [*lines, *settings.switch_lines(plan, names)])
    namespaces = {name: os.open(f"/run/netns/{name}", os.O_RDONLY) for name in names}

    def enter(node: str) -> AbstractContextManager[None]:
        return inside(namespaces[node], home)

    run_batches(
        "ip",
        [
            (node.name, partial(enter, node.name), settings.node_lines(plan, node))
            for node in plan.nodes
        ],
    )
    wait_until_carrying(plan, enter, list(names))
    carrying = time.monotonic()
    for descriptor in namespaces.values():
        os.close(descriptor)
    ends = [f"netns delete {name}" for name in names]
    run_batch("ip", "kernel", [f"link delete group {settings.DEVICES}", *ends])
    return carrying - began, time.monotonic() - carrying


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("topology", nargs="?", default="cluster-nat")
    parser.add_argument("-n", type=int, default=10, help="repetitions")
    arguments = parser.parse_args()
    path = Path(__file__).parents[1] / "topologies" / f"{arguments.topology}.toml"
    plan = make_plan(load_topology(path), path.stem)
    setLogLevel("error")
    ways = {"our Mininet world": ours, "plain Mininet": plain_mininet, "ip -batch": bare_kernel}
    timings: dict[str, list[Timing]] = {name: [] for name in ways}
    empty = []
    for _ in range(arguments.n):
        for name, way in ways.items():
            timings[name].append(run_isolated(partial(way, plan), timeout_s=60))
        began = time.monotonic()
        run_isolated(lambda: None)
        empty.append(time.monotonic() - began)
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import lab.worlds.mininet"], check=True)
    imports = time.monotonic() - began

    nodes, links = len(plan.nodes), sum(len(node.interfaces) for node in plan.nodes)
    print(
        f"{plan.source}: {nodes} hosts, {links} links, {len(plan.networks)} switches; "
        f"n = {arguments.n}, {os.cpu_count()} processors; median (fastest to slowest), ms\n"
    )
    reference = [
        statistics.median(column) for column in zip(*timings["plain Mininet"], strict=True)
    ]
    print(f"{'':20}{'start':>24}{'ratio':>8}{'stop':>26}{'ratio':>8}")
    for name, rows in timings.items():
        cells = ""
        for column, against in zip(zip(*rows, strict=True), reference, strict=True):
            middle = statistics.median(column)
            spread = f"{middle * 1e3:.0f} ({min(column) * 1e3:.0f} to {max(column) * 1e3:.0f})"
            cells += f"{spread:>24}{middle / against:>8.2f}  "
        print(f"{name:20}{cells}")
    print(
        f"\napart: fresh namespaces and their end {statistics.median(empty) * 1e3:.0f} ms, "
        f"interpreter and imports {imports * 1e3:.0f} ms"
    )


if __name__ == "__main__":
    main()
