"""A forwarding table: which zones a DNS server sends where, whatever product it is.

Readers of configuration files collect one; `lab.exchange.telling` shows it, and
`lab.exchange.generating` makes a topology and scenarios of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Literal, TypeAlias

from lab.exchange.source import Source, all_located, read_source
from lab.scenario.value import Value
from lab.topology.check_names import is_dns_name
from resolver.dns.names import MalformedName, is_at_or_below, normalise

FormatName: TypeAlias = Literal[
    "bind", "unbound", "dnsmasq", "powerdns", "powerdns-yaml", "knot", "windows"
]
Order: TypeAlias = Literal["listed", "round-trip time", "last that answered", "all at once"]
"""By what a server chooses among several: the order of its list; which answered fast so far; which
answered last; or it asks all of them."""

DNS_PORT = 53
_MOST_FILES = 100


class AskedServer(Value):
    """Somebody who is asked."""

    address: str
    """IPv4 or IPv6, in the one spelling that captures have too."""
    port: int = DNS_PORT
    tls: bool = False
    """Whether it is asked over TLS (RFC 7858)."""

    def __str__(self) -> str:
        port = "" if self.port == DNS_PORT else f" port {self.port}"
        return f"{self.address}{port}{' over TLS' if self.tls else ''}"


class Place(Value):
    """Where in the files something stands."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file} line {self.line}"


class Entry(Value):
    """Questions at or below a zone go to these servers."""

    zone: str
    """In small letters, without the final dot; "." is the root: all names."""
    servers: tuple[AskedServer, ...]
    """None: forwarding ends here, and what is said of a shorter zone does not hold below it;
    `falls_back` says whether the server then resolves the names itself, or fails."""
    stub: bool = False
    """The servers are asked as authorities of the zone (RD=0), not as forwarders (RD=1)."""
    timeout_s: float | None = None
    """How long each is waited for; None: what the product does by itself."""
    falls_back: bool = False
    """Whether the server resolves the name itself once all of these have failed."""
    view: str | None = None
    """The view that it stands in: it holds for that view's clients only."""
    place: Place


class Hosted(Value):
    """A zone, or a domain, that the server answers for itself."""

    zone: str
    how: str
    """"primary", "secondary", "static data": in the product's words."""
    view: str | None = None
    place: Place


class RootServer(Value):
    """Where recursion begins."""

    name: str
    address: str


class Remark(Value):
    """Something that was not understood, or that the table cannot say, and what that means."""

    text: str
    place: Place


class ForwardingTable(Value):
    """What a configuration says about forwarding."""

    format: FormatName
    files: tuple[str, ...]
    """Everything that was read, the main file first."""
    entries: tuple[Entry, ...]
    hosted: tuple[Hosted, ...] = ()
    opened: tuple[str, ...] = ()
    """Domains in hosted ones that questions pass through to the rules."""
    order: Order
    order_source: str
    """Who says that this is the order."""
    recursion: bool
    """Whether a name that nothing is said of is resolved from the root servers."""
    validates: bool = False
    """Whether answers are validated (RFC 4035 5)."""
    root_servers: tuple[RootServer, ...] | None = None
    """Where recursion begins; None: at the Internet's root servers, which it knows by itself."""
    listens: tuple[str, ...] = ()
    """Its own addresses, as far as they are written."""
    clients: tuple[str, ...] = ()
    """Prefixes of those that may ask it, as far as they are written; none: all."""
    remarks: tuple[Remark, ...] = ()

    def of_view(self, view: str | None) -> ForwardingTable:
        """What holds for one view's clients."""
        return self.model_copy(
            update={
                "entries": tuple(each for each in self.entries if each.view in {None, view}),
                "hosted": tuple(each for each in self.hosted if each.view in {None, view}),
            }
        )

    def views(self) -> tuple[str, ...]:
        """The views that something is said of, in order."""
        named = (*(e.view for e in self.entries), *(h.view for h in self.hosted))
        return tuple(dict.fromkeys(view for view in named if view is not None))

    def entry_for(self, name: str) -> Entry | None:
        """The entry with the longest zone that the name is in."""
        covering = [each for each in self.entries if is_at_or_below(name, each.zone)]
        return max(covering, key=lambda each: _depth(each.zone), default=None)

    def hosted_for(self, name: str) -> Hosted | None:
        """The hosted zone with the longest name that the name is in, unless it is open there."""
        covering = [each for each in self.hosted if is_at_or_below(name, each.zone)]
        longest = max(covering, key=lambda each: _depth(each.zone), default=None)
        depth = _depth(longest.zone) if longest is not None else 0
        is_open = any(is_at_or_below(name, each) and _depth(each) >= depth for each in self.opened)
        return None if is_open else longest


