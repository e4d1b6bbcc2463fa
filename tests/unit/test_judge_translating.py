"""The judge on the NAT: one thing wrong with one packet, and it is that which is named."""

from __future__ import annotations

from collections.abc import Callable

from judging import Cases, nat, tamper, tampered_bytes, visit, without
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.packet import Raw
from wire import ALIAS, BYSTANDER, INNER, REAL, TRANSLATOR, VIEWER, Wire

from lab.judge.checks import (
    EchoAnswered,
    ErrorTranslated,
    MappingStable,
    NotTranslated,
    Translated,
)
from lab.observe.sighting import Icmp, Ip, Tcp, Udp

cases = Cases()

TRANSLATED = Translated()
UDP_TOO = Translated(protocols=("tcp", "udp", "icmp"))


def _is_tcp(ip: Ip) -> bool:
    return isinstance(ip.transport, Tcp)


def _is_udp(ip: Ip) -> bool:
    return isinstance(ip.transport, Udp)


def _is_banner(ip: Ip) -> bool:
    return isinstance(ip.transport, Tcp) and bool(ip.transport.payload)


# --- translated -------------------------------------------------------------------------------


@cases.passes(TRANSLATED)
@cases.fails(Translated(protocols=("udp",)), because="no udp packet crossed towards the servers")
@cases.fails(Translated(protocols=("tcp", "icmp")), because="no icmp packet crossed towards")
def a_connection() -> Wire:
    wire = nat()
    visit(wire, ALIAS[2]).close()
    return wire


@cases.passes(UDP_TOO)
def of_every_kind() -> Wire:
    wire = a_connection()
    wire.echo("viewer", ALIAS[1])
    about = wire.datagram("viewer", ALIAS[0])
    reply = IP(src=about.dst, dst=about.src) / UDP(sport=9, dport=40_000) / Raw(b"you too")
    wire.packet(reply, "tgp1", "viewer")
    return wire


@cases.fails(TRANSLATED, because="no tcp packet crossed back")
def one_way_only() -> Wire:
    wire = nat()
    wire.connect("viewer", ALIAS[2], silent=True)
    return wire


@cases.fails(TRANSLATED, because="no tcp packet crossed towards the servers")
@cases.fails(MappingStable(servers=()), because="nothing crossed the translator")
@cases.fails(NotTranslated(address=ALIAS[2]), because=f"no packet to {ALIAS[2]} reached a transl")
def nothing_crosses() -> Wire:
    wire = nat()
    wire.echo("viewer", TRANSLATOR)
    return wire


@cases.fails(TRANSLATED, because=f"became {VIEWER} to {REAL[0]}, expected {VIEWER} to {REAL[2]}")
def the_wrong_server() -> Wire:
    wire = nat()
    wire.table = {ALIAS[2]: REAL[0]}
    wire.connect("viewer", ALIAS[2], banner="tgp1")
    return wire


@cases.fails(TRANSLATED, because=f"expected {ALIAS[2]} to {VIEWER}")
def the_wrong_alias_on_the_way_back() -> Wire:
    return tamper(
        a_connection(),
        lambda packet: setattr(packet, "src", ALIAS[1]),
        network="lan",
        where=lambda ip: ip.source == ALIAS[2],
    )


@cases.fails(TRANSLATED, because=f"became {INNER} to {REAL[2]}, expected {VIEWER} to {REAL[2]}")
def the_viewers_address_too() -> Wire:
    return tamper(
        a_connection(),
        lambda packet: setattr(packet, "src", INNER),
        network="servers",
        where=lambda ip: ip.destination == REAL[2],
    )


@cases.fails(TRANSLATED, because="is no concern of the table")
def somebody_who_is_not_in_the_table() -> Wire:
    wire = a_connection()
    wire.table[BYSTANDER] = REAL[1]
    wire.packet(IP(src=VIEWER, dst=BYSTANDER) / UDP(dport=9), "viewer", "tgp2")
    return wire


def inward(change: Callable[[IP], object], where: Callable[[Ip], bool] = _is_tcp) -> Wire:
    """What arrives at the servers is changed."""
    return tamper(
        of_every_kind(),
        change,
        network="servers",
        where=lambda ip: where(ip) and ip.destination in REAL,
    )


