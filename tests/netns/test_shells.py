"""Real sockets in a namespace of their own, driven by machines of a few lines."""

from __future__ import annotations

import errno
import os
import resource
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from resolver.machine import (
    MILLISECOND,
    SECOND,
    Close,
    Effect,
    Endpoint,
    Event,
    Framing,
    Instant,
    Machine,
    MessageArrived,
    Note,
    Open,
    PortTaken,
    Send,
    SendPacket,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)
from resolver.shells import limits
from resolver.shells.loop import Loop
from resolver.shells.shell import CannotStart, MachineFailed
from resolver.shells.sockets import SocketShell

pytestmark = pytest.mark.netns

HERE = Endpoint("127.0.0.1", 5300)
BOTH = frozenset(Transport)
UDP = frozenset({Transport.UDP})
TCP = frozenset({Transport.TCP})


@dataclass
class Scripted:
    """A machine that remembers its events and answers each as told; `first` comes at the start."""

    answer: Callable[[Event], Sequence[Effect]] = lambda _event: ()
    first: Sequence[Effect] = ()
    events: list[Event] = field(default_factory=list)

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:  # noqa: ARG002 - the contract's
        self.events.append(event)
        return self.answer(event)

    def expire(self, now: Instant) -> Sequence[Effect]:  # noqa: ARG002 - the contract's
        first, self.first = self.first, ()
        return first

    def deadline(self) -> Instant | None:
        return 0 if self.first else None

    def ready(self) -> bool:
        return not self.first


def echo(event: Event) -> Sequence[Effect]:
    return [Send(event.flow, event.payload)] if isinstance(event, MessageArrived) else []


