"""The plain part of Lua: assignments and calls of literals, as people write a kresd.conf.

What is computed (functions, loops, conditions, operators) is not run and not guessed at: it comes
as `Computed`, with its place. Lexical rules are those of the Lua 5.1 Reference Manual, section 2.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeGuard

from lab.exchange.source import Source

_DEEPEST: Final = 40
_TOKEN = re.compile(
    r"""
      (?P<space>   \s+ | --\[(?P<level>=*)\[.*?\](?P=level)\] | --[^\n]* )
    | (?P<long>    \[(?P<equals>=*)\[.*?\](?P=equals)\] )
    | (?P<quoted>  "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' )
    | (?P<number>  0[xX][0-9a-fA-F]+ | (?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? )
    | (?P<name>    [A-Za-z_]\w* )
    | (?P<mark>    \.\.\. | \.\. | [=~<>]= | [-+*/%^\#=<>(){}\[\];:,.] )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(\d{1,3}|.)", re.DOTALL)
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_OPENERS = frozenset({"function", "if", "do", "repeat"})
_BLOCKS = frozenset({"function", "if", "for", "while", "do", "repeat", "return", "break"})
_OPERATORS = frozenset(
    {*("+", "-", "*", "/", "%", "^", "..", "==", "~=", "<", ">", "<=", ">="), "and", "or"}
)
_WORDS = frozenset({*_BLOCKS, "and", "or", "not", "end", "then", "else", "elseif", "in", "until"})


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    value: str
    at: int


@dataclass(frozen=True, slots=True)
class Number:
    """A number, as written; true, false and nil too."""

    value: str
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """A variable or field: "policy.todnames"."""

    path: str
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function; a method's is written with a colon: "view:addr"."""

    name: str
    arguments: tuple[Expression, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table: what stands in it in order, and what stands at names."""

    items: tuple[Expression, ...]
    fields: tuple[tuple[str, Expression], ...]
    at: int


@dataclass(frozen=True, slots=True)
class Computed:
    """Something that only running it would tell."""

    at: int


Expression: TypeAlias = Text | Number | Name | Call | Table | Computed


@dataclass(frozen=True, slots=True)
class Assignment:
    """A variable or field gets a value."""

    name: str
    value: Expression
    at: int


Statement: TypeAlias = Assignment | Call | Computed


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def lua_statements(source: Source) -> Iterator[Statement]:
    """The file's statements in order. Raises Unreadable with the line of the first mistake."""
    reader = _Reader(source)
    while (statement := reader.statement()) is not None:
        yield statement


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._tokens = list(_tokens(source))
        self._place = 0

    def statement(self) -> Statement | None:
        while self._is(";"):
            self._place += 1
        token = self._peek()
        if token is None:
            return None
        if token.text == "local" and token.kind == "name":
            self._place += 1
            token = self._peek() or token
        if token.kind == "name" and token.text in _BLOCKS:
            return self._block(token)
        if token.kind != "name" or token.text in _WORDS:
            raise self._source.wrong(
                token.at, f'"{token.text[:20]}" cannot begin a statement', "correct it there"
            )
        target = self._suffixed(0)
        if self._is("=", ","):
            several = self._is(",")
            while self._take(","):
                self._suffixed(0)
            self._expect("=")
            value = self._expression(0)
            while self._take(","):
                several = True
                self._expression(0)
            if several or not isinstance(target, Name):
                return Computed(token.at)
            return Assignment(target.path, value, token.at)
        return target if isinstance(target, Call) else Computed(token.at)

    # --- expressions ----------------------------------------------------------------------------

    def _expression(self, depth: int) -> Expression:
        first = self._operand(depth)
        token = self._peek()
        if token is None or token.text not in _OPERATORS or token.kind in {"quoted", "long"}:
            return first
        while (token := self._peek()) and token.text in _OPERATORS:
            self._place += 1
            self._operand(depth)
        return Computed(first.at)

    def _operand(self, depth: int) -> Expression:
        self._not_too_deep(depth)
        token = self._next()
        if (literal := _literal(token)) is not None:
            return literal
        if token.text in {"-", "#", "not"}:
            self._operand(depth + 1)
            return Computed(token.at)
        self._place -= 1
        if token.text == "function":
            return self._block(token)
        if token.text == "{":
            return self._table(depth + 1)
        return self._suffixed(depth + 1)

    def _suffixed(self, depth: int) -> Expression:
        """A name, and what is behind it: fields, calls."""
        self._not_too_deep(depth)
        token = self._next()
        found: Expression
        if token.text == "(":
            self._expression(depth + 1)
            self._expect(")")
            found = Computed(token.at)
        elif token.kind == "name" and token.text not in _WORDS:
            found = Name(token.text, token.at)
        else:
            raise self._source.wrong(
                token.at, f'"{token.text[:20]}" where a value should be', "correct it there"
            )
        while (following := self._peek()) is not None:
            if following.text in {".", ":"} and following.kind == "mark":
                self._place += 1
                field = self._next()
                name = f"{found.path}{following.text}{field.text}" if _named(found) else None
                found = Name(name, token.at) if name else Computed(token.at)
            elif self._take("["):
                self._expression(depth + 1)
                self._expect("]")
                found = Computed(token.at)
            elif following.text in {"(", "{"} or following.kind in {"quoted", "long"}:
                arguments = self._arguments(depth + 1)
                named = found.path if _named(found) else None
                found = Call(named, arguments, token.at) if named else Computed(token.at)
            else:
                break
        return found

    def _arguments(self, depth: int) -> tuple[Expression, ...]:
        if not self._take("("):
            return (self._operand(depth),)
        found: list[Expression] = []
        while not self._take(")"):
            found.append(self._expression(depth))
            if not self._is(")"):
                self._expect(",")
        return tuple(found)

    def _table(self, depth: int) -> Table:
        at = self._next().at
        items: list[Expression] = []
        fields: list[tuple[str, Expression]] = []
        while not self._take("}"):
            token, following = self._peek(), self._peek(1)
            if token and following and token.kind == "name" and following.text == "=":
                self._place += 2
                fields.append((token.text, self._expression(depth)))
            elif self._take("["):
                key = self._expression(depth)
                self._expect("]")
                self._expect("=")
                value = self._expression(depth)
                name = key.value if isinstance(key, Text | Number) else "?"
                fields.append((name, value))
            else:
                items.append(self._expression(depth))
            if not self._is("}") and not self._take(";"):
                self._expect(",")
        return Table(tuple(items), tuple(fields), at)

    # --- what is computed -----------------------------------------------------------------------

    def _block(self, begun: _Token) -> Computed:
        """Pass over a block to its end."""
        if begun.text in {"return", "break"}:
            self._place = len(self._tokens)
            return Computed(begun.at)
        depth = 0
        while (token := self._peek()) is not None:
            self._place += 1
            if token.kind != "name":
                continue
            depth += token.text in _OPENERS
            depth -= token.text in {"end", "until"}
            if depth == 0 and token.text in {"end", "until"}:
                if token.text == "until":
                    self._expression(0)
                return Computed(begun.at)
        raise self._source.wrong(begun.at, f'"{begun.text}" without its end', 'write "end"')

    # --- tokens ---------------------------------------------------------------------------------

    def _peek(self, ahead: int = 0) -> _Token | None:
        place = self._place + ahead
        return self._tokens[place] if place < len(self._tokens) else None

    def _next(self) -> _Token:
        token = self._peek()
        if token is None:
            end = len(self._source.text)
            raise self._source.wrong(end, "the file ends too soon", "close what is open")
        self._place += 1
        return token

    def _is(self, *marks: str) -> bool:
        token = self._peek()
        return token is not None and token.kind == "mark" and token.text in marks

    def _take(self, mark: str) -> bool:
        taken = self._is(mark)
        self._place += taken
        return taken

    def _expect(self, mark: str) -> None:
        token = self._next()
        if token.kind != "mark" or token.text != mark:
            raise self._source.wrong(
                token.at, f'"{token.text[:20]}" where "{mark}" should be', f'write "{mark}" there'
            )

    def _not_too_deep(self, depth: int) -> None:
        if depth > _DEEPEST:
            at = self._tokens[min(self._place, len(self._tokens) - 1)].at
            raise self._source.wrong(at, "nested too deep", "give a kresd.conf")


def _named(found: Expression) -> TypeGuard[Name]:
    return isinstance(found, Name)


def _literal(token: _Token) -> Text | Number | None:
    match token.kind:
        case "quoted":
            return Text(_unescaped(token.text[1:-1]), token.at)
        case "long":
            return Text(re.sub(r"^\[=*\[\n?|\]=*\]$", "", token.text), token.at)
        case "number":
            return Number(token.text, token.at)
        case _ if token.text in {"true", "false", "nil", "..."}:
            return Number(token.text, token.at)
        case _:
            return None


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        said = match[1]
        return chr(int(said) % 256) if said.isdigit() else _ESCAPED.get(said, said)

    return _ESCAPE.sub(one, text)


def _tokens(source: Source) -> Iterator[_Token]:
    at, text = 0, source.text
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            what = "a quote that nothing closes" if text[at] in "\"'" else f"{text[at]!r}, no Lua"
            raise source.wrong(at, what, "correct it there")
        at = match.end()
        if match["space"] is not None:
            continue
        kind = next(k for k in ("long", "quoted", "number", "name", "mark") if match[k] is not None)
        yield _Token(kind, match[0], match.start())
