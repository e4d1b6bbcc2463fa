"""A topology as its author wrote it: one TOML file, one frozen value.

The model holds shape only: which keys there are, of which type and in which range. Whether the
addresses, names and routes agree with one another is asked in `lab.topology.checks`; what follows
from them is worked out in `lab.topology.planner`.

The words are the cluster FAQ's where it has one; `topologies/README.md` sets them side by side.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)


class Lone(tuple[str, ...]):
    """One string that stood where a list may stand: as good as a list of it, but without
    brackets in the file and so without an index in a problem's place."""

    __slots__ = ()


def _one_or_more(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    return Lone(validate((value,))) if isinstance(value, str) else validate(value)


OneOrMore: TypeAlias = Annotated[
    tuple[str, ...],
    WrapValidator(_one_or_more),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ]
        }
    ),
    Field(min_length=1),
]
"""One string, or a list of them: an IPv4 address, or an IPv4 and an IPv6 one."""


def place_in(place: str, position: int, texts: tuple[str, ...]) -> str:
    """The place of one of the strings at `place`, as the file has it."""
    return place if isinstance(texts, Lone) else f"{place}[{position}]"


_YES_OR_NO = {"yes": True, "no": False}


def _yes_or_no(value: object) -> object:
    return _YES_OR_NO.get(value, value) if isinstance(value, str) else value


YesOrNo: TypeAlias = Annotated[
    StrictBool,
    BeforeValidator(_yes_or_no),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": list(_YES_OR_NO)}]}),
]
"""True or false, or the words of the FAQ's table. Strict, like every number here: what `check`
reads and what the schema allows must not differ."""

Seconds: TypeAlias = Annotated[StrictFloat, Field(gt=0, le=3600)]
"""A time that has to pass: more than nothing, at most an hour."""


class _Value(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )


class Network(_Value):
    """A link-layer segment: one switch and what hangs on it."""

    prefix: OneOrMore
    """IPv4 prefix, e.g. "192.168.1.0/24", or a list with an IPv6 one beside it."""
    delay_ms: StrictFloat = Field(default=0.0, ge=0, le=10_000)
    """One-way delay of what each node sends into this network; 0 is as fast as the host."""
    rate_mbit: StrictFloat = Field(default=0.0, ge=0, le=100_000)
    """Rate limit of what each node sends into this network, Mbit/s; 0 is none."""


class Health(_Value):
    """How the load balancers find out which servers are available: a TCP connection to the
    service port (the FAQ does not say; these are the lab's own defaults)."""

    interval_s: Seconds = 1.0
    """From one check of a server to the next."""
    timeout_s: Seconds = 0.4
    """How long a check waits for the connection."""
    fall: StrictInt = Field(default=2, ge=1, le=100)
    """Failures in a row that take a server out."""
    rise: StrictInt = Field(default=2, ge=1, le=100)
    """Successes in a row that bring it back."""


class SubCluster(_Value):
    """Servers that share load balancers and, behind NAT, one alias base."""

    name: str
    """What servers call it in `sub_cluster`."""
    network: str
    """The network its servers' real addresses are on."""
    behind_nat_on: str | None = None
    """The viewers' network, if a NAT translator stands between; there the servers have aliases."""
    alias_base: str | None = None
    """The "Client base NAT/alias IP": the alias of server 1; server n has base + (n - 1)."""


class Cluster(_Value):
    """What is asked for by name: a cluster, or a single system (one server, no load balancer)."""

    dns_name: str
    """The "DNS name of TightGate-Pro", e.g. "internet.intern.netz"."""
    service_port: StrictInt = Field(default=5900, ge=1, le=65_535)
    """TCP port of the servers that viewers connect to and health checks try."""
    ttl_s: StrictInt = Field(default=2, ge=0, le=86_400)
    """TTL of the load balancers' answers."""
    answers: StrictInt = Field(default=0, ge=0, le=100)
    """How many addresses an answer holds; 0 is all available ones."""
    when_none_available: Literal[
        "nodata", "nxdomain", "servfail", "refused", "silent", "all-members"
    ] = "nodata"
    """What a load balancer answers when no server is available."""
    health: Health = Health()
    """How availability is found out."""
    sub_clusters: tuple[SubCluster, ...] = Field(default=(), max_length=9)
    """At most 9. None written: all servers are one sub-cluster without NAT."""


class _Node(_Value):
    name: str
    """Name in the lab: a-z, 0-9 and "-", at most 10 characters."""
    label: str = ""
    """What people call it, e.g. "TightGate-Pro 1"; the name, if none is given."""
    addresses: dict[str, OneOrMore] = Field(min_length=1)
    """Network name to address or addresses."""


class Viewer(_Node):
    """A machine that asks for the cluster's name and connects to the answer."""

    plays: Literal["viewer"]
    asks: str
    """Name of the node whose DNS server it asks."""


class Forward(_Value):
    """DNS zone forwarding: questions at or below a zone go to these servers."""

    zone: str
    """The forwarded domain, e.g. "internet.intern.netz"."""
    servers: OneOrMore
    """The "IP address of the master server": whom to ask, in this order."""
    timeout_s: Seconds = 2.0
    """How long each server is waited for before the next is asked."""


