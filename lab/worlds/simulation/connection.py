"""One end of a TCP connection: open, refuse, messages each way, close (RFC 9293).

Links of this world lose nothing and keep the order, so there is no retransmission, no window and no
congestion control; a segment that is not the next one is not taken. docs/limitations.md says what
follows from that.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from lab.worlds.simulation.packet import Pair
from lab.worlds.simulation.streams import Accepted, Unframer, framed
from lab.worlds.world import WorldBroken
from resolver.machine import (
    Endpoint,
    Flow,
    Framing,
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
        self._closed = False
        """Our program closed it."""
        self._fin_acknowledged = False
        self._fin_received = False

    # --- what our program does ----------------------------------------------------------------

    def open(self) -> None:
        """Send the first SYN."""
        self._send(SYN)

    def accept(self, segment: TcpView) -> None:
        """Answer a SYN."""
        self._phase = _Phase.SYN_RECEIVED
        self._next_expected = _after(segment.sequence)
        self._send(SYN | ACK)

    def send(self, payload: bytes) -> None:
        """Send one message. What is sent after the end is lost; WorldBroken when the connection is
        not open yet, which the machine had to wait for."""
        if self._phase is _Phase.GONE:
            return
        if self._phase is not _Phase.OPEN:
            raise WorldBroken(f"{self.process} sent on flow {self.flow} before StreamOpened")
        octets = framed(payload, self._framing)
        for start in range(0, len(octets), _SEGMENT_OCTETS):
            piece = octets[start : start + _SEGMENT_OCTETS]
            last = start + _SEGMENT_OCTETS >= len(octets)
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

    def receive(self, segment: TcpView) -> None:
        """Take a segment of this connection."""
        if self._phase is _Phase.SYN_SENT:
            self._receive_answer(segment)
        elif segment.flags & RST:
            # RFC 9293 3.10.7.4: a reset counts only if it is the next octet.
            if segment.sequence == self._next_expected:
                self._reset("connection reset")
        elif segment.flags & ACK and segment.acknowledgment == self._next_sent:
            self._receive_in_order(segment)
        elif segment.flags & ACK and _is_behind(segment.acknowledgment, self._next_sent):
            self._receive_in_order(segment, acknowledges_all=False)

    def _receive_answer(self, segment: TcpView) -> None:
        acknowledged = bool(segment.flags & ACK) and segment.acknowledgment == self._next_sent
        if segment.flags & RST:
            if acknowledged:
                self._reset("connection refused")
        elif segment.flags & ACK and not acknowledged:
            self._sockets.refuse(self.pair, segment)  # RFC 9293 3.10.7.3
        elif segment.flags & SYN and acknowledged:
            self._next_expected = _after(segment.sequence)
            self._phase = _Phase.OPEN
            self._send(ACK)
            self.process.deliver(StreamOpened(self.flow, self.remote, self.local))

    def _receive_in_order(self, segment: TcpView, *, acknowledges_all: bool = True) -> None:
        if segment.sequence != self._next_expected:
            if segment.payload or segment.flags & (SYN | FIN):
                self._send(ACK)  # RFC 9293 3.10.7.4: say what is expected instead
            return
        if self._phase is _Phase.SYN_RECEIVED and not self._is_accepted(segment):
            return
        if segment.payload:
            self._take(segment.payload)
        if segment.flags & FIN:
            self._take_goodbye()
        if segment.payload or segment.flags & FIN:
            self._send(ACK)
        if self._closed and acknowledges_all:
            self._fin_acknowledged = True
        if self._fin_acknowledged and self._fin_received:
            self._end()

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
        self._next_expected = (self._next_expected + len(octets)) % 2**32
        if self._closed:
            return  # as the real shell: a closed stream lingers until the far end says goodbye
        for message in self._unframer.messages(octets):
            self.process.deliver(
                MessageArrived(self.flow, message, Transport.TCP, self.remote, self.local)
            )

    def unreachable(self, reason: str) -> None:
        """An ICMP error about our SYN ends the attempt; RFC 1122 4.2.3.9: an open connection
        outlives it."""
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
        self._sockets.forget(self)

    def _send(self, flags: int, payload: bytes = b"") -> None:
        self._sockets.send(
            self, flags, self._next_sent, self._next_expected if flags & ACK else 0, payload
        )
        length = len(payload) + bool(flags & SYN) + bool(flags & FIN)
        self._next_sent = (self._next_sent + length) % 2**32


def _after(sequence: int) -> int:
    return (sequence + 1) % 2**32


def _is_behind(sequence: int, other: int) -> bool:
    """Whether `sequence` comes before `other` on the circle of sequence numbers (RFC 9293 3.4)."""
    return 0 < (other - sequence) % 2**32 < 2**31
