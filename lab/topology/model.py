"""A topology as its author wrote it: one TOML file, one frozen value.

The model holds shape only: which keys there are, of which type and in which range. Whether the
addresses, names and routes agree with one another is asked in `lab.topology.checks`; what follows
from them is worked out in `lab.topology.planner`.

The words are the cluster FAQ's where it has one; `topologies/README.md` sets them side by side.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictFloat, StrictInt

from lab.topology.internet_model import Internet
from lab.topology.nodes import Node, Server
from lab.topology.values import OneOrMore, Seconds, Value


class Network(Value):
    """A link-layer segment: one switch and what hangs on it."""

    prefix: OneOrMore
    """IPv4 prefix, e.g. "192.168.1.0/24", or a list with an IPv6 one beside it."""
    delay_ms: StrictFloat = Field(default=0.0, ge=0, le=10_000)
    """One-way delay of what each node sends into this network; 0 is as fast as the host."""
    rate_mbit: StrictFloat = Field(default=0.0, ge=0, le=100_000)
    """Rate limit of what each node sends into this network, Mbit/s; 0 is none."""


class Health(Value):
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


class SubCluster(Value):
    """Servers that share load balancers and, behind NAT, one alias base."""

    name: str
    """What servers call it in `sub_cluster`."""
    network: str
    """The network its servers' real addresses are on."""
    behind_nat_on: str | None = None
    """The viewers' network, if a NAT translator stands between; there the servers have aliases."""
    alias_base: str | None = None
    """The "Client base NAT/alias IP": the alias of server 1; server n has base + (n - 1)."""


class Cluster(Value):
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


class Link(Value):
    """A node's link to a network, where it differs from the network's."""

    node: str
    """The node."""
    network: str
    """The network."""
    delay_ms: StrictFloat | None = Field(default=None, ge=0, le=10_000)
    """Instead of the network's `delay_ms`."""
    rate_mbit: StrictFloat | None = Field(default=None, ge=0, le=100_000)
    """Instead of the network's `rate_mbit`."""


class ExpectedAnswer(Value):
    """What a document says the load balancers answer; checked, and otherwise without effect."""

    available: tuple[StrictInt, ...] = Field(min_length=1)
    """Numbers of the servers that are available, all of one sub-cluster."""
    addresses: OneOrMore
    """The addresses the answer holds, in any order."""


class ExpectedConnection(Value):
    """What a document says the NAT translator makes of a connection; checked, without effect."""

    dials: str
    """The address a viewer connects to."""
    reaches: str
    """The real address of the server that it gets to."""


def _no_truth(value: object) -> object:
    """Python takes true for 1, and an editor with the schema does not."""
    return "true" if value is True else value


class Topology(Value):
    """A whole set-up."""

    format: Annotated[Literal[1], BeforeValidator(_no_truth)]
    """Version of this format."""
    title: str
    """One line for headings."""
    description: str = ""
    """What is special about it."""
    networks: dict[str, Network] = Field(min_length=1)
    """Network name to network."""
    cluster: Cluster | None = None
    """The cluster, or the single system, if there is one."""
    internet: Internet | None = None
    """Root, TLD and authoritative servers that follow from a list of zones."""
    nodes: tuple[Node, ...] = Field(min_length=1)
    """Every machine."""
    links: tuple[Link, ...] = ()
    """Links that differ from their network."""
    expected_answers: tuple[ExpectedAnswer, ...] = ()
    """What the source document says is answered."""
    expected_connections: tuple[ExpectedConnection, ...] = ()
    """What the source document says connections reach."""

    def the_cluster(self) -> Cluster:
        """The cluster, for what only a cluster's servers need. Raises LookupError without one."""
        if self.cluster is None:
            raise LookupError(f"{self.title} has no cluster; check the topology first")
        return self.cluster

    def servers(self) -> tuple[Server, ...]:
        """The servers, in the file's order."""
        return tuple(node for node in self.nodes if isinstance(node, Server))

    def sub_clusters(self) -> tuple[SubCluster, ...]:
        """The sub-clusters as written, or the one that all servers are if none is written: on the
        first network of the first server, without NAT."""
        written = self.cluster.sub_clusters if self.cluster is not None else ()
        if written or self.cluster is None or not self.servers():
            return written
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
