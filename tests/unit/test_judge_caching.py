"""The judge on caches and forgeries: what is kept, what is counted down, what is thrown away."""

from __future__ import annotations

from judging import Cases, cluster, lookup, lookup_by_nat, nat
from wire import DNS, MS, NAME, REAL, TRANSLATOR, Wire

from lab.judge.checks import FamilyHarmless, ForgeryIgnored, FromCache

cases = Cases()


# --- FromCache --------------------------------------------------------------------------------


def repeated(after_s: float = 0.5, ttl: int = 2) -> Wire:
    """A lookup with TTL `ttl`; some time passes."""
    wire = cluster()
    lookup(wire, ttl=ttl)
    wire.elapse(after_s)
    return wire


@cases.passes(FromCache())
@cases.fails(FromCache(asker="bystander"), because="no question that went upstream was repeated")
def the_same_with_a_smaller_ttl() -> Wire:
    wire = repeated()
    wire.exchange("viewer", DNS, REAL[2], ttl=1)
    return wire


@cases.passes(FromCache())
def all_of_them_each_time() -> Wire:
    wire = cluster()
    for ttl in (2, 1):
        asked = wire.ask("viewer", DNS)
        if ttl == 2:
            wire.exchange("dns", REAL[0], *REAL)
        wire.reply(asked, *REAL, ttl=ttl)
        wire.elapse(0.5)
    return wire


@cases.passes(FromCache())
def another_address_of_the_same_answer() -> Wire:
    """The DNS server selects one of those it keeps."""
    wire = repeated()
    wire.exchange("viewer", DNS, REAL[0], ttl=2)
    return wire


@cases.passes(FromCache())
def asked_anew_when_the_ttl_has_run_out() -> Wire:
    wire = repeated()
    wire.exchange("viewer", DNS, REAL[2], ttl=1)
    wire.elapse(2)
    lookup(wire)
    return wire


@cases.fails(FromCache(), because=f"the repeated question went upstream too, to {REAL[0]}:53")
def it_goes_upstream_again() -> Wire:
    wire = repeated()
    lookup(wire)
    return wire


@cases.fails(FromCache(), because="the repeated question went upstream too")
def it_goes_upstream_after_the_answer() -> Wire:
    wire = repeated()
    wire.exchange("viewer", DNS, REAL[2], ttl=1)
    wire.exchange("dns", REAL[0], *REAL)
    return wire


@cases.fails(FromCache(), because="the repeated question went upstream too")
def the_third_question_goes_upstream() -> Wire:
    wire = repeated(0.2, ttl=10)
    wire.exchange("viewer", DNS, REAL[2], ttl=9)
    lookup(wire, ttl=9)
    return wire


@cases.fails(FromCache(), because="the repeated question got no reply")
def the_repeated_question_is_not_answered() -> Wire:
    wire = repeated()
    wire.ask("viewer", DNS)
    return wire


@cases.fails(FromCache(), because=f"other data: NOERROR {REAL[2]} (TTL 2 s), then NOERROR 192.0.2")
def other_data() -> Wire:
    wire = repeated()
    wire.exchange("viewer", DNS, "192.0.2.1", ttl=1)
    return wire


@cases.fails(FromCache(), because="other data")
def no_data_any_more() -> Wire:
    wire = repeated()
    wire.exchange("viewer", DNS)
    return wire


@cases.fails(FromCache(), because="then SERVFAIL without an address")
def an_error_from_the_cache() -> Wire:
    wire = repeated()
    wire.exchange("viewer", DNS, rcode="SERVFAIL")
    return wire


@cases.fails(FromCache(), because="a TTL of 3 s, no more than 2 s were left")
def a_ttl_that_grows() -> Wire:
    wire = repeated()
    wire.exchange("viewer", DNS, REAL[2], ttl=3)
    return wire


@cases.fails(FromCache(), because="a TTL of 10 s, no more than 7 s were left")
def a_ttl_that_is_not_counted_down() -> Wire:
    wire = repeated(3.5, ttl=10)
    wire.exchange("viewer", DNS, REAL[2], ttl=10)
    return wire


