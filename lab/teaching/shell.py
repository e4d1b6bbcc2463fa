"""`forwardlab shell`: a topology that is up, and a prompt."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

from rich.cells import cell_len, set_cell_size
from rich.console import Console

from lab.judge.checks.standing import StandingCheck
from lab.judge.invariants import invariants
from lab.observe.story import exchange_records
from lab.report.junit import frames_text
from lab.report.ladder import lay_out
from lab.report.ladder_text import drawn
from lab.report.record import NodeRecord, OutcomeWord
from lab.report.wording import ASCII_MARKS, MARKS, printable
from lab.scenario.model import Elapse, Halt, Resume, Step, Visit
from lab.scenario.trial import WorldName
from lab.teaching.completion import candidates
from lab.teaching.lab_session import LabRefused, LabSession, lab_session
from lab.teaching.orders import (
    SYNTAX,
    Act,
    NotUnderstood,
    Order,
    Quit,
    RepairAll,
    Run,
    SaveCapture,
    Show,
    read_order,
)
from lab.teaching.prompt import lines
from lab.teaching.telling import told
from lab.topology.plan import Plan
from lab.viewer.profiles import ProfileName
from resolver.machine import Instant

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_NARROWEST = 40
_MOST_FRAMES = 8
"""So many frames are named as evidence; `capture FILE` has them all."""


def run_shell(plan: Plan, world: WorldName, seed: int) -> None:
    """Bring a plan up and do what is typed, until the end. Raises LabGone."""
    with lab_session(plan, world, seed) as session, _orderly_ends():
        _Shell(session, world).run()


@contextmanager
def _orderly_ends() -> Iterator[None]:
    """Have a signal that ends a process end it the way `quit` does: the terminal gets its settings
    back. (Nothing else hangs on that: what was started goes with this process anyhow.)"""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Shell:
    """The prompt and what it has done so far."""

    def __init__(self, session: LabSession, world: WorldName) -> None:
        self._session = session
        self._plan = session.plan
        self._world = world
        self._console = Console(highlight=False)
        shows_all = self._console.encoding.lower().replace("-", "").startswith("utf")
        self._marks = MARKS if shows_all else ASCII_MARKS
        self._failed: dict[tuple[str, str | None], None] = {}
        self._since: Instant | None = None
        """When the last command began."""
        self._viewer: ProfileName = "one-shot"
        session.on_interrupt = partial(self._say, "… is cut short")

    def run(self) -> None:
        """Do what is typed until `quit` or the end of the input."""
        if sys.stdin.isatty():
            self._say(
                f"{self._plan.source}: {self._plan.title}; {len(self._plan.nodes)} nodes, "
                f"{self._world} world. Tab completes, help shows what can be typed."
            )
        completer = partial(_complete, self._plan)
        for line in lines(f"{self._plan.source}> ", completer):
            try:
                order = read_order(line, self._plan)
                if isinstance(order, Quit):
                    return
                if order is not None:
                    self._obey(order)
            except (NotUnderstood, LabRefused) as error:
                self._complain(str(error))

    def _obey(self, order: Order) -> None:
        match order:
            case Act(step=step):
                self._act(step)
            case RepairAll():
                self._repair_all()
            case Run(node=node, words=words):
                self._run(node, list(words))
            case SaveCapture(file=file):
                self._save(file)
            case Show(topic="ladder"):
                self._ladder()
            case Show(topic="judge"):
                self._judge()
            case Show(topic="nodes"):
                self._nodes()
            case Show(topic="help"):
                self._help()
            case Quit():
                pass

    # --- what the world does --------------------------------------------------------------------

    def _act(self, step: Step) -> None:
        if isinstance(step, Halt | Resume):
            self._check_sense(step)
        if isinstance(step, Visit):
            self._viewer = step.profile or self._viewer
        if isinstance(step, Elapse) and sys.stdin.isatty():
            self._say("… Ctrl-C cuts it short")
        done = self._session.perform(step)
        self._since = done.began_at
        if isinstance(step, Halt):
            self._failed[step.node, step.program] = None
        if isinstance(step, Resume):
            del self._failed[step.node, step.program]
        timeline = self._session.timeline(done.began_at)
        for line in told(step, timeline, done.ended_at - done.began_at):
            self._say(line)

    def _check_sense(self, step: Halt | Resume) -> None:
        """Refuse to take what is gone, and to give back what is there."""
        what = f"{step.program} of {step.node}" if step.program else step.node
        is_off = (step.node, step.program) in self._failed
        if isinstance(step, Halt) and is_off:
            raise NotUnderstood(f"{what} has failed already; repair it first")
        if isinstance(step, Resume) and not is_off:
            raise NotUnderstood(f"{what} has not failed; nodes shows what has")

    def _repair_all(self) -> None:
        if not self._failed:
            raise NotUnderstood("nothing has failed")
        since = None
        for node, program in list(self._failed):
            self._act(Resume.model_validate({"node": node, "program": program}))
            since = since or self._since
        self._since = since

    def _run(self, node: str, words: list[str]) -> None:
        if self._world == "simulated":
            raise NotUnderstood(
                "this world is simulated: no programs run in its nodes; start the shell with "
                "--world mininet for that"
            )
        if shutil.which(words[0]) is None:
            raise NotUnderstood(f"there is no program {words[0]!r} on this machine")
        ended = self._session.run(node, words, keyboard=sys.stdin.isatty())
        if ended is None:
            raise NotUnderstood(f"{node} cannot be entered")
        status, self._since = ended
        if status:
            self._say(f"({words[0]} ended with {status})")

    def _save(self, file: Path) -> None:
        if file.exists():
            raise NotUnderstood(f"{file} is there already; name another file")
        try:
            self._session.save_capture(file)
        except OSError as error:
            raise NotUnderstood(
                f"{file}: {error.strerror}; name a folder that exists and can be written"
            ) from error
        self._say(f"saved to {file}: every packet since the start, with what was done")

    # --- what is known --------------------------------------------------------------------------

    def _ladder(self) -> None:
        if self._since is None:
            raise NotUnderstood("nothing has been done yet; viewer lookup is a beginning")
        self._session.write_out()
        exchanges = exchange_records(self._session.timeline(self._since))
        nodes = [
            NodeRecord(name=node.name, label=node.label, role=node.role, addresses=node.addresses())
            for node in self._plan.nodes
        ]
        ladder = lay_out(exchanges, nodes)
        if not ladder.rows:
            self._say("No question and no connection since the last command.")
            return
        for line in drawn(ladder, max(_NARROWEST, self._console.width)).splitlines():
            self._say(line)

    def _judge(self) -> None:
        """What must hold whatever breaks, for the viewer that visited last."""
        self._session.write_out()
        timeline = self._session.timeline()
        for expectation in invariants(self._plan, viewer=self._viewer):
            rules = ", ".join(expectation.rules)
            told_of = f"{expectation.text} [{rules}]"
            check = expectation.check
            if isinstance(check, StandingCheck) and not (look := check.inspect(timeline)).seen:
                self._say(f"{self._marks['unsupported']} not shown  {told_of}")
                self._say(f"    {look.text}")
                continue
            finding = check.judge(timeline)
            word: OutcomeWord = finding.outcome.value
            self._say(f"{self._marks[word]} {word}  {told_of}")
            for evidence in finding.evidence:
                more = " …" if len(evidence.frames) > _MOST_FRAMES else ""
                frames = frames_text(evidence.frames[:_MOST_FRAMES])
                self._say(f"    {evidence.text} {frames}{more}".rstrip())

    def _nodes(self) -> None:
        rows = [("node", "called", "addresses", "alias", "programs")]
        for node in self._plan.nodes:
            programs = [
                f"{each.name}{' (ended)' if (node.name, each.name) in self._failed else ''}"
                for each in node.programs
            ]
            name = f"{node.name}{' (no power)' if (node.name, None) in self._failed else ''}"
            addresses = ", ".join(node.addresses())
            rows.append((name, node.label, addresses, node.alias or "", ", ".join(programs)))
        self._show_table(rows)

    def _help(self) -> None:
        self._show_table(SYNTAX.items())
        self._say(
            "A NODE is called by its name, by its label in quotation marks, or by its part: lb1 is "
            "the first load balancer, dns the DNS server, nat the translator."
        )

    def _show_table(self, rows: Iterable[tuple[str, ...]]) -> None:
        rows = list(rows)
        widths = [max(cell_len(row[place]) for row in rows) for place in range(len(rows[0]))]
        for row in rows:
            cells = zip(row, widths, strict=True)
            self._say("  ".join(set_cell_size(cell, width) for cell, width in cells).rstrip())

    def _say(self, text: str) -> None:
        self._console.print(printable(text), markup=False, soft_wrap=True)

    def _complain(self, text: str) -> None:
        sys.stdout.flush()
        sys.stderr.write(f"{printable(text)}\n")
        sys.stderr.flush()


def _complete(plan: Plan, words: list[str], begun: str) -> list[str]:
    return candidates(words, begun, plan)
