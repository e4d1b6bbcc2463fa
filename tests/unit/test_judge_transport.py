"""The judge on sizes, truncation, streams, and where replies come from."""

from __future__ import annotations

from judging import Cases, cluster
from spoken import WWW, asks, converse, opt, resolved, says
from wire import BYSTANDER, DNS, MS, REAL, Stream, Wire, framed

from lab.judge.checks import (
    AnsweredOnConnection,
    NotHeldUp,
    RepliesFromAskedAddress,
    ReplyFits,
    TransportKept,
    TruncationTold,
)
from resolver.machine import Endpoint

cases = Cases()

ADDRESS = f"{WWW} 60 A 192.0.2.1"
TEXT = "this-is-rather-a-long-text-that-fills-a-reply"


def texts(number: int) -> list[str]:
    return [f"{WWW} 60 TXT {TEXT}-{place:02}" for place in range(number)]


# --- ReplyFits --------------------------------------------------------------------------------

PLAIN, WIDE, NARROW = asks(), asks(opt=opt(1232)), asks(opt=opt(100))


def told(query: bytes, *answer: str, **how: bool) -> Wire:
    wire = cluster()
    opts = (opt(),) if query[11] else ()
    converse(wire, "viewer", DNS, query, says(query, *answer, opts=opts, **how))
    return wire


@cases.passes(ReplyFits(), ReplyFits(truncated=False, name=WWW, qtype="A"))
@cases.fails(ReplyFits(asker="bystander"), because="bystander put no such question over UDP")
@cases.fails(ReplyFits(advertised=1232), because="viewer put no such question over UDP")
@cases.fails(ReplyFits(truncated=True), because="TC=0")
@cases.fails(ReplyFits(at_least_octets=512), because="octets, expected 512 at least")
def a_small_reply() -> Wire:
    return told(PLAIN, ADDRESS)


@cases.passes(ReplyFits(truncated=True))
@cases.fails(ReplyFits(truncated=False), because="TC=1")
def a_truncated_reply() -> Wire:
    return told(PLAIN, tc=True)


@cases.passes(ReplyFits(advertised=1232, truncated=False, at_least_octets=800))
def a_wide_reply() -> Wire:
    return told(WIDE, *texts(10))


@cases.fails(ReplyFits(), because="octets, allowed 512")
def a_wide_reply_to_a_plain_question() -> Wire:
    return told(PLAIN, *texts(10))


@cases.fails(ReplyFits(), because="octets, allowed 1232")
def too_wide_a_reply() -> Wire:
    return told(WIDE, *texts(20))


@cases.passes(ReplyFits(advertised=100))
def a_size_below_512_counts_as_512() -> Wire:
    return told(NARROW, *texts(4))


@cases.fails(ReplyFits(advertised=100), because="octets, allowed 512")
def too_wide_for_a_narrow_one() -> Wire:
    return told(NARROW, *texts(8))


@cases.fails(ReplyFits(), because="a question got no reply")
def silence() -> Wire:
    wire = cluster()
    converse(wire, "viewer", DNS, PLAIN)
    return wire


@cases.fails(ReplyFits(), because="viewer put no such question over UDP")
def only_over_tcp() -> Wire:
    wire = cluster()
    over_tcp(wire, "viewer", DNS, asks(), says(asks(), *texts(20)))
    return wire


def over_tcp(wire: Wire, asker: str, to: str, query: bytes, reply: bytes | None) -> Stream:
    stream = wire.connect(asker, to, port=53)
    stream.say(framed(query))
    if reply is not None:
        stream.hear(framed(reply))
    return stream


# --- TruncationTold ---------------------------------------------------------------------------

BY_ITSELF, BY_UPSTREAM = TruncationTold(of="itself"), TruncationTold(of="upstream")


def cut(upstream: bytes, *answer: str, tc: bool) -> Wire:
    wire = cluster()
    resolved(wire, DNS, REAL[0], asks(), upstream, *answer, tc=tc)
    return wire


