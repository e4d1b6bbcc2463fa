"""Checks of which servers were asked, in what order, and when."""

from __future__ import annotations

from typing import Literal

from lab.judge.checks.base import CheckBase


class AskedInOrder(CheckBase):
    """For the asker's first uncached client question, its upstream questions went to exactly these
    servers in this order, each once (FWD-01, FWD-03)."""

    kind: Literal["asked-in-order"] = "asked-in-order"
    asker: str = "dns"
    servers: tuple[str, ...]
    """Addresses, as dialled."""
    which: Literal["first", "last", "all"] = "first"
    """Which of the client's questions that caused upstream questions."""


class AskedOnly(CheckBase):
    """Every DNS question the asker sent went to one of these addresses, and there was one
    (CLU-01, CLU-08, CLU-10)."""

    kind: Literal["asked-only"] = "asked-only"
    asker: str = "dns"
    servers: tuple[str, ...]


class AskedNobody(CheckBase):
    """The asker got a question for the name (None: any name) and sent no DNS question for it."""

    kind: Literal["asked-nobody"] = "asked-nobody"
    asker: str = "dns"
    name: str | None = None


class NextAskedAfterTimeout(CheckBase):
    """The first server stayed silent and the next was asked one timeout later: not earlier, and not
    later than the clock's allowance (FWD-02)."""

    kind: Literal["next-asked-after-timeout"] = "next-asked-after-timeout"
    asker: str = "dns"
    timeout_s: float


class NextAskedAfterError(CheckBase):
    """The first server answered with an error (or ICMP said it is unreachable) and the next was
    asked at once: within `within_ms` of that error (FWD-11, FWD-19)."""

    kind: Literal["next-asked-after-error"] = "next-asked-after-error"
    asker: str = "dns"
    error: str
    """An RCODE such as "SERVFAIL", or "unreachable"."""
    within_ms: float = 100.0


class FreshIdentifiers(CheckBase):
    """Questions that repeat one another upstream have the same question section and RD, a new ID
    and a new source port (FWD-12, RFC 5452 9.2). At least two are needed."""

    kind: Literal["fresh-identifiers"] = "fresh-identifiers"
    asker: str = "dns"


class NameStaysWithin(CheckBase):
    """The name (None: the cluster's) appears in no DNS packet that goes to an address outside
    these, alive or dead (CND-08, CLU-16)."""

    kind: Literal["name-stays-within"] = "name-stays-within"
    addresses: tuple[str, ...]
    name: str | None = None


class NothingSent(CheckBase):
    """The node sent no IP packet at all to these addresses or prefixes, and it sent something
    elsewhere (CLU-09, NAT-04)."""

    kind: Literal["nothing-sent"] = "nothing-sent"
    node: str
    to: tuple[str, ...]


class StepsInOrder(CheckBase):
    """The FAQ's steps: the messages of the viewer's first successful journey are exactly these, in
    causal order (each caused by the one before). Each step is "sender>receiver kind" with kind
    query, reply or connect: "viewer>dns query". Several receivers may stand with "|"."""

    kind: Literal["steps-in-order"] = "steps-in-order"
    steps: tuple[str, ...]
