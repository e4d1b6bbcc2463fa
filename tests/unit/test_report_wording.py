"""Durations, marks and what may be printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_record import eight_steps, lab_fault, no_such_link

from lab.report.wording import (
    ASCII_MARKS,
    MARKS,
    connect_time,
    duration,
    instant,
    printable,
    totals,
)


@pytest.mark.parametrize(
    ("milliseconds", "told"),
    [
        (0, "0.00 ms"),
        (0.426, "0.43 ms"),
        (12.34, "12.3 ms"),
        (2001.72, "2.002 s"),
        (12_345, "12.3 s"),
        (100_000, "1 min 40 s"),
        (7_440_000, "2 h 4 min"),
    ],
)
def test_durations_have_the_unit_that_suits_them(milliseconds, told):
    assert duration(milliseconds) == told


def test_an_instant_keeps_its_digits_however_late_it_is():
    assert instant(12_001.419) == "12\u2009001.42 ms"


def test_no_two_outcomes_share_a_mark():
    assert len(set(MARKS.values())) == len(set(ASCII_MARKS.values())) == len(MARKS)
    assert MARKS.keys() == ASCII_MARKS.keys()
    assert "".join(ASCII_MARKS.values()).isascii()


def test_no_connection_is_not_a_time():
    assert connect_time(eight_steps()) == "2.89 ms"
    assert connect_time(eight_steps().model_copy(update={"time_to_connect_ms": None})) == (
        "no connection"
    )
    assert connect_time(lab_fault()) == connect_time(no_such_link()) == "-"


def test_totals_leave_out_what_did_not_happen():
    assert totals({"failed": 1, "passed": 7, "broken": 0}) == "7 passed, 1 failed"
    assert totals({}) == "nothing ran"


@given(st.text())
def test_printable_text_moves_no_cursor(text):
    shown = printable(text)
    assert not set(shown) & {chr(code) for code in (*range(10), *range(11, 32), 127, 0x9B, 0x202E)}
    assert printable(shown) == shown
