"""A function in a process of its own, with the host's namespaces: for worlds in virtual time."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from lab.worlds.child import (
    IsolationFailed,
    call_and_report,
    interrupts_held,
    leave_terminal,
    live_as,
    reported,
)
from lab.worlds.namespaces import die_with_parent


class Forked:
    """One call of a function in a forked process that dies with its parent.

    Has the face of `Isolated`, so the runner owns both alike. Its result must be picklable.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        self._outcome, pipe = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()

        def be_child() -> int:
            if sys.platform == "linux":  # elsewhere an orphan ends when its trial does
                die_with_parent()
            if os.getppid() != parent:
                return 1
            leave_terminal()
            return call_and_report(function, pipe)

        with interrupts_held():
            self.pid = os.fork()
            if self.pid == 0:
                live_as(be_child)
        os.close(pipe)
        self._received = bytearray()
        self._ended = False

    def fileno(self) -> int:
        """Readable as soon as the function has returned, raised or died."""
        return self._outcome

    def result(self, timeout_s: float | None = None) -> Any:
        """What the function returned. Raises IsolationFailed when it did not return, TimeoutError
        when nothing came for `timeout_s`."""
        status = 0
        while not self._ended:
            if not select.select([self._outcome], [], [], timeout_s)[0]:
                raise TimeoutError(f"the forked function still runs after {timeout_s} s")
            piece = os.read(self._outcome, 1 << 16)
            self._received += piece
            if not piece:
                status = self._bury()
        return reported(bytes(self._received), otherwise=_how_it_ended(status))

    def kill(self) -> None:
        """End the process and wait until it is gone. Idempotent."""
        if not self._ended:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._bury()

    def _bury(self) -> int:
        self._ended = True
        os.close(self._outcome)
        return os.waitpid(self.pid, 0)[1]


def _how_it_ended(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"it was killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"it ended by itself with status {os.WEXITSTATUS(status)}"


__all__ = ["Forked", "IsolationFailed"]
