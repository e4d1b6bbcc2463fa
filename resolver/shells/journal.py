"""Facts as lines of JSON, for people and counters. No verdict reads them."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import TextIO

from resolver.machine import SECOND, Endpoint, Instant
from resolver.shells.limits import FACTS_PER_SECOND


@dataclasses.dataclass(frozen=True, slots=True)
class FactsLeftOut:
    """More facts of one kind came within a second than are written down."""

    kind: str
    count: int


class JournalWriter:
    """Writes one JSON object per line: `{"at_ns": …, "fact": "ServerTimedOut", …fields}`.

    While `bounded`, only so many facts of a kind in each second, and then how many more there were:
    else whoever sends us nonsense, or a server that is down, could fill the host's disk.

    What cannot be written is lost: nobody waits for the journal, and clients wait for the program.
    """

    def __init__(self, stream: TextIO, *, bounded: bool = False) -> None:
        self._stream = stream
        self.bounded = bounded
        self._second = 0
        self._in_second: Counter[str] = Counter()

    def __call__(self, fact: object, at: Instant) -> None:
        """Write a fact (a dataclass) and when it was noted, in ns of the monotonic clock."""
        kind = type(fact).__name__
        if at // SECOND != self._second:
            self._second = at // SECOND
            self.tell_what_was_left_out(at)
        self._in_second[kind] += 1
        if not self.bounded or self._in_second[kind] <= FACTS_PER_SECOND:
            self._write(fact, at)

    def tell_what_was_left_out(self, at: Instant) -> None:
        """Write what is owed; it is also written with the first fact of the next second."""
        came, self._in_second = self._in_second, Counter()
        for kind, count in came.items():
            if self.bounded and count > FACTS_PER_SECOND:
                self._write(FactsLeftOut(kind, count - FACTS_PER_SECOND), at)

    def flush(self) -> None:
        """Have written what is buffered."""
        self._try(self._stream.flush)

    def _write(self, fact: object, at: Instant) -> None:
        line = {"at_ns": at, "fact": type(fact).__name__, **_fields(fact)}
        text = json.dumps(line, default=_plain, ensure_ascii=False) + "\n"
        self._try(lambda: self._stream.write(text))

    def _try(self, write: Callable[[], object]) -> None:
        try:
            write()
        except BrokenPipeError:
            self._write_nowhere()
        except OSError:
            pass  # such as a full disk, which may have room again

    def _write_nowhere(self) -> None:
        """Whoever read it has gone, for good; and what is buffered would fail again at the exit."""
        with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), self._stream.fileno())


def _fields(record: object) -> dict[str, object]:
    if not dataclasses.is_dataclass(record):
        return {"text": str(record)}
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def _plain(value: object) -> object:
    """What JSON has no form for."""
    match value:
        case Endpoint():
            return str(value)
        case Enum():
            return value.value
        case bytes():
            return value.hex()
        case frozenset() | set():
            return sorted(value, key=str)
    return _fields(value) if dataclasses.is_dataclass(value) else str(value)
