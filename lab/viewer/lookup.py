"""What a stub resolver asks and what it makes of the replies, whatever its schedule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from lab.observe.dns_message import DNS_PORT
from lab.scenario.actors import answered_addresses
from lab.viewer.profiles import StubProfile
from lab.viewer.talking import NEVER, Algorithm, Talk
from resolver.dns.message import (
    Edns,
    Question,
    Reply,
    build_query,
    question_wire,
    rcode_text,
)
from resolver.dns.message_reading import parse_reply
from resolver.dns.records import Type
from resolver.machine import Endpoint, Instant, Transport

NO_SUCH_NAME: Final = "no such name"
"""EAI_NONAME, WSAHOST_NOT_FOUND."""
NO_ADDRESS: Final = "the name has no address"
"""EAI_NODATA, WSANO_DATA."""
TRY_AGAIN: Final = "temporary failure in name resolution"
"""EAI_AGAIN, WSATRY_AGAIN: no server gave an answer that counts."""

A, AAAA = int(Type.A), int(Type.AAAA)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a program is told about a name."""

    addresses: tuple[str, ...]
    """As answered, A before AAAA."""
    trouble: str = ""
    """One of the errors above when there is no address; empty when there is."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is on the wire."""

    identifier: int
    question: Question
    wire: bytes
    """Its question section."""

    def payload(self, edns_octets: int | None) -> bytes:
        """The whole message."""
        edns = None if edns_octets is None else Edns(edns_octets)
        return build_query(self.identifier, self.wire, edns=edns)

    def reply_in(self, payload: bytes) -> Answer | None:
        """The reply to this question; None for anything else."""
        if payload[:2] != self.identifier.to_bytes(2, "big"):
            return None
        reply = parse_reply(payload, self.question, self.wire)
        # RFC 5452 9.1; an error may come without its question.
        if not isinstance(reply, Reply) or reply.question_wire not in {b"", self.wire}:
            return None
        return Answer(reply, answered_addresses(payload) if reply.tc else _addresses(reply))


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply and the addresses in it."""

    reply: Reply
    addresses: tuple[str, ...]
    """Of a truncated reply, those that it has."""

    @property
    def rcode(self) -> str:
        """Its RCODE by name: "SERVFAIL"."""
        return rcode_text(self.reply.rcode)


class Stub(ABC):
    """A stub resolver about one name: `look_up` is its algorithm."""

    def __init__(
        self, profile: StubProfile, servers: Sequence[str], name: str, talk: Talk, first: int = 0
    ) -> None:
        self.profile = profile
        self.servers = tuple(servers)[: profile.most_servers]
        self.talk = talk
        self.first = first
        """The place of the server it begins with."""
        self._name = name

    @abstractmethod
    def look_up(self) -> Algorithm[Looked]:
        """Ask until there is an answer or nobody is left."""

    def asked(self, qtype: int) -> Asked:
        """A question with an ID of its own."""
        question = Question(self._name, qtype)
        return Asked(self.talk.identifier(), question, question_wire(question))

    def families(self) -> tuple[int, ...]:
        """The types it asks for."""
        return (A,) if self.profile.families == "A-only" else (A, AAAA)

    def remote(self, place: int) -> Endpoint:
        """Where the server at this place is asked."""
        return Endpoint(self.servers[place], DNS_PORT)

    def over_tcp(self, place: int, questions: Iterable[Asked]) -> Algorithm[dict[int, Answer]]:
        """Put all these questions on one connection; the answers by type, empty where the server
        refused, ended the connection, or let the profile's time for it pass."""
        waiting = {each.question.qtype: each for each in questions}
        found: dict[int, Answer] = {}
        limit = self.profile.tcp_timeout_ns
        deadline: Instant = self.talk.now + limit if limit is not None else NEVER
        flow = self.talk.open(Transport.TCP, self.remote(place))
        while waiting:
            heard = yield deadline
            if heard is None:
                break
            if heard.flow != flow:
                continue
            if heard.opened:
                for each in waiting.values():
                    self.talk.send(flow, each.payload(self.profile.edns_octets))
            elif heard.payload is not None:
                for qtype, each in tuple(waiting.items()):
                    if (answer := each.reply_in(heard.payload)) is not None:
                        found[qtype] = answer
                        del waiting[qtype]
            else:
                break
        self.talk.close(flow)
        return {} if waiting else found


def looked(answers: dict[int, Answer], *, failed: str = TRY_AGAIN) -> Looked:
    """What getaddrinfo makes of these answers; `failed` when there are none."""
    addresses = tuple(address for qtype in sorted(answers) for address in answers[qtype].addresses)
    if addresses:
        return Looked(addresses)
    if not answers:
        return Looked((), failed)
    rcodes = {answer.rcode for answer in answers.values()}
    return Looked((), NO_ADDRESS if rcodes == {"NOERROR"} else NO_SUCH_NAME)


def _addresses(reply: Reply) -> tuple[str, ...]:
    return tuple(
        str(ip_address(record.rdata)) for record in reply.answers if record.rtype in {A, AAAA}
    )
