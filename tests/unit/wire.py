"""Doctored records: DNS exchanges, connections and NAT crossings composed in a few lines.

    wire = Wire(cluster_nat_plan())
    question = wire.ask("viewer", "192.168.1.2")
    wire.reply(question, "192.168.1.102")
    wire.connect("viewer", "192.168.1.102", banner="tgp3")
    timeline = wire.timeline()

Packets are built by scapy and messages by dnslib, so what reads them is tested against code of
other people. Every packet takes the plan's way and is seen at both ends of every link; translators
on the way translate by their table (`wire.table`, which a test may break).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from dnslib import AAAA, CLASS, QTYPE, RCODE, RR, SOA, A, DNSHeader, DNSQuestion, DNSRecord
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror
from scapy.packet import Raw

from lab.observe.decode import decode
from lab.observe.dns_exchange import server_at
from lab.observe.sighting import Mark, Record, Sighting
from lab.observe.timeline import Timeline
from lab.topology.plan import (
    Plan,
    PlannedInterface,
    PlannedNat,
    PlannedNetwork,
    PlannedNode,
    PlannedProgram,
)
from lab.worlds.world import Clock
from resolver.config import (
    BalancerConfig,
    DnsTranslatorConfig,
    ForwardRule,
    Member,
    NatConfig,
    ResolverConfig,
    ServiceConfig,
)
from resolver.machine import Endpoint

NAME = "internet.intern.netz"
SERVICE = 5900
MS = 1_000_000
LINK_NS = 100_000
"""How long a packet is on a link, unless a test says otherwise."""

VIEWER, DNS, TRANSLATOR = "192.168.1.10", "192.168.1.2", "192.168.1.1"
INNER = "10.10.10.1"
"""The translator's address towards the servers."""
BYSTANDER = "192.168.1.66"
REAL = ("10.10.10.100", "10.10.10.101", "10.10.10.102")
ALIAS = ("192.168.1.100", "192.168.1.101", "192.168.1.102")


# --- plans ------------------------------------------------------------------------------------


def cluster_plan() -> Plan:
    """viewer, dns and bystander on "lan"; a router; tgp1 to tgp3 on "servers", 1 and 2 of them
    load balancers. No NAT."""
    router = _node("router", "router", {"lan": TRANSLATOR, "servers": INNER}, forwards=True)
    forward = ForwardRule(NAME, (Endpoint(REAL[0], 53), Endpoint(REAL[1], 53)))
    return _plan("cluster", router, forward, aliased=False)


def cluster_nat_plan(*, dns_aliases: bool = False) -> Plan:
    """The same behind NAT: a translator in the router's place; with `dns_aliases` it ends port 53
    of the load balancers' aliases, and dns asks it there."""
    table = tuple(zip(ALIAS, REAL, strict=True))
    translator = replace(
        _node("translator", "translator", {"lan": TRANSLATOR, "servers": INNER}, forwards=True),
        nat=PlannedNat(
            "nat0",
            ALIAS,
            "translator-eth0",
            "translator-eth1",
            ALIAS[:2] if dns_aliases else (),
        ),
        programs=(
            PlannedProgram("nat", NatConfig("nat0", table, TRANSLATOR, INNER)),
            PlannedProgram(
                "dns-translator",
                DnsTranslatorConfig(
                    (Endpoint(TRANSLATOR, 53),),
                    NAME,
                    (Endpoint(REAL[0], 53), Endpoint(REAL[1], 53)),
                ),
            ),
        ),
    )
    asked = ALIAS[:2] if dns_aliases else (TRANSLATOR,)
    forward = ForwardRule(NAME, tuple(Endpoint(address, 53) for address in asked))
    return _plan("cluster-nat", translator, forward, aliased=True)


