"""The shell scripts behind `make run` and `make test`, with stand-ins for the commands that would
change this machine."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from lab.subjects.roster import SUBJECTS

ROOT = Path(__file__).parents[2]
SCRIPTS = [*sorted((ROOT / "tools").glob("*.sh")), ROOT / ".ci" / "run"]
ASIDE = ".build/systemd-resolved"
MINE = "# forwardlab: gone when tools/setup.sh ends"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_has_no_complaint(script):
    checked = subprocess.run(
        ["shellcheck", "--shell=sh", script], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_make_says_what_ci_and_users_run(make):
    assert make("run") == ["tools/setup.sh run", "tools/run.sh"]
    assert make("servers") == ["tools/setup.sh servers"]
    assert make("test") == ["tools/setup.sh test", "tools/test.sh"]
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec make test"


@pytest.fixture
def make():
    """The commands of a target, in their order."""

    def dry_run(target: str) -> list[str]:
        shown = subprocess.run(
            ["make", "--dry-run", "--no-print-directory", target],
            cwd=ROOT,
            # A make above this one, as in CI, must not add its flags.
            env={k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MAKELEVEL"}},
            capture_output=True,
            text=True,
            check=True,
        )
        return shown.stdout.splitlines()

    return dry_run


@pytest.fixture
def project(tmp_path):
    """A folder with our scripts in it, and `bin` with stand-ins that stand before all others."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    (tmp_path / "bin").mkdir()
    (tmp_path / "reports").mkdir()
    (tmp_path / "pyproject.toml").touch()
    return tmp_path


def stand_in(project: Path, name: str, body: str) -> None:
    """A command that notes how it was called in the file `calls` and does no more than `body`."""
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "{path.name} $*" >>"{project}/calls"\n{body}\n')
    path.chmod(0o755)


def point_at_file(project: Path, name: str, variable: str, path: str) -> None:
    """Have a script use a file of the project instead of one of this machine."""
    script = project / name
    text = script.read_text()
    assert f"{variable}{path}\n" in text
    script.write_text(text.replace(path, str(project / Path(path).name)))


def calls(project: Path) -> list[str]:
    noted = project / "calls"
    return noted.read_text().splitlines() if noted.exists() else []


