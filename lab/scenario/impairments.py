"""What a bad link does to packets, as a value.

One vocabulary for steps, topologies and worlds. `lab.worlds.impairing` decides by it what happens
to each packet; that module is the reference for every word here.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from lab.scenario.value import Value

Direction: TypeAlias = Literal["out", "in"]
"""As the node sees it: "out" is what leaves its interface, "in" what comes to it."""

_Milliseconds = Annotated[float, Field(ge=0, le=60_000, allow_inf_nan=False)]
_Every = Annotated[int, Field(ge=1, le=1_000_000)]
_Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]

_CHANCES = ("lose", "duplicate", "reorder")


class Impairment(Value):
    """How a link treats IP packets in one direction. What is 0 or None is left alone.

    `..._every` n: packets number n, 2n, 3n, …, counted from the moment the link got bad: the same
    packets in every run and in both worlds. `..._percent`: each packet by chance, drawn from the
    run's seed; judge it by ranges. ARP and neighbour discovery pass untouched.
    """

    delay_ms: _Milliseconds = 0.0
    jitter_ms: _Milliseconds = 0.0
    """Each packet waits `delay_ms` give or take up to this much, evenly spread; so packets may
    overtake one another."""
    lose_every: _Every | None = None
    lose_percent: _Percent = 0.0
    duplicate_every: _Every | None = None
    """These packets arrive twice, each copy with a delay of its own."""
    duplicate_percent: _Percent = 0.0
    reorder_every: _Every | None = None
    """These packets do not wait: they overtake those before them that do. Needs `delay_ms`."""
    reorder_percent: _Percent = 0.0
    rate_kbit_s: Annotated[float, Field(ge=0, le=10_000_000, allow_inf_nan=False)] = 0.0
    """Frames, with 14 octets of Ethernet header, leave one after the other at this rate; the queue
    has no end. 1 kbit is 1,000 bit."""
    mtu: Annotated[int, Field(ge=576, le=1500)] | None = None
    """The largest IP packet of the node's own interface, in octets, both ways: what leaves is cut
    in fragments or refused (RFC 1191), what arrives larger is lost, as a kernel loses it."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self == type(self).model_construct():
            raise ValueError("an impairment that impairs nothing; say delay_ms=, lose_every=, …")
        for chance in _CHANCES:
            if getattr(self, f"{chance}_every") and getattr(self, f"{chance}_percent"):
                raise ValueError(
                    f"{chance}_every and {chance}_percent exclude each other; keep one"
                )
        if self.jitter_ms > self.delay_ms:
            raise ValueError("jitter_ms is more than delay_ms; packets cannot arrive early")
        if (self.reorder_every or self.reorder_percent) and not self.delay_ms:
            raise ValueError("reordering needs delay_ms: only who waits can be overtaken")
        return self

    @property
    def counts(self) -> bool:
        """Whether it picks packets by their number."""
        return any(getattr(self, f"{chance}_every") for chance in _CHANCES)

    @property
    def treats_packets(self) -> bool:
        """Whether it does more than limit their size."""
        return self.model_copy(update={"mtu": None}) != type(self).model_construct()

    def told(self) -> str:
        """In words: "50 ms delay, every 10th packet lost"."""
        return ", ".join(self._words())

    def _words(self) -> list[str]:
        words = []
        if self.delay_ms:
            jitter = f" ± {self.jitter_ms:g} ms" if self.jitter_ms else ""
            words.append(f"{self.delay_ms:g} ms{jitter} delay")
        for chance, done in (("lose", "lost"), ("duplicate", "doubled"), ("reorder", "reordered")):
            every = getattr(self, f"{chance}_every")
            percent = getattr(self, f"{chance}_percent")
            if every:
                words.append(f"every {_ordinal(every)} packet {done}")
            elif percent:
                words.append(f"{percent:g} % of packets {done}")
        if self.rate_kbit_s:
            words.append(f"{self.rate_kbit_s:g} kbit/s")
        if self.mtu:
            words.append(f"MTU {self.mtu}")
        return words


def _ordinal(number: int) -> str:
    if number == 1:
        return "single"
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in {11, 12, 13} else 0)
    return f"{number}{ending or 'th'}"
