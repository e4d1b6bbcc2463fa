"""Hosted zones: what they hold, what they deny, what they delegate."""

from __future__ import annotations

import pytest
from dns_upstreams import FIRST, ZONE, Stage, answering, silent

from resolver.config import ForwardRule, HostedZone
from resolver.dns.message import Rcode, Reply
from resolver.dns.records import Type, negative_ttl
from resolver.dns.zones import Found, Missing, Referral, Zone, Zones

TEXT = """\
$TTL 60
@           SOA   ns hostmaster 1 3600 600 86400 5
@           NS    ns
ns          A     192.168.1.2
internet    A     192.168.1.100
internet    A     192.168.1.101
www         CNAME internet
away        CNAME host.example.test.
loop        CNAME loop
a.b.c       A     192.0.2.1
*.wild      TXT   "x"
host.wild   A     192.0.2.2
hr          NS    ns.hr
ns.hr       A     192.0.2.3
ns.hr       AAAA  2001:db8::3
"""
INTERN = HostedZone("Intern.netz.", TEXT)


@pytest.fixture
def zone() -> Zone:
    return Zone(INTERN)


def test_data_is_found(zone):
    found = zone.look_up("internet.intern.netz", Type.A)
    assert isinstance(found, Found)
    assert [r.rdata[3] for r in found.answers] == [100, 101]
    assert {r.ttl for r in found.answers} == {60}


@pytest.mark.parametrize(
    ("name", "rtype", "rcode"),
    [
        ("internet.intern.netz", Type.AAAA, Rcode.NOERROR),
        ("b.c.intern.netz", Type.A, Rcode.NOERROR),  # an empty non-terminal
        ("wild.intern.netz", Type.TXT, Rcode.NOERROR),
        ("none.intern.netz", Type.A, Rcode.NXDOMAIN),
        ("x.host.wild.intern.netz", Type.TXT, Rcode.NXDOMAIN),  # closest encloser: host.wild
        ("x.y.wild.intern.netz", Type.A, Rcode.NOERROR),
    ],
)
def test_absence_comes_with_the_soa(zone, name, rtype, rcode):
    missing = zone.look_up(name, rtype)
    assert isinstance(missing, Missing)
    assert missing.rcode == rcode
    assert [(r.rtype, r.ttl) for r in missing.authority] == [(Type.SOA, 5)]


@pytest.mark.parametrize(("ttl", "minimum", "negative"), [(100, 3, 3), (3, 100, 3)])
def test_the_negative_ttl_is_the_lower_of_the_soas_two(ttl, minimum, negative):
    text = f"@ {ttl} SOA ns h 1 2 3 4 {minimum}\n@ 9 NS ns.x.\n"
    missing = Zone(HostedZone("z", text)).look_up("a.z", Type.A)
    assert isinstance(missing, Missing)
    assert missing.authority[0].ttl == negative == negative_ttl(missing.authority[0])


def test_a_wildcard_answers_in_the_name_that_was_asked(zone):
    found = zone.look_up("x.y.wild.intern.netz", Type.TXT)
    assert isinstance(found, Found)
    assert [r.name for r in found.answers] == ["x.y.wild.intern.netz"]


@pytest.mark.parametrize("name", ["hr.intern.netz", "pc.hr.intern.netz", "ns.hr.intern.netz"])
def test_below_a_delegation_stands_a_referral_with_glue(name, zone):
    referral = zone.look_up(name, Type.A)
    assert isinstance(referral, Referral)
    assert [r.name for r in referral.authority] == ["hr.intern.netz"]
    assert [r.rtype for r in referral.additional] == [Type.A, Type.AAAA]


def test_the_ds_of_a_delegation_is_the_parents(zone):
    assert isinstance(zone.look_up("hr.intern.netz", Type.DS), Missing)


