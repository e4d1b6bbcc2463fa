"""The check of a replay: each question gets what it got when it was captured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, TypeAlias

from lab.judge.checks.base import CheckBase, counted, frames_of, wanted_name
from lab.judge.verdict import Finding, failed, passed
from lab.observe.replayed import Got, Replayed, replayed_of
from lab.observe.timeline import Timeline

Likeness: TypeAlias = Literal["same", "different", "no answer in the capture"]

_MOST_TOLD = 3
"""So many differences are told one by one; all of them are in the record."""


class ReplayedAlike(CheckBase):
    """Each question that was taken out of a capture, and had an answer there, gets the same RCODE
    and the same addresses in the lab. Their order is free; and for the cluster's name, answers that
    name servers of the cluster alone are the same: which of them is a matter of the moment."""

    kind: Literal["replayed-alike"] = "replayed-alike"

    def judge(self, timeline: Timeline) -> Finding:
        """Hold each question's answer against the captured one."""
        replayed = replayed_of(timeline)
        compared = [(each, likeness(timeline, each)) for each in replayed]
        count = Counter(word for _, word in compared)
        if not count["same"] + count["different"]:
            return failed(
                f"{counted(len(replayed), 'question')} asked again, none of which has an answer in "
                "the capture: there is nothing to compare"
            )
        different = [each for each, word in compared if word == "different"]
        summary = (
            f"{counted(len(replayed), 'question')} asked again: {count['same']} same, "
            f"{count['different']} different, {count['no answer in the capture']} without an "
            "answer in the capture"
        )
        if not different:
            return passed(summary, *_frames(compared[:1]))
        told = [_difference(each) for each in different[:_MOST_TOLD]]
        if len(different) > _MOST_TOLD:
            told.append(f"and {len(different) - _MOST_TOLD} more, which replay.csv tells")
        shown = [pair for pair in compared if pair[1] == "different"][:_MOST_TOLD]
        return failed("; ".join((summary, *told)), *_frames(shown))


def likeness(timeline: Timeline, replayed: Replayed) -> Likeness:
    """How what a question got in the lab resembles what it got in the capture."""
    before, now = replayed.before, replayed.now
    if before is None:
        return "no answer in the capture"
    if now is None or before.rcode != now.rcode:
        return "different"
    if set(before.addresses) == set(now.addresses):
        return "same"
    exchange = replayed.exchange
    is_cluster = exchange is not None and exchange.query.name == wanted_name(timeline, None)
    members = _cluster_addresses(timeline)
    both = {*before.addresses, *now.addresses}
    all_members = bool(before.addresses) and bool(now.addresses) and both <= members
    return "same" if is_cluster and all_members else "different"


def _told(got: Got | None) -> str:
    """What a question got, for people: "NOERROR 10.0.0.1"."""
    if got is None:
        return "no answer"
    return " ".join((got.rcode, ", ".join(got.addresses))).strip()


def _difference(each: Replayed) -> str:
    return (
        f"{each.question}, frame {each.frame} of the capture: {_told(each.before)} then, "
        f"{_told(each.now)} in the lab"
    )


def _frames(compared: Iterable[tuple[Replayed, Likeness]]) -> tuple[int, ...]:
    return frames_of(each.exchange for each, _ in compared if each.exchange is not None)


def _cluster_addresses(timeline: Timeline) -> frozenset[str]:
    """The addresses by which viewers can be told to reach servers of the cluster: aliases where a
    NAT stands between, their own elsewhere."""
    servers = [node for node in timeline.plan.nodes if node.number is not None]
    aliases = {node.alias for node in servers if node.alias is not None}
    return frozenset(aliases or {each for node in servers for each in node.addresses()})