class Stage:
    """A loop, and shells on it."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.facts = []

    def play(
        self,
        machine: Machine,
        *endpoints: Endpoint,
        transports: frozenset[Transport] = BOTH,
        framing: Framing = Framing.LENGTH_PREFIXED,
        enter: Callable[[], AbstractContextManager[None]] = nullcontext,
        foreign_addresses: bool = False,
    ) -> SocketShell:
        return SocketShell(
            self.loop,
            machine,
            tuple((endpoint, transports, framing) for endpoint in endpoints),
            journal=lambda fact, _at: self.facts.append(fact),
            enter=enter,
            foreign_addresses=foreign_addresses,
        )

    def until(self, condition, limit_s=10):
        assert self.loop.run_until(condition, self.loop.now() + limit_s * SECOND), "in vain"

    def meanwhile(self, ask):
        """Run blocking client code in a thread while the loop lives; give back what it returns."""
        answers = []

        def work():
            try:
                answers.append(ask())
            except BaseException as error:  # noqa: BLE001 - raised again below
                answers.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        while not answers:  # the thread cannot wake the loop, so it looks up now and then
            self.loop.run_until(lambda: bool(answers), self.loop.now() + MILLISECOND)
        thread.join()
        if isinstance(answers[0], BaseException):
            raise answers[0]
        return answers[0]


def udp_client(family=socket.AF_INET):
    client = socket.socket(family, socket.SOCK_DGRAM)
    client.settimeout(5)
    return client


def receive_exactly(connection, count):
    octets = b""
    while len(octets) < count:
        piece = connection.recv(count - len(octets))
        if not piece:
            raise EOFError(octets)
        octets += piece
    return octets


def receive_message(connection):
    return receive_exactly(connection, struct.unpack("!H", receive_exactly(connection, 2))[0])


def open_files() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def framed(*messages: bytes) -> bytes:
    return b"".join(struct.pack("!H", len(message)) + message for message in messages)


# --- datagrams --------------------------------------------------------------------------------


def test_replies_leave_from_the_address_that_was_asked(in_namespace):
    def body():
        subprocess.run(["ip", "address", "add", "127.0.0.2/8", "dev", "lo"], check=True)
        subprocess.run(["ip", "address", "add", "fd00::1/64", "dev", "lo", "nodad"], check=True)
        stage, machine = Stage(), Scripted(echo)
        endpoints = [HERE, Endpoint("127.0.0.2", 5300), Endpoint("fd00::1", 5300)]
        stage.play(machine, *endpoints, transports=UDP)
        for endpoint in endpoints:
            client = udp_client(socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET)
            client.sendto(b"question", (endpoint.address, endpoint.port))
            payload, source = stage.meanwhile(lambda client=client: client.recvfrom(100))
            assert payload == b"question"
            assert source[:2] == (endpoint.address, endpoint.port)
            arrived = machine.events[-1]
            assert arrived.destination == endpoint
            assert arrived.source.port == client.getsockname()[1]
            assert not isinstance(arrived.flow, int)
            client.close()

    in_namespace(body)


def test_the_largest_datagram_and_an_empty_one_arrive_whole(in_namespace):
    def body():
        stage = Stage()
        stage.play(Scripted(echo), HERE, transports=UDP)
        client = udp_client()
        for question in (b"", os.urandom(65507)):
            client.sendto(question, (HERE.address, HERE.port))
            assert stage.meanwhile(lambda: client.recv(65535)) == question

    in_namespace(body)


def test_a_flood_on_one_socket_leaves_the_others_their_turn(in_namespace):
    def body():
        stage = Stage()
        flooded, quiet = Scripted(), Scripted()
        stage.play(flooded, HERE, transports=UDP)
        stage.play(quiet, Endpoint("127.0.0.1", 5301), transports=UDP)
        client = udp_client()
        for _ in range(2 * limits.DATAGRAMS_PER_WAKE):
            client.sendto(b"flood", ("127.0.0.1", 5300))
        client.sendto(b"quiet", ("127.0.0.1", 5301))
        stage.until(lambda: bool(quiet.events))
        assert len(flooded.events) <= limits.DATAGRAMS_PER_WAKE
        stage.until(lambda: len(flooded.events) == 2 * limits.DATAGRAMS_PER_WAKE)

    in_namespace(body)


def test_a_reply_that_the_host_refuses_is_noted(in_namespace):
    def body():
        stage = Stage()
        too_long = Scripted(lambda event: [Send(event.flow, bytes(65_508))])
        stage.play(too_long, HERE, transports=UDP)
        client = udp_client()
        client.sendto(b"?", (HERE.address, HERE.port))
        stage.until(lambda: bool(stage.facts))
        assert stage.facts[0].reason == os.strerror(errno.EMSGSIZE).lower()

    in_namespace(body)


def test_asking_another_machine_over_udp(in_namespace):
    def body():
        stage, server = Stage(), Scripted(echo)
        asking = Scripted(first=[Open(7, Transport.UDP, HERE), Send(7, b"question")])
        stage.play(server, HERE, transports=UDP)
        stage.play(asking)
        stage.until(lambda: bool(asking.events))
        (arrived,) = asking.events
        assert (arrived.flow, arrived.payload, arrived.source) == (7, b"question", HERE)
        assert arrived.destination == server.events[0].source
        assert arrived.transport is Transport.UDP

    in_namespace(body)


def test_the_source_port_is_the_machines_choice_and_may_be_taken(in_namespace):
    def body():
        stage, server = Stage(), Scripted(echo)
        stage.play(server, HERE, transports=BOTH)
        for transport in Transport:
            asking = Scripted(
                first=[
                    Open(1, transport, HERE, source_port=40001),
                    Open(2, transport, HERE, source_port=40001),
                ]
            )
            stage.play(asking)
            stage.until(lambda asking=asking: PortTaken(2) in asking.events)
            if transport is Transport.TCP:
                stage.until(lambda asking=asking: len(asking.events) == 2)
                opened = next(e for e in asking.events if isinstance(e, StreamOpened))
                assert opened.destination.port == 40001

    in_namespace(body)


def test_only_the_far_end_is_heard_on_an_opened_flow(in_namespace):
    def body():
        stage = Stage()
        asking = Scripted(first=[Open(1, Transport.UDP, HERE, source_port=40001), Send(1, b"?")])
        server = udp_client()
        server.bind((HERE.address, HERE.port))
        shell = stage.play(asking)
        stage.until(lambda: not asking.first)
        _, client = server.recvfrom(100)
        udp_client().sendto(b"forged", client)
        server.sendto(b"true", client)
        stage.until(lambda: bool(asking.events))
        assert [event.payload for event in asking.events] == [b"true"]
        shell.close()

    in_namespace(body)


def test_a_datagram_that_slipped_in_before_the_connect_is_not_heard(in_namespace):
    def body():
        stage = Stage()
        server = udp_client()
        server.bind((HERE.address, HERE.port))
        asking = Scripted(first=[Open(1, Transport.UDP, HERE, source_port=40001), Send(1, b"?")])
        connect = socket.socket.connect

        class Slow(socket.socket):
            def connect(self, address):
                udp_client().sendto(b"forged", ("127.0.0.1", 40001))
                connect(self, address)

        shell = stage.play(asking)
        original, socket.socket = socket.socket, Slow
        try:
            stage.until(lambda: not asking.first)
        finally:
            socket.socket = original
        _, client = server.recvfrom(100)
        server.sendto(b"true", client)
        stage.until(lambda: bool(asking.events))
        assert [event.payload for event in asking.events] == [b"true"]
        shell.close()

    in_namespace(body)


def test_a_refusing_port_and_an_unroutable_host_are_unreachable(in_namespace):
    def body():
        stage = Stage()
        nobody, nowhere = Endpoint("127.0.0.1", 9), Endpoint("203.0.113.1", 9)
        asking = Scripted(
            first=[
                Open(1, Transport.UDP, nobody),
                Send(1, b"?"),
                Open(2, Transport.TCP, nobody),
                Open(3, Transport.UDP, nowhere),
                Send(3, b"?"),
                Open(4, Transport.TCP, nowhere),
                Open(5, Transport.UDP, nowhere),
                Close(5),
            ]
        )
        stage.play(asking)
        stage.until(lambda: len(asking.events) == 4)
        assert sorted(asking.events, key=lambda event: event.flow) == [
            Unreachable(1, "port unreachable"),
            Unreachable(2, "connection refused"),
            Unreachable(3, "network unreachable"),
            Unreachable(4, "network unreachable"),
        ]
        stage.loop.run_until(lambda: False, stage.loop.now() + 20 * MILLISECOND)
        assert len(asking.events) == 4  # a closed flow is not heard of

    in_namespace(body)


# --- streams ----------------------------------------------------------------------------------


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


# --- starting, stopping, failing ---------------------------------------------------------------


def test_a_taken_port_is_one_clear_line(in_namespace):
    def body():
        stage = Stage()
        for transport in Transport:
            first = stage.play(Scripted(), HERE, transports=frozenset({transport}))
            with pytest.raises(CannotStart, match=f"{transport.name} 127.0.0.1:5300: another"):
                stage.play(Scripted(), HERE)
            first.close()
        stage.play(Scripted(), HERE)  # closing freed the port

    in_namespace(body)


def test_a_port_that_needs_a_privilege_is_one_clear_line(in_namespace, give_up_privileges):
    def body():
        stage = Stage()
        give_up_privileges()
        with pytest.raises(CannotStart, match=r"UDP 127\.0\.0\.1:53: .*; run it as root or with"):
            stage.play(Scripted(), Endpoint("127.0.0.1", 53))

    in_namespace(body)


@pytest.mark.parametrize("address", ["192.0.2.100", "2001:db8::100"])
def test_an_address_of_nobody_is_refused(in_namespace, address):
    def body():
        with pytest.raises(CannotStart, match=r"does not have the address; correct `listen`, or"):
            Stage().play(Scripted(), Endpoint(address, 53))

    in_namespace(body)


def test_an_address_of_nobody_can_be_listened_on_when_asked_for(in_namespace):
    """As the translator does, which ends the DNS port of aliases."""

    def body():
        stage = Stage()
        alias = Endpoint("192.0.2.100", 53)
        stage.play(Scripted(echo), alias, foreign_addresses=True)
        subprocess.run(["ip", "route", "add", "local", "192.0.2.100", "dev", "lo"], check=True)
        client = udp_client()
        client.sendto(b"?", ("192.0.2.100", 53))
        assert stage.meanwhile(lambda: client.recvfrom(10)) == (b"?", ("192.0.2.100", 53))

        def ask():
            with socket.create_connection(("192.0.2.100", 53), timeout=5) as stream:
                stream.sendall(framed(b"over TCP"))
                return receive_message(stream)

        assert stage.meanwhile(ask) == b"over TCP"

    in_namespace(body)


def test_sockets_are_created_inside_enter(in_namespace):
    def body():
        entered = []

        @contextmanager
        def enter():
            entered.append("in")
            yield
            entered.append("out")

        stage = Stage()
        stage.play(Scripted(first=[Open(1, Transport.UDP, HERE)]), HERE, enter=enter)
        assert entered == ["in", "out"] * 2
        stage.until(lambda: len(entered) == 6)

    in_namespace(body)


def test_a_machine_that_raises_or_asks_the_impossible_is_not_silent(in_namespace):
    def body():
        def broken(_event):
            raise ZeroDivisionError

        wrongs = [
            broken,
            lambda _event: [SendPacket(b"")],
            lambda _event: [Open(1, Transport.UDP, HERE), Open(1, Transport.UDP, HERE)],
            lambda _event: [Open(1, Transport.TCP, HERE), Send(1, b"too early")],
        ]
        for wrong in wrongs:
            stage = Stage()
            shell = stage.play(Scripted(wrong), HERE)
            udp_client().sendto(b"?", (HERE.address, HERE.port))
            with pytest.raises(MachineFailed, match=r"Scripted|the machine"):
                stage.until(lambda: False)
            shell.close()

    in_namespace(body)


def test_notes_go_to_the_journal(in_namespace):
    def body():
        stage = Stage()
        stage.play(Scripted(first=[Note("a fact")]))
        stage.until(lambda: stage.facts == ["a fact"])

    in_namespace(body)


def test_a_closed_shell_leaves_nothing_open(in_namespace):
    def body():
        stage = Stage()
        before = open_files()
        server = stage.play(Scripted(), HERE)
        asking = Scripted(first=[Open(1, Transport.TCP, HERE), Open(2, Transport.UDP, HERE)])
        client = stage.play(asking)
        stage.until(lambda: bool(asking.events))
        client.close()
        server.close()
        server.close()
        assert open_files() == before
        assert stage.loop._timed == {}
        assert stage.loop._watches == {}

    in_namespace(body)


# --- the loop ----------------------------------------------------------------------------------


@dataclass(eq=False)
class Alarm:
    at: Instant | None
    rang: list[Instant] = field(default_factory=list)

    def deadline(self):
        return self.at

    def expire(self, now):
        self.rang.append(now)
        self.at = None


def test_the_loop_wakes_for_the_earliest_timer_and_never_early():
    loop = Loop()
    start = loop.now()
    late, soon = Alarm(start + 30 * MILLISECOND), Alarm(start + 10 * MILLISECOND)
    loop.add_timed(late)
    loop.add_timed(soon)
    assert loop.run_until(lambda: bool(soon.rang), None)
    assert not late.rang
    assert loop.run_until(lambda: bool(late.rang), None)
    assert soon.rang[0] >= start + 10 * MILLISECOND
    assert late.rang[0] >= start + 30 * MILLISECOND
    loop.close()


def test_the_loop_gives_up_at_the_deadline():
    loop = Loop()
    deadline = loop.now() + 5 * MILLISECOND
    assert not loop.run_until(lambda: False, deadline)
    assert loop.now() >= deadline
    assert loop.run_until(lambda: True, 0)
    loop.close()


def test_waiting_takes_no_processor_time():
    loop = Loop()
    turns = []
    loop.add_timed(Alarm(loop.now() + 3600 * SECOND))
    loop.run_until(lambda: bool(turns.append(1)), loop.now() + 300 * MILLISECOND)
    assert len(turns) <= 3
    loop.close()


def test_a_callback_may_close_files_that_are_ready_too():
    loop = Loop()
    pairs = [socket.socketpair() for _ in range(4)]
    called = []

    def close_all(me):
        called.append(me)
        for receiver, _ in pairs:
            loop.remove_reader(receiver)
            receiver.close()
        # The numbers are free again; a new file under an old number is not ready.
        fresh = [os.pipe() for _ in range(2)]
        for reader, _ in fresh:
            loop.add_reader(reader, lambda: called.append("stale"))

    for index, (receiver, sender) in enumerate(pairs):
        sender.send(b"x")
        loop.add_reader(receiver, lambda index=index: close_all(index))
    loop.run_until(lambda: False, loop.now() + 10 * MILLISECOND)
    assert len(called) == 1
    loop.close()
