"""What holds for recursion whatever the servers of the Internet do."""

from __future__ import annotations

from collections import defaultdict
from ipaddress import ip_address

from dns_internet import APEX, RTT, authority, internet
from dns_upstreams import Asked, Stage
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver import limits
from resolver.config import ForwardRule, HostedZone, RootHint
from resolver.dns import names
from resolver.dns.cache import Route
from resolver.dns.delegation import Cuts, Delegation, NameServer
from resolver.dns.memory import Memory
from resolver.dns.message import Rcode, build_reply
from resolver.dns.names import to_wire
from resolver.dns.records import Record, Type
from resolver.dns.zones import Found, Zones
from resolver.machine import MILLISECOND, SECOND, Endpoint, Transport, Unreachable

PATIENCE = 5 * SECOND
LABELS = ("a", "b", "c")
SOA_RDATA = b"\0\0" + bytes(16) + b"\0\0\0\5"

places = st.lists(st.sampled_from(LABELS), max_size=3).map(lambda labels: ".".join(labels) or ".")
addresses = st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", "0.0.0.0", "224.0.0.1"])


@st.composite
def records(draw) -> Record:
    rtype = draw(st.sampled_from([Type.NS, Type.NS, Type.A, Type.CNAME, Type.DNAME, Type.SOA]))
    address, target = draw(addresses), draw(places)
    match rtype:
        case Type.A:
            rdata = ip_address(address).packed
            rtype = Type.A if len(rdata) == 4 else Type.AAAA
        case Type.SOA:
            rdata = SOA_RDATA
        case _:
            rdata = to_wire(target)
    return Record(draw(places), rtype, draw(st.sampled_from([0, 1, 600])), rdata)


def anything(data) -> object:
    """A script that does whatever hypothesis thinks of, each time it is asked."""
    some = st.lists(records(), max_size=4)

    def script(asked: Asked):
        delay = data.draw(st.sampled_from([0, MILLISECOND, SECOND]))
        match data.draw(st.sampled_from(["reply"] * 5 + ["help", "silence", "refusal", "junk"])):
            case "silence":
                return
            case "refusal":
                yield delay, Unreachable(asked.flow, "port unreachable")
            case "help":  # the shapes that keep a resolver going longest
                name = asked.query.question.name
                cut = data.draw(st.sampled_from(list(names.with_ancestors(name))))
                servers = data.draw(st.lists(places, min_size=1, max_size=20))
                ns = [Record(cut, Type.NS, 600, to_wire(f"n.{s}".rstrip("."))) for s in servers]
                alias = [Record(name, Type.CNAME, 600, to_wire(data.draw(places)))]
                referral = data.draw(st.booleans())
                yield delay, build_reply(
                    asked.query, Transport.TCP, authoritative=not referral,
                    authority=ns if referral else (), answers=() if referral else alias,
                )  # fmt: skip
            case "junk":
                yield delay, data.draw(st.binary(max_size=40))
            case "reply":
                message = bytearray(
                    build_reply(
                        asked.query, Transport.TCP,
                        rcode=data.draw(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5, 6])),
                        answers=data.draw(some), authority=data.draw(some),
                        additional=data.draw(some), authoritative=data.draw(st.booleans()),
                    )
                )  # fmt: skip
                if data.draw(st.integers(0, 5)) == 0:
                    message[2] |= 2  # TC
                if data.draw(st.integers(0, 5)) == 0:
                    message[data.draw(st.integers(0, len(message) - 1))] ^= 0xFF
                yield delay, bytes(message)

    return script


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_servers_do_each_client_is_answered_once_in_time_and_at_a_bounded_cost(data):
    rules = (
        ForwardRule("c", (Endpoint("192.0.2.9", 53),), SECOND, recursion=data.draw(st.booleans())),
    )
    own = HostedZone("b.a", APEX + "@ NS ns\nns A 192.0.2.1\nc NS ns.c\nns.c A 192.0.2.2\n")
    play = internet(
        rules=rules,
        zones=(own,),
        query_timeout_ns=PATIENCE,
        qname_minimisation=data.draw(st.booleans()),
    )
    script = anything(data)
    play.servers = defaultdict(lambda: script)
    questions = data.draw(st.lists(places, min_size=1, max_size=3))
    for number, name in enumerate(questions):
        play.ask(
            name, data.draw(st.sampled_from([Type.A, Type.NS, Type.DS])), flow=f"client{number}"
        )
    play.run()  # which checks at every step that `expire` left nothing due
    assert sorted(got.flow for got in play.got) == [f"client{n}" for n in range(len(questions))]
    assert all(got.at <= PATIENCE for got in play.got)
    assert len(play.asked) <= len(questions) * limits.QUESTIONS_PER_RECURSION
    assert play.resolver.deadline() is None
    assert not play.resolver._errands
    for asked in play.asked:
        assert asked.query.rd == (asked.server.address == "192.0.2.9")
        assert not ip_address(asked.server.address).is_multicast


