"""A storm from its request to its record."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path
from time import monotonic
from typing import Final

from lab.doctor import forwardlab_version, host_facts, mininet_obstacles
from lab.observe.pcapng import CaptureError
from lab.report.statistics import ClockName
from lab.storm.arrivals import draw_arrivals
from lab.storm.crowd_plan import CrowdPlan, plan_crowd
from lab.storm.figures import figures_of
from lab.storm.outcome import faults_of, notes_of, problems_of
from lab.storm.reading import read_storm
from lab.storm.record import CaptureRecord, CrowdRecord, ProcessorRecord, StormRecord
from lab.storm.request import Storm, StormImpossible
from lab.storm.stage import Meanwhile, Staged, stage_storm
from lab.topology.load import load_topology
from lab.topology.plan import Plan
from lab.worlds.child import IsolationFailed
from lab.worlds.forked import Forked
from lab.worlds.isolation import Isolated
from lab.worlds.world import WorldBroken, WorldUnavailable
from resolver.machine import SECOND

_KEPT: Final = {
    "mininet": "DNS at every node that answers it, SYNs at the servers, and DNS, SYNs, resets and "
    "ICMP at the crowd",
    "simulated": "every packet at every interface",
}


def run_storm(
    storm: Storm,
    out: Path,
    *,
    mistake: Callable[[Plan], Plan] | None = None,
    meanwhile: Meanwhile | None = None,
) -> StormRecord:
    """Run a storm and reckon its figures. `out`, a folder, gets `capture.pcapng` and the nodes'
    configurations and journals.

    `mistake` changes the plan that runs, never the one that judges; `meanwhile` is called with the
    standing world before the crowd comes, and may appoint what is to happen. Raises StormRefused,
    TopologyError, StormImpossible where this host cannot, WorldBroken where the lab failed.
    """
    began, started, load = monotonic(), datetime.now(UTC), os.getloadavg()[0]
    crowd = plan_crowd(load_topology(storm.topology), storm.topology.stem)
    arrivals = draw_arrivals(storm.viewers, storm.rate_per_s, IPv4Network(crowd.prefix), storm.seed)
    actual = crowd.plan if mistake is None else mistake(crowd.plan)
    out.mkdir(parents=True, exist_ok=True)
    staged = _in_process(
        storm,
        crowd,
        out,
        partial(stage_storm, storm, crowd, actual, arrivals, out.absolute(), meanwhile),
    )
    reading_began = monotonic()
    clock: ClockName = "virtual" if storm.world == "simulated" else "measured"
    try:
        reading = read_storm(out / "capture.pcapng", crowd)
    except CaptureError as error:
        raise WorldBroken(str(error)) from error
    figures = figures_of(
        reading, crowd, arrivals, clock, rate_per_s=storm.rate_per_s, at_once=storm.at_once
    )
    problems = tuple(problems_of(staged.capture, figures, storm.viewers))
    faults = () if problems else tuple(faults_of(figures, crowd.server_node))
    now = monotonic()
    return StormRecord(
        forwardlab=forwardlab_version(),
        topology=storm.topology.stem,
        title=crowd.plan.title,
        world=storm.world,
        clock=clock,
        seed=storm.seed,
        viewers=storm.viewers,
        name=crowd.name,
        server=crowd.server_node,
        outcome="broken" if problems else "failed" if faults else "passed",
        reasons=problems or faults,
        notes=tuple(notes_of(figures, clock)),
        crowd=CrowdRecord(
            node=crowd.node,
            network=crowd.network,
            address=crowd.address,
            prefix=crowd.prefix,
            changes=crowd.changes,
        ),
        processors=tuple(
            ProcessorRecord(node=node, program=program, seconds=spent / SECOND)
            for node, program, spent in staged.processors
        ),
        capture=CaptureRecord(
            file="capture.pcapng",
            frames=reading.frames,
            frames_lost=staged.capture.frames_lost,
            kept=_KEPT[storm.world],
        ),
        started=started.isoformat(timespec="seconds"),
        wall_s=now - began,
        reading_s=now - reading_began,
        host=host_facts(),
        load=(load, os.getloadavg()[0]),
        reproduce=_command(storm),
        arrivals=figures.arrivals,
        answers=figures.answers,
        servers=figures.servers,
        upstream=figures.upstream,
        connects=figures.connects,
        answer_wait=figures.answer_wait,
        connect_wait=figures.connect_wait,
        both_wait=figures.both_wait,
        nodes=figures.nodes,
        evenness=figures.evenness,
        moments=figures.moments,
        moment_ms=figures.moment_ms,
        lasted_ms=figures.lasted_ms,
    )


def _command(storm: Storm) -> str:
    return (
        f"forwardlab storm {shlex.quote(str(storm.topology))} --viewers {storm.viewers} "
        f"--rate {storm.rate_per_s:g} --at-once {storm.at_once} --world {storm.world} "
        f"--seed {storm.seed}"
    )


# --- a process of its own ---------------------------------------------------------------------


def _in_process(storm: Storm, crowd: CrowdPlan, out: Path, stage: Callable[[], Staged]) -> Staged:
    """Run the storm where its world must be, and gone when it ends, however it ends."""

    def told() -> Staged | WorldUnavailable | WorldBroken:
        try:
            return stage()
        except (WorldUnavailable, WorldBroken) as error:
            return type(error)(str(error))

    process = _start(storm, crowd, told)
    try:
        outcome: Staged | WorldUnavailable | WorldBroken = process.result()
    except IsolationFailed as failure:
        raise WorldBroken(_bug(str(failure), out)) from failure
    finally:
        process.kill()
    if isinstance(outcome, WorldUnavailable):
        raise StormImpossible(str(outcome))
    if isinstance(outcome, WorldBroken):
        raise outcome
    return outcome


def _start(storm: Storm, crowd: CrowdPlan, function: Callable[[], object]) -> Forked | Isolated:
    if storm.world == "simulated":
        import lab.worlds.simulated

        del lab
        return Forked(function)
    obstacles = mininet_obstacles(nat=any(node.nat for node in crowd.plan.nodes))
    if obstacles:
        raise StormImpossible(f"Mininet cannot run here: {'; '.join(obstacles)}")
    import lab.worlds.mininet_storm

    del lab
    return Isolated(function)


def _bug(words: str, out: Path) -> str:
    """The last line of a traceback, which is kept in a file."""
    lines = words.strip().splitlines()
    if "Traceback (most recent call last):" not in lines:
        return words
    kept = out / "traceback.txt"
    kept.write_text(words, encoding="utf-8")
    return f"a bug of the lab: {lines[-1]}; the traceback is in {kept}"
