"""Checks of a reply's header and OPT record: what a server must copy, set, clear and leave out."""

from __future__ import annotations

from typing import Literal

from lab.judge.checks.base import CheckBase, counted, frames_of
from lab.judge.checks.questions import first_fault, put_by
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_exchange import DnsExchange
from lab.observe.dns_message import DnsMessage
from lab.observe.dns_record import Opt
from lab.observe.timeline import Timeline
from lab.values import DnsName, QueryClass, QueryType, Rcode

_BARE = frozenset({"FORMERR", "NOTIMP"})
"""RCODEs that may come without the question: the server could not, or need not, read it."""


class ReplyHeader(CheckBase):
    """Every reply to the asker copies OPCODE, RD, CD and the question as it was written, letter for
    letter; Z is 0, and it holds what its counts promise; RA, AD and AA are as described (TRN-01,
    REC-02, REC-08, REC-09, RFC 1035 4.1.1, RFC 4035 3.2.2)."""

    kind: Literal["reply-header"] = "reply-header"
    asker: str = "viewer"
    name: DnsName | None = None
    """None: any name."""
    qtype: QueryType | None = None
    ra: bool | None = None
    ad: bool | None = None
    aa: bool | None = None
    asked_with: tuple[Literal["ad", "cd", "z", "ra", "rd"], ...] = ()
    """Bits that were set in one of these questions at least, or there was nothing to look for."""
    asked_without: tuple[Literal["rd"], ...] = ()
    """Bits that were clear in one of them."""

    def judge(self, timeline: Timeline) -> Finding:
        """Compare each reply's header with its question's."""
        asked = put_by(timeline, self.asker, self.name, self.qtype)
        if not asked:
            return failed(f"{self.asker} never asked")
        for bit in self.asked_with:
            if not any(getattr(each.query, bit) for each in asked):
                return failed(f"no question was asked with {bit.upper()}=1", *frames_of(asked[:1]))
        for bit in self.asked_without:
            if all(getattr(each.query, bit) for each in asked):
                return failed(f"no question was asked with {bit.upper()}=0", *frames_of(asked[:1]))
        fault = first_fault(asked, self._fault)
        if fault is not None:
            return fault
        return passed(
            f"{counted(len(asked), 'reply', 'replies')}, each with the header it must have",
            *frames_of(asked[-1:]),
        )

    def _fault(self, query: DnsMessage, reply: DnsMessage) -> str | None:
        said, echoed = query.sections.question_wire, reply.sections.question_wire
        conditions = (
            (reply.sections.complete, "the reply holds less or more than its header promises"),
            (reply.opcode == query.opcode, f"OPCODE {reply.opcode} instead of {query.opcode}"),
            (reply.rd is query.rd, f"RD={int(reply.rd)} for RD={int(query.rd)}"),
            (reply.cd is query.cd, f"CD={int(reply.cd)} for CD={int(query.cd)}"),
            (not reply.z, "Z=1"),
            (
                echoed == said or (not echoed and reply.rcode in _BARE),
                f"the question came back as {echoed!r}, it was {said!r}",
            ),
            (self.ra in {None, reply.ra}, f"RA={int(reply.ra)}"),
            (self.ad in {None, reply.ad}, f"AD={int(reply.ad)}"),
            (self.aa in {None, reply.aa}, f"AA={int(reply.aa)}"),
        )
        return next((text for holds, text in conditions if not holds), None)


class OptAnswered(CheckBase):
    """An OPT record in the question gives exactly one in the reply, of version 0, without flags
    but DO and without any of the question's options; no OPT record gives none. A version other
    than 0 gives BADVERS and no record besides (EDN-01 to EDN-04, RFC 6891 6.1, RFC 8906 8.2)."""

    kind: Literal["opt-answered"] = "opt-answered"
    asker: str = "viewer"
    about: Literal["opt", "no-opt", "options", "flags", "version"]
    """Which questions are looked at: those with an OPT record, without one, with options, with
    flags beside DO, of a version other than 0."""

    def judge(self, timeline: Timeline) -> Finding:
        """Compare each reply's OPT record with its question's."""
        asked = [
            each for each in put_by(timeline, self.asker, None, None) if self._concerns(each.query)
        ]
        if not asked:
            return failed(f"{self.asker} put no such question")
        fault = first_fault(asked, self._fault)
        if fault is not None:
            return fault
        has = "none" if self.about == "no-opt" else "one of version 0, and no more than it may say"
        return passed(
            f"{counted(len(asked), 'question')}; OPT records in each reply: {has}",
            *frames_of(asked),
        )

    def _concerns(self, query: DnsMessage) -> bool:
        opts = query.sections.opts
        return {
            "no-opt": not opts,
            "opt": bool(opts),
            "options": any(opt.options for opt in opts),
            "flags": any(opt.flags for opt in opts),
            "version": any(opt.version for opt in opts),
        }[self.about]

    def _fault(self, query: DnsMessage, reply: DnsMessage) -> str | None:
        opts = reply.sections.opts
        wanted = int(bool(query.sections.opts))
        if not reply.sections.complete:
            return "the reply holds less or more than its header promises"
        if len(opts) != wanted:
            return f"{counted(len(opts), 'OPT record')} in the reply, expected {wanted}"
        for opt in opts:
            fault = _says_too_much(query, opt)
            if fault is not None:
                return fault
        return _not_badvers(reply) if self.about == "version" else None


