"""Checks of how a list of forwarders is worked through: bounds, ends, and who comes first again."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from lab.judge.bounds import answer_allowance_ns, timer_window_ns
from lab.judge.checks.base import (
    CheckBase,
    asked_meanwhile,
    counted,
    frames_of,
    ms,
    node_at,
    served_by,
    upstream_groups,
)
from lab.judge.checks.failover import without_repeats
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_exchange import DnsExchange
from lab.observe.timeline import Timeline
from lab.values import Address, Rcode
from resolver.machine import SECOND, Duration

_TRIES_PER_SERVER = 3
"""RFC 9520 3.1: no more questions of one transaction to one server over one transport."""

_Group = tuple[DnsExchange, ...]


class QuestionsBounded(CheckBase):
    """No client question cost the asker more than so many questions to anybody, about any name,
    over any transport; none of them went to one server over one transport more than three times,
    and repeats came at growing distances (FWD-15, FWD-16, FWD-21). A question belongs to the client
    question that came last before it. There must be a client question that came to nothing, which
    costs most."""

    kind: Literal["questions-bounded"] = "questions-bounded"
    asker: str = "dns"
    at_most: int

    def judge(self, timeline: Timeline) -> Finding:
        """Count questions from each client question's arrival to the next one's."""
        clients = served_by(timeline, self.asker)
        if not clients:
            return failed(f"{self.asker} was not asked")
        shares = _shares(timeline, self.asker, clients)
        for share in shares:
            fault = self._fault(share)
            if fault is not None:
                return failed(fault, *frames_of(share))
        worst = max(
            (share for client, share in zip(clients, shares, strict=True) if _in_vain(client)),
            key=len,
            default=[],
        )
        if not worst:
            return failed("no client question was asked upstream in vain", *frames_of(clients[:1]))
        return passed(
            f"{counted(len(clients), 'client question')}, at most "
            f"{counted(max(map(len, shares)), 'question')} for one; the worst case cost "
            f"{len(worst)}",
            *frames_of(worst),
        )

    def _fault(self, share: list[DnsExchange]) -> str | None:
        if len(share) > self.at_most:
            return f"{len(share)} questions for one client question, allowed {self.at_most}"
        for first in share:
            same = [each for each in share if _way(each) == _way(first)]
            if len(same) > _TRIES_PER_SERVER:
                return f"{len(same)} questions to {first.query.destination.address}"
            gaps = [later.asked_at - each.asked_at for each, later in pairwise(same)]
            if any(later <= gap for gap, later in pairwise(gaps)):
                shown = ", ".join(map(ms, gaps))
                return f"{first.query.destination.address} was asked again after {shown}"
        return None


class FailsBack(CheckBase):
    """A server that others had to stand in for came back (the mark in the capture), and the first
    question that went upstream from then on began with it again and was answered by it. How long
    that was after its return is the evidence (FWD-05)."""

    kind: Literal["fails-back"] = "fails-back"
    asker: str = "dns"
    server: Address

    def judge(self, timeline: Timeline) -> Finding:
        """Compare whom the asker turned to before the return and after it."""
        node = node_at(timeline, self.server)
        returns = [
            mark
            for mark in timeline.marks
            if node is not None and mark.kind == "resumed" and mark.fields.get("node") == node.name
        ]
        if not returns:
            return failed(f"nothing of {self.server} was resumed")
        resumed = returns[-1]
        groups = upstream_groups(timeline, self.asker)
        before = [group for group in groups if group[0].asked_at < resumed.at]
        after = [group for group in groups if group[0].asked_at >= resumed.at]
        if not before or not self._was_stood_in_for(before[-1]):
            return failed(f"nobody stood in for {self.server} before it returned", resumed.number)
        if not after:
            return failed("nothing went upstream after its return", resumed.number)
        first = after[0][0]
        shown = (resumed.number, *frames_of([first]))
        if first.query.destination.address != self.server:
            return failed(f"{first.query.destination.address} was asked first", *shown)
        if not timeline.causes.in_time(first):
            return failed(f"{self.server} was asked first and did not answer in time", *shown)
        return passed(
            f"asked first again, and answering, {ms(first.asked_at - resumed.at)} after its return",
            *shown,
        )

    def _was_stood_in_for(self, group: _Group) -> bool:
        first, last = group[0].query.destination.address, group[-1]
        return first == self.server != last.query.destination.address and bool(last.replies)


class NextOnRcodes(CheckBase):
    """What each RCODE from the server asked first led to: with those named the next server was
    asked, with any other none was, and the client was told that very RCODE. All of 1 to 15 were
    seen, with AA=0 and with AA=1 (FWD-09)."""

    kind: Literal["next-on-rcodes"] = "next-on-rcodes"
    asker: str = "dns"
    next_on: tuple[Rcode, ...]
    """As captures have them: "SERVFAIL", "RCODE12"."""
    seen: tuple[Rcode, ...]
    """The RCODEs that must have been tried, each with AA=0 and AA=1."""

    def judge(self, timeline: Timeline) -> Finding:
        """Sort the client questions by what the first server said."""
        tried: set[tuple[str, bool]] = set()
        clients = served_by(timeline, self.asker)
        for client in clients:
            turns = without_repeats(timeline.causes.caused_by(client))
            reply = turns[0].reply if turns else None
            if reply is None or reply.rcode == "NOERROR":
                continue
            tried.add((reply.rcode, reply.aa))
            fault = self._fault(client, reply.rcode, went_on=len(turns) > 1)
            if fault is not None:
                return failed(
                    f"{reply.rcode} with AA={int(reply.aa)}: {fault}", *frames_of([client, *turns])
                )
        for rcode in self.seen:
            for aa in (False, True):
                if (rcode, aa) not in tried:
                    return failed(
                        f"{rcode} with AA={int(aa)} was never the first answer", *frames_of(clients)
                    )
        rcodes = {rcode for rcode, _ in tried}
        final = [rcode for rcode in self.seen if rcode not in self.next_on]
        return passed(
            f"{counted(len(rcodes), 'RCODE')}, with AA=0 and AA=1 alike: the next is asked after "
            f"{', '.join(self.next_on) or 'none'}; final are {', '.join(final) or 'none'}",
            *frames_of(clients),
        )

    def _fault(self, client: DnsExchange, rcode: str, *, went_on: bool) -> str | None:
        if went_on is not (rcode in self.next_on):
            return "the next server was asked" if went_on else "the next server was not asked"
        told = client.reply.rcode if client.reply is not None else "nothing"
        return None if went_on or told == rcode else f"the client was told {told}"


class DeadlineKept(CheckBase):
    """With up to so many dead servers in front of the one that answers, or with none that does, the
    asker's client got some response, an answer or an error, before its own deadline. The largest
    number of dead servers for which that held is the evidence (FWD-24)."""

    kind: Literal["deadline-kept"] = "deadline-kept"
    asker: str = "dns"
    deadline_s: float = 5.0
    """The patience of an ordinary client."""
    dead: int
    """So many at least."""

    def judge(self, timeline: Timeline) -> Finding:
        """Sort the client questions by how many servers stayed silent."""
        clients = [
            each for each in served_by(timeline, self.asker) if timeline.causes.caused_by(each)
        ]
        if not clients:
            return failed(f"{self.asker} asked nobody upstream")
        kept: dict[int, bool] = {}
        worst: dict[int, Duration] = {}
        limit = round(self.deadline_s * SECOND) + answer_allowance_ns(timeline)
        for client in clients:
            dead = len(_silent_servers(timeline, client))
            waited = client.latency_ns
            kept[dead] = kept.get(dead, True) and waited is not None and waited <= limit
            worst[dead] = max(worst.get(dead, 0), waited or 0)
        largest = -1
        while kept.get(largest + 1, False):
            largest += 1
        shown = ", ".join(f"{number} dead: {ms(worst[number])}" for number in sorted(worst))
        frames = frames_of(clients)
        if largest >= self.dead:
            return passed(f"largest number of dead servers: {largest} ({shown})", *frames)
        if largest + 1 not in kept:
            missing = counted(largest + 1, "dead server")
            return failed(f"no client question met {missing} ({shown})", *frames)
        return failed(
            f"no response within {self.deadline_s} s with {counted(largest + 1, 'dead server')} "
            f"({shown})",
            *frames,
        )


class RecursionAfterForwarders(CheckBase):
    """Wherever the asker asked anybody but these servers for a client question, it had put the
    question to these first, in this order, each once; the others followed when the last one's
    timeout was over, with RD=0, and the client was answered without an error. That happened at
    least once (FWD-14)."""

    kind: Literal["recursion-after-forwarders"] = "recursion-after-forwarders"
    asker: str = "dns"
    forwarders: tuple[Address, ...]
    timeout_s: float

    def judge(self, timeline: Timeline) -> Finding:
        """Look at everything the asker asked while a client waited that was told of others."""
        shown: list[int] = []
        told: list[str] = []
        for client in served_by(timeline, self.asker):
            asked = asked_meanwhile(timeline, client)
            others = [
                each for each in asked if each.query.destination.address not in self.forwarders
            ]
            if not others:
                continue
            frames = frames_of([*asked, client])
            fault = self._fault(timeline, client, asked, others[0])
            if fault is not None:
                return failed(fault, *frames)
            last = asked[len(self.forwarders) - 1]
            told.append(
                f"{ms(others[0].asked_at - last.asked_at)} after the last forwarder was asked, "
                f"at {others[0].query.destination.address}"
            )
            shown += frames
        if not told:
            clients = served_by(timeline, self.asker)
            return failed(f"{self.asker} asked nobody but forwarders", *frames_of(clients))
        return passed(f"recursion began {'; '.join(told)}", *shown)

    def _fault(
        self,
        timeline: Timeline,
        client: DnsExchange,
        asked: list[DnsExchange],
        other: DnsExchange,
    ) -> str | None:
        first = [each.query.destination.address for each in asked[: len(self.forwarders)]]
        if tuple(first) != self.forwarders:
            return f"asked {', then '.join(first)}; expected {', then '.join(self.forwarders)}"
        later = [each.query.destination.address for each in asked[len(self.forwarders) :]]
        if back := next((each for each in later if each in self.forwarders), None):
            return f"{back} was asked again"
        if any(
            each.query.rd for each in asked if each.query.destination.address not in self.forwarders
        ):
            return "a question with RD=1 went to others"
        gap = other.asked_at - asked[len(self.forwarders) - 1].asked_at
        earliest, latest = timer_window_ns(timeline, round(self.timeout_s * SECOND))
        if not earliest <= gap <= latest:
            return f"others were asked after {ms(gap)}, expected {ms(earliest)} to {ms(latest)}"
        if client.reply is None or client.reply.rcode not in {"NOERROR", "NXDOMAIN"}:
            told = client.reply.rcode if client.reply is not None else "nothing"
            return f"the client was told {told}"
        return None


def _shares(timeline: Timeline, asker: str, clients: list[DnsExchange]) -> list[list[DnsExchange]]:
    """The asker's questions, one list for each client question: those since it came, up to the
    next."""
    arrivals = [each.query.arrived_at or each.asked_at for each in clients]
    shares: list[list[DnsExchange]] = [[] for _ in clients]
    for exchange in timeline.exchanges:
        before = [place for place, at in enumerate(arrivals) if at <= exchange.asked_at]
        if exchange.asker == asker and before:
            shares[max(before, key=arrivals.__getitem__)].append(exchange)
    return shares


def _in_vain(client: DnsExchange) -> bool:
    """Whether a client was told nothing, or nothing but an error."""
    return client.reply is None or client.reply.rcode not in {"NOERROR", "NXDOMAIN"}


def _way(exchange: DnsExchange) -> tuple[str, str, tuple[str, str, str]]:
    query = exchange.query
    return query.destination.address, query.transport.value, query.question


def _silent_servers(timeline: Timeline, client: DnsExchange) -> set[str]:
    """The servers that were asked because of a client question and said nothing in time."""
    return {
        each.query.destination.address
        for each in timeline.causes.caused_by(client)
        if not timeline.causes.in_time(each) and not each.errors
    }
