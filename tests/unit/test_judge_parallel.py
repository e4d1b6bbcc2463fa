"""The judge on servers that are asked at once: who, when, and which reply the client was told."""

from __future__ import annotations

from judging import Cases, cluster
from wire import DNS, MS, REAL, Wire

from lab.judge.checks import AskedTogether, FirstPositiveWins
from lab.worlds.world import Clock

cases = Cases()

FIRST, SECOND, THIRD = REAL
NAME = "a.example"
GOOD, OTHER = "198.51.100.1", "198.51.100.2"

TOGETHER = AskedTogether(servers=REAL, name=NAME)
WINS = FirstPositiveWins(servers=REAL, name=NAME, timeout_s=1.0)
EXACT = (Clock.VIRTUAL,)


def asked_at_once(wire: Wire, *servers: str):
    client = wire.ask("viewer", DNS, name=NAME)
    return client, [wire.ask("dns", server, name=NAME) for server in servers or REAL]


@cases.passes(TOGETHER, WINS)
@cases.fails(AskedTogether(servers=REAL[:2], name=NAME), because="expected 10.10.10.100")
@cases.fails(AskedTogether(servers=REAL, name="b.example"), because="dns asked nobody")
@cases.fails(
    FirstPositiveWins(servers=REAL, name="b.example", timeout_s=1.0), because="no question"
)
def the_fastest_answer_is_given() -> Wire:
    wire = cluster()
    client, (_, second, _) = asked_at_once(wire)
    wire.elapse(0.1)
    wire.reply(second, GOOD)
    wire.reply(client, GOOD, aa=False)
    return wire


@cases.fails(WINS, because="the first answer with data was NOERROR 198.51.100.1")
def the_slower_answer_is_given() -> Wire:
    wire = cluster()
    client, (first, second, _) = asked_at_once(wire)
    wire.reply(second, GOOD)
    wire.elapse(0.2)
    wire.reply(first, OTHER)
    wire.reply(client, OTHER, aa=False)
    return wire


@cases.fails(WINS, because="too late", clocks=EXACT)
def the_answer_is_held_back() -> Wire:
    wire = cluster()
    client, (_, second, _) = asked_at_once(wire)
    wire.reply(second, GOOD)
    wire.elapse(0.5)
    wire.reply(client, GOOD, aa=False)
    return wire


@cases.passes(WINS)
def a_denial_waits_for_the_answer() -> Wire:
    wire = cluster()
    client, (first, second, _) = asked_at_once(wire)
    wire.reply(first, rcode="NXDOMAIN")
    wire.elapse(0.5)
    wire.reply(second, GOOD)
    wire.reply(client, GOOD, aa=False)
    return wire


@cases.passes(WINS)
def all_deny() -> Wire:
    wire = cluster()
    client, asked = asked_at_once(wire)
    for one in asked:
        wire.elapse(0.1)
        wire.reply(one, rcode="NXDOMAIN")
    wire.reply(client, rcode="NXDOMAIN", aa=False)
    return wire


@cases.fails(WINS, because="told NXDOMAIN 9")
def a_denial_is_believed_at_once() -> Wire:
    wire = cluster()
    client, (first, _, _) = asked_at_once(wire)
    wire.reply(first, rcode="NXDOMAIN")
    wire.reply(client, rcode="NXDOMAIN", aa=False)
    return wire


@cases.passes(WINS)
def the_silent_are_waited_for() -> Wire:
    wire = cluster()
    client, (first, _, _) = asked_at_once(wire)
    began = wire.now
    wire.reply(first, rcode="NXDOMAIN")
    wire.now = began + 1000 * MS
    wire.reply(client, rcode="NXDOMAIN", aa=False)
    return wire


@cases.fails(WINS, because="and no server said so")
def data_from_nowhere() -> Wire:
    wire = cluster()
    client, (first, _, _) = asked_at_once(wire)
    wire.reply(first, rcode="NXDOMAIN")
    wire.reply(client, GOOD, aa=False)
    return wire


@cases.fails(WINS, because="10.10.10.101, 10.10.10.102 was never asked")
@cases.fails(TOGETHER, because="asked 10.10.10.100; expected")
def one_alone_is_asked_and_believed() -> Wire:
    wire = cluster()
    client, (first,) = asked_at_once(wire, FIRST)
    wire.reply(first, rcode="NXDOMAIN")
    wire.reply(client, rcode="NXDOMAIN", aa=False)
    return wire


@cases.fails(TOGETHER, because="after a reply had come")
def the_others_are_asked_when_the_first_has_replied() -> Wire:
    wire = cluster()
    client, (first,) = asked_at_once(wire, FIRST)
    wire.reply(first, rcode="SERVFAIL")
    others = [wire.ask("dns", server, name=NAME) for server in (SECOND, THIRD)]
    wire.reply(others[0], GOOD)
    wire.reply(client, GOOD, aa=False)
    return wire


@cases.fails(TOGETHER, because="between the first and the last")
def the_others_are_asked_after_a_timeout() -> Wire:
    wire = cluster()
    client, _ = asked_at_once(wire, FIRST)
    wire.elapse(1)
    others = [wire.ask("dns", server, name=NAME) for server in (SECOND, THIRD)]
    wire.reply(others[0], GOOD)
    wire.reply(client, GOOD, aa=False)
    return wire


test_cases = cases.test()
