"""Thousands of questions, put to two resolvers, and every difference between their answers named.

A difference is explained when one of `EXPLANATIONS` is about it; each cites why both may be right,
or who is not. What nothing explains is a fault of ours until somebody has shown otherwise.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.zone
from real_internet import OURS, PEER, ZONES

TYPES: Final = (
    "A", "AAAA", "TXT", "MX", "NS", "SOA", "CNAME", "DNAME", "PTR", "SRV", "DS", "TYPE65280",
)  # fmt: skip

_AT_ONCE = 40
_PATIENCE_S = 12.0
_UNREACHABLE = 8
_LINKS_FOLLOWED = 11
"""What our resolver follows, and Unbound too while it asks."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a stub resolver puts it."""

    name: str
    qtype: str
    edns: bool = True
    do: bool = False
    cd: bool = False
    rd: bool = True

    def message(self) -> dns.message.QueryMessage:
        """As it goes onto the wire."""
        made = dns.message.make_query(
            dns.name.from_text(self.name), self.qtype, use_edns=0 if self.edns else -1,
            want_dnssec=self.do, payload=1232,
        )  # fmt: skip
        if self.cd:
            made.flags |= dns.flags.CD
        if not self.rd:
            made.flags &= ~dns.flags.RD
        return made


@dataclass(frozen=True, slots=True)
class Told:
    """What a resolver said, in a form that can be compared."""

    rcode: str
    flags: str
    answer: tuple[str, ...]
    """"owner TYPE data", sorted: the order of RRsets with no link between them says nothing."""
    authority: tuple[str, ...]
    ttls: tuple[tuple[str, int], ...]
    edns: bool


