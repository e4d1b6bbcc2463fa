"""Checks of the questions that a server asks others: their number, their mode, their transport."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Literal

from lab.judge.checks.base import (
    CheckBase,
    asked_meanwhile,
    counted,
    frames_of,
    is_among,
    is_at_or_below,
    node_named,
    served_by,
    upstream_groups,
    wanted_name,
)
from lab.judge.verdict import Finding, failed, passed
from lab.observe.connection import is_dns
from lab.observe.dns_exchange import DnsExchange
from lab.observe.passage import Passage
from lab.observe.timeline import Timeline
from lab.values import Address, Addresses, DnsName, QueryType
from resolver.machine import Transport


class RecursionDesired(CheckBase):
    """The asker's questions to forwarders ask for recursion (RD=1), and those to servers that it
    asks iteratively do not (RD=0): which mode it is in can be read from each packet. Every server
    named was asked, and nobody else (CND-15)."""

    kind: Literal["recursion-desired"] = "recursion-desired"
    asker: str = "dns"
    forwarding_to: tuple[Address, ...] = ()
    iterating_at: tuple[Address, ...] = ()

    def judge(self, timeline: Timeline) -> Finding:
        """Look at RD in each of the asker's questions."""
        asked = [each for each in timeline.exchanges if each.asker == self.asker]
        for exchange in asked:
            to = exchange.query.destination.address
            if to not in {*self.forwarding_to, *self.iterating_at}:
                return failed(f"{to} was asked, which is none of them", *frames_of([exchange]))
            if exchange.query.rd is not (to in self.forwarding_to):
                return failed(f"{to} was asked with RD={int(exchange.query.rd)}", *exchange.frames)
        reached = {each.query.destination.address for each in asked}
        for server in (*self.forwarding_to, *self.iterating_at):
            if server not in reached:
                return failed(f"{server} was never asked", *frames_of(asked))
        if not asked:
            return failed(f"{self.asker} asked nobody")
        forwarded = sum(each.query.rd for each in asked)
        return passed(
            f"{counted(forwarded, 'question')} with RD=1, {len(asked) - forwarded} with RD=0",
            *frames_of(asked),
        )


class AskedIteratively(CheckBase):
    """For the client question, the asker asked these servers in this order, with RD=0, about the
    name or a name above it, and nobody else; the reply to the client held no referral (CND-06).
    Several questions in a row to one server count once: a minimised name takes several."""

    kind: Literal["asked-iteratively"] = "asked-iteratively"
    asker: str = "dns"
    name: DnsName
    servers: tuple[Addresses, ...]
    """From the root down; "198.51.100.1|2001:db8::1" where one server has several."""

    def judge(self, timeline: Timeline) -> Finding:
        """Look at everything the asker asked while the client waited."""
        wanted = wanted_name(timeline, self.name)
        clients = [each for each in served_by(timeline, self.asker) if each.query.name == wanted]
        if not clients:
            return failed(f"{self.asker} was not asked for {wanted}")
        client = clients[0]
        asked = asked_meanwhile(timeline, client)
        frames = frames_of([client, *asked])
        for exchange in asked:
            query = exchange.query
            if query.rd:
                return failed(f"{query.destination.address} was asked with RD=1", *query.frames)
            if not is_at_or_below(client.query.name, query.name):
                return failed(f"a question about {query.name}", *query.frames)
        way = [server for server, _ in groupby(each.query.destination.address for each in asked)]
        fits = len(way) == len(self.servers) and all(
            server in wanted_ones.split("|")
            for server, wanted_ones in zip(way, self.servers, strict=True)
        )
        if not fits:
            wish = ", then ".join(self.servers)
            return failed(f"asked {', then '.join(way) or 'nobody'}; expected {wish}", *frames)
        if client.reply is None or client.reply.rcode not in {"NOERROR", "NXDOMAIN"}:
            told = client.reply.rcode if client.reply is not None else "nothing"
            return failed(f"the client was told {told}", *frames)
        return passed(f"asked {', then '.join(way)}, with RD=0", *frames)


class AskedOnceForMany(CheckBase):
    """So many clients waited for the same at one moment, the asker put their question upstream no
    more often than allowed, and each of them got the same answer (FWD-20)."""

    kind: Literal["asked-once-for-many"] = "asked-once-for-many"
    asker: str = "dns"
    name: DnsName
    qtype: QueryType = "A"
    clients: int
    at_most: int = 1

    def judge(self, timeline: Timeline) -> Finding:
        """Count who waited, and what went upstream."""
        wanted = wanted_name(timeline, self.name)
        came = [
            each
            for each in served_by(timeline, self.asker)
            if (each.query.name, each.query.qtype) == (wanted, self.qtype)
        ]
        asked = [
            each
            for each in timeline.exchanges
            if each.asker == self.asker
            and (each.query.name, each.query.qtype) == (wanted, self.qtype)
        ]
        if not asked:
            return failed(f"{self.asker} asked nobody for {wanted}", *frames_of(came[:1]))
        waiting = max(sum(_waits_at(each, client) for each in came) for client in came or asked)
        if waiting < self.clients:
            return failed(
                f"{counted(waiting, 'client')} waited at one moment, expected {self.clients}",
                *frames_of(came[:1]),
            )
        if len(asked) > self.at_most:
            return failed(
                f"{len(asked)} questions upstream for {counted(len(came), 'client question')}, "
                f"allowed {self.at_most}",
                *frames_of(asked),
            )
        for client in came:
            if client.reply is None or client.reply.rcode != "NOERROR":
                told = client.reply.rcode if client.reply is not None else "nothing"
                return failed(f"one client got {told}", *frames_of([client]))
            first = came[0].reply
            if first is not None and sorted(client.reply.addresses) != sorted(first.addresses):
                return failed("two clients got different data", *frames_of([came[0], client]))
        return passed(
            f"{waiting} clients waited at one moment, "
            f"{counted(len(asked), 'question')} went upstream",
            *frames_of(asked),
            *frames_of(came[:1]),
        )


