"""Open files: each question that we ask takes one, and the host lets a process have but so many."""

from __future__ import annotations

import resource

from resolver.limits import RESOLUTIONS_IN_FLIGHT
from resolver.shells.limits import FILES_BESIDE_QUESTIONS, FILES_TAKEN, MAX_ACCEPTED_STREAMS


def take_files() -> int:
    """Raise this process's limit of open files as far as it needs and may; what it is then.

    The usual limit, 1,024, is low for select(2)'s sake, which we do not need for files of higher
    numbers; the hard limit is what the operator means.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_TAKEN if hard == resource.RLIM_INFINITY else min(FILES_TAKEN, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return FILES_TAKEN if soft == resource.RLIM_INFINITY else soft


def questions_in(files: int) -> int:
    """How many questions may be under way with so many files, when clients hold all the streams
    that they may. At least one: then it is the host that refuses the next."""
    left = files - MAX_ACCEPTED_STREAMS - FILES_BESIDE_QUESTIONS
    return max(1, min(left, RESOLUTIONS_IN_FLIGHT))
