"""Rules on the terminal: a table of what each demands, who judges it, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.report.coverage import Coverage
from lab.report.record import OutcomeWord
from lab.report.rules import RuleWord
from lab.report.terminal import STYLES
from lab.report.wording import ASCII_MARKS, MARKS, printable

_PIPE_WIDTH: Final = 200
"""Columns, where nobody's window says how many there are."""
_SHOWN_AS: Final[Mapping[RuleWord, OutcomeWord]] = {"caught": "passed", "missed": "failed"}
_MOST_NAMED: Final = 12
"""So many rules without a scenario are named below the table."""


def print_rules(rules: Sequence[Coverage], told: str) -> None:
    """Print the rules. `told` says where the outcomes come from; empty where there are none."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    marks = MARKS if console.encoding.lower().replace("-", "").startswith("utf") else ASCII_MARKS
    table = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    table.add_column("rule", no_wrap=True)
    table.add_column("severity", no_wrap=True)
    table.add_column("demands", ratio=5, overflow="fold")
    table.add_column("judged by", ratio=4, overflow="fold")
    for each in rules:
        table.add_row(each.rule.id, each.rule.severity, Text(each.rule.text), _judges(each, marks))
    console.print(table)
    console.print()
    console.print(Text(_summary(rules, told)), soft_wrap=True)


def _judges(each: Coverage, marks: Mapping[OutcomeWord, str]) -> Text:
    """The scenarios, one in a line, each with its results; those of its viewers in one; below them
    the subjects of matrices."""
    results: dict[str, dict[tuple[RuleWord, str], list[str]]] = {}
    for result in each.results:
        scenario, _, viewer = result.scenario.partition("@")
        of_kind = results.setdefault(scenario, {}).setdefault((result.word, result.world), [])
        of_kind += [viewer] if viewer else []
    lines = [Text("no scenario", style="bold yellow")] if each.is_missing else []
    for identifier in dict.fromkeys((*each.judged_by, *each.broken_by, *results)):
        line = Text(printable(identifier))
        if identifier in each.broken_by and identifier not in each.judged_by:
            line.append(" (broken on purpose)", style="dim")
        for (word, world), viewers in results.get(identifier, {}).items():
            outcome = _SHOWN_AS.get(word) or cast("OutcomeWord", word)
            where = ", ".join([world, *_named(viewers, outcome)])
            line.append(f" {marks[outcome]} {word} ({where})", style=STYLES[outcome])
        lines.append(line)
    return Text("\n").join([*lines, *_subjects(each, marks)])


def _subjects(each: Coverage, marks: Mapping[OutcomeWord, str]) -> list[Text]:
    """Who of a matrix came out how: a line for each outcome."""
    by_word: dict[OutcomeWord, list[str]] = {}
    for one in each.subjects:
        by_word.setdefault(one.word, []).append(f"{one.seat}={one.subject}")
    return [
        Text(f"{marks[word]} {word}: {', '.join(names)}", style=STYLES[word])
        for word, names in by_word.items()
    ]


def _named(viewers: Sequence[str], outcome: OutcomeWord) -> Sequence[str]:
    """Who they are, where that matters; how many otherwise."""
    if len(viewers) < 2 or outcome != "passed":
        return viewers
    return (f"{len(viewers)} viewers",)


def _summary(rules: Sequence[Coverage], told: str) -> str:
    missing = [each.rule.id for each in rules if each.is_missing]
    named = f" ({', '.join(missing)})" if 0 < len(missing) <= _MOST_NAMED else ""
    counted = f"{len(rules)} {'rule' if len(rules) == 1 else 'rules'}"
    counts = [(word, sum(each.outcome == word for each in rules)) for word in MARKS]
    outcomes = ", ".join(f"{number} {word}" for word, number in counts if number)
    judged = sum(each.is_judged for each in rules)
    words = f"{judged} judged for at least one subject" if judged else "none of them was judged"
    came_of_it = f"{told}: {words}{f'; {outcomes}' if outcomes else ''}" if told else ""
    return f"{counted}, {len(missing)} without a scenario{named}\n{came_of_it}".rstrip()
