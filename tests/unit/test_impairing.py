"""What a link does to packets, against a model that is as slow and as plain as can be."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lab.scenario.impairments import Impairment
from lab.worlds.impairing import ETHERNET_HEADER, Treatment, link_random
from resolver.machine import MILLISECOND, SECOND

PACKETS = st.lists(
    st.tuples(st.integers(20, 1500), st.integers(0, 5 * MILLISECOND)), min_size=1, max_size=60
)
"""Octets of a packet, and how long after the one before it comes."""
EVERY = st.none() | st.integers(1, 7)
PERCENT = st.sampled_from([0.0, 0.0, 1.0, 50.0, 100.0])


@st.composite
def impairments(draw) -> Impairment | None:
    delay = draw(st.sampled_from([0.0, 0.5, 10.0]))
    fields: dict = {
        "delay_ms": delay,
        "jitter_ms": draw(st.sampled_from([0.0, 0.3])) if delay else 0.0,
        "rate_kbit_s": draw(st.sampled_from([0.0, 64.0, 10_000.0])),
    }
    for fate in ("lose", "duplicate", *(("reorder",) if delay else ())):
        if draw(st.booleans()):
            fields[f"{fate}_every"] = draw(EVERY)
        else:
            fields[f"{fate}_percent"] = draw(PERCENT)
    try:
        return Impairment(**fields)
    except ValidationError:
        return None  # it impairs nothing


def fates(impairment, packets, seed=1, **planned):
    treatment = Treatment(impairment, Random(seed), **planned)
    now, found = 0, []
    for octets, gap in packets:
        now += gap
        found.append((now, octets, treatment.departures(octets, now)))
    return found


def is_hit(number: int, every: int | None) -> bool:
    return every is not None and number % every == 0


@given(impairments(), PACKETS)
def test_nothing_leaves_before_it_came_nor_later_than_all_delays_together(impairment, packets):
    delay = jitter = 0
    if impairment is not None:
        delay = round(impairment.delay_ms * MILLISECOND)
        jitter = round(impairment.jitter_ms * MILLISECOND)
    waiting = 0
    rate = round(impairment.rate_kbit_s * 1000) if impairment else 0
    for came, octets, departures in fates(impairment, packets):
        bits = (octets + ETHERNET_HEADER) * 8
        for left in departures:
            waiting = max(waiting, came) + (-(-bits * SECOND // rate) if rate else 0)
            assert came <= left <= waiting + delay + jitter


@given(impairments(), PACKETS)
def test_packets_are_lost_and_doubled_by_their_numbers_alone(impairment, packets):
    if impairment is None or impairment.lose_percent or impairment.duplicate_percent:
        return
    for number, (_, _, departures) in enumerate(fates(impairment, packets), start=1):
        if is_hit(number, impairment.lose_every):
            assert departures == ()
        else:
            assert len(departures) == 1 + is_hit(number, impairment.duplicate_every)


@given(impairments(), PACKETS, st.integers(0, 3))
def test_the_same_stream_of_chance_gives_the_same_fates(impairment, packets, seed):
    assert fates(impairment, packets, seed) == fates(impairment, packets, seed)


@given(PACKETS, st.sampled_from([64_000, 1_000_000]))
def test_a_rate_is_never_exceeded_and_never_idle_while_something_waits(packets, rate):
    idle_at = 0
    for came, octets, (left,) in fates(None, packets, rate_bit_s=rate):
        bits = (octets + ETHERNET_HEADER) * 8
        idle_at = max(came, idle_at) + -(-bits * SECOND // rate)
        assert left == idle_at


@given(PACKETS)
def test_without_an_impairment_the_plans_delay_is_all_there_is(packets):
    for came, _, departures in fates(None, packets, delay_ns=7):
        assert departures == (came + 7,)


@pytest.mark.parametrize("percent", [2.0, 10.0, 50.0])
@pytest.mark.parametrize("fate", ["lose", "duplicate"])
def test_chances_come_out_as_they_are_given(fate, percent):
    packets = [(100, 1000)] * 20_000
    counts = [
        len(departures)
        for _, _, departures in fates(Impairment(**{f"{fate}_percent": percent}), packets)
    ]
    hit = counts.count(0) if fate == "lose" else counts.count(2)
    # Five standard deviations of a binomial count.
    deviation = (20_000 * percent / 100 * (1 - percent / 100)) ** 0.5
    assert abs(hit - 20_000 * percent / 100) <= 5 * deviation


def test_one_chance_does_not_move_anothers_decisions():
    packets = [(100, 1000)] * 500
    alone = fates(Impairment(lose_percent=20), packets)
    beside = fates(Impairment(lose_percent=20, duplicate_every=2), packets)
    assert [bool(each[2]) for each in alone] == [bool(each[2]) for each in beside]


def test_who_does_not_wait_overtakes():
    found = fates(Impairment(delay_ms=10, reorder_every=3), [(100, MILLISECOND)] * 6)
    left = [departures[0] for _, _, departures in found]
    assert [b < a for a, b in pairwise(left)] == [False, True, False, False, True]
    assert left[2] == found[2][0]


def test_the_plans_delay_adds_and_the_lower_rate_holds():
    slow = Impairment(delay_ms=1, rate_kbit_s=1000)
    treatment = Treatment(slow, Random(1), delay_ns=MILLISECOND, rate_bit_s=8_000)
    assert treatment.departures(986, 0) == (SECOND + 2 * MILLISECOND,)


def test_each_direction_of_each_link_has_a_stream_of_its_own():
    keys = [
        (1, "a-eth0", "out", 1),
        (1, "a-eth0", "in", 1),
        (1, "a-eth0", "out", 2),
        (2, "b", "out", 1),
    ]
    assert len({link_random(*key).random() for key in keys}) == len(keys)
    assert link_random(*keys[0]).random() == link_random(*keys[0]).random()


# --- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "impairs nothing"),
        ({"lose_every": 2, "lose_percent": 1}, "lose_every and lose_percent exclude each other"),
        ({"delay_ms": 1, "jitter_ms": 2}, "jitter_ms is more than delay_ms"),
        ({"reorder_every": 2}, "reordering needs delay_ms"),
        ({"mtu": 575}, "greater than or equal to 576"),
        ({"lose_percent": 101}, "less than or equal to 100"),
        ({"lose_every": 0}, "greater than or equal to 1"),
        ({"delay_ms": float("nan")}, "finite"),
    ],
)
def test_what_makes_no_sense_is_refused(fields, word):
    with pytest.raises(ValidationError, match=word):
        Impairment(**fields)


def test_an_impairment_is_told_in_words():
    told = Impairment(
        delay_ms=50, jitter_ms=5, lose_every=3, duplicate_percent=0.5, rate_kbit_s=64, mtu=600
    ).told()
    assert told == (
        "50 ms ± 5 ms delay, every 3rd packet lost, 0.5 % of packets doubled, 64 kbit/s, MTU 600"
    )
    assert Impairment(lose_every=1).told() == "every single packet lost"
    assert Impairment(lose_every=11).told() == "every 11th packet lost"
    assert Impairment(lose_every=22).told() == "every 22nd packet lost"
