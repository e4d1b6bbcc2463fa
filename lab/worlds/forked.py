"""A function in a process of its own, with the host's namespaces: for worlds in virtual time."""

from __future__ import annotations

import os
import pickle
import signal
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from lab.worlds.isolation import IsolationFailed
from lab.worlds.namespaces import die_with_parent


class Forked:
    """One call of a function in a forked process that dies with its parent.

    Has the face of `Isolated`, so the runner owns both alike. Its result must be picklable.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        parent = os.getpid()
        self._outcome, report = os.pipe2(os.O_CLOEXEC)
        self._pid = os.fork()
        if self._pid == 0:
            die_with_parent()
            if os.getppid() != parent:
                os._exit(1)
            _work(function, report)
        os.close(report)
        self._ended = False

    def fileno(self) -> int:
        """Readable as soon as the function has returned, raised or died."""
        return self._outcome

    def result(self, timeout_s: float | None = None) -> Any:
        """Return what the function returned; IsolationFailed when it did not."""
        del timeout_s  # virtual time ends by itself
        with open(self._outcome, "rb", closefd=False) as pipe:
            received = pipe.read()
        self._bury()
        if not received:
            raise IsolationFailed("it was killed before it could report anything")
        try:
            returned, value = pickle.loads(received)  # noqa: S301 - our own child wrote it
        except Exception as error:
            raise IsolationFailed("it was killed while it reported its result") from error
        if not returned:
            raise IsolationFailed(str(value))
        return value

    def kill(self) -> None:
        """End the process and wait until it is gone. Idempotent."""
        if not self._ended:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._bury()

    def _bury(self) -> None:
        self._ended = True
        os.waitpid(self._pid, 0)
        os.close(self._outcome)


def _work(function: Callable[[], Any], report: int) -> NoReturn:
    """Call, report and end: never return into the caller's code."""
    try:
        outcome = (True, function())
    except BaseException:  # noqa: BLE001 - the last frame of a process
        outcome = (False, traceback.format_exc())
    with suppress(OSError), open(report, "wb", closefd=True) as pipe:
        pickle.dump(outcome, pipe)
    os._exit(0)
