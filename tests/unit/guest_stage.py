"""What plays a user-mode kernel where none is built: the real pid 1, on this host.

Its arguments are a kernel's. It mounts nothing and forks where a guest would make namespaces, so
orders, outcomes, words and deaths are those of a guest, and time is real.
"""

import os
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
BAD = "bad"
"""A trial whose guest dies."""
NUDGED = "nudged"
"""A file beside the guest's folder, once its next timer was to fire at once."""


def stand_in(folder: Path, pulse_s: float = 0.05, *, simulates: bool = False) -> Path:
    """An executable that plays the kernel; `simulates`: trials in a simulated world."""
    script = folder / "kernel"
    script.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]\n"
        "from guest_stage import play\n"
        f"play({pulse_s}, {simulates})\n"
    )
    script.chmod(0o755)
    return script


def play(pulse_s: float, simulates: bool) -> None:
    from lab.worlds import forked, namespaces, timetravel_inside

    if simulates:
        simulate()
    namespaces.mount_of_host = lambda _folder: None
    timetravel_inside._mount_all = lambda: None
    timetravel_inside._PULSE_S = pulse_s
    timetravel_inside.Isolated = forked.Forked
    forked.leave_terminal = lambda: None  # all of a guest is one session of the host
    folder = Path(sys.argv[-1].strip('"'))
    signal.signal(signal.SIGALRM, lambda *_: (folder.parent / NUDGED).touch())
    timetravel_inside.main(folder)


def simulate() -> None:
    from lab.scenario import trial

    made = trial.make_world

    def make_world(_name, plan, out, seed):
        if out.name == BAD:
            end_the_kernel()
        return made("simulated", plan, out, seed)

    trial.make_world = make_world


# --- orders ---------------------------------------------------------------------------------------


def guest() -> int:
    """Which process plays the guest."""
    return os.getppid()


def fail() -> None:
    raise LookupError("nobody is at home")


def spin() -> None:
    while True:
        pass


def spin_and_hold() -> None:
    """No word gets out, as where a clock stands still."""
    os.kill(os.getppid(), signal.SIGSTOP)
    spin()


def spin_until_nudged(folder: Path) -> None:
    """Wait without sleeping for what happens only when a timer fires."""
    while not (folder / NUDGED).exists():
        pass


def hold() -> None:
    """Nothing is said and nothing computed."""
    os.kill(os.getppid(), signal.SIGSTOP)
    sleep_on()


def sleep_on() -> None:
    time.sleep(3600)


def end_the_kernel() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
