"""Performing a scenario's steps on a world, whichever world it is.

Nothing here judges: steps act, wait for conditions with a deadline, and write into the capture what
they did. Nothing here sleeps: only the world lets time pass.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from lab.observe.dns_message import DNS_PORT
from lab.observe.sighting import Sighting
from lab.report.record import StepRecord
from lab.scenario.actors import ServiceCall, StubQuestion
from lab.scenario.asking import OUT_OF_FILES, many_questions, stub_question
from lab.scenario.description import describe, longest_s
from lab.scenario.disturbing import Disturbances
from lab.scenario.emitting import Emissions
from lab.scenario.forging import forgery
from lab.scenario.model import (
    Ask,
    AskMany,
    Await,
    CheckTopology,
    Complain,
    Connect,
    Datagram,
    Elapse,
    Emit,
    Flap,
    Forge,
    Halt,
    Impair,
    Mend,
    Misconfigure,
    Ping,
    Play,
    Plug,
    Reconfigure,
    Repeat,
    Replay,
    Resume,
    Silence,
    Step,
    Unplug,
    Until,
    Visit,
)
from lab.scenario.peers import peer_for
from lab.scenario.reconfiguring import Reconfigurations, Reseat
from lab.scenario.replaying import perform_replay
from lab.topology.plan import Plan
from lab.viewer.visiting import Visits
from lab.worlds.world import World, WorldBroken
from resolver.machine import MILLISECOND, SECOND, Duration, Endpoint, Instant

_GRAIN = 100 * MILLISECOND
"""What a step waits beyond its actor's own patience: it is the actor that gives up."""


@dataclass(frozen=True, slots=True)
class _OpenQuestion:
    node: str
    question: StubQuestion
    asked_at: Instant
    deadline: Instant


