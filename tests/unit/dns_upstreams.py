"""A resolver in virtual time between clients and scripted servers.

A script takes what a server was asked and says what happens when: pairs of a delay and an event
(or a payload, which becomes a reply from the server that was asked).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from ipaddress import ip_address
from itertools import count
from random import Random

from resolver.config import ForwardRule, HostedZone, Journal, ResolverConfig, Selection
from resolver.dns import names
from resolver.dns.full import Resolver
from resolver.dns.message import (
    Edns,
    Query,
    Question,
    Reply,
    build_query,
    build_reply,
    question_wire,
)
from resolver.dns.message_reading import parse_query, parse_reply
from resolver.dns.records import Record, Type
from resolver.machine import (
    MILLISECOND,
    Close,
    Endpoint,
    Event,
    Flow,
    Instant,
    MessageArrived,
    Note,
    Open,
    Send,
    StreamOpened,
    Transport,
    Unreachable,
)

ZONE = "internet.intern.netz"
HERE = Endpoint("192.168.1.2", 53)
CLIENT = Endpoint("192.168.1.50", 40000)
FIRST, SECOND_, THIRD = (Endpoint(f"10.10.10.{n}", 53) for n in (100, 101, 102))


@dataclass(frozen=True)
class Asked:
    """A question that reached a server."""

    at: Instant
    server: Endpoint
    transport: Transport
    flow: int
    source_port: int
    query: Query
    payload: bytes


@dataclass(frozen=True)
class Got:
    """An answer that reached a client."""

    at: Instant
    flow: Flow
    reply: Reply
    payload: bytes

    @property
    def addresses(self) -> list[str]:
        return [
            str(ip_address(r.rdata)) for r in self.reply.answers if r.rtype in {Type.A, Type.AAAA}
        ]


Script = Callable[[Asked], Iterable[tuple[int, bytes | Event]]]


def a(name: str, address: str, ttl: int = 60) -> Record:
    packed = ip_address(address).packed
    return Record(name, Type.A if len(packed) == 4 else Type.AAAA, ttl, packed)


def cname(name: str, target: str, ttl: int = 60) -> Record:
    return Record(name, Type.CNAME, ttl, names.to_wire(target))


def dname(owner: str, target: str, ttl: int = 60) -> Record:
    return Record(owner, Type.DNAME, ttl, names.to_wire(target))


def ns(owner: str, server: str, ttl: int = 600) -> Record:
    return Record(owner, Type.NS, ttl, names.to_wire(server))


def soa(name: str = ZONE, ttl: int = 30, minimum: int = 30) -> Record:
    rdata = names.to_wire("ns." + name) + names.to_wire("hostmaster." + name)
    return Record(name, Type.SOA, ttl, rdata + struct.pack("!5I", 1, 3600, 600, 86400, minimum))


def replying(after: int = MILLISECOND, **reply) -> Script:
    """Reply with `build_reply`'s arguments."""

    def script(asked: Asked) -> Iterable[tuple[int, bytes]]:
        yield after, build_reply(asked.query, asked.transport, **reply)

    return script


def answering(*addresses: str, ttl: int = 60, after: int = MILLISECOND) -> Script:
    """Answer whatever name was asked with these addresses (those of the type asked for)."""

    def script(asked: Asked) -> Iterable[tuple[int, bytes]]:
        question = asked.query.question
        found = [r for r in (a(question.name, x, ttl) for x in addresses)
                 if r.rtype == question.qtype]  # fmt: skip
        authority = () if found else (soa(),)
        yield (
            after,
            build_reply(asked.query, asked.transport, answers=found, authority=authority),
        )

    return script


def silent(asked: Asked) -> Iterable[tuple[int, bytes]]:
    del asked
    return ()


def unreachable(asked: Asked) -> Iterable[tuple[int, Event]]:
    yield MILLISECOND, Unreachable(asked.flow, "port unreachable")


