"""Machines that have answers ready, behind real sockets: by the batch and one by one."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

import pytest
from shell_stage import HERE, UDP, Scripted, Stage, udp_client

from resolver.machine import (
    SECOND,
    Close,
    Endpoint,
    Instant,
    MessageArrived,
    Open,
    Send,
    Transport,
)
from resolver.shells import mmsg
from resolver.shells.batches import Batch
from resolver.shells.datagrams import ReplyNotSent
from resolver.shells.limits import DATAGRAMS_PER_WAKE
from resolver.shells.shell import MachineFailed
from resolver.shells.sockets import SocketShell

pytestmark = pytest.mark.netns

ID = b"id"
"""With which a message begins, and the answer to it."""

both_ways = pytest.mark.parametrize("batched", [True, False], ids=["batched", "one by one"])


@dataclass
class Ready(Scripted):
    """Has an answer ready for what says "ready" behind its ID; the rest is handled."""

    def __post_init__(self) -> None:
        self.answer = handled
        self.looked_at: list[tuple[bytes, str, Instant]] = []

    def answer_datagram(self, question: bytes, address: str, now: Instant) -> bytes | None:
        self.looked_at.append((question, address, now))
        if question == b"break":
            raise RuntimeError("broken on purpose")
        return question.swapcase() if question.startswith(b"ready") else None

    def answer_datagrams(
        self, questions: Iterator[bytes], addresses: Iterator[str], now: Instant
    ) -> list[bytes]:
        asked = zip(questions, addresses, strict=True)
        answers = (self.answer_datagram(*one, now) for one in asked)
        return list(takewhile(lambda answer: answer is not None, answers))


def handled(event):
    return [Send(event.flow, event.payload[:2] + b"handled " + event.payload[2:])]


def play(stage: Stage, machine: Scripted, *endpoints: Endpoint, batched: bool) -> SocketShell:
    return SocketShell(
        stage.loop,
        machine,
        tuple((endpoint, UDP, None) for endpoint in endpoints),
        batched=batched,
        journal=lambda fact, _at: stage.facts.append(fact),
    )


def fill(questions: list[bytes], client: socket.socket, server: Endpoint) -> None:
    """Have the questions wait in the server's socket before it looks."""
    for question in questions:
        client.sendto(ID + question, (server.address, server.port))


def until_local(address: str) -> None:
    """The kernel sets an IPv6 address up in the background; `limit_s` ends a vain wait."""
    routes = ["ip", "-6", "route", "show", "table", "local", address]
    while not subprocess.run(routes, check=True, capture_output=True).stdout:
        pass


@both_ways
def test_what_is_ready_is_answered_in_order_with_what_is_not(in_namespace, batched):
    def body():
        stage, machine, client = Stage(), Ready(), udp_client()
        play(stage, machine, HERE, batched=batched)
        questions = [
            b"%s %d" % (b"ready" if number % 3 else b"rare", number)
            for number in range(DATAGRAMS_PER_WAKE + 6)
        ]
        fill(questions, client, HERE)
        stage.until(lambda: len(machine.looked_at) == len(questions))
        answers = [client.recv(100) for _ in questions]
        expected = [
            ID + (question.swapcase() if question.startswith(b"ready") else b"handled " + question)
            for question in questions
        ]
        assert answers == expected
        handed_over = [event.payload for event in machine.events]
        assert handed_over == [ID + q for q in questions if q.startswith(b"rare")]
        instants = [now for *_, now in machine.looked_at]
        assert instants == sorted(instants)
        assert stage.loop.now() - instants[0] < 10 * SECOND

    in_namespace(body)


@both_ways
def test_answers_leave_from_the_address_asked_to_the_one_that_asked(in_namespace, batched):
    def body():
        subprocess.run(["ip", "address", "add", "127.0.0.2/8", "dev", "lo"], check=True)
        subprocess.run(["ip", "address", "add", "fd00::1/64", "dev", "lo", "nodad"], check=True)
        until_local("fd00::1")
        stage, machine = Stage(), Ready()
        endpoints = [HERE, Endpoint("127.0.0.2", 5300), Endpoint("fd00::1", 5300)]
        play(stage, machine, *endpoints, batched=batched)
        for endpoint in endpoints:
            six = ":" in endpoint.address
            clients = [udp_client(socket.AF_INET6 if six else socket.AF_INET) for _ in range(3)]
            for number, client in enumerate(clients):
                client.bind((endpoint.address, 0))
                fill([b"ready %d" % number, b"rare %d" % number], client, endpoint)
            machine.looked_at.clear()
            machine.events.clear()
            stage.until(lambda machine=machine: len(machine.looked_at) == 6)
            assert {address for _, address, _ in machine.looked_at} == {endpoint.address}
            for number, (client, event) in enumerate(zip(clients, machine.events, strict=True)):
                here = (endpoint.address, endpoint.port)
                for answer in (b"idREADY %d" % number, b"idhandled rare %d" % number):
                    payload, source = client.recvfrom(100)
                    assert (payload, source[:2]) == (answer, here)
                assert event.source == Endpoint(*client.getsockname()[:2])
                assert event.destination == endpoint
                client.close()

    in_namespace(body)


