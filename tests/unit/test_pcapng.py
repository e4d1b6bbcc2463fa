"""Captures: what is written is read back, by us and by others; what is damaged is named."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapNgReader, wrpcapng

from lab.observe.pcapng import (
    ETHERNET,
    RAW_IP,
    CaptureError,
    PcapngWriter,
    read_packets,
    read_records,
)
from lab.observe.sighting import Ip, Mark, Sighting, Udp

AT = 1_700_000_000_123_456_789
FRAME = bytes(
    Ether() / IP(src="192.168.1.10", dst="192.168.1.2") / UDP(sport=40000, dport=9) / b"x"
)


def written(path: Path) -> Path:
    """Two packets and a mark between them, on three interfaces."""
    with PcapngWriter(path) as out:
        viewer = out.interface("viewer-eth0", ETHERNET, "viewer")
        tunnel = out.interface("nat0", RAW_IP, "translator")
        out.packet(viewer, AT, FRAME, outgoing=True)
        out.mark(AT + 1, "halted", "tgp1 hält an", {"node": "tgp1", "program": None})
        out.packet(tunnel, AT + 2, FRAME[14:], outgoing=False)
    return path


@given(
    packets=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 2**63 - 1),
            st.binary(max_size=70),
            st.booleans(),
        ),
        max_size=20,
    )
)
@settings(deadline=None)
def test_packets_come_back_as_they_were_written(tmp_path_factory, packets):
    path = tmp_path_factory.mktemp("captures") / "run.pcapng"
    with PcapngWriter(path) as out:
        for number in range(3):
            out.interface(f"node{number}-eth0", ETHERNET, f"node{number}")
        for interface, at, payload, outgoing in packets:
            out.packet(interface, at, payload, outgoing)
    found = [
        (packet.interface.name, packet.at, packet.data, packet.outgoing)
        for packet in read_packets(path)
    ]
    assert found == [
        (f"node{interface}-eth0", at, payload, outgoing)
        for interface, at, payload, outgoing in packets
    ]
    numbers = [packet.number for packet in read_packets(path)]
    assert numbers == list(range(1, len(packets) + 1))


def test_records_are_sightings_and_marks_in_file_order(tmp_path):
    first, mark, second = read_records(written(tmp_path / "run.pcapng"))
    assert isinstance(first, Sighting)
    assert (first.number, first.at, first.node, first.interface) == (1, AT, "viewer", "viewer-eth0")
    assert first.outgoing
    assert isinstance(first.network, Ip)
    assert isinstance(first.network.transport, Udp)
    assert mark == Mark(2, AT + 1, "halted", "tgp1 hält an", {"node": "tgp1", "program": None})
    assert isinstance(second, Sighting)
    assert (second.number, second.node, second.outgoing) == (3, "translator", False)
    assert isinstance(second.network, Ip)
    assert second.network.raw == FRAME[14:]


def test_the_plan_names_nodes_better_than_the_file(tmp_path):
    path = written(tmp_path / "run.pcapng")
    first, *_ = read_records(path, {"viewer-eth0": "somebody"})
    assert isinstance(first, Sighting)
    assert first.node == "somebody"


def test_tshark_shows_names_comments_directions_and_the_same_frame_numbers(tmp_path):
    path = written(tmp_path / "run.pcapng")
    tshark = shutil.which("tshark")
    assert tshark, "tshark is missing: apt-get install tshark"
    fields = (
        "frame.number",
        "frame.interface_name",
        "frame.interface_description",
        "frame.comment",
        "frame.time_epoch",
        "frame.packet_flags_direction",
        "udp.dstport",
    )
    arguments = [argument for name in fields for argument in ("-e", name)]
    shown = subprocess.run(
        [tshark, "-n", "-r", str(path), "-T", "fields", "-E", "separator=|", *arguments],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert shown == [
        "1|viewer-eth0|viewer||1700000000.123456789|0x00000002|9",
        "2|steps|what the scenario did|tgp1 hält an|1700000000.123456790||",
        "3|nat0|translator||1700000000.123456791|0x00000001|9",
    ]


def test_scapy_reads_what_we_write(tmp_path):
    packets = list(RawPcapNgReader(str(written(tmp_path / "run.pcapng"))))
    assert [packet for packet, _ in packets[::2]] == [FRAME, FRAME[14:]]
    _, told = packets[0]
    assert ((told.tshigh << 32) + told.tslow, told.tsresol) == (AT, 10**9)


def test_we_read_what_scapy_writes(tmp_path):
    packet = Ether(FRAME)
    packet.time = 1_700_000_000.25
    path = tmp_path / "scapy.pcapng"
    wrpcapng(str(path), [packet])
    (found,) = read_packets(path)
    assert (found.at, found.data) == (1_700_000_000_250_000_000, FRAME)  # in microseconds there


def test_a_big_endian_section_reads_the_same(tmp_path):
    def block(kind, body):
        return struct.pack(">II", kind, len(body) + 12) + body + struct.pack(">I", len(body) + 12)

    padded = FRAME + bytes(-len(FRAME) % 4)
    outbound = struct.pack(">HHIHH", 2, 4, 2, 0, 0)
    stamp = AT // 1000
    path = tmp_path / "big.pcapng"
    path.write_bytes(
        block(0x0A0D0D0A, struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1))
        + block(1, struct.pack(">HHI", ETHERNET, 0, 0) + struct.pack(">HH4s", 2, 4, b"eth0"))
        + block(
            6,
            struct.pack(">5I", 0, stamp >> 32, stamp & 0xFFFFFFFF, len(FRAME), len(FRAME))
            + padded
            + outbound,
        )
    )
    (found,) = read_packets(path)
    assert (found.interface.name, found.at, found.data, found.outgoing) == (
        "eth0",
        stamp * 1000,
        FRAME,
        True,
    )


def test_a_second_section_declares_its_own_interfaces(tmp_path):
    path = written(tmp_path / "run.pcapng")
    path.write_bytes(path.read_bytes() * 2)
    names = [packet.interface.name for packet in read_packets(path)]
    assert names == ["viewer-eth0", "steps", "nat0"] * 2
    assert [packet.number for packet in read_packets(path)] == [1, 2, 3, 4, 5, 6]


def test_a_file_that_ends_with_a_whole_block_is_readable_and_any_other_end_is_named(tmp_path):
    content = written(tmp_path / "run.pcapng").read_bytes()
    ends = set()
    place = 0
    while place < len(content):
        place += struct.unpack_from("<I", content, place + 4)[0]
        ends.add(place)
    cut = tmp_path / "cut.pcapng"
    for end in range(4, len(content)):
        cut.write_bytes(content[:end])
        if end in ends:
            list(read_packets(cut))
        else:
            with pytest.raises(CaptureError, match=r"cut\.pcapng: offset \d+: .*cut short"):
                list(read_packets(cut))


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (0, b"\xd4\xc3\xb2\xa1", "offset 0: not a pcapng file"),
        (4, b"\x1d\0\0\0", "offset 0: impossible block length 29"),
        (24, b"\x20\0\0\0", "offset 0: a block of 28 bytes ends as one of 32"),
    ],
)
def test_damage_is_named_with_its_place(tmp_path, place, value, said):
    path = written(tmp_path / "run.pcapng")
    content = bytearray(path.read_bytes())
    content[place : place + 4] = value
    path.write_bytes(content)
    with pytest.raises(CaptureError, match=rf"run\.pcapng: {said}"):
        list(read_packets(path))


def test_a_packet_of_an_interface_nobody_declared_is_named(tmp_path):
    path = tmp_path / "run.pcapng"
    with PcapngWriter(path) as out:
        out.packet(7, AT, FRAME, outgoing=True)
    with pytest.raises(CaptureError, match="frame 1 belongs to interface 7"):
        list(read_packets(path))


@pytest.mark.parametrize("kind", [2, 3])
def test_packet_blocks_without_time_or_direction_are_refused_with_the_remedy(tmp_path, kind):
    path = written(tmp_path / "run.pcapng")
    with path.open("ab") as file:
        file.write(struct.pack("<III", kind, 16, 0) + struct.pack("<I", 16))
    with pytest.raises(CaptureError, match="editcap -F pcapng"):
        list(read_packets(path))


def test_a_step_that_is_no_step_is_named(tmp_path):
    path = tmp_path / "run.pcapng"
    with PcapngWriter(path) as out:
        out.packet(out.interface("steps", 147), AT, b"[1, 2]", outgoing=False)
    with pytest.raises(CaptureError, match="frame 1 is no mark of a step"):
        list(read_records(path))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CaptureError, match=r"nowhere.*cannot be read"):
        list(read_packets(tmp_path / "nowhere.pcapng"))


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_no_damage_raises_anything_but_a_capture_error(tmp_path_factory, data):
    path = written(tmp_path_factory.mktemp("captures") / "run.pcapng")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        list(read_records(path))
    except CaptureError as error:
        assert "run.pcapng" in str(error)  # noqa: PT017 - an error is allowed, not demanded
