"""The clauses of the NAT RFCs that scenarios judge: which expectations speak for which."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final


@dataclass(frozen=True, slots=True)
class Clause:
    """A requirement, and the expectations that judge it: those that cite one of the rules, in
    scenarios that one of the globs fits."""

    source: str
    """"RFC 4787 REQ-1", or a section."""
    demand: str
    """What it demands, shortened."""
    level: str
    """MUST, SHOULD, or RECOMMENDED, as it says itself. RFC 3022 has no such words; what it
    describes is what its kinds of NAT are."""
    rules: tuple[str, ...]
    scenarios: tuple[str, ...] = ("*",)

    def is_judged_by(self, scenario: str, rule: str) -> bool:
        """Whether an expectation of a scenario that cites this rule speaks for it."""
        return rule in self.rules and any(fnmatchcase(scenario, glob) for glob in self.scenarios)


_MAPPING = "translation/mapping/"

CLAUSES: Final[tuple[Clause, ...]] = (
    Clause(
        "RFC 3022 2.1",
        "Basic NAT: an address for an address, ports as they are",
        "MUST",
        ("NAT-01", "NAT-02", "NAT-03"),
    ),
    Clause(
        "RFC 3022 4.1", "checksums are adjusted; a UDP checksum of 0 stays", "MUST", ("NAT-13",)
    ),
    Clause(
        "RFC 4787 REQ-1",
        "endpoint-independent mapping, UDP",
        "MUST",
        ("NAT-05",),
        (f"{_MAPPING}udp*", f"{_MAPPING}address_*"),
    ),
    Clause(
        "RFC 4787 REQ-3",
        "no port overloading, UDP",
        "MUST",
        ("NAT-06",),
        (f"{_MAPPING}two_clients_udp", f"{_MAPPING}two_clients_ports_kept"),
    ),
    Clause("RFC 4787 REQ-5", "a UDP mapping lives for two idle minutes", "MUST", ("NAT-08",)),
    Clause("RFC 4787 REQ-6", "packets outwards refresh it", "MUST", ("NAT-09",)),
    Clause(
        "RFC 4787 REQ-8",
        "endpoint-independent or address-dependent filtering",
        "RECOMMENDED",
        ("NAT-07",),
    ),
    Clause(
        "RFC 4787 REQ-9",
        "hairpinning",
        "MUST",
        ("NAT-12",),
        ("translation/hairpinning/*",),
    ),
    Clause(
        "RFC 4787 REQ-10", "no ALG meddles with UDP", "SHOULD", ("NAT-17",), ("*/payloads/dns*",)
    ),
    Clause("RFC 4787 REQ-11", "the way of mapping never changes", "MUST", ("NAT-03",)),
    Clause("RFC 4787 REQ-12", "ICMP ends no mapping", "MUST", ("ICM-04",), ("*/state_lives_on",)),
    Clause("RFC 4787 REQ-13", '"fragmentation needed" for what is too large', "MUST", ("NAT-16",)),
    Clause("RFC 4787 REQ-14", "fragments in any order", "MUST", ("NAT-15",)),
    Clause(
        "RFC 5382 REQ-1",
        "endpoint-independent mapping, TCP",
        "MUST",
        ("NAT-05",),
        (f"{_MAPPING}tcp*",),
    ),
    Clause("RFC 5382 REQ-4", "an unsolicited SYN is not answered for 6 s", "MUST", ("NAT-11",)),
    Clause("RFC 5382 REQ-5", "2 h 4 min open, 4 min opening or closing", "MUST", ("NAT-10",)),
    Clause(
        "RFC 5382 REQ-6",
        "no ALG meddles with TCP",
        "RECOMMENDED",
        ("NAT-17",),
        ("*/payloads/others",),
    ),
    Clause(
        "RFC 5382 REQ-7",
        "no port overloading, TCP",
        "MUST",
        ("NAT-06",),
        (f"{_MAPPING}two_clients_tcp",),
    ),
    Clause(
        "RFC 5382 REQ-8",
        "hairpinning, TCP",
        "MUST",
        ("NAT-12",),
        ("translation/hairpinning/by_alias", "translation/hairpinning/alias_from_inside"),
    ),
    Clause(
        "RFC 5382 REQ-10", "ICMP ends no TCP connection", "MUST", ("ICM-04",), ("*/state_lives_on",)
    ),
    Clause(
        "RFC 5508 REQ-1", "queries and their replies pass", "MUST", ("ICM-01",), ("*/icmp/echo",)
    ),
    Clause(
        "RFC 5508 REQ-2",
        "a query's mapping lives for 60 s",
        "MUST",
        ("ICM-01",),
        ("*/query_lives",),
    ),
    Clause(
        "RFC 5508 REQ-3",
        "a damaged error is dropped; a damaged quotation is no reason to",
        "SHOULD",
        ("ICM-05",),
    ),
    Clause(
        "RFC 5508 REQ-4",
        "an error without a mapping is dropped, from either side (REQ-5)",
        "SHOULD",
        ("ICM-03",),
    ),
    Clause(
        "RFC 5508 REQ-5",
        "what an error quotes is translated back (REQ-4)",
        "MUST",
        ("ICM-02",),
    ),
    Clause(
        "RFC 5508 REQ-6",
        "an error refreshes and ends no query",
        "MUST",
        ("ICM-04",),
        ("*/state_*",),
    ),
    Clause(
        "RFC 5508 REQ-7",
        "errors are hairpinned",
        "MUST",
        ("ICM-02",),
        ("translation/hairpinning/by_alias",),
    ),
    Clause("RFC 5508 REQ-8", "no room: ICMP code 13", "SHOULD", ("NAT-18",)),
    Clause("RFC 5508 REQ-10", "time exceeded, by the right side's address", "MUST", ("ICM-06",)),
    Clause("RFC 7857 9", "outside ports cannot be guessed", "SHOULD", ("SEC-05",)),
)
"""In the order of their documents."""