def _plan(source: str, middle: PlannedNode, forward: ForwardRule, *, aliased: bool) -> Plan:
    members = tuple(
        Member(f"tgp{number}", number, (address,)) for number, address in enumerate(REAL, start=1)
    )
    servers = []
    for number, (real, alias) in enumerate(zip(REAL, ALIAS, strict=True), start=1):
        service = ServiceConfig((Endpoint(real, SERVICE),), f"tgp{number}")
        programs = [PlannedProgram("service", service)]
        if number < 3:
            balancer = BalancerConfig(
                (Endpoint(real, 53),), NAME, members, SERVICE, ALIAS[0] if aliased else None
            )
            programs.append(PlannedProgram("balancer", balancer))
        servers.append(
            replace(
                _node(f"tgp{number}", "server", {"servers": real}),
                label=f"TightGate-Pro {number}",
                number=number,
                load_balancer=number < 3,
                alias=alias if aliased else None,
                programs=tuple(programs),
            )
        )
    resolver = ResolverConfig((Endpoint(DNS, 53),), forward=(forward,))
    return Plan(
        title=source,
        source=source,
        networks=(
            PlannedNetwork("lan", ("192.168.1.0/24",), "s1", "lan"),
            PlannedNetwork("servers", ("10.10.10.0/24",), "s2", "servers" if aliased else "lan"),
        ),
        nodes=(
            replace(_node("viewer", "viewer", {"lan": VIEWER}), asks=(DNS,)),
            replace(
                _node("dns", "resolver", {"lan": DNS}),
                programs=(PlannedProgram("resolver", resolver),),
            ),
            _node("bystander", "bystander", {"lan": BYSTANDER}),
            middle,
            *servers,
        ),
        cluster_name=NAME,
        service_port=SERVICE,
    )


def _node(
    name: str, role: str, addresses: dict[str, str], *, forwards: bool = False
) -> PlannedNode:
    return PlannedNode(
        name=name,
        label=name,
        role=role,
        interfaces=tuple(
            PlannedInterface(f"{name}-eth{place}", network, (f"{address}/24",))
            for place, (network, address) in enumerate(addresses.items())
        ),
        routes=(),
        programs=(),
        forwards=forwards,
    )


# --- messages ---------------------------------------------------------------------------------


def query_bytes(name: str = NAME, qtype: str = "A", identifier: int = 1) -> bytes:
    """A stub's or forwarder's question."""
    header = DNSHeader(id=identifier, qr=0, rd=1)
    return bytes(DNSRecord(header, q=DNSQuestion(name, _qtype(qtype))).pack())


def reply_bytes(
    query: bytes,
    *addresses: str,
    rcode: str = "NOERROR",
    ttl: int = 2,
    aa: bool = True,
    tc: bool = False,
    soa: bool = False,
    identifier: int | None = None,
    name: str | None = None,
    qtype: str | None = None,
) -> bytes:
    """A reply to these bytes; the last three make it a wrong one."""
    asked = DNSRecord.parse(query)
    reply = asked.reply(aa=aa, ra=0)
    reply.header.tc = tc
    reply.header.rcode = getattr(RCODE, rcode)
    owner = name or str(asked.q.qname)
    for address in addresses:
        kind, rdata = ("AAAA", AAAA(address)) if ":" in address else ("A", A(address))
        reply.add_answer(RR(owner, getattr(QTYPE, kind), ttl=ttl, rdata=rdata))
    if soa:
        times = (1, 2, 3, 4, ttl)
        reply.add_auth(RR(NAME, QTYPE.SOA, ttl=ttl, rdata=SOA("ns." + NAME, "a." + NAME, times)))
    if identifier is not None:
        reply.header.id = identifier
    reply.questions = [DNSQuestion(owner, _qtype(qtype) if qtype else asked.q.qtype, CLASS.IN)]
    return bytes(reply.pack())


def framed(payload: bytes) -> bytes:
    """A message as a stream carries it (RFC 1035 4.2.2)."""
    return len(payload).to_bytes(2, "big") + payload


def _qtype(text: str) -> int:
    return int(text[4:]) if text.startswith("TYPE") else int(getattr(QTYPE, text))


# --- the wire ---------------------------------------------------------------------------------


@dataclass
class Question:
    """A question on the wire, and what a reply to it needs."""

    asker: str
    server: str
    """The node that got it (or was meant to)."""
    source: Endpoint
    destination: Endpoint
    arrived_source: Endpoint
    arrived_destination: Endpoint
    payload: bytes


