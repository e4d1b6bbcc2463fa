"""Captures of live interfaces: each packet once, stamped, with its direction, and in order."""

from __future__ import annotations

import os
import select
import socket
import struct
import subprocess
import time
from fcntl import ioctl

import pytest

from lab.observe import capture as capture_module
from lab.observe.capture import TRIAL_FRAME, LiveCapture
from lab.observe.pcapng import ETHERNET, RAW_IP, read_packets, read_records
from lab.observe.sighting import Arp, Ip, Mark, Udp
from lab.scenario.packets import datagram
from lab.worlds.isolation import run_isolated
from lab.worlds.mininet_carrying import has_carrier
from resolver.machine import SECOND, Endpoint

pytestmark = pytest.mark.netns

A, B = b"\x02\0\0\0\0\x0a", b"\x02\0\0\0\0\x0b"
ELSEWHERE = b"\x02\0\0\0\0\x0c"


def ip(script):
    subprocess.run(["ip", "-batch", "-"], input=script, text=True, check=True)


def cable():
    """Two ends of a cable without addresses: what arrives was sent by the test."""
    for name in ("all", "default"):
        with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w") as file:  # noqa: PTH123
            file.write("1")
    ip(
        "link add name a address 02:00:00:00:00:0a type veth "
        "peer name b address 02:00:00:00:00:0b\n"
        "link set dev a up\nlink set dev b up\n"
    )
    for one, other in ("ab", "ba"):
        carry(one, other)
    STAMPED.append(stamped("a", "b"))


