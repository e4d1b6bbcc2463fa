"""The host's randomness by the kilobyte is the host's randomness."""

from __future__ import annotations

import os
from random import SystemRandom

import pytest

from resolver.shells import randomness
from resolver.shells.limits import RANDOM_OCTETS
from resolver.shells.program import _random
from resolver.shells.randomness import HostRandom

WORDS = RANDOM_OCTETS // 4


def test_every_word_of_the_host_is_drawn_once_and_in_order(monkeypatch):
    fetched = []

    def urandom(octets: int) -> bytes:
        fetched.append(os.urandom(octets))
        return fetched[-1]

    monkeypatch.setattr(randomness, "os", type("Host", (), {"urandom": staticmethod(urandom)}))
    random = HostRandom()
    drawn = [random.getrandbits(32) for _ in range(2 * WORDS + 1)]
    words = memoryview(b"".join(fetched)).cast("I").tolist()
    assert [len(part) for part in fetched] == [RANDOM_OCTETS] * 3
    assert drawn == words[: len(drawn)]


def test_two_draw_apart():
    one, other = HostRandom(), HostRandom()
    assert {one.getrandbits(32) for _ in range(50)}.isdisjoint(
        {other.getrandbits(32) for _ in range(50)}
    )


@pytest.mark.parametrize("bits", [0, 1, 16, 31, 33, 128])
def test_other_numbers_of_bits_are_drawn_from_the_host_as_they_come(bits):
    assert 0 <= HostRandom().getrandbits(bits) < 1 << bits
    assert HostRandom().choice(range(3)) in range(3)


def test_without_a_seed_programs_draw_from_the_host():
    assert isinstance(_random(None, "identifiers", "resolver"), SystemRandom)
    assert not isinstance(_random(1, "identifiers", "resolver"), SystemRandom)
