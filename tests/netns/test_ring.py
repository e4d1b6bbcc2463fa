"""Captures by rings of blocks: the same frames as the other capture sees, losses counted."""

from __future__ import annotations

import select
import socket
import struct
import subprocess
from collections import Counter
from fcntl import ioctl

import pytest

from lab.observe import ring
from lab.observe.capture import LiveCapture
from lab.observe.packet_filter import Kept
from lab.observe.pcapng import read_packets
from lab.observe.ring import RingCapture

pytestmark = pytest.mark.netns


def ip(*commands: str):
    for command in commands:
        subprocess.run(["ip", *command.split()], check=True)


def make_pair():
    """Two ends of a cable in this namespace; frames put in at one come out of the other."""
    ip(
        "link add left type veth peer name right",
        "link set left up",
        "link set right up",
        "link set left arp off",
    )


def frame(number, port=53):
    """A UDP datagram to a DNS server, as any frame on the cable."""
    udp = b"\xc0\x00" + port.to_bytes(2, "big") + b"\x00\x0c\x00\x00" + number.to_bytes(4, "big")
    header = b"\x45\x00\x00\x20\x00\x00\x00\x00\x40\x11\x00\x00\n\0\0\1\n\0\0\2"
    return b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x08\x00" + header + udp


def sender(interface):
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    made.bind((interface, 0))
    return made


def read_until_quiet(capture):
    """Take what is handed over while it comes."""
    while readable := select.select(capture.sockets(), [], [], 0)[0]:
        for ear in readable:
            capture.read(ear)


def down_at_once(interface):
    """As `ip link set down`, without the time that starting a program takes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", interface.encode(), 0)
        ioctl(control, 0x8914, request)  # SIOCSIFFLAGS


def seen(path):
    return Counter(
        (packet.interface.name, packet.outgoing, packet.data)
        for packet in read_packets(path)
        if packet.interface.linktype == 1 and packet.data[12:14] == b"\x08\x00"
    )


def test_both_captures_see_the_same(in_namespace, tmp_path):
    def body():
        make_pair()
        rings, live = RingCapture(tmp_path / "ring.pcapng"), LiveCapture(tmp_path / "live.pcapng")
        for interface in ("left", "right"):
            rings.add(interface, interface, Kept.CONVERSATIONS)
            live.add(interface, interface)
        left = sender("left")
        for number in range(3000):
            left.send(frame(number))
            if number % 100 == 0:
                read_until_quiet(rings)
                read_until_quiet(live)
        rings.close()
        live.close()
        assert rings.frames_lost == live.frames_lost == 0
        found = seen(tmp_path / "ring.pcapng")
        assert found == seen(tmp_path / "live.pcapng")
        assert sum(found.values()) == 6000
        stamps = [packet.at for packet in read_packets(tmp_path / "ring.pcapng")]
        assert stamps == sorted(stamps)
        assert len(set(stamps)) > 3000  # nanoseconds, not the blocks' stamps

    in_namespace(body)


def test_the_last_frame_is_there_however_soon_the_capture_ends(in_namespace, tmp_path):
    def body():
        make_pair()
        for turn in range(20):
            path = tmp_path / f"{turn}.pcapng"
            capture = RingCapture(path)
            capture.add("right", "right", Kept.QUESTIONS)
            with sender("left") as left:
                left.send(frame(turn))
                capture.close()
            assert list(seen(path)) == [("right", False, frame(turn))]

    in_namespace(body)


def test_what_is_not_kept_is_left_out_and_marks_stand_where_they_were_made(in_namespace, tmp_path):
    def body():
        make_pair()
        capture = RingCapture(tmp_path / "some.pcapng")
        capture.add("left", "left", Kept.QUESTIONS)
        left = sender("left")
        left.send(frame(1))
        left.send(frame(2, port=80))
        read_until_quiet(capture)
        capture.mark(2**62, "storm", "the crowd comes", {})
        capture.mark(1, "storm", "before", {})
        capture.close()
        capture.close()  # twice is no error
        packets = list(read_packets(tmp_path / "some.pcapng"))
        told = [b"before" in packet.data or b"crowd" in packet.data for packet in packets]
        assert told == [True, False, True]
        assert packets[1].data == frame(1)

    in_namespace(body)


def test_frames_without_room_are_counted_as_lost(in_namespace, tmp_path, monkeypatch):
    monkeypatch.setattr(ring, "_BLOCKS", 2)
    monkeypatch.setattr(ring, "_BLOCK", 65_536)

    def body():
        make_pair()
        capture = RingCapture(tmp_path / "small.pcapng")
        capture.add("right", "right", Kept.QUESTIONS)
        with sender("left") as left:
            for number in range(4000):
                left.send(frame(number))
        capture.close()
        kept = sum(seen(tmp_path / "small.pcapng").values())
        assert capture.frames_lost > 1000
        assert kept + capture.frames_lost == 4000

    in_namespace(body)


def test_an_interface_that_went_down_does_not_hold_up_the_end(in_namespace, tmp_path):
    def body():
        make_pair()
        capture = RingCapture(tmp_path / "down.pcapng")
        capture.add("right", "right", Kept.QUESTIONS)
        with sender("left") as left:
            left.send(frame(1))
            down_at_once("right")
        assert select.select(capture.sockets(), [], [], 1)[0]
        read_until_quiet(capture)  # and is not told again and again that it is down
        capture.close()
        assert sum(seen(tmp_path / "down.pcapng").values()) == 1

    in_namespace(body)
