"""What a storm is asked to be, and why it may be refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from resolver.machine import SECOND, Duration

WorldName: TypeAlias = Literal["mininet", "simulated"]

MOST_VIEWERS: Final = 20_000
HIGHEST_RATE: Final = 100_000.0
"""Viewers a second: more than any resolver here answers."""
MOST_AT_ONCE: Final = 512
"""Connections that may be opening at once: what the service on one server accepts."""

PATIENCE_NS: Final[Duration] = 5 * SECOND
"""How long a viewer waits for its answer, and then for its connection. It asks and dials once; the
kernel repeats a SYN after 1 s and 3 s."""


class StormRefused(Exception):
    """The storm asked for makes no sense; the message names what is wrong and the remedy."""


class StormImpossible(Exception):
    """This host cannot run the storm; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class Storm:
    """Viewers that log on together: each asks for the cluster's name and connects to the answer.

    Raises StormRefused for numbers out of their bounds.
    """

    topology: Path
    """A topology file with a cluster or a single system."""
    viewers: int = 2_000
    """1 to 20,000, each with an address of its own."""
    rate_per_s: float = 1_000.0
    """Viewers that arrive in a second, on average: a Poisson stream."""
    world: WorldName = "mininet"
    seed: int = 1
    """Of addresses, arrivals, message IDs and of every program's own choices."""
    at_once: int = 64
    """Connections that may be opening at once; who comes then waits for a turn, which is told
    apart. 1 to 512."""

    def __post_init__(self) -> None:
        for what, value, least, most in (
            ("viewers", self.viewers, 1, MOST_VIEWERS),
            ("rate", self.rate_per_s, 0.01, HIGHEST_RATE),
            ("connections at once", self.at_once, 1, MOST_AT_ONCE),
            ("seed", self.seed, 0, None),
        ):
            # Written so that "nan", which is neither below nor above anything, is out of bounds.
            if not (value >= least and (most is None or value <= most)):
                bounds = f"from {least:,} to {most:,}" if most is not None else f"{least} or more"
                raise StormRefused(f"{what}: {value:,} is out of bounds; give a number {bounds}")
