"""Three hosts in network namespaces: the load generator, the subjects, the upstream server.

    clients ── veth ── subjects ── veth ── upstream

The subjects have a processor core to themselves; the load generator and the upstream share the
other one. What each took of its core is measured with every run, so that a run shows whether it was
the subject that could do no more. Inside `run_isolated` only: everything is gone with it.
"""

from __future__ import annotations

import os
import re
import resource
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from dns_peers import Server
from dns_workload import ZONE, question

from lab.worlds.mininet_commands import run_batch, run_batches
from lab.worlds.namespaces import inside

CLIENT: Final = "10.77.1.1"
UPSTREAM: Final = "10.77.2.2"

_CLIENTS, _SUBJECTS, _UPSTREAM = "clients", "subjects", "upstream"

_OWN: Final = "/proc/self/ns/net"

_READY_S: Final = 20.0
_PROBE_S: Final = 0.2
_LOST_AFTER_S: Final = 2
_TICKS: Final = os.sysconf("SC_CLK_TCK")

MOST_SUBJECTS: Final = 10


def subject_address(number: int) -> str:
    """Where the subject of that number, from 0, is to listen."""
    return f"10.77.1.{11 + number}"


class FieldFailed(Exception):
    """A server did not start, or ended, or dnsperf could not do its work; its own words follow."""


@dataclass(frozen=True, slots=True)
class Load:
    """What dnsperf saw of one run against one subject."""

    per_second: float
    """Answers."""
    sent: int
    lost: int
    """Questions without an answer, or with an answer other than NOERROR."""
    subject_share: float
    """Of its core, that the subject took."""
    others_share: float
    """Of the other core, that dnsperf and the upstream took."""
    latencies_us: tuple[float, ...] = ()
    """Each answer's, where one was waited for before the next question."""


