"""Checks of which servers were asked, in what order, and where names and packets went."""

from __future__ import annotations

from typing import Literal

from lab.judge.checks.base import (
    CheckBase,
    counted,
    frames_of,
    is_among,
    is_at_or_below,
    served_by,
    upstream_groups,
    wanted_name,
)
from lab.judge.checks.failover import without_repeats
from lab.judge.verdict import Finding, failed, passed
from lab.observe.connection import Connection, is_dns
from lab.observe.dns_exchange import DnsExchange
from lab.observe.dns_message import DnsMessage
from lab.observe.timeline import Timeline
from lab.values import Address, DnsName, Prefix, QueryType


class AskedInOrder(CheckBase):
    """For the asker's client question, its upstream questions went to exactly these servers in this
    order, each once (FWD-01, FWD-03, FWD-17); and it sent none while no client waited. A question
    put once more to the same server, over TCP because the answer was truncated or without EDNS
    because the server knows none, is one question."""

    kind: Literal["asked-in-order"] = "asked-in-order"
    asker: str = "dns"
    servers: tuple[Address, ...]
    """Addresses, as dialled."""
    which: Literal["first", "last", "all"] = "first"
    """Which of the client's questions that caused upstream questions."""
    times: int | None = None
    """How many client questions caused upstream questions; None: one or more."""
    name: DnsName | None = None
    """Only client questions for this name; None: for any."""
    qtype: QueryType | None = None
    """Only client questions of this type; None: of any."""

    def judge(self, timeline: Timeline) -> Finding:
        """Compare the addresses asked for each client question with the list."""
        groups = upstream_groups(timeline, self.asker, self.name, self.qtype)
        if not groups:
            return failed(f"{self.asker} asked nobody upstream")
        chosen = {"first": groups[:1], "last": groups[-1:], "all": groups}[self.which]
        for group in chosen:
            asked = [each.query.destination.address for each in without_repeats(group)]
            if tuple(asked) != self.servers:
                wanted = ", then ".join(self.servers)
                return failed(
                    f"asked {', then '.join(asked)}; expected {wanted}", *frames_of(group)
                )
        for exchange in _unasked(timeline, self.asker):
            return failed(
                f"asked {exchange.query.destination.address} while no client waited",
                *frames_of([exchange]),
            )
        if self.times not in {None, len(groups)}:
            return failed(
                f"{counted(len(groups), 'question')} went upstream, expected {self.times}",
                *(frame for group in groups for frame in frames_of(group)),
            )
        return passed(
            f"asked {', then '.join(self.servers)}" + f", {len(chosen)} times" * (len(chosen) > 1),
            *(frame for group in chosen for frame in frames_of(group)),
        )


class AskedOnly(CheckBase):
    """Every DNS question that the asker sent, and every TCP connection to port 53 that it opened,
    went to one of these addresses, and there was a question (CLU-01, CLU-08, CLU-10). With `below`,
    only questions for that name and names below it count, and connections do not (CND-01)."""

    kind: Literal["asked-only"] = "asked-only"
    asker: str = "dns"
    servers: tuple[Address, ...]
    below: DnsName | None = None

    def judge(self, timeline: Timeline) -> Finding:
        """Look at the destination of every question."""
        asked = [
            each
            for each in timeline.messages
            if _is_question_of(each, self.asker)
            and (self.below is None or is_at_or_below(each.name, self.below))
        ]
        if not asked:
            return failed(f"{self.asker} asked nobody")
        for message in asked:
            if message.destination.address not in self.servers:
                return failed(f"a question to {message.destination.address}", *message.frames)
        for connection in _dialled_for_dns(timeline, self.asker):
            if self.below is None and connection.dialled.address not in self.servers:
                return failed(f"a connection to {connection.dialled}", *connection.frames[:4])
        reached = sorted({message.destination.address for message in asked})
        return passed(
            f"{counted(len(asked), 'question')}, to {', '.join(reached)} only", *asked[0].frames
        )


