"""Which source answers for a name, and that none of them reaches into another's."""

from __future__ import annotations

import pytest
from dns_internet import ALPHA6, APEX, BETA, NAMES, ROOT, RTT, TLD, internet, serving, trace
from dns_upstreams import (
    FIRST,
    SECOND_,
    Asked,
    Stage,
    a,
    answering,
    cname,
    ns,
    replying,
    silent,
    soa,
    unreachable,
)

from resolver.config import ForwardRule, HostedZone
from resolver.dns import names
from resolver.dns.message import Rcode, build_reply
from resolver.dns.records import Record, Type
from resolver.machine import MILLISECOND, SECOND, Endpoint

T = 2 * SECOND
EVIL = Endpoint("192.0.2.66", 53)


def whom(play: Stage) -> list[str]:
    return [NAMES.get(asked.server, asked.server.address) for asked in play.asked]


# --- the order of the sources ------------------------------------------------------------------


def test_five_sources_one_taken_away_at_a_time():
    """OWN-06: each holds another answer for www.beta.test."""
    own = HostedZone("beta.test", APEX + "@ NS ns\nns A 10.0.0.53\nwww A 10.0.0.1\n")
    condition = ForwardRule("beta.test", (FIRST,))
    forwarder = ForwardRule(".", (SECOND_,))
    servers = {FIRST: answering("10.0.0.2"), SECOND_: answering("10.0.0.3")}

    def ask(zones=(), rules=()) -> tuple[list[str], list[str]]:
        play = internet(zones=zones, rules=rules, servers=servers)
        got = play.resolve("www.beta.test")
        asked = whom(play)
        play.asked.clear()
        assert play.resolve("www.beta.test").addresses == got.addresses
        assert play.asked == []  # the cache comes before whoever filled it
        return got.addresses, asked

    assert ask((own,), (condition, forwarder)) == (["10.0.0.1"], [])
    assert ask((), (condition, forwarder)) == (["10.0.0.2"], [FIRST.address])
    assert ask((), (forwarder,)) == (["10.0.0.3"], [SECOND_.address])
    assert ask() == (["203.0.113.2"], ["root", "test", "beta"])


def test_with_forwarders_that_work_the_root_sees_nothing():
    rules = (ForwardRule(".", (FIRST,), recursion=True),)
    play = internet(rules=rules, servers={FIRST: answering("10.0.0.1")})
    assert play.resolve("www.beta.test").addresses == ["10.0.0.1"]
    assert whom(play) == [FIRST.address]
    assert play.asked[0].query.rd


@pytest.mark.parametrize("recursion", [True, False])
def test_a_condition_without_servers_ends_forwarding_below_it(recursion):
    rules = (ForwardRule(".", (FIRST,)), ForwardRule("beta.test", ()),
             ForwardRule("deep.beta.test", (SECOND_,)))  # fmt: skip
    servers = {FIRST: answering("10.0.0.1"), SECOND_: answering("10.0.0.2")}
    play = internet(rules=rules, servers=servers, recursion=recursion)
    got = play.resolve("www.beta.test")
    if recursion:
        assert got.addresses == ["203.0.113.2"]
        assert whom(play) == ["root", "test", "beta"]
    else:
        assert (got.reply.rcode, play.asked) == (Rcode.SERVFAIL, [])
    assert play.resolve("x.deep.beta.test").addresses == ["10.0.0.2"]
    assert play.resolve("www.alpha.test").addresses == ["10.0.0.1"]


def test_recursion_begins_with_the_last_forwarders_timeout():
    """FWD-14."""
    rules = (ForwardRule(".", (FIRST, SECOND_), recursion=True),)
    play = internet(rules=rules, servers={FIRST: silent, SECOND_: silent})
    got = play.resolve("www.beta.test")
    assert [at for at, _, _ in trace(play)] == [0, 2000, 4000, 4010, 4020]
    assert whom(play)[2:] == ["root", "test", "beta"]
    assert (got.addresses, got.at) == (["203.0.113.2"], 2 * T + 3 * RTT)
    # RFC 9520: for a moment nobody asks the forwarders this again, and what is known is given.
    assert play.resolve("www.beta.test").addresses == ["203.0.113.2"]
    assert len(play.asked) == 5


