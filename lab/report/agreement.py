"""Whether two runs of the same scenarios, in two worlds, say the same.

They must give the same verdict for every expectation and, within each exchange, the same messages
in the same causal order. IDs, ports, ARP (and "host unreachable", which is what its failure comes
to), SYN repetitions and health checks are no part of that.

A scenario that one of the worlds could not run (UNSUPPORTED) is not compared.

Where a scenario polls (`Repeat`, `Until`), how often it asks and which server's turn it is depend
on the phase of the health checks, which differs between worlds; there the kinds of exchange that
occurred must be the same, whatever their number and whichever address was handed out.

A viewer that asks for A and AAAA, or several servers, at once races them: whether a refusal comes
before the second question leaves, and whose answer is the first, is an affair of microseconds.
There the visits must have come to the same: connected, or an error, and which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lab.observe.story import NormalisedHop, normalised
from lab.report.record import RunRecord, ScenarioRecord
from lab.report.repetitions import once_each
from lab.viewer.profiles import profile_named

_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+|[0-9a-f]*:[0-9a-f:]+")
_FATES = ("lose", "duplicate", "reorder")
_BANNER = re.compile(r"“.*”")


def disagreements(one: RunRecord, other: RunRecord) -> list[str]:
    """List what the two runs do not agree on, a line each; empty when they agree."""
    ours = {scenario.id: scenario for scenario in once_each(one).scenarios}
    theirs = {scenario.id: scenario for scenario in once_each(other).scenarios}
    lines = [f"{identifier}: only one run has it" for identifier in sorted(set(ours) ^ set(theirs))]
    for identifier in sorted(set(ours) & set(theirs)):
        pair = ours[identifier], theirs[identifier]
        if "unsupported" in {each.outcome for each in pair}:
            continue
        if pair[0].scenario != pair[1].scenario:
            lines.append(f"{identifier}: the runs are of different versions of it")
            continue
        lines += [f"{identifier}: {line}" for line in (*_verdicts(*pair), *_exchanges(*pair))]
    return lines


def _verdicts(one: ScenarioRecord, other: ScenarioRecord) -> Iterator[str]:
    if one.outcome != other.outcome:
        yield f"{one.clock} says {one.outcome}, {other.clock} says {other.outcome}"
    for ours, theirs in zip(one.expectations, other.expectations, strict=False):
        if ours.outcome != theirs.outcome:
            yield (
                f"{one.clock} says {ours.outcome}, {other.clock} says {theirs.outcome} of: "
                f"{ours.text}"
            )
    if len(one.expectations) != len(other.expectations):
        yield "different expectations"


def _exchanges(one: ScenarioRecord, other: ScenarioRecord) -> Iterator[str]:
    seen, also_seen = _visits(one), _visits(other)
    if seen != also_seen:
        yield f"{one.clock} has visits {seen}; {other.clock} has {also_seen}"
    if _races(one.scenario):
        return
    if _leaves_to_chance(one.scenario):
        return
    ours, theirs = _without_arp(one), _without_arp(other)
    if _polls(one.scenario):
        kinds, other_kinds = set(map(_without_choice, ours)), set(map(_without_choice, theirs))
        for kind in sorted(kinds - other_kinds):
            yield f"only {one.clock} has an exchange {_tell(kind)}"
        for kind in sorted(other_kinds - kinds):
            yield f"only {other.clock} has an exchange {_tell(kind)}"
        return
    if len(ours) != len(theirs):
        yield f"{len(ours)} exchanges ({one.clock}), {len(theirs)} exchanges ({other.clock})"
    for number, (our, their) in enumerate(zip(ours, theirs, strict=False), start=1):
        if our != their:
            yield (
                f"exchange {number}: {one.clock} has {_tell(our)}; {other.clock} has {_tell(their)}"
            )


def _without_arp(scenario: ScenarioRecord) -> tuple[tuple[NormalisedHop, ...], ...]:
    return tuple(
        tuple(hop for hop in exchange if hop[2:] != ("icmp-error", "host unreachable"))
        for exchange in normalised(scenario.exchanges)
    )


def _visits(scenario: ScenarioRecord) -> tuple[tuple[str, str, str, str], ...]:
    return tuple(
        (visit.node, visit.profile, visit.outcome, visit.reason) for visit in scenario.visits
    )


def _races(scenario: Mapping[str, Any]) -> bool:
    """Whether somebody visits who has several questions under way at once."""
    return any(
        (profile := profile_named(str(step.get("profile")))) is not None
        and profile.families == "at-once"
        for step in scenario.get("steps", ())
        if step["kind"] == "visit"
    )


def _polls(scenario: Mapping[str, Any]) -> bool:
    return any(step["kind"] in {"repeat", "until"} for step in scenario.get("steps", ()))


def _leaves_to_chance(part: object) -> bool:
    """Whether a scenario, or a part of it, gives some fate of packets in percent."""
    if isinstance(part, Mapping):
        impairment = part.get("impairment")
        if isinstance(impairment, Mapping):
            return any(impairment.get(f"{fate}_percent") for fate in _FATES)
        return any(map(_leaves_to_chance, part.values()))
    return (
        isinstance(part, Sequence)
        and not isinstance(part, str)
        and any(map(_leaves_to_chance, part))
    )


def _without_choice(exchange: tuple[NormalisedHop, ...]) -> tuple[NormalisedHop, ...]:
    """Leave out which of the servers it was: the address handed out, and who stood behind it."""
    return tuple(
        (
            sender if kind in {"query", "reply"} else "",
            receiver if kind in {"query", "reply"} else "",
            kind,
            _BANNER.sub("a name", _ADDRESS.sub("an address", text)).replace(", an address", ""),
        )
        for sender, receiver, kind, text in exchange
    )


def _tell(exchange: tuple[NormalisedHop, ...]) -> str:
    return "; ".join(
        f"{sender}>{receiver} {kind} {text}" for sender, receiver, kind, text in exchange
    )
