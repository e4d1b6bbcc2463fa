"""Our resolver and Unbound, asked the same over the same real Internet."""

from __future__ import annotations

import time
from dataclasses import replace
from random import Random

import pytest
from differences import (
    ALWAYS_ASKED,
    EXPLANATIONS,
    NOTHING,
    Asked,
    Difference,
    Told,
    differences,
    differing,
    explain,
    questions,
)
from real_internet import start_internet
from resolvers import start_ours, start_unbound

pytestmark = pytest.mark.netns

QUESTIONS = 3000


@pytest.mark.slow
def test_every_difference_from_unbound_is_explained(in_namespace, tmp_path):
    def body():
        start_internet(tmp_path / "internet")
        start_ours(tmp_path / "ours")
        start_unbound(tmp_path / "unbound")
        random = Random("differential")
        first = [*questions(random, QUESTIONS), *ALWAYS_ASKED]
        # Again without recursion desired: what both have in their caches by now.
        again = [replace(one, rd=False) for one in random.sample(first, QUESTIONS // 5)]
        began_at = time.monotonic()
        found, asked = differences(first, began_at)
        found_again, asked_again = differences(again, began_at)
        assert (asked, asked_again) == (len(first), len(again))
        found += found_again
        unexplained = [str(each) for each in found if explain(each) is None]
        assert not unexplained, "\n".join(unexplained[:10])
        used = {explain(each) for each in found}
        stale = [each.reason for each in EXPLANATIONS if each not in used]
        assert not stale, f"no question needs these any more: {stale}"

    in_namespace(body, limit_s=180)


TOLD = Told("NOERROR", "QR RD RA", ("a. a 192.0.2.1",), (), (("a. A", 60),), edns=True)


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("rcode", "SERVFAIL"),
        ("flags", "QR AA RD RA"),
        ("answer", ("a. a 192.0.2.2",)),
        ("authority", ("a. ns b.",)),
        ("edns", False),
    ],
)
def test_each_part_of_an_answer_is_compared(part, other):
    assert list(differing(TOLD, replace(TOLD, **{part: other}), drift_s=5)) == [part]


def test_a_ttl_may_differ_by_as_long_as_the_comparison_lasts():
    def of(ttl):
        return replace(TOLD, ttls=(("a. A", ttl),))

    assert list(differing(of(60), of(55), drift_s=5)) == []
    assert list(differing(of(60), of(54), drift_s=5)) == ["ttl"]
    assert list(differing(of(54), of(60), drift_s=5)) == ["ttl"]


def test_no_explanation_is_about_an_ordinary_difference():
    wrong = replace(TOLD, rcode="SERVFAIL", answer=())
    for theirs in (TOLD, NOTHING):
        for ours in (wrong, replace(TOLD, answer=("a. a 192.0.2.2",))):
            difference = Difference(Asked("www.alpha.com.", "A"), ours, theirs, ("rcode",))
            assert explain(difference) is None
