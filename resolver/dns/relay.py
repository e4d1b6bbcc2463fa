"""The DNS translator: a forwarder for the cluster's zone beside the NAT (cluster FAQ, NAT, steps 3
to 5).

It relays octets: questions and answers leave as they came but for the ID, so whatever they hold
passes (RFC 5625 3; TSIG, unknown types, EDNS options). It caches nothing: the load balancers say at
any time who is available. Other names it refuses, so it is no open relay (RFC 5358 4, SEC-01).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from random import Random
from typing import Final

from resolver import limits
from resolver.config import DnsTranslatorConfig
from resolver.dns import names
from resolver.dns.asking import Ask
from resolver.dns.exchange import Exchanges
from resolver.dns.facts import Answered, QuestionArrived
from resolver.dns.in_flight import Settled
from resolver.dns.intermediary import Intermediary
from resolver.dns.message import Rcode, Reply, build_reply
from resolver.dns.reception import Client, Reception
from resolver.dns.records import ADDRESS_TYPES, Record
from resolver.machine import Effect, Endpoint, Instant, Note, Transport

_NEXT_ON: Final = frozenset({Rcode.SERVFAIL, Rcode.NOTIMP, Rcode.REFUSED})
"""What sends the question to the next server: replies that say nothing about the name."""


@dataclass(frozen=True, slots=True)
class _Errand:
    """A question under way, and the servers that have not been asked."""

    client: Client
    servers: Iterator[Endpoint]


class DnsTranslator(Intermediary[_Errand]):
    """The machine: questions in, the same questions out, and their answers back."""

    def __init__(
        self, config: DnsTranslatorConfig, identifiers: Random, most_in_flight: int | None = None
    ) -> None:
        """`identifiers` gives message IDs and source ports: unpredictable outside the lab.
        `most_in_flight` is how many questions the host has sockets for. Raises ValueError when the
        zone is no name."""
        # The load balancers offer no recursion, and no question is put to anybody else.
        super().__init__(Reception(), Exchanges(identifiers))
        self._zone = names.normalise(config.zone)
        # One spelling for each address, so that a reply's source compares equal.
        self._servers = tuple(Endpoint(str(ip_address(s.address)), s.port) for s in config.servers)
        self._timeout_ns = config.timeout_ns
        self._most_in_flight = most_in_flight or limits.RESOLUTIONS_IN_FLIGHT
        self._rewrite = {
            ip_address(old).packed: ip_address(new).packed for old, new in config.rewrite
        }

    def _accept(self, client: Client, now: Instant, effects: list[Effect]) -> None:
        question = client.query.question
        effects.append(Note(QuestionArrived(client.endpoint, question, client.transport)))
        if not names.is_at_or_below(question.name, self._zone):
            self._answer(client, Rcode.REFUSED, "refused", now, effects)
        elif len(self._exchanges) >= self._most_in_flight or self._reception.crowded(client):
            self._answer(client, Rcode.SERVFAIL, "failed", now, effects)
        else:
            self._ask_next(_Errand(client, iter(self._servers)), now, effects)

    def _ask_next(self, errand: _Errand, now: Instant, effects: list[Effect]) -> None:
        client = errand.client
        server = next(errand.servers, None)
        if server is None:
            self._answer(client, Rcode.SERVFAIL, "failed", now, effects)
            return
        ask = Ask(
            server,
            client.query.question,
            client.query.question_wire,
            client.transport,  # RFC 5625 4.4.1: TCP in, TCP out
            now + self._timeout_ns,
            client.query.edns,
            verbatim=client.message,
        )
        self._exchanges.ask(ask, errand, effects)

    def _go_on(self, settled: Settled[_Errand], effects: list[Effect]) -> None:
        reply, now = settled.heard.outcome, settled.heard.at
        if not isinstance(reply, Reply) or reply.rcode in _NEXT_ON:
            self._ask_next(settled.asker, now, effects)
            return
        client = settled.asker.client
        if self._reception.answer(client, self._relayed(client, reply), now, effects):
            answered = Answered(client.endpoint, client.query.question, reply.rcode, "forwarded")
            effects.append(Note(answered))

    def _relayed(self, client: Client, reply: Reply) -> bytes:
        fits = client.transport is Transport.TCP or len(reply.wire) <= client.query.udp_limit
        if fits and not self._rewrite:
            return client.query.id.to_bytes(2, "big") + reply.wire[2:]
        # RFC 6891 6.2.5: a server that sends more than the client can take is cut, with TC set.
        return build_reply(
            client.query,
            client.transport,
            rcode=reply.rcode,
            answers=tuple(self._rewritten(reply.answers)),
            authority=reply.authority,
            authoritative=reply.aa,
            recursion_available=reply.ra,
        )

    def _rewritten(self, records: Iterable[Record]) -> Iterator[Record]:
        """A DNS_ALG (RFC 2694), for set-ups that are broken on purpose."""
        for record in records:
            new = self._rewrite.get(record.rdata) if record.rtype in ADDRESS_TYPES else None
            yield record if new is None else record._replace(rdata=new)

    def _answer(
        self, client: Client, rcode: Rcode, source: str, now: Instant, effects: list[Effect]
    ) -> None:
        reply = build_reply(client.query, client.transport, rcode=rcode)
        if self._reception.answer(client, reply, now, effects):
            effects.append(Note(Answered(client.endpoint, client.query.question, rcode, source)))
