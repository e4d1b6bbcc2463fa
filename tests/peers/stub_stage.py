"""Real stub resolvers against scripted servers, each in network and mount namespaces of its own."""

from __future__ import annotations

import ctypes
import json
import os
import select
import socket
import struct
import subprocess
import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.rdatatype
from servers import NotInstalled, require
from stub_cases import NAME, REPLIES_AFTER_S, SERVERS, Asked, Seen, Treatment
from stub_virtual import reply_octets

_CLONE_NEWNS, _CLONE_NEWNET = 0x00020000, 0x40000000
_MS_BIND = 0x1000
_READY_WITHIN_S = 20.0
_LONGEST_S = 60.0
_AT_ONCE = 20
_SO_TIMESTAMPNS = 35
"""<asm-generic/socket.h>: the kernel says when a datagram came, however late we read it."""
_libc = ctypes.CDLL(None, use_errno=True)
BUILD = Path(__file__).parents[2] / ".build"


@dataclass(frozen=True, slots=True)
class Case:
    """A real stub resolver, its settings, and what its servers do."""

    name: str
    program: tuple[str, ...]
    """It looks `stub_cases.NAME` up and prints what came of it."""
    treatments: tuple[Treatment, ...]
    options: str = ""
    """Of resolv.conf, "timeout:1 rotate"."""
    by_daemon: bool = False
    """Whether systemd-resolved stands between."""
    times: int = 1
    """How often the program is run, one after the other."""


def compile_look_up(compiler: str, package: str, folder: Path) -> str:
    """The program that calls getaddrinfo, built with this compiler."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"look-up-{compiler}"
    source = Path(__file__).with_name("look_up.c")
    done = subprocess.run(
        [require(compiler, package), "-Wall", "-Werror", str(source), "-o", str(made)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return str(made)


def resolved_program() -> str:
    """systemd-resolved: the host's, or the one that tools/setup.sh laid aside. Debian's package
    would put itself into the host's /etc/resolv.conf, so it is unpacked and not installed."""
    for folder in (BUILD / "systemd-resolved", Path("/")):
        for place in ("usr/lib/systemd", "lib/systemd"):
            program = folder / place / "systemd-resolved"
            if program.is_file():
                return str(program)
    raise NotInstalled("systemd-resolved")


def watch_all(cases: Sequence[Case], folder: Path) -> None:
    """Run the cases in this order, several at the same time, each in namespaces of its own; what
    was seen of one goes into a file of its name. To be called where we may make namespaces."""
    running = set()
    for case in cases:
        if len(running) == _AT_ONCE:
            running.remove(os.wait()[0])
        child = os.fork()
        if child == 0:
            status = 1
            try:
                _watch(case, folder)
                status = 0
            except BaseException:  # noqa: BLE001 - a forked child must never return into pytest
                (folder / f"{case.name}.trouble").write_text(traceback.format_exc())
            finally:
                os._exit(status)
        running.add(child)
    for child in running:
        os.waitpid(child, 0)


def seen(case: Case, folder: Path) -> list[Seen]:
    """What was seen of a case, run by run."""
    trouble = folder / f"{case.name}.trouble"
    assert not trouble.exists(), trouble.read_text()
    runs = json.loads((folder / f"{case.name}.json").read_text())
    return [
        Seen(tuple(Asked(*each) for each in one["asked"]), tuple(one["told"]), one["took_s"])
        for one in runs
    ]


