"""ICMP: echoes with their replies, and errors with what they are about.

Also the bare datagrams that provoke errors: what is sent without a conversation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.observe.passage import Trip
from lab.observe.sighting import Icmp, Ip, Tcp, Udp
from resolver.machine import Duration, Endpoint, Instant

_REQUESTS = {4: 8, 6: 128}
_REPLIES = {4: 0, 6: 129}

_ERROR_TEXT = {
    (4, 3, 0): "network unreachable",
    (4, 3, 1): "host unreachable",
    (4, 3, 2): "protocol unreachable",
    (4, 3, 3): "port unreachable",
    (4, 3, 4): "fragmentation needed",
    (4, 3, 9): "network prohibited",
    (4, 3, 10): "host prohibited",
    (4, 3, 13): "communication prohibited",
    (4, 5, 1): "redirect",
    (4, 11, 0): "time exceeded",
    (6, 1, 0): "no route",
    (6, 1, 1): "communication prohibited",
    (6, 1, 3): "address unreachable",
    (6, 1, 4): "port unreachable",
    (6, 2, 0): "packet too big",
    (6, 3, 0): "time exceeded",
}


@dataclass(frozen=True, slots=True, eq=False)
class IcmpError:
    """An ICMP error on its way to the node whose packet it is about."""

    trip: Trip
    icmp: Icmp
    """As the node that reports it sent it."""
    about: Trip | None
    """The packet it is about; None when no packet seen fits."""

    @property
    def text(self) -> str:
        """In words: "port unreachable"."""
        known = _ERROR_TEXT.get((self.trip.ip.version, self.icmp.type, self.icmp.code))
        return known or f"ICMP type {self.icmp.type} code {self.icmp.code}"


Errors = Mapping[int, Sequence[IcmpError]]
"""By the identity (`id`) of the trip they are about."""


@dataclass(frozen=True, slots=True, eq=False)
class Echo:
    """An echo request and what came back, from the asker's side."""

    asker: str
    target: str
    """The address it went to."""
    request: Trip
    replies: tuple[Trip, ...]
    """In order of arrival."""
    errors: tuple[IcmpError, ...]

    @property
    def reply(self) -> Trip | None:
        """The first reply."""
        return self.replies[0] if self.replies else None

    @property
    def started_at(self) -> Instant:
        """When the request left."""
        return self.request.at

    @property
    def latency_ns(self) -> Duration | None:
        """From the request's departure to the first reply's arrival."""
        return _waited(self.request, self.reply)


@dataclass(frozen=True, slots=True, eq=False)
class Datagram:
    """A UDP datagram that is no DNS message, and the errors that came back."""

    sender: str
    target: Endpoint
    trip: Trip
    errors: tuple[IcmpError, ...]

    @property
    def latency_ns(self) -> Duration | None:
        """From its departure to the first error's arrival."""
        return _waited(self.trip, self.errors[0].trip if self.errors else None)


def errors_of(trips: Sequence[Trip]) -> list[IcmpError]:
    """The ICMP errors among these packets, in order, each with the packet it is about."""
    found = [
        (trip, trip.ip.transport)
        for trip in trips
        if isinstance(trip.ip.transport, Icmp) and trip.ip.transport.is_error
    ]
    if not found:
        return []
    sent: defaultdict[Hashable, list[Trip]] = defaultdict(list)
    for trip in trips:
        # As its maker sent it and as it was where it ended: a NAT may lie between the two.
        for key in {_identity(trip.ip), _identity(trip.ip_arrived)}:
            sent[key].append(trip)
    errors = []
    for trip, icmp in found:
        assert icmp.embedded is not None  # noqa: S101 - is_error says so
        before = [about for about in sent[_identity(icmp.embedded)] if about.at <= trip.at]
        errors.append(IcmpError(trip, icmp, before[-1] if before else None))
    return errors


def by_subject(errors: Iterable[IcmpError]) -> Errors:
    """Errors that reached the maker of the packet they are about, by that packet."""
    found: defaultdict[int, list[IcmpError]] = defaultdict(list)
    for error in errors:
        if error.about is not None and error.trip.receiver == error.about.sender:
            found[id(error.about)].append(error)
    return dict(found)


def echoes_of(trips: Sequence[Trip], errors: Errors) -> list[Echo]:
    """Echo requests among these packets, each with its replies (RFC 792: same identifier, sequence
    number; from the address that was asked). Of equal requests the latest has the reply."""
    asked: dict[Hashable, list[Trip]] = {}
    found: list[tuple[Trip, list[Trip]]] = []
    for trip in trips:
        icmp, version = trip.ip.transport, trip.ip.version
        if not isinstance(icmp, Icmp):
            continue
        if icmp.type == _REQUESTS[version] and trip.sender is not None:
            replies: list[Trip] = []
            found.append((trip, replies))
            asked[trip.sender, trip.ip.destination, icmp.identifier, icmp.sequence] = replies
        elif icmp.type == _REPLIES[version]:
            key = trip.receiver, trip.ip_arrived.source, icmp.identifier, icmp.sequence
            asked.get(key, []).append(trip)
    return [
        Echo(
            str(request.sender),
            request.ip.destination,
            request,
            tuple(replies),
            tuple(errors.get(id(request), ())),
        )
        for request, replies in found
    ]


def datagrams_of(trips: Iterable[Trip], errors: Errors) -> list[Datagram]:
    """UDP datagrams among these packets."""
    return [
        Datagram(trip.sender, trip.ip.receiver, trip, tuple(errors.get(id(trip), ())))
        for trip in trips
        if isinstance(trip.ip.transport, Udp)
        and trip.sender is not None
        and trip.ip.receiver is not None
    ]


def _identity(ip: Ip) -> Hashable:
    """What an ICMP error repeats of a packet, at least."""
    ports: Hashable = None
    match ip.transport:
        case Udp() | Tcp() as transport:
            ports = transport.source_port, transport.destination_port
        case Icmp() as icmp:
            ports = icmp.identifier, icmp.sequence
    return ip.source, ip.destination, ip.protocol, ip.identification, ports


def _waited(request: Trip, answer: Trip | None) -> Duration | None:
    if answer is None or answer.arrived_at is None:
        return None
    return answer.arrived_at - request.at
