"""Questions, packets and forgeries that actors send, made with scapy. The only importer of scapy.

Ordinary questions travel through real sockets, so only their payload is made here; echoes, stray
datagrams and forgeries are whole IP packets that a world puts on the wire as they are.
"""

from __future__ import annotations

import hmac
import struct
from ipaddress import ip_address
from typing import Final

from scapy.data import MANUFDB
from scapy.layers.dns import DNS, DNSQR, DNSRR, DNSRROPT, DNSRRTSIG, EDNS0TLV
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6

from lab.observe.named import data_of, identification_of, window_of
from lab.scenario.bare import Complain, Emit
from lab.scenario.messages import Edns, Message
from lab.scenario.model import ForgeryFault
from lab.values import class_number, type_number
from resolver.dns import names
from resolver.machine import Endpoint

# Who made which network card is 38,000 names that every fork of a trial would copy.
MANUFDB.d.clear()

FORGED_TTL_S = 60
"""A forgery wants to stay; the judge recognises it by its address, not by this."""

TSIG_KEY_NAME: Final = "lab.forwardlab.test"
TSIG_ALGORITHM: Final = "hmac-sha256"
TSIG_SECRET: Final = b"what only the far end knows"
_TSIG_FUDGE_S = 300  # RFC 8945 10: recommended
_ANY_CLASS = 255
_POINTER_TO_ITSELF = struct.pack("!H", 0xC000 | 12)  # the question begins behind the header
_HEADER_OCTETS = 12

ORDINARY: Final = Message()
"""What a stub resolver sends: RD set, no EDNS."""


def question(
    name: str, qtype: str, identifier: int, message: Message = ORDINARY, *, signed_at_s: int = 0
) -> bytes:
    """A question as `message` says.

    `signed_at_s`: what a TSIG record says of the time, s since 1970.
    """
    owner = names.to_wire(names.from_text(name))
    asked = [_question(owner, qtype, message.qclass)]
    match message.fault:
        case "no-question":
            asked = []
        case "two-questions":
            asked.append(_question(owner, _other_type(qtype), message.qclass))
        case "bad-pointer":
            asked = [_question(_POINTER_TO_ITSELF, qtype, message.qclass)]
    opts = [_opt(message.edns)] * message.edns.copies if message.edns else []
    whole = _header(message, identifier, len(asked), len(opts)) + b"".join((*asked, *opts))
    if message.tsig:
        signature = _tsig(whole, identifier, signed_at_s)
        whole = _header(message, identifier, len(asked), len(opts) + 1) + whole[12:] + signature
    match message.fault:
        case "short-header":
            return whole[: _HEADER_OCTETS - 1]
        case "cut-question":
            return whole[: _HEADER_OCTETS + len(asked[0]) - 2]
        case "trailing-octets":
            return whole + b"\xde\xad\xbe\xef"
        case _:
            return whole


def _header(message: Message, identifier: int, questions: int, additional: int) -> bytes:
    fields = DNS(
        id=identifier,
        qr=int(message.fault == "is-a-reply"),
        opcode=message.opcode,
        rd=int(message.rd),
        ra=int(message.ra),
        z=int(message.z),
        ad=int(message.ad),
        cd=int(message.cd),
        qdcount=questions,
        ancount=int(message.fault == "wrong-counts"),
        nscount=0,
        arcount=additional,
        qd=[],
        an=[],
        ns=[],
        ar=[],
    )
    return bytes(fields)


def _question(name: bytes, qtype: str, qclass: str) -> bytes:
    # scapy has no spelling for a dot within a label, so it makes what follows the name; and to it
    # the class's first bit is one of its own (RFC 6762 5.4).
    number = class_number(qclass)
    entry = DNSQR(
        qname=".", qtype=type_number(qtype), unicastresponse=number >> 15, qclass=number & 0x7FFF
    )
    return name + bytes(entry)[1:]


def _other_type(qtype: str) -> str:
    return "TXT" if qtype != "TXT" else "A"


def _opt(edns: Edns) -> bytes:
    record = DNSRROPT(
        rclass=edns.size,
        version=edns.version,
        z=edns.do << 15 | edns.flags,
        rdata=[EDNS0TLV(optcode=code, optdata=bytes.fromhex(text)) for code, text in edns.options],
    )
    return bytes(record)


def _tsig(message: bytes, identifier: int, signed_at_s: int) -> bytes:
    """A TSIG record over the message, as the holder of the key makes it (RFC 8945 4.2)."""
    signed_at = struct.pack("!HI", signed_at_s >> 32, signed_at_s & 0xFFFFFFFF)
    # RFC 8945 4.3.3: the variables follow the message in what is signed.
    variables = (
        names.to_wire(TSIG_KEY_NAME)
        + struct.pack("!HI", _ANY_CLASS, 0)
        + names.to_wire(TSIG_ALGORITHM)
        + signed_at
        + struct.pack("!HHH", _TSIG_FUDGE_S, 0, 0)
    )
    record = DNSRRTSIG(
        rrname=TSIG_KEY_NAME,
        rclass=_ANY_CLASS,
        ttl=0,
        algo_name=TSIG_ALGORITHM,
        time_signed=signed_at_s,
        fudge=_TSIG_FUDGE_S,
        mac_data=hmac.digest(TSIG_SECRET, message + variables, "sha256"),
        original_id=identifier,
    )
    built = bytes(record)
    head = len(names.to_wire(TSIG_KEY_NAME)) + 8
    return built[:head] + struct.pack("!H", len(built) - head - 2) + built[head + 2 :]


