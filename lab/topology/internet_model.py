"""A small Internet as its author wrote it: the zones, and which servers have which."""

from __future__ import annotations

from pydantic import Field, StrictInt

from lab.topology.values import OneOrMore, Value


class InternetZone(Value):
    """A zone of the Internet. The root and the top-level domains of all others need no table of
    their own; one may be written to say more of them."""

    records: str = ""
    """Its records as RFC 1035 master-file text. SOA, NS, the name servers' addresses and the
    delegations to zones below follow by themselves."""
    servers: StrictInt | None = Field(default=None, ge=1, le=9)
    """How many authoritative servers it has; one, if nothing is written."""
    node: str | None = None
    """What its servers' nodes are called, followed by 1, 2, ... where there are several; the first
    label of its name, if nothing is written."""
    addresses: tuple[OneOrMore, ...] | None = Field(default=None, min_length=1, max_length=9)
    """Each server's address or addresses; free ones of the network, if nothing is written."""
    hosted_by: str | None = None
    """Another zone, whose servers have this one too: it has no servers of its own then."""
    ttl_s: StrictInt = Field(default=3600, ge=0, le=86_400)
    """TTL of what is written without one, and of what follows by itself."""
    negative_ttl_s: StrictInt = Field(default=300, ge=0, le=86_400)
    """The last field of its SOA: how long it may be remembered that something is not there."""


class Internet(Value):
    """Root, TLD and authoritative servers, generated from a list of zones."""

    network: str
    """The network all of them are on."""
    zones: dict[str, InternetZone] = Field(min_length=1)
    """Zone name to zone."""
