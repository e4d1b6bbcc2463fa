"""Disturbances performed on a world: at once, or on a schedule beside the other steps."""

from __future__ import annotations

from collections.abc import Callable

from lab.scenario.description import describe
from lab.scenario.disturbances import (
    Disturbance,
    Flap,
    Halt,
    Impair,
    Mend,
    Plug,
    Resume,
    Unplug,
)
from lab.topology.plan import Plan, PlannedInterface, PlannedProgram, ProgramName
from lab.worlds.world import World, WorldBroken
from resolver.machine import SECOND


class Disturbances:
    """What breaks and mends things in a world. `program_of`: a node's program as it was last
    configured."""

    def __init__(
        self, world: World, plan: Plan, program_of: Callable[[str, ProgramName], PlannedProgram]
    ) -> None:
        self._world = world
        self._plan = plan
        self._program_of = program_of
        self._over = False

    def end(self) -> None:
        """Flap no more; things stay as they are."""
        self._over = True

    def flap(self, step: Flap) -> None:
        """Break now, and appoint what follows."""
        self._break(step, turn=1)

    def _break(self, step: Flap, turn: int) -> None:
        if self._over:
            return
        began_at = self._world.now()
        for inner in step.breaking:
            self.perform(inner)
        self._world.appoint(
            max(began_at + round(step.broken_s * SECOND), self._world.now()),
            lambda: self._mend(step, turn),
        )

    def _mend(self, step: Flap, turn: int) -> None:
        if self._over:
            return
        began_at = self._world.now()
        for inner in step.mending:
            self.perform(inner)
        if step.times is None or turn < step.times:
            self._world.appoint(
                max(began_at + round(step.whole_s * SECOND), self._world.now()),
                lambda: self._break(step, turn + 1),
            )

    def perform(self, step: Disturbance) -> None:
        """Change one thing, and write into the capture that it changes."""
        match step:
            case Halt():
                self._halt(step)
            case Resume():
                self._resume(step)
            case Unplug() | Plug():
                up = isinstance(step, Plug)
                out = self._mark("plugged" if up else "unplugged", step)
                self._world.set_link(step.node, out, up=up)
            case Impair():
                self._impair(step)
            case Mend():
                out = self._mark("mended", step)
                self._world.set_mtu(step.node, out, None)
                self._world.impair(step.node, out, "out", None)
                self._world.impair(step.node, out, "in", None)

    def _halt(self, step: Halt) -> None:
        what = f"{step.program} of {step.node}" if step.program else step.node
        word = "is killed" if step.how == "kill" else "halts"
        self._world.mark("halted", f"{what} {word}", node=step.node, program=step.program)
        if step.program is None:
            self._world.set_power(step.node, on=False)
        elif step.how == "kill":
            self._world.kill_program(step.node, step.program)
        else:
            self._world.stop_program(step.node, step.program)

    def _resume(self, step: Resume) -> None:
        what = f"{step.program} of {step.node}" if step.program else step.node
        self._world.mark("resumed", f"{what} resumes", node=step.node, program=step.program)
        if step.program is None:
            self._world.set_power(step.node, on=True)
            return
        self._world.start_program(step.node, self._program_of(step.node, step.program))

    def _impair(self, step: Impair) -> None:
        out = self._mark(
            "impaired",
            step,
            direction=step.direction,
            impairment=step.impairment.model_dump(exclude_defaults=True),
        )
        self._world.set_mtu(step.node, out, step.impairment.mtu)
        treats = step.impairment if step.impairment.treats_packets else None
        self._world.impair(step.node, out, "out", None if step.direction == "in" else treats)
        self._world.impair(step.node, out, "in", None if step.direction == "out" else treats)

    def _mark(self, kind: str, step: Unplug | Plug | Impair | Mend, **fields: object) -> str:
        """Write that a link changes; the name of its interface."""
        interface = interface_on(self._plan, step.node, step.network)
        if interface is None:
            raise WorldBroken(f"{step.node} has no interface on {step.network or 'one network'}")
        self._world.mark(
            kind,
            describe(step),
            node=step.node,
            network=interface.network,
            interface=interface.name,
            **fields,
        )
        return interface.name


def interface_on(plan: Plan, node: str, network: str | None) -> PlannedInterface | None:
    """A node's interface on a network (None: its only one); None where that names none, or
    several."""
    found = [
        interface
        for interface in plan.node(node).interfaces
        if network in {None, interface.network}
    ]
    return found[0] if len(found) == 1 else None
