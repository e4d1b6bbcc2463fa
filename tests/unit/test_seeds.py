"""What a program draws in the lab: the same in both worlds, and its own."""

from pathlib import Path

import pytest

from lab.scenario.trial import make_world
from lab.topology.load import load_topology
from lab.topology.planner import make_plan
from lab.worlds import mininet_programs, simulated
from lab.worlds.seeds import program_seed
from resolver.shells.loop import Loop

ROOT = Path(__file__).parents[2]
PLAN = make_plan(load_topology(ROOT / "topologies" / "cluster-nat.toml"), "cluster-nat")
SEATS = {(node.name, program.name) for node in PLAN.nodes for program in node.programs}


def test_every_program_has_a_seed_of_its_own():
    seeds = {program_seed(world, node, name) for world in range(20) for node, name in SEATS}
    assert len(seeds) == 20 * len(SEATS)


def test_seeds_are_the_same_for_ever():
    """Recorded runs name a seed; a change here makes them repeat otherwise."""
    assert program_seed(1, "dns", "resolver") == 992860679349753758


@pytest.fixture
def drawn(monkeypatch):
    """(node, program) → seed, of every program that a world starts."""
    seen = {}

    def draw(world_seed: int, node: str, program: str) -> int:
        seen[node, program] = program_seed(world_seed, node, program)
        return seen[node, program]

    monkeypatch.setattr(simulated, "program_seed", draw)
    monkeypatch.setattr(mininet_programs, "program_seed", draw)
    return seen


def test_the_simulated_world_gives_its_programs_these_seeds(drawn, tmp_path, monkeypatch):
    used = []
    build = simulated.build_machine
    monkeypatch.setattr(
        simulated,
        "build_machine",
        lambda config, *, seed: (used.append(seed), build(config, seed=seed))[1],
    )
    world = make_world("simulated", PLAN, tmp_path, 3)
    world.start()
    world.stop()
    assert drawn == {seat: program_seed(3, *seat) for seat in SEATS}
    assert used == list(drawn.values())


def test_the_mininet_world_gives_its_programs_these_seeds(drawn, tmp_path, monkeypatch):
    used = []

    def be(*given: object) -> None:
        used.append(given[-1])

    # A fork that is its own child: what a child would be given is seen here.
    monkeypatch.setattr(mininet_programs.os, "fork", lambda: 0)
    monkeypatch.setattr(mininet_programs, "_be", be)
    loop = Loop()
    programs = mininet_programs.Programs(loop, tmp_path, 3)
    for node in PLAN.nodes:
        for program in node.programs:
            programs._spawn(node.name, 0, program)
    loop.close()
    assert drawn == {seat: program_seed(3, *seat) for seat in SEATS}
    assert used == list(drawn.values())
