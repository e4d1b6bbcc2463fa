"""The five system calls that namespaces need, for Python 3.11.

`os.unshare` and `os.setns` came with Python 3.12; `mount` and `prctl` never did. Errors are
`OSError`s that say which call it was.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# linux/sched.h
NEW_MOUNTS = 0x00020000
NEW_HOST_NAME = 0x04000000
NEW_IPC = 0x08000000
NEW_USERS = 0x10000000
NEW_PIDS = 0x20000000
NEW_NETWORK = 0x40000000

# linux/mount.h
_MS_NOSUID = 0x2
_MS_NODEV = 0x4
_MS_NOEXEC = 0x8
_MS_REC = 0x4000
_MS_PRIVATE = 0x40000

_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int, what: str) -> None:
    """Move this process (its future children, for NEW_PIDS) into fresh namespaces."""
    _checked(_libc.unshare(flags), what)


def become_mapped_root(uid: int, gid: int) -> None:
    """After `unshare(NEW_USERS)`: be root there, mapped to the one user we are (user_namespaces(7):
    an unprivileged process may map its own id only, and a group only once setgroups is denied)."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends.

    It follows the parent *thread*, is not inherited, and is forgotten when credentials change; it
    does not fire for a parent that is gone already. Callers look whether the parent still lives.
    """
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    _checked(
        _libc.mount(
            source.encode(),
            os.fsencode(target),
            kind.encode(),
            ctypes.c_ulong(flags),
            os.fsencode(options),
        ),
        f"mounting {kind or source} on {target}",
    )


def make_mounts_private() -> None:
    """What is mounted from here on is seen here only."""
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE)


def mount_fresh(kind: str, target: str) -> None:
    """Mount a `proc`, `sysfs` or `tmpfs` that shows this process's namespaces."""
    noexec = 0 if kind == "tmpfs" else _MS_NOEXEC
    _mount(kind, target, kind, _MS_NOSUID | _MS_NODEV | noexec)


def mount_devices() -> None:
    """Mount the kernel's own /dev."""
    _mount("devtmpfs", "/dev", "devtmpfs", _MS_NOSUID)


def mount_of_host(folder: str) -> None:
    """In a user-mode kernel: mount a folder of its host, writable, on the same path."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    _mount("host", folder, "hostfs", _MS_NOSUID | _MS_NODEV, folder)


def open_network(pid: int) -> int:
    """A descriptor of the network namespace a process lives in; the caller closes it."""
    return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def enter_network(descriptor: int) -> None:
    """Move this thread into a network namespace for good."""
    _checked(_libc.setns(descriptor, NEW_NETWORK), "setns")


def enter(descriptor: int, kind: int) -> None:
    """Move this process into a namespace of any kind, one of the NEW_ numbers; for NEW_PIDS, its
    future children. The process must have one thread (setns(2))."""
    _checked(_libc.setns(descriptor, kind), "setns")


@contextmanager
def inside(descriptor: int, home: int) -> Iterator[None]:
    """Be in the network namespace `descriptor` for a while, then back in `home`. Sockets opened
    meanwhile stay there; so does what reads and writes /proc/sys/net."""
    enter_network(descriptor)
    try:
        yield
    finally:
        enter_network(home)
