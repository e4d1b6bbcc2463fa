"""The folder that `forwardlab import --out` writes: a topology, its scenarios, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tomli_w
from pydantic import ValidationError

from lab.exchange.laying_out import NoRoom, lay_out
from lab.exchange.questions import scenarios_of
from lab.exchange.table import ForwardingTable
from lab.exchange.usable import why_not
from lab.scenario.files import SUFFIX, write_scenario
from lab.scenario.model import Scenario
from lab.topology.load import TopologyError, load_topology

TOPOLOGY_FILE = "topology.toml"


@dataclass(frozen=True, slots=True)
class Generated:
    """What follows from a table."""

    topology: str
    """TOML."""
    scenarios: Mapping[str, Scenario]
    """By the stem of their files."""
    left_out: tuple[str, ...]
    """A line for each rule that has no scenarios."""


def generate(table: ForwardingTable, title: str) -> Generated:
    """Work out a table's topology and scenarios. Raises NoRoom."""
    layout = lay_out(table, title)
    heading = (
        f"# The forwarding table of {title}, as `forwardlab import` found it. Its servers stand "
        "here at their own\n# addresses. The scenarios beside this file ask about every rule.\n\n"
    )
    return Generated(
        topology=heading + tomli_w.dumps(layout.topology, multiline_strings=True),
        scenarios=scenarios_of(table, layout),
        left_out=left_out(table),
    )


def left_out(table: ForwardingTable) -> tuple[str, ...]:
    """A line for each rule that there can be no scenarios for."""
    return tuple(
        f"{each.place}: {each.zone}: no scenarios: {why}"
        for each in table.entries
        if (why := why_not(table, each)) is not None
    )


def write_folder(folder: Path, generated: Generated, read_me: str) -> None:
    """Write it all; the folder is new or empty. Raises NoRoom where the topology cannot be, and
    OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise NoRoom(f"{folder}: this folder is not empty; name a new one, or empty it first")
    topology = folder / TOPOLOGY_FILE
    topology.write_text(generated.topology, encoding="utf-8")
    try:
        load_topology(topology)
    except (TopologyError, ValidationError) as error:
        topology.unlink()
        folder.rmdir()
        raise NoRoom(f"these addresses cannot stand in one topology: {error}") from error
    for stem, scenario in generated.scenarios.items():
        write_scenario(folder / f"{stem}{SUFFIX}", scenario)
    (folder / "README.md").write_text(read_me, encoding="utf-8")
