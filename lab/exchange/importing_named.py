"""Reading a named.conf: what BIND 9 forwards, and for whom.

Behaviour is as the BIND 9.18 Administrator Reference Manual says, section 8.2 "Configuration
Reference"; the places are named where they matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path

from lab.exchange.named_syntax import Block, Statement, Word, statements_of
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
)

ORDER_SOURCE = 'BIND 9 ARM, "forwarders": the server that answered fastest so far is asked first'
_HOSTED = {
    "primary": "primary",
    "master": "primary",
    "secondary": "secondary",
    "slave": "secondary",
    "mirror": "mirror",
    "redirect": "redirect",
}
_TAKE_PART = frozenset({"options", "view", "zone", "acl", "include", "primaries", "masters"})
_HOLD_OPTIONS = frozenset({"options", "view", "zone"})
_VALIDATES = (
    "answers are validated: a forwarded zone that the public DNS denies, such as a private TLD, is "
    "SERVFAIL until validate-except names it"
)
_TOLD = {
    "dnssec-validation": _VALIDATES,
    "response-policy": "not understood; it changes answers, not who is asked",
    "dual-stack-servers": "not understood; it changes whom recursion asks",
    "dns64": "not understood; it changes answers, not who is asked",
    "disable-empty-zone": "built-in empty zones are not in the table (RFC 6303)",
    "empty-zones-enable": "built-in empty zones are not in the table (RFC 6303)",
}
_OTHER = frozenset(
    {
        *("controls", "dnssec-policy", "dyndb", "http", "key", "logging", "managed-keys"),
        *("parental-agents", "plugin", "server", "statistics-channels", "tls", "trust-anchors"),
        *("trusted-keys", "lwres", "dlz"),
    }
)
"""Statements of the file that say nothing about who is asked, but for those that are told."""


@dataclass(frozen=True, slots=True)
class _Said:
    """A statement and the file that it stands in."""

    source: Source
    statement: Statement

    @property
    def words(self) -> tuple[str, ...]:
        return self.statement.words

    @property
    def keyword(self) -> str:
        return self.statement.keyword

    def inner(self) -> list[_Said]:
        """What stands in its block."""
        block = self.statement.block
        return [_Said(self.source, each) for each in block.statements] if block else []

    def one(self, *keywords: str) -> _Said | None:
        """The last statement of its block that begins with one of these."""
        return next((each for each in reversed(self.inner()) if each.keyword in keywords), None)


def read_named(source: Source, found: Collected) -> bool:
    """Collect what a named.conf says. Returns whether it recurses. Raises Unreadable."""
    folders = [source.path.parent]
    said = list(_with_includes(source, found, folders))
    return _Reader(said, found, folders).read()


def _with_includes(source: Source, found: Collected, folders: list[Path]) -> Iterator[_Said]:
    found.files.append(str(source.path))
    for statement in statements_of(source).statements:
        if statement.keyword == "options" and statement.block:
            for inner in statement.block.named("directory"):
                folders.extend(map(Path, inner.words[1:2]))
        _tell_misspelled(source, found, statement)
        if statement.keyword != "include":
            yield _Said(source, statement)
            continue
        if len(statement.words) != 2:
            raise source.wrong(statement.start, "include without a file", 'write include "FILE";')
        # BIND 9 ARM, "include": a name with wildcards stands for all files that it covers.
        for file in found.included(source, statement.start, statement.words[1], folders):
            yield from _with_includes(file, found, folders)


def _tell_misspelled(source: Source, found: Collected, statement: Statement) -> None:
    """Tell options that BIND does not know, in the file and in the blocks that say who is asked."""
    if not statement.keyword:
        return
    tell_unknown(found, source, statement.start, "bind", statement.keyword)
    if statement.keyword in _HOLD_OPTIONS and statement.block:
        for inner in statement.block.statements:
            _tell_misspelled(source, found, inner)


class _Reader:
    def __init__(self, said: list[_Said], found: Collected, folders: list[Path]) -> None:
        self._said, self._found, self._folders = said, found, folders
        named = [each for each in said if len(each.words) > 1]
        self._acls = {each.words[1]: each for each in named if each.keyword == "acl"}
        self._lists = {
            each.words[1]: each for each in named if each.keyword in {"primaries", "masters"}
        }

    def read(self) -> bool:
        options = next((each for each in self._said if each.keyword == "options"), None)
        views = [each for each in self._said if each.keyword == "view"]
        recursion = self._options(options, None) if options else True
        validation = options.one("dnssec-validation") if options else None
        # ARM, "dnssec-validation": auto by default.
        self._found.validates = validation is None or validation.words[1:2] != ("no",)
        if validation is None and options is not None:
            self._tell(options, f"dnssec-validation, auto by default: {_VALIDATES}")
        for view in views:
            recursion = self._view(view, default=recursion)
        for each in self._said:
            if each.keyword == "zone":
                self._zone(each, None)
            elif each.keyword in option_names()["bind"] - _TAKE_PART - _OTHER:
                self._not_understood(each, "")
        return recursion

    # --- options and views --------------------------------------------------------------------

    def _options(self, options: _Said, view: str | None) -> bool:
        recursion = True
        for each in options.inner():
            match each.keyword:
                case "forwarders":
                    first = self._forwards_first(options)
                    self._entry(each, ".", view, falls_back=first)
                case "recursion":
                    recursion = self._recursion(each)
                case "listen-on" | "listen-on-v6" if view is None:
                    self._found.listens += self._addresses(each)
                case "allow-recursion" | "match-clients":
                    self._found.clients += self._networks(each)
                case "allow-query" if options.one("allow-recursion") is None:
                    self._found.clients += self._networks(each)
                case keyword if keyword in _TOLD and each.words[1:2] != ("no",):
                    self._tell(each, f"{keyword}: {_TOLD[keyword]}")
        return recursion

    def _recursion(self, said: _Said) -> bool:
        if said.words[1:2] not in {("no",), ("false",), ("0",)}:
            return True
        self._tell(said, "recursion is off: nobody is asked for a client at all")
        return False

    def _view(self, view: _Said, *, default: bool) -> bool:
        name = next(iter(view.words[1:2]), "")
        self._tell(view, f'view "{name}": its rules hold for its clients only')
        recursion = self._options(view, name) if view.one("recursion") else default
        if not view.one("recursion"):
            self._options(view, name)
        for each in view.inner():
            if each.keyword == "zone":
                self._zone(each, name)
            elif each.keyword == "include":
                self._tell(each, "an include inside a view is not followed: put it outside")
        return recursion

    # --- zones ----------------------------------------------------------------------------------

    def _zone(self, zone: _Said, view: str | None) -> None:
        if len(zone.words) < 2:
            raise zone.source.wrong(zone.statement.start, "zone without a name", "write one")
        name, kind = zone.words[1], zone.one("type")
        if len(zone.words) > 2 and zone.words[2].lower() not in {"in", "internet"}:
            self._tell(zone, f'zone "{name}" is not of class IN and is left out')
            return
        word = kind.words[1].lower() if kind is not None and len(kind.words) > 1 else ""
        forwarders = zone.one("forwarders")
        at = zone.statement.start
        match word:
            case "forward" if forwarders is not None:
                # ARM, "forward": its default is "first", and a zone's is not the options'.
                self._entry(forwarders, name, view, falls_back=self._forwards_first(zone))
            case "forward":
                self._tell(zone, f'forward zone "{name}" has no forwarders: no effect')
            case "stub" | "static-stub":
                self._stub(zone, name, view)
            case "hint":
                self._root_hints(zone, name)
            case hosted if hosted in _HOSTED:
                self._found.host(zone.source, at, name, _HOSTED[word], view)
                if forwarders is not None and not _is_empty(forwarders):
                    self._tell(
                        forwarders, f'forwarders of "{name}" are for its delegated subzones only'
                    )
            case _ if zone.one("in-view"):
                self._tell(zone, f'zone "{name}" is another view\'s: see there')
            case _:
                self._not_understood(zone, f'what zone "{name}" does is not in the table')

    def _root_hints(self, zone: _Said, name: str) -> None:
        file = zone.one("file")
        if name == "." and file is not None and len(file.words) > 1:
            folders = (Path(zone.source.path).parent, *self._folders)
            read_root_hints(file.source, file.statement.start, file.words[1], self._found, *folders)

    def _stub(self, zone: _Said, name: str, view: str | None) -> None:
        listed = zone.one("primaries", "masters", "server-addresses")
        if zone.one("server-names"):
            self._tell(zone, "server-names are not looked up: their addresses are missing")
        servers = self._servers(listed, zone)
        self._found.entry(zone.source, zone.statement.start, name, servers, stub=True, view=view)

    def _forwards_first(self, said: _Said) -> bool:
        """ARM, "forward": "first" asks the forwarders and then looks for the answer itself."""
        forward = said.one("forward")
        return forward is None or forward.words[1:2] != ("only",)

    def _entry(self, said: _Said, zone: str, view: str | None, *, falls_back: bool) -> None:
        self._found.entry(
            said.source,
            said.statement.start,
            zone,
            self._servers(said, said),
            # ARM, "forward": an empty list is no forwarding, which is recursion.
            falls_back=falls_back or _is_empty(said),
            view=view,
        )

    # --- addresses ------------------------------------------------------------------------------

    def _servers(self, said: _Said | None, owner: _Said, deep: int = 0) -> tuple[AskedServer, ...]:
        """The servers of a list such as "forwarders port 5353 { 192.0.2.1; NAME; };"."""
        if said is None:
            self._tell(owner, "no servers are named")
            return ()
        default, over_tls = self._port(said, said.statement, DNS_PORT)
        found: list[AskedServer] = []
        for each in said.inner():
            word = next((i for i in each.statement.items if isinstance(i, Word)), None)
            if word is None:
                continue
            named = self._lists.get(word.text)
            if named is not None and deep < 10:
                found += self._servers(named, owner, deep + 1)
                continue
            port, tls = self._port(each, each.statement, default)
            address = address_text(said.source, word.start, word.text)
            found.append(AskedServer(address=address, port=port, tls=tls or over_tls))
        return tuple(found)

    def _port(self, said: _Said, statement: Statement, default: int) -> tuple[int, bool]:
        """The port behind "port", and whether "tls" stands there."""
        words = [item for item in statement.items if isinstance(item, Word)]
        port = default
        for word, following in pairwise(words):
            if word.text.lower() == "port" and following.text != "*":
                port = port_number(said.source, following.start, following.text)
        return port, any(word.text.lower() == "tls" for word in words[1:])

    def _addresses(self, said: _Said) -> list[str]:
        """Single addresses of a match list."""
        texts = (word for each in said.inner() for word in each.words[:1])
        return [text for text in texts if _is_address(text)]

    def _networks(self, said: _Said, deep: int = 0) -> list[str]:
        """Prefixes of a match list, names of ACLs looked up (ARM, "acl")."""
        found: list[str] = []
        for each in said.inner():
            word = next(iter(each.words), "")
            acl = self._acls.get(word)
            if each.statement.block and not each.words:
                found += self._networks(each, deep + 1) if deep < 10 else []
            elif acl is not None and deep < 10:
                found += self._networks(acl, deep + 1)
            elif (prefix := prefix_text(word)) is not None:
                found.append(prefix)
            elif word == "any":
                found += ["0.0.0.0/0", "::/0"]
            elif word not in {"localhost", "localnets", "none"}:
                self._not_understood(each, "who may ask is not fully in the table")
        return found

    # --- words ----------------------------------------------------------------------------------

    def _tell(self, said: _Said, text: str) -> None:
        self._found.remark(said.source, said.statement.start, text)

    def _not_understood(self, said: _Said, means: str) -> None:
        what = " ".join(said.words[:2]) or "a block"
        meaning = means or "whatever it changes is not in the table"
        self._tell(said, f"{what}: not understood; {meaning}")


def _is_empty(said: _Said) -> bool:
    return not said.inner()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def keywords_of(block: Block) -> Iterable[str]:
    """The keywords that a file's statements begin with, to tell what it is."""
    return (each.keyword for each in block.statements)


KNOWN = _TAKE_PART | _OTHER
"""Keywords of named.conf."""
