"""Scripted DNS servers: trusted scenery that misbehaves exactly as declared."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

import dns.exception
import dns.flags
import dns.message

from lab.scenario.careless import CarelessForwarder
from lab.scenario.dribbling import Dribbled, Dribbler
from lab.scenario.model import Reply, Script
from lab.scenario.replies import reply_octets
from lab.values import type_number
from resolver.dns import names
from resolver.machine import (
    SECOND,
    Close,
    Duration,
    Effect,
    Event,
    Flow,
    Instant,
    Machine,
    MessageArrived,
    Open,
    Send,
    StreamClosed,
    Transport,
)


class ScriptedServer:
    """A DNS server that treats every question as its `Script` says."""

    def __init__(self, script: Script) -> None:
        self.refuses_tcp = script.refuses_tcp
        """Whether nobody is to listen for TCP; see `lab.worlds.listening`."""
        self._replies = [_Cue(reply) for reply in (*script.replies, *_uniform(script))]
        self._due: list[tuple[Instant, int, tuple[Effect, ...]]] = []
        self._taken = 0
        self._written_at: dict[Flow, Instant] = {}
        """When a stream's last octet so far leaves."""

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Think about a question for the time its reply says, or for ever."""
        if isinstance(event, StreamClosed):
            self._written_at.pop(event.flow, None)
        if not isinstance(event, MessageArrived):
            return ()
        try:
            query = dns.message.from_wire(event.payload, keyring=False)
        except (dns.exception.DNSException, ValueError):
            return ()
        if not query.question or query.flags & dns.flags.QR:
            return ()
        reply = next(
            (cue.reply for cue in self._replies if cue.takes(query, event.transport)), None
        )
        if reply is None or reply.silent:
            return ()
        at = now + round(reply.delay_s * SECOND)
        if event.transport is Transport.TCP:
            # Questions come without waiting (RFC 7766 6.2.1.1), and messages of a stream one after
            # the other.
            at = max(at, self._written_at.get(event.flow, at))
        for later, effects in _reply_effects(reply, reply_octets(reply, query), event, self._taken):
            self._taken += 1  # keeps the order of what is due at one instant
            heapq.heappush(self._due, (at + later, self._taken, effects))
            if event.transport is Transport.TCP:
                self._written_at[event.flow] = at + later
        return self.expire(now)

    def expire(self, now: Instant) -> Sequence[Effect]:
        """Send what has been thought about long enough."""
        effects: list[Effect] = []
        while self._due and self._due[0][0] <= now:
            effects += heapq.heappop(self._due)[2]
        return effects

    def deadline(self) -> Instant | None:
        """When the next answer is due."""
        return self._due[0][0] if self._due else None

    def ready(self) -> bool:
        """A script needs no preparation."""
        return True


def peer_for(script: Script) -> Machine:
    """What does as the script says: a scripted server, or a careless forwarder."""
    if any(reply.dribble_s for reply in script.replies):
        return Dribbler(ScriptedServer(script))
    if not script.relays_to:
        return ScriptedServer(script)
    return CarelessForwarder(script.relays_to, round(script.relay_gap_s * SECOND))


def _reply_effects(
    reply: Reply, octets: bytes, event: MessageArrived, number: int
) -> Iterator[tuple[Duration, tuple[Effect, ...]]]:
    """What answers a question, and how long after the thinking each part comes. `number` tells
    flows of our own apart."""
    streamed = event.transport is Transport.TCP
    if reply.closes_stream and streamed:
        yield 0, (Close(event.flow),)
    elif reply.fault == "wrong-port" and not streamed:
        opened = Open(number, Transport.UDP, event.source)
        yield 0, (opened, Send(number, octets), Close(number))
    elif reply.dribble_s and streamed:
        gap = round(reply.dribble_s * SECOND)
        whole = len(octets).to_bytes(2, "big") + octets
        for place, octet in enumerate(whole):
            yield place * gap, (Send(event.flow, Dribbled((octet,))),)
    else:
        yield 0, (Send(event.flow, octets),)


class _Cue:
    """What a reply waits for, and how often it came."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self._name = reply.name and names.normalise(reply.name)
        self._below = reply.below and names.normalise(reply.below)
        self._qtype = reply.qtype and type_number(reply.qtype)
        self._taken = 0

    def takes(self, query: dns.message.Message, transport: Transport) -> bool:
        """Whether the question is for this reply; if so, it is counted."""
        asked = query.question[0]
        name = names.from_labels(asked.name.labels[:-1]).lower()
        fits = (
            self._name in {None, name}
            and (self._below is None or names.is_at_or_below(name, self._below))
            and self._qtype in {None, int(asked.rdtype)}
            and self.reply.transport in {None, transport.value}
            and self.reply.edns in {None, query.edns >= 0}
            and (self.reply.times is None or self._taken < self.reply.times)
        )
        self._taken += fits
        return fits


def _uniform(script: Script) -> Iterator[Reply]:
    """What a script says of every question that none of its replies fits."""
    common = Reply(
        delay_s=script.delay_s,
        silent=script.silent,
        rcode=script.rcode,
        authoritative=script.authoritative,
    )
    ttl_s = script.ttl_s
    if script.rcode != "NOERROR":
        yield common
        return
    if script.answers:
        addresses = tuple(f"@ {ttl_s} IN A {address}" for address in script.answers)
        yield common.model_copy(update={"qtype": "A", "answer": addresses})
    # RFC 2308 2.2: NODATA carries the zone's SOA.
    soa = f"@ {ttl_s} IN SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 {ttl_s}"
    yield common.model_copy(update={"authority": (soa,)})
