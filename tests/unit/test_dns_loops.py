"""Servers that forward to each other (FWD-21): how many packets a question costs them all."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from random import Random

import pytest
from dns_upstreams import CLIENT, HERE, Stage, answering

from resolver.config import ForwardRule, ResolverConfig
from resolver.dns.facts import QuestionReturned
from resolver.dns.full import Resolver
from resolver.dns.message import Edns, Question, Rcode, build_query, question_wire
from resolver.dns.message_reading import parse_reply
from resolver.machine import (
    MILLISECOND,
    SECOND,
    Close,
    Effect,
    Endpoint,
    MessageArrived,
    Note,
    Open,
    Reconfigured,
    Send,
    Transport,
)

UDP = Transport.UDP
NAME = "www.example"


def at(number: int) -> Endpoint:
    return Endpoint(f"10.0.0.{number}", 53)


class Ring:
    """Resolvers that ask one another, a millisecond apart, in virtual time."""

    def __init__(self, *forwards: tuple[int, ...]) -> None:
        """`forwards[n]`: the numbers of those whom resolver n asks, in order."""
        self.resolvers: dict[Endpoint, Resolver] = {
            at(number): Resolver(
                ResolverConfig((at(number),), forward=(ForwardRule(".", tuple(map(at, others))),)),
                Random(number),
                Random(number),
            )
            for number, others in enumerate(forwards)
        }
        self.now = 0
        self.questions: list[tuple[Endpoint, Endpoint]] = []
        """Between the resolvers: from whom, to whom."""
        self.answers: list[tuple[int, int]] = []
        """To the client: when, and the RCODE."""
        self.facts: list[object] = []
        self._sockets: dict[tuple[Endpoint, Endpoint], tuple[Endpoint, int]] = {}
        self._coming: list[tuple[int, int, Endpoint, MessageArrived]] = []
        self._serial = count()

    def ask(self, resolver: int, name: str = NAME, id_: int = 1) -> None:
        query = build_query(id_, question_wire(Question(name, 1)), edns=Edns(1232))
        event = MessageArrived((CLIENT, id_), query, UDP, CLIENT, at(resolver))
        self._happen(at(resolver), event)

    def run(self) -> None:
        while True:
            deadlines = [d for r in self.resolvers.values() if (d := r.deadline()) is not None]
            arrivals = [self._coming[0][0]] if self._coming else []
            if not (due := [*deadlines, *arrivals]):
                return
            self.now = max(self.now, min(due))
            if arrivals and arrivals[0] <= self.now:
                _, _, where, event = heappop(self._coming)
                self._happen(where, event)
            else:
                for where, resolver in self.resolvers.items():
                    self._perform(where, resolver.expire(self.now))

    def _happen(self, where: Endpoint, event: MessageArrived) -> None:
        self._perform(where, self.resolvers[where].handle(event, self.now))

    def _perform(self, where: Endpoint, effects: list[Effect]) -> None:
        open_: dict[int, tuple[Endpoint, Endpoint]] = {}
        for effect in effects:
            match effect:
                case Note(fact):
                    self.facts.append(fact)
                case Open(flow, _, remote, port):
                    open_[flow] = Endpoint(where.address, port), remote
                    self._sockets[open_[flow]] = where, flow
                case Close(int() as flow):
                    self._sockets = {k: v for k, v in self._sockets.items() if v != (where, flow)}
                case Send(int() as flow, payload):
                    here, remote = open_[flow]
                    self.questions.append((where, remote))
                    self._send(remote, MessageArrived((here, remote), payload, UDP, here, remote))
                case Send((source, _), payload) if source == CLIENT:
                    self.answers.append((self.now, parse_reply(payload).rcode))
                case Send((asker, asked), payload):
                    if (asker, asked) in self._sockets:
                        back, flow = self._sockets[asker, asked]
                        self._send(back, MessageArrived(flow, payload, UDP, asked, asker))

    def _send(self, where: Endpoint, event: MessageArrived) -> None:
        heappush(self._coming, (self.now + MILLISECOND, next(self._serial), where, event))


@pytest.mark.parametrize(
    ("forwards", "questions", "fails_ms"),
    [
        # Two that have only each other: there and back, and SERVFAIL at once.
        (((1,), (0,)), 2, 4),
        # A ring of three joins the question it has in flight, and ends with the timeout of those
        # who wait: nobody sees from whom the question came at first.
        (((1,), (2,), (0,)), 3, 2000),
        # Everybody forwards to everybody: still each asks each once at most.
        (((1, 2), (0, 2), (0, 1)), 6, None),
        (((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2)), 12, None),
    ],
)
def test_a_loop_costs_each_server_one_question_to_each_other_at_most(forwards, questions, fails_ms):
    ring = Ring(*forwards)
    ring.ask(0)
    ring.run()
    assert [rcode for _, rcode in ring.answers] == [Rcode.SERVFAIL]
    assert len(ring.questions) <= questions
    assert len(set(ring.questions)) == len(ring.questions)  # nobody asks anybody twice
    if fails_ms is not None:
        assert len(ring.questions) == questions
        assert ring.answers[0][0] == fails_ms * MILLISECOND


def test_it_is_said_who_sent_the_question_back():
    ring = Ring((1,), (0,))
    ring.ask(0)
    ring.run()
    (fact,) = (fact for fact in ring.facts if isinstance(fact, QuestionReturned))
    assert (fact.server.address, fact.question.name) == (at(1).address, NAME)
    assert "forward to each other" in str(fact)


def test_asked_again_and_again_a_loop_costs_next_to_nothing():
    """RFC 9520: the failure is remembered on both sides, longer each time."""
    ring = Ring((1,), (0,))
    for number in range(600):  # a minute of ten questions a second
        ring.now = number * SECOND // 10
        ring.ask(number % 2, id_=number)
        ring.run()
    assert len(ring.answers) == 600
    assert {rcode for _, rcode in ring.answers} == {Rcode.SERVFAIL}
    assert len(ring.questions) <= 16


def test_many_names_at_once_cost_two_packets_each():
    ring = Ring((1,), (0,))
    for number in range(200):
        ring.ask(number % 2, f"n{number}.example", number)
    ring.run()
    assert len(ring.answers) == 200
    assert len(ring.questions) == 400
    assert ring.now < SECOND


def test_questions_that_meet_on_the_way_both_end():
    """Both are asked the same at the same moment, and each forwards to the other."""
    ring = Ring((1,), (0,))
    ring.ask(0)
    ring.ask(1, id_=2)
    ring.run()
    assert [rcode for _, rcode in ring.answers] == [Rcode.SERVFAIL] * 2
    assert len(ring.questions) == 2
    assert ring.now < SECOND


def test_a_server_that_forwards_to_itself_fails_at_once():
    for ourselves in (HERE, Endpoint("127.0.0.1", 53)):
        asking = Endpoint(ourselves.address, 40_000)

        def come_back(asked, asking=asking):
            again = MessageArrived("loop", asked.payload, UDP, asking, asked.server)
            yield MILLISECOND, again

        play = Stage({ourselves: come_back}, (ForwardRule(".", (ourselves,), 9 * MILLISECOND),))
        play.happen(Reconfigured(ResolverConfig((ourselves,), (), play.rules)))
        play.ask(NAME)
        play.run()
        assert (play.got[0].flow, play.got[0].at) == ("loop", MILLISECOND)
        assert {got.reply.rcode for got in play.got} == {Rcode.SERVFAIL}


def test_two_clients_on_the_forwarders_own_host_may_ask_the_same():
    forwarder = Endpoint("127.0.0.1", 5300)
    play = Stage({forwarder: answering("192.0.2.1")}, (ForwardRule(".", (forwarder,)),))
    for number in range(2):
        client = Endpoint("127.0.0.1", 40_000 + number)
        play.ask(NAME, id_=number, flow=("client", number), client=client)
    play.run()
    assert [got.addresses for got in play.got] == [["192.0.2.1"]] * 2
    assert len(play.asked) == 1
