"""What a world could leave behind, looked up in the kernel: processes, namespaces, interfaces,
mounts. Processes are told by a mark in their environment, which every fork and exec inherits."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

GONE_WITHIN_S = 2.0
"""What the project promises."""


def _processes() -> Iterator[Path]:
    return (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def processes_marked(mark: str) -> list[tuple[Path, str]]:
    """Living processes with the mark in their environment, wherever they moved to since."""
    found = []
    for entry in _processes():
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                found.append((entry, (entry / "cmdline").read_text(errors="replace")))
        except OSError:
            continue
    return found


def network_spaces() -> set[str]:
    """Every network namespace that a process lives in or holds open, or that is mounted."""
    spaces = set()
    for entry in _processes():
        try:
            links = [entry / "ns/net", *(entry / "fd").iterdir()]
            mounts = (entry / "mountinfo").read_text()
        except OSError:
            continue
        spaces.update(_link(link) for link in links)
        spaces.update(word for word in mounts.split() if word.startswith("net:["))
    return {space for space in spaces if space.startswith("net:[")}


def interfaces() -> frozenset[str]:
    """Of the network namespace the tests run in."""
    return frozenset(path.name for path in Path("/sys/class/net").iterdir())


def mounts() -> frozenset[str]:
    """Of the mount namespace the tests run in."""
    return frozenset(Path("/proc/self/mountinfo").read_text().splitlines())


def mounts_with(text: str) -> list[str]:
    """Mounts of any process that mention the text."""
    found = []
    for entry in _processes():
        try:
            if text in (entry / "mountinfo").read_text():
                found.append(entry.name)
        except OSError:
            continue
    return found


@dataclass
class Watch:
    """A command to be started with `environment`, and what was there before it."""

    mark: str = field(default_factory=lambda: f"forwardlab-{uuid.uuid4()}")
    interfaces: frozenset[str] = field(default_factory=interfaces)
    mounts: frozenset[str] = field(default_factory=mounts)
    seen_spaces: set[str] = field(default_factory=set)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "FORWARDLAB_TEST_MARK": self.mark}

    def look(self) -> set[str]:
        """The network namespaces of the marked processes now, but for ours; remembered."""
        own = str(Path("/proc/self/ns/net").readlink())
        now = {_link(entry / "ns/net") for entry, _ in processes_marked(self.mark)} - {own, ""}
        self.seen_spaces |= now
        return now

    def left(self, *places: str) -> dict[str, object]:
        """What is left of it; `places`: paths that its mounts would mention."""
        found = {
            "processes": [(entry.name, name) for entry, name in processes_marked(self.mark)],
            "network namespaces": self.seen_spaces & network_spaces(),
            "interfaces": interfaces() - self.interfaces,
            "mounts": mounts() - self.mounts
            | {f"{place} in {pid}" for place in places for pid in mounts_with(place)},
        }
        return {what: which for what, which in found.items() if which}

    def wait_until_nothing_is_left(self, *places: str) -> None:
        deadline = time.monotonic() + GONE_WITHIN_S
        while left := self.left(*places):
            assert time.monotonic() < deadline, left
            time.sleep(0.02)
