"""The judge on bare packets at a translator: each check passes what was captured, and fails it with
one thing in it spoilt, for the reason that there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import pytest
from judging import Case, Cases, Story
from nat_stories import (
    Change,
    plan_of,
    played,
    records_of,
    scenario,
    spoilt,
    timeline,
    without,
)

from lab.judge.checks import (
    CameWhole,
    Delivered,
    ErrorAbout,
    FilteringMeasured,
    KeptOut,
    MappedAlike,
    MappedApart,
    NewRefused,
    OutsidePortsUnpredictable,
    OwnSubClusters,
    RefreshMeasured,
    SynHeld,
    Translated,
)
from lab.judge.checks.base import CheckBase
from lab.judge.verdict import Outcome
from lab.observe.decode import decode
from lab.observe.sighting import Ip, Sighting
from lab.observe.timeline import Timeline
from lab.scenario.model import Ask, OffsetAliasBase
from lab.topology.faults import apply_fault
from lab.topology.plan import Plan, PlannedNode
from lab.worlds.world import Clock
from resolver.nat.packet import UDP

MAPPING, APART = "translation/mapping/udp", "translation/mapping/two_clients_udp"
FILTERING = "translation/filtering/as_planned"
SYN, TOO_SOON = "translation/unsolicited_syn/told", "translation/unsolicited_syn/too_soon"
FRAGMENTS = "translation/fragments/shared_address"
FULL = "translation/full_table/told"
ERRORS, STATIC = (
    "translation/icmp_errors/damaged_shared_address",
    "translation/icmp_errors/damaged_static",
)
HAIRPIN = "translation/hairpinning/shared_address"
REFRESHING = "translation/timers/refreshing"
SITES = "balancing/sub_clusters/own_site"
OUT, IN = "translator-eth0", "translator-eth1"
"""The translator's interfaces of topology napt: outside and inside."""


@dataclass(frozen=True)
class Spoilt:
    """What a check says of a capture in which something is wrong."""

    story: str
    check: CheckBase
    because: str
    changes: tuple[Change, ...] = ()


def whole(story: str, kind: type[CheckBase], place: int = 0) -> CheckBase:
    """A scenario's own check of this kind."""
    found = [each.check for each in scenario(story).expectations if isinstance(each.check, kind)]
    return found[place]


def at(check: CheckBase, **fields: object) -> CheckBase:
    return type(check).model_validate({**check.model_dump(), **fields})


def no_segment_back(seen: Sighting) -> Sighting | None:
    return None if seen.interface == "stranger-eth0" and not seen.outgoing else seen


def nobodys_alias(seen: Sighting) -> Sighting:
    """Answers promise 192.168.2.99 in place of server 14's alias."""
    if not isinstance(seen.network, Ip) or seen.network.protocol != UDP:
        return seen
    raw = seen.network.raw.replace(b"\xc0\xa8\x02\x3f", b"\xc0\xa8\x02\x63")
    return replace(seen, network=decode(raw, 101))


def cut_after(name: str) -> Change:
    """The capture ended when this packet was on its way for the first time."""
    over = []

    def change(seen: Sighting) -> Sighting | None:
        if without(name)(seen) is None:
            over.append(seen)
        return None if len(over) > 2 else seen

    return change


ALIKE = whole(MAPPING, MappedAlike)
MEASURED = whole(FILTERING, FilteringMeasured)
HELD = whole(SYN, SynHeld)
REFUSED = whole(FULL, NewRefused)
INTO_CLIENT = CameWhole(packet="last one first back", node="client1")
TO_EXT1 = CameWhole(packet="backwards", node="ext1")
QUOTED = ErrorAbout(packet="hello", node="client1", source="203.0.113.51")
CLIENT1, EXT1 = "client1-eth0", "ext1-eth0"
ICMP_CODE = 21

