"""A replay for people: what is going to be asked, and how the answers compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from lab.captures.replaying import PreparedReplay
from lab.report.record import GotRecord, ScenarioRecord
from lab.report.statistics import Distribution
from lab.report.wording import duration, printable

_MOST_TOLD = 10


def told_before(prepared: PreparedReplay) -> Iterator[str]:
    """What was found in the capture, and who asks it in the lab."""
    captured, losses = prepared.captured, prepared.losses
    yield printable(prepared.scenario.story)
    if captured.twice:
        yield f"  seen more than once, taken once: {captured.twice} packets"
    if others := captured.others:
        pairs = ", ".join(f"{pair} ({count})" for pair, count in others.most_common(_MOST_TOLD))
        yield f"  not taken, for they go elsewhere: {pairs}"
    for reason, count in losses.frames.most_common():
        yield f"  left out: {count} frames, {printable(reason)}"
    for damage in losses.damage:
        yield f"  warning: {damage}"
    yield ""


def told_after(record: ScenarioRecord) -> Iterator[str]:
    """How what the questions got in the lab resembles what they got in the capture."""
    replayed = record.replayed
    if not replayed:
        return
    count = Counter(each.likeness for each in replayed)
    yield ", ".join(f"{count[word]} {word}" for word in count)
    different = [each for each in replayed if each.likeness == "different"]
    for each in different[:_MOST_TOLD]:
        yield printable(
            f"  frame {each.frame}, {each.client}: {each.question}: {_told(each.before)} then, "
            f"{_told(each.now)} now"
        )
    if len(different) > _MOST_TOLD:
        yield f"  and {len(different) - _MOST_TOLD} more different ones, in replay.csv"
    yield f"waits in the capture: {_waits(each.before for each in replayed)}"
    yield f"waits in the lab:     {_waits(each.now for each in replayed)} ({record.clock} clock)"


def _told(got: GotRecord | None) -> str:
    if got is None:
        return "no answer"
    return f"{got.rcode} {', '.join(got.addresses)}".strip()


def _waits(got: Iterable[GotRecord | None]) -> str:
    found = Distribution.of("measured", [each.wait_ms for each in got if each is not None])
    if found is None:
        return "no answer"
    return (
        f"n {found.n}, median {duration(found.median)}, p90 {duration(found.p90)}, "
        f"p99 {duration(found.p99)}, max {duration(found.max)}"
    )
