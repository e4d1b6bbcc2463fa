"""Health checks: when a member counts as available, and every timer behind it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.balance.pool import MemberCameUp, MemberWentDown, Pool, ProbeFailed
from resolver.config import HealthCheck, Member
from resolver.machine import (
    MILLISECOND,
    SECOND,
    Close,
    Endpoint,
    Framing,
    MessageArrived,
    Note,
    Open,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)

HEALTH = HealthCheck(interval_ns=SECOND, timeout_ns=SECOND // 2, fall=3, rise=2)
OURS = Endpoint("10.10.10.100", 40_000)


def members(count: int) -> tuple[Member, ...]:
    return tuple(
        Member(f"node{n}", n, (f"10.10.10.{99 + n}", "10.9.9.9")) for n in range(1, count + 1)
    )


class Cluster:
    """Plays the members: each is up, refuses, or is silent."""

    def __init__(self, count: int = 3, health: HealthCheck = HEALTH) -> None:
        self.pool = Pool(members(count), 5900, health)
        self.state = {f"10.10.10.{99 + n}": "up" for n in range(1, count + 1)}
        self.facts: list[tuple[int, object]] = []
        self.opened: list[tuple[int, str]] = []
        self.open_flows: set[int] = set()

    def run(self, until: int) -> None:
        while (now := self.pool.deadline()) is not None and now <= until:
            self._carry_out(self.pool.expire(now), now)

    def _carry_out(self, effects, now):
        for effect in effects:
            if isinstance(effect, Note):
                self.facts.append((now, effect.fact))
            elif isinstance(effect, Close):
                self.open_flows.remove(effect.flow)
            else:
                self.opened.append((now, effect.remote.address))
                self.open_flows.add(effect.flow)
                self._play(effect, now)

    def _play(self, probe: Open, now):
        match self.state[probe.remote.address]:
            case "up":
                self._carry_out(
                    self.pool.handle(StreamOpened(probe.flow, probe.remote, OURS), now), now
                )
            case "refuses":
                self._carry_out(
                    self.pool.handle(Unreachable(probe.flow, "connection refused"), now), now
                )

    def available(self) -> list[str]:
        return [member.name for member in self.pool.available()]


def test_a_probe_is_a_tcp_connection_to_the_service_at_the_first_address():
    pool = Pool(members(1), 5900, HEALTH)
    assert pool.deadline() == 0
    (probe,) = pool.expire(0)
    assert probe == Open(
        1, Transport.TCP, Endpoint("10.10.10.100", 5900), source_port=None, framing=Framing.RAW
    )
    assert pool.handle(StreamOpened(1, probe.remote, OURS), 1) == [
        Close(1),
        Note(MemberCameUp("node1")),
    ]


def test_the_first_result_decides_at_once_and_nothing_is_known_before():
    cluster = Cluster()
    cluster.state |= {"10.10.10.101": "refuses", "10.10.10.102": "silent"}
    assert not cluster.pool.decided()
    cluster.run(until=0)
    assert cluster.available() == ["node1"]
    assert not cluster.pool.decided()  # node3 may still answer
    cluster.run(until=SECOND // 2)
    assert cluster.pool.decided()
    assert cluster.available() == ["node1"]
    assert [fact for _, fact in cluster.facts] == [
        MemberCameUp("node1"),
        ProbeFailed("node2", "connection refused"),
        MemberWentDown("node2", "connection refused"),
        ProbeFailed("node3", "no answer in time"),
        MemberWentDown("node3", "no answer in time"),
    ]


def test_fall_failures_in_a_row_take_a_member_out_and_rise_successes_bring_it_back():
    cluster = Cluster(1)
    cluster.run(until=0)
    cluster.state["10.10.10.100"] = "refuses"
    cluster.run(until=2 * SECOND)
    assert cluster.available() == ["node1"]
    cluster.run(until=3 * SECOND)
    assert cluster.available() == []
    cluster.state["10.10.10.100"] = "up"
    cluster.run(until=4 * SECOND)
    assert cluster.available() == []
    cluster.run(until=5 * SECOND)
    assert cluster.available() == ["node1"]


def test_a_success_between_failures_starts_the_count_anew():
    cluster = Cluster(1)
    cluster.run(until=0)
    for second, state in enumerate(("refuses", "refuses", "up", "refuses", "refuses"), start=1):
        cluster.state["10.10.10.100"] = state
        cluster.run(until=second * SECOND)
    assert cluster.available() == ["node1"]


@pytest.mark.parametrize("timeout_ms", [200, 500, 1000, 2500])
@pytest.mark.parametrize("fall", [1, 2, 3])
def test_a_silent_member_is_out_within_fall_intervals_and_one_timeout(fall, timeout_ms):
    # CLU-03; where the timeout exceeds the interval, probes follow each other timeout by timeout.
    health = HealthCheck(SECOND, timeout_ms * MILLISECOND, fall, 1)
    cluster = Cluster(1, health)
    cluster.run(until=0)
    cluster.state["10.10.10.100"] = "silent"
    cluster.run(until=20 * SECOND)
    (down_at,) = (at for at, fact in cluster.facts if isinstance(fact, MemberWentDown))
    between = max(health.interval_ns, health.timeout_ns)
    assert down_at == health.interval_ns + (fall - 1) * between + health.timeout_ns


def test_probes_start_one_interval_apart_and_never_two_at_once():
    cluster = Cluster(2)
    cluster.run(until=10 * SECOND)
    assert [at for at, address in cluster.opened if address == "10.10.10.101"] == [
        second * SECOND for second in range(11)
    ]
    assert cluster.open_flows == set()


def test_what_comes_late_or_from_elsewhere_changes_nothing():
    pool = Pool(members(1), 5900, HEALTH)
    (probe,) = pool.expire(0)
    pool.expire(SECOND // 2)
    deadline = pool.deadline()
    for event in (
        StreamOpened(probe.flow, probe.remote, OURS),
        Unreachable(probe.flow, "connection refused"),
        StreamClosed(99),
        StreamOpened("a client's", OURS, OURS),
        MessageArrived(probe.flow, b"node1\n", Transport.TCP, probe.remote, OURS),
    ):
        assert pool.handle(event, SECOND // 2) == ()
    assert pool.deadline() == deadline
    assert pool.available() == ()


def test_a_probe_that_ends_before_it_opens_has_failed():
    pool = Pool(members(1), 5900, HEALTH)
    (probe,) = pool.expire(0)
    effects = pool.handle(StreamClosed(probe.flow), 5)
    assert Note(ProbeFailed("node1", "closed before it opened")) in effects


durations = st.integers(1, 3000).map(lambda ms: ms * MILLISECOND)
healths = st.builds(HealthCheck, durations, durations, st.integers(1, 4), st.integers(1, 4))


class Driver:
    """A pool driven by chance; it knows which probes are under way."""

    def __init__(self, health: HealthCheck) -> None:
        self.pool = Pool(members(3), 5900, health)
        self.under_way: dict[int, Open] = {}

    def perform(self, effects) -> None:
        for effect in effects:
            if isinstance(effect, Open):
                assert effect.remote not in {probe.remote for probe in self.under_way.values()}
                self.under_way[effect.flow] = effect
            elif isinstance(effect, Close):
                del self.under_way[effect.flow]

    def decide(self, how: str, pick: int, now: int) -> None:
        if self.under_way:
            flow = sorted(self.under_way)[pick % len(self.under_way)]
            event = {
                "open": StreamOpened(flow, self.under_way[flow].remote, OURS),
                "refuse": Unreachable(flow, "connection refused"),
                "close": StreamClosed(flow),
            }[how]
            self.perform(self.pool.handle(event, now))


actions = st.sampled_from(("open", "refuse", "close", "pass time", "expire", "expire late"))


@given(healths, st.lists(st.tuples(actions, st.integers(0, 4), durations), max_size=60))
def test_every_timer_is_covered_and_expire_makes_progress(health, script):
    driver = Driver(health)
    pool = driver.pool
    now = 0
    for action, pick, wait in script:
        deadline = pool.deadline()
        if deadline > now:
            assert pool.expire(deadline - 1) == []
            assert pool.deadline() == deadline
        if action == "pass time":
            now = max(now, min(now + wait, deadline))
        elif action.startswith("expire"):
            now = max(deadline, now) + (wait if action == "expire late" else 0)
            effects = pool.expire(now)
            assert effects
            driver.perform(effects)
            # An end that came late has its next probe due at once, but never the same timer again.
            assert pool.deadline() > now
        else:
            driver.decide(action, pick, now)
        assert pool.deadline() <= now + max(health.interval_ns, health.timeout_ns)