CASES = [
    # --- mapping
    Spoilt(MAPPING, at(ALIKE, packets=("to one", "never")), "'never' was never sent"),
    Spoilt(MAPPING, ALIKE, "did not get through", (without("to another", OUT, "ext2-eth0"),)),
    Spoilt(
        APART, MappedAlike(packets=("of client 1", "of client 2")), "of several inside endpoints"
    ),
    Spoilt(MAPPING, ALIKE, "mapping", (spoilt("to another", 21, (OUT, "ext2-eth0")),)),
    Spoilt("translation/mapping/address_dependent", ALIKE, ": address-dependent mapping"),
    Spoilt("translation/mapping/address_and_port_dependent", ALIKE, "and-port-dependent mapping"),
    Spoilt(MAPPING, MappedApart(packets=("to one", "to another")), "as another one did"),
    Spoilt(MAPPING, MappedApart(packets=("to one", "never")), "'never' was never sent"),
    # --- filtering
    Spoilt(FILTERING, at(MEASURED, same="never"), "'never' was never sent"),
    Spoilt(
        FILTERING,
        at(MEASURED, same=MEASURED.model_dump()["other_address"]),
        "the answer itself never came to client1",
    ),
    Spoilt(
        FILTERING,
        at(
            MEASURED,
            other_port=MEASURED.model_dump()["other_address"],
            other_address=MEASURED.model_dump()["other_port"],
        ),
        "another address got in where another port of the same did not",
    ),
    # --- delivered, kept out
    Spoilt(APART, Delivered(packets=("never",), node="client1"), "'never' was never sent"),
    Spoilt(APART, Delivered(packets=("back to 1",), node="client2"), "never came to client2"),
    Spoilt(
        APART,
        Delivered(packets=("back to 1",), node="client1", source="203.0.113.52"),
        "came from 203.0.113.51, not from 203.0.113.52",
    ),
    Spoilt(
        APART,
        Delivered(packets=("back to 1",), node="client1", shared_source=True),
        "not from a shared address",
    ),
    Spoilt(
        APART,
        Delivered(packets=("back to 1",), node="client1"),
        "came with a wrong checksum",
        (spoilt("back to 1", 26, (IN, CLIENT1)),),
    ),
    Spoilt(
        APART,
        Delivered(packets=("of client 1",), node="ext1"),
        "shows 10.20.0.11 as source",
        tuple(spoilt("of client 1", 12 + n, (OUT, EXT1), v) for n, v in enumerate((10, 20, 0, 11))),
    ),
    Spoilt(ERRORS, KeptOut(packets=("never",)), "never came to a translator"),
    Spoilt(ERRORS, KeptOut(packets=("useful",)), "'useful' went on to client1"),
    Spoilt(HAIRPIN, KeptOut(packets=("greeting",)), "went on to client1"),
    # --- unsolicited SYN
    Spoilt(SYN, at(HELD, packet="never"), "never came to a translator"),
    Spoilt(TOO_SOON, HELD, "ICMP type 3 code 3 came after 1000"),
    Spoilt(SYN, at(HELD, for_s=6.5), "came after 6000"),
    Spoilt(SYN, at(HELD, for_s=60.0), "nobody watched for 60 s", (no_segment_back,)),
    # --- fragments
    Spoilt(FRAGMENTS, at(TO_EXT1, packet="hello"), "was not sent in fragments"),
    Spoilt(FRAGMENTS, at(TO_EXT1, node="ext2"), "no fragment came to ext2"),
    Spoilt(
        FRAGMENTS,
        INTO_CLIENT,
        "what came is not",
        (spoilt("last one first back", 60, (IN, CLIENT1)),),
    ),
    Spoilt(
        FRAGMENTS,
        INTO_CLIENT,
        "wrong header checksum",
        (spoilt("last one first back", 8, (IN, CLIENT1)),),
    ),
    # --- the table is full
    Spoilt(FULL, at(REFUSED, new="again 1"), "'again 1' went on to ext1"),
    Spoilt(FULL, at(REFUSED, old=("one more",)), "'one more' never came to ext1"),
    # --- errors
    Spoilt(ERRORS, at(QUOTED, packet="never"), "client1 sent no 'never'"),
    Spoilt(MAPPING, at(QUOTED, packet="to one"), "was told nothing about 'to one'"),
    Spoilt(ERRORS, at(QUOTED, code=3), "type 3 code 1 instead of 3 and 3"),
    Spoilt(ERRORS, at(QUOTED, source="203.0.113.52"), "it comes from 203.0.113.51"),
    Spoilt(
        ERRORS,
        QUOTED,
        "is not the one that was sent",
        (spoilt("useful", 49, (IN, CLIENT1), sums=True),),
    ),
    Spoilt(ERRORS, QUOTED, "a wrong checksum", (spoilt("useful", 22, (IN, CLIENT1)),)),
    Spoilt(
        STATIC,
        ErrorAbout(packet="hello", node="viewer"),
        "it shows 10.10.10.100 as quoted destination",
        tuple(
            spoilt("useful", 20 + 8 + 16 + n, (OUT, "viewer-eth0"), v)
            for n, v in enumerate((10, 10, 10, 100))
        ),
    ),
    # --- refreshing
    Spoilt(
        REFRESHING,
        RefreshMeasured(inward="answer", late="never", node="client1"),
        "'never' is missing",
    ),
    Spoilt(
        REFRESHING,
        RefreshMeasured(inward="knock", late="after the answer", node="client1"),
        "'knock' is missing",
    ),
    # --- translated, where machines share an address
    Spoilt(
        APART,
        Translated(protocols=("udp",)),
        "ports (",
        (spoilt("of client 1", 23, (OUT, EXT1)),),
    ),
    Spoilt(
        APART,
        Translated(protocols=("udp",)),
        "expected 203.0.113.2 to 203.0.113.51",
        (spoilt("of client 1", 15, (OUT, EXT1)),),
    ),
    Spoilt(
        APART,
        Translated(protocols=("udp",)),
        "octets changed that are to be kept",
        (spoilt("of client 1", 1, (OUT, EXT1)),),
    ),
    Spoilt(
        APART,
        Translated(protocols=("udp",)),
        "came to ('10.20.0.12'",
        (spoilt("back to 1", 19, (IN, CLIENT1), 12, sums=True),),
    ),
    Spoilt(APART, Translated(protocols=("tcp",)), "no tcp packet crossed"),
    # --- ports
    Spoilt(
        "security/nat_ports/sequential",
        OutsidePortsUnpredictable(node="client1"),
        "values have their highest digit at",
    ),
    Spoilt(
        "security/nat_ports/random",
        OutsidePortsUnpredictable(node="client1", questions=601),
        "600 questions crossed, expected 601",
    ),
    Spoilt(
        "security/nat_ports/random",
        OutsidePortsUnpredictable(node="client2"),
        "0 questions crossed",
    ),
    # --- sub-clusters
    Spoilt(SITES, OwnSubClusters(networks=("lan1", "cluster1")), "no address was answered on"),
    Spoilt(SITES, OwnSubClusters(networks=("lan1", "lan2")), "belongs to nobody", (nobodys_alias,)),
]


