"""Notice that somebody has read a file to its end, as the kernel tells it (inotify(7))."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_IN_CLOSE_NOWRITE = 0x10  # linux/inotify.h

_libc = ctypes.CDLL(None, use_errno=True)


class Reading:
    """A file that somebody is about to read; `fileno()` is readable once it was read and closed."""

    def __init__(self, path: Path) -> None:
        self._descriptor = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._descriptor < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"inotify_init1: {os.strerror(number)}")
        if _libc.inotify_add_watch(self._descriptor, bytes(path), _IN_CLOSE_NOWRITE) < 0:
            number = ctypes.get_errno()
            self.close()
            raise OSError(number, f"inotify_add_watch: {os.strerror(number)}", str(path))

    def fileno(self) -> int:
        """For a loop."""
        return int(self._descriptor)

    def close(self) -> None:
        """Watch no longer."""
        os.close(self._descriptor)
