"""Captures as other programs would have made them, from what the lab captured."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from lab.captures.frames import Losses
from lab.captures.opening import read_frames
from lab.observe.pcapng import PcapngWriter
from lab.scenario.catalogue import read_catalogue
from lab.scenario.model import Scenario
from lab.scenario.trial import Trial, run_trial
from lab.topology.load import load_topology
from lab.topology.plan import Plan
from lab.topology.planner import make_plan
from lab.viewer.profiles import ProfileName

ROOT = Path(__file__).resolve().parent.parent.parent
ETHERNET, RAW, COOKED, COOKED2, NULL = 1, 101, 113, 276, 0
_FOLDERS: list[TemporaryDirectory[str]] = []
"""They go when the tests are over."""
START = 1_700_000_000 * 10**9
"""Virtual time begins at 0; captures from elsewhere do not."""


@dataclass(frozen=True)
class Caught:
    """A packet of the lab's capture, with where it was seen."""

    at: int
    interface: str
    outgoing: bool
    packet: bytes


@cache
def plan_of(topology: str) -> Plan:
    return make_plan(load_topology(ROOT / "topologies" / f"{topology}.toml"), topology)


@cache
def _catalogue() -> Mapping[str, Scenario]:
    return read_catalogue(ROOT).scenarios


@cache
def lab_capture(identifier: str) -> tuple[Path, Plan]:
    """The capture that a scenario leaves behind in virtual time."""
    stem, at, viewer = identifier.partition("@")
    scenario = _catalogue()[stem]
    if at:
        scenario = scenario.for_viewer(cast("ProfileName", viewer))
    plan = plan_of(scenario.topology)
    _FOLDERS.append(TemporaryDirectory(prefix="forwardlab-captures-"))
    folder = Path(_FOLDERS[-1].name)
    path = folder / "capture.pcapng"
    record = run_trial(
        Trial(identifier, scenario, plan, "simulated", 1, folder / "run", path, folder, "")
    )
    assert record.outcome in {"passed", "observed"}, record.reason
    return path, plan


def caught(path: Path) -> list[Caught]:
    """Every packet of a capture of the lab's in virtual time, marks left out."""
    return [
        Caught(START + frame.at, frame.interface.name, bool(frame.outgoing), frame.data)
        for frame in read_frames(path, Losses())
        if frame.interface.linktype == RAW
    ]


def at(node: str, plan: Plan, network: str | None = None) -> Callable[[Caught], bool]:
    """Whether a packet was seen at a node (on a network)."""
    names = {
        interface.name
        for interface in plan.node(node).interfaces
        if network in {None, interface.network}
    }
    return lambda each: each.interface in names


def pcap(
    path: Path, packets: Iterable[Caught], *, linktype: int = ETHERNET, snaplen: int = 65_535
) -> Path:
    """Write them as tcpdump at that place would have."""
    out = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snaplen, linktype)
    for each in packets:
        data = _HEADERS[linktype](each) + each.packet
        kept = data[:snaplen]
        out += struct.pack("<IIII", each.at // 10**9, each.at % 10**9, len(kept), len(data)) + kept
    path.write_bytes(out)
    return path


def pcapng(path: Path, packets: Iterable[Caught]) -> Path:
    """Write them as a program that captures many machines' interfaces would."""
    numbers: dict[str, int] = {}
    with PcapngWriter(path) as writer:
        for each in packets:
            if each.interface not in numbers:
                name = f"machine {len(numbers)}, eth0"
                numbers[each.interface] = writer.interface(name, RAW)
            writer.packet(numbers[each.interface], each.at, each.packet, each.outgoing)
    return path


def _ethertype(packet: bytes) -> bytes:
    return b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\0"


_HEADERS: dict[int, Callable[[Caught], bytes]] = {
    ETHERNET: lambda each: bytes(12) + _ethertype(each.packet),
    RAW: lambda each: b"",
    NULL: lambda each: b"\2\0\0\0" if each.packet[0] >> 4 == 4 else b"\x0a\0\0\0",
    COOKED: lambda each: struct.pack("!HHH8x", 4 * each.outgoing, 1, 6) + _ethertype(each.packet),
    COOKED2: lambda each: (
        _ethertype(each.packet)
        + struct.pack("!HIHBB8x", 0, _device(each.interface), 1, 4 * each.outgoing, 6)
    ),
}


def _device(interface: str) -> int:
    """The kernel's number of an interface: any will do that is its own."""
    return 2 + sum(interface.encode()) % 1000