class ErrorReplied(CheckBase):
    """Every such question of the asker got one reply: one of these RCODEs, the question's OPCODE,
    and no record in any section but OPT; with `bare`, no question either (EDN-06, EDN-07, TRN-03,
    REC-03)."""

    kind: Literal["error-replied"] = "error-replied"
    asker: str = "viewer"
    name: DnsName | None = None
    """None: any name."""
    qtype: QueryType | None = None
    qclass: QueryClass | None = None
    opcode: int | None = None
    rcodes: tuple[Rcode, ...]
    ra: bool | None = None
    bare: bool = False

    def judge(self, timeline: Timeline) -> Finding:
        """Look at every reply to these questions."""
        asked = [
            each
            for each in put_by(timeline, self.asker, self.name, self.qtype)
            if self.qclass in {None, each.query.qclass} and self.opcode in {None, each.query.opcode}
        ]
        if not asked:
            return failed(f"{self.asker} put no such question")
        for exchange in asked:
            fault = self._fault(exchange)
            if fault is not None:
                return failed(fault, *frames_of([exchange]))
        rcodes = ", ".join(dict.fromkeys(each.replies[0].rcode for each in asked))
        return passed(f"{counted(len(asked), 'question')}: {rcodes}, no records", *frames_of(asked))

    def _fault(self, exchange: DnsExchange) -> str | None:
        if len(exchange.replies) != 1:
            return f"{counted(len(exchange.replies), 'reply', 'replies')} to a question"
        query, reply = exchange.query, exchange.replies[0]
        if reply.rcode not in self.rcodes:
            return f"RCODE {reply.rcode} instead of {' or '.join(self.rcodes)}"
        if reply.opcode != query.opcode:
            return f"OPCODE {reply.opcode} instead of {query.opcode}"
        if _holds_records(reply):
            return "the error came with records"
        if self.bare and reply.sections.question_wire:
            return "the error came with a question"
        return None if self.ra in {None, reply.ra} else f"RA={int(reply.ra)}"


class NeverReferral(CheckBase):
    """The asker's questions with RD=1 got an answer or an error, never a referral (REC-05), though
    the server itself was given one (REC-06, RFC 1034 4.3.1)."""

    kind: Literal["never-referral"] = "never-referral"
    asker: str = "viewer"
    server: str = "dns"

    def judge(self, timeline: Timeline) -> Finding:
        """Look for referrals among what the server got and what it gave."""
        asked = [each for each in put_by(timeline, self.asker, None, None) if each.query.rd]
        if not asked:
            return failed(f"{self.asker} never asked with RD=1")
        fault = first_fault(
            asked, lambda _, reply: "the reply is a referral" if is_referral(reply) else None
        )
        if fault is not None:
            return fault
        given = [
            each for each in timeline.messages if each.receiver == self.server and is_referral(each)
        ]
        if not given:
            return failed(f"{self.server} was never given a referral", *frames_of(asked))
        return passed(
            f"{counted(len(given), 'referral')} came to {self.server}, none was passed on",
            *given[0].frames,
            *frames_of(asked[:1]),
        )


class OptionsStay(CheckBase):
    """No EDNS option that the server was sent stands in anything that it sent, to whomever: OPT
    speaks of one hop, and is neither cached nor passed on (CCH-17, RFC 6891 6.2.1)."""

    kind: Literal["options-stay"] = "options-stay"
    server: str = "dns"

    def judge(self, timeline: Timeline) -> Finding:
        """Compare the options of what the server got with those of what it sent."""
        came = [
            each
            for each in timeline.messages
            if each.receiver == self.server and each.opt is not None and each.opt.codes
        ]
        if not came:
            return failed(f"no option was sent to {self.server}")
        codes = {code for each in came if each.opt is not None for code in each.opt.codes}
        sent = [each for each in timeline.messages if each.sender == self.server]
        for message in sent:
            passed_on = codes & {code for opt in message.sections.opts for code in opt.codes}
            if passed_on:
                where = f"{message.receiver or message.destination.address}"
                return failed(f"option {min(passed_on)} went on to {where}", *message.frames)
        if not any(not each.is_reply or each.receiver != came[0].sender for each in sent):
            return failed(
                f"{self.server} sent nothing to anybody else, so there was nowhere to pass it on",
                *came[0].frames,
            )
        shown = ", ".join(map(str, sorted(codes)))
        return passed(
            f"option {shown} came and went no further, in "
            f"{counted(len(sent), 'message')} that {self.server} sent",
            *came[0].frames,
        )


def _says_too_much(query: DnsMessage, opt: Opt) -> str | None:
    """Say what an OPT record in a reply must not say."""
    if opt.version != 0:
        return f"an OPT record of version {opt.version}"
    if opt.flags:
        return f"flags {opt.flags:#06x} in the OPT record"
    echoed = {code for asked in query.sections.opts for code in asked.codes} & {*opt.codes}
    return f"option {min(echoed)} was echoed" if echoed else None


def _not_badvers(reply: DnsMessage) -> str | None:
    if reply.rcode != "BADVERS":
        return f"RCODE {reply.rcode} instead of BADVERS"
    return "BADVERS came with records" if _holds_records(reply) else None


def _holds_records(reply: DnsMessage) -> bool:
    return bool(reply.answers or reply.authority or reply.additional)


def is_referral(message: DnsMessage) -> bool:
    """Whether a reply points to other servers instead of answering (RFC 9499 4)."""
    return (
        message.is_reply
        and message.rcode == "NOERROR"
        and not message.answers
        and not message.soa
        and any(record.rtype == "NS" for record in message.authority)
    )
