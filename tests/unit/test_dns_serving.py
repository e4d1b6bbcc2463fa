"""The resolver as a server: whom it serves, how many at once, and how it stops and is changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dns_upstreams import CLIENT, FIRST, HERE, SECOND_, ZONE, Stage, answering, silent

from resolver import limits
from resolver.config import ForwardRule, HostedZone, Journal, ResolverConfig, Selection
from resolver.dns.counters import CountersRead
from resolver.dns.facts import (
    Answered,
    ConfigurationRejected,
    ConfigurationTakenOver,
    QuestionArrived,
    ServerAsked,
    ServerTimedOut,
    ZoneRejected,
)
from resolver.dns.message import Rcode
from resolver.machine import (
    SECOND,
    CountersRequested,
    Endpoint,
    MessageArrived,
    Reconfigured,
    Send,
    StopRequested,
    StreamClosed,
    StreamOpened,
    Transport,
)

TCP = Transport.TCP
STRANGER = Endpoint("198.51.100.7", 40000)
OTHER = Endpoint("192.168.1.51", 40000)
OWN = HostedZone(
    "own",
    "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.1\n"
    f"out 60 CNAME www.{ZONE}.\nin 60 CNAME ns\n"
    "cut 60 NS ns.cut\nns.cut 60 A 192.0.2.3\n",
)
RULES = (ForwardRule(ZONE, (FIRST,)),)


def config(**options) -> ResolverConfig:
    return ResolverConfig((HERE,), **options)


def stage(**options) -> Stage:
    return Stage({FIRST: answering("10.0.0.1"), SECOND_: answering("10.0.0.2")}, RULES, (OWN,),
                 Selection.ALL, 7, options)  # fmt: skip


def flags(got) -> int:
    return int.from_bytes(got.payload[2:4], "big")


RA, AA = 0x80, 0x400


# --- access --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rd", [True, False])
@pytest.mark.parametrize("name", [ZONE, "www." + ZONE, "nowhere.example"])
def test_strangers_are_refused_what_is_not_ours(name, rd):
    play = stage()
    play.resolve("www." + ZONE)  # so that the cache holds it
    asked = len(play.asked)
    got = play.resolve(name, rd=rd, client=STRANGER)
    assert got.reply.rcode == Rcode.REFUSED
    assert not got.reply.answers
    assert not flags(got) & RA
    assert len(play.asked) == asked
    play.happen(CountersRequested())
    assert play.facts[-1].refused == 1


def test_strangers_are_answered_from_our_own_zones():
    play = stage()
    got = play.resolve("ns.own", client=STRANGER)
    assert got.addresses == ["192.0.2.1"]
    assert flags(got) & (AA | RA) == AA
    assert play.resolve("no.own", client=STRANGER).reply.rcode == Rcode.NXDOMAIN
    assert play.resolve("in.own", client=STRANGER).addresses == ["192.0.2.1"]


def test_an_alias_out_of_our_zone_is_not_followed_for_strangers():
    play = stage()
    play.resolve("www." + ZONE)
    got = play.resolve("out.own", client=STRANGER)
    assert (got.reply.rcode, [r.rtype for r in got.reply.answers]) == (Rcode.NOERROR, [5])
    assert len(play.asked) == 1
    assert play.resolve("out.own").addresses == ["10.0.0.1"]


def test_strangers_get_the_referral_of_a_delegation_and_nobody_is_asked():
    play = stage()
    got = play.resolve("a.cut.own", client=STRANGER)
    assert [record.rtype for record in got.reply.authority] == [2]
    assert not got.reply.aa
    assert play.asked == []


def test_a_strangers_question_never_joins_one_that_is_resolved():
    play = stage()
    play.ask("www." + ZONE)
    play.ask("www." + ZONE, flow="stranger", client=STRANGER)
    play.run()
    assert {got.flow: got.reply.rcode for got in play.got} == {
        "client": Rcode.NOERROR,
        "stranger": Rcode.REFUSED,
    }


@pytest.mark.parametrize("payload", [b"\x12\x34\x01\0" + bytes(8), b"\x12\x34\x11\0" + bytes(8)])
@pytest.mark.parametrize(("client", "ra"), [(CLIENT, RA), (STRANGER, 0)])
def test_ra_is_the_clients_own_in_errors_too(payload, client, ra):
    event = MessageArrived("client", payload, Transport.UDP, client, HERE)
    (reply,) = [e.payload for e in stage().resolver.handle(event, 0) if isinstance(e, Send)]
    assert reply[3] & RA == ra
    assert reply[3] & 0xF in {Rcode.FORMERR, Rcode.NOTIMP}


def test_ra_needs_somebody_to_ask():
    play = Stage(rules=(), zones=(OWN,))
    assert not flags(play.resolve("ns.own")) & RA


# --- crowds --------------------------------------------------------------------------------------


def test_one_clients_questions_do_not_starve_anothers():
    play = Stage({FIRST: silent, SECOND_: answering("10.0.0.2")},
                 (ForwardRule("slow", (FIRST,)), ForwardRule("fast", (SECOND_,))))  # fmt: skip
    for number in range(limits.RESOLUTIONS_IN_FLIGHT + 100):
        play.ask(f"n{number}.slow", flow=("client", number), id_=number % 65536)
    turned_away = limits.RESOLUTIONS_IN_FLIGHT + 100 - limits.QUESTIONS_PER_CLIENT
    assert [got.reply.rcode for got in play.got] == [Rcode.SERVFAIL] * turned_away
    play.ask("n.fast", flow="other", client=OTHER)
    play.run(play.now + SECOND // 2)
    assert play.got[-1].flow == "other"
    assert play.got[-1].addresses == ["10.0.0.2"]
    # Its own streams are apart from datagrams that anybody may have sent in its name.
    play.happen(StreamOpened("stream", CLIENT, HERE))
    play.ask("m.fast", flow="stream", transport=TCP)
    play.run(play.now + SECOND // 2)
    assert play.got[-1].addresses == ["10.0.0.2"]
    # And once they are over, it is served again; every question got an answer.
    play.run()
    assert len(play.got) == limits.RESOLUTIONS_IN_FLIGHT + 102
    assert play.resolve("o.fast").addresses == ["10.0.0.2"]


def test_all_clients_together_have_so_many_questions_under_way(monkeypatch):
    monkeypatch.setattr(limits, "QUESTIONS_IN_FLIGHT", 3)
    play = Stage({FIRST: silent}, RULES)
    for number in range(5):
        play.ask(flow=number + 0.5, client=Endpoint(f"192.168.1.{number}", 5), id_=number)
    assert [got.reply.id for got in play.got] == [3, 4]
    play.happen(CountersRequested())
    assert (play.facts[-1].crowded_out, play.facts[-1].questions_in_flight) == (2, 3)
    play.run()
    assert len(play.got) == 5


@pytest.mark.parametrize("journal", [Journal.EVENTS, Journal.QUESTIONS])
def test_who_has_too_many_questions_waiting_is_told_what_is_at_hand(monkeypatch, journal):
    """With the table of ready answers, which the second journal switches off, and without."""
    monkeypatch.setattr(limits, "QUESTIONS_PER_CLIENT", 2)
    play = Stage({FIRST: silent, SECOND_: answering("10.0.0.2")},
                 (ForwardRule("slow", (FIRST,)), ForwardRule("fast", (SECOND_,))), (OWN,),
                 options={"journal": journal})  # fmt: skip
    for _ in range(3):  # from the third time on the answer is ready
        play.resolve("n.fast")
    for number in range(2):
        play.ask(f"n{number}.slow", flow=("client", number))
    before = len(play.got)
    for name in ("n.fast", "ns.own", "n3.slow", "m.fast", "n1.slow"):
        play.ask(name, flow="one more")
    rcodes = [got.reply.rcode for got in play.got[before:]]
    assert rcodes == [Rcode.NOERROR] * 2 + [Rcode.SERVFAIL] * 3
    play.run()
    assert play.resolve("m.fast").addresses == ["10.0.0.2"]


def test_so_many_different_questions_and_so_many_of_the_same_are_under_way(monkeypatch):
    monkeypatch.setattr(limits, "RESOLUTIONS_IN_FLIGHT", 2)
    monkeypatch.setattr(limits, "CLIENTS_PER_RESOLUTION", 3)
    play = Stage({FIRST: silent}, RULES)
    for number in range(5):
        play.ask(flow=number + 0.5, id_=number)
    play.ask(f"a.{ZONE}", id_=5)
    play.ask(f"b.{ZONE}", id_=6)
    assert [got.reply.id for got in play.got] == [3, 4, 6]
    play.happen(CountersRequested())
    counters = play.facts[-1]
    assert (counters.crowded_out, counters.cache_misses) == (3, 2)


def test_questions_answered_or_given_up_leave_nothing_behind():
    play = stage()
    play.ask("a." + ZONE, id_=1)
    play.ask("a." + ZONE, id_=1)  # the client's own question again: one answer is enough
    play.happen(StreamOpened("stream", CLIENT, HERE))
    play.ask("b." + ZONE, flow="stream", transport=TCP)
    play.happen(StreamClosed("stream"))
    assert not play.resolver.idle()
    play.run()
    assert len(play.got) == 1
    assert play.resolver.idle()
    play.happen(CountersRequested())
    read = play.facts[-1]
    assert (read.questions_udp, read.questions_tcp, read.dropped) == (2, 1, 2)
    assert (read.questions_in_flight, read.streams_open) == (0, 0)


def test_many_questions_may_wait_on_one_stream():
    play = Stage({FIRST: silent}, RULES)
    play.happen(StreamOpened("stream", CLIENT, HERE))
    for number in range(limits.QUESTIONS_PER_CLIENT + 5):
        play.ask(f"n{number}.{ZONE}", flow="stream", transport=TCP, id_=number)
    assert [got.reply.id for got in play.got] == list(
        range(limits.QUESTIONS_PER_CLIENT, limits.QUESTIONS_PER_CLIENT + 5)
    )
    assert play.closed == []
    play.run(30 * SECOND)
    assert {got.reply.id for got in play.got} == set(range(limits.QUESTIONS_PER_CLIENT + 5))


def test_a_client_has_so_many_streams_and_others_have_theirs(monkeypatch):
    monkeypatch.setattr(limits, "STREAMS_PER_CLIENT", 2)
    play = stage()
    for flow in ("s1", "s2", "s3"):
        play.happen(StreamOpened(flow, CLIENT, HERE))
    play.happen(StreamOpened("other", OTHER, HERE))
    assert play.closed == [(0, "s3")]
    play.happen(StreamClosed("s1"))
    play.happen(StreamOpened("s4", CLIENT, HERE))
    assert play.closed == [(0, "s3")]


def test_a_newcomer_takes_the_place_of_the_stream_idle_longest(monkeypatch):
    monkeypatch.setattr(limits, "CLIENT_STREAMS", 3)
    play = Stage({FIRST: silent})
    for at, flow in enumerate(("busy", "old", "young")):
        play.now = at
        play.happen(StreamOpened(flow, Endpoint("192.168.1.9", at), HERE))
    play.ask(flow="busy", transport=TCP)
    play.happen(StreamOpened("new", OTHER, HERE))
    assert play.closed == [(2, "old")]
    for flow in ("young", "new"):
        play.ask(flow=flow, transport=TCP)
    play.happen(StreamOpened("late", OTHER, HERE))  # nobody is idle now
    assert play.closed == [(2, "old"), (2, "late")]


def test_the_idle_time_is_configurable():
    play = stage(tcp_idle_ns=3 * SECOND)
    play.happen(StreamOpened("stream", CLIENT, HERE))
    play.run()
    assert play.closed == [(3 * SECOND, "stream")]


def test_a_slow_stream_does_not_delay_datagrams_of_others():
    """TRN-11"""
    play = Stage({FIRST: silent, SECOND_: answering("10.0.0.2", after=1000)},
                 (ForwardRule("slow", (FIRST,)), ForwardRule("fast", (SECOND_,))))  # fmt: skip
    play.happen(StreamOpened("stream", CLIENT, HERE))
    for number in range(100):
        play.ask(f"n{number}.slow", flow="stream", transport=TCP, id_=number)
    play.ask("www.fast", client=OTHER)
    play.run(SECOND)
    (got,) = play.got
    assert (got.at, got.addresses) == (1000, ["10.0.0.2"])


# --- stopping ------------------------------------------------------------------------------------


def test_a_stop_waits_for_answers_and_takes_no_new_question():
    play = stage()
    for flow in ("busy", "idle"):
        play.happen(StreamOpened(flow, CLIENT, HERE))
    play.ask("a." + ZONE)
    play.ask("b." + ZONE, flow="busy", transport=TCP)
    play.happen(StopRequested())
    assert play.closed == [(0, "idle")]
    assert not play.resolver.idle()
    play.ask("c." + ZONE)
    play.ask("d." + ZONE, flow="busy", transport=TCP)
    play.happen(StreamOpened("late", CLIENT, HERE))
    assert [flow for _, flow in play.closed] == ["idle", "late"]
    play.run()
    assert [got.flow for got in play.got] == ["client", "busy"]
    assert [flow for _, flow in play.closed if isinstance(flow, str)] == ["idle", "late", "busy"]
    assert play.resolver.idle()
    assert play.resolver.deadline() is None


def test_an_answer_leaves_before_its_stream_is_closed():
    play = stage()
    play.happen(StreamOpened("stream", CLIENT, HERE))
    play.ask("ns.cut.example", flow="stream", transport=TCP)
    play.happen(StopRequested())
    play.ask("x." + ZONE, flow="stream", transport=TCP)
    assert [got.flow for got in play.got] == ["stream"]


# --- another configuration -----------------------------------------------------------------------


def test_a_zone_that_appears_changes_or_goes_takes_effect_on_the_next_question():
    """OWN-05"""
    play = stage(recursion_for=("0.0.0.0/0",))
    base = config(forward=RULES)
    hosted = HostedZone(ZONE, "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nwww 60 A 192.0.2.80\n")
    changed = replace(hosted, text=hosted.text.replace(".80", ".81"))
    seen = [play.resolve("www." + ZONE).addresses]
    for zones in ((hosted,), (changed,), ()):
        play.happen(Reconfigured(replace(base, zones=zones)))
        seen.append(play.resolve("www." + ZONE).addresses)
    # What was cached before is there again behind the zone, for its TTL is not over.
    assert seen == [["10.0.0.1"], ["192.0.2.80"], ["192.0.2.81"], ["10.0.0.1"]]
    assert len(play.asked) == 1


def test_a_bad_zone_leaves_the_old_one_and_says_where():
    play = stage()
    good = HostedZone("new", "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nwww 60 A 192.0.2.9\n")
    bad = HostedZone("OWN.", OWN.text + "www IN A nowhere\n", "own.zone")
    play.happen(Reconfigured(config(zones=(bad, good), forward=RULES)))
    rejected = play.facts[-2]
    assert isinstance(rejected, ZoneRejected)
    assert (rejected.origin, rejected.file, rejected.line) == ("OWN.", "own.zone", 8)
    assert '"www IN A nowhere" is no record' in rejected.problem
    assert "own.zone, line 8 rejected" in str(rejected)
    assert play.facts[-1] == ConfigurationTakenOver(zones=2, rules=1)
    assert play.resolve("ns.own").addresses == ["192.0.2.1"]
    assert play.resolve("www.new").addresses == ["192.0.2.9"]


def test_a_rule_that_appears_or_goes_takes_effect_on_the_next_uncached_question():
    """CND-10"""
    play = stage()
    below = ForwardRule("below." + ZONE, (SECOND_,))
    assert play.resolve("a.below." + ZONE).addresses == ["10.0.0.1"]
    play.happen(Reconfigured(config(forward=(*RULES, below))))
    assert play.resolve("a.below." + ZONE).addresses == ["10.0.0.2"]
    assert play.resolve("b.below." + ZONE).addresses == ["10.0.0.2"]
    play.happen(Reconfigured(config(forward=RULES)))
    assert play.resolve("c.below." + ZONE).addresses == ["10.0.0.1"]
    assert play.resolve("a.below." + ZONE).addresses == ["10.0.0.1"]  # cached, by the old way
    assert [asked.server for asked in play.asked] == [FIRST, SECOND_, SECOND_, FIRST]


def test_what_is_under_way_goes_on():
    play = stage()
    play.ask("a." + ZONE)
    play.happen(Reconfigured(config(forward=(ForwardRule(ZONE, (SECOND_,)),))))
    play.run()
    assert play.got[-1].addresses == ["10.0.0.1"]
    assert play.resolve("b." + ZONE).addresses == ["10.0.0.2"]


def test_rules_that_cannot_be_followed_change_nothing():
    play = stage()
    twice = (*RULES, *RULES)
    play.happen(Reconfigured(config(forward=twice, recursion_for=())))
    (rejected,) = [fact for fact in play.facts if isinstance(fact, ConfigurationRejected)]
    assert "given twice" in rejected.problems[0]
    assert play.resolve("ns.own").addresses == ["192.0.2.1"]
    assert play.resolve().addresses == ["10.0.0.1"]
    play.happen(Reconfigured(OWN))
    assert "HostedZone" in str(play.facts[-1])


def test_access_timing_and_the_journal_are_taken_over_too():
    play = stage(recursion_for=())
    assert play.resolve().reply.rcode == Rcode.REFUSED
    play.happen(Reconfigured(config(forward=RULES, tcp_idle_ns=SECOND, journal=Journal.EVENTS)))
    play.facts.clear()
    assert play.resolve().addresses == ["10.0.0.1"]
    play.happen(StreamOpened("stream", CLIENT, HERE))
    opened = play.now
    play.run()
    assert play.closed[-1] == (opened + SECOND, "stream")
    assert play.facts == []


# --- the journal and the counters ----------------------------------------------------------------


def test_events_are_noted_without_questions():
    play = stage(journal=Journal.EVENTS)
    play.servers[FIRST] = silent
    play.resolve()
    play.send(b"nonsense")
    assert {type(fact).__name__ for fact in play.facts} == {"ServerTimedOut", "MessageRejected"}
    play = stage()
    play.resolve()
    assert {type(fact) for fact in play.facts} >= {QuestionArrived, ServerAsked, Answered}
    assert ServerTimedOut not in {type(fact) for fact in play.facts}


def test_counters_add_up():
    play = stage(journal=Journal.EVENTS)
    play.servers[SECOND_] = silent
    play.happen(Reconfigured(config(forward=(*RULES, ForwardRule("dead", (SECOND_,))))))
    play.resolve()
    play.resolve()
    play.resolve("dead")
    play.resolve("other.example")
    play.send(b"nonsense")
    play.happen(CountersRequested())
    read = play.facts[-1]
    assert isinstance(read, CountersRead)
    assert read.questions_udp == 4
    assert read.rcodes == {"NOERROR": 2, "SERVFAIL": 1, "REFUSED": 1}
    assert sum(read.sources.values()) == 4
    assert (read.sources["forwarded"], read.sources["cache"]) == (1, 1)
    assert (read.malformed, read.upstream_timeouts) == (1, read.upstream_questions - 1)
    assert (read.cache_misses, read.refused) == (2, 0)
    assert read.cache_entries >= 1
    assert "4 questions" in str(read)
    play.resolve()
    assert read.questions_udp == 4  # what was read stays as it was


def test_counters_are_noted_as_often_as_asked():
    play = stage(counters_every_ns=10 * SECOND)
    play.run(35 * SECOND)
    assert [type(fact) for fact in play.facts] == [CountersRead] * 4
    play.happen(Reconfigured(config(forward=RULES)))
    assert play.resolver.deadline() is None
