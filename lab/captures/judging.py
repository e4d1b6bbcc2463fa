"""Judging a capture that was made elsewhere, by the same checks as a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from lab.captures.asking import Asked, asked_of
from lab.captures.cuts import CUT, Cuts, without_cut
from lab.captures.frames import Losses
from lab.captures.own import own_timeline
from lab.captures.packets import read_packets
from lab.captures.placing import Placed, place
from lab.captures.record import CaptureRecord, StrangerRecord, VerdictRecord, WaitsRecord
from lab.captures.sight import Sight
from lab.captures.strangers import Stranger, strangers_of, with_clients
from lab.judge.checks.standing_replies import client_exchanges
from lab.judge.rules import RULES, strictest
from lab.judge.verdict import Finding, Outcome
from lab.observe.pcapng import CaptureError
from lab.observe.timeline import Timeline
from lab.report.record import EvidenceRecord
from lab.report.statistics import Distribution
from lab.topology.plan import Plan
from lab.worlds.world import Clock
from resolver.machine import MILLISECOND, SECOND

_NO_CUTS = Cuts(0, frozenset(), blind=False)


class JudgingBroke(Exception):
    """The lab itself failed; the message says on what."""


@dataclass(frozen=True, slots=True)
class SeenCapture:
    """A capture as a timeline of a plan, and what it cannot show."""

    timeline: Timeline
    """Its plan has the clients that the topology does not have, too."""
    sight: Sight
    strangers: tuple[Stranger, ...]
    losses: Losses


def see(path: Path, plan: Plan) -> SeenCapture:
    """Read a capture of whatever origin as a timeline of this plan.

    Raises CaptureError where it cannot be read, or shows nothing of this plan.
    """
    own = own_timeline(path, plan)
    if own is not None:
        return SeenCapture(own, Sight(plan, None, _NO_CUTS, 0), (), Losses())
    losses = Losses()
    packets, cuts = without_cut(read_packets(path, losses), losses)
    strangers = strangers_of(packets, plan)
    peopled = with_clients(plan, strangers)
    placed = place(packets, peopled)
    if not placed.sightings:
        raise CaptureError(f"{path}: {_nothing_fits(plan, strangers, losses, len(packets))}")
    timeline = Timeline.of(placed.sightings, peopled, Clock.MEASURED)
    sight = Sight(peopled, placed, cuts, sum(losses.dropped.values()))
    return SeenCapture(timeline, sight, strangers, losses)


def judge_capture(path: Path, plan: Plan, *, strict: bool = False) -> CaptureRecord:
    """Judge a capture by everything that it shows of this plan. Raises CaptureError for what is
    wrong with it, JudgingBroke for what is wrong with us."""
    seen = see(path, plan)
    try:
        verdicts = tuple(_verdict(each, seen) for each in asked_of(plan, seen.timeline))
    except Exception as error:
        raise JudgingBroke(
            f"{path}: a bug of the lab, which judging this capture brings to light: {error!r}"
        ) from error
    return _record(path, plan, seen, verdicts, _outcome(verdicts, strict=strict))


def _verdict(asked: Asked, seen: SeenCapture) -> VerdictRecord:
    severity = strictest(asked.rules)
    reason = _blindness(seen) or asked.obstacle(seen.timeline, seen.sight)
    if reason is None and not asked.checks:
        reason = "no client did anything of the kind"
    if reason is not None:
        return VerdictRecord(
            text=asked.text, rules=asked.rules, severity=severity, outcome="not seen", reason=reason
        )
    view = asked.view(seen.timeline, seen.sight)
    finding = _together([check.judge(view) for check in asked.checks])
    outcome: Literal["passed", "failed", "observed"] = "passed"
    if severity == "observed" or finding.outcome is Outcome.OBSERVED:
        outcome = "observed"
    elif finding.outcome is Outcome.FAILED:
        outcome = "failed"
    return VerdictRecord(
        text=asked.text,
        rules=asked.rules,
        severity=severity,
        outcome=outcome,
        evidence=tuple(
            EvidenceRecord(text=each.text, frames=tuple(dict.fromkeys(each.frames)))
            for each in finding.evidence
        ),
        value=finding.value,
    )


def _together(findings: Sequence[Finding]) -> Finding:
    """The first that failed; all, where all hold."""
    failed = next((each for each in findings if each.outcome is Outcome.FAILED), None)
    if failed is not None:
        return failed
    evidence = tuple(proof for each in findings for proof in each.evidence)
    return Finding(findings[0].outcome, evidence, findings[0].value)


def _blindness(seen: SeenCapture) -> str | None:
    """Why nothing at all can be said: all rules here are about names or follow from answers."""
    cuts = seen.sight.cuts
    if not cuts.blind:
        return None
    return (
        f"the snap length cut {cuts.messages} DNS messages before their names; capture with "
        "`tcpdump -s 0`"
    )


def _outcome(
    verdicts: Iterable[VerdictRecord], *, strict: bool
) -> Literal["passed", "failed", "nothing judged"]:
    """A failed SHOULD is a warning, unless `strict`."""
    judged = [each for each in verdicts if each.outcome != "not seen"]
    if any(each.outcome == "failed" and (strict or each.severity == "MUST") for each in judged):
        return "failed"
    return "passed" if judged else "nothing judged"


# --- the record -------------------------------------------------------------------------------


def _record(
    path: Path,
    plan: Plan,
    seen: SeenCapture,
    verdicts: tuple[VerdictRecord, ...],
    outcome: Literal["passed", "failed", "nothing judged"],
) -> CaptureRecord:
    timeline, placed = seen.timeline, seen.sight.placed
    times = [each.at for each in timeline.records]
    began_at, ended_at = min(times), max(times)
    virtual = timeline.clock is Clock.VIRTUAL
    return CaptureRecord(
        capture=str(path),
        topology=plan.source,
        is_own=placed is None,
        packets=len(timeline.packets) if placed is None else sum(placed.on.values()),
        began="virtual" if virtual else _utc(began_at),
        lasts_s=(ended_at - began_at) / SECOND,
        networks=_networks(plan, timeline, placed),
        seen_twice=0 if placed is None else placed.twice,
        left_out=dict(seen.losses.frames) | _nowhere(placed),
        problems=tuple(_problems(seen)),
        strangers=tuple(
            StrangerRecord(address=each.address, packets=each.packets, is_client=bool(each.asks))
            for each in seen.strangers
        ),
        waits=_waits(timeline),
        verdicts=verdicts,
        other_rules=len(set(RULES) - {rule for each in verdicts for rule in each.rules}),
        outcome=outcome,
    )


def _networks(plan: Plan, timeline: Timeline, placed: Placed | None) -> dict[str, int]:
    if placed is not None:
        return {network.name: placed.on[network.name] for network in plan.networks}
    packets = [each.network for each in timeline.packets]
    return {network.name: packets.count(network.name) for network in plan.networks}


def _nowhere(placed: Placed | None) -> dict[str, int]:
    return {} if placed is None else dict(placed.nowhere)


def _problems(seen: SeenCapture) -> Iterable[str]:
    yield from seen.losses.damage
    if seen.sight.dropped:
        yield (
            f"the capturing machine dropped {seen.sight.dropped} packets: rules that need to see "
            "all of a node's traffic were not judged"
        )
    cuts = seen.sight.cuts
    if cuts.names:
        names = ", ".join(sorted(each or "streams" for each in cuts.names))
        yield (
            f"the snap length cut {cuts.messages} DNS messages: nothing about {names} was judged; "
            "capture with `tcpdump -s 0`"
        )


def _waits(timeline: Timeline) -> WaitsRecord | None:
    waits = [
        each.latency_ns / MILLISECOND
        for each in client_exchanges(timeline)
        if each.latency_ns is not None
    ]
    found = Distribution.of(timeline.clock.kind, waits)
    if found is None:
        return None
    return WaitsRecord(n=found.n, median=found.median, p90=found.p90, p99=found.p99, max=found.max)


def _utc(instant: int) -> str:
    return datetime.fromtimestamp(instant / SECOND, UTC).isoformat(timespec="milliseconds")


def _nothing_fits(plan: Plan, strangers: Sequence[Stranger], losses: Losses, packets: int) -> str:
    if not packets or CUT in losses.frames:
        told = ", ".join(f"{count} {reason}" for reason, count in losses.frames.most_common())
        of_plan = f" of topology {plan.source!r}" if packets else ""
        whole = " with `tcpdump -s 0`" if CUT in losses.frames else ""
        return (
            f"holds no whole IP packet{of_plan} ({told or 'no frame at all'}); capture{whole} "
            "where DNS questions pass, as docs/captures.md shows"
        )
    talkative = ", ".join(f"{each.address} ({each.packets})" for each in strangers[:5])
    return (
        f"none of its {packets} IP packets is between addresses of topology {plan.source!r}; most "
        f"are of {talkative or 'groups'}; give the topology file of the network where this was "
        "captured"
    )
