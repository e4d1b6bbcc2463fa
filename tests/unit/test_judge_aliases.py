"""The judge on addresses in answers behind NAT: aliases only, the right ones, unchanged."""

from __future__ import annotations

from dataclasses import replace

from dnslib import RR, A, DNSRecord
from judging import (
    Cases,
    cluster,
    lookup,
    lookup_by_nat,
    nat,
    relay,
    tamper,
    tampered_bytes,
    visit,
)
from scapy.layers.inet import ICMP, IP, TCP, UDP
from wire import ALIAS, DNS, INNER, NAME, REAL, TRANSLATOR, VIEWER, Wire, reply_bytes

from lab.judge.checks import (
    AliasFollowsNumber,
    AnswersAgreeWithTable,
    NoRealAddressOnClientSide,
    RelayedUnchanged,
)
from lab.observe.sighting import Icmp, Ip
from lab.topology.plan import PlannedProgram
from resolver.config import BalancerConfig

cases = Cases()

HIDDEN = NoRealAddressOnClientSide()
RELAYED = RelayedUnchanged()
AGREE = AnswersAgreeWithTable()
NUMBERED = AliasFollowsNumber()


@cases.passes(HIDDEN, RELAYED, AGREE, NUMBERED)
@cases.fails(AnswersAgreeWithTable(asker="bystander"), because="bystander was answered no address")
@cases.fails(
    AnswersAgreeWithTable(asker="dns"),
    because=f"{ALIAS[0]}: nobody dialled it; {ALIAS[1]}: nobody dialled it",
)
@cases.fails(RelayedUnchanged(translator="dns"), because="a reply that nobody had given to it")
def as_it_should_be() -> Wire:
    wire = nat()
    lookup_by_nat(wire)
    visit(wire, ALIAS[2])
    return wire


@cases.passes(HIDDEN, RELAYED, AGREE, NUMBERED)
def as_it_should_be_by_alias() -> Wire:
    wire = nat(dns_aliases=True)
    lookup_by_nat(wire, ALIAS[0], master=ALIAS[0])
    visit(wire, ALIAS[0])
    wire.connect("dns", ALIAS[0], port=53)
    return wire


# --- no real address on the client side -------------------------------------------------------


@cases.fails(HIDDEN, because="no NAT stands between")
@cases.fails(NUMBERED, because=f"{REAL[0]} is base + (number - 1) of no server")
@cases.fails(AGREE, because=f"{REAL[2]}: no alias of the table")
@cases.fails(RELAYED, because="translator relayed no reply")
def there_is_no_nat() -> Wire:
    wire = cluster()
    lookup(wire)
    visit(wire, REAL[2])
    return wire


@cases.fails(HIDDEN, because="the name or the service was not seen on the viewers' side")
@cases.fails(AGREE, because=f"{ALIAS[2]}: nobody dialled it")
def nobody_dials() -> Wire:
    wire = nat()
    lookup_by_nat(wire)
    return wire


@cases.fails(HIDDEN, because="the name or the service was not seen on the viewers' side")
@cases.fails(AGREE, because="viewer was answered no address")
@cases.fails(NUMBERED, because="no load balancer answered an address")
@cases.fails(RELAYED, because="translator relayed no reply")
def nobody_asks() -> Wire:
    wire = nat()
    visit(wire, ALIAS[2])
    return wire


def _is_from_service(ip: Ip) -> bool:
    return ip.source == ALIAS[2]


@cases.fails(HIDDEN, because=f"{REAL[2]} as source")
def a_real_source() -> Wire:
    return tamper(
        as_it_should_be(),
        lambda packet: setattr(packet, "src", REAL[2]),
        network="lan",
        where=_is_from_service,
    )


@cases.fails(HIDDEN, because=f"{REAL[1]} as destination")
def a_real_destination() -> Wire:
    wire = as_it_should_be()
    wire.packet(IP(src=VIEWER, dst=REAL[1]) / TCP(dport=5900), "viewer", "translator", lost=True)
    return wire