@cases.passes(BY_ITSELF)
@cases.fails(BY_UPSTREAM, because="no reply of dns was cut by upstream")
@cases.fails(TruncationTold(of="itself", server="tgp1"), because="no reply of tgp1 was cut")
def its_own_cut_is_told() -> Wire:
    return cut(says(asks(), *texts(3)), tc=True)


@cases.fails(BY_ITSELF, because="1 of 3 records without TC")
def its_own_cut_is_not_told() -> Wire:
    return cut(says(asks(), *texts(3)), texts(1)[0], tc=False)


@cases.passes(BY_UPSTREAM)
@cases.fails(BY_ITSELF, because="no reply of dns was cut by itself")
def a_cut_upstream_is_told() -> Wire:
    return cut(says(asks(), *texts(1), tc=True), texts(1)[0], tc=True)


@cases.fails(BY_UPSTREAM, because="the truncated reply lost its TC")
def a_cut_upstream_is_lost() -> Wire:
    return cut(says(asks(), *texts(1), tc=True), texts(1)[0], tc=False)


# --- AnsweredOnConnection ---------------------------------------------------------------------

TWO = [asks(f"n{number}.example.net", identifier=number) for number in (1, 2)]


def piped(order: tuple[int, ...] = (0, 1)) -> Wire:
    """Two questions on one connection, answered in this order."""
    wire = cluster()
    stream = wire.connect("viewer", DNS, port=53)
    for query in TWO:
        stream.say(framed(query))
    for place in order:
        stream.hear(framed(says(TWO[place])))
    return wire


@cases.passes(AnsweredOnConnection(), AnsweredOnConnection(questions=2, first_contact=True))
@cases.fails(AnsweredOnConnection(asker="bystander"), because="bystander never asked over TCP")
@cases.fails(AnsweredOnConnection(questions=3), because="at most 2 questions on one connection")
@cases.fails(AnsweredOnConnection(segments=2), because="no question came in 2 segments, but in 1")
@cases.fails(AnsweredOnConnection(out_of_order=True), because="in the order of the questions")
def two_in_order() -> Wire:
    return piped()


@cases.passes(AnsweredOnConnection(questions=2, out_of_order=True))
def two_out_of_order() -> Wire:
    return piped((1, 0))


@cases.fails(AnsweredOnConnection(), because="no reply on the connection")
def one_is_lost() -> Wire:
    return piped((0,))


@cases.passes(AnsweredOnConnection(segments=3))
def in_three_segments() -> Wire:
    wire = cluster()
    stream = wire.connect("viewer", DNS, port=53)
    octets = framed(asks())
    for piece in (octets[:1], octets[1:7], octets[7:]):
        stream.say(piece)
    stream.hear(framed(says(asks(), ADDRESS)))
    return wire


@cases.passes(AnsweredOnConnection())
@cases.fails(AnsweredOnConnection(first_contact=True), because="a question over UDP went before")
def udp_first() -> Wire:
    wire = told(PLAIN, ADDRESS)
    over_tcp(wire, "viewer", DNS, asks(), says(asks(), ADDRESS))
    return wire


@cases.fails(AnsweredOnConnection(), because="no reply on the connection")
def answered_on_another_connection() -> Wire:
    wire = cluster()
    over_tcp(wire, "viewer", DNS, asks(), None)
    other = wire.connect("viewer", DNS, port=53)
    other.hear(framed(says(asks(), ADDRESS)))
    return wire


# --- TransportKept ----------------------------------------------------------------------------


def forwarded(*, udp_first: bool = False, tcp: bool = True) -> Wire:
    wire = cluster()
    stream = over_tcp(wire, "viewer", DNS, asks(), None)
    if udp_first:
        converse(wire, "dns", REAL[0], asks(identifier=7), says(asks(identifier=7), tc=True))
    if tcp:
        over_tcp(wire, "dns", REAL[0], asks(identifier=8), says(asks(identifier=8), ADDRESS))
    stream.hear(framed(says(asks(), ADDRESS)))
    return wire


@cases.passes(TransportKept())
@cases.fails(TransportKept(server="tgp2"), because="tgp2 asked nobody for a question")
def tcp_out() -> Wire:
    return forwarded()


