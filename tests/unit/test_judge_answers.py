"""The judge on what an asker was answered: each condition fails for its own reason."""

from __future__ import annotations

import pytest
from judging import Cases, cluster, lookup, nat
from wire import DNS, INNER, LINK_NS, MS, REAL, Wire, framed, query_bytes, reply_bytes

from lab.judge.bounds import (
    SCHEDULING_ALLOWANCE_NS,
    TRAVEL_PATH_ALLOWANCE_NS,
    VIRTUAL_PATH_ALLOWANCE_NS,
)
from lab.judge.checks import Answered, AnsweredOnce, ErrorWithin, NotAnswered, TtlAtMost
from lab.judge.verdict import Outcome
from lab.worlds.world import Clock

cases = Cases()

# --- Answered ---------------------------------------------------------------------------------


@cases.passes(
    Answered(),
    Answered(count=1, addresses=(REAL[2],), among=REAL, authoritative=False, soa=False),
    Answered(name="INTERNET.intern.netz.", transport="udp", within_s=0.01),
    Answered(asker="dns", count=3, addresses=tuple(reversed(REAL)), authoritative=True),
    Answered(asker="dns", among=REAL),
)
@cases.fails(Answered(rcode="NXDOMAIN"), because="RCODE NOERROR instead of NXDOMAIN")
@cases.fails(Answered(count=2), because="1 address instead of 2")
@cases.fails(Answered(addresses=REAL), because=f"addresses {REAL[2]} instead of {REAL[0]}, ")
@cases.fails(Answered(among=REAL[:2]), because=f"addresses {REAL[2]}, expected some of")
@cases.fails(Answered(authoritative=True), because="AA=0")
@cases.fails(Answered(soa=True), because="no SOA")
@cases.fails(Answered(soa_ttl_s=2), because="SOA TTLs [] instead of 2")
@cases.fails(Answered(transport="tcp"), because="never asked A")
@cases.fails(Answered(qtype="AAAA"), because="never asked AAAA")
@cases.fails(Answered(name="www.example.net"), because="never asked A for this name")
@cases.fails(Answered(asker="tgp3"), because="tgp3 never asked")
def a_lookup() -> Wire:
    wire = cluster()
    lookup(wire)
    return wire


@cases.fails(Answered(addresses=REAL[:2]), because="instead of")
@cases.fails(Answered(among=REAL[:2]), because="192.0.2.1")
def one_address_too_many() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, *REAL[:2], "192.0.2.1")
    return wire


@cases.fails(Answered(addresses=REAL[:2]), because="instead of")
def an_address_twice() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, *REAL[:2], REAL[0])
    return wire


@cases.passes(
    Answered(rdata=(REAL[1], REAL[0])),
    Answered(rdata=REAL[:2], recursion_available=False),
)
@cases.fails(Answered(rdata=REAL[:1]), because=f"data {REAL[0]}, {REAL[1]} instead of {REAL[0]}")
@cases.fails(Answered(rdata=()), because="instead of none")
@cases.fails(Answered(recursion_available=True), because="RA=0")
def two_addresses() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, *REAL[:2])
    return wire


@cases.passes(Answered(count=0, soa=True, soa_ttl_s=2, rdata=()))
@cases.fails(Answered(soa_ttl_s=3), because="SOA TTLs [2] instead of 3")
@cases.fails(Answered(among=REAL), because="addresses no address, expected some of")
@cases.fails(Answered(soa=False), because="an SOA")
def no_data() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, soa=True)
    return wire


@cases.fails(Answered(count=1), because="truncated")
def a_truncated_answer() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, REAL[0], tc=True)
    return wire


@cases.passes(Answered(which="first", count=1))
@cases.fails(Answered(), Answered(which="last"), because="viewer got no reply")
def the_second_question_unanswered() -> Wire:
    wire = cluster()
    lookup(wire)
    wire.ask("viewer", DNS)
    return wire


@cases.fails(Answered(), Answered(which="first"), because="viewer got no reply")
@cases.passes(Answered(which="last"))
def the_first_reply_is_lost() -> Wire:
    wire = cluster()
    wire.reply(wire.ask("viewer", DNS), REAL[0], lost=True)
    lookup(wire)
    return wire


