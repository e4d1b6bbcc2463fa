"""A user's own named.conf in a seat: as it is, but for where it lives, listens and writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from lab.exchange.named_syntax import Block, Statement, Word, statements_of
from lab.exchange.source import Source, Unreadable, has_wildcards
from lab.subjects import dns_aliases
from lab.subjects.adopting import Edit, Taking, adopt_files, own_words
from lab.subjects.bind_resolver import INNER, place
from lab.subjects.rendering import FOLDER, Text
from lab.subjects.subject import Sitting
from resolver.config import DnsTranslatorConfig
from resolver.programs import listens

_OURS: Final = frozenset(
    {
        "directory",
        "managed-keys-directory",
        "pid-file",
        "lock-file",
        "session-keyfile",
        "listen-on",
        "listen-on-v6",
    }
)
"""Options that the lab sets itself."""
_SOURCES: Final = frozenset({"query-source", "query-source-v6", "transfer-source", "notify-source"})
_TAKEN_AWAY: Final[Mapping[str, str]] = {
    "controls": "no control channel in the lab",
    "statistics-channels": "no statistics channel in the lab",
    "logging": "what it tells goes where it was started",
}
_COPIES: Final = frozenset({"primary", "master", "hint", "redirect"})
"""Types of zones whose file is theirs; the file of any other is written by named."""


def adopted(sitting: Sitting, config: Path) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """(files, overrides). Raises CannotFill and OSError."""
    found: list[str] = []
    taken = adopt_files(config, lambda source, taking: _edits(source, taking, sitting, found))
    name, text = taken.files[0]
    if not found:
        text = f"{text.rstrip()}\n\noptions {{\n{_own_options(sitting)}}};\n"
    text = f"{text.rstrip()}\n\ncontrols {{ }};\n"
    told = (*taken.overrides, f"listens on {', '.join(_addresses(sitting))}")
    return ((name, text), *taken.files[1:]), told


def _edits(source: Source, taking: Taking, sitting: Sitting, found: list[str]) -> Iterator[Edit]:
    whole = statements_of(source)
    yield from _of_statements(whole.statements, taking, sitting, found)


def _of_statements(
    statements: tuple[Statement, ...], taking: Taking, sitting: Sitting, found: list[str]
) -> Iterator[Edit]:
    for statement in statements:
        key, block = statement.keyword, statement.block
        if key == "include":
            yield from _included(statement, taking)
        elif key in _TAKEN_AWAY:
            told = f"{key} is taken away: {_TAKEN_AWAY[key]}"
            yield Edit(statement.start, statement.end, "", told)
        elif key == "options" and block is not None:
            found.append(key)
            yield from _of_options(block, taking, sitting)
        elif key == "zone" and block is not None:
            yield from _of_zone(block, taking)
        elif key == "view" and block is not None:
            yield from _of_statements(block.statements, taking, sitting, found)


def _included(statement: Statement, taking: Taking) -> Iterator[Edit]:
    written = statement.items[1]
    if not isinstance(written, Word):
        return
    if has_wildcards(written.text):
        text = "\n".join(f'include "{file}";' for file in taking.several(written.text))
        yield Edit(statement.start, statement.end, text)
    else:
        yield Edit(written.start, written.end, f'"{taking.config(written.text)}"')


def _of_options(block: Block, taking: Taking, sitting: Sitting) -> Iterator[Edit]:
    yield Edit(block.end - 1, block.end - 1, f"\n{_own_options(sitting)}")
    for statement in block.named(*_OURS, *_SOURCES):
        key = statement.keyword
        written = own_words(statement.words[1:]) or "{ ... }"
        if key == "directory":
            taking.folders.append(Path(written))
        if key in _SOURCES:
            told = f"{key} is taken away: the node has addresses of its own"
        elif key in {"listen-on", "listen-on-v6"}:
            told = f"{key} is taken away: the lab says where it listens"
        else:
            told = f"{key} {written}: what it writes is in its own folder here"
        yield Edit(statement.start, statement.end, "", told)


def _of_zone(block: Block, taking: Taking) -> Iterator[Edit]:
    kind = next((each.words[1].lower() for each in block.named("type") if each.words[1:]), "")
    for statement in block.named("file"):
        word = statement.items[1] if statement.items[1:] else None
        if not isinstance(word, Word):
            continue
        if kind in _COPIES:
            yield Edit(word.start, word.end, f'"{taking.plain(word.text)}"')
        else:
            yield Edit(word.start, word.end, f'"{FOLDER}/{_kept(word.text, taking)}"')


def _kept(written: str, taking: Taking) -> str:
    """The file of a zone that is copied from elsewhere: what there is of it already."""
    try:
        return taking.plain(written).removeprefix(f"{FOLDER}/")
    except Unreadable:
        return Path(written).name


def _own_options(sitting: Sitting) -> str:
    options = Text(INNER)
    ends = tuple(end for end, *_ in listens(sitting.config))
    if isinstance(sitting.config, DnsTranslatorConfig):
        own = dns_aliases.own_addresses(sitting.node, sitting.config)
        ends = tuple(end for end in ends if end.address in own)
    place(options, ends)
    return str(options)


def _addresses(sitting: Sitting) -> tuple[str, ...]:
    return tuple(dict.fromkeys(end.address for end, *_ in listens(sitting.config)))
