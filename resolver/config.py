"""What each program is told: frozen values, read from and written as TOML.

One file configures one program; its `program` key says which. Times are seconds in the file and
nanoseconds (`_ns`) in the program.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from resolver.limits import NAT_MAPPINGS, NAT_SESSIONS
from resolver.machine import MILLISECOND, SECOND, Duration, Endpoint

LOCAL_NETWORKS: Final = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)
"""Loopback, private, shared and link-local addresses (RFC 1122, 1918, 6598, 3927, 4193, 4291)."""


class Selection(Enum):
    """How many of an RRset's addresses a client is given."""

    ONE = "one"
    """One, chosen at random: "the DNS server selects one" (cluster FAQ, step 3)."""
    ALL = "all"
    """All of them, rotated from answer to answer."""


class WhenNoneAvailable(Enum):
    """What a load balancer answers when no member is available (not documented in the FAQ)."""

    NODATA = "nodata"
    NXDOMAIN = "nxdomain"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    SILENT = "silent"
    ALL_MEMBERS = "all-members"


class Profile(Enum):
    """Which published behaviour the timing of forwarding follows; `resolver.dns.profiles` has what
    each one says, with its source."""

    LISTED_ORDER = "listed-order"
    """Document B: in listed order, each for the forwarding timeout."""
    WINDOWS = "windows"
    """Microsoft's published timers: longer pauses from the third server on, and an end before
    every server of a long list was tried."""
    PARALLEL = "parallel"
    """All servers of a rule at once; the first positive answer wins (TR-124 LAN.DNS.3)."""


class Journal(Enum):
    """How much of what happens is written down."""

    QUESTIONS = "questions"
    """Everything, each question and each answer too."""
    EVENTS = "events"
    """What is out of the ordinary: servers that fail, messages refused, zones reloaded."""


@dataclass(frozen=True, slots=True)
class HostedZone:
    """A zone the resolver is authoritative for, as RFC 1035 master-file text.

    In a configuration file either `text` is written, or `file` with the path of a master file,
    relative to the configuration's folder.
    """

    origin: str
    text: str
    file: str | None = field(default=None, compare=False)
    """Where the text came from, for messages; None where it stood in the configuration."""


@dataclass(frozen=True, slots=True)
class ForwardRule:
    """Questions at or below `zone` go to `servers`, in this order (a conditional forwarder)."""

    zone: str
    servers: tuple[Endpoint, ...]
    """None at all: forwarding ends at `zone`, and what a shorter rule says does not hold below."""
    timeout_ns: Duration | None = None
    """How long each server is waited for before the next is asked; None is what the profile
    says."""
    recursion: bool = False
    """Whether own recursion, if it is on, is tried once the last server has failed. Off keeps
    private names from ever reaching the Internet."""


@dataclass(frozen=True, slots=True)
class RootHint:
    """A root server to begin with (RFC 1034 5.3.2: the safety belt)."""

    name: str
    addresses: tuple[str, ...]
    """IPv4 and IPv6; port 53."""


