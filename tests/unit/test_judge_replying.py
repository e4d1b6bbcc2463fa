"""The judge on replies to clients, whatever they asked, and on questions that are asked again."""

from __future__ import annotations

from typing import Any

from judging import Cases, cluster, lookup, nat
from wire import ALIAS, DNS, MS, NAME, REAL, VIEWER, Question, Wire, query_bytes

from lab.judge.checks import ReplayedAlike, RepliedFromThere, RepliedInTime, RepliedOnce
from lab.judge.checks.replaying import likeness
from lab.observe.replayed import replayed_of
from resolver.machine import Endpoint

cases = Cases()
EVERY = RepliedInTime(), RepliedOnce(), RepliedFromThere()


# --- replies ----------------------------------------------------------------------------------


@cases.passes(*EVERY)
def a_lookup() -> Wire:
    wire = cluster()
    lookup(wire)
    return wire


@cases.fails(RepliedInTime(), because="no client asked anything")
@cases.fails(RepliedOnce(), RepliedFromThere(), because="no client got a reply")
def servers_alone() -> Wire:
    wire = cluster()
    wire.exchange("dns", REAL[0], *REAL)
    return wire


@cases.fails(RepliedInTime(), because=f"viewer got no reply for A {NAME}")
@cases.fails(RepliedOnce(), RepliedFromThere(), because="no client got a reply")
def no_reply() -> Wire:
    wire = cluster()
    wire.ask("viewer", DNS)
    return wire


def replied_after(seconds: float) -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    wire.elapse(seconds)
    wire.reply(asked, REAL[0])
    return wire


@cases.passes(RepliedInTime(), RepliedInTime(within_s=4.5))
def just_in_time() -> Wire:
    return replied_after(4.49)


@cases.fails(RepliedInTime(), because="viewer waited 6000.21 ms for A internet.intern.netz")
@cases.passes(RepliedInTime(within_s=6), RepliedOnce(), RepliedFromThere())
def too_late() -> Wire:
    return replied_after(6)


@cases.fails(RepliedOnce(), because="A internet.intern.netz of viewer got 2 replies")
@cases.passes(RepliedInTime())
def a_late_answer_is_passed_on_as_well() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    first = wire.ask("dns", REAL[0])
    wire.elapse(1)
    wire.exchange("dns", REAL[1], *REAL)
    wire.reply(asked, REAL[2])
    wire.reply(first, *REAL)
    wire.reply(asked, REAL[0])
    return wire


@cases.passes(RepliedOnce())
def the_client_asked_again_and_each_time_was_replied_to() -> Wire:
    wire = cluster()
    for _ in range(2):
        asked = wire.ask("viewer", DNS, port=40_000, identifier=7)
        wire.elapse(0.5)
    wire.reply(asked, REAL[0])
    wire.reply(asked, REAL[0])
    return wire


@cases.fails(RepliedFromThere(), because="asked 192.168.1.2:53, 192.168.1.1:53 replied")
@cases.fails(RepliedInTime(), because="viewer got no reply")
def from_another_address() -> Wire:
    wire = cluster()
    asked = wire.ask("viewer", DNS)
    wire.reply(asked, REAL[0], sender="router", source=Endpoint("192.168.1.1", 53))
    return wire


# --- questions asked again --------------------------------------------------------------------


def again(
    wire: Wire,
    place: int,
    answer: dict[str, Any] | None,
    *,
    node: str = "viewer",
    name: str = NAME,
    asks: bool = True,
) -> Question | None:
    """A captured question's mark, and the question itself."""
    payload = query_bytes(name, identifier=100 + place)
    wire.mark(
        "replayed",
        "asked again",
        place=place,
        node=node,
        client="10.9.9.9",
        frame=10 * place,
        question=f"A {name}",
        message=payload.hex(),
        repeats=None,
        answer=answer,
    )
    return wire.ask(node, DNS, payload=payload) if asks else None


