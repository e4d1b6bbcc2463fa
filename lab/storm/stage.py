"""A storm in a world: the world is started, the crowd comes and goes, the capture is sealed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import process_time_ns
from typing import TypeAlias

from lab.observe.packet_filter import Kept
from lab.storm.arrivals import Arrival
from lab.storm.crowd_plan import CrowdPlan
from lab.storm.crowd_shell import CrowdShell
from lab.storm.request import PATIENCE_NS, Storm
from lab.storm.viewers import Viewers
from lab.topology.plan import Plan, PlannedNode
from lab.worlds.world import Capture, World, WorldBroken
from resolver.machine import SECOND, Duration, Instant
from resolver.shells.files import take_files
from resolver.shells.loop import Loop

Meanwhile: TypeAlias = Callable[[World], None]
"""Called with the standing world just before the crowd comes."""

_DNS_PROGRAMS = frozenset({"resolver", "balancer", "dns-translator", "authority"})


@dataclass(frozen=True, slots=True)
class Staged:
    """What a storm leaves behind."""

    capture: Capture
    processors: tuple[tuple[str, str, Duration], ...]
    """Node, program, processor time; none in virtual time."""


def stage_storm(
    storm: Storm,
    crowd: CrowdPlan,
    actual: Plan,
    arrivals: Sequence[Arrival],
    folder: Path,
    meanwhile: Meanwhile | None,
) -> Staged:
    """Run a storm; in Mininet, inside namespaces of its own. `actual` is the plan that runs, that
    of `crowd` unless somebody made a mistake. Raises WorldBroken and WorldUnavailable."""
    viewers = Viewers(
        arrivals,
        server=crowd.server,
        name=crowd.name,
        port=crowd.port,
        at_once=storm.at_once,
        patience_ns=PATIENCE_NS,
    )
    if storm.world == "simulated":
        return _in_virtual_time(storm, crowd, actual, viewers, folder, meanwhile)
    return _in_mininet(storm, crowd, actual, viewers, folder, meanwhile)


def _longest_ns(storm: Storm, viewers: Viewers) -> Duration:
    """How long a storm may take: all arrive, and each waits in vain, for its turn too."""
    rounds = storm.viewers // storm.at_once + 2
    return viewers.last_arrival_ns + PATIENCE_NS * (rounds + 1) + 60 * SECOND


def _in_virtual_time(
    storm: Storm,
    crowd: CrowdPlan,
    actual: Plan,
    viewers: Viewers,
    folder: Path,
    meanwhile: Meanwhile | None,
) -> Staged:
    from lab.worlds.simulated import SimulatedWorld

    world = SimulatedWorld(actual, out=folder, seed=storm.seed)
    try:
        world.start()
        if meanwhile is not None:
            meanwhile(world)
        world.mark("storm", "the crowd comes")
        deadline = world.now() + _longest_ns(storm, viewers)
        world.attach(crowd.node, viewers)
        if not world.run_until(lambda: viewers.finished, deadline):
            raise WorldBroken("the crowd did not come to an end")
        return Staged(world.seal(), ())
    finally:
        world.stop()


def _in_mininet(
    storm: Storm,
    crowd: CrowdPlan,
    actual: Plan,
    viewers: Viewers,
    folder: Path,
    meanwhile: Meanwhile | None,
) -> Staged:
    from lab.worlds.mininet_storm import StormWorld

    world = StormWorld(actual, out=folder, seed=storm.seed, ears=_ears(crowd))
    try:
        world.start()
        if meanwhile is not None:
            meanwhile(world)
        before = world.processor_times()
        world.mark("storm", "the crowd comes")
        deadline: Instant = world.now() + _longest_ns(storm, viewers)
        taken = world.run_on(crowd.node, partial(_live, viewers), deadline)
        after = world.processor_times()
        capture = world.seal()
    finally:
        world.stop()
    programs = ((*key, spent - before.get(key, 0)) for key, spent in after.items())
    return Staged(capture, ((crowd.node, "viewers", taken), *programs))


def _live(viewers: Viewers) -> Duration:
    """Be the crowd, on its node; the processor time that took."""
    take_files()
    began = process_time_ns()
    loop = Loop()
    shell = CrowdShell(loop, viewers, journal=_forget)
    loop.run_until(lambda: viewers.finished, None)
    shell.close()
    loop.close()
    return process_time_ns() - began


def _forget(fact: object, at: Instant) -> None:
    """Where a crowd's facts go: what it does stands in the capture."""


def _ears(crowd: CrowdPlan) -> dict[str, Kept]:
    """Where a storm is watched: at the crowd, at the servers of the cluster, and wherever DNS is
    answered."""
    ears: dict[str, Kept] = {}
    for node in crowd.plan.nodes:
        kept = _kept_at(node)
        if kept is not None:
            ears |= {interface.name: kept for interface in node.interfaces}
    return ears | {crowd.interface: Kept.CONVERSATIONS}


def _kept_at(node: PlannedNode) -> Kept | None:
    programs = {program.name for program in node.programs}
    if "service" in programs:
        return Kept.OPENINGS
    return Kept.QUESTIONS if programs & _DNS_PROGRAMS else None
