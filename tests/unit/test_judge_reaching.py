"""The judge on where viewers were sent and what they reached, step by step."""

from __future__ import annotations

import pytest
from judging import (
    Cases,
    cluster,
    lookup,
    lookup_by_nat,
    nat,
    tamper,
    visit,
    without,
)
from pydantic import ValidationError
from scapy.layers.inet import IP, TCP
from wire import ALIAS, DNS, REAL, SERVICE, Wire, framed, query_bytes

from lab.judge.checks import ConnectedToAnswer, NeverConnected, Reached, StepsInOrder
from lab.observe.sighting import Ip, Tcp

cases = Cases()

FIVE = (
    "viewer>dns query",
    "dns>tgp1|tgp2 query",
    "tgp1|tgp2>dns reply",
    "dns>viewer reply",
    "viewer>tgp1|tgp2|tgp3 connect",
)
EIGHT = (
    "viewer>dns query",
    "dns>translator query",
    "translator>tgp1|tgp2 query",
    "tgp1|tgp2>translator reply",
    "translator>dns reply",
    "dns>viewer reply",
    "viewer>translator connect",
    "translator>tgp1|tgp2|tgp3 connect",
)


# --- the right way ----------------------------------------------------------------------------


@cases.passes(
    ConnectedToAnswer(),
    ConnectedToAnswer(via_balancer=False),
    Reached(),
    Reached(servers=("tgp3",)),
    StepsInOrder(steps=FIVE),
)
@cases.fails(Reached(servers=("tgp1", "tgp3")), because="never reached: tgp1")
@cases.fails(NeverConnected(), because=f"connected to {REAL[2]}:{SERVICE}")
@cases.fails(
    ConnectedToAnswer(node="bystander"), Reached(node="bystander"), because="bystander never conn"
)
@cases.fails(NeverConnected(node="bystander"), because="bystander never asked")
@cases.fails(StepsInOrder(steps=FIVE, asker="bystander"), because="bystander got no address")
@cases.fails(StepsInOrder(steps=FIVE[:4]), because="one more step: viewer>tgp3 connect")
@cases.fails(
    StepsInOrder(steps=(*FIVE, "viewer>tgp3 query")),
    because="step 6 (viewer>tgp3 query) never happened",
)
@cases.fails(
    StepsInOrder(steps=(*FIVE[:1], "dns>tgp2 query", *FIVE[2:])),
    because="step 2 is dns>tgp1 query, expected dns>tgp2 query",
)
@cases.fails(
    StepsInOrder(steps=("bystander>dns query", *FIVE[1:])),
    because="step 1 is viewer>dns query, expected bystander>dns query",
)
@cases.fails(
    StepsInOrder(steps=("viewer>dns reply", *FIVE[1:])),
    because="step 1 is viewer>dns query, expected viewer>dns reply",
)
@cases.fails(
    StepsInOrder(steps=(FIVE[0], FIVE[3], *FIVE[1:3], FIVE[4])),
    because="step 2 is dns>tgp1 query, expected dns>viewer reply",
)
def five_steps() -> Wire:
    wire = cluster()
    lookup(wire)
    visit(wire, REAL[2])
    return wire


@cases.passes(ConnectedToAnswer(), Reached(servers=("tgp3",)), StepsInOrder(steps=EIGHT))
@cases.fails(StepsInOrder(steps=FIVE), because="step 2 is dns>translator query, expected")
@cases.fails(StepsInOrder(steps=EIGHT[:-1]), because="one more step: translator>tgp3 connect")
def eight_steps() -> Wire:
    wire = nat()
    lookup_by_nat(wire)
    visit(wire, ALIAS[2])
    return wire


@cases.passes(StepsInOrder(steps=EIGHT))
def eight_steps_by_alias() -> Wire:
    wire = nat(dns_aliases=True)
    lookup_by_nat(wire, master=ALIAS[0])
    visit(wire, ALIAS[2])
    return wire


