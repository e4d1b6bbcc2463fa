"""What the benchmarks' figures rest on: ratios with their intervals, and the questions asked."""

from __future__ import annotations

import math
import struct
from collections import Counter
from random import Random

import dns.message
import dns_peers
import pytest
from dns_workload import fresh_names, name_of, question, write_questions, zipf_ranks
from hypothesis import given, settings
from hypothesis import strategies as st
from ratios import paired_ratio, quantile, there_and_back

from resolver.config_file import read_config
from resolver.dns.message import Edns, Query, Question
from resolver.dns.message_reading import parse_query

measurements = st.lists(st.floats(1e-3, 1e6), min_size=2, max_size=12)


@given(measurements, st.floats(0.01, 100))
@settings(max_examples=20)
def test_what_is_always_so_many_times_as_fast_has_that_ratio_and_no_interval(theirs, times):
    ratio = paired_ratio([times * value for value in theirs], theirs)
    assert math.isclose(ratio.mean, times, rel_tol=1e-9)
    assert math.isclose(ratio.low, times, rel_tol=1e-9)
    assert math.isclose(ratio.high, times, rel_tol=1e-9)


def test_twice_as_fast_and_half_as_fast_cancel():
    assert math.isclose(paired_ratio([2, 1], [1, 2]).mean, 1)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    random = Random(1)
    held = 0
    for _ in range(200):
        theirs = [math.exp(random.gauss(0, 1)) for _ in range(10)]  # drifts that a pair shares
        ours = [1.5 * value * math.exp(random.gauss(0, 0.1)) for value in theirs]
        ratio = paired_ratio(ours, theirs)
        held += ratio.low <= 1.5 <= ratio.high
    assert 0.85 * 200 <= held < 200  # ten pairs: a bootstrap is known to be a little too sure


@pytest.mark.parametrize("pair", [([1.0], [1.0]), ([1.0, 2.0], [1.0]), ([1.0, 0.0], [1.0, 1.0])])
def test_what_makes_no_pairs_has_no_ratio(pair):
    with pytest.raises(ValueError, match="measure"):
        paired_ratio(*pair)


def test_quantiles_lie_between_neighbours_in_proportion():
    assert [quantile([0, 10, 20], share) for share in (0, 0.25, 0.5, 1)] == [0, 5, 10, 20]
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


def test_rounds_go_there_and_back():
    assert there_and_back("ab", 3) == [("a", "b"), ("b", "a"), ("a", "b")]


def test_ranks_follow_zipfs_law():
    drawn = Counter(zipf_ranks(100, 200_000, 1.0, Random(7)))
    share = 1 / sum(1 / (rank + 1) for rank in range(100))
    for rank in (0, 1, 9, 99):
        expected = 200_000 * share / (rank + 1)
        assert abs(drawn[rank] - expected) < 5 * math.sqrt(expected)
    assert set(drawn) <= set(range(100))


def test_questions_are_a_stub_resolvers():
    message = question(name_of(42))
    assert parse_query(message) == Query(
        0, Question("www.site00042.bench.example", 1), message[12:-11], edns=Edns(1232)
    )
    read = dns.message.from_wire(message)
    assert (read.edns, read.payload, read.options) == (0, 1232, ())


@pytest.mark.parametrize("more", ["", "batched = false"])
def test_our_own_configuration_is_good_and_closed_to_strangers(tmp_path, more):
    server = dns_peers.ours("ours", "10.77.1.11", "10.77.2.2", "python", more)
    (tmp_path / "resolver.toml").write_text(server.files["resolver.toml"])
    config = read_config(tmp_path / "resolver.toml")
    assert config.recursion_for == (dns_peers.CLIENTS,)
    assert config.counters_every_ns is not None
    assert config.batched is (more == "")


def test_no_run_asks_for_another_ones_names():
    names = [*fresh_names(0, 500), *fresh_names(1, 500)]
    assert len(set(names)) == 1000


def test_the_file_is_messages_behind_their_lengths(tmp_path):
    written = write_questions(tmp_path / "questions", ["a.example", "b.example"]).read_bytes()
    (length,) = struct.unpack_from("!H", written)
    assert written[2 : 2 + length] == question("a.example")
    assert written[4 + length :] == question("b.example")
