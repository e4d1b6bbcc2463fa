"""Things known for a while, and not too many of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from resolver.machine import Instant

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Memory(Generic[KeyT, ValueT]):
    """A table of bounded size whose entries end; beyond its size the one unused longest goes."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[KeyT, tuple[ValueT, Instant]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: KeyT) -> bool:
        """Whether there is a value, be that at its end or not."""
        return key in self._entries

    def find(self, key: KeyT, now: Instant) -> tuple[ValueT, Instant] | None:
        """The value and when it ends."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[1] <= now:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry

    def keep(self, key: KeyT, value: ValueT, until: Instant) -> None:
        """Put a value in place of what was there."""
        self._entries[key] = (value, until)
        self._entries.move_to_end(key)
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def forget(self, key: KeyT) -> None:
        """Drop what is kept there; nothing being there is no error."""
        self._entries.pop(key, None)