@dataclass(frozen=True, slots=True)
class ResolverConfig:
    """The resolver ("the local DNS server"): forwarding, and with `recursion` a full resolver."""

    listen: tuple[Endpoint, ...]
    zones: tuple[HostedZone, ...] = ()
    forward: tuple[ForwardRule, ...] = ()
    selection: Selection = Selection.ONE
    profile: Profile = Profile.LISTED_ORDER
    next_on_rcodes: frozenset[int] | None = None
    """RCODEs that send the question to the next forwarder; None is what the profile says."""
    recursion_for: tuple[str, ...] = LOCAL_NETWORKS
    """Networks whose clients are given more than our own zones. Others get REFUSED for anything
    else: nobody is asked for them, and the cache stays closed (RFC 5358 4)."""
    private_addresses: tuple[str, ...] = ()
    """Networks whose addresses nobody but `private_zones` may answer with: protection against DNS
    rebinding. Records that do are left out of answers."""
    private_zones: tuple[str, ...] = ()
    """Domains that may answer with `private_addresses`."""
    cache_entries: int = 10_000
    """RRsets and absences."""
    cache_octets: int = 64 * 1024 * 1024
    """Memory for them, estimated: an RRset of one address takes some 700 octets."""
    max_ttl_s: int = 86_400
    max_negative_ttl_s: int = 900
    recursion: bool = False
    """Whether a name that no zone and no rule is for is resolved from the root hints."""
    root_hints: tuple[RootHint, ...] = ()
    qname_minimisation: bool = True
    """RFC 9156: servers are told no more of a name than they need to refer us on."""
    server_timeout_ns: Duration = 800 * MILLISECOND
    """Recursion: how long an authoritative server is waited for before the next is asked."""
    query_timeout_ns: Duration = 30 * SECOND
    """How long a client's question may take over all its servers (RFC 8767 5: 10 to 30 s)."""
    serve_stale: bool = False
    """RFC 8767: whether expired data is given where nobody can be asked for fresh data."""
    stale_for_ns: Duration = 86_400 * SECOND
    """How long after its expiry data may still be given (RFC 8767 5: one to three days)."""
    stale_ttl_s: int = 30
    """The TTL such data is given with (RFC 8767 4)."""
    stale_after_ns: Duration = 1_800 * MILLISECOND
    """How long a client waits for fresh data before it is given stale data (RFC 8767 5)."""
    tcp_idle_ns: Duration = 10 * SECOND
    """A client's stream without a question in flight is closed after this (RFC 7766 6.2.3: of the
    order of seconds)."""
    stop_within_ns: Duration = 5 * SECOND
    """How long a stop waits for the answers that clients are still owed."""
    journal: Journal = Journal.EVENTS
    counters_every_ns: Duration | None = None
    """How often the counters are written to the journal; None: when the program stops, and on
    SIGUSR1."""
    batched: bool = True
    """Whether datagrams are taken and sent by the batch where the host can; off, one by one."""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A TCP connection to the service port decides whether a member is available."""

    interval_ns: Duration = 1 * SECOND
    timeout_ns: Duration = 500 * MILLISECOND
    fall: int = 2
    """Failures in a row that take a member out."""
    rise: int = 2
    """Successes in a row that bring it back."""


@dataclass(frozen=True, slots=True)
class Member:
    """A server of the cluster, as the load balancer knows it."""

    name: str
    number: int
    """1-based; the alias index is number - 1, whatever gaps the numbering has (CLU-18)."""
    addresses: tuple[str, ...]
    """Real addresses, IPv4 and IPv6; the first is the one that is probed."""


@dataclass(frozen=True, slots=True)
class BalancerConfig:
    """The load-balancer responder: authoritative for the cluster's zone."""

    listen: tuple[Endpoint, ...]
    zone: str
    members: tuple[Member, ...]
    service_port: int
    alias_base: str | None = None
    """First LAN address; member n is answered as base + (n - 1). None answers real addresses."""
    ttl_s: int = 2
    negative_ttl_s: int = 2
    answers: int = 0
    """How many addresses an answer holds; 0 means all available ones."""
    when_none_available: WhenNoneAvailable = WhenNoneAvailable.NODATA
    health: HealthCheck = field(default_factory=HealthCheck)


class Behaviour(Enum):
    """What a mapping, or what a filter lets in, depends on (RFC 4787 4.1 and 5)."""

    ENDPOINT_INDEPENDENT = "endpoint-independent"
    """On nothing but the inside endpoint."""
    ADDRESS_DEPENDENT = "address-dependent"
    """On the outside address too."""
    ADDRESS_AND_PORT_DEPENDENT = "address-and-port-dependent"
    """On the outside address and its port too."""


class PortChoice(Enum):
    """How the outside port of a new mapping is found."""

    RANDOM = "random"
    """Drawn from all free ones (RFC 6056 3.3.2), so that it tells an attacker nothing."""
    PRESERVE = "preserve"
    """The inside port where it is free (RFC 4787 4.2.1), else drawn."""
    SEQUENTIAL = "sequential"
    """The one after the last: what RFC 6056 and RFC 5452 10 warn of. For showing that it is
    found."""


