"""A folder that goes with the process that has it, however that ends."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.worlds.child import interrupts_held, leave_terminal, live_as


@contextmanager
def fleeting_folder() -> Iterator[Path]:
    """A new, empty folder. A child, the caretaker, makes it and waits for the end of this process
    and of all that it started (a pipe that they hold open); then it removes the folder."""
    life, lease = os.pipe2(os.O_CLOEXEC)
    told, teller = os.pipe2(os.O_CLOEXEC)
    with interrupts_held():
        caretaker = os.fork()
        if caretaker == 0:
            os.close(lease)
            live_as(lambda: _take_care(life, teller))
    os.close(life)
    os.close(teller)
    with os.fdopen(told) as answer:
        place = answer.read()
    try:
        if not place:
            raise OSError(f"no folder could be made in {tempfile.gettempdir()}")
        yield Path(place)
    finally:
        with suppress(OSError):
            os.write(lease, b".")
        os.close(lease)
        os.waitpid(caretaker, 0)


def _take_care(life: int, teller: int) -> int:
    leave_terminal()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    folder = tempfile.mkdtemp(prefix="forwardlab-")
    try:
        os.write(teller, os.fsencode(folder))
        os.close(teller)
        os.read(life, 1)  # a word or an end
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0
