"""Bad links in the simulated world: what is lost is sent again, what is too large is cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from two_networks import (
    DNS,
    ROUTER_FAR,
    SERVER,
    SERVICE,
    THERE,
    VIEWER_DELAY,
    Stage,
    Tiny,
    a_plan,
    dial,
    echo,
    payload_of,
    question,
)

from lab.observe.sighting import Icmp, Ip, Tcp
from lab.scenario.disturbing import Disturbances
from lab.scenario.impairments import Impairment
from lab.scenario.model import Flap, Plug, Unplug
from lab.worlds.simulation.fragments import REASSEMBLY_TIME_NS
from lab.worlds.simulation.link import WIRE_TIME_NS as WIRE
from resolver.machine import (
    MILLISECOND,
    SECOND,
    Close,
    Effect,
    Event,
    Send,
    StreamClosed,
    StreamOpened,
    Unreachable,
)

EVERY = st.none() | st.integers(2, 9)


@st.composite
def bad_links(draw) -> Impairment:
    lose, double, reorder = draw(EVERY), draw(EVERY), draw(EVERY)
    return Impairment(delay_ms=5, lose_every=lose, duplicate_every=double, reorder_every=reorder)


def speak(messages: list[bytes]) -> Callable[[Event], Sequence[Effect]]:
    def react(event: Event) -> Sequence[Effect]:
        if isinstance(event, StreamOpened):
            return [Send(event.flow, message) for message in messages]
        return ()

    return react


@settings(max_examples=40, deadline=None)
@given(
    out=bad_links(),
    back=bad_links(),
    mtu=st.sampled_from([None, 600]),
    theirs=st.lists(st.binary(max_size=4000), max_size=3),
    ours=st.lists(st.binary(max_size=4000), max_size=3),
)
def test_over_any_bad_link_messages_arrive_whole_once_and_in_order(
    tmp_path_factory, out, back, mtu, theirs, ours
):
    stage = Stage(a_plan(), tmp_path_factory.mktemp("run"))
    server = stage.play(Tiny(react=speak(theirs)))
    stage.world.impair("viewer", "viewer-eth0", "out", out)
    stage.world.impair("viewer", "viewer-eth0", "in", back)
    stage.world.set_mtu("router", "router-eth0", mtu)
    viewer = stage.attach(Tiny(dial(DNS), react=speak(ours)))
    stage.elapse(900 * SECOND)
    assert server.payloads() == ours
    assert viewer.payloads() == theirs


def syns(stage) -> list[int]:
    return [
        at
        for interface, outgoing, at in stage.way(
            lambda ip: isinstance(ip.transport, Tcp) and ip.transport.flags == {"SYN"}
        )
        if (interface, outgoing) == ("viewer-eth0", True)
    ]


def test_a_syn_is_repeated_as_linux_does_and_given_up_after_127_s(stage):
    stage.world.impair("viewer", "viewer-eth0", "out", Impairment(lose_every=1))
    viewer = stage.attach(Tiny(dial(DNS)))
    began_at = stage.world.now()
    stage.elapse(200 * SECOND)
    (event, at) = viewer.heard[-1]
    assert event == Unreachable(1, "connection timed out")
    assert at - began_at >= 127 * SECOND
    sent = syns(stage)
    assert [each - sent[0] for each in sent] == [n * SECOND for n in (0, 1, 3, 7, 15, 31, 63)]


def test_a_stream_whose_far_end_fell_silent_is_given_up_in_the_end(stage):
    server = stage.play(Tiny())
    viewer = stage.attach(Tiny(dial(DNS), react=lambda event: ()))
    stage.elapse()
    stage.world.set_power("server", on=False)
    opened = viewer.events[0]
    assert isinstance(opened, StreamOpened)
    machine = stage.world._actors[id(viewer)]
    machine._opened[1].send(b"is anybody there")
    stage.elapse(2000 * SECOND)
    assert viewer.events[1:] == [Unreachable(1, "connection timed out")]
    assert server.payloads() == []


def test_a_lost_goodbye_is_said_again(stage):
    server = stage.play(Tiny())
    viewer = stage.attach(Tiny(dial(DNS), react=lambda event: (Close(1),)))
    stage.world.impair("viewer", "viewer-eth0", "out", Impairment(lose_every=3))
    stage.elapse(5 * SECOND)
    assert [type(event) for event in server.events] == [StreamOpened, StreamClosed]
    del viewer


def test_a_lost_last_acknowledgment_is_given_again_and_not_a_reset(stage):
    def answer_goodbye(event: Event) -> Sequence[Effect]:
        return (Close(event.flow),) if isinstance(event, StreamClosed) else ()

    stage.play(Tiny(react=answer_goodbye))
    stage.attach(Tiny(dial(DNS), react=lambda event: (Close(1),)))
    # SYN, ACK and FIN get out; the acknowledgment of the server's FIN is lost.
    stage.world.impair("viewer", "viewer-eth0", "out", Impairment(lose_every=5))
    stage.elapse(5 * SECOND)
    flags = [
        packet.network.transport.flags
        for packet in stage.packets()
        if isinstance(packet.network.transport, Tcp)
    ]
    assert {"FIN", "ACK"} in flags
    assert not any("RST" in each for each in flags)


# --- datagrams --------------------------------------------------------------------------------


def test_a_delay_on_the_way_in_lies_between_the_stamps_too(stage):
    stage.world.impair("viewer", "viewer-eth0", "in", Impairment(delay_ms=30))
    stage.play(Tiny(react=echo))
    viewer = stage.attach(Tiny(*question(DNS)))
    stage.elapse()
    way = stage.way(lambda ip: payload_of(ip) == b"hello")
    out, *_, left, came = way
    assert (came[0], came[1]) == ("viewer-eth0", False)
    assert came[2] - left[2] == 30 * MILLISECOND + WIRE
    assert out[2] + THERE - way[3][2] == 0
    assert viewer.payloads() == [b"hello"]


def test_a_mended_link_is_as_planned(stage):
    stage.world.impair("viewer", "viewer-eth0", "out", Impairment(lose_every=1))
    stage.world.impair("viewer", "viewer-eth0", "out", None)
    stage.play(Tiny(react=echo))
    viewer = stage.attach(Tiny(*question(DNS)))
    stage.elapse()
    assert viewer.payloads() == [b"hello"]
    left, came = stage.way(lambda ip: payload_of(ip) == b"hello")[:2]
    assert came[2] - left[2] == VIEWER_DELAY + WIRE


def fragments(stage, interface: str) -> list[Ip]:
    return [
        packet.network
        for packet in stage.packets()
        if packet.interface == interface
        and packet.outgoing
        and int.from_bytes(packet.network.raw[6:8], "big") & 0x3FFF
    ]


def test_a_datagram_larger_than_the_link_is_cut_and_put_together_again(stage):
    stage.play(Tiny(react=echo))
    viewer = stage.attach(Tiny(*question(DNS, bytes(range(256)) * 20)))
    stage.elapse()
    assert viewer.payloads() == [bytes(range(256)) * 20]
    assert [len(ip.raw) for ip in fragments(stage, "viewer-eth0")] == [1500, 1500, 1500, 708]


def test_a_narrow_link_on_the_way_is_told_of_and_remembered(stage):
    stage.world.set_mtu("router", "router-eth0", 600)
    stage.play(Tiny(react=lambda event: (Send(event.flow, bytes(1000)),)))
    first = stage.attach(Tiny(*question(DNS)))
    stage.elapse()
    second = stage.attach(Tiny(*question(DNS)))
    stage.elapse()
    # RFC 1191: the sender learns the size, and this datagram is gone.
    assert first.payloads() == []
    assert second.payloads() == [bytes(1000)]
    errors = [
        packet.network
        for packet in stage.packets()
        if isinstance(packet.network.transport, Icmp) and packet.network.transport.code == 4
    ]
    assert {(ip.source, ip.destination) for ip in errors} == {(ROUTER_FAR, SERVER)}
    assert {int.from_bytes(ip.raw[26:28], "big") for ip in errors} == {600}
    assert max(len(ip.raw) for ip in fragments(stage, "server-eth0")) <= 600


def test_what_was_learnt_of_a_way_is_forgotten_after_ten_minutes(stage):
    stage.world.set_mtu("router", "router-eth0", 600)
    stage.play(Tiny(react=lambda event: (Send(event.flow, bytes(1000)),)))
    stage.attach(Tiny(*question(DNS)))
    stage.elapse()
    stage.world.set_mtu("router", "router-eth0", None)
    stage.elapse(601 * SECOND)
    viewer = stage.attach(Tiny(*question(DNS)))
    stage.elapse()
    assert viewer.payloads() == [bytes(1000)]
    assert fragments(stage, "server-eth0") == []


def test_a_router_cuts_what_may_be_cut(stage):
    stage.world.set_mtu("router", "router-eth1", 600)
    server = stage.play(Tiny())
    stage.attach(Tiny(*question(DNS, bytes(3000))))
    stage.elapse()
    assert server.payloads() == [bytes(3000)]
    sizes = [len(ip.raw) for ip in fragments(stage, "router-eth1")]
    assert len(sizes) > 5
    assert max(sizes) <= 600


def test_an_interface_takes_in_nothing_larger_than_it_sends(stage):
    stage.world.set_mtu("viewer", "viewer-eth0", 600)
    stage.play(Tiny(react=lambda event: (Send(event.flow, bytes(1000)),)))
    viewer = stage.attach(Tiny(*question(DNS)))
    stage.elapse()
    assert viewer.payloads() == []


def test_a_datagram_that_stays_incomplete_is_given_up_with_a_word_to_its_sender(stage):
    stage.play(Tiny())
    stage.world.impair("viewer", "viewer-eth0", "out", Impairment(lose_every=2))
    viewer = stage.attach(Tiny(*question(DNS, bytes(2000))))
    stage.elapse(REASSEMBLY_TIME_NS + SECOND)
    (error,) = {
        packet.network.raw
        for packet in stage.packets()
        if isinstance(packet.network.transport, Icmp) and packet.interface == "server-eth0"
    }
    assert (error[20], error[21]) == (11, 1)
    assert viewer.payloads() == []


# --- interfaces and schedules -----------------------------------------------------------------


def test_without_its_interface_a_host_has_no_route_and_hears_nothing(stage):
    server = stage.play(Tiny(react=echo))
    stage.world.set_link("viewer", "viewer-eth0", up=False)
    viewer = stage.attach(Tiny(*question(DNS)))
    stage.elapse()
    assert viewer.events == [Unreachable(1, "network unreachable")]
    stage.world.set_link("viewer", "viewer-eth0", up=True)
    again = stage.attach(Tiny(*question(DNS)))
    stage.elapse()
    assert again.payloads() == [b"hello"]
    assert server.payloads() == [b"hello"]


def test_a_router_without_its_interface_says_that_there_is_no_way(stage):
    stage.attach(Tiny(*question(DNS)))
    stage.elapse()
    stage.world.set_link("router", "router-eth1", up=False)
    viewer = stage.attach(Tiny(dial(SERVICE)))
    stage.elapse()
    assert viewer.events == [Unreachable(1, "network unreachable")]


def test_appointments_are_kept_to_the_nanosecond_and_flapping_ends_in_time(stage):
    flap = Flap(
        breaking=(Unplug(node="viewer"),),
        mending=(Plug(node="viewer"),),
        broken_s=0.2,
        whole_s=0.3,
        times=3,
    )
    disturbances = Disturbances(stage.world, a_plan(), lambda node, name: None)
    disturbances.flap(flap)
    stage.elapse(10 * SECOND)
    marks = [mark for mark in stage.marks() if mark.kind in {"unplugged", "plugged"}]
    assert [mark.kind for mark in marks] == ["unplugged", "plugged"] * 3
    gaps = [later.at - earlier.at for earlier, later in pairwise(marks)]
    assert gaps == [SECOND // 5, 3 * SECOND // 10] * 2 + [SECOND // 5]
    assert {mark.fields["interface"] for mark in marks} == {"viewer-eth0"}


def test_flapping_without_end_ends_with_the_last_step(stage):
    flap = Flap(
        breaking=(Unplug(node="viewer"),), mending=(Plug(node="viewer"),), broken_s=1, whole_s=1
    )
    disturbances = Disturbances(stage.world, a_plan(), lambda node, name: None)
    disturbances.flap(flap)
    stage.elapse(5 * SECOND)
    disturbances.end()
    stage.elapse(5 * SECOND)
    assert len([mark for mark in stage.marks() if mark.kind == "unplugged"]) == 3


@pytest.mark.parametrize("seed", [1, 2])
def test_chance_comes_from_the_worlds_seed(make_stage, seed):
    def lost(number: int) -> list[bool]:
        stage = make_stage(seed=number)
        server = stage.play(Tiny())
        stage.world.impair("viewer", "viewer-eth0", "out", Impairment(lose_percent=50))
        for place in range(40):
            stage.attach(Tiny(*question(DNS, bytes((place,)))))
            stage.elapse(SECOND // 100)
        return [bytes((place,)) in server.payloads() for place in range(40)]

    assert lost(seed) == lost(seed)
    assert lost(seed) != lost(seed + 1)
