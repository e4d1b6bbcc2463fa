"""`ip`, `tc` and `nft`, run so that a failure is one clear error and never a line on a terminal."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

from lab.worlds.world import WorldBroken, WorldUnavailable

Batch: TypeAlias = tuple[str, Callable[[], AbstractContextManager[None]], Iterable[str]]
"""Where it is run (for the error), the way into the namespace it is run in, and its commands."""


def run_batches(tool: str, batches: Iterable[Batch]) -> None:
    """Run each batch with `tool -batch`, all at once. The first command that fails ends its batch.

    Raises WorldBroken with the place, the command and the kernel's words.
    """
    running = []
    for place, enter, commands in batches:
        script = list(commands)
        with enter():
            running.append((place, script, _start(tool, script)))
    complaints = []
    for place, script, process in running:
        _, words = process.communicate()
        if process.returncode != 0:
            complaints.append(f"{place}: {_blame(tool, script, words)}")
    if complaints:
        raise WorldBroken("; ".join(complaints))


def run_batch(tool: str, place: str, commands: Iterable[str]) -> None:
    """Run one batch here; see `run_batches`."""
    run_batches(tool, [(place, nullcontext, commands)])


def _start(tool: str, script: list[str]) -> subprocess.Popen[str]:
    # A file and not a pipe: the tool may stop reading at any line.
    file = os.memfd_create("batch")
    try:
        os.write(file, "".join(f"{command}\n" for command in script).encode())
        os.lseek(file, 0, os.SEEK_SET)
        return subprocess.Popen(
            [tool, "-batch", "-"],
            stdin=file,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(file)


def _blame(tool: str, script: list[str], words: str) -> str:
    """Name the command a batch stopped at, from "Command failed -:3"."""
    reason, _, line = words.strip().rpartition("Command failed -:")
    if line.isdigit() and 0 < int(line) <= len(script):
        return f"`{tool} {script[int(line) - 1]}`: {reason.strip()}"
    return f"{tool}: {words.strip()}"


def load_rules(place: str, rules: str) -> None:
    """Give the packet filter of this namespace its rules. Raises WorldUnavailable where the host
    has no nftables."""
    try:
        loaded = subprocess.run(
            ["nft", "-f", "-"], input=rules, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise WorldUnavailable(
            "nft is missing, and the topology has a firewall: "
            "apt-get install --no-install-recommends nftables, or use --world simulated"
        ) from None
    if loaded.returncode != 0:
        raise WorldUnavailable(
            f"{place}: the kernel takes no firewall rules ({loaded.stderr.strip()}): "
            "modprobe nf_tables as root, or use --world simulated"
        )


def has_discipline(discipline: str, parameters: str) -> bool:
    """Whether the kernel has a queueing discipline; tried on this namespace's loopback."""
    line = f"qdisc add dev lo root {discipline} {parameters}"
    if subprocess.run(["tc", *line.split()], capture_output=True, check=False).returncode != 0:
        return False
    subprocess.run(["tc", "qdisc", "del", "dev", "lo", "root"], capture_output=True, check=True)
    return True
