"""What every check has in common, and the questions to a timeline that several of them ask."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from pydantic import BaseModel, ConfigDict

from lab.judge.verdict import Finding
from lab.observe.dns_exchange import DnsExchange
from lab.observe.dns_message import DnsMessage
from lab.observe.timeline import Timeline
from lab.topology.plan import PlannedNode
from resolver.machine import MILLISECOND, Duration, Instant


class CheckBase(BaseModel):
    """A question that can be put to a timeline. Frozen, and data: its JSON says everything.

    `judge` finds from packets and marks alone, compared with the plan as it was meant. It says
    FAILED when what it looks for never happened: a check that has nothing to look at has not held.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def judge(self, timeline: Timeline) -> Finding:
        """What the packets say, with the frames that prove it."""


# --- names and nodes --------------------------------------------------------------------------


def wanted_name(timeline: Timeline, name: str | None) -> str | None:
    """A name as messages have it (None: the cluster's); None where the plan has none either."""
    text = name or timeline.plan.cluster_name
    return None if text is None else bare_name(text)


def bare_name(text: str) -> str:
    """A name as messages and records have it: lower case, no final dot; "." is the root."""
    return text.lower().removesuffix(".") or "."


def node_named(timeline: Timeline, name: str) -> PlannedNode | None:
    """The node of that name; None when the plan has none."""
    return next((node for node in timeline.plan.nodes if node.name == name), None)


def node_at(timeline: Timeline, address: str) -> PlannedNode | None:
    """The node that a packet to this address, real or alias, is meant for."""
    return timeline.plan.behind_alias(address) or timeline.plan.owner(address)


def balancers(timeline: Timeline) -> frozenset[str]:
    """The nodes that are load balancers."""
    return frozenset(node.name for node in timeline.plan.nodes if node.load_balancer)


def server_addresses(timeline: Timeline, server: str) -> frozenset[str]:
    """Every address, real and alias, by which a server could be named; none for no server."""
    node = node_named(timeline, server)
    if node is None:
        return frozenset()
    return frozenset(node.addresses()) | ({node.alias} if node.alias else frozenset())


def is_at_or_below(name: str, ancestor: str) -> bool:
    """Whether a message's name is this one or below it, label by label, whatever its case."""
    apex = ancestor.lower().removesuffix(".")
    return not apex or name == apex or name.endswith("." + apex)


def is_among(address: str, prefixes: Iterable[str]) -> bool:
    """Whether an address is one of these, or in one of these prefixes."""
    parsed = ip_address(address)
    return any(parsed in ip_network(prefix, strict=False) for prefix in prefixes)


# --- questions and their answers --------------------------------------------------------------


def questions(
    timeline: Timeline, asker: str, name: str | None, qtype: str | None = None
) -> list[DnsExchange]:
    """The asker's exchanges about a name (None: the cluster's), in order."""
    wanted = wanted_name(timeline, name)
    return [
        exchange
        for exchange in timeline.exchanges
        if exchange.asker == asker
        and exchange.query.name == wanted
        and qtype in {None, exchange.query.qtype}
    ]


def served_by(timeline: Timeline, server: str) -> list[DnsExchange]:
    """The questions that reached a server."""
    return [exchange for exchange in timeline.exchanges if exchange.query.receiver == server]


def upstream_groups(
    timeline: Timeline, asker: str, name: str | None = None, qtype: str | None = None
) -> list[tuple[DnsExchange, ...]]:
    """For each client question (None: of any name, of any type) that caused any, the upstream
    questions it caused."""
    wanted = None if name is None else wanted_name(timeline, name)
    groups = [
        timeline.causes.caused_by(client)
        for client in served_by(timeline, asker)
        if wanted in {None, client.query.name} and qtype in {None, client.query.qtype}
    ]
    return [group for group in groups if group]


def asked_meanwhile(timeline: Timeline, client: DnsExchange) -> list[DnsExchange]:
    """What a client question's server asked anybody, about any name, from the question's arrival to
    the last reply's departure (without one: to the end)."""
    arrived_at = client.query.arrived_at
    return [
        each
        for each in timeline.exchanges
        if each.asker == client.query.receiver
        and arrived_at is not None
        and arrived_at <= each.asked_at
        and (client.replied_at is None or each.asked_at <= client.replied_at)
    ]


def is_superseded(timeline: Timeline, exchange: DnsExchange) -> bool:
    """Whether its asker asked once more for the same client, having got no reply in time or a
    truncated one: such a question failed, and another one took its place."""
    cause = timeline.causes.of(exchange)
    if cause is None:
        return False
    went_on = any(later.asked_at > exchange.asked_at for later in timeline.causes.caused_by(cause))
    useless = not timeline.causes.in_time(exchange) or (
        exchange.reply is not None and exchange.reply.tc
    )
    return went_on and useless


def balancer_lists(timeline: Timeline) -> list[DnsMessage]:
    """What the load balancers answered to A questions for the cluster's name, in time, in order of
    arrival."""
    listing = balancers(timeline)
    found = [
        reply
        for exchange in timeline.exchanges
        if exchange.query.qtype == "A"
        and exchange.query.name == wanted_name(timeline, None)
        and timeline.causes.in_time(exchange)
        and (reply := exchange.reply) is not None
        and reply.sender in listing
    ]
    return sorted(found, key=arrival)


def latest(replies: Iterable[DnsMessage], instant: Instant) -> DnsMessage | None:
    """The last of these replies to arrive that had arrived by then."""
    known = [
        reply for reply in replies if reply.arrived_at is not None and reply.arrived_at <= instant
    ]
    return max(known, key=arrival, default=None)


def arrival(message: DnsMessage) -> Instant:
    """When a message arrived; one that did not, when it left."""
    return message.at if message.arrived_at is None else message.arrived_at


# --- words and proof --------------------------------------------------------------------------


def frames_of(exchanges: Iterable[DnsExchange]) -> tuple[int, ...]:
    """The frames of questions and their replies."""
    return tuple(frame for exchange in exchanges for frame in exchange.frames)


def ms(duration: Duration) -> str:
    """A duration for people: "1000.05 ms"."""
    return f"{duration / MILLISECOND:.2f} ms"


def tell(reply: DnsMessage | None) -> str:
    """A reply for people: "NOERROR 10.0.0.1 (TTL 2 s)"."""
    if reply is None:
        return "nothing"
    if not reply.addresses:
        return f"{reply.rcode} without an address"
    ttl = f" (TTL {min(reply.ttls)} s)" if reply.ttls else ""
    return f"{reply.rcode} {', '.join(reply.addresses)}{ttl}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number of things for people: "1 reply", "2 replies"; `many` where an s does not do."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(addresses: Iterable[str]) -> str:
    """Addresses for people, sorted; "no address" when there are none."""
    return ", ".join(sorted(addresses)) or "no address"
