"""The port numbers in use on a host, per transport."""

from __future__ import annotations

from collections import Counter
from random import Random

FIRST_EPHEMERAL, LAST_EPHEMERAL = 32_768, 60_999
"""The range from which a Linux host takes ports by itself (net.ipv4.ip_local_port_range)."""


class PortInUse(Exception):
    """A socket cannot have this port."""


class NoRoute(Exception):
    """The host does not know the way to an address."""


class Ports:
    """Counts who holds which port; a port may be held at several addresses."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._held: Counter[int] = Counter()

    def take(self, port: int | None) -> int:
        """Take a port for a socket that connects; None takes a free one. Raises PortInUse."""
        if port is None:
            port = self._random.randint(FIRST_EPHEMERAL, LAST_EPHEMERAL)
            while port in self._held:
                port = self._random.randint(FIRST_EPHEMERAL, LAST_EPHEMERAL)
        elif port in self._held:
            raise PortInUse(port)
        self._held[port] += 1
        return port

    def share(self, port: int) -> None:
        """Take a port for a socket that listens at one of several addresses."""
        self._held[port] += 1

    def give_back(self, port: int) -> None:
        """A socket that held the port is gone."""
        self._held[port] -= 1
        if not self._held[port]:
            del self._held[port]
