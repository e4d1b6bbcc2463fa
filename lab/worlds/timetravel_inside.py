"""Pid 1 of a guest in time travel: does one order after the other, each in namespaces of its own.

The guest's root is the host's file system, read-only; of that only the folder it was given can be
written. An order is a file `order` there: a pickled function without arguments and how long it may
take, s of virtual time. What came of it goes into the file `outcome`. Words on the console tell the
host how far it is:

    @ready          what orders need is imported
    @pulse 12.5     an order is being done, and virtual time goes on: 12.5 s since the boot
    @over           the outcome is there

While nothing is to be done the host keeps the whole guest stopped; a guest that sleeps would race
through virtual time.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pickle
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.worlds import namespaces
from lab.worlds.isolation import Isolated, IsolationFailed

ORDER, OUTCOME, SETTINGS = "order", "outcome", "guest.json"
READY, PULSE, OVER = "@ready", "@pulse", "@over"

_PULSE_S = 5.0
"""Of virtual time; a wait of an hour says some 700 words."""
_LOOK_EVERY_S = 0.001

_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/dev/shm",  # noqa: S108 - of the guest, and empty
    "TMPDIR": "/dev/shm",  # noqa: S108
    "LANG": "C.UTF-8",
}


def main(folder: Path) -> None:
    """Mount what worlds need, then wait for orders until the host ends the guest."""
    os.environ.update(_ENVIRONMENT)
    _mount_all()
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    namespaces.mount_of_host(settings["writable"])
    for module in settings["preload"]:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # shared with all that is forked; collecting it there would copy it
    _say(READY)
    while True:
        while not (folder / ORDER).exists():
            time.sleep(_LOOK_EVERY_S)
        _obey(folder)
        _say(OVER)


def _mount_all() -> None:
    namespaces.mount_fresh("proc", "/proc")
    namespaces.mount_fresh("sysfs", "/sys")
    namespaces.mount_fresh("tmpfs", "/run")
    if not os.path.ismount("/dev"):  # the kernel may have done it
        namespaces.mount_devices()
    Path("/dev/shm").mkdir()  # noqa: S108
    namespaces.mount_fresh("tmpfs", "/dev/shm")  # noqa: S108
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        Path("/dev", name).symlink_to(f"/proc/self/fd{target}")
    console = os.open("/dev/console", os.O_RDWR | os.O_NOCTTY)
    for descriptor in range(3):
        os.dup2(console, descriptor)
    if console > 2:
        os.close(console)


def _obey(folder: Path) -> None:
    order = folder / ORDER
    function, limit_s = pickle.loads(order.read_bytes())  # noqa: S301 - our own host wrote it
    order.unlink()
    outcome = pickle.dumps(_outcome(function, limit_s))
    unfinished = folder / f"{OUTCOME}.unfinished"
    unfinished.write_bytes(outcome)
    unfinished.replace(folder / OUTCOME)


def _outcome(function: Callable[[], Any], limit_s: float) -> tuple[bool, Any]:
    """Whether the function returned, and what, or why not."""
    began = time.monotonic()
    isolated = Isolated(function)
    try:
        while True:
            try:
                return True, isolated.result(_PULSE_S)
            except TimeoutError:
                now = time.monotonic()
                _say(f"{PULSE} {now:.1f}")
                if now - began > limit_s:
                    why = f"it did not end within {limit_s:.0f} s of virtual time and was killed"
                    return False, why
            except IsolationFailed as failure:
                return False, str(failure)
    finally:
        isolated.kill()


def _say(word: str) -> None:
    os.write(1, f"{word}\n".encode())


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except BaseException:
        os.write(1, traceback.format_exc().encode())
        raise
