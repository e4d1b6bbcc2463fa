"""Questions under way, and the clients that wait for each."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TypeAlias

from resolver.dns.asking import Ask, Resolution
from resolver.dns.in_flight import Wait
from resolver.dns.outcome import Outcome, Terms
from resolver.dns.reception import Client
from resolver.machine import Endpoint, Flow, Transport

Topic: TypeAlias = tuple[str, int, int, Terms]
"""What makes two clients' questions the same: name whatever its case, type, class, and terms."""


@dataclass(slots=True)
class Errand:
    """A search under way and the clients it is for."""

    topic: Topic
    resolution: Resolution[Outcome]
    clients: list[Client] = field(default_factory=list)
    datagrams: set[tuple[Flow, int]] = field(default_factory=set)
    """Flow and ID of the questions that came as datagrams."""
    under_way: bool = False
    """Whether somebody has been asked."""
    forwarders: tuple[Endpoint, ...] = ()
    """The forwarders that are being asked."""
    together: list[Wait[Errand]] = field(default_factory=list)
    """What was asked of several servers at once, as long as any of them is waited for."""
    stale: Outcome | None = None
    """What could have been given without asking anybody, when the search began (RFC 8767)."""
    overdue: bool = False
    """Whether clients have waited for fresh data as long as they are made to (RFC 8767 5)."""

    def add(self, client: Client) -> bool:
        """Have a client wait; False when it is its own question again: one answer is enough."""
        if client.transport is Transport.UDP:
            datagram = (client.flow, client.query.id)
            if datagram in self.datagrams:
                return False
            self.datagrams.add(datagram)
        self.clients.append(client)
        return True

    def dismiss(self) -> list[Client]:
        """Let all clients go, who are to be answered now; the resolution goes on."""
        clients, self.clients = self.clients, []
        return clients

    def asks(self, asks: Sequence[Ask]) -> None:
        """The resolution has got to these questions."""
        self.forwarders = tuple([ask.server for ask in asks if ask.rd])

    def comes_back_from(self, client: Client, listen: Container[Endpoint]) -> bool:
        """Whether this very question comes back from the forwarder that it was put to: two servers
        forward to each other.

        A forwarder on this host shares its loopback address with all clients there: then two of
        them may well ask the same, and a loop ends with the forwarder's timeout; unless it is us,
        who `listen` there.
        """
        address = client.endpoint.address
        asked = [each for each in self.forwarders if each.address == address]
        if not asked:
            return False
        return any(each in listen for each in asked) or not ip_address(address).is_loopback
