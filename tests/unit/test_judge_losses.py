"""The judge on how askers fare on bad links."""

from __future__ import annotations

import pytest
from judging import Cases, cluster, visit
from scapy.layers.inet import ICMP, IP, UDP, IPerror, fragment
from wire import DNS, INNER, MS, NAME, REAL, TRANSLATOR, VIEWER, Question, Wire, reply_bytes

from lab.judge.checks import (
    ArrivedInPieces,
    LossMadeGood,
    PortRefused,
    SuccessMeasured,
    SynsRepeated,
    TooLargeTold,
)
from lab.judge.verdict import Outcome
from lab.worlds.world import Clock

cases = Cases()

BIG = "big.intern.netz"


# --- success ----------------------------------------------------------------------------------


def measured(below: str = "intern.netz", network: str = "servers") -> SuccessMeasured:
    return SuccessMeasured(below=below, network=network)


@cases.passes(measured())
@cases.fails(measured(network="lan"), because="no packet was lost on lan: this measures nothing")
@cases.fails(measured(below="example.com"), because="viewer asked nothing below example.com")
def one_of_two_answered() -> Wire:
    wire = cluster()
    for lost in (False, True):
        asked = wire.ask("viewer", DNS)
        upstream = wire.ask("dns", REAL[0], lost=lost)
        if not lost:
            wire.reply(upstream, *REAL)
        wire.elapse(0.5)
        wire.reply(asked, REAL[0], rcode="SERVFAIL" if lost else "NOERROR")
    return wire


def test_the_figure_says_share_median_and_slowest():
    wire = one_of_two_answered()
    (evidence,) = measured().judge(wire.timeline()).evidence
    assert evidence.text.startswith("1 of 2 answered (50.0 %), median 500.")
    assert evidence.text.endswith("1 packet lost on servers")


# --- TCP --------------------------------------------------------------------------------------


def dialled(*after_s: float) -> Wire:
    """SYNs to a silent server, so long after the first."""
    wire = cluster()
    visit(wire, REAL[0])
    began = wire.now
    for seconds in (0.0, *after_s):
        wire.now = began + round(seconds * 1000 * MS)
        wire.connect("viewer", REAL[2], lost=True, source_port=50_000)
    return wire


@cases.passes(SynsRepeated(), SynsRepeated(after_s=(1.0,)))
@cases.fails(SynsRepeated(node="dns"), because="dns tried no connection")
@cases.fails(SynsRepeated(after_s=(1.0, 3.0, 7.0, 15.0)), because="repeated 3 times")
@cases.fails(SynsRepeated(after_s=(2.0,)), because="a SYN came again after 1000.00 ms, expected 2")
def repeated_as_linux_does() -> Wire:
    return dialled(1, 3, 7)


@cases.fails(SynsRepeated(), because="the SYN was repeated 0 times (never), expected 3")
def never_repeated() -> Wire:
    return dialled()


# An eighth late, a tick of the guest for either end, and the slack of waits.
@pytest.mark.parametrize(
    ("clock", "second", "third"),
    [
        (Clock.VIRTUAL, 1.0, 3.0),
        (Clock.TIMETRAVEL, 1.146, 3.398),
        (Clock.MEASURED, 1.525, 3.776),
    ],
)
def test_a_kernel_may_be_as_late_as_its_timer_wheel(clock, second, third):
    check = SynsRepeated(after_s=(1.0, 3.0))
    on_time = check.judge(dialled(second, third).timeline(clock))
    assert on_time.outcome is Outcome.PASSED
    assert check.judge(dialled(second + 0.002, third).timeline(clock)).outcome is Outcome.FAILED
    assert check.judge(dialled(second, third + 0.002).timeline(clock)).outcome is Outcome.FAILED


def banner(*, lost: bool, again: bool) -> Wire:
    wire = cluster()
    stream = visit(wire, REAL[2], banner="")
    used = stream.hear(b"tgp3\n", lost=lost)
    if again:
        wire.elapse(0.2)
        stream.hear(b"tgp3\n", sequence=used)
    return wire


@cases.passes(LossMadeGood())
@cases.fails(LossMadeGood(node="dns"), because="dns tried no connection")
def lost_and_sent_again() -> Wire:
    return banner(lost=True, again=True)


