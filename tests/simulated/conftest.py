"""Stages for the tests of the simulated world."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from two_networks import Stage, a_plan

from lab.observe.sighting import Ip
from lab.topology.plan import (
    Plan,
)


@pytest.fixture
def make_stage(tmp_path) -> Iterator[Callable[..., Stage]]:
    """Makes stages; at the end, every packet of every capture must have right checksums."""
    stages: list[Stage] = []

    def make(plan: Plan | None = None, *, seed: int = 1) -> Stage:
        stage = Stage(plan or a_plan(), tmp_path / str(len(stages)), seed)
        stages.append(stage)
        return stage

    yield make
    for stage in stages:
        for sighting in stage.packets():
            assert isinstance(sighting.network, Ip)
            assert sighting.network.checksum_right
            if sighting.network.transport is not None:
                assert sighting.network.transport.checksum_right
        stage.world.stop()


@pytest.fixture
def stage(make_stage) -> Stage:
    return make_stage()
