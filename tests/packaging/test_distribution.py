"""What an installation holds, against what the project holds."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = ("lab", "resolver")


def held(root: Path) -> set[str]:
    """Every file of our packages under `root`, but for what Python and editors leave there."""
    return {
        path.relative_to(root).as_posix()
        for top in TOP
        for path in (root / top).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }


def test_the_list_of_packages_is_every_folder_with_code():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.rpartition("/")[0].replace("/", ".") for path in held(ROOT) if ".py" in path}
    assert sorted(listed) == sorted(folders)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with forwardlab installed from a copy of the project, nothing fetched."""
    copy = tmp_path_factory.mktemp("copy")
    for name in ("pyproject.toml", "README.md"):
        (copy / name).write_bytes((ROOT / name).read_bytes())
    for path in held(ROOT):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_bytes((ROOT / path).read_bytes())
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir"]
    flags = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(target)]
    done = subprocess.run(
        [*pip, "install", *flags, str(copy)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return target


def test_an_installation_holds_every_file_of_the_packages(installed):
    assert held(installed) == held(ROOT)


def test_the_installed_code_finds_its_own_files(installed, tmp_path):
    program = """
from lab.judge.rules import RULES
from lab.report.html import report_page
from sample_record import sample_run
assert RULES and "</html>" in report_page(sample_run(), {})
print(report_page.__code__.co_filename)
"""
    path = f"{installed}:{ROOT / 'tests' / 'unit'}"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(installed)
