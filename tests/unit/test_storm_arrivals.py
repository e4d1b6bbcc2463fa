"""Viewers' arrivals: a Poisson stream, drawn from the seed."""

from collections import Counter
from ipaddress import IPv4Address, IPv4Network

import pytest

from lab.storm.arrivals import draw_arrivals
from lab.storm.chi_squared import survival
from lab.storm.request import MOST_VIEWERS, Storm, StormRefused
from resolver.machine import SECOND

PREFIX = IPv4Network("198.18.0.0/17")


def test_the_same_seed_gives_the_same_viewers_and_another_others():
    first = draw_arrivals(500, 100.0, PREFIX, 7)
    assert first == draw_arrivals(500, 100.0, PREFIX, 7)
    assert first != draw_arrivals(500, 100.0, PREFIX, 8)


def test_every_viewer_has_an_address_of_its_own_in_the_prefix():
    arrivals = draw_arrivals(MOST_VIEWERS, 1.0, PREFIX, 1)
    addresses = {IPv4Address(each.address) for each in arrivals}
    assert len(addresses) == MOST_VIEWERS
    assert all(address in PREFIX for address in addresses)
    assert PREFIX[0] not in addresses
    assert PREFIX[-1] not in addresses


def test_they_come_in_order_and_the_rate_changes_nothing_but_the_times():
    slow, fast = draw_arrivals(300, 10.0, PREFIX, 3), draw_arrivals(300, 1000.0, PREFIX, 3)
    assert slow[0].after_ns == 0
    assert [each.after_ns for each in slow] == sorted(each.after_ns for each in slow)
    assert [(e.address, e.identifier) for e in slow] == [(e.address, e.identifier) for e in fast]


def test_counts_in_a_second_are_those_of_a_poisson_process():
    """Index of dispersion: the counts' variance over their mean, times n - 1, is chi-squared for a
    Poisson process; an even stream has far too little of it, one in bursts too much."""
    arrivals = draw_arrivals(MOST_VIEWERS, 100.0, PREFIX, 20260415)
    whole = arrivals[-1].after_ns // SECOND
    counts = Counter(each.after_ns // SECOND for each in arrivals)
    seconds = [counts[second] for second in range(whole)]
    mean = sum(seconds) / whole
    dispersion = sum((count - mean) ** 2 for count in seconds) / mean
    assert 0.001 < survival(dispersion, whole - 1) < 0.999
    assert mean == pytest.approx(100, rel=0.05)


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ({"viewers": 0}, "viewers: 0 is out of bounds; give a number from 1 to 20,000"),
        ({"viewers": 20_001}, "viewers: 20,001 is out of bounds"),
        ({"rate_per_s": 0.0}, "rate: 0.0 is out of bounds"),
        ({"rate_per_s": float("inf")}, "rate: inf is out of bounds"),
        ({"at_once": 513}, "connections at once: 513 is out of bounds"),
        ({"seed": -1}, "seed: -1 is out of bounds; give a number 0 or more"),
    ],
)
def test_a_storm_out_of_bounds_is_refused(tmp_path, numbers, told):
    with pytest.raises(StormRefused) as refused:
        Storm(tmp_path / "any.toml", **numbers)
    assert str(refused.value).startswith(told)
