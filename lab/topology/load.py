"""Reading a topology file: everything that is wrong with it, at once, in plain words."""

from __future__ import annotations

import tomllib
from pathlib import Path

from lab.topology.model import Topology


class TopologyError(Exception):
    """A topology that cannot be run; `problems` are lines `FILE: place: what is wrong; what to
    do`."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_topology(path: Path) -> Topology:
    """Read and check a topology file.

    Raises TopologyError with all its problems.
    """
    return Topology.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
