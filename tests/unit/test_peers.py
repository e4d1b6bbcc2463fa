"""Scripted servers do exactly what their script says, field by field."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import get_args

import dns.flags
import dns.message
import pytest
from dns.exception import DNSException
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from lab.scenario import packets
from lab.scenario.dribbling import Dribbler
from lab.scenario.model import Edns, Message, Reply, Script
from lab.scenario.peers import ScriptedServer, peer_for
from lab.scenario.scripts import ReplyFault
from lab.topology.load import load_topology
from lab.topology.planner import make_plan
from lab.worlds.listening import listening
from resolver.machine import SECOND, Close, Effect, Endpoint, MessageArrived, Open, Send, Transport

ROOT = Path(__file__).parents[2]
SERVER = Endpoint("198.51.100.53", 53)
CLIENT = Endpoint("192.168.1.10", 40000)
UDP, TCP = Transport.UDP, Transport.TCP
ADDRESS = "www.example.net. 60 IN A 198.51.100.80"
WITH_EDNS = Message(edns=Edns())


def ask(
    server: ScriptedServer,
    name: str = "www.example.net",
    qtype: str = "A",
    message: Message = packets.ORDINARY,
    *,
    transport: Transport = UDP,
    now: int = 0,
) -> Sequence[Effect]:
    query = packets.question(name, qtype, 77, message)
    return server.handle(MessageArrived("flow", query, transport, CLIENT, SERVER), now)


def octets(effects: Sequence[Effect]) -> bytes:
    (effect,) = effects
    assert isinstance(effect, Send)
    return effect.payload


def said(effects: Sequence[Effect]) -> dns.message.Message:
    return dns.message.from_wire(octets(effects))


def one(**fields: object) -> ScriptedServer:
    return ScriptedServer(Script(replies=(Reply(**fields),), rcode="REFUSED"))


def is_chosen(server: ScriptedServer, *args: object, **named: object) -> bool:
    """Whether the reply answered, and not the uniform part."""
    return said(ask(server, *args, **named)).rcode() != dns.rcode.REFUSED


def test_a_reply_is_for_its_name_whatever_the_case() -> None:
    server = one(name="WWW.example.net")
    assert is_chosen(server, "www.EXAMPLE.net")
    assert not is_chosen(server, "a.www.example.net")
    assert not is_chosen(server, "example.net")


def test_a_reply_is_for_what_lies_below_its_name_and_for_it() -> None:
    server = one(below="example.net")
    assert is_chosen(server, "a.b.example.net")
    assert is_chosen(server, "example.net")
    assert not is_chosen(server, "notexample.net")
    assert is_chosen(one(below="."), "anything")


@pytest.mark.parametrize(
    ("fields", "fitting", "unfit"),
    [
        ({"qtype": "AAAA"}, {"qtype": "AAAA"}, {"qtype": "A"}),
        ({"qtype": "TYPE65280"}, {"qtype": "TYPE65280"}, {"qtype": "TYPE65281"}),
        ({"transport": "tcp"}, {"transport": TCP}, {"transport": UDP}),
        ({"edns": True}, {"message": WITH_EDNS}, {}),
        ({"edns": False}, {}, {"message": WITH_EDNS}),
        ({"name": "a", "qtype": "A"}, {"name": "a"}, {"name": "a", "qtype": "AAAA"}),
    ],
)
def test_a_reply_is_only_for_what_fits(fields, fitting, unfit) -> None:
    assert is_chosen(one(**fields), **fitting)
    assert not is_chosen(one(**fields), **unfit)


def test_the_first_fitting_reply_holds_and_each_counts_for_itself() -> None:
    server = ScriptedServer(
        Script(
            replies=(
                Reply(name="a", times=2, rcode="SERVFAIL"),
                Reply(times=1, rcode="FORMERR"),
                Reply(name="a", rcode="NXDOMAIN"),
            ),
            rcode="REFUSED",
        )
    )
    # What another reply took is not counted, nor is a question that does not fit.
    asked = ["b", "a", "a", "a", "b"]
    words = [dns.rcode.to_text(said(ask(server, name)).rcode()) for name in asked]
    assert words == ["FORMERR", "SERVFAIL", "SERVFAIL", "NXDOMAIN", "REFUSED"]


def test_a_reply_has_its_records_and_flags() -> None:
    server = one(
        answer=("@ 5 IN CNAME web.example.net.", "web.example.net 60 IN A 198.51.100.80"),
        authority=("example.net. 300 IN NS ns.example.net.",),
        additional=("ns.example.net. 300 IN A 198.51.100.53", "x. 1 IN TYPE65280 \\# 2 abcd"),
        rcode="NXDOMAIN",
        recursion_available=True,
        truncated=True,
    )
    reply = said(ask(server, message=Message(cd=True, ad=True)))
    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert dns.flags.to_text(reply.flags) == "QR AA TC RD RA CD"
    assert [each.to_text() for each in reply.answer] == [
        "www.example.net. 5 IN CNAME web.example.net.",
        "web.example.net. 60 IN A 198.51.100.80",
    ]
    assert [each.to_text() for each in reply.authority] == [
        "example.net. 300 IN NS ns.example.net."
    ]
    assert len(reply.additional) == 2
    bare = said(ask(one(authoritative=False), message=Message(rd=False)))
    assert dns.flags.to_text(bare.flags) == "QR"
    sure = said(ask(one(authenticated=True)))
    assert dns.flags.to_text(sure.flags) == "QR AA RD AD"


def test_names_are_compressed_and_the_question_keeps_its_case() -> None:
    assert b"\3wWw" in octets(ask(one(), "wWw.example.net"))
    assert len(octets(ask(one(answer=(ADDRESS,))))) == 12 + 21 + 16


def test_records_keep_their_order() -> None:
    lines = ("@ 1 IN A 10.0.0.2", "b. 1 IN A 10.0.0.9", "@ 1 IN A 10.0.0.1")
    reply = dns.message.from_wire(octets(ask(one(answer=lines))), one_rr_per_rrset=True)
    assert [each[0].to_text() for each in reply.answer] == ["10.0.0.2", "10.0.0.9", "10.0.0.1"]


def test_an_opt_record_is_answered_with_one_unless_the_server_is_older() -> None:
    asked = Message(edns=Edns(size=4096, do=True))
    reply = said(ask(one(), message=asked))
    assert (reply.edns, reply.payload, reply.ednsflags & 0x8000) == (0, 1232, 0x8000)
    assert said(ask(one(), message=packets.ORDINARY)).edns == -1
    assert said(ask(one(echoes_edns=False), message=asked)).edns == -1
    assert said(ask(one(rcode="BADVERS"), message=asked)).rcode() == dns.rcode.BADVERS


def test_replies_think_each_for_its_own_time() -> None:
    server = ScriptedServer(
        Script(
            replies=(
                Reply(name="slow", delay_s=2),
                Reply(name="fast", delay_s=0.5),
                Reply(name="same", delay_s=0.5),
            )
        )
    )
    assert server.deadline() is None
    for name in ("slow", "fast", "same"):
        assert ask(server, name, now=SECOND) == []
    assert server.deadline() == 1.5 * SECOND
    assert server.expire(1_499_999_999) == []
    due = [dns.message.from_wire(each.payload) for each in server.expire(1_500_000_000)]
    assert [each.question[0].name.to_text() for each in due] == ["fast.", "same."]
    assert server.deadline() == 3 * SECOND
    assert len(server.expire(3 * SECOND)) == 1
    assert server.deadline() is None


def test_silence_takes_what_it_fits_and_is_counted() -> None:
    server = ScriptedServer(Script(replies=(Reply(silent=True, times=1),), answers=("10.0.0.1",)))
    assert ask(server) == ()
    assert len(said(ask(server)).answer) == 1


def test_a_stream_can_be_closed_instead_and_a_datagram_is_answered_all_the_same() -> None:
    server = one(closes_stream=True)
    assert ask(server, transport=TCP) == [Close("flow")]
    assert said(ask(server)).rcode() == dns.rcode.NOERROR
    slow = one(closes_stream=True, delay_s=1)
    assert ask(slow, transport=TCP) == []
    assert slow.expire(SECOND) == [Close("flow")]


def test_what_no_reply_fits_goes_to_the_uniform_part() -> None:
    script = Script(replies=(Reply(name="other"),), answers=("10.0.0.1", "10.0.0.2"), ttl_s=9)
    reply = said(ask(ScriptedServer(script)))
    assert [each.to_text() for each in reply.answer[0]] == ["10.0.0.1", "10.0.0.2"]
    assert reply.answer[0].ttl == 9
    nodata = said(ask(ScriptedServer(script), qtype="AAAA"))
    assert (nodata.answer, nodata.authority[0].rdtype, nodata.authority[0].ttl) == ([], 6, 9)
    failing = said(ask(ScriptedServer(Script(rcode="SERVFAIL", answers=("10.0.0.1",)))))
    assert (failing.rcode(), failing.answer, failing.authority) == (2, [], [])
    assert ask(ScriptedServer(Script(silent=True))) == ()


@pytest.mark.parametrize("fault", ["short-header", "no-question", "bad-pointer", "is-a-reply"])
def test_what_is_no_question_is_not_answered(fault: str) -> None:
    assert ask(ScriptedServer(Script()), message=Message(fault=fault)) == ()


def test_a_signed_question_is_a_question() -> None:
    assert said(ask(one(), message=Message(tsig=True))).rcode() == dns.rcode.NOERROR


# Everything a client or a fuzzer may send: noise, and real questions with a few octets changed.
noise = st.binary(max_size=80)
changes = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=5)
WHOLE = packets.question("www.example.net", "A", 77, Message(edns=Edns(do=True)))


@st.composite
def changed_questions(draw) -> bytes:
    octets = bytearray(WHOLE)
    for place, octet in draw(changes):
        octets[place % len(octets)] = octet
    return bytes(octets)


@given(noise | changed_questions(), st.sampled_from([UDP, TCP]))
@example(WHOLE[:2] + b"\x29" + WHOLE[3:], UDP)  # an update
def test_no_octets_make_it_fail(octets: bytes, transport: Transport) -> None:
    faults = [None, *get_args(ReplyFault)]
    for fault in faults:
        server = one(fault=fault, answer=(ADDRESS,), rcode="BADVERS")
        for effect in server.handle(MessageArrived("flow", octets, transport, CLIENT, SERVER), 0):
            if fault == "wrong-port" and isinstance(effect, Open | Close):
                continue
            assert isinstance(effect, Send)
            assert effect.payload[:2] == octets[:2] or fault in {"wrong-id", "empty"}


# --- faults -----------------------------------------------------------------------------------


def faulty(fault: str, **fields: object) -> bytes:
    return octets(ask(one(fault=fault, answer=(ADDRESS,), **fields), message=WITH_EDNS))


@pytest.mark.parametrize("fault", ["bad-pointer", "wrong-counts", "cut-rdata", "empty"])
def test_a_broken_message_is_read_by_nobody(fault: str) -> None:
    with pytest.raises(DNSException):
        dns.message.from_wire(faulty(fault))


def test_a_broken_message_is_broken_where_its_fault_says() -> None:
    pointing = faulty("bad-pointer")
    assert pointing[33:35] == bytes((0xC0, 33))
    assert faulty("cut-rdata")[-5:] == b"\0\4" + bytes((198, 51, 100))
    assert faulty("wrong-counts")[6:8] == b"\0\2"
    zeros = faulty("zero-octets")
    assert zeros[:2] == b"\0\x4d"
    assert len(zeros) > 12
    assert not any(zeros[2:])
    assert faulty("empty") == b""


def test_a_reply_to_another_question_is_right_but_for_that() -> None:
    true = said(ask(one(answer=(ADDRESS,)), message=WITH_EDNS))
    seen = {}
    for fault in ("wrong-id", "other-name", "other-type", "other-class"):
        reply = dns.message.from_wire(faulty(fault))
        mine, theirs = true.question[0], reply.question[0]
        seen[fault] = (
            reply.id != true.id,
            theirs.name != mine.name,
            theirs.rdtype != mine.rdtype,
            theirs.rdclass != mine.rdclass,
        )
        assert reply.answer == true.answer
    assert list(seen.values()) == [
        tuple(place == wrong for place in range(4)) for wrong in range(4)
    ]
    assert dns.message.from_wire(faulty("no-question")).question == []


# --- what cannot be scripted ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"answer": ("www.example.net. IN A 198.51.100.80",)}, "is no record; write owner, TTL"),
        ({"answer": ("www.example.net. 60 IN A 198.51.100",)}, "is no record ("),
        ({"answer": ("www.example.net. 60 IN AAA 198.51.100.80",)}, "is no record ("),
        ({"answer": ("a..b. 60 IN A 198.51.100.80",)}, "is no record ("),
        ({"answer": ("a. 4294967296 IN A 198.51.100.80",)}, "is no record"),
        ({"answer": ("a. 1 IN A 10.0.0.1\nb. 1 IN A 10.0.0.2",)}, "is no record"),
        ({"fault": "cut-rdata"}, "fault='cut-rdata' breaks a record; write one in answer="),
        ({"fault": "cut"}, "Input should be 'bad-pointer'"),
        ({"closes_stream": True, "transport": "udp"}, "closes_stream has no sense with"),
        ({"times": 0}, "greater than or equal to 1"),
        ({"rcode": "RCODE4096"}, "no RCODE 'RCODE4096'"),
    ],
)
def test_a_reply_that_cannot_be_is_refused(fields, complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Reply(**fields)
    assert complaint in str(caught.value)


# --- odd ways for a reply to leave ------------------------------------------------------------


def test_a_reply_from_another_port_leaves_by_a_socket_of_its_own() -> None:
    server = one(fault="wrong-port", answer=(ADDRESS,))
    opened, sent, closed = server.handle(MessageArrived("flow", WHOLE, UDP, CLIENT, SERVER), 0)
    assert isinstance(opened, Open)
    assert (opened.transport, opened.remote) == (UDP, CLIENT)
    assert isinstance(sent, Send)
    assert sent.flow == closed.flow == opened.flow != "flow"
    assert sent.payload[:2] == WHOLE[:2]


def test_over_tcp_a_reply_may_come_octet_by_octet() -> None:
    script = Script(replies=(Reply(answer=(ADDRESS,), dribble_s=0.5),))
    server = peer_for(script)
    assert isinstance(server, Dribbler)
    # Its streams are raw, and a question may come in two pieces.
    raw = len(WHOLE).to_bytes(2, "big") + WHOLE
    assert server.handle(MessageArrived("flow", raw[:9], TCP, CLIENT, SERVER), 0) == []
    effects = [*server.handle(MessageArrived("flow", raw[9:], TCP, CLIENT, SERVER), 0)]
    instants = [0]
    while (due := server.deadline()) is not None:
        instants.append(due)
        effects += server.expire(due)
    assert all(isinstance(effect, Send) and len(effect.payload) == 1 for effect in effects)
    stream = b"".join(effect.payload for effect in effects)
    assert int.from_bytes(stream[:2], "big") == len(stream) - 2
    assert stream[2:4] == WHOLE[:2]
    assert {b - a for a, b in pairwise(instants)} == {SECOND // 2}


def test_replies_on_one_stream_come_one_after_the_other() -> None:
    """glibc sends both of its questions at once; mixed octets would be no message to anybody."""
    script = Script(replies=(Reply(answer=(ADDRESS,), dribble_s=0.5, times=2), Reply(delay_s=0.1)))
    server = peer_for(script)
    raw = len(WHOLE).to_bytes(2, "big") + WHOLE
    effects = [*server.handle(MessageArrived("flow", raw * 3, TCP, CLIENT, SERVER), 0)]
    while (due := server.deadline()) is not None:
        effects += server.expire(due)
    stream = b"".join(effect.payload for effect in effects if isinstance(effect, Send))
    sizes = []
    while stream:
        size = int.from_bytes(stream[:2], "big")
        message, stream = stream[2 : 2 + size], stream[2 + size :]
        sizes.append(len(dns.message.from_wire(message).answer))
    assert sizes == [1, 1, 0]


def test_beside_dribbled_replies_others_come_whole() -> None:
    replies = (
        Reply(name="slow.example.net", answer=(ADDRESS,), dribble_s=0.5),
        Reply(answer=(ADDRESS,)),
    )
    server = peer_for(Script(replies=replies))
    raw = len(WHOLE).to_bytes(2, "big") + WHOLE
    (effect,) = server.handle(MessageArrived("flow", raw, TCP, CLIENT, SERVER), 0)
    assert isinstance(effect, Send)
    assert int.from_bytes(effect.payload[:2], "big") == len(effect.payload) - 2
    (effect,) = server.handle(MessageArrived("datagram", WHOLE, UDP, CLIENT, SERVER), 0)
    assert effect.payload[:2] == WHOLE[:2]


@pytest.mark.parametrize(
    "fields",
    [
        {"dribble_s": 1, "transport": "udp"},
        {"dribble_s": 1, "closes_stream": True},
        {"fault": "wrong-port", "transport": "tcp"},
    ],
)
def test_ways_that_have_no_sense_are_refused(fields) -> None:
    with pytest.raises(ValidationError, match="take one away"):
        Reply(**fields)


def test_who_refuses_tcp_listens_for_datagrams_alone() -> None:
    plan = make_plan(load_topology(ROOT / "topologies" / "cluster.toml"), "cluster")
    config = plan.node("dns").program("resolver").config
    both = listening(ScriptedServer(Script()), config)
    alone = listening(ScriptedServer(Script(refuses_tcp=True)), config)
    assert [transports for _, transports, _ in both] == [frozenset({UDP, TCP})] * len(both)
    assert [transports for _, transports, _ in alone] == [frozenset({UDP})] * len(both)
    assert [endpoint for endpoint, _, _ in alone] == [endpoint for endpoint, _, _ in both]
