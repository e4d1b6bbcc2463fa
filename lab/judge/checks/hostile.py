"""Checks of what hostile input comes to: nothing that lasts, and nothing that helps its sender."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lab.judge.checks.base import CheckBase, counted, frames_of, served_by
from lab.judge.checks.questions import put_by
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_message import DNS_PORT, DnsMessage
from lab.observe.timeline import Timeline
from lab.values import Address, DnsName, Rcode


class NeverUsed(CheckBase):
    """A record with this address came to the server from upstream, or to whom it asks through, and
    none of them sent a packet there, nor did the server tell anybody of it; and later it was asked
    for, and answered, the name that the address was to poison (SEC-02, SEC-06, MaginotDNS)."""

    kind: Literal["never-used"] = "never-used"
    server: str = "dns"
    relays: tuple[str, ...] = ()
    """Who stands between it and upstream: what they do not hand on, they have held off."""
    address: Address
    asker: str = "viewer"
    name: DnsName
    """The victim of the poisoning; asked after the record came."""

    def judge(self, timeline: Timeline) -> Finding:
        """Look for the address in everything that came, and in everything that went."""
        exposed = {self.server, *self.relays}
        offered = [
            each
            for each in timeline.messages
            if each.receiver in exposed and each.is_reply and _holds(each, self.address)
        ]
        if not offered:
            return failed(f"{' and '.join(sorted(exposed))} never heard of {self.address}")
        for passage in timeline.packets:
            if passage.sender in exposed and passage.ip.destination == self.address:
                return failed(f"a packet to {self.address}", *offered[0].frames, *passage.frames)
        for message in timeline.messages:
            if message.sender == self.server and _holds(message, self.address):
                return failed(
                    f"{message.receiver or message.destination.address} was told {self.address}",
                    *offered[0].frames,
                    *message.frames,
                )
        later = [
            each
            for each in put_by(timeline, self.asker, self.name, None)
            if each.asked_at >= (offered[0].arrived_at or offered[0].at)
            or (each.replied_at is not None and each.replied_at >= offered[0].at)
        ]
        if not later:
            return failed(
                f"{self.asker} did not ask for {self.name} afterwards", *offered[0].frames
            )
        for exchange in later:
            if exchange.reply is None:
                return failed("that question got no reply", *frames_of([exchange]))
        return passed(
            f"{self.address} came in {counted(len(offered), 'reply', 'replies')} and was not used; "
            f"{self.name} got {later[-1].replies[0].rcode}",
            *offered[0].frames,
            *frames_of(later),
        )


class MalformedHarmless(CheckBase):
    """Each message of the asker's that is no well-formed question got FORMERR, no longer than the
    message itself, or nothing; and a well-formed question put
    afterwards was answered (ROB-02)."""

    kind: Literal["malformed-harmless"] = "malformed-harmless"
    asker: str = "viewer"
    server: str = "dns"
    messages: int = Field(default=1, ge=1)
    """So many malformed messages at least."""

    def judge(self, timeline: Timeline) -> Finding:
        """Find what came back for each malformed message."""
        sent = [
            each
            for each in timeline.messages
            if each.sender == self.asker
            and each.receiver == self.server
            and each.destination.port == DNS_PORT
        ]
        malformed = [each for each in sent if _is_no_question(each)]
        if len(malformed) < self.messages:
            return failed(
                f"{counted(len(malformed), 'malformed message')}, expected {self.messages}"
            )
        for message in malformed:
            back = _sent_back(timeline, message, self.server)
            fault = _harm(message, back)
            if fault is not None:
                frames = (frame for each in back for frame in each.frames)
                return failed(fault, *message.frames, *frames)
        last = malformed[-1]
        good = [
            each
            for each in put_by(timeline, self.asker, None, None)
            if each.asked_at > last.at and not _is_no_question(each.query)
        ]
        if not good:
            return failed("no well-formed question was put afterwards", *last.frames)
        for exchange in good:
            if exchange.reply is None or exchange.reply.rcode != "NOERROR":
                told = "nothing" if exchange.reply is None else exchange.reply.rcode
                return failed(f"a well-formed question afterwards got {told}", *frames_of(good))
        return passed(
            f"{counted(len(malformed), 'malformed message')} did no harm",
            *(frame for each in malformed for frame in each.frames),
            *frames_of(good),
        )


class AllReplied(CheckBase):
    """The asker put so many different questions, so many of them at one time, and each got exactly
    one reply, with one of these RCODEs (ROB-03)."""

    kind: Literal["all-replied"] = "all-replied"
    asker: str = "viewer"
    count: int = Field(ge=1)
    at_once: int = Field(default=1, ge=1)
    rcodes: tuple[Rcode, ...] = ("NOERROR", "SERVFAIL", "REFUSED")

    def judge(self, timeline: Timeline) -> Finding:
        """Count questions, and the replies to each."""
        asked = put_by(timeline, self.asker, None, None)
        different = {each.query.question for each in asked}
        if len(different) < self.count:
            return failed(
                f"{counted(len(different), 'different question')}, expected {self.count}",
                *frames_of(asked[:1]),
            )
        lost = [each for each in asked if not each.replies]
        if lost:
            return failed(
                f"{counted(len(lost), 'question')} of {len(asked)} got no reply",
                *frames_of(lost[:1]),
            )
        for exchange in asked:
            if len(exchange.replies) > 1:
                return failed("two replies to one question", *frames_of([exchange]))
            if exchange.replies[0].rcode not in self.rcodes:
                return failed(f"RCODE {exchange.replies[0].rcode}", *frames_of([exchange]))
        events = sorted(
            [(each.asked_at, 1) for each in asked]
            + [(each.answered_at or each.asked_at, -1) for each in asked],
        )
        waiting = most = 0
        for _, change in events:
            waiting += change
            most = max(most, waiting)
        if most < self.at_once:
            return failed(
                f"at most {most} waited at one time, expected {self.at_once}", *frames_of(asked[:1])
            )
        return passed(
            f"{len(asked)} questions, {most} at one time; one reply to each",
            *frames_of([asked[0], asked[-1]]),
        )


class ServerSurvives(CheckBase):
    """Malformed replies came to the server; for each client question that they were about there was
    an answer or SERVFAIL, and a later question of the asker's got its answer (ROB-01)."""

    kind: Literal["server-survives"] = "server-survives"
    asker: str = "viewer"
    server: str = "dns"
    then: DnsName
    """The name that is asked for afterwards."""

    def judge(self, timeline: Timeline) -> Finding:
        """Find the malformed replies, the questions behind them, and the one that follows."""
        malformed = [
            each
            for each in timeline.messages
            if each.receiver == self.server
            and each.source.port == DNS_PORT
            and (each.malformed or not each.sections.complete)
        ]
        if not malformed:
            return failed(f"no malformed reply came to {self.server}")
        first = malformed[0]
        for client in served_by(timeline, self.server):
            told = client.reply.rcode if client.reply is not None else "nothing"
            if told not in {"NOERROR", "NXDOMAIN", "SERVFAIL"}:
                return failed(f"a client got {told}", *first.frames, *frames_of([client]))
        after = [
            each
            for each in put_by(timeline, self.asker, self.then, None)
            if each.asked_at > malformed[-1].at
        ]
        if not after:
            return failed(f"{self.asker} did not ask for {self.then} afterwards", *first.frames)
        last = after[-1]
        if last.reply is None or last.reply.rcode != "NOERROR" or not last.reply.answers:
            told = "nothing" if last.reply is None else last.reply.rcode
            return failed(f"the question afterwards got {told}", *frames_of(after))
        return passed(
            f"{counted(len(malformed), 'malformed reply', 'malformed replies')}; "
            f"{self.then} is answered afterwards",
            *first.frames,
            *frames_of([last]),
        )