def outward(change: Callable[[IP], object], where: Callable[[Ip], bool] = _is_tcp) -> Wire:
    """What comes back to the viewer is changed."""
    return tamper(
        of_every_kind(),
        change,
        network="lan",
        where=lambda ip: where(ip) and ip.source in ALIAS,
    )


def put(packet: IP, layer: type, **fields: object) -> None:
    for name, value in fields.items():
        setattr(packet[layer], name, value)


@cases.fails(TRANSLATED, because="5900) became (")
def another_destination_port() -> Wire:
    return inward(lambda packet: put(packet, TCP, dport=80))


@cases.fails(UDP_TOO, because="ports (40000, 9) became (4711, 9)")
def another_source_port() -> Wire:
    return inward(lambda packet: put(packet, UDP, sport=4711), _is_udp)


@cases.fails(UDP_TOO, because="ports (7, 1) became (8, 1)")
def another_echo_identifier() -> Wire:
    return inward(lambda packet: put(packet, ICMP, id=8), lambda ip: isinstance(ip.transport, Icmp))


def _flip_last_bit(raw: bytearray) -> None:
    raw[-1] ^= 1


@cases.fails(TRANSLATED, because="the payload changed")
def one_bit_of_the_payload() -> Wire:
    return tampered_bytes(
        of_every_kind(),
        _flip_last_bit,
        network="lan",
        where=lambda ip: _is_banner(ip) and ip.source in ALIAS,
    )


@cases.fails(UDP_TOO, because="the payload changed")
def one_bit_of_a_datagram() -> Wire:
    return inward(lambda packet: put(packet, Raw, load=b"forwardlac"), _is_udp)


@cases.fails(UDP_TOO, because="the payload changed")
def one_bit_of_an_echo() -> Wire:
    return inward(
        lambda packet: put(packet, Raw, load=b"echp"),
        lambda ip: isinstance(ip.transport, Icmp),
    )


@cases.fails(TRANSLATED, because="the IP identification changed")
def another_ip_identification() -> Wire:
    return inward(lambda packet: setattr(packet, "id", 4711))


@cases.fails(TRANSLATED, because="octets changed that are to be kept")
def another_type_of_service() -> Wire:
    return inward(lambda packet: setattr(packet, "tos", 3))


@cases.fails(TRANSLATED, because="octets changed that are to be kept")
def fragmentation_allowed() -> Wire:
    return inward(lambda packet: setattr(packet, "flags", "DF"))


@cases.fails(TRANSLATED, because="octets changed that are to be kept")
def another_window() -> Wire:
    return inward(lambda packet: put(packet, TCP, window=1))


@cases.fails(TRANSLATED, because="octets changed that are to be kept")
def another_sequence_number() -> Wire:
    return inward(lambda packet: put(packet, TCP, seq=5))


@cases.fails(TRANSLATED, because="octets changed that are to be kept")
def an_option_more() -> Wire:
    def add(packet: IP) -> None:
        put(packet, TCP, options=[("MSS", 1200)], dataofs=None)
        packet.len = None

    return inward(add)


def spoilt(place: int, where: Callable[[Ip], bool] = _is_tcp, network: str = "servers") -> Wire:
    """One bit of a checksum is wrong."""

    def spoil(raw: bytearray) -> None:
        raw[place] ^= 1

    return tampered_bytes(
        of_every_kind(),
        spoil,
        network=network,
        where=lambda ip: where(ip) and (ip.destination in REAL or ip.source in ALIAS),
    )


@cases.fails(TRANSLATED, because="a wrong checksum")
def a_wrong_ip_checksum() -> Wire:
    return spoilt(10)


@cases.fails(TRANSLATED, because="a wrong checksum")
def a_wrong_tcp_checksum() -> Wire:
    return spoilt(20 + 16)


@cases.fails(TRANSLATED, because="a wrong checksum")
def a_wrong_tcp_checksum_on_the_way_back() -> Wire:
    return spoilt(20 + 16, network="lan")


@cases.fails(UDP_TOO, because="a wrong checksum")
def a_wrong_udp_checksum() -> Wire:
    return spoilt(20 + 6, _is_udp)


