"""Whether a server that is not ours serves yet, asked without a question that it could pass on.

The kernel knows: its ports are bound, and a datagram too short to be a message has been taken off
their queues. A server with zones of its own is asked for these: some listen while they still read
them, and say SERVFAIL meanwhile.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TypeAlias

from resolver.config import BalancerConfig, ProgramConfig, ResolverConfig
from resolver.dns.names import to_wire
from resolver.machine import SECOND, Duration, Endpoint, Instant, Transport
from resolver.programs import listens

_LISTEN = "0A"  # net/tcp_states.h: TCP_LISTEN
_RUNT = b"\0"  # RFC 1035 4.1.1: a message has a header of 12 octets, so this is none

_SOA, _IN = 6, 1
_SERVFAIL = 2
_HEADER_OCTETS = 12
_AGAIN_AFTER_NS: Duration = SECOND // 10
_SILENT_FOR_NS: Duration = 2 * SECOND
"""A server may ignore who is not among its clients, and its own host need not be one."""

_ALL_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 - read, not bound

_Inside: TypeAlias = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class _Socket:
    """A line of /proc/net/udp or tcp."""

    local: tuple[str, int]
    listens: bool
    waiting_octets: int


class Serving:
    """Looks at a server until it serves. `inside` enters the network namespace of its node."""

    def __init__(self, pid: int, config: ProgramConfig, inside: _Inside) -> None:
        self._net = Path(f"/proc/{pid}/net")
        self._inside = inside
        with inside():
            ends = [
                (endpoint, transports)
                for endpoint, transports, _ in listens(config)
                if _is_here(endpoint)
            ]
        self._datagrams = [end for end, transports in ends if Transport.UDP in transports]
        self._streams = [end for end, transports in ends if Transport.TCP in transports]
        self._is_bound = False
        self._zones = _zones(config)
        self._question: socket.socket | None = None
        self._asked_at: Instant = 0
        self._first_asked_at: Instant | None = None

    def __call__(self, now: Instant) -> bool:
        """Whether it serves; to be called again and again until it does. `now`: monotonic."""
        if not self._is_bound:
            # Streams last, and only until they are there: the kernel goes through all the host's.
            self._is_bound = self._binds("udp", self._datagrams) and self._binds(
                "tcp", self._streams
            )
            if not self._is_bound:
                return False
            self._poke()
        return self._has_drained() and self._has_its_zones(now)

    def close(self) -> None:
        """Ask nothing more."""
        if self._question is not None:
            self._question.close()
            self._question = None

    # --- as its kernel sees it ----------------------------------------------------------------

    def _binds(self, protocol: str, ends: list[Endpoint]) -> bool:
        sockets = self._sockets(protocol)
        bound = {each.local for each in sockets if each.listens or protocol == "udp"}
        return all(_taking(end) & bound for end in ends)

    def _poke(self) -> None:
        with self._inside():
            for end in self._datagrams:
                with socket.socket(_family(end), socket.SOCK_DGRAM) as poke, suppress(OSError):
                    poke.sendto(_RUNT, (end.address, end.port))

    def _has_drained(self) -> bool:
        taking = {local for end in self._datagrams for local in _taking(end)}
        return not any(each.waiting_octets for each in self._sockets("udp") if each.local in taking)

    def _sockets(self, protocol: str) -> Iterator[_Socket]:
        for version in ("", "6"):
            with suppress(FileNotFoundError):  # a kernel without IPv6
                lines = (self._net / f"{protocol}{version}").read_text().splitlines()[1:]
                for words in map(str.split, lines):
                    address, port = words[1].split(":")
                    waiting = int(words[4].split(":")[1], 16)
                    local = (_spoken(address), int(port, 16))
                    yield _Socket(local, words[3] == _LISTEN, waiting)

    # --- as it answers for its own zones ------------------------------------------------------

    def _has_its_zones(self, now: Instant) -> bool:
        while self._zones:
            if self._first_asked_at is None:
                self._first_asked_at = now
            if self._question is None or now - self._asked_at > _AGAIN_AFTER_NS:
                self._ask(now)
            if not self._is_answered():
                return now - self._first_asked_at > _SILENT_FOR_NS
            self.close()
            self._zones = self._zones[1:]
        return True

    def _ask(self, now: Instant) -> None:
        self.close()
        end = self._datagrams[0]
        with self._inside():
            self._question = socket.socket(_family(end), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._asked_at = now
        with suppress(OSError):
            self._question.connect((end.address, end.port))
            self._question.send(_question(self._zones[0]))

    def _is_answered(self) -> bool:
        with suppress(OSError):
            reply = self._question.recv(65_535) if self._question else b""
            return len(reply) >= _HEADER_OCTETS and reply[3] & 0xF != _SERVFAIL
        return False


def _zones(config: ProgramConfig) -> tuple[str, ...]:
    match config:
        case ResolverConfig():
            return tuple(zone.origin for zone in config.zones)
        case BalancerConfig():
            return (config.zone,)
        case _:
            return ()


def _question(zone: str) -> bytes:
    """Its SOA, without recursion desired: nobody else is asked."""
    header = struct.pack(">6H", 0, 0, 1, 0, 0, 0)
    return header + to_wire(zone) + struct.pack(">2H", _SOA, _IN)


def _taking(end: Endpoint) -> frozenset[tuple[str, int]]:
    """The local addresses whose sockets take what is for the endpoint: its own, or all."""
    own = str(ip_address(end.address))
    return frozenset((address, end.port) for address in (own, *_ALL_ADDRESSES))


def _is_here(end: Endpoint) -> bool:
    """Whether this network namespace has the address. One that it has not is a translator's alias:
    what comes there may be given to an address that it has."""
    with socket.socket(_family(end), socket.SOCK_DGRAM) as trying:
        try:
            trying.bind((end.address, 0))
        except OSError as error:
            return error.errno != errno.EADDRNOTAVAIL
        return True


def _family(end: Endpoint) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in end.address else socket.AF_INET


def _spoken(address: str) -> str:
    """An address as /proc/net writes it: 32-bit words in the order of the machine's octets."""
    octets = bytes.fromhex(address)
    if sys.byteorder == "little":
        words = [octets[place : place + 4][::-1] for place in range(0, len(octets), 4)]
        octets = b"".join(words)
    return str(ip_address(octets))
