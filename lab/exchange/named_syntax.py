"""named.conf as statements: words, quoted words and blocks, each with its place in the text.

What the words mean is for others; BIND's own lexer (lib/isc/lex.c) says what is a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from lab.exchange.source import Source

_DEEPEST = 40
"""Blocks in blocks; what people write has six."""

_TOKEN = re.compile(
    r"""
      (?P<space>   \s+ | /\*.*?\*/ | //[^\n]* | \#[^\n]* )
    | (?P<quoted>  "(?:[^"\\]|\\.)*" )
    | (?P<mark>    [{};!] )
    | (?P<word>    (?:[^\s{};"!/\#] | /(?![*/]))+ )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Word:
    """A word, without its quotes."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between braces."""

    statements: tuple[Statement, ...]
    start: int
    end: int

    def named(self, *words: str) -> Iterator[Statement]:
        """Its statements that begin with one of these words."""
        return (each for each in self.statements if each.keyword in words)


Item: TypeAlias = Word | Block


@dataclass(frozen=True, slots=True)
class Statement:
    """Words and blocks up to a semicolon."""

    items: tuple[Item, ...]
    start: int
    end: int
    """Behind the semicolon."""

    @property
    def words(self) -> tuple[str, ...]:
        """Its words, without what stands in its blocks."""
        return tuple(item.text for item in self.items if isinstance(item, Word))

    @property
    def keyword(self) -> str:
        """Its first word, in small letters: BIND's keywords have no case."""
        return next(iter(self.words), "").lower()

    @property
    def block(self) -> Block | None:
        """Its first block."""
        return next((item for item in self.items if isinstance(item, Block)), None)


def statements_of(source: Source) -> Block:
    """The whole file. Raises Unreadable with the line of the first mistake."""
    return _Reader(source).file()


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._tokens = _tokens(source)

    def file(self) -> Block:
        statements, closed_at = self._statements(0)
        if closed_at is not None:
            raise self._source.wrong(closed_at, 'a "}" that closes nothing', "take it away")
        return Block(tuple(statements), 0, len(self._source.text))

    def _statements(self, depth: int) -> tuple[list[Statement], int | None]:
        """Statements up to the "}" at the returned place, or to the end of the file."""
        found: list[Statement] = []
        items: list[Item] = []
        for token in self._tokens:
            if token.text == "{" and token.is_mark:
                items.append(self._block(token.start, depth + 1))
            elif token.is_mark and token.text in ";}":
                if token.text == ";":
                    if items:
                        found.append(Statement(tuple(items), items[0].start, token.end))
                    items = []
                    continue
                if items:
                    raise self._source.wrong(
                        items[-1].end, 'no ";" behind this', 'end every statement with ";"'
                    )
                return found, token.start
            else:
                items.append(Word(token.text, token.start, token.end))
        if items:
            raise self._source.wrong(
                items[-1].end, 'the file ends without ";"', 'end every statement with ";"'
            )
        return found, None

    def _block(self, start: int, depth: int) -> Block:
        if depth > _DEEPEST:
            raise self._source.wrong(
                start, f"more than {_DEEPEST} blocks in one another", "give a named.conf"
            )
        statements, end = self._statements(depth)
        if end is None:
            raise self._source.wrong(start, 'a "{" that nothing closes', 'write "};" where it ends')
        return Block(tuple(statements), start, end + 1)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int
    end: int
    is_mark: bool


def _tokens(source: Source) -> Iterator[_Token]:
    at, text = 0, source.text
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            what, remedy = (
                ("a quote that nothing closes", "close it")
                if text[at] == '"'
                else ("a comment that nothing closes", 'write "*/" where it ends')
            )
            raise source.wrong(at, what, remedy)
        at = match.end()
        if match["quoted"] is not None:
            bare = re.sub(r"\\(.)", r"\1", match["quoted"][1:-1])
            yield _Token(bare, match.start(), at, is_mark=False)
        elif match["space"] is None:
            # "!" negates what follows it, and is no word of its own to end a statement at.
            mark = match["mark"] is not None and match["mark"] != "!"
            yield _Token(match[0], match.start(), at, is_mark=mark)
