"""What a message holds, read by other means than those that wrote it."""

import pytest
from dnslib import (
    CNAME,
    EDNS0,
    QTYPE,
    RD,
    RR,
    DNSHeader,
    DNSQuestion,
    DNSRecord,
    EDNSOption,
)
from hypothesis import given
from hypothesis import strategies as st
from wire import DNS, REAL, Wire, cluster_plan, query_bytes

from lab.observe.dns_record import DnsRecord, Opt, Sections, sections_of


def read(message: DNSRecord | bytes) -> Sections:
    payload = message if isinstance(message, bytes) else bytes(message.pack())
    return sections_of(payload[2:])


def reply(*lines: str, name: str = "www.example.net") -> DNSRecord:
    message = DNSRecord(DNSHeader(id=1, qr=1), q=DNSQuestion(name))
    message.add_answer(*RR.fromZone("\n".join(lines)))
    return message


def test_records_are_read_with_their_names_in_full():
    message = reply("WWW.example.net. 60 CNAME Web.example.net.", "web.example.net. 5 A 192.0.2.1")
    alias, address = read(message).answers
    assert alias == DnsRecord(
        "www.example.net", "CNAME", "IN", 60, "Web.example.net.", b"\3Web\7example\3net\0"
    )
    assert address == DnsRecord("web.example.net", "A", "IN", 5, "192.0.2.1", bytes([192, 0, 2, 1]))


def test_sections_are_kept_apart_and_counted():
    message = reply("www.example.net. 60 A 192.0.2.1")
    message.add_auth(*RR.fromZone("example.net. 60 NS ns.example.net."))
    message.add_ar(*RR.fromZone("ns.example.net. 60 A 192.0.2.53"))
    message.add_ar(EDNS0())
    found = read(message)
    assert found.counts == (1, 1, 1, 2)
    assert [each.rtype for each in found.authority] == ["NS"]
    assert [each.owner for each in found.additional] == ["ns.example.net"]
    assert found.complete


def test_unknown_types_are_as_they_came():
    message = DNSRecord(DNSHeader(id=1, qr=1), q=DNSQuestion("x.test", 65280))
    message.add_answer(RR("x.test", 65280, ttl=9, rdata=RD(b"\xc0\x0c\0\xff")))
    (record,) = read(message).answers
    assert (record.rtype, record.wire) == ("TYPE65280", b"\xc0\x0c\0\xff")
    assert record.rdata == r"\# 4 c00c00ff"


def test_rdata_that_is_none_of_its_type_is_generic():
    message = DNSRecord(DNSHeader(id=1, qr=1), q=DNSQuestion("x.test"))
    message.add_answer(RR("x.test", QTYPE.A, ttl=9, rdata=RD(b"\1\2\3")))
    (record,) = read(message).answers
    assert (record.rdata, record.wire) == (r"\# 3 010203", b"\1\2\3")


def test_an_opt_record_says_everything_it_holds():
    message = DNSRecord(DNSHeader(id=1), q=DNSQuestion("x.test"))
    options = [EDNSOption(65001, b"\xab\xcd"), EDNSOption(3, b"")]
    message.add_ar(EDNS0(udp_len=4096, version=1, ext_rcode=2, flags="do", opts=options))
    found = read(message)
    assert found.opts == (Opt(4096, 1, True, 0, ((65001, b"\xab\xcd"), (3, b""))),)
    assert found.opts[0].codes == (65001, 3)
    assert found.additional == ()


def test_flags_beside_do_and_options_cut_short():
    head = query_bytes("x.test")
    rdata = b"\xfd\xe9\0\1\7" + b"\xfd\xea\0\xff\1"
    opt = b"\0\0\x29\x04\xd0\0\0\x40\1" + len(rdata).to_bytes(2) + rdata
    found = read(head[:11] + b"\1" + head[12:] + opt)
    assert found.opts == (Opt(1232, 0, False, 0x4001, ((65001, b"\7"),)),)


def test_two_opt_records_are_both_seen():
    message = DNSRecord(DNSHeader(id=1), q=DNSQuestion("x.test"))
    message.add_ar(EDNS0(udp_len=512), EDNS0(udp_len=1400))
    assert [opt.size for opt in read(message).opts] == [512, 1400]


def test_the_question_is_kept_as_it_was_written():
    assert read(query_bytes("WwW.test")).question_wire == b"\3WwW\4test\0\0\1\0\1"


@pytest.mark.parametrize("cut", [1, 5, 12, 20])
def test_what_stands_before_a_fault_still_counts(cut):
    message = reply("www.example.net. 60 A 192.0.2.1", "www.example.net. 60 A 192.0.2.2")
    found = read(bytes(message.pack())[:-cut])
    assert not found.complete
    assert [each.rdata for each in found.answers] == (["192.0.2.1"] if cut <= 16 else [])


def test_octets_too_many_are_noticed():
    assert read(query_bytes()).complete
    assert not read(query_bytes() + b"\0").complete


@given(st.binary(max_size=80))
def test_no_bytes_raise(payload):
    found = sections_of(payload)
    assert found.complete in {True, False}


@given(st.integers(0, 200), st.binary(min_size=1, max_size=6))
def test_no_fault_in_a_good_message_raises(place, octets):
    message = reply("www.example.net. 60 CNAME web.example.net.", "web.example.net. 5 MX 1 m.test.")
    message.add_ar(EDNS0(opts=[EDNSOption(10, b"12345678")]))
    payload = bytearray(message.pack())
    payload[place : place + len(octets)] = octets
    sections_of(bytes(payload))


def test_a_message_passes_its_sections_on():
    wire = Wire(cluster_plan())
    wire.exchange("viewer", DNS, REAL[0], ttl=7, soa=True)
    query, answer = wire.timeline().messages
    (record,) = answer.answers
    assert (record.rtype, record.ttl, record.rdata) == ("A", 7, REAL[0])
    assert [each.rtype for each in answer.authority] == ["SOA"]
    assert (answer.additional, answer.opt, query.opt) == ((), None, None)
    assert (answer.opcode, answer.z, answer.octets) == (0, False, len(answer.payload))
    assert answer.sections.question_wire == query.sections.question_wire


def test_header_bits_are_read_from_the_header():
    wire = Wire(cluster_plan())
    query = query_bytes()
    wire.ask("viewer", DNS, payload=query[:2] + b"\x7a\x40" + query[4:])
    wire.ask("viewer", DNS, payload=b"\0")
    odd, short = wire.timeline().messages
    assert (odd.opcode, odd.z) == (15, True)
    assert (short.opcode, short.z, short.opt, short.answers) == (0, False, None, ())


def test_a_compressed_name_inside_rdata_is_read_whatever_its_type():
    message = reply("www.example.net. 60 A 192.0.2.1")
    message.add_answer(RR("www.example.net", QTYPE.CNAME, ttl=1, rdata=CNAME("www.example.net")))
    assert read(message).answers[1].wire == b"\3www\7example\3net\0"
