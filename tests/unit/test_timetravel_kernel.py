"""The kernel of time travel: built once, found again, refused in words where it is missing."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.cli_frame import Exit
from lab.doctor import examine
from lab.worlds import timetravel_kernel
from lab.worlds.timetravel_kernel import kernel_file, timetravel_obstacles

ROOT = Path(__file__).parents[2]

FAKE_SOURCE = {
    "Makefile": "defconfig:\n\techo CONFIG_NET=y > .config\nolddefconfig:\n\t@true\nlinux:\n"
    "\tcp /bin/true linux\n"
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def bench(tmp_path):
    """A `tools` folder with the real script and a small kernel's source to build."""
    tools = tmp_path / "project" / "tools"
    tools.mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "kernel.sh", tools)
    (tools / "kernel.config").write_text("# package: none\nCONFIG_NET=y\n# CONFIG_SMP is not set\n")
    (tools / "kernel.patch").write_text("")
    (tools / "setup.sh").write_text("#!/bin/sh\n")
    (tools / "setup.sh").chmod(0o755)
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "patch").write_text('#!/bin/sh\necho "$@" > patched\n')
    (commands / "patch").chmod(0o755)
    return tools


def pack(folder, files):
    source = folder / "source"
    source.mkdir(exist_ok=True)
    for name, text in files.items():
        (source / name).write_text(text)
    archive = folder / "source.tar"
    subprocess.run(["tar", "-cf", archive, "-C", folder, "source"], check=True)
    return archive


def build(bench, *words: str, **environment: str):
    commands = bench.parents[1] / "commands"
    return subprocess.run(
        [bench / "kernel.sh", *words],
        env={**os.environ, "PATH": f"{commands}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_script_and_the_lab_look_in_the_same_place():
    done = subprocess.run(
        [ROOT / "tools" / "kernel.sh", "--where"], capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == kernel_file()


@pytest.mark.parametrize("file", ["kernel.config", "kernel.patch"])
def test_what_it_is_made_of_names_it(bench, file, monkeypatch):
    monkeypatch.setattr(timetravel_kernel, "_TOOLS", bench)
    before = kernel_file()
    with (bench / file).open("a") as end:
        end.write("# changed\n")
    assert kernel_file() != before


def test_it_is_built_once_and_found_again(bench, tmp_path, monkeypatch):
    archive = pack(tmp_path, FAKE_SOURCE)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = build(bench, KERNEL_SOURCE=str(archive), TMPDIR=str(scratch))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "compiling on" in done.stdout
    monkeypatch.setattr(timetravel_kernel, "_TOOLS", bench)
    assert os.access(kernel_file(), os.X_OK)
    assert timetravel_obstacles() == ()
    assert list(scratch.iterdir()) == []
    again = build(bench, KERNEL_SOURCE=str(archive))
    assert (again.returncode, again.stdout) == (0, f"the kernel is there: {kernel_file()}\n")


@pytest.mark.parametrize(
    ("files", "words", "code"),
    [
        ({"Makefile": "defconfig:\n\techo CONFIG_SMP=y > .config\n"}, "'make -s ARCH=um olddef", 3),
        (
            {"Makefile": FAKE_SOURCE["Makefile"].replace("@true", "echo CONFIG_A=y > .config")},
            "tools/kernel.config: this source has no 'CONFIG_NET=y'",
            2,
        ),
        (
            {"Makefile": FAKE_SOURCE["Makefile"].replace("@true", "echo CONFIG_SMP=y >> .config")},
            "tools/kernel.config: this source has no '# CONFIG_SMP is not set'",
            2,
        ),
        (
            {"Makefile": FAKE_SOURCE["Makefile"].replace("cp ", "false ")},
            "what it said last is above",
            3,
        ),
    ],
)
def test_what_does_not_work_is_told_and_nothing_is_kept(bench, tmp_path, cache, files, words, code):
    archive = pack(tmp_path, files)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = build(bench, KERNEL_SOURCE=str(archive), TMPDIR=str(scratch))
    assert done.returncode == code
    assert words in done.stderr
    assert list(scratch.iterdir()) == []
    assert list(cache.rglob("linux")) == []


def test_a_source_that_cannot_be_read_and_a_word_too_many_are_refused(bench, tmp_path):
    (tmp_path / "no.tar").write_text("no")
    done = build(bench, KERNEL_SOURCE=str(tmp_path / "no.tar"))
    assert done.returncode == 3
    assert "no.tar cannot be unpacked" in done.stderr
    assert build(bench, "now").returncode == 2


def test_another_machine_is_refused(bench):
    uname = bench.parents[1] / "commands" / "uname"
    uname.write_text("#!/bin/sh\necho aarch64\n")
    uname.chmod(0o755)
    done = build(bench)
    assert done.returncode == 3
    assert "Linux x86_64 only" in done.stderr


def test_without_it_time_travel_is_refused_with_the_command_that_builds_it():
    result = CliRunner().invoke(app, ["run", "cluster", "--world", "timetravel"])
    assert result.exit_code == Exit.HOST_CANNOT
    assert "its kernel is not built" in result.stderr
    assert "make kernel" in result.stderr


@pytest.mark.parametrize(
    ("machine", "mode", "words"),
    [("aarch64", 0o755, "Linux x86_64 only"), ("x86_64", 0o644, "cannot be executed")],
)
def test_each_obstacle_has_its_words(monkeypatch, machine, mode, words):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    kernel_file().parent.mkdir(parents=True)
    kernel_file().write_bytes(b"")
    kernel_file().chmod(mode)
    (obstacle,) = timetravel_obstacles()
    assert words in obstacle


@pytest.mark.parametrize("built", [True, False])
def test_doctor_tells(built):
    if built:
        kernel_file().parent.mkdir(parents=True)
        kernel_file().write_bytes(b"")
        kernel_file().chmod(0o755)
    examine.cache_clear()
    (told,) = (each for each in examine() if each.subject == "time travel")
    examine.cache_clear()
    assert told.fine is built
    assert ("make kernel" in told.remedy) is not built
    assert not told.needed
