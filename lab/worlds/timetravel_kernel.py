"""The user-mode kernel that `tools/kernel.sh` builds: where it is kept, and why it may not run."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from pathlib import Path

REMEDY = "make kernel"

_CONFIG = Path(__file__).parents[2] / "tools" / "kernel.config"
"""What the kernel is built from; the same as `tools/kernel.sh` reads."""


def kernel_file(config: Path = _CONFIG) -> Path:
    """Where the kernel of this configuration is kept, built or not; `tools/kernel.sh --where` says
    the same."""
    version = hashlib.sha256(config.read_bytes()).hexdigest()[:12]
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "forwardlab" / "kernel" / version / "linux"


def timetravel_obstacles() -> tuple[str, ...]:
    """Why worlds in time travel cannot run here, each reason with its remedy; empty when they can.
    Root is not needed."""
    found = f"{platform.system()} {platform.machine()}"
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return (f"user-mode Linux runs on Linux x86_64 only, and this is {found}",)
    if not _CONFIG.exists():
        return ("tools/kernel.config is missing: run forwardlab from a whole checkout",)
    kernel = kernel_file()
    if not kernel.exists():
        return (f"its kernel is not built ({kernel}): {REMEDY}, some minutes, once",)
    if not os.access(kernel, os.X_OK):
        return (f"{kernel} cannot be executed: delete it, then {REMEDY}",)
    return ()
