"""What holds for the resolver whatever happens to it."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from dns_upstreams import CLIENT, FIRST, HERE, SECOND_, ZONE
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import domain_names, messages

from resolver.config import ForwardRule, HostedZone, ResolverConfig, RootHint
from resolver.dns.full import Resolver
from resolver.dns.message import Edns, Query, build_query, build_reply
from resolver.dns.message_reading import parse_query
from resolver.dns.names import to_wire
from resolver.dns.records import Record
from resolver.dns.timers import Timers
from resolver.machine import (
    Close,
    CountersRequested,
    MessageArrived,
    Open,
    PacketArrived,
    PortTaken,
    Reconfigured,
    Send,
    StopRequested,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)

OWN = HostedZone("own", "@ 5 SOA ns h 1 2 3 4 5\n@ 5 NS ns\nns 5 A 192.0.2.1\na 5 CNAME a.b.\n"
                 "cut 5 NS ns.cut\nns.cut 5 A 192.0.2.3\n")  # fmt: skip
NAMES = st.sampled_from(
    [ZONE, "a." + ZONE, "b", "a.b", "own", "a.own", "x.y.own", "c", "d.c", "e.d.c", "x.cut.own"]
)


BAD = HostedZone("own", "a 5 A nowhere\n")
RULES = (ForwardRule(ZONE, (FIRST, SECOND_)), ForwardRule("b", (SECOND_,), 3, recursion=True))
HINTS = (RootHint("root", ("192.0.2.4", "2001:db8::4")),)
CONFIG = ResolverConfig((HERE,), (OWN,), RULES, cache_entries=4, recursion=True, root_hints=HINTS)


def resolver() -> Resolver:
    return Resolver(CONFIG, Random(1), Random(2))


@st.composite
def replies(draw, query: Query) -> bytes:
    """Something like a reply to `query`, of all the shapes a forwarder may think of."""
    owners = (
        st.sampled_from([query.question.name, ZONE, "a.b", "b", ".", "c", "d.c"]) | domain_names()
    )

    def record_of(name: str, rtype: int, ttl: int, target: str) -> Record:
        soa = b"\0\0" + bytes(16) + b"\0\0\0\5"
        rdata = {1: b"\1\2\3\4", 6: soa}.get(rtype, to_wire(target))
        return Record(name, rtype, ttl, rdata)

    types = st.sampled_from([1, 5, 2, 6, 39])
    record = st.builds(record_of, owners, types, st.integers(0, 4), NAMES)
    message = bytearray(
        build_reply(
            query,
            draw(st.sampled_from(Transport)),
            rcode=draw(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5, 9])),
            answers=draw(st.lists(record, max_size=3)),
            authority=draw(st.lists(record, max_size=2)),
            additional=draw(st.lists(record, max_size=2)),
            authoritative=draw(st.booleans()),
        )
    )
    if draw(st.integers(0, 4)) == 0:
        message[2] |= 2  # TC
    if draw(st.integers(0, 4)) == 0:
        message[draw(st.integers(0, len(message) - 1))] ^= draw(st.integers(1, 255))
    return bytes(message)


class Life:
    """A resolver, its sockets, and the hypothesis data that decide what happens to it."""

    def __init__(self, data) -> None:
        self.draw = data.draw
        self.machine = resolver()
        self.now = 0
        self.opened: dict[int, tuple[Open, Query | None]] = {}

    def perform(self, effects) -> None:
        for effect in effects:
            match effect:
                case Open(flow):
                    assert flow not in self.opened
                    self.opened[flow] = (effect, None)
                case Send(int() as flow, payload):
                    query = parse_query(payload)
                    assert isinstance(query, Query)
                    self.opened[flow] = (self.opened[flow][0], query)
                case Close(flow):
                    self.opened.pop(flow, None)

    def event(self):
        """Something that may happen, sensible or not."""
        flow = self.draw(st.sampled_from(sorted(self.opened)) if self.opened else st.just(-1))
        transport = self.draw(st.sampled_from(Transport))
        client = f"{transport.value}{self.draw(st.integers(0, 2))}"
        asked, query = self.opened.get(flow, (None, None))
        match self.draw(st.sampled_from(["ask", "reply", "junk", "net", "stream", "operator"])):
            case "ask":
                wire = to_wire(self.draw(NAMES)) + b"\0\1\0\1"
                edns = self.draw(st.sampled_from([None, Edns(1232, do=True)]))
                payload = build_query(self.draw(st.integers(0, 3)), wire, edns=edns)
                return MessageArrived(client, payload, transport, CLIENT, HERE)
            case "reply" if query is not None:
                payload = self.draw(replies(query))
                return MessageArrived(flow, payload, asked.transport, asked.remote, HERE)
            case "net":
                events = [Unreachable(flow, "x"), PortTaken(flow), StreamClosed(flow),
                          StreamOpened(flow, FIRST, HERE), PacketArrived(b"x")]  # fmt: skip
                return self.draw(st.sampled_from(events))
            case "stream":
                events = [StreamOpened(client, CLIENT, HERE), StreamClosed(client)]
                return self.draw(st.sampled_from(events))
            case "operator":
                changed = st.builds(
                    replace,
                    st.just(CONFIG),
                    zones=st.sampled_from([(), (OWN,), (BAD,)]),
                    forward=st.sampled_from([(), RULES, RULES[:1], RULES * 2]),
                    recursion_for=st.sampled_from([(), CONFIG.recursion_for]),
                    cache_entries=st.integers(0, 4),
                    serve_stale=st.booleans(),
                )
                events = st.sampled_from([StopRequested(), CountersRequested()])
                return self.draw(events | st.builds(Reconfigured, changed))
        to = self.draw(st.sampled_from([client, flow]))
        return MessageArrived(to, self.draw(messages), transport, FIRST, HERE)

    def happen(self) -> None:
        event = self.event()
        if isinstance(event, PortTaken):
            self.opened.pop(event.flow, None)  # there never was a socket
        self.perform(self.machine.handle(event, self.now))

    def expire(self) -> None:
        waits = set(self.machine._exchanges._timers._due)
        effects = self.machine.expire(self.now)
        self.perform(effects)
        later = self.machine.deadline()
        assert later is None or later > self.now, "something due was left"
        # Whoever gives a server up may wait with others for the next one, which is asked already.
        gone_on = waits != set(self.machine._exchanges._timers._due)
        assert effects or gone_on, "a deadline at which nothing happens"


@settings(max_examples=150)
@given(st.data())
def test_any_history_keeps_the_contract(data):
    life = Life(data)
    for _ in range(data.draw(st.integers(1, 25))):
        life.happen()
        check_deadline(life.machine, life.now)
        life.now += data.draw(st.sampled_from([0, 0, 0, 1, 10**6, 10**9, 3 * 10**9]))
        deadline = life.machine.deadline()
        if deadline is not None and deadline <= life.now:
            life.expire()
    # However it went on, it ends: every wait is over after finitely many deadlines.
    for _ in range(1000):
        deadline = life.machine.deadline()
        if deadline is None:
            break
        life.now = max(life.now, deadline)
        life.expire()
    assert life.machine.deadline() is None
    assert life.opened == {}
    assert life.machine.idle(), "somebody is still counted as waiting"


def check_deadline(machine: Resolver, now: int) -> None:
    """`deadline` is never later than the first timer: just before it, nothing is due."""
    deadline = machine.deadline()
    if deadline is None:
        assert list(machine.expire(10**30)) == []
    elif deadline > now:
        assert list(machine.expire(deadline - 1)) == []
        assert machine.deadline() == deadline


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | st.integers(0, 20)), max_size=80))
def test_timers_agree_with_a_dictionary(history):
    timers: Timers[str] = Timers()
    model: dict[str, int] = {}
    for key, at in history:
        if at is None:
            timers.cancel(key)
            model.pop(key, None)
        else:
            timers.set(key, at)
            model[key] = at
        assert timers.earliest() == min(model.values(), default=None)
    for now in range(21):
        due = set()
        while (key := timers.take_due(now)) is not None:
            due.add(key)
        assert due == {key for key, at in model.items() if at == now}


def test_timers_that_are_always_cancelled_do_not_pile_up():
    timers: Timers[int] = Timers()
    for number in range(10_000):
        timers.set(number, 10**9)
        timers.cancel(number)
    assert len(timers._heap) < 200
