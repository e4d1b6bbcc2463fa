"""Whether a scenario fits its topology: every node, seat and fault it names is there.

Checked before anything starts, so that a slip of the pen is told in a line and not by a world that
breaks half-way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from lab.judge.checks import Check, StepsInOrder
from lab.scenario.changes import changed
from lab.scenario.disturbing import interface_on
from lab.scenario.forging import elsewhere
from lab.scenario.model import (
    Ask,
    AskMany,
    Await,
    CheckTopology,
    Complain,
    Connect,
    Datagram,
    Elapse,
    Emit,
    Flap,
    Forge,
    Halt,
    Impair,
    Mend,
    Misconfigure,
    Ping,
    Play,
    Plug,
    Reconfigure,
    Repeat,
    Replay,
    Resume,
    Scenario,
    Silence,
    Step,
    Unplug,
    Until,
    Visit,
)
from lab.topology.faults import FaultNotPossible, apply_fault
from lab.topology.plan import Plan, PlannedNode
from lab.values import unknown
from lab.worlds.world import Capability
from resolver.config import ResolverConfig


def misfits(scenario: Scenario, plan: Plan) -> Iterator[str]:
    """What the scenario names and its topology does not have; each with its place and remedy."""
    for place, need in enumerate(scenario.needs):
        known = [each.value for each in Capability]
        if need not in known:
            yield f"needs[{place}]: {unknown('capability', need, known)}"
    yield from _steps(scenario.steps, plan, "steps", _Seats())
    for place, expectation in enumerate(scenario.expectations):
        here = f"expectations[{place}].check"
        for field, name in _named(expectation.check):
            if name not in {node.name for node in plan.nodes}:
                yield f"{here}.{field}: {_no_node(name, plan)}"
        networks = [network.name for network in plan.networks]
        for field, name in _named_networks(expectation.check):
            if name not in networks:
                yield f"{here}.{field}: {plan.source} has {unknown('network', name, networks)}"


class _Seats:
    """The plan's programs as the steps so far have left them."""

    def __init__(self) -> None:
        self._configs: dict[tuple[str, str], ResolverConfig] = {}
        self._away: dict[tuple[str, str], str] = {}

    def take(self, step: Step, plan: Plan) -> Iterator[str]:
        """Take a step whose nodes and programs are there; tell what it cannot find."""
        match step:
            case Play():
                self._away[step.node, step.program] = "a scripted server has its seat"
            case Halt(program=str(program)):
                self._away[step.node, program] = "it was halted"
            case Resume(program=str(program)):
                self._away.pop((step.node, program), None)
            case Flap():
                for inner in (*step.breaking, *step.mending):
                    yield from self.take(inner, plan)
            case Reconfigure():
                yield from self._reconfigure(step, plan)

    def _reconfigure(self, step: Reconfigure, plan: Plan) -> Iterator[str]:
        seat = step.node, step.program
        if (why := self._away.get(seat)) is not None:
            yield f"{step.program} of {step.node} does not run: {why}; resume it first"
        planned = plan.node(step.node).program(step.program)
        config = self._configs.get(seat, planned and planned.config)
        if not isinstance(config, ResolverConfig):
            return  # which is told of already
        try:
            self._configs[seat] = changed(config, step.changes)
        except ValueError as problem:
            yield f"{step.program} of {step.node}: {problem}"


def _steps(steps: Iterable[Step], plan: Plan, where: str, seats: _Seats) -> Iterator[str]:
    for place, step in enumerate(steps):
        here = f"{where}[{place}]"
        if isinstance(step, Misconfigure):
            try:
                plan = apply_fault(plan, step.fault)
            except FaultNotPossible as error:
                yield f"{here}: {step.fault.fault} has no place: {error}"
            continue
        missing = [each for each in _nodes(step) if each not in {node.name for node in plan.nodes}]
        for name in missing:
            yield f"{here}: {_no_node(name, plan)}"
        if not missing:
            yield from (f"{here}: {problem}" for problem in _acting(step, plan))
            yield from (f"{here}: {problem}" for problem in seats.take(step, plan))
        if isinstance(step, Repeat | Until):
            # Twice: what was there the first time may be gone the second time.
            turns = [_steps(step.steps, plan, f"{here}.steps", seats) for _ in range(2)]
            yield from dict.fromkeys(chain.from_iterable(turns))


def _nodes(step: Step) -> tuple[str, ...]:
    match step:
        case Forge():
            return (step.forger, step.victim)
        case Until():
            return (step.node, step.server) if step.server else (step.node,)
        case Replay():
            return tuple(dict.fromkeys(question.node for question in step.questions))
        case Flap():
            return tuple(inner.node for inner in (*step.breaking, *step.mending))
        case (
            Ask()
            | AskMany()
            | Connect()
            | Visit()
            | Ping()
            | Datagram()
            | Emit()
            | Complain()
            | Silence()
            | Halt()
            | Resume()
            | Unplug()
            | Plug()
            | Impair()
            | Mend()
            | Play()
            | Reconfigure()
        ):
            return (step.node,)
        case Await() | Elapse() | Repeat() | Misconfigure() | CheckTopology():
            return ()


