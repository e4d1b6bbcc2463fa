"""`make vagrant-test`, with a stand-in for Vagrant: the box goes whatever happened, one that was
there before stays, and the exit code says what came of it."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

VAGRANT = """#!/bin/sh
# A stand-in: notes how it was called; the box is there when the file `box` is.
echo "$*" >>calls
case $1 in
up) touch box; ${UP:-true} ;;
ssh) ${SSH:-true} ;;
destroy) ${DESTROY:-rm box} ;;
status)
	${STATUS:-true} || exit
	if [ -e box ]; then state=running; else state=not_created; fi
	printf '1,default,metadata,provider,libvirt\\n1,default,state,%s\\n' $state
	;;
esac
"""
SCENARIOS = "cluster/eight_steps failures/node_dies_and_returns"
WHOLE = [
    "status --machine-readable",
    "up",
    f"ssh -c forwardlab run --world mininet {SCENARIOS}",
    "destroy --force",
    "status --machine-readable",
]


@pytest.fixture
def project(tmp_path):
    """A folder with the script in it, and the stand-in before any other Vagrant."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "vagrant-test.sh", tmp_path / "tools")
    stand_in = tmp_path / "bin" / "vagrant"
    stand_in.parent.mkdir()
    stand_in.write_text(VAGRANT)
    stand_in.chmod(0o755)
    return tmp_path


def start(project, *words: str, **outcomes: str):
    return subprocess.Popen(
        [project / "tools" / "vagrant-test.sh", *words],
        env={**os.environ, **outcomes, "PATH": f"{project / 'bin'}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(project, *words: str, **outcomes: str):
    """Its status, what it said, and how it called Vagrant."""
    process = start(project, *words, **outcomes)
    told, complaints = process.communicate(timeout=30)
    return process.returncode, told + complaints, calls(project)


def calls(project):
    noted = project / "calls"
    return noted.read_text().splitlines() if noted.exists() else []


def test_the_box_is_brought_up_used_and_destroyed(project):
    status, told, called = run(project)
    assert status == 0, told
    assert called == WHOLE
    assert told.endswith("the box is gone\n")


def test_make_calls_it():
    shown = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "vagrant-test"],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MAKELEVEL"}},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines() == ["tools/vagrant-test.sh"]


def test_other_scenarios_may_be_named(project):
    _, _, called = run(project, "forwarding", "caching")
    assert called[2] == "ssh -c forwardlab run --world mininet forwarding caching"


@pytest.mark.parametrize(
    ("outcomes", "status", "told"),
    [
        ({"UP": "false"}, 4, "the box did not come up"),
        ({"SSH": "exit 1"}, 1, "the scenarios ended with 1"),
        ({"SSH": "exit 3"}, 3, "the scenarios ended with 3"),
        ({"DESTROY": "false"}, 4, "the box did not go"),
        ({"DESTROY": "true"}, 4, "the box did not go"),
        ({"SSH": "exit 1", "DESTROY": "false"}, 1, "the box did not go"),
    ],
)
def test_whatever_fails_the_box_is_destroyed_and_the_code_says_so(project, outcomes, status, told):
    ended, said, called = run(project, **outcomes)
    assert ended == status
    assert told in said
    assert "destroy --force" in called
    assert ("UP" in outcomes) is not any(call.startswith("ssh") for call in called)


def test_a_box_that_was_there_before_stays(project):
    (project / "box").touch()
    status, told, called = run(project)
    assert status == 3
    assert "this folder has a box already, which is yours" in told
    assert called == ["status --machine-readable"]


def test_a_vagrant_that_says_nothing_is_believed_nothing(project):
    status, told, called = run(project, STATUS="false")
    assert status == 3
    assert "vagrant cannot say whether this folder has a box" in told
    assert called == ["status --machine-readable"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("during", ["UP", "SSH"])
def test_an_interrupt_destroys_the_box_first(project, number, during):
    hang = project / "hang"
    hang.write_text("#!/bin/sh\necho >waits\nexec sleep 600\n")
    hang.chmod(0o755)
    os.mkfifo(project / "waits")
    process = start(project, **{during: str(hang)})
    (project / "waits").read_text()  # somebody writes: it is under way
    os.killpg(process.pid, number)
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert told.endswith("the box is gone\n")
    assert calls(project)[-2:] == WHOLE[-2:]
    assert (during == "UP") is not any(call.startswith("ssh") for call in calls(project))


def test_nothing_of_any_machine_stands_in_it():
    text = (ROOT / "tools" / "vagrant-test.sh").read_text()
    for word in ("http", "Acquire", "Check-", ".crt", "cpu_model", "qemu:///", "mirror"):
        assert word not in text
