"""Where the time to connect went."""

from __future__ import annotations

import pytest
from sample_record import (
    broken_on_purpose,
    dead_node,
    eight_steps,
    every_node,
    no_such_link,
    silent_forwarder,
)

from lab.report.phases import phases


@pytest.mark.parametrize("scenario", [eight_steps(), silent_forwarder(), every_node()])
def test_the_phases_add_up_to_the_first_journey(scenario):
    completing = next(
        hop
        for each in scenario.exchanges
        for hop in each.hops
        if hop.kind == "syn-ack" and hop.receiver == "viewer"
    )
    first = scenario.exchanges[0].hops[0]
    journey_ms = completing.at_ms + completing.took_ms - first.at_ms
    assert sum(phases(scenario).values()) == pytest.approx(journey_ms)


def test_silence_is_told_apart_from_work():
    spent = phases(silent_forwarder())
    assert spent["silent server"] == pytest.approx(2000.2)
    assert spent["DNS server"] < 1
    assert "silent server" not in phases(eight_steps())


def test_every_part_of_the_eight_steps_gets_its_share():
    assert {phase: round(ms, 2) for phase, ms in phases(eight_steps()).items()} == {
        "DNS server": 0.62,
        "translator": 0.62,
        "load balancer": 0.31,
        "viewer": 0.31,
        "connecting": 1.04,
    }


@pytest.mark.parametrize("scenario", [dead_node(), broken_on_purpose(), no_such_link()])
def test_without_a_connection_there_are_no_phases(scenario):
    assert phases(scenario) == {}
