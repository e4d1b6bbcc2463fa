"""What of a user's nsd.conf or gdnsd config is set otherwise in a seat, and which zones it has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from lab.exchange.source import Source, has_wildcards
from lab.subjects.adopting import FOLDER, Edit, Taking, own_words
from lab.subjects.rendering import with_port
from lab.subjects.subject import CannotFill
from resolver.machine import Endpoint

_NSD_LINE: Final = re.compile(
    r"""^[ \t]*(?P<key>[a-z0-9-]+):[ \t]*(?P<value>"[^"\n]*"|[^#\s]*)[^\n]*$""", re.MULTILINE
)
_NSD_TAKEN_AWAY: Final = {
    "ip-address": "listens at the seat's addresses instead",
    "interface": "listens at the seat's addresses instead",
    "port": "the seat's port is 53",
    "username": "it runs as who starts it",
    "chroot": "it runs in no other root",
    "pidfile": "no file is written",
    "logfile": "its log goes to the report",
    "log-only-syslog": "its log goes to the report",
    "database": "zones are read from text",
    "zonesdir": "its zones are in the server's own folder",
    "zonelistfile": "its state is in the server's own folder",
    "xfrdfile": "its state is in the server's own folder",
    "xfrdir": "its state is in the server's own folder",
    "control-enable": "no control channel in the lab",
    "server-cpu-affinity": "the lab shares its processors",
}

_GDNSD_KEYS: Final = {
    "listen": "listens at the seat's addresses instead",
    "dns_port": "the seat's port is 53",
    "run_dir": "its socket is in the server's own folder",
    "state_dir": "its state is in the server's own folder",
    "tcp_control": "no control channel in the lab",
    "lock_mem": "the lab's memory is not to be locked",
}
_GDNSD_KEY: Final = re.compile(rf"(?<![\w.])({'|'.join(_GDNSD_KEYS)})\s*=>?\s*")
_BRACKETS: Final = {"[": "]", "{": "}"}


def nsd_edits(source: Source, taking: Taking, listen: Iterable[Endpoint]) -> Iterator[Edit]:
    """The edits of an nsd.conf and of what it includes."""
    main = len(taking.texts) == 1
    for found in _NSD_LINE.finditer(source.text):
        key, value = found["key"], found["value"].strip('"')
        if key == "zonesdir":
            taking.folders.append(Path(value))
        if key in _NSD_TAKEN_AWAY:
            told = f"{own_words([found[0]])}: {_NSD_TAKEN_AWAY[key]}"
            yield Edit(found.start(), found.end(), "", told)
        elif key == "zonefile":
            if "%" in value:
                raise CannotFill(
                    f"{source.path}: line {source.line(found.start())}: names of zone files are "
                    f"made from {value}; write the file of each zone"
                )
            yield Edit(found.start("value"), found.end("value"), f'"{taking.plain(value)}"')
        elif key == "include":
            files = taking.several(value) if has_wildcards(value) else (taking.config(value),)
            text = "\n".join(f'include: "{file}"' for file in files)
            yield Edit(found.start(), found.end(), text)
    if main:
        own = "\n".join(
            (
                "",
                "server:",
                *(f"    ip-address: {each.address}@{each.port}" for each in listen),
                f'    zonesdir: "{FOLDER}"',
                '    database: ""',
                f'    zonelistfile: "{FOLDER}/zone.list"',
                f'    xfrdfile: "{FOLDER}/xfrd.state"',
                f'    xfrdir: "{FOLDER}"',
                '    pidfile: ""',
                '    username: ""',
                '    chroot: ""',
                "remote-control:",
                "    control-enable: no",
                "",
            )
        )
        end = len(source.text)
        yield Edit(end, end, own, "listening addresses and folders of the seat are set at the end")


def gdnsd_edits(source: Source, taking: Taking, listen: Iterable[Endpoint]) -> Iterator[Edit]:
    """The edits of a gdnsd config; the zones beside it are taken too."""
    zones = taking.folders[0] / "zones"
    if zones.is_dir():
        for file in sorted(each for each in zones.iterdir() if each.is_file()):
            if not file.name.startswith("."):
                taking.plain(str(file))
    for found in _GDNSD_KEY.finditer(source.text):
        line = source.text[source.text.rfind("\n", 0, found.start()) + 1 : found.start()]
        if "#" in line or ";" in line:
            continue
        end = _end_of_value(source, found.end())
        written = own_words([source.text[found.start() : end]])
        yield Edit(found.start(), end, "", f"{written}: {_GDNSD_KEYS[found[1]]}")
    addresses = ", ".join(f'"{with_port(each)}"' for each in listen)
    own = f"listen => [ {addresses} ] run_dir => {FOLDER}/run state_dir => {FOLDER}/state "
    options = re.search(r"(?<![\w.])options\s*=>?\s*\{", source.text)
    if options is None:
        yield Edit(0, 0, f"options => {{ {own}}} ", f"options: listens at {addresses}")
    else:
        yield Edit(options.end(), options.end(), f" {own}", f"options: listens at {addresses}")


def _end_of_value(source: Source, start: int) -> int:
    """Where a value ends that begins here: a word, a quoted one, or a bracketed list."""
    text = source.text
    closing = _BRACKETS.get(text[start : start + 1])
    if closing is None:
        word = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,}\]]*').match(text, start)
        end = start if word is None else word.end()
    else:
        depth, end = 1, start + 1
        while depth and end < len(text):
            depth += {text[start]: 1, closing: -1}.get(text[end], 0)
            end += 1
        if depth:
            raise source.wrong(
                start, f'"{text[start]}" is never closed', f'close it with "{closing}"'
            )
    comma = re.compile(r"[ \t]*,").match(text, end)
    return end if comma is None else comma.end()