def _cases() -> Cases:
    """The same for what holds of every check (`test_judge_checks`), stories that pass too."""
    found = Cases()
    stories: dict[str, Story] = {}
    for place, each in enumerate(CASES):
        found.all.append(
            Case(each.check, _story(each.story, each.changes, place), each.because, Clock.VIRTUAL)
        )
        stories.setdefault(each.story, _story(each.story, (), place))
    for name, story in stories.items():
        if not scenario(name).violates:
            found.all += [
                Case(each.check, story, None, Clock.VIRTUAL)
                for each in scenario(name).expectations
                if type(each.check) in {type(case.check) for case in CASES}
            ]
    return found


class Captured:
    """A story as `judging` has it."""

    def __init__(self, name: str, changes: tuple[Change, ...]) -> None:
        self._name, self._changes = name, changes
        self.plan, self.records = played(name)

    def timeline(self, clock: Clock) -> Timeline:
        del clock
        return timeline(self._name, *self._changes)


def _story(name: str, changes: tuple[Change, ...], place: int) -> Story:
    def story() -> Captured:
        return Captured(name, changes)

    story.__name__ = f"{name.rpartition('/')[2]}_{place}"
    return cast("Story", story)


cases = _cases()


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{type(case.check).__name__}-{case.because}"
)
def test_what_is_spoilt_fails(case: Spoilt) -> None:
    finding = case.check.judge(timeline(case.story, *case.changes))
    (evidence,) = finding.evidence
    assert finding.outcome is Outcome.FAILED, evidence.text
    assert case.because in evidence.text
    _, records = played(case.story)
    assert set(evidence.frames) <= {record.number for record in records}


