"""Finding scenarios: one Python module is one question, and its id is its path.

A scenario with viewers is selected for all of them (`ID@glibc`, `ID@musl`), or for the one that is
written behind an "@".

A module under `scenarios/` binds `SCENARIO`, or `SCENARIOS` (variant → scenario) where one question
has variants: `scenarios/security/forged_reply.py` with the variant `wrong_id` has the id
`security/forged_reply/wrong_id`. Modules whose name begins with an underscore are not scenarios.

A module that cannot be read is in nobody's way but of those who select it.
"""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from lab.judge.rules import RULES
from lab.scenario.files import SUFFIX, ScenarioUnreadable, read_scenario
from lab.scenario.model import Scenario
from lab.scenario.wording import complaint
from lab.values import unknown

_FOLDER = "scenarios"
_ALL = "*"
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_.@-]")


class CatalogueError(Exception):
    """A scenario that cannot be loaded or found; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The scenarios of a project folder."""

    folder: Path
    """`scenarios/`."""
    scenarios: Mapping[str, Scenario]
    """By id, in the order of their ids."""
    refused: Mapping[str, str]
    """Why a module cannot be read, by the id it has or would have."""
    files: dict[str, Path] = field(default_factory=dict)
    """The JSON files among what was selected, by the id that their scenario runs under."""

    def select(self, wanted: Iterable[str]) -> dict[str, Scenario]:
        """Select scenarios by id, folder, glob or path, of those with viewers once for each;
        nothing wanted selects all.

        Raises CatalogueError for a word that selects nothing, with the nearest known id, and for
        one that selects a module that cannot be read.
        """
        words = list(wanted)
        if not words:
            self._refuse(self.refused)
            return dict(sorted(_for_viewers(self.scenarios).items()))
        chosen: dict[str, Scenario] = {}
        unreadable: dict[str, str] = {}
        for word in words:
            if files := self._scenario_files(word):
                for path in files:
                    chosen |= self._of_file(path)
                continue
            before, at, viewer = word.partition("@")
            pattern = self._pattern(before)
            matching = {each: self.scenarios[each] for each in _covered(pattern, self.scenarios)}
            refused = {each: self.refused[each] for each in _covered(pattern, self.refused)}
            # A module that cannot be read does not say which variants it has.
            refused |= {
                each: why for each, why in self.refused.items() if pattern.startswith(f"{each}/")
            }
            if not matching and not refused:
                near = difflib.get_close_matches(pattern, self.scenarios, n=1, cutoff=0.4)
                hint = f"did you mean {near[0]}?" if near else "`forwardlab list` shows all"
                raise CatalogueError(f"no scenario, folder or pattern {word!r}; {hint}")
            runs = _for_viewers(matching)
            if at:
                runs = {each: runs[each] for each in runs if each.endswith(f"@{viewer}")}
                if not runs and not refused:
                    raise CatalogueError(f"{word!r}: {_no_viewer(viewer, matching)}")
            chosen |= runs
            unreadable |= refused
        self._refuse(unreadable)
        return dict(sorted(chosen.items()))

    def left_out(self) -> tuple[str, ...]:
        """A line for each module that cannot be read, for whoever did not select it."""
        return tuple(f"warning: left out: {why}" for why in self.refused.values())

    def place(self, identifier: str, problem: str) -> str:
        """A problem of a scenario, with its file and, where it has variants, its variant."""
        if identifier in self.files:
            return f"{self.files[identifier]}: {problem}"
        identifier = identifier.partition("@")[0]
        path = self.folder / f"{identifier}.py"
        if path.is_file():
            return f"{path}: {problem}"
        module, _, variant = identifier.rpartition("/")
        return f"{self.folder / module}.py: {_variant(variant)}{problem}"

    def _scenario_files(self, word: str) -> list[Path]:
        """The JSON file that a word names, or those of the folder that it names."""
        path = Path(word)
        if word.endswith(SUFFIX) and path.is_file():
            return [path]
        if not word or not path.is_dir() or path.resolve().is_relative_to(self.folder.resolve()):
            return []
        return sorted(path.glob(f"*{SUFFIX}"))

    def _of_file(self, path: Path) -> dict[str, Scenario]:
        """The scenario of a JSON file, wherever it lies, once for each of its viewers."""
        try:
            scenario = read_scenario(path)
        except ScenarioUnreadable as error:
            raise CatalogueError(str(error)) from error
        _check_rules(f"{path}: ", scenario)
        found = _for_viewers({_NOT_IN_IDS.sub("_", path.stem).lstrip(".-") or "scenario": scenario})
        for identifier in found:
            if self.files.get(identifier, path) != path or identifier in self.scenarios:
                raise CatalogueError(
                    f"{path}: file: another scenario of this run is named {identifier!r} too; "
                    "rename the file, or run them one after the other"
                )
            self.files[identifier] = path
        return found

    def _refuse(self, refused: Mapping[str, str]) -> None:
        if refused:
            raise CatalogueError("\n".join(why for _, why in sorted(refused.items())))

    def _pattern(self, word: str) -> str:
        """The id, folder or glob that a word means.

        What exists is a path, from the current folder; anything else is taken for an id.
        """
        for path in (Path(word), Path(f"{word}.py")):
            if word and path.exists():
                real, folder = path.resolve(), self.folder.resolve()
                if real.is_relative_to(folder):
                    return _identifier(real.relative_to(folder)) if real != folder else _ALL
                if real == folder.parent:
                    return _ALL
                if path.is_absolute() or ".." in path.parts:
                    raise CatalogueError(
                        f"{word!r} lies outside {self.folder}; name something in there, or run "
                        "forwardlab from the folder it belongs to"
                    )
        within = word.rstrip("/").removesuffix(".py")
        return _ALL if within == _FOLDER else within.removeprefix(f"{_FOLDER}/")


