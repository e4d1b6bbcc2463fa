"""A witness of how busy the host is: a process beside the world that is woken again and again, and
notes how late.

What a scenario measures in real time is worth nothing when its processes did not get a processor in
time, and nobody may be blamed for it. A kernel that is asked wakes a sleeping process as soon as it
has a processor for it, so the delay of the witness is what all others wait at that moment too.
"""

from __future__ import annotations

import os
import select
import time
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


class Witness:
    """Watches from `__enter__` until `longest_ns`; `__exit__` ends its process, however things
    went."""

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

    def longest_ns(self) -> Duration:
        """The longest delay since the start, or since it was to forget; ends the watching."""
        # Not by closing the pipe: processes of the world that were forked since have a copy.
        os.write(self._end, _TELL)
        try:
            longest: Duration = self._process.result(_ENDS_WITHIN_S)
        except (IsolationFailed, TimeoutError):
            # A witness that does not come forward in time has waited for a processor itself.
            return round(_ENDS_WITHIN_S * SECOND)
        return longest

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        os.close(self._told)
        os.close(self._end)


def _watch(told: int, due: int) -> Duration:
    """Be woken, and note the longest delay, until it is to be told."""
    longest = 0
    while True:
        left = max(0, due - time.monotonic_ns())
        is_called = bool(select.select([told], [], [], left / SECOND)[0])
        now = time.monotonic_ns()
        # A call that comes before its time says nothing; one after it is late like any waking.
        longest = max(longest, now - due)
        word = os.read(told, 1) if is_called else b""
        if word == _TELL:
            return longest
        if word == _FORGET:
            longest = 0
        due = now + _EVERY_NS