class Refusal(Enum):
    """What the sender of a packet that is refused gets."""

    ICMP = "icmp"
    """An ICMP error that says why."""
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class NaptConfig:
    """Inside machines without an alias share outside addresses (RFC 3022 2.2: NAPT)."""

    inside: tuple[str, ...]
    """IPv4 networks whose machines are translated."""
    outside_addresses: tuple[str, ...]
    """IPv4 addresses that they share; the host must lead packets to them into the device."""
    mapping: Behaviour = Behaviour.ENDPOINT_INDEPENDENT
    """RFC 4787 REQ-1."""
    filtering: Behaviour = Behaviour.ADDRESS_DEPENDENT
    """RFC 4787 REQ-8: this, or endpoint-independent where applications matter more."""
    ports: PortChoice = PortChoice.RANDOM
    port_parity: bool = True
    """RFC 4787 REQ-4: whether an even port is mapped to an even one, and an odd one to an odd
    one."""
    hairpinning: bool = True
    """RFC 4787 REQ-9: whether inside machines reach each other by outside addresses."""
    udp_timeout_ns: Duration = 300 * SECOND
    """RFC 4787 REQ-5: a UDP mapping ends so long after its last packet outwards; at least 2 min, 5
    or more recommended."""
    dns_timeout_ns: Duration = 15 * SECOND
    """The same towards UDP port 53 (RFC 4787 REQ-5 a allows less for well-known ports)."""
    udp_inbound_refresh: bool = False
    """RFC 4787 REQ-6 a: whether packets inwards keep a UDP mapping alive too. Off, nobody outside
    can hold it open."""
    tcp_established_ns: Duration = 7_440 * SECOND
    """RFC 5382 REQ-5: at least 2 h 4 min."""
    tcp_transitory_ns: Duration = 240 * SECOND
    """RFC 5382 REQ-5: connections that are being opened or closed; at least 4 min."""
    icmp_timeout_ns: Duration = 60 * SECOND
    """RFC 5508 REQ-2: at least 60 s."""
    unsolicited_syn_ns: Duration = 6 * SECOND
    """RFC 5382 REQ-4: a SYN from outside that nobody has asked for is not answered for so long."""
    unsolicited_syn: Refusal = Refusal.ICMP
    """What follows then (RFC 5382 REQ-4: port unreachable; REQ-4 a: or nothing)."""
    most_mappings: int = NAT_MAPPINGS
    """Mappings at once; one more is refused, and those that there are go on."""
    most_sessions: int = NAT_SESSIONS
    """Conversations at once over all mappings; one more is refused likewise."""
    when_full: Refusal = Refusal.ICMP
    """What who would need one more gets (RFC 5508 REQ-8: communication administratively
    prohibited)."""


@dataclass(frozen=True, slots=True)
class NatConfig:
    """The NAT translator: a static one-to-one table between alias and real addresses, and NAPT for
    machines that are not in it, where that is asked for."""

    device: str
    """The TUN device it reads and writes."""
    table: tuple[tuple[str, str], ...]
    """(alias address, real address); with `napt` there may be none."""
    client_side_address: str
    """The translator's own address towards the viewers: the source of its ICMP errors there."""
    server_side_address: str
    """The translator's own address towards the servers."""
    napt: NaptConfig | None = None
    """None: only what is in the table is translated."""
    dns_alg: bool = False
    """RFC 2694: whether addresses in DNS answers that pass through are translated by the table too.
    Off (RFC 4787 REQ-10): the load balancers answer with aliases already."""


@dataclass(frozen=True, slots=True)
class DnsTranslatorConfig:
    """The DNS translator: a forwarder for one zone that relays bytes and refuses other names."""

    listen: tuple[Endpoint, ...]
    zone: str
    servers: tuple[Endpoint, ...]
    timeout_ns: Duration = 1 * SECOND
    rewrite: tuple[tuple[str, str], ...] = ()
    """(from, to) addresses replaced in answers: a DNS_ALG (RFC 2694), which the FAQ's set-up must
    not have. Only the deliberately broken scenarios switch it on."""
    foreign_addresses: bool = False
    """Whether `listen` may name addresses that the host does not have: aliases of servers, whose
    DNS port ends here. The host must route them to itself."""


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """A small TCP service that tells each caller which server it is."""

    listen: tuple[Endpoint, ...]
    name: str


ProgramConfig: TypeAlias = (
    ResolverConfig | BalancerConfig | NatConfig | DnsTranslatorConfig | ServiceConfig
)