@dataclass
class Stage:
    """The resolver, its clock, and everything that happened."""

    servers: dict[Endpoint, Script] = field(default_factory=dict)
    rules: tuple[ForwardRule, ...] = (ForwardRule(ZONE, (FIRST, SECOND_, THIRD)),)
    zones: tuple[HostedZone, ...] = ()
    selection: Selection = Selection.ALL
    seed: int = 7
    options: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        options = {"journal": Journal.QUESTIONS, **self.options}
        config = ResolverConfig((HERE,), self.zones, self.rules, self.selection, **options)
        self.resolver = Resolver(config, Random(self.seed), Random(self.seed + 1))
        self.now: Instant = 0
        self.asked: list[Asked] = []
        self.got: list[Got] = []
        self.facts: list[object] = []
        self.closed: list[tuple[Instant, Flow]] = []
        self._open: dict[int, Open] = {}
        self._coming: list[tuple[Instant, int, Event]] = []
        self._serial = count()

    def ask(
        self,
        name: str = ZONE,
        qtype: int = Type.A,
        *,
        qclass: int = 1,
        id_: int = 4711,
        flow: Flow = "client",
        transport: Transport = Transport.UDP,
        edns: Edns | None = None,
        rd: bool = True,
        cd: bool = False,
        client: Endpoint = CLIENT,
    ) -> None:
        """A client asks now; its answer comes with `run`."""
        wire = question_wire(Question(name, qtype, qclass))
        self.send(build_query(id_, wire, rd=rd, cd=cd, edns=edns), flow, transport, client)

    def send(
        self,
        payload: bytes,
        flow: Flow = "client",
        transport: Transport = Transport.UDP,
        client: Endpoint = CLIENT,
    ) -> None:
        self.happen(MessageArrived(flow, payload, transport, client, HERE))

    def happen(self, event: Event) -> None:
        """Something happens to the resolver now."""
        self._perform(self.resolver.handle(event, self.now))

    def resolve(self, name: str = ZONE, qtype: int = Type.A, **how) -> Got:
        """Ask and wait; the answer."""
        owed = len(self.got) + 1
        self.ask(name, qtype, **how)
        self.run()
        assert len(self.got) == owed
        return self.got[-1]

    def run(self, until: Instant | None = None) -> None:
        """Let everything happen that is under way, or that happens up to `until`."""
        while True:
            deadline = self.resolver.deadline()
            arrival = self._coming[0][0] if self._coming else None
            following = min((i for i in (deadline, arrival) if i is not None), default=None)
            if following is None or (until is not None and following > until):
                break
            self.now = max(self.now, following)
            if arrival is not None and arrival <= self.now:
                self.happen(heappop(self._coming)[2])
                continue
            self._perform(self.resolver.expire(self.now))
            later = self.resolver.deadline()
            assert later is None or later > self.now, "expire left something that was due"
        if until is not None:
            self.now = until

    def later(self, delay: int, event: Event) -> None:
        heappush(self._coming, (self.now + delay, next(self._serial), event))

    def _perform(self, effects) -> None:
        for effect in effects:
            match effect:
                case Note(fact):
                    self.facts.append(fact)
                case Open(flow):
                    assert flow not in self._open
                    self._open[flow] = effect
                    if effect.transport is Transport.TCP:
                        self.later(0, StreamOpened(flow, effect.remote, HERE))
                case Close(flow):
                    self.closed.append((self.now, flow))
                    self._open.pop(flow, None)
                case Send(int() as flow, payload):
                    if flow in self._open:
                        self._reach_server(self._open[flow], payload)
                case Send(flow, payload):
                    reply = parse_reply(payload)
                    assert isinstance(reply, Reply), reply
                    self.got.append(Got(self.now, flow, reply, payload))

    def _reach_server(self, opened: Open, payload: bytes) -> None:
        query = parse_query(payload)
        assert isinstance(query, Query), query
        asked = Asked(
            self.now,
            opened.remote,
            opened.transport,
            opened.flow,
            opened.source_port,
            query,
            payload,
        )
        self.asked.append(asked)
        for delay, what in self.servers[opened.remote](asked):
            self.later(delay, from_server(opened, what) if isinstance(what, bytes) else what)


def from_server(opened: Open, payload: bytes) -> MessageArrived:
    """A message from the far end of a socket the resolver opened."""
    here = Endpoint(HERE.address, opened.source_port)
    return MessageArrived(opened.flow, payload, opened.transport, opened.remote, here)
