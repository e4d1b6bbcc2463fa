"""The judge on caches beyond addresses, failures, stale data, and how often upstream is asked."""

from __future__ import annotations

from judging import Cases, cluster
from spoken import WWW, asks, converse, opt, resolved, says
from wire import DNS, REAL, Wire

from lab.judge.checks import (
    AskedTimes,
    BitReachesUpstream,
    FailureForgotten,
    FailureRemembered,
    FromCache,
    PlainRetry,
    StaleAnswered,
)
from lab.worlds.world import Clock

cases = Cases()

SOA = "example.net {} SOA ns.example.net. a.example.net. 1 2 3 4 {}"
MX = f"{WWW} {{}} MX 10 mail.example.net."


def fill(line: str, ttl: int, minimum: int = 60) -> str:
    return line.format(ttl, minimum)


# --- FromCache, beyond addresses --------------------------------------------------------------


def absent(ttl: int = 60, minimum: int = 10) -> Wire:
    """An absence is learnt and told; three seconds and a half pass."""
    wire = cluster()
    soa = (fill(SOA, ttl, minimum),)
    upstream = says(asks(), authority=soa, rcode="NXDOMAIN")
    resolved(wire, DNS, REAL[0], asks(), upstream, authority=soa, rcode="NXDOMAIN")
    wire.elapse(3.5)
    return wire


def repeated(wire: Wire, *answer: str, query: bytes = asks(identifier=2), **how: object) -> Wire:
    converse(wire, "viewer", DNS, query, says(query, *answer, **how))  # type: ignore[arg-type]
    return wire


@cases.passes(FromCache(name=WWW))
@cases.fails(FromCache(name="x.test"), because="was repeated within the TTL")
def an_absence_counted_down() -> Wire:
    return repeated(absent(), authority=(fill(SOA, 7, 10),), rcode="NXDOMAIN")


@cases.fails(FromCache(name=WWW), because="the SOA has a TTL of 10 s, no more than 7 s were left")
def an_absence_not_counted_down() -> Wire:
    return repeated(absent(), authority=(fill(SOA, 10, 10),), rcode="NXDOMAIN")


@cases.fails(FromCache(name=WWW), because="the SOA has a TTL of 57 s, no more than 7 s were left")
def an_absence_kept_longer_than_its_minimum() -> Wire:
    return repeated(absent(), authority=(fill(SOA, 57, 10),), rcode="NXDOMAIN")


@cases.fails(FromCache(name=WWW), because="the cached absence came without its SOA")
def an_absence_without_its_soa() -> Wire:
    return repeated(absent(), rcode="NXDOMAIN")


@cases.fails(FromCache(name=WWW), because="other data: NXDOMAIN")
def an_absence_that_changes() -> Wire:
    return repeated(absent(), authority=(fill(SOA, 7, 10),))


@cases.fails(FromCache(name=WWW), because="was repeated within the TTL")
def an_absence_that_is_over() -> Wire:
    wire = absent(minimum=2)
    return repeated(wire, authority=(fill(SOA, 1, 2),), rcode="NXDOMAIN")


def exchanger(ttl: int = 60) -> Wire:
    wire = cluster()
    query = asks(qtype="MX")
    upstream = says(query, fill(MX, ttl))
    resolved(wire, DNS, REAL[0], query, upstream, fill(MX, ttl))
    wire.elapse(5.5)
    return wire


@cases.passes(FromCache(name=WWW))
def another_type_counted_down() -> Wire:
    return repeated(exchanger(), fill(MX, 55), query=asks(qtype="MX"))


@cases.fails(FromCache(name=WWW), because="a TTL of 56 s, no more than 55 s were left")
def another_type_not_counted_down() -> Wire:
    return repeated(exchanger(), fill(MX, 56), query=asks(qtype="MX"))


