"""A machine behind real sockets that chooses among its host's addresses."""

from __future__ import annotations

import pytest
from shell_stage import BOTH, HERE, Scripted, Stage, echo

from resolver.machine import Open, Send, StreamOpened, Transport, Unreachable

pytestmark = pytest.mark.netns


@pytest.mark.parametrize("address", ["127.0.0.1", "127.77.1.2"])
def test_the_source_address_is_the_machines_choice(in_namespace, address):
    def body():
        stage, server = Stage(), Scripted(echo)
        stage.play(server, HERE, transports=BOTH)
        asking = Scripted(
            first=[
                Open(1, Transport.UDP, HERE, source_address=address),
                Send(1, b"?"),
                Open(2, Transport.TCP, HERE, source_address=address, source_port=40001),
            ]
        )
        stage.play(asking)
        stage.until(lambda: len(asking.events) == 2 and len(server.events) == 2)
        opened = next(event for event in asking.events if isinstance(event, StreamOpened))
        assert (opened.destination.address, opened.destination.port) == (address, 40001)
        assert {event.source.address for event in server.events} == {address}

    in_namespace(body)


@pytest.mark.parametrize("transport", Transport)
def test_an_address_that_is_not_the_hosts_is_refused(in_namespace, transport):
    def body():
        stage = Stage()
        asking = Scripted(first=[Open(1, transport, HERE, source_address="203.0.113.1")])
        stage.play(asking)
        stage.until(lambda: bool(asking.events))
        assert asking.events == [Unreachable(1, "cannot assign requested address")]

    in_namespace(body)
