"""How reports say things: durations, and a mark with a word for every outcome."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from lab.report.record import OutcomeWord, ScenarioRecord

MARKS: Mapping[OutcomeWord, str] = {
    "passed": "✔",
    "failed": "✘",
    "deviates": "≈",
    "observed": "◉",
    "unsupported": "⊘",
    "broken": "‼",
}
"""A shape per outcome, so that nothing hangs on colour; the word always stands beside it."""

ASCII_MARKS: Mapping[OutcomeWord, str] = {
    "passed": "+",
    "failed": "X",
    "deviates": "~",
    "observed": "o",
    "unsupported": "-",
    "broken": "!",
}
"""The same for terminals that cannot show more."""

OUTCOMES: tuple[OutcomeWord, ...] = tuple(MARKS)
"""In the order in which totals are told."""


def duration(milliseconds: float) -> str:
    """About three digits and the unit that suits them: "0.42 ms", "2.002 s", "1 min 40 s"."""
    size = abs(milliseconds)
    if size < 10:
        return f"{milliseconds:.2f} ms"
    if size < 1_000:
        return f"{milliseconds:.1f} ms"
    if size < 10_000:
        return f"{milliseconds / 1_000:.3f} s"
    if size < 100_000:
        return f"{milliseconds / 1_000:.1f} s"
    minutes, seconds = divmod(round(milliseconds / 1_000), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"


def instant(milliseconds: float) -> str:
    """A moment, to ten microseconds however late it is: "2 001.42 ms"."""
    return f"{milliseconds:,.2f} ms".replace(",", "\u2009")


def connect_time(scenario: ScenarioRecord) -> str:
    """The time to connect, or that there was none; its clock stands elsewhere."""
    if scenario.time_to_connect_ms is None:
        return "-" if scenario.outcome in ("unsupported", "broken") else "no connection"
    return duration(scenario.time_to_connect_ms)


def totals(counts: Mapping[str, int]) -> str:
    """How many scenarios came out how: "7 passed, 1 failed"."""
    told = [f"{counts[word]} {word}" for word in OUTCOMES if counts.get(word)]
    return ", ".join(told) or "nothing ran"


def printable(text: str) -> str:
    """The text with control characters shown as escapes: packets may carry anything, and a report
    must neither move a terminal's cursor nor break an XML file. Line breaks stay."""
    if text.isprintable():
        return text
    return "".join(char if _shows(char) else f"\\x{ord(char):02x}" for char in text)


def _shows(char: str) -> bool:
    return char == "\n" or char.isprintable() or unicodedata.category(char) == "Zs"
