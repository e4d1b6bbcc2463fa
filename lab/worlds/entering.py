"""A command in a node of a Mininet world, with this process's own terminal.

    caller ──fork──► escort ──fork──► the command, in the node's namespaces

The command lives in the world's pid namespace, so that it ends with the world, however that ends;
only children of a process that has been moved there do, hence the escort. On a terminal the command
is the foreground's process group meanwhile, so its keys are for it alone; without a keyboard,
caller and escort ignore them, as system(3) does.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.worlds import namespaces
from lab.worlds.child import interrupts_held, live_as
from lab.worlds.isolation import forget_leases

_KINDS = (
    ("user", namespaces.NEW_USERS),
    ("pid", namespaces.NEW_PIDS),
    ("uts", namespaces.NEW_HOST_NAME),
    ("ipc", namespaces.NEW_IPC),
    ("net", namespaces.NEW_NETWORK),
    ("mnt", namespaces.NEW_MOUNTS),
)
_KEYS = (signal.SIGINT, signal.SIGQUIT)
_NOT_STARTED = 127


def run_in_node(entrance: tuple[int, int], command: Sequence[str], *, keyboard: bool) -> int:
    """Run a command in a node and wait for its end; return its status as shells tell it (128 + n:
    ended by signal n). `entrance`: as `AttendedWorld.entrance` gives it. `keyboard`: it gets this
    process's standard input; else it reads nothing. Raises OSError when the world has gone."""
    sys.stdout.flush()
    sys.stderr.flush()
    init, holder = entrance
    spaces = [
        (kind, os.open(f"/proc/{init}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC))
        for name, kind in _KINDS
        # Who is root has made no user namespace, and may not enter the one he is in.
        if name != "user" or not _is_own_user_space(init)
    ]
    words = ["mnexec", "-a", str(holder), *command]
    with _terminal_kept(), _keys_ignored():
        with interrupts_held():
            escort = os.fork()
            if escort == 0:
                live_as(lambda: _escort(spaces, words, keyboard=keyboard))
        for _, descriptor in spaces:
            os.close(descriptor)
        return _status(os.waitpid(escort, 0)[1])


def _is_own_user_space(init: int) -> bool:
    return Path(f"/proc/{init}/ns/user").readlink() == Path("/proc/self/ns/user").readlink()


def _escort(spaces: Sequence[tuple[int, int]], words: Sequence[str], *, keyboard: bool) -> int:
    forget_leases()
    namespaces.die_with_parent()
    folder = Path.cwd()
    try:
        for kind, descriptor in spaces:
            namespaces.enter(descriptor, kind)
    except OSError as error:
        sys.stderr.write(f"the node cannot be entered: {error}\n")
        return _NOT_STARTED
    # Another user namespace changes credentials, which forgets the parent-death signal.
    namespaces.die_with_parent()
    child = os.fork()
    if child == 0:
        live_as(lambda: _be(words, folder, keyboard=keyboard))
    return _status(os.waitpid(child, 0)[1])


def _be(words: Sequence[str], folder: Path, *, keyboard: bool) -> int:
    namespaces.die_with_parent()
    for number in (*_KEYS, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    with suppress(OSError):
        os.chdir(folder)  # entering a mount namespace leads to its root
    if not keyboard:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
    else:
        os.setpgid(0, 0)
        _come_to_the_foreground()
    try:
        os.execvp(words[0], list(words))  # noqa: S606 - an argv list is what we were given
    except OSError as error:
        sys.stderr.write(f"{words[0]}: {error.strerror}\n")
    return _NOT_STARTED


def _status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _come_to_the_foreground() -> None:
    """Have the terminal's keys go to this process's group."""
    # Whoever is in the background and wants this is stopped for it.
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    with suppress(OSError):  # it is no terminal of this session
        os.tcsetpgrp(0, os.getpgrp())
    signal.signal(signal.SIGTTOU, before)


@contextmanager
def _keys_ignored() -> Iterator[None]:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _KEYS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """Take the terminal back, and its settings: a command that was killed may have left others."""
    if not sys.stdin.isatty():
        yield
        return
    import termios

    kept = termios.tcgetattr(0)
    changed = termios.tcgetattr(0)
    # Ctrl-Z is a key as any other: nobody is there who could bring a stopped program back.
    changed[6][termios.VSUSP] = b"\0"
    termios.tcsetattr(0, termios.TCSADRAIN, changed)
    try:
        yield
    finally:
        _come_to_the_foreground()
        with suppress(termios.error):  # it was closed meanwhile
            termios.tcsetattr(0, termios.TCSADRAIN, kept)
