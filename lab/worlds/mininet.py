"""The Mininet world: real kernels' stacks, real sockets, real time.

It runs inside `lab.worlds.isolation`: its process holds the switches, one process per node holds
that node's namespaces, the programs are forks inside them. Actors and scripted peers run in the
world's own process, on its loop, with sockets of their nodes; so do the captures, and a watcher
sees each packet as it passes.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TextIO

from lab.observe.capture import LiveCapture
from lab.observe.sighting import Sighting
from lab.scenario.impairments import Direction, Impairment
from lab.topology.plan import Plan, PlannedInterface, PlannedNode, PlannedProgram, ProgramName
from lab.worlds.isolation import way_in
from lab.worlds.listening import listening
from lab.worlds.mininet_calendar import Calendar, clock_offset
from lab.worlds.mininet_commands import has_discipline, load_rules
from lab.worlds.mininet_links import Links
from lab.worlds.mininet_network import PlanNet
from lab.worlds.mininet_programs import STARTING_ORDER
from lab.worlds.mininet_seats import Seats
from lab.worlds.mininet_settings import SILENCE
from lab.worlds.mininet_transmitting import Transmitters
from lab.worlds.mininet_wires import means_of
from lab.worlds.world import Capability, Capture, Clock, WorldBroken
from resolver.machine import Duration, Instant, Machine
from resolver.programs import Listening, may_be_foreign
from resolver.shells.files import take_files
from resolver.shells.journal import JournalWriter
from resolver.shells.loop import Loop
from resolver.shells.shell import CannotStart, MachineFailed
from resolver.shells.sockets import SocketShell


class MininetWorld:
    """A `World` of Mininet nodes. Its clock is the kernel's real-time clock, which stamps captures.

    Make it inside `isolation.Isolated`: its interfaces are named after the plan's. `out` gets
    `capture.pcapng` and `<node>/<program>.toml` and `.stderr`.
    """

    clock = Clock.MEASURED

    def __init__(self, plan: Plan, *, out: Path, seed: int) -> None:
        self._plan = plan
        self._seed = seed
        self._may_impair: Mapping[str, tuple[Impairment, ...]] = {}
        self._path = out / "capture.pcapng"
        self._folder = out
        self._loop = Loop()
        self._calendar = Calendar(self._loop)
        self._programs = Seats(self._loop, self._folder, seed, lambda: self.net.home)
        self._net: PlanNet | None = None
        self._standing: Links | None = None
        self._capture: LiveCapture | None = None
        self._clock_offset: Duration = 0
        self._actors: dict[int, SocketShell] = {}
        self._peers: dict[tuple[str, ProgramName], SocketShell] = {}
        self._journals: list[TextIO] = []
        self._transmitters = Transmitters(plan, self._inside)
        self._capabilities: frozenset[Capability] | None = None
        self._over = False

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this kernel can do, tried once."""
        if self._capabilities is None:
            found = {Capability.LINK_DELAY, Capability.LINK_RATE, Capability.FOREIGN_SERVERS}
            found |= {Capability.IPV6} if Path("/proc/sys/net/ipv6").exists() else set()
            self._capabilities = frozenset(found)
        return self._capabilities

    @property
    def net(self) -> PlanNet:
        """The Mininet network, for whoever knows Mininet: `world.net.get("viewer").cmd("ip r")`."""
        if self._net is None:
            raise WorldBroken("the world was not started")
        return self._net

    # --- life ---------------------------------------------------------------------------------

    def may_impair(self, links: Mapping[str, tuple[Impairment, ...]]) -> None:
        """These links get a wire from the start."""
        self._may_impair = links

    def start(self) -> None:
        """Build the network, start captures and programs; return when all are ready."""
        self._folder.mkdir(parents=True, exist_ok=True)
        take_files()  # actors ask from sockets of this process, thousands at once
        means = means_of(
            self._plan, self._may_impair, partial(has_discipline, "netem", "delay 1ms")
        )
        self._net = PlanNet(self._plan, means, self._seed)
        self._net.start()
        self._standing = Links(self._plan, self._net, self._loop)
        self._clock_offset = clock_offset()
        self._listen_in()
        for name in STARTING_ORDER:
            self._start_programs(
                [
                    (node, program)
                    for node in self._plan.nodes
                    if (program := node.program(name)) is not None
                ]
            )

    def _listen_in(self) -> None:
        """Capture every node interface, TUN devices too."""
        self._capture = LiveCapture(self._path)
        for node in self._plan.nodes:
            with self.net.inside(node.name):
                names = [interface.name for interface in node.interfaces]
                for name in [*names, node.tun] if node.tun else names:
                    ear = self._capture.add(node.name, name)
                    self._loop.add_reader(ear, partial(self._capture.read, ear))

    def seal(self) -> Capture:
        """Stop actors and peers, end the capture; the nodes live on with their programs."""
        for shell in (*self._actors.values(), *self._peers.values()):
            shell.close()
        self._actors.clear()
        self._peers.clear()
        capture = self._capturing()
        for ear in capture.sockets():
            self._loop.remove_reader(ear)
        capture.close()
        self._capture = None
        wires = self.net.wires.review()
        return Capture(
            path=self._path,
            frames_lost=capture.frames_lost + wires.dropped,
            clock_step_ns=clock_offset() - self._clock_offset,
            links=dict(self.net.means),
            late_ns=wires.late_ns,
            problems=(*self._programs.deaths(), *wires.problems),
        )

    def stop(self) -> None:
        """End every program and remove everything. Idempotent; works after any failure."""
        if self._over:
            return
        self._over = True
        if self._capture is not None:
            self.seal()
        self._programs.stop_all()
        self._transmitters.close()
        for journal in self._journals:
            journal.close()
        self._loop.close()
        if self._net is not None:
            self._net.stop()

    def entrances(self) -> tuple[str, ...]:
        """A command for each node that opens a shell there, from the host."""
        net = self.net
        try:
            command = way_in()
        except LookupError:
            command = ()
        return tuple(
            shlex.join([*command, "mnexec", "-a", str(net.get(node.name).pid), "bash"])
            + f"  # {node.name}"
            for node in self._plan.nodes
        )

    # --- time ---------------------------------------------------------------------------------

    def now(self) -> Instant:
        """The real-time clock, ns: the one the kernel stamps packets with."""
        return time.time_ns()

    def run_until(self, condition: Callable[[], bool], deadline: Instant) -> bool:
        """Let packets, actors and peers go on until the condition holds or the deadline comes."""
        try:
            return self._loop.run_until(condition, deadline - clock_offset())
        except (MachineFailed, CannotStart) as error:
            raise WorldBroken(f"an actor or a scripted peer failed: {error}") from error

    def appoint(self, instant: Instant, action: Callable[[], None]) -> None:
        """Have something done when the real-time clock shows an instant."""
        self._calendar.appoint(instant - clock_offset(), action)

    def on_sighting(self, watcher: Callable[[Sighting], None] | None) -> None:
        """Show every packet to the watcher as soon as it is read; its frame number is 0, because
        its place in the file is not known yet."""
        self._capturing().on_sighting = watcher

    def mark(self, kind: str, text: str, **fields: object) -> None:
        """Write what a step did, and when, into the capture."""
        self._capturing().mark(self.now(), kind, text, fields)

    # --- actors and peers ---------------------------------------------------------------------

    def attach(self, node: str, machine: Machine) -> None:
        """Run an actor on a node, in this process, with sockets of that node."""
        shell = self._shell(node, machine, (), "actor")
        self._actors[id(machine)] = shell
        try:
            shell.expire(self._loop.now())
        except MachineFailed as error:
            raise WorldBroken(f"{node}: an actor failed: {error}") from error

    def detach(self, machine: Machine) -> None:
        """Take an actor off its node and close its sockets."""
        shell = self._actors.pop(id(machine), None)
        if shell is not None:
            shell.close()

    def start_peer(self, node: str, program: ProgramName, machine: Machine, script: str) -> None:
        """Stop a program and let a scripted peer listen in its place."""
        planned = self._node(node).program(program)
        if planned is None:
            raise WorldBroken(f"{node} has no seat for a {program}: the plan gives it none")
        self.stop_program(node, program)
        (self._folder / node).mkdir(parents=True, exist_ok=True)
        (self._folder / node / f"{program}.script").write_text(script + "\n", encoding="utf-8")
        ends, foreign = listening(machine, planned.config), may_be_foreign(planned.config)
        shell = self._shell(node, machine, ends, program, foreign)
        self._peers[node, program] = shell

    def _shell(
        self,
        node: str,
        machine: Machine,
        listening: tuple[Listening, ...],
        name: str,
        foreign_addresses: bool = False,
    ) -> SocketShell:
        folder = self._folder / node
        folder.mkdir(parents=True, exist_ok=True)
        words = (folder / f"{name}.stderr").open("a", encoding="utf-8", buffering=1)
        self._journals.append(words)
        try:
            return SocketShell(
                self._loop,
                machine,
                listening,
                foreign_addresses=foreign_addresses,
                enter=partial(self._inside, node),
                journal=JournalWriter(words),
            )
        except CannotStart as error:
            raise WorldBroken(f"{node}: {error}") from error

    # --- programs and power -------------------------------------------------------------------

    def stop_program(self, node: str, program: ProgramName) -> None:
        """End a program, or the peer in its seat; its ports refuse when this returns."""
        peer = self._peers.pop((node, program), None)
        if peer is not None:
            peer.close()
        self._programs.stop(node, program)

    def kill_program(self, node: str, program: ProgramName) -> None:
        """Kill a program, or take away the peer in its seat; return when it is gone."""
        peer = self._peers.pop((node, program), None)
        if peer is not None:
            peer.close()
        self._programs.kill(node, program)

    def start_program(self, node: str, program: PlannedProgram) -> None:
        """Start a program with this configuration, in place of what sits there; return when it is
        ready."""
        self.stop_program(node, program.name)
        self._start_programs([(self._node(node), program)])

    def reconfigure(self, node: str, program: PlannedProgram) -> None:
        """Rewrite a running program's file and have it read it; return when it has."""
        self._programs.reconfigure(node, program)

    def _start_programs(self, programs: list[tuple[PlannedNode, PlannedProgram]]) -> None:
        self._programs.start(
            (node.name, self.net.namespaces[node.name], program) for node, program in programs
        )
        for node, program in programs:
            if program.name == "nat" and node.tun:
                # A device that has just been taken into use drops what comes first.
                self._links.await_carrier(node.name, [node.tun], expected=True)

    def set_power(self, node: str, on: bool) -> None:
        """Take the node's cables off at the switch, or put them back."""
        self._links.set_power(node, on=on)

    # --- links --------------------------------------------------------------------------------

    def set_link(self, node: str, interface: str, up: bool) -> None:
        """Take an interface down or up in its node; up again, its routes come back."""
        self._interface(self._node(node), interface)
        self._links.set_link(node, interface, up=up)

    def set_mtu(self, node: str, interface: str, mtu: int | None) -> None:
        """Set the MTU of a node's interface: the rest is the kernel's."""
        self._interface(self._node(node), interface)
        self._links.set_mtu(node, interface, mtu)

    def impair(
        self, node: str, interface: str, direction: Direction, impairment: Impairment | None
    ) -> None:
        """Make a link bad in one direction, or as planned again."""
        self._links.impair(self._interface(self._node(node), interface), direction, impairment)

    def transmit(self, node: str, interface: str, packet: bytes) -> None:
        """Put an IP packet on the wire as it is: a forgery."""
        planned = self._node(node)
        self._transmitters.transmit(planned, self._interface(planned, interface), packet)

    def silence(self, node: str) -> None:
        """Have a node's kernel say nobody any more that nobody listens."""
        with self._inside(node):
            load_rules(node, SILENCE)

    @property
    def _links(self) -> Links:
        if self._standing is None:
            raise WorldBroken("the world was not started")
        return self._standing

    # --- what must be there -------------------------------------------------------------------

    def _inside(self, node: str) -> AbstractContextManager[None]:
        return self.net.inside(node)

    def _capturing(self) -> LiveCapture:
        if self._capture is None:
            raise WorldBroken("the world was not started, or its capture was sealed")
        return self._capture

    def _node(self, name: str) -> PlannedNode:
        try:
            return self._plan.node(name)
        except KeyError:
            known = ", ".join(node.name for node in self._plan.nodes)
            raise WorldBroken(f"there is no node {name!r}; the plan has {known}") from None

    @staticmethod
    def _interface(node: PlannedNode, name: str) -> PlannedInterface:
        for interface in node.interfaces:
            if interface.name == name:
                return interface
        raise WorldBroken(f"{node.name} has no interface {name!r}")