def test_after_an_outage_the_first_forwarder_is_first_again():
    rules = (ForwardRule(".", (FIRST,), recursion=True),)
    play = internet(rules=rules, servers={FIRST: silent})
    play.resolve("www.beta.test")
    play.servers[FIRST] = answering("10.0.0.1")
    play.asked.clear()
    assert play.resolve("www.alpha.test").addresses == ["10.0.0.1"]
    assert whom(play) == [FIRST.address]


@pytest.mark.parametrize("recursion", [True, False])
def test_nothing_leaks_when_a_rule_keeps_to_its_forwarders(recursion):
    """FWD-13, CND-08: alive or dead, a private name is shown to its own servers alone."""
    rules = (ForwardRule("corp.test", (FIRST,)), ForwardRule(".", (SECOND_,), recursion=True))
    servers = {FIRST: silent, SECOND_: answering("10.0.0.2")}
    play = internet(rules=rules, servers=servers, recursion=recursion)
    got = play.resolve("secret.corp.test")
    assert (got.reply.rcode, got.at) == (Rcode.SERVFAIL, T)
    play.resolve("secret.corp.test")
    assert whom(play) == [FIRST.address]


@pytest.mark.parametrize("final", [0, 3])
def test_absence_from_a_forwarder_is_final(final):
    rules = (ForwardRule(".", (FIRST,), recursion=True),)
    absent = replying(rcode=final, authority=[soa("test")])
    play = internet(rules=rules, servers={FIRST: absent})
    assert play.resolve("www.beta.test").reply.rcode == final
    assert whom(play) == [FIRST.address]


def test_nobody_is_asked_for_names_nobody_is_responsible_for():
    play = internet(recursion=False)
    assert play.resolve("www.beta.test").reply.rcode == Rcode.REFUSED
    assert play.asked == []


# --- own zones and their delegations -----------------------------------------------------------

WIDGETS = HostedZone(
    "widgets.beta.test",
    APEX + "@ NS ns\nns A 10.0.0.53\nwww A 10.0.0.1\n"
    "hr NS ns.hr\nns.hr A 192.0.2.66\nnoglue NS ns.beta.test.\n",
)


def test_below_a_delegation_of_ours_recursion_begins_there():
    served = replying(RTT, answers=[a("www.hr.widgets.beta.test", "10.0.0.7")], authoritative=True)
    play = internet(zones=(WIDGETS,), servers={EVIL: served})
    got = play.resolve("www.hr.widgets.beta.test")
    assert (got.addresses, got.at) == (["10.0.0.7"], RTT)
    assert whom(play) == [EVIL.address]
    assert not got.reply.aa


def test_below_a_delegation_of_ours_a_condition_goes_first():
    """OWN-03, document B."""
    rules = (ForwardRule("hr.widgets.beta.test", (FIRST,)),)
    play = internet(zones=(WIDGETS,), rules=rules, servers={FIRST: answering("10.0.0.8")})
    assert play.resolve("www.hr.widgets.beta.test").addresses == ["10.0.0.8"]
    assert whom(play) == [FIRST.address]


def test_in_a_zone_of_ours_nobody_else_is_asked():
    rules = (ForwardRule("widgets.beta.test", (FIRST,)),)
    play = internet(zones=(WIDGETS,), rules=rules)
    assert play.resolve("nowhere.widgets.beta.test").reply.rcode == Rcode.NXDOMAIN
    assert play.resolve("www.widgets.beta.test").reply.aa
    assert play.asked == []


def test_a_delegation_of_ours_without_glue_has_its_server_found():
    def both(asked: Asked):
        if asked.query.question.name.endswith("noglue.widgets.beta.test"):
            answer = a(asked.query.question.name, "10.0.0.9")
            yield RTT, build_reply(asked.query, asked.transport, answers=[answer],
                                   authoritative=True)  # fmt: skip
        else:
            yield from serving("beta.test")(asked)

    play = internet(zones=(WIDGETS,), servers={BETA: both})
    assert play.resolve("x.noglue.widgets.beta.test").addresses == ["10.0.0.9"]
    assert [what for _, _, what in trace(play)] == [
        "test A", "beta.test A", "ns.beta.test A", "x.noglue.widgets.beta.test A",
    ]  # fmt: skip


