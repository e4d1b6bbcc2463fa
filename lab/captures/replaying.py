"""Asking a capture's questions again in the lab: the scenario it makes, its run, and its record."""

from __future__ import annotations

import csv
import os
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from time import monotonic
from typing import Literal

from lab.captures.frames import Losses
from lab.captures.packets import read_packets
from lab.captures.questions import CapturedQuestion, CapturedQuestions, questions_of
from lab.doctor import forwardlab_version, host_facts
from lab.judge.checks import ReplayedAlike
from lab.judge.checks.base import counted, is_at_or_below
from lab.judge.checks.replaying import likeness
from lab.observe.replayed import Got, Replayed, replayed_of
from lab.observe.timeline import Timeline
from lab.report.folder import RunFolder
from lab.report.record import GotRecord, ReplayedRecord, RunRecord, ScenarioRecord
from lab.report.render import write_reports
from lab.report.terminal import RunDisplay
from lab.scenario.model import Expectation, Replay, Scenario
from lab.scenario.replay import CapturedAnswer, ReplayedQuestion
from lab.scenario.runner import run_trials
from lab.scenario.session import choose_world, preload
from lab.scenario.trial import Trial
from lab.topology.draw import draw_topology
from lab.topology.model import Topology
from lab.topology.plan import Plan
from lab.worlds.world import Clock
from resolver.machine import SECOND

_JOURNEYS_TOLD = 200
"""Of so many questions the report draws the ladder; replay.csv and the record have them all."""

_COLUMNS = (
    *("frame", "client", "node", "question", "repeats", "likeness"),
    *("rcode_then", "addresses_then", "wait_then_ms"),
    *("rcode_now", "addresses_now", "wait_now_ms", "lab_frames"),
)


class ReplayImpossible(Exception):
    """What the capture holds cannot be asked in this topology; the message says why."""


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What a user wants asked again."""

    capture: Path
    topology_file: Path
    topology: Topology
    plan: Plan
    speed: float = 1.0
    """By how much the spacing is divided."""
    world: Literal["mininet", "simulated", "auto"] = "auto"
    seed: int = 1
    out: Path | None = None
    server: str | None = None
    """Address of the DNS server, in the capture, whose clients' questions are meant."""
    under: tuple[str, ...] = ()
    """Only questions about these names and names below them; empty: all."""


@dataclass(frozen=True, slots=True)
class PreparedReplay:
    """A replay, ready to run."""

    request: ReplayRequest
    captured: CapturedQuestions
    losses: Losses
    viewers: dict[str, str]
    """Client address → the viewer that asks for it."""
    scenario: Scenario


def prepare_replay(request: ReplayRequest) -> PreparedReplay:
    """Take the questions out of the capture and give them to the topology's viewers.

    Raises CaptureError and NobodyAsked for the capture, ReplayImpossible for the topology.
    """
    losses = Losses()
    captured = questions_of(read_packets(request.capture, losses), losses, server=request.server)
    chosen = _under(captured.questions, request.under)
    if not chosen:
        raise ReplayImpossible(
            f"{request.capture}: no question is about {' or '.join(request.under)}; name another "
            "domain with --under, or none"
        )
    viewers = _viewers(request.plan, [each.client.address for each in chosen])
    step = Replay(questions=tuple(_replayed(chosen, viewers, request.speed)))
    scenario = Scenario(
        title=f"The questions of {request.capture.name}, asked again",
        story=_story(request, captured, chosen, viewers),
        topology=request.plan.source,
        steps=(step,),
        expectations=(
            Expectation(
                text="Every question gets what it got when it was captured",
                rules=("RPL-01",),
                check=ReplayedAlike(),
            ),
        ),
    )
    return PreparedReplay(request, captured, losses, viewers, scenario)


def run_replay(prepared: PreparedReplay, root: Path, *, quiet: bool = False) -> RunRecord:
    """Run a replay and write its reports. `root` is the project's folder, under which
    `reports/` lies. Raises HostCannot and FolderUnusable."""
    request, plan = prepared.request, prepared.request.plan
    world, reason = choose_world(request.world, nat=any(node.nat for node in plan.nodes))
    display = RunDisplay(total=1, quiet=quiet)
    if reason:
        display.say(reason)
    preload(world)
    began, started = monotonic(), datetime.now(UTC)
    folder = RunFolder.create(root / "reports", request.out, started)
    identifier = f"replay/{_usable(request.capture.name)}"
    trial = Trial(
        id=identifier,
        scenario=prepared.scenario,
        plan=plan,
        world=world,
        seed=request.seed,
        folder=folder.scenario_folder(identifier),
        capture=folder.capture_path(identifier),
        run_folder=folder.path,
        reproduce=_command(request, world),
    )
    with display:
        records, _, _ = run_trials([trial], workers=1, progress=display)
    scenario = _with_answers(records[0], folder.path, plan)
    record = RunRecord(
        forwardlab=forwardlab_version(),
        world=world,
        world_requested=request.world,
        world_reason=reason,
        seed=request.seed,
        workers=1,
        started=started.isoformat(timespec="seconds"),
        wall_s=monotonic() - began,
        host=host_facts(),
        scenarios=(scenario,),
        totals={scenario.outcome: 1},
    )
    page = write_reports(folder.path, record, {plan.source: draw_topology(request.topology)})
    (folder.path / "replay.csv").write_text(replay_csv(scenario.replayed), encoding="utf-8")
    folder.finish()
    display.conclude(record, page)
    return record


