"""A viewer's visits, as packets and marks show them: name, connection, and who answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lab.observe.connection import Connection, is_dns
from lab.observe.dns_exchange import DnsExchange
from lab.observe.sighting import Mark
from lab.topology.plan import Plan
from lab.viewer.profiles import profile_named
from resolver.machine import Duration, Instant

VISIT = "visit"
"""The mark at a visit's start: fields number, node, profile, name."""
VISITED = "visited"
"""The mark at its end: number, node, profile, outcome, reason, address, banner."""


@dataclass(frozen=True, slots=True, eq=False)
class Visited:
    """A visit from its beginning to what the viewer was told."""

    node: str
    profile: str
    name: str
    """What it looked up."""
    began_at: Instant
    ended_at: Instant | None
    """None when the run ended before it did."""
    outcome: str
    """"connected", "error", or "unfinished"."""
    reason: str
    """Why there was an error, in the viewer's words; empty when there was none."""
    exchanges: tuple[DnsExchange, ...]
    """The questions that its node asked meanwhile, in order."""
    connections: tuple[Connection, ...]
    """The connections, but for those that carry DNS, that its node tried meanwhile, in order."""

    @property
    def connected(self) -> Connection | None:
        """The connection that ended the visit well."""
        if self.outcome != "connected":
            return None
        whole = (each for each in self.connections if each.established_at is not None)
        return next(whole, None)

    @property
    def tried(self) -> frozenset[str]:
        """The addresses that it may have dialled: those seen dialled, and those it was told. A SYN
        for which nobody answers ARP never leaves, and takes its time all the same."""
        told = (
            address
            for each in self.exchanges
            for reply in each.replies
            for address in reply.addresses
        )
        return frozenset((*told, *(each.dialled.address for each in self.connections)))

    def bound_ns(self, plan: Plan) -> Duration | None:
        """By when its profile has told an error at the latest, with the servers that its node asks
        and the addresses that it may have dialled; None for a profile that is not known here."""
        profile = profile_named(self.profile)
        if profile is None:
            return None
        return profile.gives_up_ns(len(plan.node(self.node).asks), len(self.tried))

    @property
    def reached(self) -> str | None:
        """The node that answered, by the packets."""
        return None if self.connected is None else self.connected.reached_node

    @property
    def time_to_connect_ns(self) -> Duration | None:
        """From the visit's beginning to the SYN-ACK of the connection that held; None when there
        was none."""
        connection = self.connected
        if connection is None or connection.established_at is None:
            return None
        return connection.established_at - self.began_at

    @property
    def time_to_error_ns(self) -> Duration | None:
        """From the visit's beginning to the error that the viewer was told; None without one."""
        if self.outcome != "error" or self.ended_at is None:
            return None
        return self.ended_at - self.began_at

    @property
    def frames(self) -> tuple[int, ...]:
        """Frame numbers of its questions, replies and connections, in order."""
        parts: tuple[DnsExchange | Connection, ...] = (*self.exchanges, *self.connections)
        return tuple(sorted({frame for part in parts for frame in part.frames}))


def visits_of(
    marks: Iterable[Mark], exchanges: Sequence[DnsExchange], connections: Sequence[Connection]
) -> Iterator[Visited]:
    """The visits that the marks tell of, in order of their beginning, with what the packets show
    between the marks. Where two visits of a node overlap, both have what happened meanwhile."""
    marks = tuple(marks)
    ends = {mark.fields.get("number"): mark for mark in marks if mark.kind == VISITED}
    for begun in marks:
        if begun.kind != VISIT:
            continue
        node = str(begun.fields["node"])
        ended = ends.get(begun.fields["number"])

        def within(
            at: Instant, frames: tuple[int, ...], began: Mark = begun, ended: Mark | None = ended
        ) -> bool:
            # In virtual time the next visit may begin at the very instant of the last one's end.
            when = at, min(frames)
            after = (began.at, began.number) <= when
            return after and (ended is None or when <= (ended.at, ended.number))

        told = ended.fields if ended is not None else {}
        yield Visited(
            node=node,
            profile=str(begun.fields["profile"]),
            name=str(begun.fields["name"]),
            began_at=begun.at,
            ended_at=None if ended is None else ended.at,
            outcome=str(told.get("outcome", "unfinished")),
            reason=str(told.get("reason") or ""),
            exchanges=tuple(
                each
                for each in exchanges
                if each.asker == node and within(each.asked_at, each.query.frames)
            ),
            connections=tuple(
                each
                for each in connections
                if each.opener == node and not is_dns(each) and within(each.opened_at, each.frames)
            ),
        )