@cases.fails(ConnectedToAnswer(), Reached(), because="viewer never connected")
@cases.fails(StepsInOrder(steps=FIVE), because="step 5 (viewer>tgp1|tgp2|tgp3 connect) never")
@cases.passes(NeverConnected(), StepsInOrder(steps=FIVE[:4]))
def nobody_connects() -> Wire:
    wire = cluster()
    lookup(wire)
    return wire


# --- steps ------------------------------------------------------------------------------------


@cases.fails(StepsInOrder(steps=FIVE), because="step 3 is dns>tgp2 query")
def a_silent_load_balancer_is_one_step_more() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    wire.ask("dns", REAL[0])
    wire.elapse(1)
    wire.exchange("dns", REAL[1], *REAL)
    wire.reply(asked, REAL[2])
    visit(wire, REAL[2])
    return wire


@cases.fails(StepsInOrder(steps=FIVE), because="step 5 is dns>viewer reply, expected")
def answered_twice() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    wire.exchange("dns", REAL[0], *REAL)
    wire.reply(asked, REAL[2])
    wire.reply(asked, REAL[2])
    visit(wire, REAL[2])
    return wire


@cases.fails(StepsInOrder(steps=FIVE), because="step 2 is dns>viewer reply")
def answered_before_the_load_balancer_was_asked() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, REAL[2])
    wire.exchange("dns", REAL[0], *REAL)
    visit(wire, REAL[2])
    return wire


@cases.fails(StepsInOrder(steps=FIVE), because="step 3 is dns>viewer reply, expected tgp1|")
def answered_before_the_load_balancer_did() -> Wire:
    """The DNS server asks for the form's sake and answers out of its own head."""
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    upstream = wire.ask("dns", REAL[0])
    slow = wire.now
    wire.reply(asked, REAL[2])
    wire.now = slow
    wire.reply(upstream, *REAL)
    wire.elapse(0.1)
    visit(wire, REAL[2])
    return wire


@cases.fails(StepsInOrder(steps=FIVE), because=f"{REAL[0]} was dialled, the answer was {REAL[2]}")
@cases.fails(ConnectedToAnswer(), because=f"{REAL[0]} was dialled, the answer was {REAL[2]}")
@cases.passes(Reached(servers=("tgp1",)))
def the_viewer_dials_another_server() -> Wire:
    wire = cluster()
    lookup(wire)
    visit(wire, REAL[0])
    return wire


@cases.fails(
    StepsInOrder(steps=FIVE), ConnectedToAnswer(), Reached(), because=f"no handshake with {REAL[2]}"
)
@cases.passes(NeverConnected())
def the_server_refuses() -> Wire:
    wire = cluster()
    lookup(wire)
    wire.connect("viewer", REAL[2], refused=True)
    return wire


@cases.passes(StepsInOrder(steps=FIVE), ConnectedToAnswer(), Reached())
def the_first_syn_is_lost() -> Wire:
    wire = cluster()
    lookup(wire)
    wire.connect("viewer", REAL[2], source_port=5000, lost=True)
    wire.elapse(1)
    wire.connect("viewer", REAL[2], source_port=5000, banner="tgp3")
    return wire


@cases.passes(StepsInOrder(steps=FIVE))
@cases.fails(Reached(), because="no handshake with")
def connected_before_asking() -> Wire:
    """What came before the question is no part of the journey."""
    wire = cluster()
    wire.connect("viewer", REAL[0], lost=True)
    lookup(wire)
    visit(wire, REAL[2])
    return wire


@cases.fails(StepsInOrder(steps=FIVE), because="viewer got no address")
@cases.passes(NeverConnected())
def the_answer_has_no_address() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, rcode="SERVFAIL")
    return wire


@pytest.mark.parametrize(
    "text", ["viewer>dns", "viewer dns query", "viewer>dns question", "a>b>c query", "|a>b reply"]
)
def test_a_step_that_cannot_be_read_is_refused(text):
    with pytest.raises(ValidationError, match="steps"):
        StepsInOrder(steps=(text,))


