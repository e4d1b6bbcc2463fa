"""Sockets that have brought their reply and may carry a few more questions.

One question has one socket, and while few are in flight each has a fresh one. Under load a socket
goes on to other questions to the same server instead of being closed: making and closing one costs
as much as an answer. What a forger must guess stays the same, the ID and the port (RFC 5452 9.2):

- a socket carries one question at a time, so a port stands for one question, and an ICMP error too;
- the next one is drawn at random from several, each with a random port;
- it retires after a few questions, so a port that somebody found out is soon worth nothing;
- none outlives the load for long, and only a socket whose question was answered is kept: after a
  timeout a late reply still meets a closed port.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from resolver import limits
from resolver.machine import Endpoint

_PORTS: Final = (1 << 16) - limits.FIRST_SOURCE_PORT


@dataclass(slots=True)
class UpstreamSocket:
    """A flow that was opened, and what it may still be used for."""

    flow: int
    server: Endpoint
    port: int
    questions_left: int = limits.QUESTIONS_PER_SOCKET


class IdleSockets:
    """Those without a question in flight, by the server that they are connected to."""

    def __init__(self) -> None:
        self._idle: dict[Endpoint, list[UpstreamSocket]] = {}
        self._count = 0
        self._latest: tuple[Endpoint, list[UpstreamSocket]] | None = None
        """Whom was looked for last: mostly it is the same forwarder's again, as the same object,
        and to see that takes less than its hash."""

    def take(self, server: Endpoint, port: int) -> UpstreamSocket | None:
        """The socket for the next question, chosen by a port drawn at random for a fresh one; None:
        open that."""
        idle = self._of(server)
        if idle is None or len(idle) < limits.IDLE_SOCKETS_TO_DRAW_FROM:
            return None
        place = (port - limits.FIRST_SOURCE_PORT) * len(idle) // _PORTS
        chosen, idle[place] = idle[place], idle[-1]
        idle.pop()
        self._count -= 1
        return chosen

    def __len__(self) -> int:
        return self._count

    def keep(self, used: UpstreamSocket) -> bool:
        """Keep a socket whose question was answered; False when it has to be closed."""
        used.questions_left -= 1
        if used.questions_left <= 0 or self._count >= limits.IDLE_SOCKETS:
            return False
        idle = self._of(used.server)
        if idle is None:
            idle = self._idle[used.server] = []
        idle.append(used)
        self._count += 1
        return True

    def dismiss(self) -> list[UpstreamSocket]:
        """Let all of them go; they are to be closed."""
        if not self._idle:
            return []
        self._latest = None
        sockets = [socket for idle in self._idle.values() for socket in idle]
        self._idle.clear()
        self._count = 0
        return sockets

    def _of(self, server: Endpoint) -> list[UpstreamSocket] | None:
        latest = self._latest
        if latest is not None and latest[0] is server:
            return latest[1]
        idle = self._idle.get(server)
        if idle is not None:
            self._latest = (server, idle)
        return idle
