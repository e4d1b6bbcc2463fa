"""systemd-resolved (252) with glibc in front of it: src/resolve/resolved-dns-transaction.c.

On the wire there is only resolved: a transaction for A and one for AAAA, each with an ID of its own
that stays, a socket for each server it turns to, EDNS until a server cannot bear it, and another
server after each failure. What the program is told comes from glibc, which asks 127.0.0.53 five
seconds at a time: twice for the name as it stands, and twice more because resolved's resolv.conf
says `search .`, which makes the same name of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from lab.viewer.lookup import Answer, Looked, Stub, looked
from lab.viewer.profiles import StubProfile
from lab.viewer.talking import Algorithm, Heard, Talk
from resolver.machine import SECOND, Duration, Instant, Transport

_ATTEMPTS_OF_TRANSACTION: Final = 24
"""DNS_TRANSACTION_ATTEMPTS_MAX."""
_LOST_BEFORE_LESS: Final = 3
"""DNS_SERVER_FEATURE_RETRY_ATTEMPTS: datagrams lost before EDNS is given up for a server."""

_ABSENCE_KEPT_S: Final = 60
"""Longer than any lookup takes: absences are sorted out by whether an SOA record came with them."""
_WAITS_FOR_THE_OTHER: Final = 3
"""How often glibc waits for the second of two answers before it goes by the first."""


@dataclass(slots=True)
class Daemon:
    """What resolved remembers from one lookup to the next: it outlives the programs that ask it."""

    server: int = 0
    """The place of the server it asks first."""
    lost: dict[int, int] = field(default_factory=dict)
    """Datagrams without an answer, by the server's place."""
    plain: set[int] = field(default_factory=set)
    """Servers that are asked without EDNS."""

    def loses(self, place: int) -> None:
        """A datagram to this server got no answer."""
        self.lost[place] = self.lost.get(place, 0) + 1
        if self.lost[place] >= _LOST_BEFORE_LESS:
            self.plain.add(place)

    def turns_from(self, place: int, servers: int) -> None:
        """Ask another server from now on, if this one is still the one that is asked."""
        if self.server == place:
            self.server = (place + 1) % servers


class _Transaction:
    """One question on its way through the servers."""

    def __init__(self, stub: ResolvedStub, qtype: int) -> None:
        self.answer: Answer | None = None
        self.failed = ""
        """The RCODE that came of it, "TIMEOUT" when nothing did; empty while it goes on."""
        self._stub = stub
        self._asked = stub.asked(qtype)
        self._place = -1
        self._flow = 0
        self._deadline: Instant = 0
        self._picked = 1
        """How many servers it has turned to."""
        self._attempts = 0
        self._least: str = ""
        """How far errors lowered its own features: "", "same" (asked once more), "plain"."""
        self._has_edns = False
        self._ask()

    @property
    def over(self) -> bool:
        return self.answer is not None or bool(self.failed)

    @property
    def deadline(self) -> Instant:
        return self._deadline

    @property
    def awaits_stream(self) -> bool:
        return self._place >= 0 and self._stub.streams.get(self._place) == self._flow

    def expire(self) -> None:
        """The server was waited for in vain."""
        self._stub.daemon.loses(self._place)
        self._retry_elsewhere()

    def hear(self, heard: Heard) -> None:
        """Take a reply or a refusal of our own flow."""
        if heard.flow != self._flow:
            return
        if heard.opened:
            self._stub.talk.send(self._flow, self._payload())
        elif heard.payload is None:
            self._stub.streams.pop(self._place, None)
            self._stub.daemon.loses(self._place)
            self._retry_elsewhere()
        elif (answer := self._asked.reply_in(heard.payload)) is not None:
            self._weigh(answer)

    def _weigh(self, answer: Answer) -> None:
        if answer.reply.tc and not self.awaits_stream:
            self._ask_over_tcp()
        elif answer.rcode in self._stub.profile.repeats_on and self._has_edns:
            # "SERVFAIL … may be transient": once more before anything is lowered.
            transient = answer.rcode == "SERVFAIL" and not self._least
            self._least = "same" if transient else "plain"
            self._ask()
        elif answer.rcode in self._stub.profile.repeats_on | self._stub.profile.next_on:
            # No point in less; another server may be better.
            if self._picked < len(self._stub.servers):
                self._retry_elsewhere()
            else:
                self.failed = answer.rcode
        elif self._has_edns and answer.rcode == "NXDOMAIN" and self._least != "plain":
            # DVE-2018-0001: some servers lie to questions with an OPT record.
            self._least = "plain"
            self._ask()
        elif self._has_edns and not answer.reply.edns:
            # The server does not know EDNS; what it said may be cut.
            self._stub.daemon.plain.add(self._place)
            self._asked = self._stub.asked(self._asked.question.qtype)
            self._ask()
        else:
            self._stub.daemon.lost.pop(self._place, None)
            self.answer = answer

    def _retry_elsewhere(self) -> None:
        self._stub.daemon.turns_from(self._place, len(self._stub.servers))
        self._ask()

    def _pick(self) -> None:
        place = self._stub.daemon.server
        if place == self._place:
            return
        if self._place >= 0:
            self._picked += 1
            self._least = ""
            self._close()
        self._place = place
        self._flow = self._stub.talk.open(Transport.UDP, self._stub.remote(place))

    def _ask(self) -> None:
        self._pick()  # which may have changed on the other transaction's behalf
        self._attempts += 1
        if self._attempts > _ATTEMPTS_OF_TRANSACTION:
            self.failed = "SERVFAIL"
            return
        if self.awaits_stream:
            self._flow = self._stub.talk.open(Transport.UDP, self._stub.remote(self._place))
        self._deadline = self._stub.talk.now + self._stub.profile.timeout_ns
        self._stub.talk.send(self._flow, self._payload())

    def _payload(self) -> bytes:
        plain = self._least == "plain" or self._place in self._stub.daemon.plain
        self._has_edns = not plain
        return self._asked.payload(None if plain else self._stub.profile.edns_octets)

    def _ask_over_tcp(self) -> None:
        """All transactions share one stream to a server."""
        self._stub.talk.close(self._flow)
        limit = self._stub.profile.tcp_timeout_ns
        self._deadline = self._stub.talk.now + (limit or 0)
        open_already = self._stub.streams.get(self._place)
        if open_already is None:
            self._flow = self._stub.talk.open(Transport.TCP, self._stub.remote(self._place))
            self._stub.streams[self._place] = self._flow
            return
        self._flow = open_already
        if open_already in self._stub.standing:
            self._stub.talk.send(self._flow, self._payload())

    def _close(self) -> None:
        if not self.awaits_stream:
            self._stub.talk.close(self._flow)

    def end(self) -> None:
        """Close what it holds."""
        self._close()