class Field:
    """The namespaces and the servers in them, for as long as the context lasts."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        cores = sorted(os.sched_getaffinity(0))
        self.others_core, self.subject_core = cores[0], cores[-1]
        self._servers: dict[str, tuple[Server, subprocess.Popen[bytes]]] = {}
        self._addresses: dict[str, str] = {}
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        names = (_CLIENTS, _SUBJECTS, _UPSTREAM)
        run_batch("ip", "kernel", [f"netns add {name}" for name in names])
        run_batch(
            "ip",
            "kernel",
            [
                f"link add load netns {_CLIENTS} type veth peer name load netns {_SUBJECTS}",
                f"link add out netns {_SUBJECTS} type veth peer name out netns {_UPSTREAM}",
            ],
        )
        addresses = {
            _CLIENTS: [f"{CLIENT}/24 dev load"],
            _SUBJECTS: [
                *(f"{subject_address(number)}/24 dev load" for number in range(MOST_SUBJECTS)),
                "10.77.2.1/24 dev out",
            ],
            _UPSTREAM: [f"{UPSTREAM}/24 dev out"],
        }
        run_batches(
            "ip",
            [
                (
                    name,
                    partial(self._in_namespace, name),
                    [
                        *(f"address add {address}" for address in addresses[name]),
                        *(f"link set {device} up" for device in devices),
                    ],
                )
                for name, devices in zip(
                    names, (("lo", "load"), ("lo", "load", "out"), ("lo", "out")), strict=True
                )
            ],
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ends.close()

    def start_upstream(self, server: Server) -> None:
        """Start the upstream server and wait until it answers."""
        self._start(server, _UPSTREAM, UPSTREAM, self.others_core)

    def start_subject(self, server: Server, address: str) -> None:
        """Start a subject, which is to listen at `address`, and wait until it answers."""
        self._addresses[server.name] = address
        self._start(server, _SUBJECTS, address, self.subject_core)

    def load(self, subject: str, questions: Path, *options: str) -> Load:
        """Have dnsperf put a file's questions to a subject. Raises FieldFailed."""
        argv = (
            *("dnsperf", "-B", "-d", str(questions), "-s", self._addresses[subject]),
            *("-T", "1", "-t", str(_LOST_AFTER_S), *options),
        )
        began, before = time.monotonic(), self._busy_s()
        process = subprocess.Popen(
            self._placed(_CLIENTS, self.others_core, argv),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = process.communicate()
        took, after = time.monotonic() - began, self._busy_s()
        if process.returncode != 0:
            raise FieldFailed(f"{' '.join(argv)}: {said.decode()}")
        self._insist_on_life()
        own = {name: after[name] - before[name] for name in after}
        return _read(said, own[subject] / took, (own["nsd"] + own["dnsperf"]) / took)

    def ask_one_by_one(self, subject: str, names: Sequence[str]) -> Load:
        """Ask for each name once the one before it was answered: a blocking socket of our own, for
        dnsperf stalls with a single question outstanding. Its own cost, some microseconds, is in
        everybody's figures."""
        latencies, lost = [], 0
        began, before = time.monotonic(), self._busy_s()
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {self.others_core})
        try:
            with self._in_namespace(_CLIENTS), _prober(self._addresses[subject]) as prober:
                prober.settimeout(_LOST_AFTER_S)
                for number, name in enumerate(names):
                    message = number.to_bytes(2, "big") + question(name)[2:]
                    asked_at = time.perf_counter_ns()
                    prober.send(message)
                    try:
                        while prober.recv(4096)[:2] != message[:2]:
                            pass  # a late answer to a question that was given up
                    except TimeoutError:
                        lost += 1
                    else:
                        latencies.append((time.perf_counter_ns() - asked_at) / 1e3)
        finally:
            os.sched_setaffinity(0, cores)
        took = time.monotonic() - began
        share = (self._busy_s()[subject] - before[subject]) / took
        return Load(len(latencies) / took, len(names), lost, share, 1.0, tuple(latencies))

    def _start(self, server: Server, namespace: str, address: str, core: int) -> None:
        folder = self._scratch / server.name
        folder.mkdir()
        for name, text in server.files.items():
            (folder / name).write_text(text)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                self._placed(namespace, core, server.argv),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # by which its children are counted with it
            )
        self._ends.callback(_end, process)
        self._servers[server.name] = (server, process)
        self._wait_until_answering(server, namespace, address)

    def _wait_until_answering(self, server: Server, namespace: str, address: str) -> None:
        message = question(f"ready.{ZONE}")
        deadline = time.monotonic() + _READY_S
        # The subjects admit the clients' network; the upstream is asked from its own host.
        where = _CLIENTS if namespace == _SUBJECTS else namespace
        with self._in_namespace(where), _prober(address) as prober:
            prober.settimeout(_PROBE_S)
            while time.monotonic() < deadline:
                self._insist_on_life()
                try:
                    prober.send(message)
                    reply = prober.recv(4096)
                except TimeoutError:
                    continue
                except ConnectionRefusedError:
                    time.sleep(_PROBE_S)  # refusals come back at once
                    continue
                if reply[3] & 0xF == 0 and reply[6:8] != b"\0\0":
                    return
        raise FieldFailed(f"{server.name} does not answer:\n{self._log(server)}")

    def _insist_on_life(self) -> None:
        for server, process in self._servers.values():
            if process.poll() is not None:
                raise FieldFailed(f"{server.name} has ended:\n{self._log(server)}")

    def _log(self, server: Server) -> str:
        return (self._scratch / server.name / "log").read_text(errors="replace")

    def _busy_s(self) -> dict[str, float]:
        """Processor time taken so far by each server with its children, and by all dnsperfs."""
        sessions = {process.pid: name for name, (_, process) in self._servers.items()}
        taken = dict.fromkeys(sessions.values(), 0.0)
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
            name = sessions.get(int(fields[3]))
            if name is not None:
                taken[name] += (int(fields[11]) + int(fields[12])) / _TICKS
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return taken | {"dnsperf": children.ru_utime + children.ru_stime}

    def _placed(self, namespace: str, core: int, argv: Iterable[str]) -> list[str]:
        return ["ip", "netns", "exec", namespace, "taskset", "-c", str(core), *argv]

    @contextmanager
    def _in_namespace(self, name: str) -> Iterator[None]:
        home, there = (os.open(path, os.O_RDONLY) for path in (_OWN, f"/run/netns/{name}"))
        try:
            with inside(there, home):
                yield
        finally:
            os.close(home)
            os.close(there)


def _prober(address: str) -> socket.socket:
    prober = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    prober.connect((address, 53))
    return prober


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_READY_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _read(said: bytes, subject_share: float, others_share: float) -> Load:
    """What dnsperf's words come to."""

    def number(pattern: str) -> float:
        found = re.search(pattern.encode(), said)
        return float(found[1]) if found else 0.0

    sent = int(number(r"Queries sent:\s+(\d+)"))
    if sent == 0:
        raise FieldFailed(f"dnsperf sent nothing: {said.decode(errors='replace')}")
    return Load(
        number(r"Queries per second:\s+([\d.]+)"),
        sent,
        sent - int(number(r"NOERROR (\d+)")),
        subject_share,
        others_share,
    )
