"""The judge on what replies hold: header bits, OPT records, errors, referrals, records."""

from __future__ import annotations

from judging import Cases, cluster
from spoken import WWW, asks, converse, opt, resolved, says
from wire import DNS, REAL, Wire

from lab.judge.checks import (
    AnswerHolds,
    ErrorReplied,
    NeverReferral,
    OneTtlPerRrset,
    OptAnswered,
    OptionsStay,
    RdataUnchanged,
    ReplyHeader,
)

cases = Cases()

ADDRESS = f"{WWW} 60 A 192.0.2.1"
SOA = "example.net 60 SOA ns.example.net. a.example.net. 1 2 3 4 60"
NS = "example.net 60 NS ns.example.net."


def told(query: bytes, *replies: bytes) -> Wire:
    """The viewer asks, and this is what comes back."""
    wire = cluster()
    converse(wire, "viewer", DNS, query, *replies)
    return wire


# --- ReplyHeader ------------------------------------------------------------------------------

ODD = asks("WwW.Example.net", ad=True, cd=True, z=True, ra=True)


@cases.passes(ReplyHeader(), ReplyHeader(ra=True, ad=False, aa=False, asked_with=("z", "ra", "cd")))
@cases.fails(ReplyHeader(asker="bystander"), because="bystander never asked")
@cases.fails(ReplyHeader(name="other.example"), because="viewer never asked")
@cases.fails(ReplyHeader(qtype="MX"), because="viewer never asked")
@cases.fails(ReplyHeader(ra=False), because="RA=1")
@cases.fails(ReplyHeader(ad=True), because="AD=0")
@cases.fails(ReplyHeader(aa=True), because="AA=0")
@cases.fails(ReplyHeader(asked_without=("rd",)), because="no question was asked with RD=0")
def every_bit_as_it_must_be() -> Wire:
    return told(ODD, says(ODD, ADDRESS, ra=True))


@cases.passes(ReplyHeader(asked_without=("rd",)))
@cases.fails(ReplyHeader(asked_with=("z",)), because="no question was asked with Z=1")
def asked_without_recursion() -> Wire:
    query = asks(rd=False)
    return told(query, says(query, rcode="REFUSED"))


@cases.passes(ReplyHeader())
def an_unknown_opcode_without_its_sections() -> Wire:
    query = asks(opcode=15)
    return told(query, says(query, rcode="NOTIMP", question=b""))


@cases.fails(ReplyHeader(), because="a question got no reply")
def no_reply() -> Wire:
    return told(ODD)


@cases.fails(ReplyHeader(), because="Z=1")
def the_reserved_bit_comes_back() -> Wire:
    return told(ODD, says(ODD, ADDRESS, z=True))


@cases.fails(ReplyHeader(), because="RD=0 for RD=1")
def rd_is_lost() -> Wire:
    return told(ODD, says(ODD, ADDRESS, rd=False))


@cases.fails(ReplyHeader(), because="CD=0 for CD=1")
def cd_is_lost() -> Wire:
    return told(ODD, says(ODD, ADDRESS, cd=False))


@cases.fails(ReplyHeader(), because="the question came back as b'\\x03www")
def the_case_of_the_question_is_lost() -> Wire:
    return told(ODD, says(ODD, ADDRESS, question=asks(WWW)[12:]))


@cases.fails(ReplyHeader(), because="OPCODE 0 instead of 2")
def another_opcode() -> Wire:
    query = asks(opcode=2)
    return told(query, says(query, rcode="NOTIMP", opcode=0))


@cases.fails(ReplyHeader(), because="holds less or more than its header promises")
def octets_behind_the_last_record() -> Wire:
    return told(ODD, says(ODD, ADDRESS) + b"\0")


# --- OptAnswered ------------------------------------------------------------------------------

WITH_OPT = asks(opt=opt(do=True))


@cases.passes(OptAnswered(about="opt"))
@cases.fails(OptAnswered(about="no-opt"), because="viewer put no such question")
@cases.fails(OptAnswered(about="options"), because="viewer put no such question")
@cases.fails(OptAnswered(about="opt", asker="bystander"), because="bystander put no such question")
def an_opt_record_for_an_opt_record() -> Wire:
    return told(WITH_OPT, says(WITH_OPT, ADDRESS, opts=(opt(do=True),)))


@cases.passes(OptAnswered(about="no-opt"))
@cases.fails(OptAnswered(about="opt"), because="viewer put no such question")
def none_for_none() -> Wire:
    return told(asks(), says(asks(), ADDRESS))