@cases.fails(FromCache(name=WWW), because="other data")
def another_type_with_other_data() -> Wire:
    wire = exchanger()
    return repeated(wire, f"{WWW} 55 MX 20 mail.example.net.", query=asks(qtype="MX"))


@cases.fails(FromCache(name=WWW), because="other data")
def another_type_lost() -> Wire:
    return repeated(exchanger(), query=asks(qtype="MX"))


# --- AskedTimes -------------------------------------------------------------------------------


@cases.passes(
    AskedTimes(times=2),
    AskedTimes(name=WWW, qtype="A", times=2, transport="udp"),
    AskedTimes(below="example.net", at_least=2, at_most=2),
    AskedTimes(to=(REAL[0],), times=1),
    AskedTimes(qtype="AAAA", times=0),
    AskedTimes(transport="tcp", times=0),
)
@cases.fails(AskedTimes(times=1), because="2 questions upstream, expected 1")
@cases.fails(AskedTimes(at_least=3), because="2 questions upstream, expected 3 at least")
@cases.fails(AskedTimes(at_most=1), because="2 questions upstream, expected 1 at most")
@cases.fails(AskedTimes(name="x.test", times=0), because="dns was asked nothing about it")
@cases.fails(AskedTimes(below="ample.net", times=0), because="dns was asked nothing about it")
@cases.fails(AskedTimes(asker="tgp1", times=0, name="a.b"), because="tgp1 was asked nothing about")
def asked_twice() -> Wire:
    wire = cluster()
    for number, server in enumerate(REAL[:2], start=1):
        query = asks(identifier=number)
        resolved(wire, DNS, server, query, says(query, f"{WWW} 0 A 192.0.2.1"))
    return wire


# --- BitReachesUpstream -----------------------------------------------------------------------

WITH_DO, WITH_CD = asks(opt=opt(do=True)), asks(cd=True)
DO, CD = BitReachesUpstream(bit="do"), BitReachesUpstream(bit="cd")


def passed_on(client: bytes, upstream: bytes | None) -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS, payload=client)
    if upstream is not None:
        converse(wire, "dns", REAL[0], upstream, says(upstream))
    wire.reply(asked, payload=says(client))
    return wire


@cases.passes(DO)
@cases.fails(CD, because="no client question with CD=1 came")
@cases.fails(BitReachesUpstream(bit="do", server="tgp2"), because="with DO=1 came")
def do_goes_on() -> Wire:
    return passed_on(WITH_DO, WITH_DO)


@cases.fails(DO, because=f"{REAL[0]} was asked with DO=0")
def do_is_lost() -> Wire:
    return passed_on(WITH_DO, asks(opt=opt()))


@cases.passes(CD)
@cases.fails(DO, because="no client question with DO=1 came")
def cd_goes_on() -> Wire:
    return passed_on(WITH_CD, WITH_CD)


@cases.fails(CD, because=f"{REAL[0]} was asked with CD=0")
def cd_is_lost() -> Wire:
    return passed_on(WITH_CD, asks())


@cases.fails(CD, because="it caused no question upstream")
def cd_ends_here() -> Wire:
    return passed_on(WITH_CD, None)


# --- PlainRetry -------------------------------------------------------------------------------

WITH_OPT = asks(opt=opt())


def refused(again: bytes | None, *, rcode: str = "FORMERR", answer: str = "NOERROR") -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS, payload=asks())
    converse(wire, "dns", REAL[0], WITH_OPT, says(WITH_OPT, rcode=rcode, question=b""))
    if again is not None:
        converse(wire, "dns", REAL[0], again, says(again, f"{WWW} 60 A 192.0.2.1"))
    wire.reply(asked, payload=says(asks(), f"{WWW} 60 A 192.0.2.1", rcode=answer))
    return wire


@cases.passes(PlainRetry())
@cases.fails(PlainRetry(server="tgp2"), because="no server refused an OPT record")
def once_more_without() -> Wire:
    return refused(asks())