def test_an_ancestors_absence_shadows_neither_rule_nor_delegation():
    """CCH-16: for the Internet there is no beta.test; a rule and a zone of ours lie below it."""
    gone = replying(RTT, rcode=3, authority=[soa("test", 300, 300)], authoritative=True)
    served = replying(RTT, answers=[a("www.hr.widgets.beta.test", "10.0.0.7")], authoritative=True)
    rules = (ForwardRule("corp.beta.test", (FIRST,)),)
    play = internet(
        zones=(WIDGETS,), rules=rules,
        servers={TLD: gone, EVIL: served, FIRST: answering("10.0.0.1")},
    )  # fmt: skip
    assert play.resolve("x.beta.test").reply.rcode == Rcode.NXDOMAIN
    assert play.resolve("y.beta.test").reply.rcode == Rcode.NXDOMAIN
    assert whom(play) == ["root", "test"]
    assert play.resolve("a.corp.beta.test").addresses == ["10.0.0.1"]
    assert play.resolve("www.hr.widgets.beta.test").addresses == ["10.0.0.7"]


# --- aliases and servers across sources --------------------------------------------------------


def test_an_alias_from_the_internet_into_a_condition_is_completed_there():
    lies = [cname("x.beta.test", "host.corp"), a("host.corp", "6.6.6.6")]
    rules = (ForwardRule("corp", (FIRST,)),)
    play = internet(
        rules=rules,
        servers={BETA: replying(RTT, answers=lies, authoritative=True),
                 FIRST: answering("10.0.0.1")},
    )  # fmt: skip
    assert play.resolve("x.beta.test").addresses == ["10.0.0.1"]
    assert play.resolve("host.corp").addresses == ["10.0.0.1"]


def test_an_alias_within_a_zone_is_not_followed_into_a_condition_below_it():
    lies = [cname("x.beta.test", "h.corp.beta.test"), a("h.corp.beta.test", "6.6.6.6")]
    rules = (ForwardRule("corp.beta.test", (FIRST,)),)
    servers = {BETA: replying(RTT, answers=lies, authoritative=True), FIRST: answering("10.0.0.1")}
    play = internet(rules=rules, servers=servers)
    assert play.resolve("x.beta.test").addresses == ["10.0.0.1"]
    assert play.resolve("h.corp.beta.test").addresses == ["10.0.0.1"]


def test_an_alias_from_a_condition_into_the_internet_is_resolved_there():
    rules = (ForwardRule("corp", (FIRST,)),)
    lies = [cname("x.corp", "www.beta.test"), a("www.beta.test", "6.6.6.6")]
    play = internet(rules=rules, servers={FIRST: replying(answers=lies)})
    assert play.resolve("x.corp").addresses == ["203.0.113.2"]
    assert whom(play) == [FIRST.address, "root", "test", "beta"]


def test_a_name_server_with_a_private_name_is_looked_for_at_home():
    """CND-08: not even as a server's name does it get to the Internet; nor is glue for it taken."""

    def delegating(asked: Asked):
        if asked.query.question.name.endswith("out.test"):
            yield RTT, build_reply(
                asked.query, asked.transport, authority=[ns("out.test", "ns.corp.test")],
                additional=[a("ns.corp.test", "6.6.6.6")],
            )  # fmt: skip
        else:
            yield from serving("test")(asked)

    answer = replying(RTT, answers=[a("www.out.test", "203.0.113.5")], authoritative=True)
    play = internet(
        rules=(ForwardRule("corp.test", (FIRST,)),),
        servers={TLD: delegating, FIRST: answering(EVIL.address), EVIL: answer},
    )
    assert play.resolve("www.out.test").addresses == ["203.0.113.5"]
    assert [(w, what) for w, (_, _, what) in zip(whom(play), trace(play), strict=True)] == [
        ("root", "test A"), ("test", "out.test A"), (FIRST.address, "ns.corp.test A"),
        (EVIL.address, "www.out.test A"),
    ]  # fmt: skip


# --- MaginotDNS: one role's cache must not steer the other -------------------------------------

