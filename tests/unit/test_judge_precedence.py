"""The judge on where an answer comes from and what it is pieced together of."""

from __future__ import annotations

from dnslib import RR, DNSRecord
from judging import Cases, cluster
from wire import DNS, REAL, Wire, query_bytes

from lab.judge.checks import AliasCompleted, AnsweredInTurn, Referred, SpellingsAlike, Turn

cases = Cases()

FIRST, SECOND, THIRD = REAL
HR = "www.hr.example.net"


def told(
    name: str,
    *answer: str,
    authority: tuple[str, ...] = (),
    additional: tuple[str, ...] = (),
    aa: bool = False,
    tc: bool = False,
    rcode: int = 0,
) -> Wire:
    """The viewer asks and is told these records."""
    wire = cluster()
    asked = wire.ask("viewer", DNS, name=name)
    reply = DNSRecord.parse(asked.payload).reply(aa=aa, ra=1)
    for lines, add in (
        (answer, reply.add_answer),
        (authority, reply.add_auth),
        (additional, reply.add_ar),
    ):
        for line in lines:
            add(*RR.fromZone(line))
    reply.header.tc, reply.header.rcode = tc, rcode
    wire.reply(asked, payload=bytes(reply.pack()))
    return wire


# --- Referred ---------------------------------------------------------------------------------

TO_HR = Referred(name=HR, zone="hr.example.net", servers=("ns.hr.example.net",), glue=(FIRST,))
NS_LINE = "hr.example.net. 60 IN NS ns.hr.example.net."
GLUE_LINE = f"ns.hr.example.net. 60 IN A {FIRST}"


@cases.passes(
    TO_HR,
    Referred(name=HR, zone="HR.example.net.", servers=("NS.hr.example.net.",), glue=(FIRST,)),
)
@cases.fails(
    Referred(name=HR, zone="example.net", servers=("ns.hr.example.net",), glue=(FIRST,)),
    because="NS records of hr.example.net, expected example.net",
)
@cases.fails(
    Referred(name=HR, zone="hr.example.net", servers=("ns.example.net",), glue=(FIRST,)),
    because="refers to ns.hr.example.net",
)
@cases.fails(
    Referred(name=HR, zone="hr.example.net", servers=("ns.hr.example.net",), glue=(SECOND,)),
    because=f"glue {FIRST}",
)
@cases.fails(
    Referred(asker="tgp3", name=HR, zone="x", servers=(), glue=()), because="tgp3 never asked A"
)
def a_referral() -> Wire:
    return told(HR, authority=(NS_LINE,), additional=(GLUE_LINE,))


@cases.fails(TO_HR, because="AA=1")
def an_authoritative_referral() -> Wire:
    return told(HR, authority=(NS_LINE,), additional=(GLUE_LINE,), aa=True)


@cases.fails(TO_HR, because="1 record in the answer section")
def a_referral_with_an_answer() -> Wire:
    return told(HR, f"{HR}. 60 IN A {FIRST}", authority=(NS_LINE,), additional=(GLUE_LINE,))


@cases.fails(TO_HR, because="RCODE NXDOMAIN")
def a_name_error_instead() -> Wire:
    return told(HR, authority=(NS_LINE,), additional=(GLUE_LINE,), rcode=3)


@cases.fails(TO_HR, because="glue no address")
def a_referral_without_glue() -> Wire:
    return told(HR, authority=(NS_LINE,))


@cases.fails(TO_HR, because="NS records of nobody")
def nothing_at_all() -> Wire:
    return told(HR)


@cases.fails(TO_HR, because="viewer got no reply")
@cases.fails(
    AliasCompleted(name=HR, through=(), rdata=()),
    because="viewer got no reply",
)
def no_reply() -> Wire:
    wire = cluster()
    wire.ask("viewer", DNS, name=HR)
    return wire


# --- AliasCompleted ---------------------------------------------------------------------------

A, B, C = "a.example.net", "b.example.net", "c.example.net"
A_TO_B, B_TO_C = f"{A}. 60 IN CNAME {B}.", f"{B}. 60 IN CNAME {C}."
C_ADDRESS = f"{C}. 60 IN A {FIRST}"
CHAIN = AliasCompleted(name=A, through=(B, C), rdata=(FIRST,))


@cases.passes(CHAIN, AliasCompleted(name=A.upper(), through=(B + ".", C.upper()), rdata=(FIRST,)))
@cases.passes(AliasCompleted(name=A, through=(B, C), rdata=(FIRST,), authoritative=False))
@cases.fails(
    AliasCompleted(name=A, through=(B, C), rdata=(FIRST,), authoritative=True), because="AA=0"
)
@cases.fails(
    AliasCompleted(name=A, through=(C,), rdata=(FIRST,)), because=f"{A} leads to {B}., expected {C}"
)
@cases.fails(
    AliasCompleted(name=A, through=(B, C), rdata=(SECOND,)),
    because=f"at {C} there is {FIRST}, expected {SECOND}",
)
@cases.fails(
    AliasCompleted(name=A, through=(B,), rdata=(FIRST,)), because=f"at {B} there is no address"
)
@cases.fails(
    AliasCompleted(name=A, qtype="AAAA", through=(), rdata=()), because="viewer never asked AAAA"
)
def a_chain() -> Wire:
    return told(A, A_TO_B, B_TO_C, C_ADDRESS)


@cases.fails(CHAIN, because=f"0 CNAME records of {B}")
def a_chain_with_a_gap() -> Wire:
    return told(A, A_TO_B, C_ADDRESS)


