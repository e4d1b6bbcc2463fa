"""Hypothesis strategies of names and messages."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from resolver.dns import names
from resolver.dns.message import Edns, Question, build_query, question_wire
from resolver.dns.records import Record, Type

plain_labels = st.sampled_from([b"a", b"b", b"ab", b"A", b"x-1", b"intern", b"netz"])
"""Few and similar, so that names meet."""

labels = plain_labels | st.binary(min_size=1, max_size=63)


@st.composite
def domain_names(draw, of=plain_labels, max_labels=5):
    """A name of this project's spelling, case kept."""
    parts = tuple(draw(st.lists(of, max_size=max_labels)))
    while sum(map(len, parts)) + len(parts) + 1 > names.MAX_NAME:
        parts = parts[1:]
    return names.from_labels(parts)


types = st.sampled_from([1, 2, 5, 6, 12, 15, 16, 28, 33, 43, 46, 65, 255, 65280])
ttls = st.integers(0, 7) | st.integers(0, 2**31 - 1)


@st.composite
def records(draw, owners=None):
    """A record whose RDATA is well formed for its type."""
    name = draw(owners if owners is not None else domain_names())
    target = names.to_wire(draw(domain_names()))
    rtype, rdata = draw(
        st.sampled_from(
            [
                (Type.A, draw(st.binary(min_size=4, max_size=4))),
                (Type.AAAA, draw(st.binary(min_size=16, max_size=16))),
                (Type.CNAME, target),
                (Type.NS, target),
                (Type.MX, b"\0\7" + target),
                (Type.SOA, target + target + draw(st.binary(min_size=20, max_size=20))),
                (65280, draw(st.binary(max_size=40))),
            ]
        )
    )
    return Record(name, int(rtype), draw(ttls), rdata)


questions = st.builds(
    Question, domain_names(labels), st.integers(0, 0xFFFF), st.sampled_from([1, 3, 255])
)

edns = st.none() | st.builds(Edns, st.integers(0, 0xFFFF), st.booleans())


@st.composite
def queries(draw):
    """A well-formed query as bytes."""
    return build_query(
        draw(st.integers(0, 0xFFFF)),
        question_wire(draw(questions)),
        rd=draw(st.booleans()),
        cd=draw(st.booleans()),
        edns=draw(edns),
    )


@st.composite
def damaged(draw, of):
    """A message with a few octets changed, cut off or added."""
    message = bytearray(draw(of))
    for _ in range(draw(st.integers(0, 4))):
        if message:
            message[draw(st.integers(0, len(message) - 1))] = draw(st.integers(0, 255))
    return bytes(message[: draw(st.integers(0, len(message)))]) + draw(st.binary(max_size=4))


@st.composite
def hostile(draw):
    """A header with a life of its own in front of octets that look like names and pointers."""
    counts = draw(st.tuples(*[st.sampled_from([0, 1, 2, 0xFFFF])] * 4))
    flags = draw(st.integers(0, 0xFFFF))
    parts = st.sampled_from([b"\xc0\x0c", b"\xc0\x0e", b"\xc0\x00", b"\x3fa", b"\x01a", b"\0"])
    tail = b"".join(draw(st.lists(parts | st.binary(max_size=12), max_size=12)))
    return struct.pack("!HHHHHH", draw(st.integers(0, 0xFFFF)), flags, *counts) + tail


messages = st.binary(max_size=80) | queries() | damaged(queries()) | hostile()
