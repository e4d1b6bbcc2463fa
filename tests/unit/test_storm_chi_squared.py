"""The chi-squared test: against a table, against numerical integration, and on spreads."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.storm.chi_squared import statistic, survival

# NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.4, upper critical values.
CRITICAL = [
    (1, 3.841, 0.05),
    (1, 10.828, 0.001),
    (2, 5.991, 0.05),
    (3, 7.815, 0.05),
    (4, 13.277, 0.01),
    (9, 16.919, 0.05),
    (10, 29.588, 0.001),
    (50, 67.505, 0.05),
    (100, 124.342, 0.05),
]


@pytest.mark.parametrize(("degrees", "value", "level"), CRITICAL)
def test_critical_values_are_those_of_the_tables(degrees, value, level):
    assert survival(value, degrees) == pytest.approx(level, rel=5e-3)


def integrated(value, degrees):
    """The same by Simpson's rule over the density, from `value` to where nothing is left."""
    half = degrees / 2
    scale = -half * math.log(2) - math.lgamma(half)

    def density(x):
        return math.exp(scale + (half - 1) * math.log(x) - x / 2)

    steps, end = 4000, value + 40 * math.sqrt(degrees) + 200
    width = (end - value) / steps
    inner = sum((4 if n % 2 else 2) * density(value + n * width) for n in range(1, steps))
    return width / 3 * (density(value) + inner + density(end))


@given(st.floats(0.5, 200), st.integers(1, 60))
def test_it_is_the_area_behind_the_value(value, degrees):
    assert survival(value, degrees) == pytest.approx(integrated(value, degrees), abs=1e-6)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.integers(1, 300))
def test_it_falls_from_one_to_zero(one, other, degrees):
    less, more = sorted((one, other))
    assert 0 <= survival(more, degrees) <= survival(less, degrees) + 1e-12 <= 1 + 1e-12
    assert survival(0, degrees) == 1


def test_without_degrees_of_freedom_there_is_no_test():
    with pytest.raises(ValueError, match="at least 1"):
        survival(1.0, 0)


def test_an_even_spread_has_no_statistic_and_a_stuck_one_all_of_it():
    assert statistic([50, 50, 50]) == 0
    assert statistic([150, 0, 0]) == pytest.approx(300)
    assert survival(statistic([150, 0, 0]), 2) < 1e-60
    assert survival(statistic([55, 48, 47]), 2) > 0.5
