"""A comparison for people, as data, and as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from lab.regression.compare import Change, Comparison, Direction
from lab.regression.shift import Shift
from lab.report.junit import as_xml, xml_document

_MARKS: dict[Direction, str] = {"worse": "✘", "changed": "•", "better": "✔"}
_UNJUDGED_TOLD = 3


def lines(comparison: Comparison) -> Iterator[str]:
    """What is not as it was, bad news first, and what could not be judged."""
    for each in comparison.changes:
        yield f"{_MARKS[each.direction]} {each.kind:<21} {_told(each)}"
    for note in comparison.notes:
        yield f"note: {note}"
    if comparison.unjudged:
        yield _cannot_judge(comparison)
    yield summary(comparison)


def summary(comparison: Comparison) -> str:
    """The whole in one line."""
    base, new = comparison.base, comparison.new
    counts = [
        f"{len(comparison.of(direction))} {direction}"
        for direction in ("worse", "changed", "better")
    ]
    judged = comparison.compared - len(comparison.unjudged)
    scope = (
        f"{len(set(base.verdicts) & set(new.verdicts))} scenarios and {judged} figures compared, "
        f"{new.clock} clock"
    )
    if comparison.changes:
        return f"{', '.join(counts)}; {scope}"
    return f"{'no verdict' if comparison.unjudged else 'nothing'} changed; {scope}"


def content(comparison: Comparison) -> dict[str, Any]:
    """The comparison as JSON has it; docs/regression.md has the keys."""
    base, new = comparison.base, comparison.new
    return {
        "clock": new.clock,
        "world": {"base": base.world, "new": new.world},
        "scenarios": {"base": len(base.verdicts), "new": len(new.verdicts)},
        "repeat": {"base": base.repeat, "new": new.repeat},
        "figures_compared": comparison.compared - len(comparison.unjudged),
        "worse": len(comparison.of("worse")),
        "changed": len(comparison.of("changed")),
        "better": len(comparison.of("better")),
        "changes": [_change(each) for each in comparison.changes],
        "cannot_judge": [
            {"scenario": key.scenario, "figure": key.name, "repetitions_needed": needed}
            for key, needed in sorted(comparison.unjudged.items())
        ],
        "notes": list(comparison.notes),
    }


def junit_xml(comparison: Comparison) -> str:
    """One case for each scenario of either side: a failure where something became worse. What
    changed otherwise stands in `system-out`."""
    suite = ET.Element("testsuite", name="forwardlab compare")
    scenarios = sorted({*comparison.base.verdicts, *comparison.new.verdicts})
    failures = 0
    for scenario in scenarios:
        folder, _, name = scenario.rpartition("/")
        case = ET.SubElement(
            suite,
            "testcase",
            classname=as_xml(f"compare.{folder or 'scenarios'}".replace("/", ".")),
            name=as_xml(name),
        )
        own = [each for each in comparison.changes if each.scenario == scenario]
        worse = [each for each in own if each.direction == "worse"]
        if worse:
            failures += 1
            failure = ET.SubElement(case, "failure", type=worse[0].kind, message=_told(worse[0]))
            failure.text = as_xml("\n".join(f"{each.kind}: {_told(each)}" for each in worse))
        if own:
            told = "\n".join(f"{each.direction}: {each.kind}: {_told(each)}" for each in own)
            ET.SubElement(case, "system-out").text = as_xml(told)
    suite.set("tests", str(len(scenarios)))
    suite.set("failures", str(failures))
    root = ET.Element("testsuites", name="forwardlab compare")
    root.append(suite)
    return xml_document(root)


def _told(each: Change) -> str:
    what = f" · {each.what}" if each.what else ""
    turned = " → ".join(part for part in (each.before, each.after) if part)
    moved = ""
    if each.shift is not None:
        shift = each.shift
        moved = (
            f" ({_percent(shift.factor)}, between {_percent(shift.low)} and "
            f"{_percent(shift.high)}; p {shift.p:.2g}; by itself {_percent(shift.noise)}"
            f"{_crowded(shift)})"
        )
    return f"{each.scenario}{what}: {turned}{moved}"


def _crowded(shift: Shift) -> str:
    return "" if shift.crowding == 1 else f", crowding {_percent(shift.crowding)}"


def _percent(factor: float) -> str:
    return f"{100 * (factor - 1):+.0f} %"


def _cannot_judge(comparison: Comparison) -> str:
    unjudged = sorted(comparison.unjudged.items())
    named = ", ".join(str(key) for key, _ in unjudged[:_UNJUDGED_TOLD])
    more = f" and {len(unjudged) - _UNJUDGED_TOLD} more" if len(unjudged) > _UNJUDGED_TOLD else ""
    needed = max(needed for _, needed in unjudged)
    return (
        f"cannot judge {len(unjudged)} figures ({named}{more}): too few repetitions to tell a "
        f"change from noise; run both sides with --repeat {needed}, or compare fewer scenarios"
    )


def _change(each: Change) -> dict[str, Any]:
    told: dict[str, Any] = {
        "direction": each.direction,
        "kind": each.kind,
        "scenario": each.scenario,
        "what": each.what or "verdict",
        "before": each.before,
        "after": each.after,
    }
    if each.shift is not None:
        shift = each.shift
        told |= {
            "factor": shift.factor,
            "interval": [shift.low, shift.high],
            "p": shift.p,
            "noise": shift.noise,
            "crowding": shift.crowding,
        }
    return told
