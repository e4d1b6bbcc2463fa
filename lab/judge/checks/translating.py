"""Checks of translation: addresses in payloads and headers, the NAT table, ICMP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from lab.judge.checks.base import CheckBase, real_addresses
from lab.judge.verdict import Finding, failed, passed
from lab.observe.crossing import Crossing
from lab.observe.passage import Passage
from lab.observe.sighting import Icmp, Ip, Tcp, Udp
from lab.observe.timeline import Timeline
from lab.topology.plan import Plan

Protocol = Literal["udp", "tcp", "icmp"]


class NoRealAddressOnClientSide(CheckBase):
    """On every network of the viewers' realm no real (server-side) address appears: in no IP
    header, no DNS answer, no header embedded in an ICMP error (CLU-11, NAT-02). Traffic of the
    cluster's name and service must have been seen there."""

    kind: Literal["no-real-address-on-client-side"] = "no-real-address-on-client-side"

    def judge(self, timeline: Timeline) -> Finding:
        """Look at every packet and every DNS message on the viewers' networks."""
        hidden = real_addresses(timeline)
        networks = _client_networks(timeline.plan)
        if not hidden:
            return failed("this set-up has no address to hide: no NAT stands between")
        seen = [each for each in timeline.packets if each.network in networks]
        for passage in seen:
            for where, address in _addresses_in(passage.ip):
                if address in hidden:
                    return failed(f"{address} as {where}", *passage.frames)
        named = 0
        for message in timeline.messages:
            if not any(each.network in networks for each in message.passages):
                continue
            named += message.name == timeline.plan.cluster_name
            if shown := hidden & set(message.addresses):
                return failed(f"{', '.join(sorted(shown))} in an answer", *message.frames)
        served = [each for each in seen if _is_service(each.ip, timeline.plan)]
        if not named or not served:
            return failed("neither the name nor the service was seen on the viewers' side")
        return passed(
            f"{len(seen)} packets and {named} DNS messages on {', '.join(sorted(networks))}",
            *served[0].frames,
        )


class RelayedUnchanged(CheckBase):
    """Each reply that the translator relayed to its client is octet for octet the reply it got from
    a load balancer, but for the ID (CLU-12)."""

    kind: Literal["relayed-unchanged"] = "relayed-unchanged"
    translator: str = "translator"

    def judge(self, timeline: Timeline) -> Finding:
        """Find for each reply that left the one that came in before it."""
        sent = [
            each
            for each in timeline.messages
            if each.is_reply and each.sender == self.translator and each.rcode == "NOERROR"
        ]
        if not sent:
            return failed(f"{self.translator} relayed no reply")
        for reply in sent:
            came = [
                each
                for each in timeline.messages
                if each.is_reply
                and each.receiver == self.translator
                and each.question == reply.question
                and (each.arrived_at or 0) <= reply.at
            ]
            if not came:
                return failed("a reply that nobody had given to it", *reply.frames)
            if came[-1].payload[2:] != reply.payload[2:]:
                got, gave = came[-1].addresses, reply.addresses
                return failed(
                    f"got {', '.join(got) or 'no address'}, gave {', '.join(gave) or 'no address'}",
                    *came[-1].frames,
                    *reply.frames,
                )
        return passed(f"{len(sent)} replies unchanged", *came[-1].frames, *reply.frames)


