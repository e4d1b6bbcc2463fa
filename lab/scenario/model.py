"""A scenario: a question put to a set-up, as a frozen value.

Steps and expectations are closed vocabularies. A scenario survives a JSON round trip, so a sweep
can print one and a person can send one. Nothing here acts: `lab.scenario.steps` performs steps,
`lab.judge` judges expectations.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lab.judge.checks import Check
from lab.scenario.acts import (
    Ask,
    AskMany,
    Await,
    Connect,
    Datagram,
    Forge,
    ForgeryFault,
    Ping,
    Visit,
)
from lab.scenario.bare import Complain, Emit, Silence
from lab.scenario.changes import Change, RemoveForward, RemoveZone, SetForward, SetZone
from lab.scenario.checking import CheckTopology
from lab.scenario.disturbances import Flap, Halt, Impair, Mend, Plug, Resume, Unplug
from lab.scenario.impairments import Impairment
from lab.scenario.messages import Edns, Message
from lab.scenario.mistakes import (
    DropNatEntry,
    FallBackToRecursion,
    Fault,
    GoOnAfter,
    MistypeTimeout,
    OffsetAliasBase,
    OmitForward,
    OmitZone,
    OpenFirewall,
    RewriteAnswers,
    SetNatOtherwise,
    TurnForwardersRound,
)
from lab.scenario.replay import Replay
from lab.scenario.scripts import Reply, Script
from lab.scenario.value import Value
from lab.values import Seconds, SomeSeconds
from lab.viewer.profiles import ProfileName

__all__ = [
    "Ask",
    "AskMany",
    "Await",
    "Change",
    "CheckTopology",
    "Complain",
    "Connect",
    "Datagram",
    "DropNatEntry",
    "Edns",
    "Elapse",
    "Emit",
    "Expectation",
    "FallBackToRecursion",
    "Fault",
    "Flap",
    "Forge",
    "ForgeryFault",
    "GoOnAfter",
    "Halt",
    "Impair",
    "Impairment",
    "Mend",
    "Message",
    "Misconfigure",
    "MistypeTimeout",
    "OffsetAliasBase",
    "OmitForward",
    "OmitZone",
    "OpenFirewall",
    "Ping",
    "Play",
    "Plug",
    "Reconfigure",
    "RemoveForward",
    "RemoveZone",
    "Repeat",
    "Replay",
    "Reply",
    "Resume",
    "RewriteAnswers",
    "Scenario",
    "Script",
    "SetForward",
    "SetNatOtherwise",
    "SetZone",
    "Silence",
    "Step",
    "TurnForwardersRound",
    "Unplug",
    "Until",
    "Visit",
]

# --- steps ------------------------------------------------------------------------------------


class Play(Value):
    """A scripted server takes the seat of a node's program."""

    kind: Literal["play"] = "play"
    node: str
    program: Literal["balancer", "resolver", "dns-translator", "authority"] = "balancer"
    script: Script


class Reconfigure(Value):
    """The operator changes a running DNS server's configuration (SIGHUP): what it has learnt and
    what it is doing go on."""

    kind: Literal["reconfigure"] = "reconfigure"
    node: str
    program: Literal["resolver", "authority"] = "resolver"
    changes: tuple[Change, ...] = Field(min_length=1)


class Elapse(Value):
    """Let time pass."""

    kind: Literal["elapse"] = "elapse"
    seconds: Seconds


class Repeat(Value):
    """The same steps several times, a fixed time from start to start."""

    kind: Literal["repeat"] = "repeat"
    times: int = Field(ge=1)
    every_s: Seconds = 0.0
    steps: tuple[Step, ...] = Field(min_length=1)


class Until(Value):
    """Repeat steps until the node's latest answer holds, or lacks, a server's address, or until its
    latest visit connected."""

    kind: Literal["until"] = "until"
    node: str = "viewer"
    answer: Literal["has", "lacks", "is-empty", "connects"]
    """"connects" is about the node's visits, the others about its questions."""
    server: str | None = None
    every_s: SomeSeconds = 0.25
    deadline_s: Seconds
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _server_fits(self) -> Self:
        if (self.answer in {"is-empty", "connects"}) is not (self.server is None):
            raise ValueError(
                f"answer={self.answer!r} with server={self.server!r} cannot be; name a server with "
                "answer='has' and answer='lacks', and only with these"
            )
        return self


class Misconfigure(Value):
    """Break the plan before the world starts; the judge keeps the plan as it was meant. These
    steps come first."""

    kind: Literal["misconfigure"] = "misconfigure"
    fault: Fault


Step = Annotated[
    Ask
    | AskMany
    | Await
    | Connect
    | Visit
    | Ping
    | Datagram
    | Emit
    | Complain
    | Silence
    | Forge
    | Halt
    | Resume
    | Unplug
    | Plug
    | Impair
    | Mend
    | Flap
    | Play
    | Reconfigure
    | Replay
    | CheckTopology
    | Elapse
    | Repeat
    | Until
    | Misconfigure,
    Field(discriminator="kind"),
]