# --- a reference model: what the zones say -----------------------------------------------------


@st.composite
def worlds(draw) -> dict[str, str]:
    """Zones in a tree, each delegated by the closest one above it, and the text of each."""
    origins = sorted({".", *draw(st.lists(places, max_size=5))}, key=names.depth)
    text = dict.fromkeys(origins, APEX + "@ 600 NS ns\n")
    for number, origin in enumerate(origins):
        server = "ns" if origin == "." else f"ns.{origin}"
        text[origin] += f"{server}. 600 A 10.1.0.{number + 1}\n"
        if origin != ".":
            parent = next(z for z in names.with_ancestors(origin) if z in text and z != origin)
            text[parent] += f"{origin}. 600 NS {server}.\n{server}. 600 A 10.1.0.{number + 1}\n"
    for name in draw(st.sets(places, max_size=6)):
        zone = next(z for z in names.with_ancestors(name) if z in text)
        if name not in text:
            text[zone] += f"{name}. 60 TXT here\n"
    return text


@settings(max_examples=100, deadline=None)
@given(worlds(), st.lists(places, min_size=1, max_size=6), st.booleans(), st.integers(0, 99))
def test_it_finds_what_the_zones_say(world, questions, minimise, seed):
    whole = Zones(HostedZone(origin, text) for origin, text in world.items())
    servers = {
        Endpoint(f"10.1.0.{number}", 53): authority(Zones([HostedZone(origin, text)]))
        for number, (origin, text) in enumerate(world.items(), 1)
    }
    options = {"recursion": True, "qname_minimisation": minimise,
               "root_hints": (RootHint("ns", ("10.1.0.1",)),)}  # fmt: skip
    play = Stage(servers, (), seed=seed, options=options)
    for name in questions:
        zone = whole.closest(name)
        assert zone is not None
        truth = zone.look_up(name, Type.TXT)
        got = play.resolve(name, Type.TXT)
        rcode = Rcode.NOERROR if isinstance(truth, Found) else truth.rcode
        answers = truth.answers if isinstance(truth, Found) else ()
        assert (got.reply.rcode, [r.rdata for r in got.reply.answers]) == (
            rcode,
            [r.rdata for r in answers],
        )
    depth = max(map(names.depth, world))
    assert len(play.asked) <= len(questions) * (depth + 4)


# --- the tables --------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9), st.integers(0, 3)), max_size=40)
)
def test_a_memory_agrees_with_a_dictionary_and_stays_small(history):
    memory: Memory[str, int] = Memory(3)
    model: dict[str, tuple[int, int]] = {}
    for now, (key, value, lasts) in enumerate(history):
        found = memory.find(key, now)
        assert found is None or found == model[key]
        if key in model and model[key][1] > now and found is None:
            assert len(model) > 3 or len(set(model)) > 2  # pushed out by three others
        memory.keep(key, value, now + lasts)
        model[key] = (value, now + lasts)
        assert len(memory) <= 3
        assert lasts == 0 or memory.find(key, now) == model[key]


@given(st.sets(places, max_size=8), places, places)
def test_the_closest_cut_is_the_one_brute_force_finds(zones, name, top):
    cuts, route = Cuts(86_400), Route(top, recursive=True)
    for zone in zones:
        cuts.learn(route, route.top, Delegation(zone, (NameServer("ns", ("192.0.2.1",)),), 600), 0)
    if not names.is_at_or_below(name, top):
        return
    above = [
        zone for zone in zones
        if zone != top and names.is_at_or_below(name, zone) and names.is_at_or_below(zone, top)
    ]  # fmt: skip
    found = cuts.closest(route, name, RTT)
    assert (found.zone if found else None) == (max(above, key=names.depth) if above else None)
    assert cuts.closest(Route(top), name, RTT) is None
    assert cuts.closest(route, name, 600 * SECOND) is None


def test_a_referral_does_not_take_the_place_of_what_the_zone_said_itself():
    cuts, route = Cuts(86_400), Route(".", recursive=True)
    referral = Delegation("a", (NameServer("n.a", ("192.0.2.1",)),), 600)
    cuts.learn(route, route.top, referral, 0)
    own = [Record("a", Type.NS, 300, to_wire(server)) for server in ("n.a", "n.b")]
    cuts.confirm(route, own, 0)
    cuts.learn(route, route.top, referral, SECOND)
    found = cuts.closest(route, "x.a", SECOND)
    assert found is not None
    assert found.servers == (NameServer("n.a", ("192.0.2.1",)), NameServer("n.b"))
    assert cuts.closest(route, "x.a", 300 * SECOND) is None
    cuts.learn(route, route.top, referral, 300 * SECOND)
    assert cuts.closest(route, "x.a", 300 * SECOND) == referral
