"""A capture that is being written, read as far as it goes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from lab.observe.pcapng import CaptureError, read_records
from lab.observe.sighting import Record
from lab.topology.plan import Plan
from resolver.machine import Instant


def records_so_far(path: Path, plan: Plan, since: Instant = 0) -> list[Record]:
    """Every record from an instant on that stands in the file as a whole; none where there is no
    file (any more)."""
    nodes = {interface.name: node.name for node in plan.nodes for interface in node.interfaces}
    found: list[Record] = []
    # The last block may be half written: it comes with the next reading, and those before it count.
    with suppress(CaptureError):
        found.extend(read_records(path, nodes, since))
    return found