class AnswersAgreeWithTable(CheckBase):
    """Every address that the asker was answered is an alias of the NAT table as meant, and a
    connection to it (at least one each) was translated to the mapped server, which answered
    (CLU-13). The addresses that fail are named."""

    kind: Literal["answers-agree-with-table"] = "answers-agree-with-table"
    asker: str = "viewer"

    def judge(self, timeline: Timeline) -> Finding:
        """Look each answered address up in the plan, and look who answered behind it."""
        replies = [
            each.reply
            for each in timeline.exchanges
            if each.asker == self.asker and each.reply is not None and each.reply.addresses
        ]
        answered = sorted({address for reply in replies for address in reply.addresses})
        if not answered:
            return failed(f"{self.asker} was answered no address")
        frames = tuple(frame for reply in replies[:1] for frame in reply.frames)
        faults = []
        for address in answered:
            fault = self._fault(timeline, address)
            if fault is not None:
                faults.append(f"{address}: {fault}")
        if faults:
            return failed("; ".join(faults), *frames)
        return passed(f"{', '.join(answered)}: each leads to its server", *frames)

    @staticmethod
    def _fault(timeline: Timeline, address: str) -> str | None:
        server = timeline.plan.behind_alias(address)
        if server is None:
            return "no alias of the table"
        attempts = [each for each in timeline.connections if each.dialled.address == address]
        if not attempts:
            return "nobody got through to it" if timeline.connections else "nobody dialled it"
        if any(each.established_at is None for each in attempts):
            return "no handshake"
        wrong = [each for each in attempts if each.reached_node != server.name]
        return f"leads to {wrong[0].reached_node}, not {server.name}" if wrong else None


class AliasFollowsNumber(CheckBase):
    """Each address that a load balancer answered is the alias (base + number - 1) of a server of
    its pool (CLU-14, CLU-18)."""

    kind: Literal["alias-follows-number"] = "alias-follows-number"

    def judge(self, timeline: Timeline) -> Finding:
        """Look each address of the load balancers' answers up in the plan."""
        balancers = {node.name for node in timeline.plan.nodes if node.load_balancer}
        replies = [
            each
            for each in timeline.messages
            if each.is_reply and each.sender in balancers and each.addresses
        ]
        if not replies:
            return failed("no load balancer answered an address")
        for reply in replies:
            for address in reply.addresses:
                if timeline.plan.behind_alias(address) is None:
                    return failed(f"{address} is base + (number - 1) of no server", *reply.frames)
        shown = ", ".join(
            f"server number {server.number} is {address}"
            for address in sorted({each for reply in replies for each in reply.addresses})
            if (server := timeline.plan.behind_alias(address)) is not None
        )
        return passed(shown, *replies[0].frames)


class Translated(CheckBase):
    """Packets crossed the translator, each with: its alias replaced by the mapped real address (or
    back), the other address and the ports untouched, IP and transport checksums right, TTL one
    less, payload the same (NAT-01, NAT-02, NAT-13, NAT-14)."""

    kind: Literal["translated"] = "translated"
    protocols: tuple[Protocol, ...] = ("tcp",)
    """Each of them must have crossed, in both directions."""

    def judge(self, timeline: Timeline) -> Finding:
        """Compare each packet before the translator with itself behind it."""
        aliases = {node.alias: node for node in timeline.plan.nodes if node.alias}
        directions: dict[tuple[str, bool], Crossing] = {}
        for crossing in timeline.crossings:
            fault = _crossing_fault(crossing, timeline.plan)
            if fault is not None:
                return failed(fault, *crossing.frames)
            inward = crossing.before.ip.destination in aliases
            directions.setdefault((_protocol(crossing.before.ip), inward), crossing)
        for protocol in self.protocols:
            for inward in (True, False):
                if (protocol, inward) not in directions:
                    way = "towards the servers" if inward else "back"
                    return failed(f"no {protocol} packet crossed {way}")
        frames = tuple(frame for each in directions.values() for frame in each.frames)
        return passed(f"{len(timeline.crossings)} packets translated rightly", *frames)


