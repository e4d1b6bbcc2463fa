"""The Windows DNS client, as far as Microsoft publishes what it does (`profiles.WINDOWS_TURNS_S`).

What is not published is assumed, and the profile says so: A and AAAA leave together, and an error
that is no name error makes the next turn come at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.viewer.lookup import Answer, Looked, Stub, looked
from lab.viewer.profiles import StubProfile, Turn
from lab.viewer.talking import Algorithm, Heard, Talk
from resolver.machine import Transport


class WindowsStub(Stub):
    """The client of Windows: what it asked before may still be answered."""

    def __init__(
        self, profile: StubProfile, servers: Sequence[str], name: str, talk: Talk, first: int = 0
    ) -> None:
        super().__init__(profile, servers, name, talk, first)
        self._questions = {qtype: self.asked(qtype) for qtype in self.families()}
        self._answers: dict[int, Answer] = {}
        self._sockets: dict[int, int] = {}
        """Flow → the server's place."""
        self._failed: set[int] = set()
        """Servers that said in this turn that they cannot help."""

    def look_up(self) -> Algorithm[Looked]:
        """Ask by the table, and take the first answer to each question."""
        for turn in self.profile.turns(len(self.servers)):
            deadline = self.talk.now + turn.wait_ns
            self._failed.clear()
            self._ask(turn)
            while not self._over() and not self._failed.issuperset(turn.servers):
                heard = yield deadline
                if heard is None:
                    break
                yield from self._take(heard)
            if self._over():
                break
        for flow in self._sockets:
            self.talk.close(flow)
        return looked(self._answers)

    def _ask(self, turn: Turn) -> None:
        for place in turn.servers:
            flow = next((flow for flow, of in self._sockets.items() if of == place), None)
            if flow is None:
                flow = self.talk.open(Transport.UDP, self.remote(place))
                self._sockets[flow] = place
            for qtype, asked in self._questions.items():
                if qtype not in self._answers:
                    self.talk.send(flow, asked.payload(self.profile.edns_octets))

    def _take(self, heard: Heard) -> Algorithm[None]:
        place = self._sockets.get(heard.flow)
        if place is None:
            return
        if heard.refused:
            self._failed.add(place)
        for qtype, asked in self._questions.items():
            answer = asked.reply_in(heard.payload or b"")
            if answer is None or qtype in self._answers:
                continue
            if answer.rcode in self.profile.next_on:
                self._failed.add(place)
            elif answer.reply.tc:
                self._answers |= yield from self.over_tcp(place, self._questions.values())
            else:
                self._answers[qtype] = answer

    def _over(self) -> bool:
        """Whether everything is answered; "any Name Error" ends it too (KB 2834226)."""
        return len(self._answers) == len(self._questions) or any(
            answer.rcode == "NXDOMAIN" for answer in self._answers.values()
        )
