"""Authoritative answers in full: DNAME, wildcards, cuts and what lies below them, DS, glue.

What an authoritative server says is written down in the RFCs case by case; each case stands here
with its section.
"""

from __future__ import annotations

import pytest
from dns_internet import ALPHA6, APEX, internet
from dns_upstreams import FIRST, SECOND_, Got, Stage, a, answering, replying, silent

from resolver.config import ForwardRule, HostedZone
from resolver.dns import names
from resolver.dns.message import Rcode
from resolver.dns.message_reading import read_additional
from resolver.dns.records import Type
from resolver.dns.zones import Found, Missing, Referral, TooLong, Zone

LONG = ".".join(["l" * 61] * 3)
ZONE_TEXT = f"""\
$TTL 60
@            SOA   ns hostmaster 1 3600 600 86400 5
@            NS    ns
@            NS    ns.elsewhere.test.
@            MX    10 mail
ns           A     192.0.2.53
ns           AAAA  2001:db8::53
mail         A     192.0.2.25
_sip._tcp    SRV   0 0 5060 mail
here         DNAME target
under.here   A     192.0.2.99
a.target     A     192.0.2.1
out          DNAME example.test.
self         DNAME self
long         DNAME {LONG}.test.
cut          NS    ns.cut
cut          DS    1 8 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
ns.cut       A     192.0.2.3
deep.cut     NS    ns.deep.cut
ns.deep.cut  A     192.0.2.4
redir.cut    DNAME target
*.wild       CNAME a.target
*.wildout    CNAME host.example.test.
*.mx         MX    5 mail
node.x.mx    TXT   "x"
chain        CNAME w.wild
to-nowhere   CNAME nowhere
to-cut       CNAME x.cut
"""
HOSTED = HostedZone("intern.netz", ZONE_TEXT)


@pytest.fixture(scope="module")
def zone() -> Zone:
    return Zone(HOSTED)


def stage(**more) -> Stage:
    rules = (ForwardRule("example.test", (FIRST,)),)
    return Stage({FIRST: answering("203.0.113.1")}, zones=(HOSTED,), **{"rules": rules, **more})


def whom(play: Stage) -> list[str]:
    return [str(asked.server) for asked in play.asked]


def types(got: Got) -> list[int]:
    return [record.rtype for record in got.reply.answers]


# --- DNAME (RFC 6672) ----------------------------------------------------------------------------


def test_a_name_below_a_dname_is_redirected():
    """RFC 6672 3.2: the DNAME, the CNAME that follows from it, and where it leads."""
    got = stage().resolve("A.here.intern.netz")
    assert types(got) == [Type.DNAME, Type.CNAME, Type.A]
    dname, alias, _ = got.reply.answers
    assert (alias.name.lower(), alias.target) == ("a.here.intern.netz", "a.target.intern.netz")
    assert alias.ttl == dname.ttl == 60  # RFC 6672 3.1
    assert (got.addresses, got.reply.aa) == (["192.0.2.1"], True)


def test_the_alias_that_follows_from_a_dname_is_an_answer_itself():
    got = stage().resolve("nowhere.here.intern.netz", Type.CNAME)
    assert (got.reply.rcode, types(got)) == (Rcode.NOERROR, [Type.DNAME, Type.CNAME])
    assert got.reply.authority == ()


def test_the_owner_of_a_dname_is_not_redirected(zone):
    """RFC 6672 2.3."""
    assert isinstance(zone.look_up("here.intern.netz", Type.A), Missing)
    assert zone.look_up("here.intern.netz", Type.A).rcode == Rcode.NOERROR
    found = zone.look_up("here.intern.netz", Type.DNAME)
    assert (len(found.answers), found.alias) == (1, None)


def test_what_the_text_holds_below_a_dname_is_not_there(zone):
    """RFC 6672 2.4: nothing may be there; if something is, it is not looked at."""
    found = zone.look_up("under.here.intern.netz", Type.A)
    assert [r.rtype for r in found.answers] == [Type.DNAME, Type.CNAME]
    assert found.alias == "under.target.intern.netz"


def test_a_dname_out_of_the_zone_is_completed_by_the_normal_order():
    play = stage()
    got = play.resolve("host.out.intern.netz")
    assert types(got) == [Type.DNAME, Type.CNAME, Type.A]
    assert play.asked[0].query.question.name == "host.example.test"
    assert got.reply.aa
    got = stage().resolve("host.out.intern.netz", rd=False)
    assert (got.reply.rcode, types(got)) == (Rcode.NOERROR, [Type.DNAME, Type.CNAME])


def test_a_dname_to_too_long_a_name_says_so(zone):
    """RFC 6672 2.2: YXDOMAIN, with the DNAME that is the reason."""
    name = "x" * 63 + ".long.intern.netz"
    assert isinstance(zone.look_up(name, Type.A), TooLong)
    got = stage().resolve(name)
    assert (got.reply.rcode, types(got), got.reply.aa) == (Rcode.YXDOMAIN, [Type.DNAME], True)


