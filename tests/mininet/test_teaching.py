"""`forwardlab shell` and `walk` in Mininet, on a terminal: programs in nodes, their keys, and
nothing left however it ends."""

import json
import os
import signal
import subprocess

import pytest
from cli_process import COMMAND
from leftovers import Watch
from terminal import on_terminal

from lab.observe.pcapng import read_records
from lab.observe.sighting import Mark

pytestmark = pytest.mark.netns

NOBODY = 65534
PROMPT = "cluster-nat> "
STUBBORN = "server1 sh -c 'trap \"\" INT QUIT TERM HUP; echo stays; while :; do sleep 60; done'\n"


@pytest.fixture
def watch(tmp_path):
    """Watches the processes of a shell; its temporary files are in a folder of their own."""
    watch = Watch()
    watch.temporary = tmp_path / "tmp"
    watch.temporary.mkdir()
    watch.places = {
        **watch.environment,
        "TMPDIR": str(watch.temporary),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "TERM": "xterm",
    }
    return watch


@pytest.fixture
def on_shell(project, watch):
    def start():
        words = (*COMMAND, "shell", "cluster-nat", "--world", "mininet")
        return on_terminal(*words, cwd=project, environment=watch.places)

    return start


def nothing_is_left(watch):
    watch.wait_until_nothing_is_left(str(watch.temporary))
    assert list(watch.temporary.iterdir()) == []


def test_a_person_looks_breaks_and_repairs(on_shell, watch, project):
    with on_shell() as person:
        person.read_until(PROMPT)
        person.type("viewer lookup\n")
        assert "alias of server" in person.read_until("asked: viewer → dns")
        person.read_until(PROMPT)

        # A real program, in the node, on this terminal; Ctrl-C is for it.
        person.type("viewer ping -i 0.2 192.168.1.100\n")
        person.read_until("icmp_seq=2")
        person.type("\x03")
        person.read_until("packets transmitted")
        person.read_until(PROMPT)

        # Ctrl-Z stops nothing: nobody could bring the program back.
        person.type("viewer sh -c 'echo begun; sleep 0.5; echo ended'\n")
        person.read_until("begun\r\n")
        person.type("\x1a")
        person.read_until("ended\r\n")
        person.read_until(PROMPT)

        # A shell with job control takes the terminal for itself, and it comes back.
        person.type("server2 bash --norc -i\n")
        person.type("ip -brief addr show server2-eth0; tty\n")
        person.read_until("10.10.10.101/24")
        person.read_until("/dev/pts/")
        person.type("exit\n")
        person.read_until(PROMPT)

        # A wait in the lab is cut short, and the lab stays.
        person.type("wait 600\n")
        person.read_until("Ctrl-C cuts it short")
        person.type("\x03")
        person.read_until("is cut short")
        person.read_until(PROMPT)

        person.type("fail lb1\nwait 3\nviewer visit\n")
        person.read_until("has lost power")
        person.read_until("connected to server")
        person.type("repair lb1\nfail lb2 service\nviewer connect 192.168.1.101\n")
        person.read_until("192.168.1.101:5900: refused by server2")
        person.type("capture seen.pcapng\n")
        person.read_until("saved to seen.pcapng")
        person.type("viewer false\n")
        person.read_until("(false ended with 1)")
        person.type("viewer nonsuch\n")
        person.read_until("there is no program 'nonsuch' on this machine")
        assert watch.look()
        person.type("\x04")
        assert person.status() == 0
    nothing_is_left(watch)
    records = list(read_records(project / "seen.pcapng"))
    marks = [each.text for each in records if isinstance(each, Mark) and each.kind == "step"]
    assert marks[0] == "viewer asks A (the cluster)"
    assert "server1 loses power" in marks
    shown = subprocess.run(
        ["tshark", "-r", project / "seen.pcapng", "-Y", "icmp", "-T", "json", "-c", "3000"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(json.loads(shown.stdout)) >= 8, "the pings of the node's program"


@pytest.mark.parametrize(
    ("doing", "number", "status"),
    [
        ("", signal.SIGKILL, -signal.SIGKILL),
        ("", signal.SIGHUP, 128 + signal.SIGHUP),
        ("", signal.SIGQUIT, 128 + signal.SIGQUIT),
        (STUBBORN, signal.SIGKILL, -signal.SIGKILL),
        (STUBBORN, signal.SIGTERM, 128 + signal.SIGTERM),
    ],
    ids=["kill", "hangup", "quit", "kill-with-a-program", "term-with-a-program"],
)
def test_whatever_ends_a_shell_nothing_is_left(doing, number, status, on_shell, watch):
    with on_shell() as person:
        person.read_until(PROMPT)
        if doing:
            person.type(doing)
            person.read_until("stays\r\n")
        assert watch.look()
        assert list(watch.temporary.iterdir()) != []
        os.kill(person.pid, number)
        assert person.status() == status
        nothing_is_left(watch)


def test_lines_may_come_from_a_pipe_without_root(project, watch, tmp_path):
    """As nobody, where we are root: the nodes are in a user namespace, and can be entered."""
    ids = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
    if ids:
        os.chown(watch.temporary, NOBODY, NOBODY)
        for each in (project, *project.parents):
            if "pytest-" in str(each):
                each.chmod(0o755)
    lines = "viewer lookup\nserver1 cat\nserver1 ip -brief addr\nviewer connect\nserver1 id -u\n"
    done = subprocess.run(
        [*COMMAND, "shell", "cluster", "--world", "mininet"],
        input=lines,
        cwd=project,
        env=watch.places | {"PYTHONDONTWRITEBYTECODE": "1", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **ids,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert "10.10.10.100/24" in done.stdout
    assert "connected after" in done.stdout
    assert done.stdout.splitlines()[-1] == "0", "root of its own world"
    nothing_is_left(watch)


def test_a_walk_waits_for_each_step_and_an_end_at_any_time_leaves_nothing(project, watch):
    identifier = "cluster/eight_steps/translator_address"
    words = (*COMMAND, "walk", identifier, "--world", "mininet", "--hold")
    with on_terminal(*words, cwd=project, environment=watch.places) as person:
        person.read_until("Enter does step 1")
        person.type("\n")
        person.read_until("Viewer asks A internet.intern.netz.")
        shown = person.read_until("q quit")
        assert "It causes 6 packets." in shown
        person.type("8\n")
        assert "⑥ dns → viewer" in person.read_until("q quit")
        assert watch.look()
        person.type("\n")
        person.read_until("Step 2 of 2 of the scenario")
        person.read_until("q quit")
        person.type("16\n")
        assert "✔ passed" in person.read_until("Enter ends")
        person.type("\n")
        assert person.status() == 0
    nothing_is_left(watch)
    with on_terminal(*words, cwd=project, environment=watch.places) as person:
        person.read_until("Enter does step 1")
        person.type("\n")
        person.read_until("It causes 6 packets.")
        assert watch.look()
        person.kill(signal.SIGKILL)
        assert person.status() == -signal.SIGKILL
        nothing_is_left(watch)
