"""The seed of each program, the same in every world: what one program draws changes no other."""

from __future__ import annotations

from random import Random


def program_seed(world_seed: int, node: str, program: str) -> int:
    """The seed of a node's program in a world of that seed, 63 bits."""
    return Random(f"{world_seed}/{node}/{program}").getrandbits(63)  # noqa: S311 - a run must repeat
