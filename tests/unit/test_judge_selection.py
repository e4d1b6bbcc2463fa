"""The judge on the rule by which a server chooses among its forwarders."""

from __future__ import annotations

from judging import Cases, cluster
from wire import DNS, MS, REAL, Wire

from lab.judge.checks import SelectionRecognised
from lab.judge.checks.selection import SelectionRule

cases = Cases()

FIRST, SECOND, THIRD = REAL


def is_a(rule: SelectionRule) -> SelectionRecognised:
    return SelectionRecognised(servers=(FIRST, SECOND), rule=rule)


def chosen(*searches: str, delay_ms: int = 1) -> Wire:
    """One client question for each search: "1" the first is asked, "1slow" it takes its time,
    "1silent 2" it stays silent for a second and the second is asked, "1+2" both are at once."""
    wire = cluster()
    for search in searches:
        client = wire.ask("viewer", DNS)
        for place in search.split():
            if "+" in place:
                both = [wire.ask("dns", REAL[int(each) - 1]) for each in place.split("+")]
                for question in both:
                    wire.reply(question, *REAL)
                continue
            question = wire.ask("dns", REAL[int(place[0]) - 1])
            if place.endswith("silent"):
                wire.elapse(1)
                continue
            wire.now += (300 if place.endswith("slow") else delay_ms) * MS
            wire.reply(question, *REAL)
        wire.reply(client, FIRST)
        wire.elapse(3)
    return wire


@cases.passes(is_a("listed-order"))
@cases.fails(is_a("moves-on"), because=f"listed-order: 3 questions began with {FIRST}, {FIRST}, ")
@cases.fails(
    SelectionRecognised(servers=REAL, rule="listed-order"),
    because="3 client questions went upstream, too few",
)
@cases.fails(
    SelectionRecognised(asker="tgp3", servers=REAL, rule="listed-order"), because="0 client quest"
)
def slow_and_still_first() -> Wire:
    return chosen("1slow", "1slow", "1")


@cases.passes(is_a("listed-order"))
def silent_and_still_first() -> Wire:
    return chosen("1", "1silent 2", "1silent 2")


@cases.passes(is_a("no known rule"))
@cases.fails(is_a("listed-order"), because="no known rule: 3 questions began with")
def nothing_tempts_it_away() -> Wire:
    return chosen("1", "1", "1")


@cases.passes(is_a("no known rule"))
@cases.fails(is_a("listed-order"), because="no known rule")
def slow_only_at_the_end() -> Wire:
    return chosen("1", "1", "1slow")


@cases.passes(is_a("moves-on"))
@cases.fails(is_a("listed-order"), because="moves-on: 4 questions began with")
def leaves_the_slow_one() -> Wire:
    return chosen("1slow", "1slow", "2", "2")


@cases.passes(is_a("moves-on"))
def leaves_the_silent_one() -> Wire:
    return chosen("1silent 2", "2", "2")


@cases.passes(is_a("round-robin"))
@cases.fails(is_a("listed-order"), because="round-robin: 4 questions began with")
def one_after_the_other() -> Wire:
    return chosen("1", "2", "1", "2")


@cases.passes(is_a("parallel"))
@cases.fails(is_a("listed-order"), because="parallel: 3 questions began with")
def both_at_once() -> Wire:
    return chosen("1", "1+2", "1")


@cases.passes(is_a("no known rule"))
@cases.fails(is_a("moves-on"), because="no known rule")
def here_and_there() -> Wire:
    return chosen("1slow", "2", "2", "1", "2")


@cases.passes(is_a("no known rule"))
@cases.fails(is_a("moves-on"), because="no known rule")
def never_the_first() -> Wire:
    return chosen("2slow", "2", "2")


test_cases = cases.test()