@cases.passes(AnsweredOnce(name="www.example.net"))
@cases.fails(AnsweredOnce(), because="2 replies, 2 of them fitting")
@cases.fails(AnsweredOnce(name="ftp.example.net"), because="viewer never asked")
def one_name_answered_once_and_another_twice() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, REAL[0], name="www.example.net")
    asked = wire.ask("viewer", DNS)
    wire.reply(asked, REAL[0])
    wire.reply(asked, REAL[1])
    return wire


@cases.fails(Answered(), because="viewer got no reply")
@cases.fails(AnsweredOnce(), because="1 reply, 0 of them fitting")
def a_reply_that_does_not_fit() -> Wire:
    wire = cluster()
    wire.reply(wire.ask("viewer", DNS), REAL[0], identifier=4711)
    return wire


@cases.passes(Answered(asker="dns", count=3), Answered(asker="dns", which="first", count=3))
def a_server_goes_on_from_a_silent_one() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    wire.ask("dns", REAL[0])
    wire.elapse(1)
    wire.reply(wire.ask("dns", REAL[1]), *REAL)
    wire.reply(asked, REAL[0], aa=False)
    return wire


@cases.fails(Answered(asker="dns"), Answered(asker="dns", which="last"), because="dns got no reply")
def a_server_answered_once_and_then_never() -> Wire:
    """The second client question failed at both servers: the first one's answer is no excuse."""
    wire = cluster()
    lookup(wire)
    asked = wire.ask("viewer", DNS)
    for server in REAL[:2]:
        wire.ask("dns", server)
        wire.elapse(1)
    wire.reply(asked, rcode="SERVFAIL", aa=False)
    return wire


@cases.passes(Answered(asker="dns", among=REAL))
@cases.fails(Answered(asker="dns", among=(REAL[0],)), because=REAL[1])
def a_late_answer_is_no_answer() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    late = wire.ask("dns", REAL[0])
    wire.elapse(1)
    wire.reply(wire.ask("dns", REAL[1]), REAL[1])
    wire.reply(asked, REAL[1], aa=False)
    wire.reply(late, "192.0.2.199")
    return wire


@cases.fails(Answered(asker="dns"), because="RCODE SERVFAIL")
def a_server_goes_on_from_an_error() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    wire.exchange("dns", REAL[0], rcode="SERVFAIL")
    wire.exchange("dns", REAL[1], *REAL)
    wire.reply(asked, REAL[0], aa=False)
    return wire


@cases.passes(Answered(transport="tcp", count=1))
@cases.fails(Answered(transport="udp"), because="never asked")
def a_question_over_tcp() -> Wire:
    wire = cluster()
    stream = wire.connect("viewer", DNS, port=53)
    query = query_bytes()
    stream.say(framed(query))
    stream.hear(framed(reply_bytes(query, REAL[0])))
    stream.close()
    return wire


@cases.fails(Answered(transport="tcp"), because="viewer got no reply")
def a_reply_over_tcp_that_breaks_off() -> Wire:
    wire = cluster()
    stream = wire.connect("viewer", DNS, port=53)
    query = query_bytes()
    stream.say(framed(query))
    stream.hear(framed(reply_bytes(query, REAL[0]))[:-3])
    stream.close()
    return wire


@cases.fails(Answered(asker="dns"), because="dns got no reply")
def the_only_answer_comes_when_the_client_was_told() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    late = wire.ask("dns", REAL[0])
    wire.elapse(1)
    wire.reply(asked, rcode="SERVFAIL", aa=False)
    wire.reply(late, *REAL)
    return wire


@cases.passes(Answered(asker="dns", count=3), Answered(asker="dns", transport="tcp"))
def once_more_over_tcp_because_the_answer_was_truncated() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    wire.exchange("dns", REAL[0], tc=True)
    stream = wire.connect("dns", REAL[0], port=53)
    query = query_bytes()
    stream.say(framed(query))
    stream.hear(framed(reply_bytes(query, *REAL)))
    wire.reply(asked, REAL[0])
    return wire


