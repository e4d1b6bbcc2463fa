"""DNS_ALG (RFC 2694): addresses inside DNS messages are translated by the static table too.

Around a translator, and off unless asked for: it breaks whatever answers with aliases by itself,
and whatever is signed. Over UDP: A records and the names of reverse look-ups, alias to real address
in what goes inwards, and real address to alias in what goes outwards. The table does not change, so
TTLs stay as they are. What is sent in fragments, or over TCP, passes as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from resolver.config import NatConfig
from resolver.dns import names
from resolver.dns.records import MalformedRecord, Record, Type, read_rdata
from resolver.machine import Effect, Event, Instant, Machine, SendPacket
from resolver.nat.checksum import internet_checksum, pseudo_header
from resolver.nat.packet import UDP, Ipv4Header, read_ipv4

_DNS_PORT: Final = (53).to_bytes(2)
_HEADER: Final = 12  # RFC 1035 4.1.1
_REVERSE: Final = ".in-addr.arpa"


class DnsAlg:
    """A translator whose DNS messages are translated as well."""

    def __init__(self, translator: Machine, config: NatConfig) -> None:
        self._translator = translator
        aliases = {
            IPv4Address(alias).packed: IPv4Address(real).packed for alias, real in config.table
        }
        self._inwards = aliases
        self._outwards = {real: alias for alias, real in aliases.items()}
        shared = () if config.napt is None else config.napt.outside_addresses
        self._outside = frozenset(IPv4Address(text).packed for text in shared) | aliases.keys()

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """What the translator does, with DNS messages translated in what it sends."""
        return [self._seen_to(effect) for effect in self._translator.handle(event, now)]

    def expire(self, now: Instant) -> Sequence[Effect]:
        """The translator's timers."""
        return self._translator.expire(now)

    def deadline(self) -> Instant | None:
        """The translator's timers."""
        return self._translator.deadline()

    def ready(self) -> bool:
        """Whether the translator is."""
        return self._translator.ready()

    def _seen_to(self, effect: Effect) -> Effect:
        if not isinstance(effect, SendPacket):
            return effect
        packet = effect.packet
        header = read_ipv4(packet)
        at = header.payload
        if header.protocol != UDP or header.is_fragment:
            return effect
        if _DNS_PORT not in (packet[at : at + 2], packet[at + 2 : at + 4]):
            return effect
        # Behind the translator, what goes outwards comes from an address of ours.
        outwards = header.source in self._outside and header.destination not in self._outwards
        table = self._outwards if outwards else self._inwards
        translated = translated_message(packet[at + 8 : header.end], table)
        return effect if translated is None else SendPacket(_with(packet, header, translated))


def translated_message(message: bytes, table: Mapping[bytes, bytes]) -> bytes | None:
    """A DNS message with its addresses replaced by the table, packed to packed; None where none of
    them is in it, or the message cannot be read."""
    try:
        questions, records = _read(message)
    except (names.MalformedName, MalformedRecord, IndexError):
        return None
    new_questions = [(_reverse(name, table), rest) for name, rest in questions]
    new_records = [_record(record, table) for record in records]
    if new_questions == questions and new_records == records:
        return None
    parts = [message[:_HEADER]]
    parts += [names.to_wire(name) + rest for name, rest in new_questions]
    parts += [_written(record) for record in new_records]
    return b"".join(parts)


def _read(message: bytes) -> tuple[list[tuple[str, bytes]], list[Record]]:
    if len(message) < _HEADER:
        raise IndexError
    counts = [int.from_bytes(message[at : at + 2]) for at in range(4, _HEADER, 2)]
    offset, questions, records = _HEADER, [], []
    for _ in range(counts[0]):
        name, offset = names.from_wire(message, offset)
        questions.append((name, message[offset : offset + 4]))
        offset += 4
    for _ in range(sum(counts[1:])):
        name, at = names.from_wire(message, offset)
        rtype, rclass = (
            int.from_bytes(message[at : at + 2]),
            int.from_bytes(message[at + 2 : at + 4]),
        )
        offset = at + 10 + int.from_bytes(message[at + 8 : at + 10])
        if offset > len(message):
            raise IndexError
        rdata = read_rdata(message, at + 10, offset, rtype)
        records.append(Record(name, rtype, int.from_bytes(message[at + 4 : at + 8]), rdata, rclass))
    return questions, records


def _record(record: Record, table: Mapping[bytes, bytes]) -> Record:
    address = table.get(record.rdata) if record.rtype == Type.A else None
    return record._replace(name=_reverse(record.name, table), rdata=address or record.rdata)


def _reverse(name: str, table: Mapping[bytes, bytes]) -> str:
    """The name of a reverse look-up (RFC 1035 3.5) of the other address."""
    if not name.lower().endswith(_REVERSE):
        return name
    try:
        address = IPv4Address(".".join(name[: -len(_REVERSE)].split(".")[::-1])).packed
    except AddressValueError:
        return name
    other = table.get(address)
    return name if other is None else IPv4Address(other).reverse_pointer


def _written(record: Record) -> bytes:
    return b"".join(
        (
            names.to_wire(record.name),
            record.rtype.to_bytes(2),
            record.rclass.to_bytes(2),
            record.ttl.to_bytes(4),
            len(record.rdata).to_bytes(2),
            record.rdata,
        )
    )


def _with(packet: bytes, header: Ipv4Header, message: bytes) -> bytes:
    """The datagram with another payload; its IP options and flags stay."""
    length = 8 + len(message)
    head = bytearray(packet[: header.payload])
    head[2:4] = (header.payload + length).to_bytes(2)
    head[10:12] = b"\0\0"
    head[10:12] = internet_checksum(bytes(head)).to_bytes(2)
    ports = packet[header.payload : header.payload + 4]
    summed = packet[header.payload + 6 : header.payload + 8] != b"\0\0"
    segment = ports + length.to_bytes(2) + b"\0\0" + message
    pseudo = pseudo_header(header.source, header.destination, UDP, length)
    checksum = (internet_checksum(pseudo + segment) or 0xFFFF) if summed else 0  # RFC 768
    return bytes(head) + segment[:6] + checksum.to_bytes(2) + segment[8:]
