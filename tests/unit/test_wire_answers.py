"""The table of ready answers gives octet for octet what the resolver would have written.

Two resolvers live the same history, one of them without the table (a journal of each question
switches it off). Whatever their clients and servers see must be the same.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

import pytest
from dns_upstreams import FIRST, HERE, SECOND_, ZONE, Stage, a, cname, soa
from hypothesis import event, given, settings
from hypothesis import strategies as st

from resolver import limits
from resolver.config import ForwardRule, HostedZone, Journal, ResolverConfig, Selection
from resolver.dns import names
from resolver.dns.cache import Entry, Reading, Route, Slot, Wishes
from resolver.dns.counters import Counters
from resolver.dns.message import Query, Rcode, build_reply
from resolver.dns.message_reading import parse_query
from resolver.dns.records import Record, Type
from resolver.dns.wire_answers import Form, WireAnswers
from resolver.machine import (
    MILLISECOND,
    SECOND,
    CountersRequested,
    Endpoint,
    MessageArrived,
    Reconfigured,
    Send,
    StopRequested,
    Transport,
)

OTHER = "other.test"
OWN = "own.test"
RULES = (ForwardRule(ZONE, (FIRST,)), ForwardRule(OTHER, (SECOND_,)))
ZONE_TEXT = f"""\
@ 300 IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 192.0.2.53
www 30 IN A 192.0.2.80
www 30 IN A 192.0.2.81
one 20 IN A 192.0.2.82
out 10 IN CNAME a.{ZONE}.
*.wild 40 IN TXT "anything"
"""
OTHER_ZONE_TEXT = ZONE_TEXT.replace("192.0.2.8", "198.51.100.8")
INSIDE = "192.168.1.50"
OUTSIDE = "203.0.113.9"


@dataclass
class World:
    """What the servers answer; `age` changes it."""

    age: int = 0

    def records(self, name: str, qtype: int, *, do: bool) -> tuple[list[Record], list[Record]]:
        """Answer and authority section of a server's reply."""
        first = name.split(".", maxsplit=1)[0]
        ttl = 3 + self.age % 5
        found: dict[str, list[Record]] = {
            "a": [a(name, f"10.0.{self.age % 256}.1", ttl)],
            "m": [a(name, f"10.1.{self.age % 256}.{n}", ttl + 1) for n in (1, 2, 3)]
            + [a(name, f"fd00::{n}", ttl) for n in (1, 2)],
            "c": [cname(name, "a." + ZONE, ttl + 2)],
            "d": [cname(name, "m." + OTHER, ttl)],
            "t": [Record(name, Type.TXT, ttl, bytes([200]) + bytes([n]) * 200) for n in range(9)],
            "f": [a(name, "10.3.0.1", 1)],
            "z": [a(name, "10.4.0.1", 0)],
        }
        if qtype == Type.A:
            found["e"] = [cname(name, "c." + ZONE, ttl)]
            found["h"] = [cname(name, "n." + ZONE, ttl)]
        if self.age % 2:  # aliases come and go, and so do names
            found["c"] = [a(name, "10.2.0.1", ttl)]
            found["n"] = [a(name, "10.2.0.2", ttl)]
            for alias in "eh":  # what they lead to comes along
                target = {"e": "c", "h": "n"}[alias]
                found[alias] = [*found.get(alias, []), a(f"{target}.{ZONE}", "10.2.0.3", ttl)]
        owned = found.get(first, [])
        answers = [r for r in owned if r.rtype in {qtype, Type.CNAME}]
        if do and answers:
            covered = struct.pack("!H", answers[0].rtype)
            answers.append(Record(name, Type.RRSIG, ttl, covered + bytes(40)))
        return answers, [] if answers else [soa(name.partition(".")[2] or ZONE, ttl, ttl + 1)]

    def script(self, asked):
        question = asked.query.question
        name = question.name.lower()
        answers, authority = self.records(name, question.qtype, do=asked.query.do)
        known = name.split(".", maxsplit=1)[0] in {*"amcdtfzeh"} or (
            self.age % 2 and name[0] == "n"
        )
        if name.startswith("s."):
            return
        yield (
            MILLISECOND,
            build_reply(
                asked.query,
                asked.transport,
                rcode=Rcode.NOERROR if known else Rcode.NXDOMAIN,
                answers=answers,
                authority=authority,
            ),
        )


