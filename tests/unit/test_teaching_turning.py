"""Pages are turned by keys or by time, and the end of the input ends the walk."""

import io
import os
import time
from dataclasses import replace
from itertools import pairwise

import pytest
from rich.cells import cell_len
from rich.console import Console
from walked import walked

from lab.teaching.recorded import RecordedWalk
from lab.teaching.turning import Lines, Reader


@pytest.fixture
def keys():
    """A pipe to type into, and the lines that come out of it."""
    reading, writing = os.pipe()
    yield writing, Lines(reading)
    os.close(reading)
    os.close(writing)


def shown(text):
    """The numbers of the pages that were shown, in order."""
    rows = text.splitlines()
    heads = [after for line, after in pairwise(rows) if set(line) == {"─"}]
    return [int(head.split()[0]) for head in heads]


def read(source, typed, *, auto_s=None, width=80):
    reading, writing = os.pipe()
    os.write(writing, typed.encode())
    os.close(writing)
    screen = io.StringIO()
    console = Console(file=screen, width=width, highlight=False)
    Reader(source, console, Lines(reading), auto_s=auto_s).read()
    os.close(reading)
    return screen.getvalue()


@pytest.fixture
def source():
    return RecordedWalk(walked("cluster/single_system"))


@pytest.mark.parametrize(
    ("typed", "pages"),
    [
        ("", [1]),
        ("\n\n", [1, 2, 3]),
        ("\n\nb\nb\nb\n", [1, 2, 3, 2, 1, 1]),
        ("4\n\n2\n", [1, 4, 5, 2]),
        ("\nq\n\n\n", [1, 2]),
        ("\n", [1, 2]),
        ("3", [1, 3]),
    ],
)
def test_keys_turn_pages(source, typed, pages):
    assert shown(read(source, typed)) == pages


def test_the_last_page_is_the_end(source):
    last = len(source.course.pages)
    text = read(source, f"{last}\n\n1\n")
    assert shown(text) == [1, last]
    assert f"{last} of {last} · Enter ends · b back" in text


@pytest.mark.parametrize("word", ["0", "99", "next", "-1"])
def test_what_is_no_key_is_told_with_the_keys(source, word):
    text = read(source, f"{word}\nq\n")
    assert shown(text) == [1]
    told = text.rpartition("q quit")[0].splitlines()[-1]
    assert "b back" in told
    assert "Enter next" in told


def test_time_turns_pages_to_the_end_with_nobody_there(source):
    assert shown(read(source, "", auto_s=0)) == list(range(1, len(source.course.pages) + 1))


def test_keys_turn_pages_before_the_time(source):
    began = time.monotonic()
    assert shown(read(source, "\nq\n", auto_s=600)) == [1, 2]
    assert time.monotonic() - began < 300


def test_no_page_is_wider_than_the_screen_and_none_has_control_codes():
    course = walked("cluster/eight_steps/translator_address")
    for width in (40, 64, 100):
        text = read(RecordedWalk(course), "", auto_s=0, width=width)
        assert [line for line in text.splitlines() if cell_len(line) > width] == []
        assert "\x1b" not in text


class Growing:
    """A source whose pages come when it is told to go on: a world that waits."""

    def __init__(self, course, *, hold) -> None:
        self._whole = course
        self._hold = hold
        self._told, self._teller = os.pipe()
        self.went_on = 0
        self._next = 1
        self.is_over = False
        self.course = replace(course, timeline=None, done=0, record=None)

    @property
    def asks(self):
        return f"does step {self._next}" if self._hold and not self.is_over else ""

    def go_on(self):
        self.went_on += 1
        os.write(self._teller, b".")

    def watched(self):
        return (self._told,)

    def take(self):
        os.read(self._told, 1)
        marks = [mark.at for mark in self._whole.timeline.marks if mark.kind == "step"]
        if self._next >= len(marks):
            self.course, self.is_over = self._whole, True
            return
        timeline = self._whole.timeline
        records = tuple(each for each in timeline.records if each.at < marks[self._next])
        early = type(timeline)(records, timeline.plan, timeline.clock)
        self.course = replace(self.course, timeline=early, done=self._next)
        self._next += 1


@pytest.mark.parametrize("hold", [True, False])
def test_pages_that_come_later_are_waited_for(hold):
    whole = walked("cluster/five_steps")
    source = Growing(whole, hold=hold)
    text = read(source, "", auto_s=0)
    assert shown(text) == list(range(1, len(whole.pages) + 1))
    assert source.went_on == 2, "once for each step"
    assert ("Enter does step 1" in text) is hold


def test_a_reader_who_quits_does_not_wait():
    source = Growing(walked("cluster/five_steps"), hold=True)
    source.go_on = lambda: None  # the world is stuck
    assert shown(read(source, "\nq\n")) == [1]


def test_lines_come_as_they_are_typed(keys):
    typing, lines = keys
    assert lines.next(0) is None
    os.write(typing, b"one\ntw")
    assert lines.next(None) == "one"
    assert lines.next(0) is None
    os.write(typing, b"o\n\xff\n")
    assert [lines.next(None), lines.next(None)] == ["two", "\ufffd"]