NOTHING: Final = Told("(no reply)", "", (), (), (), edns=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """The same question, another answer."""

    asked: Asked
    ours: Told
    theirs: Told
    what: tuple[str, ...]
    """Which parts differ."""

    def __str__(self) -> str:
        return f"{self.asked}: {', '.join(self.what)}\n  ours   {self.ours}\n  theirs {self.theirs}"


ALWAYS_ASKED: Final = (
    Asked("x.bridge.alpha.com.", "CNAME"),
    Asked("c0.alpha.com.", "A"),
    Asked("www.dead.com.", "A"),
)
"""What there is an explanation for, whatever the random questions hit."""


def questions(random: Random, count: int) -> Iterator[Asked]:
    """Questions about every name there is, its neighbours, parents, children and misspellings."""
    names = sorted(_names_there_are())
    unreachable = 0
    while count:
        name = random.choice(names)
        match random.randrange(10):
            case 0:
                name = f"{random.choice('abwx')}.{name}"
            case 1:
                name = f"{random.choice('ab')}.{random.choice('yz')}.{name}"
            case 2:
                name = name.partition(".")[2] or name
            case 3:
                name = f"{random.choice('nmq')}{name}"
            case 4:
                name = "".join(random.choice((c.upper(), c)) for c in name)
        name = name.strip(".") + "."
        if is_unreachable(name):
            # Unbound takes many seconds over each.
            unreachable += 1
            if unreachable > _UNREACHABLE:
                continue
        count -= 1
        kind = random.choice(TYPES) if random.random() < 0.5 else "A"
        yield Asked(
            name, kind, edns=random.random() < 0.8, do=random.random() < 0.2,
            cd=random.random() < 0.1,
        )  # fmt: skip


def is_unreachable(name: str) -> bool:
    """Whether every server of the name's zone is a host where nobody listens."""
    folded = f".{name.lower()}"
    return folded.endswith((".dead.com.", ".lame.alpha.com."))


def _names_there_are() -> set[str]:
    found = {""}
    for origin, text in ZONES.items():
        zone = dns.zone.from_text(text, origin=origin, relativize=False, check_origin=False)
        found |= {name.to_text().rstrip(".") for name in zone.nodes}
    return found


def differences(asked: Iterable[Asked], since: float) -> tuple[list[Difference], int]:
    """Put each question to both resolvers at the same moment; the differences, and how many
    questions there were. `since`: when the first question of all was asked, s."""
    return asyncio.run(_compare_all(list(asked), since))


async def _compare_all(asked: list[Asked], since: float) -> tuple[list[Difference], int]:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def compare(one: Asked) -> Difference | None:
        async with turn:
            ours, theirs = await asyncio.gather(_ask(OURS, one), _ask(PEER, one))
        drift = int(time.monotonic() - since) + 2
        what = tuple(differing(ours, theirs, drift))
        return Difference(one, ours, theirs, what) if what else None

    found = await asyncio.gather(*map(compare, asked))
    return [each for each in found if each is not None], len(asked)


def differing(ours: Told, theirs: Told, drift_s: int) -> Iterator[str]:
    """The parts in which two answers differ. TTLs run from when each side learnt the record, so
    they may be apart by as much as the comparison has lasted."""
    for part in ("rcode", "flags", "answer", "authority", "edns"):
        if getattr(ours, part) != getattr(theirs, part):
            yield part
    mine = dict(ours.ttls)
    if any(abs(mine.get(record, ttl) - ttl) > drift_s for record, ttl in theirs.ttls):
        yield "ttl"


async def _ask(server: str, asked: Asked) -> Told:
    try:
        reply, _ = await dns.asyncquery.udp_with_fallback(
            asked.message(), server, timeout=_PATIENCE_S
        )
    except dns.exception.Timeout:
        return NOTHING
    return read(reply)


def read(reply: dns.message.Message) -> Told:
    """A reply in a form that can be compared."""
    ttls = {
        f"{rrset.name.to_text().lower()} {dns.rdatatype.to_text(rrset.rdtype)}": rrset.ttl
        for rrset in reply.answer
    }
    return Told(
        dns.rcode.to_text(reply.rcode()),
        dns.flags.to_text(reply.flags),
        tuple(sorted(_records(reply.answer))),
        tuple(sorted(_records(reply.authority))),
        tuple(sorted(ttls.items())),
        edns=reply.edns >= 0,
    )


def _records(section: list[dns.rrset.RRset]) -> Iterator[str]:
    for rrset in section:
        for rdata in rrset:
            kind = dns.rdatatype.to_text(rrset.rdtype)
            yield f"{rrset.name.to_text()} {kind} {rdata.to_text()}".lower()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why two resolvers may answer a question differently."""

    reason: str
    is_about: Callable[[Difference], bool]


def explain(difference: Difference) -> Explanation | None:
    """The first explanation that is about a difference."""
    return next((each for each in EXPLANATIONS if each.is_about(difference)), None)


def _is_long_chain(difference: Difference) -> bool:
    one, other = sorted((difference.ours, difference.theirs), key=lambda told: len(told.answer))
    links = sum(" cname c" in record for record in other.answer)
    return one.rcode == "SERVFAIL" and links > _LINKS_FOLLOWED


def _is_given_up(difference: Difference) -> bool:
    return (
        is_unreachable(difference.asked.name)
        and difference.ours.rcode == "SERVFAIL"
        and difference.theirs == NOTHING
    )


def _is_referral_from_cache(difference: Difference) -> bool:
    theirs = difference.theirs
    return (
        not difference.asked.rd
        and not theirs.answer
        and bool(theirs.authority)
        and all(" ns " in record for record in theirs.authority)
    )


def _is_alias_asked_for(difference: Difference) -> bool:
    ours, theirs = difference.ours, difference.theirs
    return (
        difference.asked.qtype == "CNAME"
        and any(" dname " in record for record in theirs.answer)
        and bool(ours.answer)
        and set(ours.answer) <= set(theirs.answer)
    )


EXPLANATIONS: tuple[Explanation, ...] = (
    Explanation(
        f"Both follow {_LINKS_FOLLOWED} links of a CNAME chain while they ask, and count anew for "
        "links that came together in one reply, or for those in the cache: a longer chain fails "
        "or succeeds by what was asked before (RFC 1034 5.3.3: bound the work).",
        _is_long_chain,
    ),
    Explanation(
        "Every server of the zone says port unreachable. Ours tells the client SERVFAIL at once; "
        "Unbound asks on for longer than a client waits.",
        _is_given_up,
    ),
    Explanation(
        "Asked without recursion desired for what it has no whole answer to, Unbound gives the "
        "closest referral that it knows. Ours gives what RRsets it has, REFUSED where it has none, "
        "or the failure it remembers (RFC 1034 4.3.1 allows each).",
        _is_referral_from_cache,
    ),
    Explanation(
        "A CNAME is asked for, and follows from a DNAME above. Ours gives the CNAME and stops "
        "there (RFC 1034 3.6.2: aliases are not followed for their own type); Unbound passes on "
        "what the server said of the target too.",
        _is_alias_asked_for,
    ),
)
