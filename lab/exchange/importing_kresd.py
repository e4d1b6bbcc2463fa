"""Reading a kresd.conf: what the Knot Resolver forwards, where it is written plainly.

A kresd.conf is a Lua program. Only calls of literals are understood; what is computed is told.
Behaviour is as Knot Resolver 5's documentation says, section "Query policies".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lab.exchange.lua_syntax import (
    Assignment,
    Call,
    Computed,
    Expression,
    Name,
    Table,
    Text,
    lua_statements,
)
from lab.exchange.root_hints import read_root_hints
from lab.exchange.source import Source
from lab.exchange.table import (
    DNS_PORT,
    AskedServer,
    Collected,
    Entry,
    Hosted,
    address_text,
    port_number,
    zone_name,
)
from resolver.dns.names import is_at_or_below

ORDER_SOURCE = (
    'Knot Resolver, "Forwarding": up to four servers; they are chosen by round-trip time, and '
    "others are tried now and then"
)
_TLS_PORT = 853
_FORWARDS = frozenset({"policy.FORWARD", "policy.STUB", "policy.TLS_FORWARD"})
_ANSWERS = frozenset({"policy.DENY", "policy.DROP", "policy.REFUSE", "policy.ANSWER"})
_SILENT = (
    *("net.", "cache.", "log", "user", "trust_anchors.", "verbose", "mode", "option", "print"),
    *("modules.", "worker.", "event.", "stats.", "predict.", "priming.", "hints.", "reorder_RR"),
)
"""What begins so says nothing about who is asked, but for what is looked at by name."""
_VALIDATES = (
    "policy.FORWARD validates: a forwarded zone that the public DNS denies, such as a private TLD, "
    "is SERVFAIL until trust_anchors.set_insecure names it; policy.STUB does not validate"
)


def read_kresd(source: Source, found: Collected) -> bool:
    """Collect what a kresd.conf says. Returns whether it recurses, which it always does where
    nothing forwards. Raises Unreadable."""
    found.files.append(str(source.path))
    reader = _Reader(source, found)
    found.validates = True
    for statement in lua_statements(source):
        reader.take(statement)
    return True


class _Reader:
    def __init__(self, source: Source, found: Collected) -> None:
        self._source, self._found = source, found
        self._values: dict[str, Expression] = {}

    def take(self, statement: Assignment | Call | Computed) -> None:
        match statement:
            case Computed(at):
                self._not_understood(at)
            case Assignment(name, value, at):
                self._values[name] = value
                if name == "net":
                    self._listens(value)
                elif isinstance(value, Computed) and not name.startswith(_SILENT):
                    self._not_understood(at)
            case Call("policy.add", (rule, *_), at):
                self._rule(rule, at)
            case Call("trust_anchors.remove", (Text("."), *_)):
                self._found.validates = False
            case Call("hints.root_file", (Text(path), *_), at):
                read_root_hints(self._source, at, path, self._found)
            case Call("net.listen", (addresses, *_)):
                self._listens(addresses)
            case Call(name, _, at) if not name.startswith(_SILENT):
                self._not_understood(at)

    # --- rules ----------------------------------------------------------------------------------

    def _rule(self, written: Expression, at: int) -> None:
        rule = self._value(written)
        zones: list[str] | None
        match rule:
            case Call("policy.all", (action, *_)):
                zones = ["."]
            case Call("policy.suffix" | "policy.suffix_common", (action, suffixes, *_)):
                zones = self._zones(suffixes)
            case _:
                self._not_understood(at)
                return
        does = self._value(action)
        name = does.name if isinstance(does, Call) else getattr(does, "path", "")
        if zones is None or not name:
            self._not_understood(at)
        elif name in _FORWARDS and isinstance(does, Call) and does.arguments:
            servers = self._servers(does.arguments[0], over_tls=name == "policy.TLS_FORWARD")
            if servers is None:
                self._not_understood(at)
                return
            self._each(zones, at, lambda zone: self._found.entry(self._source, at, zone, servers))
            if name == "policy.FORWARD" and self._found.validates:
                self._found.remark(self._source, at, _VALIDATES)
        elif name in _ANSWERS:
            self._each(zones, at, lambda zone: self._answered(zone, name, at))
        elif name == "policy.PASS":
            # "PASS(): let the query pass through": forwarding ends here.
            self._each(zones, at, lambda zone: self._passed(zone, at))
        else:
            self._not_understood(at)

    def _answered(self, zone: str, how: str, at: int) -> None:
        """A domain that is answered here, but for what earlier rules have taken out of it."""
        earlier = (each.zone for each in self._found.entries)
        self._found.opened += [each for each in earlier if is_at_or_below(each, zone)]
        self._found.host(self._source, at, zone, how)

    def _passed(self, zone: str, at: int) -> None:
        self._found.entry(self._source, at, zone, (), falls_back=True)

    def _each(self, zones: Iterable[str], at: int, add: Callable[[str], None]) -> None:
        """Add for each zone that no earlier rule has taken: the first rule that fits holds."""
        for written in zones:
            zone = zone_name(self._source, at, written)
            earlier: tuple[Entry | Hosted, ...] = (*self._found.entries, *self._found.hosted)
            taken = next((each for each in earlier if is_at_or_below(zone, each.zone)), None)
            if taken is None:
                add(zone)
            else:
                self._found.remark(
                    self._source,
                    at,
                    f'"{zone}" is never reached: the rule for "{taken.zone}" at line '
                    f"{taken.place.line} stands before it, and the first that fits holds",
                )

    # --- literals -------------------------------------------------------------------------------

    def _value(self, written: Expression, deep: int = 0) -> Expression:
        """A name's value where it was assigned one before."""
        if isinstance(written, Name) and written.path in self._values and deep < 10:
            return self._value(self._values[written.path], deep + 1)
        return written

    def _zones(self, written: Expression) -> list[str] | None:
        """The zones of a list of suffixes; None where they are computed."""
        suffixes = self._value(written)
        match suffixes:
            case Call("policy.todnames", (listed, *_)):
                return self._texts(listed)
            case Table(items, ()):
                found = [self._zone(each) for each in items]
                known = [zone for zone in found if zone is not None]
                return known if len(known) == len(found) else None
            case _:
                return None

    def _zone(self, written: Expression) -> str | None:
        match self._value(written):
            case Call("todname" | "kres.str2dname", (Text(zone, _), *_)):
                return zone
            case Text(octets, _):
                return _from_wire(octets)
            case _:
                return None

    def _texts(self, written: Expression) -> list[str] | None:
        match self._value(written):
            case Text(text, _):
                return [text]
            case Table(items, ()):
                texts = [self._value(each) for each in items]
                known = [each.value for each in texts if isinstance(each, Text)]
                return known if len(known) == len(texts) else None
            case _:
                return None

    def _servers(self, written: Expression, *, over_tls: bool) -> list[AskedServer] | None:
        value = self._value(written)
        items = value.items if isinstance(value, Table) else (value,)
        found = []
        for each in items:
            one = self._value(each)
            # TLS_FORWARD: {'192.0.2.1', hostname='...'}
            one = self._value(one.items[0]) if isinstance(one, Table) and one.items else one
            if not isinstance(one, Text):
                return None
            address, at, port = one.value.partition("@")
            found.append(
                AskedServer(
                    address=address_text(self._source, one.at, address),
                    port=(
                        port_number(self._source, one.at, port)
                        if at
                        else (_TLS_PORT if over_tls else DNS_PORT)
                    ),
                    tls=over_tls,
                )
            )
        return found

    def _listens(self, written: Expression) -> None:
        self._found.listens += self._texts(written) or []

    def _not_understood(self, at: int) -> None:
        line = self._source.text[at:].split("\n", 1)[0].strip()
        self._found.remark(
            self._source,
            at,
            f"not understood, because it is computed or unknown: {line[:60]}; what it changes is "
            "not in the table",
        )


def _from_wire(octets: str) -> str | None:
    r"""A name from its wire form, as in "\7example\3com"; None where it is none."""
    labels, at = [], 0
    while at < len(octets):
        length = ord(octets[at])
        if length == 0:
            break
        label = octets[at + 1 : at + 1 + length]
        if length > 63 or len(label) < length:
            return None
        labels.append(label)
        at += 1 + length
    return ".".join(labels) or "."
