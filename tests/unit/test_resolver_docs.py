"""docs/resolver.md says what the program does: keys, defaults, facts, counters, as they are."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import tomllib
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin, get_type_hints

import pytest

from resolver.config import ForwardRule, HostedZone, ResolverConfig, RootHint
from resolver.config_file import read_config, render_config
from resolver.dns.counters import Counters, CountersRead
from resolver.machine import Endpoint
from resolver.shells import signals
from resolver.shells.program import build_machine

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "resolver.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "docs" / "examples" / "resolver.toml"

IN_WORDS = {
    (ResolverConfig, "next_on_rcodes"): "what the profile says",
    (ResolverConfig, "recursion_for"): "private and local ones",
    (ResolverConfig, "counters_every_s"): "only when asked",
    (ForwardRule, "timeout_s"): "what the profile says",
    (HostedZone, "text"): "this or `file`",
    (HostedZone, "file"): "this or `text`",
}
"""Defaults that are better told than printed."""

ELEMENTS = {"listen": "endpoints", "servers": "endpoints", "recursion_for": "networks",
            "private_addresses": "networks", "private_zones": "names", "addresses": "addresses",
            "next_on_rcodes": "numbers"}  # fmt: skip


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table behind a text, without its head."""
    behind = PAGE[PAGE.index(heading) :]
    table = re.search(r"(?:^\|.*\n)+", behind, re.MULTILINE)
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in table[0].splitlines()[2:]
    ]


def in_ticks(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def written(record: type, field: dataclasses.Field) -> tuple[str, str]:
    """Type and default as the page is to have them."""
    kind = get_type_hints(record)[field.name]
    if get_origin(kind) in {Union, UnionType}:
        kind = get_args(kind)[0]
    if get_origin(kind) in {tuple, frozenset}:
        name = "tables" if dataclasses.is_dataclass(get_args(kind)[0]) else ELEMENTS[field.name]
        name = ELEMENTS[field.name] if get_args(kind)[0] is Endpoint else name
    elif isinstance(kind, type) and issubclass(kind, Enum):
        name = " or ".join(f'"{member.value}"' for member in kind)
    else:
        plain = {bool: "true or false", str: "text", int: "number"}[kind]
        name = "seconds" if field.name.endswith("_ns") else plain
    if field.default is dataclasses.MISSING:
        return name, "required"
    defaults = tomllib.loads(render_config(ResolverConfig((Endpoint("192.0.2.1", 53),))))
    value = defaults.get(key(field), field.default)
    shown = str(value).lower() if isinstance(value, bool) else value
    return name, f'`"{value}"`' if isinstance(value, str) else f"`{shown}`"


def key(field: dataclasses.Field) -> str:
    return f"{field.name[:-3]}_s" if field.name.endswith("_ns") else field.name


@pytest.mark.parametrize(
    ("heading", "record"),
    [("### Keys", ResolverConfig), ("`[[zones]]`, a", HostedZone),
     ("`[[forward]]`, a", ForwardRule), ("`[[root_hints]]`, a", RootHint)],
)  # fmt: skip
def test_every_key_stands_there_with_its_type_and_default(heading, record):
    expected = []
    for field in dataclasses.fields(record):
        kind, default = written(record, field)
        expected.append([f"`{key(field)}`", kind, IN_WORDS.get((record, key(field)), default)])
    assert [row[:3] for row in rows(heading)] == expected
    assert all(row[3].endswith(".") for row in rows(heading))


def facts() -> dict[str, list[str]]:
    """The facts that a resolver may note, and their fields."""
    modules = ["dns.facts", "shells.program", "shells.journal", "shells.datagrams",
               "shells.streams"]  # fmt: skip
    found = {CountersRead.__name__: ["counters"]}
    for name in modules:
        module = importlib.import_module(f"resolver.{name}")
        for title, kind in inspect.getmembers(module, dataclasses.is_dataclass):
            if kind.__module__ == module.__name__ and not title.startswith("_"):
                found[title] = [field.name for field in dataclasses.fields(kind)]
    return found


def test_every_fact_stands_there_with_its_fields():
    told = {in_ticks(row[0])[0]: in_ticks(row[1]) or ["counters"] for row in rows("## The journal")}
    assert told == facts()
    assert {row[2] for row in rows("## The journal")} == {"events", "questions"}


def test_every_counter_stands_there():
    told = [name for row in rows("## The counters") for name in in_ticks(row[0])]
    assert told == [field.name for field in dataclasses.fields(Counters)]


def test_every_signal_stands_there():
    told = {name for row in rows("## Signals") for name in row[0].split(", ")}
    assert told == {number.name for number in (*signals.STOP, signals.REREAD, signals.COUNT)}


def test_the_examples_are_good(tmp_path):
    config = read_config(EXAMPLE)
    assert isinstance(config, ResolverConfig)
    assert config.zones
    assert config.forward
    assert config.root_hints
    build_machine(config, seed=1)
    (tmp_path / "example.net.zone").write_text("@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\n")
    snippets = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(snippets) == 2
    for snippet in snippets:
        path = tmp_path / "resolver.toml"
        path.write_text(snippet)
        build_machine(read_config(path), seed=1)
