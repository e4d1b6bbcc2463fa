"""Every bound of the programs in a node, each with its reason.

A bound is what keeps a stranger's traffic from becoming our memory or somebody else's flood.
"""

from __future__ import annotations

from typing import Final

from resolver.machine import MILLISECOND, SECOND, Duration

# --- message sizes ----------------------------------------------------------------------------

PLAIN_UDP_OCTETS: Final = 512
"""A UDP message without EDNS (RFC 1035 2.3.4)."""

UDP_PAYLOAD_OCTETS: Final = 1232
"""What we say we can take over UDP: fits an IPv6 packet of minimum MTU, so nothing is fragmented
(DNS flag day 2020; RFC 9715 3)."""

LARGEST_UDP_REPLY_OCTETS: Final = 4096
"""We never send more over UDP, whatever the client offers: the size RFC 6891 6.2.5 starts from."""

LARGEST_MESSAGE_OCTETS: Final = 65_535
"""What the length prefix of a stream can say (RFC 1035 4.2.2)."""

EXPANDED_OCTETS: Final = 131_072
"""Names of one section of a reply, written out: twice the largest message. Compressed, sixteen
times as much fits into one, and anybody's server may have us read dozens of them for one question
(CVE-2024-8508)."""

RECORDS_PER_QUERY: Final = 16
"""Records in a client's message, where an OPT and a signature are all that anybody needs. Thousands
of names that take long to read fit into a datagram, and everybody may send us one."""

# --- questions we ask -------------------------------------------------------------------------

FIRST_SOURCE_PORT: Final = 1024
"""RFC 5452 9.2: as large a range of source ports as possible, so from here to the last."""

QUESTIONS_UNDER_LOAD: Final = 32
"""Questions in flight from which on a socket that has brought its reply may carry another one.
Below, each question has a fresh socket, and none is left open behind its reply."""

LOAD_LASTS: Final[Duration] = 100 * MILLISECOND
"""How long it still counts as load once fewer are in flight: questions and replies come by the
batch, and between two batches there are few."""

QUESTIONS_PER_SOCKET: Final = 8
"""Questions that one socket carries under load: seven eighths of the cost of fresh ones are saved,
and whoever finds a port out (SAD DNS, 2020) has it for eight questions at most."""

IDLE_SOCKETS_TO_DRAW_FROM: Final = 16
"""Idle sockets to a server from which the next is drawn; with fewer a fresh one is opened, so that
who saw one question's port cannot tell the next one's."""

IDLE_SOCKETS: Final = 256
"""Idle sockets to all servers; more are closed. A quarter of the usual limit of 1,024 open files:
recursion meets any number of servers, whose owners are anybody."""

SOURCE_PORT_DRAWS: Final = 32
"""How many source ports may turn out taken before the server counts as unreachable: with half of
all ports in use, one question in four thousand million fails."""

QUESTIONS_PER_RESOLUTION: Final = 32
"""Messages to servers that one client question may cost, over all its aliases, servers and
transports (RFC 1034 5.3.3: bound the work; CAMP, 2024)."""

QUESTIONS_PER_RECURSION: Final = 64
"""The same where own recursion is on: an empty cache, minimised names and servers without glue
take more messages (BIND's max-recursion-queries: 50; Unbound's max-global-quota: 200)."""

ALIASES_PER_RESOLUTION: Final = 11
"""Links of a CNAME chain that are followed (BIND's max-query-restarts)."""

SERVERS_PER_CUT: Final = 13
"""Name servers of a delegation that are looked at, as many as the root has; a referral may list
hundreds (NXNSAttack, 2020)."""

ADDRESSES_PER_SERVER: Final = 8
"""Addresses of one name server that are looked at, IPv4 and IPv6 together."""

GLUELESS_PER_CUT: Final = 4
"""Name servers of a delegation whose missing addresses are looked for, for one question, one after
the other and only while those at hand fail (NXNSAttack, 2020: MaxFetch)."""

GLUELESS_DEPTH: Final = 4
"""How often looking for a name server's address may lead to a name server without one."""

TRIES_PER_SERVER: Final = 2
"""Times a silent server is asked the same by UDP (RFC 9520 3.1: at most 3)."""

MINIMISED_QUESTIONS: Final = 10
"""RFC 9156 2.3, MAX_MINIMISE_COUNT: questions on the way to a name of any length."""

MINIMISED_ONE_BY_ONE: Final = 4
"""RFC 9156 2.3, MINIMISE_ONE_LAB: of those, so many add a single label."""

RESOLUTIONS_IN_FLIGHT: Final = 4096
"""Distinct questions being resolved at once; each holds one socket, so where the host has fewer for
us, fewer. One more is answered SERVFAIL at once rather than left in silence."""

CLIENTS_PER_RESOLUTION: Final = 1024
"""Clients that wait for the same question; one more is answered SERVFAIL at once."""

# --- what is remembered -----------------------------------------------------------------------

FAILURE_MEMORY: Final[Duration] = 1 * SECOND
"""RFC 9520 3.2: a failure is remembered for at least 1 s."""

