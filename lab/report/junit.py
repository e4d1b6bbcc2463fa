"""The record as JUnit XML, for whatever already shows test results."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

from lab.report.record import EvidenceRecord, ExpectationRecord, RunRecord, ScenarioRecord
from lab.report.repetitions import instabilities, once_each

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 section 2.2 has no way to write; packets may hold any of it."""


def junit_xml(record: RunRecord) -> str:
    """One suite per folder of scenarios, one case per scenario: FAILED is a failure, BROKEN an
    error, UNSUPPORTED skipped with its reason; the evidence stands in `system-out`. A scenario that
    was repeated is one case, with its worst outcome; a verdict that differed is a failure too."""
    root = ET.Element("testsuites", name="forwardlab", time=_seconds(record.wall_s))
    unstable = instabilities(record)
    by_folder: dict[str, list[ScenarioRecord]] = {}
    for scenario in once_each(record).scenarios:
        by_folder.setdefault(scenario.id.rpartition("/")[0] or "scenarios", []).append(scenario)
    for folder, scenarios in by_folder.items():
        root.append(_suite(folder, scenarios, record, unstable))
    _count(root, once_each(record).scenarios, unstable)
    return xml_document(root)


def _suite(
    folder: str,
    scenarios: list[ScenarioRecord],
    record: RunRecord,
    unstable: Mapping[str, str],
) -> ET.Element:
    suite = ET.Element(
        "testsuite",
        name=as_xml(folder),
        timestamp=as_xml(record.started),
        time=_seconds(sum(each.wall_s for each in scenarios)),
    )
    _count(suite, scenarios, unstable)
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("world", record.world),
        ("world_requested", record.world_requested),
        ("seed", str(record.seed)),
        ("forwardlab", record.forwardlab),
    ):
        ET.SubElement(properties, "property", name=name, value=as_xml(value))
    for scenario in scenarios:
        suite.append(_case(scenario, unstable.get(scenario.id, "")))
    return suite


def _count(
    element: ET.Element, scenarios: Sequence[ScenarioRecord], unstable: Mapping[str, str]
) -> None:
    element.set("tests", str(len(scenarios)))
    kinds: list[str] = [
        "failed" if each.id in unstable and each.outcome != "broken" else each.outcome
        for each in scenarios
    ]
    for name, outcome in (("failures", "failed"), ("errors", "broken"), ("skipped", "unsupported")):
        element.set(name, str(kinds.count(outcome)))


def _case(scenario: ScenarioRecord, differs: str) -> ET.Element:
    """`differs`: in what its repetitions do; empty when they agree."""
    folder, _, name = scenario.id.rpartition("/")
    case = ET.Element(
        "testcase",
        classname=as_xml((folder or "scenarios").replace("/", ".")),
        name=as_xml(name),
        time=_seconds(scenario.wall_s),
    )
    told = "\n".join(_told(each) for each in scenario.expectations)
    if scenario.outcome == "failed":
        unwanted = [each for each in scenario.expectations if _counts_against(each)]
        message = "; ".join(each.text for each in unwanted) or missing_violations(scenario)
        failure = ET.SubElement(case, "failure", type="failed", message=as_xml(message))
        failure.text = as_xml("\n".join(_told(each) for each in unwanted) or message)
    elif scenario.outcome == "broken":
        error = ET.SubElement(case, "error", type="broken", message=as_xml(scenario.reason))
        error.text = as_xml(scenario.reason)
    elif differs:
        ET.SubElement(case, "failure", type="unstable", message=as_xml(differs))
    elif scenario.outcome == "unsupported":
        ET.SubElement(case, "skipped", message=as_xml(scenario.reason))
    lines = [scenario.title, f"outcome: {scenario.outcome}", told]
    if scenario.time_to_connect_ms is not None:
        lines.append(f"time to connect: {scenario.time_to_connect_ms} ms ({scenario.clock} clock)")
    if differs:
        lines.append(f"differs between repetitions: {differs}")
    if scenario.retried:
        lines.append(f"run once more: {scenario.retried}")
    if scenario.capture:
        lines.append(f"capture: {scenario.capture}")
    if scenario.reproduce:
        lines.append(f"run it again: {scenario.reproduce}")
    ET.SubElement(case, "system-out").text = as_xml("\n".join(line for line in lines if line))
    return case


def missing_violations(scenario: ScenarioRecord) -> str:
    """Why a scenario failed in which no expectation failed: a fault made on purpose stayed
    unseen. Names the rules."""
    found = {
        rule for each in scenario.expectations if each.outcome == "failed" for rule in each.rules
    }
    missed = [rule for rule in scenario.violates if rule not in found]
    return f"broken on purpose, but no violation was found of {', '.join(missed)}" if missed else ""


def _counts_against(each: ExpectationRecord) -> bool:
    return each.outcome == "failed" and not each.meant_to_fail


def _told(each: ExpectationRecord) -> str:
    value = f": {each.value}" if each.value is not None else ""
    meant = " (as meant)" if each.meant_to_fail and each.outcome == "failed" else ""
    head = f"{each.outcome.upper()}{meant} [{', '.join(each.rules)}] {each.text}{value}"
    return "\n".join([head, *(f"    {_proof(proof)}" for proof in each.evidence)])


def _proof(proof: EvidenceRecord) -> str:
    return f"{proof.text} {frames_text(proof.frames)}".rstrip()


def frames_text(frames: tuple[int, ...]) -> str:
    """Frame numbers in brackets: "(frames 4, 6)"; empty without frames."""
    if not frames:
        return ""
    return f"(frame{'s' if len(frames) > 1 else ''} {', '.join(map(str, frames))})"


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"


def xml_document(root: ET.Element) -> str:
    """The whole file, indented."""
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def as_xml(text: str) -> str:
    """The text with what XML cannot hold shown as escapes."""
    return _NOT_XML.sub(lambda found: f"\\x{ord(found.group()):02x}", text)
