"""The straight way, which most questions take that are forwarded.

A question of the usual form (`plain`), of whose name nothing is known, and for which one rule's
servers are responsible, goes straight to the first of them; and when the reply holds the RRset
asked for and nothing else to be weighed, its octets go straight to the client. For that no
resolution is begun, which would cost more than all the rest, and what is in flight is one object.

As soon as anything else happens (another client asks the same, the reply is of any other kind, or
late, or the configuration changes) that object is unfolded: into the client, the errand, the
resolution and the question in flight that would be there had it never been in one piece. They have
the last word.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, TypeAlias

from resolver import limits
from resolver.dns.asking import Ask
from resolver.dns.cache import Slot, Wishes
from resolver.dns.counters import Ledger
from resolver.dns.errands import Errand, Topic
from resolver.dns.exchange import Exchanges
from resolver.dns.forwarding import ask_of
from resolver.dns.idle_sockets import UpstreamSocket
from resolver.dns.in_flight import InFlight, Wait
from resolver.dns.message import (
    Query,
    Question,
    Rcode,
    build_query,
    build_reply,
    opt_record,
    rcode_text,
    udp_limit,
)
from resolver.dns.message_format import CD, HEADER_OCTETS, QR, RA, RD
from resolver.dns.message_reading import parse_query
from resolver.dns.outcome import Source, Terms
from resolver.dns.plain import PlainQuestion, read_plain_answers, read_plain_question
from resolver.dns.reception import Client, Reception
from resolver.dns.records import ADDRESS_TYPES, IN, META_TYPES, Type
from resolver.dns.resolution import Sources
from resolver.dns.selection import Selector
from resolver.dns.wire_answers import WireAnswers
from resolver.machine import (
    ID_OCTETS,
    Effect,
    Endpoint,
    Flow,
    Instant,
    MessageArrived,
    Send,
    Transport,
)

_OTHER_TYPES: Final = META_TYPES | {Type.ANY, Type.CNAME, Type.DNAME}
"""Those whose answers are no RRset of their own, or a link."""

_WISHES: Final = tuple(Wishes(do, cd) for cd in (False, True) for do in (False, True))
"""By DO and twice CD."""

_HEAD: Final = struct.Struct("!HHHHH")
"""A message's header behind its ID."""

_HEADS: Final = (_HEAD.pack(RD, 1, 0, 0, 1), _HEAD.pack(RD | CD, 1, 0, 0, 1))
"""What a question to a server begins with, by CD."""

_FLAGS: Final = (QR | RD | RA, QR | RD | RA | CD)
"""Those of a reply to a client, by CD."""

_OPTS: Final = (
    opt_record(Rcode.NOERROR, do=False),
    opt_record(Rcode.NOERROR, do=True),
)
"""An OPT record of ours, by DO."""

_NOERROR: Final = rcode_text(Rcode.NOERROR)
_FORWARDED: Final = Source.FORWARDED.value

_Key: TypeAlias = tuple[str, int, Wishes]
"""What makes two such questions the same: name (normalised), type, and wishes."""


class Straight(Wait[Errand]):
    """A client's question on its straight way."""

    __slots__ = (
        "asked", "began", "carrier", "endpoint", "flow", "id", "key", "message", "server", "slot"
    )  # fmt: skip

    carrier: UpstreamSocket

    def __init__(
        self,
        flow: Flow,
        endpoint: Endpoint,
        message: bytes,
        asked: PlainQuestion,
        key: _Key,
        slot: Slot,
        server: Endpoint,
        began: Instant,
    ) -> None:
        self.flow = flow
        self.endpoint = endpoint
        self.message = message
        """As the client sent it."""
        self.asked = asked
        self.key = key
        self.slot = slot
        """Where the answer is to be kept."""
        self.server = server
        self.began = began
        self.pending = None
        self.id = 0
        """Of the question to the server."""