@dataclass
class Stream:
    """An open TCP connection: both sides can go on speaking."""

    wire: Wire
    opener: str
    far: str
    source: Endpoint
    dialled: Endpoint
    far_address: str
    """The far end's own: the real address where `dialled` is an alias."""
    sent: int
    """Next sequence number of the opener."""
    received: int
    """Next sequence number of the far end."""

    def say(self, payload: bytes, *, lost: bool = False, sequence: int | None = None) -> int:
        """The opener sends; returns the sequence number used (give it back to repeat)."""
        used = self.sent if sequence is None else sequence
        self._opener("PA", payload, used, lost=lost)
        if sequence is None:
            self.sent += len(payload)
        return used

    def hear(self, payload: bytes, *, lost: bool = False, sequence: int | None = None) -> int:
        """The far end sends."""
        used = self.received if sequence is None else sequence
        self._far("PA", payload, used, lost=lost)
        if sequence is None:
            self.received += len(payload)
        return used

    def close(self) -> None:
        """Both sides finish."""
        self._opener("FA", b"", self.sent)
        self.sent += 1
        self._far("FA", b"", self.received)
        self.received += 1
        self._opener("A", b"", self.sent)

    def _opener(self, flags: str, payload: bytes, sequence: int, *, lost: bool = False) -> None:
        self.wire.segment(
            self.opener, self.far, self.source, self.dialled, flags, sequence, self.received,
            payload, lost=lost,
        )  # fmt: skip

    def _far(self, flags: str, payload: bytes, sequence: int, *, lost: bool = False) -> None:
        far = Endpoint(self.far_address, self.dialled.port)
        self.wire.segment(
            self.far, self.opener, far, self.source, flags, sequence, self.sent, payload, lost=lost
        )


