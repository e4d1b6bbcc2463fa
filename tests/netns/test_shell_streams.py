"""Streams through real sockets, from their first octet to a clean end."""

from __future__ import annotations

import os
import resource
import socket
import struct
import threading

import pytest
from shell_stage import (
    HERE,
    TCP,
    UDP,
    Scripted,
    Stage,
    echo,
    framed,
    open_files,
    receive_exactly,
    receive_message,
    udp_client,
)

from resolver.machine import (
    MILLISECOND,
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
from resolver.shells import limits

pytestmark = pytest.mark.netns


def test_messages_are_cut_however_the_octets_arrive(in_namespace):
    def body():
        stage, machine = Stage(), Scripted(echo)
        stage.play(machine, HERE)
        messages = [b"a", b"", os.urandom(65535), b"bc" * 300]

        def ask_at_once():
            with socket.create_connection((HERE.address, HERE.port), timeout=5) as client:
                client.sendall(framed(*messages))
                return [receive_message(client) for _ in messages]

        with socket.create_connection((HERE.address, HERE.port), timeout=5) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stage.until(lambda: bool(machine.events))
            for octet in framed(b"xyz", b"", b"12"):
                client.send(bytes([octet]))
                stage.loop._turn(None)  # each octet is read by itself
            assert [receive_message(client) for _ in range(3)] == [b"xyz", b"", b"12"]
        assert stage.meanwhile(ask_at_once) == messages
        stage.until(lambda: sum(isinstance(e, StreamClosed) for e in machine.events) == 2)
        opened = machine.events[0]
        assert isinstance(opened, StreamOpened)
        assert opened.destination == HERE
        assert all(event.flow == opened.flow for event in machine.events[:5])

    in_namespace(body)


def test_many_pipelined_messages_to_a_slow_reader(in_namespace):
    """More answers than the kernel buffers: the shell stops asking for more and loses none."""

    def body():
        stage, count = Stage(), 40_000

        def answer(event):
            known = isinstance(event, MessageArrived)
            return [Send(event.flow, event.payload * 64)] * 4 if known else []

        shell = stage.play(Scripted(answer), HERE)
        client = socket.create_connection((HERE.address, HERE.port), timeout=20)
        questions = framed(*(struct.pack("!I", n) for n in range(count)))
        writer = threading.Thread(target=client.sendall, args=(questions,))
        writer.start()
        # By then every buffer on the way is full.
        stage.until(
            lambda: any(
                stream.unsent_octets >= limits.PAUSE_READING_OCTETS
                for stream in shell._streams._streams.values()
            )
        )
        stage.loop.run_until(lambda: False, stage.loop.now() + 50 * MILLISECOND)
        (stream,) = shell._streams._streams.values()
        assert len(stream._arrived) < 2 * limits.OCTETS_PER_READ
        answers = stage.meanwhile(lambda: [receive_message(client) for _ in range(4 * count)])
        writer.join()
        assert answers == [struct.pack("!I", n) * 64 for n in range(count) for _ in range(4)]

    in_namespace(body)


def test_a_reader_that_never_reads_is_cut_off(in_namespace):
    def body():
        stage = Stage()
        machine = Scripted(
            lambda event: (
                [Send(event.flow, bytes(65_000))] * 200 if isinstance(event, StreamOpened) else []
            )
        )
        stage.play(machine, HERE)
        client = socket.create_connection((HERE.address, HERE.port))
        stage.until(lambda: len(machine.events) == 2)
        assert isinstance(machine.events[1], StreamClosed)
        client.close()

    in_namespace(body)


def test_empty_messages_by_the_thousand_hold_up_nobody(in_namespace):
    def body():
        stage, crowded, quiet = Stage(), Scripted(), Scripted()
        stage.play(crowded, HERE, transports=TCP)
        stage.play(quiet, Endpoint("127.0.0.1", 5301), transports=UDP)
        with socket.create_connection((HERE.address, HERE.port)) as client:
            client.sendall(bytes(2 * 10_000))
            stage.until(lambda: len(crowded.events) > 1)
            assert len(crowded.events) <= 1 + limits.MESSAGES_PER_WAKE
            udp_client().sendto(b"quiet", ("127.0.0.1", 5301))
            before = len(crowded.events)
            stage.until(lambda: bool(quiet.events))
            assert len(crowded.events) - before <= 2 * limits.MESSAGES_PER_WAKE
            stage.until(lambda: len(crowded.events) == 10_001)
        stage.until(lambda: isinstance(crowded.events[-1], StreamClosed))

    in_namespace(body)


def test_raw_streams_and_closing_without_losing_the_answer(in_namespace):
    """The machine answers the connection and closes, while the client still talks."""

    def body():
        stage = Stage()
        machine = Scripted(
            lambda event: (
                [Send(event.flow, b"node1"), Close(event.flow)]
                if isinstance(event, StreamOpened)
                else []
            )
        )
        stage.play(machine, HERE, transports=TCP, framing=Framing.RAW)

        def ask():
            with socket.create_connection((HERE.address, HERE.port), timeout=5) as client:
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                client.recv(5, socket.MSG_PEEK)  # the answer is here; a reset would take it away
                client.sendall(b"more")
                answer = receive_exactly(client, 5)
                return answer, client.recv(100)

        assert stage.meanwhile(ask) == (b"node1", b"")
        assert len(machine.events) == 1  # nothing more was heard after Close

    in_namespace(body)


def test_a_machine_opens_a_stream_asks_and_closes(in_namespace):
    def body():
        stage, server = Stage(), Scripted(echo)

        def proceed(event):
            if isinstance(event, StreamOpened):
                return [Send(event.flow, b"question")]
            return [Close(event.flow)]

        asking = Scripted(proceed, first=[Open(3, Transport.TCP, HERE)])
        stage.play(server, HERE)
        stage.play(asking)
        stage.until(lambda: any(isinstance(event, StreamClosed) for event in server.events))
        opened, arrived = asking.events
        assert opened == StreamOpened(3, HERE, server.events[0].source)
        assert (arrived.flow, arrived.payload, arrived.source) == (3, b"question", HERE)

    in_namespace(body)


def test_the_far_end_closes_or_resets(in_namespace):
    def body():
        stage = Stage()
        listening = socket.create_server((HERE.address, HERE.port))
        asking = Scripted(first=[Open(1, Transport.TCP, HERE), Open(2, Transport.TCP, HERE)])
        stage.play(asking)
        stage.until(lambda: len(asking.events) == 2)
        first, second = listening.accept()[0], listening.accept()[0]
        flow_of = {event.destination.port: event.flow for event in asking.events}
        closed = flow_of[first.getpeername()[1]]
        reset = flow_of[second.getpeername()[1]]
        first.close()
        second.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        second.close()
        stage.until(lambda: len(asking.events) == 4)
        assert StreamClosed(closed) in asking.events
        assert Unreachable(reset, "connection reset") in asking.events

    in_namespace(body)


def test_accepting_stops_at_the_bound_and_goes_on_below_it(in_namespace):
    def body():
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
        stage, machine = Stage(), Scripted()
        stage.play(machine, HERE, transports=TCP)
        bound = limits.MAX_ACCEPTED_STREAMS
        clients = [socket.create_connection((HERE.address, HERE.port)) for _ in range(100)]
        while len(clients) < bound + 1:
            seen = len(machine.events)
            stage.until(lambda seen=seen: seen == bound or len(machine.events) >= len(clients))
            clients.append(socket.create_connection((HERE.address, HERE.port)))
        stage.until(lambda: bool(stage.facts))
        assert len(machine.events) == bound
        clients.pop(0).close()
        stage.until(lambda: len(machine.events) == bound + 2)
        assert sum(isinstance(event, StreamOpened) for event in machine.events) == bound + 1

    in_namespace(body)


def test_no_files_left_neither_spins_nor_dies(in_namespace):
    def body():
        stage, machine = Stage(), Scripted(echo)
        stage.play(machine, HERE)
        clients = [socket.socket() for _ in range(3)]
        used = len(open_files())
        resource.setrlimit(resource.RLIMIT_NOFILE, (used, 4096))
        for client in clients:
            client.connect((HERE.address, HERE.port))
        turns = 0

        def count():
            nonlocal turns
            turns += 1
            return False

        stage.loop.run_until(count, stage.loop.now() + 250 * MILLISECOND)
        assert turns < 50  # it pauses between tries
        assert "too many open files" in stage.facts[0].reason
        asking = Scripted(first=[Open(1, Transport.UDP, HERE)])
        stage.play(asking)
        resource.setrlimit(resource.RLIMIT_NOFILE, (used - 1, 4096))
        stage.until(lambda: len(asking.events) == 1)
        assert asking.events == [Unreachable(1, "too many open files")]
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
        stage.until(lambda: len(machine.events) == 3)

    in_namespace(body)
