"""A resolver as an operator runs it: changed by SIGHUP, counted by SIGUSR1, stopped with grace."""

from __future__ import annotations

import json
import signal
import socket
import struct
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import pytest

from resolver.dns.message import Question, build_query, question_wire
from resolver.dns.message_reading import parse_reply
from resolver.limits import STREAMS_PER_CLIENT
from resolver.shells.limits import MAX_ACCEPTED_STREAMS

pytestmark = pytest.mark.netns

PORT = 5353
HERE = ("127.0.0.1", PORT)
SILENT = ("127.0.0.1", 5399)
LINE = "www 60 A 192.0.2.1\n"
ZONE = f"@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.53\n{LINE}"
CONFIG = f"""
program = "resolver"
listen = ["127.0.0.1:{PORT}"]
stop_within_s = 30

[[zones]]
origin = "own.test"
file = "own.zone"

[[forward]]
zone = "slow.test"
servers = ["{SILENT[0]}:{SILENT[1]}"]
timeout_s = 20
"""


class Process:
    """A resolver in a process, its files, and its journal as it is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "resolver.toml"
        self.zone = folder / "own.zone"
        self.config.write_text(CONFIG)
        self.zone.write_text(ZONE)
        self.passed: list[dict] = []
        """What was read of the journal so far."""

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "resolver", "--config", str(self.config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"
        self.await_fact("ProgramReady")

    def await_fact(self, name: str) -> dict:
        """The next line of the journal of that kind; the test's limit ends an endless wait."""
        for line in self.process.stderr:
            fact = json.loads(line)
            self.passed.append(fact)
            if fact["fact"] == name:
                return fact
        raise AssertionError(f"no {name} before the end of the journal")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> list[dict]:
        """Wait for a clean end; the rest of the journal."""
        _, err = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, err
        return [json.loads(line) for line in err.splitlines()]


def query(name: str, id_: int = 7) -> bytes:
    return build_query(id_, question_wire(Question(name, 1)), edns=None)


