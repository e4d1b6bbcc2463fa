"""Scripted DNS servers: trusted scenery that misbehaves exactly as declared."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from dnslib import QTYPE, RCODE, RR, SOA, A, DNSError, DNSRecord

from lab.scenario.model import Script
from resolver.machine import SECOND, Effect, Event, Flow, Instant, MessageArrived, Send


class ScriptedServer:
    """A DNS server that treats every question as its `Script` says."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._due: deque[tuple[Instant, Flow, bytes]] = deque()
        self._delay_ns = round(script.delay_s * SECOND)

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Think about a question for the script's time, or for ever."""
        if not isinstance(event, MessageArrived) or self._script.silent:
            return ()
        try:
            query = DNSRecord.parse(event.payload)
        except DNSError:
            return ()
        self._due.append((now + self._delay_ns, event.flow, self._answer(query)))
        return self.expire(now)

    def expire(self, now: Instant) -> Sequence[Effect]:
        """Send what has been thought about long enough."""
        effects = []
        while self._due and self._due[0][0] <= now:
            _, flow, payload = self._due.popleft()
            effects.append(Send(flow, payload))
        return effects

    def deadline(self) -> Instant | None:
        """When the oldest answer is due: every answer takes the same time."""
        return self._due[0][0] if self._due else None

    def ready(self) -> bool:
        """A script needs no preparation."""
        return True

    def _answer(self, query: DNSRecord) -> bytes:
        script = self._script
        reply = query.reply(ra=0, aa=int(script.authoritative))
        reply.header.rcode = getattr(RCODE, script.rcode)
        if script.rcode == "NOERROR":
            if query.q.qtype == QTYPE.A:
                for address in script.answers:
                    reply.add_answer(RR(query.q.qname, QTYPE.A, rdata=A(address), ttl=script.ttl_s))
            if not reply.rr:
                # RFC 2308 2.2: NODATA carries the zone's SOA
                times = (1, 3600, 600, 86400, script.ttl_s)
                soa = SOA(query.q.qname, query.q.qname, times)
                reply.add_auth(RR(query.q.qname, QTYPE.SOA, rdata=soa, ttl=script.ttl_s))
        return bytes(reply.pack())
