"""What can be typed next in the shell."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

from lab.teaching.nodes import UnknownNode, names_of, node_called
from lab.teaching.orders import ACTIONS, VERBS
from lab.topology.plan import Plan
from lab.viewer.profiles import PROFILE_NAMES
from resolver.config import ResolverConfig

_USUAL_TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT")


def candidates(
    words: Sequence[str],
    begun: str,
    plan: Plan,
    programs: Callable[[], Iterable[str]] | None = None,
) -> list[str]:
    """The words that may follow `words` and begin with `begun`, sorted. `programs`: names of
    programs that can be run in a node; None: those on the PATH."""
    fitting = {word for word in _following(words, plan) if word.startswith(begun)}
    if not fitting and len(words) == 1 and words[0] in names_of(plan):
        # A program that the node could run: thousands, so only where nothing nearer fits.
        fitting = {word for word in (programs or programs_on_path)() if word.startswith(begun)}
    return sorted(fitting)


def _following(words: Sequence[str], plan: Plan) -> Iterable[str]:
    called = [name for name in names_of(plan) if " " not in name]
    if not words:
        return [*VERBS, *called]
    first, *others = words
    if first in {"fail", "repair"}:
        return _programs_of(others, plan) if others else called
    if first in VERBS:
        return _files() if first == "capture" and not others else ()
    try:
        node_called(plan, first)
    except UnknownNode:
        return ()
    return _arguments(others[0], others[1:], plan, called) if others else ACTIONS


def _arguments(
    action: str, words: Sequence[str], plan: Plan, called: Sequence[str]
) -> Iterable[str]:
    """What may follow a node and what it does."""
    match action:
        case "lookup":
            return [*_names(plan), *_USUAL_TYPES, *(f"@{name}" for name in called)]
        case "connect":
            return () if words else [*_dialled(plan), *called]
        case "visit":
            return () if words else PROFILE_NAMES
        case _:
            addresses = [address for node in plan.nodes for address in node.addresses()]
            at = [f"@{address}" for address in addresses]
            return [*_names(plan), *_dialled(plan), *addresses, *at]


def _programs_of(words: Sequence[str], plan: Plan) -> list[str]:
    if len(words) > 1:
        return []
    try:
        return [program.name for program in node_called(plan, words[0]).programs]
    except UnknownNode:
        return []


def _names(plan: Plan) -> list[str]:
    """Names that the set-up knows: the cluster's, and the zones that are held or forwarded."""
    found = [plan.cluster_name] if plan.cluster_name else []
    for node in plan.nodes:
        for program in node.programs:
            if isinstance(program.config, ResolverConfig):
                found += [rule.zone for rule in program.config.forward if rule.zone != "."]
                found += [zone.origin for zone in program.config.zones if zone.origin != "."]
    return found


def _dialled(plan: Plan) -> list[str]:
    """The servers' addresses as viewers know them."""
    servers = plan.with_role("server")
    return [server.alias or server.addresses()[0] for server in servers if server.addresses()]


def _files() -> list[str]:
    return [path.name for path in Path.cwd().glob("*.pcapng")]


@cache
def programs_on_path() -> tuple[str, ...]:
    """Every program that a word can start."""
    found: set[str] = set()
    for folder in os.get_exec_path():
        try:
            with os.scandir(folder) as entries:
                found.update(entry.name for entry in entries if os.access(entry.path, os.X_OK))
        except OSError:
            continue
    return tuple(sorted(found))
