"""From a topology's name to a shell on it."""

from __future__ import annotations

from typing import Literal

import typer

from lab.scenario.catalogue import find_topology
from lab.scenario.session import SessionError, choose_world, preload
from lab.teaching.shell import run_shell
from lab.topology.load import TopologyError, load_topology
from lab.topology.plan import Plan
from lab.topology.planner import make_plan


def open_shell(topology: str, world: Literal["mininet", "simulated", "auto"], seed: int) -> None:
    """Bring a topology up, named or by its file, and do what is typed. Raises CatalogueError,
    SessionError, HostCannot and LabGone."""
    plan = _plan(topology)
    chosen, reason = choose_world(world, nat=any(node.nat for node in plan.nodes))
    if reason:
        typer.echo(reason, err=True)
    preload(chosen)
    run_shell(plan, chosen, seed)


def _plan(topology: str) -> Plan:
    file = find_topology(topology)
    try:
        return make_plan(load_topology(file), file.stem)
    except TopologyError as error:
        raise SessionError(str(error)) from error
