"""Checks of which source a name's answer comes from, and of what an answer pieces together."""

from __future__ import annotations

from itertools import groupby
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lab.judge.checks.base import (
    CheckBase,
    asked_meanwhile,
    bare_name,
    counted,
    frames_of,
    is_at_or_below,
    listed,
    questions,
    served_by,
    tell,
)
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_message import DnsMessage
from lab.observe.timeline import Timeline
from lab.values import Address, DnsName, QueryType


class Referred(CheckBase):
    """The asker's question for a name below a delegation was answered with a referral: NOERROR,
    AA=0, no answer, the NS records of the zone in the authority section and these addresses of
    theirs in the additional one (OWN-08, RFC 1034 4.3.2 3b)."""

    kind: Literal["referred"] = "referred"
    asker: str = "viewer"
    name: DnsName
    qtype: QueryType = "A"
    zone: DnsName
    """The owner of the NS records."""
    servers: tuple[DnsName, ...]
    """The names in them."""
    glue: tuple[Address, ...]

    def judge(self, timeline: Timeline) -> Finding:
        """Look at the sections of the last reply."""
        asked = questions(timeline, self.asker, self.name, self.qtype)
        if not asked:
            return failed(f"{self.asker} never asked {self.qtype} for this name")
        reply = asked[-1].reply
        if reply is None:
            return failed(f"{self.asker} got no reply", *frames_of(asked[-1:]))
        fault = self._fault(reply)
        if fault is not None:
            return failed(fault, *frames_of(asked[-1:]))
        return passed(
            f"referred to {listed(self.servers)} for {self.zone}, with {listed(self.glue)}",
            *frames_of(asked[-1:]),
        )

    def _fault(self, reply: DnsMessage) -> str | None:
        zone = bare_name(self.zone)
        owners = sorted({record.owner for record in reply.authority if record.rtype == "NS"})
        servers = [bare_name(r.rdata) for r in reply.authority if r.rtype == "NS"]
        wished = [bare_name(server) for server in self.servers]
        glue = [
            r.rdata for r in reply.additional if r.rtype in {"A", "AAAA"} and r.owner in servers
        ]
        conditions = (
            (reply.rcode == "NOERROR", f"RCODE {reply.rcode}"),
            (not reply.aa, "AA=1"),
            (not reply.answers, f"{counted(len(reply.answers), 'record')} in the answer section"),
            (owners == [zone], f"NS records of {', '.join(owners) or 'nobody'}, expected {zone}"),
            (sorted(servers) == sorted(wished), f"refers to {', '.join(sorted(servers))}"),
            (sorted(glue) == sorted(self.glue), f"glue {listed(glue)}, expected {self.glue}"),
        )
        return next((text for holds, text in conditions if not holds), None)


class AliasCompleted(CheckBase):
    """The answer to the asker holds the whole chain: from the name over these targets, CNAME by
    CNAME, to records of the type asked for, and no record beside it (CND-12, OWN-11, RFC 1034
    4.3.2 3a)."""

    kind: Literal["alias-completed"] = "alias-completed"
    asker: str = "viewer"
    name: DnsName
    qtype: QueryType = "A"
    through: tuple[DnsName, ...]
    """The targets, in order."""
    rdata: tuple[str, ...]
    """Exactly the RDATA at the end, as in a master file; none: there is no such data there."""
    authoritative: bool | None = None

    def judge(self, timeline: Timeline) -> Finding:
        """Follow the chain through the answer section of the last reply."""
        asked = questions(timeline, self.asker, self.name, self.qtype)
        if not asked:
            return failed(f"{self.asker} never asked {self.qtype} for this name")
        reply = asked[-1].reply
        if reply is None:
            return failed(f"{self.asker} got no reply", *frames_of(asked[-1:]))
        fault = self._fault(reply)
        if fault is not None:
            return failed(fault, *frames_of(asked[-1:]))
        chain = " -> ".join((self.name, *self.through))
        return passed(f"{chain}: {listed(self.rdata)}", *frames_of(asked[-1:]))

    def _fault(self, reply: DnsMessage) -> str | None:
        if reply.tc:
            return "the reply is truncated"
        if self.authoritative not in {None, reply.aa}:
            return f"AA={int(reply.aa)}"
        owner, left = bare_name(self.name), list(reply.answers)
        for target in self.through:
            links = [each for each in left if (each.owner, each.rtype) == (owner, "CNAME")]
            if len(links) != 1:
                return f"{counted(len(links), 'CNAME record')} of {owner}, expected one"
            if bare_name(links[0].rdata) != bare_name(target):
                return f"{owner} leads to {links[0].rdata}, expected {target}"
            left.remove(links[0])
            owner = bare_name(target)
        end = [each for each in left if (each.owner, each.rtype) == (owner, self.qtype)]
        found = sorted(each.rdata for each in end)
        if found != sorted(self.rdata):
            return f"at {owner} there is {listed(found)}, expected {listed(self.rdata)}"
        stray = [each for each in left if each not in end]
        return f"a record beside the chain, of {stray[0].owner}" if stray else None


