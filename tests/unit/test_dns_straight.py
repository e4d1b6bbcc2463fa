"""What goes straight to a forwarder ends as if a resolution had asked.

Two resolvers live the same history, one of them without the straight way. Whatever clients and
servers see of them, what they cache, count and note must be the same.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random

import pytest
from dns_upstreams import (
    CLIENT,
    FIRST,
    HERE,
    SECOND_,
    ZONE,
    Asked,
    Stage,
    a,
    cname,
    soa,
    unreachable,
)
from hypothesis import event, given, settings
from hypothesis import strategies as st

from resolver.config import ForwardRule, HostedZone, Journal, ResolverConfig, Selection
from resolver.dns.full import Resolver
from resolver.dns.message import Edns, Rcode, build_reply
from resolver.dns.message_reading import parse_reply
from resolver.dns.records import Record, Type
from resolver.dns.resolution import Sources
from resolver.dns.straight import StraightWay
from resolver.machine import (
    MILLISECOND,
    SECOND,
    Endpoint,
    Reconfigured,
    Send,
    Transport,
)

OTHER = "other.test"
OWN = "own." + ZONE
RULES = (
    ForwardRule(ZONE, (FIRST, SECOND_)),
    ForwardRule(OTHER, (SECOND_, FIRST), timeout_ns=SECOND // 4),
    ForwardRule("nobody." + OTHER, ()),
)
ZONE_TEXT = "@ 300 IN SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns 30 IN A 192.0.2.53\n"
OUTSIDE = Endpoint("203.0.113.9", 40_000)

CONFIGS: tuple[dict, ...] = (
    {},
    {"zones": (HostedZone(OWN, ZONE_TEXT),)},
    {"forward": RULES[1:]},
    {"forward": (ForwardRule(".", (SECOND_,)),)},
    {"private_addresses": ("10.0.0.0/8",), "private_zones": (OTHER,)},
    {"next_on_rcodes": frozenset({0, 2, 3})},
    {"serve_stale": True, "stale_ttl_s": 5},
    {"max_ttl_s": 2, "cache_entries": 2},
    {"query_timeout_ns": SECOND // 5},
    {"recursion": False, "selection": Selection.ALL},
)


def records(name: str, qtype: int, count_: int, ttl: int = 4) -> list[Record]:
    if qtype == Type.A:
        return [a(name, f"10.0.0.{number}", ttl + number) for number in range(count_)]
    if qtype == Type.AAAA:
        return [a(name, f"fd00::{number}", ttl) for number in range(count_)]
    return [Record(name, qtype, ttl, bytes((200, number)) + bytes(200)) for number in range(count_)]


@dataclass(frozen=True)
class Asking:
    """A question that a server was asked, and what it may make of it."""

    asked: Asked
    target: str
    """Where its aliases lead."""

    @property
    def name(self) -> str:
        return self.asked.query.question.name

    def own(self, count_: int = 1, **how) -> list[Record]:
        return records(self.name, self.asked.query.question.qtype, count_, **how)

    def reply(self, *answers: Record, after: int = MILLISECOND, **reply):
        asked = self.asked
        return [(after, build_reply(asked.query, asked.transport, answers=answers, **reply))]

    def led_on(self, *behind: Record):
        return self.reply(cname(self.name, self.target), *behind)

    def without_edns(self):
        bare = replace(self.asked, query=self.asked.query._replace(edns=None))
        return Asking(bare, self.target).reply(rcode=Rcode.FORMERR)

    def cut_short(self):
        ((after, reply),) = self.reply(*self.own())
        return [(after, reply[:2] + bytes((reply[2] | 2,)) + reply[3:])]

    def broken(self, end: int | None = None, tail: bytes = b""):
        ((after, reply),) = self.reply(*self.own())
        return [(after, reply[:end] + tail)]

    def forged_first(self):
        ((after, forged),) = self.reply(*self.own(2))
        return [(after, bytes((forged[0] ^ 1,)) + forged[1:]), *self.reply(*self.own())]


def _covering(qtype: int) -> bytes:
    return struct.pack("!H", qtype) + bytes(40)


PLAIN = {
    "plain": lambda s: s.reply(*s.own()),
    "several": lambda s: s.reply(*s.own(3)),
    "many": lambda s: s.reply(*s.own(30)),
    "late": lambda s: s.reply(*s.own(), after=SECOND // 3),
    "short-lived": lambda s: s.reply(*s.own(2, ttl=0)),
    "octets behind": lambda s: s.broken(None, b"\0\1"),
}
OTHERS = {
    "forged first": Asking.forged_first,
    "shouted": lambda s: s.reply(*records(s.name.upper(), s.asked.query.question.qtype, 2)),
    "eternal": lambda s: s.reply(*s.own(ttl=(1 << 31) + 5)),
    "talkative": lambda s: s.reply(
        *s.own(), authority=[soa()], additional=[a("ns." + ZONE, "10.6.6.6")]
    ),
    "signed": lambda s: s.reply(
        *s.own(), Record(s.name, Type.RRSIG, 3, _covering(s.asked.query.question.qtype))
    ),
    "another type": lambda s: s.reply(*s.own(), *records(s.name, Type.TXT, 1)),
    "another owner": lambda s: s.reply(*s.own(), a("x." + s.name, "10.7.7.7")),
    "another class": lambda s: s.reply(s.own()[0]._replace(rclass=3)),
    "alias": lambda s: s.led_on(*records(s.target, s.asked.query.question.qtype, 1)),
    "half an alias": lambda s: s.led_on(),
    "no data": lambda s: s.reply(authority=[soa()]),
    "no name": lambda s: s.reply(rcode=Rcode.NXDOMAIN, authority=[soa(ttl=2)]),
    "nothing at all": lambda s: s.reply(),
    "referral": lambda s: s.reply(authority=[Record(s.name, Type.NS, 60, b"\2ns\4test\0")]),
    "failure": lambda s: s.reply(rcode=Rcode.SERVFAIL),
    "late failure": lambda s: s.reply(rcode=Rcode.SERVFAIL, after=SECOND // 3),
    "answers and fails": lambda s: s.reply(*s.own(), rcode=Rcode.SERVFAIL),
    "no EDNS": Asking.without_edns,
    "cut": lambda s: s.cut_short() if s.asked.transport is Transport.UDP else s.reply(*s.own()),
    "broken": lambda s: s.broken(-3),
    "silent": lambda _: (),
    "unreachable": lambda s: unreachable(s.asked),
}
KINDS = PLAIN | OTHERS
"""What servers do, like a script's."""


