"""The field's words with a sentence each, for whoever meets them for the first time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

GLOSSARY: Mapping[str, str] = {
    "A": "the record type that holds an IPv4 address",
    "AAAA": "the record type that holds an IPv6 address",
    "alias address": "the address in the viewers' network under which a server behind the NAT is "
    "reached; the NAT maps it to the server's real address",
    "cache": "what a DNS server has learnt and may still use, as long as its TTL lasts",
    "forwarder": "a DNS server that another DNS server asks instead of looking for itself",
    "ICMP": "the messages with which a network reports on packets, such as: nobody listens there",
    "ID": "a random number that a question and its reply share, so that they find each other",
    "load balancer": "the server of the cluster that knows which servers are available now",
    "NAT": "network address translation: a device between two networks rewrites an address in "
    "each packet that passes",
    "NODATA": "the name exists, and has no record of the type that was asked for",
    "NXDOMAIN": "an error code: there is no such name",
    "OPT": "a record that carries abilities of the sender (EDNS), such as how long a datagram it "
    "can take",
    "port": "the number that tells a machine which of its programs a packet is for",
    "real address": "the server's own address, in the cluster's network",
    "referral": "a reply that says: I do not know, ask these servers",
    "REFUSED": "an error code: this server does not answer this client",
    "resolver": "the DNS server that finds answers for its clients, wherever they are",
    "SERVFAIL": "an error code: the server could not find out",
    "SYN": "the first packet of a TCP connection: may I connect?",
    "SYN-ACK": "the second packet of a TCP connection: you may",
    "RST": "a packet that ends or refuses a TCP connection",
    "TCP": "the transport that keeps a connection and repeats what is lost",
    "time to live": "how many routers an IP packet may still pass before it is thrown away",
    "TTL": "how many seconds an answer may be kept",
    "UDP": "the transport of single datagrams: nobody repeats what is lost",
    "AA": "a flag of a reply: the server holds this zone itself (authoritative answer)",
    "RA": "a flag of a reply: this server finds answers for others (recursion available)",
    "RD": "a flag of a question: find the answer for me (recursion desired)",
    "TC": "a flag of a reply: it did not fit, ask again over TCP (truncated)",
    "AD": "a flag of a reply: its signatures were checked (authentic data)",
    "CD": "a flag of a question: do not check signatures (checking disabled)",
    "zone": "a part of the name space that one set of servers holds",
}


class Explainer:
    """Explains each word once, at its first appearance."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def explain(self, words: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """The words among these that are new, each with its explanation, in this order."""
        new = [
            word for word in dict.fromkeys(words) if word in GLOSSARY and word not in self._known
        ]
        self._known.update(new)
        return tuple((word, GLOSSARY[word]) for word in new)
