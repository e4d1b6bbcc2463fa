"""A witness of how busy the host is: a process beside the world that is woken again and again,
notes how late, and looks how many others want a processor.

What a scenario measures in real time is worth nothing when its processes did not get a processor in
time, and nobody may be blamed for it. A process that mostly sleeps is woken sooner than one that
has computed a while, so the witness's own delay is the least that the others waited; how many were
runnable beside them says what they may have waited.
"""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.worlds.child import IsolationFailed
from lab.worlds.forked import Forked
from resolver.machine import MILLISECOND, SECOND, Duration

_EVERY_NS = 20 * MILLISECOND
"""A wait that is longer than this and what matters together is never missed; the waking itself
takes a thousandth of a processor."""

_FORGET, _TELL = b"f", b"t"

_ENDS_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Busyness:
    """How busy a host was over some time."""

    longest_ns: Duration
    """The longest that the witness waited for a processor after it was due."""
    load: float | None
    """Runnable processes per processor, on average, the witness not counted; above 1 they wait for
    each other. None where the kernel does not tell."""


class Witness:
    """Watches from `__enter__` until `told`; `__exit__` ends its process, however things went."""

    def __enter__(self) -> Self:
        self._told, self._end = os.pipe2(os.O_CLOEXEC)
        due = time.monotonic_ns() + _EVERY_NS
        self._process = Forked(lambda: _watch(self._told, due))
        return self

    @property
    def process_id(self) -> int:
        """Of the process that is woken."""
        return self._process.pid

    def forget(self) -> None:
        """What was noted so far does not count: the building of a world is nobody's wait."""
        os.write(self._end, _FORGET)

    def told(self) -> Busyness:
        """What was noted since the start, or since it was to forget; ends the watching."""
        # Not by closing the pipe: processes of the world that were forked since have a copy.
        os.write(self._end, _TELL)
        try:
            noted: Busyness = self._process.result(_ENDS_WITHIN_S)
        except (IsolationFailed, TimeoutError):
            # A witness that does not come forward in time has waited for a processor itself.
            return Busyness(round(_ENDS_WITHIN_S * SECOND), None)
        return noted

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        os.close(self._told)
        os.close(self._end)


def _watch(told: int, due: int) -> Busyness:
    """Be woken, and note the longest delay and how many are runnable, until it is to be told."""
    longest = 0
    runnable: list[int] = []
    processors = os.cpu_count() or 1
    while True:
        left = max(0, due - time.monotonic_ns())
        is_called = bool(select.select([told], [], [], left / SECOND)[0])
        now = time.monotonic_ns()
        # A call that comes before its time says nothing; one after it is late like any waking.
        longest = max(longest, now - due)
        with suppress(OSError, ValueError, IndexError):
            runnable.append(_runnable())
        word = os.read(told, 1) if is_called else b""
        if word == _TELL:
            load = sum(runnable) / len(runnable) / processors if runnable else None
            return Busyness(longest, load)
        if word == _FORGET:
            longest = 0
            runnable.clear()
        due = now + _EVERY_NS


def _runnable() -> int:
    """How many others want a processor now. proc(5), /proc/loadavg: "the number of currently
    runnable kernel scheduling entities", this one among them."""
    return int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[0]) - 1