def project_root() -> Path:
    """Return the folder that holds `scenarios/` and `topologies/`: the current one, the nearest
    above it, or ours."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parent.parent.parent):
        if (folder / _FOLDER).is_dir() and (folder / "topologies").is_dir():
            return folder
    raise CatalogueError(
        "no folder here has scenarios/ and topologies/; run forwardlab from the project's folder"
    )


def known_topologies(root: Path) -> list[str]:
    """All topologies there, by name: their files' paths below `topologies/`, without ".toml"."""
    folder = root / "topologies"
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.toml")
    )


def find_topology(word: str) -> Path:
    """A topology's file as given, or by its name. Raises CatalogueError where that name is none."""
    path = Path(word)
    if path.suffix == ".toml" or path.is_file():
        return path
    root = project_root()
    known = known_topologies(root)
    if word not in known:
        near = difflib.get_close_matches(word, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        raise CatalogueError(f"there is no topology {word!r}; {hint}")
    return root / "topologies" / f"{word}.toml"


def read_catalogue(root: Path | None = None) -> Catalogue:
    """Read every module below `scenarios/`, those that cannot be read too."""
    folder = (root or project_root()) / _FOLDER
    found: dict[str, Scenario] = {}
    refused: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        if not path.name.startswith("_") and path.name != "conftest.py":
            identifier = _identifier(path.relative_to(folder))
            try:
                found.update(load_module(path, identifier))
            except CatalogueError as error:
                refused[identifier] = str(error)
    return Catalogue(folder, dict(sorted(found.items())), refused)


def load_module(path: Path, identifier: str) -> dict[str, Scenario]:
    """Load the scenarios of one module; CatalogueError names the file and what is wrong."""
    spec = importlib.util.spec_from_file_location(
        f"forwardlab_scenarios.{identifier.replace('/', '.')}", path
    )
    if spec is None or spec.loader is None:
        raise CatalogueError(f"{path}: file: not a Python module; give it a name that ends in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise CatalogueError(f"{path}: {complaint(error, path)}") from error
    one = getattr(module, "SCENARIO", None)
    several = getattr(module, "SCENARIOS", None)
    if isinstance(one, Scenario):
        _check_rules(f"{path}: ", one)
        return {identifier: one}
    if (
        isinstance(several, Mapping)
        and several
        and all(isinstance(each, Scenario) for each in several.values())
    ):
        for variant, each in several.items():
            _check_rules(f"{path}: {_variant(variant)}", each)
        return {f"{identifier}/{variant}": each for variant, each in several.items()}
    raise CatalogueError(
        f"{path}: file: binds neither SCENARIO nor SCENARIOS; bind one of them to a Scenario, or "
        "to Scenarios by variant, or begin the file's name with an underscore"
    )


def _identifier(within: Path) -> str:
    return within.as_posix().removesuffix(".py")


def _variant(name: str) -> str:
    return f"SCENARIOS[{name!r}]."


def _for_viewers(scenarios: Mapping[str, Scenario]) -> dict[str, Scenario]:
    """Each scenario, of those with viewers one for each of them."""
    found: dict[str, Scenario] = {}
    for identifier, scenario in scenarios.items():
        found |= expanded(identifier, scenario)
    return found


def expanded(identifier: str, scenario: Scenario) -> dict[str, Scenario]:
    """What is to be run of a scenario, by id: itself, or one for each of its viewers."""
    if not scenario.viewers:
        return {identifier: scenario}
    return {f"{identifier}@{viewer}": scenario.for_viewer(viewer) for viewer in scenario.viewers}


def _no_viewer(viewer: str, scenarios: Mapping[str, Scenario]) -> str:
    known = sorted({each for scenario in scenarios.values() for each in scenario.viewers})
    if not known:
        return f"it runs for no viewer in particular; leave out '@{viewer}'"
    return unknown("viewer", viewer, known)


def _covered(pattern: str, identifiers: Iterable[str]) -> list[str]:
    """Those of the ids that an id, a folder or a glob covers."""
    return [
        each
        for each in identifiers
        if pattern == each or each.startswith(f"{pattern}/") or fnmatchcase(each, pattern)
    ]


def _check_rules(where: str, scenario: Scenario) -> None:
    for place, expectation in enumerate(scenario.expectations):
        for rule in expectation.rules:
            if rule not in RULES:
                near = difflib.get_close_matches(rule, RULES, n=1)
                hint = f"did you mean {near[0]}?" if near else "see lab/judge/rules.tsv"
                raise CatalogueError(
                    f"{where}expectations[{place}].rules: no rule {rule!r}; {hint}"
                )


def unknown_topology(scenario: Scenario, root: Path) -> str | None:
    """Tell that the project has no such topology; None when it has."""
    if Path(scenario.topology).is_absolute() and Path(f"{scenario.topology}.toml").is_file():
        return None
    known = known_topologies(root)
    if scenario.topology in known:
        return None
    by_stem = {name.rpartition("/")[2]: name for name in known}
    near = difflib.get_close_matches(scenario.topology.rpartition("/")[2], by_stem, n=1)
    hint = f"did you mean {by_stem[near[0]]!r}?" if near else f"known are {', '.join(known)}"
    return f"topology: no topology {scenario.topology!r}; {hint}"
