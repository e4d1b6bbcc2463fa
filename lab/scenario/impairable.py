"""Which links the steps of a scenario may impair: a world of real cables must know beforehand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from lab.scenario.disturbing import interface_on
from lab.scenario.impairments import Impairment
from lab.scenario.model import Flap, Impair, Repeat, Step, Until
from lab.topology.plan import Plan


def impaired_links(steps: Iterable[Step], plan: Plan) -> Mapping[str, tuple[Impairment, ...]]:
    """Interface → what its link may get, wherever in the steps that stands. Limits of size alone
    are the interface's own business and not among them."""
    found: defaultdict[str, list[Impairment]] = defaultdict(list)
    for step in _impairing(steps):
        interface = interface_on(plan, step.node, step.network)
        if interface is not None and step.impairment.treats_packets:
            found[interface.name].append(step.impairment)
    return {name: tuple(dict.fromkeys(impairments)) for name, impairments in found.items()}


def _impairing(steps: Iterable[Step]) -> Iterator[Impair]:
    for step in steps:
        match step:
            case Impair():
                yield step
            case Repeat() | Until():
                yield from _impairing(step.steps)
            case Flap():
                yield from _impairing((*step.breaking, *step.mending))
