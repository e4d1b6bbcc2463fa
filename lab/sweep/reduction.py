"""Delta debugging: of what fails together, the fewest that still fail in the same way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def reduced(failing: Sequence[T], still_fails: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """A part of `failing` for which `still_fails` holds and of which nothing can be left out:
    Zeller's ddmin ("Simplifying and isolating failure-inducing input", 2002), down to nothing.

    The order is kept. `still_fails` is asked at most once for each part, and is taken to hold for
    the whole.
    """
    known: dict[tuple[int, ...], bool] = {}

    def fails(places: tuple[int, ...]) -> bool:
        if places not in known:
            known[places] = still_fails(tuple(failing[place] for place in places))
        return known[places]

    everything = tuple(range(len(failing)))
    known[everything] = True
    if fails(()):
        return ()
    return tuple(failing[place] for place in _ddmin(everything, fails, pieces=2))


def _ddmin(
    places: tuple[int, ...], fails: Callable[[tuple[int, ...]], bool], pieces: int
) -> tuple[int, ...]:
    while len(places) > 1:
        length = -(-len(places) // pieces)
        subsets = [places[start : start + length] for start in range(0, len(places), length)]
        complements = [
            tuple(place for place in places if place not in subset) for subset in subsets
        ]
        if (smaller := next((each for each in subsets if fails(each)), None)) is not None:
            places, pieces = smaller, 2
        elif (smaller := next((each for each in complements if fails(each)), None)) is not None:
            places, pieces = smaller, max(pieces - 1, 2)
        elif pieces >= len(places):
            break
        else:
            pieces = min(2 * pieces, len(places))
    return places