class Twin(Stage):
    """A resolver with or without the straight way, of which nothing is lost."""

    straight: bool = True

    def __post_init__(self) -> None:
        self.sent: list[object] = []
        super().__post_init__()
        config = ResolverConfig((HERE,), self.zones, self.rules, self.selection, **self.options)
        self.config = config
        ids, selection = Random(self.seed), Random(self.seed + 1)
        self.resolver = Resolver(config, ids, selection, straight=self.straight)

    def _perform(self, effects) -> None:
        self.sent += [(self.now, effect) for effect in effects]
        to_clients = (isinstance(e, Send) and not isinstance(e.flow, int) for e in effects)
        super()._perform([e for e, theirs in zip(effects, to_clients, strict=True) if not theirs])

    def state(self) -> list[object]:
        """All that the resolver has learnt and counted."""
        sources = self.resolver._sources
        cache = sources.cache
        entries = [
            (slot, entry.records, entry.rcode, entry.expires, entry.used)
            for slot, entry in cache._entries.items()
        ]
        failures = list(cache._failures._setbacks._entries.items())
        resolver = self.resolver
        left = (len(resolver._errands), len(resolver._exchanges), resolver.idle())
        turns = resolver._selector._turns
        asked = resolver._ready._asked
        return [entries, failures, cache._absent, resolver._ledger, left, turns, len(asked)]


class Slow(Twin):
    straight = False


@dataclass
class World:
    """Servers that do one kind of thing after another, and the names that aliases lead to."""

    kinds: list[str]
    targets: list[str]
    served: count = field(default_factory=count)

    def script(self, asked):
        number = next(self.served)
        kind = self.kinds[number % len(self.kinds)]
        return KINDS[kind](Asking(asked, self.targets[number % len(self.targets)]))


def live(twin: type[Twin], config: dict, kinds, targets, history) -> Twin:
    script = World(kinds, targets).script
    options = {"journal": Journal.EVENTS, "query_timeout_ns": 3 * SECOND, **config}
    rules, zones = options.pop("forward", RULES), options.pop("zones", ())
    selection = options.pop("selection", Selection.ONE)
    stage = twin({FIRST: script, SECOND_: script}, rules, zones, selection, options=options)
    for what, *how in history:
        match what, how:
            case "ask", (name, qtype, more, wait):
                stage.ask(name, qtype, **more)
                stage.run(stage.now + wait)
            case "pass", (duration,):
                stage.run(stage.now + duration)
            case "reconfigure", (number,):
                change = {"zones": (), "forward": RULES, **CONFIGS[number]}
                stage.happen(Reconfigured(replace(stage.config, **change)))
    stage.run()
    return stage