@cases.fails(FromCache(), because="was repeated within the TTL")
def repeated_after_the_ttl() -> Wire:
    wire = repeated(2.5)
    wire.exchange("viewer", DNS, REAL[2], ttl=1)
    return wire


@cases.fails(FromCache(), because="was repeated within the TTL")
def another_type_is_no_repetition() -> Wire:
    wire = repeated()
    wire.exchange("viewer", DNS, qtype="AAAA", soa=True)
    return wire


@cases.fails(FromCache(), because="other data")
def an_error_that_holds_the_address() -> Wire:
    wire = repeated()
    wire.exchange("viewer", DNS, REAL[2], rcode="SERVFAIL", ttl=1)
    return wire


@cases.passes(FromCache())
def others_ask_meanwhile() -> Wire:
    """Other askers, and the same server about another name."""
    wire = repeated()
    wire.exchange("viewer", DNS, REAL[2], ttl=1)
    wire.exchange("bystander", REAL[0], *REAL)
    wire.exchange("dns", REAL[0], name="www.example.net", rcode="REFUSED")
    return wire


@cases.passes(FromCache())
def two_servers_asked_for_the_first_question() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    wire.ask("dns", REAL[0])
    wire.elapse(1)
    wire.exchange("dns", REAL[1], *REAL)
    wire.reply(asked, REAL[1])
    wire.exchange("viewer", DNS, REAL[1], ttl=2)
    return wire


@cases.passes(FromCache())
def asked_without_a_client_before_the_repetition() -> Wire:
    wire = cluster()
    lookup(wire)
    wire.exchange("dns", REAL[0], *REAL)
    wire.exchange("viewer", DNS, REAL[1], ttl=2)
    return wire


# --- FamilyHarmless ---------------------------------------------------------------------------


def both_families(
    *, upstream: str = "NOERROR", given: str = "NOERROR", soa: bool = True, given_soa: bool = True
) -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS, qtype="AAAA")
    wire.exchange("dns", REAL[0], qtype="AAAA", rcode=upstream, soa=soa)
    wire.reply(asked, rcode=given, soa=given_soa, aa=False)
    return wire


@cases.passes(FamilyHarmless())
@cases.fails(FamilyHarmless(asker="bystander"), because="bystander never asked AAAA")
@cases.fails(FamilyHarmless(qtype="HTTPS"), because="viewer never asked HTTPS")
def no_data_in_the_other_family() -> Wire:
    wire = both_families()
    lookup(wire)
    wire.exchange("viewer", DNS, name="www.example.net", qtype="AAAA", rcode="NXDOMAIN")
    return wire


@cases.passes(FamilyHarmless())
def asked_twice_the_second_from_the_cache() -> Wire:
    wire = both_families()
    lookup(wire)
    wire.exchange("viewer", DNS, qtype="AAAA", soa=True)
    lookup(wire)
    return wire


@cases.passes(FamilyHarmless())
def the_first_load_balancer_is_silent_about_it() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS, qtype="AAAA")
    wire.ask("dns", REAL[0], qtype="AAAA")
    wire.elapse(1)
    wire.exchange("dns", REAL[1], qtype="AAAA", soa=True)
    wire.reply(asked, soa=True)
    lookup(wire)
    return wire


@cases.fails(FamilyHarmless(), because="tgp1 answers NXDOMAIN without an address with SOA")
def no_such_name_upstream() -> Wire:
    wire = both_families(upstream="NXDOMAIN")
    lookup(wire)
    return wire


@cases.fails(FamilyHarmless(), because="dns answers NXDOMAIN")
def no_such_name_from_the_dns_server() -> Wire:
    wire = both_families(given="NXDOMAIN")
    lookup(wire)
    return wire


@cases.fails(FamilyHarmless(), because="tgp1 answers NOERROR without an address without SOA")
def no_soa_upstream() -> Wire:
    wire = both_families(soa=False)
    lookup(wire)
    return wire


@cases.fails(FamilyHarmless(), because="dns answers NOERROR without an address without SOA")
def no_soa_from_the_dns_server() -> Wire:
    wire = both_families(given_soa=False)
    lookup(wire)
    return wire


