"""Addresses of our own network come from our own domains, or not at all (SEC-02)."""

from __future__ import annotations

import pytest
from dns_internet import BETA, internet
from dns_upstreams import FIRST, SECOND_, ZONE, Stage, a, answering, cname, replying
from hypothesis import given
from hypothesis import strategies as st

from resolver.config import LOCAL_NETWORKS, ForwardRule, HostedZone
from resolver.dns.message import Edns, Rcode
from resolver.dns.rebinding import PrivateAddresses
from resolver.dns.records import Record, Type

PROTECTED = {"private_addresses": LOCAL_NETWORKS, "private_zones": ("Intern.netz.",)}
RULES = (ForwardRule(".", (FIRST,)), ForwardRule("intern.netz", (SECOND_,)))


def stage(*addresses: str, **options) -> Stage:
    behind = answering(*addresses)
    return Stage({FIRST: behind, SECOND_: behind}, RULES, options={**PROTECTED, **options})


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "192.168.1.100", "172.31.255.255", "127.0.0.1", "169.254.1.1", "100.64.0.1",
     "::1", "fd00::1", "fe80::1", "::ffff:192.168.1.100"],
)  # fmt: skip
def test_a_stranger_cannot_answer_with_an_address_of_ours(address):
    rtype = Type.AAAA if ":" in address else Type.A
    play = stage(address)
    for _ in range(2):  # nor from the cache
        got = play.resolve("rebind.example", rtype)
        assert (got.reply.rcode, got.reply.answers, got.reply.authority) == (Rcode.NOERROR, (), ())
    assert len(play.asked) == 1
    assert stage(address).resolve(ZONE, rtype).addresses  # the cluster's own


@pytest.mark.parametrize(
    "address", ["203.0.113.1", "2001:db8::1", "172.32.0.1", "::ffff:203.0.113.1"]
)
def test_other_addresses_pass(address):
    rtype = Type.AAAA if ":" in address else Type.A
    assert stage(address).resolve("www.example", rtype).reply.answers


def test_only_the_private_ones_are_left_out():
    got = stage("10.0.0.1", "203.0.113.1").resolve("mixed.example")
    assert got.addresses == ["203.0.113.1"]


def test_it_is_off_by_default():
    play = stage("10.0.0.1", private_addresses=(), private_zones=())
    assert play.resolve("www.example").addresses == ["10.0.0.1"]


def test_matching_is_per_label():
    play = stage("10.0.0.1")
    assert play.resolve("myintern.netz").addresses == []
    assert play.resolve("INTERN.netz").addresses == ["10.0.0.1"]


def test_our_own_zones_are_not_others():
    own = HostedZone("example", "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nns A 10.0.0.53\n")
    play = Stage(zones=(own,), rules=(), options={"private_addresses": LOCAL_NETWORKS})
    assert play.resolve("ns.example").addresses == ["10.0.0.53"]


def test_recursion_is_held_to_it_and_reaches_servers_all_the_same():
    """What it keeps from clients, it does not keep from itself: a private authority is asked."""
    play = internet(
        **{**PROTECTED, "private_addresses": (*LOCAL_NETWORKS, "192.0.2.0/24")},
        servers={BETA: replying(answers=[a("www.beta.test", "10.1.2.3")], authoritative=True)},
    )
    assert play.resolve("www.beta.test").addresses == []
    assert BETA in {asked.server for asked in play.asked}


@pytest.mark.parametrize(("target", "there"), [("pc.intern.netz", True), ("pc.evil", False)])
def test_behind_an_alias_the_owner_of_the_address_decides(target, there):
    alias = cname("www.example", target)
    servers = {FIRST: replying(answers=[alias, a(target, "10.0.0.9")]),
               SECOND_: answering("10.0.0.7")}  # fmt: skip
    got = Stage(servers, RULES, options=PROTECTED).resolve("www.example")
    assert got.addresses == (["10.0.0.7"] if there else [])
    assert got.reply.answers[0].target == target


def test_what_is_left_of_a_signed_rrset_is_not_passed_off_as_signed():
    signature = Record("www.example", Type.RRSIG, 60, b"\0\1" + bytes(40))
    other = Record("www.example", Type.RRSIG, 60, b"\0\x10" + bytes(40))
    answers = [a("www.example", "10.0.0.1"), a("www.example", "203.0.113.1"), signature, other]
    private = PrivateAddresses(LOCAL_NETWORKS, ())
    assert private.left_out_of(tuple(answers)) == (answers[1], other)
    play = Stage({FIRST: replying(answers=answers[:3])}, RULES, options=PROTECTED)
    got = play.resolve("www.example", edns=Edns(1232, do=True))
    assert [r.rtype for r in got.reply.answers] == [Type.A]


@given(st.lists(st.ip_addresses(), max_size=6), st.sampled_from(["x.example", "x.intern.netz"]))
def test_what_is_left_is_what_no_network_holds(addresses, name):
    records = tuple(a(name, str(address)) for address in addresses)
    private = PrivateAddresses(("10.0.0.0/8", "::/1"), ("intern.netz",))

    def held(address) -> bool:
        mapped = getattr(address, "ipv4_mapped", None) or address
        return int(mapped) >> 24 == 10 if mapped.version == 4 else int(mapped) >> 127 == 0

    expected = [r for r, x in zip(records, addresses, strict=True)
                if name == "x.intern.netz" or not held(x)]  # fmt: skip
    assert list(private.left_out_of(records)) == expected


@pytest.mark.parametrize(
    ("networks", "zones", "says"),
    [
        (("10.0.0.1/8",), (), "private_addresses: 10.0.0.1/8"),
        ((), ("a..b",), "private_zones: .*a..b"),
    ],
)
def test_what_is_no_network_or_no_name_is_said(networks, zones, says):
    with pytest.raises(ValueError, match=says):
        PrivateAddresses(networks, zones)
