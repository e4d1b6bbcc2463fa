"""Who sees every packet at every interface, and keeps what was seen: in a file, or in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lab.observe.pcapng import RAW_IP, PcapngWriter
from lab.observe.sighting import Mark, Record, Sighting
from lab.worlds.simulation.agenda import Agenda
from lab.worlds.world import WorldBroken
from resolver.machine import Instant

if TYPE_CHECKING:
    from lab.worlds.simulation.link import Interface
    from lab.worlds.simulation.packet import Packet


class Tap(ABC):
    """Sees every packet at every interface, and tells the watcher."""

    def __init__(self, agenda: Agenda) -> None:
        self.watcher: Callable[[Sighting], None] | None = None
        self._agenda = agenda

    @abstractmethod
    def interface(self, node: str, name: str) -> int:
        """Declare an interface; its number in the capture. Packets are kept bare: this world has
        no link layer."""

    @abstractmethod
    def see(self, interface: Interface, packet: Packet, *, outgoing: bool) -> None:
        """A packet leaves or enters an interface now."""

    @abstractmethod
    def mark(self, kind: str, text: str, fields: dict[str, Any]) -> None:
        """Keep what a step does now. Raises WorldBroken after the end."""

    @abstractmethod
    def close(self) -> None:
        """End the capture: what happens from now on is seen by nobody. Idempotent."""

    def _tell(self, number: int, interface: Interface, packet: Packet, *, outgoing: bool) -> None:
        if self.watcher is not None:
            self.watcher(_sighting(number, self._agenda.now, interface, packet, outgoing=outgoing))


class FileTap(Tap):
    """Writes a capture file."""

    def __init__(self, agenda: Agenda, writer: PcapngWriter) -> None:
        super().__init__(agenda)
        self._writer: PcapngWriter | None = writer
        self._frames = 0

    def interface(self, node: str, name: str) -> int:
        """Declare it in the file."""
        return self._open_writer().interface(name, RAW_IP, node)

    def see(self, interface: Interface, packet: Packet, *, outgoing: bool) -> None:
        """Write it."""
        if self._writer is None:
            return
        self._frames += 1
        self._writer.packet(interface.capture_id, self._agenda.now, packet.raw, outgoing)
        self._tell(self._frames, interface, packet, outgoing=outgoing)

    def mark(self, kind: str, text: str, fields: dict[str, Any]) -> None:
        """Write it among the packets."""
        self._frames += 1
        self._open_writer().mark(self._agenda.now, kind, text, fields)

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _open_writer(self) -> PcapngWriter:
        if self._writer is None:
            raise WorldBroken("the capture has been sealed")
        return self._writer


class MemoryTap(Tap):
    """Keeps what it sees for whoever judges it in the same process. Each packet is decoded once,
    however many interfaces saw it."""

    def __init__(self, agenda: Agenda) -> None:
        super().__init__(agenda)
        self._seen: list[tuple[Instant, Interface, Packet, bool] | Mark] = []
        self._interfaces = 0
        self._is_open = True

    def interface(self, node: str, name: str) -> int:  # noqa: ARG002 - sightings name both
        """Count it."""
        self._interfaces += 1
        return self._interfaces - 1

    def see(self, interface: Interface, packet: Packet, *, outgoing: bool) -> None:
        """Keep it."""
        if self._is_open:
            self._seen.append((self._agenda.now, interface, packet, outgoing))
            if self.watcher is not None:
                self._tell(len(self._seen), interface, packet, outgoing=outgoing)

    def mark(self, kind: str, text: str, fields: dict[str, Any]) -> None:
        """Keep it among the packets."""
        if not self._is_open:
            raise WorldBroken("the capture has been sealed")
        self._seen.append(Mark(len(self._seen) + 1, self._agenda.now, kind, text, fields))

    def close(self) -> None:
        """See no more."""
        self._is_open = False

    def records(self) -> tuple[Record, ...]:
        """What a capture file of the same run holds, in the same order with the same numbers. Given
        away: nothing is kept, for a world is garbage that lies about for a while."""
        kept, self._seen = self._seen, []
        return tuple(
            seen
            if isinstance(seen, Mark)
            else _sighting(number, seen[0], seen[1], seen[2], outgoing=seen[3])
            for number, seen in enumerate(kept, start=1)
        )


def _sighting(
    number: int, at: Instant, interface: Interface, packet: Packet, *, outgoing: bool
) -> Sighting:
    return Sighting(number, at, interface.host.name, interface.name, outgoing, packet.decoded())
