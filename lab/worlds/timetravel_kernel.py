"""The user-mode kernel that `tools/kernel.sh` builds: where it is kept, and why it may not run."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from pathlib import Path

REMEDY = "make kernel"

_TOOLS = Path(__file__).parents[2] / "tools"
_MADE_OF = ("kernel.config", "kernel.patch")


def kernel_file() -> Path:
    """Where the kernel is kept, built or not; `tools/kernel.sh --where` says the same."""
    made_of = b"".join((_TOOLS / each).read_bytes() for each in _MADE_OF)
    version = hashlib.sha256(made_of).hexdigest()[:12]
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "forwardlab" / "kernel" / version / "linux"


def timetravel_obstacles() -> tuple[str, ...]:
    """Why worlds in time travel cannot run here, each reason with its remedy; empty when they can.
    Root is not needed."""
    found = f"{platform.system()} {platform.machine()}"
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return (f"user-mode Linux runs on Linux x86_64 only, and this is {found}",)
    if not all((_TOOLS / each).exists() for each in _MADE_OF):
        return (f"{_TOOLS} has no {' and '.join(_MADE_OF)}: run forwardlab from a checkout",)
    kernel = kernel_file()
    if not kernel.exists():
        return (f"its kernel is not built ({kernel}): {REMEDY}, some minutes, once",)
    if not os.access(kernel, os.X_OK):
        return (f"{kernel} cannot be executed: delete it, then {REMEDY}",)
    return ()
