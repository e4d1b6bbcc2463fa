"""The judge on what bad links did: lost, delayed, doubled, reordered."""

from __future__ import annotations

from judging import Cases, cluster
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw
from wire import BYSTANDER, DNS, LINK_NS, MS, VIEWER, Wire

from lab.judge.checks import PacketsDelayed, PacketsDoubled, PacketsLost, PacketsReordered

cases = Cases()

LAN = {"sender": "viewer", "network": "lan"}


def packet(number: int, destination: str = DNS) -> IP:
    return IP(src=VIEWER, dst=destination, id=number) / UDP(sport=4, dport=9) / Raw(b"forwardlab")


def sent(
    *fates: str, before: int = 0, impaired: str | None = "lan", took_ns: int = LINK_NS
) -> Wire:
    """The viewer sends a packet for each fate: "ok", "lost", "twice"; `before`: whole ones before
    the link was impaired."""
    wire = cluster()
    for number in range(before):
        wire.packet(packet(1000 + number), "viewer", "dns", lost=True)
    if impaired is not None:
        wire.mark("impaired", "the link of viewer gets bad", node="viewer", network=impaired)
    for number, fate in enumerate(fates, start=1):
        each = packet(number)
        wire.packet(each, "viewer", "dns", lost=fate == "lost", took_ns=took_ns)
        if fate == "twice":
            wire.packet(each, "viewer", "dns", unsent=True)
    return wire


# --- lost -------------------------------------------------------------------------------------


@cases.passes(
    PacketsLost(**LAN, every=3),
    PacketsLost(**LAN, at_least_percent=30, at_most_percent=40),
    PacketsLost(**LAN, to="dns", every=3),
    PacketsDelayed(**LAN, at_least_ms=0.1),
)
@cases.fails(PacketsLost(**LAN, every=2), because="number [3, 6] were lost, expected [2, 4, 6]")
@cases.fails(PacketsLost(**LAN, at_least_percent=40), because="33.3 %, expected 40 to 100 %")
@cases.fails(PacketsLost(**LAN, at_most_percent=30), because="33.3 %, expected 0 to 30 %")
@cases.fails(PacketsLost(**LAN, to="bystander"), because="viewer sent nothing on lan meanwhile")
@cases.fails(PacketsLost(sender="dns", network="lan"), because="dns sent nothing on lan meanwhile")
def every_third_lost() -> Wire:
    return sent("ok", "ok", "lost", "ok", "ok", "lost", before=2)


@cases.fails(PacketsLost(**LAN), because="0 of 3 packets lost")
@cases.fails(PacketsDoubled(**LAN), because="0 packets came twice, expected 1 or more")
@cases.fails(PacketsReordered(**LAN), because="3 packets arrived in the order they left")
def a_good_link() -> Wire:
    return sent("ok", "ok", "ok")


@cases.fails(PacketsLost(**LAN), because="no link of lan was impaired")
@cases.fails(PacketsDelayed(**LAN, at_least_ms=0), because="no link of lan was impaired")
@cases.fails(PacketsDoubled(**LAN), because="no link of lan was impaired")
@cases.fails(PacketsReordered(**LAN), because="no link of lan was impaired")
def lost_on_a_good_link() -> Wire:
    return sent("lost", impaired=None)


@cases.fails(PacketsLost(**LAN), because="no link of lan was impaired")
def another_network_was_impaired() -> Wire:
    return sent("lost", impaired="servers")


@cases.passes(PacketsLost(**LAN, every=2))
@cases.fails(PacketsLost(**LAN, every=1), because="expected [1, 2]")
def mended_again() -> Wire:
    wire = sent("ok", "lost")
    wire.mark("mended", "the link of viewer is good again", node="viewer", network="lan")
    wire.elapse(1)
    wire.packet(packet(77), "viewer", "dns")
    return wire


@cases.fails(PacketsDelayed(**LAN, at_least_ms=0), because="none of the packets arrived")
def all_lost() -> Wire:
    return sent("lost", "lost")


# --- delayed ----------------------------------------------------------------------------------


@cases.passes(PacketsDelayed(**LAN, at_least_ms=50))
@cases.passes(PacketsDelayed(**LAN, at_least_ms=20, at_most_ms=60))
@cases.fails(PacketsDelayed(**LAN, at_least_ms=51), because="a packet took 50.00 ms, expected 51 ")
def fifty_ms() -> Wire:
    return sent("ok", "ok", took_ns=50 * MS)


@cases.fails(PacketsDelayed(**LAN, at_least_ms=50), because="a packet took 500.00 ms, expected 50")
@cases.fails(
    PacketsDelayed(**LAN, at_least_ms=0, at_most_ms=60), because="a packet took 500.00 ms, expected"
)
def half_a_second() -> Wire:
    return sent("ok", took_ns=500 * MS)


# --- doubled and reordered ------------------------------------------------------------------------


@cases.passes(PacketsDoubled(**LAN), PacketsDoubled(**LAN, at_least=2))
@cases.fails(PacketsDoubled(**LAN, at_least=3), because="2 packets came twice, expected 3 or more")
def two_twice() -> Wire:
    return sent("twice", "ok", "twice")


@cases.passes(PacketsReordered(**LAN))
@cases.fails(PacketsReordered(**LAN, to="bystander"), because="viewer sent nothing")
def overtaken() -> Wire:
    wire = sent("ok")
    first, second = packet(11), packet(12)
    for each in (first, second):
        wire.see("viewer", "lan", each, outgoing=True)
        wire.now += MS
    for each in (second, first):
        wire.see("dns", "lan", each, outgoing=False)
        wire.now += MS
    return wire


@cases.passes(PacketsLost(**LAN, to="bystander", every=1))
def to_each_its_own() -> Wire:
    wire = sent("ok", "ok")
    wire.packet(packet(5, BYSTANDER), "viewer", "bystander", lost=True)
    return wire


test_cases = cases.test()
