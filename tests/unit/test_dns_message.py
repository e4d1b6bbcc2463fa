"""Messages read and written, held against dnslib and dnspython."""

from __future__ import annotations

import struct

import dns.flags
import dns.message
import dns.rdatatype
import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import damaged, domain_names, edns, messages, questions, records

from resolver import limits
from resolver.dns import names
from resolver.dns.message import (
    Edns,
    Malformed,
    Query,
    Question,
    Rcode,
    Reply,
    build_query,
    build_reply,
    question_wire,
    rcode_text,
    type_text,
)
from resolver.dns.message_reading import parse_query, parse_reply, read_additional
from resolver.dns.records import Record, Type
from resolver.machine import Transport

NAME = "InterNet.intern.netz"
WIRE = question_wire(Question(NAME, Type.A))
UDP, TCP = Transport.UDP, Transport.TCP


def query(flags: int = 0x0100, counts=(1, 0, 0, 0), behind: bytes = b"", wire: bytes = WIRE):
    return struct.pack("!6H", 4711, flags, *counts) + wire + behind


def opt(size: int = 1232, version: int = 0, flags: int = 0, rdata: bytes = b"") -> bytes:
    return b"\0" + struct.pack("!HHBBHH", 41, size, 0, version, flags, len(rdata)) + rdata


def parsed(message: bytes) -> Query:
    found = parse_query(message)
    assert isinstance(found, Query), found
    return found


def refused(message: bytes) -> Malformed:
    found = parse_query(message)
    assert isinstance(found, Malformed), found
    return found


def flags_of(message: bytes) -> int:
    return struct.unpack("!H", message[2:4])[0]


# --- queries -----------------------------------------------------------------------------------


def test_a_question_is_read_with_its_case():
    found = parsed(query())
    assert found == Query(4711, Question(NAME, Type.A), WIRE)
    assert found.rd
    assert (found.ad, found.cd, found.do) == (False, False, False)
    assert found.udp_limit == 512


@pytest.mark.parametrize(
    ("size", "limit"), [(0, 512), (100, 512), (512, 512), (1232, 1232), (65535, 4096)]
)
def test_a_size_below_512_counts_as_512(size, limit):
    found = parsed(query(counts=(1, 0, 0, 1), behind=opt(size)))
    assert found.edns == Edns(size)
    assert found.udp_limit == limit


def test_unknown_options_and_flags_do_no_harm_and_do_not_come_back():
    asked = parsed(query(0x0100 | 0x0070, (1, 0, 0, 1), opt(flags=0xFFFF, rdata=b"\xfd\xe9\0\2hi")))
    assert asked.do
    assert asked.cd
    reply = build_reply(asked, UDP, rcode=0)
    read = dns.message.from_wire(reply)
    assert read.edns == 0
    assert read.ednsflags == 0x8000  # DO alone
    assert read.options == ()
    assert flags_of(reply) == 0x8000 | 0x0100 | 0x0010  # QR, RD, CD; Z and AD are clear


@pytest.mark.parametrize("version", [1, 100])
def test_a_later_edns_version_gets_badvers_and_a_clean_opt(version):
    found = refused(query(counts=(1, 0, 0, 1), behind=opt(version=version, flags=0x8001)))
    read = dns.message.from_wire(found.reply())
    assert read.rcode() == Rcode.BADVERS
    assert (read.edns, read.ednsflags & 0xFFFF, read.options) == (0, 0x8000, ())  # DO alone
    assert not read.answer


def test_two_opt_records_are_a_format_error():
    found = refused(query(counts=(1, 0, 0, 2), behind=opt() * 2))
    read = dns.message.from_wire(found.reply())
    assert read.rcode() == Rcode.FORMERR
    assert read.edns == 0


def test_a_query_holds_few_records():
    record = b"\0" + struct.pack("!HHIH", 16, 1, 0, 0)
    most = limits.RECORDS_PER_QUERY
    parsed(query(counts=(1, 1, 1, most - 2), behind=record * most))
    found = refused(query(counts=(1, 1, 1, most - 1), behind=record * (most + 1)))
    assert (found.rcode, found.question_wire) == (Rcode.FORMERR, WIRE)


def test_a_question_does_not_point_into_the_header():
    # An ID of 0x0161 would make it "a", another ID another name.
    tail = struct.pack("!HH", 1, 1)
    for name in (b"\xc0\x04", b"\xc0\x00", b"\x01a\xc0\x04"):
        found = refused(struct.pack("!6H", 0x0161, 0, 1, 0, 0, 0) + name + tail)
        assert found.rcode == Rcode.FORMERR