@cases.fails(HIDDEN, because=f"{INNER} as source")
def the_translators_inner_address() -> Wire:
    wire = as_it_should_be()
    wire.packet(IP(src=INNER, dst=VIEWER) / ICMP(type=0), "translator", "viewer")
    return wire


@cases.fails(HIDDEN, because="10.10.10.200 as destination")
def a_server_side_address_of_nobody() -> Wire:
    wire = as_it_should_be()
    packet = IP(src=VIEWER, dst="10.10.10.200") / UDP(dport=9)
    wire.packet(packet, "viewer", "translator", lost=True)
    return wire


@cases.fails(HIDDEN, because=f"{', '.join(REAL)} in an answer")
@cases.fails(RELAYED, because=f"got NOERROR {', '.join(ALIAS)} (TTL 2 s), gave NOERROR {REAL[0]}")
@cases.fails(AGREE, because=f"{REAL[2]}: no alias of the table")
@cases.passes(NUMBERED)
def rewritten_by_the_translator() -> Wire:
    """A DNS_ALG: what were aliases already becomes real addresses again."""

    def rewritten(payload: bytes) -> bytes:
        reply = DNSRecord.parse(payload)
        for record in reply.rr:
            record.rdata = A(REAL[ALIAS.index(str(record.rdata))])
        return bytes(reply.pack())

    wire = nat()
    lookup_by_nat(wire, REAL[2], relayed=rewritten)
    visit(wire, ALIAS[2])
    return wire


@cases.fails(HIDDEN, because=f"{REAL[0]} in a DNS message")
def glue() -> Wire:
    """Not an answer, but it tells the address all the same."""
    wire = as_it_should_be()
    asked = wire.ask("viewer", DNS)
    reply = DNSRecord.parse(reply_bytes(asked.payload, ALIAS[0]))
    reply.add_ar(RR("ns." + NAME, rdata=A(REAL[0])))
    wire.reply(asked, payload=bytes(reply.pack()))
    return wire


@cases.fails(HIDDEN, because=f"{REAL[0]} in a DNS message")
def a_malformed_answer_that_shows_it() -> Wire:
    wire = as_it_should_be()
    asked = wire.ask("viewer", DNS)
    wire.reply(asked, payload=reply_bytes(asked.payload, REAL[0], ALIAS[0])[:-3])
    return wire


@cases.fails(HIDDEN, because=f"{REAL[2]} as quoted destination")
def an_error_that_quotes_the_real_address() -> Wire:
    wire = as_it_should_be()
    about = wire.datagram("viewer", ALIAS[2])
    wire.error(about, "tgp3", "viewer")

    def untranslated(raw: bytearray) -> None:
        raw[28 + 16 : 28 + 20] = bytes([10, 10, 10, 102])

    return tampered_bytes(wire, untranslated, network="lan", where=_is_error)


@cases.fails(HIDDEN, because=f"{REAL[2]} in the payload")
def an_error_that_quotes_it_where_nobody_looks() -> Wire:
    wire = as_it_should_be()
    packet = (
        IP(src=ALIAS[2], dst=VIEWER) / ICMP(type=3, code=3) / (b"\0\0" + bytes([10, 10, 10, 102]))
    )
    wire.packet(packet, "translator", "viewer")
    return wire


def _is_error(ip: Ip) -> bool:
    return isinstance(ip.transport, Icmp) and ip.transport.type == 3


@cases.passes(HIDDEN)
def real_addresses_behind_the_nat() -> Wire:
    """On the servers' side they may be in answers as well."""
    wire = as_it_should_be()
    wire.exchange("translator", REAL[0], REAL[0], name="tgp1.example")
    wire.exchange("tgp2", REAL[0], REAL[0])
    return wire


@cases.fails(HIDDEN, because="the name or the service was not seen on the viewers' side")
def another_port_is_dialled() -> Wire:
    wire = nat()
    lookup_by_nat(wire)
    wire.connect("viewer", ALIAS[2], port=80)
    return wire