@both_ways
def test_a_link_local_client_is_answered_over_its_link(in_namespace, batched):
    def body():
        add = ["ip", "address", "add", "fe80::1/64", "dev", "lo", "nodad"]
        subprocess.run(add, check=True)
        stage, machine = Stage(), Ready()
        until_local("fe80::1")
        play(stage, machine, Endpoint("::1", 5300), batched=batched)
        scope = socket.if_nametoindex("lo")
        client = udp_client(socket.AF_INET6)
        client.bind(("fe80::1", 0, 0, scope))
        fill([b"ready", b"rare"], client, Endpoint("::1", 5300))
        stage.until(lambda: len(machine.looked_at) == 2)
        assert stage.facts == []
        assert [client.recv(100) for _ in range(2)] == [b"idREADY", b"idhandled rare"]
        assert machine.looked_at[0][1] == "fe80::1"

    in_namespace(body)


@both_ways
def test_sizes_from_nothing_to_the_largest(in_namespace, batched):
    def body():
        stage, machine, client = Stage(), Ready(), udp_client()
        play(stage, machine, HERE, batched=batched)
        largest = b"ready" + bytes(4089)
        questions = [b"", b"x" * 65_000, largest, b"", b"ready"]
        for question in questions:  # one at a time: the socket's queue does not hold them all
            fill([question], client, HERE)
            before = len(machine.looked_at)
            stage.until(lambda before=before: len(machine.looked_at) == before + 1)
            ready = question.startswith(b"ready")
            expected = question.swapcase() if ready else (b"handled " + question)
            assert client.recv(65_535) == ID + expected
        assert [payload for payload, *_ in machine.looked_at] == questions

    in_namespace(body)


@both_ways
def test_what_is_shorter_than_an_id_is_nobodys_question(in_namespace, batched):
    def body():
        stage, machine, client = Stage(), Ready(), udp_client()
        play(stage, machine, HERE, batched=batched)
        fill([b"ready and long"], client, HERE)
        for payload in (b"", b"r"):  # where the longer one has stood
            client.sendto(payload, (HERE.address, HERE.port))
        stage.until(lambda: len(machine.looked_at) == 3)
        assert [question for question, *_ in machine.looked_at] == [b"ready and long", b"", b""]
        assert [event.payload for event in machine.events] == [b"", b"r"]
        assert [client.recv(100) for _ in range(3)] == [
            b"idREADY AND LONG",
            b"handled ",
            b"rhandled ",
        ]

    in_namespace(body)


@both_ways
def test_an_answer_that_cannot_be_sent_is_noted_and_keeps_no_other(in_namespace, batched):
    def body():
        subprocess.run(["ip", "address", "add", "10.9.0.1/32", "dev", "lo"], check=True)
        stage, machine = Stage(), Ready()
        play(stage, machine, HERE, batched=batched)
        here, gone = udp_client(), udp_client()
        gone.bind(("10.9.0.1", 0))
        lost = Endpoint(*gone.getsockname())
        for client, number in ((here, 1), (gone, 2), (gone, 3), (here, 4)):
            fill([b"ready %d" % number], client, HERE)
        subprocess.run(["ip", "address", "del", "10.9.0.1/32", "dev", "lo"], check=True)
        subprocess.run(["ip", "route", "add", "unreachable", "10.9.0.1"], check=True)
        stage.until(lambda: len(machine.looked_at) == 4)
        assert [here.recv(100), here.recv(100)] == [b"idREADY 1", b"idREADY 4"]
        assert stage.facts == [ReplyNotSent(HERE, lost, "host unreachable")] * 2

    in_namespace(body)


