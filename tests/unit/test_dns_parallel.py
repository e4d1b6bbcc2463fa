"""The parallel profile (FWD-23; TR-124 LAN.DNS.3) against a model that knows all replies."""

from __future__ import annotations

from dns_upstreams import (
    FIRST,
    SECOND_,
    THIRD,
    ZONE,
    Script,
    Stage,
    answering,
    cname,
    replying,
    silent,
    soa,
    unreachable,
)
from hypothesis import given
from hypothesis import strategies as st

from resolver.config import ForwardRule, Journal, Profile
from resolver.dns.message import Rcode
from resolver.dns.profiles import PARALLEL
from resolver.machine import MILLISECOND, SECOND, Endpoint, Transport

SERVERS = (FIRST, SECOND_, THIRD)
ADDRESS = {server: f"198.51.100.{number}" for number, server in enumerate(SERVERS, start=1)}
T = PARALLEL.forwarder_timeout_ns


def nxdomain(after):
    return replying(after, rcode=Rcode.NXDOMAIN, authority=(soa(),))


def nodata(after):
    return replying(after, authority=(soa(),))


def servfail(after):
    return replying(after, rcode=Rcode.SERVFAIL)


def scripted(server, what, after):
    if what == "data":
        return answering(ADDRESS[server], after=after)
    scripts = {"nxdomain": nxdomain, "nodata": nodata, "servfail": servfail}
    return scripts[what](after) if what in scripts else {"silent": silent}[what]


def stage(*scripts: Script, **options) -> Stage:
    options = {"profile": Profile.PARALLEL, **options}
    rules = (ForwardRule(ZONE, SERVERS[: len(scripts)]),)
    return Stage(dict(zip(SERVERS, scripts, strict=False)), rules, options=options)


whats = st.sampled_from(("data", "nxdomain", "nodata", "servfail", "silent"))
afters = st.integers(1, 3000).map(lambda ms: ms * MILLISECOND)


@given(
    st.lists(st.tuples(whats, afters), min_size=3, max_size=3, unique_by=lambda each: each[1]),
    st.sampled_from(Journal),
)
def test_whatever_the_servers_do_it_ends_as_the_model_says(told, journal):
    play = stage(
        *(scripted(server, *each) for server, each in zip(SERVERS, told, strict=True)),
        journal=journal,
    )
    got = play.resolve()
    assert [(each.at, each.server) for each in play.asked] == [(0, each) for each in SERVERS]
    heard = [
        (after, what, server)
        for server, (what, after) in zip(SERVERS, told, strict=True)
        if what != "silent" and after < T
    ]
    data = min((each for each in heard if each[1] == "data"), default=None)
    if data is not None:  # the first answer with data wins
        assert (got.at, got.addresses) == (data[0], [ADDRESS[data[2]]])
        return
    # What says that there is nothing is held until everybody was heard, or waited for.
    assert got.at == (max(each[0] for each in heard) if len(heard) == 3 else T)
    absent = [what for _, what, _ in sorted(heard, key=lambda each: SERVERS.index(each[2]))]
    absent = [what for what in absent if what in ("nxdomain", "nodata")]
    if not absent:
        assert got.reply.rcode == Rcode.SERVFAIL
    else:
        rcode = {"nxdomain": Rcode.NXDOMAIN, "nodata": Rcode.NOERROR}[absent[0]]
        assert (got.reply.rcode, got.addresses) == (rcode, [])


def test_late_replies_and_timeouts_of_the_others_change_nothing():
    play = stage(
        answering("198.51.100.1", after=5 * MILLISECOND), nxdomain(9 * MILLISECOND), silent
    )
    got = play.resolve()
    assert (got.at, got.addresses) == (5 * MILLISECOND, ["198.51.100.1"])
    # Nobody is waited for any more, and every socket is closed again.
    assert play.resolver.deadline() is None
    assert len(play.closed) == 3
    play.run(10 * SECOND)
    assert len(play.got) == 1
    assert play.resolve().addresses == ["198.51.100.1"]  # from the cache
    assert len(play.asked) == 3


def test_an_unreachable_server_is_no_answer_and_no_reason_to_wait():
    play = stage(unreachable, unreachable, unreachable)
    got = play.resolve()
    assert (got.at, got.reply.rcode) == (MILLISECOND, Rcode.SERVFAIL)


def test_a_truncated_reply_is_fetched_over_tcp_while_the_others_are_still_waited_for():
    def cut(asked):
        reply = answering("198.51.100.1", after=MILLISECOND)
        for after, payload in reply(asked):
            if asked.transport is Transport.UDP:
                head = bytearray(payload)
                head[2] |= 0x02
                yield after, bytes(head)
            else:
                yield after, payload

    play = stage(cut, nxdomain(SECOND))
    got = play.resolve()
    assert (got.at, got.addresses) == (2 * MILLISECOND, ["198.51.100.1"])
    assert [each.transport for each in play.asked] == [Transport.UDP, Transport.UDP, Transport.TCP]


def test_an_alias_goes_on_at_all_servers_again_and_old_replies_are_not_taken_for_new():
    other = "other." + ZONE

    def first(asked):
        if asked.query.question.name == ZONE:
            return replying(MILLISECOND, answers=(cname(ZONE, other),))(asked)
        return silent(asked)

    play = stage(first, answering("198.51.100.2", after=3 * MILLISECOND))
    got = play.resolve()
    # Its reply to the first question comes at 3 ms, when the alias is long being followed.
    assert (got.at, got.addresses) == (4 * MILLISECOND, ["198.51.100.2"])
    assert [each.query.question.name for each in play.asked] == [ZONE, ZONE, other, other]


def test_who_asks_the_same_meanwhile_waits_for_the_same():
    play = stage(nxdomain(5 * MILLISECOND), answering("198.51.100.2", after=9 * MILLISECOND))
    play.ask(flow="one")
    play.now = MILLISECOND
    play.ask(flow="other", client=Endpoint("192.168.1.51", 4000))
    play.run()
    assert [(each.flow, each.addresses) for each in play.got] == [
        ("one", ["198.51.100.2"]),
        ("other", ["198.51.100.2"]),
    ]
    assert len(play.asked) == 2


def test_two_servers_that_forward_to_each_other_are_told_of_the_loop_by_any_of_those_asked():
    play = stage(silent, silent)
    play.ask(flow="one")
    play.now = MILLISECOND
    play.ask(flow="back", client=Endpoint(SECOND_.address, 5000))
    assert [(each.flow, each.reply.rcode) for each in play.got] == [("back", Rcode.SERVFAIL)]


def test_what_is_too_dear_ends_the_search():
    play = stage(silent, silent, silent, query_timeout_ns=SECOND)
    got = play.resolve()
    assert (got.at, got.reply.rcode) == (SECOND, Rcode.SERVFAIL)
