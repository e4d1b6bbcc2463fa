"""The judge on what the topology check said of a file."""

from __future__ import annotations

from judging import Cases, cluster
from wire import Wire

from lab.judge.checks import TopologyRefused

cases = Cases()

ONE = 'nodes[4].name: "a" is a duplicate of nodes[3].name; give every node a name'
OTHER = "format: is missing; add it"


def read(*problems: str, label: str = "mine") -> Wire:
    wire = cluster()
    wire.mark("topology-checked", "said", label=label, problems=list(problems))
    return wire


@cases.passes(TopologyRefused(label="mine", problems=(ONE,)))
@cases.passes(TopologyRefused(label="mine", problems=("nodes[4].name: *; *",)))
@cases.fails(TopologyRefused(label="mine", problems=(OTHER,)), because=f"not refused: {OTHER}")
@cases.fails(TopologyRefused(label="mine", problems=(ONE, OTHER)), because="not refused: format")
@cases.fails(TopologyRefused(label="mine", problems=("nodes4.name*",)), because="not refused")
@cases.fails(TopologyRefused(label="mine"), because="refused besides: nodes[4]")
@cases.fails(TopologyRefused(label="yours"), because="the topology check never read 'yours'")
def one_refusal() -> Wire:
    return read(ONE)


@cases.passes(TopologyRefused(label="mine"))
@cases.fails(TopologyRefused(label="mine", problems=(ONE,)), because="not refused: nodes[4]")
def a_good_file() -> Wire:
    return read()


@cases.fails(TopologyRefused(label="mine", problems=(ONE,)), because="refused besides: format")
def one_too_many() -> Wire:
    return read(ONE, OTHER)


@cases.fails(TopologyRefused(label="mine", problems=(ONE,)), because="not refused: nodes[4]")
def refused_once_and_taken_once() -> Wire:
    wire = read(ONE)
    wire.mark("topology-checked", "said", label="mine", problems=[])
    return wire


test_cases = cases.test()
