"""Real sockets around a machine: datagrams and streams in, datagrams and streams out."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

from resolver.machine import (
    AnswersDatagrams,
    Close,
    Effect,
    Endpoint,
    Flow,
    Framing,
    Instant,
    Machine,
    Open,
    PortTaken,
    Send,
    StreamClosed,
    Transport,
    Unreachable,
)
from resolver.shells.datagrams import Datagrams
from resolver.shells.listening import allow_foreign_address, new_socket, refusal
from resolver.shells.loop import Loop
from resolver.shells.shell import Journal, MachineFailed, Shell
from resolver.shells.streams import Streams

Listening: TypeAlias = tuple[Endpoint, frozenset[Transport], Framing]
"""An endpoint, the transports taken there, and how its streams are framed."""


class SocketShell(Shell):
    """Runs one machine behind real sockets until closed.

    `enter` is entered around the creation of each socket; a world steps into a node's network
    namespace there. With `foreign_addresses` the endpoints' addresses need not be the host's own.
    With `batched` datagrams share system calls where machine and host allow it. Raises CannotStart
    when an endpoint cannot be listened on.

    After `StreamClosed` or an `Unreachable` stream, the flow is gone. After an `Unreachable`
    datagram flow it stays until the machine closes it: the refusal may have been forged.
    """

    def __init__(
        self,
        loop: Loop,
        machine: Machine,
        listens: tuple[Listening, ...],
        *,
        foreign_addresses: bool = False,
        batched: bool = True,
        enter: Callable[[], AbstractContextManager[None]] = nullcontext,
        journal: Journal,
    ) -> None:
        super().__init__(loop, machine, journal)
        self._enter = enter
        self._foreign = foreign_addresses
        self.answers: AnswersDatagrams | None = (
            machine if isinstance(machine, AnswersDatagrams) else None
        )
        self._datagrams = Datagrams(self, batched=batched)
        self._streams = Streams(self)
        self._owed: dict[Flow, Unreachable | PortTaken | StreamClosed] = {}
        try:
            for endpoint, transports, framing in listens:
                if Transport.UDP in transports:
                    self._datagrams.listen(self._to_listen(endpoint, Transport.UDP), endpoint)
                if Transport.TCP in transports:
                    made = self._to_listen(endpoint, Transport.TCP)
                    self._streams.listen(made, endpoint, framing)
        except BaseException:
            self.close()
            raise

    def stop_listening(self) -> None:
        """Refuse new streams. Datagrams still come: answers leave by the sockets that hear them."""
        self._streams.stop_listening()

    def idle(self) -> bool:
        """Whether every closed stream has delivered its last answer."""
        return self._streams.idle()

    def close(self) -> None:
        """Close every socket at once and tell the machine nothing more."""
        super().close()
        self._datagrams.close_all()
        self._streams.close_all()
        self._owed.clear()

    def deadline(self) -> Instant | None:
        """The earliest of the machine's timers and the streams' own."""
        if self._owed:
            return 0
        due, streams_due = super().deadline(), self._streams.deadline()
        if due is None or streams_due is None:
            return streams_due if due is None else due
        return min(due, streams_due)

    def expire(self, now: Instant) -> None:
        """Tell the machine what it is owed, let the streams go on, and fire what is due."""
        for flow in tuple(self._owed):
            if event := self._owed.pop(flow, None):  # an earlier one's effects may have closed it
                self.tell(event)
        self._streams.expire(now)
        super().expire(now)

    def owe(self, event: Unreachable | PortTaken | StreamClosed) -> None:
        """Hand a failure to the machine on the loop's next turn, unless it closes the flow first:
        a machine is not told anything while its effects are carried out."""
        self._owed[event.flow] = event

    def _do(self, effect: Effect, now: Instant) -> None:
        if isinstance(effect, Send):
            flow, payload = effect
            # Flows that are gone are passed over: the far end may have ended them at any moment.
            if isinstance(flow, tuple):
                self._datagrams.reply(flow, payload)
            elif not self._datagrams.send(flow, payload) and flow in self._streams:
                self._streams.send(flow, payload)
        elif isinstance(effect, Open):
            self._open(effect)
        elif isinstance(effect, Close):
            self._close_flow(effect.flow, now)
        else:
            raise MachineFailed(f"{type(self._machine).__name__} asked sockets for {effect}")

    def _open(self, effect: Open) -> None:
        flow, remote, transport = effect.flow, effect.remote, effect.transport
        if flow in self._datagrams or flow in self._streams:
            raise MachineFailed(f"{type(self._machine).__name__} opened flow {flow} twice")
        made: socket.socket | None = None
        try:
            made = self._new_socket(remote, transport)
            if effect.shares_port:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if effect.source_port is not None or effect.source_address is not None:
                made.bind((effect.source_address or "", effect.source_port or 0))
            if transport is Transport.UDP:
                self._datagrams.open(flow, made, remote)
            else:
                self._streams.open(flow, made, remote, effect.framing)
        except OSError as error:
            if made is not None:
                made.close()
            # EADDRNOTAVAIL: this very pair of endpoints is still in use by an older connection.
            taken = error.errno in {errno.EADDRINUSE, errno.EADDRNOTAVAIL}
            if taken and effect.source_port is not None:
                self.owe(PortTaken(flow))
            else:
                self.owe(Unreachable(flow, refusal(error.errno, transport)))

    def _close_flow(self, flow: Flow, now: Instant) -> None:
        self._owed.pop(flow, None)
        if flow in self._datagrams:
            self._datagrams.close(flow)
        elif flow in self._streams:
            self._streams.close(flow, now)

    def _to_listen(self, endpoint: Endpoint, transport: Transport) -> socket.socket:
        made = self._new_socket(endpoint, transport)
        if self._foreign:
            allow_foreign_address(made)
        return made

    def _new_socket(self, endpoint: Endpoint, transport: Transport) -> socket.socket:
        with self._enter():
            return new_socket(endpoint, transport)
