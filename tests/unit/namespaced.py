"""Run a test's body in namespaces of its own, where it may listen, route and break things."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, Protocol

import pytest

# <linux/sched.h>, <linux/mount.h>
CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18

_libc = ctypes.CDLL(None, use_errno=True)


class InNamespace(Protocol):
    """What the `in_namespace` fixtures give a test."""

    def __call__(self, body: Callable[[], None], *, limit_s: float = 60) -> None:
        """Run `body` in a forked child with fresh network, mount and pid namespaces (and a user
        namespace, unless root), loopback up. Its exception fails the test with its traceback;
        whatever it leaves running dies with it; `limit_s` is when a hanging body is given up."""
        ...


def give_up_capabilities() -> None:
    """Drop all capabilities of the process for good."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # capset(2), version 3, this process
    nothing = (ctypes.c_uint32 * 6)()
    if _libc.capset(header, nothing) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def run_in_namespace(body: Callable[[], None], *, limit_s: float = 60) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    report, report_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(report)
        _live_and_report(body, report_end)
    os.close(report_end)
    try:
        complaint = _read_all(report, limit_s)
    finally:
        os.close(report)
        os.kill(child, signal.SIGKILL)  # by then a finished child is a zombie: nothing else is hit
        os.waitpid(child, 0)
    if complaint is None:
        pytest.fail(f"the body was still running after {limit_s} s", pytrace=False)
    if complaint != "ok":
        pytest.fail(complaint or "the body's process died without a word", pytrace=False)


def _read_all(pipe: int, limit_s: float) -> str | None:
    """Everything until all writers are gone; None when that takes too long."""
    text = b""
    while select.select([pipe], [], [], limit_s)[0]:
        piece = os.read(pipe, 65536)
        if not piece:
            return text.decode()
        text += piece
    return None


def _live_and_report(body: Callable[[], None], report: int) -> NoReturn:
    """Enter the namespaces, run the body as first process of the pid namespace, and end."""
    try:
        _enter_namespaces()
        inner = os.fork()
        if inner == 0:
            _die_with_parent()
            os.write(report, _complaint_of(body).encode())
            os._exit(0)
        os.close(report)
        os.waitpid(inner, 0)
    except BaseException:  # noqa: BLE001 - a forked child must never return into pytest
        os.write(report, traceback.format_exc().encode())
    os._exit(0)


def _complaint_of(body: Callable[[], None]) -> str:
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        body()
    except BaseException:  # noqa: BLE001 - carried to the parent as text, assertion errors too
        return traceback.format_exc()
    else:
        return "ok"
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _enter_namespaces() -> None:
    uid, gid = os.getuid(), os.getgid()
    if uid != 0:
        _unshare(CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    _unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID)
    # Mounts made by the body must not spread to the host.
    if _libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        raise OSError(ctypes.get_errno(), "mount --make-rprivate /")


def _unshare(flags: int) -> None:
    if _libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), f"unshare({flags:#x})")


def _die_with_parent() -> None:
    pr_set_pdeathsig = 1
    _libc.prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)