class StraightWay:
    """All questions on their straight way. `errands` is the table of all others."""

    def __init__(
        self,
        sources: Sources,
        reception: Reception,
        exchanges: Exchanges[Errand],
        errands: dict[Topic, Errand],
        ready: WireAnswers,
        ledger: Ledger,
        most_in_flight: int,
    ) -> None:
        self._sources = sources
        self._reception = reception
        self._exchanges = exchanges
        self._errands = errands
        self._ready = ready
        self._ledger = ledger
        self._most_in_flight = most_in_flight
        self._going: dict[_Key, Straight] = {}
        exchanges.unfold = self._unfold

    def __len__(self) -> int:
        return len(self._going)

    def go_by(self, allows: Callable[[str], bool], selector: Selector, *, is_open: bool) -> None:
        """Go by a configuration: `allows` says who may have others asked (by address). While it is
        not open, no question takes the straight way."""
        self._allows = allows
        self._selector = selector
        self._is_open = is_open

    def ask(self, event: MessageArrived, now: Instant) -> list[Effect] | None:
        """Send a client's datagram straight on; None, and nothing done, where that is not its
        way."""
        asked = read_plain_question(event.payload) if self._is_open else None
        if asked is None:
            return None
        name, qtype, end, _, do, cd = asked
        lowered = name.lower()
        if lowered != name:
            name = lowered  # else the same text, not its like: a million of them add up
        lane = self._sources.lanes.lane(name)
        if lane is None or qtype in _OTHER_TYPES or not self._allows(event.source.address):
            return None
        wishes = _WISHES[do + 2 * cd]
        slot = Slot(name, qtype, wishes, lane.route)
        key = (name, qtype, wishes)
        until = now + lane.wait_ns
        if (
            not self._sources.knows_nothing_of(slot)
            or self._is_met(key, asked, event.payload, lane.server, until)
            or len(self._errands) + len(self._going) >= self._most_in_flight
            or not self._reception.admit(event.source.address)
        ):
            return None
        self._ready.asked_before(event.payload)
        self._ledger.counters.cache_misses += 1
        effects: list[Effect] = []
        straight = Straight(
            event.flow, event.source, event.payload, asked, key, slot, lane.server, now
        )
        tail = _HEADS[cd] + event.payload[HEADER_OCTETS:end] + _OPTS[do]
        straight.id, straight.carrier = self._exchanges.send(
            straight, lane.server, tail, until, effects
        )
        self._going[key] = straight
        return effects

    def hear(self, event: MessageArrived, now: Instant) -> list[Effect] | None:
        """Pass the reply to such a question on to its client; None, and nothing done, where more
        has to be thought about it."""
        straight = self._exchanges.in_flight.get(event.flow)
        reply = event.payload
        if not isinstance(straight, Straight) or len(reply) > limits.LARGEST_UDP_REPLY_OCTETS:
            return None
        if int.from_bytes(reply[:ID_OCTETS], "big") != straight.id:
            return None
        if event.source is not straight.server and event.source != straight.server:
            return None
        name, qtype, end, size, do, cd = straight.asked
        message = straight.message
        question = message[HEADER_OCTETS:end]
        read = read_plain_answers(reply, question, name, qtype)
        if read is None:
            return None
        records, section = read
        effects = self._exchanges.settle(straight, straight.carrier, now)
        del self._going[straight.key]
        kept = self._sources.cache.keep_rrset(straight.slot, records, now)
        answers = self._sources.private.left_out_of(kept)
        written = b""
        if answers is records and (len(records) == 1 or qtype not in ADDRESS_TYPES):
            head = _HEAD.pack(_FLAGS[cd], 1, len(records), 0, size >= 0)
            opt = b"" if size < 0 else _OPTS[do]
            written = message[:ID_OCTETS] + head + question + section + opt
        if not written or len(written) > udp_limit(size):
            query = parse_query(message)
            assert isinstance(query, Query)  # noqa: S101 - it was read before
            chosen = self._selector.select(answers)
            written = build_reply(query, Transport.UDP, answers=chosen, recursion_available=True)
        self._reception.release(straight.endpoint.address)
        self._ledger.counters.answered(_NOERROR, _FORWARDED)
        effects.append(Send(straight.flow, written))
        return effects

    def meet(self, name: str, qtype: int, wishes: Wishes) -> None:
        """Somebody else has to do with this question: if it is on its straight way, unfold it."""
        straight = self._going.get((name, qtype, wishes))
        if straight is not None:
            self._unfold(straight)

    def unfold_all(self) -> None:
        """Have all go on as other questions do: by the configuration that they began with."""
        for straight in tuple(self._going.values()):
            self._unfold(straight)

    def _is_met(
        self, key: _Key, asked: PlainQuestion, message: bytes, server: Endpoint, until: Instant
    ) -> bool:
        """Whether somebody waits for the answer to this already, or for the server's reply."""
        if key in self._going:
            return True
        name, qtype, wishes = key
        if self._errands and (name, qtype, IN, Terms(wishes, Transport.UDP, True)) in self._errands:
            return True
        if not self._exchanges.has_joinable():
            return False
        question = Question(asked[0], qtype)
        wire = message[HEADER_OCTETS : asked[2]]
        return self._exchanges.is_under_way(
            ask_of(server, question, wire, wishes, Transport.UDP, until)
        )

    def _unfold(self, wait: Wait[Errand]) -> InFlight[Errand]:
        assert isinstance(wait, Straight)  # noqa: S101 - nobody else puts waits into the table
        del self._going[wait.key]
        name, qtype, wishes = wait.key
        query = parse_query(wait.message)
        assert isinstance(query, Query)  # noqa: S101 - it was read before
        terms = Terms(wishes, Transport.UDP, recursion=True)
        resolution = self._sources.resolve(query.question, terms, wait.began, unknown=True)
        ask = next(resolution)
        assert isinstance(ask, Ask)  # noqa: S101 - several at once have no lane
        errand = Errand((name, qtype, IN, terms), resolution)
        errand.add(Client(wait.flow, wait.endpoint, Transport.UDP, query, wait.message))
        errand.under_way = True
        errand.asks((ask,))
        self._errands[errand.topic] = errand
        message = build_query(wait.id, ask.question_wire, rd=ask.rd, cd=ask.cd, edns=ask.edns)
        pending = InFlight[Errand](ask, wait.id, message, wait.carrier)
        pending.waits.append(wait)
        wait.asker = errand
        wait.pending = pending
        self._exchanges.unfolded(pending)
        return pending
