"""The questions that clients asked in a capture, and what each got."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lab.captures.cuts import CUT
from lab.captures.frames import Losses
from lab.captures.packets import SeenPacket
from lab.captures.placing import Recognition
from lab.captures.strangers import goes_to_dns
from lab.observe.connection import connections_of, is_dns
from lab.observe.dns_exchange import DnsExchange, exchanges_of
from lab.observe.dns_message import concerns_dns, messages_over_udp
from lab.observe.dns_wording import asked as question_text
from lab.observe.passage import Passage, Trip
from lab.observe.sighting import Sighting, Tcp, Udp
from lab.topology.plan import Plan
from resolver.machine import MILLISECOND, Endpoint, Instant, Transport

_UDP = 17
_SHORTEST_QUESTION = 12
"""A header (RFC 1035 4.1.1); less than that has no ID to match by."""


@dataclass(frozen=True, slots=True)
class CapturedQuestion:
    """A question of a client, as the capture has it."""

    frame: int
    at: Instant
    """ns since the epoch."""
    client: Endpoint
    connection: int | None
    """Over TCP: questions with the same number shared a connection; None: over UDP."""
    text: str
    """For people: "A internet.intern.netz"."""
    name: str
    """Lower case, no final dot."""
    payload: bytes
    """The whole message, with its ID."""
    repeats: int | None
    """Place, among the questions, of the first sending of the same message from the same socket."""
    rcode: str | None
    """What it got; None: no answer in the capture."""
    addresses: tuple[str, ...]
    wait_ms: float | None


@dataclass(slots=True)
class CapturedQuestions:
    """Everything that clients asked one server."""

    server: str
    """The address they asked."""
    questions: list[CapturedQuestion]
    """In order of asking."""
    askers: Counter[str] = field(default_factory=Counter)
    """Client address → number of its questions."""
    others: Counter[str] = field(default_factory=Counter)
    """Questions to other servers, which were not taken, by "asker → server"."""
    twice: int = 0
    """Packets that were captured more than once, each counted once."""


class NobodyAsked(Exception):
    """A capture holds no question of a client; the message says what it holds instead."""


def questions_of(
    packets: Iterable[SeenPacket], losses: Losses, *, server: str | None = None
) -> CapturedQuestions:
    """The questions that clients asked in a capture, in order.

    `server`: the address of the DNS server whose clients are meant; None: the one that most
    clients ask, of those that ask nobody who asks in turn. Raises NobodyAsked.
    """
    spoken = sorted((each for each in packets if _speaks_dns(each, losses)), key=_at)
    once = list(_once(spoken))
    exchanges, streams = _exchanges(once)
    asked = _asked(once)
    if server is None:
        server = _most_asked(asked, exchanges)
    if server is None or server not in asked:
        told = ", ".join(f"{each} ({sum(by.values())})" for each, by in asked.items()) or "nobody"
        meant = f"asks {server}" if server is not None else "asks anybody (UDP or TCP port 53)"
        raise NobodyAsked(f"nobody in the capture {meant}; asked are {told}")
    clients = _clients_of(server, asked)
    wanted = [
        each
        for each in exchanges
        if each.query.destination.address == server and each.asker in clients
    ]
    found = CapturedQuestions(server, list(_questions(wanted, streams, losses)))
    found.twice = len(spoken) - len(once)
    found.askers = Counter(each.client.address for each in found.questions)
    found.others = Counter(
        f"{each.asker} → {each.query.destination.address}"
        for each in exchanges
        if each.query.destination.address != server
    )
    if not found.questions:
        raise NobodyAsked(f"nobody asks {server} a question that can be asked again")
    return found


# --- packets ----------------------------------------------------------------------------------


def _speaks_dns(packet: SeenPacket, losses: Losses) -> bool:
    if packet.cut:
        losses.count(CUT)
        return False
    transport = packet.ip.transport
    if transport is None:
        return packet.ip.protocol == _UDP  # a fragment may be of a reply
    return isinstance(transport, Udp | Tcp) and concerns_dns(transport)


def _once(packets: Iterable[SeenPacket]) -> Iterator[SeenPacket]:
    """Each packet once, at however many places it was captured: routers on its way change its TTL,
    and nothing else that counts here."""
    seen = Recognition()
    return (packet for packet in packets if not seen.is_known(packet))


def _exchanges(packets: Sequence[SeenPacket]) -> tuple[list[DnsExchange], dict[int, int]]:
    """Questions and replies, with addresses in the place of nodes: who asked whom is all there is
    to know; and for each message over TCP (`id`) the number of its connection."""
    trips = [_trip(each) for each in packets]
    messages = messages_over_udp(trips)
    streams: dict[int, int] = {}
    for number, connection in enumerate(connections_of(trips, frozenset(), 0, {})):
        if is_dns(connection):
            carried = connection.messages()
            streams |= dict.fromkeys(map(id, carried), number)
            messages += carried
    messages.sort(key=lambda message: message.at)
    return exchanges_of(messages, _NOBODYS_PLAN, {}), streams


def _trip(packet: SeenPacket) -> Trip:
    ip = packet.ip
    left = Sighting(packet.number, packet.at, ip.source, "", True, ip)
    came = Sighting(packet.number, packet.at, ip.destination, "", False, ip)
    return Trip((Passage("", left, came, ip, ip.source, ip.destination, packet.at),))


_NOBODYS_PLAN = Plan("", "", (), (), None, 0)


# --- who asks whom ----------------------------------------------------------------------------


def _asked(packets: Iterable[SeenPacket]) -> dict[str, Counter[str]]:
    """Server → how many packets with questions came from whom."""
    asked: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for packet in packets:
        ip = packet.ip
        if goes_to_dns(ip) and ip.transport is not None and ip.transport.payload:
            asked[ip.destination][ip.source] += 1
    return dict(asked)


def _clients_of(server: str, asked: dict[str, Counter[str]]) -> frozenset[str]:
    """Those who ask a server and are asked by nobody else: they ask for themselves."""
    return frozenset(
        asker for asker in asked.get(server, ()) if not set(asked.get(asker, ())) - {server}
    )


def _most_asked(asked: dict[str, Counter[str]], exchanges: Iterable[DnsExchange]) -> str | None:
    """The server with the most clients, then with the most questions of clients that it answered
    (nothing can be compared with a dead one), then with the most at all. A server that asks
    upstream is no client there, so what forwarders are asked does not count."""
    answered = Counter(
        (each.query.destination.address, each.asker) for each in exchanges if each.reply is not None
    )

    def standing(server: str) -> tuple[int, int, int]:
        clients = _clients_of(server, asked)
        return (
            len(clients),
            sum(answered[server, each] for each in clients),
            sum(asked[server][each] for each in clients),
        )

    return max(asked, key=standing, default=None)


# --- questions --------------------------------------------------------------------------------


def _questions(
    exchanges: Iterable[DnsExchange], streams: dict[int, int], losses: Losses
) -> Iterator[CapturedQuestion]:
    waiting: dict[object, tuple[int, list[DnsExchange]]] = {}
    """By socket and message: the place of its first sending, and all its sendings."""
    place = 0
    for exchange in exchanges:
        query = exchange.query
        if not query.complete or len(query.payload) < _SHORTEST_QUESTION:
            losses.count("a question that is no whole DNS message")
            continue
        repeats = None
        if query.transport is Transport.UDP:
            key = (query.source, query.payload)
            first, sendings = waiting.get(key, (place, []))
            if sendings and not any(_is_answered(each, query.at) for each in sendings):
                repeats = first
                sendings.append(exchange)
            else:
                waiting[key] = (place, [exchange])
        reply, waited = exchange.reply, exchange.latency_ns
        yield CapturedQuestion(
            frame=query.frames[0],
            at=query.at,
            client=query.source,
            connection=streams.get(id(query)),
            text=question_text(query),
            name=query.name,
            payload=query.payload,
            repeats=repeats,
            rcode=None if reply is None else reply.rcode,
            addresses=() if reply is None else reply.addresses,
            wait_ms=None if waited is None else waited / MILLISECOND,
        )
        place += 1


def _is_answered(exchange: DnsExchange, by: Instant) -> bool:
    return exchange.answered_at is not None and exchange.answered_at <= by


def _at(packet: SeenPacket) -> Instant:
    return packet.at
