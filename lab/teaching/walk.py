"""`forwardlab walk`: from a user's words to pages that are turned."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from rich.console import Console

from lab.scenario.catalogue import project_root
from lab.scenario.session import Session
from lab.scenario.trial import Trial
from lab.teaching.folder import fleeting_folder
from lab.teaching.live import LiveWalk
from lab.teaching.recorded import NotWalkable, recorded_walk
from lab.teaching.turning import Lines, Reader

_MOST_NAMED = 12


def walk_recorded(wanted: str, run: str, *, auto_s: float | None) -> None:
    """Walk a scenario of a run that is over. Raises RecordUnreadable, CatalogueError and
    NotWalkable."""
    source = recorded_walk(run, wanted, project_root())
    Reader(source, _console(), Lines(sys.stdin.fileno()), auto_s=auto_s).read()


def walk_live(
    wanted: str,
    *,
    world: Literal["mininet", "simulated", "auto"],
    seed: int,
    hold: bool,
    auto_s: float | None,
) -> str | None:
    """Run a scenario now and walk it; return its outcome, None when the reader left before the
    end. Raises CatalogueError, SessionError, HostCannot and NotWalkable."""
    session = Session.prepare(wanted=[wanted], world=world, seed=seed)
    if len(session.scenarios) > 1:
        some = ", ".join([*session.scenarios][:_MOST_NAMED])
        raise NotWalkable(f"{wanted!r} means {len(session.scenarios)} scenarios, name one: {some}")
    console = _console()
    if session.world_reason:
        console.print(session.world_reason, style="dim")
    with _trial_of(session) as trial:
        source = LiveWalk(trial, hold=hold)
        try:
            Reader(source, console, Lines(sys.stdin.fileno()), auto_s=auto_s).read()
        finally:
            source.end()
    return None if source.record is None else source.record.outcome


@contextmanager
def _trial_of(session: Session) -> Iterator[Trial]:
    """The session's one scenario as a trial, in a folder that goes with it."""
    ((identifier, scenario),) = session.scenarios.items()
    with fleeting_folder() as folder:
        yield Trial(
            id=identifier,
            scenario=scenario,
            plan=session.plans[scenario.topology],
            world=session.world,
            seed=session.seed,
            folder=folder / "nodes",
            capture=Path(folder / "capture.pcapng"),
            run_folder=folder,
            reproduce=f"forwardlab run {identifier} --world {session.world} --seed {session.seed}",
        )


def _console() -> Console:
    return Console(highlight=False)
