"""A matrix as a run would leave it, small and by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab.judge.rules import RULES
from lab.matrix.folding import cell_of
from lab.matrix.record import (
    CellRecord,
    ColumnRecord,
    FailureRecord,
    GotRecord,
    Hop,
    JudgedBy,
    JudgedRecord,
    MatrixRecord,
    NatRecord,
    TrialRecord,
    WaitRecord,
)
from lab.matrix.selection import Column
from lab.report.record import EvidenceRecord, ListedRecord

LISTED = ListedRecord(
    subject="unbound",
    because="it draws a forwarder",
    source="its manual",
    checked="1.17.1",
    version="1.17.1",
    certain=True,
)
COLUMNS = (
    ColumnRecord(seat="dns", subject="ours", title="ours", version="0.1.0"),
    ColumnRecord(seat="dns", subject="unbound", title="Unbound", version="1.17.1"),
    ColumnRecord(seat="translator", subject="dnsmasq", title="dnsmasq", version=None),
    ColumnRecord(seat="lab", subject="ours", title="forwardlab", version="0.1.0"),
)


def expectation(rules: tuple[str, ...], outcome: Any = "passed", **more: Any) -> JudgedRecord:
    return JudgedRecord(
        text=f"what {', '.join(rules)} demands",
        rules=rules,
        severity=RULES[rules[0]].severity,
        outcome=outcome,
        evidence=(EvidenceRecord(text="seen <b>so</b>", frames=(4, 6)), *_cited(**more)),
        **more,
    )


def _cited(listed: ListedRecord | None = None, **_more: Any) -> Iterator[EvidenceRecord]:
    """What the judge adds where it weighed a listing in."""
    if listed is not None:
        version = f"{listed.subject} {listed.version}"
        text = f"documented ({version}): {listed.because} [{listed.source}]"
        yield EvidenceRecord(text=text)


def trial(
    scenario: str, *expectations: JudgedRecord, seat: str = "", subject: str = "ours", **more: Any
) -> TrialRecord:
    words = {each.outcome for each in expectations}
    order = ("broken", "failed", "unsupported", "deviates", "passed", "observed")
    content: dict[str, Any] = {
        "outcome": next(word for word in order if word in words),
        "world": "mininet",
        "clock": "measured",
        "wall_s": 1.0,
        "duration_s": 0.1,
        "time_to_connect_ms": 12.5,
        "capture": f"captures/{subject}.pcapng",
        "hops": (
            Hop(0.5, "viewer", "dns", "A internet.intern.netz?", 4),
            Hop(0.9, "dns", "server1", "A internet.intern.netz?", 6, "unanswered"),
        ),
        "reproduce": f"forwardlab run {scenario}",
    }
    return TrialRecord(
        scenario=scenario,
        title=f"About {scenario}",
        seat=seat,
        subject=subject,
        expectations=expectations,
        **(content | more),
    )


def cell(
    rule: str, seat: Any, subject: Any, trials: tuple[TrialRecord, ...], *judged_by: tuple[int, int]
) -> CellRecord:
    return cell_of(rule, Column(seat, subject), [JudgedBy(*each) for each in judged_by], trials)


def wait(subject: str, failure: str, outcome: Any, *waited_ms: float, trial: int = 0) -> WaitRecord:
    return WaitRecord(
        subject=subject,
        failure=failure,
        viewer="glibc",
        clock="measured",
        got=tuple(GotRecord(outcome, each, "") for each in waited_ms),
        outcome=outcome,
        median_ms=sorted(waited_ms)[len(waited_ms) // 2],
        slowest_ms=max(waited_ms),
        trial=trial,
    )


def sample_matrix(**changed: Any) -> MatrixRecord:
    trials = (
        trial("forwarding/first", expectation(("FWD-01",)), expectation(("FWD-04", "FWD-08"))),
        trial(
            "forwarding/first",
            expectation(("FWD-01",), "failed", breaches=1),
            expectation(("FWD-04", "FWD-08"), "deviates", listed=LISTED, breaches=3),
            seat="dns",
            subject="unbound",
            runs=4,
        ),
        trial(
            "cluster/eight",
            expectation(("CLU-12",), "unsupported"),
            seat="translator",
            subject="dnsmasq",
            reason="dnsmasq is not installed",
            hops=(),
            capture=None,
        ),
        trial("configuration/faq", expectation(("CLU-15",)), seat="lab", world="simulated"),
    )
    content: dict[str, Any] = {
        "forwardlab": "0.1.0",
        "started": "2026-04-15T21:50:00+00:00",
        "wall_s": 12.5,
        "workers": 6,
        "seed": 1,
        "world_requested": "auto",
        "quick": False,
        "rules": tuple(RULES),
        "columns": COLUMNS,
        "trials": trials,
        "cells": (
            cell("FWD-01", "dns", "ours", trials, (0, 0)),
            cell("FWD-04", "dns", "ours", trials, (0, 1)),
            cell("FWD-01", "dns", "unbound", trials, (1, 0)),
            cell("FWD-04", "dns", "unbound", trials, (1, 1)),
            cell("FWD-08", "dns", "unbound", trials, (1, 1)),
            cell("CLU-12", "translator", "dnsmasq", trials, (2, 0)),
            cell("CLU-15", "lab", "ours", trials, (3, 0)),
        ),
        "failures": (
            FailureRecord(id="waiting/first", title="The first is dead", story="It has no power."),
        ),
        "waits": (
            wait("ours", "waiting/first", "connected", 1001.0, 1000.0, 1002.0),
            wait("unbound", "waiting/first", "error", 5000.0, 5001.0, 5002.0, trial=1),
        ),
        "host": {"cores": 2},
    }
    return MatrixRecord(**(content | changed))


STATIC = NatRecord(way="static table")
SHARED = NatRecord(way="shared address")
KEPT = NatRecord(way="shared address", otherwise="ports preserve")


def sample_of_translators(**changed: Any) -> MatrixRecord:
    """A matrix of NAT translators, and of a DNS server behind one."""
    kernel: dict[str, Any] = {"seat": "nat", "subject": "nftables"}
    trials = (
        trial("cluster/eight", expectation(("NAT-01",)), expectation(("NAT-03",)), nat=STATIC),
        trial("cluster/restart", expectation(("NAT-03",), "failed"), nat=STATIC),
        trial("translation/mapping/udp", expectation(("NAT-05", "NAT-13")), nat=SHARED),
        trial(
            "translation/mapping/udp", expectation(("NAT-05",), "deviates"), **kernel, nat=SHARED
        ),
        trial("translation/mapping/tcp", expectation(("NAT-05",)), **kernel, nat=SHARED),
        trial(
            "translation/mapping/udp_ports_kept",
            expectation(("NAT-05",)),
            expectation(("NAT-05",), "unsupported"),
            **kernel,
            nat=KEPT,
        ),
        trial(
            "translation/fragments/static",
            expectation(("NAT-15",), "unsupported").model_copy(update={"evidence": ()}),
            **kernel,
            nat=STATIC,
            reason="nftables is not installed",
        ),
        trial("translation/filtering/as_planned", expectation(("NAT-07",)), nat=SHARED),
        # Somebody else sits in the DNS server's seat: of the translator this says nothing.
        trial("cluster/eight", expectation(("NAT-01",), "failed"), seat="dns", subject="unbound"),
    )
    content: dict[str, Any] = {
        "columns": (
            ColumnRecord(seat="dns", subject="unbound", title="Unbound", version="1.17.1"),
            ColumnRecord(seat="nat", subject="ours", title="ours", version="0.1.0"),
            ColumnRecord(
                seat="nat", subject="nftables", title="nftables (conntrack)", version="1.0.6"
            ),
        ),
        "trials": trials,
        "cells": (
            cell("NAT-01", "dns", "unbound", trials, (8, 0)),
            cell("NAT-01", "nat", "ours", trials, (0, 0)),
            cell("NAT-03", "nat", "ours", trials, (0, 1), (1, 0)),
            cell("NAT-05", "nat", "ours", trials, (2, 0)),
            cell("NAT-07", "nat", "ours", trials, (7, 0)),
            cell("NAT-13", "nat", "ours", trials, (2, 0)),
            cell("NAT-05", "nat", "nftables", trials, (3, 0), (4, 0), (5, 0), (5, 1)),
            cell("NAT-15", "nat", "nftables", trials, (6, 0)),
        ),
        "failures": (),
        "waits": (),
    }
    return sample_matrix(**(content | changed))
