"""Bare packets: what a node puts on the wire without a socket, to see what a translator does to it.

Each has a name of its own, which it carries (`lab.observe.named`), so that it is known again
whatever became of its addresses and ports.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lab.scenario.value import Value
from lab.values import HopLimit, Ipv4Address, PacketName, Port, Seconds

TcpFlags = Literal["S", "SA", "A", "PA", "FA", "R", "RA"]

LARGEST_DATA = 4_000
"""Octets beside the name: three Ethernet frames, as fragments."""


class Emit(Value):
    """A node sends one IP packet, made by scapy: to an address, or back to where a packet that has
    arrived came from, as its receiver saw it. Goes on when it has arrived, or patience ends."""

    kind: Literal["emit"] = "emit"
    packet: PacketName
    node: str = "viewer"
    to: Ipv4Address | None = None
    answers: PacketName | None = None
    """The packet that it goes back to; any node may answer, from any port."""
    protocol: Literal["udp", "tcp", "echo"] = "udp"
    source_port: Port | None = None
    """None: of an answer, the port that the packet came to; else 40000. Of an echo, the identifier;
    what answers one is an echo reply with its identifier."""
    port: Port = 9
    """Not of an answer, whose port is where the packet came from."""
    flags: TcpFlags = "S"
    """TCP: sequence numbers follow the packet that is answered."""
    carries: str = ""
    """Text behind its name."""
    octets: Annotated[int, Field(ge=0, le=LARGEST_DATA)] = 0
    """Zeros behind that."""
    ttl: HopLimit = 64
    tos: Annotated[int, Field(ge=0, le=255)] = 0
    """The octet of DSCP and ECN."""
    dont_fragment: bool = False
    options: bool = False
    """TCP: with MSS, window scale, SACK permitted, timestamps, and one that nobody knows."""
    checksum: Literal["right", "none", "wrong"] = "right"
    """Of UDP, TCP or ICMP; "none" is for UDP."""
    pieces: tuple[Annotated[int, Field(ge=1, le=9)], ...] = ()
    """In fragments, sent in this order: (2, 1) sends the second half first."""
    patience_s: Seconds = 0.3

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.to is None) is (self.answers is None):
            raise ValueError(
                "a packet goes to an address or answers another one; write to= or answers="
            )
        if self.pieces and sorted(self.pieces) != list(range(1, len(self.pieces) + 1)):
            raise ValueError(f"pieces={self.pieces} leaves one out; name each from 1 on once")
        if self.pieces and (self.dont_fragment or len(self.pieces) < 2):
            raise ValueError("pieces= is for two fragments or more, and without dont_fragment=")
        if self.checksum == "none" and self.protocol != "udp":
            raise ValueError("only UDP may go without checksum (RFC 768); write checksum='wrong'")
        return self


class Complain(Value):
    """A node sends an ICMP error about a packet that has arrived, quoting it as its receiver saw
    it, to the source it shows."""

    kind: Literal["complain"] = "complain"
    packet: PacketName
    """The error's own name."""
    node: str
    about: PacketName
    type: Literal[3, 4, 5, 11, 12] = 3
    code: Annotated[int, Field(ge=0, le=255)] = 1
    mtu: Annotated[int, Field(ge=0, le=65_535)] = 0
    """Of "fragmentation needed" (type 3 code 4)."""
    fault: (
        Literal["checksum", "quoted transport checksum", "another port", "another address"] | None
    ) = None
    """What is wrong: the error's checksum; that of the UDP or TCP it quotes; or it quotes a packet
    that there never was, from another port or to another address."""
    patience_s: Seconds = 0.3


class Silence(Value):
    """A node's kernel no longer says that nobody listens (no "port unreachable", no reset), as a
    host behind a packet filter: what is sent to it is heard and not answered."""

    kind: Literal["silence"] = "silence"
    node: str


BareStep = Emit | Complain | Silence
