"""Reading captures of other programs: every format, both byte orders, and what is wrong there."""

from __future__ import annotations

import gzip
import struct
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.utils import RawPcapNgReader, RawPcapReader

from lab.captures.frames import Frame, Losses
from lab.captures.link import payload_of
from lab.captures.opening import read_frames
from lab.captures.packets import packets_of, read_packets
from lab.captures.pcap import pcap_frames
from lab.captures.pcapng import SECTION_MAGIC, pcapng_frames
from lab.observe.pcapng import CaptureError
from lab.observe.sighting import Udp

QUESTION = (
    IP(src="192.0.2.1", dst="192.0.2.53", id=7)
    / UDP(sport=5353, dport=53)
    / DNS(id=9, qd=DNSQR(qname="www.test"))
)
PACKET = bytes(QUESTION)
AT = 1_700_000_000_123_456_789

ORDERS = st.sampled_from("<>")
FRAMES = st.lists(
    st.tuples(st.integers(0, 2**32 * 10**9 - 1), st.binary(max_size=80)), min_size=1, max_size=6
)


def pcap(
    frames: list[tuple[int, bytes]],
    *,
    order: str = "<",
    nano: bool = True,
    linktype: int = 101,
    octets: int | None = None,
) -> bytes:
    unit = 1 if nano else 1000
    out = struct.pack(
        order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 99, linktype
    )
    for at, data in frames:
        fraction = at % 10**9 // unit
        out += struct.pack(order + "IIII", at // 10**9, fraction, len(data), octets or len(data))
        out += data
    return out


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(linktype: int = 101, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, struct.pack(order + "HHI", linktype, 0, 0) + options, order)


def enhanced(
    stamp: int, data: bytes = PACKET, *, index: int = 0, flags: int | None = None, order: str = "<"
) -> bytes:
    fixed = struct.pack(
        order + "IIIII", index, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data)
    )
    body = fixed + data + bytes(-len(data) % 4)
    if flags is not None:
        body += option(2, struct.pack(order + "I", flags), order)
    return block(6, body, order)


def frames_of(content: bytes) -> tuple[list[Frame], Losses]:
    losses = Losses()
    file = BytesIO(content)
    magic = file.read(4)
    if magic == SECTION_MAGIC:
        return list(pcapng_frames(file, "it", losses)), losses
    return list(pcap_frames(file, magic, "it", losses)), losses


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# --- formats ----------------------------------------------------------------------------------


@given(FRAMES, ORDERS, st.booleans())
def test_a_pcap_is_read_as_scapy_reads_it(frames, order, nano):
    content = pcap(frames, order=order, nano=nano)
    read, losses = frames_of(content)
    oracle = list(RawPcapReader(BytesIO(content)))
    assert [each.data for each in read] == [data for data, _ in oracle]
    per_second = 1 if nano else 1000
    assert [each.at for each in read] == [
        about.sec * 10**9 + about.usec * per_second for _, about in oracle
    ]
    assert [each.number for each in read] == list(range(1, len(frames) + 1))
    assert not losses.damage


