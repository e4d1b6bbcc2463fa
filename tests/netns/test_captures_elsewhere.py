"""Captures that tcpdump, dumpcap and tshark make of real traffic, judged and taken for replay."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lab.captures.frames import Losses
from lab.captures.judging import judge_capture
from lab.captures.packets import read_packets
from lab.captures.questions import questions_of
from lab.captures.record import CaptureRecord
from lab.observe.pcapng import CaptureError
from lab.observe.sighting import Udp
from lab.topology.load import load_topology
from lab.topology.plan import Plan
from lab.topology.planner import make_plan
from resolver.config import HostedZone, ResolverConfig
from resolver.config_file import render_config
from resolver.machine import Endpoint

pytestmark = pytest.mark.netns

ROOT = Path(__file__).resolve().parent.parent.parent
NAME = "internet.intern.netz"
ADDRESSES = {"viewer": "192.168.1.10", "dns": "192.168.1.53", "translator": "192.168.1.1"}
ZONE = HostedZone(
    NAME,
    f"$ORIGIN {NAME}.\n$TTL 2\n@ SOA ns hostmaster 1 3600 600 86400 2\n@ NS ns\n"
    "@ A 192.168.1.100\n@ A 192.168.1.101\n@ A 192.168.1.102\nns A 192.168.1.100\n"
    "last A 192.168.1.100\n",
)
TCPDUMP = ["tcpdump", "-Z", "root", "--immediate-mode", "-U"]
CAPTURES = {
    "tcpdump.pcap": ("dns", [*TCPDUMP, "-i", "eth0"]),
    "any.pcap": ("dns", [*TCPDUMP, "-i", "any"]),
    "bridge.pcap": (None, [*TCPDUMP, "-i", "any"]),
    "nano.pcap": (
        "dns",
        [*TCPDUMP, "-i", "eth0", "--time-stamp-precision=nano"],
    ),
    "dumpcap.pcapng": ("dns", ["dumpcap", "-i", "eth0"]),
    "tshark.pcapng": ("dns", ["tshark", "-i", "eth0"]),
}
"""File → where it is captured (None: at the bridge between all), and how."""


def within(node: str | None) -> list[str]:
    return ["ip", "netns", "exec", node] if node is not None else []


def run(*words: object) -> str:
    return subprocess.run(
        [str(word) for word in words], check=True, capture_output=True, text=True
    ).stdout


def build() -> None:
    """Three machines on a bridge."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    script = ["link add br0 type bridge", "link set br0 up"]
    for node in ADDRESSES:
        run("ip", "netns", "add", node)
    for node, address in ADDRESSES.items():
        script += [
            f"link add {node}-br type veth peer name eth0 netns {node}",
            f"link set {node}-br master br0 up",
        ]
        subprocess.run(["ip", "-batch", "-"], input="\n".join(script), text=True, check=True)
        script = []
        inside = f"addr add {address}/24 dev eth0\nlink set eth0 up\nlink set lo up\n"
        subprocess.run(["ip", "-n", node, "-batch", "-"], input=inside, text=True, check=True)


@contextmanager
def running(*words: object, until: str | None = None) -> Iterator[subprocess.Popen[str]]:
    """A program, once it has said on standard error what is waited for; ended in the end."""
    argv = [str(word) for word in words]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        try:
            said = ""
            while until is not None and until not in said:
                assert process.stderr is not None
                line = process.stderr.readline()
                assert line, f"{argv} ended: {said}"
                said += line
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)


def dig(*words: str) -> str:
    return run(*within("viewer"), "dig", "@192.168.1.53", "+tries=1", "+time=2", *words)


def wait_for(condition: object, what: str) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)


def answers() -> bool:
    try:
        return "192.168.1.10" in dig(NAME, "+short")
    except subprocess.CalledProcessError:
        return False


def holds_the_last(path: Path) -> bool:
    """Whether the answer to the last question has reached the file."""
    try:
        found = list(read_packets(path, Losses()))
    except CaptureError:
        return False
    return any(
        isinstance(packet.ip.transport, Udp)
        and b"\x04last" in packet.ip.transport.payload
        and packet.ip.destination == ADDRESSES["viewer"]
        for packet in found
    )


