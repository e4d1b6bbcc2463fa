"""What servers do to a stub resolver in each case, and what was seen of the stub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

SERVERS = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
NAME = "www.example.net"
ADDRESS = "192.0.2.80"
TTL_S = 2
REPLIES_AFTER_S = 0.03
"""How long a server thinks: long enough that a stub has sent all its questions before the first is
answered, so that which of them is answered first is no affair of the scheduler's."""

Treatment: TypeAlias = Literal[
    "answers", "silent", "closed", "SERVFAIL", "REFUSED", "NXDOMAIN", "FORMERR", "truncates",
    "no-aaaa",
]  # fmt: skip
"""What a server does with questions. "no-aaaa": it is silent when it is asked for AAAA."""

RCODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "REFUSED": 5}


class Asked(NamedTuple):
    """A question, as a server got it."""

    at_s: float
    """Since the first one."""
    server: int
    """Its place."""
    qtype: str
    identifier: int
    port: int
    """Where it came from."""
    over_tcp: bool
    edns: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a lookup."""

    asked: tuple[Asked, ...]
    told: tuple[str, ...]
    """Addresses in their order, or one of the errors that `lab.viewer.lookup` names."""
    took_s: float
    """From the first question to the end."""


def reply_to(treatment: Treatment, qtype: str, *, over_tcp: bool) -> tuple[str, bool] | None:
    """RCODE and TC bit of the reply; None: silence."""
    if treatment in {"silent", "closed"} or (treatment == "no-aaaa" and qtype == "AAAA"):
        return None
    if treatment == "truncates":
        return "NOERROR", not over_tcp
    return treatment if treatment in RCODES else "NOERROR", False


Bursts: TypeAlias = list[tuple[float, list[tuple[int, str, int, int, bool, bool]]]]


def bursts(seen: Seen, apart_s: float) -> Bursts:
    """The questions burst by burst, each with when it began; those less than `apart_s` apart belong
    together. IDs and ports are numbered as they
    first come: what matters is which are the same. The order within a burst is an affair of the
    scheduler's."""
    found: list[list[Asked]] = []
    for each in sorted(seen.asked, key=lambda one: one.at_s):
        if not found or each.at_s - found[-1][-1].at_s > apart_s:
            found.append([])
        found[-1].append(each)
    identifiers: dict[int, int] = {}
    ports: dict[int, int] = {}
    told: Bursts = []
    for burst in found:
        burst_at = burst[0].at_s
        ordered = sorted(burst, key=lambda one: (one.server, one.qtype, one.over_tcp))
        told.append(
            (
                burst_at,
                [
                    (
                        one.server,
                        one.qtype,
                        identifiers.setdefault(one.identifier, len(identifiers)),
                        ports.setdefault(one.port, len(ports)),
                        one.over_tcp,
                        one.edns,
                    )
                    for one in ordered
                ],
            )
        )
    return told