# --- relayed unchanged ------------------------------------------------------------------------


def relayed(change, **wording: object) -> Wire:
    wire = nat()
    lookup_by_nat(wire, relayed=change, **wording)
    return wire


def _flipped(payload: bytes) -> bytes:
    return payload[:-1] + bytes([payload[-1] ^ 1])


@cases.fails(RELAYED, because=f"gave NOERROR {ALIAS[0]}, {ALIAS[1]}, 192.168.1.103")
def one_bit_of_the_last_address() -> Wire:
    return relayed(_flipped)


@cases.fails(RELAYED, because="other octets")
def the_aa_bit() -> Wire:
    return relayed(lambda payload: payload[:2] + bytes([payload[2] ^ 4]) + payload[3:])


def _servfail(payload: bytes) -> bytes:
    asked = DNSRecord.parse(payload)
    return reply_bytes(bytes(DNSRecord(q=asked.q).pack()), rcode="SERVFAIL")


@cases.fails(RELAYED, because="gave SERVFAIL without an address")
def an_error_instead() -> Wire:
    return relayed(_servfail)


@cases.fails(RELAYED, because="gave SERVFAIL without an address")
def a_bare_header_instead() -> Wire:
    return relayed(lambda payload: payload[:2] + b"\x80\x02" + bytes(8))


@cases.fails(RELAYED, because="got NXDOMAIN without an address, gave SERVFAIL")
def no_such_name_hidden_behind_an_error() -> Wire:
    wire = nat()
    forwarded = wire.ask("dns", TRANSLATOR)
    wire.exchange("translator", REAL[0], rcode="NXDOMAIN", soa=True)
    wire.reply(forwarded, rcode="SERVFAIL")
    return wire


@cases.passes(RELAYED)
def an_error_relayed() -> Wire:
    return relayed(lambda payload: payload, rcode="NXDOMAIN", soa=True)


@cases.passes(RELAYED)
def a_second_question_that_nobody_answers() -> Wire:
    wire = as_it_should_be()
    forwarded = wire.ask("dns", TRANSLATOR)
    for server in REAL[:2]:
        wire.ask("translator", server)
        wire.elapse(0.4)
    wire.reply(forwarded, rcode="SERVFAIL", aa=False)
    return wire


@cases.passes(RELAYED)
def other_names_refused() -> Wire:
    wire = as_it_should_be()
    wire.exchange("dns", TRANSLATOR, name="www.example.net", rcode="REFUSED")
    return wire


@cases.fails(RELAYED, because="a reply that nobody had given to it")
def an_address_of_its_own_making() -> Wire:
    wire = as_it_should_be()
    forwarded = wire.ask("dns", TRANSLATOR)
    wire.reply(forwarded, *ALIAS)
    return wire


@cases.fails(RELAYED, because="a reply that nobody had given to it")
def an_answer_from_a_cache() -> Wire:
    """The DNS translator caches nothing: what it got before is no reply to this question."""
    wire = nat()
    payload = b""
    for _ in range(2):
        forwarded = wire.ask("dns", TRANSLATOR)
        if not payload:
            upstream = wire.ask("translator", REAL[0])
            payload = reply_bytes(upstream.payload, *ALIAS)
            wire.reply(upstream, payload=payload)
        relay(wire, forwarded, payload)
    return wire


@cases.fails(RELAYED, because="a reply that nobody had given to it")
def a_reply_of_somebody_else() -> Wire:
    """What a stranger said is nothing that a load balancer gave."""
    wire = as_it_should_be()
    forwarded = wire.ask("dns", TRANSLATOR)
    upstream = wire.ask("translator", REAL[2])
    payload = reply_bytes(upstream.payload, *ALIAS)
    wire.reply(upstream, payload=payload)
    relay(wire, forwarded, payload)
    return wire