CONFIGS = (
    {},
    {"zones": (HostedZone(OWN, OTHER_ZONE_TEXT),)},
    {"zones": ()},
    {"zones": (HostedZone(OWN, ZONE_TEXT), HostedZone("a." + ZONE, ZONE_TEXT))},
    {"selection": Selection.ALL},
    {"recursion_for": ("203.0.113.0/24",)},
    {"forward": RULES[:1]},
    {"max_ttl_s": 1},
    {"cache_entries": 1},
)


class Raw(Stage):
    """Keeps what clients are sent as it is, readable or not."""

    def __post_init__(self) -> None:
        self.sent: list[tuple[int, object, bytes]] = []
        super().__post_init__()

    def _perform(self, effects) -> None:
        to_clients = [e for e in effects if isinstance(e, Send) and not isinstance(e.flow, int)]
        self.sent += [(self.now, effect.flow, effect.payload) for effect in to_clients]
        super()._perform(effect for effect in effects if effect not in to_clients)


class Life:
    """One resolver and what happens to it."""

    def __init__(self, *, table: bool, selection: Selection, entries: int) -> None:
        self.world = World()
        journal = Journal.EVENTS if table else Journal.QUESTIONS
        self.config = ResolverConfig(
            (HERE,),
            (HostedZone(OWN, ZONE_TEXT),),
            RULES,
            selection,
            cache_entries=entries,
            query_timeout_ns=3 * SECOND,
            journal=journal,
        )
        script = self.world.script
        self.stage = Raw(
            {FIRST: script, SECOND_: script},
            RULES,
            self.config.zones,
            selection,
            options={
                "cache_entries": entries,
                "query_timeout_ns": 3 * SECOND,
                "journal": journal,
            },
        )

    @property
    def fast_answers(self) -> int:
        return self.stage.resolver._ledger.counters.fast_answers

    def seen(self) -> list[object]:
        """All that clients and servers got."""
        asked = [
            (each.at, each.server, each.source_port, each.payload) for each in self.stage.asked
        ]
        return [self.stage.sent, asked]

    def live(self, history) -> None:
        for step in history:
            self._do(*step)
        self.stage.run()

    def _do(self, what: str, *how: object) -> None:
        match what, how:
            case "ask", (payload, address, flow, wait, times):
                source = Endpoint(address, 40_000)
                for _ in range(times):
                    self.stage.happen(MessageArrived(flow, payload, Transport.UDP, source, HERE))
                    self.stage.run(self.stage.now + wait)
            case "pass", (duration,):
                self.stage.run(self.stage.now + duration)
            case "change", ():
                self.world.age += 1
            case "reconfigure", (number,):
                config = replace(self.config, **CONFIGS[number])
                self.stage.happen(Reconfigured(config))
            case "stop", ():
                self.stage.happen(StopRequested())
            case _:
                raise ValueError(what)


def query(
    name: str,
    qtype: int = 1,
    *,
    flags: int = 0x0100,
    size: int | None = 1232,
    do: bool = False,
    options: bytes = b"",
    id_: int = 7,
) -> bytes:
    opt = b""
    if size is not None:
        ttl = 0x8000 if do else 0
        opt = b"\0" + struct.pack("!HHIH", Type.OPT, size, ttl, len(options)) + options
    header = struct.pack("!HHHHHH", id_, flags, 1, 0, 0, bool(opt))
    return header + names.to_wire(name) + struct.pack("!HH", qtype, 1) + opt


def with_id(payload: bytes, id_: int) -> bytes:
    return bytes((id_, id_)) + payload[2:]


hosts = st.sampled_from([*"amcdntfzseh", "x.n", "A", "M", "nS"])
own_names = st.sampled_from([f"{h}.{OWN}" for h in ("www", "one", "out", "x.wild", "no", "WWW")])
full_names = st.one_of(
    st.builds("{}.{}".format, hosts, st.sampled_from([ZONE, ZONE.upper(), OTHER])),
    own_names,
    st.sampled_from([".", "test", ZONE, OWN]),
)
queries = st.builds(
    query,
    full_names,
    st.sampled_from([1, 1, 1, 28, 16, 5, 255, 252, 46]),
    flags=st.sampled_from([0x0100, 0x0100, 0x0000, 0x0120, 0x0110, 0x0130, 0x0140, 0x8100, 0x0900]),
    size=st.sampled_from([None, 0, 512, 1232, 4096, 65_535]),
    do=st.booleans(),
    options=st.sampled_from([b"", b"\0\n\0\x08cookie!!", b"\0\x0c\0\x04\0\0\0\0"]),
)
usual = st.builds(
    query,
    st.one_of(st.builds("{}.{}".format, st.sampled_from("amcdnteh"), st.just(ZONE)), own_names),
    st.sampled_from([1, 16]),
    size=st.sampled_from([None, 1232]),
    do=st.booleans(),
)
broken = st.builds(
    lambda payload, at, octet: payload[:at] + bytes((octet,)) + payload[at + 1 :],
    queries,
    st.integers(0, 70),
    st.integers(0, 255),
)
instants = st.one_of(
    st.sampled_from([1, MILLISECOND, SECOND - 1, SECOND, SECOND + 1]), st.integers(0, 4 * SECOND)
)


