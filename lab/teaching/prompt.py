"""Lines of a person or of a pipe. On a terminal: readline, with completion and a history that
outlives the shell."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_LONGEST_HISTORY = 1000
_HISTORY = "shell_history"

Completer = Callable[[Sequence[str], str], Sequence[str]]
"""From the words before and the beginning of this one, all words it may become."""


def state_folder() -> Path:
    """Where forwardlab keeps what it remembers for a user (XDG Base Directory Specification)."""
    given = os.environ.get("XDG_STATE_HOME", "")
    # "If the path is relative, the application should consider it invalid and ignore it."
    base = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return base / "forwardlab"


def lines(prompt: str, completer: Completer) -> Iterator[str]:
    """Every line until the end of the input; an interrupt while one is typed gives an empty one."""
    if not sys.stdin.isatty():
        for line in sys.stdin:
            yield line.rstrip("\n")
        return
    remember = _prepare(completer)
    while True:
        try:
            line = input(prompt)
        except KeyboardInterrupt:
            sys.stdout.write("\n")
            line = ""
        except EOFError:
            sys.stdout.write("\n")
            return
        if line.strip():
            remember()
        yield line


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
