"""From a user's words to what is swept: topology, parts, kinds of faults, viewers."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from lab.scenario.catalogue import CatalogueError, find_topology
from lab.sweep.combinations import visiting
from lab.sweep.parts import KINDS, USUAL, FaultKind, Part, parts_of
from lab.topology.load import TopologyError, load_topology
from lab.topology.plan import Plan
from lab.topology.planner import make_plan
from lab.viewer.profiles import PROFILES, ProfileName

USUAL_VIEWERS: tuple[ProfileName, ...] = ("glibc", "musl", "windows", "systemd-resolved")
"""The default set: the stub resolvers that most machines have, each as it comes."""

ALL = "all"
"""The word for every kind, or every viewer, that there is."""

T = TypeVar("T")


class SweepError(Exception):
    """Something the user gave cannot be swept; the message names it and the remedy."""


def topology_named(word: str, root: Path) -> tuple[str, Plan]:
    """A topology by its path or by its name in `topologies/`: how scenarios name it, and its plan.

    Raises CatalogueError for a name that is none, SweepError for a file that cannot be read or has
    nothing that a viewer could visit.
    """
    name = _topology_name(word, root)
    try:
        plan = make_plan(load_topology(root / "topologies" / f"{name}.toml"), name)
    except TopologyError as error:
        raise SweepError(str(error)) from error
    if plan.cluster_name is None:
        raise SweepError(
            f"{word}: cluster: there is none, so nothing that a viewer could connect to; sweep a "
            "topology with a [cluster], such as cluster-nat"
        )
    if not visiting(plan):
        raise SweepError(f"{word}: nodes: no viewer has a DNS server to ask; write asks = …")
    return name, plan


def kinds_named(words: Iterable[str]) -> tuple[FaultKind, ...]:
    """Kinds of faults by their names, in the order of reports; none: the default set."""
    return _chosen(words, KINDS, USUAL, "kind of fault")


def viewers_named(words: Iterable[str]) -> tuple[ProfileName, ...]:
    """Viewers by their profiles' names, in the order of reports; none: the default set."""
    names: Mapping[str, ProfileName] = {name: name for name in PROFILES}
    return _chosen(words, names, USUAL_VIEWERS, "viewer")


def parts_named(words: Iterable[str], plan: Plan) -> tuple[Part, ...]:
    """Parts by their names, "server1" (with its programs) or "server1/balancer"; none: all."""
    parts = {str(part): part for part in parts_of(plan)}
    chosen: dict[str, Part] = {}
    for word in words:
        found = {n: p for n, p in parts.items() if n == word or n.startswith(f"{word}/")}
        if not found:
            raise SweepError(_unknown("part", word, parts))
        chosen |= found
    return tuple(part for name, part in parts.items() if not chosen or name in chosen)


def refuse_what_breaks_nothing(parts: Sequence[Part], kinds: Sequence[FaultKind]) -> None:
    """Raise SweepError where no part can have any of these faults: such a sweep proves nothing."""
    if any(kind.fits(part) for part in parts for kind in kinds):
        return
    can = ", ".join(name for name, kind in KINDS.items() if any(map(kind.fits, parts)))
    raise SweepError(
        f"no part can have any of these faults: {', '.join(kind.name for kind in kinds)}; "
        f"{', '.join(map(str, parts))} can have {can}"
    )


def _topology_name(word: str, root: Path) -> str:
    folder = (root / "topologies").resolve()
    try:
        path = find_topology(word).resolve()
    except CatalogueError as unknown:
        raise SweepError(str(unknown)) from None
    if path.suffix != ".toml":
        raise SweepError(f"{word}: a topology file's name ends in .toml; rename it")
    if path.is_relative_to(folder):
        return path.relative_to(folder).with_suffix("").as_posix()
    # An absolute name stays what it is below any folder.
    return path.with_suffix("").as_posix()


def _chosen(
    words: Iterable[str], known: Mapping[str, T], usual: Iterable[str], what: str
) -> tuple[T, ...]:
    wanted = set(words) or set(usual)
    if ALL in wanted:
        wanted = (wanted - {ALL}) | set(known)
    for word in sorted(wanted - set(known)):
        raise SweepError(_unknown(what, word, known))
    return tuple(each for name, each in known.items() if name in wanted)


def _unknown(what: str, word: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"choose of {', '.join(names)}"
    return f"there is no {what} {word!r}; {hint}"
