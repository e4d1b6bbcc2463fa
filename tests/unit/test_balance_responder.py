"""The load-balancer responder, read with dnspython as the independent oracle."""

from __future__ import annotations

from random import Random

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver import limits
from resolver.balance.responder import Balancer
from resolver.config import BalancerConfig, HealthCheck, Member, WhenNoneAvailable
from resolver.machine import (
    SECOND,
    Close,
    Endpoint,
    MessageArrived,
    Open,
    Send,
    StreamOpened,
    Transport,
    Unreachable,
)

ZONE = "internet.intern.netz"
HERE, ASKER = Endpoint("10.10.10.100", 53), Endpoint("10.10.10.1", 4321)
REAL = ("10.10.10.100", "10.10.10.101", "10.10.10.102")


def config(**changes) -> BalancerConfig:
    values = {
        "listen": (HERE,),
        "zone": ZONE,
        "members": tuple(Member(f"node{n}", n, (REAL[n - 1],)) for n in (1, 2, 3)),
        "service_port": 5900,
        "health": HealthCheck(fall=1, rise=1),
        **changes,
    }
    return BalancerConfig(**values)


def balancer(*, down: tuple[str, ...] = (), **changes) -> Balancer:
    """One whose first round of probes is over."""
    machine = Balancer(config(**changes), Random(1))
    assert not machine.ready()
    for probe in machine.expire(0):
        assert isinstance(probe, Open)
        if probe.remote.address in down:
            machine.handle(Unreachable(probe.flow, "connection refused"), 0)
        else:
            machine.handle(StreamOpened(probe.flow, probe.remote, HERE), 0)
    assert machine.ready()
    return machine


def ask(machine: Balancer, name=ZONE, rtype="A", transport=Transport.UDP, rdclass="IN", **fields):
    query = dns.message.make_query(name, rtype, rdclass, **fields)
    wire = exchange(machine, query.to_wire(), transport)
    if wire is None:
        return None
    reply = dns.message.from_wire(wire)
    assert query.is_response(reply)
    return reply


def exchange(machine: Balancer, payload: bytes, transport=Transport.UDP) -> bytes | None:
    if transport is Transport.TCP:
        machine.handle(StreamOpened("flow", ASKER, HERE), SECOND)
    effects = machine.handle(MessageArrived("flow", payload, transport, ASKER, HERE), SECOND)
    sent = [effect for effect in effects if isinstance(effect, Send)]
    assert all(effect.flow == "flow" for effect in sent)
    assert len(sent) <= 1
    return sent[0].payload if sent else None


def addresses(reply) -> list[str]:
    return [str(rdata) for rrset in reply.answer for rdata in rrset]


def flags(reply) -> str:
    return dns.flags.to_text(reply.flags)


def soa_of(reply):
    (rrset,) = reply.authority
    assert (rrset.name.to_text(), rrset.rdtype) == (ZONE + ".", dns.rdatatype.SOA)
    return rrset


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", Transport)
def test_the_answer_holds_exactly_the_available_members(transport):
    # CLU-03; cluster FAQ, step 3: 1 and 3 are available
    reply = ask(balancer(down=(REAL[1],)), transport=transport)
    assert sorted(addresses(reply)) == [REAL[0], REAL[2]]
    assert reply.rcode() == dns.rcode.NOERROR
    assert flags(reply) == "QR AA RD"
    assert reply.answer[0].ttl == 2


def test_ttl_is_as_configured_and_rd_is_copied():
    reply = ask(balancer(ttl_s=30), flags=0)
    assert reply.answer[0].ttl == 30
    assert flags(reply) == "QR AA"


def test_a_member_that_dies_leaves_the_answer_and_comes_back():
    machine = balancer()
    for state, expected in (("down", [REAL[0], REAL[2]]), ("up", list(REAL))):
        for probe in machine.expire(machine.deadline()):
            if probe.remote.address == REAL[1] and state == "down":
                machine.handle(Unreachable(probe.flow, "connection refused"), machine.deadline())
            else:
                machine.handle(StreamOpened(probe.flow, probe.remote, HERE), 0)
        assert sorted(addresses(ask(machine))) == expected


def test_behind_nat_the_answer_holds_alias_addresses_by_node_number():
    # CLU-11, CLU-14; CLU-18: node 2 was removed, node 3 stays at base + 2
    members = (Member("node1", 1, (REAL[0],)), Member("node3", 3, (REAL[2], "fd00::102")))
    machine = balancer(alias_base="192.168.1.100", members=members)
    assert sorted(addresses(ask(machine))) == ["192.168.1.100", "192.168.1.102"]
    assert addresses(ask(machine, rtype="AAAA")) == []


