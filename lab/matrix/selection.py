"""What a matrix is made of: rules, subjects in seats, and the trials that judge them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal, TypeAlias

from lab.judge.rules import RULES
from lab.matrix.concerns import rules_about
from lab.scenario.model import Scenario
from lab.subjects.roster import SUBJECTS
from lab.subjects.rule_seats import RuleSeat, rule_seats
from lab.subjects.subject import SEATS, SeatName, Subject, SubjectName
from lab.topology.plan import Plan
from lab.values import unknown

WAITING: Final = "waiting/"
"""The scenarios of the waiting table, by the beginning of their ids."""

QUICK: Final = (
    "cluster/eight_steps/*",
    "cluster/five_steps",
    "conditional/longest_match/*",
    "caching/within_the_ttl/*",
    "edns/opt_record/for_an_opt_record",
    "edns/opt_record/unknown_options",
    "forwarding/first_forwarder_silent",
    "transport/reply_source/*",
    "translation/answer_and_table_agree*",
    "translation/icmp/*",
    "translation/no_real_address_on_lan*",
)
"""The fixed subset that `--quick` runs: globs of ids."""

Roster: TypeAlias = Mapping[SubjectName, Subject]


class MatrixError(Exception):
    """What was asked for makes no matrix; the message has the remedy."""


@dataclass(frozen=True, slots=True, order=True)
class Column:
    """A subject in a seat."""

    seat: RuleSeat
    subject: SubjectName

    def __str__(self) -> str:
        return f"{self.seat}={self.subject}"


@dataclass(frozen=True, slots=True)
class Task:
    """A scenario to be run with a subject in a seat, or with ours in all."""

    scenario: str
    """Its id."""
    column: Column | None
    """None: ours in every seat."""
    kind: Literal["seat", "lab"] = "seat"
    """"lab": for what forwardlab itself does, in virtual time."""

    @property
    def seat(self) -> str:
        """As the record has it: "" where ours sits in every seat."""
        if self.column is not None:
            return self.column.seat
        return "lab" if self.kind == "lab" else ""

    @property
    def subject(self) -> SubjectName:
        """Who is judged."""
        return "ours" if self.column is None else self.column.subject

    @property
    def folder(self) -> str:
        """Where its files go, below a folder for all of a kind: "dns-unbound"."""
        return f"{self.seat}-{self.subject}".removeprefix("-")


def columns_named(words: Iterable[str], roster: Roster = SUBJECTS) -> tuple[Column, ...]:
    """The columns that words such as "dns=unbound" or "dns" name; none name all. Ours stand first
    in each seat. Raises MatrixError."""
    able: dict[SeatName, list[SubjectName]] = {
        seat: ["ours", *(name for name, each in roster.items() if seat in each.seats)]
        for seat in SEATS
    }
    everything = (
        *(Column(seat, subject) for seat, subjects in able.items() for subject in subjects),
        Column("lab", "ours"),
    )
    words = list(words)
    if not words:
        return everything
    chosen: set[Column] = set()
    for word in words:
        seat, equals, subject = word.partition("=")
        if seat not in {*SEATS, "lab"}:
            raise MatrixError(f"--subjects {word}: {unknown('seat', seat, [*SEATS, 'lab'])}")
        fitting = [each for each in everything if each.seat == seat]
        if equals:
            names = [each.subject for each in fitting]
            if subject not in names:
                raise MatrixError(
                    f"--subjects {word}: {unknown(f'subject of the seat {seat}', subject, names)}"
                )
            fitting = [each for each in fitting if each.subject == subject]
        chosen.update(fitting)
    return tuple(each for each in everything if each in chosen)


def rules_named(words: Iterable[str]) -> tuple[str, ...]:
    """The rules that ids and globs name, in the catalogue's order; none name all. Raises
    MatrixError."""
    words = [word.upper() for word in words]
    for word in words:
        if not any(fnmatchcase(rule, word) for rule in RULES):
            near = difflib.get_close_matches(word, RULES, n=1)
            hint = f"did you mean {near[0]}?" if near else "`forwardlab rules` lists them"
            raise MatrixError(f"--rules {word}: no rule of that name; {hint}")
    return tuple(
        rule for rule in RULES if not words or any(fnmatchcase(rule, word) for word in words)
    )


def tasks_for(
    scenarios: Mapping[str, Scenario],
    plans: Mapping[str, Plan],
    columns: Sequence[Column],
    rules: Sequence[str],
    *,
    waits: bool,
) -> tuple[Task, ...]:
    """What has to run so that every rule is judged for every column by every scenario that can.

    With ours in every seat one trial serves all seats. `waits`: those of the waiting table run for
    every subject of the DNS seat, and else not at all.
    """
    wanted = frozenset(rules)
    found: dict[Task, None] = {}
    for column in columns:
        for identifier, scenario in scenarios.items():
            if identifier.startswith(WAITING):
                wants = waits and column.seat == "dns"
            else:
                wants = any(
                    wanted.intersection(about)
                    for about in rules_by_expectation(scenario, plans[scenario.topology], column)
                )
            if not wants or scenario.violates:
                continue
            if column.seat == "lab":
                task = Task(identifier, None, "lab")
            else:
                task = Task(identifier, None if column.subject == "ours" else column)
            found[task] = None
    return tuple(found)


def nothing_to_run(columns: Iterable[Column], rules: Iterable[str], *, quick: bool) -> str:
    """Why there is no task, and what to name instead."""
    asked = sorted({column.seat for column in columns})
    able = sorted({seat for rule in rules for seat in rule_seats()[rule]})
    told = f"nothing to run: no scenario judges {', '.join(asked)} by these rules"
    if not set(able).intersection(asked):
        return f"{told}; they concern {', '.join(able)}, so name such a seat with --subjects"
    if quick:
        return f"{told} in the fixed part; take --quick away"
    return f"{told}; `forwardlab rules` says which scenarios judge them"


def rules_by_expectation(
    scenario: Scenario, plan: Plan, column: Column
) -> tuple[tuple[str, ...], ...]:
    """For each expectation of a scenario, the rules by which it judges the column."""
    return tuple(
        rules_about(each, column.seat, column.subject, scenario, plan)
        for each in scenario.expectations
    )


def is_quick(identifier: str) -> bool:
    """Whether a scenario is of the fixed subset."""
    return any(fnmatchcase(identifier, glob) for glob in QUICK)