@cases.fails(OptAnswered(about="no-opt"), because="1 OPT record in the reply, expected 0")
def one_for_none() -> Wire:
    return told(asks(), says(asks(), ADDRESS, opts=(opt(),)))


@cases.fails(OptAnswered(about="no-opt"), because="holds less or more than its header promises")
def one_for_none_beyond_the_count() -> Wire:
    return told(asks(), says(asks(), ADDRESS) + opt())


@cases.fails(OptAnswered(about="opt"), because="0 OPT records in the reply, expected 1")
def none_for_one() -> Wire:
    return told(WITH_OPT, says(WITH_OPT, ADDRESS))


@cases.fails(OptAnswered(about="opt"), because="2 OPT records in the reply, expected 1")
def two_for_one() -> Wire:
    return told(WITH_OPT, says(WITH_OPT, ADDRESS, opts=(opt(), opt())))


@cases.fails(OptAnswered(about="opt"), because="a question got no reply")
def silence_for_an_opt_record() -> Wire:
    return told(WITH_OPT)


@cases.fails(OptAnswered(about="opt"), because="an OPT record of version 1")
def a_version_that_nobody_has() -> Wire:
    return told(WITH_OPT, says(WITH_OPT, ADDRESS, opts=(opt(version=1),)))


WITH_OPTION = asks(opt=opt(options=((65001, b"\xab"),)))


@cases.passes(OptAnswered(about="options"))
def an_unknown_option_is_ignored() -> Wire:
    own = opt(options=((3, b"ns1"),))
    return told(WITH_OPTION, says(WITH_OPTION, ADDRESS, opts=(own,)))


@cases.fails(OptAnswered(about="options"), because="option 65001 was echoed")
def an_unknown_option_is_echoed() -> Wire:
    return told(WITH_OPTION, says(WITH_OPTION, opts=(opt(options=((65001, b"\xab"),)),)))


WITH_FLAG = asks(opt=opt(flags=0x40))


@cases.passes(OptAnswered(about="flags"))
def an_unknown_flag_is_ignored() -> Wire:
    return told(WITH_FLAG, says(WITH_FLAG, ADDRESS, opts=(opt(),)))


@cases.fails(OptAnswered(about="flags"), because="flags 0x0040 in the OPT record")
def an_unknown_flag_is_echoed() -> Wire:
    return told(WITH_FLAG, says(WITH_FLAG, ADDRESS, opts=(opt(flags=0x40),)))


VERSION_1 = asks(opt=opt(version=1))
BADVERS = opt(extended_rcode=1)


@cases.passes(OptAnswered(about="version"))
def a_version_is_refused() -> Wire:
    return told(VERSION_1, says(VERSION_1, opts=(BADVERS,)))


@cases.fails(OptAnswered(about="version"), because="RCODE NOERROR instead of BADVERS")
def a_version_is_overlooked() -> Wire:
    return told(VERSION_1, says(VERSION_1, opts=(opt(),)))


@cases.fails(OptAnswered(about="version"), because="BADVERS came with records")
def a_version_is_refused_with_an_answer() -> Wire:
    return told(VERSION_1, says(VERSION_1, ADDRESS, opts=(BADVERS,)))


# --- ErrorReplied -----------------------------------------------------------------------------

STATUS = asks(opcode=15)
NOTIMP = ErrorReplied(opcode=15, rcodes=("NOTIMP",), ra=False)


@cases.passes(NOTIMP, ErrorReplied(rcodes=("NOTIMP",), bare=True))
@cases.passes(ErrorReplied(rcodes=("FORMERR", "NOTIMP")))
@cases.fails(ErrorReplied(asker="bystander", rcodes=("NOTIMP",)), because="put no such question")
@cases.fails(ErrorReplied(opcode=2, rcodes=("NOTIMP",)), because="viewer put no such question")
@cases.fails(ErrorReplied(rcodes=("REFUSED",)), because="RCODE NOTIMP instead of REFUSED")
@cases.fails(ErrorReplied(rcodes=("NOTIMP",), ra=True), because="RA=0")
def not_implemented() -> Wire:
    return told(STATUS, says(STATUS, rcode="NOTIMP", question=b""))


@cases.passes(ErrorReplied(qclass="CH", rcodes=("REFUSED",)))
@cases.fails(ErrorReplied(rcodes=("REFUSED",), bare=True), because="came with a question")
@cases.fails(
    ErrorReplied(qclass="CLASS4", rcodes=("REFUSED",)), because="viewer put no such question"
)
def another_class() -> Wire:
    query = asks(qclass="CH")
    return told(query, says(query, rcode="REFUSED"))


@cases.fails(NOTIMP, because="0 replies to a question")
def silence_for_an_opcode() -> Wire:
    return told(STATUS)


