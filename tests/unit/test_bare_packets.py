"""Bare packets: what a step may say, what is put on the wire, and how it is known again."""

from __future__ import annotations

import pytest
from capturing import plan_of
from pydantic import ValidationError
from scapy.layers.inet import ICMP, IP, TCP, UDP

from lab.observe.decode import decode_ip
from lab.observe.named import carries, identification_of, window_of
from lab.observe.sighting import Icmp, Ip
from lab.scenario.bare import Complain, Emit, Silence
from lab.scenario.description import describe, longest_s
from lab.scenario.model import Misconfigure, SetNatOtherwise
from lab.scenario.packets import bare_error, bare_packet
from lab.topology.faults import FaultNotPossible, apply_fault
from resolver.config import Behaviour, NaptConfig, PortChoice, Refusal
from resolver.machine import SECOND, Endpoint

HERE, THERE = Endpoint("10.20.0.11", 40_000), Endpoint("203.0.113.51", 9)


def packets(**fields: object) -> list[bytes]:
    step = Emit.model_validate({"packet": "hello", "to": THERE.address, **fields})
    return bare_packet(step, HERE, THERE, sequence=7, acknowledgment=0)


def seen(packet: bytes) -> Ip:
    ip = decode_ip(packet)
    assert ip is not None
    return ip


@pytest.mark.parametrize(
    ("fields", "because"),
    [
        ({}, "write to= or answers="),
        ({"to": "10.0.0.1", "answers": "that"}, "write to= or answers="),
        ({"to": "10.0.0.1", "pieces": (1, 3)}, "leaves one out"),
        ({"to": "10.0.0.1", "pieces": (1,)}, "two fragments or more"),
        ({"to": "10.0.0.1", "pieces": (1, 2), "dont_fragment": True}, "without dont_fragment="),
        ({"to": "10.0.0.1", "protocol": "tcp", "checksum": "none"}, "only UDP may go without"),
        ({"to": "10.0.0.1", "packet": "Hello!"}, "packet"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, object], because: str) -> None:
    with pytest.raises(ValidationError, match=because):
        Emit.model_validate({"packet": "hello", **fields})


@pytest.mark.parametrize("protocol", ["udp", "tcp", "echo"])
def test_a_packet_carries_its_name_and_no_other(protocol: str) -> None:
    (packet,) = packets(protocol=protocol)
    ip = seen(packet)
    assert ip.checksum_right
    assert ip.transport is not None
    assert ip.transport.checksum_right
    assert carries(ip, "hello")
    assert not carries(ip, "hello again")


def test_its_name_outlives_another_address_and_port() -> None:
    for protocol, layer in (("udp", UDP), ("tcp", TCP)):
        packet = IP(packets(protocol=protocol)[0])
        packet.src, packet[layer].sport = "203.0.113.2", 1234
        assert carries(seen(bytes(packet)), "hello")


def test_somebody_elses_packet_with_the_same_identification_is_not_taken_for_it() -> None:
    identification = identification_of("hello")
    for transport in (UDP(sport=1, dport=2) / b"else", TCP(window=window_of("hello") ^ 1), ICMP()):
        ip = IP(src=HERE.address, dst=THERE.address, id=identification) / transport
        assert not carries(seen(bytes(ip)), "hello")


def test_fragments_are_sent_in_the_order_that_is_asked_for_and_come_together() -> None:
    pieces = packets(octets=3000, pieces=(3, 1, 2))
    offsets = [IP(piece).frag * 8 for piece in pieces]
    assert offsets == [offsets[0], 0, offsets[2]]
    assert offsets[2] < offsets[0]
    assert all(carries(seen(piece), "hello") for piece in pieces)
    together = b"".join(piece[20:] for _, piece in sorted(zip(offsets, pieces, strict=True)))
    assert together[8:] == b"hello;" + bytes(3000)


def test_checksums_may_be_wrong_or_left_out() -> None:
    assert IP(packets(checksum="none")[0])[UDP].chksum == 0
    wrong = seen(packets(checksum="wrong")[0])
    assert wrong.checksum_right
    assert wrong.transport is not None
    assert not wrong.transport.checksum_right


def test_options_marks_and_df_are_there() -> None:
    packet = IP(packets(protocol="tcp", options=True, tos=3, dont_fragment=True, ttl=9)[0])
    assert (packet.tos, packet.ttl, str(packet.flags)) == (3, 9, "DF")
    assert [name for name, _ in packet[TCP].options][:4] == ["MSS", "SAckOK", "WScale", "Timestamp"]
    assert 253 in dict(packet[TCP].options)
    assert packet[TCP].seq == 7


def error(**fields: object) -> Ip:
    step = Complain.model_validate({"packet": "sorry", "node": "ext1", "about": "hello", **fields})
    return seen(bare_error(step, "203.0.113.51", packets()[0]))


def test_an_error_quotes_what_arrived_and_goes_to_its_source() -> None:
    ip = error(type=3, code=4, mtu=600)
    assert (ip.source, ip.destination) == (THERE.address, HERE.address)
    assert isinstance(ip.transport, Icmp)
    assert ip.transport.checksum_right
    assert (ip.transport.type, ip.transport.code) == (3, 4)
    assert int.from_bytes(ip.raw[26:28]) == 600
    assert ip.transport.embedded is not None
    assert ip.transport.embedded.raw == packets()[0]
    assert carries(ip, "sorry")


def test_an_error_may_be_wrong_in_one_way() -> None:
    damaged = error(fault="checksum").transport
    assert isinstance(damaged, Icmp)
    assert not damaged.checksum_right
    for fault, port, address in (
        ("another port", 40_001, THERE.address),
        ("another address", 40_000, "203.0.113.101"),
    ):
        told = error(fault=fault).transport
        assert isinstance(told, Icmp)
        assert told.checksum_right
        quoted = told.embedded
        assert quoted is not None
        assert quoted.sender == Endpoint(HERE.address, port)
        assert quoted.destination == address
    about = error(fault="quoted transport checksum").transport
    assert isinstance(about, Icmp)
    assert about.embedded is not None
    assert about.checksum_right
    assert about.embedded.raw[26:28] != packets()[0][26:28]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Silence(node="ext1"), "ext1 says no more that nobody listens"),
        (
            Emit(packet="hello", node="a", to="10.0.0.1", source_port=5, octets=9, pieces=(2, 1)),
            "a sends 'hello' to 10.0.0.1 port 9 (UDP, from port 5, 9 octets, fragments 2, 1)",
        ),
        (
            Emit(packet="back", node="b", answers="hello", protocol="tcp", flags="SA"),
            "b sends 'back' back to where 'hello' came from (TCP SA)",
        ),
        (
            Complain(packet="no", node="b", about="hello", fault="checksum"),
            "b sends 'no', ICMP type 3 code 1 about 'hello', wrong: checksum",
        ),
        (
            Misconfigure(
                fault=SetNatOtherwise(filtering="endpoint-independent", hairpinning=False)
            ),
            "the translator is set otherwise: filtering endpoint-independent, hairpinning False",
        ),
    ],
)
def test_steps_are_told_in_a_line(
    step: Emit | Complain | Silence | Misconfigure, words: str
) -> None:
    assert describe(step) == words
    assert longest_s((step,)) >= 0


