"""A machine on a host: events brought to it, effects carried out, its timers kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

from lab.worlds.simulation.ports import NoRoute, PortInUse
from lab.worlds.simulation.streams import Accepted
from lab.worlds.simulation.udp import UdpClient, UdpSocket, UdpSockets
from lab.worlds.world import WorldBroken
from resolver.machine import (
    Close,
    CountersRequested,
    Duration,
    Effect,
    Endpoint,
    Event,
    Flow,
    Instant,
    Machine,
    Note,
    Open,
    PacketArrived,
    PortTaken,
    Reconfigured,
    Send,
    SendPacket,
    StopRequested,
    StreamClosed,
    Transport,
    Unreachable,
)
from resolver.programs import Listening

if TYPE_CHECKING:
    from lab.worlds.simulation.connection import Connection
    from lab.worlds.simulation.host import Host
    from lab.worlds.simulation.tcp import TcpSockets

PROCESSING_TIME_NS: Duration = 50_000
"""From an event's arrival at a socket until its program has dealt with it. The program's effects
are on the wire at that instant; a timer's are at its own. Programs are never busy: events that
arrive together are dealt with together."""

STUCK_AFTER = 1000
"""How often a machine may ask to be woken at one and the same instant."""

Journal: TypeAlias = Callable[[object, Instant], None]


class Socket(Protocol):
    """What a flow that a machine opened sends by."""

    def send(self, payload: bytes) -> None:
        """Send one message."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class _Unopened:
    """Stands for a flow until its machine hears that nothing was opened."""

    def send(self, payload: bytes) -> None:
        """Send nowhere."""

    def close(self) -> None:
        """Close nothing."""


