"""`forwardlab shell` in the simulated world: from a pipe and on a terminal."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from leftovers import Watch
from shipped import ROOT
from terminal import on_terminal
from walked import plan_of

from lab.observe.pcapng import read_records
from lab.observe.sighting import Mark

COMMAND = (sys.executable, "-m", "lab.cli", "shell")


@pytest.fixture
def places(tmp_path):
    """Temporary files and remembered state of a shell's own, and what watches its processes."""
    watch = Watch()
    (tmp_path / "tmp").mkdir()
    watch.places = {
        **watch.environment,
        "TMPDIR": str(tmp_path / "tmp"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm",
    }
    watch.temporary = tmp_path / "tmp"
    return watch


@pytest.fixture
def shell(tmp_path, places):
    """Pipe these lines into a shell; nothing of it may be left."""

    def run(*lines: str, topology="cluster-nat", options=("--world", "simulated")):
        done = subprocess.run(
            [*COMMAND, str(ROOT / "topologies" / f"{topology}.toml"), *options],
            input="".join(f"{line}\n" for line in lines),
            cwd=tmp_path,
            env=places.places,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stdout
        assert list(places.temporary.iterdir()) == []
        places.wait_until_nothing_is_left()
        return done

    return run


def test_lines_from_a_pipe_give_results(shell):
    done = shell("viewer lookup", "viewer connect", "capture", "quit", "viewer lookup")
    assert done.returncode == 0
    assert done.stderr == ""
    lookup, address, asked, connected, *ladder = done.stdout.splitlines()
    assert lookup.startswith("internet.intern.netz A, after 0.")
    assert address.split() == ["A", "192.168.1.100", "TTL", "2", "(alias", "of", "server1)"]
    assert asked == "asked: viewer → dns, dns → translator, translator → server1"
    assert connected.startswith("192.168.1.100:5900: connected after 0.")
    assert connected.endswith("ms; it is server1, which says “server1”.")
    assert any("NAT 192.168.1.100 → 10.10.10.100" in line for line in ladder)
    assert not any("A internet.intern.netz?" in line for line in ladder), "it was the one before"


def test_the_same_lines_give_the_same_words(shell):
    lines = ("viewer lookup", "fail lb1", "wait 3", "viewer visit glibc", "capture", "judge")
    assert shell(*lines).stdout == shell(*lines).stdout


def test_a_line_that_fails_does_not_end_it(shell):
    done = shell("viewr lookup", "repair lb1", "fail lb1", "fail lb1", "viewer connect", "wait x")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "no node 'viewr'; did you mean 'viewer'?",
        "server1 has not failed; nodes shows what has",
        "server1 has failed already; repair it first",
        "say how many seconds: wait 2.5",
    ]
    assert "viewer has no address to connect to: look up first, or give one." in done.stdout


def test_what_fails_is_seen_and_what_is_repaired_too(shell):
    done = shell(
        "viewer lookup",
        "fail lb1",
        "fail lb2 balancer",
        "wait 3",
        "viewer lookup",
        "nodes",
        "repair",
        "wait 10",
        "viewer lookup",
        "repair",
    )
    assert "internet.intern.netz A: SERVFAIL after" in done.stdout
    assert "translator → server1 (no answer)" in done.stdout
    assert "server1 (no power)" in done.stdout
    assert "service, balancer (ended)" in done.stdout
    assert "server1 has power again." in done.stdout
    assert "balancer of server2 runs again." in done.stdout
    assert done.stdout.count("A 192.168.1.10") == 2
    assert done.stderr == "nothing has failed\n"


def test_each_way_to_fail_is_told(shell):
    done = shell(
        "fail server3 service",
        "viewer connect server3",
        "viewer connect lb1 81",
        "viewer lookup a.test @8.8.8.8",
        "viewer lookup",
        "fail lb1",
        "fail lb2",
        "wait 5",
        "viewer visit windows",
        "fail dns",
        "viewer lookup",
    )
    assert "192.168.1.102:5900: refused by server3." in done.stdout
    assert "192.168.1.100:81: refused by server1." in done.stdout
    assert "No question left the node: it has no route there" in done.stdout
    assert "viewer (windows) visits internet.intern.netz: error after" in done.stdout
    assert "internet.intern.netz A: no answer from 192.168.1.53." in done.stdout


def test_what_happened_is_judged(shell):
    done = shell("viewer visit musl", "judge")
    assert "viewer (musl) visits internet.intern.netz: connected to server" in done.stdout
    assert done.stdout.count("✔ passed") >= 5
    assert "(frame" in done.stdout
    assert "✘" not in done.stdout


def test_the_capture_is_saved_whole_and_never_over_another(shell, tmp_path):
    done = shell("viewer lookup", "capture seen.pcapng", "capture seen.pcapng", "capture no/where")
    records = list(read_records(tmp_path / "seen.pcapng"))
    marks = [record.text for record in records if isinstance(record, Mark)]
    assert marks == ["viewer asks A (the cluster)"]
    assert len(records) > 20
    assert done.stdout.count("saved to seen.pcapng") == 1
    assert done.stderr.splitlines() == [
        "seen.pcapng is there already; name another file",
        "no/where: No such file or directory; name a folder that exists and can be written",
    ]


def test_what_did_not_happen_has_not_failed(shell):
    done = shell("viewer lookup", "judge")
    lines = done.stdout.splitlines()
    assert not [line for line in lines if "failed" in line]
    place = next(n for n, line in enumerate(lines) if "not shown  Every visit ends" in line)
    assert lines[place + 1].strip() == "no visit was seen"
    assert any("passed  Nobody asks a server" in line for line in lines)


def test_what_there_is_is_shown_and_what_there_is_not_is_told(shell):
    done = shell("viewer ip route", "help", "nodes")
    assert done.stderr == (
        "this world is simulated: no programs run in its nodes; start the shell with "
        "--world mininet for that\n"
    )
    for word in ("lookup", "connect", "visit", "fail", "repair", "wait", "capture", "judge"):
        assert word in done.stdout
    for node in plan_of("cluster-nat").nodes:
        assert all(word in done.stdout for word in (node.name, node.label, *node.addresses()))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("cluster-nta",), "no topology 'cluster-nta'; did you mean cluster-nat?"),
        (("gone.toml",), "gone.toml"),
    ],
)
def test_bad_words_are_refused(words, told, tmp_path, places):
    done = subprocess.run(
        [*COMMAND, *words],
        input="",
        cwd=tmp_path,
        env=places.places,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


# --- on a terminal ------------------------------------------------------------------------------

PROMPT = "cluster> "


@pytest.fixture
def terminal(tmp_path, places):
    def start(topology="cluster"):
        words = (*COMMAND, topology, "--world", "simulated")
        return on_terminal(*words, cwd=tmp_path, environment=places.places)

    return start


def test_tab_completes_and_the_history_outlives_the_shell(terminal, tmp_path):
    with terminal() as person:
        person.read_until(PROMPT)
        person.type("viewer loo\t\n")
        assert "viewer lookup" in person.read_until("asked:")
        person.read_until(PROMPT)
        person.type("fail l\t")
        person.read_until("b")
        person.type("\t\t")
        assert person.read_until("lb2").split()[-2:] == ["lb1", "lb2"]
        person.type("1\n")
        person.read_until("has lost power")
        person.read_until(PROMPT)
        person.type("\x04")
        assert person.status() == 0
    kept = Path(tmp_path, "state", "forwardlab", "shell_history")
    assert kept.read_text().splitlines() == ["viewer lookup ", "fail lb1"]
    assert kept.stat().st_mode & 0o077 == 0
    with terminal() as person:
        person.read_until(PROMPT)
        person.type("wait 3600\n")
        person.read_until("Ctrl-C cuts it short")
        person.type("\x03")
        person.read_until("is cut short")
        person.read_until(PROMPT)
        person.type("viewer look\x03")  # ends the line, and not the shell
        person.read_until(PROMPT)
        person.type("\x1b[A\x1b[A\x1b[A\n")  # three lines back
        person.read_until("asked:")
        person.type("quit\n")
        assert person.status() == 0


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGTERM, 128 + signal.SIGTERM),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_whatever_signal_ends_it_nothing_is_left(number, status, terminal, places):
    with terminal() as person:
        person.read_until(PROMPT)
        assert list(places.temporary.iterdir()) != []
        os.kill(person.pid, number)
        assert person.status() == status
        places.wait_until_nothing_is_left()
        assert list(places.temporary.iterdir()) == []
