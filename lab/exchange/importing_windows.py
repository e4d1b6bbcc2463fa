"""Reading a Windows DNS server's settings, as PowerShell writes them with ConvertTo-Json.

    Get-DnsServerForwarder, Get-DnsServerRecursion, Get-DnsServerZone: one of them, or several in a
    list, in a table or one after the other. Get-DnsServer has all of them in one.

What PowerShell makes of its objects differs from version to version: addresses are texts or objects
with IPAddressToString, times are numbers of seconds, texts or TimeSpan objects, a list is one, or
{"value": [...], "Count": n}, or a single object. Behaviour is as Microsoft's reference of the
DnsServer module says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from lab.exchange.source import Source
from lab.exchange.table import AskedServer, Collected, Order, address_text

_REORDERS = (
    "Microsoft, Set-DnsServerForwarder -EnableReordering, on by default: forwarders are reordered "
    "by their response times"
)
_LISTED = "Microsoft, Set-DnsServerForwarder -EnableReordering $false: forwarders in listed order"
_DEEPEST = 20
_TICKS_A_SECOND = 10_000_000
"""A TimeSpan counts in ticks of 100 ns."""
_LONGEST_S = 3600
"""As in a topology; Windows takes 15."""
_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.\d+)?")
_TEXT = re.compile(r"[^\s\ufeff]")
"""Where a JSON text begins; some shells write a byte order mark each time."""
_HOSTED = {"primary": "primary", "secondary": "secondary"}
_ZONE_TYPES = {0: "cache", 1: "primary", 2: "secondary", 3: "stub", 4: "forwarder"}
"""MS-DNSP 2.2.5.1.1: DNS_ZONE_TYPE, where an export has numbers."""


def read_windows(source: Source, found: Collected) -> tuple[bool, Order, str]:
    """Collect what an export says. Returns whether names that nothing is said of are resolved from
    the root hints, the order of the forwarders and who says so. Raises Unreadable."""
    found.files.append(str(source.path))
    reader = _Reader(source, found)
    reader.take(_parsed(source), 0)
    if not reader.understood:
        raise source.wrong(
            0,
            "no export of a DNS server",
            "write Get-DnsServerForwarder | ConvertTo-Json -Depth 4, Get-DnsServerZone likewise",
        )
    return reader.root_hints and reader.recurses, *reader.order


class _Reader:
    def __init__(self, source: Source, found: Collected) -> None:
        self._source, self._found = source, found
        self.understood = False
        self.root_hints = True
        self.recurses = True
        self.order: tuple[Order, str] = ("round-trip time", _REORDERS)

    def take(self, value: Any, depth: int) -> None:
        """Take an object, or each of a list, or of the parts of Get-DnsServer."""
        if depth > _DEEPEST:
            return
        if isinstance(value, list):
            for each in value:
                self.take(each, depth + 1)
        elif isinstance(value, Mapping):
            self._object({str(key).lower(): each for key, each in value.items()}, depth)

    def _object(self, said: Mapping[str, Any], depth: int) -> None:
        if "zonename" in said and "zonetype" in said:
            self._zone(said)
        elif "useroothint" in said or {"ipaddress", "timeout"} <= said.keys():
            self._forwarders(said)
        elif "additionaltimeout" in said or "retryinterval" in said:
            self._recursion(said)
        else:
            for each in said.values():
                self.take(each, depth + 1)

    def _forwarders(self, said: Mapping[str, Any]) -> None:
        self.understood = True
        at = self._at("IPAddress")
        servers = tuple(self._servers(said.get("ipaddress"), at))
        self.root_hints = said.get("useroothint") is not False
        if said.get("enablereordering") is False:
            self.order = ("listed", _LISTED)
        if servers:
            self._found.entry(
                self._source,
                at,
                ".",
                servers,
                timeout_s=self._seconds(said.get("timeout"), "Timeout"),
                falls_back=self.root_hints,
            )

    def _recursion(self, said: Mapping[str, Any]) -> None:
        self.understood = True
        if said.get("enable") is False:
            self.recurses = False
            self._found.remark(
                self._source,
                self._at("Enable"),
                "recursion is off: forwarders are not used either",
            )

    def _zone(self, said: Mapping[str, Any]) -> None:
        self.understood = True
        name, kind = said["zonename"], said["zonetype"]
        kind = _ZONE_TYPES.get(kind, str(kind)) if isinstance(kind, int) else str(kind)
        at = self._at(f'"{name}"')
        match kind.lower():
            case "forwarder":
                recursion = said.get("userecursion")
                self._found.entry(
                    self._source,
                    at,
                    str(name),
                    self._servers(said.get("masterservers"), at),
                    timeout_s=self._seconds(said.get("forwardertimeout"), "ForwarderTimeout"),
                    falls_back=recursion is True,
                )
                if "masterservers" not in said:
                    self._found.remark(
                        self._source,
                        at,
                        f'"{name}": no MasterServers in the export; write Get-DnsServerZone | '
                        "ConvertTo-Json -Depth 4",
                    )
            case "stub":
                servers = self._servers(said.get("masterservers"), at)
                self._found.entry(self._source, at, str(name), servers, stub=True)
            case hosted if hosted in _HOSTED:
                if str(name).lower() != "trustanchors":
                    self._found.host(self._source, at, str(name), _HOSTED[hosted])
            case _:
                self._found.remark(self._source, at, f'"{name}": a zone of type {kind}, left out')

    # --- values ---------------------------------------------------------------------------------

    def _servers(self, written: Any, at: int) -> Iterator[AskedServer]:
        for text in _addresses(written, 0):
            yield AskedServer(address=address_text(self._source, at, text))

    def _seconds(self, written: Any, key: str) -> float | None:
        """A time, however it was printed. Raises Unreadable where it is none."""
        if written is None:
            return None
        seconds = _seconds(written)
        if seconds is None:
            shown = json.dumps(written)[:40]
            raise self._source.wrong(
                self._at(f'"{key}"'), f"{shown} is no time", "write seconds, or hh:mm:ss"
            )
        return seconds or None

    def _at(self, text: str) -> int:
        return max(self._source.text.find(text), 0)


def _addresses(written: Any, depth: int) -> Iterator[str]:
    """The addresses of whatever PowerShell made of a list of them."""
    if depth > _DEEPEST:
        return
    if isinstance(written, str):
        # An inner list that -Depth cut off is one text: "192.0.2.1 192.0.2.2".
        yield from written.split()
    elif isinstance(written, list):
        for each in written:
            yield from _addresses(each, depth + 1)
    elif isinstance(written, Mapping):
        text = written.get("IPAddressToString")
        if isinstance(text, str):
            yield text
        elif "value" in written:
            yield from _addresses(written["value"], depth + 1)


def _seconds(written: Any) -> float | None:
    if isinstance(written, Mapping):
        total, ticks = written.get("TotalSeconds"), written.get("Ticks")
        if total is None and isinstance(ticks, int):
            total = ticks / _TICKS_A_SECOND
        written = total
    if isinstance(written, str):
        return _seconds_as_text(written)
    if isinstance(written, int | float) and not isinstance(written, bool):
        return float(written) if 0 <= written <= _LONGEST_S else None
    return None


def _seconds_as_text(written: str) -> float | None:
    if written.isascii() and written.isdigit() and len(written) < 6:
        return _seconds(int(written))
    match = _SPAN.fullmatch(written)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return _seconds(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def _parsed(source: Source) -> list[Any]:
    """Every JSON text of the file: what one cmdlet tells is appended to what another told."""
    found, decoder, end = [], json.JSONDecoder(), 0
    try:
        while (start := _TEXT.search(source.text, end)) is not None:
            value, end = decoder.raw_decode(source.text, start.start())
            found.append(value)
    except json.JSONDecodeError as error:
        raise source.wrong(error.pos, f"no JSON: {error.msg}", "export it anew") from None
    except RecursionError:
        raise source.wrong(0, "nested too deep", "export it with ConvertTo-Json -Depth 4") from None
    except ValueError as error:
        # A number of more digits than Python converts.
        raise source.wrong(0, f"no JSON: {error}", "export it anew") from None
    return found
