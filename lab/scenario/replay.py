"""The step that asks a capture's questions again."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lab.scenario.messages import Hexadecimal
from lab.scenario.value import Value
from lab.values import Address, Seconds


class CapturedAnswer(Value):
    """What a question got in the capture that it was taken from."""

    rcode: str
    """"NOERROR"."""
    addresses: tuple[str, ...] = ()
    """A and AAAA records of the answer section, in order."""
    wait_ms: float


class ReplayedQuestion(Value):
    """A question of a capture, as it is to be asked again."""

    frame: int
    """Its frame number in the capture it was taken from."""
    at_s: Seconds
    """When it leaves, from the beginning of the step."""
    node: str
    client: Address
    """Who asked it in the capture."""
    text: str
    """The question for people: "A internet.intern.netz"."""
    octets: Hexadecimal
    """The message behind its ID, octet for octet as it was captured."""
    connection: int | None = None
    """Over TCP: questions of a node with the same number share a connection; None: over UDP."""
    repeats: int | None = None
    """The place, among the step's questions, of the one that this repeats: the same message with
    the same ID from the same socket."""
    answer: CapturedAnswer | None = None
    """None: the capture shows no answer."""


class Replay(Value):
    """Nodes ask what clients asked in a capture, with the spacing that it had."""

    kind: Literal["replay"] = "replay"
    questions: Annotated[tuple[ReplayedQuestion, ...], Field(min_length=1)]
    """In order of asking."""
    server: Address | None = None
    """An address; None: the server each node is set up to ask."""
    patience_s: Seconds = 5.0
    """How long each question waits for its reply."""

    @model_validator(mode="after")
    def _repeats_fit(self) -> Self:
        for place, question in enumerate(self.questions):
            first = question.repeats
            if first is not None and not (
                first < place
                and self.questions[first].repeats is None
                and self.questions[first].node == question.node
                and self.questions[first].octets == question.octets
                and self.questions[first].connection is question.connection is None
            ):
                raise ValueError(
                    f"questions[{place}] cannot repeat questions[{first}]; name an earlier one "
                    "over UDP, of the same node and octets, that is no repetition itself"
                )
        return self
