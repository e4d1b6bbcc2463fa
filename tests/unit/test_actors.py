"""Actors and scripted peers, driven by hand in virtual time."""

from dnslib import DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from lab.scenario import packets
from lab.scenario.actors import PiecemealQuestion, ServiceCall, StubQuestion, answered_addresses
from lab.scenario.model import Script
from lab.scenario.peers import ScriptedServer
from resolver.machine import (
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

SERVER = Endpoint("192.168.1.53", 53)
VIEWER = Endpoint("192.168.1.10", 40000)
QUESTION = packets.question("internet.intern.netz", "A", 77)


def arrived(payload: bytes) -> MessageArrived:
    return MessageArrived(1, payload, Transport.UDP, SERVER, VIEWER)


def reply(identifier: int = 77, *addresses: str) -> bytes:
    script = Script(answers=addresses)
    query = packets.question("internet.intern.netz", "A", identifier)
    effects = ScriptedServer(script).handle(arrived(query), 0)
    assert isinstance(effects[0], Send)
    return effects[0].payload


def test_a_stub_asks_at_once_and_takes_the_reply_to_its_id() -> None:
    stub = StubQuestion(SERVER, QUESTION, Transport.UDP, 10 * SECOND)
    assert stub.deadline() == 0
    assert stub.expire(5) == (Open(1, Transport.UDP, SERVER), Send(1, QUESTION))
    assert stub.handle(arrived(reply(78, "10.0.0.1")), 6) == ()
    assert not stub.finished
    assert stub.handle(arrived(reply(77, "10.0.0.1", "10.0.0.2")), 7) == (Close(1),)
    assert stub.addresses == ("10.0.0.1", "10.0.0.2")
    assert stub.deadline() is None


def test_a_stub_gives_up_when_its_patience_ends_and_not_before() -> None:
    stub = StubQuestion(SERVER, QUESTION, Transport.UDP, 10 * SECOND)
    stub.expire(5)
    assert stub.deadline() == 5 + 10 * SECOND
    assert stub.expire(4 + 10 * SECOND) == ()
    assert stub.expire(5 + 10 * SECOND) == (Close(1),)
    assert stub.finished
    assert stub.addresses == ()


def test_a_stub_over_tcp_connects_first_and_is_stopped_by_a_refusal() -> None:
    stub = StubQuestion(SERVER, QUESTION, Transport.TCP, SECOND)
    assert stub.expire(0) == (Open(1, Transport.TCP, SERVER),)
    assert stub.handle(StreamOpened(1, SERVER, VIEWER), 1) == (Send(1, QUESTION),)
    assert stub.handle(Unreachable(1, "connection refused"), 2) == (Close(1),)
    assert stub.finished


@given(st.integers(1, 100), st.lists(st.integers(1, 40), min_size=1))
def test_a_question_in_pieces_is_the_whole_and_takes_its_reply_in_any(pieces, cuts) -> None:
    stub = PiecemealQuestion(SERVER, QUESTION, pieces, 10 * SECOND)
    assert stub.expire(0) == (Open(1, Transport.TCP, SERVER, framing=Framing.RAW),)
    sends = stub.handle(StreamOpened(1, SERVER, VIEWER), 1)
    sizes = [len(each.payload) for each in sends]
    assert b"".join(each.payload for each in sends) == len(QUESTION).to_bytes(2, "big") + QUESTION
    assert len(sizes) == min(pieces, len(QUESTION) + 2)
    assert max(sizes) - min(sizes) <= 1
    other, mine = reply(78, "10.0.0.9"), reply(77, "10.0.0.1")
    stream = b"".join(len(each).to_bytes(2, "big") + each for each in (other, mine))
    effects = []
    for size in [*cuts, len(stream)]:
        effects += stub.handle(arrived(stream[:size]), 2)
        stream = stream[size:]
        if stub.finished:
            break
    assert effects == [Close(1)]
    assert stub.addresses == ("10.0.0.1",)


def test_a_call_waits_for_the_servers_name() -> None:
    call = ServiceCall(Endpoint("10.10.10.100", 5900), SECOND)
    opening = call.expire(0)[0]
    assert isinstance(opening, Open)
    assert opening.framing is Framing.RAW
    assert call.handle(StreamOpened(1, SERVER, VIEWER), 1) == ()
    assert not call.finished
    assert call.handle(StreamClosed(1), 2) == (Close(1),)
    assert call.finished


def test_a_script_thinks_for_its_delay_and_answers_in_order() -> None:
    server = ScriptedServer(Script(delay_s=0.3, answers=("10.0.0.1",)))
    assert server.handle(arrived(QUESTION), 100) == []
    assert server.deadline() == 100 + 300_000_000
    effects = server.expire(100 + 300_000_000)
    assert len(effects) == 1
    assert server.deadline() is None


def test_a_script_says_what_it_is_told_to_say() -> None:
    refusing = ScriptedServer(Script(rcode="REFUSED")).handle(arrived(QUESTION), 0)[0]
    assert DNSRecord.parse(refusing.payload).header.rcode == 5
    empty = DNSRecord.parse(ScriptedServer(Script()).handle(arrived(QUESTION), 0)[0].payload)
    assert (len(empty.rr), len(empty.auth)) == (0, 1)
    assert ScriptedServer(Script(silent=True)).handle(arrived(QUESTION), 0) == ()
    assert ScriptedServer(Script()).handle(arrived(b"\x00"), 0) == ()


def test_addresses_of_bytes_that_are_no_message() -> None:
    assert answered_addresses(b"\x00\x01\xff") == ()
