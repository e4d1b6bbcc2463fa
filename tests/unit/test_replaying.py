"""Questions out of a capture, asked again: who asked, what is asked, when, and what came of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from capturing import COOKED, START, Caught, at, caught, lab_capture, pcap, plan_of
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scapy.layers.dns import DNS, DNSQR, DNSRR, DNSRROPT
from scapy.layers.inet import IP, TCP, UDP
from scapy.packet import Raw
from typer.testing import CliRunner

from lab.captures.frames import Losses
from lab.captures.packets import read_packets
from lab.captures.questions import CapturedQuestions, NobodyAsked, questions_of
from lab.cli import app
from lab.observe.timeline import Timeline
from lab.report.render import read_record
from lab.scenario.model import Replay
from lab.scenario.replay import ReplayedQuestion
from lab.scenario.replaying import Asking, Replaying
from lab.worlds.world import Clock
from resolver.machine import (
    MILLISECOND,
    SECOND,
    Close,
    Effect,
    Endpoint,
    MessageArrived,
    Open,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)

EIGHT = "cluster/eight_steps/translator_address"
CLUSTER = "internet.intern.netz"
SERVER, UPSTREAM = "192.0.2.53", "198.51.100.1"
TOPOLOGY = ("--topology", "topologies/cluster-nat.toml", "--world", "simulated")
MS = MILLISECOND


# --- a capture in a few lines -----------------------------------------------------------------


def seen(at_ms: float, packet: IP) -> Caught:
    return Caught(START + round(at_ms * MS), "", False, bytes(packet))


def asks(
    at_ms: float,
    client: str,
    name: str = CLUSTER,
    *,
    to: str = SERVER,
    port: int = 40_000,
    identifier: int = 1,
    ip_id: int = 0,
    edns: bool = False,
) -> Caught:
    extra = {"ar": DNSRROPT(rclass=4096, z=0x8000)} if edns else {}
    message = DNS(id=identifier, rd=1, cd=1, qd=DNSQR(qname=name), **extra)
    return seen(at_ms, IP(src=client, dst=to, id=ip_id) / UDP(sport=port, dport=53) / message)


def answers(
    at_ms: float,
    client: str,
    address: str | None,
    name: str = CLUSTER,
    *,
    sender: str = SERVER,
    port: int = 40_000,
    identifier: int = 1,
    rcode: int = 0,
) -> Caught:
    records = None if address is None else DNSRR(rrname=name, type="A", ttl=2, rdata=address)
    message = DNS(id=identifier, qr=1, rd=1, rcode=rcode, qd=DNSQR(qname=name), an=records)
    return seen(at_ms, IP(src=sender, dst=client) / UDP(sport=53, dport=port) / message)


def taken(path: Path, packets: Sequence[Caught], **how: str) -> CapturedQuestions:
    losses = Losses()
    file = pcap(path / "clients.pcap", packets)
    return questions_of(read_packets(file, losses), losses, **how)  # type: ignore[arg-type]


# --- whose questions --------------------------------------------------------------------------


def test_clients_questions_are_taken_and_what_the_server_asks_is_not(tmp_path):
    packets = [
        asks(0, "192.0.2.10"),
        *(asks(1 + n, SERVER, to=UPSTREAM, port=50_000 + n, identifier=n) for n in range(9)),
        answers(20, "192.0.2.10", "192.168.1.101"),
        asks(30, "192.0.2.11", "other.test", identifier=5),
    ]
    found = taken(tmp_path, packets)
    assert found.server == SERVER
    assert [(each.client.address, each.name, each.frame) for each in found.questions] == [
        ("192.0.2.10", CLUSTER, 1),
        ("192.0.2.11", "other.test", 12),
    ]
    assert found.others == {f"{SERVER} → {UPSTREAM}": 9}
    first, second = found.questions
    assert (first.rcode, first.addresses, first.wait_ms) == ("NOERROR", ("192.168.1.101",), 20.0)
    assert (second.rcode, second.wait_ms) == (None, None)


def test_the_server_may_be_named(tmp_path):
    packets = [asks(0, "192.0.2.10"), asks(1, "192.0.2.10", to="192.0.2.54", port=7)]
    found = taken(tmp_path, packets, server="192.0.2.54")
    assert [each.client.port for each in found.questions] == [7]
    with pytest.raises(NobodyAsked, match=r"nobody in the capture asks 192\.0\.2\.99; asked are "):
        taken(tmp_path, packets, server="192.0.2.99")


def test_of_a_viewers_two_servers_the_one_that_answered_is_taken(tmp_path):
    """The first is dead, and asked more often for it."""
    client = "192.0.2.10"
    packets = [
        asks(0, client, to="192.0.2.53", port=6, identifier=4),
        asks(2500, client, to="192.0.2.53", port=6, identifier=4, ip_id=1),
        asks(5000, client, to="192.0.2.54", port=7),
        answers(5010, client, "192.168.1.101", sender="192.0.2.54", port=7),
    ]
    assert taken(tmp_path, packets).server == "192.0.2.54"
    assert taken(tmp_path, packets[:-1]).server == "192.0.2.53", "neither answered"


def test_a_capture_without_questions_is_told(tmp_path):
    with pytest.raises(NobodyAsked, match="asks anybody"):
        taken(tmp_path, [answers(0, "192.0.2.10", "192.0.2.1")])


def test_a_packet_that_was_captured_at_several_places_is_one_question(tmp_path):
    first = asks(0, "192.0.2.10")
    later = replace(first, at=first.at + 2 * MS)
    routed = IP(first.packet)
    routed.ttl -= 1
    found = taken(tmp_path, [first, later, seen(4, routed)])
    assert len(found.questions) == 1
    assert found.twice == 2


def test_a_question_sent_again_repeats_the_first_until_it_is_answered(tmp_path):
    client = "192.0.2.10"
    packets = [
        asks(0, client, ip_id=1),
        asks(1000, client, ip_id=2),
        asks(2000, client, ip_id=3),
        answers(2005, client, "192.168.1.100"),
        answers(2006, client, "192.168.1.100"),
        answers(2007, client, "192.168.1.100"),
        asks(3000, client, ip_id=4),  # the same port and ID, and yet a new question
        asks(3001, client, ip_id=5, port=40_001),
    ]
    found = taken(tmp_path, packets)
    assert [each.repeats for each in found.questions] == [None, 0, 0, None, None]


def test_messages_are_kept_octet_for_octet(tmp_path):
    packet = asks(0, "192.0.2.10", "WWW.Test", edns=True)
    (question,) = taken(tmp_path, [packet]).questions
    assert question.payload == bytes(IP(packet.packet)[UDP].payload)
    assert question.text == "A www.test"


def stream(client: str, *messages: bytes, port: int = 41_000) -> list[Caught]:
    """A TCP connection: a handshake, then each message in two segments, each reply in one."""
    there = IP(src=client, dst=SERVER) / TCP(sport=port, dport=53)
    back = IP(src=SERVER, dst=client) / TCP(sport=53, dport=port)
    packets = []

    def put(layers: IP, flags: str, seq: int, ack: int, payload: bytes = b"") -> None:
        packet = layers.copy()
        packet[TCP].flags, packet[TCP].seq, packet[TCP].ack = flags, seq, ack
        packets.append(seen(len(packets), packet / Raw(payload) if payload else packet))

    put(there, "S", 100, 0)
    put(back, "SA", 500, 101)
    sent, got = 101, 501
    for message in messages:
        framed = len(message).to_bytes(2, "big") + message
        put(there, "PA", sent, got, framed[:9])
        put(there, "PA", sent + 9, got, framed[9:])
        sent += len(framed)
        reply = bytes([*message[:2], message[2] | 0x80, *message[3:]])
        put(back, "PA", got, sent, len(reply).to_bytes(2, "big") + reply)
        got += len(reply) + 2
    return packets


def test_questions_over_tcp_share_their_connection(tmp_path):
    def message(identifier: int) -> bytes:
        return bytes(DNS(id=identifier, rd=1, qd=DNSQR(qname=CLUSTER)))

    one, other = (stream("192.0.2.10", message(1), message(2), port=port) for port in (1025, 1026))
    later = [replace(each, at=each.at + SECOND) for each in other]
    found = taken(tmp_path, [*one, *later, *stream("192.0.2.10", port=9)[2:]])
    numbers = [each.connection for each in found.questions]
    assert numbers[0] == numbers[1] != numbers[2] == numbers[3]
    assert [each.rcode for each in found.questions] == ["NOERROR"] * 4
    assert found.questions[1].payload == message(2)


def test_what_is_no_whole_message_is_counted(tmp_path):
    losses = Losses()
    half = IP(src="192.0.2.10", dst=SERVER) / UDP(sport=9, dport=53) / Raw(b"\0\1\1")
    file = pcap(tmp_path / "half.pcap", [asks(0, "192.0.2.10"), seen(1, half)])
    found = questions_of(read_packets(file, losses), losses)
    assert len(found.questions) == 1
    assert losses.frames == {"a question that is no whole DNS message": 1}


# --- asking again -----------------------------------------------------------------------------

HERE, THERE = Endpoint("192.168.1.10", 40_000), Endpoint("192.168.1.53", 53)


def udp(after: int, line: object = None, payload: bytes = b"\0\1q") -> Asking:
    return Asking(after, ("udp", after if line is None else line), Transport.UDP, payload)


def machine(*askings: Asking) -> Replaying:
    return Replaying(THERE, askings, patience_ns=SECOND)


def reply(flow: int, payload: bytes = b"\0\1r") -> MessageArrived:
    return MessageArrived(flow, payload, Transport.UDP, THERE, HERE)


def test_questions_leave_at_their_time_whatever_became_of_those_before() -> None:
    replaying = machine(udp(0), udp(5 * SECOND, payload=b"\0\2q"))
    assert replaying.deadline() == 0
    assert replaying.expire(100) == [Open(1, Transport.UDP, THERE), Send(1, b"\0\1q")]
    assert replaying.deadline() == 100 + SECOND
    assert replaying.expire(100 + SECOND) == [Close(1)]
    assert replaying.deadline() == 100 + 5 * SECOND
    assert replaying.expire(100 + 5 * SECOND) == [
        Open(2, Transport.UDP, THERE),
        Send(2, b"\0\2q"),
    ]
    assert replaying.handle(reply(2), 0) == ()  # another ID
    assert list(replaying.handle(reply(2, b"\0\2r"), 0)) == [Close(2)]
    assert replaying.deadline() == 0
    assert replaying.expire(100 + 5 * SECOND) == []
    assert replaying.finished
    assert replaying.deadline() is None


def test_a_repetition_leaves_from_the_same_socket() -> None:
    replaying = machine(udp(0, "a"), udp(10, "a"), udp(20, "a"))
    replaying.expire(0)
    assert list(replaying.handle(reply(1), 5)) == []  # more is to leave from here
    assert replaying.expire(10) == [Send(1, b"\0\1q")]
    assert replaying.expire(20) == [Send(1, b"\0\1q")]
    assert list(replaying.handle(reply(1), 30)) == []
    assert list(replaying.handle(reply(1), 31)) == [Close(1)]


def test_a_refused_socket_is_opened_anew_for_what_follows() -> None:
    replaying = machine(udp(0, "a"), udp(10, "a"))
    replaying.expire(0)
    assert list(replaying.handle(Unreachable(1, "port unreachable"), 5)) == [Close(1)]
    assert replaying.refusals == {"port unreachable"}
    assert replaying.expire(10) == [Open(2, Transport.UDP, THERE), Send(2, b"\0\1q")]


def test_a_connection_is_opened_once_and_again_when_it_was_closed() -> None:
    askings = [Asking(n, "c", Transport.TCP, bytes([0, n, 9])) for n in (1, 2, 30)]
    replaying = machine(*askings)
    assert replaying.expire(0) == []
    assert replaying.expire(2) == [Open(1, Transport.TCP, THERE)]
    assert replaying.handle(StreamOpened(1, HERE, THERE), 3) == [
        Send(1, b"\0\1\x09"),
        Send(1, b"\0\2\x09"),
    ]
    assert list(replaying.handle(reply(1, b"\0\2r"), 4)) == []
    assert list(replaying.handle(StreamClosed(1), 5)) == [Close(1)]
    assert replaying.expire(30) == [Open(2, Transport.TCP, THERE)]
    assert not replaying.finished


@given(
    st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(0, 3)), min_size=1, max_size=120),
    st.integers(0, 2**32),
)
def test_everything_leaves_once_in_order_and_comes_to_an_end(plan, seed):
    askings = [
        Asking(after, line, Transport.UDP, number.to_bytes(2, "big"))
        for number, (after, line) in enumerate(plan)
    ]
    replaying, random = machine(*askings), Random(seed)
    now, sent, open_flows = 0, [], set()
    while (due := replaying.deadline()) is not None:
        now = max(now, due)
        effects: list[Effect] = list(replaying.expire(now))
        for each in effects:
            if isinstance(each, Send) and random.random() < 0.7:
                effects += replaying.handle(reply(int(str(each.flow)), each.payload), now)
        for each in effects:
            match each:
                case Open(flow=flow):
                    open_flows.add(flow)
                case Close(flow=flow):
                    open_flows.remove(flow)
                case Send(flow=flow, payload=payload):
                    sent.append(int.from_bytes(payload, "big"))
        assert now <= 10 * SECOND
    assert sorted(sent) == list(range(len(plan)))
    assert [plan[number][0] for number in sent] == sorted(after for after, _ in plan)
    assert not open_flows


def question(**changes: object) -> ReplayedQuestion:
    fields = {"frame": 1, "at_s": 0, "node": "viewer", "client": "10.0.0.1", "text": "A a"}
    return ReplayedQuestion.model_validate({**fields, "octets": "00", **changes})


@pytest.mark.parametrize(
    "second",
    [
        question(repeats=1),
        question(repeats=0, node="viewer2"),
        question(repeats=0, octets="01"),
        question(repeats=0, connection=1),
    ],
)
def test_only_what_was_sent_before_can_be_repeated(second):
    assert Replay(questions=(question(), question(repeats=0)))
    with pytest.raises(ValidationError, match=r"questions\[1\] cannot repeat questions\["):
        Replay(questions=(question(), second))


# --- the command ------------------------------------------------------------------------------


def replayed(path: Path, packets: Sequence[Caught], *words: str, code: int = 0) -> tuple[str, Path]:
    out = path / "run"
    file = pcap(path / "clients.pcap", packets)
    result = CliRunner().invoke(app, ["replay", str(file), *TOPOLOGY, "--out", str(out), *words])
    assert result.exit_code == code, result.output
    return result.output, out


CLIENTS = [
    asks(0, "10.1.1.1", port=1111, identifier=4242, edns=True),
    answers(3, "10.1.1.1", "192.168.1.102", port=1111, identifier=4242),
    asks(500, "10.1.1.2", port=2222, identifier=7),
    asks(1500, "10.1.1.2", port=2222, identifier=7, ip_id=1),
    answers(1504, "10.1.1.2", "192.168.1.100", port=2222, identifier=7),
    *stream("10.1.1.3", bytes(DNS(id=3, rd=1, qd=DNSQR(qname=CLUSTER, qtype="AAAA")))),
]


def test_replay_asks_again_and_compares(tmp_path):
    output, out = replayed(tmp_path, CLIENTS)
    record = read_record(out)
    (scenario,) = record.scenarios
    assert scenario.outcome == "passed"
    assert scenario.id == "replay/clients"
    assert [each.likeness for each in scenario.replayed] == [
        "same", "same", "same", "no answer in the capture",
    ]  # fmt: skip
    assert "4 questions of 3 clients to 192.0.2.53" in scenario.story
    assert "10.1.1.1 as viewer, 10.1.1.3 as viewer, 10.1.1.2 as viewer" in scenario.story
    assert "3 same, 1 no answer in the capture" in output
    assert scenario.reproduce.startswith("forwardlab replay ")
    assert (out / "report.html").is_file()
    rows = list(csv.DictReader((out / "replay.csv").open()))
    assert [row["client"] for row in rows] == ["10.1.1.1", "10.1.1.3", "10.1.1.2", "10.1.1.2"]
    assert [row["likeness"] for row in rows] == [each.likeness for each in scenario.replayed]
    assert json.loads((out / "record.json").read_text())["scenarios"][0]["replayed"]


def test_the_lab_gets_the_same_octets_with_the_same_spacing(tmp_path):
    _, out = replayed(tmp_path, CLIENTS[:5], "--speed", "10")
    (scenario,) = read_record(out).scenarios
    plan = plan_of("cluster-nat")
    timeline = Timeline.read(out / str(scenario.capture), plan, Clock.VIRTUAL)
    asked = [each.query for each in timeline.exchanges if each.asker == "viewer"]
    captured = [bytes(IP(CLIENTS[place].packet)[UDP].payload) for place in (0, 2, 3)]
    assert [each.payload[2:] for each in asked] == [each[2:] for each in captured]
    assert [each.at - asked[0].at for each in asked] == [0, 50 * MS, 150 * MS]
    assert asked[0].opt is not None
    assert asked[0].opt.do
    first, second, third = asked
    assert second.payload == third.payload
    assert second.source == third.source
    assert first.payload[:2] != second.payload[:2]


def test_the_same_seed_gives_the_same_capture(tmp_path):
    runs = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        _, out = replayed(tmp_path / name, CLIENTS)
        (scenario,) = read_record(out).scenarios
        runs.append((out / str(scenario.capture)).read_bytes())
    assert runs[0] == runs[1]


def test_what_differs_fails_and_is_told(tmp_path):
    packets = [
        asks(0, "10.1.1.1", "www.test"),
        answers(3, "10.1.1.1", "203.0.113.80", "www.test"),
        *CLIENTS[2:5],
    ]
    output, out = replayed(tmp_path, packets, code=1)
    assert "frame 1, 10.1.1.1: A www.test: NOERROR 203.0.113.80 then" in output
    (scenario,) = read_record(out).scenarios
    (expectation,) = scenario.expectations
    assert expectation.outcome == "failed"
    assert expectation.evidence[0].frames
    (tmp_path / "again").mkdir()
    output, out = replayed(tmp_path / "again", packets, "--under", "intern.netz")
    assert "1 same, 1 no answer in the capture" in output


def test_a_client_that_the_topology_has_asks_as_itself(tmp_path):
    path, plan = lab_capture(EIGHT)
    near = [each for each in caught(path) if at("dns", plan)(each)]
    file = pcap(tmp_path / "c.pcap", near, linktype=COOKED)
    words = ["replay", str(file), *TOPOLOGY, "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "192.168.1.10 as viewer" in result.output
    assert "192.168.1.53 → 192.168.1.1 (1)" in result.output
    assert "1 same" in result.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--speed", "0"], "--speed 0: the spacing cannot be divided by it; name a number above 0"),
        (["--speed", "-1"], "name a number above 0"),
        (["--server", "dns"], "--server dns: not an address; write it like 192.168.1.53"),
        (["--server", "192.0.2.99"], "nobody in the capture asks 192.0.2.99"),
        (["--under", "example.org"], "no question is about example.org"),
        (["--topology", "topologies/none.toml"], "no such file or directory"),
        (["--world", "moon"], "there is no world 'moon'"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(tmp_path, words, told):
    file = pcap(tmp_path / "clients.pcap", CLIENTS)
    out = ["--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, ["replay", str(file), *TOPOLOGY, *out, *words])
    assert result.exit_code == 2, result.output
    assert told in " ".join(result.output.split())


def test_a_capture_of_something_else_is_refused(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("no capture")
    result = CliRunner().invoke(app, ["replay", str(file), *TOPOLOGY])
    assert result.exit_code == 2
    assert "this is neither pcap nor pcapng" in result.output