@cases.fails(UDP_TOO, because="a wrong checksum")
def a_wrong_icmp_checksum() -> Wire:
    return spoilt(20 + 2, lambda ip: isinstance(ip.transport, Icmp))


def _no_checksum(raw: bytearray) -> None:
    raw[20 + 6 : 20 + 8] = b"\0\0"


@cases.fails(UDP_TOO, because="a UDP checksum of 0 did not stay 0")
def a_udp_checksum_where_there_was_none() -> Wire:
    return tampered_bytes(
        of_every_kind(),
        _no_checksum,
        network="lan",
        where=lambda ip: _is_udp(ip) and ip.destination in ALIAS,
    )


@cases.passes(UDP_TOO)
def no_udp_checksum_on_either_side() -> Wire:
    wire = of_every_kind()
    for network in ("lan", "servers"):
        tampered_bytes(wire, _no_checksum, network=network, where=_is_udp)
    return wire


@cases.fails(TRANSLATED, because="TTL 64 became 64")
def the_ttl_is_not_decremented() -> Wire:
    return inward(lambda packet: setattr(packet, "ttl", 64))


@cases.fails(TRANSLATED, because="TTL 64 became 61")
def three_hops_instead_of_one() -> Wire:
    return outward(lambda packet: setattr(packet, "ttl", 61))


def in_fragments() -> Wire:
    """A datagram in three pieces; only the first shows ports, and its checksum is of the whole."""
    wire = a_connection()
    packet = IP(src=VIEWER, dst=ALIAS[0], id=99) / UDP(sport=9, dport=9) / Raw(bytes(3000))
    for piece in fragment(packet, fragsize=1400):
        wire.packet(piece, "viewer", "tgp1")
    return wire


@cases.passes(TRANSLATED)
def fragments() -> Wire:
    return in_fragments()


@cases.fails(TRANSLATED, because="octets changed that are to be kept")
def one_bit_of_a_fragment() -> Wire:
    return tampered_bytes(
        in_fragments(),
        _flip_last_bit,
        network="servers",
        where=lambda ip: ip.identification == 99,
    )


@cases.fails(TRANSLATED, because=f"a packet from {ALIAS[0]} left that never came in")
def a_packet_out_of_nothing() -> Wire:
    wire = a_connection()
    wire.packet(IP(src=ALIAS[0], dst=VIEWER) / UDP(sport=9, dport=9), "translator", "viewer")
    return wire


@cases.passes(TRANSLATED)
def packets_of_the_translators_own() -> Wire:
    """An error from its own address, a DNS answer from an alias that it serves."""
    wire = nat(dns_aliases=True)
    wire.exchange("dns", ALIAS[0], *ALIAS)
    wire.packet(IP(src=TRANSLATOR, dst=VIEWER) / ICMP(type=11), "translator", "viewer")
    wire.packet(IP(src=INNER, dst=REAL[0]) / UDP(dport=9), "translator", "tgp1")
    visit(wire, ALIAS[2])
    return wire


@cases.passes(TRANSLATED)
def chatter_of_the_translators_kernel() -> Wire:
    """A report to a multicast group, before it has an address and from one of the link."""
    wire = a_connection()
    for source in ("0.0.0.0", "169.254.7.7"):
        wire.packet(IP(src=source, dst="224.0.0.22", proto=2), "translator", "viewer")
    return wire


@cases.passes(TRANSLATED)
def somebody_forges_an_alias() -> Wire:
    """It never was at the translator."""
    wire = a_connection()
    wire.packet(IP(src=ALIAS[0], dst=VIEWER) / UDP(sport=9), "bystander", "viewer")
    return wire


def sent_from_an_alias(port: int, alias: str) -> Wire:
    wire = nat(dns_aliases=True)
    visit(wire, ALIAS[2])
    wire.packet(IP(src=alias, dst=VIEWER) / UDP(sport=port, dport=9), "translator", "viewer")
    return wire


@cases.fails(TRANSLATED, because="left that never came in")
def from_a_dns_alias_but_another_port() -> Wire:
    return sent_from_an_alias(9, ALIAS[0])


