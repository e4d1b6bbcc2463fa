"""Stub resolvers as data: how long each waits, whom it asks next, when it gives up; and sources.

`verified` profiles were compared, datagram by datagram, with the real thing (`tests/peers/`); the
others follow what their makers publish, and every report says which is which. docs/viewers.md has
the same in a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal, get_args

from resolver.machine import SECOND, Duration

ProfileName = Literal[
    "glibc",
    "glibc-rotate",
    "glibc-single-request",
    "musl",
    "windows",
    "systemd-resolved",
    "one-shot",
]

PROFILE_NAMES: Final[tuple[ProfileName, ...]] = get_args(ProfileName)

Order = Literal["in-turn", "rotated", "all-at-once", "published", "one-server", "sticky"]
""""in-turn": one server after the other, in the order of the settings, so many times round.
"rotated": the same, each lookup beginning with another one. "all-at-once": every server each time.
"published": Microsoft's table (`WINDOWS_TURNS_S`). "one-server": the first, and no other.
"sticky": the server of the last success first; another one after each failure."""

Families = Literal["A-only", "at-once", "one-after-the-other"]
"""Whether A and AAAA are asked for together, from one socket, or AAAA once A is answered."""

WINDOWS_TURNS_S: Final = (0.0, 1.0, 2.0, 4.0, 8.0)
"""When a Windows client asks (MicrosoftDocs, "NET: DNS: DNS client resolution timeouts", KB
2834226): one server each at 0, 1 and 2 s, then all of them at 4 and 8 s."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One round of questions: the same ones, put to these servers, and how long they are waited
    for."""

    servers: tuple[int, ...]
    """Places in the list of servers, from 0."""
    wait_ns: Duration


@dataclass(frozen=True, slots=True)
class StubProfile:
    """A stub resolver, and the connecting that follows in programs that use it."""

    name: ProfileName
    label: str
    """For people: "glibc (getaddrinfo)"."""
    source: str
    """Who says that it behaves so."""
    verified: bool
    """Whether the real thing was seen to behave so."""
    version: str
    """What it was compared with: "glibc 2.36"; of unverified ones, what the source is about."""
    order: Order
    timeout_ns: Duration
    """For one server ("in-turn", "rotated", "sticky"), or over all attempts ("all-at-once",
    "published", "one-server")."""
    attempts: int
    """How many times round."""
    families: Families
    most_servers: int
    """Servers beyond these are never asked."""
    hears_refusals: bool
    """Whether an ICMP error sends it on; without a connected socket nobody tells it."""
    next_on: frozenset[str]
    """RCODEs that send it to the next server at once."""
    repeats_on: frozenset[str]
    """RCODEs upon which it asks the same server again at once."""
    one_port: bool
    """Whether its questions to all servers leave by one and the same port."""
    tcp_after_truncation: bool
    """Whether a truncated answer makes it ask again over TCP; else it takes what there is."""
    tcp_timeout_ns: Duration | None
    """How long a question over TCP may take; None: for ever."""
    edns_octets: int | None
    """The UDP payload size of its OPT record; None: it sends none."""
    connect_timeout_ns: Duration
    """How long a silent address is dialled before the next one is."""

    def turns(self, servers: int, first: int = 0) -> tuple[Turn, ...]:
        """Its rounds over so many servers, of which the one at place `first` comes first; when all
        are silent, it gives up after the last."""
        count = min(servers, self.most_servers)
        everyone = tuple(range(count))
        if self.order == "one-server":
            return (Turn((0,), self.timeout_ns),)
        if self.order == "all-at-once":
            return (Turn(everyone, self.timeout_ns // self.attempts),) * self.attempts
        if self.order == "published":
            return _published(count, self.timeout_ns)
        if self.order == "sticky":
            # The program in front of it gives up after as many timeouts of its own.
            return tuple(
                Turn(((first + turn) % count,), self.timeout_ns) for turn in range(self.attempts)
            )
        return tuple(
            Turn((place,), _glibc_wait_ns(self.timeout_ns, place, count))
            for _ in range(self.attempts)
            for place in (*everyone[first:], *everyone[:first])
        )

    def looks_up_within_ns(self, servers: int) -> Duration:
        """By when a lookup over UDP has ended, with addresses or an error, whatever the servers do:
        silent ones, and one that answers for one family only."""
        turns = self.turns(servers)
        longest = sum(turn.wait_ns for turn in turns)
        if self.order in {"in-turn", "rotated"}:
            # glibc, resolv/res_send.c: where one of two answers stays out, it asks the same server
            # twice more, A and AAAA one after the other.
            again = 1 if self.families == "one-after-the-other" else 2
            longest += again * max(turn.wait_ns for turn in turns)
        return longest

    def gives_up_ns(self, servers: int, addresses: int = 1) -> Duration:
        """The bound within which an error must be told: the lookup, and so many silent addresses
        dialled. What comes over TCP after a truncated answer is not in it."""
        return self.looks_up_within_ns(servers) + addresses * self.connect_timeout_ns


def _published(count: int, timeout_ns: Duration) -> tuple[Turn, ...]:
    everyone = tuple(range(count))
    asked = [(0,), (min(1, count - 1),), (min(2, count - 1),), everyone, everyone]
    starts = [round(start * SECOND) for start in WINDOWS_TURNS_S]
    ends = [*starts[1:], timeout_ns]
    return tuple(
        Turn(servers, end - start) for servers, start, end in zip(asked, starts, ends, strict=True)
    )


def _glibc_wait_ns(timeout_ns: Duration, place: int, count: int) -> Duration:
    """glibc, resolv/res_send.c, send_dg(): `retrans << ns`, and from the second server on divided
    by the number of servers; whole seconds, at least one."""
    seconds = (timeout_ns // SECOND) << place
    if place > 0:
        seconds //= count
    return max(1, seconds) * SECOND


_LINUX_CONNECT_NS: Final = 127 * SECOND
"""tcp(7), tcp_syn_retries: six repetitions, "approximately 127 seconds"."""

_GLIBC: Final = StubProfile(
    name="glibc",
    label="glibc (getaddrinfo)",
    source="resolv.conf(5): timeout 5 s, attempts 2; glibc resolv/res_send.c",
    verified=True,
    version="glibc 2.36",
    order="in-turn",
    timeout_ns=5 * SECOND,
    attempts=2,
    families="at-once",
    most_servers=3,
    hears_refusals=True,
    next_on=frozenset({"SERVFAIL", "NOTIMP", "REFUSED"}),
    repeats_on=frozenset(),
    one_port=False,
    tcp_after_truncation=True,
    tcp_timeout_ns=None,
    edns_octets=None,
    connect_timeout_ns=_LINUX_CONNECT_NS,
)

_MUSL: Final = StubProfile(
    name="musl",
    label="musl (getaddrinfo)",
    source="musl src/network/res_msend.c, 1.2.3; resolv.conf(5) for timeout 5 s, attempts 2",
    verified=True,
    version="musl 1.2.3",
    order="all-at-once",
    timeout_ns=5 * SECOND,
    attempts=2,
    families="at-once",
    most_servers=3,
    hears_refusals=False,
    next_on=frozenset(),
    repeats_on=frozenset({"SERVFAIL"}),
    one_port=True,
    tcp_after_truncation=False,  # from 1.2.4 on it would
    tcp_timeout_ns=None,
    edns_octets=None,
    connect_timeout_ns=_LINUX_CONNECT_NS,
)

_WINDOWS: Final = StubProfile(
    name="windows",
    label="Windows DNS client",
    source='MicrosoftDocs, "DNS client resolution timeouts" (KB 2834226): 0, 1, 2, 4, 8 s, '
    "gives up at 10 s; KB 170359 for connecting: 3 + 6 + 12 s. Not published, assumed: A and AAAA "
    "at once, an error other than a name error sends it on at once",
    verified=False,
    version="as published",
    order="published",
    timeout_ns=10 * SECOND,
    attempts=1,
    families="at-once",
    most_servers=64,
    hears_refusals=True,
    next_on=frozenset({"SERVFAIL", "NOTIMP", "REFUSED", "FORMERR"}),
    repeats_on=frozenset(),
    one_port=False,
    tcp_after_truncation=True,
    tcp_timeout_ns=10 * SECOND,
    edns_octets=None,
    connect_timeout_ns=21 * SECOND,
)

_RESOLVED: Final = StubProfile(
    name="systemd-resolved",
    label="systemd-resolved, and glibc before it",
    source="systemd v252 src/resolve/resolved-dns-transaction.{c,h} (5 s for each server, 24 "
    "attempts); the program in front of it is glibc with 127.0.0.53 and `search .` (5 s, four "
    "times): it gives up first",
    verified=True,
    version="systemd 252",
    order="sticky",
    timeout_ns=5 * SECOND,
    attempts=4,
    families="at-once",
    most_servers=64,
    hears_refusals=True,
    next_on=frozenset({"REFUSED"}),
    repeats_on=frozenset({"SERVFAIL", "FORMERR", "NOTIMP"}),
    one_port=False,
    tcp_after_truncation=True,
    tcp_timeout_ns=10 * SECOND,
    edns_octets=1472,
    connect_timeout_ns=_LINUX_CONNECT_NS,
)

_ONE_SHOT: Final = StubProfile(
    name="one-shot",
    label="one question, once (dig +tries=1)",
    source="dig(1): +time=5, +tries=1; the lab's simplest viewer",
    verified=True,
    version="dig 9.18",
    order="one-server",
    timeout_ns=5 * SECOND,
    attempts=1,
    families="A-only",
    most_servers=1,
    hears_refusals=True,
    next_on=frozenset({"SERVFAIL", "NOTIMP", "REFUSED"}),
    repeats_on=frozenset(),
    one_port=False,
    tcp_after_truncation=True,
    tcp_timeout_ns=5 * SECOND,
    edns_octets=1232,
    connect_timeout_ns=_LINUX_CONNECT_NS,
)

PROFILES: Final[Mapping[ProfileName, StubProfile]] = MappingProxyType(
    {
        each.name: each
        for each in (
            _GLIBC,
            replace(
                _GLIBC,
                name="glibc-rotate",
                label="glibc, options rotate",
                source=f"{_GLIBC.source}; options rotate",
                order="rotated",
            ),
            replace(
                _GLIBC,
                name="glibc-single-request",
                label="glibc, options single-request",
                source=f"{_GLIBC.source}; options single-request",
                families="one-after-the-other",
            ),
            _MUSL,
            _WINDOWS,
            _RESOLVED,
            _ONE_SHOT,
        )
    }
)
"""Every profile by its name, in the order in which reports show them."""


def profile_named(name: str) -> StubProfile | None:
    """The profile of that name; None where there is none, in a capture from elsewhere."""
    return next((each for each in PROFILES.values() if each.name == name), None)
