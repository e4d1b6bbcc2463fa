"""Isolated worlds: what is private in them, how they report, and that nothing survives them."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from random import Random

import pytest
from leftovers import Watch, processes_marked

from lab.worlds.isolation import Isolated, IsolationFailed, run_isolated, way_in
from lab.worlds.obstacles import probe

pytestmark = pytest.mark.netns

ROOT = Path(__file__).parents[2]


def test_this_host_can_run_mininet_worlds_and_says_so_quickly():
    began = time.monotonic()
    assert probe() == ()
    assert time.monotonic() - began < 2  # far above what it takes; it must not hang


def test_the_world_is_its_own():
    def look():
        return {
            "pid": os.getpid(),
            "interfaces": [path.name for path in Path("/sys/class/net").iterdir()],
            "run": list(Path("/run").iterdir()),
            "name": os.uname().nodename,
            "spaces": {
                kind: Path(f"/proc/self/ns/{kind}").readlink()
                for kind in ("net", "mnt", "pid", "ipc", "uts")
            },
            "up": Path("/sys/class/net/lo/operstate").read_text().strip(),
        }

    seen = run_isolated(look, timeout_s=20)
    assert seen["pid"] == 2
    assert seen["interfaces"] == ["lo"]
    assert seen["run"] == []
    assert seen["name"] == "forwardlab"
    assert seen["up"] == "unknown"  # what a loopback says that is up
    for kind, space in seen["spaces"].items():
        assert space != Path(f"/proc/self/ns/{kind}").readlink(), kind


def test_what_it_mounts_stays_inside(tmp_path):
    place = str(tmp_path)

    def mount():
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
        (tmp_path / "inside").write_text("x")
        return Path("/proc/self/mountinfo").read_text()

    assert place in run_isolated(mount, timeout_s=20)
    assert place not in Path("/proc/self/mountinfo").read_text()
    assert list(tmp_path.iterdir()) == []


def test_large_results_come_whole():
    assert run_isolated(lambda: b"x" * 3_000_000, timeout_s=20) == b"x" * 3_000_000


def test_an_exception_comes_as_text():
    def fail():
        raise ValueError("the reason")

    with pytest.raises(IsolationFailed, match=r"(?s)Traceback.*ValueError: the reason"):
        run_isolated(fail, timeout_s=20)


def test_a_violent_death_is_reported_with_its_signal():
    with pytest.raises(IsolationFailed, match="SIGKILL"):
        run_isolated(lambda: os.kill(os.getpid(), signal.SIGKILL), timeout_s=20)


def test_a_silent_exit_is_reported_with_its_status():
    with pytest.raises(IsolationFailed, match="status 3"):
        run_isolated(lambda: os._exit(3), timeout_s=20)


def test_a_result_that_cannot_travel_is_reported():
    with pytest.raises(IsolationFailed):
        run_isolated(lambda: lambda: None, timeout_s=20)


def test_time_limit_ends_it():
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        run_isolated(lambda: time.sleep(600), timeout_s=0.2)
    assert time.monotonic() - began < 20


def test_orphans_are_reaped():
    def orphan():
        if os.fork() == 0:
            if os.fork() == 0:
                os._exit(0)
            os._exit(0)
        os.wait()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if {path.name for path in Path("/proc").glob("[0-9]*")} == {"1", "2"}:
                return True
        return False

    assert run_isolated(orphan, timeout_s=20)


def test_many_at_once_are_told_apart_by_their_descriptors():
    worlds = {Isolated(lambda n=n: n * n): n for n in range(6)}
    waiting = dict(worlds)
    while waiting:
        readable = select.select(list(waiting), [], [], 20)[0]
        assert readable
        for world in readable:
            number = waiting.pop(world)
            assert world.result(20) == number * number


def test_killing_one_leaves_the_others():
    sleeper = Isolated(lambda: time.sleep(600))
    other = Isolated(lambda: "alive")
    sleeper.kill()
    sleeper.kill()
    assert other.result(20) == "alive"


def test_the_way_in_leads_into_the_world():
    def show():
        os.write(told, " ".join(way_in()).encode())
        os.close(told)
        time.sleep(600)

    reader, told = os.pipe()
    world = Isolated(show)
    os.close(told)
    try:
        command = os.read(reader, 1000).decode().split()
        inside = subprocess.run(
            [*command, "hostname"], capture_output=True, text=True, check=True, timeout=20
        )
        assert inside.stdout.strip() == "forwardlab"
    finally:
        world.kill()
        os.close(reader)


def test_outside_there_is_no_way_in():
    with pytest.raises(LookupError):
        way_in()


# --- death ------------------------------------------------------------------------------------

CALLER = """
import os, subprocess, sys, time
from lab.worlds.isolation import Isolated

