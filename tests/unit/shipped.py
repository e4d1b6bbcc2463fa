"""What forwardlab ships. Whoever uses it keeps topologies and scenarios of his own beside these,
and they are nothing that our tests may judge."""

import shutil
import subprocess
from pathlib import Path

from lab.scenario.catalogue import load_module
from lab.scenario.model import Scenario

ROOT = Path(__file__).parents[2]
TOPOLOGIES = ROOT / "topologies"


def shipped_files(root: Path = ROOT) -> tuple[Path, ...]:
    """The files below topologies/ and scenarios/ that git tracks; without git, or without its
    history, all but those in the folders that the README gives to the user."""
    folders = ("topologies", "scenarios")
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--", *folders],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        listed = ""
    found = [root / name for name in listed.split("\0") if name] or [
        path
        for folder in folders
        for path in (root / folder).rglob("*")
        if not {"own", "__pycache__"} & set(path.relative_to(root).parts)
    ]
    return tuple(sorted(path for path in found if path.is_file()))


def shipped_topologies() -> list[Path]:
    """The topologies that are meant to be good: all but the errata."""
    return [path for path in shipped_files() if path.parent == TOPOLOGIES and _is_toml(path)]


def all_shipped_topologies() -> list[Path]:
    """The errata too."""
    return [path for path in shipped_files() if TOPOLOGIES in path.parents and _is_toml(path)]


def shipped_scenarios() -> dict[str, Scenario]:
    """The scenarios by id, in the order of their ids."""
    folder = ROOT / "scenarios"
    found: dict[str, Scenario] = {}
    for path in shipped_files():
        if folder in path.parents and path.suffix == ".py" and not path.name.startswith("_"):
            found.update(load_module(path, path.relative_to(folder).with_suffix("").as_posix()))
    return dict(sorted(found.items()))


def copy_shipped(project: Path) -> None:
    """Make a project folder that holds what is shipped and nothing else."""
    for path in shipped_files():
        copied = project / path.relative_to(ROOT)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copied)


def _is_toml(path: Path) -> bool:
    return path.suffix == ".toml"