def histories(payloads: list[bytes]):
    """Few questions, so that they come again and again."""
    asked = st.tuples(
        st.just("ask"),
        st.sampled_from(payloads).flatmap(
            lambda payload: st.builds(with_id, st.just(payload), st.sampled_from([1, 2]))
        ),
        st.sampled_from([INSIDE, INSIDE, INSIDE, INSIDE, OUTSIDE]),
        st.sampled_from(["here", "there"]),
        st.sampled_from([2 * MILLISECOND, 0, 300 * MILLISECOND, SECOND]),
        st.integers(1, 6),
    )
    step = st.one_of(
        *[asked] * 6,
        st.tuples(st.just("pass"), instants),
        st.tuples(st.just("change")),
        st.tuples(st.just("reconfigure"), st.integers(0, len(CONFIGS) - 1)),
    )
    return st.lists(step, min_size=8, max_size=24)


def both(history, selection=Selection.ONE, entries=100) -> tuple[Life, Life]:
    lives = (
        Life(table=True, selection=selection, entries=entries),
        Life(table=False, selection=selection, entries=entries),
    )
    for life in lives:
        life.live(history)
    return lives


@settings(max_examples=300)
@given(
    st.lists(st.one_of(*[usual] * 5, queries, broken), min_size=1, max_size=4).flatmap(histories),
    st.sampled_from(Selection),
    st.sampled_from([2, 4, 100]),
)
def test_with_the_table_everything_is_as_without(history, selection, entries):
    fast, slow = both(history, selection, entries)
    event(f"answers from the table: {min(fast.fast_answers, 20)}")
    assert fast.seen() == slow.seen()
    assert slow.fast_answers == 0


def ready_state(life: Life) -> list[object]:
    """What the table holds, and what was used of it and of the cache."""
    ready = life.stage.resolver._ready
    answers = [
        (key, answer.tail, answer.until, answer.used, answer.entry.used, answer.more is None)
        for key, answer in ready._answers.items()
    ]
    return [answers, life.fast_answers]


@settings(max_examples=100)
@given(
    st.lists(usual, min_size=1, max_size=4).flatmap(
        lambda payloads: st.tuples(
            histories(payloads),
            st.lists(
                st.tuples(
                    st.sampled_from([*payloads, *payloads, query("never." + ZONE)]),
                    st.sampled_from([INSIDE] * 9 + [OUTSIDE]),
                ),
                max_size=12,
            ),
        )
    ),
    instants,
    st.sampled_from(Selection),
)
def test_several_at_once_are_answered_as_one_by_one(lived, later, selection):
    history, batch = lived
    single, several = (Life(table=True, selection=selection, entries=100) for _ in range(2))
    for life in (single, several):
        life.live([*history, *(ask(payload, 3) for payload, _ in batch)])
    now = single.stage.now + later
    expected = []
    for payload, address in batch:
        answer = single.stage.resolver.answer_datagram(payload[2:], address, now)
        if answer is None:
            break
        expected.append(answer)
    questions = iter([payload[2:] for payload, _ in batch])
    addresses = iter([where for _, where in batch])
    given_ = several.stage.resolver.answer_datagrams(questions, addresses, now)
    event(f"answered {len(given_)} of {len(batch)}")
    assert given_ == expected
    assert len(list(questions)) == len(list(addresses)) == max(0, len(batch) - len(expected) - 1)
    assert ready_state(several) == ready_state(single)


# --- and the comparison would notice -----------------------------------------------------------

A = query("a." + ZONE)


def ask(payload: bytes = A, times: int = 1, address: str = INSIDE):
    return ("ask", payload, address, "here", 2 * MILLISECOND, times)


