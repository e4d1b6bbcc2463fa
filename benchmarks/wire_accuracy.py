"""How exact the wire is that makes links bad in Mininet where the kernel has no netem.

    python benchmarks/wire_accuracy.py [-n 500] [--busy 4]

A viewer asks one question after the other, from the shortest world there is. From the kernel's
stamps at both ends of the viewer's link: what a link without a wire takes, what a wire adds that
does nothing, and by how much a delay of 50 ms is missed. Then as many datagrams as can be sent at
once: how many frames the wire passes on in a second. `--busy`: so many processes compute beside it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import socket
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from lab.observe.timeline import Timeline
from lab.scenario.impairments import Impairment
from lab.scenario.model import Ask, Repeat
from lab.scenario.steps import Stage
from lab.topology.load import load_topology
from lab.topology.plan import Plan
from lab.topology.planner import make_plan
from lab.worlds.isolation import run_isolated
from lab.worlds.mininet import MininetWorld
from resolver.machine import SECOND

SINGLE = Path(__file__).parent.parent / "topologies" / "single.toml"
LINK = "viewer-eth0"
NOTHING = Impairment(lose_every=1_000_000)
DELAY_MS = 50.0
FLOOD = 20_000


def started(
    scratch: str, may_impair: Mapping[str, tuple[Impairment, ...]]
) -> tuple[Plan, MininetWorld]:
    """A plan and its world, which stands."""
    plan = make_plan(load_topology(SINGLE), "single")
    world = MininetWorld(plan, out=Path(scratch), seed=1)
    world.may_impair(may_impair)
    world.start()
    return plan, world


def took_ms(impairment: Impairment | None, questions: int) -> list[float]:
    """Milliseconds that each packet of the viewer was on its link, in order."""
    with tempfile.TemporaryDirectory() as scratch:
        plan, world = started(scratch, {} if impairment is None else {LINK: (impairment,)})
        try:
            if impairment is not None:
                world.impair("viewer", LINK, "out", impairment)
            stage = Stage(world, plan, 1)
            stage.perform((Repeat(times=questions, every_s=0.005, steps=(Ask(),)),))
            capture = world.seal()
        finally:
            world.stop()
        timeline = Timeline.read(capture.path, plan, world.clock)
    return [
        each.took_ns / 1e6
        for each in timeline.packets
        if each.sender == "viewer" and each.took_ns is not None
    ]


def frames_per_second() -> tuple[float, int]:
    """How many frames a second the wire passes on when they come as fast as can be, and how many
    were lost."""
    with tempfile.TemporaryDirectory() as scratch:
        plan, world = started(scratch, {LINK: (NOTHING,)})
        try:
            with world.net.inside("viewer"):
                sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            target = next(iter(plan.node("dns").addresses()))
            began_at = world.now()
            for _ in range(FLOOD):
                sender.sendto(bytes(100), (target, 9))
            sender.close()

            def passed() -> int:
                return world.net.wires.reports()[LINK, "out"].left

            count = -1
            while count != (count := passed()):
                world.run_until(lambda: False, world.now() + SECOND // 10)
            took_s = (world.now() - began_at) / SECOND - 0.1
        finally:
            world.stop()
    return count / took_s, max(0, FLOOD - count)


@contextmanager
def beside(busy: int) -> Iterator[None]:
    """So many processes compute meanwhile."""
    workers = [multiprocessing.Process(target=_compute, daemon=True) for _ in range(busy)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


def _compute() -> None:
    while True:
        sum(range(10_000))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("-n", type=int, default=500, help="questions of each kind")
    parser.add_argument("--busy", type=int, default=0, help="processes that compute meanwhile")
    chosen = parser.parse_args()
    print(
        f"{os.cpu_count()} cores, {chosen.busy} busy processes, clock: kernel stamps, "
        f"n = {chosen.n} of each kind"
    )
    with beside(chosen.busy):
        for kind, impairment, meant_ms in (
            ("no wire", None, 0.0),
            ("wire, does nothing", NOTHING, 0.0),
            ("wire, 50 ms delay", Impairment(delay_ms=DELAY_MS), DELAY_MS),
        ):
            found = run_isolated(partial(took_ms, impairment, chosen.n), timeout_s=300)
            beyond = sorted(each - meant_ms for each in found)
            print(
                f"{kind:18}: {meant_ms:g} ms + median {statistics.median(beyond) * 1000:.0f} µs, "
                f"p99 {beyond[len(beyond) * 99 // 100] * 1000:.0f} µs, "
                f"max {beyond[-1] * 1000:.0f} µs"
            )
        rate, lost = run_isolated(frames_per_second, timeout_s=300)
        print(f"wire, flooded     : {rate:,.0f} frames/s passed on, {lost} of {FLOOD} lost")


if __name__ == "__main__":
    main()
