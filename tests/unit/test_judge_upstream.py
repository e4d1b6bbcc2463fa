"""The judge on the questions a server asks others: how many, in which mode, over what."""

from __future__ import annotations

from judging import Cases, cluster, lookup, without
from wire import BYSTANDER, DNS, REAL, Wire, framed, query_bytes, reply_bytes

from lab.judge.checks import (
    AskedIteratively,
    AskedOnceForMany,
    OutsideOnlyBy,
    RecursionDesired,
    TruncatedThenTcp,
)
from lab.observe.sighting import Ip

cases = Cases()

FIRST, SECOND, THIRD = REAL
WWW = "www.example.net"


def iterative(name: str, qtype: str = "A", identifier: int = 4711) -> bytes:
    query = bytearray(query_bytes(name, qtype, identifier))
    query[2] &= 0xFE  # RD=0
    return bytes(query)


# --- RecursionDesired -------------------------------------------------------------------------


@cases.passes(
    RecursionDesired(forwarding_to=(FIRST,)), RecursionDesired(asker="viewer", forwarding_to=(DNS,))
)
@cases.fails(RecursionDesired(iterating_at=(FIRST,)), because=f"{FIRST} was asked with RD=1")
@cases.fails(RecursionDesired(forwarding_to=(SECOND,)), because=f"{FIRST} was asked, which is none")
@cases.fails(
    RecursionDesired(forwarding_to=(FIRST,), iterating_at=(SECOND,)),
    because=f"{SECOND} was never asked",
)
@cases.fails(RecursionDesired(asker="tgp3"), because="tgp3 asked nobody")
def one_forwarded_question() -> Wire:
    wire = cluster()
    lookup(wire)
    return wire


@cases.passes(RecursionDesired(forwarding_to=(FIRST,), iterating_at=(SECOND,)))
@cases.fails(
    RecursionDesired(forwarding_to=(FIRST, SECOND)), because=f"{SECOND} was asked with RD=0"
)
def both_modes() -> Wire:
    wire = one_forwarded_question()
    wire.reply(wire.ask("dns", SECOND, payload=iterative(WWW)), rcode="NXDOMAIN")
    return wire


# --- AskedIteratively -------------------------------------------------------------------------

DOWN = AskedIteratively(name=WWW, servers=REAL)


def from_the_root(
    *asked: tuple[str, str], rcode: str | None = "NOERROR", rd: bool = False, after: str = ""
) -> Wire:
    """For www.example.net each of these servers is asked about each of these names."""
    wire = cluster()
    client = wire.ask("viewer", DNS, name=WWW)
    for number, (server, name) in enumerate(asked):
        payload = query_bytes(name, "A", number + 9) if rd else iterative(name, "A", number + 9)
        wire.reply(wire.ask("dns", server, payload=payload), rcode="NOERROR")
    if rcode is not None:
        wire.reply(client, rcode=rcode)
    if after:
        wire.ask("dns", after, payload=iterative(WWW))
    return wire


@cases.passes(
    DOWN,
    AskedIteratively(name="WWW.example.net.", servers=(f"192.0.2.1|{FIRST}", SECOND, THIRD)),
)
@cases.fails(
    AskedIteratively(name=WWW, servers=(FIRST, THIRD)),
    because=f"asked {FIRST}, then {SECOND}, then {THIRD}; expected {FIRST}, then {THIRD}",
)
@cases.fails(
    AskedIteratively(name=WWW, servers=(FIRST, "192.0.2.1|192.0.2.2", THIRD)), because="expected"
)
@cases.fails(AskedIteratively(name="example.net", servers=REAL), because="dns was not asked for ex")
@cases.fails(
    AskedIteratively(asker="bystander", name=WWW, servers=REAL), because="bystander was not"
)
def down_from_the_root() -> Wire:
    return from_the_root((FIRST, "net"), (SECOND, "example.net"), (THIRD, WWW))


@cases.passes(DOWN)
def two_questions_to_one_server_on_the_way() -> Wire:
    return from_the_root((FIRST, "."), (FIRST, "net"), (SECOND, "example.net"), (THIRD, WWW))