class Zone(_Value):
    """A zone that a DNS server hosts itself."""

    origin: str
    """Its topmost name, e.g. "intern.netz"."""
    records: str
    """Its records, as RFC 1035 master-file text."""


class Resolver(_Node):
    """The local DNS server."""

    plays: Literal["resolver"]
    selection: Literal["one", "all"] = "one"
    """How many of a name's addresses a client is given: "the DNS server selects one", or all."""
    forward: tuple[Forward, ...] = ()
    """DNS zone forwarding."""
    zones: tuple[Zone, ...] = ()
    """Zones of its own."""


class Server(_Node):
    """A server of the cluster: the address on its sub-cluster's network is its real one ("IP
    address NAT"), that on the viewers' network behind NAT its alias ("IP address LAN")."""

    plays: Literal["server"]
    number: StrictInt = Field(ge=1, le=65_535)
    """Running number in the cluster, from 1; gaps are allowed."""
    load_balancer: YesOrNo = False
    """The "Load balancer" column: whether it answers for the cluster's name."""
    sub_cluster: str | None = None
    """Its sub-cluster, where there are several."""


class TranslatorDns(_Value):
    """The DNS translator: a DNS forwarder for the cluster's domain on the NAT translator."""

    zone: str
    """The forwarded domain; questions for other names are refused."""
    servers: OneOrMore
    """The load balancers' real addresses, in this order."""
    timeout_s: Seconds = 0.4
    """How long each server is waited for before the next is asked."""
    serves_aliases: YesOrNo = False
    """Whether it also takes what is sent to port 53 of the load balancers' aliases."""


class Translator(_Node):
    """The NAT translator, with the DNS translator on it."""

    plays: Literal["translator"]
    dns: TranslatorDns | None = None
    """The DNS translator, if it has one."""


class Router(_Node):
    """Forwards packets between its networks, unchanged."""

    plays: Literal["router"]


class Bystander(_Node):
    """A machine that is merely there: where a forger sits."""

    plays: Literal["bystander"]


Node: TypeAlias = Annotated[
    Viewer | Resolver | Server | Translator | Router | Bystander, Field(discriminator="plays")
]


class Link(_Value):
    """A node's link to a network, where it differs from the network's."""

    node: str
    """The node."""
    network: str
    """The network."""
    delay_ms: StrictFloat | None = Field(default=None, ge=0, le=10_000)
    """Instead of the network's `delay_ms`."""
    rate_mbit: StrictFloat | None = Field(default=None, ge=0, le=100_000)
    """Instead of the network's `rate_mbit`."""


class ExpectedAnswer(_Value):
    """What a document says the load balancers answer; checked, and otherwise without effect."""

    available: tuple[StrictInt, ...] = Field(min_length=1)
    """Numbers of the servers that are available, all of one sub-cluster."""
    addresses: OneOrMore
    """The addresses the answer holds, in any order."""


class ExpectedConnection(_Value):
    """What a document says the NAT translator makes of a connection; checked, without effect."""

    dials: str
    """The address a viewer connects to."""
    reaches: str
    """The real address of the server that it gets to."""


def _no_truth(value: object) -> object:
    """Python takes true for 1, and an editor with the schema does not."""
    return "true" if value is True else value


class Topology(_Value):
    """A whole set-up."""

    format: Annotated[Literal[1], BeforeValidator(_no_truth)]
    """Version of this format."""
    title: str
    """One line for headings."""
    description: str = ""
    """What is special about it."""
    networks: dict[str, Network] = Field(min_length=1)
    """Network name to network."""
    cluster: Cluster
    """The cluster, or the single system."""
    nodes: tuple[Node, ...] = Field(min_length=1)
    """Every machine."""
    links: tuple[Link, ...] = ()
    """Links that differ from their network."""
    expected_answers: tuple[ExpectedAnswer, ...] = ()
    """What the source document says is answered."""
    expected_connections: tuple[ExpectedConnection, ...] = ()
    """What the source document says connections reach."""

    def servers(self) -> tuple[Server, ...]:
        """The servers, in the file's order."""
        return tuple(node for node in self.nodes if isinstance(node, Server))

    def sub_clusters(self) -> tuple[SubCluster, ...]:
        """The sub-clusters as written, or the one that all servers are if none is written: on the
        first network of the first server, without NAT."""
        if self.cluster.sub_clusters or not self.servers():
            return self.cluster.sub_clusters
        return (SubCluster(name="main", network=next(iter(self.servers()[0].addresses))),)

    def sub_cluster_of(self, server: Server) -> SubCluster | None:
        """The server's sub-cluster: the one it names, or the only one there is."""
        written = self.sub_clusters()
        if server.sub_cluster is None:
            return written[0] if len(written) == 1 else None
        return next((part for part in written if part.name == server.sub_cluster), None)

    def members(self, sub_cluster: SubCluster) -> tuple[Server, ...]:
        """The servers of a sub-cluster, in the file's order."""
        return tuple(one for one in self.servers() if self.sub_cluster_of(one) == sub_cluster)
