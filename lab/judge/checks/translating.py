"""Checks of translation: addresses in payloads and headers, the NAT table, ICMP."""

from __future__ import annotations

from typing import Literal

from lab.judge.checks.base import CheckBase


class NoRealAddressOnClientSide(CheckBase):
    """On every network of the viewers' realm no real (server-side) address appears: in no IP
    header, no DNS answer, no header embedded in an ICMP error (CLU-11, NAT-02). Traffic of the
    cluster's name and service must have been seen there."""

    kind: Literal["no-real-address-on-client-side"] = "no-real-address-on-client-side"


class RelayedUnchanged(CheckBase):
    """Each reply that the translator relayed to its client is octet for octet the reply it got from
    a load balancer, but for the ID (CLU-12)."""

    kind: Literal["relayed-unchanged"] = "relayed-unchanged"
    translator: str = "translator"


class AnswersAgreeWithTable(CheckBase):
    """Every address that the asker was answered is an alias of the NAT table as meant, and a
    connection to it (at least one each) was translated to the mapped server, which answered
    (CLU-13). The addresses that fail are named."""

    kind: Literal["answers-agree-with-table"] = "answers-agree-with-table"
    asker: str = "viewer"


class AliasFollowsNumber(CheckBase):
    """Each address that a load balancer answered is the alias (base + number - 1) of a server of
    its pool (CLU-14, CLU-18)."""

    kind: Literal["alias-follows-number"] = "alias-follows-number"


class Translated(CheckBase):
    """Packets crossed the translator, each with: its alias replaced by the mapped real address (or
    back), the other address and the ports untouched, IP and transport checksums right, TTL one
    less, payload the same (NAT-01, NAT-02, NAT-13, NAT-14)."""

    kind: Literal["translated"] = "translated"
    protocols: tuple[Literal["udp", "tcp", "icmp"], ...] = ("tcp",)
    """Each of them must have crossed, in both directions."""


class MappingStable(CheckBase):
    """All crossings agree on one alias per server and one server per alias (NAT-03); every one of
    `servers` was crossed to."""

    kind: Literal["mapping-stable"] = "mapping-stable"
    servers: tuple[str, ...]


class NotTranslated(CheckBase):
    """Packets to this client-side address were sent and reached no server (NAT-04)."""

    kind: Literal["not-translated"] = "not-translated"
    address: str


class EchoAnswered(CheckBase):
    """The node's echo request to the address was answered from that address (ICM-01)."""

    kind: Literal["echo-answered"] = "echo-answered"
    node: str = "viewer"
    address: str


class ErrorTranslated(CheckBase):
    """An ICMP error came back to the node for what it sent to the address; its outer source and
    the embedded packet show client-side addresses only, the embedded packet is the one that was
    sent, type and code are as the server sent them, checksums right (ICM-02, RFC 5508 REQ-4/5)."""

    kind: Literal["error-translated"] = "error-translated"
    node: str = "viewer"
    address: str
    type: int = 3
    code: int = 3
