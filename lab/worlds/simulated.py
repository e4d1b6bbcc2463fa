"""The simulated world: a plan run in virtual time, in this process.

The machines are the same as behind real sockets, and what travels between them is real octets of
IP packets, so one judge reads both worlds. A minute takes as long as what happens in it; the same
plan, seed and steps give the same capture, octet by octet. What is left out: docs/limitations.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from lab.observe.pcapng import PcapngWriter
from lab.observe.sighting import Record, Sighting
from lab.scenario.impairments import Direction, Impairment
from lab.topology.plan import Plan, PlannedNode, PlannedProgram, ProgramName
from lab.worlds.impairing import Treatment, link_random
from lab.worlds.listening import listening
from lab.worlds.seeds import program_seed
from lab.worlds.simulation.agenda import Agenda
from lab.worlds.simulation.host import Host
from lab.worlds.simulation.journal import Journals
from lab.worlds.simulation.link import USUAL_MTU, Interface, Segment
from lab.worlds.simulation.process import Process
from lab.worlds.simulation.tap import FileTap, MemoryTap, Tap
from lab.worlds.world import Capability, Capture, Clock, WorldBroken
from resolver.config import ProgramConfig
from resolver.config_file import render_config
from resolver.machine import SECOND, Duration, Instant, Machine, Reconfigured
from resolver.shells.program import build_machine
from resolver.shells.shell import CannotStart

_STARTING_ORDER: tuple[ProgramName, ...] = (
    "service",
    "nat",
    "balancer",
    "authority",
    "dns-translator",
    "resolver",
)
"""Each before those that depend on it."""

_CAPTURE = "capture.pcapng"

READY_WITHIN_NS: Duration = 60 * SECOND
"""How long programs may take to be ready: many rounds of any sensible health check."""


class SimulatedWorld:
    """A `World` in virtual time. Its clock starts at 0 ns."""

    clock = Clock.VIRTUAL
    capabilities = frozenset(
        {Capability.LINK_DELAY, Capability.LINK_RATE, Capability.IPV6, Capability.LONG_WAITS}
    )

    def __init__(self, plan: Plan, *, out: Path | None, seed: int) -> None:
        """`out`: the folder for the capture and the programs' files. None: nothing is written, and
        `records` has what was captured."""
        self._plan = plan
        self._out = out
        self._seed = seed
        self._agenda = Agenda()
        self._journals = Journals(out)
        self._tap: Tap | None = None
        self._hosts: dict[str, Host] = {}
        self._seats: dict[tuple[str, ProgramName], Process] = {}
        self._actors: dict[int, Process] = {}
        self._turns: Counter[tuple[str, Direction]] = Counter()
        """How often a link's treatment changed."""

    # --- life ---------------------------------------------------------------------------------

    def may_impair(self, links: Mapping[str, tuple[Impairment, ...]]) -> None:
        """Nothing to prepare: any link here can get bad."""

    def start(self) -> None:
        """Build the network, start every program and wait, in virtual time, until all are ready."""
        self._tap = self._new_tap()
        segments = {network.name: Segment() for network in self._plan.networks}
        for node in self._plan.nodes:
            self._hosts[node.name] = Host(
                node,
                segments,
                self._agenda,
                self._tap,
                random=self._random(node.name, "host"),
                realm=self._server_realm(node),
            )
            for interface in node.interfaces:
                if interface.delay_ns or interface.rate_bit_s:
                    self.impair(node.name, interface.name, "out", None)
        for name in _STARTING_ORDER:
            for node in self._plan.nodes:
                program = node.program(name)
                if program is not None:
                    self._run(node.name, program)
        self._await_ready(tuple(self._seats.values()))

    def seal(self) -> Capture:
        """End the capture. Nothing was lost: there is no kernel to lose it."""
        if self._tap is None or self._out is None:
            raise WorldBroken("the simulated world was not started, or writes no capture")
        self._tap.close()
        self._journals.write()
        return Capture(self._out / _CAPTURE, frames_lost=0)

    def records(self) -> tuple[Record, ...]:
        """End the capture and give away what it holds. Only of a world that writes nothing."""
        if not isinstance(self._tap, MemoryTap):
            raise WorldBroken(
                "the simulated world was not started, or writes its capture to a file"
            )
        self._tap.close()
        return self._tap.records()

    def stop(self) -> None:
        """End everything."""
        for process in (*self._actors.values(), *self._seats.values()):
            process.stop()
        self._actors.clear()
        self._seats.clear()
        if self._tap is not None:
            self._tap.close()
            self._journals.write()

    def entrances(self) -> tuple[str, ...]:
        """None: there is nothing outside this process."""
        return ()

    # --- time ---------------------------------------------------------------------------------

    def now(self) -> Instant:
        """Virtual time since the world was made."""
        return self._agenda.now

    def run_until(self, condition: Callable[[], bool], deadline: Instant) -> bool:
        """Let virtual time pass until the condition holds or the deadline has come."""
        step = self._agenda.step
        while not condition():
            if not step(deadline):
                return condition()
        return True

    # --- programs -----------------------------------------------------------------------------

    def start_program(self, node: str, program: PlannedProgram) -> None:
        """Start a program in its seat, whoever sat there before."""
        self.stop_program(node, program.name)
        self._await_ready((self._run(node, program),))

    def start_peer(self, node: str, program: ProgramName, machine: Machine, script: str) -> None:
        """Put a scripted peer in a program's seat, at the endpoints the plan gave it."""
        planned = self._plan.node(node).program(program)
        if planned is None:
            raise WorldBroken(f"{node} has no {program} whose seat a scripted peer could take")
        self.stop_program(node, program)
        self._journals.keep(node, f"{program}.script", lambda: f"{script}\n")
        self._await_ready((self._seat(node, program, machine, planned.config),))

    def stop_program(self, node: str, program: ProgramName) -> None:
        """End a program, or the peer in its seat; nothing to do where nobody sits."""
        process = self._seats.pop((node, program), None)
        if process is None:
            return
        translation = self._host(node).translation
        if translation is not None and translation.process is process:
            translation.process = None
        process.stop()

    def kill_program(self, node: str, program: ProgramName) -> None:
        """End a program at once. Its kernel says goodbye on its streams, here as when it ends."""
        self.stop_program(node, program)

    def reconfigure(self, node: str, program: PlannedProgram) -> None:
        """Give a running program another configuration, at this instant."""
        process = self._seats.get((node, program.name))
        if process is None:
            raise WorldBroken(f"{node} runs no {program.name} that could be reconfigured")
        self._journals.keep(node, f"{program.name}.toml", lambda: render_config(program.config))
        process.tell(Reconfigured(program.config))

    def _run(self, node: str, program: PlannedProgram) -> Process:
        self._journals.keep(node, f"{program.name}.toml", lambda: render_config(program.config))
        try:
            machine = build_machine(
                program.config, seed=program_seed(self._seed, node, program.name)
            )
        except CannotStart as error:
            raise WorldBroken(f"{program.name} on {node} cannot start: {error}") from error
        return self._seat(node, program.name, machine, program.config)

    def _seat(
        self, node: str, program: ProgramName, machine: Machine, config: ProgramConfig
    ) -> Process:
        host = self._host(node)
        process = Process(program, machine, host, self._journals.of(node, program))
        if program == "nat":
            if host.translation is None:
                raise WorldBroken(f"{node} runs the NAT program, and the plan gives it no device")
            host.translation.process = process
        self._seats[node, program] = process
        process.start(listening(machine, config))
        return process

    def _await_ready(self, processes: tuple[Process, ...]) -> None:
        def all_ready() -> bool:
            return all(process.machine.ready() for process in processes)

        if not self.run_until(all_ready, self._agenda.now + READY_WITHIN_NS):
            waiting = ", ".join(str(p) for p in processes if not p.machine.ready())
            raise WorldBroken(f"not ready after {READY_WITHIN_NS // SECOND} s: {waiting}")

    # --- what a step does ---------------------------------------------------------------------

    def attach(self, node: str, machine: Machine) -> None:
        """Run an actor on a node; it begins at once."""
        process = Process("actor", machine, self._host(node), _forget)
        self._actors[id(machine)] = process
        process.start(())

    def detach(self, machine: Machine) -> None:
        """Take an actor off; nothing to do where it is not on."""
        process = self._actors.pop(id(machine), None)
        if process is not None:
            process.stop()

    def transmit(self, node: str, interface: str, packet: bytes) -> None:
        """Put an IP packet on the wire as it is. May be called by the watcher."""
        self._host(node).transmit(interface, packet)

    def silence(self, node: str) -> None:
        """Have a host say nobody any more that nobody listens."""
        self._host(node).silent = True

    def set_power(self, node: str, on: bool) -> None:
        """Power off or on. Its programs do not notice: they send and hear nothing."""
        self._host(node).powered = on

    def set_link(self, node: str, interface: str, up: bool) -> None:
        """Take an interface down or up: its host has routes over it only while it is up."""
        self._interface(node, interface).set_up(up)
        self._host(node).routes.forget()

    def set_mtu(self, node: str, interface: str, mtu: int | None) -> None:
        """Set the size of the largest packet."""
        self._interface(node, interface).mtu = USUAL_MTU if mtu is None else mtu

    def impair(
        self, node: str, interface: str, direction: Direction, impairment: Impairment | None
    ) -> None:
        """Make a link bad in one direction, or as planned again."""
        end = self._interface(node, interface)
        planned = next(each for each in self._plan.node(node).interfaces if each.name == interface)
        # What the plan says of an interface is about what leaves it.
        delay_ns, rate_bit_s = (
            (planned.delay_ns, planned.rate_bit_s) if direction == "out" else (0, 0)
        )
        self._turns[interface, direction] += 1
        treatment = None
        if impairment is not None or delay_ns or rate_bit_s:
            turn = self._turns[interface, direction]
            treatment = Treatment(
                impairment,
                link_random(self._seed, interface, direction, turn),
                delay_ns=delay_ns,
                rate_bit_s=rate_bit_s,
            )
        if direction == "out":
            end.outgoing = treatment
        else:
            end.incoming = treatment

    def appoint(self, instant: Instant, action: Callable[[], None]) -> None:
        """Have something done at an instant of virtual time."""
        self._agenda.at(max(instant, self._agenda.now), action)

    def on_sighting(self, watcher: Callable[[Sighting], None] | None) -> None:
        """Show every packet to the watcher as it passes an interface."""
        if self._tap is None:
            raise WorldBroken("the simulated world was not started")
        self._tap.watcher = watcher

    def mark(self, kind: str, text: str, **fields: object) -> None:
        """Write into the capture what a step does."""
        if self._tap is None:
            raise WorldBroken("the simulated world was not started")
        self._tap.mark(kind, text, fields)

    # --- parts --------------------------------------------------------------------------------

    def _new_tap(self) -> Tap:
        if self._out is None:
            return MemoryTap(self._agenda)
        self._out.mkdir(parents=True, exist_ok=True)
        return FileTap(self._agenda, PcapngWriter(self._out / _CAPTURE))

    def _host(self, node: str) -> Host:
        host = self._hosts.get(node)
        if host is None:
            raise WorldBroken(f"the plan {self._plan.source} has no node {node!r}")
        return host

    def _interface(self, node: str, name: str) -> Interface:
        interface = self._host(node).interfaces.get(name)
        if interface is None:
            raise WorldBroken(f"{node} has no interface {name!r}")
        return interface

    def _server_realm(self, node: PlannedNode) -> tuple[str, ...]:
        """The IPv4 prefixes of the realm on a translator's server side; none for other nodes."""
        if node.nat is None:
            return ()
        side = next(each.network for each in node.interfaces if each.name == node.nat.server_side)
        realm = next(network.realm for network in self._plan.networks if network.name == side)
        return tuple(
            prefix
            for network in self._plan.networks
            if network.realm == realm
            for prefix in network.prefixes
            if ":" not in prefix
        )

    def _random(self, *purpose: str) -> Random:
        # One stream each, so that what one program draws does not change another's run.
        return Random("/".join((str(self._seed), *purpose)))  # noqa: S311 - a run must repeat


def _forget(fact: object, at: Instant) -> None:
    """Where actors' facts go: actors are no programs, and what they do stands in the capture."""
