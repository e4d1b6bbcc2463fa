"""From the addresses of a name to a connection: in which order, and what when one fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_interface
from typing import Final

from lab.viewer.profiles import StubProfile
from lab.viewer.talking import NEVER, Algorithm, Talk
from resolver.machine import Endpoint, Framing, Transport


@dataclass(frozen=True, slots=True)
class Dialled:
    """What came of the addresses."""

    address: str = ""
    """The one that answered; the last one tried when none did."""
    banner: str = ""
    """The first line that the server there said."""
    trouble: str = ""
    """Why no server could be spoken to; empty when one was."""


def in_dialling_order(addresses: Sequence[str], own: Sequence[str]) -> tuple[str, ...]:
    """The addresses as getaddrinfo hands them out (RFC 6724 6), for a host with these addresses
    ("192.168.1.10/24").

    What can be reached at all comes first (rule 1), IPv6 before IPv4 (rule 6), among IPv4 addresses
    of the host's own network those with the longest prefix in common with it (rule 9, as glibc has
    it), and else the order of the answer (rule 10).
    """
    mine = [ip_interface(text) for text in own]

    def rank(text: str) -> tuple[bool, bool, int]:
        address = ip_address(text)
        usable = any(each.version == address.version for each in mine)
        common = 0
        if isinstance(address, IPv4Address):
            common = max(
                (
                    32 - (int(address) ^ int(each.ip)).bit_length()
                    for each in mine
                    if each.version == 4 and address in each.network
                ),
                default=0,
            )
        return not usable, address.version == 4, -common

    return tuple(sorted(addresses, key=rank))


def dial(
    profile: StubProfile, talk: Talk, addresses: Sequence[str], port: int
) -> Algorithm[Dialled]:
    """Connect to one address after the other until one takes the connection; then hear its name.

    Programs that connect this way know no other clock than the kernel's: a silent address takes the
    whole `connect_timeout_ns`. What a server says, or does not say, after the connection stands
    makes nobody try another one.
    """
    trouble = ""
    address = ""
    for address in addresses:
        flow = talk.open(Transport.TCP, Endpoint(address, port), framing=Framing.RAW)
        deadline = talk.now + profile.connect_timeout_ns
        trouble = TIMED_OUT
        connected = False
        while True:
            heard = yield deadline
            if heard is None:
                break
            if heard.flow != flow:
                continue
            if heard.opened:
                connected, deadline = True, NEVER
            elif heard.payload is not None:
                talk.close(flow)
                return Dialled(address, _first_line(heard.payload))
            elif connected:
                talk.close(flow)
                return Dialled(address, trouble=f"{address}: {heard.refused or ENDED}")
            else:
                trouble = heard.refused or ENDED
                break
        talk.close(flow)
    return Dialled(address, trouble=f"{address}: {trouble}")


TIMED_OUT: Final = "connection timed out"
ENDED: Final = "the server ended the connection without a word"


def _first_line(octets: bytes) -> str:
    lines = octets.strip().splitlines()
    return lines[0].decode(errors="replace").strip() if lines else ""
