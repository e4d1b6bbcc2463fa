"""What shells are in a process: started, stopped, failing, and on one loop."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import pytest
from shell_stage import (
    HERE,
    Scripted,
    Stage,
    echo,
    framed,
    open_files,
    receive_message,
    udp_client,
)

from resolver.machine import (
    MILLISECOND,
    SECOND,
    Endpoint,
    Instant,
    Note,
    Open,
    Send,
    SendPacket,
    Transport,
)
from resolver.shells.loop import Loop
from resolver.shells.shell import CannotStart, MachineFailed

pytestmark = pytest.mark.netns


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
        assert stage.loop._timed == ()
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


def test_what_is_to_happen_soon_happens_once_and_before_the_next_wait():
    loop = Loop()
    readable, writable = socket.socketpair()
    happened = []

    def read():
        happened.append(readable.recv(100))
        loop.soon(lambda: happened.append("soon"))

    def again():
        happened.append("first")
        loop.soon(lambda: happened.append("second"))

    with closing(loop), readable, writable:
        loop.add_reader(readable, read)
        loop.soon(again)
        writable.send(b"word")
        assert loop.run_until(lambda: "soon" in happened, loop.now() + SECOND)
        assert happened == ["first", "second", b"word", "soon"]
        # Nobody is there to wake it: had it waited for what is only soon, it would be in vain.
        loop.soon(again)
        assert loop.run_until(lambda: happened[4:] == ["first", "second"], loop.now() + SECOND)