def ask(name: str, port: int = PORT) -> tuple[int, list[bytes]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect((HERE[0], port))
        client.send(query(name))
        reply = parse_reply(client.recv(4096))
    return reply.rcode, [record.rdata for record in reply.answers]


def address(last: int) -> tuple[int, list[bytes]]:
    return 0, [bytes((192, 0, 2, last))]


def read_message(stream: socket.socket) -> bytes:
    """One message of a stream; nothing at its end."""
    prefix = read_octets(stream, 2)
    return read_octets(stream, struct.unpack("!H", prefix)[0]) if prefix else b""


def read_octets(stream: socket.socket, count: int) -> bytes:
    """So many octets and no more, or what came before the end."""
    octets = b""
    while len(octets) < count and (piece := stream.recv(count - len(octets))):
        octets += piece
    return octets


def test_sighup_takes_over_zones_and_keeps_what_is_bad(in_namespace, tmp_path):
    def body():
        resolver = Process(tmp_path)
        resolver.start()
        assert ask("www.own.test") == address(1)
        resolver.zone.write_text(ZONE.replace("192.0.2.1\n", "192.0.2.2\n"))
        resolver.signal(signal.SIGHUP)
        assert resolver.await_fact("ConfigurationTakenOver")["zones"] == 1
        assert ask("www.own.test") == address(2)

        resolver.zone.write_text(ZONE + "bad IN A nowhere\n")
        resolver.signal(signal.SIGHUP)
        rejected = resolver.await_fact("ZoneRejected")
        assert (rejected["origin"], rejected["line"]) == ("own.test", 5)
        assert rejected["file"] == str(resolver.zone)
        assert "write name, type and value" in rejected["problem"]
        assert ask("www.own.test") == address(2)

        resolver.config.write_text(CONFIG + "sevrers = []\ntimeout_s = -1\n")
        resolver.signal(signal.SIGHUP)
        problems = resolver.await_fact("ConfigurationRejected")["problems"]
        assert problems
        assert all(str(resolver.config) in problem for problem in problems)
        assert ask("www.own.test") == address(2)

        moved = CONFIG.replace("own.test", "new.test").replace(f":{PORT}", ":5354")
        resolver.config.write_text(moved)
        resolver.zone.write_text(ZONE)
        resolver.signal(signal.SIGHUP)
        assert "listen" in resolver.await_fact("RestartMissed")["what"]
        resolver.await_fact("ConfigurationTakenOver")
        assert ask("www.own.test")[0] == 5
        assert ask("www.new.test") == address(1)
        resolver.signal(signal.SIGTERM)
        resolver.end()

    in_namespace(body)


def test_sigusr1_and_a_stop_write_the_counters(in_namespace, tmp_path):
    def body():
        resolver = Process(tmp_path)
        resolver.start()
        ask("www.own.test")
        ask("no.own.test")
        resolver.signal(signal.SIGUSR1)
        read = resolver.await_fact("CountersRead")
        assert read["questions_udp"] + read["fast_answers"] == 2
        resolver.signal(signal.SIGTERM)
        facts = resolver.end()
        assert [fact["fact"] for fact in facts] == ["CountersRead", "ProgramStopped"]
        assert facts[-1]["answered"] is True

    in_namespace(body)


def test_without_a_reader_of_its_journal_it_serves_on_and_stops_as_asked(in_namespace, tmp_path):
    def body():
        resolver = Process(tmp_path)
        resolver.config.write_text('journal = "questions"' + CONFIG)
        resolver.start()
        resolver.process.stderr.close()
        for _ in range(3):
            assert ask("www.own.test") == address(1)
        resolver.signal(signal.SIGTERM)
        assert resolver.process.wait(timeout=20) == 0

    in_namespace(body)


class SlowServer:
    """A forwarder that answers when the test wants it to."""

    def __init__(self) -> None:
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(SILENT)
        self.streams = socket.create_server(SILENT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.datagrams.close()
        self.streams.close()

    def answer(self) -> None:
        """Answer the datagram and the stream that wait."""
        message, asker = self.datagrams.recvfrom(4096)
        self.datagrams.sendto(reply_to(message), asker)
        self.answer_stream()

    def answer_stream(self) -> None:
        stream, _ = self.streams.accept()
        with stream:
            send_message(stream, reply_to(read_message(stream)))


def reply_to(message: bytes) -> bytes:
    flags = struct.unpack_from("!H", message, 2)[0] | 0x8080
    end = message.index(b"\0", 12) + 5
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\x09"
    counts = struct.pack("!HHHH", 1, 1, 0, 0)
    return message[:2] + struct.pack("!H", flags) + counts + message[12:end] + record


def send_message(stream: socket.socket, message: bytes) -> None:
    stream.sendall(struct.pack("!H", len(message)) + message)


def open_stream() -> socket.socket:
    """A stream that the resolver has accepted."""
    stream = socket.create_connection(HERE, timeout=10)
    send_message(stream, query("www.own.test"))
    assert parse_reply(read_message(stream)).rcode == 0
    return stream


def await_refusal() -> None:
    """Return when the resolver takes no streams any more: it has seen to the signal."""
    with suppress(ConnectionRefusedError):
        while True:
            with suppress(ConnectionResetError):  # it was among those closed with the listener
                socket.create_connection(HERE, timeout=10).close()


def test_a_stop_lets_answers_under_way_go_out_and_refuses_new_streams(in_namespace, tmp_path):
    def body():
        resolver = Process(tmp_path)
        resolver.start()
        with (
            SlowServer() as server,
            open_stream() as busy,
            open_stream() as idle,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        ):
            client.settimeout(10)
            client.connect(HERE)
            client.send(query("a.slow.test"))
            send_message(busy, query("a.slow.test"))
            assert ask("www.own.test") == address(1)  # so both questions have been read
            resolver.signal(signal.SIGTERM)
            assert read_message(idle) == b""
            await_refusal()
            assert resolver.process.poll() is None
            server.answer()
            assert parse_reply(client.recv(4096)).answers[0].rdata == b"\xc0\0\2\x09"
            assert parse_reply(read_message(busy)).answers[0].rdata == b"\xc0\0\2\x09"
            assert read_message(busy) == b""
            busy.close()
            idle.close()
            facts = resolver.end()
        assert facts[-1]["answered"] is True

    in_namespace(body)


def test_a_second_signal_stops_at_once(in_namespace, tmp_path):
    def body():
        resolver = Process(tmp_path)
        resolver.start()
        with SlowServer(), open_stream() as busy:
            send_message(busy, query("a.slow.test"))
            assert ask("www.own.test") == address(1)
            resolver.signal(signal.SIGTERM)
            await_refusal()
            assert resolver.process.poll() is None
            resolver.signal(signal.SIGINT)
            facts = resolver.end()
        assert facts[-1]["answered"] is False

    in_namespace(body)


def test_a_stop_does_not_wait_longer_than_it_may(in_namespace, tmp_path):
    def body():
        resolver = Process(tmp_path)
        resolver.config.write_text(CONFIG.replace("stop_within_s = 30", "stop_within_s = 0.05"))
        resolver.start()
        with SlowServer(), open_stream() as busy:
            send_message(busy, query("a.slow.test"))
            assert ask("www.own.test") == address(1)
            resolver.signal(signal.SIGTERM)
            assert resolver.end()[-1]["answered"] is False

    in_namespace(body)


def test_a_stream_is_taken_first_in_any_pieces_and_answered_as_answers_are_ready(
    in_namespace, tmp_path
):
    """TRN-06, TRN-08; RFC 7766 6.2.1.1 and 8."""

    def body():
        resolver = Process(tmp_path)
        resolver.start()
        with SlowServer() as server, socket.create_connection(HERE, timeout=10) as stream:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            message = query("www.own.test", 1)
            for octet in struct.pack("!H", len(message)) + message:
                stream.send(bytes((octet,)))
            assert read_message(stream)[:2] == b"\0\1"
            three = (query("a.slow.test", 2), query("www.own.test", 3), query("no.own.test", 4))
            stream.sendall(b"".join(struct.pack("!H", len(m)) + m for m in three))
            assert [read_message(stream)[:2] for _ in range(2)] == [b"\0\3", b"\0\4"]
            server.answer_stream()
            assert read_message(stream)[:2] == b"\0\2"
        resolver.signal(signal.SIGTERM)
        resolver.end()

    in_namespace(body)


def test_one_clients_streams_do_not_shut_out_anothers(in_namespace, tmp_path):
    """Those turned away leave at once, whatever their client does, so accepting never pauses."""

    def body():
        resolver = Process(tmp_path)
        resolver.start()
        with ExitStack() as held:
            for _ in range(MAX_ACCEPTED_STREAMS + 100):
                held.enter_context(socket.create_connection(HERE, timeout=10))
            other = socket.create_connection(HERE, timeout=10, source_address=("127.0.0.9", 0))
            with other:
                send_message(other, query("www.own.test"))
                assert parse_reply(read_message(other)).rcode == 0
            resolver.signal(signal.SIGUSR1)
            read = resolver.await_fact("CountersRead")
            assert read["streams_refused"] == MAX_ACCEPTED_STREAMS + 100 - STREAMS_PER_CLIENT
            resolver.signal(signal.SIGTERM)
            facts = resolver.end()
        assert "AcceptingPaused" not in {fact["fact"] for fact in (*resolver.passed, *facts)}

    in_namespace(body)


def test_the_example_of_the_documentation_runs(in_namespace, tmp_path):
    def body():
        resolver = Process(tmp_path)
        resolver.config = Path(__file__).parents[2] / "docs" / "examples" / "resolver.toml"
        resolver.start()
        assert ask("www.corp.example", port=53) == (0, [bytes((192, 168, 1, 80))])
        resolver.signal(signal.SIGHUP)
        assert resolver.await_fact("ConfigurationTakenOver")["rules"] == 2
        resolver.signal(signal.SIGTERM)
        resolver.end()

    in_namespace(body)


def test_check_names_the_bad_line_of_every_zone_file(tmp_path):
    resolver = Process(tmp_path)
    check = [sys.executable, "-m", "resolver", "--check", "--config", str(resolver.config)]

    def complaints() -> list[str]:
        done = subprocess.run(check, capture_output=True, text=True, check=False, timeout=20)
        assert done.returncode == 2
        assert done.stdout == ""
        return done.stderr.splitlines()

    resolver.config.write_text(CONFIG + '[[zones]]\norigin = "b.test"\nfile = "b.zone"\n')
    (tmp_path / "b.zone").write_text("www 60 A 192.0.2.1\n$INCLUDE /etc/passwd\n")
    resolver.zone.write_text(ZONE + "bad IN A nowhere\n")
    own, other = complaints()
    assert own.startswith(f"{resolver.config}: zone own.test: {resolver.zone}: line 5: ")
    assert other.startswith(f"{resolver.config}: zone b.test: {tmp_path / 'b.zone'}: line 2: ")
    assert "$INCLUDE is not followed; " in other
    resolver.zone.unlink()
    (missing,) = complaints()
    assert missing.startswith(f"{resolver.config}: zones[0]: {resolver.zone}: no such file")


def test_other_programs_say_that_they_want_a_restart(in_namespace, tmp_path):
    def body():
        resolver = Process(tmp_path)
        service = f'program = "service"\nlisten = ["127.0.0.1:{PORT}"]\nname = "one"\n'
        resolver.config.write_text(service)
        resolver.start()
        resolver.config.write_text(service.replace("one", "two"))
        resolver.signal(signal.SIGHUP)
        assert "restart" in resolver.await_fact("RestartMissed")["what"]
        resolver.signal(signal.SIGINT)
        resolver.end()

    in_namespace(body)
