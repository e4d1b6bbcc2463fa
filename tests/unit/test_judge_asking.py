"""The judge on who was asked, in what order, and where names and packets went."""

from __future__ import annotations

from dnslib import EDNS0, DNSRecord
from judging import Cases, cluster, lookup, lookup_by_nat, nat, tamper, visit
from scapy.layers.inet import IP, UDP
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
    framed,
    query_bytes,
    reply_bytes,
)

from lab.judge.checks import AskedInOrder, AskedNobody, AskedOnly, NameStaysWithin, NothingSent

cases = Cases()

FIRST, SECOND, THIRD = REAL


def asked_one_after_the_other(*servers: str, answered: bool = True) -> Wire:
    """The last of these servers answers; `answered`: the viewer is told."""
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    for server in servers[:-1]:
        wire.ask("dns", server)
        wire.elapse(1)
    wire.exchange("dns", servers[-1], *REAL)
    if answered:
        wire.reply(asked, REAL[0], aa=False)
    return wire


# --- AskedInOrder -----------------------------------------------------------------------------


@cases.passes(AskedInOrder(servers=(FIRST, SECOND)), AskedInOrder(servers=(FIRST, SECOND), times=1))
@cases.fails(AskedInOrder(servers=(SECOND, FIRST)), because=f"asked {FIRST}, then {SECOND}; exp")
@cases.fails(AskedInOrder(servers=(FIRST,)), because=f"asked {FIRST}, then {SECOND}; expected")
@cases.fails(AskedInOrder(servers=REAL), because=f"expected {FIRST}, then {SECOND}, then {THIRD}")
@cases.fails(AskedInOrder(servers=(FIRST, SECOND), times=2), because="1 question went upstream")
@cases.fails(AskedInOrder(asker="tgp1", servers=(FIRST,)), because="tgp1 asked nobody upstream")
def the_second_after_the_first() -> Wire:
    return asked_one_after_the_other(FIRST, SECOND)


@cases.fails(AskedInOrder(servers=(FIRST, SECOND)), because=f"asked {FIRST}, then {FIRST}, then")
def the_first_is_asked_twice() -> Wire:
    return asked_one_after_the_other(FIRST, FIRST, SECOND)


@cases.fails(AskedInOrder(servers=(FIRST, SECOND)), because=f"then {FIRST}; expected")
def the_first_is_asked_again_at_the_end() -> Wire:
    return asked_one_after_the_other(FIRST, SECOND, FIRST)


@cases.fails(AskedInOrder(servers=(FIRST, SECOND)), because=f"asked {THIRD} while no client waited")
def a_third_is_asked_when_the_viewer_has_its_answer() -> Wire:
    wire = asked_one_after_the_other(FIRST, SECOND)
    wire.exchange("dns", THIRD, *REAL)
    return wire


@cases.passes(
    AskedInOrder(servers=(FIRST,)),
    AskedInOrder(servers=(SECOND,), which="last"),
)
@cases.fails(AskedInOrder(servers=(FIRST,), which="all"), because=f"asked {SECOND}; expected")
@cases.fails(AskedInOrder(servers=(FIRST,), which="last"), because=f"asked {SECOND}; expected")
@cases.fails(AskedInOrder(servers=(SECOND,)), because=f"asked {FIRST}; expected {SECOND}")
def another_server_for_the_second_question() -> Wire:
    wire = cluster()
    lookup(wire)
    lookup(wire, server=SECOND)
    return wire


@cases.passes(AskedInOrder(servers=(FIRST,), which="all", times=2))
@cases.fails(AskedInOrder(servers=(FIRST,), which="all", times=3), because="2 questions went")
def twice_the_first_and_once_nobody() -> Wire:
    wire = cluster()
    lookup(wire)
    wire.exchange("viewer", DNS, REAL[0], ttl=1)
    wire.elapse(3)
    lookup(wire)
    return wire


