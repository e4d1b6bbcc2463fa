"""From a step that asks to the actor that does it."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Final

from lab.scenario import packets
from lab.scenario.actors import PiecemealQuestion, StubQuestion
from lab.scenario.crowd import Crowd, Pipeline, Questions
from lab.scenario.model import Ask, AskMany
from resolver.machine import SECOND, Endpoint, Transport

OUT_OF_FILES: Final = os.strerror(errno.EMFILE).lower()
"""How a shell refuses a flow when the process may open no more files."""


def stub_question(
    step: Ask, server: Endpoint, name: str, *, identifier: int, signed_at_s: int
) -> StubQuestion:
    """The stub resolver of an `Ask`."""
    payload = packets.question(name, step.qtype, identifier, step.message, signed_at_s=signed_at_s)
    patience_ns = round(step.patience_s * SECOND)
    if step.pieces > 1:
        return PiecemealQuestion(server, payload, step.pieces, patience_ns)
    return StubQuestion(server, payload, Transport(step.transport), patience_ns)


def many_questions(
    step: AskMany, server: Endpoint, *, identifiers: Sequence[int], signed_at_s: int
) -> Questions:
    """The stub resolvers of an `AskMany`, with a message ID for each question."""
    payloads = [
        packets.question(
            step.name_of(number), step.qtype, identifier, step.message, signed_at_s=signed_at_s
        )
        for number, identifier in enumerate(identifiers, start=1)
    ]
    kind = Crowd if step.transport == "udp" else Pipeline
    patience_ns = round(step.patience_s * SECOND)
    return kind(server, payloads, at_once=step.at_once, patience_ns=patience_ns)
