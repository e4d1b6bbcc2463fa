"""A function run in a world of its own: fresh namespaces that vanish with it, however it ends.

    caller ──fork──► keeper ──fork──► init (pid 1) ──fork──► worker: runs the function

The keeper exists because a process cannot put itself into a fresh pid namespace, only its children.
Init reaps orphans and watches. When any process of the chain ends, all below it ends too, and the
kernel takes the namespaces apart: interfaces, mounts and processes with them.

Two things see to that, each on its own: the parent-death signal, set after each fork, and a pipe
whose writing end only the caller holds, so that its end-of-file means the caller is gone (the
signal alone follows the caller's thread, and misses a caller that died before it was set).
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from fcntl import ioctl
from typing import Any, ClassVar

from lab.worlds import namespaces
from lab.worlds.child import (
    IsolationFailed,
    call_and_report,
    interrupts_held,
    leave_terminal,
    live_as,
    report,
    reported,
)

# linux/sockios.h, linux/if.h
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1

_HIDDEN = ("/run",)
"""Host folders that programs find their peers by (sockets, pid files, named namespaces)."""


_GRACE_S = 2.0
"""How long an orderly end may take before the keeper is killed."""


class Isolated:
    """One call of a function in fresh network, mount, pid, ipc and host-name namespaces, and a
    user namespace when the caller is not root.

    The call starts at once. Start it from a single-threaded process, from the thread that will
    live longest, with everything heavy already imported: a fork then costs milliseconds.

    `fileno()` becomes readable when there is something to fetch, so one process can own many.
    """

    _leases: ClassVar[set[int]] = set()
    """Writing ends of all life pipes of this process: no later child may hold one open."""

    def __init__(self, function: Callable[[], Any], *, hide: Sequence[str] = _HIDDEN) -> None:
        """Start `function()` isolated; its result must be picklable. `hide`: folders that get a
        private, empty tmpfs."""
        life, lease = os.pipe2(os.O_CLOEXEC)
        outcome, pipe = os.pipe2(os.O_CLOEXEC)
        Isolated._leases.add(lease)
        sys.stdout.flush()
        sys.stderr.flush()
        caller = os.getpid()
        with interrupts_held():
            self._keeper = os.fork()
            if self._keeper == 0:
                live_as(lambda: _keep(caller, life, pipe, function, hide))
        os.close(life)
        os.close(pipe)
        self._lease = lease
        self._outcome = outcome
        self._received = bytearray()
        self._ended = False

    def fileno(self) -> int:
        """Readable as soon as the function has returned, raised or died."""
        return self._outcome

    def result(self, timeout_s: float | None = None) -> Any:
        """What the function returned, once it and everything it started is gone.

        Raises IsolationFailed when it did not return, TimeoutError when it still runs.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._ended:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._outcome], [], [], left)[0]:
                raise TimeoutError(f"the isolated function still runs after {timeout_s} s")
            piece = os.read(self._outcome, 1 << 16)
            self._received += piece
            if not piece:
                self._bury()
        return reported(
            bytes(self._received), otherwise="it was killed before it could report anything"
        )

    def kill(self) -> None:
        """End the function and everything it started, and wait until it is gone. Idempotent."""
        if not self._ended:
            self._received.clear()
            self._bury()

    def _bury(self) -> None:
        """End the lease, which ends pid 1; the keeper ends once the kernel has ended the rest."""
        self._ended = True
        Isolated._leases.discard(self._lease)
        os.close(self._lease)
        os.close(self._outcome)
        ending = os.pidfd_open(self._keeper)
        try:
            if not select.select([ending], [], [], _GRACE_S)[0]:
                os.kill(self._keeper, signal.SIGKILL)
        finally:
            os.close(ending)
        os.waitpid(self._keeper, 0)


def run_isolated(
    function: Callable[[], Any],
    *,
    timeout_s: float | None = None,
    hide: Sequence[str] = _HIDDEN,
) -> Any:
    """`function()` in a world of its own; see `Isolated`. It is killed when the time is up."""
    isolated = Isolated(function, hide=hide)
    try:
        return isolated.result(timeout_s)
    finally:
        isolated.kill()


# --- inside the children ----------------------------------------------------------------------


def _follow(life: int) -> None:
    """Die with the parent from here on, also when the caller died before this line."""
    namespaces.die_with_parent()
    if _is_over(life):
        os._exit(1)


def _is_over(life: int) -> bool:
    """Nothing is ever written to the pipe of life: readable means its writer is gone."""
    return bool(select.select([life], [], [], 0)[0])