def world():
    print("space", os.readlink("/proc/self/ns/net"), flush=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", sys.argv[1]], check=True)
    for number in range(40):
        subprocess.run(["ip", "link", "add", f"d{number}", "type", "veth"], check=True)
        node = subprocess.Popen(["mnexec", "-dnp", "sleep", "600"], stdout=subprocess.PIPE)
        node.stdout.readline()
        print("space", os.readlink(f"/proc/{node.pid}/ns/net"), flush=True)
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
    time.sleep(600)

worlds = [Isolated(world) for _ in range(2)]
print("started", flush=True)
for world in worlds:
    world.result()
"""


def wait_until_nothing_is_left(mark, spaces, place):
    Watch(mark=mark, seen_spaces=spaces).wait_until_nothing_is_left(place)


@pytest.mark.parametrize("instant", range(10))
def test_killing_the_caller_at_any_moment_leaves_nothing(instant, tmp_path):
    mark = f"forwardlab-{uuid.uuid4()}"
    place = tmp_path / mark
    place.mkdir()
    delay = Random(f"{instant}").uniform(0, 0.25)
    with subprocess.Popen(
        [sys.executable, "-c", CALLER, str(place)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MARK": mark},
    ) as caller:
        # Most of the time before this is the interpreter's start; what matters comes after.
        assert select.select([caller.stdout], [], [], 30)[0]
        time.sleep(delay)
        assert processes_marked(mark)
        caller.kill()
        words = caller.stdout.read()
    spaces = set(re.findall(r"net:\[\d+\]", words))
    if instant > 0:
        assert spaces or delay < 0.05
    wait_until_nothing_is_left(mark, spaces, str(place))


@pytest.mark.parametrize("victim", ["keeper", "init", "worker"])
def test_killing_any_link_of_the_chain_leaves_nothing(victim, tmp_path):
    mark = f"forwardlab-{uuid.uuid4()}"
    place = tmp_path / mark
    place.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", CALLER.replace("range(2)", "range(1)"), str(place)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MARK": mark},
    ) as caller:
        words = [caller.stdout.readline() for _ in range(4)]
        chain = [caller.pid]
        for _ in range(3):
            children = Path(f"/proc/{chain[-1]}/task/{chain[-1]}/children").read_text().split()
            chain.append(int(children[0]))
        os.kill(chain[["keeper", "init", "worker"].index(victim) + 1], signal.SIGKILL)
        words += caller.stdout.readlines()
        assert caller.wait(20) == 1  # IsolationFailed reached the caller: no hang
    spaces = set(re.findall(r"net:\[\d+\]", "".join(words)))
    assert spaces
    wait_until_nothing_is_left(mark, spaces, str(place))


def test_killing_the_callers_parent_is_enough_when_the_caller_follows_it(tmp_path):
    """The CLI is killed; its worker process dies with it, and so does the world."""
    mark = f"forwardlab-{uuid.uuid4()}"
    place = tmp_path / mark
    place.mkdir()
    parent_code = (
        "import os, sys\n"
        "from lab.worlds.namespaces import die_with_parent\n"
        "parent = os.getpid()\n"
        "if os.fork() == 0:\n"
        "    die_with_parent()\n"
        "    assert os.getppid() == parent\n"
        f"    exec({CALLER!r})\n"
        "os.wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent_code, str(place)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MARK": mark},
    ) as grandparent:
        words = [grandparent.stdout.readline() for _ in range(5)]
        grandparent.kill()
        words += grandparent.stdout.readlines()
    spaces = set(re.findall(r"net:\[\d+\]", "".join(words)))
    assert spaces
    wait_until_nothing_is_left(mark, spaces, str(place))


def test_an_unprivileged_user_gets_a_world_too():
    """Through a user namespace. Needs an unprivileged user to be tried as: root becomes one."""
    code = (
        "import os\n"
        "if os.getuid() == 0:\n"
        "    os.setgroups([])\n"
        "    os.setresgid(65534, 65534, 65534)\n"
        "    os.setresuid(65534, 65534, 65534)\n"
        # As after an exec: /proc/self belongs to the new user.
        "    import ctypes; assert ctypes.CDLL(None).prctl(4, 1, 0, 0, 0) == 0\n"
        "from lab.worlds.isolation import run_isolated, way_in\n"
        "def look():\n"
        "    import subprocess\n"
        "    subprocess.run(['ip', 'link', 'add', 'here0', 'type', 'veth'], check=True)\n"
        "    return os.getuid(), sorted(os.listdir('/sys/class/net')), way_in()\n"
        "uid, interfaces, command = run_isolated(look, timeout_s=20)\n"
        "assert uid == 0 and interfaces == ['here0', 'lo', 'veth0'], (uid, interfaces)\n"
        "assert '--user' in command, command\n"
        "print('well')\n"
    )
    # Started as root inside the project, so that a user who may not read the interpreter's
    # folder has everything imported before the change.
    code = "import lab.worlds.isolation, encodings.idna, subprocess\n" + code
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == "well\n", done.stderr
