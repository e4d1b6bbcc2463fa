"""The servers of a Mininet world that are not ours: each a process in its node, or a state of its
node's kernel.

Whatever a server leaves in its folder stays out of reports. What it was given is copied into the
node's folder for people to read.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lab.topology.plan import PlannedDaemon, PlannedProgram, ProgramName
from lab.worlds.daemon_folders import FOLDERS, folder_of, put_in_folder
from lab.worlds.daemons import NoSuchProgram, complaints, end_group, last_words, start_process
from lab.worlds.inotify import Reading
from lab.worlds.namespaces import inside
from lab.worlds.serving import Serving
from lab.worlds.world import ServerRefused, WorldBroken
from resolver.machine import MILLISECOND, SECOND, Duration
from resolver.shells.loop import Loop

_READY_WITHIN_NS: Duration = 60 * SECOND
"""A slow starter on a busy host; who dies meanwhile is told at once."""
_READ_WITHIN_NS: Duration = 20 * SECOND
_LOOK_EVERY_NS: Duration = 5 * MILLISECOND
_STOP_WITHIN_S = 5.0


@dataclass(slots=True, eq=False)
class _Running:
    node: str
    namespace: int
    program: PlannedProgram
    daemon: PlannedDaemon
    """With its folder in all words."""
    folder: Path
    stderr: Path
    process: subprocess.Popen[bytes] | None = None
    """None: a state of the kernel."""
    said_before: int = 0
    """Octets of `stderr` from before it was last told what to do."""

    def died(self) -> bool:
        return self.process is not None and self.process.poll() is not None


class Daemons:
    """All that run. `folder` gets `<node>/<program>/` with their files and `<program>.stderr`."""

    def __init__(self, loop: Loop, folder: Path, home: Callable[[], int]) -> None:
        """`home`: the network namespace of the world's own process."""
        self._loop = loop
        self._folder = folder
        self._home = home
        self._running: dict[tuple[str, ProgramName], _Running] = {}
        self._deaths: list[str] = []

    def start(self, programs: Iterable[tuple[str, int, PlannedProgram]]) -> None:
        """Start servers, each (node, the node's network namespace, program), and return when all
        serve. Raises ServerRefused with the last words of one that does not."""
        fresh = [self._spawn(*each) for each in programs]
        for each in fresh:
            self._await_serving(each)

    def runs(self, node: str, name: ProgramName) -> bool:
        """Whether a server was started there and not stopped since."""
        return (node, name) in self._running

    def processes(self) -> dict[tuple[str, ProgramName], int]:
        """The process of each that has one, by node and program."""
        return {
            key: each.process.pid
            for key, each in self._running.items()
            if each.process is not None and not each.died()
        }

    def reconfigure(self, node: str, program: PlannedProgram) -> None:
        """Have a server go by another configuration: it reads its files again, or is started anew
        where it cannot. Returns when it serves. Raises WorldBroken."""
        running = self._running.get((node, program.name))
        if running is None or program.daemon is None:
            raise WorldBroken(f"{node} runs no server in the seat {program.name}")
        if not program.daemon.may_reload:
            self.stop(node, program.name)
            self.start([(node, running.namespace, program)])
            return
        before = dict(running.daemon.files)
        running.program = program
        running.daemon = put_in_folder(program.daemon, running.folder)
        self._write_files(running)
        if running.daemon.reload is not None:
            self._command(running, running.daemon.reload)
        else:
            changed = [name for name, text in running.daemon.files if before.get(name) != text]
            self._signal_to_read(running, [running.folder / name for name in changed])
        self._await_serving(running)

    def stop(self, node: str, name: ProgramName) -> None:
        """End a server; return when its sockets are closed. It may not be running."""
        self._end(node, name, signal.SIGTERM)

    def kill(self, node: str, name: ProgramName) -> None:
        """Kill a server with all its processes; return when they are gone. It may not run."""
        self._end(node, name, signal.SIGKILL)

    def stop_all(self) -> None:
        """Kill all: nobody asks them any more, and what they did to their kernels goes with it."""
        for running in self._running.values():
            if running.process is not None:
                end_group(running.process.pid, 0.0, how=signal.SIGKILL)
                running.process.wait()
        self._running.clear()

    def deaths(self) -> tuple[str, ...]:
        """Those that ended though nobody stopped them, with their last words."""
        for running in self._running.values():
            self._bury(running)
        return tuple(self._deaths)

    # --- one of them --------------------------------------------------------------------------

    def _spawn(self, node: str, namespace: int, program: PlannedProgram) -> _Running:
        if program.daemon is None:
            raise WorldBroken(f"{node}: the seat {program.name} has no other server than ours")
        folder = folder_of(node, program.name)
        folder.mkdir(parents=True, exist_ok=True)
        shown = self._folder.resolve() / node
        shown.mkdir(parents=True, exist_ok=True)
        daemon = put_in_folder(program.daemon, folder)
        stderr = shown / f"{program.name}.stderr"
        running = _Running(node, namespace, program, daemon, folder, stderr)
        self._write_files(running)
        for command in daemon.prepare:
            self._command(running, command)
        if daemon.command:
            running.process = self._process(running, daemon.command)
        self._running[node, program.name] = running
        return running

    def _write_files(self, running: _Running) -> None:
        """Put its files in place, each whole at any moment, and a copy where people look."""
        with suppress(FileNotFoundError):
            running.said_before = running.stderr.stat().st_size
        for name, text in running.daemon.files:
            for place in (running.folder, running.stderr.with_suffix("")):
                file = place / name
                file.parent.mkdir(parents=True, exist_ok=True)
                unfinished = file.with_name(f"{file.name}.unfinished")
                unfinished.write_text(text, encoding="utf-8")
                unfinished.replace(file)

    def _await_serving(self, running: _Running) -> None:
        if running.process is None:
            return
        serving = Serving(
            running.process.pid,
            running.program.config,
            partial(inside, running.namespace, self._home()),
        )
        deadline = self._loop.now() + _READY_WITHIN_NS
        try:
            while not running.died():
                if serving(self._loop.now()):
                    return
                if self._loop.now() > deadline:
                    waited = _READY_WITHIN_NS // SECOND
                    raise self._refused(running, f"it does not serve after {waited} s")
                self._loop.run_until(lambda: False, self._loop.now() + _LOOK_EVERY_NS)
        finally:
            serving.close()
        raise self._refused(running)

    def _command(self, running: _Running, command: tuple[str, ...]) -> None:
        """Run a command in the node to its end. Raises ServerRefused where it fails."""
        process = self._process(running, command)
        ending = os.pidfd_open(process.pid)
        self._loop.add_reader(ending, lambda: None)
        self._loop.run_until(
            lambda: process.poll() is not None, self._loop.now() + _READY_WITHIN_NS
        )
        self._loop.remove_reader(ending)
        os.close(ending)
        if process.returncode is None:
            process.kill()
            process.wait()
        if process.returncode != 0:
            raise self._refused(running, f"{command[0]} ended with {process.returncode}")

    def _signal_to_read(self, running: _Running, files: list[Path]) -> None:
        """Have it read its files again, and return when it has read those that changed."""
        number, process = running.daemon.reload_signal, running.process
        if number is None or process is None:
            return
        if (words := running.daemon.reload_words) is not None:
            process.send_signal(number)
            self._await_words(running, words)
            return
        unread = {Reading(file) for file in files}
        for reading in unread:
            self._loop.add_reader(reading, partial(self._was_read, reading, unread))
        process.send_signal(number)
        self._loop.run_until(
            lambda: not unread or running.died(), self._loop.now() + _READ_WITHIN_NS
        )
        if unread:
            for reading in tuple(unread):
                self._was_read(reading, unread)
            raise self._refused(running, "it did not read its files again")

    def _await_words(self, running: _Running, words: str) -> None:
        """Return when it has said this since it was told something."""
        deadline = self._loop.now() + _READ_WITHIN_NS
        while words.encode() not in running.stderr.read_bytes()[running.said_before :]:
            if running.died() or self._loop.now() > deadline:
                raise self._refused(running, f"it did not say {words!r}")
            self._loop.run_until(lambda: False, self._loop.now() + _LOOK_EVERY_NS)

    def _was_read(self, reading: Reading, unread: set[Reading]) -> None:
        self._loop.remove_reader(reading)
        reading.close()
        unread.discard(reading)

    def _process(self, running: _Running, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        try:
            return start_process(
                command, running.namespace, running.folder, running.stderr, FOLDERS / ".programs"
            )
        except NoSuchProgram as error:
            raise self._refused(running, str(error)) from error

    def _end(self, node: str, name: ProgramName, how: signal.Signals) -> None:
        running = self._running.pop((node, name), None)
        if running is None:
            return
        if not self._bury(running) and running.process is not None:
            end_group(running.process.pid, _STOP_WITHIN_S, how=how)
            running.process.wait()
        for command in running.daemon.remove:
            self._command(running, command)

    def _bury(self, running: _Running) -> bool:
        """Tell of one that died, once; whether it did."""
        if running.process is None or not running.died():
            return False
        end_group(running.process.pid, 0.0, how=signal.SIGKILL)
        code = running.process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        told = (
            f"{running.node}: {running.daemon.subject} in the seat {running.program.name} {how} by "
            f"itself: {last_words(running.stderr)} ({running.stderr.name} of the node says more)"
        )
        if told not in self._deaths:
            self._deaths.append(told)
        return True

    def _refused(self, running: _Running, why: str = "") -> ServerRefused:
        said = complaints(running.stderr, running.said_before).replace(f"{running.folder}/", "")
        words = f"{why}: {said}" if why else said
        return ServerRefused(running.node, running.program.name, running.daemon.subject, words)
