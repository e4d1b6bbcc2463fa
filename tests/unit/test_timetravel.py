"""Functions in guests in time travel: fed, watched, ended. A stand-in plays the kernel."""

import os
import select
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import guest_stage
import pytest
from guest_stage import ROOT, stand_in

from lab.worlds.child import IsolationFailed
from lab.worlds.timetravel import Guests
from lab.worlds.timetravel_guest import Patience

LONG_S = 100.0
WITHIN_S = 60.0


@pytest.fixture
def guests(tmp_path):
    made = []

    def make(pulse_s=0.05, **rest):
        (tmp_path / "run").mkdir(exist_ok=True)
        script = stand_in(tmp_path, pulse_s)
        made.append(Guests(tmp_path / "run", command=(str(script),), **rest))
        return made[-1]

    yield make
    for each in made:
        each.close()


def wait_until(condition):
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        select.select([], [], [], 0.005)


def state(pid):
    """proc(5): T is stopped; nothing: gone, or dead and not yet waited for."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
    return "" if told in "ZX" else told


def why(call):
    with pytest.raises(IsolationFailed) as caught:
        call.result(WITHIN_S)
    return str(caught.value)


def test_one_guest_does_one_thing_after_the_other(guests):
    pool = guests()
    first, second = (pool.call(guest_stage.guest, LONG_S).result(WITHIN_S) for _ in range(2))
    assert first == second != os.getpid()


def test_a_result_comes_back_whole(guests):
    big = bytes(range(256)) * 10_000
    assert guests().call(partial(bytes, big), LONG_S).result(WITHIN_S) == big


def test_what_runs_at_once_runs_in_guests_of_its_own_and_the_free_one_serves_again(guests):
    pool = guests()
    calls = [pool.call(guest_stage.guest, LONG_S) for _ in range(2)]
    processes = [call.result(WITHIN_S) for call in calls]
    assert len(set(processes)) == 2
    assert pool.call(guest_stage.guest, LONG_S).result(WITHIN_S) in processes


def test_an_outcome_can_be_waited_for_like_a_file(guests):
    call = guests().call(guest_stage.guest, LONG_S)
    assert select.select([call], [], [], WITHIN_S)[0] == [call]
    with pytest.raises(TimeoutError):
        guests().call(guest_stage.sleep_on, LONG_S).result(0.01)


def test_a_guest_rests_while_nothing_is_to_be_done(guests):
    process = guests().call(guest_stage.guest, LONG_S).result(WITHIN_S)
    wait_until(lambda: state(process) == "T")


def test_what_a_function_raises_is_told_and_the_guest_lives_on(guests):
    pool = guests()
    before = pool.call(guest_stage.guest, LONG_S).result(WITHIN_S)
    assert "LookupError: nobody is at home" in why(pool.call(guest_stage.fail, LONG_S))
    assert pool.call(guest_stage.guest, LONG_S).result(WITHIN_S) == before


def test_what_takes_too_much_virtual_time_is_ended_inside(guests):
    pool = guests()
    before = pool.call(guest_stage.guest, LONG_S).result(WITHIN_S)
    told = why(pool.call(guest_stage.sleep_on, 0.1))
    assert "did not end within 0 s of virtual time" in told
    assert pool.call(guest_stage.guest, LONG_S).result(WITHIN_S) == before


@pytest.mark.parametrize(
    ("patience", "function", "words"),
    [
        (
            Patience(spin_s=0.3),
            guest_stage.spin_and_hold,
            "s of processor time brought its clock hardly further",
        ),
        (Patience(hang_s=10.0), guest_stage.hold, "it hangs: no word for 10 s"),
        # Its words go on, so it is merely slow.
        (Patience(spin_s=0.4, whole_s=1.0), guest_stage.spin, "processor time to get to"),
        (Patience(), guest_stage.end_the_kernel, "the user-mode kernel ended by itself with -9"),
    ],
)
def test_a_guest_that_does_not_come_through_is_told_and_the_next_is_fresh(
    guests, patience, function, words
):
    pool = guests()
    before = pool.call(guest_stage.guest, LONG_S).result(WITHIN_S)
    pool.close()
    pool = guests(patience=patience)
    told = why(pool.call(function, LONG_S))
    assert told.startswith("the guest is gone: ")
    assert words in told
    after = pool.call(guest_stage.guest, LONG_S).result(WITHIN_S)
    assert after != before
    assert state(before) == ""


def test_who_computes_for_long_has_its_next_timer_fire(guests, tmp_path):
    waiting = partial(guest_stage.spin_until_nudged, tmp_path / "run" / ".guests")
    pool = guests(pulse_s=LONG_S, patience=Patience(nudge_s=0.2))
    pool.call(waiting, LONG_S).result(WITHIN_S)
    assert (tmp_path / "run" / ".guests" / guest_stage.NUDGED).exists()


def test_a_kernel_that_does_not_boot_says_why(tmp_path):
    script = tmp_path / "kernel"
    script.write_text("#!/bin/sh\necho ' no such root '\necho 'Kernel panic - not syncing: x'\n")
    script.chmod(0o755)
    pool = Guests(tmp_path, command=(str(script),))
    try:
        assert "ended by itself with 0: Kernel panic - not syncing: x" in why(
            pool.call(guest_stage.guest, LONG_S)
        )
    finally:
        pool.close()


def test_pid_1_that_fails_says_why_rather_than_that_it_ended(tmp_path):
    script = tmp_path / "kernel"
    script.write_text(
        "#!/bin/sh\necho 'OSError: no /dev'\n"
        "echo 'Kernel panic - not syncing: Attempted to kill init! exitcode=0x100'\necho 60547e04\n"
    )
    script.chmod(0o755)
    pool = Guests(tmp_path, command=(str(script),))
    try:
        assert why(pool.call(guest_stage.guest, LONG_S)).endswith("with 0: OSError: no /dev")
    finally:
        pool.close()


def test_what_ends_a_keeper_is_told(guests, tmp_path):
    missing = Guests(tmp_path, command=(str(tmp_path / "missing"),))
    told = why(missing.call(guest_stage.guest, LONG_S))
    assert told.startswith("the guest is gone: its keeper is gone, too: ")
    assert "No such file or directory" in told
    missing.close()

    pool = guests()
    process = pool.call(guest_stage.guest, LONG_S).result(WITHIN_S)
    call = pool.call(guest_stage.sleep_on, LONG_S)
    os.kill(pool._keepers[0]._process.pid, signal.SIGKILL)
    assert why(call).endswith("its keeper is gone, too: it was killed by SIGKILL")
    assert pool.call(guest_stage.guest, LONG_S).result(WITHIN_S) != process


def test_what_is_killed_is_gone_and_so_is_its_guest(guests, tmp_path):
    pool = guests()
    process = pool.call(guest_stage.guest, LONG_S).result(WITHIN_S)
    call = pool.call(guest_stage.sleep_on, LONG_S)
    call.kill()
    call.kill()
    wait_until(lambda: state(process) == "")
    assert pool.call(guest_stage.guest, LONG_S).result(WITHIN_S) != process
    pool.close()
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_caller_that_is_killed(tmp_path, number):
    code = (
        "import sys, time; from pathlib import Path; import guest_stage\n"
        "from lab.worlds.timetravel import Guests\n"
        f"pool = Guests(Path({str(tmp_path)!r}), command=({str(stand_in(tmp_path))!r},))\n"
        "print(pool.call(guest_stage.guest, 9.0).result(), flush=True)\n"
        "pool.call(guest_stage.sleep_on, 99.0)\n"
        "time.sleep(99)\n"
    )
    path = f"{ROOT}:{Path(__file__).parent}"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    ) as caller:
        assert caller.stdout is not None
        process = int(caller.stdout.readline())
        assert state(process) != ""
        caller.send_signal(number)
    wait_until(lambda: state(process) == "")