def test_the_closest_zone_answers():
    child = HostedZone("internet.intern.netz", "@ 1 SOA ns h 1 2 3 4 5\n@ 1 NS ns.x.\n")
    zones = Zones((INTERN, child))
    assert zones.closest("a.internet.intern.netz").origin == "internet.intern.netz"
    assert zones.closest("a.intern.netz").origin == "intern.netz"
    assert zones.closest("netz") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no SOA record"),
        ("@ 1 SOA a b 1 2 3 4 5", "no NS record"),
        (
            "@ 1 SOA a b 1 2 3 4 5\n@ 1 NS x\nx 1 FOO bar",
            'line 3: "x 1 FOO bar" is no record .*; write',
        ),
        ("@ 1 SOA a b 1 2 3 4 5\n@ 1 NS x\nx 1 A 1.2.3\n", 'line 3: "x 1 A 1.2.3" is no record'),
        ("@ 1 SOA a b 1 2 3 4 5\nx 1 A 1.2.3\ny 1 A 1.2.3.4\n", 'line 2: "x 1 A 1.2.3" is no'),
        (
            "$ORIGIN z.test.\n@ 1 SOA a b 1 2 3 4 5\n@ 1 NS x\nx 1 A 1.2.3\n",
            'line 4: "x 1 A 1.2.3"',
        ),
        ("@ 1 SOA a b (1 2\n3 4 five)\n@ 1 NS x\n", r'line 2: "3 4 five\)" is no record'),
        ("@ 1 SOA a b (1 2 3 4 5\n@ 1 NS x\n", "line .: .* is no record"),
        ("@ 1 SOA a b 1 2 3 4 5\n@ 1 NS x\nx 1 A 1.2.3.4\nx 1 CNAME y", "keep the CNAME alone"),
        ("@ 1 SOA a b 1 2 3 4 5\n@ 1 NS x\nx 1 DNAME a.\nx 1 NS y", "x.z.test: DNAME and NS"),
        ("@ 1 SOA a b 1 2 3 4 5\n@ 1 NS x\nx 1 A 1.2.3.256", "line 3"),
        (
            "@ 1 SOA a b 1 2 3 4 5\n@ 1 NS x\n$generate 1-99999999 h$ A 192.0.2.1",
            r"line 3: \$GENERATE 1-99999999 makes more than 65536 records; correct",
        ),
    ],
)
def test_text_that_is_no_zone_says_which_and_where(text, says):
    with pytest.raises(ValueError, match=rf"zone z\.test: .*{says}"):
        Zone(HostedZone("z.test", text))


def test_generated_records_may_be_as_many_as_the_hosts_of_a_small_network():
    zone = Zone(HostedZone("z.test", f"{TEXT}\n$GENERATE 1-254 h$ A 192.0.2.$\n"))
    assert isinstance(zone.look_up("h254.z.test", Type.A), Found)


def test_a_zone_is_hosted_once():
    with pytest.raises(ValueError, match="hosted twice"):
        Zones((INTERN, HostedZone("INTERN.netz", TEXT)))


# --- through the resolver ----------------------------------------------------------------------

RULES = (ForwardRule("example.test", (FIRST,)), ForwardRule("hr.intern.netz", (FIRST,)))


def stage(**more) -> Stage:
    return Stage({FIRST: answering("203.0.113.1")}, zones=(INTERN,), **{"rules": RULES, **more})


def test_own_data_is_answered_with_authority_and_asks_nobody():
    play = stage(rules=(ForwardRule("internet.intern.netz", (FIRST,)),))
    got = play.resolve("INTERNET.intern.netz")
    assert sorted(got.addresses) == ["192.168.1.100", "192.168.1.101"]
    assert got.reply.aa
    assert got.reply.ra
    assert got.reply.question.name == "INTERNET.intern.netz"
    # OWN-04: not delegated, so the parent answers although a rule stands below it.
    assert play.resolve("x.internet.intern.netz").reply.rcode == Rcode.NXDOMAIN
    assert play.asked == []


def test_an_alias_inside_the_zone_is_completed_with_authority():
    got = stage().resolve("www.intern.netz")
    assert [r.rtype for r in got.reply.answers] == [Type.CNAME, Type.A, Type.A]
    assert got.reply.aa