@cases.fails(LossMadeGood(), because="no lost segment was sent again and arrived")
def lost_for_ever() -> Wire:
    return banner(lost=True, again=False)


@cases.fails(LossMadeGood(), because="no lost segment was sent again and arrived")
def repeated_without_need() -> Wire:
    return banner(lost=False, again=True)


# --- closed ports -----------------------------------------------------------------------------


REFUSED = PortRefused(name=NAME)


def refused(after_ms: int = 1, *, kind: int = 3, code: int = 3, by: str = "dns") -> Wire:
    wire = cluster()
    wire.ask("viewer", DNS)
    about = IP(wire.records[-1].network.raw)
    wire.now += after_ms * MS
    wire.error(about, by, "viewer", kind=kind, code=code)
    return wire


@cases.passes(REFUSED)
@cases.fails(PortRefused(name="other.test"), because="viewer never asked for other.test")
def refused_at_once() -> Wire:
    return refused()


@cases.fails(REFUSED, because="it was told after 300.")
def refused_late() -> Wire:
    return refused(300)


@cases.fails(REFUSED, because="no port unreachable came")
def host_unreachable() -> Wire:
    return refused(code=1)


@cases.fails(REFUSED, because="router said it, not dns")
def refused_by_another() -> Wire:
    return refused(by="router")


@cases.fails(REFUSED, because="a reply came")
def answered_all_the_same() -> Wire:
    wire = cluster()
    wire.reply(wire.ask("viewer", DNS), REAL[0])
    return wire


# --- size -------------------------------------------------------------------------------------


PIECES = ArrivedInPieces(name=BIG, qtype="A", mtu=600)


def large_reply(question: Question) -> IP:
    payload = reply_bytes(question.payload, *(f"10.0.0.{n}" for n in range(1, 81)))
    return IP(src=DNS, dst=VIEWER, id=4242) / UDP(sport=53, dport=question.source.port) / payload


def in_pieces(size: int, *, lost: bool = False) -> Wire:
    wire = cluster()
    pieces = fragment(large_reply(wire.ask("viewer", DNS, BIG)), fragsize=size)
    for place, piece in enumerate(pieces):
        wire.packet(piece, "dns", "viewer", lost=lost and place == 1)
    return wire


@cases.passes(PIECES)
@cases.fails(ArrivedInPieces(name=BIG, qtype="A", mtu=500), because="a fragment has 596 octets")
@cases.fails(ArrivedInPieces(name="other.test", qtype="A", mtu=600), because="viewer got no reply")
def three_pieces() -> Wire:
    return in_pieces(576)


@cases.fails(PIECES, because="viewer got no reply")
def a_piece_is_missing() -> Wire:
    return in_pieces(576, lost=True)


@cases.fails(PIECES, because="every reply came in one piece")
def in_one_piece() -> Wire:
    wire = cluster()
    wire.packet(large_reply(wire.ask("viewer", DNS, BIG)), "dns", "viewer")
    return wire


def told_too_large(mtu: int, to: str = "tgp1") -> Wire:
    wire = cluster()
    about = IP(src=REAL[0], dst=VIEWER) / UDP(sport=53, dport=4000)
    embedded = IPerror(bytes(about)[:28])
    address = REAL[0] if to == "tgp1" else REAL[1]
    error = IP(src=INNER, dst=address) / ICMP(type=3, code=4, nexthopmtu=mtu) / embedded
    wire.packet(error, "router", to)
    return wire


TOLD = TooLargeTold(router="router", node="tgp1", mtu=600)


@cases.passes(TOLD)
@cases.fails(TooLargeTold(router="router", node="tgp2", mtu=600), because="told tgp1, not tgp2")
def told_what_gets_through() -> Wire:
    return told_too_large(600)


@cases.fails(TOLD, because="it said 1400 octets, expected 600")
def told_something_else() -> Wire:
    return told_too_large(1400)


@cases.fails(TOLD, because='router never said "fragmentation needed"')
def told_nothing() -> Wire:
    wire = cluster()
    wire.error(IP(src=REAL[0], dst=TRANSLATOR) / UDP(sport=53, dport=9), "router", "tgp1")
    return wire


test_cases = cases.test()
