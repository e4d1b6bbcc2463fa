"""The parts that machines play in a topology, as its author wrote them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StrictInt

from lab.topology.values import AnyNumber, MappingSeconds, OneOrMore, Seconds, Value, YesOrNo
from resolver.limits import NAT_MAPPINGS, NAT_SESSIONS


class _Node(Value):
    name: str
    """Name in the lab: a-z, 0-9 and "-", at most 10 characters."""
    label: str = ""
    """What people call it, e.g. "TightGate-Pro 1"; the name, if none is given."""
    addresses: dict[str, OneOrMore] = Field(min_length=1)
    """Network name to address or addresses."""


class Viewer(_Node):
    """A machine that asks for the cluster's name and connects to the answer."""

    plays: Literal["viewer"]
    asks: OneOrMore
    """Name of the node whose DNS server it asks, or a list of them in the order of its settings."""


class Forward(Value):
    """DNS zone forwarding: questions at or below a zone go to these servers."""

    zone: str
    """The forwarded domain, e.g. "internet.intern.netz"."""
    servers: AnyNumber
    """The "IP address of the master server": whom to ask, in this order. None at all ends
    forwarding: what a rule for a shorter domain says does not hold below this one."""
    timeout_s: Seconds | None = None
    """How long each server is waited for before the next is asked; what the profile says, if
    nothing is written."""
    recursion: YesOrNo = False
    """Whether the resolver's own recursion is tried once the last server has failed."""
    hidden: YesOrNo = False
    """Whether it is meant that a zone of the resolver's own stands before this rule, so that it is
    never used (document B: a server "cannot forward queries" for what it hosts)."""


class Zone(Value):
    """A zone that a DNS server hosts itself."""

    origin: str
    """Its topmost name, e.g. "intern.netz"."""
    records: str
    """Its records, as RFC 1035 master-file text."""


class RootHint(Value):
    """A root server to begin recursion with, of the Internet or of a private namespace."""

    name: str
    """Its DNS name, e.g. "a.root-servers"."""
    addresses: OneOrMore
    """Its address or addresses."""


RcodeName: TypeAlias = Literal[
    "FORMERR",
    "SERVFAIL",
    "NXDOMAIN",
    "NOTIMP",
    "REFUSED",
    "YXDOMAIN",
    "YXRRSET",
    "NXRRSET",
    "NOTAUTH",
    "NOTZONE",
]
"""An RCODE other than NOERROR, by its name in IANA's registry (RFC 6895 2.3); they count from 1."""


class Resolver(_Node):
    """The local DNS server."""

    plays: Literal["resolver"]
    selection: Literal["one", "all"] = "one"
    """How many of a name's addresses a client is given: "the DNS server selects one", or all."""
    forward: tuple[Forward, ...] = ()
    """DNS zone forwarding."""
    zones: tuple[Zone, ...] = ()
    """Zones of its own."""
    recursion: YesOrNo = False
    """Whether a name that no zone and no rule is for is resolved from the root hints."""
    root_hints: tuple[RootHint, ...] = ()
    """The root servers it begins with: those of the topology's Internet, if none are written."""
    qname_minimisation: YesOrNo = True
    """Whether servers are told no more of a name than they need to refer on (RFC 9156)."""
    profile: Literal["listed-order", "windows", "parallel"] = "listed-order"
    """Whose published behaviour the timing of forwarding follows."""
    next_on_rcodes: tuple[RcodeName, ...] | None = None
    """RCODEs that send a question to the next server of a rule, e.g. "SERVFAIL"; what the profile
    says, if nothing is written."""
    recursion_for: AnyNumber = ("0.0.0.0/0", "::/0")
    """Networks whose machines are given more than its own zones; the others are refused."""
    private_addresses: AnyNumber = ()
    """Networks whose addresses only `private_zones` may answer with (DNS rebinding)."""
    private_zones: AnyNumber = ()
    """Domains that may answer with `private_addresses`."""
    serve_stale: YesOrNo = False
    """Whether expired data is given where nobody can be asked for fresh data (RFC 8767)."""
    cache_entries: StrictInt = Field(default=10_000, ge=0, le=10_000_000)
    """How many RRsets it remembers."""
    server_timeout_s: Seconds = 0.8
    """How long its recursion waits for an authoritative server."""
    query_timeout_s: Seconds = 30.0
    """How long a question may take over all servers."""


class Authority(_Node):
    """An authoritative server: it answers for its own zones and for nothing else."""

    plays: Literal["authority"]
    zones: tuple[Zone, ...] = Field(min_length=1)
    """The zones it is authoritative for."""


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


