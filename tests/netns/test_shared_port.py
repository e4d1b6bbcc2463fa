"""Several servers asked from one port, as a stub resolver with one unconnected socket does."""

from __future__ import annotations

import socket
import subprocess

import pytest
from shell_stage import HERE, UDP, Scripted, Stage, echo

from resolver.machine import Endpoint, MessageArrived, Open, PortTaken, Send, Transport

pytestmark = pytest.mark.netns

PORT = 40_001
THERE = Endpoint("127.0.0.2", 5300)


def asking(*remotes: Endpoint) -> Scripted:
    first = []
    for flow, remote in enumerate(remotes, start=1):
        first += [
            Open(flow, Transport.UDP, remote, PORT, shares_port=True),
            Send(flow, remote.address.encode()),
        ]
    return Scripted(first=first)


def test_each_flow_hears_its_own_server(in_namespace):
    def body():
        subprocess.run(["ip", "address", "add", "127.0.0.2/8", "dev", "lo"], check=True)
        stage, server = Stage(), Scripted(echo)
        stage.play(server, HERE, THERE, transports=UDP)
        machine = asking(HERE, THERE)
        stage.play(machine)
        stage.until(lambda: len(machine.events) == 2)
        heard = {(event.flow, event.payload) for event in machine.events}
        assert heard == {(1, HERE.address.encode()), (2, THERE.address.encode())}
        assert {event.source.port for event in server.events} == {PORT}

    in_namespace(body)


def test_another_programs_port_is_not_shared(in_namespace):
    def body():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("", PORT))
            stage, machine = Stage(), asking(HERE)
            stage.play(machine)
            stage.until(lambda: PortTaken(1) in machine.events)
            assert not any(isinstance(event, MessageArrived) for event in machine.events)

    in_namespace(body)