@cases.fails(RELAYED, because="a reply that nobody had given to it")
def relayed_before_it_came() -> Wire:
    wire = as_it_should_be()
    forwarded = wire.ask("dns", TRANSLATOR)
    upstream = wire.ask("translator", REAL[0])
    payload = reply_bytes(upstream.payload, *ALIAS)
    relay(wire, forwarded, payload)
    wire.reply(upstream, payload=payload)
    return wire


@cases.fails(RELAYED, because="a reply that nobody had given to it")
def the_load_balancers_reply_is_lost() -> Wire:
    wire = as_it_should_be()
    forwarded = wire.ask("dns", TRANSLATOR)
    upstream = wire.ask("translator", REAL[0])
    payload = reply_bytes(upstream.payload, *ALIAS)
    wire.reply(upstream, payload=payload, lost=True)
    relay(wire, forwarded, payload)
    return wire


@cases.passes(RELAYED)
def two_clients_at_once() -> Wire:
    """Each gets another order of addresses; both are unchanged."""
    wire = nat()
    clients = [wire.ask("dns", TRANSLATOR), wire.ask("viewer", TRANSLATOR)]
    upstream = [wire.ask("translator", REAL[0]) for _ in clients]
    orders = (ALIAS, ALIAS[1:] + ALIAS[:1])
    payloads = [
        reply_bytes(question.payload, *order)
        for question, order in zip(upstream, orders, strict=True)
    ]
    for question, payload in zip(upstream, payloads, strict=True):
        wire.reply(question, payload=payload)
    for client, payload in zip(clients, payloads, strict=True):
        relay(wire, client, payload)
    return wire


@cases.passes(RELAYED)
def another_name_denied() -> Wire:
    wire = as_it_should_be()
    wire.exchange("dns", TRANSLATOR, name="www.example.net", rcode="NXDOMAIN")
    return wire


@cases.passes(RELAYED)
def somebody_forges_the_translators_reply() -> Wire:
    wire = as_it_should_be()
    forwarded = wire.ask("dns", TRANSLATOR)
    wire.reply(forwarded, "192.0.2.1", sender="bystander", identifier=4711)
    upstream = wire.ask("translator", REAL[0])
    payload = reply_bytes(upstream.payload, *ALIAS)
    wire.reply(upstream, payload=payload)
    relay(wire, forwarded, payload)
    return wire


@cases.passes(RELAYED)
def an_error_while_another_question_is_answered() -> Wire:
    wire = nat()
    first, second = (wire.ask("dns", TRANSLATOR, qtype=qtype) for qtype in ("A", "AAAA"))
    for server in REAL[:2]:
        wire.ask("translator", server)
        wire.elapse(0.4)
    upstream = wire.ask("translator", REAL[0], qtype="AAAA")
    payload = reply_bytes(upstream.payload, soa=True)
    wire.reply(upstream, payload=payload)
    relay(wire, second, payload)
    wire.reply(first, rcode="SERVFAIL", aa=False)
    return wire


@cases.fails(RELAYED, because="a reply that nobody had given to it")
def an_error_with_an_address_of_its_own_making() -> Wire:
    wire = as_it_should_be()
    wire.reply(wire.ask("dns", TRANSLATOR), ALIAS[0], rcode="SERVFAIL")
    return wire


# --- answers agree with the table -------------------------------------------------------------


@cases.passes(AnswersAgreeWithTable(asker="dns"), AGREE)
def every_alias_dialled() -> Wire:
    wire = as_it_should_be()
    visit(wire, ALIAS[0])
    visit(wire, ALIAS[1])
    wire.exchange("viewer", DNS, "192.0.2.1", name="www.example.net")
    return wire


@cases.fails(AGREE, because="192.168.1.103: no alias of the table")
@cases.fails(NUMBERED, because="192.168.1.103 is base + (number - 1) of no server")
def the_base_is_off_by_one() -> Wire:
    wire = nat()
    lookup_by_nat(wire, "192.168.1.103", (*ALIAS[1:], "192.168.1.103"))
    wire.connect("viewer", "192.168.1.103", far="translator", silent=True)
    return wire


