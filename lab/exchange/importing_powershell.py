"""Reading a PowerShell script that sets a Windows DNS server up: the cmdlets that say what is
forwarded, with literal parameters. What is computed is told and not guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lab.exchange.source import Source
from lab.exchange.table import AskedServer, Collected, Order, address_text

COMMAND = re.compile(
    r"^\s*(Add-DnsServer(ConditionalForwarderZone|PrimaryZone|StubZone|SecondaryZone|Forwarder)"
    r"|Set-DnsServer(Forwarder|Recursion|ConditionalForwarderZone))\b",
    re.MULTILINE | re.IGNORECASE,
)
"""What makes a script one that this is for."""
_REORDERS = "Microsoft, Set-DnsServerForwarder -EnableReordering, on by default"
_LISTED = "Microsoft, Set-DnsServerForwarder -EnableReordering $false"
_TOKEN = re.compile(
    r"""
      (?P<space>  [ \t]+ | <\#.*?\#> | \#[^\n]* | `\n )
    | (?P<quoted> "[^"\n]*" | '[^'\n]*' )
    | (?P<end>    [\n;|] )
    | (?P<comma>  , )
    | (?P<word>   [^\s,;|"'`]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_POSITIONS = {
    "add-dnsserverconditionalforwarderzone": ("name", "masterservers", "forwardertimeout"),
    "set-dnsserverforwarder": ("ipaddress",),
    "add-dnsserverforwarder": ("ipaddress",),
}
"""Parameters that may stand without their names, in order (the cmdlets' reference)."""


@dataclass(frozen=True, slots=True)
class _Command:
    """A command with its parameters, names in small letters."""

    name: str
    parameters: Mapping[str, tuple[str, ...]]
    at: int

    def texts(self, *names: str) -> tuple[str, ...]:
        """The values of the first of these parameters that it has."""
        return next((self.parameters[each] for each in names if each in self.parameters), ())

    def text(self, *names: str) -> str:
        return next(iter(self.texts(*names)), "")

    def is_true(self, name: str) -> bool:
        """Whether a switch is set, or a truth value is true."""
        return name in self.parameters and self.text(name).lower() not in {"$false", "0"}


def read_powershell(source: Source, found: Collected) -> tuple[bool, Order, str]:
    """Collect what a script says. Returns whether names that nothing is said of are resolved from
    the root hints, the order of the forwarders and who says so. Raises Unreadable."""
    found.files.append(str(source.path))
    reader = _Reader(source, found)
    for command in _commands(source):
        reader.take(command)
    return reader.root_hints and reader.recurses, *reader.order


class _Reader:
    def __init__(self, source: Source, found: Collected) -> None:
        self._source, self._found = source, found
        self.root_hints = True
        self.recurses = True
        self.order: tuple[Order, str] = ("round-trip time", _REORDERS)

    def take(self, command: _Command) -> None:
        match command.name:
            case "set-dnsserverforwarder" | "add-dnsserverforwarder":
                self._forwarders(command)
            case "add-dnsserverconditionalforwarderzone":
                zone = command.text("name", "zonename")
                falls_back = command.is_true("userecursion")
                self._rule(command, zone, "masterservers", "forwardertimeout", falls_back)
            case "set-dnsserverrecursion" if "enable" in command.parameters:
                self.recurses = command.is_true("enable")
            case "add-dnsserverprimaryzone" | "add-dnsserversecondaryzone":
                kind = command.name.removeprefix("add-dnsserver").removesuffix("zone")
                if zone := command.text("name", "zonename"):
                    self._found.host(self._source, command.at, zone, kind)
            case "remove-dnsserverroothint" | "add-dnsserverroothint":
                self.root_hints = command.name.startswith("add")
            case name if name.startswith(("add-dnsserver", "set-dnsserverconditional")):
                self._tell(command, "not understood, and not in the table")

    def _forwarders(self, command: _Command) -> None:
        falls_back = command.is_true("useroothint") or "useroothint" not in command.parameters
        if "enablereordering" in command.parameters:
            reorders = command.is_true("enablereordering")
            self.order = ("round-trip time", _REORDERS) if reorders else ("listed", _LISTED)
        self._rule(command, ".", "ipaddress", "timeout", falls_back)

    def _rule(
        self, command: _Command, zone: str, servers: str, timeout: str, falls_back: bool
    ) -> None:
        texts = command.texts(servers)
        literal = not any(each.startswith(("$", "(", "@")) for each in (zone, *texts))
        if not (zone and texts and literal):
            self._tell(command, "computed, so not in the table")
            return
        seconds = command.text(timeout)
        at = command.at
        self._found.entry(
            self._source,
            at,
            zone,
            [AskedServer(address=address_text(self._source, at, each)) for each in texts],
            timeout_s=float(seconds) if seconds.isascii() and seconds.isdigit() else None,
            falls_back=falls_back,
        )

    def _tell(self, command: _Command, text: str) -> None:
        self._found.remark(self._source, command.at, f"{command.name}: {text}")


# --- commands -----------------------------------------------------------------------------------


def _commands(source: Source) -> Iterator[_Command]:
    words: list[tuple[str, int, bool]] = []
    for text, at, quoted in _words(source):
        if text in {"\n", ";", "|"} and not quoted:
            if words:
                yield _command(words)
            words = []
        else:
            words.append((text, at, quoted))
    if words:
        yield _command(words)


def _command(words: list[tuple[str, int, bool]]) -> _Command:
    name = words[0][0].lower()
    parameters: dict[str, tuple[str, ...]] = {}
    positions = iter(_POSITIONS.get(name, ("name",)))
    parameter: str | None = None
    joins = False
    for text, _, quoted in words[1:]:
        if text == "," and not quoted:
            joins = True
        elif text.startswith("-") and not quoted and len(text) > 1:
            parameter, colon, value = text[1:].lower().partition(":")
            parameters[parameter] = (value,) if colon and value else ()
            parameter = None if value else parameter
            joins = False
        else:
            if parameter is None and not joins:
                parameter = next(positions, "?")
                parameters.setdefault(parameter, ())
            key = parameter if parameter is not None else next(reversed(parameters), "?")
            parameters[key] = (*parameters.get(key, ()), text)
            parameter, joins = None, False
    return _Command(name, parameters, words[0][1])


def _words(source: Source) -> Iterator[tuple[str, int, bool]]:
    at, text = 0, source.text
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            what = "a backtick that is not at the end of its line"
            if text[at] in "\"'":
                what = "a quote that nothing closes on its line"
            raise source.wrong(at, what, "write it out without")
        at = match.end()
        if match["space"] is None:
            quoted = match["quoted"]
            yield (quoted[1:-1] if quoted else match[0]), match.start(), bool(quoted)
