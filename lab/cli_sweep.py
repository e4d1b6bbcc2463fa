"""The command that tries everything that can break: `forwardlab sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli_choices import folder_for, one_of, seed_for, topology_names
from lab.cli_frame import Command, Exit, refuse

app = typer.Typer()

_WORLD = typer.Option(
    metavar="WORLD",
    callback=one_of(("simulated", "mininet"), "world"),
    help="simulated or mininet.",
)
_SEED = seed_for("IDs, ports, selection and the sample")
_FOLDER = folder_for("record", "reports/sweeps/runs/<time>")
_MOST_AT_ONCE = 2
FAULTS_SHOWN = (
    "silent, unplugged, flapping, slow, lossy, stopped, killed, servfail, refused, nxdomain, "
    "empty, mute, late, truncated; further: duplicating, reordering, thin, formerr, notimp, "
    "wrong-id, wrong-port, wrong-question, garbled"
)
VIEWERS_SHOWN = "glibc, musl, windows, systemd-resolved"
"""The default sets of `lab.sweep`, which is imported when it is needed: help comes at once."""


def _words(text: str | None, option: str) -> list[str]:
    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    if text is not None and not words:
        refuse(f"{option} names nothing; name some, with commas, or take it away")
    return words


@app.command(
    cls=Command,
    epilog="Examples:  [bold]forwardlab sweep cluster-nat[/]  ·  "
    "[bold]forwardlab sweep cluster --failures 2 --viewers glibc --faults silent,stopped[/]  ·  "
    "[bold]forwardlab sweep cluster-nat --confirm 10[/]",
)
def sweep(
    topology: Annotated[
        str,
        typer.Argument(
            help="A topology's name or file.", autocompletion=topology_names, metavar="TOPOLOGY"
        ),
    ],
    failures: Annotated[
        int,
        typer.Option(
            metavar="NUMBER", min=1, max=_MOST_AT_ONCE, help="How many parts fail at once, at most."
        ),
    ] = 1,
    faults: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Kinds of faults, with commas; all for all of them.",
            show_default=FAULTS_SHOWN,
        ),
    ] = None,
    viewers: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Stub resolvers, with commas; all for all of them.",
            show_default=VIEWERS_SHOWN,
        ),
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help='What fails: nodes (with their programs) or programs ("server1/balancer").',
            show_default="every node but viewers and strangers, and every program",
        ),
    ] = None,
    world: Annotated[str, _WORLD] = "simulated",
    confirm: Annotated[
        int,
        typer.Option(
            metavar="NUMBER", min=0, help="Run so many of them in Mininet too; they must agree."
        ),
    ] = 0,
    seed: Annotated[int, _SEED] = 1,
    workers: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", min=1, help="Processes.", show_default="1 per core"),
    ] = None,
    out: Annotated[Path | None, _FOLDER] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the record instead of the table.")
    ] = False,
) -> None:
    """Break everything that can break, one after the other or two at once, and judge what viewers
    see.

    Each combination of failures and one viewer is a scenario: the viewer visits, something breaks,
    he visits at once and again when that has been noticed, it is put right, and he tries until he
    is served. Whatever breaks: nobody asks a server that the topology forbids, no private name
    leaks, every address handed out is an available server's and leads to it, every visit ends well
    or with an error in time, and after the repair everybody is served within the bound.

    What fails is reduced to the fewest failures and written as a scenario that forwardlab run runs.
    """
    from lab.report.render import FolderUnusable
    from lab.scenario.catalogue import CatalogueError, project_root
    from lab.scenario.session import HostCannot
    from lab.sweep.judging import Setting
    from lab.sweep.selection import (
        SweepError,
        kinds_named,
        parts_named,
        refuse_what_breaks_nothing,
        topology_named,
        viewers_named,
    )
    from lab.sweep.sweep import Sweep, exit_code
    from lab.sweep.workers import WorkerDied

    if confirm and world == "mininet":
        refuse("--confirm is for a simulated sweep; take it or --world mininet away")
    try:
        root = project_root()
        name, plan = topology_named(topology, root)
        chosen = Sweep(
            setting=Setting(plan, name, seed),
            parts=parts_named(_words(parts, "--parts"), plan),
            kinds=kinds_named(_words(faults, "--faults")),
            viewers=viewers_named(_words(viewers, "--viewers")),
            at_once=failures,
            world="mininet" if world == "mininet" else "simulated",
            root=root,
            out=out,
            workers=workers,
            confirm=confirm,
        )
        refuse_what_breaks_nothing(chosen.parts, chosen.kinds)
        record = chosen.run(quiet=as_json)
    except (CatalogueError, SweepError, FolderUnusable) as error:
        refuse(str(error))
    except HostCannot as error:
        refuse(str(error), Exit.HOST_CANNOT)
    except WorkerDied as error:
        refuse(str(error), Exit.BROKEN)
    if as_json:
        typer.echo(record.model_dump_json(indent=2))
    raise typer.Exit(exit_code(record))
