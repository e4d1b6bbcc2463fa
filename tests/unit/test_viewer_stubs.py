"""Viewers' stub resolvers: within their bounds whatever servers do, and as documented where nothing
real is compared with them (tests/peers compares the others, datagram by datagram)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stub_cases import ADDRESS, SERVERS, Seen, Treatment, bursts
from stub_virtual import LATENCY_NS, look_up, reply_octets

from lab.viewer.dialling import in_dialling_order
from lab.viewer.lookup import NO_SUCH_NAME, TRY_AGAIN
from lab.viewer.profiles import PROFILE_NAMES, PROFILES, StubProfile, profile_named
from lab.viewer.visit import NOBODY_WAITS_LONGER, Memory, Visit
from resolver.machine import (
    SECOND,
    Close,
    Endpoint,
    MessageArrived,
    Open,
    PortTaken,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)

PROJECT = Path(__file__).parents[2]
OVER_UDP: tuple[Treatment, ...] = tuple(each for each in get_args(Treatment) if each != "truncates")
HERE = Endpoint("192.0.2.99", 4000)


def places_asked(seen: Seen) -> list[tuple[float, set[int]]]:
    return [(round(at, 3), {one[0] for one in asked}) for at, asked in bursts(seen, 0.6)]


# --- profiles ---------------------------------------------------------------------------------


def test_every_name_has_a_profile_and_every_profile_a_source():
    assert tuple(PROFILES) == PROFILE_NAMES
    for name, profile in PROFILES.items():
        assert profile.name == name
        assert profile.source
        assert profile.version
        assert profile_named(name) is profile
    assert profile_named("lynx") is None
    assert [name for name, profile in PROFILES.items() if not profile.verified] == ["windows"]


@pytest.mark.parametrize(
    ("servers", "waits"), [(1, (5, 5)), (2, (5, 5, 5, 5)), (3, (5, 3, 6, 5, 3, 6))]
)
def test_glibc_waits_by_the_place_of_the_server(servers, waits):
    turns = PROFILES["glibc"].turns(servers)
    assert tuple(turn.wait_ns // SECOND for turn in turns) == waits
    assert [turn.servers for turn in turns] == [(place,) for place in range(servers)] * 2


def test_only_three_servers_are_asked():
    assert {place for turn in PROFILES["glibc"].turns(5) for place in turn.servers} == {0, 1, 2}


@pytest.mark.parametrize(
    ("servers", "asked"),
    [
        (1, [{0}, {0}, {0}, {0}, {0}]),
        (2, [{0}, {1}, {1}, {0, 1}, {0, 1}]),
        (3, [{0}, {1}, {2}, {0, 1, 2}, {0, 1, 2}]),
    ],
)
def test_windows_asks_by_the_published_table(servers, asked):
    """MicrosoftDocs, KB 2834226: the rows for one, two and three or more servers."""
    seen = look_up(PROFILES["windows"], ("silent",) * servers)
    assert places_asked(seen) == list(zip((0.0, 1.0, 2.0, 4.0, 8.0), asked, strict=True))
    assert seen.took_s == pytest.approx(10)
    assert seen.told == (TRY_AGAIN,)


def test_windows_stops_at_a_name_error_and_goes_on_after_another():
    windows = PROFILES["windows"]
    assert look_up(windows, ("NXDOMAIN", "answers")).told == (NO_SUCH_NAME,)
    refused = look_up(windows, ("REFUSED", "answers"))
    assert refused.told == (ADDRESS,)
    assert refused.took_s < 1
    assert look_up(windows, ("truncates",)).told == (ADDRESS,)


def test_windows_takes_a_late_answer_of_the_first_server():
    late = look_up(PROFILES["windows"], ("answers", "silent"), aaaa_latency_ns=3 * SECOND)
    assert late.told == (ADDRESS,)
    assert late.took_s == pytest.approx(3, abs=0.01)


def test_rotate_begins_with_every_server_in_its_turn():
    begun = {
        look_up(PROFILES["glibc-rotate"], ("answers",) * 3, seed=seed).asked[0].server
        for seed in range(50)
    }
    assert begun == {0, 1, 2}


def test_a_daemon_stays_with_the_server_that_answered():
    memory = Memory()
    first = look_up(PROFILES["systemd-resolved"], ("silent", "answers"), memory=memory)
    again = look_up(PROFILES["systemd-resolved"], ("silent", "answers"), memory=memory, seed=2)
    assert first.took_s == pytest.approx(5, abs=0.1)
    assert again.took_s < 0.1
    assert {one.server for one in again.asked} == {1}


# --- laws -------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    profile=st.sampled_from(list(PROFILES.values())),
    treatments=st.lists(st.sampled_from(OVER_UDP), min_size=1, max_size=3),
    seed=st.integers(0, 3),
    aaaa_latency_ns=st.sampled_from((LATENCY_NS, LATENCY_NS // 2, SECOND, 4 * SECOND, 7 * SECOND)),
)
def test_every_lookup_ends_within_its_bound(profile, treatments, seed, aaaa_latency_ns):
    seen = look_up(profile, treatments, seed=seed, aaaa_latency_ns=aaaa_latency_ns)
    # Every question may be answered once more within its last moment.
    replies = (len(seen.asked) + 1) * LATENCY_NS / SECOND
    assert seen.took_s <= profile.looks_up_within_ns(len(treatments)) / SECOND + replies
    assert seen.told
    asked = min(len(treatments), profile.most_servers)
    assert {one.server for one in seen.asked} <= set(range(asked))
    if all(each == "answers" for each in treatments) and aaaa_latency_ns <= LATENCY_NS:
        assert seen.told == (ADDRESS,)
        assert seen.took_s < 1


@settings(deadline=None, max_examples=50)
@given(
    profile=st.sampled_from(list(PROFILES.values())),
    octets=st.binary(max_size=80),
    place=st.integers(0, 200),
)
def test_no_datagram_breaks_a_viewer(profile, octets, place):
    """Spoilt replies, and anything at all, are waited out."""
    visit = new_visit(profile)
    effects = visit.expire(0)
    for effect in effects:
        if isinstance(effect, Send):
            reply = reply_octets(effect.payload, "answers", over_tcp=False) or b""
            spoilt = reply[:place] + octets + reply[place + len(octets) :]
            for payload in (octets, spoilt):
                event = MessageArrived(effect.flow, payload, Transport.UDP, HERE, HERE)
                visit.handle(event, 1)
    steps = 0
    while not visit.finished:
        deadline = visit.deadline()
        assert deadline is not None
        visit.expire(deadline)
        steps += 1
        assert steps < 2000


# --- the visit --------------------------------------------------------------------------------


def new_visit(profile: StubProfile, *, patience_s: int = 600, servers: int = 2) -> Visit:
    return Visit(
        profile,
        name="www.example.net",
        port=5900,
        servers=SERVERS[:servers],
        own=("192.0.2.99/24",),
        patience_ns=patience_s * SECOND,
        random=Random(1),
    )


def answered(visit: Visit, now: int) -> list[object]:
    """Answer the questions that it asks first; what it does then."""
    asked = [each for each in visit.expire(now) if isinstance(each, Send)]
    effects: list[object] = []
    for each in asked:
        payload = reply_octets(each.payload, "answers", over_tcp=False) or b""
        message = MessageArrived(each.flow, payload, Transport.UDP, HERE, HERE)
        effects += visit.handle(message, now)
    return effects


def dialled(effects: list[object]) -> Open:
    (opened,) = [
        each for each in effects if isinstance(each, Open) and each.transport is Transport.TCP
    ]
    return opened


def test_without_a_server_there_is_no_visit():
    with pytest.raises(ValueError, match="without a DNS server"):
        new_visit(PROFILES["glibc"], servers=0)


def test_who_is_reached_says_so():
    visit = new_visit(PROFILES["glibc"])
    opened = dialled(answered(visit, 0))
    assert opened.remote == Endpoint(ADDRESS, 5900)
    visit.handle(StreamOpened(opened.flow, opened.remote, HERE), 1)
    assert not visit.finished
    visit.handle(MessageArrived(opened.flow, b"tgp1\nmore", Transport.TCP, HERE, HERE), 2)
    assert visit.seen is not None
    assert (visit.seen.outcome, visit.seen.address, visit.seen.banner) == (
        "connected",
        ADDRESS,
        "tgp1",
    )
    assert visit.deadline() is None
    assert visit.handle(StreamClosed(opened.flow), 3) == ()
    assert visit.expire(4) == ()


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (lambda flow: Unreachable(flow, "connection refused"), "connection refused"),
        (lambda flow: Unreachable(flow, "host unreachable"), "host unreachable"),
    ],
)
def test_the_last_address_refused_is_an_error(event, reason):
    visit = new_visit(PROFILES["glibc"])
    opened = dialled(answered(visit, 0))
    visit.handle(event(opened.flow), 1)
    assert visit.seen is not None
    assert visit.seen.reason == f"{ADDRESS}: {reason}"


def test_a_server_that_hangs_up_without_a_word_is_an_error():
    visit = new_visit(PROFILES["glibc"])
    opened = dialled(answered(visit, 0))
    visit.handle(StreamOpened(opened.flow, opened.remote, HERE), 1)
    visit.handle(StreamClosed(opened.flow), 2)
    assert visit.seen is not None
    assert "without a word" in visit.seen.reason


def test_a_silent_address_is_dialled_as_long_as_the_kernel_does():
    visit = new_visit(PROFILES["windows"])
    opened = dialled(answered(visit, 0))
    assert visit.deadline() == 21 * SECOND
    effects = visit.expire(21 * SECOND)
    assert Close(opened.flow) in effects
    assert visit.seen is not None
    assert visit.seen.reason == f"{ADDRESS}: connection timed out"


def test_a_person_who_goes_away_ends_even_what_waits_for_ever():
    """glibc reads from a DNS server over TCP without a timeout (res_send.c, send_vc())."""
    visit = new_visit(PROFILES["glibc"], patience_s=300)
    asked = [each for each in visit.expire(0) if isinstance(each, Send)]
    cut = reply_octets(asked[0].payload, "truncates", over_tcp=False) or b""
    effects = visit.handle(MessageArrived(asked[0].flow, cut, Transport.UDP, HERE, HERE), 1)
    assert dialled(list(effects)).remote == Endpoint(SERVERS[0], 53)
    assert visit.deadline() == 300 * SECOND
    assert visit.expire(299 * SECOND) == ()
    visit.expire(300 * SECOND)
    assert visit.seen is not None
    assert visit.seen.reason == NOBODY_WAITS_LONGER


def test_musl_takes_another_port_where_its_own_is_taken():
    visit = new_visit(PROFILES["musl"])
    first = [each for each in visit.expire(0) if isinstance(each, Open)]
    assert len({each.source_port for each in first}) == 1
    assert all(each.shares_port for each in first)
    effects = visit.handle(PortTaken(first[0].flow), 1)
    second = [each for each in effects if isinstance(each, Open)]
    assert len(second) == 2
    assert {each.source_port for each in second}.isdisjoint({each.source_port for each in first})
    assert len([each for each in effects if isinstance(each, Send)]) == 4


# --- the order of addresses -------------------------------------------------------------------

V6_FIRST = ("2001:db8::9", "10.0.0.9")


@pytest.mark.parametrize(
    ("own", "addresses", "order"),
    [
        (("192.168.1.10/24",), ("10.0.0.2", "10.0.0.1"), ("10.0.0.2", "10.0.0.1")),
        # On the own network the longest common prefix comes first (rule 9, as glibc has it).
        (("10.0.0.1/24",), ("10.0.0.200", "10.0.0.2"), ("10.0.0.2", "10.0.0.200")),
        # IPv6 before IPv4 where there is IPv6, and behind it where there is none.
        (("10.0.0.1/24", "2001:db8::1/64"), ("10.0.0.9", "2001:db8::9"), V6_FIRST),
        (("10.0.0.1/24",), V6_FIRST, ("10.0.0.9", "2001:db8::9")),
    ],
)  # fmt: skip
def test_addresses_are_dialled_in_order(own, addresses, order):
    assert in_dialling_order(addresses, own) == order


# --- documentation ----------------------------------------------------------------------------


def test_the_documentation_has_every_profile_with_its_bound():
    text = (PROJECT / "docs" / "viewers.md").read_text(encoding="utf-8")
    table = text.partition("compared with the real thing")[2].partition("\n\n")[0]
    rows = {line.split("|")[1].strip(" `"): line for line in table.splitlines() if "| `" in line}
    assert rows.keys() == PROFILES.keys()
    for name, profile in PROFILES.items():
        row = rows[name]
        assert ("verified: " + profile.version if profile.verified else "unverified") in row
        silent = sum(turn.wait_ns for turn in profile.turns(2)) // SECOND
        assert f"| {silent} s |" in row


def test_shorter_timers_shorten_the_bound():
    glibc = PROFILES["glibc"]
    assert replace(glibc, timeout_ns=SECOND).gives_up_ns(2) < glibc.gives_up_ns(2)
    assert glibc.gives_up_ns(2, addresses=2) - glibc.gives_up_ns(2) == glibc.connect_timeout_ns