@both_ways
def test_what_is_handled_leaves_together_and_what_cannot_is_noted(in_namespace, batched):
    def body():
        subprocess.run(["ip", "address", "add", "10.9.0.1/32", "dev", "lo"], check=True)
        stage, machine = Stage(), Ready()
        play(stage, machine, HERE, batched=batched)
        here, gone = udp_client(), udp_client()
        gone.bind(("10.9.0.1", 0))
        lost = Endpoint(*gone.getsockname())
        large = b"rare" + bytes(9000)
        many = [b"rare %d" % number for number in range(DATAGRAMS_PER_WAKE)]
        for client, question in ((here, b"rare"), (gone, b"rare"), (gone, large), (here, large)):
            fill([question], client, HERE)
        fill(many, here, HERE)
        subprocess.run(["ip", "address", "del", "10.9.0.1/32", "dev", "lo"], check=True)
        subprocess.run(["ip", "route", "add", "unreachable", "10.9.0.1"], check=True)
        stage.until(lambda: len(machine.looked_at) == 4 + len(many))
        expected = {b"idhandled " + question for question in (b"rare", large, *many)}
        assert {here.recv(65_535) for _ in expected} == expected
        assert stage.facts == [ReplyNotSent(HERE, lost, "host unreachable")] * 2

    in_namespace(body)


@both_ways
def test_what_was_sent_leaves_though_it_is_closed_behind_it(in_namespace, batched):
    def body():
        stage, client, server = Stage(), udp_client(), udp_client()
        server.bind(("127.0.0.1", 0))
        upstream = Endpoint(*server.getsockname())

        def ask_and_forget(event):
            opened = [Open(number, Transport.UDP, upstream) for number in (1, 2)]
            asked = [Send(number, b"asked %d" % number) for number in (1, 2)]
            return [*opened, *asked, Send(event.flow, b"told"), Close(1)]

        machine = Ready()
        machine.answer = ask_and_forget
        shell = play(stage, machine, HERE, batched=batched)
        fill([b"rare"], client, HERE)
        stage.until(lambda: bool(machine.events))
        assert {server.recv(100) for _ in range(2)} == {b"asked 1", b"asked 2"}
        assert client.recv(100) == b"told"

        machine.answer = lambda event: [Send(2, b"last"), Send(event.flow, b"goodbye")]
        shell.tell(machine.events[0])
        shell.close()
        assert server.recv(100) == b"last"
        assert client.recv(100) == b"goodbye"

    in_namespace(body)


@both_ways
def test_a_machine_that_closes_its_shell_hears_no_more(in_namespace, batched):
    def body():
        stage, machine, client = Stage(), Ready(), udp_client()
        shell = play(stage, machine, HERE, batched=batched)

        def close(event: MessageArrived):
            shell.close()
            return handled(event)[:0]

        machine.answer = close
        fill([b"ready 1", b"rare", b"ready 2"], client, HERE)
        stage.until(lambda: bool(machine.events))
        assert client.recv(100) == b"idREADY 1"
        assert [payload for payload, *_ in machine.looked_at] == [b"ready 1", b"rare"]

    in_namespace(body)


@both_ways
def test_a_broken_machine_ends_its_program_like_any_other(in_namespace, batched):
    def body():
        stage, machine, client = Stage(), Ready(), udp_client()
        play(stage, machine, HERE, batched=batched)
        fill([b"break"], client, HERE)
        with pytest.raises(MachineFailed, match="ready answers failed"):
            stage.until(lambda: False)

    in_namespace(body)


def test_a_host_without_batches_serves_one_by_one(in_namespace, monkeypatch):
    def body():
        monkeypatch.setattr(mmsg, "_recvmmsg", None)
        assert not mmsg.available()
        stage, machine, client = Stage(), Ready(), udp_client()
        play(stage, machine, HERE, batched=True)
        fill([b"ready", b"rare"], client, HERE)
        stage.until(lambda: len(machine.looked_at) == 2)
        assert [client.recv(100) for _ in range(2)] == [b"idREADY", b"idhandled rare"]
        with pytest.raises(OSError, match=os.strerror(errno.ENOSYS)):
            Batch(client)

    in_namespace(body)


def test_a_kernel_that_refuses_the_calls_has_no_batches(monkeypatch):
    assert mmsg.available()
    monkeypatch.setattr(mmsg, "_sendmmsg", lambda *_: -1)
    monkeypatch.setattr(mmsg.ctypes, "get_errno", lambda: errno.ENOSYS)
    assert not mmsg.available()


def test_a_library_without_the_symbols_has_no_batches():
    assert mmsg._symbol("no_such_function_in_any_library") is None
