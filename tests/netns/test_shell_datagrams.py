"""Datagrams through real sockets: in, out, in batches, and what the network refuses."""

from __future__ import annotations

import errno
import os
import socket
import subprocess

import pytest
from shell_stage import (
    BOTH,
    HERE,
    UDP,
    Scripted,
    Stage,
    echo,
    udp_client,
)

from resolver.machine import (
    MILLISECOND,
    Close,
    Endpoint,
    Open,
    PortTaken,
    Send,
    StreamOpened,
    Transport,
    Unreachable,
)
from resolver.shells import limits

pytestmark = pytest.mark.netns


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
