"""What the operator asks of a running process, by signals."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from resolver.shells.loop import Loop

STOP: Final = (signal.SIGTERM, signal.SIGINT)
REREAD: Final = signal.SIGHUP
COUNT: Final = signal.SIGUSR1


class Requests:
    """The signals that came and were not seen to yet."""

    def __init__(self) -> None:
        self._came: Counter[int] = Counter()

    def came(self, number: int) -> None:
        """A signal came."""
        self._came[number] += 1

    def any(self) -> bool:
        """Whether there is something to see to."""
        return self._came.total() > 0

    def take(self, number: int) -> bool:
        """Whether the signal came; however often, it is seen to once."""
        return self._came.pop(number, 0) > 0

    @property
    def stops(self) -> int:
        """How often a stop was asked for."""
        return sum(self._came[number] for number in STOP)


@contextmanager
def requests(loop: Loop) -> Iterator[Requests]:
    """The signals that come from here on. One wakes the loop through a pipe: an interrupted wait
    would be taken up again (PEP 475). Only on the main thread."""
    so_far = Requests()

    def come(number: int, _frame: object) -> None:
        so_far.came(number)

    wake, waker = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(waker, False)
    loop.add_reader(wake, lambda: _drain(wake))
    before_wakeup = signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    before = {number: signal.signal(number, come) for number in (*STOP, REREAD, COUNT)}
    try:
        yield so_far
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before_wakeup)
        loop.remove_reader(wake)
        os.close(wake)
        os.close(waker)


def _drain(pipe: int) -> None:
    os.read(pipe, 4096)
