"""Finding scenarios: one Python module is one question, and its id is its path.

A module under `scenarios/` binds `SCENARIO`, or `SCENARIOS` (variant → scenario) where one question
has variants: `scenarios/security/forged_reply.py` with the variant `wrong_id` has the id
`security/forged_reply/wrong_id`. Modules whose name begins with an underscore are not scenarios.
"""

from __future__ import annotations

import difflib
import importlib.util
import traceback
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from lab.judge.rules import RULES
from lab.scenario.model import Scenario


class CatalogueError(Exception):
    """A scenario that cannot be loaded or found; the message names the file and the remedy."""


def project_root() -> Path:
    """Return the folder that holds `scenarios/` and `topologies/`: the current one, or ours."""
    for folder in (Path.cwd(), Path(__file__).resolve().parent.parent.parent):
        if (folder / "scenarios").is_dir() and (folder / "topologies").is_dir():
            return folder
    raise CatalogueError(
        "no folder here has scenarios/ and topologies/; run forwardlab from the project's folder"
    )


@cache
def all_scenarios(root: Path | None = None) -> Mapping[str, Scenario]:
    """Every scenario by id, in the order of their ids."""
    folder = (root or project_root()) / "scenarios"
    found: dict[str, Scenario] = {}
    for path in sorted(folder.rglob("*.py")):
        if not path.name.startswith("_") and path.name != "conftest.py":
            found.update(load_module(path, path.relative_to(folder).with_suffix("").as_posix()))
    return dict(sorted(found.items()))


def load_module(path: Path, identifier: str) -> dict[str, Scenario]:
    """Load the scenarios of one module; CatalogueError names the file and what is wrong."""
    spec = importlib.util.spec_from_file_location(
        f"forwardlab_scenarios.{identifier.replace('/', '.')}", path
    )
    if spec is None or spec.loader is None:
        raise CatalogueError(f"{path}: not a Python module")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise CatalogueError(f"{path}: {_told(error, path)}") from error
    one = getattr(module, "SCENARIO", None)
    several = getattr(module, "SCENARIOS", None)
    if isinstance(one, Scenario):
        scenarios = {identifier: one}
    elif (
        isinstance(several, Mapping)
        and several
        and all(isinstance(each, Scenario) for each in several.values())
    ):
        scenarios = {f"{identifier}/{variant}": each for variant, each in several.items()}
    else:
        raise CatalogueError(
            f"{path}: binds neither SCENARIO nor SCENARIOS; bind one of them to a Scenario, or to "
            "Scenarios by variant, or begin the file's name with an underscore"
        )
    for each in scenarios.values():
        _check_rules(path, each)
    return scenarios


def _told(error: BaseException, path: Path) -> str:
    """Tell in one line what is wrong in a module, and where: the last line of it that ran."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    if isinstance(error, ValidationError):
        words = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}".removeprefix(": ")
            for each in error.errors()
        )
    else:
        told = str(error) if isinstance(error, Exception) else f"SystemExit: {error}"
        words = told or type(error).__name__
    return f"line {lines[-1]}: {words}" if lines else words


def select(wanted: Iterable[str], scenarios: Mapping[str, Scenario]) -> dict[str, Scenario]:
    """Select scenarios by id, folder or glob; nothing wanted selects all.

    Raises CatalogueError for a word that selects nothing, with the nearest known id.
    """
    words = [word.removeprefix("scenarios/").removesuffix(".py").rstrip("/") for word in wanted]
    if not words:
        return dict(scenarios)
    chosen: dict[str, Scenario] = {}
    for word in words:
        matching = {
            identifier: scenario
            for identifier, scenario in scenarios.items()
            if identifier == word
            or identifier.startswith(f"{word}/")
            or fnmatchcase(identifier, word)
        }
        if not matching:
            near = difflib.get_close_matches(word, scenarios, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]}?" if near else "`forwardlab list` shows all"
            raise CatalogueError(f"no scenario, folder or pattern {word!r}; {hint}")
        chosen.update(matching)
    return dict(sorted(chosen.items()))


def _check_rules(path: Path, scenario: Scenario) -> None:
    for place, expectation in enumerate(scenario.expectations):
        for rule in expectation.rules:
            if rule not in RULES:
                near = difflib.get_close_matches(rule, RULES, n=1)
                hint = f"did you mean {near[0]}?" if near else "see lab/judge/rules.tsv"
                raise CatalogueError(
                    f"{path}: expectations[{place}].rules: no rule {rule!r}; {hint}"
                )
