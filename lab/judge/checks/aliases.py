"""Checks of addresses in answers: aliases on the viewers' side, the right ones, unchanged."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal

from lab.judge.checks.base import (
    CheckBase,
    balancers,
    counted,
    frames_of,
    listed,
    node_named,
    questions,
    served_by,
    tell,
    wanted_name,
)
from lab.judge.checks.realms import Realms
from lab.judge.verdict import Finding, failed, passed
from lab.observe.connection import Connection
from lab.observe.dns_exchange import DnsExchange
from lab.observe.dns_message import DnsMessage
from lab.observe.sighting import Ip, Tcp
from lab.observe.timeline import Timeline
from lab.topology.plan import Plan
from resolver.config import BalancerConfig


class NoRealAddressOnClientSide(CheckBase):
    """On every network of the viewers' realm no real (server-side) address appears: in no IP
    header, nowhere in a DNS message, in no header embedded in an ICMP error (CLU-11, NAT-02).
    Traffic of the cluster's name and service must have been seen there."""

    kind: Literal["no-real-address-on-client-side"] = "no-real-address-on-client-side"

    def judge(self, timeline: Timeline) -> Finding:
        """Look at every packet and every DNS message on the viewers' networks."""
        realms = Realms(timeline.plan)
        networks = realms.client_networks
        if not realms.real_addresses:
            return failed("this set-up has no address to hide: no NAT stands between")
        seen = [each for each in timeline.packets if each.network in networks]
        for passage in seen:
            shown = realms.shown_by(passage.ip)
            if shown is not None:
                return failed(shown, *passage.frames)
        named = 0
        for message in timeline.messages:
            if not any(each.network in networks for each in message.passages):
                continue
            named += message.name == wanted_name(timeline, None)
            real = [address for address in message.addresses if realms.is_real(address)]
            if real:
                return failed(f"{listed(real)} in an answer", *message.frames)
            hidden = realms.real_in(message.payload)
            if hidden is not None:
                return failed(f"{hidden} in a DNS message", *message.frames)
        served = [each for each in seen if _is_service(each.ip, timeline.plan)]
        if not named or not served:
            return failed("the name or the service was not seen on the viewers' side")
        return passed(
            f"{counted(len(seen), 'packet')} and {counted(named, 'DNS message')} "
            f"on {', '.join(sorted(networks))}, no real address in any",
            *served[0].frames,
        )


class RelayedUnchanged(CheckBase):
    """Each reply about the cluster's name that the translator gave its client is octet for octet,
    but for the ID, one that it got from a load balancer for that question (CLU-12). Only when none
    helped may it speak for itself, and then it gives no address."""

    kind: Literal["relayed-unchanged"] = "relayed-unchanged"
    translator: str = "translator"

    def judge(self, timeline: Timeline) -> Finding:
        """Find for each reply that left the one that came in before it."""
        relayed: list[DnsMessage] = []
        for client in served_by(timeline, self.translator):
            if client.query.name != wanted_name(timeline, None):
                continue
            came = self._came(timeline, client)
            for reply in self._gave(client):
                same = [each for each in came if each.payload[2:] == reply.payload[2:]]
                if same:
                    relayed += [same[-1], reply]
                    continue
                if _is_own_error(reply) and all(_is_own_error(each) for each in came):
                    continue
                if not came:
                    return failed("a reply that nobody had given to it", *reply.frames)
                text = f"got {tell(came[-1])}, gave {tell(reply)}"
                if came[-1].addresses == reply.addresses:
                    text += ", other octets"
                return failed(text, *came[-1].frames, *reply.frames)
        if not relayed:
            return failed(f"{self.translator} relayed no reply")
        return passed(
            f"{counted(len(relayed) // 2, 'reply', 'replies')} relayed unchanged",
            *relayed[-2].frames,
            *relayed[-1].frames,
        )

    def _gave(self, client: DnsExchange) -> list[DnsMessage]:
        """What the translator replied to a question, and be it without the question in it."""
        gave = [*client.replies, *client.strays, *client.latecomers]
        return [reply for reply in gave if reply.sender == self.translator]

    def _came(self, timeline: Timeline, client: DnsExchange) -> list[DnsMessage]:
        """What load balancers replied to the same question since the client asked."""
        asked_at = client.query.arrived_at
        answered_at = max((reply.at for reply in self._gave(client)), default=None)
        return [
            reply
            for exchange in timeline.exchanges
            if exchange.asker == self.translator
            and exchange.query.question == client.query.question
            for reply in exchange.replies
            if reply.sender in balancers(timeline)
            and reply.arrived_at is not None
            and asked_at is not None
            and answered_at is not None
            and asked_at <= reply.arrived_at <= answered_at
        ]


