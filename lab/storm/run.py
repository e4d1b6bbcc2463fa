"""A storm from its request to its record."""

from __future__ import annotations

import os
import resource
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path
from time import monotonic
from typing import Final, Literal

from lab.doctor import forwardlab_version, host_facts, mininet_obstacles
from lab.observe.pcapng import CaptureError
from lab.report.statistics import ClockName
from lab.storm.arrivals import draw_arrivals
from lab.storm.crowd_plan import CrowdPlan, plan_crowd
from lab.storm.figures import figures_of
from lab.storm.outcome import faults_of, notes_of, problems_of
from lab.storm.reading import read_storm
from lab.storm.record import CaptureRecord, CrowdRecord, ProcessorRecord, StormRecord
from lab.storm.request import Storm, StormImpossible, WorldName
from lab.storm.stage import Meanwhile, Staged, stage_storm
from lab.topology.load import load_topology
from lab.topology.nodes import Translator
from lab.topology.plan import Plan
from lab.worlds.child import IsolationFailed
from lab.worlds.forked import Forked
from lab.worlds.isolation import Isolated
from lab.worlds.world import WorldBroken, WorldUnavailable
from resolver.machine import SECOND

_CAPTURE: Final = "capture.pcapng"
_FILES_BESIDE: Final = 256
"""Open files beside connections: the crowd's datagram sockets, and what the world holds open."""
_KEPT: Final = {
    "mininet": "DNS at every node that answers it, SYNs at the servers, and DNS, SYNs, resets and "
    "ICMP at the crowd",
    "simulated": "every packet at every interface",
}


@dataclass(frozen=True, slots=True)
class PreparedStorm:
    """A storm that can be run: its topology is read, its crowd has a place."""

    storm: Storm
    crowd: CrowdPlan

    def run(
        self,
        out: Path,
        *,
        mistake: Callable[[Plan], Plan] | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> StormRecord:
        """Run it and reckon its figures; see `run_storm`."""
        began, started, load = monotonic(), datetime.now(UTC), os.getloadavg()[0]
        storm, crowd = self.storm, self.crowd
        arrivals = draw_arrivals(
            storm.viewers, storm.rate_per_s, IPv4Network(crowd.prefix), storm.seed
        )
        actual = crowd.plan if mistake is None else mistake(crowd.plan)
        nodes = out.absolute() / "nodes"
        nodes.mkdir(parents=True, exist_ok=True)
        stage = partial(stage_storm, storm, crowd, actual, arrivals, nodes, meanwhile)
        staged = _in_process(storm, out, stage)
        capture = staged.capture.path.replace(out / _CAPTURE)
        reading_began = monotonic()
        clock: ClockName = "virtual" if storm.world == "simulated" else "measured"
        try:
            reading = read_storm(capture, crowd)
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
                file=_CAPTURE,
                frames=reading.frames,
                frames_lost=staged.capture.frames_lost,
                kept=_KEPT[storm.world],
            ),
            started=started.isoformat(timespec="seconds"),
            wall_s=now - began,
            reading_s=now - reading_began,
            host={key: value for key, value in host_facts().items() if key != "findings"},
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


def prepare_storm(storm: Storm) -> PreparedStorm:
    """Read the topology and find the crowd a place. Raises StormRefused, TopologyError, and
    StormImpossible where this host cannot."""
    crowd = plan_crowd(load_topology(storm.topology), storm.topology.stem)
    if storm.world == "mininet":
        obstacles = mininet_obstacles(nat=any(node.nat for node in crowd.plan.nodes))
        if obstacles:
            raise StormImpossible(f"Mininet cannot run here: {'; '.join(obstacles)}")
        _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
        needed = storm.at_once + _FILES_BESIDE
        if files != resource.RLIM_INFINITY and files < needed:
            raise StormImpossible(
                f"{storm.at_once} connections at once need {needed} open files, and this host "
                f"allows {files}; raise the limit (ulimit -Hn), or give --at-once a lower number"
            )
    return PreparedStorm(storm, crowd)


def run_storm(
    storm: Storm,
    out: Path,
    *,
    mistake: Callable[[Plan], Plan] | None = None,
    meanwhile: Meanwhile | None = None,
) -> StormRecord:
    """Run a storm and reckon its figures. `out`, a folder, gets `capture.pcapng` and, in `nodes`,
    the nodes' configurations and journals.

    `mistake` changes the plan that runs, never the one that judges; `meanwhile` is called with the
    standing world before the crowd comes, and may appoint what is to happen. Raises StormRefused,
    TopologyError, StormImpossible where this host cannot, WorldBroken where the lab failed.
    """
    return prepare_storm(storm).run(out, mistake=mistake, meanwhile=meanwhile)


def choose_world(
    requested: Literal["mininet", "simulated", "auto"], topology: Path
) -> tuple[WorldName, str]:
    """The world to run in, and why it is not the first choice: `auto` is Mininet where this host
    can. Raises TopologyError."""
    if requested != "auto":
        return requested, ""
    nat = any(isinstance(node, Translator) for node in load_topology(topology).nodes)
    obstacles = mininet_obstacles(nat=nat)
    if not obstacles:
        return "mininet", ""
    why = "; ".join(obstacles)
    return "simulated", f"Mininet cannot run here, so the simulated world runs: {why}"


def _command(storm: Storm) -> str:
    return (
        f"forwardlab storm {shlex.quote(_name(storm.topology))} --viewers {storm.viewers} "
        f"--rate {storm.rate_per_s:g} --at-once {storm.at_once} --world {storm.world} "
        f"--seed {storm.seed}"
    )


def _name(topology: Path) -> str:
    """As a user writes it: the name of one in the project's folder, or the path."""
    parts = topology.with_suffix("").parts
    if "topologies" not in parts[:-1]:
        return str(topology)
    last = len(parts) - parts[::-1].index("topologies")
    return "/".join(parts[last:])


# --- a process of its own ---------------------------------------------------------------------


def _in_process(storm: Storm, out: Path, stage: Callable[[], Staged]) -> Staged:
    """Run the storm where its world must be, and gone when it ends, however it ends."""

    def told() -> Staged | WorldUnavailable | WorldBroken:
        try:
            return stage()
        except (WorldUnavailable, WorldBroken) as error:
            return type(error)(str(error))

    process = _start(storm, told)
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


def _start(storm: Storm, function: Callable[[], object]) -> Forked | Isolated:
    """With everything heavy imported before the fork."""
    if storm.world == "simulated":
        import lab.worlds.simulated

        del lab
        return Forked(function)
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