@cases.fails(NOTIMP, because="2 replies to a question")
def told_twice() -> Wire:
    return told(STATUS, *[says(STATUS, rcode="NOTIMP")] * 2)


@cases.fails(NOTIMP, because="OPCODE 0 instead of 15")
def the_opcode_is_lost() -> Wire:
    return told(STATUS, says(STATUS, rcode="NOTIMP", opcode=0))


@cases.fails(NOTIMP, because="the error came with records")
def an_error_with_an_answer() -> Wire:
    return told(STATUS, says(STATUS, ADDRESS, rcode="NOTIMP"))


# --- NeverReferral ----------------------------------------------------------------------------


def referred(answer: bytes | None, *, offered: bool = True) -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS, payload=asks())
    upstream = says(asks(), authority=(NS,)) if offered else says(asks(), ADDRESS)
    converse(wire, "dns", REAL[0], asks(), upstream)
    if answer is not None:
        wire.reply(asked, payload=answer)
    return wire


@cases.passes(NeverReferral())
@cases.fails(NeverReferral(asker="bystander"), because="bystander never asked with RD=1")
@cases.fails(NeverReferral(server="tgp1"), because="tgp1 was never given a referral")
def a_referral_becomes_an_error() -> Wire:
    return referred(says(asks(), rcode="SERVFAIL"))


@cases.fails(NeverReferral(), because="the reply is a referral")
def a_referral_is_passed_on() -> Wire:
    return referred(says(asks(), authority=(NS,)))


@cases.fails(NeverReferral(), because="a question got no reply")
def a_referral_silences() -> Wire:
    return referred(None)


@cases.fails(NeverReferral(), because="dns was never given a referral")
def nobody_refers() -> Wire:
    return referred(says(asks(), ADDRESS), offered=False)


@cases.passes(NeverReferral())
def an_absence_is_no_referral() -> Wire:
    return referred(says(asks(), authority=(SOA, NS)))


@cases.fails(NeverReferral(), because="viewer never asked with RD=1")
def asked_iteratively() -> Wire:
    query = asks(rd=False)
    return told(query, says(query, authority=(NS,)))


# --- OptionsStay ------------------------------------------------------------------------------


def with_option(upstream: bytes, answer: bytes) -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS, payload=WITH_OPTION)
    converse(wire, "dns", REAL[0], upstream, says(upstream, ADDRESS))
    wire.reply(asked, payload=answer)
    return wire


@cases.passes(OptionsStay())
@cases.fails(OptionsStay(server="bystander"), because="no option was sent to bystander")
def an_option_stays() -> Wire:
    return with_option(asks(opt=opt()), says(WITH_OPTION, ADDRESS, opts=(opt(),)))


@cases.fails(OptionsStay(), because="option 65001 went on to tgp1")
def an_option_goes_upstream() -> Wire:
    return with_option(WITH_OPTION, says(WITH_OPTION, ADDRESS, opts=(opt(),)))


@cases.fails(OptionsStay(), because="option 65001 went on to bystander")
def an_option_is_replayed_to_another_client() -> Wire:
    wire = with_option(asks(opt=opt()), says(WITH_OPTION, ADDRESS, opts=(opt(),)))
    replayed = opt(options=((65001, b"\xab"),))
    converse(wire, "bystander", DNS, WITH_OPT, says(WITH_OPT, ADDRESS, opts=(replayed,)))
    return wire


@cases.fails(OptionsStay(), because="nowhere to pass it on")
def nobody_else_is_spoken_to() -> Wire:
    return told(WITH_OPTION, says(WITH_OPTION, ADDRESS, opts=(opt(),)))


# --- AnswerHolds ------------------------------------------------------------------------------

ALIAS = f"{WWW} 60 CNAME Web.example.net."
TARGET = "web.example.net 60 A 192.0.2.1"
HOLDS = AnswerHolds(
    name=WWW, records=(f"{WWW} CNAME web.example.net", "web.example.net A 192.0.2.1")
)


@cases.passes(HOLDS, HOLDS.model_copy(update={"ttl_s": 60, "ttl_at_most_s": 60}))
@cases.fails(HOLDS.model_copy(update={"ttl_s": 59}), because="a TTL of 60 s instead of 59 s")
@cases.fails(HOLDS.model_copy(update={"ttl_at_most_s": 9}), because="a TTL of 60 s, allowed 9 s")
@cases.fails(HOLDS.model_copy(update={"asker": "bystander"}), because="bystander never asked A")
@cases.fails(
    AnswerHolds(name=WWW, records=()),
    because=f"holds web.example.net A 192.0.2.1; {WWW} CNAME web.example.net instead of nothing",
)
@cases.fails(
    AnswerHolds(name=WWW, section="authority", records=("example.net NS ns.example.net",)),
    because="the authority holds nothing instead of",
)
def an_alias_and_its_target() -> Wire:
    return told(asks(), says(asks(), ALIAS, TARGET))


