"""What the sockets of a shell need from the shell they belong to."""

from __future__ import annotations

from typing import Protocol

from resolver.machine import AnswersDatagrams, Event, PortTaken, StreamClosed, Unreachable
from resolver.shells.loop import Loop


class Owner(Protocol):
    """A shell, seen from its sockets."""

    loop: Loop
    answers: AnswersDatagrams | None
    """The machine's answers that are ready; None where it has no such thing."""

    def tell(self, event: Event) -> None:
        """Hand an event to the machine now. Only from a callback of the loop."""
        ...

    def owe(self, event: Unreachable | PortTaken | StreamClosed) -> None:
        """Hand a failure to the machine on the loop's next turn, unless it closes the flow first:
        a machine is not told anything while its effects are carried out."""
        ...

    def note(self, fact: object) -> None:
        """Write a fact to the journal."""
        ...
