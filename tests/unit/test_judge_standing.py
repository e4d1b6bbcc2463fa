"""The judge on what holds whatever breaks: who is asked, where names go, which side is seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from judging import Cases, cluster, lookup, lookup_by_nat, nat, tamper, visit
from scapy.layers.inet import ICMP, IP
from scapy.packet import Raw
from wire import (
    ALIAS,
    BYSTANDER,
    DNS,
    NAME,
    REAL,
    TRANSLATOR,
    VIEWER,
    Wire,
    cluster_nat_plan,
    framed,
    query_bytes,
)

from lab.judge.checks import AskedAllowedOnly, PrivateNamesStay, RealAddressesStay
from lab.judge.permissions import permissions_of
from lab.topology.plan import Plan, PlannedProgram
from resolver.config import ForwardRule, HostedZone, ResolverConfig
from resolver.machine import Endpoint

cases = Cases()

ALLOWED = AskedAllowedOnly()
NAMES = PrivateNamesStay()
REALS = RealAddressesStay()


def with_resolver(config: ResolverConfig, plan: Plan) -> Plan:
    """The plan, its DNS server configured otherwise."""
    nodes = tuple(
        replace(node, programs=(PlannedProgram("resolver", config),))
        if node.name == "dns"
        else node
        for node in plan.nodes
    )
    return replace(plan, nodes=nodes)


# --- who is asked -----------------------------------------------------------------------------


@cases.passes(ALLOWED, NAMES, PrivateNamesStay(names=(NAME.upper(),)))
@cases.fails(PrivateNamesStay(names=("other.example",)), because="no packet held other.example")
@cases.fails(REALS, because="no packet was seen on the viewers' side of a NAT")
def as_it_should_be() -> Wire:
    wire = cluster()
    lookup(wire)
    return wire


@cases.passes(ALLOWED, NAMES, REALS)
def as_it_should_be_behind_nat() -> Wire:
    wire = nat()
    lookup_by_nat(wire)
    visit(wire, ALIAS[2])
    return wire


@cases.fails(ALLOWED, because=f"dns asks {REAL[2]} for {NAME}, and may ask {REAL[0]}, {REAL[1]}")
@cases.fails(NAMES, because=f"{NAME} goes to {REAL[2]}")
def the_third_node_is_no_load_balancer() -> Wire:
    wire = cluster()
    lookup(wire, server=REAL[2])
    return wire


@cases.fails(ALLOWED, because=f"viewer asks {REAL[0]} for {NAME}, and may ask {DNS}")
def a_viewer_goes_past_its_server() -> Wire:
    wire = as_it_should_be()
    wire.exchange("viewer", REAL[0], REAL[0])
    return wire


@cases.fails(ALLOWED, because=f"dns asks {REAL[0]} for www.example.com, and may ask nobody")
def a_server_without_recursion_asks_for_a_foreign_name() -> Wire:
    wire = as_it_should_be()
    wire.ask("dns", REAL[0], "www.example.com")
    return wire


@cases.fails(ALLOWED, because=f"tgp1 asks {REAL[1]} for {NAME}, and may ask nobody")
def a_load_balancer_asks() -> Wire:
    wire = as_it_should_be()
    wire.ask("tgp1", REAL[1])
    return wire


@cases.fails(ALLOWED, because=f"dns dials {REAL[2]}:53, and may ask nothing there")
def a_connection_to_somebody_else() -> Wire:
    wire = as_it_should_be()
    wire.connect("dns", REAL[2], port=53, refused=True)
    return wire


@cases.passes(ALLOWED)
def a_stranger_is_bound_by_nothing() -> Wire:
    wire = as_it_should_be()
    wire.exchange("bystander", REAL[2], rcode="REFUSED")
    return wire


@cases.fails(ALLOWED, because="no question was seen")
def replies_only() -> Wire:
    wire = cluster()
    question = wire.ask("viewer", DNS)
    wire.records.clear()
    wire.reply(question, REAL[0])
    return wire


# --- where names go ---------------------------------------------------------------------------


@cases.fails(NAMES, because=f"{NAME} goes to {REAL[2]}")
def a_name_below_leaks() -> Wire:
    wire = as_it_should_be()
    wire.ask("dns", REAL[2], f"a.{NAME}", lost=True)
    return wire


@cases.fails(NAMES, because=f"{NAME} goes to {REAL[2]}")
def a_name_leaks_in_two_pieces_of_a_stream() -> Wire:
    wire = as_it_should_be()
    stream = wire.connect("dns", REAL[2], port=53)
    octets = framed(query_bytes())
    stream.say(octets[:20])
    stream.say(octets[20:])
    return wire


# --- which side is seen -----------------------------------------------------------------------


@cases.fails(REALS, because=f"{REAL[1]} as source")
def a_real_source() -> Wire:
    wire = as_it_should_be_behind_nat()

    def show(packet: IP) -> None:
        packet.src = REAL[1]

    return tamper(wire, show, network="lan", where=lambda ip: ip.source == ALIAS[2])


@cases.fails(REALS, because=f"{REAL[0]} in a DNS message")
def a_real_address_in_an_answer() -> Wire:
    wire = as_it_should_be_behind_nat()
    lookup_by_nat(wire, REAL[0], REAL)
    return wire


@cases.fails(REALS, because=f"{REAL[0]} in the payload")
def a_real_address_in_an_error() -> Wire:
    wire = as_it_should_be_behind_nat()
    quoted = bytes(4) + bytes(map(int, REAL[0].split(".")))
    error = IP(src=TRANSLATOR, dst=VIEWER) / ICMP(type=3, code=1) / Raw(quoted)
    wire.packet(error, "translator", "viewer")
    return wire


# --- the plan's permissions -------------------------------------------------------------------


def resolver(**how: object) -> ResolverConfig:
    return ResolverConfig((Endpoint(DNS, 53),), **how)  # type: ignore[arg-type]


def rule(zone: str, *servers: str, recursion: bool = False) -> ForwardRule:
    return ForwardRule(zone, tuple(Endpoint(each, 53) for each in servers), recursion=recursion)


ZONE = """
@ 60 IN SOA ns hostmaster 1 2 3 4 60
@ 60 IN NS ns
ns 60 IN A 192.168.1.2
www 60 IN A 192.0.2.1
sub 60 IN NS ns.sub
ns.sub 60 IN A 192.0.2.53
far 60 IN NS ns.elsewhere.example.
"""


@pytest.mark.parametrize(
    ("config", "name", "servers"),
    [
        (resolver(forward=(rule("a.example", "10.0.0.1"),)), "b.example", set()),
        (resolver(forward=(rule("a.example", "10.0.0.1"),)), "x.a.example", {"10.0.0.1"}),
        (
            resolver(forward=(rule("example", "10.0.0.1"), rule("a.example", "10.0.0.2"))),
            "x.a.example",
            {"10.0.0.2"},
        ),
        (resolver(forward=(rule(".", "10.0.0.1"),)), "x.example", {"10.0.0.1"}),
        (resolver(recursion=True), "x.example", None),
        (
            resolver(recursion=True, forward=(rule("a.example", "10.0.0.1"),)),
            "x.a.example",
            {"10.0.0.1"},
        ),
        # Falling back on recursion, nobody is forbidden; nor for the names above.
        (
            resolver(recursion=True, forward=(rule("a.example", "10.0.0.1", recursion=True),)),
            "x.a.example",
            None,
        ),
        (
            resolver(recursion=True, forward=(rule(".", "10.0.0.1"), rule("a.example"))),
            "example",
            None,
        ),
        (resolver(forward=(rule("a.example"),)), "x.a.example", set()),
        (resolver(zones=(HostedZone("z.example", ZONE),)), "www.z.example", set()),
        (resolver(zones=(HostedZone("z.example", ZONE),)), "x.sub.z.example", {"192.0.2.53"}),
        (resolver(zones=(HostedZone("z.example", ZONE),)), "x.far.z.example", None),
        (
            resolver(
                zones=(HostedZone("z.example", ZONE),), forward=(rule("sub.z.example", "10.0.0.9"),)
            ),
            "x.sub.z.example",
            {"10.0.0.9"},
        ),
        (
            resolver(
                zones=(HostedZone("z.example", ZONE),), forward=(rule("www.z.example", "10.0.0.9"),)
            ),
            "www.z.example",
            set(),
        ),
    ],
)
def test_whom_a_dns_server_may_ask(config, name, servers):
    plan = with_resolver(config, cluster_nat_plan())
    assert permissions_of(plan).servers_for(plan.node("dns"), name) == servers


def test_the_cluster_s_name_is_heard_by_those_on_its_way_only():
    hearers = permissions_of(cluster_nat_plan()).private_names[NAME]
    assert {DNS, TRANSLATOR, REAL[0], REAL[1], BYSTANDER} <= hearers
    assert REAL[2] not in hearers


def test_a_name_that_recursion_may_look_for_is_not_private():
    open_rule = rule(NAME, TRANSLATOR, recursion=True)
    plan = with_resolver(resolver(recursion=True, forward=(open_rule,)), cluster_nat_plan())
    assert NAME not in permissions_of(plan).private_names


def test_a_foreign_capture_is_told_from_a_failure_by_what_was_seen():
    wire = cluster()
    assert ALLOWED.inspect(wire.timeline()).seen == 0
    lookup(wire)
    inspection = ALLOWED.inspect(wire.timeline())
    assert inspection.seen == 2
    assert inspection.sound


test_cases = cases.test()