@pytest.mark.parametrize("opcode", [1, 2, 4, 5, 15])
def test_an_unknown_opcode_comes_back_with_notimp_and_empty_sections(opcode):
    reply = refused(query(0x0100 | opcode << 11)).reply()
    assert reply == struct.pack("!6H", 4711, 0x8100 | opcode << 11 | 4, 0, 0, 0, 0)


def test_a_response_is_never_answered():
    assert refused(query(0x8100)).reply() is None
    assert refused(b"\0" * 11).reply() is None


@pytest.mark.parametrize(
    "message",
    [
        query(counts=(0, 0, 0, 0), wire=b""),
        query(counts=(2, 0, 0, 0), wire=WIRE * 2),
        query(counts=(1, 0, 0, 65535)),
        query(behind=b"garbage"),
        query(wire=WIRE[:-1]),
        query(wire=b"\xc0\x0c\0\1\0\1"),
        query(counts=(1, 1, 0, 0), behind=opt()),
        query(counts=(1, 0, 0, 1), behind=b"\1a" + opt()),
    ],
)
def test_a_broken_query_gets_a_format_error_no_longer_than_itself(message):
    reply = refused(message).reply(recursion_available=True)
    assert reply[:2] == message[:2]
    assert flags_of(reply) == 0x8181
    assert len(reply) <= len(message)


@given(st.integers(0, 0xFFFF), questions, edns, st.booleans(), st.booleans())
def test_what_is_built_is_read_back(id_, question, options, rd, cd):
    message = build_query(id_, question_wire(question), rd=rd, cd=cd, edns=options)
    assert parsed(message) == Query(
        id_, question, question_wire(question), rd=rd, cd=cd, edns=options
    )
    theirs = dns.message.from_wire(message)
    assert theirs.id == id_
    assert bool(theirs.flags & dns.flags.RD) == rd
    assert bool(theirs.flags & dns.flags.CD) == cd
    assert theirs.question[0].name.labels[:-1] == names.to_labels(question.name)
    assert (theirs.question[0].rdtype, theirs.question[0].rdclass) == (
        question.qtype,
        question.qclass,
    )
    assert theirs.edns == (-1 if options is None else 0)


@given(messages)
def test_no_bytes_raise(message):
    found = parse_query(message)
    if isinstance(found, Malformed):
        reply = found.reply()
        assert reply is None or len(reply) <= max(len(message), 12) + 11
    else:
        assert build_reply(found, UDP, rcode=Rcode.REFUSED)[:2] == message[:2]
    assert isinstance(parse_reply(message), Reply | Malformed)
    assert isinstance(parse_reply(message[:2] + b"\x81\x80" + message[4:]), Reply | Malformed)


# --- replies -----------------------------------------------------------------------------------


@given(
    st.lists(records(domain_names()), max_size=4),
    st.lists(records(domain_names()), max_size=2),
    domain_names(),
    edns,
)
def test_a_reply_is_read_the_same_by_us_dnslib_and_dnspython(answers, authority, name, options):
    question = Question(name, Type.A)
    asked = Query(1, question, question_wire(question), edns=options)
    message = build_reply(asked, TCP, answers=answers, authority=authority, authoritative=True)
    read = parse_reply(message)
    assert isinstance(read, Reply)
    lowered = [r.name.lower() for r in (*read.answers, *read.authority)]
    assert lowered == [r.name.lower() for r in (*answers, *authority)]
    assert [r.rdata for r in read.answers] == [r.rdata for r in answers]
    assert [r.ttl for r in read.authority] == [r.ttl for r in authority]
    assert (read.aa, read.edns) == (True, options is not None)

    theirs = dns.message.from_wire(message, one_rr_per_rrset=True)
    assert [rrset.ttl for rrset in theirs.answer] == [r.ttl for r in answers]
    assert [rrset[0].to_wire() for rrset in theirs.answer] == [r.rdata for r in answers]
    if all(record.rdata for record in (*answers, *authority)):  # dnslib takes no empty RDATA
        assert len(dnslib.DNSRecord.parse(message).rr) == len(answers)


@given(st.data(), domain_names(), st.lists(records(domain_names()), max_size=3), edns)
def test_knowing_the_question_changes_nothing_of_what_is_read(data, name, answers, options):
    question = Question(name, Type.A)
    wire = question_wire(question)
    asked = Query(1, question, wire, edns=options)
    owned = [data.draw(st.sampled_from([r, r._replace(name=name)])) for r in answers]
    whole = build_reply(asked, TCP, answers=owned, authority=owned[:1])
    message = data.draw(st.just(whole) | damaged(st.just(whole)))
    assert parse_reply(message, question, wire) == parse_reply(message)
    other = Question("x." + NAME, Type.A)
    assert parse_reply(message, other, question_wire(other)) == parse_reply(message)


