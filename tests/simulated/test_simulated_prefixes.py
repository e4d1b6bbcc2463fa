"""A simulated host that has a whole prefix, and a machine that chooses among its addresses."""

from dataclasses import replace

import pytest
from two_networks import DNS, VIEWER, Tiny, a_plan, echo, question

from lab.topology.plan import PlannedRoute
from resolver.machine import (
    MessageArrived,
    Open,
    Send,
    StreamOpened,
    Transport,
    Unreachable,
)

PREFIX = "198.18.0.0/17"


def crowded():
    """The plan, with a prefix behind the viewer, and everybody's way to it."""
    plan = a_plan()
    nodes = [
        replace(node, prefixes=(PREFIX,)) if VIEWER in node.addresses() else node
        for node in plan.nodes
    ]
    return replace(plan, nodes=tuple(nodes))


def from_address(effects, address):
    return [
        each._replace(source_address=address) if isinstance(each, Open) else each
        for each in effects
    ]


@pytest.mark.parametrize("address", ["198.18.0.1", "198.18.127.254", VIEWER])
def test_questions_and_streams_leave_from_the_address_that_is_wanted(make_stage, address):
    stage = make_stage(routed(crowded()))
    server = stage.play(Tiny(react=echo))
    viewer = stage.attach(Tiny(*from_address(question(DNS), address)))
    stage.elapse()
    assert viewer.payloads() == [b"hello"]
    assert [event.source.address for event in server.events] == [address]
    caller = Tiny(Open(1, Transport.TCP, DNS, source_address=address))
    stage.attach(caller)
    stage.elapse()
    opened = next(event for event in caller.events if isinstance(event, StreamOpened))
    assert opened.destination.address == address


def routed(plan):
    """The router knows the way to the prefix: its next hop is the viewer."""
    nodes = [
        replace(node, routes=(*node.routes, PlannedRoute(PREFIX, VIEWER)))
        if node.forwards
        else node
        for node in plan.nodes
    ]
    return replace(plan, nodes=tuple(nodes))


@pytest.mark.parametrize("transport", Transport)
def test_an_address_of_somebody_else_is_refused(make_stage, transport):
    stage = make_stage(routed(crowded()))
    opening = Open(1, transport, DNS, source_address="198.18.128.0")
    viewer = stage.attach(Tiny(opening))
    stage.elapse()
    assert viewer.events == [Unreachable(1, "network unreachable")]


def test_each_of_many_addresses_gets_its_own_replies(make_stage):
    stage = make_stage(routed(crowded()))
    server = stage.play(Tiny(react=echo))
    effects = []
    for number in range(1, 51):
        opening = Open(number, Transport.UDP, DNS, source_address=f"198.18.0.{number}")
        effects += [opening, Send(number, b"%d" % number)]
    viewer = stage.attach(Tiny(*effects))
    stage.elapse()
    assert sorted(viewer.payloads()) == sorted(b"%d" % n for n in range(1, 51))
    assert {event.source.address for event in server.events} == {
        f"198.18.0.{number}" for number in range(1, 51)
    }
    arrived = [event for event in viewer.events if isinstance(event, MessageArrived)]
    assert all(event.payload == b"%d" % event.flow for event in arrived)


def test_without_a_prefix_a_host_has_its_own_addresses_only(stage):
    viewer = stage.attach(Tiny(*from_address(question(DNS), "198.18.0.1")))
    stage.elapse()
    assert viewer.events == [Unreachable(1, "network unreachable")]