hosts = [ZONE, "a." + ZONE, "A." + ZONE, "b.a." + ZONE, OWN, "c." + OWN, "a." + OTHER]
hosts += ["nobody." + OTHER, "x.nobody." + OTHER, "a.elsewhere.test", "."]
types = [*[int(Type.A)] * 5, 28, 16, 5, 255, 39, 46, 43, 252, 0]
more = st.fixed_dictionaries(
    {},
    optional={
        "id_": st.sampled_from([1, 2]),
        "flow": st.sampled_from(["here", "there"]),
        "edns": st.sampled_from([Edns(1232), Edns(512, do=True), Edns(4096)]),
        "rd": st.sampled_from([True, True, False]),
        "cd": st.booleans(),
        "client": st.sampled_from([CLIENT, CLIENT, OUTSIDE]),
    },
)
waits = st.sampled_from([0, 0, 2 * MILLISECOND, 2 * MILLISECOND, SECOND // 3, SECOND, 5 * SECOND])
asks = st.tuples(st.just("ask"), st.sampled_from(hosts), st.sampled_from(types), more, waits)
usual = st.tuples(st.just("ask"), st.sampled_from(hosts[:4]), st.just(1), more, waits)
steps = st.one_of(
    *[usual] * 4,
    *[asks] * 3,
    st.tuples(st.just("pass"), waits),
    st.tuples(st.just("reconfigure"), st.integers(0, len(CONFIGS) - 1)),
)
kinds_ = st.lists(st.one_of(*map(st.sampled_from, ([*PLAIN], [*KINDS]))), min_size=1)


@settings(max_examples=400)
@given(
    st.sampled_from(CONFIGS),
    kinds_,
    st.lists(st.sampled_from(hosts), min_size=1, max_size=4),
    st.lists(steps, min_size=1, max_size=16),
)
def test_straight_or_not_everything_is_the_same(config, kinds, targets, history):
    fast = live(Twin, config, kinds, targets, history)
    slow = live(Slow, config, kinds, targets, history)
    event(f"questions to servers: {min(len(fast.asked), 10)}")
    assert fast.sent == slow.sent
    assert fast.asked == slow.asked
    assert fast.facts == slow.facts
    assert fast.state() == slow.state()


ASK = ("ask", "a." + ZONE, 1, {}, 5 * SECOND)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("do", [False, True])
def test_every_kind_of_reply_ends_the_same(kind, do):
    asks = [("ask", "a." + ZONE, 1, {"edns": Edns(1232, do)}, 3 * SECOND)] * 2
    targets = ["b.a." + ZONE, "a." + OTHER]
    for kinds in ([kind], [kind, "plain"]):
        fast, slow = (live(twin, {}, kinds, targets, asks) for twin in (Twin, Slow))
        assert fast.sent == slow.sent
        assert fast.state() == slow.state()


@pytest.mark.parametrize("kind", PLAIN)
def test_the_straight_way_is_taken(kind, monkeypatch):
    monkeypatch.setattr(Sources, "resolve", None)
    assert live(Twin, {}, [kind], [ZONE], [ASK]).sent
    with pytest.raises(TypeError):
        live(Slow, {}, [kind], [ZONE], [ASK])


# --- and the comparison would notice -----------------------------------------------------------


def differ(config, kinds, targets, history) -> bool:
    fast, slow = (live(twin, config, kinds, targets, history) for twin in (Twin, Slow))
    return fast.sent != slow.sent or fast.state() != slow.state()


def test_a_name_below_one_that_is_known_not_to_exist_is_noticed(monkeypatch):
    history = [ASK, ("ask", "b.a." + ZONE, 1, {}, SECOND)]
    how = ({}, ["no name", "plain"], [ZONE], history)
    assert not differ(*how)
    monkeypatch.setattr("resolver.dns.cache.Cache.knows_nothing_of", lambda *_: True)
    assert differ(*how)


def test_an_alias_taken_for_an_answer_is_noticed(monkeypatch):
    def credulous(message, question, _name, _rtype):
        reply = parse_reply(message)
        end = 12 + len(question)
        return (reply.answers, message[end:-11]) if reply.answers else None

    how = ({}, ["half an alias", "plain"], ["b.a." + ZONE], [ASK])
    assert not differ(*how)
    monkeypatch.setattr("resolver.dns.straight.read_plain_answers", credulous)
    assert differ(*how)


def test_sending_again_what_is_on_the_straight_way_is_noticed(monkeypatch):
    # An alias leads to a name that is being asked for.
    history = [("ask", "a." + ZONE, 1, {}, 0), ("ask", "c." + ZONE, 1, {}, 5 * SECOND)]
    how = ({}, ["late", "half an alias", "plain"], ["a." + ZONE], history)
    assert not differ(*how)
    monkeypatch.setattr(StraightWay, "meet", lambda *_: None)
    assert differ(*how)


def test_looking_again_at_what_was_not_known_is_noticed(monkeypatch):
    # Before its own reply comes, and says nothing, another question's alias brings the name along.
    history = [("ask", "a." + ZONE, 1, {}, 0), ("ask", "c." + ZONE, 1, {}, 5 * SECOND)]
    how = ({}, ["late failure", "alias", "plain"], ["a." + ZONE], history)
    assert not differ(*how)
    resolve = Sources.resolve
    monkeypatch.setattr(Sources, "resolve", lambda *args, **_: resolve(*args))
    with pytest.raises(RuntimeError):
        differ(*how)
