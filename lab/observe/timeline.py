"""What happened, put together from packets alone. It holds no judgement.

Each part is worked out when it is first looked at, from the one before:

    sightings → passages → trips → messages, connections, echoes → exchanges → journeys
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from operator import attrgetter
from pathlib import Path

from lab.observe.causes import Causes
from lab.observe.connection import Connection, connections_of, is_dns
from lab.observe.crossing import Crossing, crossings_of
from lab.observe.dns_exchange import DnsExchange, exchanges_of
from lab.observe.dns_message import DnsMessage, messages_over_udp
from lab.observe.hop import HopMaker
from lab.observe.icmp import (
    Datagram,
    Echo,
    Errors,
    IcmpError,
    by_subject,
    datagrams_of,
    echoes_of,
    errors_of,
)
from lab.observe.journey import Journey, JourneyMaker
from lab.observe.passage import Passage, Trip, passages_of, trips_of
from lab.observe.pcapng import CaptureError, read_records
from lab.observe.sighting import Ip, Mark, Record, Sighting
from lab.observe.visit import Visited, visits_of
from lab.topology.plan import Plan
from lab.worlds.world import Clock
from resolver.machine import Instant


class Timeline:
    """A scenario's packets and marks, and everything that can be read from them.

    Node names come from the interface that saw a packet, by the plan as it was meant; never from
    addresses. Packets at a translator's TUN device are records, but no packets of a link.
    """

    def __init__(self, records: tuple[Record, ...], plan: Plan, clock: Clock) -> None:
        self.records = records
        """In capture order."""
        self.plan = plan
        self.clock = clock

    @classmethod
    def read(cls, path: Path, plan: Plan, clock: Clock) -> Timeline:
        """The timeline of a capture file. Raises CaptureError."""
        try:
            return cls.of(read_records(path, _nodes(plan)), plan, clock)
        except UnknownInterface as error:
            raise CaptureError(f"{path}: {error}") from error

    @classmethod
    def of(cls, records: Iterable[Record], plan: Plan, clock: Clock) -> Timeline:
        """The timeline of these records. Raises UnknownInterface (a CaptureError)."""
        nodes = _nodes(plan)
        devices = {node.nat.device for node in plan.nodes if node.nat is not None}
        checked: list[Record] = []
        for record in records:
            if isinstance(record, Sighting) and record.interface not in devices:
                node = nodes.get(record.interface)
                if node is None:
                    raise UnknownInterface(
                        f"frame {record.number}: no node of plan {plan.source!r} has an interface "
                        f"{record.interface!r}; give the plan that this was captured with"
                    )
                if record.node != node:
                    record = replace(record, node=node)  # noqa: PLW2901 - the plan knows better
            checked.append(record)
        return cls(tuple(checked), plan, clock)

    # --- packets -----------------------------------------------------------------------------

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        """What the steps did."""
        return tuple(record for record in self.records if isinstance(record, Mark))

    @cached_property
    def packets(self) -> tuple[Passage, ...]:
        """IP packets, once for each link they crossed, in order of departure."""
        networks = {
            interface.name: interface.network
            for node in self.plan.nodes
            for interface in node.interfaces
        }
        seen = [
            record
            for record in self.records
            if isinstance(record, Sighting)
            and isinstance(record.network, Ip)
            and record.interface in networks
        ]
        seen.sort(key=attrgetter("at", "number"))
        return tuple(passages_of(seen, networks))

    @cached_property
    def trips(self) -> tuple[Trip, ...]:
        """IP packets, each from the node that made it to the node where it ended."""
        return tuple(trips_of(self.packets, self.plan))

    @cached_property
    def crossings(self) -> tuple[Crossing, ...]:
        """Packets before and after a translator, in order."""
        return tuple(crossings_of(self.trips, self.plan))

    # --- conversations -----------------------------------------------------------------------

    @cached_property
    def messages(self) -> tuple[DnsMessage, ...]:
        """DNS messages over UDP and TCP, in order of departure."""
        messages = messages_over_udp(self.trips)
        for connection in self.connections:
            if is_dns(connection):
                messages += connection.messages()
        return tuple(sorted(messages, key=attrgetter("at")))

    @cached_property
    def exchanges(self) -> tuple[DnsExchange, ...]:
        """Questions with their replies, in order of asking."""
        return tuple(exchanges_of(self.messages, self.plan, self._errors_by_subject))

    @cached_property
    def connections(self) -> tuple[Connection, ...]:
        """TCP connections and attempts, in order of their first SYN."""
        balancers = frozenset(node.name for node in self.plan.nodes if node.load_balancer)
        return tuple(
            connections_of(self.trips, balancers, self.plan.service_port, self._errors_by_subject)
        )

    @cached_property
    def echoes(self) -> tuple[Echo, ...]:
        """ICMP echo requests with their replies, in order."""
        return tuple(echoes_of(self.trips, self._errors_by_subject))

    @cached_property
    def datagrams(self) -> tuple[Datagram, ...]:
        """UDP datagrams that carry no DNS message, in order."""
        dns = {id(trip) for message in self.messages for trip in message.trips}
        others = (trip for trip in self.trips if id(trip) not in dns)
        return tuple(datagrams_of(others, self._errors_by_subject))

    @cached_property
    def errors(self) -> tuple[IcmpError, ...]:
        """ICMP errors, whatever they are about, in order."""
        return tuple(errors_of(self.trips))

    @cached_property
    def _errors_by_subject(self) -> Errors:
        return by_subject(self.errors)

    @cached_property
    def visits(self) -> tuple[Visited, ...]:
        """Viewers' visits, in order of their beginning."""
        return tuple(visits_of(self.marks, self.exchanges, self.connections))

    # --- what caused what --------------------------------------------------------------------

    @cached_property
    def causes(self) -> Causes:
        """Which question was asked because of which."""
        return Causes(self.exchanges)

    @cached_property
    def began_at(self) -> Instant:
        """When the first step began; without steps, when the first record was made."""
        steps = [mark.at for mark in self.marks]
        return steps[0] if steps else min((record.at for record in self.records), default=0)

    @cached_property
    def journeys(self) -> tuple[Journey, ...]:
        """What actors did since the first step, each with everything it caused, in order of
        start. Health checks are no journeys."""
        numbers = {
            id(passage): number
            for number, crossing in enumerate(self.crossings, start=1)
            for passage in (crossing.before, crossing.after)
        }
        maker = JourneyMaker(
            self.plan,
            self.causes,
            HopMaker(self.plan, numbers),
            self.exchanges,
            self.connections,
        )
        journeys = maker.journeys(self.echoes, self.datagrams, self.began_at)
        return tuple(sorted(journeys, key=attrgetter("started_at")))


class UnknownInterface(CaptureError):
    """A capture shows an interface that the plan has not got."""


def _nodes(plan: Plan) -> dict[str, str]:
    return {interface.name: node.name for node in plan.nodes for interface in node.interfaces}