class AnswersAgreeWithTable(CheckBase):
    """Every address that the asker was answered for the cluster's name is an alias of the NAT table
    as meant, and each connection to its service (at least one) was completed with the server that
    the table puts behind it (CLU-13). The addresses that fail are named."""

    kind: Literal["answers-agree-with-table"] = "answers-agree-with-table"
    asker: str = "viewer"

    def judge(self, timeline: Timeline) -> Finding:
        """Look each answered address up in the plan, and look who answered behind it."""
        asked = questions(timeline, self.asker, None)
        replies = [reply for each in asked for reply in each.replies if reply.addresses]
        answered = sorted({address for reply in replies for address in reply.addresses})
        if not answered:
            return failed(f"{self.asker} was answered no address", *frames_of(asked))
        frames = replies[0].frames
        faults: list[str] = []
        for address in answered:
            attempts = _attempts(timeline, address)
            fault = _leads_astray(timeline, address, attempts)
            if fault is not None:
                faults.append(f"{address}: {fault}")
            frames += tuple(frame for each in attempts[:1] for frame in each.frames[:4])
        if faults:
            return failed("; ".join(faults), *frames)
        return passed(f"{', '.join(answered)}: each leads to its server", *frames)


class AliasFollowsNumber(CheckBase):
    """Each address that a load balancer answered for the cluster's name is the alias (base + number
    - 1) of a server of its pool, and no server stands in an answer twice (CLU-14, CLU-18)."""

    kind: Literal["alias-follows-number"] = "alias-follows-number"

    def judge(self, timeline: Timeline) -> Finding:
        """Work out the aliases of each load balancer's pool, and look the answers up there."""
        replies = [
            each
            for each in timeline.messages
            if each.is_reply
            and each.sender in balancers(timeline)
            and each.name == wanted_name(timeline, None)
            and each.addresses
        ]
        if not replies:
            return failed("no load balancer answered an address")
        numbers: dict[str, int] = {}
        for reply in replies:
            aliases = _pool_aliases(timeline, str(reply.sender))
            for address in reply.addresses:
                if address not in aliases:
                    return failed(f"{address} is base + (number - 1) of no server", *reply.frames)
                if reply.addresses.count(address) > 1:
                    return failed(f"{address} is answered twice", *reply.frames)
                numbers[address] = aliases[address]
        shown = [f"server number {numbers[address]} is {address}" for address in sorted(numbers)]
        return passed(", ".join(shown), *replies[0].frames)


def _attempts(timeline: Timeline, address: str) -> list[Connection]:
    """Connections to the service at an address. (Port 53 of an alias may end elsewhere.)"""
    port = timeline.plan.service_port
    return [
        each
        for each in timeline.connections
        if each.dialled.address == address and each.dialled.port == port
    ]


def _leads_astray(timeline: Timeline, address: str, attempts: list[Connection]) -> str | None:
    """Say why an address is not what the table means it to be; None when it is."""
    server = timeline.plan.behind_alias(address)
    if server is None:
        return "no alias of the table"
    if not attempts:
        return "nobody dialled it"
    for each in attempts:
        if each.established_at is None:
            return "no handshake"
        if each.reached_node != server.name:
            return f"leads to {each.reached_node}, not {server.name}"
    return None


def _pool_aliases(timeline: Timeline, balancer: str) -> dict[str, int]:
    """The alias of each member of a load balancer's pool, as meant, with the member's number."""
    node = node_named(timeline, balancer)
    program = node.program("balancer") if node is not None else None
    if program is None or not isinstance(program.config, BalancerConfig):
        return {}
    base = program.config.alias_base
    if base is None:
        return {}
    return {
        str(ip_address(base) + (member.number - 1)): member.number
        for member in program.config.members
    }


def _is_own_error(reply: DnsMessage) -> bool:
    """Whether it helps nobody: any error but "no such name", which is an answer."""
    return reply.rcode not in {"NOERROR", "NXDOMAIN"} and not reply.addresses


def _is_service(ip: Ip, plan: Plan) -> bool:
    return isinstance(ip.transport, Tcp) and plan.service_port in {
        ip.transport.source_port,
        ip.transport.destination_port,
    }
