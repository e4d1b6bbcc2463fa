"""Questions that are out of the ordinary: each gets the reply its RFC asks for, none gets silence
that deserves a word, and nothing of it comes back that was not understood.

The replies are read by dnspython, which shares no code with what wrote them.
"""

from __future__ import annotations

import struct
from random import Random

import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import damaged, domain_names, labels, queries

from resolver.config import ForwardRule, HostedZone, ResolverConfig
from resolver.dns.full import Resolver
from resolver.dns.names import to_wire
from resolver.machine import (
    Close,
    Endpoint,
    MessageArrived,
    Open,
    Send,
    StreamOpened,
    Transport,
)

HERE = Endpoint("192.0.2.53", 53)
LOCAL, STRANGER = Endpoint("192.168.1.10", 40000), Endpoint("198.51.100.7", 40000)
BIG = "".join(f"big 60 TXT {'x' * 200}{n}\n" for n in range(24))
ZONE = HostedZone("own", f"@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.53\n{BIG}")
CONFIG = ResolverConfig((HERE,), (ZONE,), (ForwardRule("far", (Endpoint("192.0.2.1", 53),)),))

QR, AA, TC, RD, RA, Z, AD, CD = 0x8000, 0x400, 0x200, 0x100, 0x80, 0x40, 0x20, 0x10
A, TXT, TSIG, ANY = 1, 16, 250, 255
IN, CH = 1, 3
NOERROR, FORMERR, NOTIMP, REFUSED, BADVERS = 0, 1, 4, 5, 16


def opt(size=1232, version=0, flags=0, options=b"") -> bytes:
    return b"\0" + struct.pack("!HHBBHH", 41, size, 0, version, flags, len(options)) + options


def message(
    name="ns.own", qtype=A, qclass=IN, *, flags=RD, opcode=0, extra=(), id_=4711, counts=None
) -> bytes:
    wire = to_wire(name) + struct.pack("!HH", qtype, qclass)
    head = struct.pack("!HH4H", id_, flags | opcode << 11, *(counts or (1, 0, 0, len(extra))))
    return head + wire + b"".join(extra)


def sent(payload: bytes, client: Endpoint = LOCAL, transport=Transport.UDP) -> list:
    """Everything the resolver does at once on such a message."""
    resolver = Resolver(CONFIG, Random(1), Random(2))
    if transport is Transport.TCP:
        resolver.handle(StreamOpened("flow", client, HERE), 0)
    effects = resolver.handle(MessageArrived("flow", payload, transport, client, HERE), 0)
    return [e for e in effects if isinstance(e, Send | Open | Close)]


def replied(payload: bytes, client: Endpoint = LOCAL, transport=Transport.UDP) -> bytes:
    """The reply, from whichever source that needs no other server."""
    (send, *_) = sent(payload, client, transport)
    assert send.flow == "flow"
    return send.payload


def flags_of(wire: bytes) -> int:
    return struct.unpack_from("!H", wire, 2)[0]


def rcode(wire: bytes) -> int:
    return int(dns.message.from_wire(wire).rcode())


# --- the header ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [0, RD, AD, CD, Z, AA, TC, RA, AD | CD | Z | AA | TC | RA])
def test_header_bits_come_back_as_they_should_and_no_others(bits):
    """TRN-01, REC-02, REC-08; RFC 8906 8.1.3: Z is 0, AD is never set, RA is the server's own."""
    reply = replied(message("NS.Own", flags=bits))
    assert reply[:2] == message()[:2]
    assert flags_of(reply) == QR | AA | RA | bits & (RD | CD)
    assert reply[12:].startswith(to_wire("NS.Own"))
    assert len(dns.message.from_wire(reply).answer) == 1


@pytest.mark.parametrize("opcode", [*range(1, 16)])
@pytest.mark.parametrize("extra", [(), (opt(),)])
def test_other_opcodes_are_not_implemented(opcode, extra):
    """EDN-07; RFC 8906 8.1.4: the same opcode, and nothing in any section."""
    for transport in Transport:
        reply = replied(message(opcode=opcode, extra=extra), transport=transport)
        assert struct.unpack("!6H", reply) == (
            4711,
            QR | opcode << 11 | RD | RA | NOTIMP,
            0,
            0,
            0,
            0,
        )


def test_a_bare_header_of_another_opcode_is_enough():
    reply = replied(struct.pack("!6H", 1, 15 << 11, 0, 0, 0, 0))
    assert flags_of(reply) == QR | 15 << 11 | RA | NOTIMP


# --- classes and types ---------------------------------------------------------------------------