def test_a_dname_to_itself_ends():
    """Each turn makes the name longer by nothing, so it is the bound on aliases that ends it."""
    assert stage().resolve("x.self.intern.netz").reply.rcode == Rcode.SERVFAIL


def test_a_dname_below_a_cut_is_the_childs(zone):
    assert isinstance(zone.look_up("x.redir.cut.intern.netz", Type.A), Referral)


def test_a_dname_at_the_apex_redirects_all_but_the_apex():
    """RFC 6672 2.3: SOA and NS stay."""
    apex = Zone(HostedZone("old.test", APEX + "@ NS ns.new.test.\n@ DNAME new.test.\n"))
    assert apex.look_up("a.b.old.test", Type.A).alias == "a.b.new.test"
    assert isinstance(apex.look_up("old.test", Type.SOA), Found)
    assert apex.look_up("old.test", Type.A).rcode == Rcode.NOERROR


# --- wildcards and empty non-terminals (RFC 4592, RFC 8020) --------------------------------------


def test_a_wildcard_alias_is_followed_from_the_name_that_was_asked():
    got = stage().resolve("any.thing.wild.intern.netz")
    assert [r.name for r in got.reply.answers] == [
        "any.thing.wild.intern.netz", "a.target.intern.netz",
    ]  # fmt: skip
    assert got.reply.aa
    got = stage().resolve("chain.intern.netz")
    assert types(got) == [Type.CNAME, Type.CNAME, Type.A]
    assert stage().resolve("x.wildout.intern.netz").addresses == ["203.0.113.1"]


@pytest.mark.parametrize(
    ("name", "rtype", "rcode"),
    [
        ("wild.intern.netz", Type.A, Rcode.NOERROR),  # an empty non-terminal above the wildcard
        ("_tcp.intern.netz", Type.SRV, Rcode.NOERROR),
        ("x.mx.intern.netz", Type.MX, Rcode.NOERROR),  # exists, as node.x.mx does: no wildcard
        ("other.x.mx.intern.netz", Type.MX, Rcode.NXDOMAIN),  # closest encloser x.mx has none
        ("y.mx.intern.netz", Type.A, Rcode.NOERROR),
    ],
)
def test_what_a_wildcard_does_not_cover(zone, name, rtype, rcode):
    missing = zone.look_up(name, rtype)
    assert isinstance(missing, Missing)
    assert missing.rcode == rcode


def test_a_wildcard_asked_for_by_its_own_name_is_a_name_like_others(zone):
    assert zone.look_up("*.mx.intern.netz", Type.MX).answers[0].name == "*.mx.intern.netz"
    assert zone.look_up("*.wild.intern.netz", Type.A).alias == "a.target.intern.netz"


# --- cuts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rtype", [Type.A, Type.NS, Type.SOA, Type.ANY, Type.TXT])
@pytest.mark.parametrize("name", ["cut", "ns.cut", "deep.cut", "ns.deep.cut", "no.such.cut"])
def test_at_and_below_a_cut_there_is_the_highest_referral_and_nothing_else(zone, name, rtype):
    """RFC 1034 4.3.2, step 3b; what lies deeper, NS records too, is occluded."""
    referral = zone.look_up(f"{name}.intern.netz", rtype)
    assert isinstance(referral, Referral)
    assert [r.name for r in referral.authority] == ["cut.intern.netz"]
    assert [r.name for r in referral.additional] == ["ns.cut.intern.netz"]


def test_the_ds_at_a_cut_is_ours_and_below_it_is_not(zone):
    """RFC 4035 3.1.4.1."""
    assert [r.rtype for r in zone.look_up("cut.intern.netz", Type.DS).answers] == [Type.DS]
    assert isinstance(zone.look_up("deep.cut.intern.netz", Type.DS), Referral)


def test_the_ds_of_a_hosted_child_comes_from_its_hosted_parent():
    child = HostedZone("cut.intern.netz", APEX + "@ NS ns\nns A 192.0.2.3\nwww A 192.0.2.5\n")
    play = Stage({FIRST: silent}, zones=(HOSTED, child))
    assert types(play.resolve("cut.intern.netz", Type.DS)) == [Type.DS]
    assert play.resolve("www.cut.intern.netz").addresses == ["192.0.2.5"]  # OWN-09
    alone = Stage({FIRST: silent}, zones=(child,)).resolve("cut.intern.netz", Type.DS)
    assert (alone.reply.rcode, alone.reply.answers, alone.reply.aa) == (Rcode.NOERROR, (), True)
    assert alone.reply.authority[0].name == "cut.intern.netz"


def test_without_rd_a_referral_stands_with_its_glue_and_without_authority():
    """OWN-08."""
    got = stage().resolve("x.cut.intern.netz", rd=False)
    assert (got.reply.rcode, got.reply.aa, got.reply.answers) == (Rcode.NOERROR, False, ())
    assert [(r.rtype, r.target) for r in got.reply.authority] == [(Type.NS, "ns.cut.intern.netz")]
    assert [(r.name, r.rtype) for r in read_additional(got.reply)] == [("ns.cut.intern.netz", 1)]


