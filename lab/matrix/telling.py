"""A comparison of two matrices for people, as data, and as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any
from xml.etree import ElementTree as ET

from lab.matrix.comparing import MatrixChange, MatrixComparison
from lab.matrix.nat_table import clause_index
from lab.matrix.views import cell_index, waits_by
from lab.regression.compare import Direction
from lab.report.junit import as_xml, xml_document

_MARKS: dict[Direction, str] = {"worse": "✘", "changed": "•", "better": "✔"}


def lines(comparison: MatrixComparison) -> Iterator[str]:
    """What is not as it was, subject by subject, bad news first."""
    versions = _versions(comparison)
    told = set()
    for (seat, subject), changes in groupby(
        comparison.changes, key=lambda each: (each.seat, each.subject)
    ):
        told.add((seat, subject))
        version = versions.get((seat, subject), "")
        yield f"{seat}={subject}{f' {version}' if version else ''}"
        for each in changes:
            yield f"  {_MARKS[each.direction]} {each.kind:<19} {_told(each)}"
    for (seat, subject), version in versions.items():
        if (seat, subject) not in told and " → " in version:
            yield f"{seat}={subject} {version}: nothing changed"
    yield summary(comparison)


def summary(comparison: MatrixComparison) -> str:
    """The whole in one line."""
    scope = (
        f"{comparison.cells} cells, {comparison.clauses} NAT clauses and {comparison.waits} waits "
        "compared"
    )
    if not comparison.changes:
        return f"nothing changed; {scope}"
    counts = [
        f"{len(comparison.of(direction))} {direction}"
        for direction in ("worse", "changed", "better")
    ]
    return f"{', '.join(counts)}; {scope}"


def content(comparison: MatrixComparison) -> dict[str, Any]:
    """The comparison as JSON has it; docs/matrix.md has the keys."""
    return {
        "cells_compared": comparison.cells,
        "clauses_compared": comparison.clauses,
        "waits_compared": comparison.waits,
        "worse": len(comparison.of("worse")),
        "changed": len(comparison.of("changed")),
        "better": len(comparison.of("better")),
        "versions": {
            f"{seat}={subject}": version
            for (seat, subject), version in _versions(comparison).items()
        },
        "changes": [
            {
                "direction": each.direction,
                "kind": each.kind,
                "seat": each.seat,
                "subject": each.subject,
                "what": each.what,
                "before": each.before,
                "after": each.after,
                "why": each.why,
            }
            for each in comparison.changes
        ],
    }


def junit_xml(comparison: MatrixComparison) -> str:
    """One case for each cell, NAT clause and wait of either side: a failure where it became
    worse."""
    suite = ET.Element("testsuite", name="forwardlab compare")
    sides = (comparison.base, comparison.new)
    cases = dict.fromkeys(
        (seat, subject, rule) for side in sides for rule, seat, subject in cell_index(side)
    )
    cases |= dict.fromkeys(
        ("nat", subject, what) for side in sides for subject, what in clause_index(side)
    )
    cases |= dict.fromkeys(
        ("dns", subject, f"{failure}@{viewer}")
        for side in sides
        for failure, subject, viewer in waits_by(side.waits)
    )
    changed = {(each.seat, each.subject, each.what): each for each in comparison.changes}
    failures = 0
    for seat, subject, what in cases:
        case = ET.SubElement(
            suite, "testcase", classname=as_xml(f"matrix.{seat}.{subject}"), name=as_xml(what)
        )
        change = changed.get((seat, subject, what))
        if change is None:
            continue
        if change.direction == "worse":
            failures += 1
            failure = ET.SubElement(
                case, "failure", type=change.kind, message=as_xml(_told(change))
            )
            failure.text = as_xml(f"{change.kind}: {_told(change)}")
        ET.SubElement(case, "system-out").text = as_xml(
            f"{change.direction}: {change.kind}: {_told(change)}"
        )
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(failures))
    root = ET.Element("testsuites", name="forwardlab compare")
    root.append(suite)
    return xml_document(root)


def _versions(comparison: MatrixComparison) -> dict[tuple[str, str], str]:
    """The version of each subject on both sides: "1.17.1 → 1.19.2", or one where it is the same."""
    before = {(each.seat, each.subject): each.version for each in comparison.base.columns}
    found = {}
    for each in comparison.new.columns:
        was = before.get((each.seat, each.subject), each.version)
        same = was == each.version
        found[each.seat, each.subject] = (
            str(each.version or "not installed")
            if same
            else f"{was or 'not installed'} → {each.version or 'not installed'}"
        )
    return found


def _told(each: MatrixChange) -> str:
    turned = " → ".join(part for part in (each.before, each.after) if part)
    return f"{each.what}: {turned}{f' ({each.why})' if each.why else ''}"