_HEADER_OCTETS = 12


def _holds(message: DnsMessage, address: str) -> bool:
    """Whether any record of a message, in any section, is of that address."""
    records = (*message.answers, *message.authority, *message.additional)
    return any(each.rtype in {"A", "AAAA"} and each.rdata == address for each in records)


def _is_no_question(message: DnsMessage) -> bool:
    sections = message.sections
    return (
        message.malformed
        or message.is_reply
        or not sections.complete
        or sections.counts[0] != 1
        or len(sections.opts) > 1
    )


def _harm(message: DnsMessage, back: list[DnsMessage]) -> str | None:
    """Say what is wrong with what came back for a malformed message."""
    if len(back) > 1:
        return f"{len(back)} replies to one message"
    for reply in back:
        if reply.rcode != "FORMERR":
            return f"RCODE {reply.rcode} instead of FORMERR or silence"
        if reply.octets > max(message.octets, _HEADER_OCTETS):
            return f"{reply.octets} octets for {message.octets}"
    return None


def _sent_back(timeline: Timeline, message: DnsMessage, server: str) -> list[DnsMessage]:
    """What the server sent to where a message came from, from when it came to the sender's next
    message from there."""
    following = [
        each.at
        for each in timeline.messages
        if each.sender == message.sender and each.source == message.source and each.at > message.at
    ]
    until = min(following, default=None)
    return [
        each
        for each in timeline.messages
        if each.sender == server
        and each.destination == message.arrived_source
        and each.at >= message.at
        and (until is None or each.at < until)
    ]