def test_an_alias_into_a_cut_is_answered_as_far_as_it_is_ours():
    """RFC 1034 4.3.2: the CNAME with authority, then the referral for its target."""
    got = stage().resolve("to-cut.intern.netz", rd=False)
    assert (types(got), got.reply.aa) == ([Type.CNAME], True)
    assert [r.rtype for r in got.reply.authority] == [Type.NS]


def test_an_alias_to_nowhere_is_an_absence_behind_an_alias():
    """RFC 6604 3, RFC 2308 2.1."""
    got = stage().resolve("to-nowhere.intern.netz")
    assert (got.reply.rcode, types(got), got.reply.aa) == (Rcode.NXDOMAIN, [Type.CNAME], True)
    assert [(r.rtype, r.ttl) for r in got.reply.authority] == [(Type.SOA, 5)]  # OWN-13


# --- OWN-07: a delegated child without a condition of its own ------------------------------------

PARENT = HostedZone(
    "widgets.beta.test", APEX + "@ NS ns\nns A 10.0.0.53\nhr NS ns.hr\nns.hr A 10.10.10.101\n"
)
CHILD = replying(answers=[a("www.hr.widgets.beta.test", "10.0.0.7")], authoritative=True)


@pytest.mark.parametrize("above", [".", "beta.test", "widgets.beta.test"])
def test_the_delegation_says_more_than_a_rule_from_above_it(above):
    """No packet about a private child goes to a rule's servers that stand above the zone."""
    rules = (ForwardRule(above, (FIRST,), recursion=True),)
    servers = {FIRST: answering("6.6.6.6"), SECOND_: CHILD, ALPHA6: silent}
    play = internet(zones=(PARENT,), rules=rules, servers=servers)
    got = play.resolve("www.hr.widgets.beta.test")
    assert (got.addresses, whom(play)) == (["10.0.0.7"], [str(SECOND_)])
    assert not got.reply.aa


@pytest.mark.parametrize("condition", ["hr.widgets.beta.test", "www.hr.widgets.beta.test"])
def test_a_condition_at_or_below_the_cut_comes_before_the_delegation(condition):
    """OWN-03."""
    rules = (ForwardRule(condition, (FIRST,)), ForwardRule(".", (SECOND_,)))
    play = internet(zones=(PARENT,), rules=rules, servers={FIRST: answering("10.0.0.8")})
    assert play.resolve("www.hr.widgets.beta.test").addresses == ["10.0.0.8"]
    assert whom(play) == [str(FIRST)]


def test_without_own_recursion_the_forwarders_are_who_is_left():
    rules = (ForwardRule(".", (FIRST,)),)
    play = Stage({FIRST: answering("10.0.0.9")}, rules, (PARENT,))
    assert play.resolve("www.hr.widgets.beta.test").addresses == ["10.0.0.9"]


# --- what is added (RFC 1034 4.3.2, step 6) ------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rtype", "added"),
    [
        ("intern.netz", Type.NS, ["192.0.2.53", "2001:db8::53"]),  # ns.elsewhere is not ours
        ("intern.netz", Type.MX, ["192.0.2.25"]),
        ("_sip._tcp.intern.netz", Type.SRV, ["192.0.2.25"]),
        ("y.mx.intern.netz", Type.MX, ["192.0.2.25"]),
        ("mail.intern.netz", Type.A, []),
    ],
)
def test_addresses_of_the_hosts_that_an_answer_names_come_along(zone, name, rtype, added):
    found = zone.look_up(name, rtype)
    assert [r.rdata for r in found.additional] == [a("x", address).rdata for address in added]
    got = stage().resolve(name, rtype)
    assert [r.rdata for r in read_additional(got.reply)] == [r.rdata for r in found.additional]


def test_several_signatures_of_a_name_are_one_node_with_all_of_them():
    lines = "".join(
        f"www 60 RRSIG {covered} 8 3 60 20300101000000 20200101000000 1 z.test. AAAA\n"
        for covered in ("A", "TXT")
    )
    signed = Zone(HostedZone("z.test", APEX + "@ NS ns.x.\nwww 60 A 192.0.2.1\n" + lines))
    assert len(signed.look_up("www.z.test", Type.RRSIG).answers) == 2


def test_the_longest_name_there_is_may_be_redirected(zone):
    """At the limit, not beyond it: 255 octets."""
    room = names.MAX_NAME - len(names.to_wire(f"{LONG}.test")) - 1
    fits = f"{'y' * room}.long.intern.netz"
    assert len(names.to_wire(zone.look_up(fits, Type.A).alias)) == names.MAX_NAME
    assert isinstance(zone.look_up(f"y{fits}", Type.A), TooLong)