def test_compressed_names_are_written_out_and_other_rdata_is_left_alone():
    target = b"\x03www\xc0\x0c"
    opaque = b"\x03www\xc0\x0c"
    message = (
        struct.pack("!6H", 1, 0x8180, 1, 2, 0, 0)
        + WIRE
        + b"\xc0\x0c" + struct.pack("!HHIH", Type.CNAME, 1, 60, len(target)) + target
        + b"\xc0\x0c" + struct.pack("!HHIH", 65280, 1, 60, len(opaque)) + opaque
    )  # fmt: skip
    read = parse_reply(message)
    assert isinstance(read, Reply)
    assert read.answers[0].target == "www." + NAME
    assert read.answers[0].rdata == names.to_wire("www." + NAME)
    assert read.answers[1].rdata == opaque


@pytest.mark.parametrize(
    ("rtype", "rdata"),
    [
        (Type.A, b"\1\2\3"),
        (Type.A, b"\1\2\3\4\5"),
        (Type.AAAA, b"\0" * 4),
        (Type.CNAME, b"\1a\0x"),
        (Type.CNAME, b"\xc0\xff"),
        (Type.SOA, b"\0\0" + b"\0" * 19),
        (Type.MX, b"\0"),
        (35, b"\0\0\0\0\xff"),
    ],
)
def test_rdata_that_breaks_its_type_is_refused(rtype, rdata):
    record = b"\xc0\x0c" + struct.pack("!HHIH", rtype, 1, 60, len(rdata)) + rdata
    message = struct.pack("!6H", 1, 0x8180, 1, 1, 0, 0) + WIRE + record
    assert isinstance(parse_reply(message), Malformed)


def test_naptr_and_srv_names_are_written_out():
    naptr = b"\0\1\0\2\1S\4abcd\0\xc0\x0c"
    srv = b"\0\1\0\2\0\x35\xc0\x0c"
    message = struct.pack("!6H", 1, 0x8180, 1, 2, 0, 0) + WIRE
    for rtype, rdata in ((35, naptr), (33, srv)):
        message += b"\xc0\x0c" + struct.pack("!HHIH", rtype, 1, 60, len(rdata)) + rdata
    read = parse_reply(message)
    assert isinstance(read, Reply)
    assert [r.rdata for r in read.answers] == [
        rdata[:-2] + names.to_wire(NAME) for rdata in (naptr, srv)
    ]


def reply_of(section: int, count: int, owner: bytes, rtype: int, rdata: bytes) -> bytes:
    """Records of a question for the longest name of all."""
    asked = b"\1x" * 126 + b"\0" + struct.pack("!HH", 1, 1)
    counts = [1, 0, 0, 0]
    counts[section] = count
    record = owner + struct.pack("!HHIH", rtype, 1, 60, len(rdata)) + rdata
    return struct.pack("!6H", 1, 0x8100, *counts) + asked + record * count


@pytest.mark.parametrize("section", [1, 2, 3])
def test_names_that_take_long_to_read_are_not_read_to_their_end(section):
    """CVE-2024-8508: each of these names is written in two octets, and has 125 labels."""
    long = b"\xc0\x0e"
    for count, refused_ in ((200, False), (4000, True)):
        for owner, rdata in ((long, long), (long, b""), (b"\xc0\x0c", long)):
            rtype = Type.NS if rdata else Type.TXT
            found = parse_reply(reply_of(section, count, owner, rtype, rdata))
            assert isinstance(found, Malformed) is refused_, (count, owner, rdata)
    # Records whose names are those asked for may be as many as fit.
    assert isinstance(parse_reply(reply_of(1, 4000, b"\xc0\x0c", 1, b"abcd")), Reply)


def test_glue_is_read_for_so_long_only():
    found = parse_reply(reply_of(3, 4000, b"\0", Type.NS, b"\xc0\x0e"))
    assert isinstance(found, Reply)
    assert len(read_additional(found)) < 1000


def test_a_ttl_with_its_top_bit_set_counts_as_zero():
    record = b"\xc0\x0c" + struct.pack("!HHIH", Type.A, 1, 0x80000001, 4) + b"\1\2\3\4"
    read = parse_reply(struct.pack("!6H", 1, 0x8180, 1, 1, 0, 0) + WIRE + record)
    assert isinstance(read, Reply)
    assert read.answers[0].ttl == 0


