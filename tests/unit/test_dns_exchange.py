"""Which replies count, and how unpredictable the questions are."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from dns_upstreams import (
    CLIENT,
    FIRST,
    HERE,
    SECOND_,
    THIRD,
    ZONE,
    Stage,
    a,
    answering,
    cname,
    silent,
)

from resolver import limits
from resolver.config import ForwardRule, ResolverConfig
from resolver.dns.asking import Ask
from resolver.dns.exchange import Exchanges
from resolver.dns.facts import ReplyMismatched, ServerUnreachable
from resolver.dns.full import Resolver
from resolver.dns.message import Question, build_query, build_reply, question_wire
from resolver.dns.records import Type
from resolver.machine import (
    MILLISECOND,
    SECOND,
    Close,
    Endpoint,
    MessageArrived,
    Note,
    Open,
    PortTaken,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)

UDP = Transport.UDP


def forged(asked, *, source=None, id_=None, wire=None, cut=None, flags=None):
    """The true reply with one fault."""
    reply = build_reply(asked.query, UDP, answers=[a(ZONE, "6.6.6.6")])
    if id_ is not None:
        reply = id_.to_bytes(2, "big") + reply[2:]
    if flags is not None:
        reply = reply[:2] + flags.to_bytes(2, "big") + reply[4:]
    if wire is not None:
        query = asked.query._replace(question_wire=wire)
        reply = build_reply(query, UDP, answers=[a(ZONE, "6.6.6.6")])
    here = Endpoint(HERE.address, asked.source_port)
    return MessageArrived(asked.flow, reply[:cut], UDP, source or asked.server, here)


FORGERIES = {
    "another address": lambda q: forged(q, source=Endpoint("10.10.10.66", 53)),
    "another port": lambda q: forged(q, source=Endpoint(FIRST.address, 5353)),
    "another ID": lambda q: forged(q, id_=q.query.id ^ 1),
    "another name": lambda q: forged(q, wire=question_wire(Question("x." + ZONE, 1))),
    "another case": lambda q: forged(q, wire=question_wire(Question(ZONE.upper(), 1))),
    "another type": lambda q: forged(q, wire=question_wire(Question(ZONE, 28))),
    "another class": lambda q: forged(q, wire=question_wire(Question(ZONE, 1, 3))),
    "a query": lambda q: forged(q, flags=0x0100),
    "cut in the header": lambda q: forged(q, cut=7),
    "cut in the answer": lambda q: forged(q, cut=-15),
    "nothing": lambda q: forged(q, cut=0),
    "a bare header": lambda q: forged(q)._replace(payload=q.payload[:2] + b"\x81\x82" + b"\0" * 8),
}


@pytest.mark.parametrize("fault", FORGERIES)
def test_a_forgery_is_noted_and_the_true_reply_wins(fault):
    def script(asked):
        yield MILLISECOND, FORGERIES[fault](asked)
        yield from answering("10.0.0.1", after=500 * MILLISECOND)(asked)

    play = Stage({FIRST: script})
    got = play.resolve()
    assert (got.at, got.addresses) == (500 * MILLISECOND, ["10.0.0.1"])
    assert len(play.asked) == 1
    mismatches = [fact for fact in play.facts if isinstance(fact, ReplyMismatched)]
    assert len(mismatches) == 1
    assert str(mismatches[0])


def test_a_datagram_longer_than_any_we_offered_to_take_is_no_reply():
    def script(asked):
        yield (
            MILLISECOND,
            build_reply(asked.query, UDP, answers=[a(ZONE, "10.0.0.1")]) + bytes(4096),
        )
        yield 2 * MILLISECOND, build_reply(asked.query, UDP, answers=[a(ZONE, "10.0.0.2")])

    assert Stage({FIRST: script}).resolve().addresses == ["10.0.0.2"]


NAMES = [f"n{number}.{ZONE}" for number in range(50)]


def leading_to(target):
    """Aliases of one name, spelt in many ways, and its address a while later."""

    def script(asked):
        name = asked.query.question.name
        records = [a(name, "10.10.10.1")]
        if name in NAMES:
            spelt = target.upper() if NAMES.index(name) % 2 else target
            records = [cname(name, spelt)]
        yield 10 * MILLISECOND, build_reply(asked.query, asked.transport, answers=records)

    return script


def test_many_names_with_one_target_make_one_question_of_it():
    # RFC 5452 5: with n of the same under way, a forger has n times the chance.
    target = "target.other.test"
    rules = (ForwardRule(ZONE, (FIRST,)), ForwardRule("other.test", (FIRST,)))
    play = Stage({FIRST: leading_to(target)}, rules)
    for number, name in enumerate(NAMES):
        play.ask(name, id_=number, flow=number_of(number))
    play.run()
    assert [got.addresses for got in play.got] == [["10.10.10.1"]] * len(NAMES)
    of_target = [asked for asked in play.asked if asked.query.question.name.lower() == target]
    assert len(of_target) == 1


def test_who_joins_waits_as_long_as_anybody_but_nobody_joins_what_was_waited_for_in_vain():
    exchanges, effects = Exchanges(Random(1)), []
    question = Question(ZONE, Type.A)
    heard = []

    def ask(now, asker):
        wire = question_wire(question)
        exchanges.ask(Ask(FIRST, question, wire, UDP, now + SECOND, None), asker, effects)

    def live_until(now):
        while (due := exchanges.deadline()) is not None and due <= now:
            settled = exchanges.expire(due, effects)
            heard.append((settled.asker, settled.heard.at // MILLISECOND))

    ask(0, "first")
    live_until(600 * MILLISECOND)
    ask(600 * MILLISECOND, "second")
    live_until(1200 * MILLISECOND)
    assert len([effect for effect in effects if isinstance(effect, Open)]) == 1
    # The question or its reply may have been lost: from now on it is sent anew.
    ask(1200 * MILLISECOND, "third")
    assert len([effect for effect in effects if isinstance(effect, Open)]) == 2
    live_until(5 * SECOND)
    assert heard == [("first", 1000), ("second", 1600), ("third", 2200)]
    assert len([effect for effect in effects if isinstance(effect, Close)]) == 2
    assert not len(exchanges)


def number_of(number):
    return f"client {number}"


def test_a_forgery_does_not_prolong_the_wait_either():
    def script(asked):
        for number in range(1, 100):
            yield number * 25 * MILLISECOND, FORGERIES["another ID"](asked)

    play = Stage({FIRST: script, SECOND_: answering("10.0.0.2")})
    assert play.resolve().at == 2 * SECOND + MILLISECOND


def machine(**options) -> Resolver:
    rule = ForwardRule(".", (FIRST,))
    return Resolver(ResolverConfig((HERE,), forward=(rule,), **options), Random(3), Random(4))


def ask(resolver: Resolver, name: str, flow="c", now: int = 0, transport=UDP):
    payload = build_query(1, question_wire(Question(name, 1)), edns=None)
    return resolver.handle(MessageArrived(flow, payload, transport, CLIENT, HERE), now)


def only(effects, kind):
    found = [effect for effect in effects if isinstance(effect, kind)]
    assert len(found) == 1, effects
    return found[0]


def test_ids_and_ports_are_spread_and_follow_no_sequence():
    resolver = machine()
    ids, ports = [], []
    for number in range(1000):
        effects = ask(resolver, f"n{number}", flow=f"c{number}")
        ports.append(only(effects, Open).source_port)
        ids.append(int.from_bytes(only(effects, Send).payload[:2], "big"))
    assert len(set(ports)) == 1000  # no two of our own sockets share one
    assert len(set(ids)) > 970
    for drawn, low in ((ids, 0), (ports, 1024)):
        assert low <= min(drawn) < 3000
        assert 63000 < max(drawn) <= 65535
        steps = {b - a for a, b in pairwise(drawn)}
        assert len(steps) > 950


def test_a_taken_port_means_another_one_and_the_same_wait():
    resolver = machine()
    effects = ask(resolver, "x")
    first, sent = only(effects, Open), only(effects, Send)
    effects = resolver.handle(PortTaken(first.flow), MILLISECOND)
    again = only(effects, Open)
    assert again.flow != first.flow
    assert again.source_port != first.source_port
    assert only(effects, Send).payload == sent.payload
    assert resolver.deadline() == 2 * SECOND


def test_a_host_without_free_ports_is_an_unreachable_server():
    resolver = machine()
    effects = ask(resolver, "x")
    for _ in range(limits.SOURCE_PORT_DRAWS):
        effects = resolver.handle(PortTaken(only(effects, Open).flow), 0)
    effects = resolver.handle(PortTaken(only(effects, Open).flow), 0)
    fact = ServerUnreachable(FIRST, Question("x", 1), "no free source port")
    assert Note(fact) in effects
    assert only(effects, Send).flow == "c"
    assert resolver.deadline() is None


def test_every_socket_is_closed_and_late_events_of_it_do_nothing():
    resolver = machine()
    opened = only(ask(resolver, "x"), Open)
    effects = resolver.expire(2 * SECOND)
    assert only(effects, Close).flow == opened.flow
    for event in (
        MessageArrived(opened.flow, b"late", UDP, FIRST, HERE),
        Unreachable(opened.flow, "port unreachable"),
        StreamClosed(opened.flow),
        PortTaken(opened.flow),
    ):
        assert resolver.handle(event, 3 * SECOND) == []
    assert resolver.deadline() is None


def test_a_stream_that_ends_before_its_reply_sends_the_question_on():
    def ends(asked):
        yield MILLISECOND, StreamClosed(asked.flow)

    play = Stage({FIRST: ends, SECOND_: answering("10.0.0.2"), THIRD: silent})
    play.happen(StreamOpened("stream", CLIENT, HERE))
    play.ask(transport=Transport.TCP, flow="stream")
    play.run(SECOND)
    assert [got.addresses for got in play.got] == [["10.0.0.2"]]
    assert [q.transport for q in play.asked] == [Transport.TCP, Transport.TCP]


def test_names_of_every_type_are_matched_in_the_clients_case():
    play = Stage({FIRST: answering("2001:db8::1")})
    got = play.resolve("inTERnet.INTERN.netz", Type.AAAA)
    assert got.addresses == ["2001:db8::1"]
    assert play.asked[0].query.question.name == "inTERnet.INTERN.netz"
    assert b"\x08inTERnet\x06INTERN\x04netz\0" in got.payload
