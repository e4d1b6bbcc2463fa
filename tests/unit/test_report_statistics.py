"""Percentiles of the nearest rank, checked against their definition and against numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.report.statistics import Distribution, in_ms, in_ns, nearest_rank

values = st.lists(st.floats(0, 1e9, allow_nan=False), min_size=1, max_size=300)
hundredths = st.integers(1, 10_000)


@given(values, hundredths)
def test_a_percentile_is_the_smallest_value_that_enough_values_do_not_exceed(drawn, hundredth):
    found = nearest_rank(sorted(drawn), hundredth / 100)
    assert found in drawn
    assert sum(value <= found for value in drawn) * 10_000 >= hundredth * len(drawn)
    smaller = [value for value in drawn if value < found]
    if smaller:
        assert sum(value <= max(smaller) for value in drawn) * 10_000 < hundredth * len(drawn)


@given(values, st.sampled_from([50, 90, 99, 100]))
def test_numpy_says_the_same(drawn, percent):
    assert nearest_rank(sorted(drawn), percent) == np.percentile(
        drawn, percent, method="inverted_cdf"
    )


@given(values)
def test_percentiles_ascend_and_do_not_depend_on_the_order(drawn):
    found = Distribution.of("virtual", drawn)
    assert found == Distribution.of("virtual", reversed(drawn))
    assert found.n == len(drawn)
    assert min(drawn) <= found.median <= found.p90 <= found.p99 <= found.max == max(drawn)


def test_one_value_is_every_percentile_and_none_has_none():
    assert Distribution.of("measured", [7.5]) == Distribution("measured", 1, 7.5, 7.5, 7.5, 7.5)
    assert Distribution.of("measured", []) is None
    assert nearest_rank([7.5], 0) == 7.5


def test_of_a_hundred_values_the_99th_is_not_the_last():
    found = Distribution.of("virtual", range(1, 101))
    assert (found.median, found.p90, found.p99, found.max) == (50, 90, 99, 100)


@pytest.mark.parametrize("percent", [-0.01, 100.01, -1])
def test_what_is_no_percentile_is_refused(percent):
    with pytest.raises(ValueError, match="is no percentile"):
        nearest_rank([1.0], percent)


@given(st.integers(0, 10**14))
def test_nanoseconds_survive_the_records_milliseconds(nanoseconds):
    assert in_ns(in_ms(nanoseconds)) == nanoseconds
