"""Every node that a check names is held against the topology, whichever check it is."""

from dataclasses import replace
from typing import get_args

import pytest
from shipped import TOPOLOGIES

from lab.judge import checks
from lab.judge.checks import Answered, Check, Reached, RelayedUnchanged
from lab.scenario.fitting import misfits
from lab.scenario.model import (
    Ask,
    AskMany,
    Connect,
    Datagram,
    Expectation,
    Forge,
    Halt,
    Ping,
    Play,
    Reconfigure,
    RemoveZone,
    Repeat,
    Resume,
    Scenario,
    Script,
    SetZone,
    Step,
)
from lab.topology.load import load_topology
from lab.topology.planner import make_plan

CLUSTER = make_plan(load_topology(TOPOLOGIES / "cluster.toml"), "cluster")
NAT = make_plan(load_topology(TOPOLOGIES / "cluster-nat.toml"), "cluster-nat")
ONE = ("asker", "node", "victim", "translator", "server")
SEVERAL = ("servers", "blocked")


def scenario_of(*steps: Step, check: Check) -> Scenario:
    expectation = Expectation(text="-", rules=("CLU-02",), check=check)
    return Scenario(
        title="-", story="-", topology="cluster", steps=steps, expectations=(expectation,)
    )


def fields_that_name_nodes():
    for kind in get_args(get_args(checks.Check)[0]):
        for field, about in kind.model_fields.items():
            # What is no plain text has a type of its own: an address, a name in the DNS.
            if (field in ONE and not about.metadata) or (
                field in SEVERAL and about.annotation == tuple[str, ...]
            ):
                yield pytest.param(kind, field, id=f"{kind.__name__}.{field}")


@pytest.mark.parametrize(("kind", "field"), list(fields_that_name_nodes()))
def test_a_name_that_no_node_has_is_refused_in_every_check(kind, field: str) -> None:
    given = dict.fromkeys(kind.model_fields) | {"kind": kind.model_fields["kind"].default}
    if kind is checks.StepsInOrder:
        given["steps"] = ("viewer>dns query",)
    given[field] = ("server1", "sever2") if field in SEVERAL else "sever2"
    place = f"{field}[1]" if field in SEVERAL else field
    plan = replace(NAT, source="ours")
    # The other fields do not matter here, so nobody checks that they are given.
    check = kind.model_construct(**given)
    problems = list(misfits(scenario_of(Ask(), check=check), plan))
    assert problems == [
        f"expectations[0].check.{place}: ours has no node 'sever2'; did you mean 'server2'?"
    ]


def test_each_name_of_each_faq_step_is_looked_up() -> None:
    check = checks.StepsInOrder(steps=("viewer>dns query", "dsn>server1|sever2 query"))
    assert list(misfits(scenario_of(Ask(), check=check), CLUSTER)) == [
        "expectations[0].check.steps[1]: cluster has no node 'dsn'; did you mean 'dns'?",
        "expectations[0].check.steps[1]: cluster has no node 'sever2'; did you mean 'server2'?",
    ]


def test_a_translator_of_another_name_is_told_before_anything_runs() -> None:
    named_nat = tuple(
        replace(node, name="nat") if node.name == "translator" else node for node in NAT.nodes
    )
    ours = replace(NAT, source="ours", nodes=named_nat)
    (problem,) = misfits(scenario_of(Ask(), check=RelayedUnchanged()), ours)
    assert problem.startswith(
        "expectations[0].check.translator: ours has no node 'translator'; known are viewer"
    )
    assert not list(misfits(scenario_of(Ask(), check=RelayedUnchanged(translator="nat")), ours))


def test_a_network_that_is_none_is_refused() -> None:
    check = checks.OutsideOnlyBy(asker="dns", outside=("lan", "lna"))
    assert list(misfits(scenario_of(Ask(), check=check), CLUSTER))[-1] == (
        "expectations[0].check.outside[1]: cluster has no network 'lna'; did you mean 'lan'?"
    )
    check = checks.PacketsLost(sender="viewer", network="lna")
    assert list(misfits(scenario_of(Ask(), check=check), CLUSTER))[-1] == (
        "expectations[0].check.network: cluster has no network 'lna'; did you mean 'lan'?"
    )


