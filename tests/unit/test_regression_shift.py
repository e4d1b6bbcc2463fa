"""Measured figures: real changes are found, noise is not, and too little is not judged."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from regression_samples import noisy

from lab.regression.shift import ALPHA, LEAST_EFFECT, repetitions_needed, shifts

FIGURES = 4
REPETITIONS = 8


def judged(random, *, factor=1.0, moved=()):
    """A comparison of two runs of the same machine; figures in `moved` are slower by `factor`."""
    pairs = {
        number: (
            noisy(random, 3.0**number, REPETITIONS),
            noisy(random, 3.0**number, REPETITIONS, factor=factor if number in moved else 1.0),
        )
        for number in range(FIGURES)
    }
    found, unjudged = shifts(pairs)
    assert not unjudged
    return {number for number, shift in found.items() if shift.is_real}


def test_noise_is_not_flagged_in_a_thousand_comparisons():
    """What is promised is at most `ALPHA` false alarms; a stray of three deviations is allowed."""
    random = Random(20260415)
    comparisons = 1_000
    alarms = sum(bool(judged(random)) for _ in range(comparisons))
    promised = ALPHA * comparisons
    assert alarms <= promised + 3 * promised**0.5
    assert ALPHA <= 0.01


def test_real_changes_are_found_and_nothing_else_is():
    random = Random(7)
    trials = 100
    found = [judged(random, factor=2.0, moved={2}) for _ in range(trials)]
    assert sum(2 in each for each in found) >= 0.95 * trials
    assert sum(bool(each - {2}) for each in found) <= 0.05 * trials


def test_an_improvement_is_found_as_well():
    random = Random(8)
    assert sum(judged(random, factor=0.5, moved={1}) == {1} for _ in range(20)) >= 18


def test_a_change_too_small_to_matter_is_none_however_sure():
    base = tuple(100 + n / 100 for n in range(12))
    within = tuple(value * (1 + LEAST_EFFECT * 0.9) for value in base)
    beyond = tuple(value * (1 + LEAST_EFFECT * 1.2) for value in base)
    (found, _), (larger, _) = shifts({1: (base, within)}), shifts({1: (base, beyond)})
    assert found[1].p < ALPHA
    assert not found[1].is_real
    assert larger[1].is_real
    assert larger[1].low <= larger[1].factor <= larger[1].high
    assert larger[1].factor == pytest.approx(1.06, abs=0.002)


def test_a_change_within_what_the_machine_does_by_itself_is_none():
    """Both runs grow slower from their first half to their second by more than they differ."""
    drifting = [1.0, 1.01, 1.02, 1.03, 1.04, 1.05, 1.51, 1.52, 1.53, 1.54, 1.55, 1.56]
    later = [1.4 * value for value in (1.0, 1.01, 1.02, 1.03, 1.04, 1.05)] + [
        1.4 * value for value in (1.51, 1.52, 1.53, 1.54, 1.55, 1.56)
    ]
    steady = [1.2 + 0.001 * n for n in range(12)]
    slower = [1.4 * value for value in steady]
    assert not shifts({1: (drifting, later)})[0][1].is_real
    assert shifts({1: (steady, slower)})[0][1].is_real


def test_too_few_repetitions_are_not_judged_but_told():
    base, new = (1.0, 1.1, 1.2), (9.0, 9.1, 9.2)
    found, unjudged = shifts({1: (base, new)})
    assert found == {}
    assert unjudged == {1: repetitions_needed(1)}


@given(st.integers(1, 500))
def test_so_many_repetitions_suffice_and_one_less_does_not(figures):
    needed = repetitions_needed(figures)
    apart = {n: ([1 + i / 100 for i in range(needed)], [9 + i / 100 for i in range(needed)])
             for n in range(min(figures, 3))}  # fmt: skip
    steady = ([1.0, 1.0], [1.0, 1.0])
    pairs = apart | dict.fromkeys(range(len(apart), figures), steady)
    found, _ = shifts(pairs)
    assert all(found[n].is_real for n in apart)
    fewer = {n: (base[1:], new[1:]) for n, (base, new) in apart.items()}
    found, unjudged = shifts(pairs | fewer)
    assert set(unjudged) >= set(apart)


def test_ties_are_no_obstacle():
    found, _ = shifts({1: ((1.0,) * 9, (1.0,) * 9), 2: ((1.0,) * 9, (2.0,) * 9)})
    assert not found[1].is_real
    assert found[2].is_real


def test_what_sharing_the_processors_explains_is_no_change():
    base = tuple(5.0 + n / 100 for n in range(10))
    twice = tuple(2 * value for value in base)
    assert shifts({1: (base, twice)}, {1: 1.5})[0][1].is_real
    assert not shifts({1: (base, twice)}, {1: 2.0})[0][1].is_real
    # Faster on the quieter machine is no news either; slower on it is.
    assert not shifts({1: (twice, base)}, {1: 0.5})[0][1].is_real
    assert shifts({1: (base, twice)}, {1: 0.5})[0][1].is_real
