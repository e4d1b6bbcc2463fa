"""Reading an unbound.conf: what Unbound forwards.

Behaviour is as the manual page unbound.conf(5) says; the places are named where they matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from lab.exchange.option_names import option_names, tell_unknown
from lab.exchange.root_hints import read_root_hints
from lab.exchange.source import Source
from lab.exchange.table import (
    DNS_PORT,
    AskedServer,
    Collected,
    address_text,
    port_number,
    prefix_text,
    zone_name,
)
from lab.exchange.unbound_syntax import SECTIONS, Directive, Value, directives_of
from lab.subjects.reserved_zones import REVERSE_ZONES
from lab.subjects.unbound_resolver import DEFAULT_ZONES
from resolver.dns.names import is_at_or_below

ORDER_SOURCE = (
    "Unbound iterator/iter_utils.c, iter_server_selection: servers are chosen by round-trip time, "
    "at random among those that are about as fast"
)
_TLS_PORT = 853
"""unbound.conf(5), "forward-addr": the port of TLS is named behind an "@", by use 853."""
_ANSWERED_HERE = frozenset(
    {
        *("deny", "refuse", "static", "redirect", "inform_deny", "always_refuse"),
        *("always_nxdomain", "always_nodata", "always_null", "always_deny", "inform_redirect"),
    }
)
"""Types of local zones that let no question through."""
_TOLD = {
    "private-address": (
        "answers with such addresses are emptied, unless private-domain names the zone: servers of "
        "a cluster mostly have such addresses"
    ),
    "do-not-query-address": "such servers are never asked, whatever a zone says",
    "auto-trust-anchor-file": "",
    "trust-anchor-file": "",
    "trust-anchor": "",
    "trusted-keys-file": "",
}
_VALIDATES = (
    "answers are validated: a forwarded zone that the public DNS denies, such as a private TLD, is "
    "SERVFAIL until domain-insecure names it"
)
_IN_A_ZONE = frozenset(
    {
        *("addr", "host", "first", "prime", "no-cache"),
        *("tls-upstream", "ssl-upstream", "tcp-upstream"),
    }
)
"""unbound.conf(5), "Forward Zone Options" and "Stub Zone Options", without the kind before them."""
_CHANGES = frozenset({"rpz", "python", "dynlib", "ipset", "cachedb", "dns64-prefix"})


@dataclass
class _Zone:
    """A forward-zone, stub-zone, auth-zone or view, as its directives come."""

    kind: str
    source: Source
    start: int
    values: dict[str, list[tuple[Source, Value]]] = field(default_factory=dict)

    def all(self, keyword: str) -> list[tuple[Source, Value]]:
        return self.values.get(keyword, [])

    def last(self, keyword: str, default: str = "") -> str:
        found = self.all(keyword)
        return found[-1][1].text if found else default

    def says_yes(self, keyword: str) -> bool:
        return self.last(keyword).lower() == "yes"


def read_unbound(source: Source, found: Collected) -> bool:
    """Collect what an unbound.conf says. Returns whether it recurses, which Unbound always does
    where nothing forwards. Raises Unreadable."""
    section, zones = _Zone("", source, 0), []
    # unbound.conf(5), "do-not-query-localhost": yes by default, and for forwarders too.
    asks_itself = unblocks = False
    for file, directive in _with_includes(source, found, [source.path.parent]):
        tell_unknown(found, file, directive.start, "unbound", directive.keyword)
        asks_itself |= directive.keyword == "do-not-query-localhost" and directive.text == "no"
        unblocks |= directive.keyword == "unblock-lan-zones" and directive.text == "yes"
        if directive.keyword in SECTIONS:
            section = _Zone(directive.keyword, file, directive.start)
            zones.append(section)
            if section.kind in _CHANGES:
                found.remark(
                    file, section.start, f"{section.kind}: not understood; it can change answers"
                )
        elif section.kind in {"forward-zone", "stub-zone", "auth-zone"}:
            known = section.values.setdefault(directive.keyword, [])
            known += [(file, value) for value in directive.values]
        elif section.kind == "view":
            if directive.keyword == "name":
                text = f'view "{directive.text}": what it says for its clients is not in the table'
                found.remark(file, section.start, text)
        elif section.kind in {"", "server"}:
            _server(file, directive, found)
    for zone in zones:
        _zone(zone, found, asks_itself=asks_itself)
        _default_zone(zone, found, REVERSE_ZONES if unblocks else ())
        _unknown_options(zone, found)
    return True


def _with_includes(
    source: Source, found: Collected, folders: list[Path]
) -> Iterator[tuple[Source, Directive]]:
    found.files.append(str(source.path))
    for directive in directives_of(source):
        if directive.keyword == "directory":
            folders.append(Path(directive.text))
        if directive.keyword not in {"include", "include-toplevel"}:
            yield source, directive
            continue
        for file in found.included(source, directive.start, directive.text, folders):
            yield from _with_includes(file, found, folders)


# --- the server's own section -----------------------------------------------------------------


def _server(source: Source, directive: Directive, found: Collected) -> None:
    at = directive.start
    match directive.keyword:
        case "interface" | "ip-address":
            found.listens.append(directive.text.partition("@")[0])
        case "access-control":
            action = directive.values[-1].text
            prefix = prefix_text(directive.text)
            if prefix is not None and action.startswith("allow"):
                found.clients.append(prefix)
        case "local-zone":
            _local_zone(source, directive, found)
        case "root-hints":
            read_root_hints(source, at, directive.text, found)
        case keyword if keyword in _TOLD:
            # unbound.conf(5), "trust-anchor": without any, nothing is validated.
            found.validates |= not _TOLD[keyword]
            found.remark(source, at, f"{keyword}: {_TOLD[keyword] or _VALIDATES}")


def _local_zone(source: Source, directive: Directive, found: Collected) -> None:
    """unbound.conf(5), "local-zone": of several that a name is in, the longest holds."""
    kind = directive.values[1].text if len(directive.values) > 1 else ""
    if kind in _ANSWERED_HERE:
        found.host(source, directive.start, directive.text, f"local-zone {kind}")
    else:
        found.opened.append(zone_name(source, directive.start, directive.text))
        if kind == "block_a":
            text = f"local-zone {directive.text} block_a: not understood"
            found.remark(source, directive.start, text)


# --- zones --------------------------------------------------------------------------------------


def _zone(zone: _Zone, found: Collected, *, asks_itself: bool) -> None:
    if zone.kind not in {"forward-zone", "stub-zone", "auth-zone"}:
        return
    if not zone.all("name"):
        raise zone.source.wrong(zone.start, f"{zone.kind} without a name", 'write name: "ZONE"')
    name = zone.last("name")
    if zone.kind == "auth-zone":
        _auth_zone(zone, name, found)
        return
    short = zone.kind.partition("-")[0]
    over_tls = any(zone.says_yes(f"{short}-{word}-upstream") for word in ("tls", "ssl"))
    written = [_server_at(file, value, over_tls) for file, value in zone.all(f"{short}-addr")]
    servers = [each for each in written if asks_itself or not _is_itself(each)]
    for file, value in zone.all(f"{short}-host"):
        found.remark(
            file,
            value.start,
            f"{short}-host {value.text}: names are not looked up, so its addresses are missing",
        )
    if not servers and zone.all(f"{short}-host"):
        return
    # unbound.conf(5), "forward-first", "stub-first": without the clause if it fails; no by default.
    falls_back = zone.says_yes(f"{short}-first")
    found.entry(zone.source, zone.start, name, servers, stub=short == "stub", falls_back=falls_back)
    if not servers and not falls_back:
        found.remark(
            zone.source,
            zone.start,
            f'{zone.kind} "{name}" has no servers: every question for it fails (seen of 1.17)',
        )
    for server in written:
        if server not in servers:
            text = f"{server.address} is not asked: it is the machine itself"
            found.remark(zone.source, zone.start, f"{text} (do-not-query-localhost)")


def _default_zone(zone: _Zone, found: Collected, unblocked: Iterable[str]) -> None:
    """A forward-zone or stub-zone inside one of the zones that Unbound answers by itself."""
    if zone.kind not in {"forward-zone", "stub-zone"}:
        return
    name = zone_name(zone.source, zone.start, zone.last("name"))
    # unbound.conf(5), "local-zone", the default zones: off with a local-zone of that name, and a
    # part of one with a transparent local-zone.
    for default in set(DEFAULT_ZONES).difference(unblocked):
        written = (*found.opened, *(each.zone for each in found.hosted))
        inside = (each for each in written if is_at_or_below(each, default))
        if is_at_or_below(name, default) and not any(is_at_or_below(name, each) for each in inside):
            kind = "nodefault" if name == default else "transparent"
            how = f'default local-zone; local-zone: "{name}." {kind} opens it'
            found.host(zone.source, zone.start, default, how)


def _unknown_options(zone: _Zone, found: Collected) -> None:
    if zone.kind not in {"forward-zone", "stub-zone"}:
        return
    short = zone.kind.partition("-")[0]
    known = {"name", *(f"{short}-{each}" for each in _IN_A_ZONE)}
    for keyword, [(file, value), *_] in zone.values.items():
        if keyword not in known and keyword in option_names()["unbound"]:
            found.remark(file, value.start, f"{keyword}: no option of a {zone.kind}, so not read")


def _auth_zone(zone: _Zone, name: str, found: Collected) -> None:
    # unbound.conf(5), "for-downstream": yes by default, and then it answers for the zone.
    if zone.last("for-downstream", "yes").lower() == "yes":
        kind = "secondary" if zone.all("primary") or zone.all("master") else "auth-zone"
        found.host(zone.source, zone.start, name, kind)
    else:
        text = f'auth-zone "{name}" is a copy to resolve with, and not in the table'
        found.remark(zone.source, zone.start, text)


def _is_itself(server: AskedServer) -> bool:
    return ip_address(server.address).is_loopback


def _server_at(source: Source, value: Value, over_tls: bool) -> AskedServer:
    """A server written as ADDRESS, ADDRESS@PORT or ADDRESS@PORT#NAME."""
    # unbound.conf(5), "forward-addr": the name counts with forward-tls-upstream only.
    place = value.text.partition("#")[0]
    address, at, port = place.partition("@")
    default = _TLS_PORT if over_tls else DNS_PORT
    return AskedServer(
        address=address_text(source, value.start, address),
        port=port_number(source, value.start, port) if at else default,
        tls=over_tls,
    )
