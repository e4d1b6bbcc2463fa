"""What nodes do in a scenario: ask, connect, send, forge."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lab.scenario.messages import Message
from lab.scenario.value import Value
from lab.values import (
    Address,
    DnsName,
    HopLimit,
    Ipv4Address,
    Port,
    QueryType,
    Seconds,
    dns_name,
)
from lab.viewer.profiles import ProfileName

ForgeryFault = Literal[
    "source", "source-port", "destination", "port", "id", "question", "question-type", "class"
]


class Ask(Value):
    """A node asks its DNS server, through a real socket, with a message made by scapy."""

    kind: Literal["ask"] = "ask"
    node: str = "viewer"
    name: DnsName | None = None
    """None: the cluster's name."""
    qtype: QueryType = "A"
    message: Message = Message()
    transport: Literal["udp", "tcp"] = "udp"
    pieces: Annotated[int, Field(ge=1, le=100)] = 1
    """TCP: into how many segments the message, with its length, is split, as evenly as can be."""
    server: Address | None = None
    """An address; None: the server the node is set up to ask."""
    patience_s: Seconds = 10.0
    """How long it waits; one datagram, no repetition."""
    label: Annotated[str, Field(min_length=1)] | None = None
    """Names the question for `Await`; needed with `wait=False` and only then."""
    wait: bool = True
    """False: go on with the next step; `Await(label)` collects it."""

    @model_validator(mode="after")
    def _label_fits(self) -> Self:
        if self.wait is not (self.label is None):
            raise ValueError(
                f"wait={self.wait} with label={self.label!r} cannot be; label goes with "
                "wait=False, and wait=False with a label"
            )
        if self.pieces > 1 and self.transport == "udp":
            raise ValueError(f"pieces={self.pieces} cannot be over UDP; write transport='tcp'")
        return self


class Await(Value):
    """Wait for an `Ask(wait=False)`."""

    kind: Literal["await"] = "await"
    label: str


class AskMany(Value):
    """A node asks many questions at once, each from a socket of its own (UDP) or all on one
    connection, one after the other without waiting (TCP); goes on when each has its reply or
    patience ends."""

    kind: Literal["ask-many"] = "ask-many"
    node: str = "viewer"
    name: str
    """"{n}" in it becomes 1, 2, 3, …; without it all questions are the same."""
    count: Annotated[int, Field(ge=1, le=20_000)]
    at_once: Annotated[int, Field(ge=1, le=5_000)] = 500
    """How many may wait for their replies at one time."""
    qtype: QueryType = "A"
    message: Message = Message()
    transport: Literal["udp", "tcp"] = "udp"
    server: Address | None = None
    """As in `Ask`."""
    patience_s: Seconds = 10.0
    """How long each question waits."""

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        dns_name(self.name_of(self.count))
        return self

    def name_of(self, number: int) -> str:
        """The name that the question of this number, from 1 on, is for."""
        return self.name.replace("{n}", str(number))


class Connect(Value):
    """A node opens a TCP connection to the service and reads which server it reached."""

    kind: Literal["connect"] = "connect"
    node: str = "viewer"
    to: Address | None = None
    """An address; None: the first address of the node's latest answer (no answer, no attempt)."""
    port: Port | None = None
    """None: the service port."""
    patience_s: Seconds = 2.0


class Visit(Value):
    """A viewer's whole way: its stub resolver looks the name up as its profile says, it connects to
    the addresses in the order in which such programs do, and reads who answered."""

    kind: Literal["visit"] = "visit"
    node: str = "viewer"
    profile: ProfileName | None = None
    """None: the viewer that the scenario runs for (`Scenario.viewers`); "one-shot" without one."""
    name: DnsName | None = None
    """None: the cluster's name."""
    port: Port | None = None
    """None: the service port."""
    patience_s: Seconds = 600.0
    """When the person at the viewer goes away; longer than most profiles try."""


class Ping(Value):
    """A node sends one ICMP echo request made by scapy and waits for its reply."""

    kind: Literal["ping"] = "ping"
    node: str = "viewer"
    to: Ipv4Address
    ttl: HopLimit = 64
    patience_s: Seconds = 2.0


class Datagram(Value):
    """A node sends one UDP datagram made by scapy to a port where nobody listens: the ICMP error
    that comes back is what the scenario is about."""

    kind: Literal["datagram"] = "datagram"
    node: str = "viewer"
    to: Ipv4Address
    port: Port = 9
    patience_s: Seconds = 2.0


class Forge(Value):
    """When `victim` asks a server, `forger` sends a reply in that server's name, made by scapy from
    the live question, that is wrong in exactly one way."""

    kind: Literal["forge"] = "forge"
    forger: str
    victim: str
    fault: ForgeryFault
    """"destination": sent to another address of the victim's; "port": to another port."""
    address: Ipv4Address
    """The address the forged answer promises."""
    name: DnsName | None = None
    """Only a question about this name is answered; None: any question, even a health check's."""
    patience_s: Seconds = 5.0
