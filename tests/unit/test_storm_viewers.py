"""The crowd as a machine: who asks, who dials, who waits for a turn."""

from collections import Counter

import pytest
from dnslib import QTYPE, RCODE, RR, A, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from lab.storm.arrivals import Arrival
from lab.storm.viewers import Viewers
from resolver.machine import (
    MILLISECOND,
    SECOND,
    Close,
    Endpoint,
    Framing,
    MessageArrived,
    Open,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)

NAME = "internet.intern.netz"
SERVER = Endpoint("192.168.1.53", 53)
PATIENCE = 5 * SECOND


def crowd_of(number, every_ns=MILLISECOND, at_once=2):
    arrivals = [Arrival(n * every_ns, f"198.18.0.{n + 1}", 1000 + n) for n in range(number)]
    return Viewers(
        arrivals, server=SERVER, name=NAME, port=5900, at_once=at_once, patience_ns=PATIENCE
    )


def answer(question, *addresses: str, rcode="NOERROR", identifier=None):
    message = DNSRecord.parse(question).reply()
    message.header.rcode = getattr(RCODE, rcode)
    for address in addresses:
        message.add_answer(RR(NAME, QTYPE.A, rdata=A(address), ttl=2))
    if identifier is not None:
        message.header.id = identifier
    return bytes(message.pack())


def arrived(flow, payload, transport=Transport.UDP):
    here = Endpoint("198.18.0.1", 0)
    return MessageArrived(flow, payload, transport, SERVER, here)


def sent(effects, flow):
    return next(each.payload for each in effects if isinstance(each, Send) and each.flow == flow)


def dialled(effects):
    return [each for each in effects if isinstance(each, Open) and each.transport is Transport.TCP]


def test_a_viewer_asks_from_its_address_dials_the_first_one_and_leaves():
    crowd = crowd_of(1)
    assert crowd.deadline() == 0
    effects = crowd.expire(100)
    assert effects[0] == Open(0, Transport.UDP, SERVER, source_address="198.18.0.1")
    question = sent(effects, 0)
    asked = DNSRecord.parse(question)
    assert (str(asked.q.qname), asked.header.id, asked.header.rd) == (f"{NAME}.", 1000, 1)
    effects = crowd.handle(arrived(0, answer(question, "10.0.0.7", "10.0.0.8")), 200)
    assert effects == [
        Close(0),
        Open(
            1,
            Transport.TCP,
            Endpoint("10.0.0.7", 5900),
            framing=Framing.RAW,
            source_address="198.18.0.1",
        ),
    ]
    assert crowd.handle(StreamOpened(1, SERVER, SERVER), 300) == []
    assert not crowd.finished
    assert crowd.handle(arrived(1, b"server1\n", Transport.TCP), 400) == [Close(1)]
    assert crowd.finished
    assert crowd.deadline() is None


@pytest.mark.parametrize(
    "make",
    [
        lambda question: answer(question, "10.0.0.7", identifier=4),
        lambda question: question,
        lambda question: question[:2],
    ],
    ids=["another ID", "no reply", "cut short"],
)
def test_what_is_no_reply_to_it_does_not_move_a_viewer(make):
    crowd = crowd_of(1)
    question = sent(crowd.expire(0), 0)
    assert crowd.handle(arrived(0, make(question)), 1) == []
    assert crowd.deadline() == PATIENCE


@pytest.mark.parametrize("rcode", ["SERVFAIL", "NXDOMAIN", "NOERROR"])
def test_a_viewer_without_an_address_leaves(rcode):
    crowd = crowd_of(1)
    question = sent(crowd.expire(0), 0)
    assert crowd.handle(arrived(0, answer(question, rcode=rcode)), 1) == [Close(0)]
    assert crowd.finished


def test_patience_ends_for_answers_and_for_connections():
    crowd = crowd_of(2, every_ns=SECOND)
    effects = crowd.expire(0)
    crowd.handle(arrived(0, answer(sent(effects, 0), "10.0.0.7")), 0)
    assert crowd.deadline() == SECOND
    crowd.expire(SECOND)
    assert crowd.deadline() == PATIENCE
    assert crowd.expire(PATIENCE) == [Close(1)]
    assert crowd.expire(PATIENCE + SECOND) == [Close(2)]
    assert crowd.finished


@pytest.mark.parametrize("end", [StreamClosed(1), Unreachable(1, "connection refused")])
def test_a_connection_that_fails_is_over(end):
    crowd = crowd_of(1)
    crowd.handle(arrived(0, answer(sent(crowd.expire(0), 0), "10.0.0.7")), 0)
    assert crowd.handle(end, 1) == [Close(1)]
    assert crowd.finished


def test_a_refused_question_is_over():
    crowd = crowd_of(1)
    crowd.expire(0)
    assert crowd.handle(Unreachable(0, "port unreachable"), 1) == [Close(0)]
    assert crowd.finished


def test_nobody_dials_while_a_question_is_overdue():
    crowd = crowd_of(2, every_ns=SECOND)
    question = sent(crowd.expire(0), 0)
    late = 2 * SECOND
    assert not dialled(crowd.handle(arrived(0, answer(question, "10.0.0.7")), late))
    assert crowd.deadline() == SECOND
    effects = crowd.expire(late)
    assert [type(each) for each in effects] == [Open, Send, Open]
    assert dialled(effects)[0].flow == 1


class Hall:
    """Carries out what a crowd wants, and keeps the books."""

    def __init__(self, crowd, at_once) -> None:
        self.crowd = crowd
        self.at_once = at_once
        self.flows = Counter()
        self.dialling = set()
        self.questions = {}

    def carry_out(self, effects):
        for each in effects:
            if isinstance(each, Open):
                self.flows[each.flow] += 1
                if each.transport is Transport.TCP:
                    self.dialling.add(each.flow)
            elif isinstance(each, Send):
                self.questions[each.flow] = each.payload
            elif isinstance(each, Close):
                self.dialling.discard(each.flow)
                self.questions.pop(each.flow, None)
            assert len(self.dialling) <= self.at_once

    def fire(self, now):
        while (due := self.crowd.deadline()) is not None and due <= now:
            self.carry_out(self.crowd.expire(now))

    def answer_some(self, now, draw):
        for flow, payload in list(self.questions.items()):
            how = draw(st.sampled_from(["answered", "refused", "lost"]))
            if how == "answered":
                reply = answer(payload, "10.0.0.7")
            elif how == "refused":
                reply = answer(payload, rcode="REFUSED")
            else:
                continue
            self.carry_out(self.crowd.handle(arrived(flow, reply), now))

    def end_some(self, now, draw):
        for flow in sorted(self.dialling):
            if draw(st.booleans()):
                self.carry_out(self.crowd.handle(StreamClosed(flow), now))


@given(st.data(), st.integers(1, 40), st.integers(1, 5))
def test_whatever_happens_turns_are_kept_and_everybody_leaves(data, number, at_once):
    """No more are dialling than may, everybody asks once and dials at most once, and the deadline
    always moves."""
    crowd = crowd_of(number, every_ns=SECOND // 4, at_once=at_once)
    hall, now = Hall(crowd, at_once), 0
    while (due := crowd.deadline()) is not None:
        assert due > now or not hall.flows
        now = max(now, due)
        hall.fire(now)
        hall.answer_some(now, data.draw)
        hall.end_some(now, data.draw)
    assert crowd.finished
    assert set(hall.flows.values()) == {1}
    assert sum(flow % 2 == 0 for flow in hall.flows) == number
