"""Our viewers ask as the real stub resolvers do: the same servers, at the same times, with the same
IDs and from the same ports, and their programs are told the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path

import pytest
from namespaced import run_in_namespace
from servers import require
from stub_cases import Seen, Treatment, bursts
from stub_stage import Case, compile_look_up, seen, watch_all
from stub_virtual import LATENCY_NS, look_up

from lab.viewer.lookup import NO_ADDRESS, NO_SUCH_NAME, TRY_AGAIN
from lab.viewer.profiles import PROFILES, ProfileName, StubProfile
from lab.viewer.resolved import ResolvedStub
from resolver.machine import SECOND, Duration

pytestmark = [pytest.mark.netns, pytest.mark.slow]

EARLY_S, LATE_S = 0.35, 0.6
"""How much a burst may come earlier or later than our profile has it, counted from the burst before
it: what waking up takes on a busy machine; systemd-resolved's timers alone may fire a quarter of a
second late (sd_event_add_time(3)). Stubs wait whole seconds, and half of one must show."""

APART_S, DAEMON_APART_S = 0.6, 2.0
"""Questions less than this apart belong to one burst. Stubs wait a second or more here; the
daemon's timers are five seconds, and those of its two transactions drift apart by a quarter of one
each time."""

GAI = {
    "-2": {NO_SUCH_NAME},  # EAI_NONAME
    "-3": {TRY_AGAIN},  # EAI_AGAIN
    "-4": {TRY_AGAIN},  # EAI_FAIL
    "-5": {NO_ADDRESS},  # EAI_NODATA
}

AAAA_LATENCIES_NS = tuple(LATENCY_NS * part // 4 for part in (4, 1, 2, 3, 6, 9, 17))

WOKEN_LATE = tuple(product((False, True), repeat=3))
"""In which of its first attempts glibc's timer fires after the daemon's, though it was set before
it: both wait five seconds, and a busy machine decides."""

WAKES_NS = SECOND // 10
"""How late that is. Its next attempt begins as much later, and the daemon's own timer may be as
late by then: each attempt is as late as `WOKEN_LATE` says, whatever came before."""

ANY_ERROR = {TRY_AGAIN, NO_SUCH_NAME, NO_ADDRESS}

SHORT = "timeout:1"

TWO: dict[str, tuple[Treatment, ...]] = {
    "answers": ("answers", "answers"),
    "first-silent": ("silent", "answers"),
    "first-closed": ("closed", "answers"),
    "first-servfail": ("SERVFAIL", "answers"),
    "first-refused": ("REFUSED", "answers"),
    "first-formerr": ("FORMERR", "answers"),
    "first-nxdomain": ("NXDOMAIN", "answers"),
    "all-silent": ("silent", "silent"),
    "all-closed": ("closed", "closed"),
    "all-servfail": ("SERVFAIL", "SERVFAIL"),
    "all-refused": ("REFUSED", "REFUSED"),
    "truncated": ("truncates", "truncates"),
    "no-aaaa": ("no-aaaa", "no-aaaa"),
    "one-server-silent": ("silent",),
    "servfail-silent": ("SERVFAIL", "silent"),
}


@dataclass(frozen=True)
class Comparison:
    """A case with the profile that must do the same."""

    profile: StubProfile
    case: Case


def with_timeout(name: ProfileName, seconds: int) -> StubProfile:
    return replace(PROFILES[name], timeout_ns=seconds * SECOND)


def comparisons(folder: Path) -> Iterator[Comparison]:
    """Every stub in every case, with timers of a second or two where the stub lets us, and once
    with its own."""
    glibc = compile_look_up("gcc", "gcc", folder)
    musl = compile_look_up("musl-gcc", "musl-tools", folder)
    dig = require("dig", "bind9-dnsutils")
    dig_words = (dig, "@192.0.2.1", "+tries=1", "+time=1", "+short", "A")
    for what, servers in TWO.items():
        for profile, option in (("glibc", ""), ("glibc-single-request", " single-request")):
            case = Case(f"{profile}.{what}", (glibc,), servers, SHORT + option)
            yield Comparison(with_timeout(profile, 1), case)
        case = Case(f"musl.{what}", (musl,), servers, "timeout:2")
        yield Comparison(with_timeout("musl", 2), case)
        case = Case(f"systemd-resolved.{what}", (glibc,), servers, by_daemon=True)
        yield Comparison(PROFILES["systemd-resolved"], case)
        case = Case(f"one-shot.{what}", dig_words, servers)
        yield Comparison(with_timeout("one-shot", 1), case)
    silent: tuple[Treatment, ...] = ("silent", "silent", "silent")
    for number in range(4):
        case = Case(f"glibc-rotate.{number}", (glibc,), silent, f"{SHORT} rotate")
        yield Comparison(with_timeout("glibc-rotate", 1), case)
    case = Case("glibc.three-silent", (glibc,), silent, "timeout:2")
    yield Comparison(with_timeout("glibc", 2), case)
    case = Case("glibc.own-timers", (glibc,), ("silent", "silent"))
    yield Comparison(PROFILES["glibc"], case)
    case = Case("musl.own-timers", (musl,), ("silent", "silent"))
    yield Comparison(PROFILES["musl"], case)
    case = Case("systemd-resolved.three-silent", (glibc,), silent, by_daemon=True)
    yield Comparison(PROFILES["systemd-resolved"], case)


NAMES = [
    *(
        f"{profile}.{what}"
        for what in TWO
        for profile in ("glibc", "glibc-single-request", "musl", "systemd-resolved", "one-shot")
    ),
    *(f"glibc-rotate.{number}" for number in range(4)),
    "glibc.three-silent",
    "glibc.own-timers",
    "musl.own-timers",
    "systemd-resolved.three-silent",
]


@pytest.fixture(scope="module")
def stubs(tmp_path_factory) -> tuple[dict[str, Comparison], Path]:
    """All cases, run at the same time: most of it is waiting."""
    folder = tmp_path_factory.mktemp("stubs")
    found = {each.case.name: each for each in comparisons(folder)}
    # What takes longest begins first.
    ours = {name: look_up(each.profile, each.case.treatments) for name, each in found.items()}
    cases = [found[name].case for name in sorted(ours, key=lambda one: -ours[one].took_s)]
    run_in_namespace(lambda: watch_all(cases, folder), limit_s=120)
    return found, folder


@pytest.mark.parametrize("name", NAMES)
def test_our_viewer_asks_as_the_real_stub_does(stubs, name):
    found, folder = stubs
    comparison = found[name]
    (real,) = seen(comparison.case, folder)
    apart_s = DAEMON_APART_S if comparison.case.by_daemon else APART_S
    assert_alike(real, in_virtual_time(comparison, real, apart_s), apart_s)


@pytest.mark.parametrize("late", [(True, False, False), (False, True, False)])
def test_a_program_that_is_woken_late_is_the_same_stub(late):
    """glibc's retry comes after the daemon's timer instead of before it, and A goes where AAAA has
    gone."""
    profile, treatments = PROFILES["systemd-resolved"], TWO["no-aaaa"]
    real = woken_late(profile, treatments, late, AAAA_LATENCIES_NS[0])
    assert _questions(real, DAEMON_APART_S) != _questions(
        look_up(profile, treatments), DAEMON_APART_S
    )
    second = [{(server, qtype) for server, qtype, *_ in one} for one in _questions(real, 2.0)][1]
    assert ((1, "A") in second) is late[0]
    comparison = Comparison(profile, Case("late", (), treatments, by_daemon=True))
    ours = in_virtual_time(comparison, real, DAEMON_APART_S)
    assert_alike(real, ours, DAEMON_APART_S)


def in_virtual_time(comparison: Comparison, real: Seen, apart_s: float) -> Seen:
    """The profile's lookup; one that draws where it begins, drawn like the real one. Where A and
    AAAA race each other through the servers, either may be ahead: the course that the real one
    took, if it is a course that the profile can take."""
    treatments = comparison.case.treatments
    draws = range(100 if comparison.profile.order == "rotated" else 1)
    courses = [
        look_up(comparison.profile, treatments, seed=seed, aaaa_latency_ns=latency)
        for seed in draws
        for latency in AAAA_LATENCIES_NS
    ]
    if comparison.case.by_daemon:
        courses += [
            woken_late(comparison.profile, treatments, late, latency)
            for late in WOKEN_LATE
            for latency in AAAA_LATENCIES_NS
        ]
    wanted = _questions(real, apart_s)
    return next((each for each in courses if _questions(each, apart_s) == wanted), courses[0])


def woken_late(
    profile: StubProfile, treatments: Sequence[Treatment], late: tuple[bool, ...], latency: Duration
) -> Seen:
    """The lookup of a program that the machine wakes only after the daemon's timer has fired, in
    those of its attempts that `late` names."""

    def patience_ns(stub: ResolvedStub) -> Duration:
        attempt = stub.attempts_made
        began_late, ends_late = ((False, *late, *(False,) * attempt))[attempt : attempt + 2]
        return stub.profile.timeout_ns + WAKES_NS * (ends_late - began_late)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ResolvedStub, "patience_ns", patience_ns)
        return look_up(profile, treatments, aaaa_latency_ns=latency)


def assert_alike(real: Seen, ours: Seen, apart_s: float = APART_S) -> None:
    assert _questions(real, apart_s) == _questions(ours, apart_s)
    pairs = list(zip(_waits(real, apart_s), _waits(ours, apart_s), strict=True))
    for theirs, mine in pairs:
        assert mine - EARLY_S <= theirs <= mine + LATE_S, pairs
    # The program's patience runs by a clock of its own.
    late = max(0.0, sum(theirs - mine for theirs, mine in pairs)) + LATE_S
    assert ours.took_s - EARLY_S <= real.took_s <= ours.took_s + late, (real, ours)
    # dig says in comments what went wrong, or nothing at all.
    lines = [line for line in real.told if not line.startswith(";;")]
    told = [GAI.get(line, {line}) for line in lines] or [ANY_ERROR]
    assert len(told) == len(ours.told)
    assert all(one in lines for one, lines in zip(ours.told, told, strict=True)), (real, ours)


def _questions(whole: Seen, apart_s: float) -> list[list[tuple[int, str, int, int, bool, bool]]]:
    return [questions for _, questions in bursts(whole, apart_s)]


def _waits(whole: Seen, apart_s: float) -> list[float]:
    """From each burst to the next."""
    return [later - at for at, later in pairwise(at for at, _ in bursts(whole, apart_s))]


def test_every_profile_that_says_so_is_compared_here():
    verified = {name for name, profile in PROFILES.items() if profile.verified}
    assert verified == {name.partition(".")[0] for name in NAMES}


def test_a_difference_is_found():
    """The comparison is not blind to what it is for."""
    ours = look_up(PROFILES["glibc"], ("silent", "silent"))
    assert_alike(ours, ours)
    for changed in (
        ours.asked[:-1],
        (*ours.asked[:-1], ours.asked[-1]._replace(server=0)),
        (*ours.asked[:-1], ours.asked[-1]._replace(port=1)),
        (*ours.asked[:-1], ours.asked[-1]._replace(identifier=70_000)),
        (*ours.asked[:-1], ours.asked[-1]._replace(edns=True)),
        (*ours.asked[:-2], *(each._replace(at_s=each.at_s + 1) for each in ours.asked[-2:])),
    ):
        with pytest.raises(AssertionError):
            assert_alike(replace(ours, asked=changed), ours)
    with pytest.raises(AssertionError):
        assert_alike(replace(ours, told=("192.0.2.80",)), ours)
    with pytest.raises(AssertionError):
        assert_alike(replace(ours, took_s=ours.took_s + 1), ours)
