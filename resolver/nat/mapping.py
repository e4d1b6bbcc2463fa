"""The mappings of NAPT: which inside end stands behind which outside end, and who talks by it.

A *mapping* (RFC 4787 4) ties an inside end to an outside end. A *session* is one conversation that
uses it, with one remote end. A mapping lasts as long as one of its sessions does.

Ends are six octets, as `resolver.nat.flow` reads them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address
from random import Random

from resolver import limits
from resolver.config import Behaviour, NaptConfig
from resolver.machine import Instant
from resolver.nat.deadlines import NEVER, Deadlines
from resolver.nat.packet import ICMP
from resolver.nat.ports import Ports
from resolver.nat.tcp import Phase


class NoRoom(Exception):
    """A mapping or a session more than there may be, or no free port; the message says which."""


class Mapping:
    """An inside end and the outside end that stands for it."""

    __slots__ = (
        "armed_at",
        "expires_at",
        "hosts",
        "inside",
        "key",
        "outside",
        "protocol",
        "sessions",
    )

    def __init__(self, key: bytes, protocol: int, inside: bytes, outside: bytes) -> None:
        self.key = key
        self.protocol = protocol
        self.inside = inside
        self.outside = outside
        self.sessions: dict[bytes, Session] = {}
        """By remote end."""
        self.hosts: Counter[bytes] = Counter()
        """How many sessions there are with each remote address."""
        self.expires_at: Instant = 0
        """It lasts so long even without a session, where packets inwards keep it alive."""
        self.armed_at: Instant = NEVER


class Session:
    """A conversation of a mapping with one remote end."""

    __slots__ = ("armed_at", "expires_at", "mapping", "phase", "remote")

    def __init__(self, mapping: Mapping, remote: bytes, expires_at: Instant) -> None:
        self.mapping = mapping
        self.remote = remote
        self.expires_at = expires_at
        self.armed_at: Instant = NEVER
        self.phase: Phase | None = None
        """TCP's; None for others."""


