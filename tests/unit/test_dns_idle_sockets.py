"""Sockets that carry several questions under load, and what forgers must guess all the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from resolver import limits
from resolver.dns.asking import Ask
from resolver.dns.exchange import Exchanges
from resolver.dns.message import Question, question_wire
from resolver.machine import (
    SECOND,
    Close,
    Endpoint,
    MessageArrived,
    Open,
    Send,
    Transport,
    Unreachable,
)

HERE = Endpoint("10.0.0.53", 53)
SERVERS = (Endpoint("10.0.0.1", 53), Endpoint("10.0.0.2", 53))
UDP, TCP = Transport.UDP, Transport.TCP


class Host:
    """Carries out what the exchanges ask for, and looks at every step whether it may be."""

    def __init__(self, seed: int = 1) -> None:
        self.exchanges: Exchanges[int] = Exchanges(Random(seed))
        self.now = 0
        self.open: dict[int, Open] = {}
        self.asked: dict[int, tuple[Ask, bytes]] = {}
        self.carried: Counter[int] = Counter()
        self.ports: defaultdict[int, set[int]] = defaultdict(set)

    def ask(self, server: Endpoint = SERVERS[0], transport: Transport = UDP) -> None:
        question = Question(f"q{self.carried.total()}.example", 1)
        wire = question_wire(question)
        ask = Ask(server, question, wire, transport, self.now + SECOND, None)
        effects = []
        self.exchanges.ask(ask, 0, effects)
        self.carry_out(effects)
        (flow,) = {effect.flow for effect in effects if isinstance(effect, Open | Send)}
        assert flow not in self.asked  # a socket carries one question at a time
        assert self.open[flow].remote == server
        assert self.open[flow].transport is transport
        message = next((e.payload for e in effects if isinstance(e, Send)), b"")
        self.asked[flow] = ask, message
        self.carried[flow] += 1

    def carry_out(self, effects) -> None:
        for effect in effects:
            if isinstance(effect, Open):
                assert effect.flow not in self.open
                assert effect.source_port not in {o.source_port for o in self.open.values()}
                self.open[effect.flow] = effect
            elif isinstance(effect, Send):
                assert effect.flow in self.open
            elif isinstance(effect, Close):
                del self.open[effect.flow]

    def end(self, flow: int, event) -> None:
        del self.asked[flow]
        effects = []
        assert self.exchanges.handle(event, self.now, effects)
        self.carry_out(effects)

    def reply_to(self, flow: int) -> None:
        ask, message = self.asked[flow]
        payload = message[:2] + b"\x81\x80" + message[4:]
        self.end(flow, MessageArrived(flow, payload, UDP, ask.server, HERE))

    def refuse(self, flow: int) -> None:
        self.end(flow, Unreachable(flow, "port unreachable"))

    def time_out(self) -> None:
        self.wait(SECOND)
        assert not self.asked

    def calm_down(self) -> None:
        self.wait(limits.LOAD_LASTS)

    def wait(self, duration: int) -> None:
        self.now += duration
        effects = []
        while self.exchanges.expire(self.now, effects) is not None:
            pass
        self.carry_out(effects)
        self.asked = {flow: asked for flow, asked in self.asked.items() if flow in self.open}


def under_load(questions: int = limits.QUESTIONS_UNDER_LOAD * 4) -> Host:
    host = Host()
    for _ in range(questions):
        host.ask()
    return host


def test_without_load_each_question_has_a_fresh_socket_that_closes_behind_its_reply():
    host = Host()
    for _ in range(100):
        for _ in range(limits.QUESTIONS_UNDER_LOAD):
            host.ask()
        for flow in tuple(host.asked):
            host.reply_to(flow)
        assert not host.open
    assert set(host.carried.values()) == {1}


def test_under_load_a_socket_carries_a_few_questions_drawn_at_random_and_retires():
    host = under_load()
    order = Random(2)
    for _ in range(5000):
        host.reply_to(order.choice(tuple(host.asked)))
        host.ask()
    assert max(host.carried.values()) == limits.QUESTIONS_PER_SOCKET
    assert len(host.carried) < 5000 / 2
    assert len(host.open) <= len(host.asked) + limits.IDLE_SOCKETS


def test_any_number_of_servers_leaves_few_sockets_open():
    host = under_load()
    for number in range(2 * limits.IDLE_SOCKETS):
        host.ask(Endpoint(f"10.1.{number >> 8}.{number & 255}", 53))
        host.reply_to(max(host.asked))
    assert len(host.open) == len(host.asked) + limits.IDLE_SOCKETS
    for flow in tuple(host.asked):
        host.reply_to(flow)
    host.calm_down()
    assert not host.open


def test_which_socket_comes_next_cannot_be_told_from_the_order_of_replies():
    drawn = set()
    for seed in range(40):
        host = Host(seed)
        for _ in range(limits.QUESTIONS_UNDER_LOAD * 4):
            host.ask()
        for flow in range(1, limits.IDLE_SOCKETS_TO_DRAW_FROM + 1):
            host.reply_to(flow)
        host.ask()
        drawn |= {flow for flow, times in host.carried.items() if times > 1}
    assert len(drawn) > limits.IDLE_SOCKETS_TO_DRAW_FROM / 2
    assert max(drawn) <= limits.IDLE_SOCKETS_TO_DRAW_FROM


def test_with_few_to_draw_from_a_fresh_one_is_opened():
    host = under_load()
    for flow in range(1, limits.IDLE_SOCKETS_TO_DRAW_FROM):
        host.reply_to(flow)
    host.ask()
    assert set(host.carried.values()) == {1}


def test_no_socket_outlives_the_load_for_long():
    host = under_load()
    for flow in tuple(host.asked):
        host.reply_to(flow)
    assert 0 < len(host.open) <= limits.IDLE_SOCKETS
    assert host.exchanges.deadline() == host.now + limits.LOAD_LASTS
    host.calm_down()
    assert not host.open
    assert host.exchanges.deadline() is None


def test_between_two_batches_sockets_are_kept():
    host = Host()
    for _ in range(100):
        for _ in range(limits.QUESTIONS_UNDER_LOAD * 2):
            host.ask()
        for flow in tuple(host.asked):
            host.reply_to(flow)
        host.now += limits.LOAD_LASTS // 2
    assert len(host.carried) < 100 * limits.QUESTIONS_UNDER_LOAD * 2 / 4


def test_a_question_after_the_load_has_a_fresh_socket():
    host = under_load()
    for flow in tuple(host.asked):
        host.reply_to(flow)
    host.calm_down()
    host.ask()
    (flow,) = host.asked
    assert host.carried[flow] == 1
    host.reply_to(flow)
    assert not host.open


def test_a_socket_whose_question_was_not_answered_is_closed_at_once():
    host = under_load()
    host.refuse(1)
    assert 1 not in host.open
    host.time_out()
    assert not host.open


def test_a_late_reply_to_an_earlier_question_does_not_answer_the_next_one():
    host = under_load()
    ask, message = host.asked[1]
    for flow in range(1, limits.IDLE_SOCKETS_TO_DRAW_FROM + 1):
        host.reply_to(flow)
    host.ask()
    while 1 not in host.asked:
        host.reply_to(max(host.asked))
        host.ask()
    late = MessageArrived(1, message[:2] + b"\x81\x80" + message[4:], UDP, ask.server, HERE)
    assert not host.exchanges.handle(late, host.now, [])


kinds = ["ask", "ask", "ask", "reply", "reply", "refuse", "wait", "calm down"]
steps = st.lists(
    st.tuples(st.sampled_from(kinds), st.integers(0, 10**6)),
    max_size=400,
)  # fmt: skip


@given(steps, st.integers(0, 100))
def test_whatever_happens_no_socket_is_shared_forgotten_or_worn_out(happened, seed):
    host = Host(seed)
    for what, draw in happened:
        waiting = [flow for flow in host.asked if host.open[flow].transport is UDP]
        if what == "ask":
            for number in range(1 + draw % 40):
                host.ask(SERVERS[number % 2], TCP if draw % 97 == 0 else UDP)
        elif what == "wait" and draw % 4 == 0:
            host.time_out()
        elif what == "calm down":
            host.calm_down()
        elif waiting and what != "wait":
            for number in range(1 + draw % 20):
                flow = waiting[(draw + number) % len(waiting)]
                if flow in host.asked:
                    host.reply_to(flow) if what == "reply" else host.refuse(flow)
        assert max(host.carried.values(), default=0) <= limits.QUESTIONS_PER_SOCKET
        assert set(host.asked) <= set(host.open)
        assert len(host.open) <= len(host.asked) + limits.IDLE_SOCKETS
        if what == "calm down":
            assert set(host.open) == set(host.asked)
    host.time_out()
    assert not host.open
