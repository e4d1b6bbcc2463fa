"""The crowd's sockets: thousands of addresses on few sockets, and nothing left behind."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from lab.storm.crowd_shell import CrowdShell
from resolver.machine import (
    SECOND,
    Close,
    CountersRequested,
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
from resolver.shells.loop import Loop
from resolver.shells.shell import MachineFailed

pytestmark = pytest.mark.netns

PREFIX = "198.18.0.0/17"
SERVER = Endpoint("127.0.0.1", 5353)


class Told:
    """A machine that does what it is given when it is told to go on, and remembers the rest."""

    def __init__(self) -> None:
        self.wanted = ()
        self.events = []

    def handle(self, event, now):
        del now
        if isinstance(event, CountersRequested):
            return self.wanted
        self.events.append(event)
        return ()

    def expire(self, now):
        del now
        return ()

    def deadline(self):
        return None

    def ready(self):
        return True


class Hall:
    """A crowd's shell in this namespace."""

    def __init__(self) -> None:
        subprocess.run(["ip", "route", "add", "local", PREFIX, "dev", "lo"], check=True)
        self.loop = Loop()
        self.machine = Told()
        self.shell = CrowdShell(self.loop, self.machine, journal=lambda *_: None)

    def do(self, *effects: object):
        self.machine.wanted = effects
        self.shell.tell(CountersRequested())

    def until(self, condition):
        assert self.loop.run_until(condition, self.loop.now() + 5 * SECOND)

    def told(self, kind):
        self.until(lambda: any(isinstance(event, kind) for event in self.machine.events))
        return next(event for event in self.machine.events if isinstance(event, kind))


def ask(flow, address):
    opening = Open(flow, Transport.UDP, SERVER, source_address=address)
    return opening, Send(flow, b"question %d" % flow)


def dial(flow, address, port):
    remote = Endpoint("127.0.0.1", port)
    return Open(flow, Transport.TCP, remote, framing=Framing.RAW, source_address=address)


def test_each_question_leaves_from_its_address_and_each_reply_finds_it(in_namespace):
    def body():
        hall = Hall()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind((SERVER.address, SERVER.port))
            for flow in range(100):
                hall.do(*ask(flow, f"198.18.3.{flow + 1}"))
            asked = [server.recvfrom(100) for _ in range(100)]
            assert [peer[0] for _, peer in asked] == [f"198.18.3.{n + 1}" for n in range(100)]
            ports = {peer[1] for _, peer in asked}
            assert 1 < len(ports) < 20
            for payload, peer in reversed(asked):
                server.sendto(b"answer to " + payload, peer)
            hall.until(lambda: len(hall.machine.events) == 100)
        for event in hall.machine.events:
            assert event.payload == b"answer to question %d" % event.flow
            assert event.source == SERVER

    in_namespace(body)


def test_what_nobody_asked_for_is_not_heard(in_namespace):
    def body():
        hall = Hall()
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger,
        ):
            server.bind((SERVER.address, SERVER.port))
            hall.do(*ask(1, "198.18.3.1"), *ask(2, "198.18.3.2"))
            _, first = server.recvfrom(100)
            _, second = server.recvfrom(100)
            forger.sendto(b"forged", first)  # from another port
            server.sendto(b"to nobody", ("198.18.9.9", first[1]))
            hall.do(Close(1))
            server.sendto(b"too late", first)
            server.sendto(b"true", second)
            event = hall.told(MessageArrived)
        assert (event.flow, event.payload) == (2, b"true")
        assert len(hall.machine.events) == 1

    in_namespace(body)


def waiting_sockets():
    """TCP sockets in TIME-WAIT (state 06 in /proc/net/tcp)."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return [line for line in lines if line.split()[3] == "06"]


def test_a_connection_comes_from_its_viewer_and_leaves_nothing_behind(in_namespace):
    def body():
        hall = Hall()
        with socket.create_server(("127.0.0.1", 5900)) as service:
            hall.do(*(dial(flow, f"198.18.3.{flow + 1}", 5900) for flow in range(20)))
            for _ in range(20):
                connection, peer = service.accept()
                connection.sendall(b"server1\n")
                connection.shutdown(socket.SHUT_WR)
                flow = int(peer[0].rpartition(".")[2]) - 1
                hall.until(
                    lambda flow=flow: any(
                        isinstance(event, MessageArrived) and event.flow == flow
                        for event in hall.machine.events
                    )
                )
                hall.do(Close(flow))
                with pytest.raises(ConnectionResetError):
                    connection.recv(1)
                connection.close()
        opened = [each for each in hall.machine.events if isinstance(each, StreamOpened)]
        assert {each.flow for each in opened} == set(range(20))
        assert waiting_sockets() == []

    in_namespace(body)


def test_a_refused_connection_and_a_closed_one_are_told(in_namespace):
    def body():
        hall = Hall()
        hall.do(dial(1, "198.18.3.1", 5901))
        assert hall.told(Unreachable) == Unreachable(1, "connection refused")
        with socket.create_server(("127.0.0.1", 5900)) as service:
            hall.do(dial(2, "198.18.3.2", 5900))
            service.accept()[0].close()
            assert hall.told(StreamClosed) == StreamClosed(2)

    in_namespace(body)


def test_an_address_that_is_not_the_hosts_is_told(in_namespace):
    def body():
        hall = Hall()
        hall.do(dial(1, "203.0.113.1", 5900))
        assert hall.told(Unreachable).reason == "cannot assign requested address"
        hall.machine.events.clear()
        hall.do(*ask(2, "203.0.113.1"))
        assert hall.told(Unreachable).flow == 2

    in_namespace(body)


def test_a_flow_without_a_source_is_a_bug(in_namespace):
    def body():
        hall = Hall()
        with pytest.raises(MachineFailed, match="does not say its source address"):
            hall.do(Open(1, Transport.UDP, SERVER))

    in_namespace(body)