@cases.fails(HOLDS, because="RCODE SERVFAIL instead of NOERROR")
def an_error_instead() -> Wire:
    return told(asks(), says(asks(), rcode="SERVFAIL"))


@cases.fails(HOLDS, because="the reply is truncated")
def a_truncated_answer() -> Wire:
    return told(asks(), says(asks(), ALIAS, TARGET, tc=True))


@cases.fails(HOLDS, because="a question got no reply")
def no_answer() -> Wire:
    return told(asks())


@cases.passes(
    AnswerHolds(name=WWW, qtype="TYPE65280", records=(rf"{WWW} TYPE65280 \# 2 abcd",), which="last")
)
@cases.fails(
    AnswerHolds(name=WWW, qtype="TYPE65280", records=(rf"{WWW} TYPE65280 \# 2 abcd",)),
    because="the answer holds nothing",
)
def an_unknown_type_the_second_time() -> Wire:
    query = asks(qtype="TYPE65280")
    wire = told(query, says(query))
    converse(wire, "viewer", DNS, query, says(query, rf"{WWW} 60 TYPE65280 \# 2 abcd"))
    return wire


# --- RdataUnchanged ---------------------------------------------------------------------------

ODD_TYPE = asks(qtype="TYPE65280")
OCTETS = rf"{WWW} 60 TYPE65280 \# 4 c00cabcd"
UNCHANGED = RdataUnchanged(rtype="TYPE65280")


def relayed(*answer: str, rcode: str = "NOERROR") -> Wire:
    wire = cluster()
    resolved(wire, DNS, REAL[0], ODD_TYPE, says(ODD_TYPE, OCTETS), *answer, rcode=rcode)
    return wire


@cases.passes(UNCHANGED, RdataUnchanged(rtype="TYPE65280", name=WWW))
@cases.fails(RdataUnchanged(rtype="TXT"), because="with a record of type TXT was given")
@cases.fails(RdataUnchanged(rtype="TYPE65280", name="a.b"), because="of type TYPE65280 was given")
def octets_that_look_like_a_pointer() -> Wire:
    return relayed(rf"{WWW} 59 TYPE65280 \# 4 c00cabcd")


@cases.fails(UNCHANGED, because=f"lost or changed: {WWW} TYPE65280 c00cabcd")
def a_changed_octet() -> Wire:
    return relayed(rf"{WWW} 60 TYPE65280 \# 4 c00cabce")


@cases.fails(UNCHANGED, because="lost or changed")
def a_lost_record() -> Wire:
    return relayed()


@cases.fails(UNCHANGED, because=f"not from upstream: {WWW} TYPE65280 00")
def a_record_of_its_own() -> Wire:
    return relayed(OCTETS, rf"{WWW} 60 TYPE65280 \# 1 00")


# --- OneTtlPerRrset ---------------------------------------------------------------------------

UNEVEN = (f"{WWW} 60 A 192.0.2.1", f"{WWW} 5 A 192.0.2.2")


def given(*answer: str, upstream: tuple[str, ...] = UNEVEN) -> Wire:
    wire = cluster()
    resolved(wire, DNS, REAL[0], asks(), says(asks(), *upstream), *answer)
    return wire


@cases.passes(OneTtlPerRrset())
@cases.fails(OneTtlPerRrset(server="tgp2"), because="tgp2 was given no RRset with different TTLs")
def the_lowest_for_both() -> Wire:
    return given(f"{WWW} 5 A 192.0.2.1", f"{WWW} 5 A 192.0.2.2")


@cases.fails(OneTtlPerRrset(), because="TTLs of 5, 60 s in one RRset")
def as_they_came() -> Wire:
    return given(*UNEVEN)


@cases.fails(OneTtlPerRrset(), because="a TTL of 60 s, the lowest given was 5 s")
def the_highest_for_both() -> Wire:
    return given(f"{WWW} 60 A 192.0.2.1", f"{WWW} 60 A 192.0.2.2")


@cases.fails(OneTtlPerRrset(), because="dns answered with none of it")
def kept_to_itself() -> Wire:
    return given()


@cases.fails(OneTtlPerRrset(), because="was given no RRset with different TTLs")
def nothing_uneven() -> Wire:
    return given(ADDRESS, upstream=(ADDRESS,))


test_cases = cases.test()
