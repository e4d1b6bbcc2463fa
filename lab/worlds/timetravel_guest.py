"""A guest in time travel, from the host: booted, given orders, watched, ended.

In a guest the clock stands still while anything computes and jumps when everything sleeps. So who
waits for another task without sleeping waits for ever, and nobody inside can notice. The guest is
watched from outside, by the processor time it takes without a word: after some seconds of it the
next timer is made to fire, which lets the guest's scheduler choose again (tools/kernel.patch), and
after a minute the guest is ended.
"""

from __future__ import annotations

import json
import math
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lab.worlds.namespaces import die_with_parent
from lab.worlds.timetravel_inside import ORDER, OVER, PULSE, READY, SETTINGS

_LOOK_EVERY_S = 1.0
_KEPT_LINES = 20
_PANIC = "Kernel panic"
"""What comes after it are numbers."""
_INIT_ENDED = "Attempted to kill init"
"""The kernel's word for that pid 1 ended, which has said why before."""

_MEGABYTE = 1 << 20
_MEMORY_MB = 768
"""Of a guest; the host gives what is used of it."""


class GuestLost(Exception):
    """The guest did not do its order and is gone; the message says why."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a guest may take. Processor time, because a busy host must not look like a guest
    that spins."""

    nudge_s: float = 5.0
    """Processor time without a word until the next timer fires. More than most scenarios take
    altogether, because it moves the clock by a tick of the guest's kernel, 10 ms, at most."""
    spin_s: float = 60.0
    """Processor time without a word: its clock goes on by 5 s at most meanwhile."""
    hang_s: float = 600.0
    """Without a word, by the wall clock."""
    whole_s: float = 900.0
    """Processor time for one order."""
    boot_s: float = 120.0
    """Processor time until it is ready."""


@dataclass(frozen=True, slots=True)
class Boot:
    """What a guest is started with."""

    command: tuple[str, ...]
    """What starts the kernel; its arguments come after it. A test may put a stand-in here."""
    folder: Path
    """The guest's own, empty."""
    writable: Path
    """The only folder of the host that the guest can write; it holds `folder`."""
    preload: tuple[str, ...] = ()
    """Modules that orders need."""
    patience: Patience = Patience()
    processor: int | None = None
    """Where it runs. A guest that moves between processors takes three times as long: each system
    call inside is a switch between two processes of the host."""