def got(*addresses: str, rcode: str = "NOERROR") -> dict[str, Any]:
    return {"rcode": rcode, "addresses": list(addresses), "wait_ms": 1.5}


def replayed(before: dict[str, Any] | None, *now: str, name: str = NAME, **wording: Any) -> Wire:
    wire = nat()
    asked = again(wire, 1, before, name=name)
    assert asked is not None
    wire.reply(asked, *now, **wording)
    return wire


ALIKE = ReplayedAlike()


@cases.passes(ALIKE)
def the_same_addresses_in_another_order() -> Wire:
    return replayed(got("192.0.2.1", "192.0.2.2"), "192.0.2.2", "192.0.2.1", name="www.test")


@cases.passes(ALIKE)
def another_server_of_the_cluster() -> Wire:
    return replayed(got(ALIAS[0]), ALIAS[2])


@cases.passes(ALIKE)
def the_same_error() -> Wire:
    return replayed(got(rcode="NXDOMAIN"), rcode="NXDOMAIN", name="nowhere.test")


@cases.fails(ALIKE, because="1 different, 0 without an answer in the capture; A internet.intern")
def a_real_address_now() -> Wire:
    return replayed(got(ALIAS[0]), REAL[0])


@cases.fails(ALIKE, because="NOERROR 192.0.2.1 then, NOERROR 192.0.2.9 in the lab")
def another_address() -> Wire:
    return replayed(got("192.0.2.1"), "192.0.2.9", name="www.test")


@cases.fails(ALIKE, because="frame 10 of the capture: NOERROR 192.168.1.100 then, NOERROR in the")
def no_address_of_the_cluster() -> Wire:
    return replayed(got(ALIAS[0]))


@cases.fails(ALIKE, because="NOERROR 192.0.2.1 then, SERVFAIL in the lab")
def an_error_now() -> Wire:
    return replayed(got("192.0.2.1"), rcode="SERVFAIL", name="www.test")


@cases.fails(ALIKE, because="NOERROR 192.168.1.100 then, no answer in the lab")
def nothing_now() -> Wire:
    wire = nat()
    again(wire, 1, got(ALIAS[0]))
    return wire


@cases.fails(ALIKE, because="5 questions asked again: 0 same, 5 different, 0 without an answer")
@cases.fails(ALIKE, because="and 2 more, which replay.csv tells")
def it_never_left() -> Wire:
    wire = nat()
    for place in range(1, 6):
        again(wire, place, got(ALIAS[0]), asks=False)
    wire.exchange("viewer", DNS, ALIAS[0])
    return wire


@cases.fails(ALIKE, because="none of which has an answer in the capture")
def nothing_to_compare_with() -> Wire:
    return replayed(None, ALIAS[0])


@cases.fails(ALIKE, because="0 questions asked again")
def nothing_was_asked_again() -> Wire:
    wire = nat()
    lookup(wire)
    return wire


test_cases = cases.test()


def test_of_equal_messages_each_is_an_exchange_of_its_own() -> None:
    wire = nat()
    first = again(wire, 1, got(ALIAS[0]))
    assert first is not None
    for mark in [record for record in wire.records if getattr(record, "kind", "") == "replayed"]:
        wire.mark("replayed", "once more", **{**mark.fields, "repeats": 1, "answer": None})
    repeated = wire.ask("viewer", DNS, payload=first.payload, port=first.source.port)
    wire.elapse(0.002)
    wire.reply(repeated, ALIAS[0])
    timeline = wire.timeline()
    one, other = replayed_of(timeline)
    assert one.exchange is not None
    assert other.exchange is not None
    assert one.exchange.query is not other.exchange.query
    assert [each.repeats for each in (one, other)] == [False, True]
    assert one.now is not None
    assert one.now.wait_ms * MS > 2 * MS
    assert other.now is None  # the one reply answered the first
    assert likeness(timeline, one) == "same"
    assert likeness(timeline, other) == "no answer in the capture"
    assert one.exchange.query.source.address == VIEWER
