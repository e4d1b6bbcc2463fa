"""Trials in time travel: which guests they run in, and what those import before the first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.scenario.trial import Trial

if TYPE_CHECKING:
    from lab.worlds.timetravel import GuestCall, Guests

_PRELOAD = (
    "lab.scenario.runner",
    "lab.worlds.mininet_timetravel",
    "lab.worlds.obstacles",
    "dns.zone",
    "scapy.layers.dns",
    "scapy.layers.inet",
)


class TrialGuests:
    """Guests for the trials of one call of the runner, by the folder that they may write."""

    def __init__(self) -> None:
        self._guests: dict[Path, Guests] = {}

    def call(self, trial: Trial, function: Callable[[], Any], limit_s: float) -> GuestCall:
        """Run the function of a trial in a guest; see `Guests.call`."""
        if trial.run_folder not in self._guests:
            from lab.worlds.timetravel import Guests

            self._guests[trial.run_folder] = Guests(trial.run_folder, preload=_PRELOAD)
        return self._guests[trial.run_folder].call(function, limit_s)

    def close(self) -> None:
        """End all guests. Idempotent."""
        for guests in self._guests.values():
            guests.close()
        self._guests.clear()
