"""A server that is not ours as a process: started in its node, in a folder of its own, in the
foreground, and ended with everything that it started itself.
"""

from __future__ import annotations

import os
import re
import resource
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from lab.worlds.namespaces import die_with_parent, enter_network

_OPEN_FILES = 16_384
"""As Debian's units of dnsdist and pdns-recursor allow; what a world allows itself is for thousands
of viewers, and dnsmasq closes as many files as it may have, one by one."""

_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SERVICE_MANAGERS = ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "WATCHDOG_USEC")
"""What a server takes for a word from systemd, as whose child it was not started."""

_CONFINED = Path("/etc/apparmor.d")
_APPARMOR = Path("/sys/module/apparmor/parameters/enabled")

_WORDS = 3
_WORDS_LENGTH = 600
_COMPLAINS = re.compile(
    r"\b(error|fatal|unknown|unexpected|invalid|syntax|bad|cannot|can't|could not|failed)\b",
    re.IGNORECASE,
).search


class NoSuchProgram(Exception):
    """The program is not installed; the message names it."""


def start_process(
    command: Sequence[str], namespace: int, folder: Path, words: Path, programs: Path
) -> subprocess.Popen[bytes]:
    """Start a program in a network namespace, leader of a group of its own; what it says is added
    to the file `words`. `programs`: where a copy may lie. Raises NoSuchProgram."""
    path = shutil.which(command[0], path=_FOLDERS)
    if path is None:
        raise NoSuchProgram(f"there is no program {command[0]!r} here")
    with words.open("ab") as said:
        return subprocess.Popen(
            [_unconfined(Path(path), programs), *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd=folder,
            env=_environment(),
            start_new_session=True,
            preexec_fn=partial(_settle, namespace),  # noqa: PLW1509 - one thread
        )


def _environment() -> dict[str, str]:
    ours = {name: text for name, text in os.environ.items() if name not in _SERVICE_MANAGERS}
    return ours | {"PATH": _FOLDERS, "LC_ALL": "C.UTF-8"}


def _settle(namespace: int) -> None:
    die_with_parent()
    enter_network(namespace)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def apparmor_is_active() -> bool:
    """Whether this kernel confines programs by profiles."""
    try:
        return _APPARMOR.read_text().strip() == "Y"
    except OSError:
        return False


def is_confined(path: Path) -> bool:
    """Whether AppArmor ties the program to the files of its package (apparmor.d(5): a profile is
    for a path, its file has the path's name with dots)."""
    return apparmor_is_active() and (_CONFINED / str(path).strip("/").replace("/", ".")).exists()


def _unconfined(path: Path, programs: Path) -> str:
    """Where to start the program from: its copy, which has no profile, where it is confined."""
    if not is_confined(path):
        return str(path)
    copy = programs / path.name
    if not copy.exists():
        programs.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return str(copy)


def end_group(leader: int, within_s: float, *, how: int = signal.SIGTERM) -> None:
    """End a process and all of its group; return when none is left. Who does not listen to `how`
    is killed; so is whom a leader leaves behind, as a service manager does."""
    with suppress(ProcessLookupError):
        os.kill(leader, how)
    deadline = time.monotonic() + within_s
    if how != signal.SIGKILL:
        _wait_for_end([leader], deadline)
    while members := list(_group(leader)):
        with suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)
        _wait_for_end(members, time.monotonic() + 1.0)


def _group(leader: int) -> Iterator[int]:
    """The processes of a group that have not ended."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            # proc(5): after the name in parentheses come state, parent, group.
            state, _, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(group) == leader and state not in "ZX":
                yield int(entry.name)


def _wait_for_end(processes: Sequence[int], deadline: float) -> None:
    for process in processes:
        try:
            ending = os.pidfd_open(process)
        except ProcessLookupError:
            continue
        try:
            select.select([ending], [], [], max(0.0, deadline - time.monotonic()))
        finally:
            os.close(ending)


def last_words(said: Path) -> str:
    """What a program said at the end, in a line."""
    return _in_a_line(_lines(said, 0)[-_WORDS:])


def complaints(said: Path, since: int) -> str:
    """What a program that did not start complained of first, in a line; else its last words.
    `since`: how many octets the file had before."""
    lines = _lines(said, since)
    return _in_a_line([line for line in lines if _COMPLAINS(line)][:_WORDS] or lines[-_WORDS:])


def _lines(said: Path, since: int) -> list[str]:
    with suppress(OSError):
        text = said.read_bytes()[since:].decode("utf-8", "replace")
        return [line.strip() for line in text.splitlines() if line.strip()]
    return []


def _in_a_line(lines: Sequence[str]) -> str:
    return " / ".join(lines)[:_WORDS_LENGTH] or "(it wrote nothing)"
