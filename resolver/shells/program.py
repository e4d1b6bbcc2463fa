"""One program in its process: from a configuration to an exit code."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import Final, TextIO

from resolver.config import NatConfig, ProgramConfig
from resolver.config_file import program_name
from resolver.machine import Machine
from resolver.programs import listens, machine_for, may_be_foreign
from resolver.shells.journal import JournalWriter
from resolver.shells.loop import Loop
from resolver.shells.shell import CannotStart, Journal, MachineFailed, Shell
from resolver.shells.sockets import SocketShell
from resolver.shells.tun import TunShell

EXIT_STOPPED: Final = 0
EXIT_FAILED: Final = 1

_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class ProgramStarted:
    """The sockets, or the device, are open."""

    program: str


@dataclass(frozen=True, slots=True)
class ProgramReady:
    """The program can do its work."""

    program: str


@dataclass(frozen=True, slots=True)
class ProgramStopped:
    """The program was asked to stop."""

    program: str


@dataclass(frozen=True, slots=True)
class ProgramFailed:
    """A bug ended the program."""

    program: str
    traceback: str


def run_program(
    config: ProgramConfig, *, seed: int | None, journal: TextIO, on_ready: Callable[[], None]
) -> int:
    """Run a program until SIGTERM or SIGINT (0), or until a bug in it ends it (1).

    `on_ready` is called once it listens and the shell is ready. With a seed, identifiers, ports
    and selections repeat from run to run: for the lab only, an attacker could guess them (RFC 5452
    9.2). Call it on the main thread. Raises CannotStart.
    """
    name = program_name(config)
    machine = build_machine(config, seed=seed)
    note = JournalWriter(journal)
    with closing(Loop()) as loop, _stop_requests(loop) as stop_requested:
        with closing(_shell_for(config, loop, machine, note)) as shell:
            note(ProgramStarted(name), loop.now())
            try:
                loop.run_until(lambda: shell.ready() or stop_requested(), None)
                if not stop_requested():
                    note(ProgramReady(name), loop.now())
                    journal.flush()
                    on_ready()
                loop.run_until(stop_requested, None)
            except MachineFailed:
                note(ProgramFailed(name, traceback.format_exc()), loop.now())
                return EXIT_FAILED
            finally:
                journal.flush()
        note(ProgramStopped(name), loop.now())
        journal.flush()
    return EXIT_STOPPED


def build_machine(config: ProgramConfig, *, seed: int | None) -> Machine:
    """The machine of a configuration. Raises CannotStart when the configuration contradicts
    itself (a zone's text, two members of one number)."""
    name = program_name(config)
    try:
        return machine_for(
            config, _random(seed, "identifiers", name), _random(seed, "selection", name)
        )
    except ValueError as error:
        raise CannotStart(str(error)) from error


def _shell_for(config: ProgramConfig, loop: Loop, machine: Machine, note: Journal) -> Shell:
    if isinstance(config, NatConfig):
        return TunShell(loop, machine, config.device, journal=note)
    return SocketShell(
        loop, machine, listens(config), foreign_addresses=may_be_foreign(config), journal=note
    )


def _random(seed: int | None, purpose: str, program: str) -> Random:
    """A stream of its own for each purpose, so that drawing from one leaves the other alone."""
    if seed is None:
        return SystemRandom()
    return Random(f"{seed}/{purpose}/{program}")  # noqa: S311 - predictable is what a seed asks for


@contextmanager
def _stop_requests(loop: Loop) -> Iterator[Callable[[], bool]]:
    """Whether the process was asked to stop. A signal wakes the loop through a pipe: an
    interrupted wait would be taken up again (PEP 475)."""
    requested = False

    def request(_signal: int, _frame: object) -> None:
        nonlocal requested
        requested = True

    def drain(pipe: int) -> None:
        os.read(pipe, 4096)

    wake, waker = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(waker, False)
    loop.add_reader(wake, lambda: drain(wake))
    before_wakeup = signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    before = {number: signal.signal(number, request) for number in _STOP_SIGNALS}
    try:
        yield lambda: requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before_wakeup)
        loop.remove_reader(wake)
        os.close(wake)
        os.close(waker)
