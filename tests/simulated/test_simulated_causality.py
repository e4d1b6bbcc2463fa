"""The same run gives the same octets, and nothing happens before its cause."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from two_networks import ALIAS, DNS, SECOND_ALIAS, Stage, Tiny, a_plan, dial, echo, question

from lab.worlds.simulation.agenda import Agenda
from lab.worlds.simulation.link import WIRE_TIME_NS as WIRE
from resolver.machine import (
    MILLISECOND,
    SECOND,
    Endpoint,
    Framing,
    Instant,
    Send,
)

# --- determinism and causality ----------------------------------------------------------------


def a_run(out: Path, seed: int) -> bytes:
    """The capture of a run that uses ports, sequence numbers, the NAT and the real programs."""
    stage = Stage(a_plan(nat=True), out, seed)
    for _ in range(3):
        stage.attach(Tiny(*question(Endpoint(SECOND_ALIAS, 53))))
        stage.attach(Tiny(dial(Endpoint(ALIAS, 5900), Framing.RAW)))
        stage.elapse(3 * SECOND)
    return stage.world.seal().path.read_bytes()


def test_the_same_seed_gives_the_same_capture(tmp_path):
    first = a_run(tmp_path / "first", 1)
    assert first == a_run(tmp_path / "again", 1)
    assert first != a_run(tmp_path / "other", 2)
    # Whatever order another process hashes its strings into.
    code = (
        f"from test_simulated_causality import a_run, Path; a_run(Path({str(tmp_path / 'p')!r}), 1)"
    )
    here = Path(__file__).parent
    path = os.pathsep.join((str(here), str(here.parents[1])))
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert first == (tmp_path / "p" / "capture.pcapng").read_bytes()


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=40))
def test_nothing_happens_before_its_cause(appointments):
    """Actions that appoint further actions: the clock never goes back, and an effect comes after
    its cause, in the order in which equals were appointed."""
    agenda = Agenda()
    happened: list[tuple[Instant, int, int]] = []
    waiting = iter(range(len(appointments)))

    def act(number: int, cause: int) -> None:
        happened.append((agenda.now, number, cause))
        for delay in appointments[number]:
            following = next(waiting, None)
            if following is not None:
                agenda.at(agenda.now + delay, act, following, number)

    first = next(waiting, None)
    if first is not None:
        agenda.at(0, act, first, -1)
    while agenda.step(10**9):
        pass
    assert [at for at, *_ in happened] == sorted(at for at, *_ in happened)
    done = [-1]
    for _, number, cause in happened:
        assert cause in done
        done.append(number)
    assert len(happened) == len(appointments)
    with pytest.raises(ValueError, match="has passed"):
        agenda.at(agenda.now - 1, act, 0, -1)


@settings(max_examples=25, deadline=None)
@given(
    delays=st.tuples(*[st.integers(0, 5 * MILLISECOND)] * 4),
    rates=st.tuples(*[st.sampled_from((0, 64_000, 10_000_000))] * 4),
    sizes=st.lists(st.integers(0, 1400), min_size=1, max_size=8),
    nat=st.booleans(),
)
def test_no_packet_arrives_and_no_event_is_heard_before_its_cause(
    tmp_path_factory, delays, rates, sizes, nat
):
    plan = a_plan(nat=nat)
    terms = iter(zip(delays, rates, strict=True))
    nodes = []
    for each in plan.nodes:
        if each.name == "bystander":
            nodes.append(each)
            continue
        interfaces = []
        for planned in each.interfaces:
            delay, rate = next(terms)
            interfaces.append(replace(planned, delay_ns=delay, rate_bit_s=rate))
        nodes.append(replace(each, interfaces=tuple(interfaces)))
    stage = Stage(replace(plan, nodes=tuple(nodes)), tmp_path_factory.mktemp("run"))
    delay_of = {i.name: i.delay_ns for each in nodes for i in each.interfaces}
    server = stage.play(Tiny(react=echo))
    began = stage.world.now()
    target = Endpoint(ALIAS, 53) if nat else DNS
    viewer = stage.attach(Tiny(*question(target), *(Send(1, bytes(size)) for size in sizes)))
    stage.elapse(10 * SECOND)

    # In this world order is kept, so the nth packet out of one end of a link is the nth in.
    packets = stage.packets()
    stamps = [s.at for s in packets]
    assert stamps == sorted(stamps)
    for out, into in (
        ("viewer-eth0", "router-eth0"),
        ("router-eth1", "server-eth0"),
        ("server-eth0", "router-eth1"),
        ("router-eth0", "viewer-eth0"),
    ):
        left = [s for s in packets if s.interface == out and s.outgoing]
        came = [s for s in packets if s.interface == into and not s.outgoing]
        assert len(left) == len(came) == len(sizes) + 1
        for departure, arrival in zip(left, came, strict=True):
            assert departure.network == arrival.network
            assert arrival.at >= departure.at + delay_of[out] + WIRE
            assert arrival.number > departure.number
    heard = [at for _, at in server.heard], [at for _, at in viewer.heard]
    for asked_at, answered_at in zip(*heard, strict=True):
        assert began < asked_at < answered_at
    assert server.payloads() == viewer.payloads() == [b"hello", *map(bytes, sizes)]


def test_scapy_reads_the_packets_and_computes_the_same_checksums(tmp_path):
    from scapy.layers.inet import ICMP, IP, TCP, UDP
    from scapy.layers.inet6 import IPv6

    stage = Stage(a_plan(nat=True), tmp_path)
    stage.attach(Tiny(*question(Endpoint(ALIAS, 54))))
    stage.attach(Tiny(*question(Endpoint("fd00:2::20", 54), b"odd")))
    stage.attach(Tiny(dial(Endpoint(ALIAS, 5900), Framing.RAW)))
    stage.elapse()
    layers = set()
    for sighting in stage.packets():
        raw = sighting.network.raw
        packet = (IP if raw[0] >> 4 == 4 else IPv6)(raw)
        for layer in (IP, TCP, UDP, ICMP):
            if layer in packet:
                layers.add(layer)
                del packet[layer].chksum
        assert bytes(packet) == raw
    assert layers == {IP, TCP, UDP, ICMP}
