"""What is read in one go is what the general readers read, and what is usual is read in one go."""

from __future__ import annotations

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st
from strategies import damaged, domain_names, edns, labels, messages, ttls

from resolver.dns.message import (
    Edns,
    Query,
    Question,
    Reply,
    build_query,
    build_reply,
    question_wire,
    udp_limit,
)
from resolver.dns.message_reading import parse_query, parse_reply
from resolver.dns.plain import read_plain_answers, read_plain_question
from resolver.dns.records import IN, Record, Type
from resolver.machine import Transport

NAME = "www.Intern.netz"
usual = st.builds(
    lambda id_, name, qtype, cd, options: build_query(
        id_, question_wire(Question(name, qtype)), cd=cd, edns=options
    ),
    st.integers(0, 0xFFFF),
    domain_names(labels),
    st.integers(0, 0xFFFF),
    st.booleans(),
    edns,
)


@given(messages | usual | damaged(usual))
@example(build_query(1, question_wire(Question(NAME, 1)), edns=Edns(512)) + b"\0")
def test_a_plain_question_is_read_the_same(message):
    read = read_plain_question(message)
    event("plain" if read else "left to the general reader")
    if read is None:
        return
    name, qtype, end, size, do, cd = read
    query = parse_query(message)
    assert isinstance(query, Query)
    assert query.question == Question(name, qtype, IN)
    assert query.question_wire == message[12:end]
    assert (query.rd, query.do, query.cd) == (True, do, cd)
    assert query.edns == (None if size < 0 else Edns(size, do))
    assert query.udp_limit == udp_limit(size)


@given(usual)
def test_the_usual_question_is_plain(message):
    assert read_plain_question(message) is not None


@pytest.mark.parametrize("at", range(12 + 16 + 1 + 4 + 11))
def test_no_octet_of_a_plain_question_goes_unread(at):
    """Whatever other value it has, it is seen in what is read, or the question is not plain."""
    message = build_query(1, question_wire(Question(NAME[:14], 1)), edns=Edns(1232))
    read = read_plain_question(message)
    for value in range(256):
        other = message[:at] + bytes((value,)) + message[at + 1 :]
        known = at < 2 or other == message or (at == 3 and value == 0x20)  # the ID; AD
        assert (read_plain_question(other) == read) == known


plain_types = st.sampled_from([1, 28, 16, 43, 65, 65280])
octets = {1: 4, 28: 16}


@st.composite
def replies(draw):
    """A question's name and type, and a reply to it: mostly the RRset and an OPT record."""
    name, rtype = draw(domain_names(labels)), draw(plain_types)
    size = octets.get(rtype)
    rdata = st.binary(min_size=size or 0, max_size=size or 30)
    owned = st.builds(Record, st.just(name), st.just(rtype), ttls, rdata, st.just(IN))
    other = st.builds(Record, domain_names(), st.just(5), ttls, st.just(b"\1a\0"), st.just(IN))
    answers = draw(st.lists(owned, min_size=1, max_size=4))
    answers += draw(st.just([]) | st.just([]) | st.lists(other, max_size=1))
    authority = draw(st.just([]) | st.just([]) | st.lists(other, max_size=1))
    wire = question_wire(Question(name, rtype))
    query = Query(7, Question(name, rtype), wire, edns=draw(edns))
    rcode = draw(st.sampled_from([0, 0, 0, 2, 3]))
    message = build_reply(
        query, Transport.TCP, rcode=rcode, answers=answers, authority=authority, authoritative=True
    )
    return name, rtype, wire, message


@given(replies(), st.data())
def test_a_plain_reply_is_read_the_same(reply, data):
    name, rtype, wire, whole = reply
    message = data.draw(st.just(whole) | damaged(st.just(whole)))
    read = read_plain_answers(message, wire, name, rtype)
    event("plain" if read else "left to the general reader")
    general = parse_reply(message, Question(name, rtype), wire)
    if read is None:
        return
    assert isinstance(general, Reply)
    assert (general.rcode, general.tc, general.authority) == (0, False, ())
    assert general.question_wire == wire
    records, section = read
    assert general.answers == records
    assert all((r.name, r.rtype, r.rclass) == (name, rtype, IN) for r in records)
    count = int.from_bytes(message[6:8], "big")
    rest = message[12 + len(wire) :]
    assert rest.startswith(section)
    assert len(records) == count
    alone = b"\0\1\x80\0\0\1" + message[6:8] + bytes(4) + wire + section
    assert parse_reply(alone).answers == records


@given(plain_types, st.integers(1, 5), edns)
def test_the_usual_reply_is_plain(rtype, count, options):
    question = Question(NAME, rtype)
    wire = question_wire(question)
    answers = [Record(NAME, rtype, 60, bytes(octets.get(rtype, 9)))] * count
    query = Query(1, question, wire, edns=options)
    message = build_reply(query, Transport.TCP, answers=answers)
    read = read_plain_answers(message, wire, NAME, rtype)
    assert read is not None
    assert read[0] == tuple(answers)


@pytest.mark.parametrize("rtype", [2, 5, 6, 12, 15, 33, 35, 39])
def test_names_in_rdata_are_left_to_the_general_reader(rtype):
    question = Question(NAME, rtype)
    wire = question_wire(question)
    answers = [Record(NAME, rtype, 60, b"\xc0\x0c")]
    message = build_reply(Query(1, question, wire), Transport.TCP, answers=answers)
    assert read_plain_answers(message, wire, NAME, rtype) is None


@pytest.mark.parametrize(
    ("at", "value"),
    [(2, 0x00), (2, 0x88), (2, 0x82), (3, 0x82), (5, 2), (9, 1), (11, 2), (37, 5), (39, 3)],
)
def test_what_is_not_plain_in_a_reply_is_noticed(at, value):
    """QR, opcode, TC, RCODE, each count, a record's type and class."""
    question = Question("a.bc.intern.netz", Type.A)
    wire = question_wire(question)
    answers = [Record(question.name, Type.A, 60, bytes(4))]
    message = build_reply(Query(1, question, wire), Transport.TCP, answers=answers)
    assert read_plain_answers(message, wire, question.name, Type.A) is not None
    other = message[:at] + bytes((value,)) + message[at + 1 :]
    assert other != message
    assert read_plain_answers(other, wire, question.name, Type.A) is None
