"""The commands about captures made elsewhere: asked again in the lab, judged like a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli_choices import RUN_FOLDER, SEED, WORLD, WorldChoice, world_choice
from lab.cli_frame import Command, Exit, refuse, write_out

if TYPE_CHECKING:
    from lab.topology.model import Topology
    from lab.topology.plan import Plan

app = typer.Typer()

_CAPTURE = typer.Argument(metavar="CAPTURE", help="A pcap or pcapng file, gzip or not.")
_TOPOLOGY = typer.Option(
    "--topology",
    metavar="FILE",
    help="The topology of the network that was captured: a file or a name in topologies/.",
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
    from lab.captures.judging import JudgingBroke, judge_capture
    from lab.captures.telling import junit_of, lines_of
    from lab.observe.pcapng import CaptureError

    _, _, plan = _plan_of(topology)
    try:
        record = judge_capture(capture, plan, strict=strict)
    except CaptureError as error:
        refuse(str(error))
    except JudgingBroke as error:
        refuse(str(error), Exit.BROKEN)
    if junit is not None:
        write_out(junit, junit_of(record, strict=strict))
    if as_json:
        typer.echo(record.model_dump_json(indent=2))
    else:
        for line in lines_of(record):
            typer.echo(line)
    codes = {"passed": Exit.PASSED, "failed": Exit.FAILED, "nothing judged": Exit.HOST_CANNOT}
    raise typer.Exit(codes[record.outcome])


@app.command(
    cls=Command,
    epilog="Examples:  [bold]forwardlab replay dns-server.pcap --topology "
    "topologies/own/ours.toml[/]  ·  [bold]forwardlab replay monday.pcapng.gz --topology "
    "topologies/own/ours.toml --under intern.netz --speed 10 --world simulated[/]",
)
def replay(
    capture: Annotated[Path, _CAPTURE],
    topology: Annotated[
        Path,
        typer.Option(
            "--topology", metavar="FILE", help="The topology to ask in: a file or a name."
        ),
    ],
    speed: Annotated[
        float,
        typer.Option(metavar="X", help="Divides the spacing: 10 asks ten times as fast."),
    ] = 1.0,
    world: Annotated[str, WORLD] = WorldChoice.AUTO.value,
    seed: Annotated[int, SEED] = 1,
    out: Annotated[Path | None, RUN_FOLDER] = None,
    server: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="The DNS server, in the capture, whose clients are meant.",
            show_default="the one that most clients ask",
        ),
    ] = None,
    under: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DOMAIN",
            help="Only questions about this name and names below it; may be repeated.",
            show_default="all",
        ),
    ] = None,
) -> None:
    """Ask the clients' questions of a capture again in the lab, and compare the answers."""
    from lab.captures.questions import NobodyAsked
    from lab.captures.replay_telling import told_after, told_before
    from lab.captures.replaying import (
        ReplayImpossible,
        ReplayRequest,
        prepare_replay,
        run_replay,
    )
    from lab.observe.pcapng import CaptureError
    from lab.report.render import FolderUnusable
    from lab.scenario.catalogue import CatalogueError, project_root
    from lab.scenario.session import HostCannot, exit_code

    if not 0 < speed < float("inf"):
        refuse(f"--speed {speed:g}: the spacing cannot be divided by it; name a number above 0")
    file, model, plan = _plan_of(topology)
    request = ReplayRequest(
        capture=capture,
        topology_file=file,
        topology=model,
        plan=plan,
        speed=speed,
        world=world_choice(world),
        seed=seed,
        out=out,
        server=None if server is None else _address(server),
        under=tuple(under or ()),
    )
    try:
        prepared = prepare_replay(request)
        for line in told_before(prepared):
            typer.echo(line)
        record = run_replay(prepared, project_root())
    except (CaptureError, ReplayImpossible, FolderUnusable, CatalogueError) as error:
        refuse(str(error))
    except NobodyAsked as error:
        refuse(f"{capture}: {error}; capture where clients' questions pass, or name --server")
    except HostCannot as error:
        refuse(str(error), Exit.HOST_CANNOT)
    for line in told_after(record.scenarios[0]):
        typer.echo(line)
    raise typer.Exit(exit_code(record))


def _address(text: str) -> str:
    from ipaddress import ip_address

    try:
        return str(ip_address(text))
    except ValueError:
        refuse(f"--server {text}: not an address; write it like 192.168.1.53")


def _plan_of(word: Path) -> tuple[Path, Topology, Plan]:
    from lab.scenario.catalogue import CatalogueError, find_topology
    from lab.topology.load import TopologyError, load_topology
    from lab.topology.planner import make_plan

    try:
        file = find_topology(str(word))
        topology = load_topology(file)
    except (CatalogueError, TopologyError) as error:
        refuse(str(error))
    return file, topology, make_plan(topology, file.stem)
