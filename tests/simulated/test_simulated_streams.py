"""TCP in the simulated world."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from two_networks import (
    BACK,
    DNS,
    SERVER,
    SERVER6,
    SERVICE,
    THERE,
    VIEWER,
    Stage,
    Tiny,
    a_plan,
    dial,
    echo,
    payload_of,
    question,
)

from lab.observe.sighting import Sighting
from lab.worlds.simulation.process import PROCESSING_TIME_NS as PROCESSING
from lab.worlds.world import WorldBroken
from resolver.machine import (
    MILLISECOND,
    SECOND,
    Close,
    Effect,
    Endpoint,
    Event,
    Framing,
    MessageArrived,
    Send,
    StreamClosed,
    StreamOpened,
    Unreachable,
)
from resolver.nat.build import build_tcp
from resolver.nat.packet import ACK, RST

# --- streams ----------------------------------------------------------------------------------


def test_a_stream_opens_carries_framed_messages_and_closes(stage):
    long = bytes(range(256)) * 20  # four segments

    def ask(event: Event) -> Sequence[Effect]:
        match event:
            case StreamOpened():
                return Send(1, b"first"), Send(1, long), Send(1, b"")
            case MessageArrived(payload=b""):
                return (Close(1),)
            case _:
                return ()

    server = stage.play(Tiny(react=echo))
    began = stage.world.now()
    viewer = stage.attach(Tiny(dial(DNS), react=ask))
    stage.elapse()

    assert server.payloads() == viewer.payloads() == [b"first", long, b""]
    opened, opened_at = viewer.heard[0]
    assert (opened.source, opened.destination.address) == (DNS, VIEWER)
    assert opened_at == began + THERE + BACK + PROCESSING
    assert isinstance(server.events[0], StreamOpened)
    assert server.events[-1] == StreamClosed(server.events[0].flow)
    flags = [s.network.transport.flags for s in stage.packets() if s.interface == "viewer-eth0"]
    assert flags[:3] == [{"SYN"}, {"SYN", "ACK"}, {"ACK"}]
    assert [f for f in flags if "FIN" in f] == [{"FIN", "ACK"}] * 2
    assert not any("RST" in f for f in flags)
    sent = b"".join(
        payload_of(s.network)
        for s in stage.packets()
        if s.interface == "viewer-eth0" and s.outgoing
    )
    assert sent == b"\0\5first" + len(long).to_bytes(2, "big") + long + b"\0\0"


def test_a_refused_connection(stage):
    began = stage.world.now()
    viewer = stage.attach(Tiny(dial(Endpoint(SERVER, 81))))
    stage.elapse()
    assert viewer.heard == [
        (Unreachable(1, "connection refused"), began + THERE + BACK + PROCESSING)
    ]
    syn, reset = (s.network.transport for s in stage.packets() if s.interface == "viewer-eth0")
    assert reset.flags == {"RST", "ACK"}
    assert reset.acknowledgement == (syn.sequence + 1) % 2**32


@pytest.mark.parametrize("address", [SERVER, SERVER6])
def test_the_service_says_who_it_is(stage, address):
    viewer = stage.attach(Tiny(dial(Endpoint(address, 5900), Framing.RAW)))
    stage.elapse()
    assert b"server" in b"".join(viewer.payloads())


def test_a_closed_stream_is_heard_of_no_more(stage):
    def hang_up(event: Event) -> Sequence[Effect]:
        return (Close(event.flow),) if isinstance(event, StreamOpened) else ()

    server = stage.play(Tiny(react=echo))
    viewer = stage.attach(Tiny(dial(DNS), react=hang_up))
    stage.elapse()
    assert [type(event) for event in viewer.events] == [StreamOpened]
    assert [type(event) for event in server.events] == [StreamOpened, StreamClosed]


def test_an_ended_program_closes_its_streams_and_refuses_new_ones(stage):
    stage.play(Tiny())
    first = stage.attach(Tiny(dial(DNS)))
    stage.elapse()
    stage.world.stop_program("server", "dns-translator")
    second = stage.attach(Tiny(dial(DNS)))
    asked = stage.attach(Tiny(*question(DNS)))
    stage.elapse()
    assert [type(event) for event in first.events] == [StreamOpened, StreamClosed]
    assert second.events == [Unreachable(1, "connection refused")]
    assert asked.events == [Unreachable(1, "port unreachable")]


def test_a_program_starts_again(stage):
    program = a_plan().node("server").program("service")
    stage.world.stop_program("server", "service")
    stage.world.start_program("server", program)
    viewer = stage.attach(Tiny(dial(SERVICE, Framing.RAW)))
    stage.elapse()
    assert b"server" in b"".join(viewer.payloads())


def test_a_message_before_the_stream_is_open_is_a_bug_of_the_machine(stage):
    stage.play(Tiny())
    with pytest.raises(WorldBroken, match="actor on viewer sent on flow 1 before StreamOpened"):
        stage.attach(Tiny(dial(DNS), Send(1, b"too early")))


@pytest.mark.parametrize("flow", ["stream", "datagram"])
def test_a_message_too_long_for_its_transport_is_a_bug_of_the_machine(stage, flow):
    def too_long(event: Event) -> Sequence[Effect]:
        return (Send(1, bytes(65_536)),) if isinstance(event, StreamOpened) else ()

    stage.play(Tiny())
    if flow == "datagram":
        with pytest.raises(WorldBroken, match="actor on viewer cannot send on flow 1: 65"):
            stage.attach(Tiny(*question(DNS, bytes(65_536))))
        return
    stage.attach(Tiny(dial(DNS), react=too_long))
    with pytest.raises(WorldBroken, match="actor on viewer cannot send on flow 1: 65536 octets"):
        stage.elapse()


def test_both_ends_close_at_once_and_nothing_is_left(stage):
    def hang_up(event: Event) -> Sequence[Effect]:
        return (Close(event.flow),) if isinstance(event, StreamOpened) else ()

    # The server hears of the stream one way later than the viewer: let its FIN meet the viewer's.
    server = stage.play(Tiny(react=hang_up))
    viewer = stage.attach(Tiny(dial(DNS)))
    stage.world.run_until(lambda: bool(server.heard), stage.world.now() + SECOND)
    stage.world.detach(viewer)
    stage.elapse()
    fins = [s for s in stage.packets() if "FIN" in s.network.transport.flags and s.outgoing]
    first = {s.interface: s.at for s in fins if s.interface in {"viewer-eth0", "server-eth0"}}
    assert abs(first["viewer-eth0"] - first["server-eth0"]) < MILLISECOND
    for host in stage.world._hosts.values():
        assert not host.tcp._connections
        assert not set(host.tcp._ports._held) - {53, 5900}
        assert not set(host.udp._ports._held) - {53}


def a_segment(of: Sighting, **changed) -> bytes:
    """A forged next segment of the stream that a captured segment belongs to."""
    tcp = of.network.transport
    length = len(tcp.payload) + len(tcp.flags & {"SYN", "FIN"})
    fields = {
        "flags": ACK,
        "sequence": tcp.sequence + length,
        "acknowledgment": tcp.acknowledgement,
        **changed,
    }
    return build_tcp(of.network.sender, of.network.receiver, **fields)


@pytest.mark.parametrize(("off_by", "heard"), [(0, True), (1, False), (-1, False)])
def test_a_reset_ends_a_stream_only_at_the_right_octet(stage, off_by, heard):
    seen: list[Sighting] = []
    stage.world.on_sighting(seen.append)
    server = stage.play(Tiny())
    viewer = stage.attach(Tiny(dial(DNS)))
    stage.elapse()
    stage.world.on_sighting(None)
    for host in ("viewer", "server"):
        last = next(s for s in reversed(seen) if s.node == host and s.outgoing)
        following = last.network.transport.sequence + ("SYN" in last.network.transport.flags)
        reset = a_segment(last, flags=RST, sequence=following + off_by)
        stage.world.transmit(host, f"{host}-eth0", reset)
    stage.elapse()
    opened = server.events[0]
    expected = [Unreachable(1, "connection reset")], [StreamClosed(opened.flow)]
    assert (viewer.events[1:], server.events[1:]) == (expected if heard else ([], []))


def test_a_segment_out_of_order_or_ahead_of_us_is_not_taken(stage):
    seen: list[Sighting] = []
    stage.world.on_sighting(seen.append)
    server = stage.play(Tiny())
    stage.attach(Tiny(dial(DNS)))
    stage.elapse()
    stage.world.on_sighting(None)
    last = next(s for s in reversed(seen) if s.node == "viewer" and s.outgoing)
    sequence = last.network.transport.sequence
    acknowledgment = last.network.transport.acknowledgement
    message = b"\0\2ok"
    for changed in (
        {"sequence": sequence + 1},
        {"sequence": sequence - 4},
        {"acknowledgment": acknowledgment + 1},
        {},
        {},  # the same octets again
    ):
        forged = a_segment(last, payload=message, **changed)
        stage.world.transmit("viewer", "viewer-eth0", forged)
    stage.elapse()
    assert server.payloads() == [b"ok"]


@settings(max_examples=25, deadline=None)
@given(
    theirs=st.lists(st.binary(max_size=4000), max_size=6),
    ours=st.lists(st.binary(max_size=4000), max_size=6),
    rate=st.sampled_from((0, 100_000_000)),
)
def test_messages_arrive_whole_and_in_order_both_ways(tmp_path_factory, theirs, ours, rate):
    def speak(messages: list[bytes]) -> Callable[[Event], Sequence[Effect]]:
        def react(event: Event) -> Sequence[Effect]:
            if isinstance(event, StreamOpened):
                return [Send(event.flow, message) for message in messages]
            return ()

        return react

    stage = Stage(a_plan(viewer_rate=rate), tmp_path_factory.mktemp("run"))
    server = stage.play(Tiny(react=speak(theirs)))
    viewer = stage.attach(Tiny(dial(DNS), react=speak(ours)))
    stage.elapse(10 * SECOND)
    assert server.payloads() == ours
    assert viewer.payloads() == theirs
