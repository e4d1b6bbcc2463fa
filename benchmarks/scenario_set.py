"""How long the whole set of scenarios takes, against what its own timers allow.

    python benchmarks/scenario_set.py [-n 3]

Mininet, warm (one run is not counted), default workers: wall time against the ideal, which is

    max(longest virtual duration, sum of virtual durations / workers) + one world's start

where virtual durations are what the scenarios' timers come to in the simulated world, and a world's
start is the median time from a trial's begin to its first step. Then the same set in the simulated
world as a whole process: start-up, all scenarios, reports.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lab.report.record import RunRecord
from lab.report.render import read_record


def run(world: str, folder: Path) -> tuple[RunRecord, float]:
    """Run all scenarios as a user does; the record, and the wall time of the whole process, s."""
    command = [sys.executable, "-m", "lab.cli", "run", "--world", world, "--out", str(folder)]
    began = time.monotonic()
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    wall_s = time.monotonic() - began
    if ended.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {ended.returncode}; see {folder}")
    return read_record(folder), wall_s


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("-n", type=int, default=3, help="counted runs of each world")
    runs = parser.parse_args().n
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        run("mininet", root / "warm-up")
        virtual, _ = run("simulated", root / "virtual")
        durations = [scenario.duration_s for scenario in virtual.scenarios]
        simulated = [run("simulated", root / f"s{turn}")[1] for turn in range(runs)]
        measured = [run("mininet", root / f"m{turn}")[0] for turn in range(runs)]
    workers = measured[0].workers
    # What a trial takes beyond its steps: world, programs, judgement.
    start_s = statistics.median(
        scenario.wall_s - scenario.duration_s
        for record in measured
        for scenario in record.scenarios
    )
    ideal_s = max(*durations, sum(durations) / workers) + start_s
    wall_s = [record.wall_s for record in measured]
    print(f"{os.cpu_count()} cores, {workers} workers, {len(durations)} scenarios, n = {runs}")
    print(f"virtual durations: sum {sum(durations):.1f} s, longest {max(durations):.1f} s")
    print(f"one world's start (beyond its steps): {start_s:.2f} s")
    print(f"ideal in Mininet: {ideal_s:.1f} s")
    print(
        f"wall in Mininet: median {statistics.median(wall_s):.1f} s "
        f"({min(wall_s):.1f} to {max(wall_s):.1f}), "
        f"{statistics.median(wall_s) / ideal_s:.2f} x the ideal (aim 1.5)"
    )
    print(
        f"simulated, whole process with reports: median {statistics.median(simulated):.2f} s "
        f"({min(simulated):.2f} to {max(simulated):.2f}; aim 4)"
    )


if __name__ == "__main__":
    main()
