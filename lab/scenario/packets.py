"""Messages and packets that actors and forgers send, made with scapy. The only importer of scapy.

Ordinary questions travel through real sockets, so only their payload is made here; echoes, stray
datagrams and forgeries are whole IP packets that a world puts on the wire as they are.
"""

from __future__ import annotations

from typing import Literal

from scapy.layers.dns import DNS, DNSQR, DNSRR, DNSRROPT
from scapy.layers.inet import ICMP, IP, UDP

from resolver.machine import Endpoint

FORGED_TTL_S = 60
"""A forgery wants to stay; the judge recognises it by its address, not by this."""


def question(name: str, qtype: str, identifier: int, *, edns: bool) -> bytes:
    """A stub resolver's question: RD set, one entry, an OPT record where it speaks EDNS."""
    message = DNS(id=identifier, rd=1, qd=[DNSQR(qname=name, qtype=qtype)], an=[], ns=[], ar=[])
    if edns:
        message.ar = [DNSRROPT(rclass=1232)]  # RFC 9715: a size that is not fragmented
    return bytes(message)


def echo_request(source: str, destination: str, identifier: int, ttl: int) -> bytes:
    """An ICMP echo request with 32 octets that can be recognised on the other side of a NAT."""
    payload = b"forwardlab echo".ljust(32, b".")
    return bytes(IP(src=source, dst=destination, ttl=ttl) / ICMP(id=identifier, seq=1) / payload)


def datagram(source: Endpoint, destination: Endpoint) -> bytes:
    """A UDP datagram that asks nothing of anybody."""
    addresses = IP(src=source.address, dst=destination.address)
    return bytes(addresses / UDP(sport=source.port, dport=destination.port) / b"forwardlab")


def forged_reply(
    query: bytes,
    asker: Endpoint,
    server: Endpoint,
    *,
    fault: Literal["source", "port", "id", "question", "question-type"],
    address: str,
    forger: str,
) -> bytes:
    """A reply to a live question, wrong in exactly one of the ways of RFC 5452 9.1.

    `asker` and `server` are the endpoints between which the question travels, `address` is what the
    forgery promises and `forger` the address that a wrong source shows.
    """
    message = DNS(query)
    asked = message.qd[0]
    name, qtype = asked.qname, asked.qtype
    if fault == "question":
        name = b"forged." + bytes(name)
    if fault == "question-type":
        qtype = "TXT"
    reply = DNS(
        id=(message.id + 1) % 65536 if fault == "id" else message.id,
        qr=1,
        aa=1,
        rd=message.rd,
        qd=[DNSQR(qname=name, qtype=qtype)],
        an=[DNSRR(rrname=name, type="A", ttl=FORGED_TTL_S, rdata=address)],
        ns=[],
        ar=[],
    )
    source = forger if fault == "source" else server.address
    port = asker.port + 1 if fault == "port" and asker.port < 65535 else asker.port
    if fault == "port" and port == asker.port:
        port = asker.port - 1
    return bytes(IP(src=source, dst=asker.address) / UDP(sport=server.port, dport=port) / reply)