@cases.fails(DOWN, because="a question about www.example.org")
def another_name_on_the_way() -> Wire:
    return from_the_root((FIRST, "net"), (SECOND, "www.example.org"), (THIRD, WWW))


@cases.fails(DOWN, because=f"{FIRST} was asked with RD=1")
def forwarded_instead() -> Wire:
    return from_the_root((FIRST, WWW), rd=True)


@cases.fails(DOWN, because="asked nobody; expected")
def out_of_the_cache() -> Wire:
    return from_the_root()


@cases.fails(DOWN, because="the client was told SERVFAIL")
def in_vain() -> Wire:
    return from_the_root(
        (FIRST, "net"), (SECOND, "example.net"), (THIRD, WWW), rcode="SERVFAIL", after=FIRST
    )


@cases.fails(DOWN, because="the client was told nothing")
def the_client_hears_nothing() -> Wire:
    return from_the_root((FIRST, "net"), (SECOND, "example.net"), (THIRD, WWW), rcode=None)


# --- AskedOnceForMany -------------------------------------------------------------------------

THREE_AT_ONCE = AskedOnceForMany(name=WWW, clients=3)


def crowd(
    clients: int, upstream: int = 1, *, last: str | None = FIRST, rcode: str = "NOERROR"
) -> Wire:
    """Clients ask together; the last of them is told otherwise."""
    wire = cluster()
    waiting = [wire.ask("viewer", DNS, name=WWW) for _ in range(clients)]
    questions = [wire.ask("dns", FIRST, name=WWW) for _ in range(upstream)]
    wire.elapse(0.3)
    for question in questions:
        wire.reply(question, *REAL[:1])
    for client in waiting[:-1]:
        wire.reply(client, FIRST)
    if last is not None:
        wire.reply(waiting[-1], last, rcode=rcode)
    return wire


@cases.passes(THREE_AT_ONCE, AskedOnceForMany(name=WWW, clients=2))
@cases.fails(AskedOnceForMany(name=WWW, clients=4), because="3 clients waited at one moment, exp")
@cases.fails(AskedOnceForMany(name=WWW, qtype="AAAA", clients=3), because="dns asked nobody for")
@cases.fails(AskedOnceForMany(asker="tgp3", name=WWW, clients=3), because="tgp3 asked nobody")
def three_clients_and_one_question() -> Wire:
    return crowd(3)


@cases.fails(THREE_AT_ONCE, because="2 questions upstream for 3 client questions, allowed 1")
@cases.passes(AskedOnceForMany(name=WWW, clients=3, at_most=2))
def three_clients_and_two_questions() -> Wire:
    return crowd(3, 2)


@cases.fails(THREE_AT_ONCE, because="one client got nothing")
def one_client_is_forgotten() -> Wire:
    return crowd(3, last=None)


@cases.fails(THREE_AT_ONCE, because="one client got SERVFAIL")
def one_client_is_refused() -> Wire:
    return crowd(3, rcode="SERVFAIL")


@cases.fails(THREE_AT_ONCE, because="two clients got different data")
def one_client_gets_something_else() -> Wire:
    return crowd(3, last=SECOND)


@cases.fails(THREE_AT_ONCE, because="1 client waited at one moment")
def one_after_the_other() -> Wire:
    wire = crowd(1)
    for _ in range(2):
        wire.elapse(1)
        wire.exchange("viewer", DNS, FIRST, name=WWW)
    return wire


# --- TruncatedThenTcp -------------------------------------------------------------------------


def truncated(then: str | None, *, dialled: str | None = FIRST, refused: bool = False) -> Wire:
    """The first answers with TC=1; a server is dialled, and perhaps another asked over UDP."""
    wire = cluster()
    client = wire.ask("viewer", DNS)
    wire.exchange("dns", FIRST, tc=True)
    if dialled is not None:
        stream = wire.connect("dns", dialled, port=53, refused=refused)
        if not refused:
            query = query_bytes()
            stream.say(framed(query))
            stream.hear(framed(reply_bytes(query, *REAL)))
    if then is not None:
        wire.exchange("dns", then, *REAL)
    wire.reply(client, FIRST)
    return wire


@cases.passes(TruncatedThenTcp())
@cases.fails(TruncatedThenTcp(asker="tgp3"), because="no truncated reply came")
def the_same_server_over_tcp() -> Wire:
    return truncated(None)


