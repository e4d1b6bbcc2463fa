"""What actors set out to do, each with everything it caused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import attrgetter
from typing import TypeAlias

from lab.observe.causes import Causes
from lab.observe.connection import Connection, is_dns
from lab.observe.dns_exchange import DnsExchange
from lab.observe.dns_wording import asked, wording
from lab.observe.hop import Hop, HopMaker
from lab.observe.icmp import Datagram, Echo, IcmpError
from lab.topology.plan import Plan
from resolver.dns.names import with_ancestors
from resolver.machine import Duration, Instant, Transport

ACTOR_ROLES = frozenset({"viewer", "bystander"})

Root: TypeAlias = DnsExchange | Connection | Echo | Datagram


@dataclass(frozen=True, slots=True, eq=False)
class Journey:
    """A question, connection, echo or datagram that nothing seen on the wire caused, and all that
    it caused."""

    actor: str
    title: str
    """"viewer asks A internet.intern.netz"."""
    started_at: Instant
    waited_ns: Duration | None
    """How long the actor waited for its answer or connection; None when it got none."""
    root: Root
    hops: tuple[Hop, ...]
    """In order of departure."""


class JourneyMaker:
    """Tells what caused what, from questions and connections already put together."""

    def __init__(
        self,
        plan: Plan,
        causes: Causes,
        hops: HopMaker,
        exchanges: Sequence[DnsExchange],
        connections: Sequence[Connection],
    ) -> None:
        self._plan = plan
        self._causes = causes
        self._make = hops
        self._exchanges = exchanges
        spoken = {trip for exchange in exchanges for trip in exchange.query.trips}
        # A connection that carried a question is part of that question.
        self._silent_dns = [
            connection
            for connection in connections
            if is_dns(connection) and spoken.isdisjoint(connection.sent)
        ]
        self._connections = connections
        self._actors = {node.name for node in plan.nodes if node.role in ACTOR_ROLES}
        self._adopted = self._adopt_searches()

    def journeys(
        self, echoes: Iterable[Echo], datagrams: Iterable[Datagram], since: Instant
    ) -> Iterator[Journey]:
        """Every journey that started at `since` or later; in no particular order."""
        adopted = {id(child) for children in self._adopted.values() for child in children}
        for exchange in self._exchanges:
            is_root = self._causes.of(exchange) is None and id(exchange) not in adopted
            if is_root and exchange.asked_at >= since:
                yield self._asking(exchange)
        for connection in self._connections:
            if self._is_journey(connection) and connection.opened_at >= since:
                yield self._connecting(connection)
        for echo in echoes:
            if echo.asker in self._actors and echo.started_at >= since:
                yield self._echoing(echo)
        for datagram in datagrams:
            if datagram.sender in self._actors and datagram.trip.at >= since:
                yield self._sending(datagram)

    def _is_journey(self, connection: Connection) -> bool:
        if connection.is_health_check or connection.opener is None:
            return False
        if is_dns(connection):
            return connection in self._silent_dns and self._asked_for(connection) is None
        return True

    # --- questions ---------------------------------------------------------------------------

    def _adopt_searches(self) -> dict[int, list[DnsExchange]]:
        """What servers asked on their own way to an answer, by the identity (`id`) of the client's
        question that it was for: about zones above its name, and about names that they had been
        referred to meanwhile. These are other questions, so `Causes`, by which the judge goes, has
        no cause for them; here they are told where they belong most likely."""
        below: defaultdict[tuple[str, str], list[DnsExchange]] = defaultdict(list)
        """The questions that a server was asked about names below a name."""
        for exchange in self._exchanges:
            for name in islice(with_ancestors(exchange.query.name or "."), 1, None):
                below[str(exchange.query.receiver), name].append(exchange)
        found: defaultdict[int, list[DnsExchange]] = defaultdict(list)
        referred: dict[tuple[str, str], DnsExchange] = {}
        """The client's question for which a server was referred to a name."""
        for exchange in self._exchanges:
            asker, name, at = exchange.asker, exchange.query.name, exchange.asked_at
            if asker in self._actors:
                continue
            parent = self._causes.of(exchange)
            if parent is None:
                named = referred.get((asker, name))
                candidates = chain(below[asker, name], () if named is None else (named,))
                parent = next((each for each in candidates if _is_open(each, at)), None)
                if parent is None:
                    continue
                found[id(parent)].append(exchange)
            for target in _names_told(exchange):
                referred[asker, target] = parent
        return found

    def _asking(self, exchange: DnsExchange) -> Journey:
        query = exchange.query
        over = " over TCP" if query.transport is Transport.TCP else ""
        return Journey(
            exchange.asker,
            f"{exchange.asker} asks {asked(query)}{over}",
            exchange.asked_at,
            exchange.latency_ns,
            exchange,
            _in_order(self._hops_of_exchange(exchange)),
        )

    def _hops_of_exchange(self, exchange: DnsExchange) -> Iterator[Hop]:
        make = self._make
        in_time = self._causes.in_time(exchange)
        yield from make.of_message(exchange.query, unanswered=not in_time and not exchange.errors)
        for reply in exchange.replies:
            late = "" if in_time else ", too late"
            forged = make.claims_foreign_address(reply)
            yield from make.of_message(reply, wording(reply) + late, forged=forged)
        for stray in exchange.strays + exchange.latecomers:
            wrong = exchange.mismatches(stray)
            if self._is_reply_to_another(stray, exchange):
                continue  # told where it belongs
            text = f"{wording(stray)}, wrong {' and '.join(wrong)}"
            forged = make.claims_foreign_address(stray) or stray.sender != exchange.query.receiver
            yield from make.of_message(stray, text, forged=forged)
        yield from self._hops_of_errors(exchange.errors)
        for child in (*self._causes.caused_by(exchange), *self._adopted.get(id(exchange), ())):
            yield from self._hops_of_exchange(child)
        for connection in self._silent_dns:
            if self._asked_for(connection) is exchange:
                yield from self._hops_of_connection(connection)

    def _is_reply_to_another(self, stray: object, exchange: DnsExchange) -> bool:
        cause = self._causes.of(exchange)
        siblings = self._causes.caused_by(cause) if cause else self._exchanges
        return any(stray in sibling.replies for sibling in siblings if sibling is not exchange)

    def _asked_for(self, connection: Connection) -> DnsExchange | None:
        """The question because of which a server tried to connect to another's port 53."""
        candidates = [
            exchange
            for exchange in self._exchanges
            if exchange.query.receiver == connection.opener
            and exchange.query.arrived_at is not None
            and exchange.query.arrived_at <= connection.opened_at
            and (exchange.replied_at is None or connection.opened_at <= exchange.replied_at)
        ]
        return candidates[-1] if candidates else None

    # --- connections and the rest ------------------------------------------------------------

    def _connecting(self, connection: Connection) -> Journey:
        actor = str(connection.opener)
        return Journey(
            actor,
            f"{actor} connects to {connection.dialled}",
            connection.opened_at,
            connection.latency_ns,
            connection,
            _in_order(self._hops_of_connection(connection)),
        )

    def _hops_of_connection(self, connection: Connection) -> Iterator[Hop]:
        make = self._make
        port = connection.dialled.port
        answered = bool(connection.syn_acks or connection.resets or connection.errors)
        for syn in connection.syns:
            lost = syn.receiver is None
            yield from make.of_trip(syn, "syn", f"SYN port {port}", unanswered=lost or not answered)
        for syn_ack in connection.syn_acks[:1]:
            yield from make.of_trip(syn_ack, "syn-ack", "SYN-ACK")
        if connection.refused:
            yield from make.of_trip(connection.resets[0], "reset", "refused")
        if connection.banner is not None:
            yield from make.of_trip(connection.data[0].trip, "data", f"“{connection.banner}”")
        yield from self._hops_of_errors(connection.errors)

    def _hops_of_errors(self, errors: Iterable[IcmpError]) -> Iterator[Hop]:
        for error in errors:
            yield from self._make.of_trip(error.trip, "icmp-error", error.text)

    def _echoing(self, echo: Echo) -> Journey:
        return Journey(
            echo.asker,
            f"{echo.asker} sends an echo request to {echo.target}",
            echo.started_at,
            echo.latency_ns,
            echo,
            _in_order(self._hops_of_echo(echo)),
        )

    def _hops_of_echo(self, echo: Echo) -> Iterator[Hop]:
        make = self._make
        unanswered = not (echo.replies or echo.errors)
        yield from make.of_trip(echo.request, "echo", "echo request", unanswered=unanswered)
        for reply in echo.replies:
            yield from make.of_trip(reply, "echo-reply", "echo reply")
        yield from self._hops_of_errors(echo.errors)

    def _sending(self, datagram: Datagram) -> Journey:
        return Journey(
            datagram.sender,
            f"{datagram.sender} sends a datagram to {datagram.target}",
            datagram.trip.at,
            datagram.latency_ns,
            datagram,
            _in_order(self._hops_of_datagram(datagram)),
        )

    def _hops_of_datagram(self, datagram: Datagram) -> Iterator[Hop]:
        text = f"UDP port {datagram.target.port}"
        yield from self._make.of_trip(datagram.trip, "datagram", text)
        yield from self._hops_of_errors(datagram.errors)


def _is_open(exchange: DnsExchange, at: Instant) -> bool:
    """Whether its server has the question and has not answered it yet."""
    arrived_at = exchange.query.arrived_at
    return (
        arrived_at is not None
        and arrived_at <= at
        and (exchange.replied_at is None or at <= exchange.replied_at)
    )


def _names_told(exchange: DnsExchange) -> Iterator[str]:
    """The names that the replies refer its asker to, and all names above them."""
    for reply in exchange.replies:
        for record in (*reply.answers, *reply.authority):
            if record.rtype in {"CNAME", "NS"}:
                yield from with_ancestors(record.rdata.lower().removesuffix(".") or ".")


def _in_order(hops: Iterable[Hop]) -> tuple[Hop, ...]:
    return tuple(sorted(hops, key=attrgetter("at", "frame")))
