"""Checks of what an asker was answered."""

from __future__ import annotations

from typing import Literal

from lab.judge.checks.base import CheckBase


class Answered(CheckBase):
    """The asker's questions were answered as described. Only the conditions that are set count."""

    kind: Literal["answered"] = "answered"
    asker: str = "viewer"
    name: str | None = None
    """None: the cluster's name."""
    qtype: str = "A"
    which: Literal["first", "last", "all"] = "all"
    """Which of the asker's exchanges with that question are judged."""
    rcode: str = "NOERROR"
    count: int | None = None
    """Number of addresses in the answer."""
    addresses: tuple[str, ...] | None = None
    """Exactly these, in any order."""
    among: tuple[str, ...] | None = None
    """Only of these, at least one."""
    authoritative: bool | None = None
    soa: bool | None = None
    """Whether the authority section holds an SOA (RFC 2308 3)."""
    within_s: float | None = None
    """The answer came no later than this after the question, plus the clock's allowance."""
    transport: Literal["udp", "tcp"] | None = None


class AnsweredOnce(CheckBase):
    """Each question of the asker got exactly one reply, however many servers answered (FWD-18)."""

    kind: Literal["answered-once"] = "answered-once"
    asker: str = "viewer"
    late_from: str | None = None
    """A reply from this address must be seen arriving at the asker's server after the asker had
    its answer; without one there was nothing to ignore."""


class NotAnswered(CheckBase):
    """The asker's question, asked, got no reply at all."""

    kind: Literal["not-answered"] = "not-answered"
    asker: str = "viewer"
    name: str | None = None
    qtype: str = "A"


class ErrorWithin(CheckBase):
    """Every question of the asker got an error or no data, never an address, within the bound."""

    kind: Literal["error-within"] = "error-within"
    asker: str = "viewer"
    bound_s: float
    rcodes: tuple[str, ...] = ("SERVFAIL",)


class TtlAtMost(CheckBase):
    """No address record of the name carries a larger TTL, from any server (CLU-06)."""

    kind: Literal["ttl-at-most"] = "ttl-at-most"
    seconds: int
    name: str | None = None


class FromCache(CheckBase):
    """The asker's repeated question is answered with the same data and a TTL not larger, and the
    server sends nothing upstream for it (CCH-01)."""

    kind: Literal["from-cache"] = "from-cache"
    asker: str = "viewer"
    server: str = "dns"


class FamilyHarmless(CheckBase):
    """A question of another type for the name (AAAA) is answered NODATA with an SOA, never
    NXDOMAIN, by every server on the path, and each A question still gets its addresses (CLU-17)."""

    kind: Literal["family-harmless"] = "family-harmless"
    asker: str = "viewer"
    qtype: str = "AAAA"


class ForgeryIgnored(CheckBase):
    """A forged reply reached the victim while its question was open, before the true one; the
    client's answer comes from the true one and holds nothing forged (SEC-03, RFC 5452 9.1)."""

    kind: Literal["forgery-ignored"] = "forgery-ignored"
    victim: str = "dns"
    asker: str = "viewer"
    address: str
    """The address that only the forgery promises."""
