"""One program in its process: from a configuration to an exit code."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from random import Random
from typing import Final, TextIO

from resolver import config as configuration
from resolver.config import NatConfig, ProgramConfig, ResolverConfig
from resolver.config_file import ConfigError, program_name
from resolver.dns.facts import ConfigurationRejected
from resolver.machine import CountersRequested, Drains, Machine, Reconfigured, StopRequested
from resolver.programs import listens, machine_for, may_be_foreign
from resolver.shells.files import questions_in, take_files
from resolver.shells.journal import JournalWriter
from resolver.shells.limits import COLLECT_CYCLES_AFTER
from resolver.shells.loop import Loop
from resolver.shells.randomness import HostRandom
from resolver.shells.shell import CannotStart, Journal, MachineFailed, Shell
from resolver.shells.signals import COUNT, REREAD, Requests, requests
from resolver.shells.sockets import SocketShell
from resolver.shells.tun import TunShell

EXIT_STOPPED: Final = 0
EXIT_FAILED: Final = 1

_AT_START: Final = ("listen", "batched")
"""What of a resolver's configuration is the shell's, and stays as it was when the shell began."""


@dataclass(frozen=True, slots=True)
class ProgramStarted:
    """The sockets, or the device, are open."""

    program: str


@dataclass(frozen=True, slots=True)
class ProgramReady:
    """The program can do its work."""

    program: str


@dataclass(frozen=True, slots=True)
class RestartMissed:
    """A changed configuration says something that only a restart would bring about."""

    what: str


@dataclass(frozen=True, slots=True)
class ProgramStopped:
    """The program was asked to stop."""

    program: str
    answered: bool = True
    """Whether every client that waited had its answer."""


@dataclass(frozen=True, slots=True)
class ProgramFailed:
    """A bug ended the program."""

    program: str
    traceback: str


def _nothing() -> None:
    pass


def _is_of_events(config: ProgramConfig) -> bool:
    return isinstance(config, ResolverConfig) and config.journal is configuration.Journal.EVENTS


def run_program(
    config: ProgramConfig,
    *,
    seed: int | None,
    journal: TextIO,
    on_ready: Callable[[], None],
    reread: Callable[[], ProgramConfig] | None = None,
    on_reread: Callable[[], None] = _nothing,
) -> int:
    """Run a program until SIGTERM or SIGINT (0), or until a bug in it ends it (1).

    `on_ready` is called once it listens and the shell is ready. At SIGHUP, `reread` gives the
    configuration as it is now, or raises ConfigError; `on_reread` is called when the program goes
    by it, or has said in its journal why not. With a seed, identifiers, ports and selections repeat
    from run to run: for the lab only, an attacker could guess them (RFC 5452 9.2). Call it on the
    main thread. Raises CannotStart.
    """
    name = program_name(config)
    machine = build_machine(config, seed=seed, most_in_flight=questions_in(take_files()))
    gc.set_threshold(*COLLECT_CYCLES_AFTER)
    note = JournalWriter(journal, bounded=_is_of_events(config))
    with closing(Loop()) as loop, requests(loop) as asked:
        with closing(_shell_for(config, loop, machine, note)) as shell:
            note(ProgramStarted(name), loop.now())
            running = _Running(config, machine, shell, note, asked, reread, on_reread)
            try:
                loop.run_until(lambda: shell.ready() or asked.stops > 0, None)
                if not asked.stops:
                    note(ProgramReady(name), loop.now())
                    note.flush()
                    on_ready()
                running.live()
                answered = running.stop()
            except MachineFailed:
                note(ProgramFailed(name, traceback.format_exc()), loop.now())
                return EXIT_FAILED
            finally:
                note.flush()
        note.tell_what_was_left_out(loop.now())
        note(ProgramStopped(name, answered), loop.now())
        note.flush()
    return EXIT_STOPPED


@dataclass(slots=True)
class _Running:
    """A program between its start and its end."""

    config: ProgramConfig
    machine: Machine
    shell: Shell
    note: JournalWriter
    asked: Requests
    reread: Callable[[], ProgramConfig] | None
    on_reread: Callable[[], None]

    def live(self) -> None:
        """See to what the operator asks, until that is to stop."""
        while not self.asked.stops:
            self.shell.loop.run_until(self.asked.any, None)
            if self.asked.take(REREAD):
                self._take_over()
                self.on_reread()
            if self.asked.take(COUNT):
                self.shell.tell(CountersRequested())

    def stop(self) -> bool:
        """Let the answers under way go out, for a while and unless asked again; whether all did."""
        if not isinstance(self.config, ResolverConfig):
            return True
        machine, shell = self.machine, self.shell
        shell.stop_listening()
        shell.tell(StopRequested())

        def over() -> bool:
            return isinstance(machine, Drains) and machine.idle() and shell.idle()

        deadline = shell.loop.now() + self.config.stop_within_ns
        shell.loop.run_until(lambda: over() or self.asked.stops > 1, deadline)
        shell.tell(CountersRequested())
        return over()

    def _take_over(self) -> None:
        """Go by the configuration as it is now, as far as a running program can."""
        try:
            fresh = self.config if self.reread is None else self.reread()
        except ConfigError as error:
            self.shell.note(ConfigurationRejected(error.problems))
            return
        if isinstance(fresh, ResolverConfig) and isinstance(self.config, ResolverConfig):
            for name in _AT_START:
                stays = getattr(self.config, name)
                if getattr(fresh, name) != stays:
                    self.shell.note(RestartMissed(f"{name} stays as it was; restart the program"))
                    fresh = replace(fresh, **{name: stays})
            self.config = fresh
            self.note.bounded = _is_of_events(fresh)
            self.shell.tell(Reconfigured(self.config))
        elif fresh != self.config:
            what = f"a {program_name(self.config)} is configured as it starts; restart the program"
            self.shell.note(RestartMissed(what))


def build_machine(
    config: ProgramConfig, *, seed: int | None, most_in_flight: int | None = None
) -> Machine:
    """The machine of a configuration. `most_in_flight` is how many questions the host has sockets
    for. Raises CannotStart when the configuration contradicts itself (a zone's text, two members of
    one number)."""
    name = program_name(config)
    try:
        return machine_for(
            config,
            _random(seed, "identifiers", name),
            _random(seed, "selection", name),
            most_in_flight,
        )
    except ValueError as error:
        raise CannotStart(str(error)) from error


def _shell_for(config: ProgramConfig, loop: Loop, machine: Machine, note: Journal) -> Shell:
    if isinstance(config, NatConfig):
        return TunShell(loop, machine, config.device, journal=note)
    return SocketShell(
        loop,
        machine,
        listens(config),
        foreign_addresses=may_be_foreign(config),
        batched=not isinstance(config, ResolverConfig) or config.batched,
        journal=note,
    )


def _random(seed: int | None, purpose: str, program: str) -> Random:
    """A stream of its own for each purpose, so that drawing from one leaves the other alone."""
    if seed is None:
        return HostRandom()
    return Random(f"{seed}/{purpose}/{program}")  # noqa: S311 - predictable is what a seed asks for
