"""What goes wrong in a set-up, and what is put right: nodes, programs, interfaces, links."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lab.scenario.impairments import Impairment
from lab.scenario.value import Value
from lab.topology.plan import ProgramName
from lab.values import SomeSeconds


class Halt(Value):
    """A node loses power (nothing enters or leaves), or one of its programs ends."""

    kind: Literal["halt"] = "halt"
    node: str
    program: ProgramName | None = None
    how: Literal["stop", "kill"] = "stop"
    """"stop": the program is told to end. "kill": it is gone at once, whatever it was doing
    (kill -9); the kernel closes what it had open."""

    @model_validator(mode="after")
    def _kills_a_program(self) -> Self:
        if self.how == "kill" and self.program is None:
            raise ValueError("how='kill' ends a program; say which: program=")
        return self


class Resume(Value):
    """What `Halt` took comes back."""

    kind: Literal["resume"] = "resume"
    node: str
    program: ProgramName | None = None


class Unplug(Value):
    """An interface of a node goes down, as `ip link set … down` makes it: the node keeps its
    addresses and loses its routes over that interface."""

    kind: Literal["unplug"] = "unplug"
    node: str
    network: str | None = None
    """The network the interface is on; None where the node has one interface only."""


class Plug(Value):
    """An interface that went down comes up again, its routes with it."""

    kind: Literal["plug"] = "plug"
    node: str
    network: str | None = None


class Impair(Value):
    """The link between a node and a network gets bad. A later one takes the place of this one."""

    kind: Literal["impair"] = "impair"
    node: str
    network: str | None = None
    """The network the interface is on; None where the node has one interface only."""
    direction: Literal["out", "in", "both"] = "both"
    """As the node sees it. Each direction counts and draws by itself."""
    impairment: Impairment

    @model_validator(mode="after")
    def _size_is_both_ways(self) -> Self:
        if self.impairment.mtu is not None and self.direction != "both":
            raise ValueError("an MTU is an interface's, both ways; take direction= away")
        return self


class Mend(Value):
    """The link is as the topology has it again, in both directions."""

    kind: Literal["mend"] = "mend"
    node: str
    network: str | None = None


Disturbance = Annotated[Halt | Resume | Unplug | Plug | Impair | Mend, Field(discriminator="kind")]
"""What changes at one moment, so that it can be done on a schedule."""


class Flap(Value):
    """Something breaks and comes back, again and again, while the steps after this one go on.

    It breaks at once. It ends after its number of times, or with the last step, and leaves things
    as they are then.
    """

    kind: Literal["flap"] = "flap"
    breaking: tuple[Disturbance, ...] = Field(min_length=1)
    mending: tuple[Disturbance, ...] = Field(min_length=1)
    broken_s: SomeSeconds
    """From the breaking to the mending."""
    whole_s: SomeSeconds
    """From the mending to the next breaking."""
    times: Annotated[int, Field(ge=1)] | None = None
    """How often it breaks; None: until the last step has ended."""