@cases.passes(Answered(name=".", qtype="NS", count=0))
def a_question_about_the_root() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, name=".", qtype="NS")
    return wire


# --- AnsweredOnce -----------------------------------------------------------------------------


def late_answer(*, after_s: float = 0.5, reply: bool = True) -> Wire:
    """tgp1 answers when the viewer has had tgp2's answer for a while."""
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    late = wire.ask("dns", REAL[0])
    wire.elapse(1)
    wire.reply(wire.ask("dns", REAL[1]), *REAL)
    wire.reply(asked, REAL[1], aa=False)
    wire.elapse(after_s)
    if reply:
        wire.reply(late, "192.0.2.199")
    return wire


@cases.passes(AnsweredOnce(), AnsweredOnce(late_from=REAL[0]))
@cases.fails(AnsweredOnce(asker="bystander"), because="bystander never asked")
@cases.fails(AnsweredOnce(late_from=REAL[1]), because=f"no reply from {REAL[1]} came after")
def a_late_reply_is_ignored() -> Wire:
    return late_answer()


@cases.fails(AnsweredOnce(late_from=REAL[0]), because=f"no reply from {REAL[0]} came after")
def the_late_reply_never_comes() -> Wire:
    return late_answer(reply=False)


@cases.fails(AnsweredOnce(late_from=REAL[0]), because="came after the answer it was meant for")
def a_later_question_is_answered_in_time() -> Wire:
    """A reply from the same server, and after the first answer; but to another question."""
    wire = late_answer(reply=False)
    lookup(wire)
    return wire


@cases.fails(AnsweredOnce(late_from=REAL[0]), because="came after the answer it was meant for")
def the_late_reply_comes_before_the_answer_does() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    late = wire.ask("dns", REAL[0])
    wire.elapse(1)
    second = wire.ask("dns", REAL[1])
    wire.reply(late, "192.0.2.199")
    wire.reply(second, *REAL)
    wire.reply(asked, REAL[1], aa=False)
    return wire


def two_replies(**second: object) -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    wire.exchange("dns", REAL[0], *REAL)
    wire.reply(asked, REAL[1], aa=False)
    wire.elapse(0.5)
    wire.reply(asked, "192.0.2.199", aa=False, **second)  # type: ignore[arg-type]
    return wire


@cases.fails(AnsweredOnce(), because="2 replies")
def a_second_reply() -> Wire:
    return two_replies()


@cases.fails(AnsweredOnce(), because="2 replies")
def a_second_reply_with_another_id() -> Wire:
    return two_replies(identifier=4711)


@cases.fails(AnsweredOnce(), because="0 replies")
@cases.fails(NotAnswered(), because="the question never reached the server")
@cases.fails(ErrorWithin(bound_s=1), because="no reply at all")
@cases.fails(TtlAtMost(seconds=2), because="no reply held an address")
def a_question_that_is_lost() -> Wire:
    wire = cluster()
    wire.ask("viewer", DNS, lost=True)
    return wire


# --- NotAnswered ------------------------------------------------------------------------------


@cases.passes(NotAnswered(asker="tgp3"))
@cases.fails(NotAnswered(), because="viewer never asked")
@cases.fails(NotAnswered(asker="tgp3", qtype="AAAA"), because="tgp3 never asked")
def silence() -> Wire:
    wire = nat()
    wire.ask("tgp3", INNER)
    return wire


@cases.fails(NotAnswered(asker="tgp3"), because="a reply came")
def refused() -> Wire:
    wire = nat()
    wire.exchange("tgp3", INNER, rcode="REFUSED")
    return wire


@cases.fails(NotAnswered(asker="tgp3"), because="a reply came")
def a_bare_header_that_refuses() -> Wire:
    """No question section, so it matches nothing: a reply all the same."""
    wire = nat()
    asked = wire.ask("tgp3", INNER)
    wire.reply(asked, payload=asked.payload[:2] + b"\x80\x05" + bytes(8))
    return wire


@cases.fails(NotAnswered(asker="tgp3"), because="a reply came")
def a_reply_that_gets_lost() -> Wire:
    wire = nat()
    wire.reply(wire.ask("tgp3", INNER), rcode="REFUSED", lost=True)
    return wire


