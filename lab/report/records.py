"""Records of trials, kept small while more trials run."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterable, Sequence
from typing import TypeAlias, overload

from lab.report.record import ScenarioRecord

PackedRecord: TypeAlias = bytes
_FAST = 1


class Records(Sequence[ScenarioRecord]):
    """Records that are compressed except while one is looked at.

    Every trial is a fork of the process that holds them and forks about 20 times itself, and each
    fork copies and drops the map of all memory that is held: 100 MB at first, 420 MB after 1,500
    trials of a matrix that held its records as they were.
    """

    def __init__(self, records: Iterable[ScenarioRecord] = ()) -> None:
        """Of these, and of what is appended."""
        self._packed: list[PackedRecord] = []
        for record in records:
            self.append(record)

    @classmethod
    def of(cls, packed: Iterable[PackedRecord]) -> Records:
        """Of what was packed before."""
        records = cls()
        records._packed = list(packed)
        return records

    def append(self, record: ScenarioRecord) -> None:
        """Keep one more."""
        self._packed.append(pack(record))

    def __len__(self) -> int:
        """How many they are."""
        return len(self._packed)

    @overload
    def __getitem__(self, place: int) -> ScenarioRecord: ...
    @overload
    def __getitem__(self, place: slice) -> Records: ...
    def __getitem__(self, place: int | slice) -> ScenarioRecord | Records:
        """One, as it was, or some of them."""
        if isinstance(place, slice):
            return Records.of(self._packed[place])
        record: ScenarioRecord = pickle.loads(zlib.decompress(self._packed[place]))  # noqa: S301 - our own
        return record


def pack(record: ScenarioRecord) -> PackedRecord:
    """The record as it is kept."""
    return zlib.compress(pickle.dumps(record), _FAST)