class Process:
    """A program that runs on a host."""

    def __init__(self, name: str, machine: Machine, host: Host, journal: Journal) -> None:
        self.name = name
        self.machine = machine
        self._host = host
        self._agenda = host.agenda
        self._journal = journal
        self.running = True
        self._listens: list[tuple[UdpSockets | TcpSockets, Endpoint]] = []
        self._opened: dict[Flow, Socket] = {}
        self._accepted: dict[Flow, Socket] = {}
        self._alarm: Instant | None = None
        """When `_wake` is appointed for; an older appointment that still comes is ignored."""
        self._woken_at: Instant = -1
        self._wakings = 0

    # --- life ---------------------------------------------------------------------------------

    def start(self, listens: Sequence[Listening]) -> None:
        """Bind the listening sockets and let the machine begin, now.

        Raises WorldBroken when an endpoint is taken: two programs of the plan want it.
        """
        udp, tcp = self._host.udp, self._host.tcp
        for local, transports, framing in listens:
            try:
                if Transport.UDP in transports:
                    udp.listen(local, self)
                    self._listens.append((udp, local))
                if Transport.TCP in transports:
                    tcp.listen(local, self, framing)
                    self._listens.append((tcp, local))
            except PortInUse:
                raise WorldBroken(f"{self}: another program of the node has {local}") from None
        self._expire()

    def stop(self) -> None:
        """End: sockets close, ports refuse, nothing is delivered any more. Idempotent."""
        self.running = False
        for sockets, local in self._listens:
            sockets.unlisten(local)
        self._listens.clear()
        for socket in (*self._opened.values(), *self._accepted.values()):
            socket.close()
        self._opened.clear()
        self._accepted.clear()

    def __str__(self) -> str:
        return f"{self.name} on {self._host.name}"

    # --- events -------------------------------------------------------------------------------

    def deliver(self, event: Event) -> None:
        """Bring an event to the machine, as soon as it gets to it."""
        self._agenda.at(self._agenda.now + PROCESSING_TIME_NS, self._handle, event)

    def tell(self, event: Event) -> None:
        """Bring an event to the machine at once: what its operator says."""
        self._handle(event)

    def accepted(self, connection: Connection) -> None:
        """A listening socket of ours has a new stream."""
        self._accepted[connection.flow] = connection

    def _handle(self, event: Event) -> None:
        if not self.running or not self._is_heard(event):
            return
        now = self._agenda.now
        try:
            effects = self.machine.handle(event, now)
        except Exception as error:
            raise self._failure(f"failed at {event}") from error
        self._carry_out(effects)
        self._set_alarm()

    def _is_heard(self, event: Event) -> bool:
        """Nothing is heard of a flow that was closed while the event was on its way."""
        if isinstance(event, PacketArrived | Reconfigured | StopRequested | CountersRequested):
            return True
        if isinstance(event.flow, UdpClient):
            return True
        held: dict[Flow, Socket] = (
            self._accepted if isinstance(event.flow, Accepted) else self._opened
        )
        socket = held.get(event.flow)
        if socket is None:
            return False
        # As with real sockets: a stream that ended is gone, and so is what was never opened; a
        # refused datagram flow stays, because the refusal may have been forged.
        if isinstance(event, StreamClosed | PortTaken | Unreachable) and not isinstance(
            socket, UdpSocket
        ):
            del held[event.flow]
            socket.close()
        return True

    # --- timers -------------------------------------------------------------------------------

    def _set_alarm(self) -> None:
        deadline = self.machine.deadline()
        if deadline is None:
            self._alarm = None
            return
        due = max(deadline, self._agenda.now)
        if due != self._alarm:
            self._alarm = due
            self._agenda.at(due, self._wake, due)

    def _wake(self, due: Instant) -> None:
        if not self.running or due != self._alarm:
            return
        self._alarm = None
        self._expire()

    def _expire(self) -> None:
        now = self._agenda.now
        if now != self._woken_at:
            self._woken_at, self._wakings = now, 0
        self._wakings += 1
        if self._wakings > STUCK_AFTER:
            raise WorldBroken(
                f"{self}: its deadline stays at {self.machine.deadline()} ns however often its "
                f"timers fire at {now} ns; expire() must move deadline()"
            )
        try:
            effects = self.machine.expire(now)
        except Exception as error:
            raise self._failure("failed at a timer") from error
        self._carry_out(effects)
        self._set_alarm()

    # --- effects ------------------------------------------------------------------------------

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send():
                    self._send(effect.flow, effect.payload)
                case Open():
                    self._open(effect)
                case Close():
                    self._close(effect.flow)
                case SendPacket():
                    self._emit(effect.packet)
                case Note():
                    self._journal(effect.fact, self._agenda.now)

    def _send(self, flow: Flow, payload: bytes) -> None:
        socket = self._opened.get(flow) or self._accepted.get(flow)
        try:
            if isinstance(flow, UdpClient):
                self._host.udp.send(flow.local, flow.remote, payload)
            elif socket is not None:
                socket.send(payload)
        except ValueError as error:  # too long for its transport
            raise self._failure(f"cannot send on flow {flow}: {error}") from error

    def _open(self, wanted: Open) -> None:
        if wanted.flow in self._opened:
            raise self._failure(f"opened flow {wanted.flow} twice")
        try:
            if wanted.transport is Transport.UDP:
                socket: Socket = self._host.udp.connect(
                    self,
                    wanted.flow,
                    wanted.remote,
                    wanted.source_port,
                    wanted.source_address,
                    shares_port=wanted.shares_port,
                )
            else:
                socket = self._host.tcp.connect(
                    self,
                    wanted.flow,
                    wanted.remote,
                    wanted.source_port,
                    wanted.framing,
                    wanted.source_address,
                )
        except PortInUse:
            socket = _Unopened()
            self.deliver(PortTaken(wanted.flow))
        except NoRoute:
            socket = _Unopened()
            self.deliver(Unreachable(wanted.flow, "network unreachable"))
        self._opened[wanted.flow] = socket

    def _close(self, flow: Flow) -> None:
        socket = self._opened.pop(flow, None) or self._accepted.pop(flow, None)
        if socket is not None:
            socket.close()

    def _emit(self, packet: bytes) -> None:
        if self._host.translation is None:
            raise self._failure("sent an IP packet, and its node has no translator's device")
        self._host.translation.emit(packet)

    def _failure(self, what: str) -> WorldBroken:
        return WorldBroken(f"{self} {what}")
