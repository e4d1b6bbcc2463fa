"""What the resolver adds to an answer, measured on the wire in Mininet.

    python benchmarks/added_latency.py [-n 200]

One viewer asks one question after the other. From the kernel's stamps at the DNS server's own
interface: a forwarded answer costs (question in → question out) + (reply in → reply out); an answer
from the cache costs question in → reply out. The topology is `cluster`; its TTL is set to 0, so
that everything is forwarded, and to an hour, so that everything but the first is cached.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

from lab.observe.timeline import Timeline
from lab.scenario.model import Ask, Repeat
from lab.scenario.steps import Stage
from lab.topology.load import load_topology
from lab.topology.plan import Plan
from lab.topology.planner import make_plan
from lab.worlds.isolation import run_isolated
from lab.worlds.mininet import MininetWorld
from resolver.config import BalancerConfig

CLUSTER = Path(__file__).parent.parent / "topologies" / "cluster.toml"


def with_ttl(plan: Plan, ttl_s: int) -> Plan:
    """The plan with another TTL at every load balancer."""
    return replace(
        plan,
        nodes=tuple(
            replace(
                node,
                programs=tuple(
                    replace(program, config=replace(program.config, ttl_s=ttl_s))
                    if isinstance(program.config, BalancerConfig)
                    else program
                    for program in node.programs
                ),
            )
            for node in plan.nodes
        ),
    )


def added_ms(ttl_s: int, questions: int) -> list[float]:
    """Milliseconds that the resolver added to each answer, in order."""
    plan = with_ttl(make_plan(load_topology(CLUSTER), "cluster"), ttl_s)
    with tempfile.TemporaryDirectory() as scratch:
        world = MininetWorld(plan, out=Path(scratch), seed=1)
        try:
            world.start()
            stage = Stage(world, plan, 1)
            stage.perform((Repeat(times=questions, every_s=0.01, steps=(Ask(),)),))
            capture = world.seal()
        finally:
            world.stop()
        timeline = Timeline.read(capture.path, plan, world.clock)
    added = []
    for client in timeline.exchanges:
        if client.asker != "viewer" or client.reply is None or client.query.arrived_at is None:
            continue
        inside_ns = client.reply.at - client.query.arrived_at
        for upstream in timeline.causes.caused_by(client):
            inside_ns -= upstream.latency_ns or 0
        added.append(inside_ns / 1e6)
    return added


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("-n", type=int, default=200, help="questions of each kind")
    questions = parser.parse_args().n
    print(f"{os.cpu_count()} cores, clock: kernel stamps, n = {questions} of each kind")
    for kind, ttl_s, aim in (("forwarded", 0, 1.0), ("cached", 3600, 0.4)):
        added = run_isolated(partial(added_ms, ttl_s, questions), timeout_s=300)
        counted = sorted(added[1:])  # the first question fills the cache
        print(
            f"{kind:9}: median {statistics.median(counted):.3f} ms, "
            f"p90 {counted[len(counted) * 9 // 10]:.3f} ms, max {counted[-1]:.3f} ms "
            f"(aim: median {aim} ms)"
        )


if __name__ == "__main__":
    main()
