"""What a DNS program counts, and whether it writes each question down too."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(slots=True)
class Counters:
    """Plain integers, counted from the start of the program. Each is in docs/resolver.md."""

    questions_udp: int = 0
    questions_tcp: int = 0
    """Questions taken: well-formed ones from clients."""
    fast_answers: int = 0
    """Questions answered from the table of ready answers; no other counter has them."""
    rcodes: dict[str, int] = field(default_factory=dict)
    """Answers by RCODE."""
    sources: dict[str, int] = field(default_factory=dict)
    """Answers by who had the last word: "own zone", "cache", "forwarded", …"""
    refused: int = 0
    """Questions of clients outside `recursion_for` that our own zones did not answer."""
    crowded_out: int = 0
    """Questions answered SERVFAIL because too many were in flight."""
    malformed: int = 0
    """Messages that are no question we can take."""
    dropped: int = 0
    """Questions without an answer: repeated while in flight, come over a stream that is gone, or
    while the program stops."""
    upstream_questions: int = 0
    """Messages to servers."""
    upstream_timeouts: int = 0
    upstream_unreachable: int = 0
    upstream_mismatches: int = 0
    """Messages that came to our questions' sockets and were not their replies."""
    streams_opened: int = 0
    streams_idled: int = 0
    """Streams closed because they were idle."""
    streams_refused: int = 0
    """Streams closed as they opened, because there were too many."""
    streams_open: int = 0
    """At this moment."""
    questions_in_flight: int = 0
    """At this moment, from clients."""
    cache_entries: int = 0
    """At this moment."""
    cache_misses: int = 0
    """Questions for which somebody had to be asked."""
    cache_evictions: int = 0
    """Entries that had to make room before they expired."""

    def answered(self, rcode: str, source: str) -> None:
        """A client got an answer."""
        self.rcodes[rcode] = self.rcodes.get(rcode, 0) + 1
        self.sources[source] = self.sources.get(source, 0) + 1


@dataclass(slots=True)
class CountersRead(Counters):
    """The counters at one moment."""

    def __str__(self) -> str:
        asked = self.questions_udp + self.questions_tcp + self.fast_answers
        return f"{asked} questions, {self.upstream_questions} questions to servers"


def read(counters: Counters) -> CountersRead:
    """The counters as a fact that does not change any more."""
    return CountersRead(**asdict(counters))


@dataclass(slots=True)
class Ledger:
    """What everybody in one program counts in."""

    counters: Counters = field(default_factory=Counters)
    each_question: bool = True
    """Whether the journal has what is ordinary too: each question, and each message to a server.
    Where it has not, such facts are never made."""
