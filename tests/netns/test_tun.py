"""The TUN shell with the kernel on both sides of it."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, UDP
from scapy.packet import Packet

from resolver.machine import (
    SECOND,
    Close,
    Effect,
    Event,
    Instant,
    PacketArrived,
    SendPacket,
)
from resolver.shells import limits
from resolver.shells.loop import Loop
from resolver.shells.shell import CannotStart, MachineFailed
from resolver.shells.tun import TunShell, raise_ttl

netns = pytest.mark.netns
DEVICE = "nat0"
ALIAS, SERVER, CLIENT = "10.1.0.100", "10.2.0.2", "10.1.0.2"

packets = st.builds(
    lambda ttl, tos, ident, proto, src, dst, payload: bytes(
        IP(ttl=ttl, tos=tos, id=ident, proto=proto, src=src, dst=dst) / payload
    ),
    ttl=st.integers(0, 255),
    tos=st.integers(0, 255),
    ident=st.integers(0, 65535),
    proto=st.integers(0, 255),
    src=st.ip_addresses(v=4).map(str),
    dst=st.ip_addresses(v=4).map(str),
    payload=st.binary(max_size=30),
)


@given(packet=packets)
def test_a_raised_ttl_has_the_checksum_of_a_packet_built_so(packet):
    expected = IP(packet)
    expected.ttl = min(255, expected.ttl + 1)
    del expected.chksum
    assert raise_ttl(packet) == bytes(expected)


@dataclass
class Rewriting:
    """A router that rewrites packets as told; None drops them."""

    rewrite: Callable[[Packet], Packet | None]
    packets: list[Packet] = field(default_factory=list)

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:  # noqa: ARG002 - the contract's
        assert isinstance(event, PacketArrived)
        packet = IP(event.packet)
        self.packets.append(packet.copy())
        packet.ttl -= 1
        rewritten = self.rewrite(packet)
        if rewritten is None:
            return ()
        del rewritten.chksum, rewritten.payload.chksum
        return [SendPacket(bytes(rewritten))]

    def expire(self, now: Instant) -> Sequence[Effect]:  # noqa: ARG002 - the contract's
        return ()

    def deadline(self) -> Instant | None:
        return None

    def ready(self) -> bool:
        return True


def answer_ping(packet: Packet) -> Packet:
    packet.src, packet.dst = packet.dst, packet.src
    packet[ICMP].type = 0
    return packet


def static_alias(packet: Packet) -> Packet:
    if packet.dst == ALIAS:
        packet.dst = SERVER
    if packet.src == SERVER:
        packet.src = ALIAS
    return packet


def drop(_packet: Packet) -> None:
    return None


def run(line: str) -> None:
    subprocess.run(line.split(), check=True)


def device_up() -> None:
    run(f"ip tuntap add dev {DEVICE} mode tun")
    run(f"ip link set {DEVICE} up")
    run(f"ip address add 192.0.2.1/24 dev {DEVICE}")


class Stage:
    def __init__(self, machine: Rewriting) -> None:
        self.loop = Loop()
        self.facts: list[object] = []
        self.shell = TunShell(
            self.loop, machine, DEVICE, journal=lambda fact, _at: self.facts.append(fact)
        )
        self.until(self.shell.ready)

    def until(self, condition: Callable[[], bool]) -> None:
        assert self.loop.run_until(condition, self.loop.now() + 10 * SECOND), self.facts

    def received(self, receiver: socket.socket) -> list[bytes]:
        """Live until something arrives at a socket; give it back."""
        arrived: list[bytes] = []
        self.loop.add_reader(receiver, lambda: arrived.append(receiver.recv(2000)))
        self.until(lambda: bool(arrived))
        self.loop.remove_reader(receiver)
        return arrived


@netns
def test_ping_through_an_existing_device(in_namespace):
    def body():
        device_up()
        machine = Rewriting(answer_ping)
        stage = Stage(machine)
        pinger = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        for sequence in range(3):
            echo = ICMP(id=7, seq=sequence) / b"payload"
            pinger.sendto(bytes(echo), ("192.0.2.7", 0))
            (reply,) = map(IP, stage.received(pinger))
            assert (reply.src, reply[ICMP].type, reply[ICMP].seq) == ("192.0.2.7", 0, sequence)
            assert bytes(reply[ICMP].payload) == b"payload"
        assert stage.facts == []

    in_namespace(body)


@netns
def test_a_packet_loses_exactly_one_of_its_ttl_on_its_way_through(in_namespace):
    """Client, translator and server in namespaces of their own; both directions cross the TUN."""

    def body():
        client, server = new_network(), new_network()
        connect(client, "client", "10.1.0.1/24", f"{CLIENT}/24")
        connect(server, "server", "10.2.0.1/24", f"{SERVER}/24")
        for setting in ("ip_forward", "conf/client/proxy_arp"):
            Path("/proc/sys/net/ipv4", setting).write_text("1")
        run(f"ip tuntap add dev {DEVICE} mode tun")
        run(f"ip link set {DEVICE} up")
        for interface in ("all", "default", "client", "server", DEVICE):
            Path(f"/proc/sys/net/ipv4/conf/{interface}/rp_filter").write_text("0")
        run(f"ip route add {ALIAS} dev {DEVICE}")
        run("ip rule add iif server lookup 100")
        run(f"ip route add default dev {DEVICE} table 100")
        machine = Rewriting(static_alias)
        stage = Stage(machine)
        with inside(client):
            asking = observed_socket(CLIENT)
        with inside(server):
            serving = observed_socket(SERVER)
        for ttl in (2, 64, 254):
            asking.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            asking.sendto(b"question", (ALIAS, 7000))
            stage.until(lambda: len(machine.packets) == 1)
            serving.settimeout(5)
            assert received_ttl(serving) == (b"question", (CLIENT, 7000), ttl - 1)
            serving.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            serving.sendto(b"answer", (CLIENT, 7000))
            stage.until(lambda: len(machine.packets) == 2)
            assert received_ttl(asking) == (b"answer", (ALIAS, 7000), ttl - 1)
            # The translator saw what was on the wire.
            assert [packet.ttl for packet in machine.packets] == [ttl, ttl]
            assert all(packet.chksum == IP(bytes(packet)).chksum for packet in machine.packets)
            machine.packets.clear()
        assert stage.facts == []

    in_namespace(body)


@netns
def test_a_device_that_does_not_exist_is_made_and_vanishes(in_namespace):
    def body():
        stage = Stage(Rewriting(drop))
        assert DEVICE in interfaces()
        stage.shell.close()
        stage.shell.close()
        assert DEVICE not in interfaces()

    in_namespace(body)


@netns
def test_ipv6_is_ignored_and_batches_are_bounded(in_namespace):
    def body():
        device_up()
        machine = Rewriting(drop)
        stage = Stage(machine)
        run(f"ip address add fd00::1/64 dev {DEVICE} nodad")
        other = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        batch = limits.DATAGRAMS_PER_WAKE
        for number in range(2 * batch):
            sender.sendto(b"%d" % number, ("192.0.2.7", 9))
            other.sendto(b"", ("fd00::7", 9))
        turns: list[int] = []

        def all_here() -> bool:
            turns.append(len(machine.packets))
            return len(machine.packets) == 2 * batch

        stage.until(all_here)
        assert max(b - a for a, b in pairwise(turns)) <= batch
        assert [packet[UDP].load for packet in machine.packets] == [
            b"%d" % number for number in range(2 * batch)
        ]

    in_namespace(body)


@netns
def test_a_packet_that_the_host_refuses_is_noted(in_namespace):
    def body():
        device_up()
        stage = Stage(Rewriting(answer_ping))
        pinger = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        pinger.sendto(bytes(ICMP()), ("192.0.2.7", 0))
        # The packet waits in the device; by the time it is answered the device is down.
        run(f"ip link set {DEVICE} down")
        stage.until(lambda: bool(stage.facts))
        assert stage.facts[0].device == DEVICE

    in_namespace(body)


@netns
def test_what_keeps_it_from_starting_is_one_clear_line(in_namespace, give_up_privileges):
    def body():
        first = Stage(Rewriting(drop))
        with pytest.raises(CannotStart, match="nat0: another program has it; "):
            Stage(Rewriting(drop))
        first.shell.close()
        run(f"ip tuntap add dev {DEVICE} mode tap")
        with pytest.raises(CannotStart, match="is no TUN device; "):
            Stage(Rewriting(drop))
        run(f"ip tuntap del dev {DEVICE} mode tap")
        give_up_privileges()
        with pytest.raises(CannotStart, match="it needs CAP_NET_ADMIN; "):
            Stage(Rewriting(drop))

    in_namespace(body)


@netns
def test_a_machine_that_asks_for_sockets_is_not_silent(in_namespace):
    def body():
        device_up()
        machine = Rewriting(drop)
        machine.handle = lambda _event, _now: [Close(1)]  # type: ignore[method-assign]  # a bug
        stage = Stage(machine)
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", ("192.0.2.7", 9))
        with pytest.raises(MachineFailed, match="Rewriting asked a TUN device for Close"):
            stage.until(lambda: False)

    in_namespace(body)


# --- networks beside the test's own --------------------------------------------------------------

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_IP_RECVTTL = 12  # <linux/in.h>


def current_network() -> int:
    return os.open("/proc/self/ns/net", os.O_RDONLY)


def new_network() -> int:
    """A file descriptor of a fresh network namespace."""
    before = current_network()
    assert _libc.unshare(_CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    fresh = current_network()
    assert _libc.setns(before, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    return fresh


@contextmanager
def inside(network: int) -> Iterator[None]:
    before = current_network()
    assert _libc.setns(network, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        assert _libc.setns(before, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


def connect(network: int, name: str, near: str, far: str) -> None:
    """A veth pair `name` - eth0 between here and the network, which routes everything here."""
    subprocess.run(
        [*f"ip link add {name} type veth peer eth0 netns".split(), f"/proc/self/fd/{network}"],
        check=True,
        pass_fds=[network],
    )
    run(f"ip address add {near} dev {name}")
    run(f"ip link set {name} up")
    with inside(network):
        run(f"ip address add {far} dev eth0")
        run("ip link set eth0 up")
        run(f"ip route add default via {near.partition('/')[0]}")


def observed_socket(address: str) -> socket.socket:
    observed = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    observed.bind((address, 7000))
    observed.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
    observed.settimeout(5)
    return observed


def received_ttl(observed: socket.socket) -> tuple[bytes, tuple[str, int], int]:
    payload, ancillary, _flags, source = observed.recvmsg(2000, socket.CMSG_SPACE(4))
    return payload, source, int.from_bytes(ancillary[0][2], "little")


def interfaces() -> set[str]:
    return {name for _, name in socket.if_nameindex()}