def test_an_alias_counts_up_over_an_octet_and_in_ipv6():
    members = (Member("node7", 7, (REAL[0],)),)
    assert addresses(ask(balancer(alias_base="192.168.1.250", members=members))) == ["192.168.2.0"]
    machine = balancer(alias_base="fd00::ffff", members=members)
    assert addresses(ask(machine, rtype="AAAA")) == ["fd00::1:5"]
    assert addresses(ask(machine)) == []


@pytest.mark.parametrize("base", ["255.255.255.254", "ffff:" * 7 + "fffe"])
def test_an_alias_beyond_the_address_space_is_refused_with_a_remedy(base):
    with pytest.raises(ValueError, match=r"alias of node3 \(number 3\) .*choose a lower base"):
        Balancer(config(alias_base=base), Random(1))


def test_ipv6_addresses_are_answered_where_members_have_them():
    members = (
        Member("node1", 1, (REAL[0], "fd00::100")),
        Member("node2", 2, (REAL[1], "fd00::101")),
        Member("node3", 3, (REAL[2],)),
    )
    machine = balancer(members=members, down=(REAL[0],))
    assert addresses(ask(machine, rtype="AAAA")) == ["fd00::101"]
    assert sorted(addresses(ask(machine))) == [REAL[1], REAL[2]]


@pytest.mark.parametrize("answers", [1, 2])
def test_k_of_them_in_turn_hand_out_every_member_although_aaaa_is_asked_between(answers):
    # CLU-05
    machine = balancer(answers=answers)
    seen = []
    for _ in range(3):
        ask(machine, rtype="AAAA")
        reply = addresses(ask(machine))
        assert len(reply) == answers
        seen.append(reply[0])
    assert sorted(seen) == sorted(REAL)


def test_both_families_rotate_on_their_own():
    members = tuple(Member(f"node{n}", n, (REAL[n - 1], f"fd00::{n}")) for n in (1, 2))
    machine = balancer(answers=1, members=members)
    pairs = [(*addresses(ask(machine)), *addresses(ask(machine, rtype="AAAA"))) for _ in range(2)]
    assert {pair[0] for pair in pairs} == {REAL[0], REAL[1]}
    assert {pair[1] for pair in pairs} == {"fd00::1", "fd00::2"}


# --- everything else ------------------------------------------------------------------------------


@pytest.mark.parametrize("rtype", ["AAAA", "HTTPS", "MX", "TXT", "TYPE65280", "PTR", "CNAME"])
def test_other_types_are_nodata_with_soa(rtype):
    # CLU-17; RFC 2308 3
    reply = ask(balancer(negative_ttl_s=7), rtype=rtype)
    assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])
    assert flags(reply) == "QR AA RD"
    soa = soa_of(reply)
    assert (soa.ttl, soa[0].minimum) == (7, 7)


@pytest.mark.parametrize("rtype", ["A", "AAAA", "TXT"])
def test_names_below_are_nxdomain_with_soa(rtype):
    reply = ask(balancer(), name="node1." + ZONE, rtype=rtype)
    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert flags(reply) == "QR AA RD"
    assert soa_of(reply).ttl == 2


@pytest.mark.parametrize(
    ("name", "rdclass"),
    [("intern.netz", "IN"), ("xinternet.intern.netz", "IN"), (".", "IN"), (ZONE, "CH")],
)
def test_what_is_not_ours_is_refused_without_authority(name, rdclass):
    reply = ask(balancer(), name=name, rdclass=rdclass)
    assert reply.rcode() == dns.rcode.REFUSED
    assert flags(reply) == "QR RD"
    assert not reply.answer
    assert not reply.authority


def test_soa_ns_any_and_transfers():
    machine = balancer()
    soa = ask(machine, rtype="SOA").answer[0]
    assert (soa[0].mname.to_text(), soa[0].rname.to_text()) == (ZONE + ".", f"hostmaster.{ZONE}.")
    assert addresses(ask(machine, rtype="NS")) == [ZONE + "."]
    assert ask(machine, rtype="ANY").answer[0].rdtype == dns.rdatatype.SOA
    query = dns.message.make_query(ZONE, "AXFR").to_wire()
    assert exchange(machine, query, Transport.TCP)[3] & 0xF == dns.rcode.REFUSED


def test_case_is_ignored_and_echoed():
    # RFC 4343 4.1
    reply = ask(balancer(), name="INTERNET.intern.NETZ")
    assert len(addresses(reply)) == 3
    assert reply.question[0].name.to_text() == "INTERNET.intern.NETZ."


