"""The programs of a Mininet world: each a fork of the world's process, moved into its node.

A fork has everything imported already: 5 ms instead of the 150 ms of a fresh interpreter. What a
person sees is the same: a configuration file, a process, a standard error.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NoReturn

from lab.topology.plan import PlannedProgram, ProgramName
from lab.worlds.namespaces import die_with_parent, enter_network
from lab.worlds.seeds import program_seed
from lab.worlds.world import WorldBroken
from resolver.config_file import read_config, render_config
from resolver.machine import SECOND
from resolver.shells.loop import Loop
from resolver.shells.program import run_program
from resolver.shells.shell import CannotStart

STARTING_ORDER: tuple[ProgramName, ...] = (
    "service",
    "nat",
    "balancer",
    "authority",
    "dns-translator",
    "resolver",
)
"""Each before those that depend on it: a balancer is ready once it has probed the services."""

_WORDS = 3
"""File descriptor on which a program says `_READY`, and `_REREAD` each time."""
_READY, _REREAD = b"r", b"c"

_READY_WITHIN_NS = 20 * SECOND
"""Many rounds of any sensible health check."""
_STOP_WITHIN_S = 2.0
_TAIL = 2_000


@dataclass(slots=True, eq=False)
class _Running:
    """A program in its process."""

    node: str
    name: ProgramName
    pid: int
    stderr: Path
    words: int
    """Reading end of a pipe on which it says that it is ready, and that it has read its file again;
    the end of file says that it died."""
    ready: bool = field(default=False)
    rereads: int = field(default=0)
    over: bool = field(default=False)

    def hear(self, loop: Loop) -> None:
        """Read what the program says of itself."""
        words = os.read(self.words, 4096)
        self.ready = self.ready or _READY in words
        self.rereads += words.count(_REREAD)
        if not words:
            self.over = True
            loop.remove_reader(self.words)

    def last_words(self) -> str:
        """What it said at the end on its standard error, in a line: of a bug its cause."""
        words = self.stderr.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(words) if line.strip()), "(it wrote nothing)")
        try:
            told = json.loads(last)["traceback"]
        except (ValueError, KeyError, TypeError):
            return last[-_TAIL:]
        first, _, _ = told.partition("\n\nThe above exception was the direct cause")
        return str(first.strip().splitlines()[-1])


class Programs:
    """Everything that runs on the nodes. `folder` gets `<node>/<program>.toml` and `.stderr`."""

    def __init__(self, loop: Loop, folder: Path, seed: int) -> None:
        self._loop = loop
        self._folder = folder
        self._seed = seed
        self._running: dict[tuple[str, ProgramName], _Running] = {}
        self._deaths: list[str] = []

    def start(self, programs: Iterable[tuple[str, int, PlannedProgram]]) -> None:
        """Start programs, each (node, the node's network namespace, program), and return when all
        are ready. Raises WorldBroken with the last words of one that is not."""
        fresh = [self._spawn(*each) for each in programs]
        deadline = self._loop.now() + _READY_WITHIN_NS
        self._loop.run_until(
            lambda: all(each.ready for each in fresh) or any(each.over for each in fresh), deadline
        )
        for each in fresh:
            if each.over:
                raise WorldBroken(f"{each.node}: {each.name} did not start: {each.last_words()}")
            if not each.ready:
                raise WorldBroken(
                    f"{each.node}: {each.name} is not ready after "
                    f"{_READY_WITHIN_NS // SECOND} s: {each.last_words()}"
                )

    def runs(self, node: str, name: ProgramName) -> bool:
        """Whether the program was started and not stopped since."""
        return (node, name) in self._running

    def processes(self) -> dict[tuple[str, ProgramName], int]:
        """The process of each program that runs, by node and program."""
        return {key: running.pid for key, running in self._running.items() if not running.over}

    def reconfigure(self, node: str, program: PlannedProgram) -> None:
        """Rewrite a program's file and have it read; return when it has. Raises WorldBroken."""
        running = self._running.get((node, program.name))
        if running is None:
            raise WorldBroken(f"{node} runs no {program.name} that could be reconfigured")
        self._write_config(node, program)
        before = running.rereads
        os.kill(running.pid, signal.SIGHUP)
        self._loop.run_until(
            lambda: running.rereads > before or running.over,
            self._loop.now() + _READY_WITHIN_NS,
        )
        if running.rereads == before:
            raise WorldBroken(
                f"{node}: {program.name} did not take over its new configuration: "
                f"{running.last_words()}"
            )

    def stop(self, node: str, name: ProgramName) -> None:
        """End a program; return when its sockets are closed. It may not be running."""
        running = self._running.pop((node, name), None)
        if running is not None:
            self._end([running])

    def kill(self, node: str, name: ProgramName) -> None:
        """Kill a program; return when it is gone. It may not be running."""
        running = self._running.pop((node, name), None)
        if running is not None:
            os.kill(running.pid, signal.SIGKILL)
            os.waitpid(running.pid, 0)
            self._forget(running)

    def stop_all(self) -> None:
        """End every program."""
        running = list(self._running.values())
        self._running.clear()
        self._end(running)

    def deaths(self) -> tuple[str, ...]:
        """Programs that ended though nobody stopped them, with their last words."""
        for key, running in list(self._running.items()):
            pid, status = os.waitpid(running.pid, os.WNOHANG)
            if pid:
                del self._running[key]
                self._bury(running, status)
        return tuple(self._deaths)

    def _end(self, programs: list[_Running]) -> None:
        ended = [(each, *os.waitpid(each.pid, os.WNOHANG)) for each in programs]
        for each, pid, status in ended:
            if pid:
                self._bury(each, status)
            else:
                # Twice says at once: a program that is stopped here is one that is gone.
                os.kill(each.pid, signal.SIGTERM)
                os.kill(each.pid, signal.SIGINT)
        deadline = time.monotonic() + _STOP_WITHIN_S
        for each, pid, _ in ended:
            if not pid:
                _wait_for_end(each.pid, deadline)
                self._forget(each)

    def _bury(self, running: _Running, status: int) -> None:
        self._forget(running)
        code = os.waitstatus_to_exitcode(status)
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        self._deaths.append(
            f"{running.node}: {running.name} {how} by itself: {running.last_words()} "
            f"({running.stderr.name} of the node says more)"
        )

    def _forget(self, running: _Running) -> None:
        self._loop.remove_reader(running.words)
        os.close(running.words)

    def _spawn(self, node: str, namespace: int, program: PlannedProgram) -> _Running:
        config = self._write_config(node, program)
        stderr = config.with_suffix(".stderr")
        words = os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        reader, writer = os.pipe2(os.O_CLOEXEC)
        seed = program_seed(self._seed, node, program.name)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _be(program, config, parent, namespace, words, writer, seed)
        os.close(words)
        os.close(writer)
        running = _Running(node, program.name, pid, stderr, reader)
        self._running[node, program.name] = running
        self._loop.add_reader(reader, partial(running.hear, self._loop))
        return running

    def _write_config(self, node: str, program: PlannedProgram) -> Path:
        """Put a program's file in place, whole at any moment; the path is absolute."""
        folder = self._folder.resolve() / node
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / f"{program.name}.toml"
        unfinished = config.with_suffix(".unfinished")
        unfinished.write_text(render_config(program.config), encoding="utf-8")
        return unfinished.replace(config)


def _be(
    program: PlannedProgram,
    config: Path,
    parent: int,
    namespace: int,
    words: int,
    writer: int,
    seed: int,
) -> NoReturn:
    """Be the program: in its node, with nothing of the world's left open."""
    status = 1
    try:
        gc.freeze()  # shared with the world's process; collecting it would copy it
        die_with_parent()
        if os.getppid() != parent:
            os._exit(status)
        enter_network(namespace)
        os.dup2(words, 1)
        os.dup2(words, 2)
        os.dup2(writer, _WORDS)
        os.closerange(_WORDS + 1, os.sysconf("SC_OPEN_MAX"))
        sys.stdout = sys.stderr = open(2, "w", buffering=1, encoding="utf-8")  # noqa: SIM115 - for the process's life
        status = run_program(
            program.config,
            seed=seed,
            journal=sys.stderr,
            on_ready=lambda: _say(_READY),
            reread=partial(read_config, config),
            on_reread=lambda: _say(_REREAD),
        )
    except CannotStart as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201 - its standard error is a file people read
    except BaseException:  # noqa: BLE001 - the last frame of a process
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _say(word: bytes) -> None:
    os.write(_WORDS, word)


def _wait_for_end(pid: int, deadline: float) -> None:
    """Reap a process that was told to stop; kill it when it does not listen."""
    ending = os.pidfd_open(pid)
    try:
        if not select.select([ending], [], [], max(0.0, deadline - time.monotonic()))[0]:
            os.kill(pid, signal.SIGKILL)
    finally:
        os.close(ending)
    os.waitpid(pid, 0)