def replay_csv(replayed: Iterable[ReplayedRecord]) -> str:
    """Every question in a line: what it got then and now. Waits in ms."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for each in replayed:
        writer.writerow(
            [
                each.frame,
                each.client,
                each.node,
                each.question,
                int(each.repeats),
                each.likeness,
                *_cells(each.before),
                *_cells(each.now),
                " ".join(map(str, each.frames)),
            ]
        )
    return out.getvalue()


# --- from the capture to the scenario ---------------------------------------------------------


def _under(questions: Sequence[CapturedQuestion], names: tuple[str, ...]) -> list[CapturedQuestion]:
    """Those about names at or below these; a repetition goes where its first sending goes."""
    kept = [
        place
        for place, each in enumerate(questions)
        if not names or any(is_at_or_below(each.name, name) for name in names)
    ]
    moved = {place: now for now, place in enumerate(kept)}
    chosen = []
    for place in kept:
        question = questions[place]
        first = None if question.repeats is None else moved[question.repeats]
        chosen.append(replace(question, repeats=first))
    return chosen


def _viewers(plan: Plan, clients: Iterable[str]) -> dict[str, str]:
    """A viewer for each client: the one that has its address, or the next in turn."""
    viewers = [node for node in plan.with_role("viewer") if node.asks]
    if not viewers:
        raise ReplayImpossible(
            f"topology {plan.source!r} has no viewer that asks a DNS server; add a node with "
            'plays = "viewer" and asks = the DNS server'
        )
    given: dict[str, str] = {}
    turn = 0
    for client in dict.fromkeys(clients):
        own = next((node.name for node in viewers if client in node.addresses()), None)
        given[client] = own or viewers[turn % len(viewers)].name
        turn += own is None
    return given


def _replayed(
    questions: Sequence[CapturedQuestion], viewers: dict[str, str], speed: float
) -> Iterable[ReplayedQuestion]:
    began_at = questions[0].at
    for each in questions:
        yield ReplayedQuestion(
            frame=each.frame,
            at_s=(each.at - began_at) / SECOND / speed,
            node=viewers[each.client.address],
            client=each.client.address,
            text=each.text,
            octets=each.payload[2:].hex(),
            connection=each.connection,
            repeats=each.repeats,
            answer=None
            if each.rcode is None or each.wait_ms is None
            else CapturedAnswer(rcode=each.rcode, addresses=each.addresses, wait_ms=each.wait_ms),
        )


def _story(
    request: ReplayRequest,
    captured: CapturedQuestions,
    chosen: Sequence[CapturedQuestion],
    viewers: dict[str, str],
) -> str:
    lasted_s = (chosen[-1].at - chosen[0].at) / SECOND
    repeats = sum(each.repeats is not None for each in chosen)
    mapping = ", ".join(f"{client} as {viewer}" for client, viewer in list(viewers.items())[:20])
    more = f" and {len(viewers) - 20} more in the same way" if len(viewers) > 20 else ""
    again = f" {repeats} of them had been sent before and not answered yet." if repeats else ""
    spacing = (
        "with the spacing it had" if request.speed == 1 else f"{request.speed:g} times as fast"
    )
    return (
        f"{counted(len(chosen), 'question')} of {counted(len(viewers), 'client')} to "
        f"{captured.server}, captured in {lasted_s:.3f} s, asked again in the lab, {spacing}: the "
        f"same octets, only the message ID is fresh.{again} Clients ask here: {mapping}{more}."
    )


# --- from the run to the record ---------------------------------------------------------------


def _with_answers(record: ScenarioRecord, folder: Path, plan: Plan) -> ScenarioRecord:
    """The record with every question's answers, and with no more ladders than a page can hold."""
    if record.capture is None:
        return record
    clock = Clock(record.clock)
    timeline = Timeline.read(folder / record.capture, plan, clock)
    replayed = tuple(_record(timeline, each) for each in replayed_of(timeline))
    return record.model_copy(
        update={"replayed": replayed, "exchanges": record.exchanges[:_JOURNEYS_TOLD]}
    )


def _record(timeline: Timeline, each: Replayed) -> ReplayedRecord:
    return ReplayedRecord(
        frame=each.frame,
        client=each.client,
        node=each.node,
        question=each.question,
        repeats=each.repeats,
        before=_got(each.before),
        now=_got(each.now),
        likeness=likeness(timeline, each),
        frames=() if each.exchange is None else each.exchange.frames,
    )


def _got(got: Got | None) -> GotRecord | None:
    if got is None:
        return None
    return GotRecord(rcode=got.rcode, addresses=got.addresses, wait_ms=got.wait_ms)


def _cells(got: GotRecord | None) -> tuple[str, str, str]:
    return ("", "", "") if got is None else (got.rcode, " ".join(got.addresses), f"{got.wait_ms}")


def _usable(name: str) -> str:
    """A file's name, up to its first dot, as part of an id."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name.partition(".")[0]).lstrip("-") or "capture"


def _command(request: ReplayRequest, world: str) -> str:
    words = [
        "forwardlab",
        "replay",
        os.fspath(request.capture),
        "--topology",
        os.fspath(request.topology_file),
        *(["--speed", f"{request.speed:g}"] if request.speed != 1 else []),
        *(["--server", request.server] if request.server else []),
        *(word for name in request.under for word in ("--under", name)),
        "--world",
        world,
        "--seed",
        str(request.seed),
    ]
    return shlex.join(words)