@pytest.mark.parametrize(
    ("when", "rcode", "text", "has_soa"),
    [
        (WhenNoneAvailable.NODATA, "NOERROR", "QR AA RD", True),
        (WhenNoneAvailable.NXDOMAIN, "NXDOMAIN", "QR AA RD", True),
        (WhenNoneAvailable.SERVFAIL, "SERVFAIL", "QR RD", False),
        (WhenNoneAvailable.REFUSED, "REFUSED", "QR RD", False),
    ],
)
def test_when_none_is_available(when, rcode, text, has_soa):
    machine = balancer(down=REAL, when_none_available=when)
    reply = ask(machine)
    assert dns.rcode.to_text(reply.rcode()) == rcode
    assert flags(reply) == text
    assert (reply.answer, bool(reply.authority)) == ([], has_soa)
    # The viewer's AAAA question is not about availability: no member has such an address.
    assert ask(machine, rtype="AAAA").rcode() == dns.rcode.NOERROR


def test_when_none_is_available_silence_or_everybody():
    silent = balancer(down=REAL, when_none_available=WhenNoneAvailable.SILENT)
    assert ask(silent) is None
    assert soa_of(ask(silent, rtype="AAAA"))
    everybody = balancer(down=REAL, when_none_available=WhenNoneAvailable.ALL_MEMBERS)
    assert sorted(addresses(ask(everybody))) == sorted(REAL)


def test_edns_in_gives_edns_out_and_unknown_versions_are_refused():
    # EDN-01, EDN-02
    machine = balancer()
    assert ask(machine).edns == -1
    assert ask(machine, use_edns=0).edns == 0
    bad = ask(machine, use_edns=1)
    assert (bad.rcode(), bad.edns, bad.answer) == (dns.rcode.BADVERS, 0, [])


def test_a_long_answer_is_cut_for_udp_and_whole_over_tcp():
    # TRN-05, TRN-10
    members = tuple(Member(f"n{n}", n, (f"10.1.0.{n}",)) for n in range(1, 61))
    machine = balancer(members=members)
    cut = ask(machine)
    assert flags(cut) == "QR AA TC RD"
    assert len(cut.to_wire()) <= 512
    assert len(addresses(ask(machine, use_edns=0, payload=1232))) == 60
    assert len(addresses(ask(machine, transport=Transport.TCP))) == 60


def test_other_opcodes_are_not_implemented():
    query = dns.message.make_query(ZONE, "A")
    query.set_opcode(dns.opcode.STATUS)
    reply = dns.message.from_wire(exchange(balancer(), query.to_wire()))
    assert reply.rcode() == dns.rcode.NOTIMP


def test_what_a_service_says_to_a_probe_is_not_taken_for_a_question():
    machine = balancer()
    query = dns.message.make_query(ZONE, "A").to_wire()
    arrived = MessageArrived(1, query, Transport.TCP, Endpoint(REAL[0], 5900), HERE)
    assert machine.handle(arrived, 0) == ()


@given(st.binary(max_size=80), st.booleans())
def test_any_octets_raise_nothing_and_are_not_amplified(octets, starts_well):
    query = dns.message.make_query(ZONE, "A").to_wire()
    payload = query[:12] + octets if starts_well else octets
    reply = exchange(balancer(), payload)
    assert reply is None or len(reply) <= 512


def test_idle_streams_are_closed_beside_the_probes():
    machine = balancer(when_none_available=WhenNoneAvailable.SILENT, down=REAL)
    machine.handle(StreamOpened("stream", ASKER, HERE), SECOND)
    query = dns.message.make_query(ZONE, "A").to_wire()
    machine.handle(MessageArrived("stream", query, Transport.TCP, ASKER, HERE), 2 * SECOND)
    closed_at = None
    while closed_at is None:
        now = machine.deadline()
        assert now <= 2 * SECOND + limits.STREAM_IDLE
        for effect in machine.expire(now):
            if isinstance(effect, Open):
                machine.handle(StreamOpened(effect.flow, effect.remote, HERE), now)
            elif effect == Close("stream"):
                closed_at = now
    assert closed_at == 2 * SECOND + limits.STREAM_IDLE


def test_the_flow_a_question_came_by_is_the_flow_its_answer_leaves_by():
    # TRN-13
    machine = balancer()
    query = dns.message.make_query(ZONE, "A").to_wire()
    for flow in ("one", ("two", 2)):
        effects = machine.handle(MessageArrived(flow, query, Transport.UDP, ASKER, HERE), SECOND)
        assert [effect.flow for effect in effects if isinstance(effect, Send)] == [flow]