@pytest.mark.parametrize("qclass", [0, 2, CH, 4, 254, 255, 65280])
@pytest.mark.parametrize(("name", "qtype"), [("ns.own", A), ("version.bind", TXT), ("far", ANY)])
def test_other_classes_are_refused_and_never_met_with_silence(name, qtype, qclass):
    """TRN-03"""
    reply = replied(message(name, qtype, qclass))
    assert rcode(reply) == REFUSED
    assert not flags_of(reply) & AA


@pytest.mark.parametrize("qtype", [0, 41, 128, 249, TSIG, 251, 252, 253, 254])
@pytest.mark.parametrize("name", ["own", "far", "nowhere"])
def test_types_that_stand_for_no_data_are_refused(name, qtype):
    """Transfers (RFC 5936 5), TKEY, TSIG, OPT, and what RFC 6895 3.1 keeps for such."""
    for transport in Transport:
        reply = replied(message(name, qtype), transport=transport)
        assert rcode(reply) == REFUSED
        assert not dns.message.from_wire(reply).answer


@pytest.mark.parametrize("qtype", [1000, 65280, 65])
def test_unknown_types_are_looked_up_like_any(qtype):
    """TRN-02"""
    reply = dns.message.from_wire(replied(message("ns.own", qtype)))
    assert (reply.rcode(), len(reply.answer), len(reply.authority)) == (NOERROR, 0, 1)


# --- EDNS ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 100, 255])
@pytest.mark.parametrize("flags", [0, 0x8000, 0x7FFF])
@pytest.mark.parametrize("options", [b"", b"\xfd\xe9\0\2hi"])
def test_other_versions_of_edns_are_told_ours(version, flags, options):
    """EDN-02; RFC 6891 6.1.3, RFC 3225 3: BADVERS, version 0, DO as it came, nothing else."""
    asked = message(extra=(opt(version=version, flags=flags, options=options),))
    reply = dns.message.from_wire(replied(asked))
    assert reply.rcode() == BADVERS
    assert (reply.edns, reply.options) == (0, ())
    assert reply.ednsflags & 0xFFFF == flags & 0x8000
    assert not reply.answer
    assert not reply.authority
    assert len(reply.question) == 1


COOKIE_AND_KEEPALIVE = b"\0\x0a\0\x08abcdefgh\0\x0b\0\0"


@pytest.mark.parametrize(
    ("flags", "options"),
    [(0x4000, b""), (0, b"\xfd\xe9\0\2hi"), (0xFFFF, COOKIE_AND_KEEPALIVE)],
)
def test_unknown_flags_and_options_do_no_harm_and_do_not_come_back(flags, options):
    """EDN-03, EDN-04: an unknown option, a COOKIE, a keepalive that UDP may not have (RFC 7828)."""
    reply = dns.message.from_wire(replied(message(extra=(opt(flags=flags, options=options),))))
    assert reply.rcode() == NOERROR
    assert (reply.edns, reply.ednsflags & 0xFFFF, reply.options) == (0, flags & 0x8000, ())
    assert reply.answer


@pytest.mark.parametrize("copies", [2, 3])
def test_more_than_one_opt_is_a_format_error(copies):
    """EDN-06"""
    reply = dns.message.from_wire(replied(message(extra=(opt(),) * copies)))
    assert (reply.rcode(), reply.edns, reply.answer) == (FORMERR, 0, [])


@pytest.mark.parametrize(
    ("size", "limit"),
    [(None, 512), (0, 512), (100, 512), (511, 512), (512, 512), (1232, 1232), (1400, 1400),
     (4096, 4096), (65535, 4096)],
)  # fmt: skip
def test_datagrams_are_no_longer_than_the_client_takes(size, limit):
    """TRN-05, TRN-09, TRN-10, EDN-06: less than 512 counts as 512."""
    extra = () if size is None else (opt(size),)
    reply = replied(message("big.own", TXT, extra=extra))
    assert len(reply) <= limit
    assert flags_of(reply) & TC  # 24 records of 200 octets fit nowhere: none is sent, TC says so
    assert not dns.message.from_wire(reply).answer
    whole = replied(message("big.own", TXT, extra=extra), transport=Transport.TCP)
    assert not flags_of(whole) & TC
    assert len(dns.message.from_wire(whole).answer[0]) == 24


def test_a_signature_over_the_question_is_no_reason_for_silence():
    """A TSIG record of a key that we do not have (RFC 8945): the question itself is answered."""
    key = to_wire("key") + struct.pack("!HHIH", TSIG, 255, 0, 3) + b"abc"
    assert rcode(replied(message(extra=(key,)))) == NOERROR


