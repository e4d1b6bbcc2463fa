"""What the kernel's filter keeps, frame by frame, against the same said in Python."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.observe.packet_filter import Kept, attach_filter

TRIAL = 0x88B5
FIN, SYN, RST, ACK = 1, 2, 4, 16


def ipv4(protocol, segment, *, fragment=0, options=b""):
    length = 20 + len(options) + len(segment)
    first = 0x40 | (5 + len(options) // 4)
    header = struct.pack(
        "!BBHHHBBH4s4s",
        first, 0, length, 7, fragment, 64, protocol, 0, b"\n\0\0\1", b"\n\0\0\2",
    )  # fmt: skip
    return bytes(12) + b"\x08\x00" + header + options + segment


def ipv6(protocol, segment):
    header = struct.pack("!IHBB", 6 << 28, len(segment), protocol, 64) + bytes(32)
    return bytes(12) + b"\x86\xdd" + header + segment


def udp(source, destination):
    return struct.pack("!HHHH", source, destination, 12, 0) + b"abcd"


def tcp(source, destination, flags):
    return struct.pack("!HHIIBBHHH", source, destination, 1, 2, 0x50, flags, 100, 0, 0)


PORTS = st.sampled_from([53, 5900, 40_000, 0x3500]) | st.integers(0, 65535)
FLAGS = st.integers(0, 255)
SEGMENTS = st.one_of(
    st.builds(lambda a, b: (17, udp(a, b), a, b, 0), PORTS, PORTS),
    st.builds(lambda a, b, f: (6, tcp(a, b, f), a, b, f), PORTS, PORTS, FLAGS),
    st.builds(lambda t: (1, bytes([t]) + bytes(11), 0, 0, 0), st.integers(0, 255)),
    st.builds(lambda t: (58, bytes([t]) + bytes(11), 0, 0, 0), st.integers(0, 255)),
    st.just((132, bytes(12), 0, 0, 0)),
)


def is_kept(kept, version, protocol, source, destination, flags, fragment):
    if fragment & 0x1FFF:
        return False
    if protocol == (1 if version == 4 else 58):
        return kept is Kept.CONVERSATIONS
    if protocol not in {6, 17}:
        return False
    wanted = {Kept.QUESTIONS: 0, Kept.OPENINGS: SYN, Kept.CONVERSATIONS: SYN | RST}[kept]
    return 53 in {source, destination} or bool(protocol == 6 and flags & wanted)


def passes(kept, frame):
    """Whether the kernel lets the frame through: a filter does the same on any socket."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        attach_filter(far, kept, TRIAL)
        far.setblocking(False)
        near.send(frame)
        try:
            return far.recv(65_536) == frame
        except BlockingIOError:
            return False


@given(
    st.sampled_from(Kept),
    SEGMENTS,
    st.sampled_from([0, 0x2000, 0x4000, 1, 0x2001]),
    st.sampled_from([b"", bytes(4), bytes(40)]),
)
def test_ipv4_frames_pass_as_they_should(kept, segment, fragment, options):
    protocol, octets, source, destination, flags = segment
    frame = ipv4(protocol, octets, fragment=fragment, options=options)
    expected = is_kept(kept, 4, protocol, source, destination, flags, fragment)
    assert passes(kept, frame) is expected


@given(st.sampled_from(Kept), SEGMENTS)
def test_ipv6_frames_pass_as_they_should(kept, segment):
    protocol, octets, source, destination, flags = segment
    expected = is_kept(kept, 6, protocol, source, destination, flags, 0)
    assert passes(kept, ipv6(protocol, octets)) is expected


@pytest.mark.parametrize("kept", Kept)
def test_trial_frames_pass_and_others_do_not(kept):
    assert passes(kept, bytes(12) + TRIAL.to_bytes(2, "big") + bytes(46))
    assert not passes(kept, bytes(12) + b"\x08\x06" + bytes(46))
    assert not passes(kept, b"short")


@given(st.sampled_from(Kept), st.binary(min_size=1, max_size=80))
def test_any_octets_are_looked_at_without_harm(kept, octets):
    assert passes(kept, octets) in {True, False}
