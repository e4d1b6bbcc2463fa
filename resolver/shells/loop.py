"""One thread, many sockets, many machines: waits, calls back, and wakes for the next timer.

Asyncio is left out for its cost: a datagram through its protocols takes more than twice as long as
through this loop, and its timers are as late as epoll's.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from resolver.machine import MILLISECOND, SECOND, Instant

Callback: TypeAlias = Callable[[], None]


class HasFileno(Protocol):
    """A socket, or anything else the kernel can watch."""

    def fileno(self) -> int:
        """The file descriptor."""
        ...


class Timed(Protocol):
    """Something with timers: a shell around a machine."""

    def deadline(self) -> Instant | None:
        """When it wants `expire` to be called; in the past means at once, None means never."""
        ...

    def expire(self, now: Instant) -> None:
        """Do what is due at `now`."""
        ...


_IN: Final = select.EPOLLIN
_OUT: Final = select.EPOLLOUT


@dataclass(slots=True, eq=False)
class _Watch:
    """Who is called for a file descriptor, from its first callback to its last."""

    fd: int
    reader: Callback | None = None
    writer: Callback | None = None
    told: int = 0
    """The epoll events the kernel watches for us."""


class Loop:
    """A single-threaded event loop. Callbacks and machines run between waits, never inside one."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watches: dict[int, _Watch] = {}
        self._timed: tuple[Timed, ...] = ()
        self._soon: list[Callback] = []

    def close(self) -> None:
        """Give the kernel's resources back; the sockets watched stay open."""
        self._epoll.close()
        self._watches.clear()
        self._timed = ()

    def now(self) -> Instant:
        """The monotonic clock, ns."""
        return time.monotonic_ns()

    def add_reader(self, file: int | HasFileno, callback: Callback) -> None:
        """Call back whenever the file is readable, at its end or in error, until removed.

        What was added must be removed before the file is closed.
        """
        watch = self._watch_of(file)
        watch.reader = callback
        self._tell_kernel(watch)

    def add_writer(self, file: int | HasFileno, callback: Callback) -> None:
        """Call back whenever the file is writable or in error, until removed."""
        watch = self._watch_of(file)
        watch.writer = callback
        self._tell_kernel(watch)

    def remove_reader(self, file: int | HasFileno) -> None:
        """Stop calling back for input. Removing what was never added is not an error."""
        watch = self._watch_of(file)
        watch.reader = None
        self._tell_kernel(watch)

    def remove_writer(self, file: int | HasFileno) -> None:
        """Stop calling back for output. Removing what was never added is not an error."""
        watch = self._watch_of(file)
        watch.writer = None
        self._tell_kernel(watch)

    def add_timed(self, timed: Timed) -> None:
        """Honour its deadlines from now on."""
        self.remove_timed(timed)
        self._timed = (*self._timed, timed)

    def remove_timed(self, timed: Timed) -> None:
        """Forget its deadlines."""
        self._timed = tuple(other for other in self._timed if other is not timed)

    def soon(self, callback: Callback) -> None:
        """Call back once, when everybody has been called who is to be called now: at the latest
        before the next wait."""
        self._soon.append(callback)

    def run_until(self, condition: Callable[[], bool], deadline: Instant | None) -> bool:
        """Live until the condition holds (True) or the deadline has come (False).

        The condition is looked at first, and then after every batch of events and timers.
        """
        while not condition():
            if deadline is not None and self.now() >= deadline:
                return False
            self._turn(deadline)
        return True

    def _turn(self, deadline: Instant | None) -> None:
        """Fire what is due, wait for the next event or timer, and call back."""
        now = time.monotonic_ns()
        wake = deadline
        for timed in self._timed:  # another tuple, should `expire` add or remove machines
            due = timed.deadline()
            if due is None:
                continue
            if due <= now:
                timed.expire(now)
                wake = now  # it may have set new timers, or made the condition true: do not wait
            elif wake is None or due < wake:
                wake = due
        if self._soon:
            self._call_soon()
        watches = self._watches
        ready = [(watches[fd], mask) for fd, mask in self._wait(wake)]
        for watch, mask in ready:
            # An earlier callback may have closed this file and opened another of its number, which
            # has a watch of its own; this one then calls nobody.
            if watch.reader and mask & ~_OUT:
                watch.reader()
            if watch.writer and mask & ~_IN:
                watch.writer()
        if self._soon:
            self._call_soon()

    def _call_soon(self) -> None:
        while self._soon:
            callbacks, self._soon = self._soon, []
            for callback in callbacks:
                callback()

    def _wait(self, wake: Instant | None) -> list[tuple[int, int]]:
        """What became ready, waiting until `wake` at most.

        The kernel lets a wait of t end up to t/1000 late (timer slack), and epoll counts whole
        milliseconds. So epoll waits for most of the time, and the rest, short enough for the slack
        to vanish, is waited for with select on the epoll itself, which counts microseconds.
        """
        if wake is None:
            return self._epoll.poll()
        remaining = wake - time.monotonic_ns()
        coarse_ms = (remaining - remaining // 256) // MILLISECOND - 1
        # Half a millisecond less, because epoll rounds up to the next whole one.
        ready = self._epoll.poll(max(0, coarse_ms - 0.5) * MILLISECOND / SECOND)
        if ready or (remaining := wake - self.now()) <= 0:
            return ready
        select.select([self._epoll], [], [], remaining / SECOND)
        return self._epoll.poll(0)

    def _watch_of(self, file: int | HasFileno) -> _Watch:
        fd = file if isinstance(file, int) else file.fileno()
        return self._watches.get(fd) or _Watch(fd)

    def _tell_kernel(self, watch: _Watch) -> None:
        wanted = (_IN if watch.reader else 0) | (_OUT if watch.writer else 0)
        if wanted == watch.told:
            return
        if not watch.told:
            self._watches[watch.fd] = watch
            self._epoll.register(watch.fd, wanted)
        elif wanted:
            self._epoll.modify(watch.fd, wanted)
        else:
            del self._watches[watch.fd]
            self._epoll.unregister(watch.fd)
        watch.told = wanted