def echo_request(source: str, destination: str, identifier: int, ttl: int) -> bytes:
    """An ICMP echo request with 32 octets that can be recognised on the other side of a NAT."""
    payload = b"forwardlab echo".ljust(32, b".")
    return bytes(IP(src=source, dst=destination, ttl=ttl) / ICMP(id=identifier, seq=1) / payload)


def datagram(source: Endpoint, destination: Endpoint) -> bytes:
    """A UDP datagram that asks nothing of anybody."""
    addresses = IP(src=source.address, dst=destination.address)
    return bytes(addresses / UDP(sport=source.port, dport=destination.port) / b"forwardlab")


def bare_packet(
    step: Emit, source: Endpoint, destination: Endpoint, *, sequence: int, acknowledgment: int
) -> list[bytes]:
    """The packet of an `Emit`, as one or in fragments, in the order in which they are sent."""
    data = data_of(step.packet) + step.carries.encode() + bytes(step.octets)
    ip = IP(
        src=source.address,
        dst=destination.address,
        id=identification_of(step.packet),
        ttl=step.ttl,
        tos=step.tos,
        flags="DF" if step.dont_fragment else 0,
    )
    transport: UDP | TCP | ICMP
    match step.protocol:
        case "udp":
            transport = UDP(sport=source.port, dport=destination.port)
        case "echo":
            kind = "echo-request" if step.answers is None else "echo-reply"
            transport = ICMP(type=kind, id=source.port, seq=1)
        case "tcp":
            transport = TCP(
                sport=source.port,
                dport=destination.port,
                seq=sequence,
                ack=acknowledgment,
                flags=step.flags,
                window=window_of(step.packet),
                options=_TCP_OPTIONS if step.options else [],
            )
            # Only what pushes data carries any.
            data = data if "P" in step.flags else b""
    whole = bytes(ip / transport / data)
    if step.checksum != "right":
        place = 20 + {"udp": 6, "tcp": 16, "echo": 2}[step.protocol]
        other = 0 if step.checksum == "none" else int.from_bytes(whole[place : place + 2]) ^ 0x0101
        whole = whole[:place] + other.to_bytes(2) + whole[place + 2 :]
    if not step.pieces:
        return [whole]
    number = len(step.pieces)
    # Offsets count in eights of octets (RFC 791 3.1); the last piece is the shortest.
    size = -(-(len(whole) - 20) // (8 * number)) * 8
    pieces = fragment(IP(whole), fragsize=size)  # type: ignore[no-untyped-call]
    return [bytes(pieces[place - 1]) for place in step.pieces]


_TCP_OPTIONS = [
    ("MSS", 1400),
    ("SAckOK", b""),
    ("WScale", 3),
    ("Timestamp", (1, 0)),
    (253, b"lab"),  # RFC 6994: for experiments; no translator knows what it says
]


def bare_error(step: Complain, source: str, quoted: bytes) -> bytes:
    """The ICMP error of a `Complain` about a packet, to the source that the packet shows."""
    about = IP(quoted)
    match step.fault:
        case "another port":
            about.payload.sport ^= 1
        case "another address":
            about.dst = str(ip_address(about.dst) + 50)
        case "quoted transport checksum":
            about.payload.chksum ^= 0x0101
    if step.fault in {"another port", "another address"}:
        del about.chksum, about.payload.chksum
    error = bytes(
        IP(src=source, dst=about.src, id=identification_of(step.packet))
        / ICMP(type=step.type, code=step.code, nexthopmtu=step.mtu)
        # RFC 1812 4.3.2.3: as much as fits a datagram of 576 octets.
        / bytes(about)[: 576 - 28]
    )
    if step.fault == "checksum":
        error = error[:22] + (int.from_bytes(error[22:24]) ^ 0x0101).to_bytes(2) + error[24:]
    return error


def forged_reply(
    query: bytes,
    asker: Endpoint,
    server: Endpoint,
    *,
    fault: ForgeryFault,
    address: str,
    elsewhere: str,
) -> bytes:
    """A reply to a live question, wrong in exactly one of the ways of RFC 5452 9.1.

    `asker` and `server` are the endpoints between which the question travels, `address` is what the
    forgery promises. `elsewhere` is what a wrong source shows, or where a wrong destination lies.
    """
    message = DNS(query)
    asked = message.qd[0]
    name, qtype, qclass = asked.qname, asked.qtype, asked.qclass
    source, destination = server, asker
    match fault:
        case "source":
            source = Endpoint(elsewhere, server.port)
        case "source-port":
            source = Endpoint(server.address, server.port + 1)
        case "destination":
            destination = Endpoint(elsewhere, asker.port)
        case "port":
            destination = Endpoint(asker.address, asker.port + (1 if asker.port < 65535 else -1))
        case "question":
            name = b"forged." + bytes(name)
        case "question-type":
            qtype = "TXT"
        case "class":
            qclass = "CH"
    reply = DNS(
        id=(message.id + 1) % 65536 if fault == "id" else message.id,
        qr=1,
        aa=1,
        rd=message.rd,
        qd=[DNSQR(qname=name, qtype=qtype, qclass=qclass)],
        an=[DNSRR(rrname=name, type="A", rclass=qclass, ttl=FORGED_TTL_S, rdata=address)],
        ns=[],
        ar=[],
    )
    network = IPv6 if ":" in destination.address else IP
    addresses = network(src=source.address, dst=destination.address)
    return bytes(addresses / UDP(sport=source.port, dport=destination.port) / reply)