def sites(**changes: object) -> Timeline:
    """The two sites' lookups, with the load balancers' alias base another one."""
    meant = plan_of("sub-clusters")
    actual = apply_fault(meant, OffsetAliasBase.model_validate(changes))
    records = records_of(actual, (Ask(node="viewer1"), Ask(node="viewer2")))
    return Timeline.of(records, meant, Clock.VIRTUAL)


def test_aliases_of_nobody_are_no_sub_clusters() -> None:
    finding = OwnSubClusters(networks=("lan1", "lan2")).judge(sites(by=20))
    assert finding.outcome is Outcome.FAILED
    assert "belongs to nobody" in finding.evidence[0].text


def judged_otherwise(change: Callable[[Plan], Plan]) -> str:
    """What the same packets come to by a plan that was meant otherwise."""
    plan = change(plan_of("sub-clusters"))
    timeline_then = Timeline.of(played(SITES)[1], plan, Clock.VIRTUAL)
    finding = OwnSubClusters(networks=("lan1", "lan2")).judge(timeline_then)
    assert finding.outcome is Outcome.FAILED
    return finding.evidence[0].text


def attached(plan: Plan, node: str, network: str, address: str | None = None) -> Plan:
    """With the node's first interface on that network."""

    def moved(each: PlannedNode) -> PlannedNode:
        if each.name != node:
            return each
        first, *others = each.interfaces
        there = replace(first, network=network)
        if address is None:
            return replace(each, interfaces=(there, *others))
        there = replace(there, addresses=(address,))
        return replace(each, interfaces=(there, *others), alias=None)

    return replace(plan, nodes=tuple(map(moved, plan.nodes)))


def test_a_real_address_is_no_alias() -> None:
    told = judged_otherwise(lambda plan: attached(plan, "server1", "lan1", "192.168.1.100/24"))
    assert "192.168.1.100 is no alias, but an address of server1" in told


def test_another_networks_alias_is_not_its_own() -> None:
    def swapped(plan: Plan) -> Plan:
        one, two = (next(n for n in plan.networks if n.name == name) for name in ("lan1", "lan2"))
        other = {"lan1": two.prefixes, "lan2": one.prefixes}
        networks = (replace(n, prefixes=other.get(n.name, n.prefixes)) for n in plan.networks)
        return replace(plan, networks=tuple(networks))

    assert "is another network's" in judged_otherwise(swapped)


def test_servers_of_two_networks_are_no_sub_cluster() -> None:
    told = judged_otherwise(lambda plan: attached(plan, "server5", "cluster2"))
    assert "on lan1: servers of cluster1, cluster2" in told


def test_nobody_is_in_two_sub_clusters() -> None:
    def one_realm(plan: Plan) -> Plan:
        for server in ("server11", "server12", "server14"):
            plan = attached(plan, server, "cluster1")
        wide = (replace(n, prefixes=("192.168.0.0/16",)) for n in plan.networks)
        return attached(replace(plan, networks=tuple(wide)), "dns2", "lan1")

    assert "was answered on lan1 and on lan2" in judged_otherwise(one_realm)


STORIES = sorted({case.story for case in CASES if not scenario(case.story).violates})


@pytest.mark.parametrize("story", STORIES)
def test_what_was_captured_passes(story: str) -> None:
    whole_story = timeline(story)
    for each in scenario(story).expectations:
        finding = each.check.judge(whole_story)
        assert finding.outcome in {Outcome.PASSED, Outcome.OBSERVED}, finding
        assert finding.evidence[0].frames