@cases.fails(TransportKept(), because=f"{REAL[0]} was asked over UDP")
def a_doomed_try_over_udp() -> Wire:
    return forwarded(udp_first=True)


@cases.fails(TransportKept(), because="dns asked nobody for a question that came over TCP")
def nothing_out() -> Wire:
    return forwarded(tcp=False)


@cases.fails(TransportKept(), because="dns asked nobody for a question that came over TCP")
def nothing_over_tcp_in() -> Wire:
    return its_own_cut_is_told()


# --- RepliesFromAskedAddress ------------------------------------------------------------------

FROM_ASKED = RepliesFromAskedAddress(addresses=(DNS,))


@cases.passes(FROM_ASKED)
@cases.fails(
    RepliesFromAskedAddress(addresses=(DNS, "192.168.1.3")),
    because="dns was not asked at 192.168.1.3",
)
@cases.fails(
    RepliesFromAskedAddress(server="tgp1", addresses=(REAL[0],)),
    because=f"tgp1 was not asked at {REAL[0]}",
)
def from_where_it_was_asked() -> Wire:
    return told(PLAIN, ADDRESS)


@cases.fails(FROM_ASKED, because=f"asked at {DNS}:53, replied from 192.168.1.3:53")
def from_another_address() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS, payload=PLAIN)
    wire.reply(asked, payload=says(PLAIN, ADDRESS), source=Endpoint("192.168.1.3", 53))
    return wire


@cases.fails(FROM_ASKED, because=f"asked at {DNS}:53, replied from {DNS}:5353")
def from_another_port() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS, payload=PLAIN, port=53)
    wire.reply(asked, payload=says(PLAIN, ADDRESS), source=Endpoint(DNS, 5353))
    return wire


@cases.fails(FROM_ASKED, because=f"nothing came back from {DNS}")
def from_nowhere() -> Wire:
    wire = cluster()
    wire.ask("viewer", DNS, payload=PLAIN)
    return wire


# --- NotHeldUp --------------------------------------------------------------------------------

QUICK, SLOW = "quick.example.net", "slow.example.net"
FREE = NotHeldUp(name=QUICK, slow=SLOW, within_s=0.2)


def beside_a_slow_one(took_s: float = 0.01, *, answered: bool = True, after: bool = False) -> Wire:
    wire = cluster()
    slow = asks(SLOW, identifier=1)
    asked = wire.ask("bystander", DNS, payload=slow)
    quick = asks(QUICK, identifier=2)
    if after:
        wire.reply(asked, payload=says(slow))
    question = wire.ask("viewer", DNS, payload=quick)
    wire.elapse(took_s)
    if answered:
        wire.reply(question, payload=says(quick))
    if not after:
        wire.elapse(1)
        wire.reply(asked, payload=says(slow))
    return wire


@cases.passes(FREE)
@cases.fails(FREE.model_copy(update={"asker": "tgp1"}), because="while the slow one was open")
@cases.fails(FREE.model_copy(update={"slow": "x.test"}), because="while the slow one was open")
def answered_meanwhile() -> Wire:
    return beside_a_slow_one()


@cases.fails(FREE, because="ms, bound 0.2 s")
def held_up() -> Wire:
    return beside_a_slow_one(0.9)


@cases.fails(FREE, because="the question got no reply")
def lost_meanwhile() -> Wire:
    return beside_a_slow_one(answered=False)


@cases.fails(FREE, because="no question was put while the slow one was open")
def put_afterwards() -> Wire:
    return beside_a_slow_one(after=True)


@cases.fails(FREE, because="the slow question was answered first")
def answered_in_turn() -> Wire:
    wire = cluster()
    slow, quick = asks(SLOW, identifier=1), asks(QUICK, identifier=2)
    asked = wire.ask("bystander", DNS, payload=slow)
    question = wire.ask("viewer", DNS, payload=quick)
    wire.reply(asked, payload=says(slow))
    wire.now += MS
    wire.reply(question, payload=says(quick))
    return wire


def test_the_bystander_is_where_these_stories_think_it_is():
    assert cluster().plan.node("bystander").addresses() == (BYSTANDER,)


test_cases = cases.test()