POISON = {
    "NS in authority": {"authority": [ns("beta.test", "ns.evil"), ns("test", "ns.evil"),
                                      ns(".", "ns.evil")],
                        "additional": [a("ns.evil", EVIL.address)]},
    "NS of its own with foreign glue": {
        "authority": [ns("corp", "ns.beta.test")],
        "additional": [a("ns.beta.test", EVIL.address), a("ns.nic.test", EVIL.address)],
    },
    "DNAME": {"answers": [Record("test", Type.DNAME, 600, names.to_wire("evil"))]},
    "DNAME at the root": {"answers": [Record(".", Type.DNAME, 600, names.to_wire("evil"))]},
    "extra answers": {"answers": [a("www.beta.test", "6.6.6.6"), ns("beta.test", "ns.evil"),
                                  a("ns.beta.test", EVIL.address), cname("beta.test", "evil")]},
}  # fmt: skip


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
@pytest.mark.parametrize("own_first", [False, True])
def test_a_forwarder_cannot_steer_recursion(poison, own_first):
    def evil(asked: Asked):
        answers = [a(asked.query.question.name, "10.0.0.1"), *poison.get("answers", [])]
        yield (
            MILLISECOND,
            build_reply(
                asked.query, asked.transport, authoritative=True, **{**poison, "answers": answers}
            ),
        )

    rules = (ForwardRule("corp", (FIRST,)),)
    play = internet(rules=rules, servers={FIRST: evil, ALPHA6: unreachable})
    if own_first:  # cuts that are known already must stand as well
        play.resolve("other.beta.test")
    assert play.resolve("x.corp").addresses == ["10.0.0.1"]
    assert play.resolve("www.beta.test").addresses == ["203.0.113.2"]
    assert play.resolve("www.alpha.test").addresses == ["203.0.113.1"]
    assert play.resolve("ns.beta.test").addresses == ["192.0.2.20"]
    assert EVIL.address not in whom(play)


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_recursion_cannot_steer_forwarding(poison):
    def swapped(record: Record) -> Record:
        owner = record.name.replace("beta.test", "corp")
        return Record(owner, record.rtype, record.ttl, record.rdata)

    sections = {section: list(map(swapped, records)) for section, records in poison.items()}

    def evil(asked: Asked):
        answers = [a(asked.query.question.name, "203.0.113.6"), *sections.get("answers", []),
                   a("x.corp", "6.6.6.6")]  # fmt: skip
        yield (
            RTT,
            build_reply(
                asked.query, asked.transport, authoritative=True, **{**sections, "answers": answers}
            ),
        )

    rules = (ForwardRule("corp", (FIRST,)),)
    play = internet(rules=rules, servers={BETA: evil, FIRST: answering("10.0.0.1")})
    assert play.resolve("www.beta.test").addresses == ["203.0.113.6"]
    assert play.resolve("x.corp").addresses == ["10.0.0.1"]
    assert play.resolve("corp", Type.NS).reply.answers == ()
    assert whom(play)[-2:] == [FIRST.address, FIRST.address]


def test_a_forwarders_answer_is_not_recursions_below_a_cancelled_rule():
    """What `.` learnt of an ancestor is not known below a rule that ends forwarding."""
    rules = (ForwardRule(".", (FIRST,)), ForwardRule("beta.test", ()))
    gone = replying(rcode=3, authority=[soa("test")])
    play = internet(rules=rules, servers={FIRST: gone})
    assert play.resolve("test").reply.rcode == Rcode.NXDOMAIN
    assert play.resolve("www.beta.test").addresses == ["203.0.113.2"]
    assert ROOT in {asked.server for asked in play.asked}


def test_what_a_forwarder_says_of_a_name_server_does_not_move_it():
    """All but beta.test is forwarded; the forwarder's idea of beta.test's server is not used."""
    rules = (ForwardRule(".", (FIRST,)), ForwardRule("beta.test", ()))
    play = internet(rules=rules, servers={FIRST: answering(EVIL.address)})
    for name in ("ns.nic.test", "ns.alpha.test"):
        assert play.resolve(name).addresses == [EVIL.address]
    assert play.resolve("www.beta.test").addresses == ["203.0.113.2"]
    assert whom(play)[2:] == ["root", "test", "beta"]
