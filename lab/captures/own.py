"""Recognising what the lab itself captured: every interface of the plan, at both ends of each link.

Such a file needs no supplements, and it alone may hold marks of steps. Anything else, also a part
of such a file that another program wrote, is a capture from elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lab.captures.frames import Losses
from lab.captures.opening import read_frames
from lab.observe.pcapng import ETHERNET, RAW_IP, STEPS, STEPS_INTERFACE, CaptureError
from lab.observe.timeline import Timeline
from lab.topology.plan import Plan
from lab.worlds.world import Clock
from resolver.machine import SECOND, Instant

_SECTION_HEADER: Final = bytes.fromhex("0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000")
"""The lab's own: little endian, without options. Other programs say there who they are."""

_LONG_AGO: Instant = 365 * 24 * 3600 * SECOND
"""Virtual time begins at 0; no kernel's clock has stood in 1970 for fifty years."""


def own_timeline(path: Path, plan: Plan) -> Timeline | None:
    """The timeline of a capture that the lab made of this plan; None for any other file. Raises
    CaptureError where the file cannot be read at all."""
    try:
        with path.open("rb") as file:
            if file.read(len(_SECTION_HEADER)) != _SECTION_HEADER:
                return None
    except OSError:
        return None  # whoever reads it next says why
    losses = Losses()
    declared: dict[str, tuple[str, int]] = {}
    latest = 0
    for frame in read_frames(path, losses):
        interface = frame.interface
        declared[interface.name] = interface.description, interface.linktype
        is_mark = interface.linktype == STEPS and interface.name == STEPS_INTERFACE
        if frame.octets != len(frame.data) or (frame.outgoing is None and not is_mark):
            return None
        latest = max(latest, frame.at)
    if losses.frames or losses.damage or not _is_of(plan, declared):
        return None
    clock = Clock.VIRTUAL if latest < _LONG_AGO else Clock.MEASURED
    try:
        return Timeline.read(path, plan, clock)
    except CaptureError:
        return None


def _is_of(plan: Plan, declared: dict[str, tuple[str, int]]) -> bool:
    """Whether the interfaces that frames came from are the plan's, as the lab declares them."""
    nodes = {interface.name: node.name for node in plan.nodes for interface in node.interfaces}
    nodes |= {node.nat.device: node.name for node in plan.nodes if node.nat is not None}
    others = {name: found for name, found in declared.items() if name != STEPS_INTERFACE}
    return STEPS_INTERFACE in declared and all(
        nodes.get(name) == node and linktype in {ETHERNET, RAW_IP}
        for name, (node, linktype) in others.items()
    )