def captured(folder: Path, plan: Plan) -> None:
    """Have the real thing happen, captured by all programs at once."""
    build()
    forwarding = plan.node("dns").program("resolver")
    assert forwarding is not None
    configs = {
        "dns": forwarding.config,
        "translator": ResolverConfig((Endpoint(ADDRESSES["translator"], 53),), (ZONE,)),
    }
    with ExitStack() as stack:
        for node, config in configs.items():
            file = folder / f"{node}.toml"
            file.write_text(render_config(config))
            stack.enter_context(
                running(*within(node), sys.executable, "-m", "resolver", "--config", file)
            )
        wait_for(answers, "the DNS server answers")
        for name, (node, command) in CAPTURES.items():
            until = "listening on" if command[0] == "tcpdump" else "Capturing on"
            stack.enter_context(running(*within(node), *command, "-w", folder / name, until=until))
        # What the programs have just said is that they will capture, some of them a little later.
        ready = [folder / name for name in CAPTURES if name.startswith(("dump", "tsh"))]
        wait_for(lambda: dig(NAME) and all(_holds_something(path) for path in ready), "all capture")
        dig(NAME, "AAAA")
        dig(NAME, "+tcp")
        dig(NAME, "+noedns", "+nocookie")
        dig(f"last.{NAME}")
        wait_for(lambda: all(holds_the_last(folder / name) for name in CAPTURES), "all is written")


def _holds_something(path: Path) -> bool:
    try:
        return any(read_packets(path, Losses()))
    except CaptureError:
        return False


def outcomes(record: CaptureRecord) -> dict[str, str]:
    return {each.text: each.outcome for each in record.verdicts}


def test_every_program_s_capture_says_the_same(in_namespace):
    def body() -> None:
        plan = make_plan(load_topology(ROOT / "topologies/cluster-nat.toml"), "cluster-nat")
        with TemporaryDirectory(prefix="forwardlab-") as name:
            folder = Path(name)
            captured(folder, plan)
            said = {}
            for file in CAPTURES:
                record = judge_capture(folder / file, plan)
                assert record.outcome == "passed", (file, record)
                assert not record.strangers, file
                assert not record.problems, file
                assert not record.is_own
                said[file] = outcomes(record)
            assert judge_capture(folder / "bridge.pcap", plan).seen_twice
            first = said["tcpdump.pcap"]
            assert list(first.values()).count("passed") >= 9, first
            for file, outcome in said.items():
                assert outcome == first, file
            taken_for_replay(folder)
            rewritten(folder, plan, first)

    in_namespace(body, limit_s=120)


def taken_for_replay(folder: Path) -> None:
    """The clients' questions are the same in all captures, and none of the server's own."""
    told = []
    for file in CAPTURES:
        losses = Losses()
        found = questions_of(read_packets(folder / file, losses), losses)
        assert found.server == ADDRESSES["dns"]
        assert set(found.askers) == {ADDRESSES["viewer"]}
        last = found.questions[-4:]
        assert [each.rcode for each in last] == ["NOERROR"] * 4
        assert [each.connection is not None for each in last] == [False, True, False, False]
        told.append([each.payload for each in last])
    assert all(each == told[0] for each in told)


def rewritten(folder: Path, plan: Plan, before: dict[str, str]) -> None:
    """What Wireshark's tools make of a capture says the same; merged, packets are there twice."""
    run("editcap", "-F", "pcap", folder / "dumpcap.pcapng", folder / "edited.pcap")
    assert outcomes(judge_capture(folder / "edited.pcap", plan)) == before
    run("mergecap", "-w", folder / "merged.pcapng", folder / "tcpdump.pcap", folder / "any.pcap")
    merged = judge_capture(folder / "merged.pcapng", plan)
    assert outcomes(merged) == before
    assert merged.seen_twice
    run("editcap", "-s", "60", folder / "tcpdump.pcap", folder / "cut.pcap")
    with pytest.raises(CaptureError, match="capture with `tcpdump -s 0` where DNS questions pass"):
        judge_capture(folder / "cut.pcap", plan)