NOTICED = {
    "TTLs count down": ([ask(times=4), ("pass", SECOND), ask()], "_counted_down", lambda t, *_: t),
    "an entry ends": (
        [ask(times=4), ("pass", 4 * SECOND), ask()],
        "_next_change",
        lambda *_: 1 << 62,
    ),
}


@pytest.mark.parametrize("name", NOTICED)
def test_an_answer_that_stands_still_is_noticed(name, monkeypatch):
    history, function, broken_function = NOTICED[name]
    fast, slow = both(history)
    assert fast.seen() == slow.seen()
    assert fast.fast_answers > 0
    monkeypatch.setattr(f"resolver.dns.wire_answers.{function}", broken_function)
    fast, slow = both(history)
    assert fast.seen() != slow.seen()


FORGOTTEN = {
    "evicted": ([ask(times=4), ask(query("m." + ZONE), 2), ("change",), ask()], "changed"),
    "an alias gives way to addresses learnt by the way": (
        [ask(query("c." + ZONE), 4), ("change",), ask(query("e." + ZONE)), ask(query("c." + ZONE))],
        "changed",
    ),
    "a name turns out to exist": (
        [ask(query("n." + ZONE), 4), ("change",), ask(query("h." + ZONE)), ask(query("n." + ZONE))],
        "changed",
    ),
    "reconfigured": (
        [ask(query("www." + OWN), 4), ("reconfigure", 1), ask(query("www." + OWN), 2)],
        "clear",
    ),
    "no longer allowed": ([ask(times=4), ("reconfigure", 5), ask(times=2)], "clear"),
    "stopped": ([ask(times=4), ("stop",), ask(times=2)], "clear"),
}


@pytest.mark.parametrize("name", FORGOTTEN)
def test_an_answer_that_outlives_its_reason_is_noticed(name, monkeypatch):
    history, method = FORGOTTEN[name]
    entries = 1 if name == "evicted" else 100
    fast, slow = both(history, entries=entries)
    assert fast.seen() == slow.seen()
    assert fast.fast_answers > 0
    monkeypatch.setattr(WireAnswers, method, lambda *_: None)
    fast, slow = both(history, entries=entries)
    assert fast.seen() != slow.seen()


def test_an_entry_that_is_used_but_not_marked_is_noticed(monkeypatch):
    # Room for two. Those that come later have to go, for the first is used, from the table alone.
    later = [query(f"{host}.{ZONE}", qtype) for host in "tm" for qtype in (16, 28)]
    history = [ask(times=2), ask(later[0]), ask(later[1]), ask()]
    history += [ask(later[2]), ask(later[3]), ("change",), ask()]
    fast, slow = both(history, entries=2)
    assert fast.seen() == slow.seen()
    assert fast.fast_answers > 0

    def unmarked(self, payload, address, now, answer=WireAnswers.answer):
        used = [entry.used for entry in entries_of(self)]
        reply = answer(self, payload, address, now)
        for entry, before in zip(entries_of(self), used, strict=True):
            entry.used = before
        return reply

    monkeypatch.setattr(WireAnswers, "answer", unmarked)
    fast, slow = both(history, entries=2)
    assert fast.seen() != slow.seen()


def entries_of(ready: WireAnswers) -> list[Entry]:
    return [answer.entry for answer in ready._answers.values()]


def test_clients_outside_are_given_nothing_from_the_table():
    fast, slow = both([ask(times=4), ask(times=2, address=OUTSIDE)])
    assert fast.seen() == slow.seen()
    assert fast.fast_answers == 2
    assert fast.stage.sent[-1][2][3] & 0xF == Rcode.REFUSED


# --- what is taken into the table --------------------------------------------------------------


def given(life: Life, payload: bytes, times: int) -> int:
    before = life.fast_answers
    life.live([ask(payload, times)])
    return life.fast_answers - before


@pytest.mark.parametrize("host", ["a", "m", "c", "d", "n", "x.n", "t"])
@pytest.mark.parametrize("do", [False, True])
def test_from_the_third_time_on_the_answer_is_ready(host, do):
    life = Life(table=True, selection=Selection.ONE, entries=100)
    assert given(life, query(f"{host}.{ZONE}", do=do), 5) == 3