LONGEST_FAILURE_MEMORY: Final[Duration] = 60 * SECOND
"""What that grows to while it persists. RFC 9520 3.2 and RFC 2308 7.1 allow 5 min; but whoever
repairs a forwarder should not wait longer than this to see it used."""

FAILURES_REMEMBERED: Final = 10_000
"""Questions whose failure is remembered; the one not met longest is tried anew."""

STALE_RECHECK: Final[Duration] = 30 * SECOND
"""RFC 8767 5, failure recheck timer: while stale data is given, its servers are tried again as
often as this."""

CUTS_REMEMBERED: Final = 10_000
"""Delegations kept; the one unused longest is learnt anew."""

SERVERS_REMEMBERED: Final = 10_000
"""Servers whose round-trip times and faults are kept; the one unused longest is met anew."""

SERVER_MEMORY: Final[Duration] = 300 * SECOND
"""RFC 2308 7.2: nothing held against a server lasts longer than 5 min; its round-trip time is
measured anew as often."""

SERVER_BAND: Final[Duration] = 20 * MILLISECOND
"""Servers whose round-trip times differ by less are equally good, and drawn at random (RFC 5452
4.4: one more thing a forger must guess)."""

WIRE_ANSWERS_OCTETS: Final = 32 * 1024 * 1024
"""Finished answers kept in wire format: 32 MiB hold about 30,000, which is what a few thousand
busy clients ask for again and again, in A and in AAAA."""

WIRE_QUESTION_OCTETS: Final = 512
"""Longer questions are not looked up there: no stub writes them."""

WIRE_FORMS: Final = 16
"""Forms of one answer that are kept, one for each address that may stand first or alone. Larger
RRsets are rare, and written anew each time."""

QUESTIONS_REMEMBERED: Final = 32_768
"""Questions known to have come before, by a hash of each; then all are forgotten. Only when one
comes again is its answer kept in wire format."""

ROTATIONS_REMEMBERED: Final = 10_000
"""RRsets whose place in the rotation is kept; the one unused longest starts anew."""

CLIENTS_REMEMBERED: Final = 10_000
"""Client addresses whose access is kept: each is looked up in every network once."""

GENERATED_RECORDS: Final = 65_536
"""Records that one $GENERATE may make: all hosts of a /16. They take seconds to read, in which no
question is answered."""

# --- client streams ---------------------------------------------------------------------------

STREAM_IDLE: Final[Duration] = 10 * SECOND
"""A client's stream without a question in flight is closed after this (RFC 7766 6.2.3: of the
order of seconds)."""

CLIENT_STREAMS: Final = 448
"""Streams held open at once (RFC 9210 4.2); one more takes the place of the one idle longest, or is
closed as it opens. Fewer than the shells accept, so that those being closed do not keep others
out."""

STREAMS_PER_CLIENT: Final = 128
"""Streams of one address; one more is closed as it opens. RFC 7766 6.2.2 asks clients for one or
two, but a whole office may share an address; and four such addresses do not take all there are."""

QUESTIONS_IN_FLIGHT: Final = 16_384
"""Questions of all clients that may wait for an answer at once, some 1 kB each; one more is
answered SERVFAIL at once. Four times the different ones, for many ask the same."""

QUESTIONS_PER_CLIENT: Final = 1024
"""Questions of one address, over each transport, that may wait for an answer at once (RFC 9210
4.2); one more is answered SERVFAIL at once, so that a stub resolver turns to its next server
instead of waiting. A quarter of what is resolved at once: no client takes it all. Transports count
apart, because datagrams in somebody else's name must not shut out his streams. What is at hand (own
zones, the cache) is given all the same: nobody waits for it."""

# --- the NAT translator's state ---------------------------------------------------------------

NAT_MAPPINGS: Final = 32_768
"""Mappings of a translator at once, where nothing else is configured: half of what one outside
address has ports for in UDP, so that a port is found in two draws or so (RFC 6056 3.3.2)."""

NAT_SESSIONS: Final = 65_536
"""Conversations at once, some 500 octets each: twice the mappings, for some hosts talk to several
others from one port."""

NAT_SESSIONS_PER_MAPPING: Final = 1024
"""Conversations of one mapping. Where everybody may call in, a flood from outside must not take all
there are."""

NAT_PORT_DRAWS: Final = 64
"""Ports that are drawn (RFC 6056 3.3.2) before the free ones are looked for one by one (3.3.1)."""

NAT_HELD_SYNS: Final = 256
"""SYNs from outside that are held back (RFC 5382 REQ-4); beyond, one is dropped and never answered,
which an attacker may well have."""

NAT_FRAGMENTED: Final = 1024
"""Fragmented datagrams on their way through whose first fragment has been seen; the oldest makes
room (RFC 4787 REQ-14 a)."""

NAT_WAITING_FRAGMENTS: Final = 256
"""Fragments that wait for the first one of their datagram, over all of them; the oldest datagram's
make room."""

NAT_WAITING_OCTETS: Final = 262_144
"""Memory for these: four datagrams of the largest size."""

NAT_FRAGMENT_LIFETIME: Final[Duration] = 30 * SECOND
"""How long a datagram's fragments may be under way (RFC 791 3.2 begins with 15 s; Linux waits
30 s)."""
