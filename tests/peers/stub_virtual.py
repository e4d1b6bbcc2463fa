"""Our profiles' machines against scripted servers, in virtual time and without a world."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import count
from random import Random

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
from stub_cases import (
    ADDRESS,
    NAME,
    RCODES,
    REPLIES_AFTER_S,
    SERVERS,
    TTL_S,
    Asked,
    Seen,
    Treatment,
    reply_to,
)

from lab.viewer.profiles import StubProfile
from lab.viewer.visit import Memory, Visit
from resolver.machine import (
    SECOND,
    Close,
    Duration,
    Endpoint,
    Event,
    MessageArrived,
    Open,
    Send,
    StreamOpened,
    Transport,
    Unreachable,
)

LATENCY_NS = round(REPLIES_AFTER_S * SECOND)
_KERNEL_NS = 100_000
"""Refusals and handshakes: no server thinks about them."""
_HERE = Endpoint("192.0.2.99", 1)


class Stage:
    """Carries out the effects of one visit's lookup, and keeps its clock."""

    def __init__(
        self,
        profile: StubProfile,
        treatments: Sequence[Treatment],
        *,
        seed: int,
        memory: Memory,
        aaaa_latency_ns: Duration,
    ) -> None:
        self.asked: list[Asked] = []
        self.dialled: list[str] = []
        self._treatments = treatments
        self._aaaa_latency_ns = aaaa_latency_ns
        self._visit = Visit(
            profile,
            name=NAME,
            port=5900,
            servers=SERVERS[: len(treatments)],
            own=("192.0.2.99/24",),
            patience_ns=600 * SECOND,
            random=Random(seed),
            memory=memory,
        )
        self._now = 0
        self._events: list[tuple[int, int, Event]] = []
        self._order = count()
        self._flows: dict[int, tuple[Transport, Endpoint, int]] = {}
        self._fresh = count(1)

    def run(self) -> Seen:
        """Let it look up until it dials or gives up."""
        self._do(self._visit.expire(0))
        while not self._visit.finished and not self.dialled:
            deadline = self._visit.deadline()
            due = self._events[0][0] if self._events else None
            if due is not None and (deadline is None or due <= deadline):
                self._now, _, event = heapq.heappop(self._events)
                if event.flow in self._flows:
                    self._do(self._visit.handle(event, self._now))
            else:
                assert deadline is not None, "it waits for nothing"
                self._now = max(self._now, deadline)
                self._do(self._visit.expire(self._now))
        seen = self._visit.seen
        told = tuple(self.dialled) if self.dialled else (seen.reason if seen else "",)
        took = (self._now / SECOND) - (self.asked[0].at_s if self.asked else 0)
        return Seen(tuple(self.asked), told, took)

    def _do(self, effects: Sequence[object]) -> None:
        for effect in effects:
            match effect:
                case Open():
                    self._open(effect)
                case Send():
                    self._answer(effect)
                case Close():
                    self._flows.pop(effect.flow, None)

    def _open(self, effect: Open) -> None:
        if effect.remote.port == 5900:
            self.dialled.append(effect.remote.address)
            return
        port = effect.source_port or 100_000 + next(self._fresh)
        self._flows[effect.flow] = (effect.transport, effect.remote, port)
        if effect.transport is Transport.TCP:
            self._later(StreamOpened(effect.flow, effect.remote, _HERE))

    def _answer(self, effect: Send) -> None:
        transport, remote, port = self._flows[effect.flow]
        place = SERVERS.index(remote.address)
        treatment = self._treatments[place]
        if treatment == "closed":
            self._later(Unreachable(effect.flow, "port unreachable"))
            return
        query = dns.message.from_wire(effect.payload)
        qtype = dns.rdatatype.to_text(query.question[0].rdtype)
        over_tcp = transport is Transport.TCP
        at_s = self._now / SECOND
        edns = query.edns >= 0
        self.asked.append(Asked(at_s, place, qtype, query.id, port, over_tcp, edns))
        payload = reply_octets(effect.payload, treatment, over_tcp=over_tcp)
        if payload is not None:
            latency = self._aaaa_latency_ns if qtype == "AAAA" else LATENCY_NS
            self._later(MessageArrived(effect.flow, payload, transport, remote, _HERE), latency)

    def _later(self, event: Event, latency: Duration = _KERNEL_NS) -> None:
        heapq.heappush(self._events, (self._now + latency, next(self._order), event))


def reply_octets(payload: bytes, treatment: Treatment, *, over_tcp: bool) -> bytes | None:
    """What a server that treats questions so sends back; None: nothing."""
    query = dns.message.from_wire(payload)
    (question,) = query.question
    qtype = dns.rdatatype.to_text(question.rdtype)
    said = reply_to(treatment, qtype, over_tcp=over_tcp)
    if said is None:
        return None
    rcode, truncated = said
    reply = dns.message.make_response(query, recursion_available=True)
    reply.set_rcode(RCODES[rcode])
    if truncated:
        reply.flags |= dns.flags.TC
    elif rcode == "NOERROR" and qtype == "A":
        reply.answer.append(dns.rrset.from_text(question.name, TTL_S, "IN", "A", ADDRESS))
    elif rcode != "SERVFAIL":
        soa = f"ns.{NAME}. admin.{NAME}. 1 60 60 60 60"
        reply.authority.append(dns.rrset.from_text(question.name, 60, "IN", "SOA", soa))
    return reply.to_wire()


def look_up(
    profile: StubProfile,
    treatments: Sequence[Treatment],
    *,
    seed: int = 1,
    memory: Memory | None = None,
    aaaa_latency_ns: Duration = LATENCY_NS,
) -> Seen:
    """One lookup by a profile."""
    return Stage(
        profile,
        treatments,
        seed=seed,
        memory=memory or Memory(),
        aaaa_latency_ns=aaaa_latency_ns,
    ).run()
