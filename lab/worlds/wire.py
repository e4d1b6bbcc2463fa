"""A wire between two cables: passes Ethernet frames on, each treated as the link is to treat it.

Where a kernel has no netem, this process does its work. It runs in the namespace of the switches,
sees each frame with the kernel's own stamp of its arrival, and so knows to the microsecond how late
it is itself. What it cannot keep to is reported and breaks the run.
"""

from __future__ import annotations

import heapq
import os
import pickle
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from lab.observe.capture import stamp_of, widen
from lab.scenario.impairments import Direction, Impairment
from lab.worlds.impairing import ETHERNET_HEADER, Treatment, link_random
from resolver.machine import Duration, Instant
from resolver.shells.loop import Loop

Ends: TypeAlias = tuple[str, str]
"""Names of the two cable ends that a wire joins: the node's, then the switch's."""

# asm-generic/socket.h, linux/if_packet.h, linux/if_ether.h
_SO_TIMESTAMPNS = 35
_SOL_PACKET = 263
_PACKET_STATISTICS = 6
_PACKET_QDISC_BYPASS = 20
_PACKET_IGNORE_OUTGOING = 23
_ETH_P_ALL = 0x0003

_FRAME = 65_600
_BATCH = 64
"""Frames taken from one end before the others get their turn."""

_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_ICMPV6 = 58
_NEIGHBOUR_DISCOVERY = range(133, 138)  # RFC 4861 4


@dataclass(frozen=True, slots=True)
class Order:
    """What the wire is told: how to treat one direction of a link from now on."""

    link: str
    direction: Direction
    impairment: Impairment | None
    delay_ns: Duration
    rate_bit_s: int
    seed: int
    turn: int


@dataclass(slots=True)
class Report:
    """How one direction of a link did."""

    frames: int = 0
    """Frames that came, whatever became of them."""
    latest_ns: Duration = 0
    """The most by which a frame left later than it should have."""
    total_ns: Duration = 0
    """All these together."""
    left: int = 0
    """Frames that left."""
    dropped: int = 0
    """Frames the kernel had no room for, before we read them or after."""


@dataclass(slots=True, eq=False)
class _Way:
    """One direction of a link."""

    source: socket.socket
    target: socket.socket
    treatment: Treatment | None = None
    report: Report = field(default_factory=Report)


class Wire:
    """All wires of a world. Frames that carry no IP packet (ARP, the lab's own trial frames) and
    neighbour discovery pass at once."""

    def __init__(self, loop: Loop, links: dict[str, Ends]) -> None:
        self._ways: dict[tuple[str, Direction], _Way] = {}
        self._due: list[tuple[Instant, int, _Way, bytes]] = []
        self._taken = 0
        for link, names in links.items():
            near, far = map(_open_end, names)
            self._ways[link, "out"] = _Way(near, far)
            self._ways[link, "in"] = _Way(far, near)
        for way in self._ways.values():
            loop.add_reader(way.source, partial(self._read, way))
        loop.add_timed(self)

    def obey(self, order: Order) -> None:
        """Treat a link otherwise from now on; what is on its way keeps its time."""
        plain = order.impairment is None and not order.delay_ns and not order.rate_bit_s
        self._ways[order.link, order.direction].treatment = (
            None
            if plain
            else Treatment(
                order.impairment,
                link_random(order.seed, order.link, order.direction, order.turn),
                delay_ns=order.delay_ns,
                rate_bit_s=order.rate_bit_s,
            )
        )

    def report(self) -> dict[tuple[str, Direction], Report]:
        """How each direction of each link has done so far."""
        for way in self._ways.values():
            statistics = way.source.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
            way.report.dropped += struct.unpack("II", statistics)[1]  # tpacket_stats.tp_drops
        return {key: way.report for key, way in self._ways.items()}

    def deadline(self) -> Instant | None:
        """When the next frame is to leave."""
        return self._due[0][0] if self._due else None

    def expire(self, now: Instant) -> None:
        """Let the frames go whose time has come."""
        while self._due and self._due[0][0] <= now:
            due, _, way, frame = heapq.heappop(self._due)
            self._pass(way, frame, due)

    def _read(self, way: _Way) -> None:
        for _ in range(_BATCH):
            try:
                frame, ancillary, _, _ = way.source.recvmsg(_FRAME, 64)
            except BlockingIOError:
                return
            except OSError:
                return  # the cable was taken off: said once, then the socket works on
            way.report.frames += 1
            now = time.monotonic_ns()
            arrived_at = now - max(0, time.time_ns() - stamp_of(ancillary))
            if way.treatment is None or not _carries_ip(frame):
                self._pass(way, frame, arrived_at)
                continue
            octets = len(frame) - ETHERNET_HEADER
            for due in way.treatment.departures(octets, arrived_at):
                if due <= now:
                    self._pass(way, frame, due)
                else:
                    self._taken += 1  # keeps the order of what is due at one instant
                    heapq.heappush(self._due, (due, self._taken, way, frame))

    def _pass(self, way: _Way, frame: bytes, due: Instant) -> None:
        try:
            way.target.send(frame)
        except BlockingIOError:
            way.report.dropped += 1
        except OSError:
            return  # the cable at the other end was taken off
        late_ns = time.monotonic_ns() - due
        report = way.report
        report.left += 1
        report.total_ns += late_ns
        report.latest_ns = max(report.latest_ns, late_ns)


def serve(control: socket.socket, links: dict[str, Ends]) -> None:
    """Be the process of the wires until the world hangs up: obeys each `Order`, answers None with
    the reports."""
    with suppress(OSError):
        # A frame must not wait for whoever computes; where that is not allowed, lateness tells.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    loop = Loop()
    wire = Wire(loop, links)
    hung_up = False

    def listen() -> None:
        nonlocal hung_up
        said = control.recv(65_536)
        if not said:
            hung_up = True
            return
        order: Order | None = pickle.loads(said)  # noqa: S301 - our own parent wrote it
        if order is not None:
            wire.obey(order)
        control.send(pickle.dumps(wire.report()))

    loop.add_reader(control, listen)
    control.send(pickle.dumps(None))  # ready
    loop.run_until(lambda: hung_up, None)


def _open_end(name: str) -> socket.socket:
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    end.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    # What we send ourselves must not come back.
    end.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    end.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
    widen(end)
    end.setblocking(False)
    end.bind((name, _ETH_P_ALL))
    return end


def _carries_ip(frame: bytes) -> bool:
    kind = frame[12:14]
    if kind == _IPV4:
        return True
    if kind != _IPV6:
        return False
    is_icmp = len(frame) > 54 and frame[20] == _ICMPV6
    return not (is_icmp and frame[54] in _NEIGHBOUR_DISCOVERY)
