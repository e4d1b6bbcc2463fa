"""The careless forwarder breaks the rules that it is there to break, always in the same way."""

from collections.abc import Sequence

import pytest
from pydantic import ValidationError

from lab.scenario import packets
from lab.scenario.careless import CarelessForwarder
from lab.scenario.model import Reply, Script
from lab.scenario.peers import ScriptedServer, peer_for
from resolver.machine import (
    Effect,
    Endpoint,
    MessageArrived,
    Open,
    Send,
    StreamOpened,
    Transport,
    Unreachable,
)

HERE, CLIENT = Endpoint("192.0.2.53", 53), Endpoint("192.0.2.10", 40_000)
FIRST, SECOND = (Endpoint(f"198.51.100.{last}", 53) for last in (1, 2))


def ask(
    forwarder: CarelessForwarder,
    flow: str = "client",
    id_: int = 77,
    transport: Transport = Transport.UDP,
) -> Sequence[Effect]:
    payload = packets.question("www.example.net", "A", id_, packets.ORDINARY)
    return forwarder.handle(MessageArrived(flow, payload, transport, CLIENT, HERE), 0)


def reply(forwarder: CarelessForwarder, flow: int, payload: bytes) -> Sequence[Effect]:
    return forwarder.handle(MessageArrived(flow, payload, Transport.UDP, FIRST, HERE), 0)


def test_a_question_goes_to_all_at_once_as_it_came():
    question = packets.question("www.example.net", "A", 77, packets.ORDINARY)
    assert list(ask(CarelessForwarder(("198.51.100.1", "198.51.100.2")))) == [
        Open(1, Transport.UDP, FIRST),
        Send(1, question),
        Open(2, Transport.UDP, SECOND),
        Send(2, question),
    ]


def test_it_asks_by_the_clock_whatever_has_come_in_the_meantime():
    forwarder = CarelessForwarder(("198.51.100.1", "198.51.100.2"), gap_ns=100)
    assert ask(forwarder)[0] == Open(1, Transport.UDP, FIRST)
    reply(forwarder, 1, b"an answer")
    assert forwarder.deadline() == 100
    assert not forwarder.expire(99)
    (opened, _) = forwarder.expire(100)
    assert opened == Open(2, Transport.UDP, SECOND)
    assert forwarder.deadline() is None


def test_every_reply_goes_back_to_its_client_however_many():
    forwarder = CarelessForwarder(("198.51.100.1", "198.51.100.1"))
    ask(forwarder, "client")
    ask(forwarder, "another", 78)
    for flow, client in ((2, "client"), (1, "client"), (3, "another"), (1, "client")):
        assert list(reply(forwarder, flow, b"whatever")) == [Send(client, b"whatever")]


def test_it_asks_over_udp_whatever_the_client_used():
    (opened, _) = ask(CarelessForwarder(("198.51.100.1",)), "stream", transport=Transport.TCP)
    assert opened == Open(1, Transport.UDP, FIRST)


def test_nothing_else_bothers_it():
    forwarder = CarelessForwarder(("198.51.100.1",))
    ask(forwarder)
    assert not forwarder.handle(StreamOpened("stream", CLIENT, HERE), 0)
    assert not forwarder.handle(Unreachable(1, "port unreachable"), 0)
    assert not forwarder.expire(10**12)
    assert forwarder.deadline() is None
    assert forwarder.ready()


def test_a_script_that_relays_is_a_careless_forwarder():
    assert isinstance(peer_for(Script(relays_to=("198.51.100.1",))), CarelessForwarder)
    assert isinstance(peer_for(Script()), ScriptedServer)


def test_a_gap_is_between_servers():
    with pytest.raises(ValidationError, match="relay_gap_s without relays_to"):
        Script(relay_gap_s=1.0)


@pytest.mark.parametrize("other", [{"silent": True}, {"replies": (Reply(),)}, {"delay_s": 1.0}])
def test_a_script_cannot_relay_and_answer(other):
    with pytest.raises(
        ValidationError, match=f"relays_to goes alone; take away {next(iter(other))}"
    ):
        Script(relays_to=("198.51.100.1",), **other)
