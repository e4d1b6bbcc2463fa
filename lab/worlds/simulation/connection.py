"""One end of a TCP connection: open, refuse, messages each way, close (RFC 9293), and what is lost
on the way is sent again.

There is no window and no congestion control, and no repetition before the timer's time (fast
retransmit, tail loss probe): docs/limitations.md says what follows from that.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from lab.worlds.simulation.packet import Pair
from lab.worlds.simulation.retransmission import Outstanding, Sent
from lab.worlds.simulation.streams import Accepted, Unframer, framed
from lab.worlds.world import WorldBroken
from resolver.machine import (
    Endpoint,
    Flow,
    Framing,
    Instant,
    MessageArrived,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)
from resolver.nat.packet import ACK, FIN, PSH, RST, SYN, TcpView

if TYPE_CHECKING:
    from lab.worlds.simulation.process import Process
    from lab.worlds.simulation.tcp import TcpSockets

_SEGMENT_OCTETS = 1440
"""The most one segment carries: what an Ethernet frame takes, over IPv6 too."""

_HEADERS = 40
"""Octets of an IPv4 and a TCP header."""

_HALF = 2**31

# How often a segment is sent again before the connection is given up, as Linux does.
_SYN_RETRIES = 6
_SYN_ACK_RETRIES = 5
_RETRIES = 15
_ORPHAN_RETRIES = 8
"""Once the program has closed the stream (net.ipv4.tcp_orphan_retries)."""


class _Phase(Enum):
    SYN_SENT = auto()
    SYN_RECEIVED = auto()
    OPEN = auto()
    GONE = auto()


class Connection:
    """One end of a connection."""

    def __init__(
        self,
        sockets: TcpSockets,
        process: Process,
        flow: Flow,
        pair: Pair,
        *,
        framing: Framing,
        sequence: int,
    ) -> None:
        self.process = process
        self.flow = flow
        self.pair = pair
        self.local = Endpoint(*pair[:2])
        self.remote = Endpoint(*pair[2:])
        self._sockets = sockets
        self._framing = framing
        self._unframer = Unframer(framing)
        self._phase = _Phase.SYN_SENT
        self._next_sent = sequence
        self._next_expected = 0
        self._outstanding = Outstanding()
        self._alarm: Instant | None = None
        """When `_ring` is appointed for; an earlier appointment that still comes is ignored. It may
        be too early, and is then put off: most segments are acknowledged long before."""
        self._ahead: dict[int, TcpView] = {}
        """Segments that came before those in front of them, by sequence number."""
        self._their_segment = _SEGMENT_OCTETS
        self._closed = False
        """Our program closed it."""
        self._fin_received = False

    # --- what our program does ----------------------------------------------------------------

    def open(self) -> None:
        """Send the first SYN."""
        self._send(SYN)

    def accept(self, segment: TcpView, largest: int | None) -> None:
        """Answer a SYN, which said how large our segments may be (None: did not say)."""
        self._phase = _Phase.SYN_RECEIVED
        self._next_expected = _after(segment.sequence)
        self._told_largest(largest)
        self._send(SYN | ACK)

    def send(self, payload: bytes) -> None:
        """Send one message. What is sent after the end is lost; WorldBroken when the connection is
        not open yet, which the machine had to wait for."""
        if self._phase is _Phase.GONE:
            return
        if self._phase is not _Phase.OPEN:
            raise WorldBroken(f"{self.process} sent on flow {self.flow} before StreamOpened")
        octets = framed(payload, self._framing)
        largest = self._largest()
        for start in range(0, len(octets), largest):
            piece = octets[start : start + largest]
            last = start + largest >= len(octets)
            self._send(ACK | PSH if last else ACK, piece)

    def close(self) -> None:
        """Close the stream; what the far end still sends is acknowledged and not read."""
        if self._closed:
            return
        self._closed = True
        if self._phase is _Phase.OPEN:
            self._send(FIN | ACK)
        elif self._phase is not _Phase.GONE:
            # RFC 9293 3.10.4: a connection that is not yet open is simply deleted.
            self._end()

    # --- what the far end does ----------------------------------------------------------------

    def receive(self, segment: TcpView, largest: int | None) -> None:
        """Take a segment of this connection; `largest` is the segment size that a SYN tells."""
        if self._phase is _Phase.SYN_SENT:
            self._receive_answer(segment, largest)
        elif segment.flags & RST:
            # RFC 9293 3.10.7.4: a reset counts only if it is the next octet.
            if segment.sequence == self._next_expected:
                self._reset("connection reset")
        elif segment.flags & ACK and not _is_behind(self._next_sent, segment.acknowledgment):
            self._outstanding.acknowledge(segment.acknowledgment, self._sockets.now())
            self._receive_octets(segment)
        elif segment.flags & SYN and self._phase is _Phase.SYN_RECEIVED:
            self._repeat()  # its sender has not got our answer

    def _receive_answer(self, segment: TcpView, largest: int | None) -> None:
        acknowledged = bool(segment.flags & ACK) and segment.acknowledgment == self._next_sent
        if segment.flags & RST:
            if acknowledged:
                self._reset("connection refused")
        elif segment.flags & ACK and not acknowledged:
            self._sockets.refuse(self.pair, segment)  # RFC 9293 3.10.7.3
        elif segment.flags & SYN and acknowledged:
            self._outstanding.acknowledge(segment.acknowledgment, self._sockets.now())
            self._next_expected = _after(segment.sequence)
            self._told_largest(largest)
            self._phase = _Phase.OPEN
            self._send(ACK)
            self.process.deliver(StreamOpened(self.flow, self.remote, self.local))

    def _receive_octets(self, segment: TcpView) -> None:
        # RFC 9293 3.10.7.4: what acknowledges our SYN opens, wherever in the stream it stands.
        if self._phase is _Phase.SYN_RECEIVED and (
            segment.acknowledgment != self._next_sent or not self._is_accepted(segment)
        ):
            return
        if segment.payload or segment.flags & (SYN | FIN):
            self._ahead.setdefault(segment.sequence, segment)
            self._take_what_follows()
            self._send(ACK)  # RFC 9293 3.10.7.4: say what is expected, whatever came
        if self._closed and self._fin_received and not self._outstanding.segments:
            self._end()
            self._sockets.linger(self, self._next_sent, self._next_expected)

    def _take_what_follows(self) -> None:
        """Take segments as long as one begins where the last one ended, or before."""
        for sequence in self._in_order():
            if _is_behind(self._next_expected, sequence):
                return
            segment = self._ahead.pop(sequence)
            known = (self._next_expected - sequence - bool(segment.flags & SYN)) % 2**32
            if known <= len(segment.payload) and not self._fin_received:
                self._take(segment.payload[known:])
                if segment.flags & FIN:
                    self._take_goodbye()

    def _in_order(self) -> list[int]:
        if len(self._ahead) == 1:
            return list(self._ahead)
        return sorted(self._ahead, key=lambda each: _distance(self._next_expected, each))

    def _is_accepted(self, segment: TcpView) -> bool:
        if not self.process.running:
            self._sockets.refuse(self.pair, segment)  # it ended while its SYN-ACK was on the way
            self._end()
            return False
        self._phase = _Phase.OPEN
        self.process.accepted(self)
        self.process.deliver(StreamOpened(self.flow, self.remote, self.local))
        return True

    def _take_goodbye(self) -> None:
        self._next_expected = _after(self._next_expected)
        self._fin_received = True
        if not self._closed:
            self.process.deliver(StreamClosed(self.flow))

    def _take(self, octets: bytes) -> None:
        if not octets:
            return
        self._next_expected = (self._next_expected + len(octets)) % 2**32
        if self._closed:
            return  # as the real shell: a closed stream lingers until the far end says goodbye
        for message in self._unframer.messages(octets):
            self.process.deliver(
                MessageArrived(self.flow, message, Transport.TCP, self.remote, self.local)
            )

    def unreachable(self, reason: str) -> None:
        """An ICMP error about our SYN ends the attempt (RFC 5461 4.1); an open connection outlives
        it (RFC 5927 5.2)."""
        if self._phase is _Phase.SYN_SENT:
            self._reset(reason)

    def _reset(self, reason: str) -> None:
        heard = self._phase is not _Phase.SYN_RECEIVED and not self._closed
        self._end()
        if not heard:
            return
        if isinstance(self.flow, Accepted):
            self.process.deliver(StreamClosed(self.flow))
        else:
            self.process.deliver(Unreachable(self.flow, reason))

    def _end(self) -> None:
        self._phase = _Phase.GONE
        self._outstanding.due = None
        self._sockets.forget(self)

    # --- what is sent, and sent again ---------------------------------------------------------

    def shrink(self) -> None:
        """A router let a segment of ours not through, and the path's size is known now: send what
        is on its way again, in pieces that fit (RFC 1191 6.4)."""
        if self._phase is _Phase.GONE:
            return
        self._outstanding.split(self._largest())
        for sent in self._outstanding.segments:
            sent.at = self._sockets.now()
            self._emit(sent.flags, sent.sequence, sent.payload)

    def _largest(self) -> int:
        room = self._sockets.room_towards(self.remote.address)
        return min(_SEGMENT_OCTETS, room - _HEADERS, self._their_segment)

    def _told_largest(self, octets: int | None) -> None:
        if octets is not None:
            self._their_segment = min(_SEGMENT_OCTETS, octets)

    def _ring(self, appointed: Instant) -> None:
        if appointed != self._alarm:
            return
        self._alarm = None
        due, now = self._outstanding.due, self._sockets.now()
        if due is None:
            return
        if due <= now:
            if self._outstanding.tries >= self._retries():
                self._reset("connection timed out")
                return
            self._repeat()
        self._set_alarm()

    def _retries(self) -> int:
        if self._phase is _Phase.SYN_SENT:
            return _SYN_RETRIES
        if self._phase is _Phase.SYN_RECEIVED:
            return _SYN_ACK_RETRIES
        return _ORPHAN_RETRIES if self._closed else _RETRIES

    def _repeat(self) -> None:
        sent = self._outstanding.again(self._sockets.now())
        self._emit(sent.flags, sent.sequence, sent.payload)

    def _set_alarm(self) -> None:
        due = self._outstanding.due
        if due is not None and (self._alarm is None or due < self._alarm):
            self._alarm = due
            self._sockets.appoint(due, self._ring)

    def _send(self, flags: int, payload: bytes = b"") -> None:
        sequence = self._next_sent
        self._emit(flags, sequence, payload)
        if payload or flags & (SYN | FIN):
            sent = Sent(sequence, flags, payload, self._sockets.now())
            self._next_sent = sent.end
            self._outstanding.add(sent)
            self._set_alarm()

    def _emit(self, flags: int, sequence: int, payload: bytes) -> None:
        self._sockets.send(
            self, flags, sequence, self._next_expected if flags & ACK else 0, payload
        )


def _after(sequence: int) -> int:
    return (sequence + 1) % 2**32


def _is_behind(sequence: int, other: int) -> bool:
    """Whether `sequence` comes before `other` on the circle of sequence numbers (RFC 9293 3.4)."""
    return 0 < (other - sequence) % 2**32 < _HALF


def _distance(sequence: int, other: int) -> int:
    """How far `other` is ahead; negative where it is behind."""
    return (other - sequence + _HALF) % 2**32 - _HALF
