"""unbound.conf as directives: a keyword with its values, each with its place in the text.

Which words there are follows Unbound's own lexer (util/configlexer.lex): a "#" begins a comment
only where a word could begin, so "192.0.2.1@853#name" is one word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lab.exchange.source import Source

SECTIONS: Final = frozenset(
    {
        "server",
        "stub-zone",
        "forward-zone",
        "auth-zone",
        "view",
        "remote-control",
        "python",
        "dynlib",
        "dnscrypt",
        "cachedb",
        "redis",
        "ipset",
        "rpz",
        "dnstap",
    }
)
"""Keywords that open a section and have no value."""

_TOKEN = re.compile(
    r"""
      (?P<space>  \s+ | \#[^\n]* )
    | (?P<quoted> "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' )
    | (?P<word>   (?:[^\s"'\\]|\\[^\n]) (?:[^\s\\]|\\[^\n])* )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Value:
    """A word behind a keyword, without its quotes."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Directive:
    """A keyword without its colon, and its values; none for one that opens a section."""

    keyword: str
    values: tuple[Value, ...]
    start: int
    end: int

    @property
    def text(self) -> str:
        """Its first value; "" where it has none."""
        return self.values[0].text if self.values else ""


def directives_of(source: Source) -> Iterator[Directive]:
    """The file's directives in order. Raises Unreadable with the line of the first mistake."""
    tokens = list(_tokens(source))
    place = 0
    while place < len(tokens):
        keyword, quoted = tokens[place]
        if quoted or not keyword.text.endswith(":"):
            raise source.wrong(
                keyword.start,
                f'"{keyword.text}" is no keyword',
                'write "keyword: value", the colon right behind the keyword',
            )
        name = keyword.text[:-1]
        place += 1
        if name in SECTIONS:
            yield Directive(name, (), keyword.start, keyword.end)
            continue
        values: list[Value] = []
        while place < len(tokens) and _belongs(source, keyword, values, *tokens[place]):
            values.append(tokens[place][0])
            place += 1
        if not values:
            raise source.wrong(
                keyword.start, f'"{keyword.text}" has no value', "write one behind it"
            )
        yield Directive(name, tuple(values), keyword.start, values[-1].end)


def _belongs(
    source: Source, keyword: Value, values: list[Value], token: Value, quoted: bool
) -> bool:
    """Whether a word is a value of the keyword: the first one behind it always is."""
    if not values:
        return True
    on_its_line = source.line(token.start) == source.line(keyword.start)
    return on_its_line and (quoted or not token.text.endswith(":"))


def _tokens(source: Source) -> Iterator[tuple[Value, bool]]:
    """Words, and whether each was quoted."""
    at, text = 0, source.text
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            what = "a quote that nothing closes on its line"
            if text[at] == "\\":
                what = "a backslash at the end of a line"
            raise source.wrong(at, what, "close the quote, or take it away")
        at = match.end()
        if match["quoted"] is not None:
            yield Value(match["quoted"][1:-1], match.start(), at), True
        elif match["word"] is not None:
            yield Value(match["word"], match.start(), at), False
