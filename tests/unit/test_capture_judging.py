"""Captures from elsewhere, judged: what they show, what they do not, and what is wrong there."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from capturing import (
    COOKED,
    COOKED2,
    ETHERNET,
    NULL,
    RAW,
    START,
    Caught,
    at,
    caught,
    lab_capture,
    pcap,
    pcapng,
    plan_of,
)
from dnslib import DNSRecord
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP

from lab.captures import judging
from lab.captures.judging import judge_capture, see
from lab.captures.placing import place
from lab.captures.record import CaptureRecord, VerdictRecord
from lab.cli import app
from lab.observe.pcapng import STEPS, CaptureError, PcapngWriter
from lab.topology.plan import Plan

EIGHT = "cluster/eight_steps/translator_address"
SPREAD = "balancing/every_server_handed_out/nat"
NO_NAT = "cluster/five_steps"
CONDITIONS = "conditional/longest_match/toys_widgets"
SECOND = 10**9


def outcomes(record: CaptureRecord) -> dict[str, str]:
    return {each.text: each.outcome for each in record.verdicts}


def verdict(record: CaptureRecord, rule: str) -> VerdictRecord:
    """What came of the expectation that is asked of captures for this rule."""
    (found,) = [each for each in record.verdicts if WORDS[rule] in each.text]
    assert rule in found.rules
    return found


WORDS = {
    "CLU-01": "Nobody asks a server that the topology forbids",
    "CLU-03": "is that of an available server",
    "CLU-11": "No address from behind the NAT",
    "CLU-12": "passes on the load balancers' answers unchanged",
    "CLU-13": "leads to that server",
    "CLU-14": "alias base + (number - 1)",
    "FWD-18": "No client gets two replies",
    "FWD-24": "before it gives up",
    "NAT-01": "translates every packet by its table",
    "NAT-03": "One alias per server",
    "TRN-13": "Replies come from where the question went",
}


def packets(identifier: str) -> tuple[list[Caught], Plan]:
    path, plan = lab_capture(identifier)
    return caught(path), plan


def judged(path: Path, plan: Plan, seen: Iterable[Caught], **how: int) -> CaptureRecord:
    return judge_capture(pcap(path / "elsewhere.pcap", seen, **how), plan)


# --- the lab's own ----------------------------------------------------------------------------


@pytest.mark.parametrize("identifier", [EIGHT, SPREAD, NO_NAT])
def test_the_lab_s_own_capture_shows_everything(identifier):
    path, plan = lab_capture(identifier)
    record = judge_capture(path, plan)
    assert record.is_own
    assert record.outcome == "passed"
    unseen = [each for each in record.verdicts if each.outcome == "not seen"]
    reasons = {each.reason for each in unseen}
    assert reasons <= {"no visit was seen", "nothing crossed translator"} | {
        each for each in reasons if "chance shows from 1000 on" in each
    }
    assert record.waits is not None


def test_a_visit_in_the_lab_s_own_capture_is_held_to_its_own_viewer_s_bound():
    """It took 5 s to the second server, which is glibc's bound and not dig's."""
    path, plan = lab_capture("viewers/first_server_silent@glibc")
    record = judge_capture(path, plan)
    (visits,) = [each for each in record.verdicts if each.text.startswith("Every visit ends")]
    assert visits.outcome == "passed"
    assert visits.text.endswith("within the bound of its own viewer")
    assert "1 visit " in visits.evidence[0].text


def test_what_the_lab_calls_broken_is_broken_here_as_well():
    path, plan = lab_capture("broken/alias_base_off_by_one")
    record = judge_capture(path, plan)
    assert record.outcome == "failed"
    assert verdict(record, "CLU-14").outcome == "failed"
    assert verdict(record, "CLU-13").outcome == "failed"


@pytest.mark.parametrize("written_by", ["editcap", "tshark"])
def test_a_part_of_it_that_another_program_wrote_is_a_capture_from_elsewhere(tmp_path, written_by):
    path, plan = lab_capture(EIGHT)
    part = tmp_path / "part.pcapng"
    command = {
        "editcap": ["editcap", path, part],
        "tshark": ["tshark", "-r", path, "-Y", "udp.port == 53", "-F", "pcapng", "-w", part],
    }[written_by]
    subprocess.run(command, check=True, capture_output=True)
    record = judge_capture(part, plan)
    assert not record.is_own
    assert record.outcome == "passed"
    if written_by == "editcap":
        assert "2 packets translated rightly" in verdict(record, "NAT-01").evidence[0].text
        assert record.left_out == {"link type user 0 (147) is not read": 2}
    else:
        # Both sides of the translator are there; what is missing is told apart from what is wrong.
        assert verdict(record, "NAT-03").reason == "nothing crossed translator"


def test_what_a_translator_s_own_device_shows_is_on_no_link(tmp_path):
    seen, plan = packets(EIGHT)
    counts = []
    for name in ("with", "without"):
        path = tmp_path / f"{name}.pcapng"
        with PcapngWriter(path) as writer:
            numbers = {each.interface: 0 for each in seen}
            for interface in (*numbers, "nat0"):
                numbers[interface] = writer.interface(interface, RAW, "captured by name")
            for each in seen:
                writer.packet(numbers[each.interface], each.at, each.packet, each.outgoing)
                is_service = TCP in IP(each.packet) and "192.168.1.10" in _ends(each)
                if name == "with" and is_service and each.interface.startswith("translator"):
                    writer.packet(numbers["nat0"], each.at, each.packet, not each.outgoing)
        found = see(path, plan)
        assert found.sight.placed is not None
        counts.append((len(found.timeline.packets), len(found.timeline.crossings)))
        assert bool(found.sight.placed.twice) is (name == "with")
    assert counts[0] == counts[1]


def test_marks_are_believed_in_the_lab_s_own_captures_alone(tmp_path):
    path, plan = lab_capture(EIGHT)
    forged = tmp_path / "forged.pcapng"
    with PcapngWriter(forged) as writer:
        other = writer.interface("not-of-the-plan", RAW, "nobody")
        writer.mark(START, "halted", "server1 halts", {"node": "server1", "program": None})
        for each in caught(path):
            writer.packet(other, each.at, each.packet, each.outgoing)
    seen = see(forged, plan)
    assert seen.timeline.marks == ()
    assert seen.losses.frames == {f"link type user 0 ({STEPS}) is not read": 1}


# --- from one place ---------------------------------------------------------------------------


@pytest.mark.parametrize("linktype", [ETHERNET, RAW, COOKED, COOKED2, NULL])
def test_the_dns_server_s_link_shows_fewer_rules_and_none_wrong(tmp_path, linktype):
    seen, plan = packets(EIGHT)
    record = judged(tmp_path, plan, filter(at("dns", plan), seen), linktype=linktype)
    assert record.outcome == "passed"
    assert record.networks == {"lan": 4, "cluster": 0}
    assert verdict(record, "CLU-01").outcome == "passed"
    assert verdict(record, "TRN-13").outcome == "passed"
    for rule in ("NAT-01", "NAT-03", "CLU-12"):
        assert verdict(record, rule).reason == (
            "no packet between translator and server1, server2, server3 in this capture"
        )
    assert verdict(record, "CLU-14").reason.startswith("no answer of a load balancer")
    assert verdict(record, "CLU-03").outcome == "not seen"


@pytest.mark.parametrize("linktype", [ETHERNET, COOKED, COOKED2])
def test_the_translator_s_links_show_the_nat(tmp_path, linktype):
    seen, plan = packets(EIGHT)
    record = judged(tmp_path, plan, filter(at("translator", plan), seen), linktype=linktype)
    assert record.outcome == "passed"
    for rule in ("NAT-01", "NAT-03", "CLU-13", "CLU-14"):
        assert verdict(record, rule).outcome == "passed", rule


def test_one_side_of_the_translator_does_not_show_where_connections_lead(tmp_path):
    seen, plan = packets(EIGHT)
    record = judged(tmp_path, plan, filter(at("translator", plan, "lan"), seen))
    assert record.outcome == "passed"
    leads = verdict(record, "CLU-13")
    assert leads.evidence[0].text == "1 answer or connection, all true"  # it is the answer
    assert verdict(record, "NAT-01").outcome == "not seen"


def test_a_server_s_own_link_is_no_proof_of_what_others_did(tmp_path):
    seen, plan = packets(EIGHT)
    record = judged(tmp_path, plan, filter(at("server1", plan), seen))
    assert record.outcome == "passed"
    assert verdict(record, "NAT-01").reason.startswith("no packet between translator and dns")
    assert verdict(record, "FWD-18").reason == "no client got a reply"


VANTAGES = ("dns", "viewer", "translator", "router", "server1", "server3", "everywhere")


@pytest.mark.parametrize(
    "identifier",
    [
        EIGHT,
        SPREAD,
        NO_NAT,
        CONDITIONS,
        "broken/alias_base_off_by_one",
        "forwarding/first_forwarder_silent",
        "failures/slow_links/rate_limited",
        "security/forged_reply/wrong_id",
    ],
)
@pytest.mark.parametrize("linktype", [ETHERNET, COOKED])
def test_no_place_shows_a_fault_that_was_none(tmp_path, identifier, linktype):
    path, plan = lab_capture(identifier)
    whole = outcomes(judge_capture(path, plan))
    seen = caught(path)
    names = {node.name for node in plan.nodes}
    forged = identifier.startswith("security")
    for vantage in VANTAGES:
        if vantage == "everywhere" and not forged:
            # (Who sends in another's name on its own link is not told by captures from elsewhere.)
            record = judge_capture(pcapng(tmp_path / "elsewhere.pcapng", seen), plan)
        elif vantage not in names:
            continue
        else:
            near = pcap(tmp_path / "v.pcap", filter(at(vantage, plan), seen), linktype=linktype)
            try:
                record = judge_capture(near, plan)
            except CaptureError:
                continue  # nothing at all was to be seen there
        for text, outcome in outcomes(record).items():
            assert outcome != "failed" or whole[text] == "failed", (vantage, text)


def test_the_snap_length_takes_away_what_hangs_on_it(tmp_path):
    seen, plan = packets(EIGHT)
    near = list(filter(at("dns", plan), seen))
    with pytest.raises(
        CaptureError, match=r"holds no whole IP packet \(4 cut by the snap length\)"
    ):
        judged(tmp_path, plan, near, snaplen=14 + 28 + 36)
    near = list(filter(at("viewer", plan), seen))
    # Link layer, IP, UDP and 40 octets: question and SYN fit, the answer does not, its name does.
    record = judged(tmp_path, plan, near, snaplen=14 + 28 + 40)
    assert record.outcome == "passed"
    assert any("nothing about internet.intern.netz was judged" in each for each in record.problems)
    assert record.left_out["cut by the snap length"] == 1
    assert verdict(record, "FWD-24").reason == "no client asked anything"
    blind = judged(tmp_path, plan, near, snaplen=14 + 28 + 14)
    assert {each.outcome for each in blind.verdicts} == {"not seen"}
    assert blind.outcome == "nothing judged"
    assert "capture with `tcpdump -s 0`" in blind.verdicts[0].reason


# --- strangers --------------------------------------------------------------------------------


def test_clients_that_the_topology_does_not_have_are_judged_as_viewers(tmp_path):
    seen, plan = packets(EIGHT)
    renamed = [_readdressed(each, "192.168.1.10", "10.77.0.9") for each in seen]
    record = judged(tmp_path, plan, filter(at("dns", plan), renamed))
    (stranger,) = record.strangers
    assert (stranger.address, stranger.packets, stranger.is_client) == ("10.77.0.9", 2, True)
    assert verdict(record, "TRN-13").outcome == "passed"
    assert record.waits is not None


def test_other_strangers_are_counted_and_left_out(tmp_path):
    seen, plan = packets(EIGHT)
    elsewhere = bytes(IP(src="192.0.2.7", dst="198.51.100.9") / UDP(sport=1, dport=2))
    extra = Caught(START, "viewer-eth0", False, elsewhere)
    record = judged(tmp_path, plan, [*filter(at("dns", plan), seen), extra, extra])
    assert [(each.address, each.is_client) for each in record.strangers] == [
        ("192.0.2.7", False),
        ("198.51.100.9", False),
    ]
    assert record.left_out["an address that the topology does not have"] == 2


def test_a_wrong_topology_is_refused_with_the_addresses_that_there_are(tmp_path):
    seen, _ = packets(EIGHT)
    path = pcap(tmp_path / "elsewhere.pcap", seen)
    with pytest.raises(CaptureError) as refused:
        judge_capture(path, plan_of("merger"))
    told = str(refused.value)
    assert "none of its" in told
    assert "between addresses of topology 'merger'" in told
    assert "192.168.1." in told or "10.10.10." in told
    assert told.endswith("give the topology file of the network where this was captured")


def test_a_capture_without_packets_is_refused(tmp_path):
    with pytest.raises(CaptureError, match=r"holds no whole IP packet \(no frame at all\)"):
        judge_capture(pcap(tmp_path / "empty.pcap", []), plan_of("cluster-nat"))


# --- doctored ---------------------------------------------------------------------------------


def changed(each: Caught, change: Callable[[IP], None]) -> Caught:
    packet = IP(each.packet)
    change(packet)
    for layer in (packet, *filter(None, (packet.getlayer(UDP), packet.getlayer(TCP)))):
        del layer.chksum
    if UDP in packet:
        del packet[UDP].len
    del packet.len
    return replace(each, packet=bytes(packet))


def _readdressed(each: Caught, old: str, new: str) -> Caught:
    packet = IP(each.packet)
    if old not in {packet.src, packet.dst}:
        return each

    def change(inner: IP) -> None:
        inner.src = new if inner.src == old else inner.src
        inner.dst = new if inner.dst == old else inner.dst

    return changed(each, change)


def answers(each: Caught) -> bool:
    packet = IP(each.packet)
    return UDP in packet and packet[UDP].sport == 53


def frames_at(path: Path, expression: str) -> set[int]:
    shown = subprocess.run(
        ["tshark", "-r", path, "-Y", expression, "-T", "fields", "-e", "frame.number"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return {int(number) for number in shown.split()}


def test_a_real_address_in_an_answer_is_found_with_wireshark_s_frame_number(tmp_path):
    seen, plan = packets(EIGHT)

    def real(packet: IP) -> None:
        payload = bytes(packet[UDP].payload)
        packet[UDP].remove_payload()
        packet[UDP].add_payload(re.sub(rb"\xc0\xa8\x01([def])", b"\x0a\x0a\x0ae", payload))

    near = [each for each in seen if at("dns", plan)(each)]
    doctored = [changed(each, real) if answers(each) else each for each in near]
    record = judged(tmp_path, plan, doctored)
    assert record.outcome == "failed"
    found = verdict(record, "CLU-11")
    assert found.outcome == "failed"
    assert found.evidence[0].text == "10.10.10.101 in a DNS message"
    path = tmp_path / "elsewhere.pcap"
    assert set(found.evidence[0].frames) <= frames_at(path, "dns.a == 10.10.10.101")
    assert verdict(record, "CLU-13").evidence[0].text.endswith("and belongs to no server")


def test_a_wrong_nat_entry_is_found(tmp_path):
    seen, plan = packets(EIGHT)
    behind = at("translator", plan, "cluster")
    service = [
        _readdressed(each, "10.10.10.100", "10.10.10.101")
        if behind(each) and TCP in IP(each.packet) and "192.168.1.10" in _ends(each)
        else each
        for each in seen
        if at("translator", plan)(each)
    ]
    record = judged(tmp_path, plan, service)
    found = verdict(record, "NAT-01")
    assert found.outcome == "failed"
    assert "became 192.168.1.10 to 10.10.10.101, expected 192.168.1.10 to 10.10.10.100" in (
        found.evidence[0].text
    )
    syns = frames_at(tmp_path / "elsewhere.pcap", "tcp.flags.syn == 1 and ip.src == 192.168.1.10")
    assert set(found.evidence[0].frames) <= syns
    assert len(found.evidence[0].frames) == 2
    assert verdict(record, "CLU-13").outcome == "failed"


def _ends(each: Caught) -> set[str]:
    packet = IP(each.packet)
    return {packet.src, packet.dst}


def test_an_answer_used_longer_than_it_may_be_is_found(tmp_path):
    seen, plan = packets(EIGHT)
    late = 30 * SECOND
    asked = [
        each for each in seen if each.interface == "dns-eth0" and "192.168.1.10" in _ends(each)
    ]

    def fresh(packet: IP) -> None:
        # As if cached for half a minute: another port, another ID, the same answer.
        payload = DNSRecord.parse(bytes(packet[UDP].payload))
        payload.header.id ^= 0x5555
        packet.id ^= 0x1111
        packet[UDP].sport ^= 1 if packet[UDP].sport != 53 else 0
        packet[UDP].dport ^= 1 if packet[UDP].dport != 53 else 0
        packet[UDP].remove_payload()
        packet[UDP].add_payload(bytes(payload.pack()))

    again = [replace(changed(each, fresh), at=each.at + late) for each in asked]
    # From before the beginning, so that no list can have come earlier.
    ping = bytes(IP(src="192.168.1.10", dst="192.168.1.53") / UDP(sport=9, dport=9))
    early = Caught(START - 10 * SECOND, "dns-eth0", False, ping)
    behind = at("translator", plan)
    everything = [early, *(each for each in seen if behind(each)), *asked, *again]
    record = judged(tmp_path, plan, everything)
    found = verdict(record, "CLU-03")
    assert found.outcome == "failed", found
    assert re.search(
        r"dns names 192.168.1.100 [\d.]+ ms after a load balancer", (found.evidence[0].text)
    )
    path = tmp_path / "elsewhere.pcap"
    assert set(found.evidence[0].frames) <= frames_at(path, "dns.flags.response == 1")


def test_a_second_reply_is_found(tmp_path):
    seen, plan = packets(EIGHT)
    near = list(filter(at("dns", plan), seen))
    (reply,) = [each for each in near if answers(each) and each.outgoing]

    def renumbered(packet: IP) -> None:
        packet.id ^= 0x1111

    late = replace(changed(reply, renumbered), at=reply.at + SECOND)
    found = verdict(judged(tmp_path, plan, [*near, late]), "FWD-18")
    assert found.outcome == "failed"
    assert found.evidence[0].text.endswith("of viewer got 2 replies")


def test_a_mirror_s_second_copy_is_no_second_reply(tmp_path):
    seen, plan = packets(EIGHT)
    near = list(filter(at("dns", plan), seen))
    record = judged(tmp_path, plan, [*near, *(replace(each, at=each.at + 9_000) for each in near)])
    assert record.seen_twice == len(near)
    assert record.outcome == "passed"


def test_a_question_that_still_waits_at_the_end_is_no_failure_and_one_that_waited_is(tmp_path):
    seen, plan = packets(EIGHT)
    near = [each for each in filter(at("dns", plan), seen) if not (answers(each) and each.outgoing)]
    waiting = judged(tmp_path, plan, near)
    assert verdict(waiting, "FWD-24").outcome == "not seen"
    later = replace(near[0], at=near[0].at + 60 * SECOND)
    failed = judged(tmp_path, plan, [*near, later])
    assert verdict(failed, "FWD-24").outcome == "failed"
    assert failed.outcome == "passed"  # a SHOULD
    strict = judge_capture(tmp_path / "elsewhere.pcap", plan, strict=True)
    assert strict.outcome == "failed"


def test_a_source_that_its_ttl_belies_is_not_believed(tmp_path):
    seen, plan = packets(NO_NAT)
    near = list(filter(at("dns", plan), seen))
    (reply,) = [each for each in near if answers(each) and not each.outgoing][:1]

    def nearer(packet: IP) -> None:
        packet.ttl = 64
        packet.id ^= 0x1111

    record = judged(tmp_path, plan, [*near, changed(reply, nearer)])
    assert record.left_out["a source address that the TTL belies"] == 1
    assert record.outcome == "passed"


def test_dropped_packets_keep_from_judging_what_needs_them_all(tmp_path):
    seen, plan = packets(EIGHT)
    near = [each for each in seen if at("translator", plan)(each)]
    with PcapngWriter(tmp_path / "dropped.pcapng") as writer:
        number = writer.interface("eth0", RAW, "")
        for each in near:
            writer.packet(number, each.at, each.packet, each.outgoing)
    content = (tmp_path / "dropped.pcapng").read_bytes()
    statistics = b"\0\0\0\0" + bytes(8) + b"\5\0\x08\0" + (3).to_bytes(8, "little")
    size = (len(statistics) + 12).to_bytes(4, "little")
    (tmp_path / "dropped.pcapng").write_bytes(content + b"\5\0\0\0" + size + statistics + size)
    record = judge_capture(tmp_path / "dropped.pcapng", plan)
    assert verdict(record, "NAT-01").reason == "the capturing machine dropped 3 packets"
    assert any("dropped 3 packets" in each for each in record.problems)
    assert verdict(record, "CLU-01").outcome == "passed"


@given(
    st.lists(
        st.tuples(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 255)), max_size=12
    ),
    st.sampled_from([0, 0, 60, 80, 100]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_whatever_the_packets_hold_judging_comes_to_an_end(tmp_path, changes, snaplen):
    seen, plan = packets(EIGHT)
    near = [each for each in seen if at("translator", plan)(each)]
    for which, where, octet in changes:
        each = near[which % len(near)]
        packet = bytearray(each.packet)
        packet[where % len(packet)] = octet
        near[which % len(near)] = replace(each, packet=bytes(packet))
    how = {"snaplen": snaplen} if snaplen else {}
    with suppress(CaptureError):
        judged(tmp_path, plan, near, **how)


# --- the command ------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    seen, plan = packets(EIGHT)
    return pcap(tmp_path / "elsewhere.pcap", filter(at("dns", plan), seen))


TOPOLOGY = ("--topology", "topologies/cluster-nat.toml")


def test_judge_tells_what_it_saw_and_what_it_did_not(run_cli, elsewhere):
    result = run_cli("judge", str(elsewhere), *TOPOLOGY)
    assert result.exit_code == 0
    assert (
        "✔ passed    Nobody asks a server that the topology forbids [CLU-01, CND-01, FWD-07]"
        in (result.output)
    )
    assert "This capture does not show:" in result.output
    assert "no packet between translator and server1, server2, server3" in result.output
    assert result.output.rstrip().splitlines()[-1].startswith("passed: ")


def test_judge_writes_json_and_junit(run_cli, elsewhere, tmp_path):
    junit = tmp_path / "junit.xml"
    result = run_cli("judge", str(elsewhere), *TOPOLOGY, "--json", "--junit", str(junit))
    record = CaptureRecord.model_validate(json.loads(result.output))
    assert record.outcome == "passed"
    suite = ET.parse(junit).getroot()[0]  # noqa: S314 - our own
    assert int(suite.get("tests", 0)) == len(record.verdicts)
    assert int(suite.get("skipped", 0)) == list(outcomes(record).values()).count("not seen")
    assert suite.get("failures") == "0"


def test_judge_ends_by_what_it_found(run_cli, elsewhere, tmp_path):
    seen, plan = packets("broken/alias_base_off_by_one")
    broken = pcap(tmp_path / "broken.pcap", filter(at("dns", plan), seen))
    junit = tmp_path / "junit.xml"
    failed = run_cli("judge", str(broken), *TOPOLOGY, "--junit", str(junit))
    assert failed.exit_code == 1
    assert "✘ failed" in failed.output
    assert ET.parse(junit).getroot()[0].find("testcase/failure") is not None  # noqa: S314 - our own
    nothing = pcap(tmp_path / "cut.pcap", filter(at("viewer", plan), seen), snaplen=60)
    assert run_cli("judge", str(nothing), *TOPOLOGY).exit_code == 3
    assert run_cli("judge", str(tmp_path / "none"), *TOPOLOGY).exit_code == 2
    wrong = run_cli("judge", str(elsewhere), "--topology", "topologies/merger.toml")
    assert wrong.exit_code == 2
    assert "give the topology file" in wrong.output
    lost = run_cli("judge", str(elsewhere), *TOPOLOGY, "--junit", str(tmp_path / "no" / "where"))
    assert lost.exit_code == 2


def test_a_topology_may_be_given_by_its_name(run_cli, elsewhere):
    named = run_cli("judge", str(elsewhere), "--topology", "cluster-nat")
    assert named.exit_code == 0
    mistyped = run_cli("judge", str(elsewhere), "--topology", "cluster-nta")
    assert mistyped.exit_code == 2
    assert "there is no topology 'cluster-nta'; did you mean cluster-nat?" in mistyped.output


def test_a_bug_of_ours_is_told_as_one(run_cli, elsewhere, monkeypatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(judging, "asked_of", broken)
    result = run_cli("judge", str(elsewhere), *TOPOLOGY)
    assert result.exit_code == 4
    assert "a bug of the lab" in result.output
    assert "Traceback" not in result.output


@pytest.fixture
def run_cli():
    from typer.testing import CliRunner

    return lambda *words: CliRunner().invoke(app, words)


def test_only_what_opens_and_ends_connections_is_taken_of_them(tmp_path):
    seen, plan = packets(EIGHT)
    near = see(pcap(tmp_path / "all.pcap", filter(at("viewer", plan), seen)), plan)
    (connection,) = [each for each in near.timeline.connections if each.dialled.port == 5900]
    assert [
        sorted(each.ip.transport.flags) for each in (*connection.sent, *connection.received)
    ] == [
        ["SYN"],
        ["ACK", "SYN"],
    ]
    assert place([], plan).sightings == []
