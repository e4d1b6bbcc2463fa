"""What holds for the resolver whatever happens to it."""

from __future__ import annotations

from random import Random

from dns_upstreams import CLIENT, FIRST, HERE, SECOND_, ZONE
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import domain_names, messages

from resolver.config import ForwardRule, HostedZone, ResolverConfig
from resolver.dns.full import Resolver
from resolver.dns.message import Edns, Query, build_query, build_reply, parse_query
from resolver.dns.names import to_wire
from resolver.dns.records import Record
from resolver.dns.timers import Timers
from resolver.machine import (
    Close,
    MessageArrived,
    Open,
    PacketArrived,
    PortTaken,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)

OWN = HostedZone("own", "@ 5 SOA ns h 1 2 3 4 5\n@ 5 NS ns\nns 5 A 192.0.2.1\na 5 CNAME a.b.\n")
NAMES = st.sampled_from([ZONE, "a." + ZONE, "b", "a.b", "own", "a.own", "x.y.own"])


def resolver() -> Resolver:
    rules = (ForwardRule(ZONE, (FIRST, SECOND_)), ForwardRule("b", (SECOND_,), 3))
    config = ResolverConfig((HERE,), (OWN,), rules, cache_entries=4)
    return Resolver(config, Random(1), Random(2))


@st.composite
def replies(draw, query: Query) -> bytes:
    """Something like a reply to `query`, of all the shapes a forwarder may think of."""
    owners = st.sampled_from([query.question.name, ZONE, "a.b", "b", "."]) | domain_names()
    record = st.builds(
        lambda name, kind, ttl, target: Record(
            name, *{1: (1, ttl, b"\1\2\3\4"), 5: (5, ttl, to_wire(target)), 2: (2, ttl, b"\0"),
                    6: (6, ttl, b"\0\0" + bytes(16) + b"\0\0\0\5")}[kind],
        ),
        owners, st.sampled_from([1, 5, 2, 6]), st.integers(0, 4), NAMES,
    )  # fmt: skip
    message = bytearray(
        build_reply(
            query,
            draw(st.sampled_from(Transport)),
            rcode=draw(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5, 9])),
            answers=draw(st.lists(record, max_size=3)),
            authority=draw(st.lists(record, max_size=2)),
        )
    )
    if draw(st.integers(0, 4)) == 0:
        message[2] |= 2  # TC
    if draw(st.integers(0, 4)) == 0:
        message[draw(st.integers(0, len(message) - 1))] ^= draw(st.integers(1, 255))
    return bytes(message)


@settings(max_examples=150)
@given(st.data())
def test_any_history_keeps_the_contract(data):
    machine = resolver()
    now = 0
    opened: dict[int, tuple[Open, Query]] = {}
    streams: set[str] = set()

    def perform(effects) -> None:
        fresh: dict[int, Open] = {}
        for effect in effects:
            match effect:
                case Open(flow):
                    fresh[flow] = effect
                case Send(int() as flow, payload) if flow in fresh:
                    query = parse_query(payload)
                    assert isinstance(query, Query)
                    opened[flow] = (fresh[flow], query)
                case Close(flow):
                    opened.pop(flow, None)
                    streams.discard(flow)

    for _ in range(data.draw(st.integers(1, 25))):
        flow = data.draw(st.sampled_from(sorted(opened)) if opened else st.just(-1))
        transport = data.draw(st.sampled_from(Transport))
        client = f"{transport.value}{data.draw(st.integers(0, 2))}"
        match data.draw(st.sampled_from(["ask", "reply", "junk", "net", "stream", "wait"])):
            case "ask":
                wire = to_wire(data.draw(NAMES)) + b"\0\1\0\1"
                edns = data.draw(st.sampled_from([None, Edns(1232, do=True)]))
                payload = build_query(data.draw(st.integers(0, 3)), wire, edns=edns)
                event = MessageArrived(client, payload, transport, CLIENT, HERE)
            case "reply" if flow in opened:
                asked, query = opened[flow]
                payload = data.draw(replies(query))
                event = MessageArrived(flow, payload, asked.transport, asked.remote, HERE)
            case "junk" | "reply":
                to = data.draw(st.sampled_from([client, flow]))
                event = MessageArrived(to, data.draw(messages), transport, FIRST, HERE)
            case "net":
                event = data.draw(
                    st.sampled_from(
                        [Unreachable(flow, "x"), PortTaken(flow), StreamClosed(flow),
                         StreamOpened(flow, FIRST, HERE), PacketArrived(b"x")]
                    )
                )  # fmt: skip
            case "stream":
                kind = data.draw(st.booleans())
                event = StreamOpened(client, CLIENT, HERE) if kind else StreamClosed(client)
            case _:
                now += data.draw(st.integers(0, 4 * 10**9))
                perform(machine.expire(now))
                later = machine.deadline()
                assert later is None or later > now
                continue
        if isinstance(event, PortTaken):
            opened.pop(event.flow, None)  # there never was a socket
        perform(machine.handle(event, now))
        check_deadline(machine, now)

    # However it went on, it ends: every wait is over after finitely many deadlines.
    for _ in range(1000):
        deadline = machine.deadline()
        if deadline is None:
            break
        now = max(now, deadline)
        effects = machine.expire(now)
        assert effects, "a deadline at which nothing happens"
        perform(effects)
    assert machine.deadline() is None
    assert opened == {}


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