def _keep(
    caller: int, life: int, pipe: int, function: Callable[[], Any], hide: Sequence[str]
) -> int:
    """The keeper: make the namespaces, start pid 1 in them, wait for its end."""
    forget_leases()
    _follow(life)
    if os.getppid() != caller:
        return 1
    leave_terminal()
    # Whoever comes from outside must take our user namespace on as well, where there is one.
    way_in = ["nsenter", "--mount", "--uts", "--ipc", "--net", "--pid"]
    if os.getuid() != 0:
        way_in += ["--user", "--preserve-credentials"]
    try:
        _unshare()
    except OSError as error:
        report(pipe, returned=False, value=f"{error}; {_remedy()}")
        return 1
    # Taking a user namespace changes credentials, which forgets the parent-death signal.
    _follow(life)
    number, teller = os.pipe2(os.O_CLOEXEC)
    init = os.fork()
    if init == 0:
        live_as(lambda: _init(life, pipe, number, way_in, function, hide))
    os.close(pipe)
    os.write(teller, struct.pack("I", init))
    os.waitpid(init, 0)
    return 0


def forget_leases() -> None:
    """In a forked process: hold no world open that its parent has."""
    for lease in Isolated._leases:  # noqa: SLF001 - same module
        os.close(lease)
    Isolated._leases.clear()  # noqa: SLF001 - same module


def _unshare() -> None:
    uid, gid = os.getuid(), os.getgid()
    flags = (
        namespaces.NEW_NETWORK
        | namespaces.NEW_MOUNTS
        | namespaces.NEW_PIDS
        | namespaces.NEW_IPC
        | namespaces.NEW_HOST_NAME
    )
    if uid != 0:
        namespaces.unshare(namespaces.NEW_USERS, "making a user namespace")
        namespaces.become_mapped_root(uid, gid)
    namespaces.unshare(flags, "making network, mount and process namespaces")


def _mount_remedy(error: OSError) -> str:
    if error.errno == errno.EINVAL:
        return (
            "this is a chroot whose root folder is no mount point: "
            "`mount --bind` it on itself before chroot, or run on the host"
        )
    return _remedy()


def _remedy() -> str:
    if os.getuid() == 0:
        return (
            "root without CAP_SYS_ADMIN, as in a container: "
            "start the container with --privileged, or run on the host"
        )
    return (
        "run as root, or allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 "
        "user.max_user_namespaces=10000, and kernel.apparmor_restrict_unprivileged_userns=0 "
        "where AppArmor restricts them (Ubuntu 24.04)"
    )


_way_in: list[str] = []
"""In an isolated process: the command that leads from the caller's host into its world."""


def way_in() -> tuple[str, ...]:
    """The command, to be run on the caller's host, that runs what is appended to it in the
    isolated world this process lives in. LookupError in a process that is not isolated."""
    if not _way_in:
        raise LookupError("this process is not isolated")
    return tuple(_way_in)


def outside_number() -> int:
    """The number that the caller's host has for pid 1 of the isolated world this process lives in.
    LookupError in a process that is not isolated."""
    return int(way_in()[-1].removeprefix("--target="))


def _init(
    life: int,
    pipe: int,
    number: int,
    command: list[str],
    function: Callable[[], Any],
    hide: Sequence[str],
) -> int:
    """Pid 1: prepare the world, start the worker, reap, and end with the worker or the caller."""
    _follow(life)
    # Nothing inside a pid namespace can see what number the outside has for it: the keeper says.
    (outside,) = struct.unpack("I", os.read(number, 4))
    _way_in[:] = [*command, f"--target={outside}"]
    try:
        namespaces.make_mounts_private()
        namespaces.mount_fresh("proc", "/proc")
        namespaces.mount_fresh("sysfs", "/sys")
        for folder in hide:
            namespaces.mount_fresh("tmpfs", folder)
        socket.sethostname("forwardlab")
        _bring_up_loopback()
    except OSError as error:
        report(pipe, returned=False, value=f"{error}; {_mount_remedy(error)}")
        return 1
    wake, waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
    worker = os.fork()
    if worker == 0:
        live_as(lambda: _work(pipe, function))
    while True:
        # A child that ended before the handler was looked at has left a byte in the pipe.
        readable = select.select([life, wake], [], [])[0]
        if life in readable:
            return 1
        with contextlib.suppress(BlockingIOError):
            os.read(wake, 4096)
        status = _reap(worker)
        if status is None:
            continue
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            report(pipe, returned=False, value=f"it was killed by {signal.Signals(number).name}")
        elif os.WEXITSTATUS(status) != 0:
            report(
                pipe,
                returned=False,
                value=f"it ended by itself with status {os.WEXITSTATUS(status)}",
            )
        return 0


def _reap(worker: int) -> int | None:
    """Collect every child that has ended; the worker's status once it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == worker:
            found = status


def _work(pipe: int, function: Callable[[], Any]) -> int:
    """The worker: run the function and report."""
    namespaces.die_with_parent()  # the parent is pid 1: whoever outlives it is dead anyway
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return call_and_report(function, pipe)


def _bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        flags = ioctl(control, _SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
        (now,) = struct.unpack_from("H", flags, 16)
        ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", now | _IFF_UP))


__all__ = [
    "Isolated",
    "IsolationFailed",
    "forget_leases",
    "outside_number",
    "run_isolated",
    "way_in",
]
