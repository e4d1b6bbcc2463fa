"""Files of options, one on each line: dnsmasq.conf and recursor.conf."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lab.exchange.source import Source

_ESCAPED = {"t": "\t", "n": "\n", "b": "\b", "r": "\r", "e": "\033"}
_KEY = re.compile(r"-{0,2}([A-Za-z0-9][A-Za-z0-9_-]*)\s*(\+?=)?\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Option:
    """One option."""

    key: str
    value: str
    """"" for a switch."""
    start: int
    end: int
    """Without the line's end."""
    adds: bool = False
    """Whether it adds to what was said of it before ("+=")."""


def dnsmasq_options(source: Source) -> Iterator[Option]:
    """The options of a dnsmasq.conf, as dnsmasq's src/option.c (read_file) takes lines apart.

    Raises Unreadable with the line of the first mistake.
    """
    for start, line in _lines(source):
        text = _without_quotes(source, start, line)
        if text:
            yield _option(source, start, line, text)


def recursor_options(source: Source) -> Iterator[Option]:
    """The options of a recursor.conf, as PowerDNS' arguments.cc (ArgvMap::file) takes lines apart.

    Raises Unreadable with the line of the first mistake.
    """
    begun: tuple[int, str] | None = None
    for start, line in _lines(source):
        first, before = begun or (start, "")
        begun = None
        if line.endswith("\\"):
            begun = first, before + line[:-1]
            continue
        whole = before + line
        text = re.sub(r"(^|\s)#.*", "", whole, flags=re.DOTALL).strip()
        if text:
            yield _option(source, first, source.text[first : start + len(line)], text)
    if begun is not None:
        raise source.wrong(begun[0], 'the file ends behind a "\\"', "take the backslash away")


def _option(source: Source, start: int, line: str, text: str) -> Option:
    match = _KEY.fullmatch(text)
    if match is None or (match[2] is None and match[3]):
        raise source.wrong(start, f'"{text[:60]}" is no option', 'write "option=value"')
    return Option(match[1], match[3], start, start + len(line), adds=match[2] == "+=")


def _lines(source: Source) -> Iterator[tuple[int, str]]:
    start = 0
    for line in source.text.split("\n"):
        yield start, line
        start += len(line) + 1


def _without_quotes(source: Source, start: int, line: str) -> str:
    """The line without comment and quotes: a "#" begins a comment where a space is before it."""
    found: list[str] = []
    characters = enumerate(line)
    after_space = True
    for at, one in characters:
        if one == '"':
            after_space = False
            for _, inner in characters:
                if inner == '"':
                    break
                if inner == "\\":
                    _, following = next(characters, (0, ""))
                    plain = following in {'"', "\\"}
                    found.append(following if plain else _ESCAPED.get(following, "\\" + following))
                    continue
                found.append(inner)
            else:
                raise source.wrong(start + at, "a quote that nothing closes", "close it")
        elif one == "#" and after_space:
            break
        else:
            after_space = one.isspace()
            found.append(" " if after_space else one)
    return "".join(found).strip()
