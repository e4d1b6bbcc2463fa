"""The same storm as the timeline tells it: what the lean reading must agree with."""

from __future__ import annotations

from pathlib import Path

from lab.observe.timeline import Timeline
from lab.storm.crowd_plan import CrowdPlan
from lab.storm.reading import Reading
from lab.worlds.world import Clock


def disagreements(capture: Path, crowd: CrowdPlan, reading: Reading) -> list[str]:
    """Where the two differ: waits, answers, who was reached, what each server lost."""
    timeline = Timeline.read(capture, crowd.plan, Clock.MEASURED)
    found: list[str] = []

    def compare(what, ours, theirs):
        if ours != theirs:
            only = sorted(set(ours) ^ set(theirs), key=str)[:4]
            found.append(f"{what}: {len(ours)} and {len(theirs)}, of which differ {only}")

    exchanges = [each for each in timeline.exchanges if each.asker == crowd.node]
    compare(
        "questions",
        {
            (each.viewer, each.asked_at, each.received_at, each.reached_at is not None,
             each.reply and (each.reply.rcode, each.reply.addresses))
            for each in reading.questions.values()
        },
        {
            (packed(each.query.source.address), each.asked_at, each.answered_at,
             each.query.receiver is not None,
             each.reply and (each.reply.rcode, each.reply.addresses))
            for each in exchanges
        },
    )  # fmt: skip
    connections = [each for each in timeline.connections if each.opener == crowd.node]
    compare(
        "connections",
        {
            (each.viewer, each.address, each.opened_at, each.syns, each.established_at, each.node)
            for each in reading.dials.values()
        },
        {
            (packed(each.source.address), each.dialled.address, each.opened_at, len(each.syns),
             each.established_at, each.reached_node if each.syn_acks else None)
            for each in connections
        },
    )  # fmt: skip
    for node, tally in reading.tallies.items():
        asked = [
            each
            for each in timeline.exchanges
            if each.query.receiver == node and each.query.transport.value == "udp"
        ]
        replied = sum(each.replied_at is not None for each in asked)
        compare(f"asked at {node}", {tally.reached}, {len(asked)})
        compare(f"answered by {node}", {tally.answered}, {replied})
    upstream = [each for each in timeline.exchanges if each.asker == crowd.server_node]
    compare("upstream", {reading.upstream_questions}, {len(upstream)})
    return found


def packed(address: str) -> bytes:
    return bytes(map(int, address.split(".")))
