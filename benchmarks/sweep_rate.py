"""How many combinations of failures and viewers a sweep judges: per minute on one core, and in how
many seconds with all of them.

    python benchmarks/sweep_rate.py [TOPOLOGY] [--rounds 3]

One combination is one topology, one set of failures and one viewer's profile, run in virtual time
and judged. The rate is of processor time in one process, of the default single-failure sweep; of
several rounds the fastest counts, for whatever else the machine does only makes it slower. The
default sweep's seconds are real ones, with one worker per core, its record and page included, as
`forwardlab sweep TOPOLOGY` takes them.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
from pathlib import Path
from time import perf_counter, process_time

from lab.sweep.judging import Setting, judged
from lab.sweep.parts import parts_of
from lab.sweep.selection import kinds_named, topology_named, viewers_named
from lab.sweep.sweep import Sweep
from lab.sweep.workers import BATCH

ROOT = Path(__file__).parent.parent


def default_sweep(topology: str, out: Path) -> Sweep:
    """What `forwardlab sweep TOPOLOGY` tries."""
    name, plan = topology_named(topology, ROOT)
    return Sweep(
        setting=Setting(plan, name, 1),
        parts=parts_of(plan),
        kinds=kinds_named(()),
        viewers=viewers_named(()),
        at_once=1,
        world="simulated",
        root=ROOT,
        out=out,
    )


def per_minute_on_one_core(sweep: Sweep) -> tuple[float, int]:
    """Combinations per minute of processor time, and frames per combination. As a worker does:
    garbage is looked for between batches."""
    combinations = sweep.combinations()
    frames = 0
    began = process_time()
    for place, combination in enumerate(combinations, start=1):
        record = judged(combination, sweep.setting)
        if record.outcome != "passed":
            raise SystemExit(f"{record.id}: {record.outcome} {record.reason}; nothing is measured")
        frames += record.frames
        if place % BATCH == 0:
            gc.collect()
    return 60 * len(combinations) / (process_time() - began), frames // len(combinations)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("topology", nargs="?", default="cluster-nat", metavar="TOPOLOGY")
    parser.add_argument("--rounds", type=int, default=3, metavar="NUMBER")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        sweep = default_sweep(wanted.topology, Path(scratch) / "sweep")
        began = perf_counter()
        record = sweep.run(quiet=True)
        took_s = perf_counter() - began
    gc.freeze()
    gc.disable()
    rounds = [per_minute_on_one_core(sweep) for _ in range(wanted.rounds)]
    rate, frames = max(rounds)
    cores = os.cpu_count()
    busy = os.getloadavg()[0]
    print(f"{wanted.topology}: {len(record.combinations)} combinations, {frames} frames each")
    print(f"one core: {rate:,.0f} combinations per minute of processor time")
    print(f"default sweep: {took_s:.1f} s with {record.workers} workers on {cores} cores", end="")
    print(f" (load {busy:.1f} while it was measured)")


if __name__ == "__main__":
    main()