class TranslatorDns(Value):
    """The DNS translator: a DNS forwarder for the cluster's domain on the NAT translator."""

    zone: str
    """The forwarded domain; questions for other names are refused."""
    servers: OneOrMore
    """The load balancers' real addresses, in this order."""
    timeout_s: Seconds = 0.4
    """How long each server is waited for before the next is asked."""
    serves_aliases: YesOrNo = False
    """Whether it also takes what is sent to port 53 of the load balancers' aliases."""


Behaviour: TypeAlias = Literal[
    "endpoint-independent", "address-dependent", "address-and-port-dependent"
]
"""What a mapping or a filter depends on, by RFC 4787's words (4.1, 5)."""


class TranslatorNat(Value):
    """What the NAT translator does beside its static aliases: machines that have none share outside
    addresses (NAPT), by RFC 4787, 5382 and 5508."""

    outside_address: OneOrMore | None = None
    """The IPv4 address that they share on the viewers' network, or a list of them; no machine's
    own. None written: there is no NAPT."""
    inside: OneOrMore | None = None
    """Names of the networks whose machines are translated: those on the servers' side, if nothing
    is written."""
    mapping: Behaviour = "endpoint-independent"
    """What a mapping depends on."""
    filtering: Behaviour = "address-dependent"
    """What may come in by a mapping: anything, or only from whom something was sent to."""
    ports: Literal["random", "preserve", "sequential"] = "random"
    """How the outside port of a new mapping is found."""
    port_parity: YesOrNo = True
    """Whether even ports are mapped to even ones, and odd ones to odd ones."""
    hairpinning: YesOrNo = True
    """Whether inside machines reach each other by outside addresses."""
    udp_timeout_s: MappingSeconds = Field(default=300.0, ge=120)
    """How long a UDP mapping outlives its last packet outwards; at least 2 min."""
    dns_timeout_s: MappingSeconds = Field(default=15.0, ge=1)
    """The same towards port 53."""
    udp_inbound_refresh: YesOrNo = False
    """Whether packets inwards keep a UDP mapping alive too."""
    tcp_established_s: MappingSeconds = Field(default=7440.0, ge=7440)
    """How long a TCP connection may be idle; at least 2 h 4 min."""
    tcp_transitory_s: MappingSeconds = Field(default=240.0, ge=240)
    """The same while it is being opened or closed; at least 4 min."""
    icmp_timeout_s: MappingSeconds = Field(default=60.0, ge=60)
    """How long an ICMP query's mapping outlives it; at least 60 s."""
    unsolicited_syn_s: MappingSeconds = Field(default=6.0, ge=6)
    """How long a SYN from outside that nobody has asked for stays without answer; at least 6 s."""
    unsolicited_syn: Literal["icmp", "silent"] = "icmp"
    """What follows then: an ICMP error, or nothing."""
    most_mappings: StrictInt = Field(default=NAT_MAPPINGS, ge=1, le=1_000_000)
    """Mappings at once."""
    most_sessions: StrictInt = Field(default=NAT_SESSIONS, ge=1, le=1_000_000)
    """Conversations at once over all mappings."""
    when_full: Literal["icmp", "silent"] = "icmp"
    """What who would need one more gets: an ICMP error, or nothing."""
    dns_alg: YesOrNo = False
    """Whether addresses in DNS answers that pass through are translated by the aliases too (RFC
    2694)."""


class Translator(_Node):
    """The NAT translator, with the DNS translator on it."""

    plays: Literal["translator"]
    nat: TranslatorNat | None = None
    """What it does beside its static aliases, if anything."""
    dns: TranslatorDns | None = None
    """The DNS translator, if it has one."""


class Firewall(Value):
    """A firewall that lets designated servers talk DNS with the outside and drops all other DNS
    between inside and outside (document B, first paragraph)."""

    outside: str
    """The router's network that is outside; all its others are inside."""
    dns_only_from: OneOrMore
    """Inner addresses that may talk DNS (UDP and TCP, port 53) with the outside."""


class Router(_Node):
    """Forwards packets between its networks, unchanged."""

    plays: Literal["router"]
    firewall: Firewall | None = None
    """What it keeps from passing, if anything."""


class Bystander(_Node):
    """A machine that is merely there: where a forger sits."""

    plays: Literal["bystander"]


Node: TypeAlias = Annotated[
    Viewer | Resolver | Authority | Server | Translator | Router | Bystander,
    Field(discriminator="plays"),
]
