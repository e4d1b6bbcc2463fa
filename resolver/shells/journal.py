"""Facts as lines of JSON, for people and counters. No verdict reads them."""

from __future__ import annotations

import dataclasses
import json
from enum import Enum
from typing import TextIO

from resolver.machine import Endpoint, Instant


class JournalWriter:
    """Writes one JSON object per line: `{"at_ns": …, "fact": "ServerTimedOut", …fields}`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, fact: object, at: Instant) -> None:
        """Write a fact (a dataclass) and when it was noted, in ns of the monotonic clock."""
        line = {"at_ns": at, "fact": type(fact).__name__, **_fields(fact)}
        self._stream.write(json.dumps(line, default=_plain, ensure_ascii=False) + "\n")


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