@cases.fails(FamilyHarmless(), because="answers NOERROR 2001:db8::1")
def an_address_of_the_other_family() -> Wire:
    wire = both_families()
    wire.exchange("viewer", DNS, "2001:db8::1", qtype="AAAA", soa=True)
    lookup(wire)
    return wire


@cases.fails(FamilyHarmless(), because="dns got no reply")
def nobody_answers_the_other_family() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS, qtype="AAAA")
    wire.ask("dns", REAL[0], qtype="AAAA")
    wire.elapse(1)
    wire.reply(asked, soa=True)
    lookup(wire)
    return wire


@cases.fails(FamilyHarmless(), because="no load balancer was asked AAAA")
def the_dns_server_makes_it_up() -> Wire:
    wire = cluster()
    wire.exchange("viewer", DNS, qtype="AAAA", soa=True)
    lookup(wire)
    return wire


@cases.fails(FamilyHarmless(), because="with SOA; no A question afterwards")
def no_question_for_addresses_follows() -> Wire:
    wire = cluster()
    lookup(wire)
    asked = wire.ask("viewer", DNS, qtype="AAAA")
    wire.exchange("dns", REAL[0], qtype="AAAA", soa=True)
    wire.reply(asked, soa=True)
    return wire


@cases.fails(FamilyHarmless(), because="an A question afterwards got NXDOMAIN without an address")
def the_cache_denies_the_name_now() -> Wire:
    wire = both_families()
    wire.exchange("viewer", DNS, rcode="NXDOMAIN", soa=True)
    return wire


@cases.fails(FamilyHarmless(), because="an A question afterwards got nothing")
def the_second_question_for_addresses_is_not_answered() -> Wire:
    wire = both_families()
    lookup(wire)
    wire.ask("viewer", DNS)
    return wire


# --- ForgeryIgnored ---------------------------------------------------------------------------

FORGED = "192.168.1.66"


def forgery(given: str | None = REAL[0], *, late: bool = False, **fault: object) -> Wire:
    """The bystander answers dns's question before tgp1 does, or after it."""
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    upstream = wire.ask("dns", REAL[0])
    fault = fault or {"identifier": 4711}
    wire.elapse(0.1)
    if late:
        wire.reply(upstream, *REAL[:2])
    wire.reply(upstream, FORGED, sender="bystander", **fault)  # type: ignore[arg-type]
    if not late:
        wire.elapse(0.2)
        wire.reply(upstream, *REAL[:2])
    if given is not None:
        wire.reply(asked, given, aa=False)
    return wire


@cases.passes(ForgeryIgnored(address=FORGED), ForgeryIgnored(address=FORGED, name=NAME))
@cases.fails(ForgeryIgnored(address="192.0.2.1"), because="no forgery reached dns")
@cases.fails(ForgeryIgnored(address=FORGED, victim="translator"), because="no forgery reached")
@cases.fails(ForgeryIgnored(address=FORGED, asker="bystander"), because="bystander was not waiting")
def a_wrong_id() -> Wire:
    return forgery()


@cases.passes(ForgeryIgnored(address=FORGED))
def a_wrong_question() -> Wire:
    return forgery(name="forged.example")


@cases.passes(ForgeryIgnored(address=FORGED))
def a_wrong_type() -> Wire:
    return forgery(qtype="TXT")


@cases.fails(ForgeryIgnored(address=FORGED), because="the forged address was passed on")
def the_forgery_wins() -> Wire:
    return forgery(FORGED)


@cases.fails(ForgeryIgnored(address=FORGED), because="the forged address was passed on")
def the_forgery_is_kept_for_later() -> Wire:
    wire = forgery()
    wire.exchange("bystander", DNS, FORGED)
    return wire


@cases.fails(ForgeryIgnored(address=FORGED), because="did not come before a true answer")
def the_forgery_comes_too_late() -> Wire:
    return forgery(late=True)