class Guest:
    """One guest; it dies with the process that made it."""

    def __init__(self, boot: Boot) -> None:
        """Boot it; raises GuestLost when it does not get ready."""
        self._boot = boot
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._unfinished = b""
        self._virtual = "0"
        boot.folder.mkdir(parents=True, exist_ok=True)
        settings = {"writable": str(boot.writable), "preload": boot.preload}
        (boot.folder / SETTINGS).write_text(json.dumps(settings), encoding="utf-8")
        self._process = subprocess.Popen(
            [*boot.command, *kernel_arguments(boot.folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_Becoming(os.getpid(), boot.processor),  # noqa: PLW1509 - no threads here
            env={**os.environ, "TMPDIR": _memory_folder()},
        )
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        self._console = self._process.stdout.fileno()
        os.set_blocking(self._console, False)
        try:
            patience = boot.patience
            self._await(READY, replace(patience, spin_s=patience.boot_s, nudge_s=math.inf))
        except BaseException:
            self.end()
            raise
        self._stop()

    def do(self, order: Path) -> None:
        """Have it do what a file says; return when the outcome is there. Raises GuestLost."""
        order.replace(self._boot.folder / ORDER)
        os.kill(self._process.pid, signal.SIGCONT)
        self._await(OVER, self._boot.patience)
        self._stop()

    def end(self) -> None:
        """End it at once. Idempotent."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _stop(self) -> None:
        """Have it rest until there is something to do: asleep it would use a whole processor to
        race through virtual time."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def _await(self, word: str, patience: Patience) -> None:
        """Read what it says up to this word."""
        began_cpu = heard_cpu = nudged_cpu = session_cpu_s(self._process.pid)
        heard = time.monotonic()
        while True:
            said = self._hear()
            if word in said:
                return
            cpu = session_cpu_s(self._process.pid)
            if said:
                heard, heard_cpu, nudged_cpu = time.monotonic(), cpu, cpu
            if cpu - nudged_cpu > patience.nudge_s:
                nudged_cpu = cpu
                os.kill(self._process.pid, signal.SIGALRM)
            if cpu - began_cpu > patience.whole_s:
                raise GuestLost(
                    f"it took {cpu - began_cpu:.0f} s of processor time to get to "
                    f"{self._virtual} s of its virtual time"
                )
            if cpu - heard_cpu > patience.spin_s:
                raise GuestLost(
                    f"a program spins: {cpu - heard_cpu:.0f} s of processor time brought its clock "
                    f"hardly further than {self._virtual} s; whoever waits there without sleeping "
                    "waits for ever"
                )
            if time.monotonic() - heard > patience.hang_s:
                raise GuestLost(f"it hangs: no word for {patience.hang_s:.0f} s")

    def _hear(self) -> list[str]:
        """Words it said by now, after some waiting. Raises GuestLost when it has ended."""
        if not select.select([self._console], [], [], _LOOK_EVERY_S)[0]:
            return []
        piece = os.read(self._console, 1 << 16)
        if not piece:
            code = self._process.wait()
            told = _cause(self._lines)
            raise GuestLost(f"the user-mode kernel ended by itself with {code}: {told}")
        *lines, self._unfinished = (self._unfinished + piece).split(b"\n")
        words = []
        for line in lines:
            text = line.decode(errors="replace").strip()
            word, _, rest = text.partition(" ")
            if word == PULSE:
                self._virtual = rest
            if word in {READY, PULSE, OVER}:
                words.append(word)
            elif text and not any(_PANIC in each for each in self._lines):
                self._lines.append(text)
        return words


def _cause(lines: Sequence[str]) -> str:
    """Of what a guest said at last, what tells most."""
    telling = [line for line in lines if _INIT_ENDED not in line]
    return telling[-1] if telling else "it said nothing"


_NICENESS = 10


class _Becoming:
    """In the child, before it becomes the kernel: dies with its parent, keeps to its processor."""

    def __init__(self, parent: int, processor: int | None) -> None:
        self._parent = parent
        self._processor = processor

    def __call__(self) -> None:
        die_with_parent()
        if os.getppid() != self._parent:
            os._exit(1)
        if self._processor is not None:
            with suppress(OSError):
                os.sched_setaffinity(0, {self._processor})
        # Real deadlines beside it come first: in here nobody notices how long anything took.
        os.nice(_NICENESS)


def kernel_arguments(folder: Path) -> Sequence[str]:
    """The kernel's command line: root is the host's, read-only, and pid 1 our own Python."""
    root = Path(__file__).parents[2]
    return (
        "root=/dev/root",
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        f"mem={_MEMORY_MB}M",
        "time-travel=inf-cpu",
        "con=null",
        "con0=null,fd:1",
        "quiet",
        "loglevel=1",
        f"uml_dir={folder}/",
        f'PYTHONPATH="{root}"',
        "PYTHONDONTWRITEBYTECODE=1",
        f'init="{sys.executable}"',
        "--",
        "-m",
        "lab.worlds.timetravel_inside",
        f'"{folder}"',
    )


def _memory_folder() -> str:
    """Where the guest's memory lies, a file without a name: in memory where there is room."""
    shared = Path("/dev/shm")  # noqa: S108 - only asked how much room it has
    with suppress(OSError):
        if shutil.disk_usage(shared).free > _MEMORY_MB * _MEGABYTE:
            return str(shared)
    return tempfile.gettempdir()


def session_cpu_s(leader: int) -> float:
    """Processor time, s, that a session has taken: all its processes, and their children that have
    ended and been waited for. proc(5), /proc/pid/stat: fields 6 and 14 to 17."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError, ValueError):
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(fields[3]) == leader:
                ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")