@cases.passes(StepsInOrder(steps=FIVE), Reached())
def others_connect_first() -> Wire:
    """And the viewer itself, to another port; and its first question was answered by nobody."""
    wire = cluster()
    wire.ask("viewer", DNS, lost=True)
    lookup(wire)
    wire.connect("bystander", REAL[0], silent=True)
    wire.connect("viewer", REAL[1], port=80)
    visit(wire, REAL[2])
    return wire


@cases.passes(StepsInOrder(steps=FIVE), ConnectedToAnswer())
def dialled_in_the_moment_of_the_answer() -> Wire:
    wire = cluster()
    lookup(wire)
    wire.now = wire.records[-1].at
    visit(wire, REAL[2])
    return wire


# --- connected to the answer ------------------------------------------------------------------


@cases.fails(ConnectedToAnswer(), because=f"{REAL[2]} was dialled before any answer")
@cases.passes(Reached())
def dialled_without_asking() -> Wire:
    wire = cluster()
    visit(wire, REAL[2])
    return wire


@cases.fails(ConnectedToAnswer(), because=f"{REAL[2]} was dialled before any answer")
def dialled_while_asking() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    visit(wire, REAL[2])
    wire.reply(asked, REAL[2])
    return wire


@cases.fails(ConnectedToAnswer(), because=f"{REAL[2]} was dialled, the answer was {REAL[1]}")
def dialled_what_an_older_answer_said() -> Wire:
    wire = cluster()
    lookup(wire)
    lookup(wire, REAL[1])
    visit(wire, REAL[2])
    return wire


@cases.fails(ConnectedToAnswer(), because=f"{REAL[2]} was dialled, the answer was no address")
def dialled_although_the_answer_was_empty() -> Wire:
    wire = cluster()
    lookup(wire)
    wire.exchange("viewer", DNS)
    visit(wire, REAL[2])
    return wire


@cases.fails(ConnectedToAnswer(), because="no load balancer had answered")
@cases.passes(ConnectedToAnswer(via_balancer=False))
def an_answer_out_of_nothing() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, REAL[2])
    wire.exchange("viewer", DNS, REAL[2])
    visit(wire, REAL[2])
    return wire


@cases.fails(ConnectedToAnswer(), because=f"the load balancer had {REAL[0]}, {REAL[1]}")
@cases.passes(ConnectedToAnswer(via_balancer=False))
def an_address_that_the_load_balancer_did_not_list() -> Wire:
    wire = cluster()
    lookup(wire, REAL[2], REAL[:2])
    visit(wire, REAL[2])
    return wire


@cases.fails(ConnectedToAnswer(), because=f"the load balancer had {REAL[0]}, {REAL[1]}")
def an_address_of_an_older_list() -> Wire:
    wire = cluster()
    lookup(wire)
    lookup(wire, REAL[2], REAL[:2])
    visit(wire, REAL[2])
    return wire


@cases.fails(ConnectedToAnswer(), because="no load balancer had answered")
def a_list_about_another_name() -> Wire:
    wire = cluster()
    wire.exchange("dns", REAL[0], *REAL, name="www.example.net")
    wire.exchange("viewer", DNS, REAL[2])
    visit(wire, REAL[2])
    return wire


@cases.fails(ConnectedToAnswer(), because=f"no handshake with {REAL[2]}")
@cases.fails(Reached(), because=f"no handshake with {REAL[2]}")
def the_second_connection_fails() -> Wire:
    wire = five_steps()
    wire.connect("viewer", REAL[2], silent=True)
    return wire


@cases.passes(ConnectedToAnswer())
def the_other_family_is_asked_last() -> Wire:
    wire = cluster()
    lookup(wire)
    asked = wire.ask("viewer", DNS, qtype="AAAA")
    wire.exchange("dns", REAL[0], qtype="AAAA", soa=True)
    wire.reply(asked, soa=True)
    wire.exchange("viewer", DNS, REAL[2])
    visit(wire, REAL[2])
    return wire


@cases.passes(ConnectedToAnswer())
def a_late_list_is_no_list() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    late = wire.ask("dns", REAL[1])
    wire.elapse(1)
    wire.exchange("dns", REAL[0], *REAL)
    wire.reply(late, *REAL[:2])
    wire.reply(asked, REAL[2], aa=False)
    visit(wire, REAL[2])
    return wire