class Stage:
    """A world with a plan, and what its actors have learned so far."""

    def __init__(self, world: World, plan: Plan, seed: int, reseat: Reseat | None = None) -> None:
        """`reseat`: for a plan whose seats are not all ours."""
        self.records: list[StepRecord] = []
        self._world = world
        self._plan = plan
        self._random = Random(f"{seed}/actors")  # noqa: S311 - a lab's run must repeat
        self._latest_answer: dict[str, tuple[str, ...]] = {}
        self._is_connected: dict[str, bool] = {}
        """Whether a node's latest visit ended well."""
        self._open: dict[str, _OpenQuestion] = {}
        self._reconfigurations = Reconfigurations(world, plan, reseat)
        self._visits = Visits(world, plan, seed)
        self._emissions = Emissions(world, plan, self._random)
        self._disturbances = Disturbances(world, plan, self._reconfigurations.program)
        self._began_at = world.now()

    def perform(
        self, steps: tuple[Step, ...], before_each: Callable[[Step], None] | None = None
    ) -> None:
        """Perform the steps of a scenario one after the other, recording when each happened.
        `before_each` may let time pass before a step begins: somebody watches."""
        for step in steps:
            if before_each is not None:
                before_each(step)
            started_at = self._world.now()
            text = describe(step)
            self._world.mark("step", text, step=step.kind)
            self._perform(step)
            took = self._world.now() - started_at
            self.records.append(
                StepRecord(
                    text=text,
                    started_ms=(started_at - self._began_at) / MILLISECOND,
                    took_ms=took / MILLISECOND,
                )
            )
        for question in self._open.values():
            self._collect(question)
        self._open.clear()
        self._disturbances.end()

    def _perform(self, step: Step) -> None:  # noqa: C901, PLR0912 - one line per kind of step
        match step:
            case Ask():
                self._ask(step)
            case AskMany():
                self._ask_many(step)
            case Await():
                self._collect(self._open.pop(step.label))
            case Connect():
                self._connect(step)
            case Visit():
                seen = self._visits.perform(step)
                self._is_connected[step.node] = seen.outcome == "connected"
            case Ping() | Datagram() | Emit() | Complain() | Silence():
                self._emissions.perform(step)
            case Forge():
                self._forge(step)
            case Halt() | Resume() | Unplug() | Plug() | Impair() | Mend():
                self._disturbances.perform(step)
            case Flap():
                self._disturbances.flap(step)
            case Play():
                self._play(step)
            case Reconfigure():
                self._reconfigurations.perform(step)
            case Replay():
                self._replay(step)
            case CheckTopology():
                self._check_topology(step)
            case Elapse():
                self._elapse_until(self._world.now() + _ns(step.seconds))
            case Repeat():
                self._repeat(step)
            case Until():
                self._until(step)
            case Misconfigure():
                pass  # the plan was broken before the world started

    # --- what a viewer does ------------------------------------------------------------------

    def _ask(self, step: Ask) -> None:
        name = step.name or self._plan.cluster_name
        if name is None:
            raise WorldBroken(f"{self._plan.source} has no cluster, so no name to ask for")
        question = stub_question(
            step,
            self._server_asked(step),
            name,
            identifier=self._random.getrandbits(16),
            signed_at_s=self._world.now() // SECOND,
        )
        asked_at = self._world.now()
        self._world.attach(step.node, question)
        deadline = asked_at + _ns(step.patience_s) + _GRAIN
        opened = _OpenQuestion(step.node, question, asked_at, deadline)
        if step.wait:
            self._collect(opened)
        else:
            self._open[str(step.label)] = opened

    def _ask_many(self, step: AskMany) -> None:
        questions = many_questions(
            step,
            self._server_asked(step),
            identifiers=self._random.sample(range(65_536), step.count),
            signed_at_s=self._world.now() // SECOND,
        )
        self._world.attach(step.node, questions)
        deadline = self._world.now() + _ns(longest_s((step,))) + _GRAIN
        self._world.run_until(lambda: questions.finished, deadline)
        self._world.detach(questions)
        if OUT_OF_FILES in questions.refusals:
            raise WorldBroken(
                f"{step.at_once} questions at once need more open files than this host lets a "
                "process have; raise the hard limit (ulimit -Hn), or write a smaller at_once="
            )

    def _replay(self, step: Replay) -> None:
        if OUT_OF_FILES in perform_replay(self._world, self._plan, step, self._random):
            raise WorldBroken(
                "so many questions at once need more open files than this host lets a process "
                "have; raise the hard limit (ulimit -Hn), or replay with a smaller --speed"
            )

    def _server_asked(self, step: Ask | AskMany) -> Endpoint:
        asks = self._plan.node(step.node).asks
        server = step.server or (asks[0] if asks else None)
        if server is None:
            raise WorldBroken(f"{step.node} has no DNS server to ask")
        return Endpoint(server, DNS_PORT)

    def _collect(self, opened: _OpenQuestion) -> None:
        self._world.run_until(lambda: opened.question.finished, opened.deadline)
        self._world.detach(opened.question)
        self._latest_answer[opened.node] = opened.question.addresses

    def _connect(self, step: Connect) -> None:
        answer = self._latest_answer.get(step.node, ())
        address = step.to or (answer[0] if answer else None)
        if address is None:
            self._world.mark("not-connected", f"{step.node} has no address to connect to")
            return
        remote = Endpoint(address, step.port or self._plan.service_port)
        patience = _ns(step.patience_s)
        call = ServiceCall(remote, patience)
        self._world.attach(step.node, call)
        deadline = self._world.now() + patience + _GRAIN
        self._world.run_until(lambda: call.finished, deadline)
        self._world.detach(call)

    # --- what an attacker does ---------------------------------------------------------------

    def _forge(self, step: Forge) -> None:
        forger = self._plan.node(step.forger)
        sent: list[Sighting] = []
        # What was captured before may come to be seen only now: of a health check long answered.
        since = min((each.asked_at for each in self._open.values()), default=self._world.now())

        def watch(sighting: Sighting) -> None:
            if sent or sighting.at < since:
                return
            packet = forgery(sighting, step, self._plan)
            if packet is None:
                return
            sent.append(sighting)
            self._world.mark(
                "forged",
                f"{step.forger} forges a reply to {step.victim}: wrong {step.fault}",
                forger=step.forger,
                victim=step.victim,
                fault=step.fault,
                address=step.address,
            )
            self._world.transmit(step.forger, forger.interfaces[0].name, packet)

        with self._watched_by(watch):
            self._world.run_until(lambda: bool(sent), self._world.now() + _ns(step.patience_s))

    # --- what happens to the set-up ----------------------------------------------------------

    def _play(self, step: Play) -> None:
        script = json.dumps(step.script.model_dump(exclude_defaults=True))
        self._world.mark(
            "scripted",
            f"a scripted server sits in the {step.program} seat of {step.node}: {script}",
            node=step.node,
            program=step.program,
        )
        self._world.start_peer(step.node, step.program, peer_for(step.script), script)

    def _check_topology(self, step: CheckTopology) -> None:
        from lab.topology.load import problems_in  # its graphs are much for every fork to copy

        problems = [str(problem) for problem in problems_in(step.text)]
        said = f"{len(problems)} refusals" if problems else "good"
        self._world.mark(
            "topology-checked", f"{step.label}: {said}", label=step.label, problems=problems
        )

    # --- time and repetition -----------------------------------------------------------------

    def _repeat(self, step: Repeat) -> None:
        began_at = self._world.now()
        for turn in range(step.times):
            self._elapse_until(began_at + turn * _ns(step.every_s))
            for inner in step.steps:
                self._perform(inner)

    def _until(self, step: Until) -> None:
        began_at = self._world.now()
        deadline = began_at + _ns(step.deadline_s)
        turn = 0
        while True:
            for inner in step.steps:
                self._perform(inner)
            if self._answer_holds(step):
                return
            turn += 1
            next_at = max(began_at + turn * _ns(step.every_s), self._world.now())
            if next_at > deadline:
                return
            self._elapse_until(next_at)

    def _answer_holds(self, step: Until) -> bool:
        if step.answer == "connects":
            return self._is_connected.get(step.node, False)
        answer = self._latest_answer.get(step.node, ())
        if step.answer == "is-empty" or step.server is None:
            return not answer
        server = self._plan.node(step.server)
        known = {*server.addresses(), server.alias}
        return (step.answer == "has") is any(address in known for address in answer)

    def _elapse_until(self, instant: Instant) -> None:
        self._world.run_until(lambda: False, instant)

    @contextmanager
    def _watched_by(self, watcher: Callable[[Sighting], None]) -> Iterator[None]:
        """Have every packet shown to the watcher. Only meanwhile: for a watcher, a world must
        decode each packet as it passes."""
        self._world.on_sighting(watcher)
        try:
            yield
        finally:
            self._world.on_sighting(None)


def _ns(seconds: float) -> Duration:
    return round(seconds * SECOND)
