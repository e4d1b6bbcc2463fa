"""What every forked process of the lab has in common: it never returns into its caller's code, it
reports once through a pipe, and Ctrl-C is not for it.

A terminal sends Ctrl-C to all processes of the foreground at once, also to one that was forked a
moment ago and still stands in its caller's code. So forks happen while interrupts are held, and a
child leaves the terminal before it lets them in.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, TypeVar

_INTERRUPT = frozenset({signal.SIGINT})

_Waited = TypeVar("_Waited")


class IsolationFailed(Exception):
    """The function did not return: it raised, was killed, or could not be started. The message
    says which, with the traceback as text where there is one."""


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold SIGINT back from this thread and from children forked meanwhile; one that came is
    delivered at the end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def interrupts_let_in() -> Iterator[None]:
    """Within `interrupts_held`: the place where an interrupt may come."""
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def interruptible(wait: Callable[[], _Waited]) -> _Waited:
    """Within `interrupts_held`: what `wait` returns; it alone may be interrupted."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)
        return wait()
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)


def leave_terminal() -> None:
    """In a child: the terminal's signals and keyboard are for the caller, who decides about it."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)


def live_as(role: Callable[[], int]) -> NoReturn:
    """Be a forked child: play the role, exit with its status, whatever happens."""
    status = 70  # EX_SOFTWARE
    try:
        # What is alive now is shared with the parent; collecting it here would copy it.
        gc.freeze()
        status = role()
    except BaseException:  # noqa: BLE001 - the last frame of a process
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def call_and_report(function: Callable[[], Any], pipe: int) -> int:
    """Call the function and report what it returned, or its traceback."""
    try:
        value = function()
    except BaseException:  # noqa: BLE001 - SystemExit and KeyboardInterrupt are outcomes as well
        report(pipe, returned=False, value=traceback.format_exc())
        return 0
    report(pipe, returned=True, value=value)
    return 0


def report(pipe: int, *, returned: bool, value: Any) -> None:
    """Write the outcome into the pipe; nobody may be left to read it."""
    view = memoryview(pickle.dumps((returned, value)))
    with suppress(BrokenPipeError):
        while view:
            view = view[os.write(pipe, view) :]


def reported(received: bytes, *, otherwise: str) -> Any:
    """What the function returned, from what came through the pipe. Raises IsolationFailed, with
    `otherwise` when nothing came."""
    if not received:
        raise IsolationFailed(otherwise)
    try:
        returned, value = pickle.loads(received)  # noqa: S301 - our own child wrote it
    except Exception as error:
        raise IsolationFailed("it was killed while it reported its result") from error
    if not returned:
        raise IsolationFailed(str(value))
    return value