def test_an_alias_out_of_the_zone_is_completed_by_the_normal_order():
    got = stage().resolve("away.intern.netz")
    assert [r.name for r in got.reply.answers] == ["away.intern.netz", "host.example.test"]
    assert got.addresses == ["203.0.113.1"]
    assert got.reply.aa  # of the name that was asked


def test_an_alias_out_of_the_zone_stays_open_without_recursion():
    play = stage()
    got = play.resolve("away.intern.netz", rd=False)
    assert (got.reply.rcode, len(got.reply.answers)) == (Rcode.NOERROR, 1)
    assert play.asked == []


def test_an_alias_to_a_name_nobody_is_for_is_a_failure_with_recursion():
    got = stage(rules=(ForwardRule(ZONE, (FIRST,)),)).resolve("away.intern.netz")
    assert (got.reply.rcode, got.reply.answers) == (Rcode.SERVFAIL, ())


def test_an_alias_loop_ends():
    assert stage().resolve("loop.intern.netz").reply.rcode == Rcode.SERVFAIL


def test_below_a_delegation_the_rule_is_asked():
    play = stage()
    assert play.resolve("pc.hr.intern.netz").addresses == ["203.0.113.1"]
    assert [asked.server for asked in play.asked] == [FIRST]


def test_below_a_delegation_without_recursion_stands_the_referral():
    play = stage()
    got = play.resolve("pc.hr.intern.netz", rd=False)
    assert (got.reply.rcode, got.reply.aa, got.reply.answers) == (Rcode.NOERROR, False, ())
    assert [r.rtype for r in got.reply.authority] == [Type.NS]
    assert play.asked == []


def test_a_delegated_name_without_a_rule_is_never_referred_when_recursion_is_offered():
    got = stage(rules=(ForwardRule("example.test", (FIRST,)),)).resolve("pc.hr.intern.netz")
    assert got.reply.rcode == Rcode.REFUSED


def test_without_rules_there_is_no_recursion_to_offer():
    play = Stage({FIRST: silent}, zones=(INTERN,), rules=())
    got = play.resolve("internet.intern.netz")
    assert isinstance(got.reply, Reply)
    assert not got.reply.ra
    assert play.resolve("elsewhere.test").reply.rcode == Rcode.REFUSED


@pytest.mark.parametrize(
    ("records", "line", "problem"),
    [
        ("www CNAME a\nwww CNAME b\n", 2, "www.example. has one CNAME already; keep one of them"),
        (
            "b CNAME x\nb A 192.0.2.1\n", 2,
            "b.example. has a CNAME record and others; keep the CNAME alone, or the others",
        ),
        ("x DNAME a\nx DNAME b\n", 2, "x.example. has one DNAME already; keep one of them"),
        ("@ SOA ns h 2 2 3 4 5\n", 1, "example. has one SOA already; keep one of them"),
        (
            "foo.bar. A 192.0.2.1\n", 1,
            "foo.bar. is outside the zone; leave its final dot away, or the record",
        ),
        (
            "a A 192.0.2.1\n$ORIGIN sub\nwww.example.com. A 192.0.2.1\n", 3,
            "www.example.com. is outside the zone; leave its final dot away, or the record",
        ),
        (
            "$GENERATE 1-3 h$.other. A 192.0.2.$\n", 1,
            "h1.other. is outside the zone; leave its final dot away, or the record",
        ),
    ],
)  # fmt: skip
def test_no_record_is_lost_without_a_word(records, line, problem):
    text = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
    with pytest.raises(ValueError, match="would be lost") as refusal:
        Zone(HostedZone("example", text + records))
    assert str(refusal.value).endswith(f"would be lost: {problem}")
    assert refusal.value.line == text.count("\n") + line


def test_a_record_that_stands_twice_is_one_and_an_origin_moves_relative_names():
    text = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\nb CNAME ns\nb CNAME ns\n"
    zone = Zone(HostedZone("example", text + "$ORIGIN sub\nq A 192.0.2.7\n"))
    assert zone.look_up("q.sub.example", Type.A).answers[0].rdata == bytes((192, 0, 2, 7))
    assert len(zone.look_up("b.example", Type.CNAME).answers) == 1