@cases.fails(TRANSLATED, because="left that never came in")
def from_port_53_of_an_alias_that_is_not_served() -> Wire:
    return sent_from_an_alias(53, ALIAS[2])


@cases.passes(Translated(protocols=("icmp",)))
def an_error_crosses() -> Wire:
    """What it quotes is another thing on either side."""
    wire = error()
    wire.echo("viewer", ALIAS[2])
    return wire


# --- stable -----------------------------------------------------------------------------------


@cases.passes(MappingStable(servers=("tgp1", "tgp3")), MappingStable(servers=("tgp1",)))
@cases.fails(MappingStable(servers=("tgp1", "tgp2")), because="nothing crossed to tgp2")
def two_servers_twice() -> Wire:
    wire = nat()
    for _ in range(2):
        visit(wire, ALIAS[0])
        visit(wire, ALIAS[2])
    return wire


@cases.fails(
    MappingStable(servers=("tgp1",)),
    because=f"{ALIAS[0]} is {REAL[1]}, before {ALIAS[0]} was {REAL[0]}",
)
def another_server_after_a_while() -> Wire:
    wire = nat()
    visit(wire, ALIAS[0])
    wire.table = {ALIAS[0]: REAL[1]}
    visit(wire, ALIAS[0])
    return wire


@cases.fails(
    MappingStable(servers=("tgp1",)),
    because=f"{ALIAS[1]} is {REAL[0]}, before {REAL[0]} was {ALIAS[0]}",
)
def two_aliases_of_one_server() -> Wire:
    wire = nat()
    visit(wire, ALIAS[0])
    wire.table = {ALIAS[1]: REAL[0]}
    wire.connect("viewer", ALIAS[1], silent=True)
    return wire


@cases.fails(
    MappingStable(servers=("tgp1",)),
    because=f"{ALIAS[1]} is {REAL[0]}, before {REAL[0]} was {ALIAS[0]}",
)
def another_alias_on_the_way_back() -> Wire:
    return tamper(
        two_servers_twice(),
        lambda packet: setattr(packet, "src", ALIAS[1]),
        network="lan",
        where=lambda ip: ip.source == ALIAS[0],
    )


@cases.fails(MappingStable(servers=("tgp1",)), because="nothing crossed to tgp1")
def stable_but_another_server() -> Wire:
    wire = nat()
    wire.table = {ALIAS[0]: REAL[1]}
    visit(wire, ALIAS[0])
    return wire


# --- not translated ---------------------------------------------------------------------------

MISSING = NotTranslated(address=ALIAS[2])


def without_entry() -> Wire:
    wire = nat()
    wire.table.pop(ALIAS[2])
    return wire


@cases.passes(MISSING)
def an_entry_is_missing() -> Wire:
    wire = without_entry()
    wire.connect("viewer", ALIAS[2], far="translator", silent=True)
    visit(wire, ALIAS[0])
    return wire


@cases.fails(MISSING, because=f"passed on to {REAL[2]}")
@cases.passes(NotTranslated(address=TRANSLATOR))
def translated_after_all() -> Wire:
    wire = nat()
    wire.echo("viewer", TRANSLATOR)
    wire.connect("viewer", ALIAS[2], silent=True)
    return wire


@cases.fails(MISSING, because=f"passed on to {ALIAS[2]}")
def passed_on_as_it_is() -> Wire:
    wire = without_entry()
    wire.connect("viewer", ALIAS[2], far="tgp3", silent=True)
    return wire


@cases.fails(MISSING, because=f"passed on to {REAL[2]}")
def translated_with_another_port() -> Wire:
    wire = translated_after_all()
    return tamper(
        wire,
        lambda packet: put(packet, TCP, sport=1),
        network="servers",
        where=lambda ip: ip.destination == REAL[2],
    )


@cases.fails(MISSING, because="translator answered")
def the_translator_answers_itself() -> Wire:
    wire = without_entry()
    wire.connect("viewer", ALIAS[2], far="translator")
    return wire


@cases.fails(MISSING, because=f"no packet to {ALIAS[2]} reached a translator")
def it_never_arrives() -> Wire:
    wire = without_entry()
    wire.connect("viewer", ALIAS[2], far="translator", lost=True)
    return wire