def napt_otherwise(**fields: object) -> NaptConfig:
    fault = SetNatOtherwise.model_validate(fields)
    napt = apply_fault(plan_of("napt"), fault).node("translator").napt
    assert napt is not None
    return napt


def test_a_translator_is_set_otherwise_in_what_is_named_alone() -> None:
    meant = plan_of("napt").node("translator").napt
    assert meant is not None
    other = napt_otherwise(
        mapping="address-dependent",
        ports="preserve",
        when_full="silent",
        udp_timeout_s=30.0,
        unsolicited_syn_s=0.0,
        most_mappings=3,
    )
    assert other.mapping is Behaviour.ADDRESS_DEPENDENT
    assert other.ports is PortChoice.PRESERVE
    assert other.when_full is Refusal.SILENT
    assert (other.udp_timeout_ns, other.unsolicited_syn_ns) == (30 * SECOND, 0)
    assert other.most_mappings == 3
    assert other.filtering is meant.filtering
    assert other.tcp_established_ns == meant.tcp_established_ns


def test_a_translator_that_is_set_so_already_is_no_other() -> None:
    with pytest.raises(FaultNotPossible, match="not set so already"):
        apply_fault(plan_of("napt"), SetNatOtherwise(hairpinning=True))
    with pytest.raises(FaultNotPossible, match="not set so already"):
        apply_fault(plan_of("cluster"), SetNatOtherwise(dns_alg=True))
    with pytest.raises(ValidationError, match="it sets nothing otherwise"):
        SetNatOtherwise()