class MappingStable(CheckBase):
    """All crossings agree on one alias per server and one server per alias (NAT-03); every one of
    `servers` was crossed to."""

    kind: Literal["mapping-stable"] = "mapping-stable"
    servers: tuple[str, ...]

    def judge(self, timeline: Timeline) -> Finding:
        """Collect which alias became which real address, over the whole capture."""
        pairs: dict[str, str] = {}
        backwards: dict[str, str] = {}
        frames: list[int] = []
        for crossing in timeline.crossings:
            if crossing.before.ip.destination == crossing.after.ip.destination:
                alias, real = crossing.after.ip.source, crossing.before.ip.source
            else:
                alias, real = crossing.before.ip.destination, crossing.after.ip.destination
            if pairs.setdefault(alias, real) != real or backwards.setdefault(real, alias) != alias:
                known = pairs[alias], backwards[real]
                return failed(f"{alias} and {real}, but before {known}", *crossing.frames)
            frames.extend(crossing.frames[:1])
        reached = {
            node.name for alias in pairs if (node := timeline.plan.behind_alias(alias)) is not None
        }
        if missing := sorted(set(self.servers) - reached):
            return failed(f"nothing crossed to {', '.join(missing)}", *frames[:8])
        shown = ", ".join(f"{alias} = {real}" for alias, real in sorted(pairs.items()))
        return passed(shown, *frames[:8])


class NotTranslated(CheckBase):
    """Packets to this client-side address were sent and reached no server (NAT-04)."""

    kind: Literal["not-translated"] = "not-translated"
    address: str

    def judge(self, timeline: Timeline) -> Finding:
        """Find packets to the address, and none of them behind the translator."""
        sent = [each for each in timeline.packets if each.ip.destination == self.address]
        if not sent:
            return failed(f"nothing was sent to {self.address}")
        for crossing in timeline.crossings:
            if crossing.before.ip.destination == self.address:
                return failed(f"translated to {crossing.after.ip.destination}", *crossing.frames)
        for connection in timeline.connections:
            if connection.dialled.address == self.address and connection.established_at:
                return failed(f"{connection.reached_node} answered", *connection.frames[:4])
        return passed(f"{len(sent)} packets, none translated", *sent[0].frames)


class EchoAnswered(CheckBase):
    """The node's echo request to the address was answered from that address (ICM-01)."""

    kind: Literal["echo-answered"] = "echo-answered"
    node: str = "viewer"
    address: str

    def judge(self, timeline: Timeline) -> Finding:
        """Find the echo and its reply's source, as the asker saw it."""
        echoes = [
            each
            for each in timeline.echoes
            if each.asker == self.node and each.target == self.address
        ]
        if not echoes:
            return failed(f"{self.node} sent no echo request to {self.address}")
        for echo in echoes:
            if echo.reply is None:
                return failed("no reply", *echo.request.frames)
            if echo.reply.ip_arrived.source != self.address:
                return failed(f"a reply from {echo.reply.ip_arrived.source}", *echo.reply.frames)
        reply = echoes[-1].reply
        frames = reply.frames if reply is not None else ()
        return passed(f"answered from {self.address}", *echoes[-1].request.frames, *frames)


class ErrorTranslated(CheckBase):
    """An ICMP error came back to the node for what it sent to the address; its outer source and
    the embedded packet show client-side addresses only, the embedded packet is the one that was
    sent, type and code are as the server sent them, checksums right (ICM-02, RFC 5508 REQ-4/5)."""

    kind: Literal["error-translated"] = "error-translated"
    node: str = "viewer"
    address: str
    type: int = 3
    code: int = 3

    def judge(self, timeline: Timeline) -> Finding:
        """Find the error where it arrives, and hold its quotation against the packet sent."""
        sent = [
            each
            for each in timeline.packets
            if each.sender == self.node and each.ip.destination == self.address
        ]
        came = [
            each
            for each in timeline.packets
            if each.receiver == self.node
            and isinstance(each.ip.transport, Icmp)
            and each.ip.transport.embedded is not None
            and self._is_about(each.ip.transport.embedded, sent)
        ]
        if not came:
            frames = sent[0].frames if sent else ()
            return failed(f"no error quotes a packet to {self.address}", *frames)
        error = came[0]
        icmp = error.ip.transport
        assert isinstance(icmp, Icmp)  # noqa: S101 - chosen by it
        hidden = real_addresses(timeline)
        shown = [text for text in _addresses_in(error.ip) if text[1] in hidden]
        faults = (
            (not shown, f"it shows {shown[0][1] if shown else ''}"),
            ((icmp.type, icmp.code) == (self.type, self.code), f"type {icmp.type}/{icmp.code}"),
            (error.ip.checksum_right and icmp.checksum_right, "a wrong checksum"),
            (error.ip.source == self.address, f"it comes from {error.ip.source}"),
        )
        for holds, text in faults:
            if not holds:
                return failed(text, *error.frames)
        return passed(
            f"from {error.ip.source}, quoting the packet to {self.address}",
            *sent[0].frames,
            *error.frames,
        )

    def _is_about(self, quoted: Ip, sent: list[Passage]) -> bool:
        """Whether the quotation is of a packet that was sent, with the addresses it was sent to."""
        return any(
            (each.ip.source, each.ip.destination, each.ip.identification, _ports(each.ip))
            == (quoted.source, quoted.destination, quoted.identification, _ports(quoted))
            for each in sent
        )


