"""The servers that the DNS benchmarks compare: their configurations, as pure text, and commands.

Each is one process with one thread that forwards everything to one upstream server, admits only
the private network, keeps its counters, asks without DNSSEC validation, and stays in the
foreground in a folder of its own. Everybody's cache has room for 10,000 names at least; dnsmasq,
whose cache slows it down as soon as it is full, is there with its own default of 150 entries too.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dns_workload import ZONE

CLIENTS: Final = "10.0.0.0/8"


@dataclass(frozen=True, slots=True)
class Server:
    """One server: what is written into its folder, and how it is started there."""

    name: str
    files: Mapping[str, str]
    argv: tuple[str, ...]
    version_argv: tuple[str, ...]

    def version(self) -> str:
        """What it says of itself. Raises FileNotFoundError when it is not installed."""
        said = subprocess.run(self.version_argv, capture_output=True, text=True, check=False)
        found = re.search(r"\d+(\.\d+)+[^\s,]*", said.stdout + said.stderr)
        return found[0] if found else "?"


def ours(name: str, address: str, upstream: str, python: str, more: str = "") -> Server:
    """This project's resolver; `more` is TOML of its configuration's top level."""
    config = f"""\
program = "resolver"
listen = ["{address}:53"]
recursion_for = ["{CLIENTS}"]
cache_entries = 100000
counters_every_s = 10
journal = "events"
{more}
[[forward]]
zone = "."
servers = ["{upstream}:53"]
"""
    return Server(
        name,
        {"resolver.toml": config},
        (python, "-m", "resolver", "--config", "resolver.toml"),
        (python, "--version"),
    )


def unbound(address: str, upstream: str) -> Server:
    """Unbound, without the validator."""
    config = f"""\
server:
    interface: {address}
    access-control: {CLIENTS} allow
    num-threads: 1
    module-config: "iterator"
    extended-statistics: yes
    outgoing-range: 4096
    num-queries-per-thread: 2048
    directory: "."
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    hide-version: yes
forward-zone:
    name: "."
    forward-addr: {upstream}
remote-control:
    control-enable: no
"""
    return Server(
        "unbound",
        {"unbound.conf": config},
        ("unbound", "-d", "-c", "unbound.conf"),
        ("unbound", "-V"),
    )


def named(address: str, upstream: str) -> Server:
    """BIND."""
    config = f"""\
options {{
    directory ".";
    listen-on {{ {address}; }};
    listen-on-v6 {{ none; }};
    allow-query {{ {CLIENTS}; }};
    recursion yes;
    forward only;
    forwarders {{ {upstream}; }};
    dnssec-validation no;
    zone-statistics full;
    recursive-clients 10000;
    pid-file none;
    session-keyfile none;
}};
controls {{ }};
"""
    return Server(
        "named",
        {"named.conf": config},
        ("named", "-f", "-n", "1", "-c", "named.conf"),
        ("named", "-v"),
    )


def dnsmasq(name: str, entries: int, address: str, upstream: str) -> Server:
    """Dnsmasq with a cache of that many entries; it has no access control of its own."""
    config = f"""\
keep-in-foreground
user=root
pid-file
no-resolv
no-hosts
bind-interfaces
listen-address={address}
server={upstream}
cache-size={entries}
dns-forward-max=10000
"""
    return Server(
        name,
        {"dnsmasq.conf": config},
        ("dnsmasq", "--conf-file=dnsmasq.conf"),
        ("dnsmasq", "--version"),
    )


def powerdns(address: str, upstream: str) -> Server:
    """PowerDNS Recursor."""
    config = f"""\
local-address={address}
allow-from={CLIENTS}
threads=1
pdns-distributes-queries=no
forward-zones-recurse=.={upstream}
dont-query=
dnssec=off
hint-file=no
security-poll-suffix=
daemon=no
quiet=yes
write-pid=no
socket-dir=.
"""
    return Server(
        "pdns_recursor",
        {"recursor.conf": config},
        ("pdns_recursor", "--config-dir=."),
        ("pdns_recursor", "--version"),
    )


def nsd(address: str) -> Server:
    """The upstream: an authoritative server with a wildcard, many times as fast as the subjects."""
    config = f"""\
server:
    ip-address: {address}
    server-count: 1
    zonesdir: "."
    database: ""
    zonelistfile: "zone.list"
    xfrdfile: ""
    pidfile: ""
    username: ""
    rrl-ratelimit: 0
    minimal-responses: yes
remote-control:
    control-enable: no
zone:
    name: {ZONE}
    zonefile: bench.zone
"""
    zone = f"""\
$ORIGIN {ZONE}.
$TTL 86400
@ SOA ns hostmaster 1 3600 900 604800 300
@ NS ns
ns A {address}
* A 192.0.2.1
"""
    return Server(
        "nsd",
        {"nsd.conf": config, "bench.zone": zone},
        ("nsd", "-d", "-c", "nsd.conf"),
        ("nsd", "-v"),
    )
