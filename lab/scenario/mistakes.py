"""Deliberate faults: mistakes that somebody makes when he sets the real thing up.

What each does to a plan is in `lab.topology.faults`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from lab.scenario.value import Value
from lab.values import DnsName, Rcode, Seconds, SomeSeconds

Behaviour: TypeAlias = Literal[
    "endpoint-independent", "address-dependent", "address-and-port-dependent"
]
"""What a mapping or a filter depends on, in RFC 4787's words (4.1, 5)."""


class OffsetAliasBase(Value):
    """The load balancers' alias base is off."""

    fault: Literal["offset-alias-base"] = "offset-alias-base"
    by: int = 1


class DropNatEntry(Value):
    """The translator's table lacks a server."""

    fault: Literal["drop-nat-entry"] = "drop-nat-entry"
    server: str


class RewriteAnswers(Value):
    """The DNS translator translates the addresses in answers a second time (a DNS_ALG)."""

    fault: Literal["rewrite-answers"] = "rewrite-answers"


class TurnForwardersRound(Value):
    """The servers of a DNS server's forward rule are listed the wrong way round."""

    fault: Literal["turn-forwarders-round"] = "turn-forwarders-round"
    node: str = "dns"
    zone: DnsName = "."


class OmitForward(Value):
    """A DNS server's forward rule was forgotten."""

    fault: Literal["omit-forward"] = "omit-forward"
    node: str = "dns"
    zone: DnsName


class MistypeTimeout(Value):
    """The timeout of a DNS server's forward rule is another one than was meant."""

    fault: Literal["mistype-timeout"] = "mistype-timeout"
    node: str = "dns"
    zone: DnsName = "."
    timeout_s: SomeSeconds


class FallBackToRecursion(Value):
    """A DNS server recurses after the last server of a forward rule, though it was not to."""

    fault: Literal["fall-back-to-recursion"] = "fall-back-to-recursion"
    node: str = "dns"
    zone: DnsName = "."


class GoOnAfter(Value):
    """These RCODEs, too, send a DNS server to the next forwarder."""

    fault: Literal["go-on-after"] = "go-on-after"
    node: str = "dns"
    rcodes: tuple[Rcode, ...] = Field(min_length=1)


class OmitZone(Value):
    """A zone that a DNS server was to host was not set up."""

    fault: Literal["omit-zone"] = "omit-zone"
    node: str = "dns"
    origin: DnsName


class OpenFirewall(Value):
    """A router's firewall lets everything pass."""

    fault: Literal["open-firewall"] = "open-firewall"
    node: str = "router"


class SetNatOtherwise(Value):
    """The translator is set otherwise than the topology says; what is not named stays."""

    fault: Literal["set-nat-otherwise"] = "set-nat-otherwise"
    mapping: Behaviour | None = None
    filtering: Behaviour | None = None
    ports: Literal["random", "preserve", "sequential"] | None = None
    hairpinning: bool | None = None
    udp_timeout_s: SomeSeconds | None = None
    udp_inbound_refresh: bool | None = None
    tcp_established_s: SomeSeconds | None = None
    tcp_transitory_s: SomeSeconds | None = None
    unsolicited_syn_s: Seconds | None = None
    unsolicited_syn: Literal["icmp", "silent"] | None = None
    most_mappings: Annotated[int, Field(ge=1)] | None = None
    when_full: Literal["icmp", "silent"] | None = None
    dns_alg: bool | None = None

    @model_validator(mode="after")
    def _sets_something(self) -> Self:
        if self == type(self).model_construct():
            raise ValueError("it sets nothing otherwise; say mapping=, filtering=, ports=, …")
        return self


Fault = Annotated[
    OffsetAliasBase
    | DropNatEntry
    | RewriteAnswers
    | TurnForwardersRound
    | OmitForward
    | MistypeTimeout
    | FallBackToRecursion
    | GoOnAfter
    | OmitZone
    | OpenFirewall
    | SetNatOtherwise,
    Field(discriminator="fault"),
]