@dataclass
class Wire:
    """A clock, a capture, and what puts packets into it."""

    plan: Plan
    now: int = 1_000 * MS
    records: list[Record] = field(default_factory=list)
    table: dict[str, str] = field(default_factory=dict)
    """Alias → real address; from the plan's NAT program, unless a test breaks it."""
    _next_port: int = 40_000
    _next_id: int = 1
    _next_identification: int = 1

    def __post_init__(self) -> None:
        for node in self.plan.nodes:
            program = node.program("nat")
            if program is not None and not self.table:
                assert isinstance(program.config, NatConfig)
                self.table.update(program.config.table)

    def timeline(self, clock: Clock = Clock.VIRTUAL) -> Timeline:
        """Everything so far."""
        return Timeline.of(self.records, self.plan, clock)

    def elapse(self, seconds: float) -> None:
        """Let time pass."""
        self.now += round(seconds * 1000 * MS)

    def mark(self, kind: str, text: str, **fields: Any) -> None:
        """What a step did."""
        self.records.append(Mark(len(self.records) + 1, self.now, kind, text, fields))

    # --- DNS ---------------------------------------------------------------------------------

    def ask(
        self,
        asker: str,
        to: str,
        name: str = NAME,
        qtype: str = "A",
        *,
        port: int | None = None,
        identifier: int | None = None,
        payload: bytes | None = None,
        lost: bool = False,
    ) -> Question:
        """A question over UDP to port 53 of an address."""
        server = server_at(self.plan, to) or "router"
        if payload is None:
            self._next_id += 1
            payload = query_bytes(name, qtype, identifier or self._next_id)
        source = Endpoint(self._own_address(asker, to), port or self._fresh_port())
        destination = Endpoint(to, 53)
        packet = IP(src=source.address, dst=to) / UDP(sport=source.port, dport=53) / Raw(payload)
        last = self.packet(packet, asker, server, lost=lost)
        return Question(
            asker,
            server,
            source,
            destination,
            Endpoint(last[IP].src, source.port),
            Endpoint(last[IP].dst, 53),
            payload,
        )

    def reply(
        self,
        question: Question,
        *addresses: str,
        sender: str | None = None,
        source: Endpoint | None = None,
        destination: Endpoint | None = None,
        payload: bytes | None = None,
        lost: bool = False,
        **wording: Any,
    ) -> None:
        """A reply to a question; `sender`, `source`, `destination` and the last three arguments of
        `reply_bytes` make it a forgery."""
        source = source or question.arrived_destination
        destination = destination or question.arrived_source
        if payload is None:
            payload = reply_bytes(question.payload, *addresses, **wording)
        packet = (
            IP(src=source.address, dst=destination.address)
            / UDP(sport=source.port, dport=destination.port)
            / Raw(payload)
        )
        self.packet(packet, sender or question.server, question.asker, lost=lost)

    def exchange(
        self,
        asker: str,
        to: str,
        *addresses: str,
        name: str = NAME,
        qtype: str = "A",
        **wording: Any,
    ) -> Question:
        """A question and its reply at once."""
        question = self.ask(asker, to, name, qtype)
        self.reply(question, *addresses, **wording)
        return question

    # --- TCP ---------------------------------------------------------------------------------

    def connect(
        self,
        opener: str,
        to: str,
        *,
        port: int = SERVICE,
        banner: str | None = None,
        refused: bool = False,
        lost: bool = False,
        silent: bool = False,
        far: str | None = None,
        source_port: int | None = None,
        sequence: int = 1000,
    ) -> Stream:
        """A handshake, and what the service says. `refused`: a reset answers; `lost`: the SYN never
        arrives; `silent`: it arrives and nothing comes back."""
        if far is None:
            far = self._service_at(to) if port != 53 else server_at(self.plan, to)
        assert far is not None
        source = Endpoint(self._own_address(opener, to), source_port or self._fresh_port())
        dialled = Endpoint(to, port)
        syn = self.segment(opener, far, source, dialled, "S", sequence, 0, lost=lost)
        stream = Stream(self, opener, far, source, dialled, str(syn[IP].dst), sequence + 1, 900_000)
        if lost or silent:
            return stream
        answer = Endpoint(stream.far_address, port)
        if refused:
            self.segment(far, opener, answer, source, "RA", 0, sequence + 1)
            return stream
        self.segment(far, opener, answer, source, "SA", 900_000, sequence + 1)
        stream.received = 900_001
        self.segment(opener, far, source, dialled, "A", stream.sent, stream.received)
        if banner is not None:
            stream.hear(banner.encode() + b"\n")
        return stream

    def segment(
        self,
        sender: str,
        receiver: str,
        source: Endpoint,
        destination: Endpoint,
        flags: str,
        sequence: int,
        acknowledgement: int,
        payload: bytes = b"",
        *,
        lost: bool = False,
    ) -> IP:
        """One TCP segment."""
        packet = IP(src=source.address, dst=destination.address) / TCP(
            sport=source.port,
            dport=destination.port,
            flags=flags,
            seq=sequence % 2**32,
            ack=acknowledgement % 2**32,
        )
        return self.packet(
            packet / Raw(payload) if payload else packet, sender, receiver, lost=lost
        )

    # --- ICMP and the rest -------------------------------------------------------------------

    def echo(self, asker: str, to: str, *, answered: bool = True, identifier: int = 7) -> IP:
        """An echo request and its reply."""
        target = self._service_at(to)
        own = self._own_address(asker, to)
        request = IP(src=own, dst=to) / ICMP(type=8, id=identifier, seq=1) / Raw(b"echo")
        last = self.packet(request, asker, target)
        if answered:
            back = (
                IP(src=last.dst, dst=last.src) / ICMP(type=0, id=identifier, seq=1) / Raw(b"echo")
            )
            self.packet(back, target, asker)
        return last

    def datagram(self, sender: str, to: str, port: int = 9) -> IP:
        """A UDP datagram; returns it as it arrived."""
        own = self._own_address(sender, to)
        packet = IP(src=own, dst=to) / UDP(sport=40_000, dport=port) / Raw(b"forwardlab")
        return self.packet(packet, sender, self._service_at(to))

    def error(
        self,
        about: IP,
        reporter: str,
        to: str,
        *,
        kind: int = 3,
        code: int = 3,
    ) -> IP:
        """An ICMP error about a packet as it arrived at the node that reports it."""
        source = about.dst if about.dst in self.plan.node(reporter).addresses() else None
        source = source or self._own_address(reporter, about.src)
        embedded = IPerror(bytes(about)[: 20 + 8])
        packet = IP(src=source, dst=about.src) / ICMP(type=kind, code=code) / embedded
        return self.packet(packet, reporter, to)

    # --- packets -----------------------------------------------------------------------------

    def packet(
        self,
        packet: IP,
        sender: str,
        receiver: str,
        *,
        lost: bool = False,
        unsent: bool = False,
        took_ns: int = LINK_NS,
    ) -> IP:
        """Take a packet from node to node, over whatever lies between; as it arrived. `lost`: on
        its last link; `unsent`: its departure was not captured."""
        if "id" not in packet.fields:
            self._next_identification += 1
            packet.id = self._next_identification
        packet = IP(bytes(packet))
        way = self._way(sender, receiver)
        for place, (left, entered) in enumerate(pairwise(way)):
            if place:
                packet = self._passed_on(packet, left, way[place - 1])
            network = self._shared(left, entered)
            if not (unsent and place == 0):
                self.see(left, network, packet, outgoing=True)
            self.now += took_ns
            if not (lost and place == len(way) - 2):
                self.see(entered, network, packet, outgoing=False)
            self.now += took_ns // 10
        return packet

    def see(self, node: str, network: str, packet: IP, *, outgoing: bool) -> None:
        """One sighting, now."""
        interface = self._interface(node, network)
        self.records.append(
            Sighting(
                len(self.records) + 1,
                self.now,
                node,
                interface,
                outgoing,
                decode(bytes(packet), 101),
            )
        )

    def _passed_on(self, packet: IP, node: str, came_from: str) -> IP:
        """What a router or translator makes of a packet."""
        packet = packet.copy()
        packet.ttl -= 1
        nat = self.plan.node(node).nat
        if nat is not None:
            back = {real: alias for alias, real in self.table.items()}
            from_client_side = (
                self._interface(node, self._shared(came_from, node)) == nat.client_side
            )
            if from_client_side:
                packet.dst = self.table.get(packet.dst, packet.dst)
            else:
                packet.src = back.get(packet.src, packet.src)
            for layer in (IPerror,):
                if packet.haslayer(layer):
                    inner = packet[layer]
                    if from_client_side:
                        inner.src = self.table.get(inner.src, inner.src)
                    else:
                        inner.dst = back.get(inner.dst, inner.dst)
                    del inner.chksum
        for layer in (IP, UDP, TCP, ICMP):
            if packet.haslayer(layer):
                del packet[layer].chksum
        return IP(bytes(packet))

    def _way(self, sender: str, receiver: str) -> list[str]:
        """Nodes from one to the other, over nodes that pass packets on."""
        ways = deque([[sender]])
        while ways:
            way = ways.popleft()
            if way[-1] == receiver:
                return way
            if len(way) > 1 and not self.plan.node(way[-1]).forwards:
                continue
            ways.extend(
                [*way, node.name]
                for node in self.plan.nodes
                if node.name not in way and self._networks(node.name) & self._networks(way[-1])
            )
        raise LookupError(f"no way from {sender} to {receiver}")

    def _networks(self, node: str) -> set[str]:
        return {interface.network for interface in self.plan.node(node).interfaces}

    def _shared(self, one: str, other: str) -> str:
        return min(self._networks(one) & self._networks(other))

    def _interface(self, node: str, network: str) -> str:
        return next(
            interface.name
            for interface in self.plan.node(node).interfaces
            if interface.network == network
        )

    def _own_address(self, node: str, towards: str) -> str:
        """The node's address, on the side of the other if it has two."""
        addresses = self.plan.node(node).addresses()
        near = [own for own in addresses if own.split(".")[:3] == towards.split(".")[:3]]
        return (near or list(addresses))[0]

    def _service_at(self, address: str) -> str:
        """The node that a packet to the address ends at, by the table as it is."""
        owner = self.plan.owner(self.table.get(address, address))
        if owner is not None:
            return owner.name
        return next(node.name for node in self.plan.nodes if node.forwards)

    def _fresh_port(self) -> int:
        self._next_port += 1
        return self._next_port
