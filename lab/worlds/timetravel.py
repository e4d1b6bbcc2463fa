"""Functions run in guests in time travel: user-mode kernels whose clock jumps when all sleep.

    caller ──fork──► keeper of a guest ──exec──► kernel ──► pid 1 (timetravel_inside) ──► namespaces

A guest serves one function after the other and boots once. A keeper feeds and watches it
(timetravel_guest); whatever becomes of the guest, the caller hears of it. Each dies with whom it
was started by, so nothing is left when the caller is killed; nothing of the host is mounted.
"""

from __future__ import annotations

import os
import pickle
import select
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.worlds.child import IsolationFailed
from lab.worlds.forked import Forked
from lab.worlds.timetravel_guest import Boot, Guest, GuestLost, Patience
from lab.worlds.timetravel_inside import ORDER, OUTCOME
from lab.worlds.timetravel_kernel import kernel_file

_DONE = b"done"
_LONGEST_WORD = 4096


class Guests:
    """Guests that come as they are needed, each on a processor of its own as far as these reach."""

    def __init__(
        self,
        writable: Path,
        *,
        preload: tuple[str, ...] = (),
        command: tuple[str, ...] | None = None,
        patience: Patience | None = None,
    ) -> None:
        """`writable`: the only folder of the host that functions can write; has `.guests` while
        they run. `command`: what starts the kernel; None: the one that was built."""
        self._boot = Boot(
            command=command or (str(kernel_file()),),
            folder=writable.resolve() / ".guests",
            writable=writable.resolve(),
            preload=preload,
            patience=patience or Patience(),
        )
        self._processors = sorted(os.sched_getaffinity(0))
        self._keepers: dict[int, _Keeper] = {}

    def call(self, function: Callable[[], Any], limit_s: float) -> GuestCall:
        """Have a function done in a guest that is free, or in a fresh one. It must be picklable,
        and so must its result. `limit_s`: of virtual time."""
        keeper = next((each for each in self._keepers.values() if each.is_free), None)
        if keeper is None:
            keeper = self._start_keeper()
        return keeper.call(function, limit_s)

    def close(self) -> None:
        """End every guest. Idempotent."""
        for keeper in self._keepers.values():
            keeper.end()
        self._keepers.clear()
        shutil.rmtree(self._boot.folder, ignore_errors=True)

    def _start_keeper(self) -> _Keeper:
        place = next(n for n in range(len(self._keepers) + 1) if n not in self._keepers)
        boot = replace(
            self._boot,
            folder=self._boot.folder / str(place),
            processor=self._processors[place % len(self._processors)],
        )
        keeper = _Keeper(boot, lambda: self._keepers.pop(place))
        self._keepers[place] = keeper
        return keeper


@dataclass(slots=True, eq=False)
class GuestCall:
    """A function that is being done in a guest. Has the face of `Isolated` and `Forked`."""

    _keeper: _Keeper
    _over: bool = False

    def fileno(self) -> int:
        """Readable as soon as the function has returned, raised or died with its guest."""
        return self._keeper.words

    def result(self, timeout_s: float | None = None) -> Any:
        """What the function returned. Raises IsolationFailed when it did not return, and after
        `timeout_s` of real time TimeoutError."""
        word = self._keeper.hear(timeout_s)
        self._over = True
        if word != _DONE:
            raise IsolationFailed("the guest is gone: " + word.decode())
        returned, value = self._keeper.outcome()
        if not returned:
            raise IsolationFailed(value)
        return value

    def kill(self) -> None:
        """End the function, and its guest with it, if it is still being done. Idempotent."""
        if not self._over:
            self._over = True
            self._keeper.discard()


class _Keeper:
    """The process that has a guest, seen by the caller."""

    def __init__(self, boot: Boot, forget: Callable[[], Any]) -> None:
        self._folder = boot.folder
        self._forget = forget
        self.is_free = True
        orders, self._orders = os.pipe2(os.O_CLOEXEC)
        self.words, words = os.pipe2(os.O_CLOEXEC)
        shutil.rmtree(boot.folder, ignore_errors=True)
        boot.folder.mkdir(parents=True)
        unneeded = (self._orders, self.words)
        self._process = Forked(lambda: _keep(boot, orders, words, unneeded))
        os.close(orders)
        os.close(words)

    def call(self, function: Callable[[], Any], limit_s: float) -> GuestCall:
        self.is_free = False
        (self._folder / _waiting(ORDER)).write_bytes(pickle.dumps((function, limit_s)))
        with suppress(BrokenPipeError):  # it was killed: the end of its words says so
            os.write(self._orders, b"\n")
        return GuestCall(self)

    def hear(self, timeout_s: float | None) -> bytes:
        """What became of the function: `_DONE`, or why not."""
        if not select.select([self.words], [], [], timeout_s)[0]:
            raise TimeoutError(f"the guest still runs after {timeout_s} s")
        word = os.read(self.words, _LONGEST_WORD)
        if word:
            self.is_free = True
            return word
        try:
            self._process.result()
            why = "it ended by itself"
        except IsolationFailed as error:
            why = str(error)
        self.discard()
        return f"its keeper is gone, too: {why}".encode()

    def outcome(self) -> tuple[bool, Any]:
        outcome = self._folder / OUTCOME
        returned, value = pickle.loads(outcome.read_bytes())  # noqa: S301 - our own guest wrote it
        outcome.unlink()
        return returned, value

    def discard(self) -> None:
        self.end()
        self._forget()

    def end(self) -> None:
        self._process.kill()
        os.close(self._orders)
        os.close(self.words)


def _waiting(name: str) -> str:
    return f"{name}.waiting"


def _keep(boot: Boot, orders: int, words: int, unneeded: tuple[int, ...]) -> None:
    """In the keeper: a guest for the orders that come; a fresh one after one that is gone."""
    for descriptor in unneeded:
        os.close(descriptor)
    guest: Guest | None = None
    while os.read(orders, 1):
        try:
            guest = guest or Guest(boot)
            guest.do(boot.folder / _waiting(ORDER))
            os.write(words, _DONE)
        except GuestLost as lost:
            if guest is not None:
                guest.end()
                guest = None
            os.write(words, str(lost).encode()[:_LONGEST_WORD])
