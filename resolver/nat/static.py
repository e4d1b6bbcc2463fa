"""The static table of Basic NAT: which alias address stands for which real address."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address


class TableRefused(ValueError):
    """The table is not one to one; the message names the entry and the remedy."""


class AliasTable:
    """Alias and real addresses, one to one (RFC 3022 2.1: Basic NAT), for the life of the program.

    Addresses are looked up packed, four octets, as they lie in packets.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        """From (alias address, real address) pairs. Raises TableRefused."""
        self._real: dict[bytes, bytes] = {}
        self._alias: dict[bytes, bytes] = {}
        for number, (alias_text, real_text) in enumerate(pairs, start=1):
            place = f"NAT table, entry {number} ({alias_text} - {real_text})"
            alias = _packed(alias_text, place)
            real = _packed(real_text, place)
            if alias in self._real:
                raise TableRefused(
                    f"{place}: alias address {alias_text} already stands for "
                    f"{IPv4Address(self._real[alias])}; give each server an alias of its own"
                )
            if real in self._alias:
                raise TableRefused(
                    f"{place}: real address {real_text} already has the alias "
                    f"{IPv4Address(self._alias[real])}; keep one of the two entries"
                )
            self._real[alias] = real
            self._alias[real] = alias
        both = self._real.keys() & self._alias.keys()
        if both:
            raise TableRefused(
                f"NAT table: {', '.join(sorted(str(IPv4Address(a)) for a in both))} stands on both "
                "sides; the alias and the real addresses must not overlap"
            )

    def real(self, address: bytes) -> bytes | None:
        """The real address behind an alias; None when the address is no alias."""
        return self._real.get(address)

    def alias(self, address: bytes) -> bytes | None:
        """The alias of a real address; None when the address has none."""
        return self._alias.get(address)

    def __len__(self) -> int:
        return len(self._real)


def _packed(text: str, place: str) -> bytes:
    try:
        return IPv4Address(text).packed
    except AddressValueError:
        raise TableRefused(
            f"{place}: {text!r} is no IPv4 address; write four numbers like 192.168.1.100"
        ) from None