@cases.passes(MISSING)
def another_server_is_reached_wrongly() -> Wire:
    wire = an_entry_is_missing()
    return tamper(
        wire,
        lambda packet: put(packet, TCP, sport=1),
        network="servers",
        where=lambda ip: ip.destination == REAL[0],
    )


# --- echoes -----------------------------------------------------------------------------------

ECHO = EchoAnswered(address=ALIAS[2])


@cases.passes(ECHO)
@cases.fails(EchoAnswered(address=ALIAS[1]), because=f"viewer sent no echo request to {ALIAS[1]}")
@cases.fails(EchoAnswered(node="dns", address=ALIAS[2]), because="dns sent no echo request")
def an_echo() -> Wire:
    wire = nat()
    wire.echo("viewer", ALIAS[2])
    return wire


@cases.fails(ECHO, because="no reply")
def no_echo_reply() -> Wire:
    wire = nat()
    wire.echo("viewer", ALIAS[2], answered=False)
    return wire


@cases.fails(ECHO, because="no reply")
def the_second_echo_is_not_answered() -> Wire:
    wire = an_echo()
    wire.echo("viewer", ALIAS[2], answered=False, identifier=8)
    return wire


@cases.fails(ECHO, because="no reply")
def the_echo_reply_is_lost() -> Wire:
    return without(an_echo(), lambda sighting: sighting.node == "viewer" and not sighting.outgoing)


@cases.fails(ECHO, because=f"a reply from {REAL[2]}")
def an_echo_reply_from_the_real_address() -> Wire:
    return tamper(
        an_echo(),
        lambda packet: setattr(packet, "src", REAL[2]),
        network="lan",
        where=lambda ip: ip.source == ALIAS[2],
    )


@cases.fails(ECHO, because="translator replied, 192.168.1.102 is tgp3")
def the_translator_replies_itself() -> Wire:
    wire = nat()
    wire.table = {}
    wire.packet(
        IP(src=VIEWER, dst=ALIAS[2]) / ICMP(id=7, seq=1) / Raw(b"echo"), "viewer", "translator"
    )
    wire.packet(
        IP(src=ALIAS[2], dst=VIEWER) / ICMP(type=0, id=7, seq=1) / Raw(b"echo"),
        "translator",
        "viewer",
    )
    return wire


@cases.fails(ECHO, because="the data came back changed")
def other_data() -> Wire:
    wire = an_echo()
    for network in ("lan", "servers"):
        tamper(
            wire,
            lambda packet: put(packet, Raw, load=b"ohce"),
            network=network,
            where=lambda ip: ip.destination == VIEWER,
        )
    return wire


@cases.fails(ECHO, because="a wrong checksum")
def an_echo_reply_with_a_wrong_checksum() -> Wire:
    def spoil(raw: bytearray) -> None:
        raw[22] ^= 1

    return tampered_bytes(an_echo(), spoil, network="lan", where=lambda ip: ip.source == ALIAS[2])


@cases.fails(ECHO, because="no reply")
def the_reply_to_another_echo() -> Wire:
    wire = nat()
    wire.echo("viewer", ALIAS[2], answered=False)
    wire.echo("viewer", ALIAS[1], identifier=8)
    return wire


# --- errors -----------------------------------------------------------------------------------

ERROR = ErrorTranslated(address=ALIAS[2])


def _is_error(ip: Ip) -> bool:
    return isinstance(ip.transport, Icmp) and ip.transport.type in {3, 11}


def error(**icmp: int) -> Wire:
    """A datagram to a closed port, and the error with what was sent in it, as it was sent."""
    wire = nat()
    wire.datagram("viewer", ALIAS[2])
    sent = wire.records[0].network
    arrived = IP(wire.records[-1].network.raw)
    wire.error(arrived, "tgp3", "viewer", **icmp)
    assert isinstance(sent, Ip)

    def quote(packet: IP) -> None:
        quoted = bytearray(sent.raw[:28])
        quoted[8] -= 1
        packet[ICMP].remove_payload()
        packet[ICMP].add_payload(Raw(bytes(quoted)))
        packet.len = None

    return tamper(wire, quote, network="lan", where=_is_error)