@dataclass(slots=True)
class Collected:
    """What a reader has found in one file after the other: a table in the making."""

    files: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    hosted: list[Hosted] = field(default_factory=list)
    listens: list[str] = field(default_factory=list)
    clients: list[str] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    validates: bool = False
    root_servers: list[RootServer] | None = None

    def included(
        self, source: Source, offset: int, written: str, folders: Iterable[Path]
    ) -> Iterator[Source]:
        """What an include at this place brings in; what is missing is told. Raises Unreadable."""
        for path in all_located(written, *folders):
            if not path.is_file():
                self.remark(
                    source,
                    offset,
                    f"{written} is not here, so what it says is not in the table; put it beside "
                    "this file",
                )
                continue
            self.check_room(source, offset)
            yield read_source(path)

    def check_room(self, source: Source, offset: int) -> None:
        """Raise Unreadable where one file more would be too many."""
        if len(self.files) >= _MOST_FILES:
            raise source.wrong(
                offset, f"more than {_MOST_FILES} files", "include no file in itself"
            )

    def remark(self, source: Source, offset: int, text: str) -> None:
        """Tell something, once for each file."""
        place = place_of(source, offset)
        if not any((e.text, e.place.file) == (text, place.file) for e in self.remarks):
            self.remarks.append(Remark(text=text, place=place))

    def entry(
        self,
        source: Source,
        offset: int,
        zone: str,
        servers: Iterable[AskedServer],
        *,
        stub: bool = False,
        timeout_s: float | None = None,
        falls_back: bool = False,
        view: str | None = None,
        joins: bool = False,
    ) -> None:
        """Add an entry; `joins`: to what was said of the zone before, if anything was.

        Raises Unreadable where the zone is no name.
        """
        name = zone_name(source, offset, zone)
        servers = tuple(dict.fromkeys(servers))
        before = next((e for e in self.entries if (e.zone, e.view) == (name, view)), None)
        if before is not None and not joins:
            self.remark(
                source,
                offset,
                f'"{name}" stands a second time, first at line {before.place.line} of '
                f"{before.place.file}; the table has the first, and a server may refuse to start",
            )
            return
        entry = Entry(
            zone=name,
            servers=servers,
            stub=stub,
            timeout_s=timeout_s,
            falls_back=falls_back,
            view=view,
            place=place_of(source, offset),
        )
        if before is None:
            self.entries.append(entry)
            return
        joined = tuple(dict.fromkeys((*before.servers, *servers)))
        self.entries[self.entries.index(before)] = before.model_copy(update={"servers": joined})

    def host(
        self, source: Source, offset: int, zone: str, how: str, view: str | None = None
    ) -> None:
        """Add a zone of its own, once. Raises Unreadable where it is no name."""
        name = zone_name(source, offset, zone)
        if not any((each.zone, each.view) == (name, view) for each in self.hosted):
            place = place_of(source, offset)
            self.hosted.append(Hosted(zone=name, how=how, view=view, place=place))


def place_of(source: Source, offset: int) -> Place:
    """Where a file's character stands."""
    return Place(file=str(source.path), line=source.line(offset))


def zone_name(source: Source, offset: int, text: str) -> str:
    """A zone in the one spelling. Raises Unreadable where it is no DNS name."""
    try:
        return normalise(text or ".")
    except MalformedName as error:
        raise source.wrong(
            offset, f'"{text}" is no DNS name ({error})', 'write one like "corp.example"'
        ) from None


def address_text(source: Source, offset: int, text: str) -> str:
    """An address in the one spelling, a zone id kept. Raises Unreadable where it is none."""
    try:
        return str(ip_address(text))
    except ValueError:
        raise source.wrong(
            offset, f'"{text}" is no IP address', 'write one like "192.0.2.1"'
        ) from None


def port_number(source: Source, offset: int, text: str) -> int:
    """A port. Raises Unreadable where it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) <= 65_535):
        raise source.wrong(offset, f'"{text}" is no port', "write a number from 1 to 65535")
    return int(text)


def prefix_text(text: str) -> str | None:
    """A prefix or an address as a prefix; None where it is none."""
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        return None


def names_hosts(zone: str) -> bool:
    """Whether the lab can have the zone: labels of letters, digits, "-" and "_"."""
    return is_dns_name(zone)


def _depth(zone: str) -> int:
    return 0 if zone == "." else zone.count(".") + 1