# --- reached ----------------------------------------------------------------------------------


@cases.fails(Reached(), because=f"{REAL[2]} is tgp3; tgp3 answered and said tgp1")
def it_says_another_name() -> Wire:
    wire = cluster()
    visit(wire, REAL[2], "tgp1")
    return wire


@cases.fails(Reached(), because=f"{REAL[2]} is tgp3; tgp3 answered and said nothing")
def it_says_nothing() -> Wire:
    wire = cluster()
    wire.connect("viewer", REAL[2])
    return wire


@cases.fails(Reached(), because=f"{ALIAS[2]} is tgp3; tgp1 answered and said tgp1")
def the_table_leads_to_another_server() -> Wire:
    wire = nat()
    wire.table[ALIAS[2]] = REAL[0]
    wire.table.pop(ALIAS[0])
    wire.connect("viewer", ALIAS[2], banner="tgp1")
    return wire


@cases.fails(Reached(), because=f"{ALIAS[2]} is tgp3; tgp1 answered and said tgp3")
def another_server_pretends() -> Wire:
    wire = nat()
    wire.table[ALIAS[2]] = REAL[0]
    wire.table.pop(ALIAS[0])
    wire.connect("viewer", ALIAS[2], banner="tgp3")
    return wire


@cases.fails(Reached(), because="the plan has nobody at 192.168.1.200, and bystander answered")
def an_address_that_nobody_is_meant_to_have() -> Wire:
    wire = cluster()
    wire.connect("viewer", "192.168.1.200", far="bystander", banner="tgp3")
    return wire


@cases.fails(Reached(), because=f"{ALIAS[2]} is tgp3; translator answered")
def the_translator_changes_the_port() -> Wire:
    """NAT-01: the destination port is to be left unchanged. With another one it is not the viewer's
    packet any more that the server gets, nor the server's that the viewer gets."""
    wire = nat()
    visit(wire, ALIAS[2])

    def other_port(packet: IP) -> None:
        if packet.dst == REAL[2]:
            packet[TCP].dport = 80
        else:
            packet[TCP].sport = 80

    return tamper(wire, other_port, network="servers")


@cases.fails(Reached(), because="no handshake with")
def an_acknowledgement_of_something_else() -> Wire:
    wire = cluster()
    visit(wire, REAL[2])

    def other_ack(packet: IP) -> None:
        packet[TCP].ack = 5

    for network in ("lan", "servers"):
        tamper(wire, other_ack, network=network, where=_is_syn_ack)
    return wire


@cases.fails(Reached(), because="no handshake with")
def the_syn_ack_is_lost() -> Wire:
    wire = cluster()
    visit(wire, REAL[2])
    return without(
        wire, lambda sighting: sighting.node == "viewer" and _is_syn_ack(sighting.network)
    )


def _is_syn_ack(ip: Ip) -> bool:
    return isinstance(ip.transport, Tcp) and ip.transport.flags >= {"SYN", "ACK"}


@cases.passes(Reached())
def others_reach_nobody() -> Wire:
    wire = cluster()
    visit(wire, REAL[2])
    wire.connect("bystander", REAL[2], refused=True)
    return wire


# --- never connected --------------------------------------------------------------------------


@cases.fails(NeverConnected(), because=f"connected to {REAL[2]}:80")
def connected_to_another_port() -> Wire:
    wire = cluster()
    lookup(wire)
    wire.connect("viewer", REAL[2], port=80)
    return wire


@cases.passes(NeverConnected())
def asked_over_tcp() -> Wire:
    wire = cluster()
    wire.connect("viewer", DNS, port=53).say(framed(query_bytes()))
    return wire


@cases.fails(NeverConnected(), because="viewer never asked, so that it did not connect")
def the_viewer_only_pings() -> Wire:
    wire = cluster()
    wire.echo("viewer", REAL[0])
    return wire


test_cases = cases.test()