def carry(one, other):
    """Return when frames get through; the first ones may not."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as ear, sender(one) as out:
        ear.bind((other, TRIAL_FRAME))
        deadline = time.monotonic() + 5
        while not select.select([ear], [], [], 0.01)[0]:
            assert time.monotonic() < deadline
            send(out, b"trial", receiver=b"\xff" * 6, kind=TRIAL_FRAME)


STAMPED = []
"""Sockets that keep the kernel stamping for as long as the process lives."""


def stamped(one, other):
    """Return when frames are stamped as they arrive. The kernel begins with it a while after the
    first socket has asked for stamps (a world takes far longer to start); until then a frame is
    stamped when it is read."""
    ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    ear.setsockopt(socket.SOL_SOCKET, capture_module._SO_TIMESTAMPNS, 1)
    ear.bind((other, TRIAL_FRAME))
    deadline = time.monotonic() + 5
    with sender(one) as out:
        while True:
            send(out, b"trial", receiver=b"\xff" * 6, kind=TRIAL_FRAME)
            assert select.select([ear], [], [], 5)[0]
            before_reading = time.time_ns()
            _, ((_, _, stamp),), _, _ = ear.recvmsg(100, 100)
            seconds, nanoseconds = struct.unpack("qq", stamp)
            if seconds * SECOND + nanoseconds < before_reading:
                return ear
            assert time.monotonic() < deadline


def packet(number):
    return datagram(Endpoint("10.0.0.1", 1000), Endpoint("10.0.0.2", number))


def send(out, payload, receiver=B, kind=0x0800):
    out.send(receiver + A + struct.pack("!H", kind) + payload)


def sender(interface):
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    out.bind((interface, 0))
    return out


def in_a_world(body):
    return run_isolated(body, timeout_s=60)


def test_each_interface_sees_each_packet_once_with_its_direction(tmp_path):
    path = tmp_path / "capture.pcapng"

    def body():
        cable()
        capture = LiveCapture(path)
        capture.add("left", "a")
        capture.add("right", "b")
        began = time.time_ns()
        out = sender("a")
        for number in range(1, 101):
            send(out, packet(number))
        capture.close()
        return began, time.time_ns(), capture.frames_lost

    began, ended, lost = in_a_world(body)
    assert lost == 0
    records = list(read_records(path))
    assert all(began <= record.at <= ended for record in records)
    assert [record.at for record in records] == sorted(record.at for record in records)
    for node, outgoing in (("left", True), ("right", False)):
        mine = [record for record in records if record.node == node]
        assert {record.outgoing for record in mine} == {outgoing}
        ports = [record.network.transport.destination_port for record in mine]
        assert ports == list(range(1, 101))
    assert {each.interface.linktype for each in read_packets(path)} == {ETHERNET}


def test_what_is_not_for_the_node_is_left_out(tmp_path):
    path = tmp_path / "capture.pcapng"

    def body():
        cable()
        capture = LiveCapture(path)
        capture.add("right", "b")
        out = sender("a")
        send(out, packet(1), receiver=ELSEWHERE)  # flooded by a switch
        send(out, b"trial", receiver=b"\xff" * 6, kind=TRIAL_FRAME)  # the lab's own
        send(out, packet(2))
        request = (
            struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + A + b"\n\0\0\1" + bytes(6) + b"\n\0\0\2"
        )
        send(out, request, receiver=b"\xff" * 6, kind=0x0806)  # a broadcast is for all
        capture.close()

    in_a_world(body)
    first, second = read_records(path)
    assert isinstance(first.network, Ip)
    assert first.network.transport.destination_port == 2
    assert second.network == Arp(1, "10.0.0.1", "10.0.0.2")


def test_a_tun_device_is_captured_as_plain_ip(tmp_path):
    path = tmp_path / "capture.pcapng"

    def body():
        device = os.open("/dev/net/tun", os.O_RDWR)
        ioctl(device, 0x400454CA, struct.pack("16sH22x", b"t", 0x1001))
        ip("link set dev t up\naddress add 10.0.0.1/24 dev t\n")
        deadline = time.monotonic() + 5
        while not has_carrier("t"):
            assert time.monotonic() < deadline
        capture = LiveCapture(path)
        capture.add("node", "t")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(b"outward", ("10.0.0.2", 53))
        # Only what was read has left; the kernel's own words on the new link may come before it.
        while not os.read(device, 2048).endswith(b"outward"):
            pass
        os.write(device, datagram(Endpoint("10.0.0.2", 53), Endpoint("10.0.0.1", 9)))
        capture.close()

    in_a_world(body)
    assert {each.interface.linktype for each in read_packets(path)} == {RAW_IP}
    udp = [
        (record.outgoing, record.network.destination)
        for record in read_records(path)
        if isinstance(record.network, Ip) and isinstance(record.network.transport, Udp)
    ]
    assert udp == [(True, "10.0.0.2"), (False, "10.0.0.1")]


def test_a_watcher_sees_packets_as_they_are_read_and_the_file_gets_them_in_order(tmp_path):
    path = tmp_path / "capture.pcapng"

    def body():
        cable()
        capture = LiveCapture(path)
        left, right = capture.add("left", "a"), capture.add("right", "b")
        seen = []
        capture.on_sighting = seen.append
        out = sender("a")
        for number in range(1, 4):
            send(out, packet(number))
        capture.mark(time.time_ns(), "step", "three sent", {"count": 3})
        send(out, packet(4))
        # The other way round than they were sent, and much later than written frames settle.
        time.sleep(0.05)
        capture.read(right)
        assert [each.interface for each in seen[:4]] == ["b"] * 4
        capture.read(left)
        assert {each.number for each in seen} == {0}
        capture.close()
        return len(seen)

    assert in_a_world(body) == 8
    records = list(read_records(path))
    assert [record.at for record in records] == sorted(record.at for record in records)
    kinds = ["mark" if isinstance(each, Mark) else each.interface for each in records]
    assert kinds == ["a", "b"] * 3 + ["mark"] + ["a", "b"]


def test_frames_the_kernel_had_no_room_for_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(capture_module, "_BUFFER", 4096)
    path = tmp_path / "capture.pcapng"

    def body():
        cable()
        capture = LiveCapture(path)
        capture.add("right", "b")
        out = sender("a")
        for number in range(2000):
            send(out, packet(number))
        capture.close()
        return capture.frames_lost

    lost = in_a_world(body)
    written = len(list(read_records(path)))
    assert lost > 0
    assert written + lost == 2000


def port_of(sightings):
    """The port that the last of these packets went to."""
    return sightings[-1].network.transport.destination_port if sightings else None


def test_an_interface_that_goes_down_and_up_is_captured_further(tmp_path):
    path = tmp_path / "capture.pcapng"

    def body():
        cable()
        capture = LiveCapture(path)
        right = capture.add("right", "b")
        out = sender("a")
        send(out, packet(1))
        ip("link set dev b down\n")
        capture.read(right)
        ip("link set dev b up\n")
        deadline = time.monotonic() + 5
        seen = []
        capture.on_sighting = seen.append
        # The first packet may be seen only now.
        while port_of(seen) != 2 and time.monotonic() < deadline:
            send(out, packet(2))
            capture.read(right)
        capture.close()

    in_a_world(body)
    ports = [record.network.transport.destination_port for record in read_records(path)]
    assert ports[0] == 1
    assert 2 in ports


def test_stamps_are_the_real_time_clocks(tmp_path):
    path = tmp_path / "capture.pcapng"

    def body():
        cable()
        capture = LiveCapture(path)
        capture.add("left", "a")
        before = time.time_ns()
        send(sender("a"), packet(1))
        after = time.time_ns()
        capture.close()
        return before, after

    before, after = in_a_world(body)
    (record,) = read_records(path)
    assert before <= record.at <= after
    assert after - before < SECOND


def test_an_interface_that_is_not_there_is_an_error_and_leaves_no_socket(tmp_path):
    def body():
        capture = LiveCapture(tmp_path / "capture.pcapng")
        with pytest.raises(OSError, match="No such device"):
            capture.add("node", "nowhere")
        assert capture.sockets() == ()
        capture.close()
        capture.close()

    in_a_world(body)