class ResolvedStub(Stub):
    """getaddrinfo on a machine whose resolv.conf names 127.0.0.53."""

    def __init__(
        self,
        profile: StubProfile,
        servers: Sequence[str],
        name: str,
        talk: Talk,
        daemon: Daemon,
    ) -> None:
        super().__init__(profile, servers, name, talk)
        self.daemon = daemon
        self.streams: dict[int, int] = {}
        """The stream to a server, by its place."""
        self.standing: set[int] = set()
        """Streams whose handshake is done."""
        self._answers: dict[int, Answer] = {}
        self._fresh_until: dict[int, Instant] = {}
        """By when glibc's next attempt finds an answer in resolved's cache."""
        self._under_way: dict[int, _Transaction] = {}
        self.attempts_made = 0
        """glibc's, so far."""
        self._cached: set[int] = set()
        """Families whose failure resolved remembers."""

    def look_up(self) -> Algorithm[Looked]:
        """Do as glibc does with a server at 127.0.0.53, and as resolved does behind it."""
        for searching in (False, True):
            if searching:
                self._forget_what_is_not_kept()
            yield from self._search()
            if self._has_enough():
                break
        for each in self._under_way.values():
            each.end()
        for flow in self.streams.values():
            self.talk.close(flow)
        return looked(self._answers)

    def _search(self) -> Algorithm[None]:
        """Two attempts for one spelling of the name."""
        for _ in range(self.profile.attempts // 2):
            yield from self._ask_the_daemon()
            self.attempts_made += 1
            if self._has_enough() or (not self._under_way and self._is_kept()):
                return

    def _ask_the_daemon(self) -> Algorithm[None]:
        """One attempt of glibc's: until both answers are there, or its patience ends. What is under
        way already goes on; what failed begins anew."""
        deadline = self.talk.now + self.patience_ns()
        for qtype, fresh_until in tuple(self._fresh_until.items()):
            if self.talk.now >= fresh_until and qtype in self._answers:
                del self._answers[qtype]
        for qtype in self.families():
            if qtype not in {*self._answers, *self._under_way, *self._cached}:
                self._under_way[qtype] = _Transaction(self, qtype)
        while self._under_way:
            heard = yield min(deadline, *(each.deadline for each in self._under_way.values()))
            if heard is None and self.talk.now >= deadline:
                return
            self._go_on(heard)
            self._settle()

    def patience_ns(self) -> Duration:
        """How long glibc waits for the daemon: as long as the daemon for a server. Both run out
        together where both began together, and glibc's first: its timers are exact."""
        return self.profile.timeout_ns

    def _go_on(self, heard: Heard | None) -> None:
        """Show every transaction what was heard, or that time has passed."""
        if heard is not None and heard.opened:
            self.standing.add(heard.flow)
        for each in tuple(self._under_way.values()):
            if heard is not None:
                each.hear(heard)
            elif self.talk.now >= each.deadline:
                each.expire()

    def _settle(self) -> None:
        """Put what came of transactions where the next attempt finds it."""
        for qtype, each in tuple(self._under_way.items()):
            if each.answer is not None:
                self._answers[qtype] = each.answer
                ttls = [record.ttl for record in each.answer.reply.answers]
                self._fresh_until[qtype] = (
                    self.talk.now + min(ttls, default=_ABSENCE_KEPT_S) * SECOND
                )
            elif each.failed in self.profile.repeats_on:
                self._cached.add(qtype)
            if each.over:
                each.end()
                del self._under_way[qtype]

    def _has_enough(self) -> bool:
        """Whether glibc has addresses, and waits no longer for those of the other family."""
        if not any(answer.addresses for answer in self._answers.values()):
            return False
        return not self._under_way or self.attempts_made >= _WAITS_FOR_THE_OTHER

    def _forget_what_is_not_kept(self) -> None:
        """RFC 2308 5: an absence without an SOA record is not cached, so it is asked for again."""
        for qtype, answer in tuple(self._answers.items()):
            if not answer.addresses and not answer.reply.authority:
                del self._answers[qtype]

    def _is_kept(self) -> bool:
        """Whether every family is settled for now: answered, or failed in a way that resolved keeps
        (CACHE_TTL_STRANGE_RCODE_USEC), so that glibc's next attempts are told at once."""
        return len(self._answers) + len(self._cached) == len(self.families())
