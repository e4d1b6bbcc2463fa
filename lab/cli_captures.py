"""The commands about captures made elsewhere: asked again in the lab, judged like a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli_frame import Command, Exit, refuse

if TYPE_CHECKING:
    from lab.topology.model import Topology
    from lab.topology.plan import Plan

app = typer.Typer()

_CAPTURE = typer.Argument(metavar="CAPTURE", help="A pcap or pcapng file, gzip or not.")
_TOPOLOGY = typer.Option(
    "--topology", metavar="FILE", help="The topology file of the network that was captured."
)


@app.command(
    cls=Command,
    epilog="Example:  [bold]forwardlab judge dns-server.pcap --topology "
    "topologies/own/ours.toml[/]  ·  docs/captures.md says how to capture",
)
def judge(
    capture: Annotated[Path, _CAPTURE],
    topology: Annotated[Path, _TOPOLOGY],
    strict: Annotated[bool, typer.Option("--strict", help="A failed SHOULD fails.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML too.")
    ] = None,
) -> None:
    """Judge a capture made elsewhere, and say which rules it could not show."""
    from lab.captures.judging import judge_capture
    from lab.captures.telling import junit_of, lines_of
    from lab.observe.pcapng import CaptureError

    _, plan = _plan_of(topology)
    try:
        record = judge_capture(capture, plan, strict=strict)
    except CaptureError as error:
        refuse(str(error))
    if junit is not None:
        try:
            junit.write_text(junit_of(record, strict=strict), encoding="utf-8")
        except OSError as error:
            refuse(f"{junit}: {error.strerror}; name a folder that exists and can be written")
    if as_json:
        typer.echo(record.model_dump_json(indent=2))
    else:
        for line in lines_of(record):
            typer.echo(line)
    codes = {"passed": Exit.PASSED, "failed": Exit.FAILED, "nothing judged": Exit.HOST_CANNOT}
    raise typer.Exit(codes[record.outcome])


def _plan_of(path: Path) -> tuple[Topology, Plan]:
    from lab.topology.load import TopologyError, load_topology
    from lab.topology.planner import make_plan

    try:
        topology = load_topology(path)
    except TopologyError as error:
        refuse(str(error))
    return topology, make_plan(topology, path.stem)