def over_tcp(first: str, second: str, **wording: object) -> Wire:
    """One server is asked over UDP, then one over TCP."""
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    wire.exchange("dns", first, **wording)
    stream = wire.connect("dns", second, port=53)
    query = query_bytes()
    stream.say(framed(query))
    stream.hear(framed(reply_bytes(query, *REAL)))
    wire.reply(asked, REAL[0])
    return wire


@cases.passes(AskedInOrder(servers=(FIRST,)))
def once_more_over_tcp_because_the_answer_was_truncated() -> Wire:
    return over_tcp(FIRST, FIRST, tc=True)


@cases.fails(AskedInOrder(servers=(FIRST,)), because=f"asked {FIRST}, then {FIRST}; expected")
def asked_again_over_tcp_for_no_reason() -> Wire:
    return over_tcp(FIRST, FIRST, rcode="SERVFAIL")


@cases.passes(AskedInOrder(servers=(FIRST, SECOND)))
def truncated_and_another_one_asked_over_tcp() -> Wire:
    return over_tcp(FIRST, SECOND, tc=True)


@cases.fails(AskedInOrder(servers=(FIRST,)), because=f"asked {FIRST}, then {FIRST}; expected")
def truncated_and_asked_again_over_udp() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    wire.exchange("dns", FIRST, tc=True)
    wire.exchange("dns", FIRST, *REAL)
    wire.reply(asked, REAL[0])
    return wire


@cases.fails(AskedInOrder(servers=(FIRST,)), because=f"asked {FIRST}, then {FIRST}; expected")
def formerr_over_udp_and_asked_again_as_before() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    wire.exchange("dns", FIRST, rcode="FORMERR")
    wire.exchange("dns", FIRST, *REAL)
    wire.reply(asked, REAL[0])
    return wire


def without_edns_afterwards(rcode: str, second: str = FIRST) -> Wire:
    """A server that knows no EDNS says so, and one is asked without."""
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    query = DNSRecord.parse(query_bytes())
    query.add_ar(EDNS0(udp_len=1232))
    wire.reply(
        wire.ask("dns", FIRST, payload=bytes(query.pack())),
        payload=reply_bytes(query_bytes(identifier=query.header.id), rcode=rcode),
    )
    wire.exchange("dns", second, *REAL)
    wire.reply(asked, REAL[0])
    return wire


@cases.passes(AskedInOrder(servers=(FIRST,)))
def once_more_without_edns_because_the_server_knows_none() -> Wire:
    return without_edns_afterwards("FORMERR")


@cases.fails(AskedInOrder(servers=(FIRST,)), because=f"asked {FIRST}, then {FIRST}; expected")
def once_more_without_edns_for_no_reason() -> Wire:
    return without_edns_afterwards("SERVFAIL")


@cases.passes(AskedInOrder(servers=(FIRST, SECOND)))
def another_server_without_edns() -> Wire:
    return without_edns_afterwards("NOTIMP", SECOND)


@cases.passes(
    AskedInOrder(servers=(FIRST,), name=NAME),
    AskedInOrder(servers=(SECOND,), name="www.example.net.", qtype="A", times=1),
    AskedOnly(servers=(FIRST,), below="intern.netz"),
    AskedOnly(servers=(SECOND,), below="Example.net"),
    AskedOnly(servers=(FIRST, SECOND), below="."),
)
@cases.fails(
    AskedInOrder(servers=(FIRST,), name="www.example.net"), because=f"asked {SECOND}; expected"
)
@cases.fails(
    AskedInOrder(servers=(SECOND,), name="www.example.net", qtype="AAAA"),
    because="dns asked nobody upstream",
)
@cases.fails(AskedInOrder(servers=(FIRST,), name="ftp.example.net"), because="dns asked nobody")
@cases.fails(AskedOnly(servers=(FIRST,), below="net"), because=f"a question to {SECOND}")
@cases.fails(AskedOnly(servers=(SECOND,), below="ample.net"), because="dns asked nobody")
def two_names_at_two_servers() -> Wire:
    wire = cluster()
    lookup(wire)
    client = wire.ask("viewer", DNS, name="www.example.net")
    wire.exchange("dns", SECOND, *REAL, name="www.example.net")
    wire.reply(client, FIRST)
    return wire


