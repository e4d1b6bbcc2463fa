"""What a packet does, in a sentence or two.

The sentences are made from what was seen on the wire and from what the plan says about the nodes;
nothing is told that packets do not show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lab.observe.dns_message import DnsMessage
from lab.observe.hop import Hop
from lab.topology.plan import Plan, PlannedNode

_ROLES = {
    "viewer": "the viewer",
    "resolver": "the DNS server",
    "translator": "the translator",
    "router": "the router",
    "authority": "the authoritative server",
    "bystander": "the stranger",
}


class Teller:
    """Tells what a hop is about, with the plan at hand."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._count = Counter(node.role for node in plan.nodes)
        self._nodes = {node.name: node for node in plan.nodes}

    def tell(self, hop: Hop, message: DnsMessage | None, *, behind_nat: bool) -> tuple[str, ...]:
        """The hop in short sentences. `behind_nat`: it is the second hop of a packet that a NAT
        passed on."""
        return tuple(self._sentences(hop, message, behind_nat))

    def name(self, node: str) -> str:
        """A node as a sentence has it: "the DNS server", "server1 (TightGate-Pro 1)"."""
        known = self._nodes.get(node)
        if known is None:
            return f"{node}, which nobody has,"
        common = _ROLES.get(known.role)
        if common is None:
            return f"{node} ({known.label})" if known.label not in {"", node} else node
        return common if self._count[known.role] == 1 else f"{common} {node}"

    def _sentences(self, hop: Hop, message: DnsMessage | None, behind_nat: bool) -> Iterator[str]:
        sender, receiver = self.name(hop.sender), self.name(hop.receiver)
        if behind_nat:
            yield f"{_begun(sender)} has translated the packet and passes it on to {receiver}."
        elif hop.kind in {"query", "reply"} and message is not None:
            tell = self._reply if message.is_reply else self._question
            yield from tell(hop, message, sender, receiver)
        else:
            yield self._other(hop, sender, receiver)
        if hop.forged:
            yield "This is a forgery: its sender has not got the address that it shows."
        if hop.took_ns is None:
            yield f"It never arrives: nothing enters {receiver}."
        elif hop.unanswered:
            yield "Nobody answers it in time."

    def _question(self, hop: Hop, message: DnsMessage, sender: str, receiver: str) -> Iterator[str]:
        if message.malformed or not message.name:
            yield f"{_begun(sender)} sends {receiver} something that is no DNS question."
            return
        wanted = _wanted(message)
        role = self._role(hop.sender)
        if role in {"viewer", "bystander"}:
            yield f"{_begun(sender)} asks {receiver}: {wanted}"
        elif self._is_balancer(hop.receiver):
            yield f"{_begun(sender)} asks {receiver}, a load balancer: {wanted}"
            yield "Only the load balancers know which servers are available now."
        elif self._role(hop.receiver) == "authority":
            yield f"{_begun(sender)} asks {receiver}, which holds zones of its own: {wanted}"
        else:
            yield f"{_begun(sender)} passes the question on to {receiver}, its forwarder: {wanted}"

    def _reply(self, hop: Hop, message: DnsMessage, sender: str, receiver: str) -> Iterator[str]:
        to = f"{_begun(sender)} answers {receiver}"
        if message.malformed:
            yield f"{_begun(sender)} sends {receiver} octets that are no DNS message."
        elif message.rcode == "NXDOMAIN":
            yield f"{to}: there is no such name (NXDOMAIN)."
        elif message.rcode != "NOERROR":
            yield f"{to} with an error: {message.rcode}."
        elif message.addresses:
            yield f"{to}: {self._owners(message.addresses)}."
            ttl = min(message.ttls)
            yield f"It may be kept for {ttl} s (TTL)." if ttl else "It may not be kept (TTL 0)."
        elif message.answers:
            yield f"{to}: {hop.text}."
        elif hop.text.startswith("referral"):
            yield f"{to}: I do not know, ask others ({hop.text})."
        else:
            yield f"{to}: the name exists, and has nothing of this type (NODATA)."
        if message.tc:
            yield "The answer does not fit into a datagram; the asker must come again over TCP."
        if ", wrong " in hop.text or hop.text.endswith("too late"):
            yield f"It does not count: {hop.text.rpartition(', ')[2]}."

    def _owners(self, addresses: tuple[str, ...]) -> str:
        return ", ".join(
            f"{address} ({owner})" if (owner := self._owner(address)) else address
            for address in addresses
        )

    def _owner(self, address: str) -> str:
        behind = self._plan.behind_alias(address)
        if behind is not None:
            return f"alias of {behind.name}"
        node = self._plan.owner(address)
        return "" if node is None else node.name

    def _other(self, hop: Hop, sender: str, receiver: str) -> str:
        told = {
            "syn-ack": "accepts the connection",
            "reset": "refuses the connection: nobody listens there",
            "data": f"says who it is: {hop.text}",
            "echo": f"sends an echo request (a ping) to {receiver}",
            "echo-reply": "sends the echo back",
            "icmp-error": f"reports to {receiver}: {hop.text}",
        }
        destination = hop.passages[0].ip.receiver
        if hop.kind == "syn" and destination is not None:
            server = self._plan.behind_alias(destination.address)
            alias = f", the alias of {server.name}" if server else ""
            return f"{_begun(sender)} wants to connect to {destination}{alias}."
        doing = told.get(hop.kind, f"sends {receiver} a datagram: {hop.text}")
        return f"{_begun(sender)} {doing}."

    def _role(self, name: str) -> str:
        node = self._nodes.get(name)
        return "" if node is None else node.role

    def _is_balancer(self, name: str) -> bool:
        node: PlannedNode | None = self._nodes.get(name)
        return node is not None and node.load_balancer


def _begun(text: str) -> str:
    """A text as a sentence begins with it; names of nodes stay as they are."""
    return f"The{text[3:]}" if text.startswith("the ") else text


def _wanted(message: DnsMessage) -> str:
    match message.qtype:
        case "A":
            return f"which IPv4 address has {message.name}?"
        case "AAAA":
            return f"which IPv6 address has {message.name}?"
        case "PTR":
            return f"which name has {message.name}?"
        case other:
            return f"which {other} records has {message.name}?"
