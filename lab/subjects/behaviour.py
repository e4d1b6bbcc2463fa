"""What stock servers document of themselves: order, timers, RCODEs, fall-back, and where they do
otherwise than a rule demands. Data with sources, a TOML file for each subject in `behaviour/`.

A verdict tells "breaks the rule" from "documented otherwise" by it: a failure that is listed
DEVIATES, with the citation; a listed one that happens no longer is a failure itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from lab.judge.rules import RULES, strictest
from lab.subjects.subject import SEATS, SeatName, SubjectName
from lab.topology.plan import Plan
from lab.values import unknown

FOLDER: Final = Path(__file__).with_name("behaviour")

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

Topic = Literal["order", "timers", "rcodes", "fall-back", "failures", "cache", "transport", "nat"]
"""Whom it asks first, how long it waits, which RCODEs send it on, what it does when all forwarders
fail, what it remembers of failures, of answers; EDNS and TCP; and address translation."""


class BehaviourMalformed(Exception):
    """A file of behaviour cannot be read; the message lists every fault with file and place."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Documented(_Part):
    """A behaviour, in its maker's words or ours, and where the maker says so."""

    topic: Topic
    text: Words
    source: Words
    """A manual page with its option, a release note, a file of its source and what to look for."""


class Deviation(_Part):
    """Where a subject does otherwise than a rule demands, as it documents."""

    seat: SeatName
    rules: tuple[str, ...] = Field(min_length=1)
    """Of the expectations that cite any of these rules …"""
    scenarios: tuple[Words, ...] = Field(min_length=1)
    """… in these scenarios, globs of ids, with or without "@" and a viewer …"""
    expectation: tuple[Words, ...] = ("*",)
    """… those whose text this glob fits, or one of a list of globs."""
    varies: float | None = Field(default=None, ge=0.05, lt=1)
    """The chance of a breach in one trial at least, where its choice is drawn or follows round-trip
    times; None: it happens every time."""
    seldom: bool = False
    """A breach is drawn so seldom, in one trial of twenty or fewer, that no number of trials that
    anybody waits for shows it for certain."""
    because: Words
    source: Words

    @field_validator("expectation", mode="before")
    @classmethod
    def _globs(cls, written: object) -> object:
        return (written,) if isinstance(written, str) else written

    @field_validator("rules")
    @classmethod
    def _known(cls, rules: tuple[str, ...]) -> tuple[str, ...]:
        for rule in rules:
            if rule not in RULES:
                raise ValueError(unknown("rule", rule, RULES))
        if strictest(rules) == "observed":
            raise ValueError(
                f"{', '.join(rules)} demand nothing, so nobody can deviate; take the listing away, "
                "what is seen is reported as observed"
            )
        return rules

    @model_validator(mode="after")
    def _one_chance(self) -> Self:
        if self.seldom and self.varies is not None:
            raise ValueError("either seldom or varies: a chance of 0.05 and more is a number")
        return self

    @property
    def is_drawn(self) -> bool:
        """Whether it happens in some trials only."""
        return self.seldom or self.varies is not None

    def covers(self, scenario: str, text: str, rules: tuple[str, ...]) -> bool:
        """Whether it is about an expectation, by its scenario's id, its words and its rules."""
        ids = (scenario, scenario.partition("@")[0])
        return (
            not set(self.rules).isdisjoint(rules)
            and any(fnmatchcase(each, glob) for each in ids for glob in self.scenarios)
            and any(fnmatchcase(text, glob) for glob in self.expectation)
        )


class Behaviour(_Part):
    """What is known of a subject."""

    subject: SubjectName
    checked: Words
    """The version for which everything was checked: "1.17.1", or "9.18" for all of that series."""
    draws: bool = False
    """Whether chance or round-trip times have a say in whom it asks; documented under "order"."""
    documented: tuple[Documented, ...] = ()
    deviations: tuple[Deviation, ...] = ()

    def was_checked_for(self, version: str) -> bool:
        """Whether it says anything certain of this version."""
        return version == self.checked or version.startswith(
            (f"{self.checked}.", f"{self.checked}-")
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """A deviation of a subject that sits in a seat now."""

    deviation: Deviation
    subject: SubjectName
    version: str
    """The one that sits there."""
    checked: str
    """The one that the listing is about."""
    certain: bool
    """Whether the listing is about what sits there: this version, with our configuration."""


def read_behaviour(path: Path) -> Behaviour:
    """Read a subject's file. Raises BehaviourMalformed with every fault and its place."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BehaviourMalformed(
            f"{path}: {error.strerror}; what is known of a subject belongs there"
        ) from error
    except UnicodeDecodeError as error:
        raise BehaviourMalformed(f"{path}: not UTF-8 text; save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise BehaviourMalformed(f"{path}: not TOML: {error}") from error
    try:
        behaviour = Behaviour.model_validate(content)
    except ValidationError as error:
        raise BehaviourMalformed(
            "\n".join(f"{path}: {_place(each['loc'])}: {each['msg']}" for each in error.errors())
        ) from error
    if behaviour.subject != path.stem:
        raise BehaviourMalformed(
            f"{path}: subject: is {behaviour.subject!r}, and the file is {path.stem}'s; "
            "write the same in both"
        )
    return behaviour


@cache
def behaviour_of(subject: str, folder: Path = FOLDER) -> Behaviour | None:
    """What is known of a subject; None where nobody has written it down. Raises
    BehaviourMalformed."""
    path = folder / f"{subject}.toml"
    return read_behaviour(path) if path.exists() else None


def listed_for(plan: Plan, folder: Path = FOLDER) -> tuple[Listed, ...]:
    """The listed deviations of every subject that sits in a plan. Raises BehaviourMalformed."""
    seats: Mapping[str, SeatName] = {program: seat for seat, program in SEATS.items()}
    sitting = {
        (seats[program.name], program.daemon.subject): program.daemon
        for node in plan.nodes
        for program in node.programs
        if program.daemon is not None and program.name in seats
    }
    return tuple(
        Listed(
            each,
            behaviour.subject,
            daemon.version,
            behaviour.checked,
            # A user's own file may well set what our rendering leaves at its default.
            certain=behaviour.was_checked_for(daemon.version) and not daemon.overrides,
        )
        for (seat, subject), daemon in sitting.items()
        if (behaviour := behaviour_of(subject, folder)) is not None
        for each in behaviour.deviations
        if each.seat == seat
    )


def _place(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".") or "the whole"