def _acting(step: Step, plan: Plan) -> Iterator[str]:  # noqa: C901, PLR0912 - by kind of step
    """What a node that is there lacks for what it is to do."""
    match step:
        case Ask() | AskMany():
            if not (step.server or plan.node(step.node).asks):
                yield f"{step.node} has no DNS server to ask; name one with server="
            if (step.name or plan.cluster_name) is None:
                yield f"{plan.source} has no cluster, so no name to ask for; say name="
            yield from _out_of_family(plan.node(step.node), step.server)
        case Visit():
            if not plan.node(step.node).asks:
                yield f"{step.node} has no DNS server to ask; give it one in the topology: asks"
            if (step.name or plan.cluster_name) is None:
                yield f"{plan.source} has no cluster, so no name to visit; say name="
        case Replay():
            yield from _replaying(step, plan)
        case Connect() | Ping() | Datagram() | Emit():
            yield from _out_of_family(plan.node(step.node), step.to)
        case Forge():
            yield from _forging(step, plan)
        case Halt() | Resume() | Play() | Reconfigure():
            seats = [program.name for program in plan.node(step.node).programs]
            if step.program is not None and step.program not in seats:
                has = ", ".join(seats) or "none"
                yield f"{step.node} has no program {step.program!r}; it has {has}"
        case Unplug() | Plug() | Impair() | Mend():
            yield from _linked(step, plan)
        case Flap():
            inners = (*step.breaking, *step.mending)
            yield from chain.from_iterable(_acting(inner, plan) for inner in inners)


def _replaying(step: Replay, plan: Plan) -> Iterator[str]:
    for name in _nodes(step):
        if not (step.server or plan.node(name).asks):
            yield f"{name} has no DNS server to ask; name one with server="
        yield from _out_of_family(plan.node(name), step.server)


def _linked(step: Unplug | Plug | Impair | Mend, plan: Plan) -> Iterator[str]:
    """The interface must be there, and be able to have the MTU."""
    node = plan.node(step.node)
    interface = interface_on(plan, step.node, step.network)
    if interface is None:
        networks = [each.network for each in node.interfaces]
        if step.network is None:
            yield f"{step.node} is on several networks; say network={networks[0]!r}, or another"
        else:
            yield f"{step.node} is not on it: {unknown('network', step.network, networks)}"
    elif (
        isinstance(step, Impair)
        and step.impairment.mtu is not None
        and any(":" in address for address in interface.addresses)
    ):
        # RFC 8200 5: no link with IPv6 has an MTU below 1280; the kernel takes IPv6 off it.
        yield f"{step.node} has IPv6 on {interface.network}, and mtu= is for links without"


def _forging(step: Forge, plan: Plan) -> Iterator[str]:
    """A wrong source or destination must be there in a family that the victim asks in."""
    askers = plan.node(step.victim).addresses()
    if all(elsewhere(step, plan, asker) is None for asker in askers):
        whose = "another address" if step.fault == "destination" else "an address of its family"
        node = step.victim if step.fault == "destination" else step.forger
        yield (
            f"fault={step.fault!r} needs {whose} of {node}, and there is none; give it one in the "
            "topology, or choose another fault"
        )


def _out_of_family(node: PlannedNode, address: str | None) -> Iterator[str]:
    if address is not None and all(
        (":" in own) is not (":" in address) for own in node.addresses()
    ):
        family, other = ("IPv6", "IPv4") if ":" in address else ("IPv4", "IPv6")
        yield (
            f"{node.name} has no {family} address, so {address} is out of its reach; "
            f"write an {other} address, or give the node an {family} address in the topology"
        )


# --- checks -----------------------------------------------------------------------------------


_NAMES_A_NODE = (
    "asker",
    "node",
    "victim",
    "translator",
    "server",
    "forwarder",
    "sender",
    "to",
    "router",
)
_NAMES_NODES = ("servers", "blocked", "relays")


def _named(check: Check) -> Iterator[tuple[str, str]]:
    """The nodes that a check names, each with the field where it does: plain text there is a
    node's name, and anything else has a type of its own in `lab.values`."""
    for field, about in type(check).model_fields.items():
        given = getattr(check, field)
        if given is None or about.metadata:
            continue
        if field in _NAMES_A_NODE and about.annotation in {str, str | None}:
            yield field, given
        elif field in _NAMES_NODES and about.annotation == tuple[str, ...]:
            yield from ((f"{field}[{place}]", each) for place, each in enumerate(given))
    if isinstance(check, StepsInOrder):
        for place, step in enumerate(check.steps):
            for name in step.partition(" ")[0].replace(">", "|").split("|"):
                yield f"steps[{place}]", name


def _named_networks(check: Check) -> Iterator[tuple[str, str]]:
    """The networks that a check names, each with the field where it does."""
    for place, name in enumerate(getattr(check, "outside", None) or ()):
        yield f"outside[{place}]", name
    name = getattr(check, "network", None)
    if name is not None:
        yield "network", name


def _no_node(name: str, plan: Plan) -> str:
    return f"{plan.source} has {unknown('node', name, [node.name for node in plan.nodes])}"
