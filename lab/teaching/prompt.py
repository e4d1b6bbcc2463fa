"""Lines of a person or of a pipe. On a terminal: readline, with completion and a history that
outlives the shell."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.worlds.child import interruptible

_LONGEST_HISTORY = 1000
_HISTORY = "shell_history"
_NOTICED_WITHIN_S = 0.25

Completer = Callable[[Sequence[str], str], Sequence[str]]
"""From the words before and the beginning of this one, all words it may become."""


def state_folder() -> Path:
    """Where forwardlab keeps what it remembers for a user (XDG Base Directory Specification)."""
    given = os.environ.get("XDG_STATE_HOME", "")
    # "If the path is relative, the application should consider it invalid and ignore it."
    base = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return base / "forwardlab"


def lines(prompt: str, completer: Completer) -> Iterator[str]:
    """Every line until the end of the input; an interrupt while one is typed gives an empty one.
    Called with interrupts held: they come while a line is waited for."""
    if not sys.stdin.isatty():
        while line := interruptible(sys.stdin.readline):
            yield line.rstrip("\n")
        return
    remember = _prepare(completer)
    while True:
        try:
            with _signals_noticed():
                line = interruptible(lambda: input(prompt))
        except KeyboardInterrupt:
            sys.stdout.write("\n")
            line = ""
        except EOFError:
            sys.stdout.write("\n")
            return
        if line.strip():
            remember()
        yield line


@contextmanager
def _signals_noticed() -> Iterator[None]:
    """Python sees to a signal when it interrupts readline's wait; one that comes just before that
    wait would go unnoticed until a key is pressed. So the wait is interrupted now and then."""
    before = signal.signal(signal.SIGALRM, lambda _number, _frame: None)
    signal.setitimer(signal.ITIMER_REAL, _NOTICED_WITHIN_S, _NOTICED_WITHIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _prepare(completer: Completer) -> Callable[[], None]:
    """Set readline up; what is returned is called after each line to be remembered."""
    import readline

    file = state_folder() / _HISTORY
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        readline.read_history_file(file)
    readline.set_history_length(_LONGEST_HISTORY)
    found: list[str] = []

    def complete(text: str, state: int) -> str | None:
        if state == 0:
            before = readline.get_line_buffer()[: readline.get_begidx()]
            found[:] = [f"{word} " for word in completer(_words(before), text)]
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t")
    readline.parse_and_bind("tab: complete")

    def remember() -> None:
        # At once, not in the end: a shell may be killed.
        with suppress(OSError):
            readline.append_history_file(1, file)

    return remember


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
