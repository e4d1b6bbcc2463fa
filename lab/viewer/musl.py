"""musl's stub resolver: src/network/res_msend.c (1.2.3) as an algorithm.

Every question to every server at once, from one socket that is connected to none of them, so many
times in one span of time. The first answer that says yes or no counts.
"""

from __future__ import annotations

from lab.viewer.lookup import NO_SUCH_NAME, TRY_AGAIN, Answer, Asked, Looked, Stub
from lab.viewer.talking import Algorithm
from resolver.machine import Transport

_RETRIES_PER_QUESTION = 2
"""How often a server failure is asked away at once, per question and round."""


class MuslStub(Stub):
    """getaddrinfo as programs on Alpine have it."""

    def look_up(self) -> Algorithm[Looked]:  # noqa: C901 - __res_msend_rc() in one piece
        """Ask everybody, round by round, until each question has its answer."""
        questions = [self.asked(qtype) for qtype in self.families()]
        answers: dict[int, Answer] = {}
        flows = self._open()
        for turn in self.profile.turns(len(self.servers)):
            deadline = self.talk.now + turn.wait_ns
            retries = _RETRIES_PER_QUESTION * len(questions)
            self._ask_all(flows, questions, answers)
            while len(answers) < len(questions):
                heard = yield deadline
                if heard is None:
                    break
                if heard.port_taken and heard.flow in flows:
                    self._close(flows)
                    flows = self._open()
                    self._ask_all(flows, questions, answers)
                if heard.flow not in flows or heard.payload is None:
                    continue  # nobody tells an unconnected socket of a refusal
                for asked in questions:
                    answer = asked.reply_in(heard.payload)
                    if answer is None or asked.question.qtype in answers:
                        continue
                    # "Only accept positive or negative responses; retry immediately on server
                    # failure, and ignore all other codes such as refusal."
                    if answer.rcode in {"NOERROR", "NXDOMAIN"}:
                        answers[asked.question.qtype] = answer
                    elif answer.rcode in self.profile.repeats_on and retries:
                        retries -= 1
                        self.talk.send(heard.flow, asked.payload(self.profile.edns_octets))
            if len(answers) == len(questions):
                break
        self._close(flows)
        return _told(questions, answers)

    def _open(self) -> tuple[int, ...]:
        """One port to all of them: what one unconnected socket looks like on the wire."""
        port = self.talk.port()
        return tuple(
            self.talk.open(Transport.UDP, self.remote(place), source_port=port)
            for place in range(len(self.servers))
        )

    def _close(self, flows: tuple[int, ...]) -> None:
        for flow in flows:
            self.talk.close(flow)

    def _ask_all(
        self, flows: tuple[int, ...], questions: list[Asked], answers: dict[int, Answer]
    ) -> None:
        for asked in questions:
            if asked.question.qtype not in answers:
                for flow in flows:
                    self.talk.send(flow, asked.payload(self.profile.edns_octets))


def _told(questions: list[Asked], answers: dict[int, Answer]) -> Looked:
    """src/network/lookup_name.c, name_from_dns(): one family without an answer fails both, and so
    does one name error."""
    if len(answers) < len(questions):
        return Looked((), TRY_AGAIN)
    if any(answer.rcode == "NXDOMAIN" for answer in answers.values()):
        return Looked((), NO_SUCH_NAME)
    addresses = tuple(address for qtype in sorted(answers) for address in answers[qtype].addresses)
    # Until 1.2.3 a name without an address is one that "does not resolve".
    return Looked(addresses, "" if addresses else NO_SUCH_NAME)
