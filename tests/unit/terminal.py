"""A command on a terminal of its own: what is typed, and what it shows."""

from __future__ import annotations

import os
import pty
import select
import signal
import time
from contextlib import contextmanager
from pathlib import Path


class Terminal:
    """A process in a session of its own, with a pseudo terminal for a keyboard and a screen."""

    def __init__(self, words: tuple[str, ...], *, cwd: Path, environment: dict[str, str]) -> None:
        self.seen = ""
        """What it has shown and nobody has looked at."""
        self.pid, self._screen = pty.fork()
        if self.pid == 0:
            # Whoever runs the tests in the background ignores interrupts; a person does not.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.chdir(cwd)
            os.execve(words[0], words, environment)  # noqa: S606 - words, and no shell

    def type(self, keys: str) -> None:
        os.write(self._screen, keys.encode())

    def read_until(self, text: str, limit_s: float = 30.0) -> str:
        """What was shown up to and with the text."""
        deadline = time.monotonic() + limit_s
        while text not in self.seen:
            assert self._look(deadline), f"no {text!r} in {self.seen!r}"
        place = self.seen.index(text) + len(text)
        shown, self.seen = self.seen[:place], self.seen[place:]
        return shown

    def kill(self, number: int) -> None:
        os.kill(self.pid, number)

    def status(self, limit_s: float = 30.0) -> int:
        """How it ended; negative: by a signal. What it shows until then is kept in `seen`."""
        deadline = time.monotonic() + limit_s
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < deadline, f"it does not end: {self.seen!r}"
            self._look(min(deadline, time.monotonic() + 0.02))

    def close(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
        os.close(self._screen)

    def _look(self, deadline: float) -> bool:
        left = max(0.0, deadline - time.monotonic())
        if not select.select([self._screen], [], [], left)[0]:
            return False
        try:
            piece = os.read(self._screen, 4096)
        except OSError:  # Linux says so when the last process has closed its side
            time.sleep(0.005)
            return False
        self.seen += piece.decode(errors="replace")
        return bool(piece)


@contextmanager
def on_terminal(*words: str, cwd: Path, environment: dict[str, str]):
    """The command on a terminal; killed in the end, if it has not ended."""
    terminal = Terminal(words, cwd=cwd, environment=environment)
    try:
        yield terminal
    finally:
        terminal.close()