@pytest.mark.parametrize("name", ["www", "one", "out", "x.wild", "no"])
def test_answers_from_own_zones_are_ready_too(name):
    life = Life(table=True, selection=Selection.ONE, entries=100)
    life.live([ask(query(f"a.{ZONE}"), 1)])
    assert given(life, query(f"{name}.{OWN}"), 5) == 3


def test_failures_refusals_and_data_of_the_moment_are_not():
    life = Life(table=True, selection=Selection.ONE, entries=100)
    for payload in (query("s." + ZONE), query("z." + ZONE), query("test"), query("a." + ZONE, 252)):
        assert given(life, payload, 5) == 0


def test_questions_that_differ_each_time_are_not_kept():
    life = Life(table=True, selection=Selection.ONE, entries=100)
    for number in range(50):
        cookie = b"\0\n\0\x08" + number.to_bytes(8, "big")
        assert given(life, query("a." + ZONE, options=cookie), 1) == 0
    assert len(life.stage.resolver._ready) == 0


def test_rrsets_of_very_many_addresses_are_written_each_time(monkeypatch):
    monkeypatch.setattr(limits, "WIRE_FORMS", 2)
    life = Life(table=True, selection=Selection.ALL, entries=100)
    assert given(life, query("m." + ZONE), 5) == 0
    assert given(life, query("m." + ZONE, 28), 5) == 3


def test_long_questions_are_not_kept():
    life = Life(table=True, selection=Selection.ONE, entries=100)
    padding = b"\0\x0c" + (600).to_bytes(2, "big") + bytes(600)
    assert given(life, query("a." + ZONE, options=padding), 5) == 0


def test_where_each_question_is_written_down_none_is_answered_without():
    life = Life(table=False, selection=Selection.ONE, entries=100)
    assert given(life, A, 5) == 0
    assert sum("asks" in str(fact) for fact in life.stage.facts) == 5


# --- bounds ------------------------------------------------------------------------------------


def table(octets: int) -> WireAnswers:
    return WireAnswers(lambda _address: True, Counters(), octets)


def keep(into: WireAnswers, name: str, now: int = 0) -> bytes:
    payload = query(name)
    record = a(name, "10.0.0.1")
    reply = build_reply_to(payload, record)
    into.keep(payload, [Form(reply, [record], (), ())], None, [], now)
    return payload


def build_reply_to(payload: bytes, record: Record) -> bytes:
    parsed = parse_query(payload)
    assert isinstance(parsed, Query)
    return build_reply(parsed, Transport.UDP, answers=[record])


def test_octets_are_bounded_and_what_is_used_stays():
    kept = table(10_000)
    first = keep(kept, "first.test")
    for number in range(100):
        assert kept.answer(first[2:], INSIDE, number) is not None
        keep(kept, f"n{number}.test")
        assert kept._octets <= 10_000
    assert 1 < len(kept) < 20


def test_what_was_looked_at_counts_towards_the_octets():
    """An absence far above a name of many labels: each name between is watched."""
    kept = table(100_000)
    for number in range(100):
        payload = query(f"n{number}.test")
        record = a(f"n{number}.test", "10.0.0.1")
        slots = [Slot(f"n{number}.{level}", None, Wishes(), Route(".")) for level in range(100)]
        form = Form(build_reply_to(payload, record), [record], (), ())
        kept.keep(payload, [form], None, map(Reading, slots), 0)
    assert len(kept) == 2


def test_nothing_is_left_of_what_was_dropped():
    life = Life(table=True, selection=Selection.ONE, entries=3)
    life.live(
        [ask(query(f"{host}.{ZONE}", size=size), 3) for host in "amcdnt" for size in (None, 512)]
    )
    ready = life.stage.resolver._ready
    watched = {answer for answers in ready._by_slot.values() for answer in answers}
    assert watched == set(ready._answers.values())
    assert ready._octets == sum(answer.octets for answer in ready._answers.values())
    life.live([("reconfigure", 0)])
    assert (len(ready), ready._by_slot, ready._octets) == (0, {}, 0)


def test_questions_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr(limits, "QUESTIONS_REMEMBERED", 3)
    kept = table(10_000)
    assert [kept.asked_before(query(f"n{n}.test")) for n in range(5)] == [False] * 5
    assert len(kept._asked) <= 3
    assert kept.asked_before(query("n4.test"))


def test_fast_answers_are_counted():
    life = Life(table=True, selection=Selection.ONE, entries=100)
    life.live([ask(times=10)])
    life.stage.happen(CountersRequested())
    assert life.stage.facts[-1].fast_answers == 8