# --- the scenario -----------------------------------------------------------------------------


class Expectation(Value):
    """What must hold, in words, with the rules it stands for and the check that decides."""

    text: str
    rules: tuple[str, ...] = Field(min_length=1)
    """Ids from the rule catalogue."""
    check: Check
    viewers: tuple[ProfileName, ...] = ()
    """Of the scenario's viewers, those for whom it holds; none: for all."""


class Scenario(Value):
    """A question: what is set up, what is done, what must hold."""

    title: str
    story: str
    """What happens and why it matters, for a reader who does not know the set-up."""
    topology: str
    """Stem of a file in topologies/: "cluster-nat"."""
    steps: tuple[Step, ...]
    expectations: tuple[Expectation, ...] = Field(min_length=1)
    violates: tuple[str, ...] = ()
    """For a set-up broken on purpose: the scenario passes when exactly the expectations that cite
    one of these rules fail, and every rule named here is cited by a failure."""
    needs: tuple[str, ...] = ()
    """Capability names (`lab.worlds.world.Capability` values) the world must have."""
    viewers: tuple[ProfileName, ...] = ()
    """The stub resolvers it runs for, once for each: `ID@glibc`. None: it runs once."""
    slow_for: tuple[ProfileName, ...] = ()
    """Viewers who wait so long that it needs "long waits" for them."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_order(self.steps)
        _check_viewers(self)
        cited = {rule for expectation in self.expectations for rule in expectation.rules}
        if missing := set(self.violates) - cited:
            raise ValueError(
                f"violates names rules that no expectation cites: {sorted(missing)}; add an "
                "expectation that must fail, or take them away"
            )
        return self

    def for_viewer(self, viewer: ProfileName) -> Scenario:
        """The same question for one of its viewers: the visits that name no profile are his, and of
        the expectations those stay that hold for him."""
        return self.model_copy(
            update={
                "viewers": (viewer,),
                "slow_for": (),
                "needs": (*self.needs, *(("long waits",) if viewer in self.slow_for else ())),
                "steps": _visited_by(viewer, self.steps),
                "expectations": tuple(
                    each for each in self.expectations if viewer in (each.viewers or (viewer,))
                ),
            }
        )

    @property
    def viewer(self) -> ProfileName | None:
        """The one viewer it runs for; None when it runs for none in particular."""
        return self.viewers[0] if len(self.viewers) == 1 else None

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The deliberate faults of its `Misconfigure` steps."""
        return tuple(step.fault for step in self.steps if isinstance(step, Misconfigure))


def _check_viewers(scenario: Scenario) -> None:
    """Raise ValueError where somebody is named who does not visit."""
    named = {*scenario.slow_for, *(each for e in scenario.expectations for each in e.viewers)}
    if strangers := sorted(named - set(scenario.viewers)):
        raise ValueError(
            f"{', '.join(strangers)}: not among its viewers; add them to viewers=, or take them "
            "away there"
        )
    if len(set(scenario.viewers)) < len(scenario.viewers):
        raise ValueError(f"viewers={scenario.viewers} names one twice; name each once")


def _visited_by(viewer: ProfileName, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps, with this viewer in the visits that name none."""
    return tuple(_visited_by_one(viewer, step) for step in steps)


def _visited_by_one(viewer: ProfileName, step: Step) -> Step:
    if isinstance(step, Visit) and step.profile is None:
        return step.model_copy(update={"profile": viewer})
    if isinstance(step, Repeat | Until):
        return step.model_copy(update={"steps": _visited_by(viewer, step.steps)})
    return step


def _check_order(steps: Iterable[Step], *, acting: bool = False) -> None:
    """Raise ValueError where a step has no sense after those before it. `acting`: the world runs.

    The steps of a `Repeat` or `Until` happen again and again, so they await their own questions.
    """
    open_labels: set[str] = set()
    for step in steps:
        if not isinstance(step, Misconfigure):
            acting = True
        elif acting:
            raise ValueError(
                "Misconfigure steps come first: they break the plan, not the run; move it up"
            )
        if isinstance(step, Ask) and step.label is not None:
            if step.label in open_labels:
                raise ValueError(
                    f"Ask(label={step.label!r}) comes twice; add Await(label={step.label!r}) "
                    "between them, or choose another label"
                )
            open_labels.add(step.label)
        if isinstance(step, Await):
            if step.label not in open_labels:
                raise ValueError(
                    f"Await({step.label!r}) has no Ask(wait=False) before it; add "
                    f"Ask(wait=False, label={step.label!r}) in the same list of steps"
                )
            open_labels.remove(step.label)
        if isinstance(step, Repeat | Until):
            _check_order(step.steps, acting=True)
    for label in sorted(open_labels):
        raise ValueError(
            f"Ask(label={label!r}) is never awaited; add Await(label={label!r}) in the same list "
            "of steps"
        )


Repeat.model_rebuild()
Until.model_rebuild()