@cases.fails(CHAIN, because=f"at {C} there is no address")
@cases.passes(AliasCompleted(name=A, through=(B, C), rdata=()))
def a_chain_without_an_end() -> Wire:
    return told(A, A_TO_B, B_TO_C)


@cases.fails(CHAIN, because=f"2 CNAME records of {A}")
def two_ways_from_one_name() -> Wire:
    return told(A, A_TO_B, f"{A}. 60 IN CNAME {C}.", B_TO_C, C_ADDRESS)


@cases.fails(CHAIN, because="a record beside the chain, of www.example.org")
def something_besides() -> Wire:
    return told(A, A_TO_B, B_TO_C, C_ADDRESS, f"www.example.org. 60 IN A {FIRST}")


@cases.fails(CHAIN, because="truncated")
def a_truncated_chain() -> Wire:
    return told(A, A_TO_B, B_TO_C, C_ADDRESS, tc=True)


# --- AnsweredInTurn ---------------------------------------------------------------------------

IN_TURN = AnsweredInTurn(
    name=A,
    turns=(
        Turn(address=FIRST, authoritative=True),
        Turn(address=SECOND, servers=(SECOND, THIRD)),
    ),
)


def in_turn(*turns: tuple[str | None, bool, tuple[str, ...]]) -> Wire:
    """Address told, AA, and who is asked before."""
    wire = cluster()
    for address, aa, servers in turns:
        client = wire.ask("viewer", DNS, name=A)
        for server in servers:
            wire.exchange("dns", server, *REAL, name="net")
        if address is not None:
            wire.reply(client, address, aa=aa)
    return wire


AS_SAID = ((FIRST, True, ()), (SECOND, False, (SECOND, SECOND, THIRD)))


@cases.passes(IN_TURN)
@cases.fails(
    AnsweredInTurn(name=A, turns=IN_TURN.turns[:1]), because="viewer asked 2 times, expected 1"
)
@cases.fails(
    AnsweredInTurn(name=A, turns=tuple(reversed(IN_TURN.turns))),
    because=f"answer 1: NOERROR {FIRST} (TTL 2 s), expected {SECOND}",
)
@cases.fails(AnsweredInTurn(name=B, turns=IN_TURN.turns), because="viewer asked 0 times")
def one_after_the_other() -> Wire:
    return in_turn(*AS_SAID)


@cases.fails(IN_TURN, because="answer 1: AA=0")
def the_first_without_authority() -> Wire:
    return in_turn((FIRST, False, ()), AS_SAID[1])


@cases.fails(IN_TURN, because=f"answer 1: {THIRD} was asked, expected nobody")
def somebody_is_asked_for_the_first() -> Wire:
    return in_turn((FIRST, True, (THIRD,)), AS_SAID[1])


@cases.fails(IN_TURN, because=f"answer 2: nobody was asked, expected {SECOND}, then {THIRD}")
def nobody_is_asked_for_the_second() -> Wire:
    return in_turn(AS_SAID[0], (SECOND, False, ()))


@cases.fails(IN_TURN, because="answer 2: none came")
def the_second_is_never_told() -> Wire:
    return in_turn(AS_SAID[0], (None, False, (SECOND, THIRD)))


# --- SpellingsAlike ---------------------------------------------------------------------------

TWO_WAYS = SpellingsAlike(domain="example.net", spellings=2, servers=(FIRST,))


def spelt(*names: str, server: str = FIRST) -> Wire:
    wire = cluster()
    for number, name in enumerate(names, start=77):
        client = wire.ask("viewer", DNS, payload=query_bytes(name, "A", number))
        upstream = wire.ask("dns", server, payload=query_bytes(name, "A", number + 100))
        wire.reply(upstream, *REAL)
        wire.reply(client, FIRST)
    return wire


@cases.passes(TWO_WAYS, SpellingsAlike(domain="EXAMPLE.net.", spellings=2, servers=(SECOND, FIRST)))
@cases.fails(
    SpellingsAlike(domain="example.net", spellings=3, servers=(FIRST,)),
    because="2 spellings of example.net led upstream, expected 3",
)
@cases.fails(
    SpellingsAlike(domain="example.net", spellings=2, servers=(SECOND,)),
    because=f"a question to {FIRST}",
)
@cases.fails(
    SpellingsAlike(asker="tgp3", domain="example.net", spellings=1, servers=(FIRST,)),
    because="0 spellings",
)
def two_spellings() -> Wire:
    return spelt("a.example.net", "a.eXAMPLE.nET")


@cases.fails(TWO_WAYS, because="1 spelling of example.net led upstream")
def another_name_and_the_same_spelling() -> Wire:
    return spelt("a.example.net", "B.example.net", "b.notexample.NET")


@cases.fails(TWO_WAYS, because=f"a question to {SECOND}")
def one_spelling_leads_elsewhere() -> Wire:
    wire = two_spellings()
    client = wire.ask("viewer", DNS, name="example.NET")
    wire.exchange("dns", SECOND, *REAL, name="example.NET")
    wire.reply(client, FIRST)
    return wire


@cases.fails(TWO_WAYS, because="1 spelling of")
def the_second_spelling_out_of_the_cache() -> Wire:
    wire = spelt("a.example.net")
    wire.exchange("viewer", DNS, FIRST, name="a.EXAMPLE.net")
    return wire


test_cases = cases.test()
