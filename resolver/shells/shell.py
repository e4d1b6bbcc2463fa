"""What all shells share: a machine driven by a loop, and its effects carried out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeAlias

from resolver.machine import Effect, Event, Instant, Machine, Note
from resolver.shells.loop import Loop

Journal: TypeAlias = Callable[[object, Instant], None]
"""Takes a machine's facts and the instant at which they were noted."""


class CannotStart(Exception):
    """The host refuses what the program needs, or its configuration contradicts itself; the
    message is one line with the remedy."""


class MachineFailed(Exception):
    """A machine raised, or asked for the impossible: a bug in it. The cause is attached."""


class Shell(ABC):
    """A machine with a loop around it. Subclasses bring events in and carry effects out."""

    def __init__(self, loop: Loop, machine: Machine, journal: Journal) -> None:
        self.loop = loop
        self._machine = machine
        self._journal = journal
        self._due: Instant | None = None
        self._due_is_known = False
        """Until the machine is told something: nothing else changes its timers."""
        loop.add_timed(self)

    def deadline(self) -> Instant | None:
        """The machine's earliest timer."""
        if not self._due_is_known:
            self._due = self._machine.deadline()
            self._due_is_known = True
        return self._due

    def expire(self, now: Instant) -> None:
        """Fire the machine's timers, if any is due."""
        due = Shell.deadline(self)
        if due is None or due > now:
            return
        self._due_is_known = False
        try:
            effects = self._machine.expire(now)
        except Exception as error:
            raise MachineFailed(f"{type(self._machine).__name__} failed at a timer") from error
        self._carry_out(effects, now)

    def ready(self) -> bool:
        """Whether the machine can do its work, and the host lets it."""
        return self._machine.ready()

    def stop_listening(self) -> None:  # noqa: B027 - a device has no conversations
        """Take no new conversations. Subclasses that take any say how."""

    def idle(self) -> bool:
        """Whether nothing that the machine has sent is still to be delivered."""
        return True

    def close(self) -> None:
        """Take the machine off the loop. Subclasses close what they opened. Idempotent."""
        self.loop.remove_timed(self)

    def tell(self, event: Event) -> None:
        """Hand an event to the machine. Only the loop's callbacks lead here, never `_do`: a machine
        is not told anything while it is being carried out."""
        now = self.loop.now()
        self._due_is_known = False
        try:
            effects = self._machine.handle(event, now)
        except Exception as error:
            raise MachineFailed(f"{type(self._machine).__name__} failed at {event}") from error
        self._carry_out(effects, now)

    def note(self, fact: object) -> None:
        """Write a fact of the shell's own to the journal."""
        self._journal(fact, self.loop.now())

    def _carry_out(self, effects: Sequence[Effect], now: Instant) -> None:
        for effect in effects:
            if type(effect) is Note:
                self._journal(effect.fact, now)
            else:
                self._do(effect, now)

    @abstractmethod
    def _do(self, effect: Effect, now: Instant) -> None:
        """Carry out one effect other than `Note`."""