@cases.passes(PlainRetry())
def not_implemented_is_a_refusal_too() -> Wire:
    return refused(asks(), rcode="NOTIMP")


@cases.fails(PlainRetry(), because="no server refused an OPT record")
def another_error_is_none() -> Wire:
    return refused(asks(), rcode="REFUSED")


@cases.fails(PlainRetry(), because="it was put once more with an OPT record")
def once_more_with_opt() -> Wire:
    return refused(WITH_OPT)


@cases.fails(PlainRetry(), because="the question was not put once more")
def no_retry() -> Wire:
    return refused(None)


@cases.fails(PlainRetry(), because="the client got SERVFAIL")
def a_retry_in_vain() -> Wire:
    return refused(asks(), answer="SERVFAIL")


# --- FailureRemembered ------------------------------------------------------------------------

REMEMBERED = FailureRemembered(name=WWW, repetitions=2)


def failing(times: int = 2, *, every_s: float = 0.3, rcode: str = "SERVFAIL") -> Wire:
    """Upstream fails; the client repeats its question."""
    wire = cluster()
    resolved(wire, DNS, REAL[0], asks(), says(asks(), rcode="SERVFAIL"), rcode="SERVFAIL")
    for number in range(times):
        wire.elapse(every_s)
        query = asks(identifier=10 + number)
        converse(wire, "viewer", DNS, query, says(query, rcode=rcode))
    return wire


@cases.passes(REMEMBERED)
@cases.fails(FailureRemembered(name=WWW, repetitions=3), because="2 repetitions within 1.0 s")
@cases.fails(FailureRemembered(name="x.test"), because="dns gave no SERVFAIL for it")
@cases.fails(FailureRemembered(name=WWW, qtype="MX"), because="dns gave no SERVFAIL for it")
def nothing_upstream_for_a_second() -> Wire:
    return failing()


@cases.passes(REMEMBERED)
def asked_anew_after_a_second() -> Wire:
    wire = failing()
    wire.elapse(0.5)
    resolved(wire, DNS, REAL[0], asks(identifier=20), says(asks(identifier=20)))
    return wire


@cases.fails(REMEMBERED, because="ms after the failure")
def a_burst_upstream() -> Wire:
    wire = failing()
    converse(wire, "dns", REAL[1], asks(identifier=30))
    return wire


@cases.fails(REMEMBERED, because="a repetition got NOERROR")
def a_failure_forgotten() -> Wire:
    return failing(rcode="NOERROR")


@cases.fails(REMEMBERED, because="expected 2")
def repeated_too_late() -> Wire:
    return failing(every_s=0.9)


@cases.passes(REMEMBERED, clocks=[Clock.MEASURED])
@cases.fails(REMEMBERED, because="989.", clocks=[Clock.VIRTUAL])
def asked_a_little_early() -> Wire:
    """What a busy machine may do, virtual time may not."""
    wire = failing()
    wire.elapse(0.3890)
    converse(wire, "dns", REAL[1], asks(identifier=30))
    return wire


# --- FailureForgotten -------------------------------------------------------------------------

FORGOTTEN = FailureForgotten(name=WWW, within_s=5)


def failing_for_long(
    *, from_memory_s: float = 3, again: bool = True, rcode: str = "SERVFAIL"
) -> Wire:
    """Upstream fails, is remembered to have failed, and is asked once more, in vain."""
    wire = cluster()
    resolved(wire, DNS, REAL[0], asks(), says(asks(), rcode=rcode), rcode=rcode)
    wire.elapse(from_memory_s)
    query = asks(identifier=7)
    converse(wire, "viewer", DNS, query, says(query, rcode=rcode))
    if again:
        wire.elapse(1)
        query = asks(identifier=8)
        resolved(wire, DNS, REAL[0], query, says(query, rcode=rcode), rcode=rcode)
    return wire


