"""A forwarding table for people: in the terminal, and as the README of a generated folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from lab.exchange.importing import TITLES
from lab.exchange.table import Entry, ForwardingTable, Place

_HEADINGS = ("zone", "asked", "waits", "then", "stands in")


def table_text(table: ForwardingTable) -> Iterator[str]:
    """The lines that tell everything in a table."""
    yield f"{table.files[0]}: {TITLES[table.format]}"
    if len(table.files) > 1:
        yield f"  with {', '.join(_short(each) for each in table.files[1:])}"
    yield f"  order: {table.order} ({table.order_source})"
    yield ""
    yield from aligned([_HEADINGS, *(_row(table, each) for each in table.entries)])
    yield f"{'other names' if not _has_root(table) else 'in the end'}: {_in_the_end(table)}"
    if table.hosted:
        yield ""
        yield "answered by the server itself, before any rule:"
        for hosted in table.hosted:
            view = f" [view {hosted.view}]" if hosted.view else ""
            yield f"  {hosted.zone}{view}: {hosted.how}, {_place(hosted.place)}"
    if table.remarks:
        yield ""
        yield "not in the table, or not all of it:"
        for remark in table.remarks:
            yield f"  {_place(remark.place)}: {remark.text}"


def read_me(table: ForwardingTable, stems: Iterable[str], left_out: Iterable[str]) -> str:
    """The README of a generated folder."""
    stems, left_out = list(stems), list(left_out)
    name = Path(table.files[0]).name
    subject = table.format.removesuffix("-yaml")
    judge = (
        f"    forwardlab run . --subject dns={subject} --config dns={table.files[0]}\n"
        if table.format != "windows"
        else ""
    )
    own = "the second one your own server with your own file. " if judge else ""
    lines = [
        f"# What {name} forwards, as scenarios",
        "",
        "```",
        *table_text(table),
        "```",
        "",
        (
            f"`topology.toml` has its servers at their own addresses; {len(stems)} scenarios ask "
            "about every rule: a hit, a sibling, a parent, a child, each server down, all down."
        ),
        "",
        "    forwardlab run .\n" + judge,
        (
            f"The first command judges the lab's own resolver with these rules, {own}Captures, "
            "ladders and a report come with each run."
        ),
    ]
    if left_out:
        lines += ["", "Without scenarios:", "", *(f"- {each}" for each in left_out)]
    return "\n".join(lines) + "\n"


def aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Rows as lines, columns beneath one another."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{text:{width}}" for text, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _row(table: ForwardingTable, entry: Entry) -> tuple[str, ...]:
    servers = ", ".join(map(str, entry.servers)) or "nobody: forwarding ends here"
    kind = " (as authorities)" if entry.stub else ""
    view = f" [view {entry.view}]" if entry.view else ""
    waits = "by itself" if entry.timeout_s is None else f"{entry.timeout_s:g} s"
    then = "resolves itself" if entry.falls_back and table.recursion else "fails"
    if not entry.servers:
        waits = "-"
    return (f"{entry.zone}{view}", f"{servers}{kind}", waits, then, _place(entry.place))


def _in_the_end(table: ForwardingTable) -> str:
    if not _has_root(table):
        return "resolved from the root servers" if table.recursion else "not resolved"
    return "every name has a rule"


def _has_root(table: ForwardingTable) -> bool:
    return any(each.zone == "." for each in table.entries)


def _place(place: Place) -> str:
    return f"{_short(place.file)} line {place.line}"


def _short(path: str) -> str:
    return Path(path).name
