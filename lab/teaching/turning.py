"""Turning pages: what a reader types, or the time that passes, decides which page comes next."""

from __future__ import annotations

import os
import select
import time
from typing import Protocol

from rich.console import Console

from lab.teaching.page_text import Printer
from lab.teaching.pages import Course

QUIT = "q"
KEYS = "Enter next · b back · NUMBER that page · q quit"


class Source(Protocol):
    """Where pages come from: a run that is over, or one under way."""

    @property
    def course(self) -> Course:
        """The scenario as far as it has come."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether no page will be added."""
        ...

    @property
    def asks(self) -> str:
        """What Enter does on the last page there is, where it does more than wait; else empty."""
        ...

    def go_on(self) -> None:
        """Let the next step happen, if the world waits for that."""
        ...

    def watched(self) -> tuple[int, ...]:
        """File descriptors; one becomes readable when there is something to `take`."""
        ...

    def take(self) -> None:
        """Take what has come. Raises what ended the world."""
        ...


class Lines:
    """Lines from a file descriptor, waited for together with something else."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._received = b""
        self.ended = False

    def next(self, timeout_s: float | None) -> str | None:
        """The next line; None when the time is up, or when no line will come."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while b"\n" not in self._received:
            if self.ended and deadline is None:
                return None
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select(self._open(), [], [], left)[0]:
                return None
            self._read()
        line, _, self._received = self._received.partition(b"\n")
        return line.decode(errors="replace").strip()

    def await_source(self, source: Source) -> bool:
        """Wait until a source has something; False when the next line is the word to quit. What
        else is typed meanwhile stays for later."""
        while True:
            line, ending, _ = self._received.partition(b"\n")
            if ending and line.strip() == QUIT.encode():
                return False
            ready = select.select([*source.watched(), *(() if ending else self._open())], [], [])[0]
            if self._descriptor in ready:
                self._read()
            else:
                return True

    def _open(self) -> tuple[int, ...]:
        return () if self.ended else (self._descriptor,)

    def _read(self) -> None:
        piece = os.read(self._descriptor, 4096)
        self._received += piece
        if not piece:
            self.ended = True
            # A last line without its end is a line.
            self._received += b"\n" if self._received else b""


class Reader:
    """Shows the pages of a source in the order a person wants them."""

    def __init__(
        self,
        source: Source,
        console: Console,
        lines: Lines,
        *,
        auto_s: float | None,
    ) -> None:
        self._source = source
        self._printer = Printer(console)
        self._lines = lines
        self._auto_s = auto_s
        self._place = 0

    def read(self) -> None:
        """Until the reader has seen the last page, quits, or has no more to say."""
        self._show()
        while True:
            word = self._lines.next(self._auto_s)
            if word is None and self._auto_s is None:
                return  # nobody is there to turn a page
            if word == QUIT:
                return
            if not self._turn(word or ""):
                return

    def _turn(self, word: str) -> bool:
        """Go where the word leads; False at the end."""
        pages = self._source.course.pages
        if word == "":
            return self._forward()
        if word == "b":
            self._place = max(0, self._place - 1)
            self._show()
        elif word.isdecimal() and 1 <= int(word) <= len(pages):
            self._place = int(word) - 1
            self._show()
        elif word.isdecimal():
            self._printer.say(f"There are {len(pages)} pages by now. {KEYS}")
        else:
            self._printer.say(f"{word!r} is no key here. {KEYS}")
        return True

    def _forward(self) -> bool:
        if self._place + 1 >= len(self._source.course.pages):
            if not self._source.is_over and not self._await_page():
                return False
            if self._place + 1 >= len(self._source.course.pages):
                return False
        self._place += 1
        self._show()
        return True

    def _await_page(self) -> bool:
        """Wait for a page that is not there yet; False when the reader quits meanwhile."""
        known = len(self._source.course.pages)
        self._source.go_on()
        self._printer.say("… the step is under way; q quits")
        while len(self._source.course.pages) == known and not self._source.is_over:
            if not self._lines.await_source(self._source):
                return False
            self._source.take()
        return True

    def _show(self) -> None:
        course = self._source.course
        self._printer.show(course, course.pages[self._place], self._place)
        last = self._place + 1 == len(course.pages)
        first_key = "Enter next"
        if last and self._source.is_over:
            first_key = "Enter ends"
        elif last and self._source.asks:
            first_key = f"Enter {self._source.asks}"
        of = f"{self._place + 1} of {len(course.pages)}{'' if self._source.is_over else '+'}"
        self._printer.say(f"{of} · {KEYS.replace('Enter next', first_key)}")