def _watch(case: Case, folder: Path) -> None:
    if _libc.unshare(_CLONE_NEWNET | _CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    for words in (
        "link set lo up",
        "link add d0 type veth peer name d1",
        "address add 192.0.2.99/24 dev d0",
        "link set d0 up",
        "link set d1 up",
        *(f"address add {address}/32 dev lo" for address in SERVERS),
    ):
        subprocess.run(["ip", *words.split()], check=True)
    own = folder / case.name
    own.mkdir()
    servers = SERVERS[: len(case.treatments)]
    named = ("127.0.0.53",) if case.by_daemon else servers
    lines = [f"nameserver {address}" for address in named]
    # What resolved itself writes into its stub-resolv.conf.
    options = "edns0 trust-ad" if case.by_daemon else case.options
    lines += [f"options {options}"] if options else []
    lines += ["search ."] if case.by_daemon else []
    _put(own, "/etc/resolv.conf", "\n".join(lines) + "\n")
    _put(own, "/etc/nsswitch.conf", "hosts: dns\n")
    ears = _Ears(case.treatments)
    if case.by_daemon:
        _start_resolved(own, servers)
    runs = [_run(case.program, ears) for _ in range(case.times)]
    (folder / f"{case.name}.json").write_text(json.dumps(runs))


def _run(program: Sequence[str], ears: _Ears) -> dict[str, object]:
    ears.asked.clear()
    with subprocess.Popen([*program, NAME], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        began = time.time()
        ears.serve_until(process.stdout.fileno(), time.monotonic() + _LONGEST_S)
        ended = time.time()
        told = process.stdout.read().split("\n")
    ears.take_the_rest()
    began = ears.asked[0][0] if ears.asked else began
    asked = [(at - began, *rest) for at, *rest in ears.asked]
    return {"asked": asked, "told": [line for line in told if line], "took_s": ended - began}


class _Ears:
    """The scripted servers' sockets."""

    def __init__(self, treatments: Sequence[Treatment]) -> None:
        self.asked: list[tuple[float, int, str, int, int, bool, bool]] = []
        self._treatments = treatments
        self._datagrams: dict[socket.socket, int] = {}
        self._listening: dict[socket.socket, int] = {}
        self._streams: dict[socket.socket, int] = {}
        self._replies: deque[tuple[float, socket.socket, bytes, tuple[str, int]]] = deque()
        """When each is due, on the monotonic clock."""
        for place, treatment in enumerate(treatments):
            if treatment != "closed":
                datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                datagrams.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
                datagrams.bind((SERVERS[place], 53))
                self._datagrams[datagrams] = place
                self._listening[socket.create_server((SERVERS[place], 53))] = place

    def serve_until(self, other: int, gives_up: float) -> None:
        """Answer what comes until `other` can be read."""
        while True:
            now = time.monotonic()
            assert now < gives_up, "it never ended"
            while self._replies and self._replies[0][0] <= now:
                _, ear, reply, peer = self._replies.popleft()
                with suppress(ConnectionError):
                    ear.sendto(reply, peer)
            wait_s = self._replies[0][0] - now if self._replies else gives_up - now
            watched = [*self._datagrams, *self._listening, *self._streams, other]
            ready = select.select(watched, [], [], wait_s)[0]
            self._take(ready)
            if other in ready:
                return

    def take_the_rest(self) -> None:
        """Take what has come and was not read yet."""
        self._take(select.select([*self._datagrams], [], [], 0)[0])

    def _take(self, ready: Sequence[object]) -> None:
        came = []
        for each in ready:
            if each in self._listening:
                self._streams[each.accept()[0]] = self._listening[each]
            elif each in self._streams:
                self._take_messages(each)
            elif each in self._datagrams:
                came += [(*one, each) for one in _datagrams_at(each)]
        for at, payload, peer, ear in sorted(came, key=lambda one: one[0]):
            reply = self._weigh(payload, self._datagrams[ear], peer[1], at, over_tcp=False)
            if reply is not None:
                due = time.monotonic() + REPLIES_AFTER_S
                self._replies.append((due, ear, reply, peer))

    def _take_messages(self, stream: socket.socket) -> None:
        now = time.time()
        octets = stream.recv(65_536)
        place, port = self._streams[stream], stream.getpeername()[1] if octets else 0
        if not octets:
            del self._streams[stream]
            stream.close()
        while len(octets) > 2:
            end = 2 + int.from_bytes(octets[:2], "big")
            message, octets = octets[2:end], octets[end:]
            reply = self._weigh(message, place, port, now, over_tcp=True)
            if reply is not None:
                stream.sendall(len(reply).to_bytes(2, "big") + reply)

    def _weigh(
        self, payload: bytes, place: int, port: int, now: float, *, over_tcp: bool
    ) -> bytes | None:
        query = dns.message.from_wire(payload)
        qtype = dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked.append((now, place, qtype, query.id, port, over_tcp, query.edns >= 0))
        return reply_octets(payload, self._treatments[place], over_tcp=over_tcp)


def _datagrams_at(ear: socket.socket) -> Iterator[tuple[float, bytes, tuple[str, int]]]:
    """What is there, each with when it came."""
    while True:
        try:
            payload, ancillary, _, peer = ear.recvmsg(4096, 64, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        ((_, _, stamp),) = ancillary
        seconds, nanoseconds = struct.unpack("ll", stamp[:16])
        yield seconds + nanoseconds / 1e9, payload, peer


def _start_resolved(own: Path, servers: Sequence[str]) -> None:
    """Start systemd-resolved in the foreground, with nothing of the host's in its sight."""
    program = resolved_program()
    _mount_fresh("/run")
    settings = own / "systemd"
    settings.mkdir()
    (settings / "resolved.conf").write_text(
        f"[Resolve]\nDNS={' '.join(servers)}\nFallbackDNS=\nLLMNR=no\nMulticastDNS=no\n"
        "ReadEtcHosts=no\n"
    )
    _bind(settings, "/etc/systemd")
    runtime = Path("/run/systemd/resolve")
    runtime.mkdir(parents=True)
    # It gives up root for a user that the host need not have.
    for file, line in (("passwd", "systemd-resolve:x:0:0::/:/bin/false\n"),
                       ("group", "systemd-resolve:x:0:\n")):  # fmt: skip
        _put(own, f"/etc/{file}", Path(f"/etc/{file}").read_text() + line)
    with (own / "resolved").open("wb") as journal:
        process = subprocess.Popen([program], stdout=journal, stderr=journal)
    gives_up = time.monotonic() + _READY_WITHIN_S
    while not (
        (runtime / "stub-resolv.conf").exists()
        and "3500007F:0035" in Path("/proc/net/udp").read_text()
    ):
        assert process.poll() is None, (own / "resolved").read_text()
        assert time.monotonic() < gives_up, (own / "resolved").read_text()
        time.sleep(0.01)


def _put(own: Path, place: str, text: str) -> None:
    """Show this text in the place of a file of the host's, in this mount namespace alone."""
    file = own / Path(place).name
    file.write_text(text)
    _bind(file, place)


def _bind(source: Path, place: str) -> None:
    target = bytes(Path(place).resolve())
    if _libc.mount(bytes(source), target, None, _MS_BIND, None) != 0:
        raise OSError(ctypes.get_errno(), f"mount {source} on {place}")


def _mount_fresh(place: str) -> None:
    if _libc.mount(b"tmpfs", place.encode(), b"tmpfs", 0, None) != 0:
        raise OSError(ctypes.get_errno(), f"mount tmpfs on {place}")