def start(project: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [project / command[0], *command[1:]],
        env=os.environ | {"PATH": f"{project / 'bin'}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell's background job ignores Ctrl-C, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads
    )


AS_ROOT = [
    "sudo env PYTHONDONTWRITEBYTECODE=1 .venv/bin/forwardlab run --world mininet cluster",
    "forwardlab run --world mininet cluster",
    "sudo chown -R 1000:1000 reports",
]

# --- tools/run.sh -----------------------------------------------------------------------------


def run_as(project: Path, uid: int, outcome: int, outcome_as_root: int = 0) -> int:
    """Run tools/run.sh with a `forwardlab` that ends with `outcome`."""
    point_at_file(project, "tools/run.sh", "tun=", "/dev/net/tun")
    stand_in(project, "bin/id", f"echo {uid}")
    stand_in(project, "bin/sudo", '[ "$1" = chown ] || AS_ROOT=yes exec "$@"')
    ending = f"[ -z ${{AS_ROOT:-}} ] || exit {outcome_as_root}\nexit {outcome}"
    stand_in(project, ".venv/bin/forwardlab", ending)
    return start(project, "tools/run.sh", "cluster").wait(timeout=30)


def commands(project: Path) -> list[str]:
    return [call for call in calls(project) if not call.startswith("id ")]


@pytest.mark.parametrize("outcome", [0, 1, 3, 4])
def test_root_runs_without_sudo(project, outcome):
    assert run_as(project, 0, outcome) == outcome
    assert commands(project) == ["forwardlab run --world mininet cluster"]


@pytest.mark.parametrize("outcome", [0, 1, 2, 4])
def test_a_user_who_can_runs_without_sudo(project, outcome):
    assert run_as(project, 1000, outcome) == outcome
    assert commands(project) == ["forwardlab run --world mininet cluster"]


@pytest.mark.parametrize("outcome", [0, 1, 3, 4])
def test_a_user_who_cannot_runs_with_sudo_and_gets_the_reports(project, outcome):
    assert run_as(project, 1000, 3, outcome) == outcome
    assert commands(project) == ["forwardlab run --world mininet cluster", *AS_ROOT]


def test_a_closed_tun_device_needs_sudo_from_the_start(project):
    # Whoever may write everything, as root in CI, has no file that is closed to him.
    script = project / "tools" / "run.sh"
    text = script.read_text()
    assert "[ ! -w $tun ]" in text
    script.write_text(text.replace("[ ! -w $tun ]", "[ ! -s $tun ]"))
    (project / "tun").touch()
    assert run_as(project, 1000, 3, 1) == 1
    assert commands(project) == AS_ROOT


# --- tools/setup.sh ---------------------------------------------------------------------------


@pytest.fixture
def setup(project):
    """tools/setup.sh on a system that lacks two packages, whose guard against daemons is the file
    `policy-rc.d`, and whose virtual environment is complete."""
    point_at_file(project, "tools/setup.sh", "guard=", "/usr/sbin/policy-rc.d")
    stand_in(project, "bin/id", "echo 0")
    stand_in(
        project,
        "bin/dpkg-query",
        "for package; do :; done\n"
        "case $package in mininet|tshark) exit 1;; *) printf installed;; esac",
    )
    stand_in(project, f"{ASIDE}/lib/systemd/systemd-resolved", ":")
    for purpose in ("run", "test"):
        stamp = project / ".venv" / f".installed-{purpose}"
        stamp.parent.mkdir(exist_ok=True)
        stamp.touch()
    return project


def installs(project: Path) -> list[str]:
    return [call for call in calls(project) if call.startswith("apt-get ")]


def test_setup_installs_what_is_missing_and_no_daemon_starts(setup):
    stand_in(setup, "bin/apt-get", 'sh "$(dirname "$0")/../policy-rc.d"; echo "guard says $?"')
    stdout, stderr = start(setup, "tools/setup.sh", "test").communicate(timeout=30)
    assert "guard says 101" in stdout, stderr
    assert installs(setup) == [
        "apt-get update -q",
        "apt-get install -q -y --no-install-recommends mininet tshark",
    ]
    assert not (setup / "policy-rc.d").exists()


def test_setup_for_running_installs_nothing_that_only_tests_need(setup):
    stand_in(setup, "bin/apt-get", ":")
    assert start(setup, "tools/setup.sh", "run").wait(timeout=30) == 0
    assert installs(setup)[-1] == "apt-get install -q -y --no-install-recommends mininet"


def test_setup_for_servers_installs_them_alone_and_no_daemon_starts(setup):
    stand_in(setup, "bin/dpkg-query", "exit 1")
    stand_in(setup, "bin/apt-get", 'sh "$(dirname "$0")/../policy-rc.d"; echo "guard says $?"')
    stdout, stderr = start(setup, "tools/setup.sh", "servers").communicate(timeout=30)
    assert "guard says 101" in stdout, stderr
    installed = set(installs(setup)[-1].split()[5:])
    assert {subject.package for subject in SUBJECTS.values()} <= installed
    assert "mininet" not in installed
    assert not (setup / ".venv/.installed-servers").exists()


def test_the_tests_have_every_server_there_is(setup):
    stand_in(setup, "bin/dpkg-query", "exit 1")
    stand_in(setup, "bin/apt-get", ":")
    assert start(setup, "tools/setup.sh", "test").wait(timeout=30) == 0
    installed = installs(setup)[-1].split()
    assert {subject.package for subject in SUBJECTS.values()} <= set(installed)


def test_setup_does_nothing_where_nothing_is_missing(setup):
    stand_in(setup, "bin/dpkg-query", "printf installed")
    stand_in(setup, "bin/apt-get", ":")
    assert start(setup, "tools/setup.sh", "test").wait(timeout=30) == 0
    assert installs(setup) == []


def test_setup_unpacks_a_daemon_that_must_not_be_installed(setup):
    stand_in(setup, "bin/dpkg-query", "printf installed")
    stand_in(setup, "bin/apt-cache", "echo known")
    stand_in(setup, "bin/apt-get", "touch systemd-resolved_252_amd64.deb")
    stand_in(setup, "bin/dpkg-deb", "for folder; do :; done; touch $folder/unpacked")
    script = setup / "tools/setup.sh"
    script.write_text(script.read_text().replace("/usr/lib/systemd", str(setup / "usr")))
    (setup / ASIDE / "lib/systemd/systemd-resolved").unlink()
    assert start(setup, "tools/setup.sh", "run").wait(timeout=30) == 0
    assert installs(setup) == []
    assert start(setup, "tools/setup.sh", "test").wait(timeout=30) == 0
    assert installs(setup) == ["apt-get download -q systemd-resolved"]
    assert (setup / ASIDE / "unpacked").exists()


def test_the_guard_goes_when_apt_fails(setup):
    stand_in(setup, "bin/apt-get", "exit 100")
    assert start(setup, "tools/setup.sh", "run").wait(timeout=30) == 100
    assert not (setup / "policy-rc.d").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_guard_goes_when_setup_is_interrupted(setup, number):
    stand_in(setup, "bin/apt-get", "echo begun; exec sleep 600")
    running = start(setup, "tools/setup.sh", "run")
    for line in running.stdout:
        if line == "begun\n":
            break
    assert (setup / "policy-rc.d").exists()
    os.killpg(running.pid, number)
    assert running.wait(timeout=30) == 128 + number
    assert not (setup / "policy-rc.d").exists()


def test_a_guard_that_a_killed_setup_left_goes_with_the_next(setup):
    (setup / "policy-rc.d").write_text(f"#!/bin/sh\n{MINE}\nexit 101\n")
    stand_in(setup, "bin/apt-get", ":")
    assert start(setup, "tools/setup.sh", "run").wait(timeout=30) == 0
    assert not (setup / "policy-rc.d").exists()


def test_a_guard_of_somebody_else_stays(setup):
    (setup / "policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    stand_in(setup, "bin/apt-get", ":")
    assert start(setup, "tools/setup.sh", "run").wait(timeout=30) == 0
    assert (setup / "policy-rc.d").read_text() == "#!/bin/sh\nexit 101\n"


def test_an_unknown_purpose_is_refused(project):
    stdout, stderr = start(project, "tools/setup.sh", "everything").communicate(timeout=30)
    assert (stdout, stderr) == (
        "",
        "tools/setup.sh: unknown purpose 'everything'; say run, test, bench, servers or kernel\n",
    )


# --- tools/test.sh ----------------------------------------------------------------------------

STATIC = ["ruff format --check .", "ruff check .", "mypy "]
PARALLEL = "python -m pytest -q --numprocesses=logical --dist=worksteal "


@pytest.fixture
def tested(project):
    for tool in ("ruff", "mypy", "python"):
        stand_in(project, f".venv/bin/{tool}", ":")
    return project


def test_what_shares_the_processors_runs_first_and_all_else_alone(tested):
    assert start(tested, "tools/test.sh").wait(timeout=30) == 0
    *static, parallel, alone = calls(tested)
    assert static == STATIC
    assert parallel.startswith(PARALLEL)
    folders = parallel.removeprefix(PARALLEL).split()
    assert alone == "python -m pytest -q " + " ".join(f"--ignore={folder}" for folder in folders)
    assert folders
    assert all((ROOT / folder).is_dir() for folder in folders)


def test_arguments_are_pytests(tested):
    assert start(tested, "tools/test.sh", "-k", "two words", "tests/unit").wait(timeout=30) == 0
    assert calls(tested) == [*STATIC, "python -m pytest -q -k two words tests/unit"]


@pytest.mark.parametrize("tool", ["ruff", "mypy", "python"])
@pytest.mark.parametrize("arguments", [(), ("tests/unit",)])
def test_a_complaint_ends_it(tested, tool, arguments):
    stand_in(tested, f".venv/bin/{tool}", "exit 1")
    assert start(tested, "tools/test.sh", *arguments).wait(timeout=30) == 1
    assert calls(tested)[-1].startswith(tool)
