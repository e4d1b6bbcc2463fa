"""The rules of who may import what, read from the code itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE = ("resolver/dns", "resolver/balance", "resolver/nat")
IMPURE_MODULES = {"socket", "asyncio", "time", "threading", "os", "selectors", "subprocess"}
ONLY_IMPORTERS = {
    "dnslib": {"resolver/dns/message.py", "resolver/dns/records.py"},
    "scapy": {"lab/scenario/packets.py", "lab/scenario/session.py"},
}


def imports(source: str) -> Iterator[str]:
    """Yield every module that a piece of code imports, at any depth."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def global_random_calls(source: str) -> list[str]:
    """Return uses of the global random generator: `import random`, or its functions by name."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name == "random"]
        elif isinstance(node, ast.ImportFrom) and node.module == "random":
            found += [alias.name for alias in node.names if alias.name != "Random"]
    return found


def files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def impurities(source: str) -> list[str]:
    modules = {name.split(".")[0] for name in imports(source)}
    return sorted(modules & IMPURE_MODULES) + global_random_calls(source)


@pytest.mark.parametrize("path", files(*PURE), ids=lambda path: str(path.relative_to(ROOT)))
def test_machines_are_pure(path: Path) -> None:
    assert impurities(path.read_text()) == []


@pytest.mark.parametrize("path", files("resolver"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_resolver_never_imports_the_lab(path: Path) -> None:
    assert [name for name in imports(path.read_text()) if name.split(".")[0] == "lab"] == []


@pytest.mark.parametrize(
    ("package", "folder"), [("dnslib", "resolver"), ("scapy", "resolver"), ("scapy", "lab")]
)
def test_a_package_has_one_door(package: str, folder: str) -> None:
    importers = {
        str(path.relative_to(ROOT))
        for path in files(folder)
        if any(name.split(".")[0] == package for name in imports(path.read_text()))
    }
    assert importers <= ONLY_IMPORTERS[package]


def test_only_the_mininet_world_imports_mininet() -> None:
    importers = {
        str(path.relative_to(ROOT))
        for path in files("lab", "resolver")
        if any(name.split(".")[0] == "mininet" for name in imports(path.read_text()))
    }
    assert importers
    assert all(name.startswith("lab/worlds/mininet") for name in importers)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import socket", ["socket"]),
        ("def f():\n    from time import sleep", ["time"]),
        ("import random", ["random"]),
        ("from random import choice", ["choice"]),
        ("from random import Random", []),
        ("import os.path", ["os"]),
    ],
)
def test_the_rule_finds_what_it_forbids(source: str, found: list[str]) -> None:
    assert impurities(source) == found
