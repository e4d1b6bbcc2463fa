"""Rotation: every address is handed out, and first, in its turn."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from resolver.balance.selection import Rotation

seeds = st.integers(0, 2**32)


@given(seeds, st.integers(1, 12), st.integers(0, 14))
def test_over_as_many_answers_as_items_each_comes_first_once(seed, size, count):
    items = [f"10.0.0.{n}" for n in range(size)]
    rotation = Rotation(Random(seed))
    answers = [rotation.take(items, count) for _ in range(size)]
    assert Counter(answer[0] for answer in answers) == dict.fromkeys(items, 1)
    held = Counter(address for answer in answers for address in answer)
    assert held == dict.fromkeys(items, min(count, size) if count else size)
    assert all(len(set(answer)) == len(answer) for answer in answers)


@given(seeds, st.integers(0, 3))
def test_nothing_available_is_an_empty_answer(seed, count):
    assert Rotation(Random(seed)).take([], count) == ()


def test_two_that_start_together_do_not_walk_in_step():
    items = ["a", "b", "c"]
    starts = {Rotation(Random(seed)).take(items, 1) for seed in range(50)}
    assert starts == {("a",), ("b",), ("c",)}
