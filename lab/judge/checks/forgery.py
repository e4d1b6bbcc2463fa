"""Checks of what forged replies do: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from lab.judge.checks.base import CheckBase, arrival, ms, questions, tell
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_exchange import DnsExchange
from lab.observe.dns_message import DnsMessage
from lab.observe.timeline import Timeline
from lab.values import DnsName, Ipv4Address


class ForgeryIgnored(CheckBase):
    """A forged reply reached the victim while the question it imitates was open, before the true
    one; the asker's answer comes from that true one, and nothing forged is ever passed on (SEC-03,
    RFC 5452 9.1)."""

    kind: Literal["forgery-ignored"] = "forgery-ignored"
    victim: str = "dns"
    asker: str = "viewer"
    name: DnsName | None = None
    """What the asker asked for; None: the cluster's name."""
    address: Ipv4Address
    """The address that only the forgery promises."""

    def judge(self, timeline: Timeline) -> Finding:
        """Find the forgery among what reached the victim, and its address in no answer."""
        forged = [
            message
            for message in timeline.messages
            if message.receiver == self.victim and self.address in message.addresses
        ]
        if not forged:
            return failed(f"no forgery reached {self.victim}")
        for message in timeline.messages:
            if message.sender == self.victim and self.address in message.addresses:
                return failed(
                    "the forged address was passed on", *forged[0].frames, *message.frames
                )
        race = next(self._races(timeline, forged), None)
        if race is None:
            return failed("the forgery did not come before a true answer", *forged[0].frames)
        exchange, reply, forgery = race
        frames = (*forgery.frames, *exchange.frames)
        client = timeline.causes.of(exchange)
        if client is None or client.asker != self.asker:
            return failed(f"{self.asker} was not waiting for that answer", *frames)
        fault = self._fault(timeline, client, exchange, reply)
        if fault is not None:
            return failed(fault, *frames, *client.frames)
        ahead = ms(arrival(reply) - arrival(forgery))
        return passed(
            f"the forgery came {ahead} before the true answer; "
            f"{self.asker} got {tell(client.reply)}",
            *frames,
            *client.frames,
        )

    def _fault(
        self, timeline: Timeline, client: DnsExchange, exchange: DnsExchange, reply: DnsMessage
    ) -> str | None:
        if timeline.causes.decisive(client) is not exchange:
            return f"{self.victim} turned to another server because of it"
        if any(asked.reply is None for asked in questions(timeline, self.asker, self.name)):
            return f"{self.asker} got no answer"
        told = client.reply
        if told is None or not told.addresses or not set(told.addresses) <= set(reply.addresses):
            return f"{self.asker} got {tell(told)}, the true answer was {tell(reply)}"
        return None

    def _races(
        self, timeline: Timeline, forged: list[DnsMessage]
    ) -> Iterator[tuple[DnsExchange, DnsMessage, DnsMessage]]:
        """Exchanges of the victim in which a forgery came before the true reply."""
        for exchange in timeline.exchanges:
            reply = exchange.reply
            if reply is None or reply in forged:
                continue
            # Strays came while the question was open: before its reply.
            for message in exchange.strays:
                if message in forged:
                    yield exchange, reply, message