def test_reached_by_any_server_names_none() -> None:
    assert not list(misfits(scenario_of(Ask(), check=Reached()), CLUSTER))


@pytest.mark.parametrize(
    ("step", "fits"),
    [
        (Connect(to="::1"), False),
        (Ask(server="fd00:20::7"), False),
        (Connect(to="10.10.10.100"), True),
        (Ping(to="10.10.10.100"), True),
        (Datagram(to="10.10.10.100"), True),
        (Ask(), True),
    ],
)
def test_an_address_of_a_family_that_the_node_lacks_is_refused(step, fits: bool) -> None:
    problems = list(misfits(scenario_of(step, check=Answered()), CLUSTER))
    if fits:
        assert not problems
    else:
        (problem,) = problems
        assert problem.startswith("steps[0]: viewer has no IPv6 address, so ")
        assert "; write an IPv4 address" in problem


ADDRESS = "192.0.2.66"
SOA = "@ 60 IN SOA ns hostmaster 2 3600 600 86400 60\n@ 60 IN NS ns\nns 60 IN A 192.168.1.53\n"
HOST = SetZone(origin="a.test", records=SOA)
NO_OTHER = (
    "fault='destination' needs another address of dns, and there is none; give it one in the "
    "topology, or choose another fault"
)
NOT_RUNNING = "resolver of dns does not run"
UNHOST = RemoveZone(origin="a.test")


@pytest.mark.parametrize(
    ("steps", "problems"),
    [
        ((Forge(forger="viewer", victim="dns", fault="source", address=ADDRESS),), []),
        ((Forge(forger="viewer", victim="dns", fault="class", address=ADDRESS),), []),
        (
            (Forge(forger="viewer", victim="dns", fault="destination", address=ADDRESS),),
            [f"steps[0]: {NO_OTHER}"],
        ),
        ((AskMany(name="{n}.a.test", count=2),), []),
        (
            (AskMany(node="server1", name="a.test", count=2),),
            ["steps[0]: server1 has no DNS server to ask; name one with server="],
        ),
        ((Reconfigure(node="dns", changes=(HOST, UNHOST)),), []),
        (
            (Reconfigure(node="dns", changes=(HOST,)), Reconfigure(node="dns", changes=(UNHOST,))),
            [],
        ),
        (
            (Repeat(times=2, steps=(Reconfigure(node="dns", changes=(HOST, UNHOST)),)),),
            [],
        ),
        (
            (
                Reconfigure(node="dns", changes=(HOST,)),
                Repeat(times=2, steps=(Reconfigure(node="dns", changes=(UNHOST,)),)),
            ),
            ["steps[1].steps[0]: resolver of dns: no zone 'a.test'; known are none"],
        ),
        (
            (Reconfigure(node="server1", changes=(HOST,)),),
            ["steps[0]: server1 has no program 'resolver'; it has service, balancer"],
        ),
        (
            (
                Play(node="dns", program="resolver", script=Script()),
                Reconfigure(node="dns", changes=(HOST,)),
                Resume(node="dns", program="resolver"),
                Reconfigure(node="dns", changes=(HOST,)),
                Halt(node="dns", program="resolver"),
                Reconfigure(node="dns", changes=(HOST,)),
            ),
            [
                f"steps[1]: {NOT_RUNNING}: a scripted server has its seat; resume it first",
                f"steps[5]: {NOT_RUNNING}: it was halted; resume it first",
            ],
        ),
    ],
)
def test_a_step_has_what_it_needs(steps, problems: list[str]) -> None:
    assert list(misfits(scenario_of(*steps, check=Answered()), CLUSTER)) == problems