@cases.passes(AskedOnly(servers=(SECOND,), below="example.net"))
def dials_another_for_a_name_that_is_not_meant() -> Wire:
    wire = two_names_at_two_servers()
    wire.connect("dns", THIRD, port=53)
    return wire


@cases.passes(AskedInOrder(servers=(FIRST,)))
def another_name_is_nobodys_question() -> Wire:
    wire = cluster()
    lookup(wire)
    wire.exchange("dns", THIRD, name="www.example.net", rcode="REFUSED")
    return wire


@cases.fails(AskedInOrder(servers=(FIRST,)), because="dns asked nobody upstream")
@cases.fails(AskedOnly(servers=(FIRST,)), because="dns asked nobody")
@cases.fails(AskedNobody(), because="dns was not asked")
@cases.fails(NameStaysWithin(addresses=(DNS,)), because="no packet held the name")
@cases.fails(NothingSent(node="dns", to=REAL), because="dns sent nothing at all")
def nothing_to_do_with_dns() -> Wire:
    wire = cluster()
    visit(wire, FIRST)
    return wire


# --- AskedOnly --------------------------------------------------------------------------------


@cases.passes(AskedOnly(servers=(FIRST,)), AskedOnly(servers=REAL))
@cases.fails(AskedOnly(servers=(SECOND,)), because=f"a question to {FIRST}")
@cases.fails(AskedOnly(asker="tgp1", servers=(FIRST,)), because="tgp1 asked nobody")
def asks_the_first() -> Wire:
    wire = cluster()
    lookup(wire)
    return wire


@cases.fails(AskedOnly(servers=(FIRST, SECOND)), because=f"a question to {THIRD}")
def asks_the_third_about_something_else() -> Wire:
    wire = asks_the_first()
    wire.ask("dns", THIRD, name="www.example.net", lost=True)
    return wire


@cases.fails(AskedOnly(servers=(FIRST, SECOND)), because=f"a connection to {THIRD}:53")
def tries_the_third_over_tcp() -> Wire:
    wire = asks_the_first()
    wire.connect("dns", THIRD, port=53, refused=True)
    return wire


@cases.passes(AskedOnly(servers=(FIRST,)))
def others_dial_and_it_dials_others() -> Wire:
    wire = asks_the_first()
    wire.connect("viewer", DNS, port=53)
    wire.connect("dns", THIRD)
    return wire


# --- AskedNobody ------------------------------------------------------------------------------


@cases.passes(AskedNobody(), AskedNobody(name="WWW.example.net."))
@cases.fails(AskedNobody(name="ftp.example.net"), because="dns was not asked")
def answered_out_of_hand() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, name="www.example.net", rcode="REFUSED")
    return wire


@cases.passes(AskedNobody(name="www.example.net"))
@cases.fails(AskedNobody(), because=f"it asked {FIRST}:53")
@cases.fails(AskedNobody(name=NAME), because=f"it asked {FIRST}:53")
def forwards_only_the_other_name() -> Wire:
    wire = answered_out_of_hand()
    lookup(wire)
    return wire


@cases.fails(AskedNobody(name="www.example.net"), because=f"it asked {SECOND}:53")
def forwards_in_vain() -> Wire:
    wire = answered_out_of_hand()
    wire.ask("dns", SECOND, name="www.example.net", lost=True)
    return wire


@cases.fails(AskedNobody(), because=f"it dialled {FIRST}:53")
def dials_in_vain() -> Wire:
    wire = answered_out_of_hand()
    wire.connect("dns", FIRST, port=53, lost=True)
    return wire


# --- NameStaysWithin --------------------------------------------------------------------------

AT_HOME = (VIEWER, DNS, FIRST)