@cases.fails(NotAnswered(), because="the question never reached the server")
def a_question_stranded_at_the_router() -> Wire:
    wire = cluster()
    wire.ask("viewer", REAL[0], lost=True)
    return wire


@cases.passes(NotAnswered(asker="tgp3"))
def others_are_answered_meanwhile() -> Wire:
    """And the asker itself was, from the same port, before."""
    wire = nat()
    wire.reply(wire.ask("tgp3", INNER, name="www.example.net", port=4711), rcode="REFUSED")
    wire.ask("tgp3", INNER, port=4711)
    wire.exchange("viewer", DNS, REAL[0])
    return wire


# --- ErrorWithin ------------------------------------------------------------------------------


@cases.passes(ErrorWithin(bound_s=2), Answered(rcode="SERVFAIL", count=0))
@cases.fails(ErrorWithin(bound_s=1), because="told after 2000.10 ms, bound 1.0 s")
@cases.fails(ErrorWithin(bound_s=2, rcodes=("NXDOMAIN",)), because="the reply is SERVFAIL")
@cases.fails(ErrorWithin(bound_s=2, asker="bystander"), because="bystander never asked")
def told_after_two_timeouts() -> Wire:
    wire = cluster()
    asked_at = wire.now
    asked = wire.ask("viewer", DNS)
    wire.now = asked_at + 2000 * MS
    wire.reply(asked, rcode="SERVFAIL", aa=False)
    return wire


@cases.fails(ErrorWithin(bound_s=2), because=f"the reply is NOERROR {REAL[0]}")
def an_address_where_an_error_is_due() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, REAL[0])
    return wire


@cases.fails(ErrorWithin(bound_s=2), because=f"the reply is SERVFAIL {REAL[0]}")
def an_error_with_an_address() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, REAL[0], rcode="SERVFAIL")
    return wire


@cases.fails(ErrorWithin(bound_s=2), because=f"the reply is NOERROR {REAL[0]}")
def an_address_after_the_error() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    wire.reply(asked, rcode="SERVFAIL")
    wire.reply(asked, REAL[0])
    return wire


# --- TtlAtMost --------------------------------------------------------------------------------


@cases.passes(TtlAtMost(seconds=3))
@cases.fails(TtlAtMost(seconds=2), because="a TTL of 3 s, allowed 2 s")
@cases.fails(TtlAtMost(seconds=3, name="www.example.net"), because="no reply held an address")
def only_the_load_balancer_says_three_seconds() -> Wire:
    wire = cluster()
    lookup(wire, ttl=3, given_ttl=1)
    wire.exchange("viewer", DNS, qtype="AAAA", soa=True)
    return wire


@cases.fails(TtlAtMost(seconds=2), because="a TTL of 60 s")
def a_cache_that_prolongs() -> Wire:
    wire = cluster()
    lookup(wire, ttl=2, given_ttl=60)
    return wire


test_cases = cases.test()


@pytest.mark.parametrize("clock", list(Clock))
@pytest.mark.parametrize(
    ("late_ns", "outcome"), [(0, Outcome.PASSED), (1, Outcome.FAILED), (-MS, Outcome.PASSED)]
)
@pytest.mark.parametrize(
    ("check", "wording"),
    [
        (Answered(within_s=1.0), {}),
        (ErrorWithin(bound_s=1.0), {"rcode": "SERVFAIL"}),
    ],
)
def test_a_bound_holds_to_the_nanosecond(clock, late_ns, outcome, check, wording):
    allowance = {
        Clock.VIRTUAL: VIRTUAL_PATH_ALLOWANCE_NS,
        Clock.TIMETRAVEL: TRAVEL_PATH_ALLOWANCE_NS,
        Clock.MEASURED: SCHEDULING_ALLOWANCE_NS,
    }[clock]
    wire = cluster()
    asked_at = wire.now
    asked = wire.ask("viewer", DNS)
    wire.now = asked_at + 1000 * MS + allowance + late_ns - LINK_NS
    wire.reply(asked, *([] if wording else [REAL[0]]), **wording)
    finding = check.judge(wire.timeline(clock))
    assert finding.outcome is outcome, finding
