"""The rule catalogue: every behaviour that can be judged, with its source and severity.

`rules.tsv` is the catalogue as people edit it; `RULES` is the same, read once.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias, cast

Severity: TypeAlias = Literal["MUST", "SHOULD", "observed"]

SEVERITIES: tuple[Severity, ...] = ("MUST", "SHOULD", "observed")
"""Strictest first."""

_COLUMNS = ["id", "area", "rule", "source", "severity"]
_CATALOGUE = Path(__file__).with_name("rules.tsv")


class CatalogueMalformed(Exception):
    """The catalogue cannot be read; the message lists every fault with its line."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A behaviour that is required, recommended or worth knowing."""

    id: str
    """"CLU-04": area and number, never reused."""
    area: str
    text: str
    source: str
    """An RFC section, a source document (S-TG: the cluster FAQ, S-MS: the forwarders article), or
    the conformance suite in which the idea was seen."""
    severity: Severity


def load_rules(path: Path = _CATALOGUE) -> Mapping[str, Rule]:
    """The catalogue by id, in the file's order. Raises CatalogueMalformed with every fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CatalogueMalformed(
            f"{path}: {error.strerror}; the rule catalogue belongs beside lab/judge/rules.py"
        ) from error
    # Rules quote freely, so the tab is the only character with a meaning.
    lines = list(csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    if not lines or lines[0] != _COLUMNS:
        raise CatalogueMalformed(f"{path}:1: the first line must name the columns: {_COLUMNS}")
    rules: dict[str, Rule] = {}
    faults = []
    for number, cells in enumerate(lines[1:], start=2):
        fault = _fault(cells, rules)
        if fault:
            faults.append(f"{path}:{number}: {fault}")
            continue
        rule_id, area, rule, source, severity = cells
        rules[rule_id] = Rule(rule_id, area, rule, source, cast("Severity", severity))
    if faults:
        raise CatalogueMalformed("\n".join(faults))
    return MappingProxyType(rules)


def _fault(cells: list[str], known: Mapping[str, Rule]) -> str | None:
    if len(cells) != len(_COLUMNS):
        return f"{len(cells)} columns instead of {len(_COLUMNS)}; separate them with single tabs"
    empty = [column for column, cell in zip(_COLUMNS, cells, strict=True) if not cell.strip()]
    if empty:
        return f"nothing in column {empty[0]!r}; every rule needs all columns"
    if cells[0] in known:
        return f"rule {cells[0]} is there already; give the new one a number of its own"
    if cells[4] not in SEVERITIES:
        return f"severity {cells[4]!r} is unknown; write one of {', '.join(SEVERITIES)}"
    return None


def strictest(rules: Iterable[str]) -> Severity:
    """The strictest severity among these rules; KeyError names an id the catalogue lacks."""
    found = {RULES[rule].severity for rule in rules}
    return next((severity for severity in SEVERITIES if severity in found), "observed")


RULES: Mapping[str, Rule] = load_rules()
