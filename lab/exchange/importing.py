"""From a user's configuration file to its forwarding table: its format, and what it says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from lab.exchange import (
    importing_kresd,
    importing_named,
    importing_recursor,
    importing_recursor_yaml,
    importing_unbound,
)
from lab.exchange.importing_dnsmasq import read_dnsmasq
from lab.exchange.importing_powershell import COMMAND, read_powershell
from lab.exchange.importing_windows import read_windows
from lab.exchange.source import Source, read_source, unreadable
from lab.exchange.table import Collected, FormatName, ForwardingTable, Order

TITLES: Final[Mapping[FormatName, str]] = MappingProxyType(
    {
        "bind": "BIND 9, named.conf",
        "unbound": "Unbound, unbound.conf",
        "dnsmasq": "dnsmasq, dnsmasq.conf",
        "powerdns": "PowerDNS Recursor, recursor.conf",
        "powerdns-yaml": "PowerDNS Recursor, settings in YAML",
        "knot": "Knot Resolver, kresd.conf",
        "windows": "Windows DNS server, from PowerShell",
    }
)

_SIGNS: Final[Mapping[FormatName, re.Pattern[str]]] = MappingProxyType(
    {
        "bind": re.compile(
            r"^\s*(options\s*\{|zone\s+\S+.*\{|view\s+\S+.*\{|acl\s+\S+.*\{|logging\s*\{"
            r"|include\s+\"|(primaries|masters)\s+\S+.*\{|forwarders\s.*\{)",
            re.MULTILINE,
        ),
        "unbound": re.compile(
            r"^\s*(server|forward-zone|stub-zone|auth-zone|remote-control|view|python|rpz)\s*:\s*"
            r"(#.*)?$|^\s*include(-toplevel)?:\s",
            re.MULTILINE,
        ),
        "dnsmasq": re.compile(
            r"^\s*(server|local|address|rev-server|listen-address|interface|port|conf-dir|conf-file"
            r"|resolv-file|cache-size|dhcp-range|domain|addn-hosts)\s*=|^\s*(no-resolv|no-hosts"
            r"|no-poll|strict-order|all-servers|domain-needed|bogus-priv|bind-interfaces"
            r"|bind-dynamic|expand-hosts|stop-dns-rebind|log-queries)\s*(#.*)?$",
            re.MULTILINE,
        ),
        "powerdns": re.compile(
            r"^\s*(forward-zones(-recurse|-file)?|auth-zones|local-address|local-port|allow-from"
            r"|config-dir|socket-dir|include-dir|hint-file|lua-config-file|setuid|setgid|dnssec"
            r"|threads|quiet|security-poll-suffix|export-etc-hosts|dont-query|max-cache-entries"
            r"|network-timeout)\s*\+?=",
            re.MULTILINE,
        ),
        "powerdns-yaml": re.compile(
            r"^(recursor|incoming|outgoing|dnssec|recordcache|packetcache|logging|webservice"
            r"|carbon|ecs|nod|snmp)\s*:\s*(#.*)?$|^\s+-?\s*(forward_zones(_recurse|_file)?"
            r"|auth_zones|forwarders|include_dir)\s*:",
            re.MULTILINE,
        ),
        "knot": re.compile(
            r"\bpolicy\.\w+|\bnet\.listen\s*\(|^\s*modules\s*=\s*\{|\bcache\.(size|open)\b"
            r"|\btrust_anchors\.\w+",
            re.MULTILINE,
        ),
        "windows": COMMAND,
    }
)
"""What only files of the format have, line by line."""


def import_file(path: Path, format_name: FormatName | None = None) -> ForwardingTable:
    """Read a configuration file with all that it includes; without a format, that of what it looks
    like.

    Raises Unreadable.
    """
    source = read_source(path)
    name = format_name or recognised(source)
    found = Collected()
    recursion, order, order_source = _READERS[name](source, found)
    return ForwardingTable(
        format=name,
        files=tuple(found.files),
        entries=tuple(found.entries),
        hosted=tuple(found.hosted),
        opened=tuple(dict.fromkeys(found.opened)),
        order=order,
        order_source=order_source,
        # Hints without an address lead nowhere.
        recursion=recursion and found.root_servers != [],
        root_servers=None if found.root_servers is None else tuple(found.root_servers),
        validates=found.validates,
        listens=tuple(dict.fromkeys(found.listens)),
        clients=tuple(dict.fromkeys(found.clients)),
        remarks=tuple(found.remarks),
    )


def recognised(source: Source) -> FormatName:
    """The format that a file has most signs of. Raises Unreadable where it has none, or as many of
    another."""
    signs = {name: len(sign.findall(source.text)) for name, sign in _SIGNS.items()}
    if _looks_like_json(source):
        return "windows"
    most = max(signs.values())
    best = [name for name, count in signs.items() if count == most]
    if most and len(best) == 1:
        return best[0]
    what = f"could be {' or '.join(best)}" if most else "no format that is known"
    raise unreadable(source.path, "file", what, f"say which with --format: {', '.join(TITLES)}")


def _looks_like_json(source: Source) -> bool:
    return source.text.lstrip()[:1] in {"[", "{"}


def _windows(source: Source, found: Collected) -> tuple[bool, Order, str]:
    read = read_windows if _looks_like_json(source) else read_powershell
    return read(source, found)


_Read = Callable[[Source, Collected], tuple[bool, Order, str]]


def _by_round_trip_time(read: Callable[[Source, Collected], bool], said_by: str) -> _Read:
    return lambda source, found: (read(source, found), "round-trip time", said_by)


def _dnsmasq(source: Source, found: Collected) -> tuple[bool, Order, str]:
    # dnsmasq(8): it forwards, and resolves nothing by itself.
    return False, *read_dnsmasq(source, found)


_READERS: Final[Mapping[FormatName, _Read]] = MappingProxyType(
    {
        "bind": _by_round_trip_time(importing_named.read_named, importing_named.ORDER_SOURCE),
        "unbound": _by_round_trip_time(
            importing_unbound.read_unbound, importing_unbound.ORDER_SOURCE
        ),
        "dnsmasq": _dnsmasq,
        "powerdns": _by_round_trip_time(
            importing_recursor.read_recursor, importing_recursor.ORDER_SOURCE
        ),
        "powerdns-yaml": _by_round_trip_time(
            importing_recursor_yaml.read_recursor_yaml, importing_recursor.ORDER_SOURCE
        ),
        "knot": _by_round_trip_time(importing_kresd.read_kresd, importing_kresd.ORDER_SOURCE),
        "windows": _windows,
    }
)