class AskedNobody(CheckBase):
    """The asker got a question for the name (None: any name) and sent no DNS question for it."""

    kind: Literal["asked-nobody"] = "asked-nobody"
    asker: str = "dns"
    name: DnsName | None = None

    def judge(self, timeline: Timeline) -> Finding:
        """Look for questions that came in and for questions that went out."""
        wanted = None if self.name is None else wanted_name(timeline, self.name)
        came = [
            each for each in served_by(timeline, self.asker) if wanted in {None, each.query.name}
        ]
        if not came:
            return failed(f"{self.asker} was not asked")
        for message in timeline.messages:
            if _is_question_of(message, self.asker) and wanted in {None, message.name}:
                return failed(f"it asked {message.destination}", *message.frames)
        if wanted is None:
            for connection in _dialled_for_dns(timeline, self.asker):
                return failed(f"it dialled {connection.dialled}", *connection.frames[:4])
        return passed(f"{counted(len(came), 'question')} came, none went out", *frames_of(came))


class NameStaysWithin(CheckBase):
    """The name (None: the cluster's), or one below it, stands in no packet that goes to an address
    outside these: neither as what a DNS message asks nor anywhere else in it, on whatever port,
    whole or in pieces, answered or not (CND-08, CLU-16)."""

    kind: Literal["name-stays-within"] = "name-stays-within"
    addresses: tuple[Address, ...]
    name: DnsName | None = None

    def judge(self, timeline: Timeline) -> Finding:
        """Look for the name's bytes in every packet and every reassembled message."""
        wanted = wanted_name(timeline, self.name)
        if wanted is None:
            return failed("the plan has no name to look for")
        labels = _wire_form(wanted)
        with_name = [each for each in timeline.packets if labels in each.ip.raw.lower()]
        # A stream may cut a name in two; its messages have it whole.
        for message in timeline.messages:
            if labels in message.payload.lower():
                with_name += message.passages
        if not with_name:
            return failed("no packet held the name")
        for passage in with_name:
            if passage.ip.destination not in self.addresses:
                return failed(f"the name goes to {passage.ip.destination}", *passage.frames)
        reached = sorted({each.ip.destination for each in with_name})
        return passed(f"packets with the name go to {', '.join(reached)}", *with_name[0].frames)


class NothingSent(CheckBase):
    """The node sent no IP packet at all to these addresses or prefixes, and it sent something
    elsewhere (CLU-09, NAT-04)."""

    kind: Literal["nothing-sent"] = "nothing-sent"
    node: str
    to: tuple[Prefix, ...]

    def judge(self, timeline: Timeline) -> Finding:
        """Look at every packet that left the node."""
        sent = [each for each in timeline.packets if each.sender == self.node]
        if not sent:
            return failed(f"{self.node} sent nothing at all")
        for passage in sent:
            if is_among(passage.ip.destination, self.to):
                return failed(f"a packet to {passage.ip.destination}", *passage.frames)
        return passed(
            f"{self.node} sent {counted(len(sent), 'packet')}, none of them there", *sent[0].frames
        )


def _unasked(timeline: Timeline, asker: str) -> list[DnsExchange]:
    """The asker's questions that no client's question caused, about names that clients ask for."""
    names = {each.query.name for each in served_by(timeline, asker)}
    return [
        each
        for each in timeline.exchanges
        if each.asker == asker and each.query.name in names and timeline.causes.of(each) is None
    ]


def _dialled_for_dns(timeline: Timeline, asker: str) -> list[Connection]:
    return [each for each in timeline.connections if each.opener == asker and is_dns(each)]


def _is_question_of(message: DnsMessage, asker: str) -> bool:
    return not message.is_reply and message.sender == asker


def _wire_form(name: str) -> bytes:
    """A name's labels as messages carry them (RFC 1035 3.1), without the root, so that names below
    it and names with something appended are found too."""
    labels = [label.encode() for label in name.split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels)
