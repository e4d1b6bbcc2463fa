"""The translator's node in the simulated world, with the real NAT translator."""

from __future__ import annotations

from dataclasses import replace

from two_networks import (
    ALIAS,
    DNS,
    ROUTER_FAR,
    ROUTER_LAN,
    SECOND_ALIAS,
    SERVER,
    THERE,
    VIEWER,
    Tiny,
    a_plan,
    dial,
    echo,
    question,
)

from lab.topology.plan import (
    PlannedProgram,
)
from lab.worlds.simulation.process import PROCESSING_TIME_NS as PROCESSING
from resolver.config import NatConfig
from resolver.machine import (
    Endpoint,
    Framing,
    StreamOpened,
    Unreachable,
)
from resolver.nat.build import build_icmp_echo

# --- translation ------------------------------------------------------------------------------


def test_an_alias_leads_to_the_server_and_back(make_stage):
    stage = make_stage(a_plan(nat=True))
    server = stage.play(Tiny(react=echo))
    began = stage.world.now()
    viewer = stage.attach(Tiny(*question(Endpoint(ALIAS, 53))))
    stage.elapse()

    ((asked, asked_at),) = server.heard
    assert (asked.source.address, asked.destination) == (VIEWER, DNS)
    assert asked_at == began + THERE + 2 * PROCESSING  # the translator's, and the server's
    assert [(e.payload, e.source) for e in viewer.events] == [(b"hello", Endpoint(ALIAS, 53))]
    wire = [
        (s.interface, s.network.source, s.network.destination, s.network.ttl)
        for s in stage.packets()
    ]
    assert wire == [
        ("viewer-eth0", VIEWER, ALIAS, 64),
        ("router-eth0", VIEWER, ALIAS, 64),
        ("router-eth1", VIEWER, SERVER, 63),
        ("server-eth0", VIEWER, SERVER, 63),
        ("server-eth0", SERVER, VIEWER, 64),
        ("router-eth1", SERVER, VIEWER, 64),
        ("router-eth0", ALIAS, VIEWER, 63),
        ("viewer-eth0", ALIAS, VIEWER, 63),
    ]


def test_a_connection_by_alias_reaches_the_service(make_stage):
    stage = make_stage(a_plan(nat=True))
    viewer = stage.attach(Tiny(dial(Endpoint(ALIAS, 5900), Framing.RAW)))
    refused = stage.attach(Tiny(dial(Endpoint(ALIAS, 81))))
    stage.elapse()
    assert b"server" in b"".join(viewer.payloads())
    assert refused.events == [Unreachable(1, "connection refused")]


def test_errors_and_echoes_cross_the_translator(make_stage):
    stage = make_stage(a_plan(nat=True))
    viewer = stage.attach(Tiny(*question(Endpoint(ALIAS, 54))))
    stage.elapse()
    assert viewer.events == [Unreachable(1, "port unreachable")]
    ping = build_icmp_echo(VIEWER, ALIAS, reply=False, identifier=1, sequence=1)
    stage.world.transmit("viewer", "viewer-eth0", ping)
    stage.elapse()
    assert stage.packets()[-1].network.source == ALIAS


def test_port_53_of_a_dns_alias_ends_at_the_translator_and_answers_from_the_alias(make_stage):
    stage = make_stage(a_plan(nat=True))
    translator = stage.play(Tiny(react=echo), "router")
    viewer = stage.attach(Tiny(*question(Endpoint(SECOND_ALIAS, 53))))
    stream = stage.attach(Tiny(dial(Endpoint(SECOND_ALIAS, 53))))
    stage.elapse()
    assert translator.payloads() == [b"hello"]
    assert [event.source for event in viewer.events] == [Endpoint(SECOND_ALIAS, 53)]
    assert [type(event) for event in stream.events] == [StreamOpened]
    assert "router-eth1" not in {interface for interface, *_ in stage.way(lambda _: True)}


def test_without_the_nat_program_aliases_are_silent(make_stage):
    stage = make_stage(a_plan(nat=True))
    stage.world.stop_program("router", "nat")
    viewer = stage.attach(Tiny(*question(Endpoint(ALIAS, 53))))
    stage.elapse()
    assert viewer.events == []
    stage.world.start_program("router", a_plan(nat=True).node("router").program("nat"))
    stage.play(Tiny(react=echo))
    again = stage.attach(Tiny(*question(Endpoint(ALIAS, 53))))
    stage.elapse()
    assert again.payloads() == [b"hello"]


def test_no_real_address_is_seen_by_viewers_not_even_in_the_translators_own_errors(make_stage):
    plan = a_plan(nat=True)
    router = plan.node("router")
    # A table that names a real address to which there is no route.
    table = NatConfig("nat0", ((ALIAS, "172.16.0.9"),), ROUTER_LAN, ROUTER_FAR)
    changed = replace(router, programs=(PlannedProgram("nat", table), *router.programs[1:]))
    nodes = tuple(changed if each is router else each for each in plan.nodes)
    stage = make_stage(replace(plan, nodes=nodes))
    viewer = stage.attach(Tiny(dial(Endpoint(ALIAS, 53))))
    ping = build_icmp_echo(VIEWER, ROUTER_FAR, reply=False, identifier=1, sequence=1)
    stage.world.transmit("viewer", "viewer-eth0", ping)
    stage.elapse()
    assert viewer.events == [Unreachable(1, "network unreachable")]
    came = [s.network for s in stage.packets() if s.node == "viewer" and not s.outgoing]
    assert [(ip.source, ip.transport.type) for ip in came] == [(ROUTER_LAN, 3)]
    assert came[0].transport.embedded.destination == ALIAS