# --- what is broken ------------------------------------------------------------------------------

SECOND_QUESTION = to_wire("b") + struct.pack("!HH", A, IN)
BROKEN = {
    "a label that never ends": message()[:12] + b"\x3fabc" + bytes(4),
    "a name that points at itself": message()[:12] + b"\xc0\x0c" + struct.pack("!HH", A, IN),
    "no question": struct.pack("!6H", 4711, RD, 0, 0, 0, 0),
    "two questions": message(extra=(SECOND_QUESTION,), counts=(2, 0, 0, 0)),
    "records that are not there": message(counts=(1, 9, 9, 9)),
    "octets behind the end": message() + b"behind",
    "an OPT record in the answer section": message(extra=(opt(),), counts=(1, 1, 0, 0)),
    "an OPT record of a name": message(extra=(b"\1a" + opt(),)),
    "a record cut short": message(extra=(opt()[:-1],)),
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("client", [LOCAL, STRANGER])
def test_what_is_broken_gets_a_format_error_no_longer_than_itself(what, client):
    """ROB-02"""
    reply = replied(BROKEN[what], client)
    assert (flags_of(reply) & 0xF, flags_of(reply) & RA) == (FORMERR, RA if client is LOCAL else 0)
    assert len(reply) <= len(BROKEN[what])
    effects = sent(BROKEN[what], client, Transport.TCP)
    assert [type(effect) for effect in effects] == [Send, Close]


@pytest.mark.parametrize("payload", [b"", b"\0" * 11, message(flags=QR), replied(message())])
def test_what_may_be_somebodys_reply_is_not_replied_to(payload):
    """ROB-02: else two servers could be made to talk to each other for ever."""
    assert sent(payload) == []


# --- all of it together --------------------------------------------------------------------------


@st.composite
def odd_messages(draw) -> bytes:
    names = st.sampled_from(["own", "ns.own", "no.own", "big.own", "nowhere"]) | domain_names(
        labels
    )
    opts = st.builds(
        opt,
        st.integers(0, 0xFFFF),
        st.sampled_from([0, 0, 0, 1, 100]),
        st.integers(0, 0xFFFF),
        st.sampled_from([b"", b"\xfd\xe9\0\2hi"]),
    )
    return message(
        draw(names.filter(lambda name: not name.lower().endswith("far"))),
        draw(st.sampled_from([A, TXT, ANY, 65280]) | st.integers(0, 0xFFFF)),
        draw(st.sampled_from([IN, IN, CH]) | st.integers(0, 0xFFFF)),
        flags=draw(st.integers(0, 0x7FF)),
        opcode=draw(st.sampled_from([0, 0, 0, 4, 15])),
        extra=draw(st.lists(opts, max_size=2)),
        id_=draw(st.integers(0, 0xFFFF)),
    )


@given(odd_messages(), st.sampled_from([LOCAL, STRANGER]), st.sampled_from(Transport))
def test_every_question_has_one_reply_that_says_what_it_may(payload, client, transport):
    asked = flags_of(payload)
    (send, *closed) = sent(payload, client, transport)
    reply = send.payload
    flags = flags_of(reply)
    assert reply[:2] == payload[:2]
    assert flags & 0xF870 & ~CD == QR | asked & 0x7800  # the same opcode; Z and AD are 0
    assert flags & (RD | CD) == asked & (RD | CD)
    assert flags & RA == (RA if client is LOCAL else 0)
    opts = struct.unpack_from("!H", payload, 10)[0]
    assert len(closed) == (transport is Transport.TCP and flags & 0xF == FORMERR)
    if asked & 0x7800:
        assert len(reply) == 12
        return
    end = len(payload) if not opts else payload.index(b"\0\0\x29", 12)
    assert reply[12:].startswith(payload[12 : payload.index(b"\0", 12) + 5][: end - 12])
    read = dns.message.from_wire(reply)
    assert (read.edns == 0) is (opts > 0)
    assert (read.options, read.ednsflags & 0x7FFF) == ((), 0)
    if transport is Transport.UDP:
        size = struct.unpack_from("!H", payload, payload.rindex(b"\0\0\x29") + 3)[0] if opts else 0
        assert len(reply) <= min(max(size, 512), 4096)


@given(damaged(queries()) | st.binary(max_size=600), st.sampled_from(Transport))
def test_no_octets_do_harm_or_are_amplified(payload, transport):
    """ROB-02"""
    for effect in sent(payload, STRANGER, transport):
        assert not isinstance(effect, Open)
        if isinstance(effect, Send) and flags_of(effect.payload) & 0xF == FORMERR:
            assert len(effect.payload) <= len(payload)