class Turn(BaseModel):
    """One of several answers to the same question."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: Address
    servers: tuple[Address, ...] = ()
    """Who was asked for it, in order, several questions in a row to one server counted once; none:
    nobody."""
    authoritative: bool = False


class AnsweredInTurn(CheckBase):
    """The asker put the same question several times, and each time was answered as said: with one
    address, with or without authority, after its server had asked exactly these others (OWN-05,
    OWN-06)."""

    kind: Literal["answered-in-turn"] = "answered-in-turn"
    asker: str = "viewer"
    name: DnsName
    qtype: QueryType = "A"
    turns: tuple[Turn, ...]

    def judge(self, timeline: Timeline) -> Finding:
        """Compare each question with its turn."""
        asked = questions(timeline, self.asker, self.name, self.qtype)
        if len(asked) != len(self.turns):
            return failed(
                f"{self.asker} asked {counted(len(asked), 'time')}, expected {len(self.turns)}",
                *frames_of(asked),
            )
        frames: list[int] = []
        for place, (exchange, turn) in enumerate(zip(asked, self.turns, strict=True), start=1):
            upstream = asked_meanwhile(timeline, exchange)
            shown = frames_of([exchange, *upstream])
            way = [server for server, _ in groupby(u.query.destination.address for u in upstream)]
            fault = _turn_fault(exchange.reply, tuple(way), turn)
            if fault is not None:
                return failed(f"answer {place}: {fault}", *shown)
            frames += shown
        told = ", then ".join(turn.address for turn in self.turns)
        return passed(f"answered {told}", *frames)


def _turn_fault(reply: DnsMessage | None, way: tuple[str, ...], turn: Turn) -> str | None:
    if reply is None:
        return "none came"
    if reply.addresses != (turn.address,):
        return f"{tell(reply)}, expected {turn.address}"
    if reply.aa is not turn.authoritative:
        return f"AA={int(reply.aa)}"
    if way != turn.servers:
        asked, wanted = ", then ".join(way), ", then ".join(turn.servers)
        return f"{asked or 'nobody'} was asked, expected {wanted or 'nobody'}"
    return None


class SpellingsAlike(CheckBase):
    """The domain was spelt in so many ways, upper and lower case, in client questions for names at
    or below it, and whatever the spelling, the asker asked these servers and nobody else
    (CND-11, RFC 4343 3)."""

    kind: Literal["spellings-alike"] = "spellings-alike"
    asker: str = "dns"
    domain: DnsName
    spellings: int
    servers: tuple[Address, ...]
    """Addresses, all that may be asked."""

    def judge(self, timeline: Timeline) -> Finding:
        """Read how each client question spelt the domain, and whom it had asked."""
        octets = len(_labels(self.domain))
        seen: dict[bytes, tuple[int, ...]] = {}
        for client in served_by(timeline, self.asker):
            caused = timeline.causes.caused_by(client)
            if not is_at_or_below(client.query.name, self.domain) or not caused:
                continue
            for exchange in caused:
                if exchange.query.destination.address not in self.servers:
                    return failed(
                        f"a question to {exchange.query.destination.address}",
                        *frames_of([client, exchange]),
                    )
            # Before the root label, type and class.
            spelt = client.query.sections.question_wire[:-5][-octets:]
            seen.setdefault(spelt, frames_of([client, caused[0]]))
        frames = tuple(frame for each in seen.values() for frame in each)
        if len(seen) < self.spellings:
            return failed(
                f"{counted(len(seen), 'spelling')} of {self.domain} led upstream, "
                f"expected {self.spellings}",
                *frames,
            )
        return passed(f"{len(seen)} spellings, always {' or '.join(self.servers)}", *frames)


def _labels(name: str) -> bytes:
    """A name's labels as a message carries them, without the root."""
    labels = [label.encode() for label in bare_name(name).split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels)
