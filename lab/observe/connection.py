"""TCP connections as their opener saw them, wherever they really led."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from lab.observe.dns_message import DNS_PORT, DnsMessage
from lab.observe.icmp import Errors, IcmpError
from lab.observe.passage import Trip
from lab.observe.sighting import Ip, Tcp
from lab.observe.tcp_stream import Piece, framed, reassembled
from resolver.machine import Duration, Endpoint, Instant, Transport

_SYN_ACK = frozenset({"SYN", "ACK"})


@dataclass(eq=False)
class Connection:
    """An attempt to connect and all that followed.

    Addresses are the opener's: the alias where a NAT stands between.
    """

    opener: str | None
    """The node that sent the SYN; None when its departure was not seen."""
    source: Endpoint
    dialled: Endpoint
    is_health_check: bool
    """A load balancer looks whether the service of a member answers."""
    sent: list[Trip] = field(default_factory=list)
    """Segments from the opener, in order of departure."""
    received: list[Trip] = field(default_factory=list)
    """Segments from the far end, in order of departure, arrived or not."""
    errors: list[IcmpError] = field(default_factory=list)
    """ICMP errors that the opener got about its segments."""

    @property
    def opened_at(self) -> Instant:
        """When the first SYN was seen."""
        return self.sent[0].at

    @cached_property
    def syns(self) -> tuple[Trip, ...]:
        """The SYN and its repetitions."""
        return tuple(trip for trip in self.sent if _flags(trip) & _SYN_ACK == {"SYN"})

    @cached_property
    def syn_acks(self) -> tuple[Trip, ...]:
        """SYN-ACKs that reached the opener and acknowledge its SYN."""
        wanted = {(_tcp(syn).sequence + 1) % 2**32 for syn in self.syns}
        return tuple(
            trip
            for trip in self.received
            if _flags(trip) >= _SYN_ACK
            and self._reached_opener(trip)
            and _tcp(trip).acknowledgement in wanted
        )

    @cached_property
    def resets(self) -> tuple[Trip, ...]:
        """Resets that reached the opener."""
        return tuple(
            trip for trip in self.received if "RST" in _flags(trip) and self._reached_opener(trip)
        )

    @property
    def established_at(self) -> Instant | None:
        """When the SYN-ACK reached the opener; None when none did."""
        return self.syn_acks[0].arrived_at if self.syn_acks else None

    @property
    def refused(self) -> bool:
        """A reset came instead of a SYN-ACK."""
        return bool(self.resets) and not self.syn_acks

    @property
    def latency_ns(self) -> Duration | None:
        """From the first SYN's departure to the SYN-ACK's arrival."""
        return None if self.established_at is None else self.established_at - self.opened_at

    @property
    def reached_node(self) -> str | None:
        """The node that got the SYN in the end, behind routers and NAT; None when none did."""
        if self.syn_acks:
            return self.syn_acks[0].sender
        return next((syn.receiver for syn in self.syns if syn.receiver is not None), None)

    @cached_property
    def data(self) -> tuple[Piece, ...]:
        """What the far end said and the opener got, in order, up to the first gap."""
        arrived = [trip for trip in self.received if self._reached_opener(trip)]
        return tuple(_stream(arrived, self.syn_acks))

    @property
    def banner(self) -> str | None:
        """First line from the far end, stripped; None when it said nothing."""
        stream = b"".join(piece.octets for piece in self.data).strip()
        return stream.splitlines()[0].decode(errors="replace").strip() if stream else None

    @property
    def frames(self) -> tuple[int, ...]:
        """Frame numbers of all its segments, in order."""
        return tuple(sorted(frame for trip in self.sent + self.received for frame in trip.frames))

    def messages(self) -> list[DnsMessage]:
        """The DNS messages that both sides sent (RFC 1035 4.2.2), arrived or not."""
        answers = [trip for trip in self.received if _flags(trip) >= _SYN_ACK]
        return [
            DnsMessage(trips, Transport.TCP, payload, complete)
            for segments, openings in ((self.sent, self.syns), (self.received, answers))
            for payload, trips, complete in framed(_stream(segments, openings))
        ]

    def _reached_opener(self, trip: Trip) -> bool:
        return trip.receiver is not None and trip.receiver == self.opener


def connections_of(
    trips: Iterable[Trip], balancers: frozenset[str], service_port: int, errors: Errors
) -> list[Connection]:
    """Sort TCP segments into connections, in order of their first SYN.

    `balancers` are the nodes whose connections to the service port are health checks. Segments of
    connections whose SYN was not captured belong to none.
    """
    connections: list[Connection] = []
    known: dict[_Ends, tuple[Connection, bool]] = {}
    """By who sends to whom, as the opener or the far end sees them; True: from the opener."""
    for trip in trips:
        ip, arrived = trip.passages[0].ip, trip.passages[-1].ip
        tcp = ip.transport
        if not isinstance(tcp, Tcp):
            continue
        view = _ends(ip)
        far_view = view if arrived is ip else _ends(arrived)
        found = known.get(view) or known.get(far_view)
        if tcp.flags & _SYN_ACK == {"SYN"} and not (found and _repeats(found, tcp)):
            found = (_opened(trip, balancers, service_port), True)
            connections.append(found[0])
        if found is None:
            continue
        connection, from_opener = found
        (connection.sent if from_opener else connection.received).append(trip)
        if from_opener and errors:
            connection.errors.extend(errors.get(id(trip), ()))
        if known.get(view) != found or known.get(far_view) != found:
            for ends in (view, far_view):
                known[ends] = connection, from_opener
                known[ends[2], ends[3], ends[0], ends[1]] = connection, not from_opener
    return connections


_Ends: TypeAlias = tuple[str, int, str, int]


def _ends(ip: Ip) -> _Ends:
    tcp = ip.transport
    assert isinstance(tcp, Tcp)  # noqa: S101 - the caller has looked
    return ip.source, tcp.source_port, ip.destination, tcp.destination_port


def _opened(trip: Trip, balancers: frozenset[str], service_port: int) -> Connection:
    source, dialled = trip.ip.sender, trip.ip.receiver
    assert source is not None  # noqa: S101 - a SYN is TCP
    assert dialled is not None  # noqa: S101 - likewise
    is_health_check = trip.sender in balancers and dialled.port == service_port
    return Connection(trip.sender, source, dialled, is_health_check)


def _repeats(found: tuple[Connection, bool], tcp: Tcp) -> bool:
    """Whether a SYN repeats the one that opened the connection, rather than opening a new one from
    the same port."""
    connection, from_opener = found
    return (
        from_opener
        and _tcp(connection.sent[0]).sequence == tcp.sequence
        and not any(_flags(trip) & {"FIN", "RST"} for trip in connection.sent + connection.received)
    )


def is_dns(connection: Connection) -> bool:
    """Whether it goes to port 53."""
    return connection.dialled.port == DNS_PORT


def _stream(segments: Iterable[Trip], openings: Iterable[Trip]) -> list[Piece]:
    """One direction's bytes; `openings` hold its initial sequence number."""
    first = next((_tcp(trip).sequence + 1 for trip in openings), None)
    return [] if first is None else reassembled(segments, first % 2**32)


def _tcp(trip: Trip) -> Tcp:
    assert isinstance(trip.ip.transport, Tcp)  # noqa: S101 - connections hold nothing else
    return trip.ip.transport


def _flags(trip: Trip) -> frozenset[str]:
    return _tcp(trip).flags
