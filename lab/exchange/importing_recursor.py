"""Reading a recursor.conf: what the PowerDNS Recursor forwards.

Behaviour is as the Recursor's documentation says, page "PowerDNS Recursor Settings"; the settings
are named where they matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.exchange.option_lines import Option, recursor_options
from lab.exchange.option_names import tell_unknown
from lab.exchange.root_hints import read_root_hints
from lab.exchange.source import Source, located, read_source, unreadable
from lab.exchange.table import (
    DNS_PORT,
    AskedServer,
    Collected,
    address_text,
    port_number,
    prefix_text,
)

ORDER_SOURCE = (
    'PowerDNS Recursor, "Performance Guide" and speed table: the fastest server is asked first'
)
_SWITCHED_OFF = frozenset({"no", "0", "off", ""})
_TOLD = {
    "lua-config-file": "it can change who is asked; it is not read",
    "lua-dns-script": "it can change answers; it is not read",
    "dont-query": (
        "servers in these networks are not asked, but for those of forward-zones and auth-zones"
    ),
    "export-etc-hosts": "names of the hosts file are answered here",
}
VALIDATING = frozenset({"process", "validate", "log-fail"})
VALIDATES = (
    "answers are validated where asked for: a forwarded zone that the public DNS denies, such as a "
    "private TLD, needs a negative trust anchor (addNTA)"
)
_SERVER = re.compile(r"\[(?P<v6>[^\]]+)\](?::(?P<v6port>\d+))?|(?P<rest>.+)")


def read_recursor(source: Source, found: Collected) -> bool:
    """Collect what a recursor.conf says. Returns whether it recurses, which the Recursor always
    does where nothing forwards. Raises Unreadable."""
    settings: dict[str, list[_Said]] = {}
    for said in _with_includes(source, found):
        tell_unknown(found, said.source, said.option.start, "powerdns", said.option.key)
        before = settings.setdefault(said.option.key, [])
        if not said.option.adds:
            # Settings: a later one takes the place of an earlier one, "+=" adds to it.
            before.clear()
        before.append(said)
    for each in (one for key in _READ for one in settings.get(key, ())):
        _READ[each.option.key](each, found)
    return True


@dataclass(frozen=True, slots=True)
class _Said:
    """A setting and the file that it stands in."""

    source: Source
    option: Option

    def parts(self, border: str = r"[,\s]+") -> list[str]:
        """Its value, taken apart."""
        texts = (each.strip() for each in re.split(border, self.option.value))
        return [each for each in texts if each]

    def tell(self, found: Collected, text: str) -> None:
        found.remark(self.source, self.option.start, text)


def _forward_zones(said: _Said, found: Collected) -> None:
    # Settings: "forward-zones" asks with RD=0, "forward-zones-recurse" with RD=1.
    for pair in said.parts(","):
        stub = said.option.key == "forward-zones"
        _pair(said.source, said.option.start, pair, found, stub=stub)


def _auth_zones(said: _Said, found: Collected) -> None:
    for pair in said.parts(","):
        zone = pair.partition("=")[0].strip()
        found.host(said.source, said.option.start, zone, "auth-zones")


def _local_address(said: _Said, found: Collected) -> None:
    found.listens += said.parts()


def _allow_from(said: _Said, found: Collected) -> None:
    found.clients += [each for each in map(prefix_text, said.parts()) if each is not None]


def _other(said: _Said, found: Collected) -> None:
    key, value = said.option.key, said.option.value.lower()
    if key == "dnssec" and value in VALIDATING:
        found.validates |= value != "process"
        said.tell(found, f"dnssec={value}: {VALIDATES}")
    elif key == "hint-file" and value == "no":
        # Settings, "hint-file": "no" does without root hints.
        found.root_servers = []
    elif key == "hint-file" and value:
        read_root_hints(said.source, said.option.start, said.option.value, found)
    elif key in _TOLD and value not in _SWITCHED_OFF:
        said.tell(found, f"{key}: {_TOLD[key]}")


def _with_includes(source: Source, found: Collected) -> Iterator[_Said]:
    """The file's settings, then those of its include-dir: it is read last."""
    found.files.append(str(source.path))
    folder: Option | None = None
    for option in recursor_options(source):
        if option.key == "include-dir":
            folder = option
        yield _Said(source, option)
    if folder is None or not folder.value:
        return
    path = located(folder.value, source.path.parent)
    if not path.is_dir():
        text = f"{folder.value} is not here, so what its files say is not in the table"
        found.remark(source, folder.start, text)
        return
    for each in sorted(path.glob("*.conf")):
        included = read_source(each)
        found.files.append(str(each))
        for option in recursor_options(included):
            yield _Said(included, option)


def _pair(source: Source, offset: int, pair: str, found: Collected, *, stub: bool) -> None:
    """A "ZONE=SERVER;SERVER"."""
    zone, equals, servers = pair.partition("=")
    if not equals or not servers.strip():
        raise source.wrong(
            offset, f'"{pair.strip()}" names no server', "write ZONE=ADDRESS;ADDRESS"
        )
    # "forward-zones" asks with RD=0, "forward-zones-recurse" with RD=1.
    found.entry(
        source,
        offset,
        zone.strip(),
        (server_at(source, offset, each) for each in servers.split(";") if each.strip()),
        stub=stub,
    )


def server_at(source: Source, offset: int, text: str) -> AskedServer:
    """A server written as ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT or ADDRESS@PORT. Raises
    Unreadable."""
    match = _SERVER.fullmatch(text.strip())
    if match is None:
        raise source.wrong(offset, "a server without an address", "write ZONE=ADDRESS;ADDRESS")
    if match["v6"] is not None:
        address, port = match["v6"], match["v6port"]
    else:
        address, at, port = match["rest"].partition("@")
        if not at and address.count(":") == 1:
            address, _, port = address.partition(":")
    return AskedServer(
        address=address_text(source, offset, address),
        port=port_number(source, offset, port) if port else DNS_PORT,
    )


def _zones_file(said: _Said, found: Collected) -> None:
    path = located(said.option.value, said.source.path.parent)
    if not path.is_file():
        said.tell(
            found, f"{said.option.value} is not here, so what it forwards is not in the table"
        )
        return
    read_zones_file(path, found)


def read_zones_file(path: Path, found: Collected) -> None:
    """Collect a forward-zones-file: a pair on each line, "+" before it for RD=1, "^" to let NOTIFY
    through. Raises Unreadable."""
    if path.suffix in {".yml", ".yaml"}:
        raise unreadable(
            path, "file", "a forward-zones-file in YAML", "name it in a YAML settings file"
        )
    listed = read_source(path)
    found.files.append(str(path))
    at = 0
    for line in listed.text.split("\n"):
        text = re.sub(r"#.*", "", line).strip()
        if text:
            bare = text.lstrip("+^")
            marks = text[: len(text) - len(bare)]
            servers = re.sub(r"[,\s]+", ";", bare.partition("=")[2].strip())
            pair = f"{bare.partition('=')[0]}={servers}" if "=" in bare else bare
            _pair(listed, at, pair, found, stub="+" not in marks)
        at += len(line) + 1


_READ: Mapping[str, Callable[[_Said, Collected], None]] = {
    "forward-zones": _forward_zones,
    "forward-zones-recurse": _forward_zones,
    "forward-zones-file": _zones_file,
    "auth-zones": _auth_zones,
    "local-address": _local_address,
    "allow-from": _allow_from,
    "dnssec": _other,
    "hint-file": _other,
    **dict.fromkeys(_TOLD, _other),
}
