"""The commands for teachers: a scenario walked packet by packet, and a set-up with a prompt."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli_choices import SEED, WORLD, WorldChoice, scenario_ids, topology_names, world_choice
from lab.cli_frame import Command, Exit, refuse

app = typer.Typer()

_ENDS_WITH = {
    "failed": Exit.FAILED,
    "broken": Exit.BROKEN,
    "unsupported": Exit.HOST_CANNOT,
}


@app.command(
    cls=Command,
    epilog="Examples:  [bold]forwardlab walk cluster/eight_steps/translator_address[/]  ·  "
    "[bold]forwardlab walk cluster/five_steps --auto 5[/]  ·  "
    "[bold]forwardlab walk cluster/five_steps --run latest[/]",
)
def walk(
    scenario: Annotated[str, typer.Argument(help="A scenario's id.", autocompletion=scenario_ids)],
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help='Walk it as it was in this run: "latest", a run\'s name, or its folder.',
            show_default="it runs now",
        ),
    ] = None,
    auto: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="Turn the page after so many seconds.",
            show_default="on Enter",
        ),
    ] = None,
    world: Annotated[str, WORLD] = WorldChoice.AUTO.value,
    seed: Annotated[int, SEED] = 1,
    hold: Annotated[
        bool,
        typer.Option(
            "--hold",
            help="The world waits for Enter before each step of the scenario. In Mininet time goes "
            "on meanwhile: what was learnt grows old, and verdicts may differ from those of a run.",
        ),
    ] = False,
) -> None:
    """Walk through a scenario packet by packet, with words, ladder and verdicts.

    Keys: Enter turns the page, b turns back, a number goes to that page, q quits; each with Enter.
    """
    from lab.report.render import RecordUnreadable
    from lab.scenario.catalogue import CatalogueError
    from lab.scenario.session import HostCannot, SessionError
    from lab.teaching.recorded import NotWalkable
    from lab.teaching.walk import walk_live, walk_recorded

    if run is not None and hold:
        refuse("--hold is for a scenario that runs now; leave it out, or leave out --run")
    outcome = None
    try:
        if run is not None:
            walk_recorded(scenario, run, auto_s=auto)
        else:
            choice = world_choice(world)
            outcome = walk_live(scenario, world=choice, seed=seed, hold=hold, auto_s=auto)
    except (CatalogueError, SessionError, RecordUnreadable, NotWalkable) as error:
        refuse(str(error))
    except HostCannot as error:
        refuse(str(error), Exit.HOST_CANNOT)
    raise typer.Exit(_ENDS_WITH.get(outcome or "", Exit.PASSED))


@app.command(
    cls=Command,
    epilog="Examples:  [bold]forwardlab shell cluster-nat[/]  ·  "
    "[bold]printf 'viewer lookup\\nviewer connect\\n' | forwardlab shell cluster[/]",
)
def shell(
    topology: Annotated[
        str,
        typer.Argument(
            help="A topology's name, or its file.",
            autocompletion=topology_names,
        ),
    ],
    world: Annotated[str, WORLD] = WorldChoice.AUTO.value,
    seed: Annotated[int, SEED] = 1,
) -> None:
    """Bring a topology up and give a prompt: look up, connect, break, repair, watch.

    `help` at the prompt shows what can be typed. Lines may come from a pipe. Nothing is left
    behind, however it ends.
    """
    from lab.scenario.catalogue import CatalogueError
    from lab.scenario.session import HostCannot, SessionError
    from lab.teaching.lab_session import LabGone
    from lab.teaching.opening import open_shell

    try:
        open_shell(topology, world_choice(world), seed)
    except (CatalogueError, SessionError) as error:
        refuse(str(error))
    except HostCannot as error:
        refuse(str(error), Exit.HOST_CANNOT)
    except LabGone as error:
        refuse(str(error), Exit.HOST_CANNOT if error.host_cannot else Exit.BROKEN)
