"""How many files the world's process may have open."""

from __future__ import annotations

import resource
from typing import Final

ENOUGH: Final = 8192
"""5,000 sockets of questions asked at once, and what the world itself has: sockets of captures,
scripted peers, switches and pipes, some tens for each node."""


def allow_open_files() -> None:
    """Raise this process's limit of open files to what is enough, as far as its host lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
