"""The judge on big replies: whether they came in fragments."""

from __future__ import annotations

from judging import Cases, cluster
from scapy.layers.inet import IP, UDP, fragment
from wire import DNS, REAL, Wire, reply_bytes

from lab.judge.checks import Unfragmented

cases = Cases()

NAME = "big.example"
MANY = tuple(f"198.51.100.{number}" for number in range(1, 200))
BIG = Unfragmented(name=NAME, octets=3000)


def asked(wire: Wire, *addresses: str, pieces: bool = False, to: str = "dns") -> Wire:
    client = wire.ask("viewer", DNS, name=NAME)
    upstream = wire.ask("dns", REAL[0], name=NAME)
    if pieces:
        payload = reply_bytes(upstream.payload, *addresses)
        whole = IP(src=REAL[0], dst=wire.plan.node(to).addresses()[0], id=77) / UDP(
            sport=53, dport=upstream.source.port
        )
        for piece in fragment(IP(bytes(whole / payload)), fragsize=1400):
            wire.packet(IP(bytes(piece)), "tgp1", to)
    else:
        wire.reply(upstream, *addresses)
    wire.reply(client, *addresses)
    return wire


@cases.passes(BIG)
@cases.fails(Unfragmented(name="other.example", octets=3000), because="dns asked nobody")
@cases.fails(Unfragmented(name=NAME, octets=9000), because="octets, expected 9000")
def a_big_reply_in_one_piece() -> Wire:
    return asked(cluster(), *MANY)


@cases.fails(BIG, because="3 fragments came to dns")
def a_big_reply_in_fragments() -> Wire:
    return asked(cluster(), *MANY, pieces=True)


@cases.fails(BIG, because="the largest reply had")
def nothing_big_at_all() -> Wire:
    return asked(cluster(), *MANY[:2])


test_cases = cases.test()