@cases.passes(NameStaysWithin(addresses=AT_HOME), NameStaysWithin(name=NAME, addresses=AT_HOME))
@cases.fails(NameStaysWithin(addresses=(VIEWER, DNS)), because=f"the name goes to {FIRST}")
@cases.fails(NameStaysWithin(name="x.y", addresses=AT_HOME), because="no packet held the name")
def the_name_stays_at_home() -> Wire:
    return asks_the_first()


@cases.fails(NameStaysWithin(addresses=AT_HOME), because=f"the name goes to {SECOND}")
def the_name_goes_to_a_dead_server() -> Wire:
    wire = the_name_stays_at_home()
    wire.ask("dns", SECOND, lost=True)
    return wire


@cases.fails(NameStaysWithin(addresses=AT_HOME), because=f"the name goes to {SECOND}")
def a_name_below_it_leaks() -> Wire:
    wire = the_name_stays_at_home()
    wire.ask("dns", SECOND, name="www." + NAME.upper())
    return wire


@cases.fails(NameStaysWithin(addresses=AT_HOME), because=f"the name goes to {SECOND}")
def the_name_leaks_with_a_search_domain() -> Wire:
    wire = the_name_stays_at_home()
    wire.ask("dns", SECOND, name=NAME + ".example.net")
    return wire


@cases.fails(NameStaysWithin(addresses=AT_HOME), because=f"the name goes to {SECOND}")
def a_malformed_question_leaks_it() -> Wire:
    wire = the_name_stays_at_home()
    wire.ask("dns", SECOND, payload=query_bytes()[:-3])
    return wire


@cases.fails(NameStaysWithin(addresses=AT_HOME), because=f"the name goes to {BYSTANDER}")
def the_name_leaks_on_another_port() -> Wire:
    wire = the_name_stays_at_home()
    packet = IP(src=DNS, dst=BYSTANDER) / UDP(sport=4711, dport=5353) / Raw(query_bytes())
    wire.packet(packet, "dns", "bystander")
    return wire


@cases.fails(NameStaysWithin(addresses=AT_HOME), because=f"the name goes to {SECOND}")
def a_stream_leaks_it_in_two_pieces() -> Wire:
    wire = the_name_stays_at_home()
    stream = wire.connect("dns", SECOND, port=53)
    message = framed(query_bytes())
    stream.say(message[:20])
    stream.say(message[20:])
    return wire


# --- NothingSent ------------------------------------------------------------------------------


@cases.passes(
    NothingSent(node="dns", to=("10.10.10.0/24",)),
    NothingSent(node="viewer", to=("10.10.10.0/24", "2001:db8::/32")),
)
@cases.fails(NothingSent(node="dns", to=(TRANSLATOR,)), because=f"a packet to {TRANSLATOR}")
@cases.fails(NothingSent(node="translator", to=("10.0.0.0/8",)), because=f"a packet to {FIRST}")
@cases.fails(NothingSent(node="bystander", to=REAL), because="bystander sent nothing at all")
def a_lookup_by_nat() -> Wire:
    wire = nat()
    lookup_by_nat(wire)
    return wire


@cases.fails(NothingSent(node="dns", to=("10.10.10.0/24",)), because=f"a packet to {FIRST}")
def a_packet_to_a_real_address_that_is_lost() -> Wire:
    wire = a_lookup_by_nat()
    wire.packet(IP(src=DNS, dst=FIRST) / UDP(sport=1, dport=9), "dns", "translator", lost=True)
    return wire


@cases.fails(NothingSent(node="dns", to=("10.10.10.0/24",)), because=f"a packet to {FIRST}")
def with_another_source_address() -> Wire:
    """It is the interface that tells who sent it."""
    wire = a_lookup_by_nat()
    visit(wire, ALIAS[0])

    def redirect(packet: IP) -> None:
        packet.src, packet.dst = "192.168.1.99", FIRST

    return tamper(
        wire, redirect, network="lan", where=lambda ip: (ip.source, ip.destination) == (DNS, VIEWER)
    )


test_cases = cases.test()
