"""The nodes of a world, as a scenario's record has them."""

from __future__ import annotations

from pathlib import Path

from lab.report.record import DaemonRecord, NodeRecord
from lab.topology.plan import Plan, PlannedDaemon
from lab.worlds.daemon_folders import folder_of, put_in_folder
from resolver.config_file import render_config


def node_records(plan: Plan, folder: Path) -> tuple[NodeRecord, ...]:
    """Every node with what it was told and what it said; `folder` is the scenario's own."""
    return tuple(
        NodeRecord(
            name=node.name,
            label=node.label,
            role=node.role,
            addresses=node.addresses(),
            alias=node.alias,
            configs={
                program.name: render_config(program.config)
                for program in node.programs
                if program.daemon is None
            },
            daemons={
                program.name: _daemon_record(
                    put_in_folder(program.daemon, folder_of(node.name, program.name))
                )
                for program in node.programs
                if program.daemon is not None
            },
            stderr={
                path.stem: path.read_text(encoding="utf-8", errors="replace")
                for path in sorted((folder / node.name).glob("*.stderr"))
            },
        )
        for node in plan.nodes
    )


def _daemon_record(daemon: PlannedDaemon) -> DaemonRecord:
    return DaemonRecord(
        subject=daemon.subject,
        version=daemon.version,
        command=daemon.command,
        files=dict(daemon.files),
        overrides=daemon.overrides,
    )
