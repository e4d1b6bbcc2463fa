"""An operator changes a running DNS server's configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from lab.scenario.changes import changed
from lab.scenario.description import describe
from lab.scenario.model import Reconfigure
from lab.topology.plan import Plan, PlannedProgram, ProgramName
from lab.worlds.world import World, WorldBroken
from resolver.config import ResolverConfig

Reseat: TypeAlias = Callable[[str, PlannedProgram], PlannedProgram]
"""A node and its program with another configuration: the program, rendered for who sits there."""


class Reconfigurations:
    """The programs of a world as they were last configured."""

    def __init__(self, world: World, plan: Plan, reseat: Reseat | None = None) -> None:
        """Without `reseat`, every seat is ours."""
        self._world = world
        self._plan = plan
        self._reseat = reseat
        self._configured: dict[tuple[str, ProgramName], PlannedProgram] = {}

    def program(self, node: str, name: ProgramName) -> PlannedProgram:
        """A node's program as it is now. Raises WorldBroken where it has none."""
        program = self._configured.get((node, name)) or self._plan.node(node).program(name)
        if program is None:
            raise WorldBroken(f"{node} has no {name}")
        return program

    def perform(self, step: Reconfigure) -> None:
        """Change it, and write into the capture that it changes."""
        program = self.program(step.node, step.program)
        if not isinstance(program.config, ResolverConfig):
            raise WorldBroken(f"{step.program} of {step.node} is no DNS server of zones and rules")
        try:
            config = changed(program.config, step.changes)
        except ValueError as error:
            raise WorldBroken(f"{step.program} of {step.node}: {error}") from error
        program = replace(program, config=config)
        if self._reseat is not None:
            program = self._reseat(step.node, program)
        self._configured[step.node, step.program] = program
        text = describe(step) + _started_anew(program)
        self._world.mark("reconfigured", text, node=step.node, program=step.program)
        self._world.reconfigure(step.node, program)


def _started_anew(program: PlannedProgram) -> str:
    """What has to be said of a server that forgets what it has learnt."""
    if program.daemon is None or program.daemon.may_reload:
        return ""
    return f"; {program.daemon.subject} reads it only when it starts, so it is started anew"
