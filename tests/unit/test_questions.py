"""What is said of a question's message is what another reader finds in it."""

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.tsig
import pytest
from dns.exception import DNSException
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from strategies import domain_names, labels

from lab.scenario import packets
from lab.scenario.model import Ask, Edns, Message
from lab.values import class_number, type_number
from resolver.dns import names

qtypes = st.sampled_from(["A", "AAAA", "ANY", "AXFR", "SOA", "TYPE65280", "TYPE1234"])
edns = st.builds(
    Edns,
    size=st.integers(0, 65_535),
    do=st.booleans(),
    version=st.integers(0, 255),
    flags=st.integers(0, 0x7FFF),
    options=st.lists(
        st.tuples(st.integers(65_001, 65_534), st.binary(max_size=20).map(bytes.hex)), max_size=3
    ).map(tuple),
)
messages = st.builds(
    Message,
    rd=st.booleans(),
    ad=st.booleans(),
    cd=st.booleans(),
    z=st.booleans(),
    ra=st.booleans(),
    # 5 is an update, whose sections mean something else.
    opcode=st.sampled_from([0, 1, 2, 4, 6, 15]),
    qclass=st.sampled_from(["IN", "CH", "CLASS65280", "CLASS32769"]),
    edns=st.none() | edns,
)


def read(octets: bytes) -> dns.message.Message:
    return dns.message.from_wire(octets, keyring=False)


@given(domain_names(labels), qtypes, st.integers(0, 65_535), messages)
def test_what_is_built_reads_back_as_said(name, qtype, identifier, message) -> None:
    found = read(packets.question(name, qtype, identifier, message))
    (asked,) = found.question
    assert asked.name.labels[:-1] == names.to_labels(name)
    assert (asked.rdtype, asked.rdclass) == (type_number(qtype), class_number(message.qclass))
    assert (found.id, found.opcode()) == (identifier, message.opcode)
    flags = {
        dns.flags.RD: message.rd,
        dns.flags.AD: message.ad,
        dns.flags.CD: message.cd,
        dns.flags.RA: message.ra,
        0x0040: message.z,
    }
    assert found.flags & 0x87F0 == sum(flag for flag, is_set in flags.items() if is_set)
    if message.edns is None:
        assert found.edns == -1
        return
    assert (found.edns, found.payload) == (message.edns.version, message.edns.size)
    assert found.ednsflags & 0xFFFF == message.edns.do << 15 | message.edns.flags
    assert tuple((int(each.otype), each.data.hex()) for each in found.options) == (
        message.edns.options
    )


def test_an_ordinary_question_is_a_stub_resolvers() -> None:
    octets = packets.question("www.Example.net.", "A", 7)
    assert octets == b"\0\7\1\0\0\1\0\0\0\0\0\0\3www\7Example\3net\0\0\1\0\1"


@pytest.mark.parametrize("copies", [1, 2, 3])
def test_opt_records_can_be_too_many(copies: int) -> None:
    octets = packets.question("a.test", "A", 1, Message(edns=Edns(copies=copies)))
    assert int.from_bytes(octets[10:12], "big") == copies
    assert octets.count(b"\0\0\x29\x04\xd0") == copies
    if copies > 1:
        with pytest.raises(DNSException):
            read(octets)


@pytest.mark.parametrize("message", [Message(tsig=True), Message(tsig=True, edns=Edns(do=True))])
def test_a_signature_holds_for_whoever_has_the_key(message: Message) -> None:
    octets = packets.question("a.test", "A", 77, message, signed_at_s=2**33 + 5)
    found = read(octets)
    assert found.had_tsig
    record = found.tsig[0]
    assert (record.original_id, record.time_signed) == (77, 2**33 + 5)
    key = dns.tsig.Key(packets.TSIG_KEY_NAME, packets.TSIG_SECRET, packets.TSIG_ALGORITHM)
    start = octets.index(names.to_wire(packets.TSIG_KEY_NAME))
    dns.tsig.validate(octets, key, found.tsig.name, record, 2**33 + 5, b"", start)
    broken = octets[:13] + b"b" + octets[14:]
    with pytest.raises(dns.tsig.BadSignature):
        dns.tsig.validate(broken, key, found.tsig.name, record, 2**33 + 5, b"", start)


def counts(octets: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(octets[at : at + 2], "big") for at in (4, 6, 8, 10))


def faulty(fault: str, **fields: object) -> bytes:
    return packets.question("a.test", "A", 1, Message(fault=fault, **fields))


WHOLE = packets.question("a.test", "A", 1)


def test_each_fault_is_in_the_octets() -> None:
    assert faulty("short-header") == WHOLE[:11]
    assert faulty("no-question") == WHOLE[:4] + bytes(8)
    assert faulty("cut-question") == WHOLE[:-2]
    assert faulty("cut-question", edns=Edns()) == WHOLE[:10] + b"\0\1" + WHOLE[12:-2]
    assert faulty("bad-pointer") == WHOLE[:12] + b"\xc0\x0c\0\1\0\1"
    assert faulty("trailing-octets")[: len(WHOLE)] == WHOLE
    assert faulty("is-a-reply")[2] & 0x80
    assert counts(faulty("wrong-counts", edns=Edns())) == (1, 1, 0, 1)
    two = faulty("two-questions")
    assert counts(two)[0] == 2
    assert [int(each.rdtype) for each in read(two).question] == [1, dns.rdatatype.TXT]


@pytest.mark.parametrize(
    "fault", ["short-header", "cut-question", "bad-pointer", "trailing-octets", "wrong-counts"]
)
def test_what_is_no_message_is_read_by_nobody(fault: str) -> None:
    with pytest.raises(DNSException):
        read(faulty(fault, edns=Edns()))


@pytest.mark.parametrize(
    ("kind", "fields", "complaint"),
    [
        (Edns, {"options": ((1, "xy"),)}, "'xy' is not hexadecimal; write it like 'abcd'"),
        (Edns, {"options": ((70_000, "ab"),)}, "less than or equal to 65535"),
        (Edns, {"flags": 0x8000}, "less than or equal to 32767"),
        (Edns, {"copies": 0}, "greater than or equal to 1"),
        (Message, {"opcode": 16}, "less than or equal to 15"),
        (Message, {"qclass": "IM"}, "no query class 'IM'; write one such as"),
        (Message, {"fault": "no-header"}, "Input should be 'short-header'"),
        (Ask, {"pieces": 2}, "pieces=2 cannot be over UDP; write transport='tcp'"),
    ],
)
def test_a_message_that_cannot_be_is_refused(kind, fields, complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        kind(**fields)
    assert complaint in str(caught.value)
