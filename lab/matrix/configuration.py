"""The configuration check, judged as a subject of its own: CLU-15 is about no server in a seat."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Final

from lab.judge.rules import RULES
from lab.matrix.record import JudgedRecord, TrialRecord
from lab.report.record import EvidenceRecord
from lab.topology.load import TopologyError, load_topology

RULE: Final = "CLU-15"
SCENARIO: Final = "configuration/faq_as_printed"

_PRINTED: Final = "topologies/errata/faq-as-printed.toml"
_PUT_RIGHT: Final = "topologies/cluster-nat.toml"
_REFUSED: Final = (
    ("Two nodes of one name are refused", "is a duplicate of nodes[3].name"),
    ("A LAN address outside the subnet is refused", "191.168.1.102 is outside networks.lan"),
    (
        "An address that the text has and the table has not is refused",
        "no server has 192.168.1.103",
    ),
)


def judge_configuration_check(root: Path) -> TrialRecord:
    """Check the FAQ's example as printed, which contradicts itself, and put right."""
    began = monotonic()
    printed, right = _problems(root, _PRINTED), _problems(root, _PUT_RIGHT)
    expectations = [
        _expectation(
            text,
            holds=bool(found := [problem for problem in printed if wanted in problem]),
            evidence=found or [f"{_PRINTED}: nothing is said of it"],
        )
        for text, wanted in _REFUSED
    ]
    expectations.append(
        _expectation(
            "The example put right is accepted",
            holds=not right,
            evidence=right or [f"{_PUT_RIGHT}: good"],
        )
    )
    good = all(each.outcome == "passed" for each in expectations)
    return TrialRecord(
        scenario=SCENARIO,
        title="The FAQ's NAT example as printed contradicts itself, and is refused",
        seat="lab",
        subject="ours",
        world="none",
        clock="measured",
        outcome="passed" if good else "failed",
        wall_s=monotonic() - began,
        duration_s=0.0,
        expectations=tuple(expectations),
        reproduce=f"forwardlab check {_PRINTED} {_PUT_RIGHT}",
    )


def _problems(root: Path, name: str) -> list[str]:
    try:
        load_topology(root / name)
    except TopologyError as error:
        return [problem.removeprefix(f"{root}/") for problem in error.problems]
    return []


def _expectation(text: str, *, holds: bool, evidence: list[str]) -> JudgedRecord:
    return JudgedRecord(
        text=text,
        rules=(RULE,),
        severity=RULES[RULE].severity,
        outcome="passed" if holds else "failed",
        evidence=tuple(EvidenceRecord(text=each) for each in evidence),
        breaches=0 if holds else 1,
    )
