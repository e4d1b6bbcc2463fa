"""Checks of which server a viewer was given, dialled and reached, and of availability over time."""

from __future__ import annotations

from typing import Literal

from lab.judge.checks.base import CheckBase


class ConnectedToAnswer(CheckBase):
    """Each connection of the node went to an address of its latest answer, that address was in
    the load balancers' latest answer, and a handshake completed (CLU-04)."""

    kind: Literal["connected-to-answer"] = "connected-to-answer"
    node: str = "viewer"
    via_balancer: bool = True
    """False for a single system: no load balancer stands behind the answer."""


class Reached(CheckBase):
    """Each connection of the node was completed with the very server that the plan puts at the
    dialled address, and that server said its name (NAT-01). With `servers`, these were all reached
    at least once."""

    kind: Literal["reached"] = "reached"
    node: str = "viewer"
    servers: tuple[str, ...] = ()


class NeverConnected(CheckBase):
    """The node completed no connection."""

    kind: Literal["never-connected"] = "never-connected"
    node: str = "viewer"


class EveryMemberHandedOut(CheckBase):
    """Over all its answers, the asker was given every one of these servers at least once, and
    nothing else; the distribution is the evidence (CLU-05)."""

    kind: Literal["every-member-handed-out"] = "every-member-handed-out"
    asker: str = "viewer"
    servers: tuple[str, ...]


class GoneWithin(CheckBase):
    """After the server was halted (the mark in the capture), no answer to the asker that arrives
    later than the bound holds its address; at least one answer came before the halt with it
    among the balancers' addresses, and at least one after the bound (CLU-03, CLU-20)."""

    kind: Literal["gone-within"] = "gone-within"
    asker: str = "viewer"
    server: str
    bound_s: float


class BackWithin(CheckBase):
    """After the server was resumed (the mark in the capture), an answer to the asker or from a
    load balancer holds its address again within the bound."""

    kind: Literal["back-within"] = "back-within"
    asker: str = "viewer"
    server: str
    bound_s: float