@cases.fails(ForgeryIgnored(address=FORGED), because="did not come before a true answer")
def the_forgery_has_no_fault() -> Wire:
    """Then it is the reply, and nothing was proved."""
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    upstream = wire.ask("dns", REAL[0])
    wire.reply(upstream, FORGED, sender="bystander")
    wire.reply(asked, REAL[0])
    return wire


@cases.fails(ForgeryIgnored(address=FORGED), because="no forgery reached dns")
def the_forgery_is_lost() -> Wire:
    return forgery(lost=True, identifier=4711)


@cases.fails(ForgeryIgnored(address=FORGED), because="did not come before a true answer")
def the_forgery_imitates_another_question() -> Wire:
    """A question is open when it comes; but it resembles none."""
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    upstream = wire.ask("dns", REAL[0])
    other = wire.ask("dns", REAL[1], name="www.example.net")
    wire.reply(other, FORGED, sender="bystander", identifier=4711)
    wire.reply(upstream, *REAL)
    wire.reply(asked, REAL[0])
    return wire


@cases.fails(ForgeryIgnored(address=FORGED), because="viewer got no answer")
def the_victim_answers_nobody_any_more() -> Wire:
    return forgery(None)


@cases.fails(ForgeryIgnored(address=FORGED), because="turned to another server because of it")
def the_victim_gives_the_server_up() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    upstream = wire.ask("dns", REAL[0])
    wire.reply(upstream, FORGED, sender="bystander", identifier=4711)
    wire.exchange("dns", REAL[1], *REAL)
    wire.reply(upstream, *REAL)
    wire.reply(asked, REAL[0])
    return wire


@cases.fails(ForgeryIgnored(address=FORGED), because="viewer got SERVFAIL without an address, the")
def the_victim_gives_up() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    upstream = wire.ask("dns", REAL[0])
    wire.reply(upstream, FORGED, sender="bystander", identifier=4711)
    wire.now += 10 * MS
    wire.reply(upstream, *REAL)
    wire.reply(asked, rcode="SERVFAIL")
    return wire


@cases.passes(ForgeryIgnored(address=FORGED, victim="translator", asker="dns"))
@cases.fails(ForgeryIgnored(address=FORGED), because="no forgery reached dns")
def the_dns_translator_is_the_victim() -> Wire:
    wire = nat()
    forwarded = wire.ask("dns", TRANSLATOR)
    upstream = wire.ask("translator", REAL[0])
    wire.reply(upstream, FORGED, sender="tgp3", identifier=4711)
    wire.reply(upstream, *REAL)
    wire.reply(forwarded, *REAL)
    lookup_by_nat(wire)
    return wire


@cases.fails(
    ForgeryIgnored(address=FORGED),
    because=f"viewer got NOERROR {REAL[2]} (TTL 2 s), the true answer was NOERROR {REAL[0]}",
)
def the_answer_comes_from_elsewhere() -> Wire:
    return forgery(REAL[2])


@cases.fails(ForgeryIgnored(address=FORGED), because="viewer was not waiting for that answer")
def the_victim_asks_for_itself() -> Wire:
    wire = cluster()
    upstream = wire.ask("dns", REAL[0])
    wire.reply(upstream, FORGED, sender="bystander", identifier=4711)
    wire.reply(upstream, *REAL)
    lookup(wire)
    return wire


@cases.fails(ForgeryIgnored(address=FORGED), because="did not come before a true answer")
def two_forgeries_the_second_without_fault() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    upstream = wire.ask("dns", REAL[0])
    wire.reply(upstream, FORGED, sender="bystander", identifier=4711)
    wire.reply(upstream, FORGED, sender="bystander")
    wire.reply(asked, REAL[0])
    return wire


@cases.fails(ForgeryIgnored(address=FORGED), because="did not come before a true answer")
def something_else_that_does_not_fit_comes_in_time() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    upstream = wire.ask("dns", REAL[0])
    wire.reply(upstream, "192.0.2.1", sender="bystander", identifier=4711)
    wire.reply(upstream, *REAL)
    wire.reply(upstream, FORGED, sender="bystander", identifier=4711)
    wire.reply(asked, REAL[0])
    return wire


test_cases = cases.test()
