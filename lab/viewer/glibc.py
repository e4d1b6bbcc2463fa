"""glibc's stub resolver: resolv/res_send.c (2.36) as an algorithm.

One server after the other, so many times round. The same message, from the same socket, each time a
server's turn comes; a socket of its own for each server.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from lab.viewer.lookup import Answer, Asked, Looked, Stub, looked
from lab.viewer.profiles import StubProfile, Turn
from lab.viewer.talking import Algorithm, Talk
from resolver.machine import Transport


class GlibcStub(Stub):
    """getaddrinfo as programs on Debian have it; also one question put once (`dig`)."""

    def __init__(
        self, profile: StubProfile, servers: Sequence[str], name: str, talk: Talk, first: int = 0
    ) -> None:
        super().__init__(profile, servers, name, talk, first)
        self._questions = tuple(self.asked(qtype) for qtype in self.families())
        self._sockets: dict[int, int] = {}
        """By the server's place."""
        self._single = profile.families == "one-after-the-other"
        """AAAA leaves when A is answered."""
        self._reopen = False
        """And from a socket of its own."""
        self._circuit = False
        """A truncated answer came: TCP from here on, each server once."""

    def look_up(self) -> Algorithm[Looked]:
        """Give each server its turns."""
        found: dict[int, Answer] = {}
        turns = self.profile.turns(len(self.servers), self.first)
        for number, turn in enumerate(turns, start=1):
            answers = yield from self._turn(turn)
            if answers is not None:
                found = answers
                break
            if self._circuit and number % len(self.servers) == 0:
                break  # "Use VC; at most one attempt per server."
        self._close_all()
        return looked(found)

    def _turn(self, turn: Turn) -> Algorithm[dict[int, Answer] | None]:
        """What a server answered; None: the next one's turn."""
        place = turn.servers[0]
        if self._circuit:
            return (yield from self._on_circuit(place))
        while True:
            done, answers = yield from self._wait_for(place, turn)
            if self._circuit:
                return (yield from self._on_circuit(place))
            if done:
                return answers
            # "There are quite a few broken name servers out there which don't handle two
            # outstanding requests from the same source": one after the other then, and after that
            # each from a fresh socket.
            if not self._single:
                self._single = True
            elif not self._reopen:
                self._reopen = True
                self._close_all()
            else:
                return answers

    def _wait_for(  # noqa: C901, PLR0912 - send_dg() in one piece, as it is there
        self, place: int, turn: Turn
    ) -> Algorithm[tuple[bool, dict[int, Answer] | None]]:
        """One wait for one server. Whether that settles its turn, and with what answers; not
        settled: one of two answers stayed out."""
        deadline = self.talk.now + turn.wait_ns
        answers: dict[int, Answer] = {}
        failed = 0
        waiting = list(self._questions)
        for question in waiting[:1] if self._single else waiting:
            self._send(place, question)
        while True:
            heard = yield deadline
            if heard is None:
                return not answers, answers or None
            if heard.flow != self._sockets.get(place):
                continue
            if heard.refused:
                self._close_all()
                return True, None
            taken = _taken(heard.payload or b"", waiting)
            if taken is None:
                continue
            question, answer = taken
            if answer.rcode in self.profile.next_on or _is_lame(answer):
                if answers:
                    return True, answers
                if failed or self._single or len(self._questions) == 1:
                    if not failed:
                        self._close_all()
                    return True, None
                failed += 1
                waiting.remove(question)
                continue
            if answer.reply.tc and self.profile.tcp_after_truncation:
                self._circuit = True
                self._close_all()
                return True, None
            waiting.remove(question)
            answers[question.question.qtype] = answer
            if not waiting:
                return True, answers
            if self._single:
                if self._reopen:
                    self._close_all()
                self._send(place, waiting[0])

    def _on_circuit(self, place: int) -> Algorithm[dict[int, Answer] | None]:
        # dig takes a new ID for TCP, glibc the old ones.
        fresh = self.profile.order == "one-server"
        questions = [self.asked(qtype) for qtype in self.families()] if fresh else self._questions
        answers = yield from self.over_tcp(place, questions)
        return answers or None

    def _send(self, place: int, question: Asked) -> None:
        if place not in self._sockets:
            self._sockets[place] = self.talk.open(Transport.UDP, self.remote(place))
        self.talk.send(self._sockets[place], question.payload(self.profile.edns_octets))

    def _close_all(self) -> None:
        for flow in self._sockets.values():
            self.talk.close(flow)
        self._sockets.clear()


def _taken(payload: bytes, waiting: Sequence[Asked]) -> tuple[Asked, Answer] | None:
    """The question that a datagram answers, and the answer."""
    for question in waiting:
        if (answer := question.reply_in(payload)) is not None:
            return question, answer
    return None


def _is_lame(answer: Answer) -> bool:
    """NOERROR with nothing in it, from a server that neither knows nor asks others (res_send.c)."""
    reply = answer.reply
    empty = not reply.answers and not reply.authority
    return answer.rcode == "NOERROR" and empty and not reply.aa and not reply.ra


def first_server(profile: StubProfile, servers: int, random: Random) -> int:
    """Where a lookup begins: glibc's `rotate` draws a place when the program starts."""
    return random.randrange(servers) if profile.order == "rotated" and servers else 0
