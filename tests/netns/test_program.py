"""Whole programs as processes: what a world, or a person at a prompt, sees of them."""

from __future__ import annotations

import io
import json
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, replace

import pytest

from resolver.config import (
    DnsTranslatorConfig,
    HostedZone,
    NatConfig,
    ProgramConfig,
    ResolverConfig,
    ServiceConfig,
)
from resolver.config_file import render_config
from resolver.machine import SECOND, Endpoint, Transport
from resolver.shells import program
from resolver.shells.journal import JournalWriter
from resolver.shells.limits import FACTS_PER_SECOND

pytestmark = pytest.mark.netns

HERE = Endpoint("127.0.0.1", 4433)
SERVICE = ServiceConfig(listen=(HERE,), name="node1")
TRANSLATOR = DnsTranslatorConfig(
    (Endpoint("10.9.9.9", 53),), "intern.netz", (HERE,), foreign_addresses=True
)
NAT = NatConfig("nat0", (("192.168.1.100", "10.10.10.100"),), "192.168.1.1", "10.10.10.1")


@pytest.fixture
def start(tmp_path):
    path = tmp_path / "program.toml"

    def start_program(config: ProgramConfig, *options: str, **more: int) -> subprocess.Popen[str]:
        path.write_text(render_config(config))
        return subprocess.Popen(
            [sys.executable, "-m", "resolver", "--config", str(path), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    return start_program


def complaint(process):
    """The one line with which a program refuses to start."""
    out, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert out == ""
    (line,) = err.splitlines()
    return line


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_service_from_ready_to_stopped(in_namespace, start, stop):
    def body():
        process = start(SERVICE)
        assert process.stdout.readline() == "ready\n"
        with socket.create_connection((HERE.address, HERE.port), timeout=5) as viewer:
            assert viewer.makefile().read() == "node1\n"
        process.send_signal(stop)
        out, err = process.communicate(timeout=10)
        assert process.returncode == 0
        assert out == ""
        facts = [json.loads(line) for line in err.splitlines()]
        names = [fact["fact"] for fact in facts]
        assert names[:2] == ["ProgramStarted", "ProgramReady"]
        assert names[-1] == "ProgramStopped"
        assert "CallerServed" in names
        instants = [fact["at_ns"] for fact in facts]
        assert instants == sorted(instants)

    in_namespace(body)


def test_the_translator_comes_up_on_its_device(in_namespace, start):
    def body():
        for line in ("tuntap add dev nat0 mode tun", "link set nat0 up"):
            subprocess.run(["ip", *line.split()], check=True)
        process = start(NAT)
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        process.communicate(timeout=10)
        assert process.returncode == 0

    in_namespace(body)


def test_what_the_host_refuses_is_one_line_and_exit_2(in_namespace, start):
    def body():
        with socket.create_server((HERE.address, HERE.port)):
            assert "program.toml: cannot listen on TCP 127.0.0.1:4433: " in complaint(
                start(SERVICE)
            )

    in_namespace(body)


def test_an_address_of_another_host_is_one_line_and_exit_2(in_namespace, start):
    def body():
        config = replace(TRANSLATOR, foreign_addresses=False)
        assert (
            "program.toml: cannot listen on UDP 10.9.9.9:53: this host does not have the address; "
        ) in complaint(start(config))
        process = start(TRANSLATOR)
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        process.communicate(timeout=10)

    in_namespace(body)


def test_a_bad_file_is_clear_lines_and_exit_2(start, tmp_path):
    process = start(SERVICE, "--check")
    assert process.communicate(timeout=20) == (f"{tmp_path / 'program.toml'}: good\n", "")
    assert process.returncode == 0
    bad_zone = HostedZone("single.intern.netz", "@ IN NOSUCHTYPE 1\n")
    config = ResolverConfig(listen=(HERE,), zones=(bad_zone,))
    assert str(tmp_path / "program.toml") in complaint(start(config, "--check"))
    missing = subprocess.run(
        [sys.executable, "-m", "resolver", "--config", "nowhere.toml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert missing.returncode == 2
    assert missing.stderr.startswith("nowhere.toml: file: no such file")


class Broken:
    """A machine with a bug."""

    def handle(self, _event, _now):
        raise ZeroDivisionError

    def expire(self, _now):
        raise ZeroDivisionError

    def deadline(self):
        return 0

    def ready(self):
        return False


def test_a_bug_ends_the_program_with_its_traceback_in_the_journal(in_namespace, monkeypatch):
    def body():
        monkeypatch.setattr(program, "machine_for", lambda *_: Broken())
        journal = io.StringIO()
        status = program.run_program(SERVICE, seed=1, journal=journal, on_ready=pytest.fail)
        assert status == 1
        last = json.loads(journal.getvalue().splitlines()[-1])
        assert last["fact"] == "ProgramFailed"
        assert "ZeroDivisionError" in last["traceback"]
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

    in_namespace(body)


def test_a_seed_repeats_each_stream_and_keeps_them_apart(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        program, "machine_for", lambda _c, ids, sel, _n: drawn.append((ids.random(), sel.random()))
    )
    for seed in (1, 1, 2, None, None):
        program.build_machine(SERVICE, seed=seed)
    assert drawn[0] == drawn[1]
    assert len({value for pair in drawn[1:] for value in pair}) == 8


def test_journal_lines_hold_every_kind_of_field():
    from dataclasses import make_dataclass

    fact = make_dataclass("Fact", ["where", "how", "octets", "names", "nested"], frozen=True)
    stream = io.StringIO()
    note = JournalWriter(stream)
    inner = fact(None, 1, b"", frozenset(), ())
    note(fact(HERE, Transport.UDP, b"\x01\xff", frozenset({"b", "a"}), inner), 17)
    note("a text", 18)
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first == {
        "at_ns": 17,
        "fact": "Fact",
        "where": "127.0.0.1:4433",
        "how": "udp",
        "octets": "01ff",
        "names": ["a", "b"],
        "nested": {"where": None, "how": 1, "octets": "", "names": [], "nested": []},
    }
    assert second == {"at_ns": 18, "fact": "str", "text": "a text"}


def test_a_bounded_journal_tells_how_much_it_left_out():
    @dataclass(frozen=True)
    class Happened:
        number: int

    @dataclass(frozen=True)
    class Rare:
        number: int

    stream = io.StringIO()
    note = JournalWriter(stream, bounded=True)
    for number in range(FACTS_PER_SECOND + 7):
        note(Happened(number), SECOND + number)
    note(Rare(1), SECOND)
    note(Rare(2), 2 * SECOND)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["number"] for line in lines[:-3]] == list(range(FACTS_PER_SECOND))
    assert [line["fact"] for line in lines[-3:]] == ["Rare", "FactsLeftOut", "Rare"]
    assert (lines[-2]["kind"], lines[-2]["count"]) == ("Happened", 7)

    unbounded = io.StringIO()
    note = JournalWriter(unbounded)
    for number in range(FACTS_PER_SECOND + 7):
        note(Happened(number), SECOND)
    note.tell_what_was_left_out(SECOND)
    assert len(unbounded.getvalue().splitlines()) == FACTS_PER_SECOND + 7