class Mappings:
    """All mappings of a translator, found from either side.

    `random` gives the outside ports. Sessions whose time has come are ended by `expire`, and never
    found after it.
    """

    def __init__(self, config: NaptConfig, random: Random) -> None:
        self._config = config
        self._random = random
        self._addresses = tuple(IPv4Address(text).packed for text in config.outside_addresses)
        self._by_inside: dict[bytes, Mapping] = {}
        self._by_outside: dict[bytes, Mapping] = {}
        self._ports: dict[bytes, Ports] = {}
        """By protocol and outside address."""
        self._paired: dict[bytes, tuple[bytes, int]] = {}
        """Inside address: the outside one its mappings have, and how many these are."""
        self._sessions: Deadlines[Session] = Deadlines()
        self._lingering: Deadlines[Mapping] = Deadlines()
        self._session_count = 0

    def __len__(self) -> int:
        return len(self._by_outside)

    def __iter__(self) -> Iterator[Mapping]:
        return iter(self._by_outside.values())

    # --- finding ------------------------------------------------------------------------------

    def of_inside(self, protocol: int, inside: bytes, remote: bytes) -> Mapping | None:
        """The mapping that an inside end has towards a remote end."""
        return self._by_inside.get(self._key(protocol, inside, remote))

    def of_outside(self, protocol: int, outside: bytes) -> Mapping | None:
        """The mapping behind an outside end."""
        return self._by_outside.get(bytes((protocol,)) + outside)

    def _key(self, protocol: int, inside: bytes, remote: bytes) -> bytes:
        match self._config.mapping:
            case Behaviour.ENDPOINT_INDEPENDENT:  # RFC 4787 REQ-1
                return bytes((protocol,)) + inside
            case Behaviour.ADDRESS_DEPENDENT:
                return bytes((protocol,)) + inside + remote[:4]
            case Behaviour.ADDRESS_AND_PORT_DEPENDENT:
                return bytes((protocol,)) + inside + remote

    # --- beginning ----------------------------------------------------------------------------

    def open(self, protocol: int, inside: bytes, remote: bytes) -> Mapping:
        """A new mapping. Raises NoRoom."""
        if len(self._by_outside) >= self._config.most_mappings:
            raise NoRoom(f"{self._config.most_mappings} mappings")
        address, count = self._pair(inside[:4])
        port = self._ports_of(protocol, address).take(int.from_bytes(inside[4:]))
        if port is None:
            raise NoRoom(f"no free port at {IPv4Address(address)}")
        self._paired[inside[:4]] = address, count + 1
        outside = address + port.to_bytes(2)
        key = self._key(protocol, inside, remote)
        mapping = Mapping(key, protocol, inside, outside)
        self._by_inside[key] = mapping
        self._by_outside[bytes((protocol,)) + outside] = mapping
        return mapping

    def admit(self, mapping: Mapping, remote: bytes, expires_at: Instant) -> Session:
        """A new session of a mapping. Raises NoRoom; a mapping without a session ends then."""
        full = None
        if self._session_count >= self._config.most_sessions:
            full = f"{self._config.most_sessions} conversations"
        elif len(mapping.sessions) >= limits.NAT_SESSIONS_PER_MAPPING:
            full = f"{limits.NAT_SESSIONS_PER_MAPPING} conversations of one mapping"
        if full is not None:
            self._close_if_unused(mapping)
            raise NoRoom(full)
        session = Session(mapping, remote, expires_at)
        mapping.sessions[remote] = session
        mapping.hosts[remote[:4]] += 1
        self._session_count += 1
        self._sessions.watch(session)
        return session

    def _pair(self, inside: bytes) -> tuple[bytes, int]:
        # RFC 4787 REQ-2: one outside address for all mappings of an inside one.
        known = self._paired.get(inside)
        if known is not None:
            return known
        if len(self._addresses) == 1:
            return self._addresses[0], 0
        load = Counter(address for address, _ in self._paired.values())
        return min(self._addresses, key=lambda address: load[address]), 0

    def _ports_of(self, protocol: int, address: bytes) -> Ports:
        key = bytes((protocol,)) + address
        ports = self._ports.get(key)
        if ports is None:
            # Identifiers of ICMP queries are mere numbers.
            ranges = protocol != ICMP
            parity = ranges and self._config.port_parity
            ports = Ports(self._config.ports, self._random, parity=parity, ranges=ranges)
            self._ports[key] = ports
        return ports

    # --- lasting ------------------------------------------------------------------------------

    def prolong(self, session: Session, expires_at: Instant) -> None:
        """A session ends then and not as it was set before; that may be earlier."""
        session.expires_at = expires_at
        if expires_at < session.armed_at:
            self._sessions.watch(session)

    def linger(self, mapping: Mapping, expires_at: Instant) -> None:
        """A mapping lasts so long even if its last session ends before."""
        mapping.expires_at = max(mapping.expires_at, expires_at)

    def next(self) -> Instant | None:
        """When to `expire` next."""
        ends = (self._sessions.next(), self._lingering.next())
        return min((end for end in ends if end is not None), default=None)

    def expire(self, now: Instant) -> None:
        """End what has come to its end."""
        for session in self._sessions.ended(now):
            mapping = session.mapping
            del mapping.sessions[session.remote]
            self._session_count -= 1
            host = session.remote[:4]
            mapping.hosts[host] -= 1
            if not mapping.hosts[host]:
                del mapping.hosts[host]
            if not mapping.sessions and mapping.expires_at > now:
                self._lingering.watch(mapping)
            else:
                self._close_if_unused(mapping)
        for mapping in self._lingering.ended(now):
            self._close_if_unused(mapping)

    def _close_if_unused(self, mapping: Mapping) -> None:
        if mapping.sessions:
            return
        self._lingering.forget(mapping)
        del self._by_inside[mapping.key]
        del self._by_outside[bytes((mapping.protocol,)) + mapping.outside]
        address, port = mapping.outside[:4], int.from_bytes(mapping.outside[4:])
        self._ports[bytes((mapping.protocol,)) + address].release(port)
        paired, count = self._paired[mapping.inside[:4]]
        if count > 1:
            self._paired[mapping.inside[:4]] = paired, count - 1
        else:
            del self._paired[mapping.inside[:4]]
