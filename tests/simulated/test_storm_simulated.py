"""Storms in virtual time: exact, complete, and every loss is seen."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from storm_agreement import disagreements

from lab.storm.crowd_plan import plan_crowd
from lab.storm.reading import read_storm
from lab.storm.request import Storm
from lab.storm.run import run_storm
from lab.topology.load import load_topology
from resolver.config import BalancerConfig, WhenNoneAvailable
from resolver.machine import MILLISECOND

TOPOLOGIES = Path(__file__).parents[2] / "topologies"


def storm(name="cluster-nat", viewers=200, rate_per_s=1000.0, seed=1, at_once=64):
    file = TOPOLOGIES / f"{name}.toml"
    return Storm(file, viewers, rate_per_s, "simulated", seed, at_once)


def of_balancers(change):
    """A mistake in every load balancer's configuration."""

    def mistake(plan):
        def changed(program):
            config = program.config
            is_meant = isinstance(config, BalancerConfig)
            return replace(program, config=change(config)) if is_meant else program

        return replace(
            plan,
            nodes=tuple(
                replace(node, programs=tuple(map(changed, node.programs))) for node in plan.nodes
            ),
        )

    return mistake


def only_the_second(config):
    return replace(config, members=config.members[1:2])


def refusing_all(config):
    nobody = tuple(replace(each, addresses=("10.10.10.250",)) for each in config.members)
    return replace(config, members=nobody, when_none_available=WhenNoneAvailable.SERVFAIL)


def stop_resolver_at(after_ns):
    def meanwhile(world):
        world.appoint(world.now() + after_ns, lambda: world.stop_program("dns", "resolver"))

    return meanwhile


def stop_service_at(node, after_ns):
    def meanwhile(world):
        world.appoint(world.now() + after_ns, lambda: world.stop_program(node, "service"))

    return meanwhile


HARMS = {
    "none": None,
    "resolver stops": stop_resolver_at(20 * MILLISECOND),
    "service stops": stop_service_at("server1", 20 * MILLISECOND),
    "translator stops": lambda world: world.stop_program("translator", "dns-translator"),
}


def agreement(out, name="cluster-nat"):
    """In what the lean reading of the capture differs from the timeline's."""
    crowd = plan_crowd(load_topology(TOPOLOGIES / f"{name}.toml"), name)
    capture = out / "capture.pcapng"
    return disagreements(capture, crowd, read_storm(capture, crowd))


@pytest.mark.parametrize(
    "name", ["cluster", "cluster-internet", "cluster-large", "cluster-nat-aliases", "single"]
)
def test_every_set_up_with_a_cluster_bears_a_small_storm(name, tmp_path):
    record = run_storm(storm(name, viewers=100), tmp_path)
    assert (record.outcome, record.reasons) == ("passed", ())
    assert record.answers.received == record.connects.established == 100
    assert sum(each.connections for each in record.nodes) == 100
    assert agreement(tmp_path, name) == []


def test_the_same_storm_gives_the_same_figures_and_another_seed_others(tmp_path):
    def figures(seed, place):
        record = run_storm(storm(seed=seed), tmp_path / place)
        unlike = {"started", "wall_s", "reading_s", "load", "host", "reproduce", "seed"}
        return record.model_dump(exclude=unlike)

    first = figures(1, "first")
    assert first == figures(1, "again")
    assert first != figures(2, "other")
    captures = [(tmp_path / each / "capture.pcapng").read_bytes() for each in ("first", "again")]
    assert captures[0] == captures[1]


def test_a_viewers_waits_are_those_of_its_packets(tmp_path):
    record = run_storm(storm(), tmp_path)
    assert record.outcome == "passed"
    # A link takes 10 µs and a program 50 µs: there and back from the resolver's table.
    assert record.answer_wait.median == pytest.approx(0.07)
    assert record.answer_wait.clock == "virtual"
    assert record.upstream.questions == 1
    assert record.evenness.p_value > 1e-6
    assert agreement(tmp_path) == []


def test_answers_lost_by_a_resolver_that_stops_are_counted(tmp_path):
    record = run_storm(storm(), tmp_path, meanwhile=stop_resolver_at(100 * MILLISECOND))
    assert record.outcome == "failed"
    assert 50 < record.answers.lost < 150
    assert record.answers.lost == record.answers.asked - record.answers.received
    assert record.reasons[0].startswith(f"answers lost by dns: {record.answers.lost}")
    assert agreement(tmp_path) == []


def test_a_pool_that_always_gives_the_same_node_is_absurd(tmp_path):
    record = run_storm(storm(), tmp_path, mistake=of_balancers(only_the_second))
    assert record.outcome == "failed"
    assert [each.connections for each in record.nodes] == [0, 200, 0]
    assert record.evenness.p_value < 1e-6
    assert record.reasons[0].startswith("the spread over the nodes is absurd")
    assert agreement(tmp_path) == []


def test_viewers_that_are_told_of_no_server_are_counted(tmp_path):
    # A balancer that finds nobody is ready all the same, and says SERVFAIL.
    record = run_storm(storm(viewers=50), tmp_path, mistake=of_balancers(refusing_all))
    assert record.outcome == "failed"
    assert record.answers.rcodes == {"SERVFAIL": 50}
    assert record.reasons[0].startswith("answers without an address: 50")
    assert record.connects.tried == 0
    assert agreement(tmp_path) == []


def test_connections_to_a_server_whose_service_is_gone_are_counted(tmp_path):
    gone = stop_service_at("server2", 50 * MILLISECOND)
    record = run_storm(storm(), tmp_path, meanwhile=gone)
    assert record.outcome == "failed"
    assert record.connects.reasons == {"connection refused": record.connects.failed}
    assert 20 < record.connects.failed < 100
    assert agreement(tmp_path) == []


def test_no_more_than_may_are_dialling_and_others_wait_for_a_turn(tmp_path):
    free = run_storm(storm(viewers=100, rate_per_s=50_000.0), tmp_path / "free")
    one = run_storm(storm(viewers=100, rate_per_s=50_000.0, at_once=1), tmp_path / "one")
    assert one.outcome == "passed"
    assert one.connects.turn.median > 10 * free.connects.turn.median
    assert one.connect_wait == free.connect_wait
    assert one.connects.established_rate.per_s < free.connects.established_rate.per_s / 5


@given(
    seed=st.integers(0, 1000),
    viewers=st.integers(1, 60),
    at_once=st.integers(1, 8),
    harm=st.sampled_from(sorted(HARMS)),
)
@settings(max_examples=12, deadline=None)
def test_whatever_happens_reading_and_timeline_agree(seed, viewers, at_once, harm):
    wanted = storm(viewers=viewers, seed=seed, at_once=at_once)
    with TemporaryDirectory() as out:
        run_storm(wanted, Path(out), meanwhile=HARMS[harm])
        assert agreement(Path(out)) == []


def test_a_reading_that_misses_something_disagrees(tmp_path):
    run_storm(storm(viewers=20), tmp_path)
    crowd = plan_crowd(load_topology(TOPOLOGIES / "cluster-nat.toml"), "cluster-nat")
    capture = tmp_path / "capture.pcapng"
    for harm, what in (
        (lambda reading: reading.questions.popitem(), "questions"),
        (lambda reading: reading.dials.popitem(), "connections"),
        (lambda reading: setattr(reading, "upstream_questions", 2), "upstream"),
        (lambda reading: setattr(reading.tallies["dns"], "answered", 19), "answered by dns"),
    ):
        reading = read_storm(capture, crowd)
        harm(reading)
        found = disagreements(capture, crowd, reading)
        assert [each.partition(":")[0] for each in found] == [what]