@cases.passes(FORGOTTEN)
@cases.fails(FailureForgotten(name="x.test"), because="dns gave no SERVFAIL for it")
@cases.fails(FailureForgotten(name=WWW, within_s=2), because="a failure of 3.0 s ago was told")
@cases.fails(FailureForgotten(name=WWW, server="tgp1"), because="tgp1 gave no SERVFAIL for it")
def asked_again_in_time() -> Wire:
    return failing_for_long()


@cases.fails(FORGOTTEN, because="a failure of 6.0 s ago was told, allowed 5.0 s")
def remembered_for_too_long() -> Wire:
    return failing_for_long(from_memory_s=6)


@cases.fails(FORGOTTEN, because="upstream was never asked again")
def never_asked_again() -> Wire:
    return failing_for_long(again=False)


@cases.fails(FORGOTTEN, because="dns gave no SERVFAIL for it")
def no_failure() -> Wire:
    return failing_for_long(rcode="NXDOMAIN")


@cases.fails(FORGOTTEN, because="no failure was told from memory")
def asked_each_time() -> Wire:
    wire = cluster()
    for number in (1, 2, 3):
        query = asks(identifier=number)
        resolved(wire, DNS, REAL[0], query, says(query, rcode="SERVFAIL"), rcode="SERVFAIL")
    return wire


@cases.fails(FORGOTTEN, because="a failure was told before anybody was asked")
def failed_without_asking() -> Wire:
    wire = cluster()
    converse(wire, "viewer", DNS, asks(), says(asks(), rcode="SERVFAIL"))
    return wire


# --- StaleAnswered ----------------------------------------------------------------------------

STALE = StaleAnswered(name=WWW)
FRESH = f"{WWW} 2 A 192.0.2.1"


def expired(*answer: str, tried: bool = True, helped: bool = False, after_s: float = 5) -> Wire:
    """An answer of two seconds is learnt and expires, upstream is asked, the client answered."""
    wire = cluster()
    resolved(wire, DNS, REAL[0], asks(), says(asks(), FRESH), FRESH)
    wire.elapse(after_s)
    query = asks(identifier=5)
    asked = wire.ask("viewer", DNS, payload=query)
    if tried:
        upstream = asks(identifier=6)
        converse(wire, "dns", REAL[0], upstream, *([says(upstream, FRESH)] if helped else []))
    wire.elapse(1.8)
    wire.reply(asked, payload=says(query, *answer))
    return wire


@cases.passes(STALE, StaleAnswered(name=WWW, ttl_at_most_s=30))
@cases.fails(StaleAnswered(name="x.test"), because="dns never learnt the data")
@cases.fails(StaleAnswered(name=WWW, server="tgp1"), because="tgp1 never learnt the data")
@cases.fails(StaleAnswered(name=WWW, ttl_at_most_s=29), because="a TTL of 30 s, expected 1 to 29")
def old_data_while_upstream_is_silent() -> Wire:
    return expired(f"{WWW} 30 A 192.0.2.1")


@cases.fails(STALE, because="expired data has a TTL of 0 s")
def old_data_without_a_ttl() -> Wire:
    return expired(f"{WWW} 0 A 192.0.2.1")


@cases.fails(STALE, because="expired data has a TTL of 300 s")
def old_data_for_long() -> Wire:
    return expired(f"{WWW} 300 A 192.0.2.1")


@cases.fails(STALE, because="expired data was given before upstream was asked")
def old_data_without_asking() -> Wire:
    return expired(f"{WWW} 30 A 192.0.2.1", tried=False)


@cases.fails(STALE, because="no expired data was given")
def fresh_data() -> Wire:
    return expired(FRESH, helped=True)


@cases.fails(STALE, because="no expired data was given")
def data_within_its_ttl() -> Wire:
    return expired(FRESH, tried=False, after_s=0.1)


@cases.fails(STALE, because="no expired data was given")
def nothing_kept() -> Wire:
    return expired()


test_cases = cases.test()
