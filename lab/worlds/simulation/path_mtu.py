"""What a host knows of the sizes of packets that get through to a destination (RFC 1191)."""

from __future__ import annotations

from lab.worlds.simulation.agenda import Agenda
from resolver.machine import SECOND, Duration, Instant

_REMEMBERED_NS: Duration = 600 * SECOND
"""Linux: net.ipv4.route.mtu_expires."""

_LEAST = 552
"""Smaller sizes are not believed (Linux: net.ipv4.route.min_pmtu)."""


class PathMtus:
    """Sizes learnt from routers' "fragmentation needed"."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._known: dict[str, tuple[int, Instant]] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def learn(self, destination: str, mtu: int) -> None:
        """A router said so."""
        self._known[destination] = max(mtu, _LEAST), self._agenda.now + _REMEMBERED_NS

    def limit(self, destination: str, mtu: int) -> int:
        """The largest packet to the destination, octets, over an interface of this MTU."""
        known = self._known.get(destination)
        if known is None:
            return mtu
        if known[1] <= self._agenda.now:
            del self._known[destination]
            return mtu
        return min(mtu, known[0])