@cases.passes(TruncatedThenTcp())
def refused_over_tcp_and_then_the_next() -> Wire:
    return truncated(SECOND, refused=True)


@cases.passes(TruncatedThenTcp())
def refused_over_tcp_and_nobody_else() -> Wire:
    return truncated(None, refused=True)


@cases.fails(TruncatedThenTcp(), because=f"{SECOND}:53 was asked, without TCP")
def the_next_over_udp() -> Wire:
    return truncated(SECOND, dialled=None)


@cases.fails(TruncatedThenTcp(), because="nobody was asked, without TCP")
def the_truncated_answer_is_taken() -> Wire:
    return truncated(None, dialled=None)


@cases.fails(TruncatedThenTcp(), because=f"{SECOND}:53 was asked, without TCP")
def another_server_over_tcp() -> Wire:
    return truncated(None, dialled=SECOND)


@cases.fails(TruncatedThenTcp(), because=f"{SECOND}:53 was asked, without TCP")
def tcp_comes_too_late() -> Wire:
    wire = cluster()
    client = wire.ask("viewer", DNS)
    wire.exchange("dns", FIRST, tc=True)
    wire.exchange("dns", SECOND, *REAL)
    wire.connect("dns", FIRST, port=53)
    wire.reply(client, FIRST)
    return wire


@cases.fails(TruncatedThenTcp(), because="nobody was asked, without TCP")
def tcp_when_the_client_is_served() -> Wire:
    wire = truncated(None, dialled=None)
    wire.connect("dns", FIRST, port=53)
    return wire


@cases.fails(TruncatedThenTcp(), because="no truncated reply came")
def nothing_truncated() -> Wire:
    return one_forwarded_question()


# --- OutsideOnlyBy ----------------------------------------------------------------------------

OUTSIDE = ("servers",)
ONLY_DNS = OutsideOnlyBy(asker="dns", outside=OUTSIDE)


@cases.passes(ONLY_DNS)
@cases.fails(
    OutsideOnlyBy(asker="bystander", outside=OUTSIDE),
    because=f"a packet of dns to {FIRST} got outside",
)
@cases.fails(OutsideOnlyBy(asker="tgp1", outside=("lan",)), because="no question of tgp1 got out")
@cases.fails(
    OutsideOnlyBy(asker="dns", outside=OUTSIDE, blocked=("bystander",)),
    because="bystander never tried",
)
def only_the_designated_one() -> Wire:
    return one_forwarded_question()


def dropped_at_the_router(wire: Wire) -> Wire:
    """What the bystander sends reaches the router and goes no further."""
    wire.ask("bystander", FIRST)
    wire.connect("bystander", FIRST, port=53, silent=True)
    return without(
        wire,
        lambda sighting: (
            sighting.interface in {"router-eth1", "tgp1-eth0"}
            and isinstance(sighting.network, Ip)
            and sighting.network.source == BYSTANDER
        ),
    )


@cases.passes(OutsideOnlyBy(asker="dns", outside=OUTSIDE, blocked=("bystander",)), ONLY_DNS)
def the_firewall_stops_another() -> Wire:
    return dropped_at_the_router(only_the_designated_one())


@cases.fails(ONLY_DNS, because=f"a packet of bystander to {SECOND} got outside")
def another_gets_through() -> Wire:
    wire = the_firewall_stops_another()
    wire.ask("bystander", SECOND, lost=True)
    return wire


@cases.fails(ONLY_DNS, because=f"a packet of bystander to {SECOND} got outside")
def another_gets_through_over_tcp() -> Wire:
    wire = the_firewall_stops_another()
    wire.connect("bystander", SECOND, port=53, lost=True)
    return wire


@cases.passes(ONLY_DNS)
def servers_outside_ask_one_another() -> Wire:
    wire = only_the_designated_one()
    wire.exchange("tgp1", SECOND, *REAL)
    wire.connect("tgp1", SECOND, port=53)
    return wire


@cases.fails(ONLY_DNS, because="no question of dns got outside")
def nobody_asks_outside() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, FIRST)
    return wire


test_cases = cases.test()