@cases.passes(ERROR)
@cases.fails(ErrorTranslated(address=ALIAS[1]), because=f"viewer sent nothing to {ALIAS[1]}")
@cases.fails(ErrorTranslated(address=ALIAS[2], node="dns"), because="dns sent nothing to")
@cases.fails(
    ErrorTranslated(address=ALIAS[2], code=1),
    because="type 3 code 3 instead of 3 and 1",
)
def port_unreachable() -> Wire:
    return error()


@cases.fails(ERROR, because="type 11 code 0 instead of 3 and 3")
@cases.passes(ErrorTranslated(address=ALIAS[2], type=11, code=0))
def another_type() -> Wire:
    return error(kind=11, code=0)


@cases.fails(ERROR, because=f"no error quotes a packet to {ALIAS[2]}")
def no_error_comes() -> Wire:
    wire = nat()
    wire.datagram("viewer", ALIAS[2])
    return wire


@cases.fails(ERROR, because="no error quotes a packet to")
def the_error_is_lost() -> Wire:
    return without(error(), lambda s: s.node == "viewer" and not s.outgoing)


@cases.fails(ERROR, because="no error quotes a packet to")
def it_quotes_another_packet() -> Wire:
    def other(raw: bytearray) -> None:
        raw[28 + 4 : 28 + 6] = b"\xff\xff"

    return tampered_bytes(error(), other, network="lan", where=_is_error)


def error_with(place: int, value: bytes, *, sums: bool = True) -> Wire:
    """Bytes of the error put on the LAN; with `sums`, its ICMP checksum is right."""

    def put_bytes(packet: IP) -> None:
        raw = bytearray(bytes(packet))
        raw[place : place + len(value)] = value
        packet.__init__(bytes(raw))

    return tamper(error(), put_bytes, network="lan", where=_is_error, sums=sums)


@cases.fails(ERROR, because=f"it shows {REAL[2]} as quoted destination")
def the_quotation_is_not_translated() -> Wire:
    return error_with(28 + 16, bytes([10, 10, 10, 102]))


@cases.fails(ERROR, because=f"it shows {REAL[2]} as source")
def the_outer_source_is_not_translated() -> Wire:
    return error_with(12, bytes([10, 10, 10, 102]))


@cases.fails(ERROR, because=f"it comes from {ALIAS[1]}")
def from_another_alias() -> Wire:
    return error_with(12, bytes([192, 168, 1, 101]))


@cases.fails(ERROR, because="it comes from")
def from_the_translators_address() -> Wire:
    return error_with(12, bytes([192, 168, 1, 1]))


@cases.fails(ERROR, because="a wrong checksum")
def the_error_has_a_wrong_checksum() -> Wire:
    return error_with(22, b"\xab\xcd", sums=False)


@cases.fails(ERROR, because="a wrong checksum")
def the_error_has_a_wrong_ip_checksum() -> Wire:
    return error_with(10, b"\xab\xcd", sums=False)


@cases.fails(ERROR, because="the quoted packet is not the one that was sent")
def the_quoted_destination_is_another_alias() -> Wire:
    return error_with(28 + 16, bytes([192, 168, 1, 101]))


@cases.fails(ERROR, because="the quoted packet is not the one that was sent")
def the_quoted_checksum_is_not_put_back() -> Wire:
    return error_with(28 + 20 + 6, b"\xab\xcd")


@cases.fails(ERROR, because="the quoted packet is not the one that was sent")
def the_quoted_length_is_another() -> Wire:
    return error_with(28 + 2, b"\x00\xff")


@cases.fails(ERROR, because="translator made it, 192.168.1.102 is tgp3")
def the_translator_makes_it_up() -> Wire:
    return without(error(), lambda s: s.interface == "translator-eth1" and _is_error(s.network))


@cases.fails(ERROR, because="type 3 code 1 instead of 3 and 3")
def the_translator_changes_the_code() -> Wire:
    return error_with(21, b"\1")


@cases.fails(ERROR, because="no error quotes a packet to")
def the_second_packets_error_is_told_to_somebody_else() -> Wire:
    wire = nat()
    arrived = wire.datagram("viewer", ALIAS[2])
    wire.error(arrived, "tgp3", "bystander")
    return wire


test_cases = cases.test()
