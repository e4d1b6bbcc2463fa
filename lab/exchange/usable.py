"""Which rules of a forwarding table the lab can stand up, and why not the others."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from lab.exchange.table import (
    DNS_PORT,
    AskedServer,
    Entry,
    ForwardingTable,
    RootServer,
    names_hosts,
)

ROOT_SERVER = "198.41.0.4"
"""a.root-servers.net (IANA, "Root Servers"): where recursion begins, ours and anybody's."""

ROOT_SERVERS = (
    *(ROOT_SERVER, "170.247.170.2", "192.33.4.12", "199.7.91.13", "192.203.230.10"),
    *("192.5.5.241", "192.112.36.4", "198.97.190.53", "192.36.148.17", "192.58.128.30"),
    *("193.0.14.129", "199.7.83.42", "202.12.27.33"),
    *("2001:503:ba3e::2:30", "2801:1b8:10::b", "2001:500:2::c", "2001:500:2d::d"),
    *("2001:500:a8::e", "2001:500:2f::f", "2001:500:12::d0d", "2001:500:1::53"),
    *("2001:7fe::53", "2001:503:c27::2:30", "2001:7fd::1", "2001:500:9f::42", "2001:dc3::35"),
    *("199.9.14.201", "2001:500:200::b"),
)
"""IANA, "Root Servers": a to m, IPv4 then IPv6, and b's addresses of before 2023, which the hints
of older packages have. Whoever recurses may ask any of them; in the lab only the first is there."""

_NOT_ASKED = (
    ("is_loopback", "is on the machine itself, which the lab has only the DNS server on"),
    ("is_unspecified", "is no machine's address"),
    ("is_multicast", "is a group of machines"),
    ("is_link_local", "holds on one link only, and no topology says which"),
)


def why_not(table: ForwardingTable, entry: Entry) -> str | None:
    """Why there can be no scenarios for a rule; None where there can be."""
    if not names_hosts(entry.zone):
        return 'its name has characters other than letters, digits, "-" and "_"'
    hosted = table.hosted_for(entry.zone)
    if hosted is not None:
        return f'"{hosted.zone}" around it is answered by the server itself ({hosted.how})'
    if not entry.servers and table.recursion and not entry.falls_back:
        return "it has no servers, and all its questions fail"
    root = root_server(table).address
    if any(each.address == root for each in entry.servers):
        return f"{root} is a root server"
    return next((why for each in entry.servers if (why := _no_server(each)) is not None), None)


def usable(table: ForwardingTable) -> tuple[Entry, ...]:
    """The rules that there can be scenarios for."""
    return tuple(each for each in table.entries if why_not(table, each) is None)


def root_server(table: ForwardingTable) -> RootServer:
    """The root server that is there in the lab."""
    listed = table.root_servers or ()
    first = next((each for each in listed if ":" not in each.address), None)
    return first or next(iter(listed), RootServer(name="a.root-servers.net", address=ROOT_SERVER))


def root_servers(table: ForwardingTable) -> tuple[str, ...]:
    """All root servers that it may ask, there or not."""
    return tuple(dict.fromkeys((*(e.address for e in table.root_servers or ()), *ROOT_SERVERS)))


def _no_server(server: AskedServer) -> str | None:
    if server.tls:
        return f"{server.address} is asked over TLS, which the lab's servers do not speak"
    if server.port != DNS_PORT:
        return f"{server.address} is asked at port {server.port}; the lab reads DNS at port 53 only"
    address = ip_address(server.address)
    reasons = (
        *((getattr(address, attribute), why) for attribute, why in _NOT_ASKED),
        (isinstance(address, IPv6Address) and address.scope_id is not None, "names an interface"),
        # RFC 1112 4: class E, the limited broadcast address in it.
        (isinstance(address, IPv4Address) and address.is_reserved, "is no machine's address"),
    )
    why = next((why for holds, why in reasons if holds), None)
    return None if why is None else f"{server.address} {why}"