def _client_networks(plan: Plan) -> frozenset[str]:
    """Return the networks of the viewers' address realm."""
    realms = {network.name: network.realm for network in plan.networks}
    wanted = {
        realms[interface.network]
        for node in plan.with_role("viewer")
        for interface in node.interfaces
    }
    return frozenset(name for name, realm in realms.items() if realm in wanted)


def _addresses_in(ip: Ip) -> Iterator[tuple[str, str]]:
    """Yield every address a packet shows, with where: header, and headers quoted in errors."""
    yield "source", ip.source
    yield "destination", ip.destination
    if isinstance(ip.transport, Icmp) and ip.transport.embedded is not None:
        for where, address in _addresses_in(ip.transport.embedded):
            yield f"quoted {where}", address


def _is_service(ip: Ip, plan: Plan) -> bool:
    return isinstance(ip.transport, Tcp) and plan.service_port in {
        ip.transport.source_port,
        ip.transport.destination_port,
    }


def _protocol(ip: Ip) -> str:
    match ip.transport:
        case Udp():
            return "udp"
        case Tcp():
            return "tcp"
        case Icmp():
            return "icmp"
        case _:
            return "other"


def _ports(ip: Ip) -> tuple[int, int] | None:
    match ip.transport:
        case Udp() | Tcp() as transport:
            return transport.source_port, transport.destination_port
        case Icmp() as icmp:
            return icmp.identifier, icmp.sequence
        case _:
            return None


def _crossing_fault(crossing: Crossing, plan: Plan) -> str | None:
    """Say what is wrong with one translation; None when it is right."""
    before, after = crossing.before.ip, crossing.after.ip
    real_of = {node.alias: node.addresses()[0] for node in plan.nodes if node.alias}
    alias_of = {real: alias for alias, real in real_of.items()}
    if before.destination in real_of:
        addresses = before.source, real_of[before.destination]
    elif before.source in alias_of:
        addresses = alias_of[before.source], before.destination
    else:
        return f"{before.source} to {before.destination} is no concern of the table"
    checksums = after.checksum_right and (after.transport is None or after.transport.checksum_right)
    faults = (
        (
            (after.source, after.destination) == addresses,
            (
                f"became {after.source} to {after.destination}, expected {addresses[0]} to "
                f"{addresses[1]}"
            ),
        ),
        (_ports(before) == _ports(after), f"ports {_ports(before)} became {_ports(after)}"),
        (checksums, "a wrong checksum"),
        (after.ttl == before.ttl - 1, f"TTL {before.ttl} became {after.ttl}"),
        (_payload(before) == _payload(after), "the payload changed"),
        (before.identification == after.identification, "the IP identification changed"),
    )
    return next((text for holds, text in faults if not holds), None)


def _payload(ip: Ip) -> bytes:
    match ip.transport:
        case Udp(payload=payload) | Tcp(payload=payload):
            return payload
        case Icmp(embedded=None, payload=payload):
            return payload
        case _:
            # What an error quotes is translated too; ErrorTranslated looks at it.
            return b""