def test_a_truncated_reply_is_read_without_its_sections():
    message = struct.pack("!6H", 1, 0x8380, 1, 7, 0, 0) + WIRE + b"half a rec"
    read = parse_reply(message)
    assert isinstance(read, Reply)
    assert read.tc
    assert read.answers == ()


def test_the_upper_bits_of_the_rcode_come_from_the_opt_record():
    message = struct.pack("!6H", 1, 0x8180, 1, 0, 0, 1) + WIRE
    message += b"\0" + struct.pack("!HHBBHH", 41, 1232, 1, 0, 0, 0)
    read = parse_reply(message)
    assert isinstance(read, Reply)
    assert read.rcode == Rcode.BADVERS


# --- sizes -------------------------------------------------------------------------------------


def addresses(count: int) -> list[Record]:
    return [Record(NAME, Type.A, 60, n.to_bytes(4, "big")) for n in range(count)]


@pytest.mark.parametrize(
    ("count", "size", "truncated"),
    [(29, None, False), (30, None, True), (29, 100, True), (28, 100, False), (60, 1232, False)],
)
def test_an_answer_over_the_limit_is_left_out_whole(count, size, truncated):
    asked = Query(1, Question(NAME, 1), WIRE, edns=None if size is None else Edns(size))
    message = build_reply(asked, UDP, answers=addresses(count))
    read = parse_reply(message)
    assert isinstance(read, Reply)
    assert len(message) <= asked.udp_limit
    assert read.tc is truncated
    assert len(read.answers) == (0 if truncated else count)
    over_tcp = parse_reply(build_reply(asked, TCP, answers=addresses(count)))
    assert isinstance(over_tcp, Reply)
    assert (over_tcp.tc, len(over_tcp.answers)) == (False, count)


def test_what_was_not_asked_for_goes_before_anything_is_truncated():
    asked = Query(1, Question(NAME, 1), WIRE)
    extra = [Record("ns.x", Type.TXT, 60, b"\xc8" + b"x" * 200)]
    read = parse_reply(
        build_reply(asked, UDP, answers=addresses(25), authority=extra, additional=extra)
    )
    assert isinstance(read, Reply)
    assert (read.tc, len(read.answers), len(read.authority)) == (False, 25, 0)


def test_what_no_stream_can_carry_is_a_failure():
    asked = Query(1, Question(NAME, 1), WIRE)
    big = [Record(NAME, 65280, 60, bytes(60_000))] * 2
    read = parse_reply(build_reply(asked, TCP, answers=big))
    assert isinstance(read, Reply)
    assert (read.rcode, read.answers) == (Rcode.SERVFAIL, ())


def test_no_pointer_reaches_beyond_its_fourteen_bits():
    asked = Query(1, Question(NAME, 1), WIRE)
    filler = Record("filler.example", 65280, 60, bytes(16_350))
    late = [Record("one.late.example", 65280, 60, b"x")] * 40
    message = build_reply(asked, TCP, answers=[filler, *late])
    assert len(message) > 0x3FFF
    read = parse_reply(message)
    assert isinstance(read, Reply)
    assert [r.name for r in read.answers] == ["filler.example"] + ["one.late.example"] * 40
    assert len(message) <= limits.LARGEST_MESSAGE_OCTETS


def test_codes_are_written_as_people_write_them():
    assert [type_text(t) for t in (1, 28, 65280)] == ["A", "AAAA", "TYPE65280"]
    assert [rcode_text(r) for r in (0, 3, 16, 23)] == ["NOERROR", "NXDOMAIN", "BADVERS", "RCODE23"]


@given(messages)
def test_glue_can_be_read_from_any_reply(message):
    reply = parse_reply(message)
    if isinstance(reply, Reply):
        assert all(record.rtype != Type.OPT for record in read_additional(reply))


def test_glue_stands_beside_opt_and_may_be_cut_short():
    query = parse_query(build_query(1, question_wire(Question("a.test", 1)), edns=Edns(1232)))
    glue = [Record("ns.test", Type.A, 5, b"\1\2\3\4"), Record("ns.test", Type.AAAA, 5, b"6" * 16)]
    whole = build_reply(query, Transport.UDP, additional=glue)
    reply = parse_reply(whole)
    assert read_additional(reply) == tuple(glue)
    cut_short = whole.replace(b"\0\4\1\2\3\4", b"\0\3\1\2\3")  # an address of three octets
    assert read_additional(reply._replace(wire=cut_short)) == ()