class TruncatedThenTcp(CheckBase):
    """After each truncated reply over UDP, the asker turned to that very server over TCP before it
    turned to any other (FWD-22, RFC 1123 6.1.3.2); a connection tried in vain counts."""

    kind: Literal["truncated-then-tcp"] = "truncated-then-tcp"
    asker: str = "dns"

    def judge(self, timeline: Timeline) -> Finding:
        """Find what followed each truncated reply."""
        shown: list[int] = []
        for group in upstream_groups(timeline, self.asker):
            for place, exchange in enumerate(group):
                reply = exchange.reply
                over_udp = exchange.query.transport is Transport.UDP
                if reply is None or not reply.tc or not over_udp:
                    continue
                following = group[place + 1] if place + 1 < len(group) else None
                frames = self._tried(timeline, exchange, following)
                if frames is None:
                    went = "nobody" if following is None else str(following.query.destination)
                    return failed(
                        f"after the truncated reply from {exchange.query.destination.address}, "
                        f"{went} was asked, without TCP",
                        *exchange.frames,
                        *frames_of([following] if following else []),
                    )
                shown += [*exchange.frames, *frames]
        if not shown:
            return failed("no truncated reply came")
        return passed("each truncated reply led to TCP with the same server", *shown)

    def _tried(
        self, timeline: Timeline, exchange: DnsExchange, following: DnsExchange | None
    ) -> tuple[int, ...] | None:
        """The frames of the attempt over TCP; None when none was made before the asker went on."""
        told_at = exchange.answered_at
        cause = timeline.causes.of(exchange)
        until = cause.replied_at if cause is not None else None
        if following is not None:
            until = following.asked_at
        for connection in timeline.connections:
            if (
                is_dns(connection)
                and connection.opener == self.asker
                and connection.dialled == exchange.query.destination
                and told_at is not None
                and told_at <= connection.opened_at
                and (until is None or connection.opened_at <= until)
            ):
                return connection.frames[:4]
        return None


class OutsideOnlyBy(CheckBase):
    """No packet of a DNS question, over UDP or TCP, was seen on the networks outside but from this
    node, and one from it was; the nodes in `blocked` were seen trying in vain (FWD-07). What
    machines outside ask one another does not count."""

    kind: Literal["outside-only-by"] = "outside-only-by"
    asker: str
    """The designated forwarder."""
    outside: tuple[str, ...]
    """Names of networks."""
    blocked: tuple[str, ...] = ()
    """Nodes that try to get out and must not."""

    def judge(self, timeline: Timeline) -> Finding:
        """Look at which links each node's DNS questions were seen on."""
        mine: list[int] = []
        tried: dict[str, tuple[int, ...]] = {}
        for sender, destination, passages in _dns_packets(timeline):
            if sender is None or self._stands_outside(timeline, sender):
                continue
            frames = tuple(frame for passage in passages for frame in passage.frames)
            if self._is_outside(timeline, destination):
                tried.setdefault(sender, frames)
            if not any(passage.network in self.outside for passage in passages):
                continue
            if sender != self.asker:
                return failed(f"a packet of {sender} to {destination} got outside", *frames)
            mine += frames
        if not mine:
            return failed(f"no question of {self.asker} got outside")
        if idle := [node for node in self.blocked if node not in tried]:
            return failed(f"{idle[0]} never tried to ask outside", *mine)
        vain = "".join(f"; {node} tried in vain" for node in self.blocked)
        return passed(
            f"only {self.asker} asked outside{vain}",
            *mine,
            *(frame for node in self.blocked for frame in tried[node]),
        )

    def _is_outside(self, timeline: Timeline, address: str) -> bool:
        return any(
            is_among(address, network.prefixes)
            for network in timeline.plan.networks
            if network.name in self.outside
        )

    def _stands_outside(self, timeline: Timeline, name: str) -> bool:
        node = node_named(timeline, name)
        return node is not None and all(
            interface.network in self.outside for interface in node.interfaces
        )


def _dns_packets(timeline: Timeline) -> Iterator[tuple[str | None, str, tuple[Passage, ...]]]:
    """Sender, destination and links of everything that asks by DNS: UDP questions, and every
    segment that goes to port 53."""
    for message in timeline.messages:
        if not message.is_reply and message.transport is Transport.UDP:
            yield message.sender, message.destination.address, message.passages
    for connection in timeline.connections:
        if is_dns(connection):
            for trip in connection.sent:
                yield connection.opener, connection.dialled.address, trip.passages


def _waits_at(exchange: DnsExchange, other: DnsExchange) -> bool:
    """Whether a client was waiting at its server when another's question arrived there."""
    at, arrived_at = other.query.arrived_at, exchange.query.arrived_at
    if at is None or arrived_at is None or arrived_at > at:
        return False
    return exchange.replied_at is None or exchange.replied_at >= at