@given(FRAMES, ORDERS, st.sampled_from([None, 3, 6, 9, 0x80 | 20]))
def test_a_pcapng_is_read_as_scapy_reads_it(frames, order, resolution):
    options = b"" if resolution is None else option(9, bytes([resolution]), order)
    content = section(order) + interface(1, options, order)
    content += b"".join(enhanced(at % 2**62, data, order=order) for at, data in frames)
    read, losses = frames_of(content)
    oracle = list(RawPcapNgReader(BytesIO(content)))
    assert [each.data for each in read] == [data for data, _ in oracle]
    units = {None: 10**6, 3: 1000, 6: 10**6, 9: 10**9}.get(resolution, 2**20)
    stamps = [about.tshigh << 32 | about.tslow for _, about in oracle]
    assert [each.at for each in read] == [stamp * 10**9 // units for stamp in stamps]
    assert not losses.damage


def test_interfaces_directions_and_offsets_are_those_of_their_section():
    options = option(2, b"eth0\0") + option(3, b"the server") + option(9, b"\x09")
    moved = option(14, struct.pack("<q", 100)) + option(9, b"\x09")
    first = section() + interface(1, options) + interface(113, moved)
    first += enhanced(5, flags=1) + enhanced(5, index=1, flags=2) + enhanced(5, flags=0)
    second = section(">") + interface(0, b"", ">") + enhanced(7, order=">")
    read, losses = frames_of(first + second)
    assert [(each.interface.place, each.interface.linktype) for each in read] == [
        (0, 1), (1, 113), (0, 1), (2, 0),
    ]  # fmt: skip
    assert [each.outgoing for each in read] == [False, True, None, None]
    assert [each.at for each in read] == [5, 100 * 10**9 + 5, 5, 7000]
    assert (read[0].interface.name, read[0].interface.description) == ("eth0", "the server")
    assert not losses.frames


def test_the_packet_block_of_old_drafts_is_read():
    body = struct.pack("<HHIIII", 0, 3, 0, 42, len(PACKET), len(PACKET)) + PACKET
    (frame,), _ = frames_of(section() + interface() + block(2, body))
    assert (frame.at, frame.data) == (42_000, PACKET)


def test_frames_are_numbered_as_wireshark_numbers_them(tmp_path):
    simple = block(3, struct.pack("<I", len(PACKET)) + PACKET)
    journal = block(9, b"__REALTIME_TIMESTAMP=1\n")
    custom = block(0x40000BAD, struct.pack("<I", 32473) + b"something")
    names, keys = block(4, bytes(4)), block(10, struct.pack("<II", 0x544C534B, 0))
    unknown = block(0x0BBB, b"something")
    others = simple + custom + names + keys + unknown + journal + block(0x0204, bytes(40))
    content = section() + interface() + enhanced(1) + others + enhanced(2)
    read, losses = frames_of(content)
    path = written(tmp_path / "numbers.pcapng", content)
    shown = subprocess.run(
        ["tshark", "-r", path, "-Y", "ip.id == 7", "-T", "fields", "-e", "frame.number"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert [each.number for each in read] == [1, 6]
    # The simple packet block holds a packet as well, and Wireshark shows it without a time.
    assert shown.split() == ["1", "2", "6"]
    assert losses.frames == {
        "no time stamp (simple packet block)": 1,
        "no packet (custom block)": 1,
        "no packet (journal entry)": 1,
        "no packet (system call)": 1,
    }


def test_what_the_machine_dropped_is_told():
    statistics = struct.pack("<III", 0, 0, 0) + option(5, struct.pack("<Q", 3))
    statistics += option(7, struct.pack("<Q", 4))
    _, losses = frames_of(section() + interface() + block(5, statistics))
    assert losses.dropped == {0: 7}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("content", [pcap([(AT, PACKET)]), section() + interface() + enhanced(1)])
def test_files_are_opened_by_what_they_are(tmp_path, content, packed):
    path = written(tmp_path / "no-suffix", gzip.compress(content) if packed else content)
    (frame,) = read_frames(path, Losses())
    assert frame.data == PACKET


# --- link layers ------------------------------------------------------------------------------

ETHERNET = b"\x02" * 6 + b"\x04" * 6
COOKED = b"\0\1" + b"\2" * 6 + b"\0\0"  # hardware type, length, address

LINKS: dict[str, tuple[int, bytes, bool | None]] = {
    "ethernet": (1, ETHERNET + b"\x08\0", None),
    "a VLAN": (1, ETHERNET + b"\x81\0\0\x05\x08\0", None),
    "two VLANs": (1, ETHERNET + b"\x88\xa8\0\x05\x81\0\0\x06\x08\0", None),
    "cooked, to us": (113, b"\0\0\0\1\0\6" + b"\2" * 8 + b"\x08\0", False),
    "cooked, from us": (113, b"\0\4\0\1\0\6" + b"\2" * 8 + b"\x08\0", True),
    "cooked, of others": (113, b"\0\3\0\1\0\6" + b"\2" * 8 + b"\x08\0", None),
    "cooked, a VLAN": (113, b"\0\0\0\1\0\6" + b"\2" * 8 + b"\x81\0\0\5\x08\0", False),
    "cooked 2": (276, b"\x08\0\0\0\0\0\0\x03\0\1\4\6" + b"\2" * 8, True),
    "cooked 2, a VLAN": (276, b"\x81\0\0\0\0\0\0\x03\0\1\0\6" + b"\2" * 8 + b"\0\5\x08\0", False),
    "raw": (101, b"", None),
    "raw of BSD": (12, b"", None),
    "raw of OpenBSD": (14, b"", None),
    "raw IPv4": (228, b"", None),
    "loopback, little endian": (0, b"\2\0\0\0", None),
    "loopback, big endian": (0, b"\0\0\0\2", None),
    "loopback of OpenBSD": (108, b"\0\0\0\2", None),
}


@pytest.mark.parametrize(("linktype", "header", "outgoing"), LINKS.values(), ids=LINKS)
def test_the_packet_is_found_behind_its_link_layer(linktype, header, outgoing):
    (packet,) = packets_of(frames_of(pcap([(AT, header + PACKET)], linktype=linktype))[0], Losses())
    assert (packet.ip.source, packet.ip.destination) == ("192.0.2.1", "192.0.2.53")
    assert isinstance(packet.ip.transport, Udp)
    assert (packet.at, packet.outgoing, packet.cut) == (AT, outgoing, False)


@pytest.mark.parametrize("family", [10, 24, 28, 30])
def test_ipv6_has_a_number_of_its_own_everywhere(family):
    inner = bytes(IPv6(src="2001:db8::1", dst="2001:db8::53") / UDP(sport=1, dport=53))
    frames, _ = frames_of(pcap([(AT, struct.pack("<I", family) + inner)], linktype=0))
    (packet,) = packets_of(frames, Losses())
    assert packet.ip.destination == "2001:db8::53"


def test_devices_behind_any_are_told_apart():
    header = b"\x08\0\0\0\0\0\0%c\0\1\0\6" + b"\2" * 8
    frames, _ = frames_of(
        pcap([(AT, header % 3 + PACKET), (AT, header % 4 + PACKET)], linktype=276)
    )
    assert [each.place for each in packets_of(frames, Losses())] == [(0, 3), (0, 4)]


@given(st.sampled_from([0, 1, 12, 14, 101, 105, 108, 113, 228, 229, 276]), st.binary(max_size=60))
def test_whatever_a_frame_holds_it_is_read_or_counted(linktype, data):
    payload = payload_of(linktype, data)
    assert payload is None or 0 <= payload.start <= max(len(data), 4)
    losses = Losses()
    frames = frames_of(pcap([(AT, data)], linktype=linktype))[0]
    assert len(list(packets_of(frames, losses))) + sum(losses.frames.values()) == 1


# --- what is wrong ----------------------------------------------------------------------------

WRONG: dict[str, tuple[int, bytes, str]] = {
    "no IP": (1, ETHERNET + b"\x08\x06" + bytes(28), "no IP packet: ARP"),
    "another protocol": (
        1,
        ETHERNET + b"\x88\xcc" + bytes(9),
        "no IP packet: Ethernet type 0x88cc",
    ),
    "no type": (1, ETHERNET + b"\0\x26" + bytes(38), "no IP packet: IEEE 802.3 frame"),
    "cut link layer": (1, ETHERNET, "no IP packet: cut in the link layer"),
    "cut cooked": (113, b"\0\0", "no IP packet: cut in the link layer"),
    "cut cooked 2": (276, b"\0\0", "no IP packet: cut in the link layer"),
    "empty raw": (101, b"", "no IP packet: cut in the link layer"),
    "unknown raw": (101, b"\x99\0", "no IP packet: no IP in a raw IP frame"),
    "unknown family": (0, b"\x09\0\0\0\x45", "no IP packet: no IP in a loopback frame"),
    "broken IP": (101, PACKET[:12], "malformed IP packet"),
    "short IP": (101, PACKET[:-3], "malformed IP packet: shorter than it says"),
    "802.11": (105, b"", "link type 802.11 (105) is not read"),
    "unheard of": (250, b"", "link type 250 is not read"),
}


@pytest.mark.parametrize(("linktype", "data", "reason"), WRONG.values(), ids=WRONG)
def test_what_is_no_packet_is_counted_by_reason(linktype, data, reason):
    losses = Losses()
    frames = frames_of(pcap([(AT, data)], linktype=linktype))[0]
    assert list(packets_of(frames, losses)) == []
    ((told, count),) = losses.frames.items()
    assert told.startswith(reason)
    assert count == 1


def test_a_cut_packet_says_what_there_is_of_it():
    frames = frames_of(pcap([(AT, PACKET[:48])], octets=len(PACKET)))[0]
    (packet,) = packets_of(frames, Losses())
    assert packet.cut
    assert isinstance(packet.ip.transport, Udp)
    assert packet.ip.transport.destination_port == 53
    assert packet.ip.transport.payload == PACKET[28:48]


def test_checksums_prove_nothing_where_a_card_works_them_out():
    wrong = PACKET[:10] + b"\0\1" + PACKET[12:26] + b"\0\1" + PACKET[28:]
    (packet,) = packets_of(frames_of(pcap([(AT, wrong)]))[0], Losses())
    assert packet.ip.checksum_right
    assert packet.ip.transport is not None
    assert packet.ip.transport.checksum_right


DAMAGE: dict[str, tuple[bytes, int, str]] = {
    "pcap, cut header": (pcap([(AT, PACKET)] * 2)[:-60], 1, "ends in the middle of a frame"),
    "pcap, cut frame": (pcap([(AT, PACKET)] * 2)[:-5], 1, "ends in the middle of a frame"),
    "pcap, giant": (
        pcap([(AT, PACKET)]) + struct.pack("<IIII", 1, 1, 2**31, 2**31),
        1,
        "a frame of 2147483648 octets cannot be",
    ),
    "pcapng, cut block": (
        (section() + interface() + enhanced(1) * 2)[:-6],
        1,
        "ends in the middle of a block",
    ),
    "pcapng, cut length": (
        section() + interface() + enhanced(1) + b"\6\0\0\0",
        1,
        "ends in the middle of a block",
    ),
    "pcapng, giant": (
        section() + interface() + enhanced(1) + struct.pack("<III", 6, 2**30, 0),
        1,
        "a block of 1073741824 octets cannot be",
    ),
    "pcapng, other end": (
        section() + interface() + enhanced(1)[:-4] + struct.pack("<I", 16),
        0,
        "does not end as one",
    ),
    "pcapng, no order": (
        section() + interface() + enhanced(1) + SECTION_MAGIC + bytes(24),
        1,
        "a section header without byte order",
    ),
}


@pytest.mark.parametrize(("content", "count", "damage"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_read_up_to_the_damage(content, count, damage):
    read, losses = frames_of(content)
    assert len(read) == count
    (told,) = losses.damage
    assert damage in told
    assert told.startswith("offset ")


ODD: dict[str, tuple[bytes, str]] = {
    "undeclared": (enhanced(1, index=4), "an interface that the file does not declare"),
    "unreadable interface": (
        block(1, b"\1\0\0\0") + enhanced(1, index=1),
        "an interface that the file does not declare",
    ),
    "short": (block(6, b"\0" * 8), "malformed packet block"),
    "short old": (block(2, b"\0" * 8), "malformed packet block"),
    "too long inside": (
        block(6, struct.pack("<IIIII", 0, 0, 0, 99, 99) + PACKET[:20]),
        "malformed packet block",
    ),
}


@pytest.mark.parametrize(("content", "reason"), ODD.values(), ids=ODD)
def test_an_odd_block_is_left_out_and_the_next_is_read(content, reason):
    read, losses = frames_of(section() + interface() + content + enhanced(2))
    assert [each.number for each in read] == [2]
    assert losses.frames == {reason: 1}


REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "offset 0: the file is empty; give a pcap or pcapng file"),
    "text": (b"#!/bin/sh", "offset 0: this is neither pcap nor pcapng; give a pcap or pcapng file"),
    "a header alone": (pcap([])[:13], "offset 4: the file header is cut short; capture again"),
    "version 3": (b"\xd4\xc3\xb2\xa1\3\0" + bytes(18), "offset 4: pcap version 3.0 is unknown"),
    "modified": (b"\xa1\xb2\xcd\x34" + bytes(20), "modified libpcap"),
    "half a section": (section()[:9], "offset 0: a section header without byte order"),
    "no packing": (b"\x1f\x8bnonsense", "offset 0: the packing (gzip) is damaged: "),
}


@pytest.mark.parametrize(("content", "told"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_capture_is_refused_with_place_and_remedy(tmp_path, content, told):
    path = written(tmp_path / "file", content)
    with pytest.raises(CaptureError) as refused:
        list(read_packets(path, Losses()))
    assert str(refused.value).startswith(f"{path}: ")
    assert told in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CaptureError, match="no such file or directory; give a pcap or pcapng"):
        list(read_packets(tmp_path / "nowhere", Losses()))


def test_damaged_packing_is_told_and_what_came_before_is_read(tmp_path):
    content = gzip.compress(pcap([(AT, PACKET)] * 400))
    losses = Losses()
    read = list(read_frames(written(tmp_path / "cut.pcap.gz", content[:-30]), losses))
    assert read
    assert any("gzip" in told for told in losses.damage)


@given(
    st.binary(max_size=200), st.sampled_from([b"", section(), pcap([]), section() + interface()])
)
def test_no_octets_are_too_much_for_the_readers(octets: bytes, before: Any) -> None:
    try:
        frames, losses = frames_of(before + octets)
    except (CaptureError, KeyError):
        return  # KeyError: the opener looks at the first octets, and this reader is not asked
    for packet in packets_of(frames, losses):
        assert packet.number >= 1
