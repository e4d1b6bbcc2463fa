"""A small Internet of scripted servers, declared as zones and who serves them.

Each server answers from its zones after ten milliseconds, with AA, referrals and SOA as RFC 1034
4.3.2 says; a test replaces the script of the server it wants to misbehave.
"""

from __future__ import annotations

from collections.abc import Iterable

from dns_upstreams import Asked, Script, Stage, unreachable

from resolver.config import ForwardRule, HostedZone, RootHint
from resolver.dns.message import Rcode, build_reply
from resolver.dns.zones import Found, Missing, Referral, Zones
from resolver.machine import MILLISECOND, Endpoint

RTT = 10 * MILLISECOND
APEX = "@ 3600 SOA ns hostmaster 1 3600 600 86400 300\n"

ROOT, TLD, ALPHA, ALPHA6, BETA, OTHER_TLD = (
    Endpoint("198.41.0.4", 53),
    Endpoint("192.0.2.1", 53),
    Endpoint("192.0.2.10", 53),
    Endpoint("2001:db8::10", 53),
    Endpoint("192.0.2.20", 53),
    Endpoint("192.0.2.2", 53),
)
NAMES = {
    ROOT: "root", TLD: "test", ALPHA: "alpha", ALPHA6: "alpha6", BETA: "beta", OTHER_TLD: "other",
}  # fmt: skip

ZONES: dict[str, tuple[str, tuple[Endpoint, ...]]] = {
    ".": (
        APEX + "@ NS ns\nns A 198.41.0.4\n"
        "test 86400 NS ns.nic.test.\nns.nic.test. 86400 A 192.0.2.1\n"
        "other 86400 NS ns.nic.other.\nns.nic.other. 86400 A 192.0.2.2\n",
        (ROOT,),
    ),
    "test": (
        APEX + "@ NS ns.nic\nns.nic A 192.0.2.1\n"
        "alpha 600 NS ns.alpha\nns.alpha 600 A 192.0.2.10\nns.alpha 600 AAAA 2001:db8::10\n"
        "beta 600 NS ns.beta\nns.beta 600 A 192.0.2.20\n"
        "glueless 600 NS ns.alpha.other.\n",
        (TLD,),
    ),
    "other": (
        APEX + "@ NS ns.nic\nns.nic A 192.0.2.2\n"
        "alpha 600 NS ns.beta.test.\n",
        (OTHER_TLD,),
    ),
    "alpha.test": (
        APEX + "@ 300 NS ns\nns 300 A 192.0.2.10\nns 300 AAAA 2001:db8::10\n"
        "www 60 A 203.0.113.1\nwww 60 AAAA 2001:db8:1::1\nhere 60 CNAME www\n"
        "away 60 CNAME www.beta.test.\na.b.c.d.e.f.g.h.i.j.k.l.m 60 A 203.0.113.9\n",
        (ALPHA, ALPHA6),
    ),
    "beta.test": (APEX + "@ 600 NS ns\nns 600 A 192.0.2.20\nwww 60 A 203.0.113.2\n", (BETA,)),
    "alpha.other": (
        APEX + "@ 600 NS ns.beta.test.\nns 600 A 192.0.2.20\nwww 60 A 203.0.113.3\n", (BETA,)
    ),
    "glueless.test": (
        APEX + "@ 600 NS ns.alpha.other.\nwww 60 A 203.0.113.4\n", (BETA,)
    ),
}  # fmt: skip

NO_V6 = {ALPHA6: unreachable}
"""Servers of a host without IPv6."""

HINTS = (RootHint("ns", (ROOT.address,)),)


def serving(*origins: str, after: int = RTT) -> Script:
    """A server of the named zones."""
    return authority(Zones(HostedZone(origin, ZONES[origin][0]) for origin in origins), after)


def authority(zones: Zones, after: int = RTT) -> Script:
    """A server of these zones."""

    def script(asked: Asked) -> Iterable[tuple[int, bytes]]:
        question = asked.query.question
        name = question.name.lower()
        zone = zones.closest(name)
        if zone is None:
            yield after, build_reply(asked.query, asked.transport, rcode=Rcode.REFUSED)
            return
        sections: dict[str, object] = {"authoritative": True}
        match zone.look_up(name, question.qtype):
            case Found(answers, alias):
                while alias is not None and zones.closest(alias) is zone:
                    further = zone.look_up(alias, question.qtype)
                    if not isinstance(further, Found):
                        break
                    answers, alias = answers + further.answers, further.alias
                sections["answers"] = answers
            case Missing(rcode, authority):
                sections |= {"rcode": rcode, "authority": authority}
            case Referral(authority, additional):
                sections = {"authority": authority, "additional": additional}
        yield after, build_reply(asked.query, asked.transport, **sections)

    return script


def internet(
    *,
    rules: tuple[ForwardRule, ...] = (),
    zones: tuple[HostedZone, ...] = (),
    servers: dict[Endpoint, Script] | None = None,
    **options,
) -> Stage:
    """A resolver on this Internet; `servers` says which of its servers are different."""
    behind: dict[Endpoint, list[str]] = {}
    for origin, (_, where) in ZONES.items():
        for server in where:
            behind.setdefault(server, []).append(origin)
    scripts = {server: serving(*origins) for server, origins in behind.items()}
    options = {"recursion": True, "root_hints": HINTS, **options}
    return Stage({**scripts, **(servers or {})}, rules, zones, options=options)


def trace(play: Stage) -> list[tuple[int, str, str]]:
    """What was asked: when (ms), whom, and what."""
    return [
        (asked.at // MILLISECOND, NAMES.get(asked.server, str(asked.server)),
         str(asked.query.question))
        for asked in play.asked
    ]  # fmt: skip


def whom(play: Stage) -> list[str]:
    """Who was asked, in order."""
    return [server for _, server, _ in trace(play)]


def count_of(play: Stage, server: Endpoint) -> int:
    """How often a server was asked."""
    return sum(asked.server == server for asked in play.asked)