@cases.fails(AGREE, because=f"{ALIAS[2]}: leads to tgp1, not tgp3")
def the_table_leads_elsewhere() -> Wire:
    wire = nat()
    wire.table = {ALIAS[2]: REAL[0]}
    lookup_by_nat(wire)
    wire.connect("viewer", ALIAS[2], banner="tgp3")
    return wire


@cases.fails(AGREE, because=f"{ALIAS[2]}: no handshake")
def an_entry_is_missing() -> Wire:
    wire = nat()
    wire.table.pop(ALIAS[2])
    lookup_by_nat(wire)
    wire.connect("viewer", ALIAS[2], silent=True)
    return wire


@cases.fails(AGREE, because=f"{ALIAS[2]}: no handshake")
def the_server_refuses() -> Wire:
    wire = nat()
    lookup_by_nat(wire)
    wire.connect("viewer", ALIAS[2], refused=True)
    return wire


@cases.fails(AGREE, because=f"{ALIAS[2]}: no handshake")
def the_second_connection_fails() -> Wire:
    wire = as_it_should_be()
    wire.connect("viewer", ALIAS[2], silent=True)
    return wire


@cases.fails(AGREE, because=f"{ALIAS[2]}: nobody dialled it")
def only_its_port_53_is_dialled() -> Wire:
    wire = nat()
    lookup_by_nat(wire)
    wire.connect("viewer", ALIAS[2], port=53)
    return wire


@cases.fails(AGREE, because="192.0.2.1: no alias of the table")
def a_second_reply_has_another_address() -> Wire:
    wire = as_it_should_be()
    asked = wire.ask("viewer", DNS)
    wire.reply(asked, ALIAS[2])
    wire.reply(asked, "192.0.2.1")
    return wire


# --- alias follows number ---------------------------------------------------------------------


@cases.fails(NUMBERED, because=f"{ALIAS[0]} is answered twice")
def two_servers_share_an_alias() -> Wire:
    wire = nat()
    lookup_by_nat(wire, listed=(ALIAS[0], ALIAS[0], ALIAS[1]))
    return wire


@cases.fails(NUMBERED, because=f"{REAL[1]} is base + (number - 1) of no server")
def a_real_address_in_the_list() -> Wire:
    wire = nat()
    lookup_by_nat(wire, listed=(ALIAS[0], REAL[1]))
    return wire


def number_2_is_missing(listed: tuple[str, ...]) -> Wire:
    """The pools are tgp1 and tgp3, which stays at base + 2."""

    def without_second(program: PlannedProgram) -> PlannedProgram:
        config = program.config
        if not isinstance(config, BalancerConfig):
            return program
        members = tuple(member for member in config.members if member.number != 2)
        return replace(program, config=replace(config, members=members))

    wire = nat()
    nodes = (
        replace(node, programs=tuple(without_second(program) for program in node.programs))
        for node in wire.plan.nodes
    )
    wire.plan = replace(wire.plan, nodes=tuple(nodes))
    lookup_by_nat(wire, listed=listed)
    for alias in listed:
        visit(wire, alias)
    return wire


@cases.passes(NUMBERED)
def a_gap_in_the_numbers() -> Wire:
    return number_2_is_missing((ALIAS[0], ALIAS[2]))


@cases.fails(NUMBERED, because=f"{ALIAS[1]} is base + (number - 1) of no server")
@cases.passes(AnswersAgreeWithTable(asker="dns"))
def counted_by_position() -> Wire:
    return number_2_is_missing(ALIAS[:2])


@cases.fails(NUMBERED, because="no load balancer answered an address")
def only_other_names() -> Wire:
    wire = nat()
    wire.exchange("translator", REAL[0], "192.0.2.1", name="www.example.net")
    return wire


test_cases = cases.test()
