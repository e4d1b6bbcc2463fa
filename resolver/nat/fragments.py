"""Fragments of datagrams that a shared address is put into or taken out of.

Only a datagram's first fragment has ports, so what it became is remembered for the others, and
others that overtake it wait (RFC 4787 REQ-14). Nothing is put together: each fragment goes on by
itself, as large as it came.

RFC 4787 REQ-14 a: what waits is bounded, and the oldest makes room. Whole packets and fragments in
order never wait, so a flood of loose ones leaves them alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import NamedTuple

from resolver import limits
from resolver.machine import Instant
from resolver.nat.packet import Ipv4Header


class Course(NamedTuple):
    """What the fragments of a datagram become."""

    source: bytes
    """Packed address."""
    destination: bytes
    identification: bytes


class Waiting(NamedTuple):
    """A fragment whose first one has not come."""

    packet: bytes
    header: Ipv4Header


class Fragments:
    """The datagrams under way in fragments."""

    def __init__(self, random: Random) -> None:
        self._random = random
        # Both are in the order of their ends, for all have the same time to live.
        self._courses: dict[bytes, tuple[Instant, Course | None]] = {}
        self._waiting: dict[bytes, tuple[Instant, list[Waiting]]] = {}
        self._count = 0
        self.octets = 0
        """Memory of what waits."""
        self._in_use: dict[bytes, bytes] = {}
        """Addresses, protocol and identification as sent: whose datagram it is."""

    def __len__(self) -> int:
        """How many fragments wait."""
        return self._count

    @property
    def under_way(self) -> int:
        """How many datagrams have shown their first fragment."""
        return len(self._courses)

    def course(self, key: bytes) -> Course | None:
        """What the datagram becomes. None: it is dropped. KeyError: nobody knows yet."""
        return self._courses[key][1]

    def begin(
        self, key: bytes, now: Instant, protocol: int, ends: tuple[bytes, bytes] | None
    ) -> Course | None:
        """The first fragment has come, and goes on with these addresses, packed; None: it was
        dropped. Returns the course of all of its datagram's fragments."""
        self._end(key)
        course = None
        if ends is not None:
            course = Course(*ends, self._identification(key, protocol, ends))
            self._in_use[_sent(course, protocol)] = key
        while len(self._courses) >= limits.NAT_FRAGMENTED:
            self._end(next(iter(self._courses)))
        self._courses[key] = now + limits.NAT_FRAGMENT_LIFETIME, course
        return course

    def await_first(self, key: bytes, packet: bytes, header: Ipv4Header, now: Instant) -> None:
        """Keep a fragment until the first one of its datagram has come."""
        known = self._waiting.get(key)
        if known is None:
            known = self._waiting[key] = now + limits.NAT_FRAGMENT_LIFETIME, []
        known[1].append(Waiting(packet, header))
        self._count += 1
        self.octets += len(packet)
        while self._count > limits.NAT_WAITING_FRAGMENTS or self.octets > limits.NAT_WAITING_OCTETS:
            self._forget_waiting(next(iter(self._waiting)))

    def released(self, key: bytes) -> list[Waiting]:
        """Those that waited for this first fragment, in the order they came."""
        return self._forget_waiting(key)

    def next(self) -> Instant | None:
        """When to `expire` next."""
        firsts = (next(iter(each.values()), None) for each in (self._courses, self._waiting))
        return min((first[0] for first in firsts if first is not None), default=None)

    def expire(self, now: Instant) -> None:
        """Forget what has been under way too long."""
        for key in list(_due(self._courses, now)):
            self._end(key)
        for key in list(_due(self._waiting, now)):
            self._forget_waiting(key)

    def _identification(self, key: bytes, protocol: int, ends: tuple[bytes, bytes]) -> bytes:
        """The datagram's own, unless another one between the same addresses has it just now."""
        # RFC 6864 5.3.1: behind one address two machines' fragments must not be taken for one
        # datagram's.
        own = key[-2:]
        for _ in range(limits.NAT_FRAGMENTED):
            owner = self._in_use.get(_sent(Course(*ends, own), protocol))
            if owner is None or owner == key:
                break
            own = self._random.getrandbits(16).to_bytes(2)
        return own

    def _end(self, key: bytes) -> None:
        known = self._courses.pop(key, None)
        if known is not None and known[1] is not None:
            self._in_use.pop(_sent(known[1], key[8]), None)

    def _forget_waiting(self, key: bytes) -> list[Waiting]:
        _, waiting = self._waiting.pop(key, (0, []))
        self._count -= len(waiting)
        self.octets -= sum(len(one.packet) for one in waiting)
        return waiting


def key_of(packet: bytes, header: Ipv4Header) -> bytes:
    """What a datagram's fragments have in common (RFC 791 3.2): addresses, protocol,
    identification."""
    at = header.start + 4
    return (
        header.source + header.destination + bytes((header.protocol,)) + bytes(packet[at : at + 2])
    )


def _sent(course: Course, protocol: int) -> bytes:
    return course.source + course.destination + bytes((protocol,)) + course.identification


def _due(table: Mapping[bytes, tuple[Instant, object]], now: Instant) -> Iterator[bytes]:
    for key, (at, _) in table.items():
        if at > now:
            return
        yield key
